/* build.c: JSON values from what the structs hold. */
#include "build.h"

#include <stdlib.h>
#include <string.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/text.h"

bool
build_put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

json_t *
build_whole(bool whole, json_t *object)
{
	if (whole)
		return object;
	json_decref(object);
	return NULL;
}

json_t *
build_string(const char *text)
{
	size_t length = strlen(text);
	if (text_is_clean(text, length))
		return json_stringn_nocheck(text, length);
	struct arena *arena = arena_new();
	char *clean = arena == NULL ? NULL : text_clean(arena, text, length);
	json_t *value = clean == NULL ? NULL : json_string_nocheck(clean);
	arena_free(arena);
	return value;
}

json_t *
build_string_or_null(const char *text)
{
	return text[0] == '\0' ? json_null() : build_string(text);
}

json_t *
build_time(int64_t wall_ms)
{
	char text[CLOCK_RFC3339_MAX];
	clock_rfc3339(wall_ms, text);
	return json_string(text);
}

json_t *
build_time_or_null(int64_t wall_ms)
{
	return wall_ms == 0 ? json_null() : build_time(wall_ms);
}

json_t *
build_integer(uint64_t number)
{
	return json_integer(
	    number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

json_t *
build_array(const void *items, size_t n, build_fn *object)
{
	json_t *array = json_array();
	for (size_t i = 0; array != NULL && i < n; i++) {
		if (json_array_append_new(array, object(items, i)) == 0)
			continue;
		json_decref(array);
		return NULL;
	}
	return array;
}

char *
build_text(json_t *document, size_t flags)
{
	char *text = document == NULL ? NULL : json_dumps(document, flags);
	json_decref(document);
	return text;
}

char *
build_pretty(json_t *document)
{
	char *text = build_text(document, JSON_INDENT(2));
	if (text == NULL)
		return NULL;
	size_t length = strlen(text);
	char *line = realloc(text, length + 2);
	if (line == NULL) {
		free(text);
		return NULL;
	}
	memcpy(line + length, "\n", 2);
	return line;
}
