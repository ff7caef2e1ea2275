/* json.c: a message as one line of JSON, and back. */
#include "bulkwatch/json.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "build.h"
#include "bulkwatch/text.h"

/* What a message's line holds, once for writing and once for reading. */

enum kind { KIND_INT64, KIND_MOMENT, KIND_COUNT, KIND_STRING };

/* The end of the year 9999: a moment outside is a mistake, and reckoning with
 * it would overflow. Milliseconds. */
#define MOMENT_MAX INT64_C(253402300799999)

static const struct field {
	const char *key;
	enum kind kind;
	size_t offset;
} fields[] = {
#define AT(name) offsetof(struct message, name)
    {"id", KIND_INT64, AT(id)},
    {"at_ms", KIND_MOMENT, AT(at_ms)},
    {"tick", KIND_INT64, AT(tick)},
    {"sender", KIND_STRING, AT(sender)},
    {"mail_from", KIND_STRING, AT(mail_from)},
    {"login", KIND_STRING, AT(login)},
    {"client", KIND_STRING, AT(client)},
    {"queue_id", KIND_STRING, AT(queue_id)},
    {"message_id", KIND_STRING, AT(message_id)},
    {"subject", KIND_STRING, AT(subject)},
    {"recipient_count", KIND_COUNT, AT(recipient_count)},
    {"external_count", KIND_COUNT, AT(external_count)},
#undef AT
};

#define FIELDS_N (sizeof(fields) / sizeof(fields[0]))

static json_t *
field_value(const struct message *message, const struct field *field)
{
	const char *at = (const char *)message + field->offset;
	int64_t number;
	uint32_t count;
	const char *text;
	switch (field->kind) {
	case KIND_INT64:
	case KIND_MOMENT:
		memcpy(&number, at, sizeof(number));
		return json_integer(number);
	case KIND_COUNT:
		memcpy(&count, at, sizeof(count));
		return json_integer(count);
	case KIND_STRING:
		break;
	}
	memcpy(&text, at, sizeof(text));
	return build_string(text);
}

static json_t *
recipient_object(const void *items, size_t i)
{
	const struct recipient *recipient = (const struct recipient *)items + i;
	json_t *object = json_object();
	bool whole =
	    build_put(object, "address", build_string(recipient->address)) &&
	    build_put(object, "external", json_boolean(recipient->external));
	return build_whole(whole, object);
}

char *
json_message(const struct message *message)
{
	json_t *object = json_object();
	bool whole = build_put(object, "identity",
	    json_string(record_identity_name(message->identity)));
	for (size_t i = 0; i < FIELDS_N; i++)
		whole = whole && build_put(object, fields[i].key,
				     field_value(message, &fields[i]));
	whole = whole && build_put(object, "recipients",
			     build_array(message->recipients,
				 message->recipients_n, recipient_object));
	return build_text(build_whole(whole, object), JSON_COMPACT);
}

/* The string as it is kept, in the arena. A line that was written here is
 * clean already; one that somebody edited may not be. */
static int
take_string(struct arena *arena, const char *key, const json_t *value,
    const char **text_r, struct err *err)
{
	if (!json_is_string(value))
		return err_set(err, "\"%s\" must be a string", key);
	const char *text = text_clean(
	    arena, json_string_value(value), json_string_length(value));
	if (text == NULL)
		return err_set(err, "memory is out");
	*text_r = text;
	return 0;
}

static int
take_field(struct arena *arena, const struct field *field, const json_t *value,
    struct message *message, struct err *err)
{
	char *at = (char *)message + field->offset;
	if (field->kind == KIND_STRING) {
		const char *text = "";
		if (take_string(arena, field->key, value, &text, err) < 0)
			return -1;
		memcpy(at, &text, sizeof(text));
		return 0;
	}
	if (!json_is_integer(value))
		return err_set(
		    err, "\"%s\" must be a whole number", field->key);
	json_int_t number = json_integer_value(value);
	if (field->kind == KIND_MOMENT && (number < 0 || number > MOMENT_MAX))
		return err_set(err, "\"%s\" must be from 0 to %" PRId64,
		    field->key, MOMENT_MAX);
	if (field->kind != KIND_COUNT) {
		int64_t whole = number;
		memcpy(at, &whole, sizeof(whole));
		return 0;
	}
	if (number < 0 || number > UINT32_MAX)
		return err_set(err, "\"%s\" must be from 0 to %" PRIu32,
		    field->key, UINT32_MAX);
	uint32_t count = (uint32_t)number;
	memcpy(at, &count, sizeof(count));
	return 0;
}

static int
take_recipient(struct arena *arena, const json_t *value,
    struct recipient *recipient_r, struct err *err)
{
	const json_t *external = json_object_get(value, "external");
	if (!json_is_object(value) || !json_is_boolean(external))
		return err_set(err,
		    "each of \"recipients\" must be an object "
		    "with \"address\" and \"external\" (true or false)");
	recipient_r->external = json_is_true(external);
	return take_string(arena, "address", json_object_get(value, "address"),
	    &recipient_r->address, err);
}

static int
take_recipients(struct arena *arena, const json_t *array,
    struct message *message, struct err *err)
{
	if (!json_is_array(array))
		return err_set(err, "\"recipients\" must be an array");
	size_t n = json_array_size(array);
	struct recipient *recipients =
	    arena_alloc(arena, n * sizeof(*recipients));
	if (recipients == NULL)
		return err_set(err, "memory is out");
	for (size_t i = 0; i < n; i++)
		if (take_recipient(arena, json_array_get(array, i),
			&recipients[i], err) < 0)
			return -1;
	message->recipients = recipients;
	message->recipients_n = n;
	return 0;
}

static int
take_identity(const json_t *value, enum identity *identity_r, struct err *err)
{
	const char *word = json_string_value(value);
	if (word == NULL || record_identity_parse(word, identity_r) < 0)
		return err_set(
		    err, "\"identity\" must be login, envelope or client");
	return 0;
}

static int
take_message(struct arena *arena, const json_t *object,
    struct message *message_r, struct err *err)
{
	if (!json_is_object(object))
		return err_set(err, "not a JSON object");
	if (take_identity(json_object_get(object, "identity"),
		&message_r->identity, err) < 0)
		return -1;
	for (size_t i = 0; i < FIELDS_N; i++)
		if (take_field(arena, &fields[i],
			json_object_get(object, fields[i].key), message_r,
			err) < 0)
			return -1;
	return take_recipients(
	    arena, json_object_get(object, "recipients"), message_r, err);
}

int
json_message_parse(struct arena *arena, const char *line, size_t length,
    struct message *message_r, struct err *err)
{
	json_error_t fault;
	json_t *object =
	    json_loadb(line, length, JSON_REJECT_DUPLICATES, &fault);
	if (object == NULL) {
		/* jansson's sentence quotes what it could not read. */
		char *text = text_clean(arena, fault.text, strlen(fault.text));
		return err_set(err, "not sound JSON at byte %d: %s",
		    fault.position, text == NULL ? "" : text);
	}
	struct message message = {0};
	int result = take_message(arena, object, &message, err);
	if (result == 0)
		*message_r = message;
	json_decref(object);
	return result;
}
