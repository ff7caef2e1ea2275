/*
 * selftest.c: `bulkwatch selftest`: a message goes the whole way, and what
 * became of it is told step by step.
 *
 * The settings say where the daemon listens, but not that the daemon there goes
 * by the same settings. If it works on another database it does not know the
 * mark, and would take the test for mail. So it is asked first, by a marked
 * message to nobody, which is no mail to anybody and leaves no trace.
 */
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "bulkwatch/caller.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/json.h"
#include "bulkwatch/smtp.h"
#include "ctl.h"
#include "plan.h"
#include "probe.h"
#include "views.h"

#define STEPS_MAX 16

/* A self-test under way. */
struct test {
	struct arena *arena;
	const struct settings *settings;
	struct caller *caller;
	struct store *store;
	char mark[SELFTEST_MARK_LENGTH + 1]; /* "" before it is made */
	struct plan plan;
	struct selftest seen;
	struct check_result steps[STEPS_MAX];
	size_t steps_n;
	bool well;
};

/* text: in the arena, or NULL: memory was out. Returns 0, or -1 if not ok. */
static int
say(struct test *t, const char *subject, bool ok, const char *text)
{
	ok = ok && text != NULL;
	if (t->steps_n < STEPS_MAX)
		t->steps[t->steps_n++] = (struct check_result){
		    .subject = subject,
		    .ok = ok,
		    .text = text == NULL ? "memory is out" : text,
		};
	t->well = t->well && ok;
	return ok ? 0 : -1;
}

static int
say_err(struct test *t, const char *subject, const struct err *err)
{
	return say(t, subject, false, arena_strdup(t->arena, err->text));
}

/* ------------------------------------------------------------- preparations */

static int
reach(struct test *t)
{
	struct err err;
	const char *listen = t->settings->listen;
	int fd = probe_connect(listen, &err);
	if (fd < 0 || caller_open(fd, &t->caller, &err) < 0)
		return say_err(t, "socket", &err);
	return say(t, "socket", true,
	    arena_printf(t->arena, "%s answers, milter protocol version %u",
		listen, caller_version(t->caller)));
}

/* Opens the database and leaves the mark there. */
static int
leave_mark(struct test *t, int64_t now_ms)
{
	struct err err;
	if (ctl_open_database(t->settings->database, &t->store, &err) == 0 &&
	    store_selftest_make(t->store, now_ms, t->mark, &err) == 0)
		return 0;
	t->mark[0] = '\0';
	return say_err(t, "database", &err);
}

static int
make_plan(struct test *t, int64_t now_ms)
{
	struct err err;
	struct declaration *declarations;
	struct plan_facts facts = {
	    .settings = t->settings, .mark = t->mark, .now_ms = now_ms};
	if (store_declarations(t->store, t->arena, false, now_ms, &declarations,
		&facts.declarations_n, &err) < 0)
		return say_err(t, "database", &err);
	facts.declarations = declarations;
	if (plan_make(t->arena, &facts, &t->plan) < 0)
		return say(t, "settings", false, NULL);
	if (!t->plan.outbound)
		return say(t, "settings", false,
		    arena_printf(t->arena,
			"by %s no mail is outbound; set outbound.logins or "
			"outbound.networks",
			t->settings->file));
	return say(t, "message", true,
	    arena_printf(t->arena, "to %zu recipients from %s, client %s%s",
		t->plan.recipients_n, t->plan.sender, t->plan.client,
		t->plan.login[0] == '\0' ? "" : ", logged in"));
}

/* -------------------------------------------------------------- the message */

/* Sends it to the first n of its recipients, or to nobody if n is 0. Returns 0,
 * or -1 after it said what went wrong. */
