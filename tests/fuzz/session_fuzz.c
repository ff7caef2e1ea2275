/*
 * session_fuzz.c: libmilter's callbacks in any order with any arguments, on
 * several connections.
 *
 * libmilter is played by this file: its functions are defined here, and what
 * it lends to a callback is gone when the callback returns. The recorder's part
 * is played too: it looks at each message it is given. What the messages must
 * be is known from the callbacks alone (struct connection).
 */
#include "fuzz.h"

#include <libmilter/mfapi.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bulkwatch/address.h"
#include "bulkwatch/header.h"
#include "bulkwatch/own.h"
#include "bulkwatch/policy.h"
#include "bulkwatch/session.h"
#include "bulkwatch/text.h"

#define CONNECTIONS 3
#define OPS_MAX 400
#define RECIPIENTS_MAX 512

/* As a self-test writes it. */
#define MARK "0123456789abcdef0123456789abcdef"

/* ------------------------------------------------------ libmilter's part */

enum { MACRO_LOGIN, MACRO_CLIENT, MACRO_QUEUE_ID, MACROS_N };

static const char *const macro_names[MACROS_N] = {
    [MACRO_LOGIN] = "{auth_authen}",
    [MACRO_CLIENT] = "{client_addr}",
    [MACRO_QUEUE_ID] = "i",
};

struct smfi_str {
	void *private_data;
	bool order_is_refused; /* the answer to an order at end of message */
	unsigned replies, quarantines;
	char *macros[MACROS_N];
	bool in_callback;
};

static struct smfiDesc milter;

int
smfi_register(struct smfiDesc description)
{
	milter = description;
	return MI_SUCCESS;
}

void *
smfi_getpriv(SMFICTX *ctx)
{
	MUST(ctx->in_callback);
	return ctx->private_data;
}

int
smfi_setpriv(SMFICTX *ctx, void *data)
{
	MUST(ctx->in_callback);
	ctx->private_data = data;
	return MI_SUCCESS;
}

char *
smfi_getsymval(SMFICTX *ctx, char *name)
{
	MUST(ctx->in_callback);
	for (int i = 0; i < MACROS_N; i++)
		if (strcmp(name, macro_names[i]) == 0)
			return ctx->macros[i];
	return NULL;
}

int
smfi_setsymlist(SMFICTX *ctx, int stage, char *names)
{
	MUST(ctx->in_callback && stage >= 0 && names[0] != '\0');
	return MI_SUCCESS;
}

/* libmilter takes 32 lines of 980 bytes without a line's end, and hands them on
 * to MTAs that take them as a format. */
static void
check_reply_line(const char *line)
{
	MUST(line[0] != '\0' && strlen(line) <= 980);
	for (const char *p = line; *p != '\0'; p++) {
		MUST(*p >= ' ' && *p <= '~');
		if (*p == '%')
			MUST(*++p == '%');
	}
}

int
smfi_setmlreply(SMFICTX *ctx, const char *code, const char *status, ...)
{
	MUST(ctx->in_callback);
	MUST(strcmp(code, "451") == 0 || strcmp(code, "550") == 0);
	MUST(status[0] == code[0]);
	int n = 0;
	va_list lines;
	va_start(lines, status);
	for (const char *line; (line = va_arg(lines, char *)) != NULL; n++)
		check_reply_line(line);
	va_end(lines);
	MUST(n >= 1 && n <= 32);
	ctx->replies++;
	return ctx->order_is_refused ? MI_FAILURE : MI_SUCCESS;
}

int
smfi_quarantine(SMFICTX *ctx, char *reason)
{
	MUST(ctx->in_callback && text_is_clean(reason, strlen(reason)));
	ctx->quarantines++;
	return ctx->order_is_refused ? MI_FAILURE : MI_SUCCESS;
}

/* ----------------------------------------------------------- what is known */

struct connection {
	SMFICTX ctx;
	bool negotiated;                  /* libmilter lets an MTA do so once */
	bool can_hold;                    /* its MTA offers quarantine */
	bool outbound;                    /* MAIL was answered with CONTINUE */
	char *recipients[RECIPIENTS_MAX]; /* canonical, not exempt, unique */
	size_t recipients_n;
	bool any;   /* a recipient came */
	bool nonce; /* a header with our own nonce came */
};

static struct {
	const struct settings *settings;
	struct own *own;
	struct connection connections[CONNECTIONS];
	struct connection *at_eom; /* whose end of message is under way */
	unsigned recorded;         /* messages of this end of message */
	struct verdict verdict;    /* what the recorder will say */
	long references;           /* to the settings */
	bool mta_can_hold;         /* the one that negotiated last */
} world;

