/* maillog_test.c: a line of Postfix's log, taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../milter/reconcile/maillog.h"
#include "../../milter/reconcile/stamp.h"

/* 2026-11-22 18:40 in Ha Noi. */
#define NOW_MS INT64_C(1795347600000)

static int
set_zone(void **state)
{
	(void)state;
	setenv("TZ", "Asia/Ho_Chi_Minh", 1);
	tzset();
	return 0;
}

static bool
parse(const char *text, struct maillog_line *line_r)
{
	return maillog_parse(text, strlen(text), NOW_MS, NULL, line_r);
}

static int64_t
time_of(const char *text, int64_t latest_ms)
{
	int64_t at_ms;
	struct span line = span_of(text);
	return stamp_take(&line, latest_ms, &at_ms) ? at_ms : -1;
}

static void
is_span(const char *line, struct span span, const char *wanted)
{
	if (!span_is(span, wanted))
		fail_msg("%s: \"%.*s\" instead of \"%s\"", line, (int)span.n,
		    span.text, wanted);
}

#define HEAD "Nov 22 18:32:13 mail postfix/"

/* Lines of a real Postfix 3.7. Fields that are NULL are empty. */
static const struct {
	const char *text;
	enum maillog_event event;
	const char *queue_id, *client, *login, *sender, *message_id, *address;
	const char *original, *before, *milter;
	uint32_t recipients;
	bool connecting;
} lines[] = {
    {.text = HEAD "smtpd[8808]: connect from unknown[127.0.0.1]",
	.event = MAILLOG_CONNECT},
    {.text = HEAD "smtpd[8808]: DB4E5A8E327: client=unknown[127.0.0.1], "
		  "sasl_method=XCLIENT, sasl_username=staff1@example.gov.vn",
	.event = MAILLOG_CLIENT,
	.queue_id = "DB4E5A8E327",
	.client = "127.0.0.1",
	.login = "staff1@example.gov.vn"},
    {.text = HEAD "submission/smtpd[1]: 4fYzQ31XkYz3hZ9: "
		  "client=pc.example.gov.vn[2001:db8::7]:55012, "
		  "sasl_method=PLAIN, sasl_username=an, sasl_sender=x@y",
	.event = MAILLOG_CLIENT,
	.queue_id = "4fYzQ31XkYz3hZ9",
	.client = "2001:db8::7",
	.login = "an"},
    {.text = HEAD "smtpd[1]: DB4E5A8E327: client=localhost[127.0.0.1], "
		  "orig_queue_id=A11A5A8E327, orig_client=pc[192.0.2.7]",
	.event = MAILLOG_CLIENT,
	.queue_id = "DB4E5A8E327",
	.client = "127.0.0.1",
	.before = "A11A5A8E327"},
    {.text = HEAD "cleanup[8833]: DB4E5A8E327: message-id=<1795.86@x.net>",
	.event = MAILLOG_MESSAGE_ID,
	.queue_id = "DB4E5A8E327",
	.message_id = "<1795.86@x.net>"},
    {.text = HEAD "cleanup[8833]: DB4E5A8E327: message-id=",
	.event = MAILLOG_MESSAGE_ID,
	.queue_id = "DB4E5A8E327"},
    {.text = HEAD "qmgr[8804]: DB4E5A8E327: from=<staff1@example.gov.vn>, "
		  "size=370, nrcpt=3 (queue active)",
	.event = MAILLOG_QUEUED,
	.queue_id = "DB4E5A8E327",
	.sender = "staff1@example.gov.vn",
	.recipients = 3},
    {.text = HEAD "qmgr[1]: DB4E5A8E327: from=<>, size=3, nrcpt=1 (queue "
		  "active)",
	.event = MAILLOG_QUEUED,
	.queue_id = "DB4E5A8E327",
	.recipients = 1},
    {.text = HEAD "qmgr[8804]: DB4E5A8E327: removed",
	.event = MAILLOG_REMOVED,
	.queue_id = "DB4E5A8E327"},
    {.text = HEAD "postsuper[9]: DB4E5A8E327: removed",
	.event = MAILLOG_REMOVED,
	.queue_id = "DB4E5A8E327"},
    {.text = HEAD "qmgr[1]: DB4E5A8E327: from=<a@x>, status=expired, returned "
		  "to sender",
	.event = MAILLOG_OTHER,
	.queue_id = "DB4E5A8E327"},
    {.text = HEAD "discard[8834]: DB4E5A8E327: to=<r1@example.net>, relay=none,"
		  " delay=0.02, dsn=2.0.0, status=sent (example.net)",
	.event = MAILLOG_DELIVERY,
	.queue_id = "DB4E5A8E327",
	.address = "r1@example.net",
	.original = "r1@example.net"},
    {.text = HEAD "virtual[8835]: DC71AA8E328: to=<staff1@example.gov.vn>, "
		  "orig_to=<all@example.gov.vn>, relay=virtual, status=sent",
	.event = MAILLOG_DELIVERY,
	.queue_id = "DC71AA8E328",
	.address = "staff1@example.gov.vn",
	.original = "all@example.gov.vn"},
    {.text = HEAD "pickup[8803]: E18EFA8E335: uid=0 from=<office@x.vn>",
	.event = MAILLOG_PICKUP,
	.queue_id = "E18EFA8E335",
	.sender = "office@x.vn"},
    {.text = HEAD "cleanup[1]: DB4E5A8E327: milter-hold: END-OF-MESSAGE from "
		  "unknown[127.0.0.1]: milter triggers HOLD action; from=<a@x>",
	.event = MAILLOG_HELD,
	.queue_id = "DB4E5A8E327"},
    {.text = HEAD "cleanup[1]: DB4E5A8E327: milter-reject: END-OF-MESSAGE from "
		  "unknown[127.0.0.1]: 4.7.1 Service unavailable; from=<a@x>",
	.event = MAILLOG_REFUSED,
	.queue_id = "DB4E5A8E327"},
    {.text = HEAD "smtpd[1]: DB4E5A8E327: reject: RCPT from unknown[127.0.0.1]:"
		  " 550 5.1.1 <n@x.vn>: Recipient address rejected",
	.event = MAILLOG_OTHER,
	.queue_id = "DB4E5A8E327"},
    {.text = HEAD "smtpd[1]: NOQUEUE: reject: RCPT from unknown[127.0.0.1]: 550",
	.event = MAILLOG_OTHER},
    {.text = HEAD "smtpd[1]: lost connection after DATA (42 bytes) from "
		  "unknown[127.0.0.1]",
	.event = MAILLOG_BROKEN_OFF},
    {.text = HEAD "smtpd[1]: lost connection after END-OF-MESSAGE from x[::1]",
	.event = MAILLOG_OTHER},
    {.text = HEAD "smtpd[8841]: warning: connect to Milter service "
		  "unix:/run/b/m.sock: Connection refused",
	.event = MAILLOG_NO_MILTER,
	.milter = "unix:/run/b/m.sock",
	.connecting = true},
    {.text = HEAD "cleanup[8833]: warning: milter inet:127.0.0.1:8899: can't "
		  "read SMFIC_BODYEOB reply packet header: Broken pipe",
	.event = MAILLOG_NO_MILTER,
	.milter = "inet:127.0.0.1:8899"},
    {.text = HEAD "qmgr[1]: warning: connect to Milter service x: y",
	.event = MAILLOG_OTHER},
    {.text = HEAD "postfix-script[1]: starting the Postfix mail system",
	.event = MAILLOG_OTHER},
    /* What senders write stays where it is. */
    {.text = HEAD "discard[1]: EDF24A8E33A: to=<\"x>, orig_to=<y\"@x.net>, "
		  "relay=none, status=sent",
	.event = MAILLOG_DELIVERY,
	.queue_id = "EDF24A8E33A",
	.address = "\"x>, orig_to=<y\"@x.net",
	.original = "\"x>, orig_to=<y\"@x.net"},
    {.text = HEAD "discard[1]: EDF24A8E33A: to=<\"a\\\">b\"@x>, orig_to=<c@x>, "
		  "relay=none",
	.event = MAILLOG_DELIVERY,
	.queue_id = "EDF24A8E33A",
	.address = "\"a\\\">b\"@x",
	.original = "c@x"},
    {.text = HEAD "qmgr[1]: EDF24A8E33A: from=<\"a>, size=1, nrcpt=900 (queue "
		  "active)\"@x>, size=5, nrcpt=2 (queue active)",
	.event = MAILLOG_QUEUED,
	.queue_id = "EDF24A8E33A",
	.sender = "\"a>, size=1, nrcpt=900 (queue active)\"@x",
	.recipients = 2},
    {.text = HEAD "cleanup[1]: EDF24A8E33A: message-id=<x postfix/qmgr[1]: "
		  "A: removed>",
	.event = MAILLOG_MESSAGE_ID,
	.queue_id = "EDF24A8E33A",
	.message_id = "<x postfix/qmgr[1]: A: removed>"},
    {.text = HEAD "discard[1]: EDF24A8E33A: to=<never ends",
	.event = MAILLOG_OTHER,
	.queue_id = "EDF24A8E33A"},
    {.text = HEAD "qmgr[1]: EDF24A8E33A: from=<a@x>, size=5, "
		  "nrcpt=99999999999999999999 (queue active)",
	.event = MAILLOG_OTHER,
	.queue_id = "EDF24A8E33A",
	.sender = "a@x"},
};

