/*
 * bulk.c: one record for one bulk send, however it was split.
 *
 * A trigger opens a bulk send of its sender or extends the one that goes on.
 * The messages that filled the window join it: they are reached by the chain
 * that each ledger row keeps to the sender's message before it, so finding
 * them costs nothing while nobody sends in bulk.
 */
#include "store_internal.h"

#include <string.h>

/* What messages add to a bulk send. */
struct sums {
	int64_t messages, recipients, distinct, external;
	int64_t first_at_ms, last_at_ms;
};

/* What joins it. */
struct part {
	int64_t message, at_ms;
	uint64_t fingerprint;
	int64_t recipients, external;
	const uint64_t *hashes;
	size_t hashes_n;
	const char *rule; /* NULL: it only filled the window */
};

static const struct measure *
decider(const struct entry *entry)
{
	return &entry->measures[entry->decision.measure];
}

static const struct rule *
rule_of(const struct entry *entry)
{
	return &entry->settings->rules[decider(entry)->rule];
}

static int
join_recipients(struct store *store, int64_t send, const struct part *part,
    struct sums *sums, struct err *err)
{
	for (size_t i = 0; i < part->hashes_n; i++) {
		int fresh;
		if (sql_run(&store->sql, SQL_SEND_RECIPIENT, &fresh, err, "ii",
			send, (int64_t)part->hashes[i]) < 0)
			return -1;
		sums->distinct += fresh;
	}
	return 0;
}

/* 1: it joined; 0: it was part of it already; -1 error. */
static int
join(struct store *store, int64_t send, const struct part *part,
    struct sums *sums, struct err *err)
{
	int fresh;
	if (sql_run(&store->sql, SQL_SEND_MESSAGE, &fresh, err, "iiit", send,
		part->message, (int64_t)part->fingerprint, part->rule) < 0)
		return -1;
	if (!fresh)
		return 0;
	sums->messages++;
	sums->recipients += part->recipients;
	sums->external += part->external;
	if (part->at_ms < sums->first_at_ms)
		sums->first_at_ms = part->at_ms;
	if (part->at_ms > sums->last_at_ms)
		sums->last_at_ms = part->at_ms;
	return join_recipients(store, send, part, sums, err) < 0 ? -1 : 1;
}

/* A message of the chain, and the way on. */
struct link {
	struct part part;
	int64_t tick;
	int64_t previous;
};

/* Reads one link; its hashes live in the arena. 1 found, 0 no such message
 * (any more), -1 error. */
static int
read_link(struct store *store, struct arena *arena, int64_t message,
    bool by_client, struct link *link_r, struct err *err)
{
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_MESSAGE_STEP, err, "i", message);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got != 1)
		return got;
	int64_t at_ms = sqlite3_column_int64(row, 2);
	size_t bytes = (size_t)sqlite3_column_bytes(row, 7);
	uint64_t *hashes = arena_alloc(arena, bytes);
	if (hashes != NULL && bytes > 0)
		memcpy(hashes, sqlite3_column_blob(row, 7), bytes);
	*link_r = (struct link){
	    .previous = sqlite3_column_int64(row, by_client ? 1 : 0),
	    .tick = boot_message_tick(
		store, message, at_ms, sqlite3_column_int64(row, 3)),
	    .part = {
		.message = message,
		.at_ms = at_ms,
		.fingerprint = (uint64_t)sqlite3_column_int64(row, 4),
		.recipients = sqlite3_column_int64(row, 5),
		.external = sqlite3_column_int64(row, 6),
		.hashes = hashes,
		.hashes_n = bytes / sizeof(*hashes),
	    },
	};
	sql_done(row);
	return hashes == NULL ? err_set(err, "memory is out") : 1;
}

/* Lets the messages that filled the window join, back to the first that is
 * part of it already: what lies before was met with that one. */
static int
join_window(struct store *store, struct entry *entry, int64_t send,
    struct sums *sums, struct err *err)
{
	const struct measure *m = decider(entry);
	const bool by_client = m->identity == IDENTITY_CLIENT;
	const int64_t oldest =
	    entry->message->tick - entry->decision.window_secs;
	int64_t at = by_client ? entry->client_previous : entry->previous;
	for (int n = 0; at != 0 && n < STORE_ABSORB_MAX; n++) {
		struct link link = {.previous = 0};
		int got =
		    read_link(store, entry->arena, at, by_client, &link, err);
		if (got <= 0)
			return got;
		if (link.tick <= oldest)
			return 0;
		if (!m->external_only || link.part.external > 0)
			got = join(store, send, &link.part, sums, err);
		if (got <= 0)
			return got;
		at = link.previous < at ? link.previous : 0;
	}
	return 0;
}

/* Finds the bulk send of the sender that goes on, ending one that has been
 * quiet for too long. *send_r is 0 if there is none. */
