/* json.c: records as JSON. */
#include "bulkwatch/json.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/text.h"

/* ------------------------------------------------------------- building */
/* put is false for a NULL value too, so a chain of puts ends where memory did,
 * and keys stand in the order of the chain. */

static bool
put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

/* Gives the object if all went into it; else frees it and gives NULL. */
static json_t *
if_whole(bool whole, json_t *object)
{
	if (whole)
		return object;
	json_decref(object);
	return NULL;
}

/* Strings are clean where they come in; this is for a database that somebody
 * else has written to. JSON that a terminal shows must not act on it either. */
static json_t *
string_of(const char *text)
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

static json_t *
string_or_null(const char *text)
{
	return text[0] == '\0' ? json_null() : string_of(text);
}

static json_t *
time_of(int64_t wall_ms)
{
	char text[CLOCK_RFC3339_MAX];
	clock_rfc3339(wall_ms, text);
	return json_string(text);
}

static json_t *
integer_of(uint64_t number)
{
	return json_integer(
	    number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

typedef json_t *object_fn(const void *items, size_t i);

/* An array of n objects, each made by object. */
static json_t *
array_of(const void *items, size_t n, object_fn *object)
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

/* The text of a document, which is given up; NULL stays NULL. */
static char *
text_of(json_t *document, size_t flags)
{
	char *text = document == NULL ? NULL : json_dumps(document, flags);
	json_decref(document);
	return text;
}

static char *
pretty(json_t *document)
{
	char *text = text_of(document, JSON_INDENT(2));
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

/* ------------------------------------------------- the message, both ways */
/* What a message's line holds, once for writing and once for reading. */

enum kind { KIND_INT64, KIND_COUNT, KIND_STRING };

static const struct field {
	const char *key;
	enum kind kind;
	size_t offset;
} fields[] = {
#define AT(name) offsetof(struct message, name)
    {"id", KIND_INT64, AT(id)},
    {"at_ms", KIND_INT64, AT(at_ms)},
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
		memcpy(&number, at, sizeof(number));
		return json_integer(number);
	case KIND_COUNT:
		memcpy(&count, at, sizeof(count));
		return json_integer(count);
	case KIND_STRING:
		break;
	}
	memcpy(&text, at, sizeof(text));
	return string_of(text);
}

static json_t *
recipient_object(const void *items, size_t i)
{
	const struct recipient *recipient = (const struct recipient *)items + i;
	json_t *object = json_object();
	bool whole = put(object, "address", string_of(recipient->address)) &&
		     put(object, "external", json_boolean(recipient->external));
	return if_whole(whole, object);
}

char *
json_message(const struct message *message)
{
	json_t *object = json_object();
	bool whole = put(object, "identity",
	    json_string(record_identity_name(message->identity)));
	for (size_t i = 0; i < FIELDS_N; i++)
		whole = whole && put(object, fields[i].key,
				     field_value(message, &fields[i]));
	whole = whole && put(object, "recipients",
			     array_of(message->recipients,
				 message->recipients_n, recipient_object));
	return text_of(if_whole(whole, object), JSON_COMPACT);
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
	if (field->kind == KIND_INT64) {
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

/* --------------------------------------------------- the command's --json */

static json_t *
send_object(const void *items, size_t i)
{
	const struct bulk_send *send = (const struct bulk_send *)items + i;
	const struct {
		const char *key;
		json_t *value;
	} pairs[] = {
	    {"id", json_integer(send->id)},
	    {"status", json_string(record_status_name(send->status))},
	    {"outcome", string_or_null(record_outcome_name(send->outcome))},
	    {"sender", string_of(send->sender)},
	    {"identity", json_string(record_identity_name(send->identity))},
	    {"trigger", json_string(record_trigger_name(send->trigger))},
	    {"rule", string_of(send->rule)},
	    {"limit", integer_of(send->limit)},
	    {"window", integer_of(send->window_secs)},
	    {"action", json_string(record_action_name(send->action))},
	    {"first_at", time_of(send->first_at_ms)},
	    {"last_at", time_of(send->last_at_ms)},
	    {"ended", json_boolean(send->ended)},
	    {"messages", json_integer(send->messages)},
	    {"recipients", json_integer(send->recipients)},
	    {"distinct_recipients", json_integer(send->distinct_recipients)},
	    {"external_recipients", json_integer(send->external_recipients)},
	    {"subject", string_of(send->subject)},
	    {"client", string_of(send->client)},
	    {"declaration", send->declaration == 0
				? json_null()
				: json_integer(send->declaration)},
	    {"assignee", string_or_null(send->assignee)},
	};
	json_t *object = json_object();
	bool whole = true;
	/* Each is put, whatever failed before: put takes the value over. */
	for (size_t p = 0; p < sizeof(pairs) / sizeof(pairs[0]); p++)
		whole = put(object, pairs[p].key, pairs[p].value) && whole;
	return if_whole(whole, object);
}

static json_t *
address_string(const void *items, size_t i)
{
	return string_of(((const struct recipient *)items)[i].address);
}

static json_t *
evidence_object(const void *items, size_t i)
{
	const struct message *message = (const struct message *)items + i;
	json_t *object = json_object();
	bool whole =
	    put(object, "at", time_of(message->at_ms)) &&
	    put(object, "queue_id", string_of(message->queue_id)) &&
	    put(object, "message_id", string_of(message->message_id)) &&
	    put(object, "mail_from", string_of(message->mail_from)) &&
	    put(object, "login", string_of(message->login)) &&
	    put(object, "client", string_of(message->client)) &&
	    put(object, "subject", string_of(message->subject)) &&
	    put(object, "recipient_count",
		json_integer(message->recipient_count)) &&
	    put(object, "recipients",
		array_of(message->recipients, message->recipients_n,
		    address_string));
	return if_whole(whole, object);
}

static json_t *
history_object(const void *items, size_t i)
{
	const struct history *history = (const struct history *)items + i;
	json_t *object = json_object();
	bool whole = put(object, "at", time_of(history->at_ms)) &&
		     put(object, "by", string_of(history->by)) &&
		     put(object, "event", string_of(history->event)) &&
		     put(object, "note", string_of(history->note));
	return if_whole(whole, object);
}

static json_t *
alert_object(const void *items, size_t i)
{
	const struct alert *alert = (const struct alert *)items + i;
	json_t *object = json_object();
	bool whole =
	    put(object, "kind",
		json_string(record_alert_kind_name(alert->kind))) &&
	    put(object, "to", string_of(alert->to)) &&
	    put(object, "state",
		json_string(record_alert_state_name(alert->state))) &&
	    put(object, "attempts", json_integer(alert->attempts)) &&
	    put(object, "last_error", string_of(alert->last_error)) &&
	    put(object, "created_at", time_of(alert->created_ms)) &&
	    put(object, "sent_at",
		alert->sent_ms == 0 ? json_null() : time_of(alert->sent_ms));
	return if_whole(whole, object);
}

char *
json_list(const struct bulk_send *sends, size_t n)
{
	return pretty(array_of(sends, n, send_object));
}

char *
json_show(const struct bulk_send_story *story)
{
	json_t *object = send_object(&story->send, 0);
	bool whole =
	    put(object, "evidence",
		array_of(
		    story->evidence, story->evidence_n, evidence_object)) &&
	    put(object, "history",
		array_of(story->history, story->history_n, history_object)) &&
	    put(object, "alerts",
		array_of(story->alerts, story->alerts_n, alert_object));
	return pretty(if_whole(whole, object));
}

static json_t *
sender_object(const void *items, size_t i)
{
	const struct sender_total *total =
	    (const struct sender_total *)items + i;
	json_t *object = json_object();
	bool whole = put(object, "sender", string_of(total->sender)) &&
		     put(object, "identity",
			 json_string(record_identity_name(total->identity))) &&
		     put(object, "messages", integer_of(total->messages)) &&
		     put(object, "recipients", integer_of(total->recipients)) &&
		     put(object, "bulk_sends", integer_of(total->bulk_sends)) &&
		     put(object, "first_at", time_of(total->first_at_ms)) &&
		     put(object, "last_at", time_of(total->last_at_ms));
	return if_whole(whole, object);
}

char *
json_senders(const struct sender_total *totals, size_t n)
{
	return pretty(array_of(totals, n, sender_object));
}

static json_t *
check_object(const void *items, size_t i)
{
	const struct check_result *result =
	    (const struct check_result *)items + i;
	json_t *object = json_object();
	bool whole = put(object, "subject", string_of(result->subject)) &&
		     put(object, "ok", json_boolean(result->ok)) &&
		     put(object, "text", string_of(result->text));
	return if_whole(whole, object);
}

char *
json_check(const struct check_result *results, size_t n)
{
	return pretty(array_of(results, n, check_object));
}
