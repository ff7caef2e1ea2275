/* many.c: the items of a window that has many. */
#include "many.h"

#include <stdlib.h>

/* A gap has the weight 0, as has all that is before first. */
struct many {
	struct item *items;
	uint32_t first, end, room; /* items[first] to items[end - 1] */
	uint32_t n;                /* of them no gaps */
	uint64_t sum;
	/* Place + 1 of each hash by open addressing, 0: empty. What it says of
	 * gaps is out of date; that goes when the queue is made anew. */
	uint32_t *index;
	uint32_t index_size; /* a power of two, at least twice the room */
};

#define NOWHERE UINT32_MAX

static bool
is_there(const struct many *m, uint32_t place, uint64_t hash)
{
	return m->items[place].hash == hash && m->items[place].weight > 0;
}

/* The slot that names the hash, or the empty one where it would stand. */
static uint32_t
slot_of(const struct many *m, uint64_t hash)
{
	const uint32_t mask = m->index_size - 1;
	uint32_t slot = (uint32_t)hash & mask;
	while (m->index[slot] != 0 &&
	       m->items[m->index[slot] - 1].hash != hash)
		slot = (slot + 1) & mask;
	return slot;
}

/* Where the item is; NOWHERE if it is not. */
static uint32_t
find(const struct many *m, uint64_t hash)
{
	const uint32_t named = m->index[slot_of(m, hash)];
	return named != 0 && is_there(m, named - 1, hash) ? named - 1 : NOWHERE;
}

static void
append(struct many *m, const struct item *item)
{
	m->index[slot_of(m, item->hash)] = m->end + 1;
	m->items[m->end++] = *item;
	m->n++;
	m->sum += item->weight;
}

/* Room for twice as many as there are to be. Returns 0 or -1. */
static int
allocate(struct many *m, size_t n)
{
	size_t size = 512;
	while (size < 4 * n)
		size *= 2;
	if (size > UINT32_MAX / 2)
		return -1;
	*m = (struct many){
	    .room = (uint32_t)size / 2, .index_size = (uint32_t)size};
	m->items = malloc(m->room * sizeof(*m->items));
	m->index = calloc(m->index_size, sizeof(*m->index));
	if (m->items != NULL && m->index != NULL)
		return 0;
	free(m->items);
	free(m->index);
	return -1;
}

static void
append_all(struct many *m, const struct item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (items[i].weight > 0)
			append(m, &items[i]);
}

struct many *
many_new(const struct item *items, size_t n)
{
	struct many *m = malloc(sizeof(*m));
	if (m == NULL)
		return NULL;
	if (allocate(m, n) < 0) {
		free(m);
		return NULL;
	}
	append_all(m, items, n);
	return m;
}

void
many_free(struct many *m)
{
	if (m == NULL)
		return;
	free(m->items);
	free(m->index);
	free(m);
}

/* Makes it anew without gaps, with room for n more. Returns 0 or -1. */
static int
make_anew(struct many *m, size_t n)
{
	struct many fresh;
	if (allocate(&fresh, m->n + n) < 0)
		return -1;
	append_all(&fresh, m->items + m->first, m->end - m->first);
	free(m->items);
	free(m->index);
	*m = fresh;
	return 0;
}

/* How far the items are over: the place of the first that is not. The weight
 * of those before it is taken from *sum. */
static uint32_t
pass_over(const struct many *m, int64_t upto, uint64_t *sum)
{
	uint32_t place = m->first;
	while (place < m->end && (m->items[place].weight == 0 ||
				     m->items[place].tick <= upto))
		*sum -= m->items[place++].weight;
	return place;
}

uint64_t
many_sum(const struct many *m, const struct many_stale *stale)
{
	uint64_t sum = m->sum;
	const uint32_t first = pass_over(m, stale->upto, &sum);
	for (size_t i = 0; i < stale->n; i++) {
		uint32_t place = find(m, stale->hashes[i]);
		if (place != NOWHERE && place >= first)
			sum -= m->items[place].weight;
	}
	return sum;
}

/* Takes the item at the place out. */
static void
leave_gap(struct many *m, uint32_t place)
{
	m->n -= m->items[place].weight > 0;
	m->sum -= m->items[place].weight;
	m->items[place].weight = 0;
}

void
many_drop(struct many *m, const struct many_stale *stale, uint64_t wanted)
{
	uint64_t left = m->sum;
	const uint32_t first = pass_over(m, stale->upto, &left);
	while (m->first < first)
		leave_gap(m, m->first++);
	for (size_t i = 0; i < stale->n; i++) {
		uint32_t place = find(m, stale->hashes[i]);
		if (place != NOWHERE)
			leave_gap(m, place);
	}
	while (m->first < m->end &&
	       m->sum - m->items[m->first].weight >= wanted)
		leave_gap(m, m->first++);
}

int
many_add(struct many *m, const uint64_t *hashes, size_t n, uint32_t tick,
    uint32_t weight)
{
	if (n > m->room - m->end && make_anew(m, n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		append(m,
		    &(struct item){
			.hash = hashes[i], .tick = tick, .weight = weight});
	return 0;
}

bool
many_newest(const struct many *m, uint32_t *tick_r)
{
	for (uint32_t place = m->end; place > m->first; place--)
		if (m->items[place - 1].weight > 0) {
			*tick_r = m->items[place - 1].tick;
			return true;
		}
	return false;
}

size_t
many_bytes(const struct many *m)
{
	return sizeof(*m) + m->room * sizeof(*m->items) +
	       m->index_size * sizeof(*m->index);
}
