/*
 * rights.h: whether the daemon's user can use its files, and whether there is
 * room for more.
 */
#ifndef BULKWATCH_CTL_RIGHTS_H
#define BULKWATCH_CTL_RIGHTS_H

#include "bulkwatch/arena.h"
#include "bulkwatch/settings.h"

/* Where what is wrong is told. text: in the arena, or NULL: memory was out. */
struct rights {
	struct arena *arena;
	void (*fault)(void *context, const char *subject, const char *text);
	void *context;
};

/* Looks at the settings file, the database with what is beside it, the spool
 * and their disks. Rights can be looked at by root only, and where the daemon's
 * user is known: by settings.user, by who listens, or by the unit. */
void rights_check(const struct rights *rights, const struct settings *settings);

#endif