static void
forget(struct connection *c)
{
	for (size_t i = 0; i < c->recipients_n; i++)
		free(c->recipients[i]);
	c->recipients_n = 0;
	c->outbound = c->any = c->nonce = false;
}

static void
note_recipient(struct connection *c, const char *argument)
{
	struct arena *arena = arena_new();
	MUST(arena != NULL);
	const char *address = address_canonical(arena, argument);
	const bool nobody = address[0] == '\0';
	bool known =
	    nobody || policy_recipient_is_exempt(world.settings, address);
	for (size_t i = 0; i < c->recipients_n; i++)
		known = known || strcmp(c->recipients[i], address) == 0;
	MUST(c->recipients_n < RECIPIENTS_MAX);
	if (!known)
		c->recipients[c->recipients_n++] = strdup(address);
	c->any = c->any || !nobody;
	arena_free(arena);
}

static bool
is_known(const struct connection *c, const char *address)
{
	for (size_t i = 0; i < c->recipients_n; i++)
		if (strcmp(c->recipients[i], address) == 0)
			return true;
	return false;
}

/* ----------------------------------------------------- the recorder's part */

static void
check_string(const char *text)
{
	MUST(text != NULL && text_is_clean(text, strlen(text)));
}

static void
check_message(const struct connection *c, const struct message *m)
{
	check_string(m->sender);
	check_string(m->mail_from);
	check_string(m->login);
	check_string(m->client);
	check_string(m->queue_id);
	check_string(m->message_id);
	check_string(m->subject);
	MUST(record_identity_name(m->identity)[0] != '?');
	MUST(m->recipients_n == c->recipients_n);
	MUST(m->recipient_count == m->recipients_n);
	MUST(m->external_count <= m->recipient_count);
	for (size_t i = 0; i < m->recipients_n; i++) {
		const char *address = m->recipients[i].address;
		check_string(address);
		MUST(is_known(c, address));
		MUST(i == 0 ||
		     strcmp(m->recipients[i - 1].address, address) < 0);
	}
}

struct verdict __wrap_recorder_record(struct recorder *recorder,
    struct arena *arena, const struct settings *settings,
    struct message *message, bool can_hold);

struct verdict
__wrap_recorder_record(struct recorder *recorder, struct arena *arena,
    const struct settings *settings, struct message *message, bool can_hold)
{
	(void)recorder;
	MUST(settings == world.settings);
	MUST(world.at_eom != NULL && world.at_eom->outbound);
	MUST(world.at_eom->any);
	MUST(can_hold == world.at_eom->can_hold);
	check_message(world.at_eom, message);
	world.recorded++;
	arena_free(arena);
	return world.verdict;
}

int __wrap_recorder_call_in_time(struct recorder *recorder,
    recorder_job_fn *job, const void *context, size_t context_bytes,
    struct err *err);

/* Only a self-test's message to nobody has a job for the recorder. */
int
__wrap_recorder_call_in_time(struct recorder *recorder, recorder_job_fn *job,
    const void *context, size_t context_bytes, struct err *err)
{
	(void)recorder;
	(void)err;
	const char *mark = context;
	MUST(job != NULL && context_bytes == SELFTEST_MARK_LENGTH + 1);
	MUST(strlen(mark) == SELFTEST_MARK_LENGTH);
	MUST(world.at_eom != NULL && world.at_eom->outbound);
	MUST(!world.at_eom->any);
	return 0;
}

void __real_settings_unref(const struct settings **settings);
void __wrap_settings_unref(const struct settings **settings);

void
__wrap_settings_unref(const struct settings **settings)
{
	if (*settings != NULL)
		world.references--;
	__real_settings_unref(settings);
}

static const struct settings *
get_settings(void *context)
{
	(void)context;
	world.references++;
	return settings_ref(world.settings);
}

/* -------------------------------------------------------------- callbacks */

/* One of some values that mean something, or any. NULL: there is none. */
static char *
choose(struct fuzz_input *input, const char *const *values, size_t n)
{
	const size_t choice = fuzz_byte(input) % (n + 2);
	if (choice == n)
		return NULL;
	return choice < n ? strdup(values[choice]) : fuzz_string(input);
}

