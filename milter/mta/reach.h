/*
 * reach.h: can another user open a socket?
 */
#ifndef BULKWATCH_MTA_REACH_H
#define BULKWATCH_MTA_REACH_H

#include "bulkwatch/arena.h"

enum reach {
	REACH_YES,
	REACH_NO,      /* it cannot; why_r says where it stops */
	REACH_UNKNOWN, /* why_r says why it could not be found out */
};

/*
 * Becomes the user, with its groups, in a process of its own, and tries each
 * folder on the path and the socket at its end: what counts is what the kernel
 * says, with access lists and all. Only root can.
 * why_r: a sentence in the arena ("" for REACH_YES).
 */
enum reach reach_path(struct arena *arena, const char *user, const char *path,
    const char **why_r);

#endif
