/* window.c: sliding windows in memory. */
#include "window.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "many.h"

/* Items from which on a window is kept as many.h has it: fewer are passed over
 * faster than looked up. */
#define MANY_FROM 256

/* n of a window that has, or had, many. */
#define MANY UINT32_MAX

/* Allocated for its n items and no more: most senders have one or two, and
 * there may be a million of them. Where n is MANY a pointer to struct many
 * stands in place of the items. */
struct window {
	uint64_t key;
	int64_t last; /* the newest message */
	uint32_t window_secs;
	uint32_t n;
	struct item items[];
};

/* Open addressing with linear probing; keys are keyed hashes already, so their
 * low bits serve as they are. */
struct windows {
	struct window **slots;
	size_t slots_n; /* a power of two */
	size_t used;
	size_t hand; /* where the sweep goes on */
	size_t bytes;
};

#define SLOTS_AT_FIRST 1024

struct windows *
windows_new(void)
{
	struct windows *w = calloc(1, sizeof(*w));
	if (w == NULL)
		return NULL;
	w->slots_n = SLOTS_AT_FIRST;
	w->slots = calloc(w->slots_n, sizeof(struct window *));
	if (w->slots == NULL) {
		free(w);
		return NULL;
	}
	return w;
}

static size_t
bytes_for(size_t items)
{
	return sizeof(struct window) + items * sizeof(struct item);
}

static struct many *
many_of(const struct window *window)
{
	struct many *many;
	memcpy(&many, window->items, sizeof(many));
	return many;
}

static size_t
bytes_of(const struct window *window)
{
	return window->n == MANY ? bytes_for(1) + many_bytes(many_of(window))
				 : bytes_for(window->n);
}

static void
window_free(struct window *window)
{
	if (window != NULL && window->n == MANY)
		many_free(many_of(window));
	free(window);
}

void
windows_free(struct windows *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->slots_n; i++)
		window_free(w->slots[i]);
	free(w->slots);
	free(w);
}

/* The slot that holds the key, or the empty one where it belongs. */
static size_t
slot_of(const struct windows *w, uint64_t key)
{
	size_t i = key & (w->slots_n - 1);
	while (w->slots[i] != NULL && w->slots[i]->key != key)
		i = (i + 1) & (w->slots_n - 1);
	return i;
}

static int
grow_table(struct windows *w)
{
	struct windows larger = *w;
	larger.slots_n *= 2;
	larger.slots = calloc(larger.slots_n, sizeof(struct window *));
	if (larger.slots == NULL)
		return -1;
	for (size_t i = 0; i < w->slots_n; i++)
		if (w->slots[i] != NULL)
			larger.slots[slot_of(&larger, w->slots[i]->key)] =
			    w->slots[i];
	free(w->slots);
	*w = larger;
	w->hand = 0;
	return 0;
}

/* Empties a slot and closes the gap, so that no probe ends too early. */
static void
remove_at(struct windows *w, size_t gap)
{
	w->bytes -= bytes_of(w->slots[gap]);
	window_free(w->slots[gap]);
	w->slots[gap] = NULL;
	w->used--;
	const size_t mask = w->slots_n - 1;
	for (size_t i = (gap + 1) & mask; w->slots[i] != NULL;
	     i = (i + 1) & mask) {
		size_t home = w->slots[i]->key & mask;
		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		w->slots[gap] = w->slots[i];
		w->slots[i] = NULL;
		gap = i;
	}
}

static bool
is_over(const struct item *item, uint32_t window_secs, int64_t tick)
{
	return (int64_t)item->tick + window_secs <= tick;
}

static int
compare_hash(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static bool
is_among(uint64_t hash, const struct window_add *add)
{
	return add->n == 1 ? add->hashes[0] == hash
			   : bsearch(&hash, add->hashes, add->n, sizeof(hash),
				 compare_hash) != NULL;
}

/* Whether an item counts beside what the message brings: it is not over, and
 * the message does not bring it anew. */
static bool
stays(const struct window *window, const struct item *item,
    const struct window_add *add)
{
	return !is_over(item, window->window_secs, add->tick) &&
	       !is_among(item->hash, add);
}

/* The sum of what stays of a window of few items. */
static uint64_t
sum_few(const struct window *window, const struct window_add *add)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < window->n; i++)
		if (stays(window, &window->items[i], add))
			sum += window->items[i].weight;
	return sum;
}

static struct many_stale
stale_by(const struct window *window, const struct window_add *add)
{
	return (struct many_stale){.upto = add->tick - window->window_secs,
	    .hashes = add->hashes,
	    .n = add->n};
}

uint64_t
windows_sum(const struct windows *w, const struct window_add *add,
    int64_t *previous_r)
{
	const struct window *window = w->slots[slot_of(w, add->key)];
	const uint64_t added = add->n * (uint64_t)add->weight;
	*previous_r = window == NULL ? 0 : window->last;
	if (window == NULL)
		return added;
	const struct many_stale stale = stale_by(window, add);
	return added + (window->n == MANY ? many_sum(many_of(window), &stale)
					  : sum_few(window, add));
}

