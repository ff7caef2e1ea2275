/*
 * reader.h: from a parsed file into a snapshot, by the table of keys.
 */
#ifndef BULKWATCH_SETTINGS_READER_H
#define BULKWATCH_SETTINGS_READER_H

#include <libconfig.h>

#include "faults.h"
#include "schema.h"

struct reader {
	struct arena *arena; /* of the snapshot */
	struct faults *faults;
	const char *file;   /* the settings file, for faults */
	const char *folder; /* where it is: included files are beside it */
	struct snapshot *snapshot;
};

/* Reads the whole file (its root group) by schema_keys; every key that is not
 * there gets its preset. Whatever is wrong is a fault, and reading goes on. */
void reader_read(struct reader *reader, const config_setting_t *root);

/* A fault at a setting of the file (its file and line); NULL: at the file as a
 * whole. key: what the fault line calls it. */
void reader_fault(struct reader *reader, const config_setting_t *setting,
    const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The path of the file that a setting stands in (an included one, or the
 * settings file); in the arena, NULL when memory is out. */
const char *reader_file(struct reader *reader, const config_setting_t *setting);

#endif
