/* reconcile_test.c: the MTA's log beside the ledger. */
#include <pty.h>
#include <unistd.h>

#include "office.h"

#include "bulkwatch/json.h"

#define ID "DB4E5A8E327"
#define AN "an@example.gov.vn"
#define FROM_NOW_SECS 3600 /* the log begins so long ago */

/* A desk: an office, a log that is being written, and its clock. */
struct desk {
	struct office o;
	const char *log;
	FILE *out;
	int64_t at_ms;
};

static struct desk *
desk(void **state)
{
	struct desk *d = arena_alloc(*state, sizeof(*d));
	office_init(&d->o, *state);
	d->at_ms = d->o.now_ms - FROM_NOW_SECS * 1000;
	d->log = arena_printf(*state, "%s/mail.log", d->o.folder);
	d->out = fopen(d->log, "w");
	assert_non_null(d->out);
	return d;
}

static void
leave(struct desk *d)
{
	if (d->out != NULL)
		fclose(d->out);
	office_deinit(&d->o);
}

/* A line of Postfix, a second after the one before. */
static void __attribute__((format(printf, 3, 4)))
line(struct desk *d, const char *program, const char *format, ...)
{
	char time[CLOCK_RFC3339_MAX], text[1000];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	d->at_ms += 1000;
	clock_rfc3339(d->at_ms, time);
	fprintf(d->out, "%s mail postfix/%s: %s\n", time, program, text);
}

/* What is NULL is as usual. */
struct sent {
	const char *id, *login, *client, *from, *message_id;
	unsigned n; /* recipients */
	bool open;  /* not delivered yet */
	enum action action;
};

static void
line_of_client(struct desk *d, const char *program, const char *id,
    const char *client, const char *login)
{
	if (login[0] == '\0')
		line(d, program, "%s: client=x[%s]", id, client);
	else
		line(d, program,
		    "%s: client=x[%s], sasl_method=PLAIN, sasl_username=%s",
		    id, client, login);
}

static void
deliver(struct desk *d, const char *id, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		line(d, "smtp[5]",
		    "%s: to=<R%04u@example.gov.vn>, relay=y[192.0.2.9]:25, "
		    "status=sent (250 ok)",
		    id, i);
	line(d, "qmgr[4]", "%s: removed", id);
}

/* The lines of one mail. */
static void
log_mail(struct desk *d, struct sent s)
{
	const char *login = s.login == NULL ? AN : s.login;
	const char *id = s.id == NULL ? ID : s.id;
	unsigned n = s.n == 0 ? 1 : s.n;
	line_of_client(d, "smtpd[2]", id,
	    s.client == NULL ? "192.0.2.7" : s.client, login);
	line(d, "cleanup[3]", "%s: message-id=%s", id,
	    s.message_id == NULL ? "<m@x>" : s.message_id);
	line(d, "qmgr[4]", "%s: from=<%s>, size=9, nrcpt=%u (queue active)", id,
	    s.from == NULL ? login : s.from, n);
	if (!s.open)
		deliver(d, id, n);
}

#define log_mail(d, ...) log_mail((d), (struct sent){__VA_ARGS__})

static struct recipient *
recipients(struct desk *d, unsigned n)
{
	struct recipient *list =
	    arena_alloc(d->o.arena, (n + 1) * sizeof(*list));
	for (unsigned i = 0; i < n; i++)
		list[i].address = arena_printf(
		    d->o.arena, "r%04u@example.gov.vn", i);
	return list;
}

static struct message
message_of(struct desk *d, struct sent s)
{
	const unsigned n = s.n == 0 ? 1 : s.n;
	const char *login = s.login == NULL ? AN : s.login;
	return (struct message){.at_ms = d->at_ms,
	    .tick = clock_tick(),
	    .identity = IDENTITY_LOGIN,
	    .sender = login,
	    .mail_from = login,
	    .login = login,
	    .client = "192.0.2.7",
	    .queue_id = s.id == NULL ? ID : s.id,
	    .message_id = s.message_id == NULL ? "m@x" : s.message_id,
	    .subject = "",
	    .recipients = recipients(d, n),
	    .recipients_n = n,
	    .recipient_count = n};
}

/* Puts a mail into the ledger at the log's time. */
static void
count_mail(struct desk *d, struct sent s)
{
	struct message message = message_of(d, s);
	struct measure measures[SETTINGS_RULES_MAX];
	struct entry entry = {.arena = d->o.arena,
	    .settings = d->o.settings,
	    .message = &message,
	    .measures = measures};
	struct err err = {""};
	entry.decision.action = s.action;
	if (store_begin(d->o.store, &err) < 0 ||
	    store_count(d->o.store, &entry, &err) < 0 ||
	    store_keep(d->o.store, &entry, &err) < 0 ||
	    store_commit(d->o.store, &err) < 0)
		fail_msg("%s", err.text);
}