#define CHOOSE(input, ...)                                                     \
	choose(input, (const char *const[]){__VA_ARGS__},                      \
	    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void
lend(struct connection *c, struct fuzz_input *input)
{
	c->ctx.macros[MACRO_LOGIN] = CHOOSE(input, "thu.ha", "Thu.Ha@x.vn", "");
	c->ctx.macros[MACRO_CLIENT] =
	    CHOOSE(input, "127.0.0.1", "IPv6:::1", "203.0.113.9");
	c->ctx.macros[MACRO_QUEUE_ID] = CHOOSE(input, "4ABC");
	c->ctx.in_callback = true;
}

static void
take_back(struct connection *c)
{
	c->ctx.in_callback = false;
	for (int i = 0; i < MACROS_N; i++) {
		free(c->ctx.macros[i]);
		c->ctx.macros[i] = NULL;
	}
}

static void
negotiate(struct connection *c, struct fuzz_input *input)
{
	const unsigned long actions = fuzz_byte(input) % 2 ? 0x1ff : 0;
	unsigned long steps = fuzz_byte(input), a = ~0UL, p = ~0UL, u2, u3;
	steps |= (unsigned long)fuzz_byte(input) << 8;
	steps |= (unsigned long)fuzz_byte(input) << 16;
	/* libmilter takes no reply from us whatever the MTA knows. */
	steps |= SMFIP_NR_RCPT | SMFIP_NR_HDR;
	if (c->negotiated)
		return;
	sfsistat answer = milter.xxfi_negotiate(
	    &c->ctx, actions, steps, 0, 0, &a, &p, &u2, &u3);
	MUST(answer == SMFIS_CONTINUE);
	MUST((a & ~actions) == 0 && (p & ~steps) == 0 && u2 == 0 && u3 == 0);
	c->negotiated = true;
	c->can_hold = (actions & SMFIF_QUARANTINE) != 0;
	world.mta_can_hold = c->can_hold;
}

static void
begin(struct connection *c, char **argv)
{
	forget(c);
	/* A session of a connection whose session before was closed. */
	if (c->ctx.private_data == NULL)
		c->can_hold = world.mta_can_hold;
	sfsistat answer = milter.xxfi_envfrom(&c->ctx, argv);
	MUST(answer == SMFIS_CONTINUE || answer == SMFIS_ACCEPT);
	c->outbound = answer == SMFIS_CONTINUE;
}

static void
recipient(struct connection *c, char **argv)
{
	if (c->outbound && argv[0] != NULL && c->recipients_n < RECIPIENTS_MAX)
		note_recipient(c, argv[0]);
	else if (c->recipients_n == RECIPIENTS_MAX)
		return;
	MUST(milter.xxfi_envrcpt(&c->ctx, argv) == SMFIS_NOREPLY);
}

static void
header(struct connection *c, struct fuzz_input *input)
{
	struct err err;
	char nonce[OWN_NONCE_MAX];
	static const char *const to[] = {"admin@x.vn"};
	const struct text_list list = {to, 1};
	char *name =
	    CHOOSE(input, "Subject", "message-id", OWN_HEADER, SELFTEST_HEADER);
	char *value = CHOOSE(input, "Hello", "=?utf-8?B?xrA=?=", "<1@x>", MARK);
	if (name == NULL) {
		name = strdup(OWN_HEADER);
		free(value);
		MUST(own_expect(world.own, &list, 1, nonce, &err) == 0);
		value = strdup(nonce);
	}
	if (value == NULL)
		value = strdup("");
	c->nonce = c->nonce || strcasecmp(name, OWN_HEADER) == 0;
	MUST(milter.xxfi_header(&c->ctx, name, value) == SMFIS_NOREPLY);
	free(name);
	free(value);
}

/* What the recorder may say: a rule's action, or to defer without a rule. */
static struct verdict
choose_verdict(const struct connection *c, struct fuzz_input *input)
{
	const uint8_t byte = fuzz_byte(input);
	struct verdict verdict = {.action = (enum action)(byte % 4)};
	const bool on_failure = verdict.action == ACTION_DEFER && byte >= 128;
	if (verdict.action == ACTION_HOLD && !c->can_hold)
		verdict.action = ACTION_DEFER;
	if (verdict.action != ACTION_LOG && !on_failure)
		verdict.rule =
		    &world.settings->rules[byte / 4 % world.settings->rules_n];
	return verdict;
}

/* The answer and the orders that go with a verdict. */
static void
check_answer(const struct connection *c, sfsistat answer)
{
	const struct verdict *v = &world.verdict;
	const bool held = v->action == ACTION_HOLD;
	MUST(c->ctx.quarantines == (held ? 1 : 0));
	MUST(c->ctx.replies == (v->rule != NULL && !held ? 1 : 0));
	if (v->action == ACTION_REJECT)
		MUST(answer == SMFIS_REJECT);
	else if (v->action == ACTION_DEFER || (held && c->ctx.order_is_refused))
		MUST(answer == SMFIS_TEMPFAIL);
	else
		MUST(answer == SMFIS_CONTINUE);
}

static void
end(struct connection *c, struct fuzz_input *input)
{
	world.at_eom = c;
	world.recorded = 0;
	world.verdict = choose_verdict(c, input);
	c->ctx.order_is_refused = fuzz_byte(input) % 4 == 3;
	c->ctx.replies = c->ctx.quarantines = 0;
	sfsistat answer = milter.xxfi_eom(&c->ctx);
	MUST(world.recorded <= 1);
	if (c->outbound && c->any && !c->nonce)
		MUST(world.recorded == 1);
	if (world.recorded == 0)
		world.verdict = (struct verdict){.action = ACTION_LOG};
	check_answer(c, answer);
	world.at_eom = NULL;
	forget(c);
}

static void
hang_up(struct connection *c)
{
	milter.xxfi_close(&c->ctx);
	MUST(c->ctx.private_data == NULL);
	forget(c);
	c->negotiated = c->can_hold = false;
}

enum op {
	OP_NEGOTIATE,
	OP_ENVFROM,
	OP_ENVRCPT,
	OP_DATA,
	OP_HEADER,
	OP_EOM,
	OP_ABORT,
	OP_CLOSE,
	OPS_N
};

static char *
argument(enum op op, struct fuzz_input *input)
{
	if (op == OP_ENVFROM)
		return CHOOSE(
		    input, "<an@x.vn>", "<>", "<prvs=1234=an@x.vn>", "an");
	return CHOOSE(input, "<admin@x.vn>", "<B@y.vn>", "<b@y.vn.>",
	    "<list@exempt.vn>", "<>", "<\"b\"@y.vn>");
}

static void
call_with_argument(struct connection *c, enum op op, struct fuzz_input *input)
{
	char *argv[2] = {argument(op, input), NULL};
	char *given = argv[0];
	if (op == OP_ENVFROM)
		begin(c, argv);
	else
		recipient(c, argv);
	free(given);
}

static void
run_op(struct fuzz_input *input)
{
	const uint8_t byte = fuzz_byte(input);
	struct connection *c = &world.connections[byte / OPS_N % CONNECTIONS];
	const enum op op = byte % OPS_N;
	lend(c, input);
	switch (op) {
	case OP_NEGOTIATE:
		negotiate(c, input);
		break;
	case OP_ENVFROM:
	case OP_ENVRCPT:
		call_with_argument(c, op, input);
		break;
	case OP_DATA:
		MUST(milter.xxfi_data(&c->ctx) == SMFIS_CONTINUE);
		break;
	case OP_HEADER:
		header(c, input);
		break;
	case OP_EOM:
		end(c, input);
		break;
	case OP_ABORT:
		MUST(milter.xxfi_abort(&c->ctx) == SMFIS_CONTINUE);
		forget(c);
		break;
	case OP_CLOSE:
	case OPS_N:
		hang_up(c);
		break;
	}
	take_back(c);
}

/* --------------------------------------------------------------- harness */

static void
prepare(void)
{
	struct err err;
	mail_init();
	world.settings =
	    fuzz_settings("listen = \"unix:/m.sock\"; database = \"/m.db\"; "
			  "spool = \"/m\"; local_domains = [ \"x.vn\" ];\n"
			  "rules: ( { name = \"plain\"; recipients = 20; "
			  "action = \"hold\"; }, { name = \"percent\"; "
			  "recipients = 20; reply = \"100% of %s\"; "
			  "action = \"reject\"; } );\n"
			  "exempt: { recipients = [ \"*@exempt.vn\" ]; };\n"
			  "alerts: { to = [ \"admin@x.vn\" ]; contact = "
			  "\"Văn phòng, %n\"; };\n");
	MUST(own_init(&world.own, &err) == 0);
	const struct session_options options = {
	    .own = world.own, .settings = get_settings};
	MUST(session_register(&options, &err) == 0);
}

/* Each input finds the session as the first one did. */
static void
forget_mta(void)
{
	struct fuzz_input none = {NULL, 0};
	struct connection *c = &world.connections[0];
	c->ctx.in_callback = true;
	negotiate(c, &none);
	hang_up(c);
	c->ctx.in_callback = false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	if (world.settings == NULL)
		prepare();
	forget_mta();
	for (int i = 0; i < OPS_MAX && input.left > 0; i++)
		run_op(&input);
	for (int i = 0; i < CONNECTIONS; i++) {
		world.connections[i].ctx.in_callback = true;
		hang_up(&world.connections[i]);
		world.connections[i].ctx.in_callback = false;
	}
	MUST(world.references == 0);
	return 0;
}
