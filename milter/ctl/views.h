/*
 * views.h: records as text for a person, wherever they came from.
 *
 * All return 0, or -1 when memory was out. Strings are made clean on the way,
 * even though they should be: the database may have been touched by others.
 */
#ifndef BULKWATCH_CTL_VIEWS_H
#define BULKWATCH_CTL_VIEWS_H

#include <stddef.h>
#include <stdio.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/json.h"
#include "bulkwatch/record.h"
#include "screen.h"

/* Where a view goes. arena: for what it needs meanwhile. */
struct view {
	FILE *out;
	const struct screen *screen;
	struct arena *arena;
};

/* A table, a line for each bulk send; n is 1 or more. */
int list_print(
    const struct view *view, const struct bulk_send *sends, size_t n);

/* Everything about one bulk send. most: at most so many messages, and
 * recipients of each, are written out (0: all); what is left out is said. */
int show_print(
    const struct view *view, const struct bulk_send_story *story, size_t most);

/* A table, a line for each sender; n is 1 or more. */
int senders_print(
    const struct view *view, const struct sender_total *totals, size_t n);

/* A line for each result, with ok or fault before it. */
int check_print(
    const struct view *view, const struct check_result *results, size_t n);

#endif
