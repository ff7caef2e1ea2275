/*
 * delivery.h: mails taken from the outbox to the SMTP server; for notifier.c
 * and settle.c alone, and for the notifier's thread.
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

/*
 * Mail to the admins and mail to senders do not stand in each other's way: each
 * has so many mails an hour (alerts.per_hour) and its own wait after a failure.
 * Else a storm of notices, or one mailbox that takes none, would hold up the
 * alerts.
 */
struct lane {
	struct budget budget;
	uint32_t failures;       /* in a row */
	int64_t hold_until_tick; /* nothing is tried before */
};

struct delivery {
	struct outbox outbox;
	struct own *own;
	const bool *stop; /* read with __atomic_load_n */
	size_t digest_from; /* so many rows go in one mail, whatever may go */
	struct lane admins, senders;
	struct unsettled unsettled;
};

/* How many mails may go now. */
size_t lane_left(struct lane *lane, int64_t now_tick, size_t per_hour);

/* Seconds until one may go, where none may. */
int64_t lane_wait(const struct lane *lane, int64_t now_tick, size_t per_hour);

/*
 * Sends mail to the admins (started, grown, beyond, daily) in at most left
 * mails (1 or more): one by one, or, when there are more than that, all the
 * rest in the last one, and digest_from or more in one. A day's digest goes on
 * its own, and several of them are one. Each is settled right after.
 * Returns 0, or -1 if the server or the store failed and it is no use to go on
 * now.
 */
int delivery_send(struct delivery *delivery, const struct settings *settings,
    const struct alert *alerts, size_t n, size_t left);

/* Sends one notice to its sender, where one may go. Returns as above. */
int delivery_notice(struct delivery *delivery, const struct settings *settings,
    const struct alert *notice);

void delivery_free(struct delivery *delivery);

#endif
