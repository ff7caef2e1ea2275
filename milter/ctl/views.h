/*
 * views.h: records as text for a person, wherever they came from.
 *
 * All return 0, or -1 when memory was out. Strings are made clean on the way,
 * even though they should be: the database may have been touched by others.
 */
#ifndef BULKWATCH_CTL_VIEWS_H
#define BULKWATCH_CTL_VIEWS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/json.h"
#include "bulkwatch/policy.h"
#include "bulkwatch/record.h"
#include "screen.h"

/* Where a view goes. arena: for what it needs meanwhile. */
struct view {
	FILE *out;
	const struct screen *screen;
	struct arena *arena;
	const char *file; /* the settings, for commands that it names; NULL:
			   * where they are by default */
};

/* ------------------------------------------------------------- the parts */
/* Of a NULL text or label, for which memory was out when it was made, all but
 * view_title return -1. */

/* A heading. */
void view_title(const struct view *view, const char *text);

/* A sentence with a label before it ("" for none): wrapped on a terminal, one
 * line in a file, for a program to read. */
int view_line(const struct view *view, const char *label, const char *text);

/* The same, wrapped in a file too. */
int view_wrapped(const struct view *view, const char *label, const char *text);

/* "  Label       value", wrapped; "-" stands for an empty value. */
int view_fact(const struct view *view, const char *label, const char *value);

/* "2026-03-02 14:05 to 17:00": the date once if it is one day, the time once
 * if it is one minute. */
const char *view_span(struct arena *arena, int64_t from_ms, int64_t until_ms);

/* When, to the minute. On a terminal, where columns are few, a time of today is
 * 14:05 and one of this year 02 Mar 14:05; else 2026-03-02 14:05. */
const char *view_when(const struct view *view, int64_t at_ms, int64_t now_ms);

/* 2026-03-02 14:05:09, to the second: messages of a window come fast. */
const char *view_second(struct arena *arena, int64_t at_ms);

/* "3 days", "5 hours", "1 minute": how long, in one unit. */
const char *view_age(struct arena *arena, int64_t ms);

/* "bulkwatch", or "bulkwatch -c 'FILE'" where the settings are not where it
 * looks for them: for a command that a person may copy. NULL when memory is
 * out. */
const char *view_program(struct arena *arena, const char *file);

/* "s" where a count wants it. */
const char *view_plural(uint64_t n);

/* ------------------------------------------------------------- the views */

/* A part of the log. */
struct listing {
	const struct bulk_send *sends; /* 1 or more */
	size_t n;
	int64_t now_ms;
	const struct bulk_send *oldest; /* waits longest; NULL: none is told */
	const struct declaration *declarations; /* those of the sends */
	size_t declarations_n;
	size_t more;    /* so many are left out */
	bool uncounted; /* more are left out, it is not known how many */
};

/* A table, a line for each bulk send, and what is to be said of them. */
int list_print(const struct view *view, const struct listing *listing);

/* Everything about one bulk send. most: at most so many messages, and
 * recipients of each, are written out (0: all); what is left out is said. */
int show_print(
    const struct view *view, const struct bulk_send_story *story, size_t most);

/* Parts of it: what was announced, what was done, the alerts, what is next. */
int story_print(const struct view *view, const struct bulk_send_story *story);

/* What was done and what comes next. then: the record after it; declaration:
 * that of the bulk send, NULL if it has none. */
int follow_print(const struct view *view,
    const struct follow_up_request *request, const struct bulk_send *then,
    const struct declaration *declaration);

/* What a person does next about a bulk send. NULL when memory is out. */
const char *follow_next(struct arena *arena, const struct bulk_send *send,
    const struct declaration *declaration);

/* A table of held mail; n is 1 or more. */
int held_print(const struct view *view, const struct held *held, size_t n);

/* What may be done about mail of a bulk send that is held; "" if none is. file:
 * as that of a view. NULL when memory is out. The second writes it as a line,
 * if there is something. */
const char *held_next(
    struct arena *arena, const char *file, const struct bulk_send *send);
int held_line(const struct view *view, const struct bulk_send *send);

/* What was declared, and what that means. */
int declare_print(const struct view *view,
    const struct declaration *declaration, int64_t now_ms);

/* A table, a line for each declaration; n is 1 or more. */
int declarations_print(const struct view *view,
    const struct declaration *declarations, size_t n, int64_t now_ms);

/* Declared against real numbers: "20 more than declared", "", … as one text.
 * at_ms: when the last of it came. NULL when memory is out. */
const char *declarations_beyond(
    struct arena *arena, const struct declaration *declaration, int64_t at_ms);

/* The declaration of a bulk send among these; NULL if it has none. */
const struct declaration *declarations_of(
    const struct declaration *declarations, size_t n,
    const struct bulk_send *send);

/* Does the bulk send go beyond its declaration? NULL: false. */
bool declarations_exceeded(
    const struct declaration *declaration, const struct bulk_send *send);

/* A table, a line for each sender; n is 1 or more. */
int senders_print(
    const struct view *view, const struct sender_total *totals, size_t n);

/* A line for each result, with ok or fault before it. */
int check_print(
    const struct view *view, const struct check_result *results, size_t n);

#endif
