/*
 * outbox.h: the notifier's way to the store, through the recorder.
 */
#ifndef BULKWATCH_OUTBOX_H
#define BULKWATCH_OUTBOX_H

#include "bulkwatch/current.h"
#include "bulkwatch/notifier.h"
#include "bulkwatch/recorder.h"

struct outbox_context {
	struct recorder *recorder;
	struct current *current;
};

/* Functions for notifier_init; context must outlive the notifier. */
struct outbox outbox_of(struct outbox_context *context);

#endif
