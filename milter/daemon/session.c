/*
 * session.c: libmilter's callbacks, from which messages are made.
 *
 * Two lifetimes: the connection (struct session, libmilter's private data) and
 * the message (struct envelope in it). One function, envelope_forget, ends a
 * message; it is safe to call at any time.
 *
 *   callback    before MAIL        in a message           answer
 *   ---------   ----------------   --------------------   -----------------
 *   negotiate   steps are agreed   -                      SMFIS_CONTINUE
 *   envfrom     begins a message   forgets, begins anew   CONTINUE: outbound
 *                                                         ACCEPT: not
 *   envrcpt     ignored            adds a recipient       none
 *   data        nothing            nothing                CONTINUE (TCP only)
 *   header      ignored            keeps four of them     none
 *   eom         accepted           records, forgets       CONTINUE, after
 *                                                         quarantine: held;
 *                                                         TEMPFAIL, REJECT
 *   abort       nothing            forgets                CONTINUE
 *   close       frees all          frees all              CONTINUE
 *
 * After ACCEPT at MAIL no further callback of that message comes. Abort may
 * come without a message, and does not come after a verdict; close may be the
 * only callback of a connection, without private data. One connection's
 * callbacks run on different threads, one after another. After close another
 * SMTP session may come on the same connection (QUIT_NC), with no negotiation.
 *
 * What crosses the wire for an outbound message: MAIL and its answer, then
 * recipients, headers and end of message without a stop, and its answer. MAIL
 * is answered so that mail which is not outbound costs one round trip and no
 * header. Over TCP, DATA is answered too: without it the small packets of
 * Postfix's smtpd wait for a delayed acknowledgement (Nagle) before the end of
 * message leaves, 40 ms a message.
 */
#include "bulkwatch/session.h"

#include <libmilter/mfapi.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/log.h"
#include "bulkwatch/policy.h"
#include "envelope.h"
#include "reply.h"

struct session {
	bool can_hold; /* as negotiated */
	struct envelope envelope;
};

/* libmilter's callbacks have no argument for the milter itself. */
static struct session_options options;
static atomic_int under_way; /* ends of message */
static atomic_ulong answered; /* MAILs and ends of message */

/* What the MTA that negotiated last can do: for a session that comes on a
 * connection whose session was closed. */
static atomic_bool mta_can_hold;

/* ------------------------------------------------------------- lifetimes */

static struct session *
session_of(SMFICTX *ctx)
{
	struct session *session = smfi_getpriv(ctx);
	if (session != NULL)
		return session;
	session = calloc(1, sizeof(*session));
	if (session == NULL || smfi_setpriv(ctx, session) != MI_SUCCESS) {
		free(session);
		return NULL;
	}
	session->can_hold = atomic_load(&mta_can_hold);
	return session;
}

/* What is said when there is no memory for a message. */
static sfsistat
without_memory(const struct settings *settings)
{
	log_text(LOG_LEVEL_ERROR, "not-counted", "memory is out");
	return settings != NULL && settings->on_failure == ON_FAILURE_DEFER
		   ? SMFIS_TEMPFAIL
		   : SMFIS_ACCEPT;
}

/* A macro's value as libmilter has it, during the callback only; "" if the MTA
 * did not send it. */
static const char *
raw_macro(SMFICTX *ctx, const char *name)
{
	union {
		const char *in;
		char *out;
	} n = {.in = name}; /* older libmilters take char *, and only read */
	const char *value = smfi_getsymval(ctx, n.out);
	return value == NULL ? "" : value;
}

/* ------------------------------------------------------------- callbacks */

/* Once: without {client_addr} all its mail looks like local submission. */
static void
say_no_macros(void)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;
	if (!atomic_flag_test_and_set(&said))
		log_text(LOG_LEVEL_WARNING, "macros",
		    "the MTA does not let a milter choose macros: its own list "
		    "for MAIL must have {client_addr} and {auth_authen}, or "
		    "inbound mail is counted too");
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
    unsigned long unused2, unsigned long unused3, unsigned long *actions_r,
    unsigned long *steps_r, unsigned long *unused2_r, unsigned long *unused3_r)
{
	(void)unused2;
	(void)unused3;
	unsigned long wanted = SMFIP_NOCONNECT | SMFIP_NOHELO |
			       SMFIP_NOUNKNOWN | SMFIP_NOBODY | SMFIP_NOEOH |
			       SMFIP_NR_RCPT | SMFIP_NR_HDR;
	if (!options.over_tcp)
		wanted |= SMFIP_NODATA;
	/* libmilter always offers the two without a reply: to an MTA that does
	 * not know them it sends one in our place. */
	*steps_r = wanted & steps;
	*actions_r = actions & SMFIF_QUARANTINE;
	*unused2_r = 0;
	*unused3_r = 0;
	struct session *session = session_of(ctx);
	if (session == NULL)
		return SMFIS_REJECT; /* this connection goes without us */
	session->can_hold = (actions & SMFIF_QUARANTINE) != 0;
	atomic_store(&mta_can_hold, session->can_hold);
	if ((actions & SMFIF_SETSYMLIST) == 0) {
		say_no_macros();
		return SMFIS_CONTINUE; /* an old MTA sends its own choice */
	}
	/* {client_addr} is in no MTA's list of MAIL. Sendmail ignores the list
	 * for end of message unless one for end of headers is set too. The
	 * queue id is there at MAIL with Sendmail, at end of message with
	 * Postfix. */
	static const struct {
		int stage;
		const char *names;
	} lists[] = {
	    {SMFIM_ENVFROM, "i {auth_authen} {client_addr}"},
	    {SMFIM_ENVRCPT, "i"}, /* nothing: no list may be empty */
	    {SMFIM_EOH, "i"},
	    {SMFIM_EOM, "i"},
	};
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		char names[64];
		snprintf(names, sizeof(names), "%s", lists[i].names);
		smfi_setsymlist(ctx, lists[i].stage, names);
	}
	*actions_r |= SMFIF_SETSYMLIST;
	return SMFIS_CONTINUE;
}

