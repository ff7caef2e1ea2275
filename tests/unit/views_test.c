/* views_test.c: records as text for a person. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../milter/ctl/views.h"

static const struct screen file = {.width = 100};

static int
setup(void **state)
{
	setenv("TZ", "Asia/Ho_Chi_Minh", 1);
	tzset();
	*state = arena_new();
	return *state == NULL;
}

static int
teardown(void **state)
{
	arena_free(*state);
	return 0;
}

/* What a view printed, kept in the arena. */
struct capture {
	struct view view;
	char *text;
	size_t length;
};

static const struct view *
capture_init(
    struct capture *c, struct arena *arena, const struct screen *screen)
{
	c->view.out = open_memstream(&c->text, &c->length);
	assert_non_null(c->view.out);
	c->view.screen = screen;
	c->view.arena = arena;
	return &c->view;
}

static void
captured(struct capture *c, const char *expected)
{
	fclose(c->view.out);
	char *text = arena_strdup(c->view.arena, c->text);
	free(c->text);
	assert_string_equal(text, expected);
}

/* 2026-03-02 14:05:09 +07:00 */
#define MOMENT INT64_C(1772435109123)
#define MINUTE INT64_C(60000)
#define DAY (24 * 60 * MINUTE)

static const struct bulk_send sends[] = {
    {
	.id = 12,
	.identity = IDENTITY_LOGIN,
	.sender = "nguyen.thi.lan@example.gov.vn",
	.status = STATUS_NEW,
	.trigger = TRIGGER_WINDOW,
	.rule = "window",
	.action = ACTION_LOG,
	.first_at_ms = MOMENT,
	.last_at_ms = MOMENT + 7 * MINUTE,
	.messages = 20,
	.recipients = 21,
	.distinct_recipients = 20,
	.external_recipients = 3,
	.limit = 20,
	.window_secs = 600,
	.subject = "Giấy mời họp giao ban tháng 3",
	.client = "192.0.2.7",
	.assignee = "",
    },
    {
	.id = 9,
	.identity = IDENTITY_ENVELOPE,
	.sender = "minh@example.gov.vn",
	.status = STATUS_CLOSED,
	.outcome = OUTCOME_FALSE_ALARM,
	.trigger = TRIGGER_MESSAGE,
	.rule = "message",
	.action = ACTION_LOG,
	.first_at_ms = MOMENT - DAY,
	.last_at_ms = MOMENT,
	.ended = true,
	.messages = 1,
	.recipients = 25,
	.distinct_recipients = 25,
	.limit = 20,
	.subject = "",
	.client = "",
	.declaration = 4,
	.assignee = "hoa",
    },
};

static void
list_shows_a_line_for_each_bulk_send(void **state)
{
	struct capture c;
	assert_int_equal(
	    list_print(capture_init(&c, *state, &file), sends, 2), 0);
	/* clang-format off */
	captured(&c,
	    "ID  LAST              FIRST             SENDER                         RCPTS  MSGS  RULE     STATUS               SUBJECT\n"
	    "12  2026-03-02 14:12  14:05             nguyen.thi.lan@example.gov.vn     20    20  window   new                  Giấy mời họp giao ban tháng 3\n"
	    " 9  2026-03-02 14:05  2026-03-01 14:05  minh@example.gov.vn               25     1  message  closed: false-alarm\n");
	/* clang-format on */
}

static void
list_fits_a_terminal_of_80_columns(void **state)
{
	const struct screen terminal = {.width = 80, .cut = true};
	struct capture c;
	assert_int_equal(
	    list_print(capture_init(&c, *state, &terminal), sends, 1), 0);
	/* clang-format off */
	captured(&c,
	    "ID  LAST              SENDER                   RCPTS  MSGS  STATUS  SUBJECT\n"
	    "12  2026-03-02 14:12  nguyen.thi.lan@example…     20    20  new     Giấy mời họ…\n");
	/* clang-format on */
}

static const struct recipient two[] = {
    {"a@example.gov.vn", false}, {"b@elsewhere.example", true}};
static const struct recipient domains[] = {
    {"elsewhere.example", true}, {"example.gov.vn", false}};

static const struct message evidence[] = {
    {
	.at_ms = MOMENT,
	.identity = IDENTITY_LOGIN,
	.sender = "nguyen.thi.lan@example.gov.vn",
	.mail_from = "lan@example.gov.vn",
	.login = "nguyen.thi.lan@example.gov.vn",
	.client = "192.0.2.7",
	.queue_id = "4XyZ12",
	.message_id = "first@mail.example.gov.vn",
	.subject = "Giấy mời",
	.recipients = two,
	.recipients_n = 2,
	.recipient_count = 2,
    },
    {
	.at_ms = MOMENT + 7 * MINUTE,
	.mail_from = "",
	.sender = "192.0.2.8",
	.login = "other",
	.client = "192.0.2.8",
	.queue_id = "4XyZ13",
	.message_id = "",
	.subject = "",
	.recipients = domains,
	.recipients_n = 2,
	.recipient_count = 19,
    },
    {
	.at_ms = MOMENT + 7 * MINUTE,
	.mail_from = "x@example.gov.vn",
	.sender = "x@example.gov.vn",
	.login = "",
	.client = "192.0.2.8",
	.queue_id = "4XyZ14",
	.message_id = "",
	.subject = "",
	.recipient_count = 3,
    },
};

