/*
 * faults.h: everything that is wrong with the settings, collected.
 */
#ifndef BULKWATCH_SETTINGS_FAULTS_H
#define BULKWATCH_SETTINGS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

struct faults {
	char *text; /* lines so far; NULL when there are none */
	size_t n;
	bool memory_out; /* something could not be kept */
};

/* Where a fault is: file, line (0: the file as a whole) and key ("": none). */
struct place {
	const char *file;
	unsigned line;
	const char *key;
};

/* Adds the line "FILE:LINE: KEY: sentence". */
void faults_add(struct faults *faults, const struct place *place,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* True if there is any, memory that ran out included. */
bool faults_any(const struct faults *faults);

/* Gives the lines away (the caller frees them; NULL when memory is out) and
 * leaves the collection empty. */
char *faults_take(struct faults *faults);

#endif
