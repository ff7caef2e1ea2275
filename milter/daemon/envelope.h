/*
 * envelope.h: the message under way: what the MTA has said of it so far
 * (inside the daemon).
 *
 * Functions that return int return 0, or -1 when memory is out: the message
 * cannot be counted then.
 */
#ifndef BULKWATCH_DAEMON_ENVELOPE_H
#define BULKWATCH_DAEMON_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/own.h"
#include "bulkwatch/record.h"
#include "bulkwatch/settings.h"

/* Zero it to begin. arena is NULL when there is no message; all pointers are
 * into it. */
struct envelope {
	struct arena *arena;
	const struct settings *settings;
	struct message *message;
	struct recipient *recipients;
	size_t recipients_n, recipients_room;
	const char *nonce;
	bool has_subject, has_message_id;
	bool out_of_memory; /* it cannot be counted */
};

/* What is known at MAIL, as the MTA says it; copied. */
struct envelope_origin {
	const char *mail_from; /* the argument of MAIL */
	const char *login;     /* "" for none */
	const char *client;    /* address; "" if it is not said */
	const char *queue_id;  /* "" while there is none */
};

/* Begins a message. settings: the reference is taken over. */
int envelope_begin(struct envelope *envelope, const struct settings *settings,
    const struct envelope_origin *origin);

/* Adds the argument of a RCPT that was accepted. */
int envelope_add_recipient(struct envelope *envelope, const char *argument);

/* Keeps a header if it is one of those that matter. */
int envelope_add_header(
    struct envelope *envelope, const char *name, const char *value);

/* At end of message: notes the time, the queue id ("" if the MTA did not say it
 * again) and each recipient once. */
void envelope_end(struct envelope *envelope, const char *queue_id);

/* Whether it is our own mail on its way; each is recognised once. */
bool envelope_is_own(const struct envelope *envelope, struct own *own);

/* Leaves the exempt recipients out and says which are external. */
void envelope_settle_recipients(struct envelope *envelope);

/* Ends the message, whatever was done with it. Safe at any time. */
void envelope_forget(struct envelope *envelope);

#endif
