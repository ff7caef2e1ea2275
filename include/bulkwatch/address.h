/*
 * address.h: addresses as the envelope gives them.
 *
 * Thread-safety: all functions.
 */
#ifndef BULKWATCH_ADDRESS_H
#define BULKWATCH_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/settings.h"

/*
 * The canonical form by which addresses are compared and kept: angle brackets
 * and a source route (RFC 5321 section 4.1.1.3) taken off, a quoted local part
 * that needs no quotes without them ("a.b"@x is a.b@x, RFC 5321 section
 * 4.1.2), ASCII letters in lower case on both sides (local parts are compared
 * without case: no mail system of today tells them apart), a final dot of the
 * domain taken off, the whole made clean (text_clean). ESMTP parameters are not
 * part of it. Never fails on content: what is no address is only made clean.
 * argument: as libmilter's argv[0] gives it ("<a@b>", or "a@b" for pickup mail,
 * "<>" for the null sender → "").
 * Returns NULL only when memory is out.
 */
const char *address_canonical(struct arena *arena, const char *argument);

/*
 * An envelope sender without what changes from mail to mail, so that one sender
 * is one sender: a BATV tag (prvs=TAG=user@d), and what follows the first + of
 * the local part (VERP, plus addresses: list+bounce=user=x@d is list@d). An
 * SRS address (SRS0=…, SRS1=…) becomes the forwarder's srs@d.
 * address: canonical. Returns NULL only when memory is out.
 */
const char *address_stable(struct arena *arena, const char *address);

/* The domain after the last @; "" if there is none. Points into address. */
const char *address_domain(const char *address);

/* True unless the domain is one of the list (a subdomain is another domain); an
 * address without a domain is local. An empty list makes every address with a
 * domain external. */
bool address_is_external(const char *address, const struct text_list *local);

/* True if text may stand as an address in a mail header or in settings:
 * local@domain, no space, no control character, at most 254 bytes (RFC 5321
 * section 4.5.3.1.3). */
bool address_is_sound(const char *text);

#endif