#define count_mail(d, ...) count_mail((d), (struct sent){__VA_ARGS__})

/* Both, as it should be. */
#define send_mail(d, ...)                                                      \
	do {                                                                   \
		log_mail(d, __VA_ARGS__);                                      \
		count_mail(d, __VA_ARGS__);                                    \
	} while (0)

/* A mail long before all, so that the ledger does not begin with the log. */
static void
begin_ledger(struct desk *d)
{
	const int64_t now_ms = d->at_ms;
	d->at_ms -= 1000;
	count_mail(d, .id = "FIRST00", .message_id = "first@x");
	d->at_ms = now_ms;
}

static struct call
reconcile(struct desk *d, const char *option, const char *value)
{
	if (d->out != NULL)
		fclose(d->out);
	d->out = NULL;
	return option == NULL
		   ? call(d->o.arena, (const char *const[]){"-c", d->o.conf,
					  "reconcile", d->log, NULL})
		   : call(d->o.arena,
			 (const char *const[]){"-c", d->o.conf, "reconcile",
			     option, value, d->log, NULL});
}

/* The log's mail has this in its line, or in the sums. */
static void
finds(void **state, struct desk *d, int code, const char *text)
{
	(void)state;
	says(reconcile(d, NULL, NULL), code, text);
	leave(d);
}

/* ---------------------------------------------------------- what is there */

static void
all_mail_in_the_ledger_is_done(void **state)
{
	struct desk *d = desk(state);
	send_mail(d, .n = 3);
	send_mail(d, .id = "E18EFA8E335", .login = "binh", .message_id = "<x>");
	struct call c = reconcile(d, NULL, NULL);
	says(c, CTL_DONE, "Counted     2\n");
	says(c, CTL_DONE, "Not counted 0\n");
	says(c, CTL_DONE, "Unexplained 0\n");
	assert_null(strstr(c.out, "QUEUE ID"));
	leave(d);
}

static void
mail_that_is_missing_is_told_and_ends_with_1(void **state)
{
	struct desk *d = desk(state);
	begin_ledger(d);
	log_mail(d, .n = 25);
	struct call c = reconcile(d, NULL, NULL);
	says(c, CTL_FAILED, ID "  an@example.gov.vn  192.0.2.7  postfix/smtpd"
			       "     25        -  no reason found\n");
	says(c, CTL_FAILED, "Unexplained 1: no reason found 1\n");
	leave(d);
}

static void
inbound_mail_is_none_of_ours(void **state)
{
	struct desk *d = desk(state);
	log_mail(d, .login = "", .client = "203.0.113.9", .from = "a@x.org");
	send_mail(d, .id = "E18EFA8E335");
	finds(state, d, CTL_DONE, "2 messages\n  Outbound    1\n");
}

static void
a_client_of_outbound_networks_and_pickup_are_outbound(void **state)
{
	struct desk *d = desk(state);
	begin_ledger(d);
	log_mail(d, .login = "", .client = "127.0.0.1", .from = "a@x.org");
	line(d, "pickup[7]", "E18EFA8E335: uid=0 from=<root>");
	line(d, "cleanup[3]", "E18EFA8E335: message-id=<p@x>");
	line(d, "qmgr[4]",
	    "E18EFA8E335: from=<root@x>, size=1, nrcpt=1 (queue active)");
	finds(state, d, CTL_FAILED, "no reason found 2\n");
}

static void
mail_that_was_not_accepted_is_not_missed(void **state)
{
	struct desk *d = desk(state);
	begin_ledger(d);
	line_of_client(d, "smtpd[2]", ID, "192.0.2.7", AN);
	line(d, "smtpd[2]", "lost connection after RCPT from x[192.0.2.7]");
	line_of_client(d, "smtpd[2]", "E18EFA8E335", "192.0.2.7", AN);
	line(d, "cleanup[3]", "E18EFA8E335: message-id=<p@x>");
	line(d, "cleanup[3]",
	    "E18EFA8E335: milter-reject: END-OF-MESSAGE from x[192.0.2.7]: "
	    "4.7.1 Service unavailable; from=<a@x>");
	finds(state, d, CTL_DONE, "Outbound    0\n");
}

static void
mail_on_hold_is_accepted(void **state)
{
	struct desk *d = desk(state);
	begin_ledger(d);
	line_of_client(d, "smtpd[2]", ID, "192.0.2.7", AN);
	line(d, "cleanup[3]", ID ": message-id=<p@x>");
	line(d, "cleanup[3]", ID ": milter-hold: END-OF-MESSAGE from x[::1]: "
				 "milter triggers HOLD action; from=<a@x>");
	finds(state, d, CTL_FAILED, "Outbound    1\n");
}

