/* batch.c: some messages through count, policy and bulk sends. */
#include "batch.h"

#include <stdio.h>

#include "bulkwatch/clock.h"
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

static void
log_action(const struct entry *e)
{
	const struct rule *rule =
	    &e->settings->rules[e->measures[e->decision.measure].rule];
	/* A client may try each minute: the first refusal was the news. */
	const bool again =
	    e->retry && e->known_action == e->decision.action &&
	    e->decision.action != ACTION_HOLD;
	char id[24];
	snprintf(id, sizeof(id), "%lld", (long long)e->bulk_send);
	log_event(again ? LOG_LEVEL_INFO : LOG_LEVEL_NOTICE, "queue_id",
	    e->message->queue_id, "event",
	    record_action_name(e->decision.action), "id", id, "sender",
	    e->measures[e->decision.measure].who, "rule", rule->name, "text",
	    rule->action == ACTION_HOLD && e->decision.action == ACTION_DEFER
		? "the MTA cannot hold mail: deferred instead"
		: "",
	    NULL);
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

/* Declarations that may concern a message. */
struct declared {
	struct declaration *list;
	size_t n;
};

/* What is done with the message. */
static int
decide(struct store *store, struct entry *e, struct declared *declared_r,
    struct err *err)
{
	const struct circumstances circumstances = {.gone = e->gone,
	    .can_hold = e->can_hold,
	    .taken = e->retry && e->waited_secs < 0,
	    .taken_as = e->known_action,
	    .waited_secs = e->waited_secs};
	policy_decide(e->settings, e->measures, e->measures_n, &e->decision);
	if (!e->decision.matched)
		return 0;
	if (store_declarations_at(store, e->arena, e->message->at_ms,
		&declared_r->list, &declared_r->n, err) < 0)
		return -1;
	policy_apply_declaration(&e->decision, declared_r->list, declared_r->n,
	    e->measures[e->decision.measure].who, e->message->at_ms);
	/* What a sender announced is let through by a rule that counts the
	 * client too. */
	if (e->decision.declaration == NULL &&
	    policy_declaration(declared_r->list, declared_r->n,
		e->message->sender, e->message->at_ms) != NULL)
		e->decision.action = ACTION_LOG;
	policy_settle_action(e->settings, e->measures, e->measures_n,
	    &circumstances, &e->decision);
	return 0;
}

/* Records a trigger and what is due because of it. */
static int
record_trigger(struct store *store, struct entry *e,
    const struct declared *declared, struct err *err)
{
	if (store_bulk(store, e, err) < 0)
		return -1;
	if (e->bulk_send == 0)
		return 0; /* it rests on what a closed case has */
	if (e->decision.action == ACTION_HOLD &&
	    store_note_hold(store, e, err) < 0)
		return -1;
	return queue_mail(store, e, declared->list, declared->n, err);
}

/* The way of one message. */
static int
go_through(struct store *store, struct entry *e, struct err *err)
{
	struct declared declared = {0};
	if (store_count(store, e, err) < 0 ||
	    decide(store, e, &declared, err) < 0 ||
	    store_keep(store, e, err) < 0)
		return -1;
	return e->decision.matched ? record_trigger(store, e, &declared, err)
				   : 0;
}

/* --------------------------------------------------------------- self-test */

static const char *
addresses_of(struct arena *arena, const struct text_list *list)
{
	const char *text = "";
	for (size_t i = 0; i < list->n && text != NULL; i++)
		text = arena_printf(
		    arena, "%s%s%s", text, i > 0 ? ", " : "", list->items[i]);
	return text;
}

/* What the database and the outbox have of the message now. */
static int
read_back(struct store *store, struct entry *e, struct err *err)
{
	struct selftest *s = e->trial;
	const struct settings *settings = e->settings;
	struct bulk_send_story story;
	s->recipients = e->message->recipient_count;
	s->rules = (uint32_t)e->measures_n;
	if (!e->decision.matched)
		return 0;
	s->rule = settings->rules[e->measures[e->decision.measure].rule].name;
	s->action = e->decision.action;
	s->alert_to = addresses_of(e->arena, &settings->alerts.to);
	if (s->alert_to == NULL)
		return err_set(err, "memory is out");
	int got = store_show(store, e->arena, e->bulk_send, 1, &story, err);
	if (got != 1)
		return got;
	s->recorded = story.send.recipients;
	s->declaration = story.send.declaration;
	for (size_t i = 0; i < story.alerts_n; i++)
		if (story.alerts[i].kind != ALERT_NOTICE)
			s->alert_queued = true;
	return 0;
}

/* Lets a self-test go the way of a message and takes it back. */
static int
try_out(struct store *store, struct entry *e, struct err *err)
{
	if (go_through(store, e, err) < 0 || read_back(store, e, err) < 0 ||
	    store_selftest_end(store, e->message->selftest, e->trial, err) < 0)
		return -1;
	/* Nothing is to be done or said about it as about mail. */
	e->decision = (struct decision){.matched = false};
	e->opened = e->alert_queued = false;
	return 0;
}

static void
log_selftest(const struct entry *e)
{
	const struct selftest *s = e->trial;
	char recipients[24];
	snprintf(recipients, sizeof(recipients), "%u", s->recipients);
	log_event(LOG_LEVEL_INFO, "queue_id", e->message->queue_id, "event",
	    "selftest", "recipients", recipients, "rule",
	    s->rule[0] == '\0' ? "none" : s->rule, "alert",
	    s->alert_queued ? "queued" : "none", "text",
	    "a test message went the whole way; nothing of it is kept", NULL);
}

/* ---------------------------------------------------------------- a batch */

static int
save_one(struct store *store, struct entry *e, struct err *err)
{
	if (e->message->selftest == NULL)
		return go_through(store, e, err);
	struct selftest *trial = arena_alloc(e->arena, sizeof(*trial));
	if (trial == NULL)
		return err_set(err, "memory is out");
	*trial = (struct selftest){.rule = "", .alert_to = ""};
	int known = store_selftest_begin(
	    store, e->message->selftest, clock_wall_ms(), err);
	if (known < 0)
		return -1;
	if (known == 0)
		return go_through(store, e, err);
	e->trial = trial;
	return try_out(store, e, err);
}

int
batch_save(struct store *store, struct entry *const *entries, size_t n,
    const struct spool_place *place, struct err *err)
{
	int failed = store_begin(store, err);
	for (size_t i = 0; i < n && failed == 0; i++)
		failed = save_one(store, entries[i], err);
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
		if (entries[i]->trial != NULL)
			log_selftest(entries[i]);
		if (entries[i]->opened)
			log_bulk_send(entries[i]);
		if (entries[i]->decision.action != ACTION_LOG)
			log_action(entries[i]);
		mail = mail || entries[i]->alert_queued;
	}
	return mail;
}
