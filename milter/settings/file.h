/*
 * file.h: a whole small file at once.
 */
#ifndef BULKWATCH_SETTINGS_FILE_H
#define BULKWATCH_SETTINGS_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"

#define FILE_BYTES_MAX (1024 * 1024)

struct file_text {
	const char *text;    /* NUL-ended, no NUL inside, without the byte order
			      * mark that some editors begin UTF-8 with */
	bool world_readable; /* anybody on the machine may read the file */
};

/* Reads a regular file of at most FILE_BYTES_MAX into the arena. Returns 1 if
 * read, 0 if there is no such file, -1 with a sentence; also if everybody on
 * the machine may change it, or put another in its place. */
int file_read(struct arena *arena, const char *path, struct file_text *text_r,
    struct err *err);

/* Goes on with a digest (FNV-1a) of texts: it tells whether they are still the
 * same, and keeps nobody from making others that have it, too. Begin with
 * FILE_DIGEST_START. */
#define FILE_DIGEST_START UINT64_C(14695981039346656037)
uint64_t file_digest(uint64_t digest, const char *text);

#endif
