/*
 * span.h: a part of a text that somebody else holds, and what stands at its
 * front. No NUL ends it.
 */
#ifndef BULKWATCH_RECONCILE_SPAN_H
#define BULKWATCH_RECONCILE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const char *text;
	size_t n;
};

struct span span_of(const char *text);

bool span_is(struct span span, const char *text);
bool span_begins(struct span span, const char *text);
/* False for an empty end. */
bool span_ends(struct span span, struct span end);

/* 0 to 9, whatever the locale. */
bool span_is_digit(char c);

/* The first occurrence of text, and the last one; NULL if there is none. */
const char *span_find(struct span span, const char *text);
const char *span_find_last(struct span span, const char *text);

/* Takes n bytes off the front; there must be so many. */
void span_skip(struct span *span, size_t n);

/* What follows takes off the front what it names; false if that is not there,
 * and then the span is as it was. */
bool span_take(struct span *rest, const char *text);

/* At least one digit, 18 at the most. */
bool span_take_number(struct span *rest, uint64_t *number_r);

/* At least one byte up to the next c, and that. */
bool span_take_until(struct span *rest, char c, struct span *word_r);

#endif