static const struct history history[] = {
    {MOMENT, "bulkwatchd", "opened", "rule window"},
    {MOMENT + 9 * MINUTE, "hoa", "taken", ""},
};

static const struct alert alerts[] = {
    {
	.kind = ALERT_STARTED,
	.state = ALERT_SENT,
	.to = "postmaster@example.gov.vn",
	.attempts = 2,
	.created_ms = MOMENT,
	.sent_ms = MOMENT + MINUTE,
	.last_error = "451 4.3.0 try later",
    },
    {
	.kind = ALERT_GROWN,
	.state = ALERT_QUEUED,
	.to = "",
	.created_ms = MOMENT + 8 * MINUTE,
	.last_error = "",
    },
};

static struct bulk_send_story
make_story(void)
{
	struct bulk_send_story story = {
	    sends[0], evidence, 3, history, 2, alerts, 2};
	story.send.messages = 3;
	return story;
}

static void
show_says_all_that_is_known(void **state)
{
	const struct bulk_send_story story = make_story();
	struct capture c;
	assert_int_equal(
	    show_print(capture_init(&c, *state, &file), &story, 100), 0);
	/* clang-format off */
	captured(&c,
	    "Bulk send 12\n"
	    "  Status      new\n"
	    "  Sender      nguyen.thi.lan@example.gov.vn (login)\n"
	    "  Recipients  20 different, 21 in all, 3 of them outside\n"
	    "  Messages    3\n"
	    "  Time        2026-03-02 14:05 to 14:12; may still go on\n"
	    "  Rule        window: 20 recipients within 10m\n"
	    "  Action      log\n"
	    "  Client      192.0.2.7\n"
	    "  Subject     Giấy mời họp giao ban tháng 3\n"
	    "  Declared    no\n"
	    "\n"
	    "Evidence\n"
	    "  TIME                 QUEUE ID  RCPTS  FROM                CLIENT     SUBJECT\n"
	    "  2026-03-02 14:05:09  4XyZ12        2  lan@example.gov.vn  192.0.2.7  Giấy mời\n"
	    "      Message-ID first@mail.example.gov.vn\n"
	    "      to a@example.gov.vn, b@elsewhere.example\n"
	    "  2026-03-02 14:12:09  4XyZ13       19  <>                  192.0.2.8\n"
	    "      login other\n"
	    "      to addresses at elsewhere.example, example.gov.vn\n"
	    "  2026-03-02 14:12:09  4XyZ14        3  x@example.gov.vn    192.0.2.8\n"
	    "      to recipients that were not kept\n"
	    "\n"
	    "History\n"
	    "  TIME                 BY          EVENT\n"
	    "  2026-03-02 14:05:09  bulkwatchd  opened\n"
	    "      rule window\n"
	    "  2026-03-02 14:14:09  hoa         taken\n"
	    "\n"
	    "Alerts\n"
	    "  ALERT    STATE   TIME                 TRIES\n"
	    "  started  sent    2026-03-02 14:06:09      2\n"
	    "      to postmaster@example.gov.vn\n"
	    "      451 4.3.0 try later\n"
	    "  grown    queued  2026-03-02 14:13:09      0\n");
	/* clang-format on */
}

static void
show_of_a_closed_and_declared_send_says_so(void **state)
{
	const struct bulk_send_story story = {.send = sends[1]};
	struct capture c;
	assert_int_equal(
	    show_print(capture_init(&c, *state, &file), &story, 100), 0);
	/* clang-format off */
	captured(&c,
	    "Bulk send 9\n"
	    "  Status      closed as false-alarm, taken by hoa\n"
	    "  Sender      minh@example.gov.vn (envelope)\n"
	    "  Recipients  25 different, 25 in all, 0 of them outside\n"
	    "  Messages    1\n"
	    "  Time        2026-03-01 14:05 to 2026-03-02 14:05; over\n"
	    "  Rule        message: 20 recipients in one message\n"
	    "  Action      log\n"
	    "  Client      -\n"
	    "  Subject     -\n"
	    "  Declared    yes, declaration 4\n"
	    "\n"
	    "Evidence\n"
	    "  and 1 message more\n"
	    "  `bulkwatch show --all 9` shows all of it\n"
	    "\n"
	    "History\n"
	    "  none\n"
	    "\n"
	    "Alerts\n"
	    "  none\n");
	/* clang-format on */
}