static void
mail_broken_off_after_a_hold_is_not(void **state)
{
	struct desk *d = desk(state);
	begin_ledger(d);
	line_of_client(d, "smtpd[2]", ID, "192.0.2.7", AN);
	line(d, "cleanup[3]", ID ": message-id=<p@x>");
	line(d, "cleanup[3]", ID ": hold: header Subject: x from x[::1]");
	line(d, "smtpd[2]", "lost connection after DATA (9 bytes) from x[::1]");
	finds(state, d, CTL_DONE, "Outbound    0\n");
}

static void
mail_given_up_after_a_hold_is_not(void **state)
{
	struct desk *d = desk(state);
	begin_ledger(d);
	line_of_client(d, "smtpd[2]", ID, "192.0.2.7", AN);
	line(d, "smtpd[2]", ID ": hold: RCPT from x[::1]: <a@x>: triggers");
	line(d, "smtpd[2]", "disconnect from x[192.0.2.7]");
	finds(state, d, CTL_DONE, "Outbound    0\n");
}

static void
what_the_ledger_has_and_the_log_not_is_told(void **state)
{
	struct desk *d = desk(state);
	send_mail(d, .n = 1);
	d->at_ms += 60000;
	count_mail(d, .id = "AAAAAAA", .message_id = "a@x");
	line_of_client(d, "smtpd[2]", "BBBBBBB", "192.0.2.7", AN);
	count_mail(d, .id = "BBBBBBB", .message_id = "b@x");
	d->at_ms += 60000;
	line(d, "qmgr[4]", "end");
	struct call c = reconcile(d, NULL, NULL);
	says(c, CTL_DONE, "Not taken   1 in the ledger");
	says(c, CTL_DONE, "Not in log  1 in the ledger");
	leave(d);
}

static void
what_a_rule_refused_is_not_missed_in_the_log(void **state)
{
	struct desk *d = desk(state);
	send_mail(d, .n = 1);
	line_of_client(d, "smtpd[2]", "BBBBBBB", "192.0.2.7", AN);
	count_mail(d, .id = "BBBBBBB", .message_id = "b@x",
	    .action = ACTION_DEFER);
	line(d, "cleanup[3]", "BBBBBBB: milter-reject: END-OF-MESSAGE from x");
	/* The try that was refused is no reason for one that went past us. */
	log_mail(d, .id = "CCCCCCC", .message_id = "<b@x>");
	struct call c = reconcile(d, NULL, NULL);
	says(c, CTL_FAILED, "no reason found 1\n");
	assert_null(strstr(c.out, "Not taken"));
	leave(d);
}

static void
mail_that_went_on_though_it_was_refused_is_told(void **state)
{
	struct desk *d = desk(state);
	log_mail(d, .n = 25);
	count_mail(d, .n = 25, .action = ACTION_REJECT);
	finds(state, d, CTL_FAILED, "kept as refused, and sent 1\n");
}

/* ------------------------------------------------------- queue ids, times */

static void
a_queue_id_used_again_is_another_mail(void **state)
{
	struct desk *d = desk(state);
	send_mail(d, .message_id = "<1@x>");
	d->at_ms += 600000;
	log_mail(d, .message_id = "<2@x>");
	d->at_ms += 600000;
	send_mail(d, .message_id = "<3@x>");
	struct call c = reconcile(d, NULL, NULL);
	says(c, CTL_FAILED, "Counted     2\n");
	says(c, CTL_FAILED, "no reason found 1\n");
	leave(d);
}

static void
the_ledgers_mail_of_another_day_is_another_mail(void **state)
{
	struct desk *d = desk(state);
	const int64_t at_ms = d->at_ms;
	d->at_ms -= INT64_C(86400) * 1000;
	count_mail(d, .message_id = "old@x");
	d->at_ms = at_ms;
	log_mail(d, .n = 1);
	finds(state, d, CTL_FAILED, "no reason found 1\n");
}

static void
of_two_in_the_ledger_the_nearer_one_is_the_logs(void **state)
{
	struct desk *d = desk(state);
	begin_ledger(d);
	line(d, "qmgr[4]", "start");
	d->at_ms += 60000;
	count_mail(d, .n = 9, .message_id = "old@x");
	d->at_ms += 600000;
	send_mail(d, .n = 3);
	struct call c = reconcile(d, NULL, NULL);
	says(c, CTL_DONE, "Counted     1\n");
	says(c, CTL_DONE, "Not in log  1 in the ledger");
	leave(d);
}

