/*
 * able.h: what another user of this machine may do.
 *
 * Thread-safety: one thread.
 */
#ifndef BULKWATCH_ABLE_H
#define BULKWATCH_ABLE_H

#include <pwd.h>

#include "bulkwatch/err.h"

/* The user that bulkwatchd becomes: the setting user, else the unit's, where
 * the settings are those that the unit takes (file) and there is such a user.
 * NULL if it is not known. As getpwnam(3). */
const struct passwd *able_daemon(const char *file, const char *user);

/* Whether who may do mode (as access(2)) with path. Returns 1 if so, 0 if not,
 * -1 if that cannot be found out: only root can. */
int able(const struct passwd *who, const char *path, int mode);

/* Whether the folder of a socket's path is there. Returns 0, or -1 with a
 * sentence that says how to make it so that the mail server, too, gets to the
 * socket in it. */
int able_folder(const char *path, struct err *err);

/* The name of the user's group; "bulkwatch" where there is none. */
const char *able_group(const struct passwd *who);

#endif
