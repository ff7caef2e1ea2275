/*
 * mails.h: messages of Postfix's log, by their queue ids.
 */
#ifndef BULKWATCH_RECONCILE_MAILS_H
#define BULKWATCH_RECONCILE_MAILS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

#define MAIL_ID_MAX 32 /* a queue id and a NUL */

struct hashes;

/* A message under its queue id. Strings are as the log has them: not clean. */
struct mail {
	char queue_id[MAIL_ID_MAX];
	int64_t began_ms;    /* its first line */
	int64_t accepted_ms; /* 0: the log does not say that it was */
	bool outbound;       /* by the settings */
	bool no_origin;      /* it came in before the log begins, or is the
			      * MTA's own (a bounce, a forwarded mail) */
	const char *login, *client, *sender; /* client "": of this machine */
	const char *message_id;              /* as in the header */
	const char *tag;    /* of the program that took it in */
	const char *before; /* queue id before a content filter */
	bool no_milter;     /* the milter could not be asked about it */
	bool held;
	/* Of its recipients, as they were accepted, each once: */
	bool complete;       /* the log has them all */
	uint32_t recipients; /* neither exempt nor added */
	uint32_t exempt, added;
	struct mail *next;  /* the next of traffic_next */
	struct mail *older; /* with the same hash of the queue id */
	void *found;        /* for the caller; NULL at first */
	/* Inside: */
	bool content, refused, broken_off, removed, again;
	uint32_t expanded;                   /* recipients after expansion */
	struct hashes *accepted, *delivered; /* while it is under way */
};

/* All of them. */
struct mails {
	struct mail **buckets; /* by the hash of the queue id */
	size_t room, n;
};

/* Returns 0, or -1 when memory is out; mails_deinit is right after both. */
int mails_init(struct mails *mails);
void mails_deinit(struct mails *mails);

/* Processes write their lines at the same time, and one clock may tick
 * in between. */
#define MAILS_SAME_TIME_MS 1000

/* The message that a line of this moment belongs to; NULL: none. */
struct mail *mails_at(struct mails *mails, struct span id, int64_t at_ms);

/* The newest of those with this queue id; they go on by .older, where others
 * may be among them. NULL: none. */
struct mail *mails_by_id(struct mails *mails, struct span id);

/* A new one, strings "". NULL when memory is out. */
struct mail *mails_add(struct mails *mails, struct span id, int64_t began_ms);
void mails_drop(struct mails *mails, struct mail *mail);

/* What is too long for a queue id is cut off. */
void mails_copy_id(char id_r[MAIL_ID_MAX], struct span id);

#endif
