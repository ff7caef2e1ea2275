/* documents.c: what the command's --json writes. */
#include "build.h"
#include "bulkwatch/json.h"

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
	    {"outcome",
		build_string_or_null(record_outcome_name(send->outcome))},
	    {"sender", build_string(send->sender)},
	    {"identity", json_string(record_identity_name(send->identity))},
	    {"trigger", json_string(record_trigger_name(send->trigger))},
	    {"rule", build_string(send->rule)},
	    {"limit", build_integer(send->limit)},
	    {"window", build_integer(send->window_secs)},
	    {"action", json_string(record_action_name(send->action))},
	    {"first_at", build_time(send->first_at_ms)},
	    {"last_at", build_time(send->last_at_ms)},
	    {"ended", json_boolean(send->ended)},
	    {"messages", json_integer(send->messages)},
	    {"recipients", json_integer(send->recipients)},
	    {"distinct_recipients", json_integer(send->distinct_recipients)},
	    {"external_recipients", json_integer(send->external_recipients)},
	    {"refused_messages",
		json_integer(send->unsent[UNSENT_REFUSED].messages)},
	    {"refused_recipients",
		json_integer(send->unsent[UNSENT_REFUSED].recipients)},
	    {"held", json_integer(send->held)},
	    {"subject", build_string(send->subject)},
	    {"client", build_string(send->client)},
	    {"declaration", send->declaration == 0
				? json_null()
				: json_integer(send->declaration)},
	    {"assignee", build_string_or_null(send->assignee)},
	    {"reference", build_string_or_null(send->reference)},
	};
	json_t *object = json_object();
	bool whole = true;
	/* Each is put, whatever failed before: put takes the value over. */
	for (size_t p = 0; p < sizeof(pairs) / sizeof(pairs[0]); p++)
		whole =
		    build_put(object, pairs[p].key, pairs[p].value) && whole;
	return build_whole(whole, object);
}

static json_t *
address_string(const void *items, size_t i)
{
	return build_string(((const struct recipient *)items)[i].address);
}

static json_t *
evidence_object(const void *items, size_t i)
{
	const struct message *message = (const struct message *)items + i;
	json_t *object = json_object();
	bool whole =
	    build_put(object, "at", build_time(message->at_ms)) &&
	    build_put(object, "queue_id", build_string(message->queue_id)) &&
	    build_put(
		object, "message_id", build_string(message->message_id)) &&
	    build_put(object, "mail_from", build_string(message->mail_from)) &&
	    build_put(object, "login", build_string(message->login)) &&
	    build_put(object, "client", build_string(message->client)) &&
	    build_put(object, "subject", build_string(message->subject)) &&
	    build_put(object, "action",
		json_string(record_action_name(message->action))) &&
	    build_put(object, "recipient_count",
		json_integer(message->recipient_count)) &&
	    build_put(object, "recipients",
		build_array(message->recipients, message->recipients_n,
		    address_string));
	return build_whole(whole, object);
}

static json_t *
history_object(const void *items, size_t i)
{
	const struct history *history = (const struct history *)items + i;
	json_t *object = json_object();
	bool whole = build_put(object, "at", build_time(history->at_ms)) &&
		     build_put(object, "by", build_string(history->by)) &&
		     build_put(object, "event", build_string(history->event)) &&
		     build_put(object, "note", build_string(history->note));
	return build_whole(whole, object);
}

static json_t *
alert_object(const void *items, size_t i)
{
	const struct alert *alert = (const struct alert *)items + i;
	json_t *object = json_object();
	bool whole =
	    build_put(object, "kind",
		json_string(record_alert_kind_name(alert->kind))) &&
	    build_put(object, "to", build_string(alert->to)) &&
	    build_put(object, "state",
		json_string(record_alert_state_name(alert->state))) &&
	    build_put(object, "attempts", json_integer(alert->attempts)) &&
	    build_put(object, "last_error", build_string(alert->last_error)) &&
	    build_put(object, "created_at", build_time(alert->created_ms)) &&
	    build_put(object, "sent_at", build_time_or_null(alert->sent_ms));
	return build_whole(whole, object);
}

static json_t *
declaration_object(const void *items, size_t i)
{
	const struct declaration *d = (const struct declaration *)items + i;
	json_t *object = json_object();
	bool whole =
	    build_put(object, "id", json_integer(d->id)) &&
	    build_put(object, "sender", build_string(d->sender)) &&
	    build_put(object, "recipients", json_integer(d->recipients)) &&
	    build_put(object, "from", build_time(d->from_ms)) &&
	    build_put(object, "until", build_time(d->until_ms)) &&
	    build_put(object, "reason", build_string(d->reason)) &&
	    build_put(
		object, "reference", build_string_or_null(d->reference)) &&
	    build_put(object, "by", build_string(d->by)) &&
	    build_put(object, "created_at", build_time(d->created_ms)) &&
	    build_put(
		object, "withdrawn_at", build_time_or_null(d->withdrawn_ms)) &&
	    build_put(object, "withdrawn_by",
		build_string_or_null(d->withdrawn_by)) &&
	    build_put(object, "bulk_sends", json_integer(d->bulk_sends)) &&
	    build_put(object, "used", json_integer(d->used));
	return build_whole(whole, object);
}

