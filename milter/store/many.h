/*
 * many.h: the items of a window that has many (inside the store).
 *
 * A queue by time, with an index by hash. What is dropped from its middle
 * leaves a gap that goes when the queue is next made anew, so each item is
 * touched a few times in its life, however many there are: a count costs what
 * the message brings, not what the window holds.
 *
 * Items are over in the order in which they came: one whose time is before that
 * of the items in front of it (mail brought in from the spool) goes with them.
 */
#ifndef BULKWATCH_STORE_MANY_H
#define BULKWATCH_STORE_MANY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct item {
	uint64_t hash; /* keyed: its low bits serve as they are */
	uint32_t tick;
	uint32_t weight; /* at least 1 */
};

struct many;

/* Takes a copy of the items, oldest first, no hash twice. NULL when memory is
 * out. */
struct many *many_new(const struct item *items, size_t n);
void many_free(struct many *many);

/* What does not stay when a message comes: items of this tick and before, and
 * those that the message brings anew. */
struct many_stale {
	int64_t upto;
	const uint64_t *hashes;
	size_t n;
};

/* The sum of what stays. */
uint64_t many_sum(const struct many *many, const struct many_stale *stale);

/* Drops what does not stay, and the oldest of the rest that are not needed to
 * reach the sum wanted. */
void many_drop(
    struct many *many, const struct many_stale *stale, uint64_t wanted);

/* Adds items that are not in it, of one tick and weight. Returns 0, or -1 when
 * memory is out: nothing is added then. */
int many_add(struct many *many, const uint64_t *hashes, size_t n, uint32_t tick,
    uint32_t weight);

/* The tick of the newest item; false if there is none. */
bool many_newest(const struct many *many, uint32_t *tick_r);

size_t many_bytes(const struct many *many);

#endif
