/*
 * mail.h: the mail that the load generator pretends to have received.
 *
 * Every message follows from its number, so a run can be repeated; the run's
 * own number is in each Message-ID and queue id, so that two runs never send
 * the same mail twice.
 */
#ifndef BENCH_MAIL_H
#define BENCH_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where mail comes from, as the MTA would know. */
enum mail_origin {
	MAIL_LOGIN,   /* a client outside that logged in */
	MAIL_INBOUND, /* a client outside that did not */
	MAIL_LOCAL,   /* the machine itself, no login */
};

struct mail_plan {
	enum mail_origin origin;
	uint64_t run;      /* tells runs apart */
	size_t senders;    /* distinct ones, in turn */
	uint64_t first_sender; /* so that runs need not share senders */
	size_t recipients; /* of one message */
	size_t pool;       /* distinct recipients of one sender, in turn */
	size_t body_bytes;
};

/* Macros that an MTA has a value for, at one stage or another. */
enum mail_macro {
	MACRO_AUTH_AUTHEN,
	MACRO_AUTH_TYPE,
	MACRO_CLIENT_ADDR,
	MACRO_CLIENT_NAME,
	MACRO_CLIENT_PORT,
	MACRO_CLIENT_PTR,
	MACRO_DAEMON_ADDR,
	MACRO_DAEMON_NAME,
	MACRO_DAEMON_PORT,
	MACRO_MAIL_ADDR,
	MACRO_MAIL_HOST,
	MACRO_MAIL_MAILER,
	MACRO_RCPT_ADDR,
	MACRO_RCPT_HOST,
	MACRO_RCPT_MAILER,
	MACRO_CLIENT, /* _ */
	MACRO_QUEUE_ID, /* i */
	MACRO_HOST, /* j */
	MACRO_VERSION, /* v */
	MAIL_MACROS_N
};

/* One message; the texts that change from message to message. */
struct mail {
	const struct mail_plan *plan;
	uint64_t turn;   /* how often its sender sent before */
	uint64_t sender; /* index */
	bool queued;     /* it has a queue id: not before the first RCPT */
	char from[40];
	char queue_id[16];
	char message_id[64];
	char client[16];
	char client_name[18]; /* [client] */
	char client_shown[40]; /* for macro _ */
	char rcpt[40];   /* the recipient that was asked for last */
};

struct mail_header {
	const char *name;
	const char *value; /* until the next call */
};

/* Makes message number (from 0) of the plan. */
void mail_make(const struct mail_plan *plan, uint64_t number,
    struct mail *mail_r);

/* Makes recipient i of the message its current one. */
void mail_recipient(struct mail *mail, size_t i);

/* Returns the macro of that name, or MAIL_MACROS_N if there is none. */
enum mail_macro mail_macro_named(const char *name, size_t length);
const char *mail_macro_name(enum mail_macro macro);

/* Returns the value, or NULL if the MTA has none now. */
const char *mail_macro_value(const struct mail *mail, enum mail_macro macro);

/* The header fields that a milter sees: what the sender's program and a
 * relay wrote, without the MTA's own Received. */
size_t mail_headers(void);
struct mail_header mail_header(const struct mail *mail, size_t i);

#endif
