/*
 * trust.h: whether a file may be what somebody else has put there.
 *
 * For the folders in which the daemon keeps what it knows. Who may write to
 * them can do as they like with it; so that is the daemon's user and root, and
 * the group that the admin gave them. Thread-safety: all functions.
 */
#ifndef BULKWATCH_TRUST_H
#define BULKWATCH_TRUST_H

#include <sys/stat.h>

#include "bulkwatch/err.h"

/* A folder that belongs to this process's user or to root, and that not
 * everybody may write to. Returns 0, or -1 with what is wrong and what to do,
 * as words that follow the folder's name. */
int trust_folder(const struct stat *st, struct err *err);

/* A regular file that belongs to this process's user or to root. Returns as
 * above. Its name may be one of several: backups by hard links are made of
 * databases. */
int trust_file(const struct stat *st, struct err *err);

#endif