static void
lines_tell_what_postfix_wrote_where_it_writes_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct maillog_line l;
		const char *text = lines[i].text;
		if (!parse(text, &l))
			fail_msg("%s: is none", text);
		if (l.event != lines[i].event)
			fail_msg("%s: event %d", text, (int)l.event);
		const struct {
			struct span found;
			const char *wanted;
		} spans[] = {{l.queue_id, lines[i].queue_id},
		    {l.client, lines[i].client}, {l.login, lines[i].login},
		    {l.sender, lines[i].sender},
		    {l.message_id, lines[i].message_id},
		    {l.address, lines[i].address},
		    {l.original, lines[i].original},
		    {l.before, lines[i].before}, {l.milter, lines[i].milter}};
		for (size_t s = 0; s < sizeof(spans) / sizeof(spans[0]); s++)
			is_span(text, spans[s].found,
			    spans[s].wanted == NULL ? "" : spans[s].wanted);
		assert_int_equal(l.recipients, lines[i].recipients);
		assert_int_equal(l.connecting, lines[i].connecting);
	}
}

static void
what_is_no_line_of_postfix_is_none(void **state)
{
	static const char *const others[] = {"", "\n", "Nov 22", "hello",
	    "Nov 22 18:32:13 mail dovecot[1]: x",
	    "Nov 22 18:32:13 mail sendmail[1]: x1: from=<a>, nrcpts=1",
	    "Nov 22 18:32:13 mail postfix/smtpd: x",
	    "Nov 22 18:32:13 mail postfix/smtpd[x]: x",
	    "Nov 22 18:32:13 mail kernel: postfix/smtpd[1]: x",
	    "Nov 22 18:61:13 mail postfix/smtpd[1]: x",
	    "Nov 31 18:01:13 mail postfix/smtpd[1]: x",
	    "Non 22 18:01:13 mail postfix/smtpd[1]: x",
	    "2026-13-22T18:01:13Z mail postfix/smtpd[1]: x",
	    "2026-11-22T18:01:13 mail postfix/smtpd[1]: x"};
	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct maillog_line line;
		if (parse(others[i], &line))
			fail_msg("%s: is one", others[i]);
	}
}

