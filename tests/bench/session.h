/*
 * session.h: the MTA's side of one milter connection.
 *
 * It does what Postfix's smtpd(8) and cleanup(8) do: negotiates, sends each
 * event and its macros unless negotiated away, waits only for the replies
 * that are due, and keeps what it writes in a buffer until it has to wait.
 */
#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "mail.h"
#include "tally.h"

/* Where the milter listens. */
struct session_address {
	struct sockaddr_storage socket;
	socklen_t length;
};

/* What all connections of a run share. */
struct session_run {
	struct mail_plan plan;
	struct session_address address;
	struct tally *tally;
	int epoll;
	size_t per_connection; /* messages */
	uint64_t messages;     /* stop after so many */
	uint64_t until_ns;     /* stop at this time; 0: never */
	uint64_t next;         /* number of the next message */
	uint64_t now_ns;       /* kept up by the loop */
};

struct session;

/* Reads unix:PATH or inet:PORT@HOST. Returns 0 or -1. */
int session_address_parse(const char *text, struct session_address *address_r);

/* A closed session; NULL when memory is out. */
struct session *session_new(struct session_run *run);
void session_free(struct session *session);

bool session_is_open(const struct session *session);

/* Connects for the next message of the run. Does nothing if there is none. */
void session_open(struct session *session);

/* Goes on after epoll reported events. The session may be closed after it. */
void session_ready(struct session *session, uint32_t events);

/* Gives up if the milter owes a reply for longer than limit_ns. */
void session_check(struct session *session, uint64_t limit_ns);

#endif