static void
lines_given_twice_count_once(void **state)
{
	struct desk *d = desk(state);
	send_mail(d, .n = 3);
	log_mail(d, .id = "E18EFA8E335", .login = "", .client = "203.0.113.9");
	log_mail(d, .id = "E225FA8E336", .message_id = "<missing@x>");
	fclose(d->out);
	d->out = NULL;
	struct call c = call(*state, (const char *const[]){"-c", d->o.conf,
					 "reconcile", d->log, d->log, NULL});
	says(c, CTL_FAILED, "3 messages\n  Outbound    2\n");
	says(c, CTL_FAILED, "Counted     1\n");
	says(c, CTL_FAILED, "no reason found 1\n");
	leave(d);
}

/* Cuts the log after so many lines: the rest goes into a second file. */
static const char *
cut_log(struct desk *d, size_t after)
{
	const char *rest = arena_printf(d->o.arena, "%s.1", d->log);
	fclose(d->out);
	d->out = NULL;
	assert_int_equal(system(arena_printf(d->o.arena,
			     "tail -n +%zu %s > %s && sed -i %zuq %s",
			     after + 1, d->log, rest, after, d->log)),
	    0);
	return rest;
}

static void
files_are_read_in_the_order_of_time(void **state)
{
	struct desk *d = desk(state);
	send_mail(d, .n = 3);
	const char *rest = cut_log(d, 2);
	struct call c = call(*state, (const char *const[]){"-c", d->o.conf,
					 "reconcile", rest, d->log, NULL});
	says(c, CTL_DONE, "Outbound    1\n");
	says(c, CTL_DONE, "Counted     1\n");
	/* The end alone: it came in before this log begins. */
	c = call(*state, (const char *const[]){
			     "-c", d->o.conf, "reconcile", rest, NULL});
	says(c, CTL_DONE, "Outbound    0\n");
	leave(d);
}

static void
compressed_files_are_read(void **state)
{
	struct desk *d = desk(state);
	send_mail(d, .n = 3);
	fclose(d->out);
	d->out = NULL;
	assert_int_equal(
	    system(arena_printf(*state, "gzip -k %s", d->log)), 0);
	const char *gz = arena_printf(*state, "%s.gz", d->log);
	struct call c = call(*state, (const char *const[]){"-c", d->o.conf,
					 "reconcile", gz, NULL});
	says(c, CTL_DONE, "Counted     1\n");
	assert_int_equal(truncate(gz, 60), 0);
	c = call(*state, (const char *const[]){
			     "-c", d->o.conf, "reconcile", gz, NULL});
	assert_int_equal(c.code, CTL_FAILED);
	assert_non_null(strstr(c.err, "mail.log.gz is cut short"));
	leave(d);
}

/* ----------------------------------------------------------------- reasons */

#define AWAY "warning: connect to Milter service unix:%s: Connection refused"

static void
a_session_without_the_milter_is_the_reason_for_its_mail(void **state)
{
	struct desk *d = desk(state);
	const char *socket = d->o.settings->listen + strlen("unix:");
	begin_ledger(d);
	line(d, "smtpd[2]", "connect from x[192.0.2.7]");
	line(d, "smtpd[2]", AWAY, socket);
	log_mail(d, .n = 1);
	log_mail(d, .id = "E18EFA8E335", .message_id = "<2@x>");
	line(d, "smtpd[2]", "disconnect from x[192.0.2.7]");
	line(d, "smtpd[2]", "connect from x[192.0.2.7]");
	log_mail(d, .id = "E225FA8E336", .message_id = "<3@x>");
	struct call c = reconcile(d, NULL, NULL);
	says(c, CTL_FAILED, "Not counted 2: while the milter was not there 2\n");
	says(c, CTL_FAILED, "Unexplained 1: no reason found 1\n");
	leave(d);
}

/* Mail that only passed without the milter. */
static struct desk *
desk_without_milter(void **state)
{
	struct desk *d = desk(state);
	const char *socket = d->o.settings->listen + strlen("unix:");
	begin_ledger(d);
	line(d, "smtpd[2]", "connect from x[192.0.2.7]");
	line(d, "smtpd[2]", AWAY, socket);
	log_mail(d, .login = "nguyen.thi.lan@huyena.example.gov.vn", .n = 1);
	return d;
}

static void
strict_finds_fault_with_mail_that_passed_without_the_milter(void **state)
{
	struct desk *d = desk_without_milter(state);
	says(reconcile(d, NULL, NULL), CTL_DONE,
	    "Not counted 1: while the milter was not there 1\n");
	says(call(*state, (const char *const[]){"-c", d->o.conf, "reconcile",
			      "--strict", d->log, NULL}),
	    CTL_FAILED, "Not counted 1: while the milter was not there 1\n");
	leave(d);
}

