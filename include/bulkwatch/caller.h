/*
 * caller.h: the MTA's side of the milter protocol, as much of it as shows
 * whether a milter works.
 *
 * It offers what Postfix and Sendmail offer, sends the steps that the milter
 * wants, and waits for the replies that it did not waive. Nothing is believed
 * of what comes back.
 *
 * Thread-safety: one thread at a time for each caller.
 */
#ifndef BULKWATCH_CALLER_H
#define BULKWATCH_CALLER_H

#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/err.h"

struct caller;

/* How long a milter may take for the negotiation, and for one message. MTAs
 * wait longer; who waits at a terminal does not. */
#define CALLER_TIMEOUT_SECS 20

/*
 * Negotiates on a connected socket, which is taken over whatever comes of it.
 * Returns 0 with *caller_r set (end with caller_close), or -1 with a sentence.
 */
int caller_open(int fd, struct caller **caller_r, struct err *err);

/* Ends the connection as an MTA does; sets *caller to NULL, which it may be. */
void caller_close(struct caller **caller);

/* Version of the protocol that the milter speaks. */
uint32_t caller_version(const struct caller *caller);

struct caller_header {
	const char *name, *value;
};

/* A message: what an MTA would say of it. Addresses without angle brackets; a
 * recipient "" is the null address "<>". Headers stand for the whole content.
 */
struct caller_message {
	const char *client; /* address */
	const char *login;  /* "": the client has not logged in */
	const char *from;
	const char *const *recipients; /* 1 or more */
	size_t recipients_n;
	const struct caller_header *headers;
	size_t headers_n;
	const char *queue_id;
};

enum caller_answer {
	CALLER_GO_ON, /* let it go on: continue or accept at end of message */
	CALLER_UNWANTED, /* accept before end of message: not of interest */
	CALLER_HELD,
	CALLER_DEFERRED,
	CALLER_REFUSED, /* rejected or discarded */
};

/*
 * Sends a message and waits for what becomes of it.
 * took_ms_r: from the first step to the answer, milliseconds.
 * Returns 0, or -1 with a sentence: no answer in time, hung up, or what came is
 * no milter's answer; the caller is of no use any more then.
 */
int caller_send(struct caller *caller, const struct caller_message *message,
    enum caller_answer *answer_r, double *took_ms_r, struct err *err);

#endif
