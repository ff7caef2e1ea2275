/*
 * digest.h: names in 64 bits (inside the store).
 *
 * Windows and retries compare digests instead of texts. The key is random and
 * kept with the database, so nobody can make two recipients that count as one,
 * and where evidence.recipients is "count" the digests tell nothing.
 * (SipHash-2-4, libsodium's crypto_shorthash.)
 */
#ifndef BULKWATCH_STORE_DIGEST_H
#define BULKWATCH_STORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/record.h"

#define DIGEST_KEY_BYTES 16

struct digest_key {
	unsigned char bytes[DIGEST_KEY_BYTES];
};

/* A new random key. Returns 0, or -1 if the system has no randomness. */
int digest_key_make(struct digest_key *key_r);

/* Digest of a kind of name and the name. */
uint64_t digest_name(
    const struct digest_key *key, unsigned kind, const char *name);

/*
 * Digests of a message's recipients, sorted, unique; bit 0 says external.
 * hashes_r: room for message->recipients_n. Returns how many there are (fewer
 * only if two recipients share a digest).
 */
#define DIGEST_EXTERNAL UINT64_C(1)
size_t digest_recipients(const struct digest_key *key,
    const struct message *message, uint64_t *hashes_r);

/* What makes a message the same when it is tried again: sender, Message-ID,
 * subject and recipients. One without a Message-ID of its own is like no other:
 * its time and queue id stand in. (Postfix gives such mail one made of the queue
 * id, before a milter sees it, and another with each try.) */
uint64_t digest_message(const struct digest_key *key,
    const struct message *message, const uint64_t *hashes, size_t n);

/* Sender, subject and recipients of a message without a Message-ID of its own;
 * 0 of one that has it. Several mails may share it. */
uint64_t digest_bare(const struct digest_key *key,
    const struct message *message, const uint64_t *hashes, size_t n);

#endif