char *
json_list(const struct bulk_send *sends, size_t n)
{
	return build_pretty(build_array(sends, n, send_object));
}

char *
json_send(const struct bulk_send *send)
{
	return build_pretty(send_object(send, 0));
}

char *
json_declarations(const struct declaration *declarations, size_t n)
{
	return build_pretty(build_array(declarations, n, declaration_object));
}

char *
json_declaration(const struct declaration *declaration)
{
	return build_pretty(declaration_object(declaration, 0));
}

static json_t *
held_object(const void *items, size_t i)
{
	const struct held *held = (const struct held *)items + i;
	json_t *object = json_object();
	bool whole =
	    build_put(object, "at", build_time(held->at_ms)) &&
	    build_put(object, "queue_id", build_string(held->queue_id)) &&
	    build_put(object, "recipient_count",
		json_integer(held->recipient_count)) &&
	    build_put(object, "state",
		json_string(record_held_state_name(held->state))) &&
	    build_put(
		object, "settled_at", build_time_or_null(held->settled_ms)) &&
	    build_put(object, "by", build_string_or_null(held->by));
	return build_whole(whole, object);
}

char *
json_held(int64_t id, const struct held *held, size_t n)
{
	json_t *object = json_object();
	bool whole = build_put(object, "id", json_integer(id)) &&
		     build_put(object, "held_messages",
			 build_array(held, n, held_object));
	return build_pretty(build_whole(whole, object));
}

char *
json_show(const struct bulk_send_story *story)
{
	json_t *object = send_object(&story->send, 0);
	bool whole =
	    build_put(object, "declaration",
		story->declaration == NULL
		    ? json_null()
		    : declaration_object(story->declaration, 0)) &&
	    build_put(object, "evidence",
		build_array(
		    story->evidence, story->evidence_n, evidence_object)) &&
	    build_put(object, "held_messages",
		build_array(story->held, story->held_n, held_object)) &&
	    build_put(object, "history",
		build_array(
		    story->history, story->history_n, history_object)) &&
	    build_put(object, "alerts",
		build_array(story->alerts, story->alerts_n, alert_object));
	return build_pretty(build_whole(whole, object));
}

char *
json_backup(const char *file, int64_t bytes)
{
	json_t *object = json_object();
	bool whole = build_put(object, "file", build_string(file)) &&
		     build_put(object, "bytes", json_integer(bytes));
	return build_pretty(build_whole(whole, object));
}

static json_t *
sender_object(const void *items, size_t i)
{
	const struct sender_total *total =
	    (const struct sender_total *)items + i;
	json_t *object = json_object();
	bool whole =
	    build_put(object, "sender", build_string(total->sender)) &&
	    build_put(object, "identity",
		json_string(record_identity_name(total->identity))) &&
	    build_put(object, "messages", build_integer(total->messages)) &&
	    build_put(object, "recipients", build_integer(total->recipients)) &&
	    build_put(object, "bulk_sends", build_integer(total->bulk_sends)) &&
	    build_put(object, "first_at", build_time(total->first_at_ms)) &&
	    build_put(object, "last_at", build_time(total->last_at_ms));
	return build_whole(whole, object);
}

char *
json_senders(const struct sender_total *totals, size_t n)
{
	return build_pretty(build_array(totals, n, sender_object));
}

static json_t *
check_object(const void *items, size_t i)
{
	const struct check_result *result =
	    (const struct check_result *)items + i;
	json_t *object = json_object();
	bool whole =
	    build_put(object, "subject", build_string(result->subject)) &&
	    build_put(object, "ok", json_boolean(result->ok)) &&
	    build_put(object, "text", build_string(result->text)) &&
	    build_put(object, "level",
		json_string(!result->ok    ? "fault"
			    : result->note ? "note"
					   : "ok"));
	return build_whole(whole, object);
}

char *
json_check(const struct check_result *results, size_t n)
{
	return build_pretty(build_array(results, n, check_object));
}

static json_t *
wiring_change_object(const void *items, size_t i)
{
	const struct wiring_change *change =
	    (const struct wiring_change *)items + i;
	json_t *object = json_object();
	bool whole =
	    build_put(object, "parameter", build_string(change->parameter)) &&
	    build_put(object, "before",
		change->before == NULL ? json_null()
				       : build_string(change->before)) &&
	    build_put(object, "after",
		change->after == NULL ? json_null()
				      : build_string(change->after));
	return build_whole(whole, object);
}

static json_t *
note_string(const void *items, size_t i)
{
	return build_string(((const char *const *)items)[i]);
}

char *
json_wiring(const struct wiring_outcome *outcome)
{
	json_t *object = json_object();
	bool whole =
	    build_put(object, "file", build_string(outcome->file)) &&
	    build_put(object, "changes",
		build_array(outcome->changes, outcome->changes_n,
		    wiring_change_object)) &&
	    build_put(object, "restored", json_boolean(outcome->restored)) &&
	    build_put(object, "dry_run", json_boolean(outcome->dry_run)) &&
	    build_put(object, "notes",
		build_array(outcome->notes, outcome->notes_n, note_string));
	return build_pretty(build_whole(whole, object));
}
