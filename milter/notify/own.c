/* own.c: which passing mail is our own. */
#include "bulkwatch/own.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bulkwatch/address.h"
#include "bulkwatch/arena.h"

#define NONCE_BYTES ((OWN_NONCE_MAX - 1) / 2)

/* An attempt that is under way. */
struct pending {
	char nonce[OWN_NONCE_MAX];
	int64_t made_tick;
	struct arena *arena; /* of to; NULL: the place is free */
	const char **to;
	size_t to_n;
};

struct own {
	pthread_mutex_t lock;
	struct pending pending[OWN_PENDING_MAX];
	size_t next; /* the place to use next, which is the oldest */
};

int
own_init(struct own **own_r, struct err *err)
{
	struct own *own = calloc(1, sizeof(*own));
	if (own == NULL)
		return err_set(err, "no memory for the list of own mail");
	pthread_mutex_init(&own->lock, NULL);
	*own_r = own;
	return 0;
}

static void
forget(struct pending *pending)
{
	arena_free(pending->arena);
	*pending = (struct pending){.arena = NULL};
}

void
own_deinit(struct own **own)
{
	if (*own == NULL)
		return;
	for (size_t i = 0; i < OWN_PENDING_MAX; i++)
		forget(&(*own)->pending[i]);
	pthread_mutex_destroy(&(*own)->lock);
	free(*own);
	*own = NULL;
}

static int
make_nonce(char nonce_r[OWN_NONCE_MAX], struct err *err)
{
	unsigned char bytes[NONCE_BYTES];
	/* Up to 256 bytes come whole or not at all (getrandom(2)). */
	ssize_t n;
	do
		n = getrandom(bytes, sizeof(bytes), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(bytes))
		return err_sys(err, "the system has no random numbers");
	for (size_t i = 0; i < NONCE_BYTES; i++)
		sprintf(nonce_r + 2 * i, "%02x", bytes[i]);
	return 0;
}

static int
fill(struct pending *pending, const struct text_list *to)
{
	pending->arena = arena_new();
	if (pending->arena == NULL)
		return -1;
	pending->to = arena_alloc(pending->arena, to->n * sizeof(*pending->to));
	for (size_t i = 0; i < to->n && pending->to != NULL; i++) {
		pending->to[i] =
		    address_canonical(pending->arena, to->items[i]);
		if (pending->to[i] == NULL)
			return -1;
	}
	pending->to_n = to->n;
	return pending->to == NULL ? -1 : 0;
}

int
own_expect(struct own *own, const struct text_list *to, int64_t now_tick,
    char nonce_r[OWN_NONCE_MAX], struct err *err)
{
	struct pending fresh = {.made_tick = now_tick};
	if (make_nonce(fresh.nonce, err) < 0)
		return -1;
	if (fill(&fresh, to) < 0) {
		forget(&fresh);
		return err_set(err, "no memory to expect a mail of our own");
	}
	memcpy(nonce_r, fresh.nonce, OWN_NONCE_MAX);
	pthread_mutex_lock(&own->lock);
	forget(&own->pending[own->next]);
	own->pending[own->next] = fresh;
	own->next = (own->next + 1) % OWN_PENDING_MAX;
	pthread_mutex_unlock(&own->lock);
	return 0;
}

/* The pending attempt with that nonce, or NULL. */
static struct pending *
find(struct own *own, const char *nonce)
{
	while (isspace((unsigned char)*nonce))
		nonce++;
	size_t length = strlen(nonce);
	while (length > 0 && isspace((unsigned char)nonce[length - 1]))
		length--;
	if (length != OWN_NONCE_MAX - 1)
		return NULL;
	for (size_t i = 0; i < OWN_PENDING_MAX; i++)
		if (own->pending[i].arena != NULL &&
		    memcmp(own->pending[i].nonce, nonce, length) == 0)
			return &own->pending[i];
	return NULL;
}

static bool
is_for(const struct pending *pending, const char *recipient)
{
	for (size_t i = 0; i < pending->to_n; i++)
		if (strcmp(pending->to[i], recipient) == 0)
			return true;
	return false;
}

bool
own_is(struct own *own, const char *nonce, const char *const *recipients,
    size_t n, int64_t now_tick)
{
	if (nonce == NULL)
		return false;
	pthread_mutex_lock(&own->lock);
	struct pending *pending = find(own, nonce);
	bool is = pending != NULL &&
		  now_tick - pending->made_tick <= OWN_LIFETIME_SECS;
	for (size_t i = 0; i < n && is; i++)
		is = is_for(pending, recipients[i]);
	if (pending != NULL)
		forget(pending);
	pthread_mutex_unlock(&own->lock);
	return is;
}
