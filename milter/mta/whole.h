/*
 * whole.h: whole files, read and replaced in one step.
 */
#ifndef BULKWATCH_MTA_WHOLE_H
#define BULKWATCH_MTA_WHOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"

/* Larger than any settings file. */
#define WHOLE_MAX (16 * 1024 * 1024)

struct whole {
	const char *text; /* a NUL stands behind it */
	size_t length;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* Reads a file whole, text in the arena. Returns 0, or -1 with a sentence and
 * errno set (ENOENT: there is none). */
int whole_read(struct arena *arena, const char *path, struct whole *file_r,
    struct err *err);

bool whole_equal(const struct whole *a, const struct whole *b);

/*
 * Puts the text of file in the place of path, with file's mode and owner: who
 * reads sees the old text or the new one, whenever the machine stops. Where
 * path is a link, what it leads to is replaced.
 */
int whole_replace(struct arena *arena, const char *path,
    const struct whole *file, struct err *err);

/* The same for a file that nobody needs after a power cut. */
int whole_scratch(struct arena *arena, const char *path,
    const struct whole *file, struct err *err);

#endif