/* The client's address as the MTA gives it, during the callback only. Sendmail
 * says "0" of a session on its standard input: `sendmail -bs`, on this machine.
 */
static const char *
raw_client(SMFICTX *ctx)
{
	const char *client = raw_macro(ctx, "{client_addr}");
	return strcmp(client, "0") == 0 ? "127.0.0.1" : client;
}

/* Begins a message of facts known at MAIL. 1 outbound, 0 not, -1 no memory. */
static int
begin(SMFICTX *ctx, struct envelope *e, const char *mail_from)
{
	const struct settings *settings = options.settings(options.context);
	const struct envelope_origin origin = {.mail_from = mail_from,
	    .login = raw_macro(ctx, "{auth_authen}"),
	    .client = raw_client(ctx),
	    .queue_id = raw_macro(ctx, "i")};
	if (policy_is_outbound(settings, origin.login, origin.client))
		return envelope_begin(e, settings, &origin) < 0 ? -1 : 1;
	settings_unref(&settings);
	return 0;
}

static sfsistat
on_envfrom(SMFICTX *ctx, char **argv)
{
	struct session *session = session_of(ctx);
	if (session == NULL)
		return without_memory(NULL);
	envelope_forget(&session->envelope);
	int outbound =
	    begin(ctx, &session->envelope, argv[0] == NULL ? "" : argv[0]);
	atomic_fetch_add(&answered, 1);
	if (outbound == 1)
		return SMFIS_CONTINUE;
	sfsistat answer = outbound == 0
			      ? SMFIS_ACCEPT
			      : without_memory(session->envelope.settings);
	envelope_forget(&session->envelope);
	return answer;
}

static sfsistat
on_envrcpt(SMFICTX *ctx, char **argv)
{
	struct session *session = smfi_getpriv(ctx);
	if (session == NULL)
		return SMFIS_NOREPLY;
	struct envelope *e = &session->envelope;
	if (e->message != NULL && argv[0] != NULL &&
	    envelope_add_recipient(e, argv[0]) < 0)
		e->out_of_memory = true;
	return SMFIS_NOREPLY;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	struct session *session = smfi_getpriv(ctx);
	if (session == NULL)
		return SMFIS_NOREPLY;
	struct envelope *e = &session->envelope;
	if (e->message != NULL && !e->out_of_memory &&
	    envelope_add_header(e, name, value) < 0)
		e->out_of_memory = true;
	return SMFIS_NOREPLY;
}

