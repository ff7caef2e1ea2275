/*
 * session.c: the MTA's side of one milter connection.
 *
 * What Postfix 3.7 was seen to do, and this does too:
 * - the macros of CONNECT, HELO, MAIL, RCPT and DATA are sent even where the
 *   event itself is negotiated away, and even if none has a value;
 * - the macros for end of headers are sent before each header;
 * - smtpd writes out what it holds before it hands the connection to
 *   cleanup, so envelope and content are two writes even with no reply
 *   between them. That is why TCP without a reply at DATA stalls: the second
 *   write waits for the acknowledgement of the first;
 * - the buffer is 4096 bytes on a Unix socket, and as large as two segments
 *   on TCP;
 * - each message is followed by ABORT, whatever came of it, and the
 *   connection ends with ABORT and QUIT. Both wait for the next write.
 */
#include "session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire.h"

#define OFFERED_VERSION 6
#define OFFERED_ACTIONS SMFI_CURR_ACTS
#define OFFERED_STEPS SMFI_CURR_PROT

#define CHUNK_UNIX 4096
#define CHUNK_TCP 130964

#define BODY_CHUNK 65535
#define STAGES (SMFIM_LAST + 1)

enum event {
	EVENT_CONNECT, /* the first two once a connection */
	EVENT_HELO,
	EVENT_MAIL,
	EVENT_RCPT,
	EVENT_DATA,
	EVENT_HEADER, /* from here on, cleanup writes */
	EVENT_EOH,
	EVENT_BODY,
	EVENT_EOM,
	EVENTS_N,
};

/* Macros that the milter asked for, or Postfix's own choice, by stage. */
struct macro_list {
	unsigned char n;
	unsigned char ids[MAIL_MACROS_N];
};

struct session {
	struct session_run *run;
	int fd; /* -1: closed */
	size_t chunk;
	uint32_t steps; /* SMFIP_*, as negotiated */
	struct macro_list macros[STAGES];

	/* The reply that is due: to the negotiation, or to the event. */
	bool waiting, negotiating, watches_output;
	enum event event;
	size_t index;    /* which recipient, header or chunk of the body */
	size_t messages; /* finished on this connection */
	uint64_t began_ns, asked_ns;

	/* Of the message. */
	struct mail mail;
	size_t refused; /* recipients */
	bool quarantined;

	struct wire_out out;
	struct wire_in in;
};

/* -- events ------------------------------------------------------------- */

static void put_connect(struct session *session);
static void put_helo(struct session *session);
static void put_mail(struct session *session);
static void put_rcpt(struct session *session);
static void put_header(struct session *session);
static void put_body(struct session *session);

struct event_kind {
	char command;
	int stage;           /* whose macros go before it */
	uint32_t unwanted;   /* not sent if this was negotiated */
	uint32_t no_reply;   /* not answered if this was */
	bool macros_anyway;  /* sent even if the event is unwanted */
	void (*put)(struct session *session); /* its data; may be NULL */
};

static const struct event_kind events[EVENTS_N] = {
	[EVENT_CONNECT] = { SMFIC_CONNECT, SMFIM_CONNECT, SMFIP_NOCONNECT,
	    SMFIP_NR_CONN, true, put_connect },
	[EVENT_HELO] = { SMFIC_HELO, SMFIM_HELO, SMFIP_NOHELO, SMFIP_NR_HELO,
	    true, put_helo },
	[EVENT_MAIL] = { SMFIC_MAIL, SMFIM_ENVFROM, SMFIP_NOMAIL,
	    SMFIP_NR_MAIL, true, put_mail },
	[EVENT_RCPT] = { SMFIC_RCPT, SMFIM_ENVRCPT, SMFIP_NORCPT,
	    SMFIP_NR_RCPT, true, put_rcpt },
	[EVENT_DATA] = { SMFIC_DATA, SMFIM_DATA, SMFIP_NODATA, SMFIP_NR_DATA,
	    true, NULL },
	[EVENT_HEADER] = { SMFIC_HEADER, SMFIM_EOH, SMFIP_NOHDRS,
	    SMFIP_NR_HDR, false, put_header },
	[EVENT_EOH] = { SMFIC_EOH, SMFIM_EOH, SMFIP_NOEOH, SMFIP_NR_EOH,
	    false, NULL },
	[EVENT_BODY] = { SMFIC_BODY, SMFIM_EOM, SMFIP_NOBODY, SMFIP_NR_BODY,
	    false, put_body },
	[EVENT_EOM] = { SMFIC_BODYEOB, SMFIM_EOM, 0, 0, false, NULL },
};

