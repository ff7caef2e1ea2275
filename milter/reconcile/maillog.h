/*
 * maillog.h: a line of Postfix's log, taken apart.
 *
 * Half of what stands in such a line was written by senders and by servers
 * that mail was sent to, so each field is looked for where Postfix puts it:
 * the head at the line's beginning, an address between its own angle brackets
 * (quotes within it respected), a number behind the last of its name. What a
 * sender writes can at most make his own mail's line unreadable.
 */
#ifndef BULKWATCH_RECONCILE_MAILLOG_H
#define BULKWATCH_RECONCILE_MAILLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

/* What a line tells. */
enum maillog_event {
	MAILLOG_OTHER,   /* a line of Postfix, of no use here */
	MAILLOG_CONNECT, /* smtpd: a session begins */
	MAILLOG_CLIENT,  /* smtpd: a message begins: client, login */
	MAILLOG_PICKUP,  /* pickup: one of a program of this machine: sender */
	MAILLOG_MESSAGE_ID, /* cleanup: the message has come in: message_id */
	MAILLOG_QUEUED,     /* qmgr: it is accepted: sender, recipients */
	MAILLOG_HELD,       /* it is put on hold if it is accepted */
	MAILLOG_REFUSED,    /* it is refused, or thrown away, at its end */
	MAILLOG_BROKEN_OFF, /* smtpd: the client went away within the message */
	MAILLOG_DELIVERY,   /* what became of a recipient: address, original */
	MAILLOG_REMOVED,    /* qmgr, postsuper: the message is gone */
	MAILLOG_NO_MILTER,  /* smtpd, cleanup: a milter cannot be reached, or
			     * failed: milter */
};

/* Which program of Postfix wrote it, as far as that matters. */
enum maillog_program {
	MAILLOG_ANY,
	MAILLOG_SMTPD,
	MAILLOG_CLEANUP,
	MAILLOG_PICKUPD,
	MAILLOG_QMGR,
	MAILLOG_POSTSUPER,
};

struct maillog_line {
	int64_t at_ms;
	struct span host;
	struct span tag; /* "postfix/submission/smtpd" */
	enum maillog_program program;
	uint64_t pid;
	enum maillog_event event;
	struct span queue_id; /* empty where the line has none */
	struct span client;   /* an address, without brackets */
	struct span login;
	struct span sender; /* envelope sender */
	struct span message_id;
	struct span address;  /* a recipient, after expansion … */
	struct span original; /* … and as it was accepted */
	struct span before;   /* queue id before a content filter */
	struct span milter;   /* as main.cf has it: unix:PATH, inet:HOST:PORT */
	bool connecting;      /* of NO_MILTER: it was not reached at all */
	uint32_t recipients;  /* after expansion */
};

/*
 * Takes a line (without its newline) apart. The spans point into it.
 *
 * latest_ms: as stamp_take has it.
 * instance: only lines of this instance (the tag's part before the first
 * slash); NULL: of any.
 * Returns true if the line is of Postfix and of that instance, with *line_r
 * set.
 */
bool maillog_parse(const char *text, size_t length, int64_t latest_ms,
    const char *instance, struct maillog_line *line_r);

#endif