static void
on_80_columns_the_reason_is_whole(void **state)
{
	struct desk *d = desk_without_milter(state);
	fflush(d->out);
	const struct winsize size = {.ws_row = 40, .ws_col = 80};
	char text[4000] = "";
	char *argv[] = {arena_strdup(*state, "bulkwatch"),
	    arena_strdup(*state, "-c"), arena_strdup(*state, d->o.conf),
	    arena_strdup(*state, "reconcile"), arena_strdup(*state, d->log),
	    NULL};
	int ours, theirs;
	assert_int_equal(openpty(&ours, &theirs, NULL, NULL, &size), 0);
	FILE *out = fdopen(theirs, "w");
	assert_non_null(out);
	assert_int_equal(ctl_run(out, stderr, 5, argv), 0);
	fflush(out);
	for (size_t n = 0; strstr(text, "Unexplained") == NULL;) {
		ssize_t got = read(ours, text + n, sizeof(text) - 1 - n);
		assert_true(got > 0);
		n += (size_t)got;
	}
	fclose(out);
	close(ours);
	if (strstr(text, "the milter was not there\r\n") == NULL)
		fail_msg("%s", text);
	leave(d);
}

static void
a_milter_that_failed_in_cleanup_is_the_reason_for_that_mail(void **state)
{
	struct desk *d = desk(state);
	begin_ledger(d);
	/* As a chrooted Postfix names the socket. */
	line_of_client(d, "smtpd[2]", ID, "192.0.2.7", AN);
	line(d, "cleanup[3]", ID ": message-id=<1@x>");
	line(d, "cleanup[3]", "warning: milter unix:/milter.sock: can't read "
			      "SMFIC_BODYEOB reply packet header: Broken pipe");
	line(d, "qmgr[4]", ID ": from=<a@x>, size=1, nrcpt=1 (queue active)");
	/* cleanup connects before it names a local mail, whatever came of the
	 * one before. */
	line_of_client(d, "smtpd[2]", "FFFFFF1", "192.0.2.7", AN);
	line(d, "cleanup[3]", "FFFFFF1: message-id=<f@x>");
	line(d, "cleanup[3]", "FFFFFF1: reject: header Subject: x");
	line(d, "pickup[7]", "E18EFA8E335: uid=0 from=<root>");
	line(d, "cleanup[3]", AWAY, "/milter.sock");
	line(d, "cleanup[3]", "E18EFA8E335: message-id=<p@x>");
	line(d, "qmgr[4]",
	    "E18EFA8E335: from=<root@x>, size=1, nrcpt=1 (queue active)");
	log_mail(d, .id = "E225FA8E336", .message_id = "<3@x>");
	struct call c = reconcile(d, NULL, NULL);
	says(c, CTL_FAILED, "Not counted 2: while the milter was not there 2\n");
	says(c, CTL_FAILED, "Unexplained 1: no reason found 1\n");
	leave(d);
}

static void
another_milter_is_no_reason(void **state)
{
	struct desk *d = desk(state);
	begin_ledger(d);
	line(d, "smtpd[2]", "connect from x[192.0.2.7]");
	line(d, "smtpd[2]", AWAY, "/run/dkim/dkim.sock");
	line(d, "smtpd[2]", "warning: connect to Milter service "
			    "inet:127.0.0.1:8891: Connection refused");
	log_mail(d, .n = 1);
	finds(state, d, CTL_FAILED, "no reason found 1\n");
}

static void
a_retry_is_in_the_ledger_as_its_first_try(void **state)
{
	struct desk *d = desk(state);
	begin_ledger(d);
	count_mail(d, .id = "AAAAAAA", .n = 3, .message_id = "r@x");
	d->at_ms += 900000;
	log_mail(d, .n = 3, .message_id = "<r@x>");
	/* Another sender's, and one to more recipients, are no retries. */
	log_mail(d, .id = "E18EFA8E335", .login = "binh", .n = 3,
	    .message_id = "<r@x>");
	log_mail(d, .id = "E225FA8E336", .n = 4, .message_id = "<r@x>");
	struct call c = reconcile(d, NULL, NULL);
	says(c, CTL_FAILED, "Counted     1, of them under the queue id of an "
			    "earlier try 1\n");
	says(c, CTL_FAILED, "no reason found 2\n");
	leave(d);
}