static void
put_connect(struct session *session)
{
	wire_string(&session->out, session->mail.client_name);
	wire_byte(&session->out, SMFIA_INET);
	wire_u16(&session->out, 40000);
	wire_string(&session->out, session->mail.client);
}

static void
put_helo(struct session *session)
{
	wire_string(&session->out, "client.example.net");
}

static void
put_address(struct session *session, const char *address)
{
	wire_bytes(&session->out, "<", 1);
	wire_bytes(&session->out, address, strlen(address));
	wire_string(&session->out, ">");
}

static void
put_mail(struct session *session)
{
	put_address(session, session->mail.from);
}

static void
put_rcpt(struct session *session)
{
	put_address(session, session->mail.rcpt);
}

static void
put_header(struct session *session)
{
	struct mail_header header = mail_header(&session->mail, session->index);

	wire_string(&session->out, header.name);
	if (session->steps & SMFIP_HDR_LEADSPC)
		wire_bytes(&session->out, " ", 1);
	wire_string(&session->out, header.value);
}

static void
put_body(struct session *session)
{
	static const char line[] = "The quick brown fox, and so on to the end "
	    "of a line of the usual length.\r\n";
	size_t left = session->run->plan.body_bytes -
	    session->index * BODY_CHUNK;

	if (left > BODY_CHUNK)
		left = BODY_CHUNK;
	while (left > 0) {
		size_t n = left < sizeof(line) - 1 ? left : sizeof(line) - 1;
		wire_bytes(&session->out, line, n);
		left -= n;
	}
}

static void
put_macros(struct session *session, const struct event_kind *kind)
{
	const struct macro_list *list = &session->macros[kind->stage];

	wire_begin(&session->out, SMFIC_MACRO);
	wire_byte(&session->out, (unsigned char)kind->command);
	for (size_t i = 0; i < list->n; i++) {
		enum mail_macro macro = (enum mail_macro)list->ids[i];
		const char *value = mail_macro_value(&session->mail, macro);
		if (value == NULL)
			continue;
		wire_string(&session->out, mail_macro_name(macro));
		wire_string(&session->out, value);
	}
	wire_end(&session->out);
}

/* How often the event happens in a message. */
static size_t
times(const struct session *session)
{
	switch (session->event) {
	case EVENT_RCPT:
		return session->run->plan.recipients;
	case EVENT_HEADER:
		return mail_headers();
	case EVENT_BODY:
		return (session->run->plan.body_bytes + BODY_CHUNK - 1) /
		    BODY_CHUNK;
	default:
		return 1;
	}
}

/* Writes the event into the buffer, and notes whether a reply is due. */
static void
put_event(struct session *session)
{
	const struct event_kind *kind = &events[session->event];
	bool wanted = (session->steps & kind->unwanted) == 0;

	if (session->event == EVENT_RCPT)
		mail_recipient(&session->mail, session->index);
	if (wanted || kind->macros_anyway)
		put_macros(session, kind);
	if (session->event == EVENT_RCPT)
		session->mail.queued = true;
	if (!wanted)
		return;
	wire_begin(&session->out, kind->command);
	if (kind->put != NULL)
		kind->put(session);
	wire_end(&session->out);
	session->waiting = (session->steps & kind->no_reply) == 0;
}