static int
send_to(
    struct test *t, size_t n, enum caller_answer *answer_r, double *took_ms_r)
{
	static const char *const nobody[] = {""};
	const struct caller_header headers[] = {
	    {"From", t->plan.sender},
	    {"Subject", "bulkwatch selftest"},
	    {"Message-ID",
		arena_printf(t->arena, "<%s@bulkwatch.invalid>", t->mark)},
	    {SELFTEST_HEADER, t->mark},
	};
	const struct caller_message message = {
	    .client = t->plan.client,
	    .login = t->plan.login,
	    .from = t->plan.sender,
	    .recipients = n == 0 ? nobody : t->plan.recipients,
	    .recipients_n = n == 0 ? 1 : n,
	    .headers = headers,
	    .headers_n = sizeof(headers) / sizeof(headers[0]),
	    .queue_id = "SELFTEST",
	};
	struct err err;
	if (headers[2].value == NULL)
		return say(t, "answer", false, NULL);
	if (caller_send(t->caller, &message, answer_r, took_ms_r, &err) < 0)
		return say_err(t, "answer", &err);
	if (*answer_r != CALLER_UNWANTED)
		return 0;
	return say(t, "answer", false,
	    arena_printf(t->arena,
		"the daemon does not take the message for outbound mail, but "
		"%s does: it has other settings in force; systemctl reload "
		"bulkwatchd",
		t->settings->file));
}

static int
read_seen(struct test *t)
{
	struct err err;
	int got =
	    store_selftest_read(t->store, t->arena, t->mark, &t->seen, &err);
	if (got == 0)
		err_set(&err, "the mark of this test was removed meanwhile; "
			      "try again");
	return got == 1 ? 0 : say_err(t, "database", &err);
}

/* The daemon goes by what it read, not by what the file says now. */
static void
tell_in_force(struct test *t)
{
	struct err err;
	char since[CLOCK_LOCAL_MAX];
	struct store_in_force in_force;
	if (store_get_settings(t->store, &in_force, &err) < 0 ||
	    in_force.at_ms == 0 || in_force.digest == t->settings->digest)
		return;
	clock_local(in_force.at_ms, since);
	say(t, "settings", false,
	    arena_printf(t->arena,
		"the daemon works with the settings of %s, and %s has changed "
		"since: systemctl reload bulkwatchd",
		since, t->settings->file));
}

/* Asks whether the daemon has the same database. */
static int
greet(struct test *t)
{
	enum caller_answer answer;
	double took_ms;
	if (send_to(t, 0, &answer, &took_ms) < 0 || read_seen(t) < 0)
		return -1;
	if (t->seen.greeted) {
		tell_in_force(t);
		return say(t, "database", true,
		    arena_printf(t->arena, "the daemon works on %s",
			t->settings->database));
	}
	return say(t, "database", false,
	    arena_printf(t->arena,
		"who listens at %s does not see what was just written into "
		"%s: it works on another database (systemctl restart "
		"bulkwatchd, if the setting was changed), its database fails "
		"(journalctl -u bulkwatchd), or it is not bulkwatchd; no test "
		"message was sent",
		t->settings->listen, t->settings->database));
}

static const char *
misfit(enum caller_answer answer)
{
	switch (answer) {
	case CALLER_DEFERRED:
		return "deferred the test message: its database failed at that "
		       "moment; journalctl -u bulkwatchd says why";
	case CALLER_HELD:
		return "held the test message, as if it were mail";
	default:
		return "refused the test message, as if it were mail";
	}
}

static int
send_test(struct test *t)
{
	enum caller_answer answer;
	double took_ms;
	if (send_to(t, t->plan.recipients_n, &answer, &took_ms) < 0)
		return -1;
	if (answer != CALLER_GO_ON)
		return say(t, "answer", false,
		    arena_printf(t->arena, "the daemon %s", misfit(answer)));
	if (say(t, "answer", true,
		arena_printf(t->arena, "the message may go on, after %.1f ms",
		    took_ms)) < 0 ||
	    read_seen(t) < 0)
		return -1;
	if (t->seen.done)
		return 0;
	return say(t, "count", false,
	    arena_printf(t->arena,
		"the daemon took the test message for mail of %s; close what "
		"`bulkwatch list` shows of it as false-alarm",
		t->plan.sender));
}

/* --------------------------------------------------------- what became of it
 */

static void
tell_count(struct test *t)
{
	const size_t n = t->plan.recipients_n;
	const bool all = t->seen.recipients == n;
	say(t, "count", all,
	    arena_printf(t->arena, "%u of %zu recipients counted%s",
		t->seen.recipients, n,
		all ? "" : "; exempt.recipients takes out the others"));
}

