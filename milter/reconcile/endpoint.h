/*
 * endpoint.h: a milter as Postfix's log names it, and where we listen.
 */
#ifndef BULKWATCH_RECONCILE_ENDPOINT_H
#define BULKWATCH_RECONCILE_ENDPOINT_H

#include "span.h"

/*
 * True if main.cf's name of a milter means the place where we listen. A log
 * says neither whether the process was in a chroot, from which it names a path,
 * nor whether a path goes over a link such as /var/run, so it is enough that
 * one ends with the other.
 * listen: as in struct settings.
 */
bool endpoint_is_ours(const char *listen, struct span milter);

#endif
