/* batch.c: some messages through count, policy and bulk sends. */
#include "batch.h"

#include <stdio.h>

#include "bulkwatch/log.h"
#include "bulkwatch/policy.h"

static void
log_bulk_send(const struct entry *e)
{
	const struct measure *m = &e->measures[e->decision.measure];
	char id[24], messages[24], recipients[24], distinct[24];
	snprintf(id, sizeof(id), "%lld", (long long)e->bulk_send);
	snprintf(messages, sizeof(messages), "%u", e->send_messages);
	snprintf(recipients, sizeof(recipients), "%u", e->send_recipients);
	snprintf(distinct, sizeof(distinct), "%u", e->send_distinct);
	log_event(LOG_LEVEL_NOTICE, "queue_id", e->message->queue_id, "event",
	    "bulk-send", "id", id, "sender", m->who, "identity",
	    record_identity_name(m->identity), "rule",
	    e->settings->rules[m->rule].name, "messages", messages,
	    "recipients", recipients, "distinct", distinct, "client",
	    e->message->client, "subject", e->message->subject, NULL);
}

/* Who shall be told of a trigger that is recorded. */
static int
queue_mail(struct store *store, struct entry *e,
    const struct declaration *declarations, size_t n, struct err *err)
{
	const struct declaration *of_send = NULL;
	for (size_t i = 0; i < n; i++)
		if (declarations[i].id == e->send_declaration)
			of_send = &declarations[i];
	enum alert_kind kind;
	if (!e->alerted &&
	    policy_alert(&e->decision, of_send, e->declared_used,
		e->message->at_ms, &kind) &&
	    store_queue_alert(store, e, kind, err) < 0)
		return -1;
	const char *to = e->opened && e->decision.declaration == NULL
			     ? policy_notice_to(e->settings, e->message)
			     : NULL;
	return to == NULL ? 0 : store_queue_notice(store, e, to, err);
}

static int
record_trigger(struct store *store, struct entry *e, struct err *err)
{
	struct declaration *declarations;
	size_t n;
	if (store_declarations_at(
		store, e->arena, e->message->at_ms, &declarations, &n, err) < 0)
		return -1;
	policy_apply_declaration(&e->decision, declarations, n,
	    e->measures[e->decision.measure].who, e->message->at_ms);
	if (store_bulk(store, e, err) < 0)
		return -1;
	return queue_mail(store, e, declarations, n, err);
}

int
batch_save(struct store *store, struct entry *const *entries, size_t n,
    const struct spool_place *place, struct err *err)
{
	int failed = store_begin(store, err);
	if (failed == 0)
		failed = store_count(store, entries, n, err);
	for (size_t i = 0; i < n && failed == 0; i++) {
		struct entry *e = entries[i];
		policy_decide(
		    e->settings, e->measures, e->measures_n, &e->decision);
		if (e->decision.matched)
			failed = record_trigger(store, e, err);
	}
	if (failed == 0 && place != NULL)
		failed = store_note_place(store, place, err);
	if (failed == 0)
		failed = store_commit(store, err);
	if (failed < 0)
		store_rollback(store);
	return failed;
}

bool
batch_report(struct entry *const *entries, size_t n)
{
	bool mail = false;
	for (size_t i = 0; i < n; i++) {
		if (entries[i]->opened)
			log_bulk_send(entries[i]);
		mail = mail || entries[i]->alert_queued;
	}
	return mail;
}
