/*
 * traffic.h: the messages of Postfix's log, put together from its lines.
 *
 * Lines come one by one, in the order of time as far as it goes; a line that
 * comes twice (a file that is given twice) counts once. What an inbound
 * message needs is given back when it is gone; an outbound one keeps some
 * hundred bytes until the end, its recipients only while it is under way.
 */
#ifndef BULKWATCH_CTL_TRAFFIC_H
#define BULKWATCH_CTL_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/settings.h"
#include "maillog.h"

#define TRAFFIC_ID_MAX 32 /* a queue id and a NUL */

struct hashes;

/* A message under its queue id. Strings are as the log has them: not clean. */
struct mail {
	char queue_id[TRAFFIC_ID_MAX];
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

struct traffic;

struct traffic_options {
	const struct settings *settings;
	const char *instance; /* NULL: any */
	/* Recipients that the MTA adds itself (always_bcc). */
	const struct pattern_list *added;
};

/* What was read. */
struct traffic_facts {
	uint64_t lines;    /* of Postfix */
	uint64_t messages; /* accepted from somebody */
	int64_t first_ms, last_ms;
};

/* Returns 0 with *traffic_r set, or -1 when memory is out. */
int traffic_init(
    const struct traffic_options *options, struct traffic **traffic_r);
void traffic_deinit(struct traffic **traffic);

/* Takes a line; latest_ms as maillog_parse has it. Returns 0, or -1 when memory
 * is out. */
int traffic_line(struct traffic *traffic, const char *text, size_t length,
    int64_t latest_ms);

/* After the last line. */
void traffic_end(struct traffic *traffic, struct traffic_facts *facts_r);

/* The outbound messages and those without origin, oldest first; accepted or
 * not. NULL: none. They go on by .next. */
struct mail *traffic_first(struct traffic *traffic);

/* The newest of those with this queue id; they go on by .older, where others
 * may be among them. NULL: none. */
struct mail *traffic_by_id(struct traffic *traffic, const char *queue_id);

#endif
