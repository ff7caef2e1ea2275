/*
 * build.h: JSON values from what the structs hold.
 *
 * Each takes over the json_t that it is given, and gives NULL when memory is
 * out; NULL is taken everywhere, so that a chain of calls needs no check
 * before its end.
 */
#ifndef BULKWATCH_JSON_BUILD_H
#define BULKWATCH_JSON_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* Puts a value into an object. False if value is NULL or memory is out, so a
 * chain of puts ends where memory did, and keys stand in its order. */
bool build_put(json_t *object, const char *key, json_t *value);

/* Gives the object if all went into it; else frees it and gives NULL. */
json_t *build_whole(bool whole, json_t *object);

/* Strings are clean where they come in; they are made so again for a database
 * that somebody else has written to. JSON that a terminal shows must not act
 * on it either. */
json_t *build_string(const char *text);
json_t *build_string_or_null(const char *text); /* null for "" */

/* RFC 3339; null for 0 where that means "never". */
json_t *build_time(int64_t wall_ms);
json_t *build_time_or_null(int64_t wall_ms);

json_t *build_integer(uint64_t number);

/* An array of n values, each made by object. */
typedef json_t *build_fn(const void *items, size_t i);
json_t *build_array(const void *items, size_t n, build_fn *object);

/* The text of a document; pretty has indents and a final newline. */
char *build_text(json_t *document, size_t flags);
char *build_pretty(json_t *document);

#endif