/* Drops what does not stay. Returns the sum left. */
static uint64_t
drop_stale(struct window *window, const struct window_add *add)
{
	uint64_t sum = 0;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < window->n; i++) {
		struct item *item = &window->items[i];
		if (!stays(window, item, add))
			continue;
		sum += item->weight;
		window->items[kept++] = *item;
	}
	window->n = kept;
	return sum;
}

/* Drops the oldest items that are not needed to reach what is wanted.
 * Returns the sum left. */
static uint64_t
drop_surplus(struct window *window, uint64_t sum, uint64_t wanted)
{
	uint32_t drop = 0;
	while (drop < window->n && sum - window->items[drop].weight >= wanted)
		sum -= window->items[drop++].weight;
	window->n -= drop;
	memmove(window->items, window->items + drop,
	    window->n * sizeof(struct item));
	return sum;
}

/* The window of the key; an empty one if there is none. */
static struct window *
find_window(struct windows *w, const struct window_add *add)
{
	size_t slot = slot_of(w, add->key);
	if (w->slots[slot] != NULL)
		return w->slots[slot];
	struct window *window = calloc(1, bytes_for(1));
	if (window == NULL)
		return NULL;
	window->key = add->key;
	window->window_secs = (uint32_t)add->window_secs;
	w->slots[slot] = window;
	w->used++;
	w->bytes += bytes_for(0);
	return window;
}

/* Gives it room for exactly so many items, at least one. */
static struct window *
resize(struct windows *w, struct window *window, size_t items)
{
	size_t slot = slot_of(w, window->key);
	window = realloc(window, bytes_for(items > 0 ? items : 1));
	if (window != NULL)
		w->slots[slot] = window;
	return window;
}

/* Adds keep items to a window of few, which may become one of many. Returns
 * where it is now, or NULL when memory is out. */
static struct window *
add_to_few(struct windows *w, struct window *window,
    const struct window_add *add, size_t keep, uint64_t wanted)
{
	drop_surplus(window, drop_stale(window, add), wanted);
	window = resize(w, window, window->n + keep);
	if (window == NULL)
		return NULL;
	for (size_t i = 0; i < keep; i++)
		window->items[window->n++] = (struct item){.hash = add->hashes[i],
		    .tick = (uint32_t)add->tick,
		    .weight = add->weight};
	if (window->n < MANY_FROM)
		return window;
	struct many *many = many_new(window->items, window->n);
	if (many == NULL)
		return NULL;
	memcpy(window->items, &many, sizeof(many));
	window->n = MANY;
	return resize(w, window, 1);
}

static struct window *
add_to_many(struct window *window, const struct window_add *add, size_t keep,
    uint64_t wanted)
{
	const struct many_stale stale = stale_by(window, add);
	struct many *many = many_of(window);
	many_drop(many, &stale, wanted);
	return many_add(many, add->hashes, keep, (uint32_t)add->tick,
		   add->weight) < 0
		   ? NULL
		   : window;
}

int
windows_add(struct windows *w, const struct window_add *add)
{
	if (w->used * 4 >= w->slots_n * 3 && grow_table(w) < 0)
		return -1;
	/* A message alone may hold more than the limit: keep as many. */
	uint64_t most = (add->limit + add->weight - 1) / add->weight;
	size_t keep = add->n < most ? add->n : (size_t)most;
	uint64_t fresh = keep * (uint64_t)add->weight;
	uint64_t wanted = add->limit > fresh ? add->limit - fresh : 0;

	struct window *window = find_window(w, add);
	if (window == NULL)
		return -1;
	w->bytes -= bytes_of(window);
	window = window->n == MANY
		     ? add_to_many(window, add, keep, wanted)
		     : add_to_few(w, window, add, keep, wanted);
	if (window == NULL)
		return -1;
	w->bytes += bytes_of(window);
	/* A retry has the number it had before: the newest stays the newest. */
	if (add->message > window->last)
		window->last = add->message;
	return 0;
}

/* Whether nothing is left that counts. */
static bool
is_spent(const struct window *window, int64_t tick)
{
	struct item newest = {0};
	if (window->n == MANY) {
		if (!many_newest(many_of(window), &newest.tick))
			return true;
	} else if (window->n == 0) {
		return true;
	} else {
		newest = window->items[window->n - 1];
	}
	return is_over(&newest, window->window_secs, tick);
}

void
windows_sweep(struct windows *w, int64_t tick, size_t slots)
{
	for (; slots > 0; slots--) {
		w->hand = (w->hand + 1) & (w->slots_n - 1);
		struct window *window = w->slots[w->hand];
		if (window == NULL)
			continue;
		if (is_spent(window, tick)) {
			remove_at(w, w->hand);
			/* What has moved into the gap is looked at next. */
			w->hand = (w->hand - 1) & (w->slots_n - 1);
		}
	}
}

void
windows_use(const struct windows *w, size_t *bytes_r, size_t *windows_r)
{
	*bytes_r = sizeof(*w) + w->slots_n * sizeof(struct window *) + w->bytes;
	*windows_r = w->used;
}