static const char *
why_no_rule(const struct test *t)
{
	const char *reload =
	    "the daemon has other settings in force: systemctl "
	    "reload bulkwatchd";
	if (t->plan.matches)
		return t->seen.recipients < t->plan.recipients_n ? "see above"
								 : reload;
	return t->settings->rules_n == 0
		   ? "there is none"
		   : "each is for other senders, or what it counts is exempt; "
		     "no test message can show that they work";
}

static void
tell_rule(struct test *t)
{
	const struct selftest *s = &t->seen;
	if (s->rule[0] == '\0') {
		say(t, "rule", false,
		    arena_printf(
			t->arena, "no rule matched: %s", why_no_rule(t)));
		return;
	}
	say(t, "rule", true,
	    s->action == ACTION_LOG
		? arena_printf(t->arena, "%s matched", s->rule)
		: arena_printf(t->arena, "%s matched, and would %s mail",
		      s->rule, record_action_name(s->action)));
	/* More: earlier mail of the same client belongs to it. */
	const bool whole = s->recorded >= s->recipients;
	say(t, "record", whole,
	    arena_printf(t->arena,
		"a bulk send of %u recipients was recorded, and taken back%s",
		s->recorded, whole ? "" : ": it lacks some that were counted"));
}

static void
tell_alert(struct test *t)
{
	const struct selftest *s = &t->seen;
	if (s->rule[0] == '\0')
		return;
	if (s->alert_queued)
		say(t, "alert", true,
		    arena_printf(t->arena, "queued for %s, and taken back",
			s->alert_to));
	else if (s->declaration != 0)
		say(t, "alert", true,
		    arena_printf(t->arena,
			"none: declaration %lld covers every sender that can "
			"be tried",
			(long long)s->declaration));
	else
		say(t, "alert", !t->plan.tells,
		    arena_strdup(t->arena,
			t->plan.tells
			    ? "none was queued, though the rule wants one"
			    : "none: no rule that matched wants one"));
}

/* Whether alerts can leave, up to where a mail would follow. */
static void
try_server(struct test *t)
{
	struct err err;
	const struct settings *s = t->settings;
	const char *at = strrchr(s->alerts.smtp, '@');
	if (smtp_init(&err) < 0) {
		say_err(t, "server", &err);
		return;
	}
	if (smtp_try(s->alerts.smtp, s->alerts.from, &s->alerts.to, &err) < 0)
		say_err(t, "server", &err);
	else /* the URL may hold a password */
		say(t, "server", true,
		    arena_printf(t->arena,
			"%s lets alerts in, and takes each of "
			"alerts.to; no mail was sent",
			at == NULL ? s->alerts.smtp : at + 1));
	smtp_deinit();
}

/* ---------------------------------------------------------------- command */

static void
run(struct test *t)
{
	const int64_t now_ms = clock_wall_ms();
	if (reach(t) == 0 && leave_mark(t, now_ms) == 0 &&
	    make_plan(t, now_ms) == 0 && greet(t) == 0 && send_test(t) == 0) {
		tell_count(t);
		tell_rule(t);
		tell_alert(t);
	}
	try_server(t);
}

static void
end(struct test *t)
{
	struct err err;
	caller_close(&t->caller);
	if (t->mark[0] != '\0' &&
	    store_selftest_remove(t->store, t->mark, &err) < 0)
		say_err(t, "database", &err);
	store_close(&t->store);
	settings_unref(&t->settings);
}

int
selftest_command(struct ctl *ctl)
{
	if (args_none(ctl) == ARGS_STOP)
		return ctl->code;
	if (args_words(ctl, 0, "no words") < 0)
		return CTL_USAGE;
	struct test t = {.arena = ctl->arena, .well = true};
	if (ctl_load_settings(ctl, &t.settings) < 0)
		return CTL_FAILED;
	run(&t);
	end(&t);
	const struct view view = {
	    ctl->out, &ctl->screen, ctl->arena, ctl->file};
	int code = ctl->json ? ctl_document(ctl, json_check(t.steps, t.steps_n))
			     : ctl_printed(
				   ctl, check_print(&view, t.steps, t.steps_n));
	return code == CTL_DONE && !t.well ? CTL_FAILED : code;
}