static void
what_comes_again_after_the_time_of_retries_is_another_mail(void **state)
{
	struct desk *d = desk(state);
	const int64_t at_ms = d->at_ms;
	begin_ledger(d);
	d->at_ms -= INT64_C(6) * 86400 * 1000;
	count_mail(d, .id = "AAAAAAA", .n = 3, .message_id = "r@x");
	d->at_ms = at_ms;
	log_mail(d, .n = 3, .message_id = "<r@x>");
	finds(state, d, CTL_FAILED, "no reason found 1\n");
}

static void
mail_that_a_content_filter_gives_back_is_not_counted_again(void **state)
{
	struct desk *d = desk(state);
	begin_ledger(d);
	line(d, "smtpd[2]", ID ": client=localhost[127.0.0.1], "
			       "orig_queue_id=AAAAAAA, orig_client=x[::1]");
	line(d, "qmgr[4]", ID ": from=<a@x>, size=1, nrcpt=1 (queue active)");
	finds(state, d, CTL_DONE, "given back by a content filter 1\n");
}

static void
mail_that_waits_in_the_spool_is_told(void **state)
{
	struct desk *d = desk(state);
	begin_ledger(d);
	log_mail(d, .n = 2);
	struct message message = message_of(d, (struct sent){.n = 2});
	char *json = json_message(&message);
	write_file(arena_printf(*state, "%s/spool/messages.jsonl", d->o.folder),
	    arena_printf(*state, "not a record\n%s\n{\"half", json));
	free(json);
	struct call c = reconcile(d, NULL, NULL);
	says(c, CTL_DONE, "2        2  waits in the spool\n");
	says(c, CTL_DONE, "waiting in the spool 1\n");
	leave(d);
}

static void
mail_from_before_the_ledger_is_told(void **state)
{
	struct desk *d = desk(state);
	log_mail(d, .n = 2, .message_id = "<early@x>");
	d->at_ms += 2000;
	send_mail(d, .id = "E18EFA8E335");
	finds(state, d, CTL_DONE, "from before the ledger begins 1\n");
}

static void
mail_that_was_purged_is_told(void **state)
{
	struct desk *d = desk(state);
	struct err err;
	uint64_t removed;
	bool more;
	send_mail(d, .n = 2);
	d->at_ms += 1000;
	const int64_t before_ms = d->at_ms;
	send_mail(d, .id = "E18EFA8E335", .message_id = "<2@x>");
	assert_int_equal(store_sum_up(d->o.store, &more, &err), 0);
	assert_int_equal(store_purge_ledger(
			     d->o.store, before_ms, &removed, &more, &err),
	    0);
	assert_int_equal(removed, 1);
	finds(state, d, CTL_DONE, "removed by ledger.keep 1\n");
}

/* One bulk send, so that there is an alert. Returns its Message-ID. */
static const char *
alert_of(struct desk *d)
{
	struct alert *alerts;
	size_t n;
	struct err err;
	office_sends(&d->o, "chi@example.gov.vn", 25, 2 * FROM_NOW_SECS);
	assert_int_equal(store_alerts_due(d->o.store, d->o.arena, INT64_MAX, 9,
			     &alerts, &n, &err),
	    0);
	assert_int_equal(n, 1);
	return arena_printf(d->o.arena,
	    "<bulkwatch.%lld.%lld.started@example.gov.vn>",
	    (long long)alerts[0].id, (long long)alerts[0].created_ms);
}

#define OURS "bulkwatch@example.gov.vn"

static void
our_own_alerts_are_not_missed(void **state)
{
	struct desk *d = desk(state);
	log_mail(d, .login = "", .client = "127.0.0.1", .from = OURS,
	    .message_id = alert_of(d));
	finds(state, d, CTL_DONE, "our own alerts and notices 1\n");
}

static void
who_knows_an_alerts_message_id_gains_nothing(void **state)
{
	struct desk *d = desk(state);
	const char *id = alert_of(d);
	log_mail(d, .id = "AAAAAA1", .login = "an", .from = AN,
	    .message_id = id);
	log_mail(d, .id = "AAAAAA2", .from = OURS, .message_id = id, .n = 2);
	log_mail(d, .id = "AAAAAA3", .from = OURS,
	    .message_id = "<bulkwatch.99.1.started@example.gov.vn>");
	log_mail(d, .id = "AAAAAA4", .from = OURS,
	    .message_id = "<bulkwatch.1.1.started@x.org>");
	finds(state, d, CTL_FAILED, "no reason found 4\n");
}

/* -------------------------------------------------------------- recipients */

static void
another_number_of_recipients_is_told(void **state)
{
	struct desk *d = desk(state);
	log_mail(d, .n = 25);
	count_mail(d, .n = 5);
	struct call c = reconcile(d, NULL, NULL);
	says(c, CTL_FAILED, "25        5  counted with another number\n");
	leave(d);
}

