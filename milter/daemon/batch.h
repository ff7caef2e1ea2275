/*
 * batch.h: some messages through count, policy and bulk sends, in one
 * transaction (inside the daemon).
 */
#ifndef BULKWATCH_DAEMON_BATCH_H
#define BULKWATCH_DAEMON_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/err.h"
#include "bulkwatch/store.h"

/* Counts, decides and records; what mail is due is queued with it. A self-test
 * (entry->trial is set then) goes the same way and leaves nothing but what was
 * seen of it; its decision says to let it go. place: of the spool behind these
 * messages, if they come from it; else NULL. Returns 0 when it is committed, or
 * -1 with a sentence: the database has nothing of it then, or (the file is
 * gone, or cannot be synced) cannot be relied on. */
int batch_save(struct store *store, struct entry *const *entries, size_t n,
    const struct spool_place *place, struct err *err);

/* Logs the bulk sends that began with a batch, and self-tests. Returns true if
 * mail was queued. */
bool batch_report(struct entry *const *entries, size_t n);

#endif