/* Wanted over TCP for its answer alone. */
static sfsistat
on_data(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

/* -------------------------------------------------------- end of message */

/* A self-test asks first whether this daemon knows its mark, by a message to
 * nobody: with a daemon that works on another database it leaves no trace. */
static int
greet(struct store *store, void *context, struct err *err)
{
	int known = store_selftest_greet(store, context, clock_wall_ms(), err);
	return known < 0 ? -1 : 0;
}

static void
greet_selftest(const struct message *m)
{
	struct err err;
	/* Anybody may write such a mark. The MTA waits for an answer. */
	if (m->selftest != NULL)
		recorder_call_in_time(options.recorder, greet, m->selftest,
		    strlen(m->selftest) + 1, &err);
}

/* Hands the message over; the envelope is empty afterwards. */
static struct verdict
record(SMFICTX *ctx, struct envelope *e, bool can_hold)
{
	const struct verdict go_on = {.action = ACTION_LOG};
	struct message *m = e->message;
	envelope_end(e, raw_macro(ctx, "i"));
	/* No recipient: no message, whatever the MTA means by it. */
	if (e->recipients_n == 0)
		greet_selftest(m);
	if (e->recipients_n == 0 || envelope_is_own(e, options.own))
		return go_on;
	envelope_settle_recipients(e);
	struct arena *arena = e->arena;
	e->arena = NULL;
	return recorder_record(
	    options.recorder, arena, e->settings, m, can_hold);
}

/* Gives the MTA the text that goes with a refusal; without one it has its own.
 */
static void
set_reply(SMFICTX *ctx, const struct settings *settings,
    const struct verdict *verdict)
{
	char *lines[REPLY_LINES_MAX + 1] = {NULL};
	char code[4], status[6];
	struct arena *arena = arena_new();
	const bool reject = verdict->action == ACTION_REJECT;
	snprintf(code, sizeof(code), reject ? "550" : "451");
	snprintf(status, sizeof(status), reject ? "5.7.1" : "4.7.1");
	/* libmilter takes as many lines as come before the first NULL. */
	if (arena == NULL ||
	    reply_lines(arena, verdict->rule, verdict->action,
		settings->alerts.contact, lines) < 0 ||
	    smfi_setmlreply(ctx, code, status, lines[0], lines[1], lines[2],
		lines[3], lines[4], lines[5], lines[6], lines[7],
		NULL) != MI_SUCCESS)
		log_text(LOG_LEVEL_WARNING, "reply",
		    "the text of rule %s could not be given to the MTA",
		    verdict->rule->name);
	arena_free(arena);
}

/* Puts the mail aside. If the MTA does not take the order the mail shall come
 * again: a person is to look at it before it goes. The queue id is in the
 * reason because Sendmail may split a held message afterwards (a queue group
 * with a limit of recipients): each part has an id of its own then, and this
 * reason. */
static sfsistat
hold(SMFICTX *ctx, struct verdict *verdict)
{
	char reason[160], queue_id[65];
	snprintf(queue_id, sizeof(queue_id), "%s", raw_macro(ctx, "i"));
	/* It goes into the MTA's queue file: no line may end in it. */
	for (char *p = queue_id; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	snprintf(reason, sizeof(reason), "bulkwatch %s: rule %s", queue_id,
	    verdict->rule->name);
	const bool held = smfi_quarantine(ctx, reason) == MI_SUCCESS;
	recorder_settle_hold(options.recorder, verdict, held);
	return held ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
}

static sfsistat
answer_of(
    SMFICTX *ctx, const struct settings *settings, struct verdict *verdict)
{
	if (verdict->action == ACTION_HOLD)
		return hold(ctx, verdict);
	if (verdict->rule != NULL)
		set_reply(ctx, settings, verdict);
	switch (verdict->action) {
	case ACTION_REJECT:
		return SMFIS_REJECT;
	case ACTION_DEFER:
		return SMFIS_TEMPFAIL;
	default:
		return SMFIS_CONTINUE;
	}
}

static sfsistat
on_eom(SMFICTX *ctx)
{
	struct session *session = smfi_getpriv(ctx);
	if (session == NULL || session->envelope.message == NULL)
		return SMFIS_CONTINUE;
	struct envelope *e = &session->envelope;
	sfsistat answer;
	atomic_fetch_add(&under_way, 1);
	if (e->out_of_memory) {
		answer = without_memory(e->settings);
	} else {
		struct verdict verdict = record(ctx, e, session->can_hold);
		answer = answer_of(ctx, e->settings, &verdict);
	}
	envelope_forget(&session->envelope);
	atomic_fetch_sub(&under_way, 1);
	atomic_fetch_add(&answered, 1);
	return answer;
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct session *session = smfi_getpriv(ctx);
	if (session != NULL)
		envelope_forget(&session->envelope);
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct session *session = smfi_getpriv(ctx);
	if (session == NULL)
		return SMFIS_CONTINUE;
	envelope_forget(&session->envelope);
	free(session);
	smfi_setpriv(ctx, NULL);
	return SMFIS_CONTINUE;
}

/* ------------------------------------------------------------ from outside */

int
session_register(const struct session_options *given, struct err *err)
{
	static char name[] = "bulkwatch";
	struct smfiDesc description = {
	    .xxfi_name = name,
	    .xxfi_version = SMFI_VERSION,
	    .xxfi_flags = SMFIF_SETSYMLIST | SMFIF_QUARANTINE,
	    .xxfi_negotiate = on_negotiate,
	    .xxfi_envfrom = on_envfrom,
	    .xxfi_envrcpt = on_envrcpt,
	    .xxfi_data = on_data,
	    .xxfi_header = on_header,
	    .xxfi_eom = on_eom,
	    .xxfi_abort = on_abort,
	    .xxfi_close = on_close,
	};
	options = *given;
	if (smfi_register(description) != MI_SUCCESS)
		return err_set(err, "libmilter does not take the callbacks");
	return 0;
}

bool
session_drain(int secs)
{
	const struct timespec moment = {.tv_nsec = 10000000};
	for (int i = 0; i < secs * 100 && atomic_load(&under_way) > 0; i++)
		nanosleep(&moment, NULL);
	return atomic_load(&under_way) == 0;
}

unsigned long
session_progress(void)
{
	return atomic_load(&answered);
}
