/*
 * traffic.h: the messages of Postfix's log, put together from its lines.
 *
 * Lines come one by one, in the order of time as far as it goes; a line that
 * comes twice (a file that is given twice) counts once. What an inbound
 * message needs is given back when it is gone; an outbound one keeps some
 * hundred bytes until the end, its recipients only while it is under way.
 */
#ifndef BULKWATCH_RECONCILE_TRAFFIC_H
#define BULKWATCH_RECONCILE_TRAFFIC_H

#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/settings.h"
#include "mails.h"

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
