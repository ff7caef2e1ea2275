/* queued.c: a line of postqueue(1)'s listing. */
#include "build.h"
#include "bulkwatch/json.h"
#include "bulkwatch/text.h"

static int
take_queued(struct arena *arena, const json_t *object,
    struct json_queued *queued_r, struct err *err)
{
	const json_t *queue = json_object_get(object, "queue_name");
	const json_t *id = json_object_get(object, "queue_id");
	const json_t *arrival = json_object_get(object, "arrival_time");
	if (!json_is_string(queue) || !json_is_string(id) ||
	    !json_is_integer(arrival))
		return err_set(err, "a line lacks \"queue_name\", \"queue_id\" "
				    "or \"arrival_time\"");
	queued_r->queue = text_clean(
	    arena, json_string_value(queue), json_string_length(queue));
	queued_r->queue_id =
	    text_clean(arena, json_string_value(id), json_string_length(id));
	queued_r->arrival_ms = json_integer_value(arrival) * 1000;
	return queued_r->queue == NULL || queued_r->queue_id == NULL
		   ? err_set(err, "memory is out")
		   : 0;
}

/* Postfix quotes what JSON wants quoted, and lets bytes of other character sets
 * in addresses through. None of what is read here has any, so they must not
 * keep the line from being read. */
static const char *
ascii_only(struct arena *arena, const char *line, size_t length)
{
	char *copy = arena_strndup(arena, line, length);
	for (size_t i = 0; copy != NULL && i < length; i++)
		if ((unsigned char)copy[i] >= 0x80)
			copy[i] = '?';
	return copy;
}

int
json_queued_parse(struct arena *arena, const char *line, size_t length,
    struct json_queued *queued_r, struct err *err)
{
	json_error_t fault;
	const char *copy = ascii_only(arena, line, length);
	if (copy == NULL)
		return err_set(err, "memory is out");
	json_t *object = json_loadb(copy, length, JSON_ALLOW_NUL, &fault);
	if (object == NULL)
		return err_set(
		    err, "a line is not sound JSON at byte %d", fault.position);
	int result = take_queued(arena, object, queued_r, err);
	json_decref(object);
	return result;
}
