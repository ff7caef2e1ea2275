/*
 * own.h: which passing mail is our own.
 *
 * Our alerts and notices leave through the same mail server, so they pass our
 * milter. Each attempt to send one carries a fresh random nonce that is known
 * here only while it is under way and shortly after. A message is ours if it
 * shows such a nonce, is the first to show it, and goes to nobody but the
 * recipients of that attempt (to fewer, if the server refused one or one is
 * exempt). Who reads a nonce in a delivered mail gains nothing: it is used up,
 * and it never stood for other recipients.
 *
 * Thread-safety: all functions.
 */
#ifndef BULKWATCH_OWN_H
#define BULKWATCH_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/compose.h" /* OWN_HEADER */
#include "bulkwatch/err.h"
#include "bulkwatch/settings.h"

#define OWN_NONCE_MAX 33 /* 32 hex digits and a NUL */
#define OWN_LIFETIME_SECS 600

struct own;

/* Returns 0 with *own_r set, or -1. own_deinit frees and sets to NULL. */
int own_init(struct own **own_r, struct err *err);
void own_deinit(struct own **own);

/* Makes a nonce for an attempt to send to these addresses (canonical form is
 * made here; copied). Returns 0, or -1 (no randomness, no memory). */
int own_expect(struct own *own, const struct text_list *to, int64_t now_tick,
    char nonce_r[OWN_NONCE_MAX], struct err *err);

/* True, once, if nonce is expected and each of these recipients (canonical) is
 * one that it was made for. Asking uses the nonce up, whatever the answer. A
 * nonce older than OWN_LIFETIME_SECS is forgotten; so is the oldest of
 * OWN_PENDING_MAX when one more is made. White space around it is no part of
 * the nonce; NULL is none. */
#define OWN_PENDING_MAX 256
bool own_is(struct own *own, const char *nonce, const char *const *recipients,
    size_t n, int64_t now_tick);

#endif
