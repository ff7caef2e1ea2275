/*
 * replay.h: what was kept aside while the store failed, brought into it (inside
 * the daemon; the keeper alone uses it).
 */
#ifndef BULKWATCH_DAEMON_REPLAY_H
#define BULKWATCH_DAEMON_REPLAY_H

#include "keeper.h"

/* How often the log says that something still fails. */
#define KEEPER_REMIND_SECS 60

/* Brings in what the spool holds. A spool that cannot be read is said, and
 * tried again later: the store works without it. Returns 0; 1 if there is more
 * of it; or -1 if the store failed. */
int replay_spool(struct keeper *keeper, struct err *err);

/* Brings in what waits in memory. Returns 0, or -1 if the store failed. */
int replay_parked(struct keeper *keeper, struct err *err);

#endif
