/*
 * caller.c: the MTA's side of the milter protocol.
 *
 * One step after another, in the order of SMTP. Each is sent unless it was
 * negotiated away, its macros before it, and answered unless the milter said
 * that it will not (SMFIP_NR_*). A connection serves several messages; CONNECT
 * and HELO are sent once.
 */
#include "bulkwatch/caller.h"

#include <errno.h>
#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

/* Written at once at most. */
#define CHUNK 65536

#define HOST "localhost"

struct caller {
	int fd;
	bool greeted; /* CONNECT and HELO are sent */
	uint32_t version, steps;
	int64_t until_ms; /* steady clock: then the patience is over */
	struct wire_out out;
	struct wire_in in;
};

/* --------------------------------------------------------------- the wire */

static double
now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

static void
set_patience(struct caller *c)
{
	c->until_ms = (int64_t)now_ms() + CALLER_TIMEOUT_SECS * 1000;
}

/* Waits until the socket is ready. Returns 0, or -1 with a sentence. */
static int
wait_for(struct caller *c, short events, struct err *err)
{
	struct pollfd wait = {.fd = c->fd, .events = events};
	for (;;) {
		int64_t left = c->until_ms - (int64_t)now_ms();
		int ready = left <= 0 ? 0 : poll(&wait, 1, (int)left);
		if (ready > 0)
			return 0;
		if (ready == 0)
			return err_set(err,
			    "no answer within %d s; the daemon's log says what "
			    "it waits for: journalctl -u bulkwatchd",
			    CALLER_TIMEOUT_SECS);
		if (errno != EINTR)
			return err_sys(err, "the connection failed");
	}
}

static int
hung_up(struct err *err)
{
	if (errno == 0 || errno == ECONNRESET || errno == EPIPE)
		return err_set(err,
		    "who listens there hung up; the daemon's log says why: "
		    "journalctl -u bulkwatchd");
	return err_sys(err, "the connection failed");
}

static int
flush(struct caller *c, struct err *err)
{
	int sent;
	while ((sent = wire_send(&c->out, c->fd, CHUNK)) == 0)
		if (wait_for(c, POLLOUT, err) < 0)
			return -1;
	return sent < 0 ? hung_up(err) : 0;
}

/* Sends what waits and takes the next reply; *at_r is what to give to
 * wire_consume when it was looked at. */
static int
take_reply(
    struct caller *c, struct wire_reply *reply_r, size_t *at_r, struct err *err)
{
	if (flush(c, err) < 0)
		return -1;
	for (;;) {
		*at_r = 0;
		int got = wire_next(&c->in, at_r, reply_r);
		if (got == 1)
			return 0;
		if (got < 0)
			return err_set(err, "what came back is no answer of a "
					    "milter: another program listens "
					    "there");
		if (wait_for(c, POLLIN, err) < 0)
			return -1;
		if (wire_receive(&c->in, c->fd) < 0)
			return hung_up(err);
	}
}

/* --------------------------------------------------------------- answers */

/* What a reply means for the message. */
enum effect {
	EFFECT_MORE, /* another reply follows */
	EFFECT_HOLD, /* likewise, and the message is held */
	EFFECT_GO_ON,
	EFFECT_ACCEPT,
	EFFECT_DEFER,
	EFFECT_REFUSE,
	EFFECT_TEXT, /* defer or refuse, as the text begins */
	EFFECT_NONE, /* no reply that we know */
};

static enum effect
effect_of(char command)
{
	static const struct {
		char command;
		enum effect effect;
	} effects[] = {
	    {SMFIR_CONTINUE, EFFECT_GO_ON},
	    {SMFIR_SKIP, EFFECT_GO_ON},
	    {SMFIR_ACCEPT, EFFECT_ACCEPT},
	    {SMFIR_TEMPFAIL, EFFECT_DEFER},
	    {SMFIR_SHUTDOWN, EFFECT_DEFER},
	    {SMFIR_CONN_FAIL, EFFECT_DEFER},
	    {SMFIR_REJECT, EFFECT_REFUSE},
	    {SMFIR_DISCARD, EFFECT_REFUSE},
	    {SMFIR_REPLYCODE, EFFECT_TEXT},
	    {SMFIR_QUARANTINE, EFFECT_HOLD},
	};
	/* Progress, and changes to the message, which none of ours makes. */
	static const char more[] = {SMFIR_PROGRESS, SMFIR_ADDHEADER,
	    SMFIR_INSHEADER, SMFIR_CHGHEADER, SMFIR_ADDRCPT, SMFIR_ADDRCPT_PAR,
	    SMFIR_DELRCPT, SMFIR_CHGFROM, SMFIR_REPLBODY};
	for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++)
		if (effects[i].command == command)
			return effects[i].effect;
	return memchr(more, command, sizeof(more)) != NULL ? EFFECT_MORE
							   : EFFECT_NONE;
}