/* -- life of a connection ----------------------------------------------- */

bool
session_is_open(const struct session *session)
{
	return session->fd != -1;
}

static void
hang_up(struct session *session)
{
	close(session->fd);
	session->fd = -1;
	session->out.n = 0;
	session->out.sent = 0;
	session->in.n = 0;
	session->waiting = false;
	session->watches_output = false;
}

static void
fail(struct session *session, enum tally_error error)
{
	session->run->tally->errors[error]++;
	hang_up(session);
}

/* Has epoll tell, or not tell, when the socket takes more. */
static void
watch_output(struct session *session, bool on)
{
	struct epoll_event event = { .data.ptr = session };

	if (session->watches_output == on)
		return;
	event.events = EPOLLIN | (on ? (uint32_t)EPOLLOUT : 0);
	epoll_ctl(session->run->epoll, EPOLL_CTL_MOD, session->fd, &event);
	session->watches_output = on;
}

static void
flush(struct session *session)
{
	int result = wire_send(&session->out, session->fd, session->chunk);

	if (result == -1)
		fail(session, TALLY_CLOSED);
	else
		watch_output(session, result == 0);
}

/* Moves to what comes next, over what does not happen in this message. */
static void
step(struct session *session, bool skip_rest)
{
	session->index++;
	if (!skip_rest && session->index < times(session))
		return;
	session->index = 0;
	do
		session->event++;
	while (times(session) == 0);
	if (session->event == EVENT_HEADER)
		flush(session);
}

/* Goes on until a reply is due. */
static void
proceed(struct session *session)
{
	for (;;) {
		put_event(session);
		if (session->waiting)
			break;
		step(session, false);
		if (!session_is_open(session))
			return;
	}
	flush(session);
	if (!session_is_open(session))
		return;
	session->asked_ns = session->event == EVENT_EOM ? tally_now_ns() :
	    session->run->now_ns;
}

/* Takes the next message of the run. Returns false if there is none. */
static bool
take_message(struct session *session)
{
	struct session_run *run = session->run;

	if (run->next >= run->messages)
		return false;
	if (run->until_ns != 0 && run->now_ns >= run->until_ns)
		return false;
	mail_make(&run->plan, run->next++, &session->mail);
	session->refused = 0;
	session->quarantined = false;
	session->index = 0;
	return true;
}

static void
quit(struct session *session)
{
	wire_command(&session->out, SMFIC_ABORT);
	wire_command(&session->out, SMFIC_QUIT);
	wire_send(&session->out, session->fd, session->chunk);
	hang_up(session);
}

static void
finish_message(struct session *session, enum tally_verdict verdict)
{
	struct tally *tally = session->run->tally;
	uint64_t now = tally_now_ns();

	if (session->quarantined)
		verdict = TALLY_QUARANTINE;
	tally->verdicts[verdict]++;
	tally->finished++;
	tally_latency_add(&tally->message, now - session->began_ns);
	if (session->event == EVENT_EOM)
		tally_latency_add(&tally->eom, now - session->asked_ns);
	wire_command(&session->out, SMFIC_ABORT);
	session->messages++;
	session->began_ns = now;
	session->run->now_ns = now;
	/* Before CONNECT and HELO are over, a verdict is on the connection. */
	if (session->event < EVENT_MAIL ||
	    session->messages >= session->run->per_connection ||
	    !take_message(session)) {
		quit(session);
		return;
	}
	session->event = EVENT_MAIL;
	proceed(session);
}

/* -- replies ------------------------------------------------------------ */

enum effect {
	KEEP,     /* more replies follow this one */
	HOLD,     /* keep, and the message is quarantined */
	EDIT,     /* keep, at end of message only */
	GO_ON,    /* to what comes next; from here on, no more replies follow */
	SKIP,     /* to the next other kind of event */
	END,      /* the message has its verdict */
	REFUSE,   /* so has the message, or one recipient */
	REFUSE_TEXT, /* the same, 4xx or 5xx is in the text */
	SHUT,     /* the connection ends */
};