static int
find_ongoing(struct store *store, const struct entry *entry, int64_t *send_r,
    struct err *err)
{
	const struct measure *m = decider(entry);
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_SEND_ONGOING, err, "ti",
	    m->who, (int64_t)m->identity);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	*send_r = 0;
	if (got != 1)
		return got;
	int64_t send = sqlite3_column_int64(row, 0);
	int64_t last_tick = sqlite3_column_int64(row, 1);
	sql_done(row);
	if (last_tick + entry->decision.quiet_secs > entry->message->tick)
		*send_r = send;
	else if (upkeep_end_send(store, send, entry->message->at_ms, err) < 0)
		return -1;
	return 0;
}

static int
open_send(struct store *store, struct entry *entry, int64_t *send_r,
    struct err *err)
{
	const struct measure *m = decider(entry);
	const struct rule *rule = rule_of(entry);
	const struct message *message = entry->message;
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_SEND_OPEN, err,
	    "ititiiiiiiitt", (int64_t)m->identity, m->who,
	    (int64_t)(m->window_secs == 0 ? TRIGGER_MESSAGE : TRIGGER_WINDOW),
	    rule->name, (int64_t)entry->decision.action, (int64_t)m->limit,
	    m->window_secs, entry->decision.quiet_secs, message->at_ms,
	    message->at_ms, message->tick, message->subject, message->client);
	if (row == NULL || sql_step(&store->sql, row, err) != 1)
		return -1;
	*send_r = sqlite3_column_int64(row, 0);
	sql_done(row);
	entry->opened = true;
	return sql_run(&store->sql, SQL_HISTORY_ADD, NULL, err, "iittt",
	    *send_r, message->at_ms, "bulkwatchd", "opened", rule->name);
}

/* Adds the sums up and tells the entry what the record says now. */
static int
extend(struct store *store, struct entry *entry, int64_t send,
    const struct sums *sums, bool *alerted_r, struct err *err)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_SEND_EXTEND, err,
	    "iiiiiiiii", send, sums->messages, sums->recipients,
	    sums->distinct, sums->external, sums->first_at_ms,
	    sums->last_at_ms, entry->message->tick,
	    entry->decision.quiet_secs);
	if (row == NULL || sql_step(&store->sql, row, err) != 1)
		return -1;
	entry->bulk_send = send;
	entry->send_messages = (uint32_t)sqlite3_column_int64(row, 0);
	entry->send_recipients = (uint32_t)sqlite3_column_int64(row, 1);
	entry->send_distinct = (uint32_t)sqlite3_column_int64(row, 2);
	*alerted_r = sqlite3_column_int64(row, 3) > 0;
	sql_done(row);
	return 0;
}

static int
queue_alert(struct store *store, struct entry *entry, struct err *err)
{
	if (sql_run(&store->sql, SQL_ALERT_ADD, NULL, err, "iiti",
		entry->bulk_send, (int64_t)ALERT_STARTED, "",
		entry->message->at_ms) < 0)
		return -1;
	entry->alert_queued = true;
	return sql_run(&store->sql, SQL_SEND_ALERTED, NULL, err, "ii",
	    entry->bulk_send, (int64_t)entry->send_distinct);
}

/* 1 if this trigger is a retry of a message that a bulk send of the sender has
 * already: the entry tells of that one. */
static int
find_retry(struct store *store, struct entry *entry, struct err *err)
{
	const struct measure *m = decider(entry);
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_SEND_OF_RETRY, err, "iti",
	    (int64_t)entry->fingerprint, m->who, (int64_t)m->identity);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got != 1)
		return got;
	entry->retry = true;
	entry->bulk_send = sqlite3_column_int64(row, 0);
	entry->send_messages = (uint32_t)sqlite3_column_int64(row, 1);
	entry->send_recipients = (uint32_t)sqlite3_column_int64(row, 2);
	entry->send_distinct = (uint32_t)sqlite3_column_int64(row, 3);
	sql_done(row);
	return 1;
}

static int
record(struct store *store, struct entry *entry, struct err *err)
{
	int64_t send;
	int found = find_retry(store, entry, err);
	if (found != 0)
		return found < 0 ? -1 : 0;
	if (find_ongoing(store, entry, &send, err) < 0 ||
	    (send == 0 && open_send(store, entry, &send, err) < 0))
		return -1;
	const struct message *m = entry->message;
	const struct part part = {
	    .message = m->id,
	    .at_ms = m->at_ms,
	    .fingerprint = entry->fingerprint,
	    .recipients = m->recipient_count,
	    .external = m->external_count,
	    .hashes = entry->hashes,
	    .hashes_n = entry->hashes_n,
	    .rule = rule_of(entry)->name,
	};
	struct sums sums = {.first_at_ms = m->at_ms, .last_at_ms = m->at_ms};
	bool alerted;
	if (join(store, send, &part, &sums, err) < 0 ||
	    (entry->decision.window_secs > 0 &&
		join_window(store, entry, send, &sums, err) < 0) ||
	    extend(store, entry, send, &sums, &alerted, err) < 0)
		return -1;
	return entry->decision.alert && !alerted
	    ? queue_alert(store, entry, err)
	    : 0;
}

int
store_bulk(struct store *store, struct entry *entry, struct err *err)
{
	store->has_bulk_send = true;
	return record(store, entry, err) < 0
	    ? store_err(store, err, "bulk send")
	    : 0;
}
