/* settle.h: what came of a mail, told to the store and to the log; for
 * delivery.c and notifier.c alone. */
#ifndef BULKWATCH_NOTIFY_SETTLE_H
#define BULKWATCH_NOTIFY_SETTLE_H

#include "bulkwatch/compose.h"
#include "delivery.h"

/* Some rows that go in one mail, or fail to. */
struct batch {
	const struct settings *settings;
	struct arena *arena;
	const struct alert *alerts;
	size_t n;
};

/* Tells the store of a mail that went, if it does not know. Returns 0, or -1
 * if it cannot be told now. */
int settle_pending(struct delivery *delivery);

/* Forgets a mail that the store does not know of. */
void settle_forget(struct delivery *delivery);

/* The server took the mail, but for the refused recipients that error tells
 * of. */
void settle_sent(struct delivery *delivery, const struct batch *batch,
    const struct outgoing *outgoing, const bool *refused, const char *error);

/* There was nothing to send. The functions below return 0, or -1 if the store
 * fails. */
int settle_unsent(struct delivery *delivery, const struct batch *batch);

/* The mail did not go: the rows are put off, or given up where they are too
 * old. */
int settle_put_off(
    struct delivery *delivery, const struct batch *batch, const char *error);

/* The same, and it was the server: its lane waits for a while. */
int settle_failed(
    struct delivery *delivery, const struct batch *batch, const char *error);

/* No use to try again. */
int settle_given_up(
    struct delivery *delivery, const struct batch *batch, const char *error);

#endif