struct reply_kind {
	char command;
	bool bare; /* has no data */
	enum effect effect;
	enum tally_verdict verdict;
};

static const struct reply_kind reply_kinds[] = {
	{ SMFIR_CONTINUE, true, GO_ON, TALLY_CONTINUE },
	{ SMFIR_ACCEPT, true, END, TALLY_ACCEPT },
	{ SMFIR_DISCARD, true, END, TALLY_DISCARD },
	{ SMFIR_REJECT, true, REFUSE, TALLY_REJECT },
	{ SMFIR_TEMPFAIL, true, REFUSE, TALLY_TEMPFAIL },
	{ SMFIR_REPLYCODE, false, REFUSE_TEXT, TALLY_REJECT },
	{ SMFIR_SKIP, true, SKIP, TALLY_CONTINUE },
	{ SMFIR_PROGRESS, true, KEEP, TALLY_CONTINUE },
	{ SMFIR_QUARANTINE, false, HOLD, TALLY_QUARANTINE },
	{ SMFIR_SHUTDOWN, true, SHUT, TALLY_TEMPFAIL },
	{ SMFIR_CONN_FAIL, true, SHUT, TALLY_TEMPFAIL },
	{ SMFIR_ADDHEADER, false, EDIT, TALLY_CONTINUE },
	{ SMFIR_INSHEADER, false, EDIT, TALLY_CONTINUE },
	{ SMFIR_CHGHEADER, false, EDIT, TALLY_CONTINUE },
	{ SMFIR_ADDRCPT, false, EDIT, TALLY_CONTINUE },
	{ SMFIR_ADDRCPT_PAR, false, EDIT, TALLY_CONTINUE },
	{ SMFIR_DELRCPT, false, EDIT, TALLY_CONTINUE },
	{ SMFIR_CHGFROM, false, EDIT, TALLY_CONTINUE },
	{ SMFIR_REPLBODY, false, EDIT, TALLY_CONTINUE },
};

static const struct reply_kind *
find_reply(const struct wire_reply *reply)
{
	for (size_t i = 0; i < sizeof(reply_kinds) / sizeof(*reply_kinds); i++) {
		const struct reply_kind *kind = &reply_kinds[i];
		if (kind->command == reply->command)
			return kind->bare && reply->n > 0 ? NULL : kind;
	}
	return NULL;
}

static void
go_on(struct session *session, bool skip_rest)
{
	session->waiting = false;
	if (session->event == EVENT_EOM) {
		finish_message(session, TALLY_CONTINUE);
		return;
	}
	step(session, skip_rest);
	if (session_is_open(session))
		proceed(session);
}

/* A refused recipient is not the end of the message, unless all are. */
static void
refuse(struct session *session, enum tally_verdict verdict)
{
	if (session->event == EVENT_RCPT) {
		session->run->tally->rcpt_refused++;
		session->refused++;
		if (session->refused < session->run->plan.recipients) {
			go_on(session, false);
			return;
		}
	}
	session->waiting = false;
	finish_message(session, verdict);
}

/* Acts on the reply to an event. last: nothing came behind it. Returns 0, or
 * -1 if it is not allowed. */
