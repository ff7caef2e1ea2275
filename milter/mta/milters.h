/*
 * milters.h: a list of milters as Postfix writes it (smtpd_milters).
 *
 * Entries stand between commas or blanks: unix:PATH, inet:HOST:PORT, a
 * reference such as $name, or a group { unix:PATH, name=value, … } whose
 * settings hold for that milter only.
 */
#ifndef BULKWATCH_MTA_MILTERS_H
#define BULKWATCH_MTA_MILTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"

#define MILTERS_MAX 64
#define MILTER_ATTRIBUTES_MAX 16

struct milter_attribute {
	const char *name, *value;
};

struct milter {
	const char *written;  /* as it stands in the list */
	const char *endpoint; /* unix:…, inet:…, or what else stands there */
	struct milter_attribute attributes[MILTER_ATTRIBUTES_MAX];
	size_t attributes_n;
};

struct milter_list {
	struct milter items[MILTERS_MAX];
	size_t n;
};

/* Takes a list apart, everything in the arena. Returns 0, or -1 with a
 * sentence (braces that do not close, too many entries). */
int milters_parse(struct arena *arena, const char *text,
    struct milter_list *list_r, struct err *err);

/* "$name", "${name}" or "$(name)": the name, in the arena; NULL if it is
 * anything else. */
const char *milters_reference(struct arena *arena, const char *written);

/* A setting of the entry's own; NULL if it has none of that name. */
const char *milters_attribute(const struct milter *milter, const char *name);

/* Sets one. Returns 0, or -1 if there are too many. */
int milters_set_attribute(
    struct milter *milter, const char *name, const char *value);

/* The entry as Postfix reads it: the endpoint alone, or a group. NULL when
 * memory is out. */
const char *milters_write(struct arena *arena, const struct milter *milter);

/* The same without blanks, for master.cf, where a value may have none: with
 * another endpoint. A value that has blanks keeps them. NULL when memory is
 * out. */
const char *milters_write_tight(
    struct arena *arena, const struct milter *milter, const char *endpoint);

/* Seconds of a time as Postfix writes it (30s, 5m, 1h, 1d, 1w; without a
 * letter seconds); -1 if it is none. */
long milters_seconds(const char *text);

#endif
