/*
 * pattern.h: who is meant: address patterns and networks.
 *
 * Thread-safety: all functions.
 */
#ifndef BULKWATCH_PATTERN_H
#define BULKWATCH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
#include "bulkwatch/settings.h"

/*
 * Checks a pattern as a person wrote it and gives its canonical form.
 *     user@domain    that address, case ignored
 *     *@domain       every address of exactly that domain
 *     @.sub.domain   every address of sub.domain and of the domains below it
 *     *              everyone
 *     word           a login without a domain, where such logins are used
 * Returns 0, or -1 with a sentence that names the accepted forms.
 */
int pattern_parse(struct arena *arena, const char *text,
    const char **pattern_r, struct err *err);

/* True if name (an address or a login; case ignored) is meant by the pattern. */
bool pattern_match(const char *pattern, const char *name);

/* True if any pattern of the list means it. */
bool pattern_list_match(const struct pattern_list *list, const char *name);

/* "192.0.2.0/24", "2001:db8::/32", or a single address. Host bits that are set
 * are a fault that names the network that would be right. Returns 0 or -1. */
int network_parse(const char *text, struct network *network_r,
    struct err *err);

/* True if the address (text as MTAs give it: "192.0.2.1", "IPv6:2001:db8::1",
 * "2001:db8::1", "::ffff:192.0.2.1") is in one of the networks. What is no
 * address is in none. */
bool network_list_match(const struct network_list *list, const char *address);

#endif
