/*
 * turn.h: one person after another at held mail.
 */
#ifndef BULKWATCH_CTL_TURN_H
#define BULKWATCH_CTL_TURN_H

#include "ctl.h"

/* One for the machine: two databases may stand for one mail server. In a folder
 * where only root makes files; whoever else may lock could keep root waiting.
 */
#define TURN_FILE "/run/bulkwatch-held.lock"

#define TURN_SECS 30

/*
 * Waits for the end of another process that has the turn, at most so many
 * seconds.
 * Returns a descriptor, whose close ends the turn, or -1 after it said why: the
 * other one took too long, or the file is not ours alone.
 */
int turn_take(struct ctl *ctl, const char *file, int patience_secs);

#endif
