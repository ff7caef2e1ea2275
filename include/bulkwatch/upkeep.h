/*
 * upkeep.h: the thread that looks after things: reload on SIGUSR1, bulk sends
 * that are over, sums, what is older than it is kept, a check of the whole
 * database behind.
 */
#ifndef BULKWATCH_UPKEEP_H
#define BULKWATCH_UPKEEP_H

#include "bulkwatch/current.h"
#include "bulkwatch/err.h"
#include "bulkwatch/notifier.h"
#include "bulkwatch/recorder.h"

struct upkeep;

struct upkeep_options {
	const char *settings_file; /* read again on SIGUSR1 */
	struct current *current;
	struct recorder *recorder;
	struct notifier *notifier;
};

/* Starts the threads. SIGUSR1 must be blocked in every thread. Returns 0 with
 * *upkeep_r set, or -1. */
int upkeep_init(const struct upkeep_options *options,
    struct upkeep **upkeep_r, struct err *err);

/* Ends the threads and sets *upkeep to NULL. */
void upkeep_deinit(struct upkeep **upkeep);

#endif
