/*
 * wanted.h: what would be right, in words, out of the table of keys.
 */
#ifndef BULKWATCH_SETTINGS_WANTED_H
#define BULKWATCH_SETTINGS_WANTED_H

#include "schema.h"

#define WANTED_MAX 400

/* "write a whole number from 1 to 100000, without quotes" */
void wanted_text(const struct key *key, char text_r[WANTED_MAX]);

/* For a key that a table does not have: the nearest it has, or the group where
 * there is such a key, or all that it has. */
void wanted_hint(
    const struct key *keys, const char *name, char text_r[WANTED_MAX]);

/* The key of that name in a table, or NULL. */
const struct key *wanted_key(const struct key *keys, const char *name);

/* What a value is, by its libconfig type: "a number", "a list". */
const char *wanted_type_name(int type);

#endif