static void
a_number_that_is_not_known_yet_is_no_difference(void **state)
{
	struct desk *d = desk(state);
	log_mail(d, .n = 25, .open = true);
	count_mail(d, .n = 5);
	finds(state, d, CTL_DONE, "Counted     1\n");
}

static void
aliases_count_as_they_were_accepted(void **state)
{
	struct desk *d = desk(state);
	log_mail(d, .n = 3, .open = true);
	line(d, "smtp[5]", ID ": to=<a@x>, orig_to=<all@x>, status=sent (ok)");
	line(d, "smtp[5]", ID ": to=<b@x>, orig_to=<ALL@x>, status=deferred (");
	line(d, "smtp[5]", ID ": to=<b@x>, orig_to=<all@x>, status=sent (ok)");
	line(d, "smtp[5]", ID ": to=<c@x>, relay=y, status=sent (ok)");
	line(d, "qmgr[4]", ID ": removed");
	count_mail(d, .n = 2);
	finds(state, d, CTL_DONE, "Counted     1\n");
}

static void
recipients_that_the_mta_adds_are_left_out(void **state)
{
	struct desk *d = desk(state);
	log_mail(d, .n = 2, .open = true);
	line(d, "smtp[5]", ID ": to=<r0000@example.gov.vn>, status=sent (ok)");
	line(d, "smtp[5]", ID ": to=<archive@example.gov.vn>, status=sent (ok)");
	line(d, "qmgr[4]", ID ": removed");
	count_mail(d, .n = 1);
	says(reconcile(d, NULL, NULL), CTL_FAILED, "another number of recipients 1\n");
	says(reconcile(d, "--added", "Archive@example.gov.vn"), CTL_DONE,
	    "Counted     1\n");
	is_misuse(reconcile(d, "--added", "a b"), "--added: ");
	leave(d);
}

/* ------------------------------------------------------------ the command */

static void
other_instances_are_left_out(void **state)
{
	struct desk *d = desk(state);
	send_mail(d, .n = 1);
	line_of_client(d, "smtpd[2]", "E18EFA8E335", "192.0.2.7", AN);
	says(reconcile(d, "--instance", "postfix"), CTL_DONE, "Counted     1");
	struct call c = reconcile(d, "--instance", "postfix-out");
	assert_int_equal(c.code, CTL_FAILED);
	assert_non_null(strstr(c.err, "\"postfix-out\""));
	leave(d);
}

static void
what_senders_wrote_harms_no_terminal(void **state)
{
	struct desk *d = desk(state);
	begin_ledger(d);
	log_mail(d, .login = "a\x1b[2J\xff");
	struct call c = reconcile(d, NULL, NULL);
	says(c, CTL_FAILED, "a\\u{1B}[2J\\xFF");
	assert_null(strchr(c.out, '\x1b'));
	leave(d);
}

static void
json_has_all_that_was_not_simply_counted(void **state)
{
	struct desk *d = desk(state);
	begin_ledger(d);
	log_mail(d, .n = 3);
	send_mail(d, .id = "E18EFA8E335", .message_id = "2@x");
	if (d->out != NULL)
		fclose(d->out);
	d->out = NULL;
	struct call c = call(*state, (const char *const[]){"-c", d->o.conf,
					 "--json", "reconcile", d->log, NULL});
	says(c, CTL_FAILED, "\"outbound\": 2,\n  \"unexplained\": 1,");
	says(c, CTL_FAILED, "\"queue_id\": \"" ID "\"");
	says(c, CTL_FAILED, "\"recipients\": 3,\n      \"expanded\": 3,\n      "
			    "\"counted\": null,\n      \"finding\": "
			    "\"nowhere\"");
	assert_null(strstr(c.out, "E18EFA8E335"));
	leave(d);
}

static void
files_that_cannot_be_read_are_told(void **state)
{
	struct desk *d = desk(state);
	struct call c = call(*state, (const char *const[]){"-c", d->o.conf,
					 "reconcile", d->o.folder, NULL});
	assert_int_equal(c.code, CTL_FAILED);
	assert_non_null(strstr(c.err, "cannot be read: Is a directory"));
	c = call(*state, (const char *const[]){"-c", d->o.conf, "reconcile",
			     "/nonexistent/mail.log", NULL});
	assert_int_equal(c.code, CTL_FAILED);
	assert_non_null(strstr(c.err, "/nonexistent/mail.log cannot be read"));
	is_misuse(CALL("reconcile"), "reconcile wants a LOGFILE");
	leave(d);
}

