/*
 * logfile.h: log files, plain or compressed, read line by line.
 */
#ifndef BULKWATCH_RECONCILE_LOGFILE_H
#define BULKWATCH_RECONCILE_LOGFILE_H

#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/err.h"

struct logfile;

/* Opens a file, "-" for standard input, compressed by gzip or not. Returns 0
 * with *file_r set, or -1 with a sentence. */
int logfile_open(const char *path, struct logfile **file_r, struct err *err);
void logfile_close(struct logfile **file);

const char *logfile_name(const struct logfile *file);

/* The latest moment that can stand in it: a day after it was last written to,
 * and not more than a day from now. */
int64_t logfile_latest_ms(const struct logfile *file);

/* When its first line that says so was written, among those that begin it;
 * INT64_MAX if none of them does. Reads nothing away. */
int64_t logfile_first_ms(struct logfile *file);

/*
 * The next line without its newline, which lives until the next call. What
 * stands behind LOGFILE_LINE_MAX bytes of a line is left out, and so is a line
 * at the end that has no newline yet.
 * Returns 1, 0 at the end, or -1 with a sentence.
 */
#define LOGFILE_LINE_MAX 65536
int logfile_line(struct logfile *file, const char **text_r, size_t *length_r,
    struct err *err);

#endif
