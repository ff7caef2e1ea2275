/*
 * hashes.h: sets of strings, kept as 64-bit hashes.
 *
 * Who writes the strings cannot aim at a collision: each run has a key of its
 * own.
 */
#ifndef BULKWATCH_RECONCILE_HASHES_H
#define BULKWATCH_RECONCILE_HASHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hashes;

struct hashes *hashes_new(void); /* NULL when memory is out */
void hashes_free(struct hashes *hashes);

/* Adds one. Returns 1 if it is new, 0 if it was there, -1 when memory is out.
 */
int hashes_add(struct hashes *hashes, uint64_t hash);
bool hashes_has(const struct hashes *hashes, uint64_t hash);
size_t hashes_count(const struct hashes *hashes);

/* The hash of n bytes, and of bytes that follow others. */
uint64_t hash_bytes(const void *bytes, size_t n);
uint64_t hash_more(uint64_t hash, const void *bytes, size_t n);

#endif