static int
take_reply(struct session *session, const struct wire_reply *reply, bool last)
{
	const struct reply_kind *kind = find_reply(reply);
	bool at_eom = session->event == EVENT_EOM;

	if (kind == NULL || (kind->effect == EDIT && !at_eom))
		return -1;
	/* What follows answers an event that has not been sent: the two sides
	 * do not agree which events are answered. */
	if (!last && kind->effect > EDIT)
		return -1;
	switch (kind->effect) {
	case KEEP:
		break;
	case HOLD:
		session->quarantined = true;
		break;
	case EDIT:
		session->run->tally->edits++;
		break;
	case GO_ON:
	case SKIP:
		go_on(session, kind->effect == SKIP);
		break;
	case END:
		session->waiting = false;
		finish_message(session,
		    kind->verdict == TALLY_ACCEPT && !at_eom ?
		    TALLY_ACCEPT_EARLY : kind->verdict);
		break;
	case REFUSE:
		refuse(session, kind->verdict);
		break;
	case REFUSE_TEXT:
		if (reply->n < 4 || (reply->data[0] != '4' &&
		    reply->data[0] != '5'))
			return -1;
		refuse(session, reply->data[0] == '4' ? TALLY_TEMPFAIL :
		    TALLY_REJECT);
		break;
	case SHUT:
		session->messages = session->run->per_connection;
		session->waiting = false;
		finish_message(session, kind->verdict);
		break;
	}
	return 0;
}

/* -- negotiation -------------------------------------------------------- */

/* Postfix's own choice for a milter that asks for nothing. */
static const char *const default_macros[STAGES] = {
	[SMFIM_CONNECT] = "j {daemon_name} {daemon_addr} v _",
	[SMFIM_HELO] = "",
	[SMFIM_ENVFROM] = ("i {auth_type} {auth_authen} {mail_addr} {mail_host} "
	    "{mail_mailer}"),
	[SMFIM_ENVRCPT] = "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
	[SMFIM_DATA] = "i",
	[SMFIM_EOM] = "i",
	[SMFIM_EOH] = "i",
};

/* Names are separated by blanks or commas; unknown ones have no value. */
static void
set_macros(struct macro_list *list, const char *names)
{
	list->n = 0;
	while (*(names += strspn(names, " ,")) != '\0') {
		size_t length = strcspn(names, " ,");
		enum mail_macro macro = mail_macro_named(names, length);
		if (macro != MAIL_MACROS_N && list->n < MAIL_MACROS_N)
			list->ids[list->n++] = (unsigned char)macro;
		names += length;
	}
}

/* Reads the lists behind the options: a stage, and the names. */
static int
take_macro_lists(struct session *session, const unsigned char *at, size_t n)
{
	for (size_t i = 0; i < STAGES; i++)
		set_macros(&session->macros[i], default_macros[i]);
	while (n > 4) {
		uint32_t stage = wire_read_u32(at);
		const char *names = (const char *)at + 4;
		size_t length = strnlen(names, n - 4);
		if (stage >= STAGES || length == n - 4)
			return -1;
		/* As in Postfix, an empty list means the default. */
		if (length > 0)
			set_macros(&session->macros[stage], names);
		at += 4 + length + 1;
		n -= 4 + length + 1;
	}
	return n == 0 ? 0 : -1;
}

/* Takes what the milter chose from what was offered. */
static int
take_options(struct session *session, const struct wire_reply *reply)
{
	if (reply->command != SMFIC_OPTNEG || reply->n < MILTER_OPTLEN)
		return -1;
	uint32_t version = wire_read_u32(reply->data);
	uint32_t actions = wire_read_u32(reply->data + 4);
	uint32_t steps = wire_read_u32(reply->data + 8);
	if (version < 2 || version > OFFERED_VERSION ||
	    (actions & ~(uint32_t)OFFERED_ACTIONS) != 0 ||
	    (steps & ~(uint32_t)OFFERED_STEPS) != 0)
		return -1;
	session->steps = steps;
	if (take_macro_lists(session, reply->data + MILTER_OPTLEN,
	    reply->n - MILTER_OPTLEN) == -1)
		return -1;
	session->negotiating = false;
	session->waiting = false;
	session->event = EVENT_CONNECT;
	proceed(session);
	return 0;
}