/* Waits for what is said to a step. Returns 1 if the message goes on to the
 * next one, 0 if *answer_r ends it, -1 with a sentence. */
static int
take_answer(struct caller *c, bool at_end, enum caller_answer *answer_r,
    struct err *err)
{
	struct wire_reply reply;
	size_t at;
	bool held = false;
	enum effect effect;
	do {
		if (take_reply(c, &reply, &at, err) < 0)
			return -1;
		effect = effect_of(reply.command);
		if (effect == EFFECT_TEXT)
			effect = reply.n > 0 && reply.data[0] == '5'
				     ? EFFECT_REFUSE
				     : EFFECT_DEFER;
		held = held || effect == EFFECT_HOLD;
		wire_consume(&c->in, at);
	} while (effect == EFFECT_MORE || effect == EFFECT_HOLD);
	if (effect == EFFECT_NONE)
		return err_set(err, "the milter said something that the "
				    "protocol does not know: another program "
				    "listens there");
	if (effect == EFFECT_GO_ON && !at_end)
		return 1;
	static const enum caller_answer answers[] = {
	    [EFFECT_GO_ON] = CALLER_GO_ON,
	    [EFFECT_ACCEPT] = CALLER_GO_ON,
	    [EFFECT_DEFER] = CALLER_DEFERRED,
	    [EFFECT_REFUSE] = CALLER_REFUSED,
	};
	*answer_r = effect == EFFECT_ACCEPT && !at_end ? CALLER_UNWANTED
		    : held && effect == EFFECT_GO_ON   ? CALLER_HELD
						       : answers[effect];
	return 0;
}

/* ------------------------------------------------------------------ steps */

/* Macros of a step: pairs of name and value, NULL at the end; one whose value
 * is "" is left out. */
static void
put_macros(struct caller *c, char command, const char *const *pairs)
{
	wire_begin(&c->out, SMFIC_MACRO);
	wire_byte(&c->out, (unsigned char)command);
	for (; pairs[0] != NULL; pairs += 2) {
		if (pairs[1][0] == '\0')
			continue;
		wire_string(&c->out, pairs[0]);
		wire_string(&c->out, pairs[1]);
	}
	wire_end(&c->out);
}

/* A step without its data, to be ended by end_step. Returns false if it is not
 * wanted. */
static bool
begin_step(struct caller *c, char command, uint32_t unwanted)
{
	if ((c->steps & unwanted) != 0)
		return false;
	wire_begin(&c->out, command);
	return true;
}

/* Returns as take_answer; 1 at once if no reply comes. */
static int
end_step(struct caller *c, uint32_t no_reply, enum caller_answer *answer_r,
    struct err *err)
{
	wire_end(&c->out);
	return (c->steps & no_reply) != 0
		   ? 1
		   : take_answer(c, no_reply == 0, answer_r, err);
}

static void
put_address(struct caller *c, const char *address)
{
	wire_bytes(&c->out, "<", 1);
	wire_bytes(&c->out, address, strlen(address));
	wire_string(&c->out, ">");
}

static int
say_hello(struct caller *c, const struct caller_message *m,
    enum caller_answer *answer_r, struct err *err)
{
	int got = 1;
	if (c->greeted)
		return 1;
	c->greeted = true;
	if (begin_step(c, SMFIC_CONNECT, SMFIP_NOCONNECT)) {
		wire_string(&c->out, HOST);
		wire_byte(&c->out,
		    strchr(m->client, ':') == NULL ? SMFIA_INET : SMFIA_INET6);
		wire_u16(&c->out, 25);
		wire_string(&c->out, m->client);
		got = end_step(c, SMFIP_NR_CONN, answer_r, err);
	}
	if (got == 1 && begin_step(c, SMFIC_HELO, SMFIP_NOHELO)) {
		wire_string(&c->out, HOST);
		got = end_step(c, SMFIP_NR_HELO, answer_r, err);
	}
	return got;
}

