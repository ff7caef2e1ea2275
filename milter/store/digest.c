/* digest.c: names in 64 bits. */
#include "digest.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(DIGEST_KEY_BYTES == crypto_shorthash_KEYBYTES,
    "the key is libsodium's");

int
digest_key_make(struct digest_key *key_r)
{
	if (sodium_init() < 0)
		return -1;
	randombytes_buf(key_r->bytes, sizeof(key_r->bytes));
	return 0;
}

static uint64_t
digest(const struct digest_key *key, const void *bytes, size_t n)
{
	uint64_t hash;
	crypto_shorthash(
	    (unsigned char *)&hash, bytes, (unsigned long long)n, key->bytes);
	return hash;
}

/* The digest of two digests and a number. */
static uint64_t
join(const struct digest_key *key, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t parts[] = {a, b, c};
	return digest(key, parts, sizeof(parts));
}

uint64_t
digest_name(const struct digest_key *key, unsigned kind, const char *name)
{
	return join(key, digest(key, name, strlen(name)), kind, 0);
}

static int
compare_hash(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

size_t
digest_recipients(const struct digest_key *key, const struct message *message,
    uint64_t *hashes_r)
{
	for (size_t i = 0; i < message->recipients_n; i++) {
		const struct recipient *r = &message->recipients[i];
		hashes_r[i] =
		    (digest(key, r->address, strlen(r->address)) &
			~DIGEST_EXTERNAL) |
		    (r->external ? DIGEST_EXTERNAL : 0);
	}
	if (message->recipients_n < 2)
		return message->recipients_n;
	qsort(hashes_r, message->recipients_n, sizeof(*hashes_r), compare_hash);
	size_t n = 1;
	for (size_t i = 1; i < message->recipients_n; i++)
		if (hashes_r[i] != hashes_r[n - 1])
			hashes_r[n++] = hashes_r[i];
	return n;
}

static bool
has_own_id(const struct message *m)
{
	return m->message_id[0] != '\0' &&
	       (m->queue_id[0] == '\0' ||
		   strstr(m->message_id, m->queue_id) == NULL);
}

/* Another mail under an old Message-ID is another mail: what is tried again has
 * its subject too. */
static uint64_t
digest_bare_parts(const struct digest_key *key, const struct message *m,
    const uint64_t *hashes, size_t n, uint64_t rest)
{
	uint64_t who = digest_name(key, m->identity, m->sender);
	uint64_t to = join(key, digest(key, hashes, n * sizeof(*hashes)),
	    digest(key, m->subject, strlen(m->subject)), 0);
	return join(key, who, to, rest);
}

uint64_t
digest_message(const struct digest_key *key, const struct message *m,
    const uint64_t *hashes, size_t n)
{
	if (has_own_id(m))
		return digest_bare_parts(key, m, hashes, n,
		    digest(key, m->message_id, strlen(m->message_id)));
	uint64_t attempt = digest(key, m->queue_id, strlen(m->queue_id));
	return digest_bare_parts(key, m, hashes, n,
	    join(key, attempt, (uint64_t)m->at_ms, 1));
}

uint64_t
digest_bare(const struct digest_key *key, const struct message *m,
    const uint64_t *hashes, size_t n)
{
	return has_own_id(m) ? 0 : digest_bare_parts(key, m, hashes, n, 2);
}