static void
offer_options(struct session *session)
{
	wire_begin(&session->out, SMFIC_OPTNEG);
	wire_u32(&session->out, OFFERED_VERSION);
	wire_u32(&session->out, OFFERED_ACTIONS);
	wire_u32(&session->out, OFFERED_STEPS);
	wire_end(&session->out);
	session->negotiating = true;
	session->waiting = true;
	session->asked_ns = session->run->now_ns;
	flush(session);
}

/* -- what the loop calls ------------------------------------------------ */

/* The connection blocks until the milter's listen queue has room, as
 * Postfix's does. */
static int
dial(const struct session_run *run)
{
	const struct sockaddr_storage *to = &run->address.socket;
	int fd = socket(to->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	if (connect(fd, (const struct sockaddr *)to, run->address.length) == 0)
		return fd;
	close(fd);
	return -1;
}

void
session_open(struct session *session)
{
	struct session_run *run = session->run;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = session };

	if (!take_message(session))
		return;
	session->began_ns = tally_now_ns();
	session->fd = dial(run);
	if (session->fd == -1) {
		run->tally->errors[TALLY_CONNECT]++;
		return;
	}
	run->tally->connections++;
	session->messages = 0;
	session->chunk = run->address.socket.ss_family == AF_UNIX ?
	    CHUNK_UNIX : CHUNK_TCP;
	if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, session->fd, &event) == -1)
		fail(session, TALLY_CONNECT);
	else
		offer_options(session);
}

/* Takes all replies that have come. */
static void
take_replies(struct session *session)
{
	struct wire_reply reply;
	size_t at = 0;
	int result;

	while ((result = wire_next(&session->in, &at, &reply)) == 1) {
		result = session->negotiating ? take_options(session, &reply) :
		    take_reply(session, &reply, at == session->in.n);
		if (!session_is_open(session))
			return;
		if (result == -1)
			break;
	}
	if (result == -1)
		fail(session, TALLY_PROTOCOL);
	else
		wire_consume(&session->in, at);
}

void
session_ready(struct session *session, uint32_t epoll_events)
{
	if (epoll_events & EPOLLOUT) {
		flush(session);
		if (!session_is_open(session))
			return;
	}
	if ((epoll_events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
		return;
	int result = wire_receive(&session->in, session->fd);
	if (result == -1)
		fail(session, TALLY_CLOSED);
	else if (result == 1)
		take_replies(session);
}

void
session_check(struct session *session, uint64_t limit_ns)
{
	if (session_is_open(session) && session->waiting &&
	    session->run->now_ns > session->asked_ns + limit_ns)
		fail(session, TALLY_TIMEOUT);
}

struct session *
session_new(struct session_run *run)
{
	struct session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		return NULL;
	session->run = run;
	session->fd = -1;
	return session;
}

void
session_free(struct session *session)
{
	if (session == NULL)
		return;
	if (session_is_open(session))
		hang_up(session);
	wire_out_free(&session->out);
	free(session);
}

/* -- addresses ---------------------------------------------------------- */

static int
parse_unix(const char *path, struct session_address *address_r)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(name.sun_path))
		return -1;
	strcpy(name.sun_path, path);
	memcpy(&address_r->socket, &name, sizeof(name));
	address_r->length = sizeof(name);
	return 0;
}

static int
parse_inet(const char *text, struct session_address *address_r)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV };
	struct addrinfo *found;
	char port[8];
	const char *at = strchr(text, '@');

	if (at == NULL || (size_t)(at - text) >= sizeof(port))
		return -1;
	snprintf(port, sizeof(port), "%.*s", (int)(at - text), text);
	if (getaddrinfo(at + 1, port, &hints, &found) != 0)
		return -1;
	memcpy(&address_r->socket, found->ai_addr, found->ai_addrlen);
	address_r->length = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

int
session_address_parse(const char *text, struct session_address *address_r)
{
	memset(address_r, 0, sizeof(*address_r));
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, address_r);
	if (strncmp(text, "inet:", 5) == 0)
		return parse_inet(text + 5, address_r);
	return -1;
}