static int
say_envelope(struct caller *c, const struct caller_message *m,
    enum caller_answer *answer_r, struct err *err)
{
	const char *const macros[] = {"{client_addr}", m->client,
	    "{auth_authen}", m->login, "{mail_addr}", m->from, NULL};
	int got = 1;
	put_macros(c, SMFIC_MAIL, macros);
	if (begin_step(c, SMFIC_MAIL, SMFIP_NOMAIL)) {
		put_address(c, m->from);
		got = end_step(c, SMFIP_NR_MAIL, answer_r, err);
	}
	for (size_t i = 0; got == 1 && i < m->recipients_n; i++) {
		if (!begin_step(c, SMFIC_RCPT, SMFIP_NORCPT))
			break;
		put_address(c, m->recipients[i]);
		got = end_step(c, SMFIP_NR_RCPT, answer_r, err);
	}
	if (got == 1 && begin_step(c, SMFIC_DATA, SMFIP_NODATA))
		got = end_step(c, SMFIP_NR_DATA, answer_r, err);
	return got;
}

static int
say_content(struct caller *c, const struct caller_message *m,
    enum caller_answer *answer_r, struct err *err)
{
	const char *const macros[] = {"i", m->queue_id, NULL};
	int got = 1;
	for (size_t i = 0; got == 1 && i < m->headers_n; i++) {
		if (!begin_step(c, SMFIC_HEADER, SMFIP_NOHDRS))
			break;
		wire_string(&c->out, m->headers[i].name);
		if ((c->steps & SMFIP_HDR_LEADSPC) != 0)
			wire_bytes(&c->out, " ", 1);
		wire_string(&c->out, m->headers[i].value);
		got = end_step(c, SMFIP_NR_HDR, answer_r, err);
	}
	if (got == 1 && begin_step(c, SMFIC_EOH, SMFIP_NOEOH))
		got = end_step(c, SMFIP_NR_EOH, answer_r, err);
	if (got == 1 && begin_step(c, SMFIC_BODY, SMFIP_NOBODY)) {
		wire_bytes(&c->out, "\r\n", 2);
		got = end_step(c, SMFIP_NR_BODY, answer_r, err);
	}
	if (got != 1)
		return got;
	put_macros(c, SMFIC_BODYEOB, macros);
	wire_begin(&c->out, SMFIC_BODYEOB);
	return end_step(c, 0, answer_r, err);
}

int
caller_send(struct caller *c, const struct caller_message *m,
    enum caller_answer *answer_r, double *took_ms_r, struct err *err)
{
	const double began = now_ms();
	set_patience(c);
	int got = say_hello(c, m, answer_r, err);
	if (got == 1)
		got = say_envelope(c, m, answer_r, err);
	if (got == 1)
		got = say_content(c, m, answer_r, err);
	*took_ms_r = now_ms() - began;
	/* As Postfix: each message is followed by this. */
	wire_command(&c->out, SMFIC_ABORT);
	return got < 0 ? -1 : 0;
}

/* ------------------------------------------------------------- connection */

static int
negotiate(struct caller *c, struct err *err)
{
	struct wire_reply reply;
	size_t at;
	set_patience(c);
	wire_begin(&c->out, SMFIC_OPTNEG);
	wire_u32(&c->out, SMFI_PROT_VERSION);
	wire_u32(&c->out, SMFI_CURR_ACTS);
	wire_u32(&c->out, SMFI_CURR_PROT);
	wire_end(&c->out);
	if (take_reply(c, &reply, &at, err) < 0)
		return -1;
	/* The macros that it asks for stand behind: it gets ours. */
	if (reply.command != SMFIC_OPTNEG || reply.n < MILTER_OPTLEN)
		return err_set(err, "what came back is no answer of a milter: "
				    "another program listens there");
	c->version = wire_read_u32(reply.data);
	c->steps = wire_read_u32(reply.data + 8);
	wire_consume(&c->in, at);
	return 0;
}

int
caller_open(int fd, struct caller **caller_r, struct err *err)
{
	struct caller *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		close(fd);
		return err_set(err, "memory is out");
	}
	c->fd = fd;
	if (negotiate(c, err) < 0) {
		caller_close(&c);
		return -1;
	}
	*caller_r = c;
	return 0;
}

void
caller_close(struct caller **caller)
{
	struct caller *c = *caller;
	if (c == NULL)
		return;
	wire_command(&c->out, SMFIC_QUIT);
	wire_send(&c->out, c->fd, CHUNK);
	close(c->fd);
	wire_out_free(&c->out);
	free(c);
	*caller = NULL;
}

uint32_t
caller_version(const struct caller *c)
{
	return c->version;
}
