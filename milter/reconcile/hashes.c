/* hashes.c: sets of strings, kept as 64-bit hashes. */
#include "hashes.h"

#include <stdlib.h>
#include <sys/random.h>

#define ROOM_FIRST 16

struct hashes {
	uint64_t *slots; /* 0: free */
	size_t n, room;  /* a power of two */
};

struct hashes *
hashes_new(void)
{
	return calloc(1, sizeof(struct hashes));
}

void
hashes_free(struct hashes *hashes)
{
	if (hashes == NULL)
		return;
	free(hashes->slots);
	free(hashes);
}

/* Where the hash is, or belongs. */
static uint64_t *
slot_of(const struct hashes *h, uint64_t hash)
{
	size_t i = (size_t)hash & (h->room - 1);
	while (h->slots[i] != 0 && h->slots[i] != hash)
		i = (i + 1) & (h->room - 1);
	return &h->slots[i];
}

static int
enlarge(struct hashes *h)
{
	struct hashes larger = {
	    .n = h->n, .room = h->room == 0 ? ROOM_FIRST : h->room * 2};
	larger.slots = calloc(larger.room, sizeof(*larger.slots));
	if (larger.slots == NULL)
		return -1;
	for (size_t i = 0; i < h->room; i++)
		if (h->slots[i] != 0)
			*slot_of(&larger, h->slots[i]) = h->slots[i];
	free(h->slots);
	*h = larger;
	return 0;
}

int
hashes_add(struct hashes *h, uint64_t hash)
{
	hash += hash == 0;
	if (h->n * 4 >= h->room * 3 && enlarge(h) < 0)
		return -1;
	uint64_t *slot = slot_of(h, hash);
	if (*slot != 0)
		return 0;
	*slot = hash;
	h->n++;
	return 1;
}

bool
hashes_has(const struct hashes *h, uint64_t hash)
{
	return h->n > 0 && *slot_of(h, hash + (hash == 0)) != 0;
}

size_t
hashes_count(const struct hashes *hashes)
{
	return hashes == NULL ? 0 : hashes->n;
}

static uint64_t
key(void)
{
	static uint64_t made;
	while (made == 0)
		if (getrandom(&made, sizeof(made), 0) < 0)
			made = UINT64_C(0x9e3779b97f4a7c15);
	return made;
}

/* FNV-1a from a secret beginning, and mixed by a secret at each step, so that
 * what collides in one run does not in the next. */
uint64_t
hash_more(uint64_t hash, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	const uint64_t secret = key() | 1;
	for (size_t i = 0; i < n; i++) {
		hash = (hash ^ p[i]) * UINT64_C(1099511628211);
		hash = (hash ^ hash >> 29) * secret;
	}
	return hash ^ hash >> 32;
}

uint64_t
hash_bytes(const void *bytes, size_t n)
{
	return hash_more(key(), bytes, n);
}
