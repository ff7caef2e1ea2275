/*
 * schema.h: the keys of bulkwatch.conf(5), as a table.
 */
#ifndef BULKWATCH_SETTINGS_SCHEMA_H
#define BULKWATCH_SETTINGS_SCHEMA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
#include "bulkwatch/settings.h"

/* A snapshot with what only this module knows of it. */
struct snapshot {
	struct settings settings;
	struct arena *arena; /* holds the snapshot itself, too */
	atomic_uint references;
};

/* How a value is written, and what its place in the snapshot holds. */
enum kind {
	KIND_GROUP,    /* { keys }: they go to where their own offsets say */
	KIND_RULES,    /* ( { keys }, … ): rules and rules_n */
	KIND_FLAG,     /* true or false: bool */
	KIND_NUMBER,   /* uint32_t */
	KIND_DURATION, /* "10m": int64_t, seconds */
	KIND_TIME,     /* "08:00": int, minutes of the day; "": -1 */
	KIND_WORD,     /* one of words: an enum, the word's index */
	KIND_TEXT,     /* const char * */
	KIND_TEXTS,    /* [ "…", … ]: struct text_list */
	KIND_PATTERNS, /* the same: struct pattern_list */
	KIND_NETWORKS, /* the same: struct network_list */
	KINDS_N
};

/* Checks a text (clean already) and gives the form in which it is kept. Returns
 * 0, or -1 with a sentence that goes on from the key: "is …; …". */
typedef int value_fn(struct arena *arena, const char *text,
    const char **value_r, struct err *err);

struct key {
	const char *name; /* NULL ends a table */
	enum kind kind;
	size_t
	    offset; /* in struct snapshot; for a rule's keys in struct rule */
	/* The value where the file says nothing, in the file's own syntax;
	 * NULL: the place stays zero. */
	const char *preset;
	const char *missing;      /* what to write, if the key must be there */
	int64_t least, most;      /* of a number or a duration */
	const char *const *words; /* NULL at the end */
	value_fn *value;          /* of a text, or of each text of a list */
	const char *example;      /* in the file's syntax, for faults */
	const struct key *keys; /* of a group or a rule */
};

extern const struct key schema_keys[];

#endif
