/*
 * names.h: what may stand as an address, or a part of one, in the settings.
 *
 * All take text that is clean already (text_is_clean).
 */
#ifndef BULKWATCH_SETTINGS_NAMES_H
#define BULKWATCH_SETTINGS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* A domain: labels of letters, digits, - and _ with dots between, or an
 * address literal such as [192.0.2.1]. Letters outside ASCII are let through:
 * with SMTPUTF8 (RFC 6531) a domain can arrive that way. */
bool name_is_domain(const char *text);

/* The part before the @: no space, @ or * in it unless it is quoted. */
bool name_is_local_part(const char *text, size_t length);

/* local@domain, all ASCII, at most 254 bytes (RFC 5321 section 4.5.3.1.3): an
 * address that any mail server takes. */
bool name_is_address(const char *text);

#endif
