/*
 * delivery.h: alerts taken from the outbox to the SMTP server, and what came of
 * it; for notifier.c alone, and for its thread.
 */
#ifndef BULKWATCH_NOTIFY_DELIVERY_H
#define BULKWATCH_NOTIFY_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/notifier.h"
#include "budget.h"

/* A mail that went and that the store could not be told of yet. Until it is,
 * nothing else is sent: the rows would be due again. */
struct unsettled {
	struct arena *arena; /* NULL: none */
	const int64_t *ids;
	size_t n;
	struct alert_result result;
};

struct delivery {
	struct outbox outbox;
	struct own *own;
	const bool *stop; /* read with __atomic_load_n */
	struct budget budget;
	struct unsettled unsettled;
	uint32_t failures;       /* in a row */
	int64_t hold_until_tick; /* nothing is tried before */
};

/*
 * Sends alerts in at most left mails (1 or more): one by one, or, when there
 * are more than that, all the rest in the last one. Each is settled right
 * after.
 * Returns 0, or -1 if the server or the store failed and it is no use to go on
 * now.
 */
int delivery_send(struct delivery *delivery, const struct settings *settings,
    const struct alert *alerts, size_t n, size_t left);

/* Tells the store of a mail that went, if it does not know. Returns 0, or -1
 * if it cannot be told now. */
int delivery_settle(struct delivery *delivery);

void delivery_free(struct delivery *delivery);

#endif
