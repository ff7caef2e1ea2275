/*
 * stamp.h: the time at which a line of a log was written.
 *
 * It is as syslog writes it: RFC 3339, or RFC 3164, which has neither year nor
 * zone: it is local time then, of the year that makes it the latest moment up
 * to latest_ms.
 */
#ifndef BULKWATCH_RECONCILE_STAMP_H
#define BULKWATCH_RECONCILE_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "span.h"

/* Takes the time off the front of a line; false if the line does not begin with
 * one, and then it is not known how much was taken. */
bool stamp_take(struct span *rest, int64_t latest_ms, int64_t *at_ms_r);

#endif