static void
a_log_without_postfix_is_told(void **state)
{
	struct desk *d = desk(state);
	fputs("Nov 22 18:00:01 mail sendmail[1]: 4ABCDEF: from=<a>, "
	      "nrcpts=1\n",
	    d->out);
	struct call c = reconcile(d, NULL, NULL);
	assert_int_equal(c.code, CTL_FAILED);
	assert_non_null(strstr(c.err, "the log has no line of Postfix"));
	leave(d);
}

static void
lines_that_are_long_or_broken_are_left_out(void **state)
{
	struct desk *d = desk(state);
	send_mail(d, .n = 3);
	for (int i = 0; i < 300000; i++)
		fputs("x\xff", d->out);
	fputs("\n\n", d->out);
	fwrite("\0\0\n", 3, 1, d->out);
	send_mail(d, .id = "E18EFA8E335", .message_id = "<2@x>");
	fputs("2026-11-22T18:00:00Z mail postfix/qmgr[1]: AAAAAAA: from=<a@x>, "
	      "size=1, nrcpt=2",
	    d->out);
	finds(state, d, CTL_DONE, "Counted     2\n");
}

/* What stands so far on that no buffer reaches it is no line of its own. */
static void
the_end_of_a_long_line_is_no_line(void **state)
{
	struct desk *d = desk(state);
	send_mail(d, .n = 1);
	static const char *const ends[] = {
	    "pickup[7]: AAAAAAA: uid=0 from=<root>",
	    "qmgr[4]: AAAAAAA: from=<root@x>, size=1, nrcpt=1 (queue active)"};
	for (size_t i = 0; i < 2; i++) {
		for (int n = 0; n <= 65536; n++)
			fputc('x', d->out);
		fprintf(d->out, "2026-11-22T18:00:00Z mail postfix/%s\n",
		    ends[i]);
	}
	finds(state, d, CTL_DONE, "Outbound    1\n");
}

#define office_test(test)                                                      \
	cmocka_unit_test_setup_teardown(test, office_setup, office_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    office_test(all_mail_in_the_ledger_is_done),
	    office_test(mail_that_is_missing_is_told_and_ends_with_1),
	    office_test(inbound_mail_is_none_of_ours),
	    office_test(a_client_of_outbound_networks_and_pickup_are_outbound),
	    office_test(mail_that_was_not_accepted_is_not_missed),
	    office_test(mail_on_hold_is_accepted),
	    office_test(mail_broken_off_after_a_hold_is_not),
	    office_test(
		mail_given_up_after_a_hold_is_not),
	    office_test(what_the_ledger_has_and_the_log_not_is_told),
	    office_test(what_a_rule_refused_is_not_missed_in_the_log),
	    office_test(mail_that_went_on_though_it_was_refused_is_told),
	    office_test(a_queue_id_used_again_is_another_mail),
	    office_test(the_ledgers_mail_of_another_day_is_another_mail),
	    office_test(
		of_two_in_the_ledger_the_nearer_one_is_the_logs),
	    office_test(lines_given_twice_count_once),
	    office_test(files_are_read_in_the_order_of_time),
	    office_test(compressed_files_are_read),
	    office_test(a_session_without_the_milter_is_the_reason_for_its_mail),
	    office_test(
		strict_finds_fault_with_mail_that_passed_without_the_milter),
	    office_test(on_80_columns_the_reason_is_whole),
	    office_test(
		a_milter_that_failed_in_cleanup_is_the_reason_for_that_mail),
	    office_test(another_milter_is_no_reason),
	    office_test(a_retry_is_in_the_ledger_as_its_first_try),
	    office_test(
		what_comes_again_after_the_time_of_retries_is_another_mail),
	    office_test(
		mail_that_a_content_filter_gives_back_is_not_counted_again),
	    office_test(mail_that_waits_in_the_spool_is_told),
	    office_test(mail_from_before_the_ledger_is_told),
	    office_test(mail_that_was_purged_is_told),
	    office_test(our_own_alerts_are_not_missed),
	    office_test(who_knows_an_alerts_message_id_gains_nothing),
	    office_test(another_number_of_recipients_is_told),
	    office_test(a_number_that_is_not_known_yet_is_no_difference),
	    office_test(aliases_count_as_they_were_accepted),
	    office_test(recipients_that_the_mta_adds_are_left_out),
	    office_test(other_instances_are_left_out),
	    office_test(what_senders_wrote_harms_no_terminal),
	    office_test(json_has_all_that_was_not_simply_counted),
	    office_test(files_that_cannot_be_read_are_told),
	    office_test(a_log_without_postfix_is_told),
	    office_test(lines_that_are_long_or_broken_are_left_out),
	    office_test(
		the_end_of_a_long_line_is_no_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