/* Every beginning of every line: no byte behind its end is read (the
 * sanitizers tell), whatever is missing. */
static void
a_line_may_be_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		for (size_t n = 0; n <= strlen(lines[i].text); n++) {
			struct maillog_line line;
			char *copy = malloc(n + 1);
			memcpy(copy, lines[i].text, n);
			copy = realloc(copy, n == 0 ? 1 : n);
			maillog_parse(copy, n, NOW_MS, NULL, &line);
			free(copy);
		}
}

static void
times_are_read_in_both_forms(void **state)
{
	(void)state;
	/* 18:32:13 in Ha Noi is 11:32:13 UTC. */
	const int64_t at = INT64_C(1795347133000);
	assert_true(time_of("Nov 22 18:32:13 x", NOW_MS) == at);
	assert_true(time_of("2026-11-22T18:32:13+07:00 x", 0) == at);
	assert_true(time_of("2026-11-22T18:32:13+0700 x", 0) == at);
	assert_true(time_of("2026-11-22T11:32:13Z x", 0) == at);
	assert_true(
	    time_of("2026-11-22T11:32:13.123456+00:00 x", 0) == at + 123);
	assert_true(time_of("2026-11-22T06:02:13-05:30 x", 0) == at);
}

static void
a_time_without_a_year_is_the_latest_there_can_be(void **state)
{
	(void)state;
	const int64_t year_ms = INT64_C(365) * 86400 * 1000;
	int64_t at = time_of("Nov 22 18:32:13 x", NOW_MS);
	/* In January the lines of December are of the year before. */
	assert_true(time_of("Nov 22 18:32:13 x", at - 1000) == at - year_ms);
	assert_true(time_of("Jan  5 00:00:00 x", NOW_MS) < at);
	/* The last leap year before 2026. */
	assert_true(time_of("Feb 29 12:00:00 x", NOW_MS) ==
		    time_of("2024-02-29T12:00:00+07:00 x", 0));
}

static void
an_instance_is_told_by_the_first_part_of_the_name(void **state)
{
	static const char submission[] =
	    "Nov 22 18:32:13 mail postfix-out/submission/smtpd[1]: connect "
	    "from x[::1]";
	struct maillog_line l;
	(void)state;
	assert_true(maillog_parse(
	    submission, strlen(submission), NOW_MS, "postfix-out", &l));
	is_span(submission, l.tag, "postfix-out/submission/smtpd");
	assert_int_equal(l.event, MAILLOG_CONNECT);
	assert_false(maillog_parse(
	    submission, strlen(submission), NOW_MS, "postfix", &l));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_tell_what_postfix_wrote_where_it_writes_it),
	    cmocka_unit_test(what_is_no_line_of_postfix_is_none),
	    cmocka_unit_test(a_line_may_be_cut_anywhere),
	    cmocka_unit_test(times_are_read_in_both_forms),
	    cmocka_unit_test(a_time_without_a_year_is_the_latest_there_can_be),
	    cmocka_unit_test(an_instance_is_told_by_the_first_part_of_the_name),
	};
	return cmocka_run_group_tests(tests, set_zone, NULL);
}