static void
show_says_what_it_leaves_out(void **state)
{
	struct bulk_send_story story = make_story();
	story.evidence_n = 1;
	story.history_n = story.alerts_n = 0;
	struct capture c;
	assert_int_equal(
	    show_print(capture_init(&c, *state, &file), &story, 1), 0);
	fclose(c.view.out);
	assert_non_null(
	    strstr(c.text, "      to a@example.gov.vn\n"
			   "      and 1 more\n"
			   "  and 2 messages more\n"
			   "  `bulkwatch show --all 12` shows all of it\n"));
	free(c.text);
}

static void
show_with_all_leaves_nothing_out(void **state)
{
	const struct bulk_send_story story = make_story();
	struct capture c;
	assert_int_equal(
	    show_print(capture_init(&c, *state, &file), &story, 0), 0);
	fclose(c.view.out);
	assert_non_null(strstr(c.text, "b@elsewhere.example"));
	assert_null(strstr(c.text, "more"));
	free(c.text);
}

static void
show_never_acts_on_a_terminal(void **state)
{
	struct bulk_send_story story = make_story();
	struct message dirty = evidence[0];
	dirty.subject = "\x1b[31mred";
	dirty.message_id = "a\nb";
	story.send.subject = "\x1b]0;title\x07";
	story.send.sender = "x\xe2\x80\xaey";
	story.evidence = &dirty;
	story.evidence_n = 1;
	struct capture c;
	assert_int_equal(
	    show_print(capture_init(&c, *state, &file), &story, 0), 0);
	fclose(c.view.out);
	assert_null(strpbrk(c.text, "\x1b\x07"));
	assert_null(strstr(c.text, "\xe2\x80\xae"));
	assert_null(strstr(c.text, "a\nb"));
	assert_non_null(strstr(c.text, "Subject     \\u{1B}]0;title\\u{7}\n"));
	free(c.text);
}

static void
senders_shows_a_line_for_each(void **state)
{
	const struct sender_total totals[] = {
	    {IDENTITY_LOGIN, "lan@example.gov.vn", 120, 4500, 3, MOMENT - DAY,
		MOMENT},
	    {IDENTITY_CLIENT, "192.0.2.7", 1, 2, 0, MOMENT, MOMENT},
	};
	struct capture c;
	assert_int_equal(
	    senders_print(capture_init(&c, *state, &file), totals, 2), 0);
	/* clang-format off */
	captured(&c,
	    "SENDER              IDENTITY  MSGS  RCPTS  BULK  FIRST             LAST\n"
	    "lan@example.gov.vn  login      120   4500     3  2026-03-01 14:05  2026-03-02 14:05\n"
	    "192.0.2.7           client       1      2     0  2026-03-02 14:05  2026-03-02 14:05\n");
	/* clang-format on */
}

static const struct check_result results[] = {
    {"settings", true, "/etc/bulkwatch/bulkwatch.conf, 2 rules"},
    {"socket", false,
	"nobody listens at /run/bulkwatch/milter.sock; start the daemon: "
	"systemctl start bulkwatchd"},
};

static void
check_is_one_line_a_result_in_a_file(void **state)
{
	struct screen narrow = {.width = 40};
	struct capture c;
	assert_int_equal(
	    check_print(capture_init(&c, *state, &narrow), results, 2), 0);
	/* clang-format off */
	captured(&c,
	    "ok     settings   /etc/bulkwatch/bulkwatch.conf, 2 rules\n"
	    "fault  socket     nobody listens at /run/bulkwatch/milter.sock; start the daemon: systemctl start bulkwatchd\n");
	/* clang-format on */
}

static void
check_is_wrapped_and_coloured_on_a_terminal(void **state)
{
	struct screen terminal = {.width = 60, .cut = true, .colour = true};
	struct capture c;
	assert_int_equal(
	    check_print(capture_init(&c, *state, &terminal), results, 2), 0);
	/* clang-format off */
	captured(&c,
	    "\033[32mok   \033[0m  settings   /etc/bulkwatch/bulkwatch.conf, 2 rules\n"
	    "\033[1;31mfault\033[0m  socket     nobody listens at\n"
	    "                  /run/bulkwatch/milter.sock; start the\n"
	    "                  daemon: systemctl start bulkwatchd\n");
	/* clang-format on */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(list_shows_a_line_for_each_bulk_send),
	    cmocka_unit_test(list_fits_a_terminal_of_80_columns),
	    cmocka_unit_test(show_says_all_that_is_known),
	    cmocka_unit_test(show_of_a_closed_and_declared_send_says_so),
	    cmocka_unit_test(show_says_what_it_leaves_out),
	    cmocka_unit_test(show_with_all_leaves_nothing_out),
	    cmocka_unit_test(show_never_acts_on_a_terminal),
	    cmocka_unit_test(senders_shows_a_line_for_each),
	    cmocka_unit_test(check_is_one_line_a_result_in_a_file),
	    cmocka_unit_test(check_is_wrapped_and_coloured_on_a_terminal),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
