/*
 * window.h: sliding windows in memory (inside the store).
 *
 * A window is a list of keyed items with a weight and a time, oldest first.
 * Counting distinct recipients, an item is a recipient of weight 1; counting
 * all, an item is a message with its number of recipients. In both an item
 * that is seen again moves to now instead of counting twice, so a recipient
 * written to twice and a message sent twice are one.
 *
 * Only the newest items that together reach the rule's limit are kept: older
 * ones cannot change whether the rule matches. So a window takes at most
 * limit items, and counting takes time by the message (and by the limit up to
 * some hundred items, see many.h), whatever the sender has sent.
 *
 * Thread-safety: one thread.
 */
#ifndef BULKWATCH_STORE_WINDOW_H
#define BULKWATCH_STORE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

struct windows;

struct windows *windows_new(void);
void windows_free(struct windows *windows);

/* What a message adds to one window. */
struct window_add {
	uint64_t key;           /* rule and sender in one number */
	int64_t window_secs;
	uint64_t limit;
	const uint64_t *hashes; /* items, sorted, unique */
	size_t n;
	uint32_t weight;        /* of each item */
	int64_t tick;
	int64_t message;        /* the ledger's number of the message */
};

/*
 * What the window's sum would be with it (exact below the limit, else at least
 * the limit). previous_r: the number of the sender's message before this one, 0
 * if the window is empty.
 */
uint64_t windows_sum(const struct windows *windows,
    const struct window_add *add, int64_t *previous_r);

/* Adds. Returns 0, or -1 when memory is out. */
int windows_add(struct windows *windows, const struct window_add *add);

/* Frees windows in which nothing is left, looking at the next slots of them;
 * called with each batch it passes over all in a while. */
void windows_sweep(struct windows *windows, int64_t tick, size_t slots);

void windows_use(
    const struct windows *windows, size_t *bytes_r, size_t *windows_r);

#endif
