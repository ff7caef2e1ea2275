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

/* A sender who never falls quiet gets a new record, and alert, each day. */
#define SEND_LIFE_MS (INT64_C(24) * 3600 * 1000)

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
	bool external_only; /* of its recipients no others count */
	const char *rule; /* NULL: it only filled the window */
	int64_t reach;    /* see bulk_message in schema.c */
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
		if (part->external_only &&
		    (part->hashes[i] & DIGEST_EXTERNAL) == 0)
			continue;
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
	if (sql_run(&store->sql, SQL_SEND_MESSAGE, &fresh, err, "iiiti", send,
		part->message, (int64_t)part->fingerprint, part->rule,
		part->reach) < 0)
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

/* How far back the messages before a trigger belong to the bulk send. */
struct reach {
	int64_t oldest; /* tick: this one and what is before it do not */
	bool external_only;
};

static struct reach
reach_of(const struct entry *entry)
{
	const struct measure *d = decider(entry);
	struct reach reach = {.external_only = true,
	    .oldest = entry->message->tick - entry->decision.window_secs};
	/* Only if no rule that matched counts the others too. */
	for (size_t i = 0; i < entry->measures_n; i++) {
		const struct measure *m = &entry->measures[i];
		if (m->window_secs > 0 && m->counted >= m->limit &&
		    m->identity == d->identity && strcmp(m->who, d->who) == 0 &&
		    !m->external_only)
			reach.external_only = false;
	}
	return reach;
}

static int64_t
reach_from(const struct reach *reach, int64_t tick)
{
	int64_t secs = tick - reach->oldest;
	return reach->external_only ? -secs : secs;
}

/* The way back from a trigger through the messages before it. */
struct walk {
	struct store *store;
	const struct entry *entry;
	struct reach reach;
	int64_t send; /* what they join */
	struct sums *sums;
};

/* Whether a message that is not part yet is part of a case that was closed: it
 * was judged, and fills no further one. 1, 0, or -1 on error. */
static int
is_judged(const struct walk *walk, int64_t message, struct err *err)
{
	struct sql_db *sql = &walk->store->sql;
	sqlite3_stmt *row =
	    sql_bind(sql, SQL_SEND_JUDGED, err, "ii", walk->send, message);
	int got = row == NULL ? -1 : sql_step(sql, row, err);
	if (got == 1)
		sql_done(row);
	return got;
}

/* A retry may stand in its own chain. */
static bool
is_passed_by(const struct walk *walk, const struct link *link)
{
	return link->part.message == walk->entry->message->id ||
	       (walk->reach.external_only && link->part.external == 0);
}

/* Looks at one message. 1: go on to the one before it, 0: stop, -1 error. */
typedef int visit_fn(struct walk *walk, struct link *link, struct err *err);

static int
walk_back(struct walk *walk, visit_fn *visit, struct err *err)
{
	const struct entry *entry = walk->entry;
	const bool by_client = decider(entry)->identity == IDENTITY_CLIENT;
	int64_t at = by_client ? entry->client_previous : entry->previous;
	for (int n = 0; at != 0 && n < STORE_ABSORB_MAX; n++) {
		struct link link = {.previous = 0};
		int got = read_link(walk->store, entry->arena, at, by_client,
		    &link, err);
		if (got <= 0)
			return got;
		if (link.tick <= walk->reach.oldest)
			return 0;
		got = is_passed_by(walk, &link) ? 1 : visit(walk, &link, err);
		if (got <= 0)
			return got;
		at = link.previous < at ? link.previous : 0;
	}
	return 0;
}

/* Whether what lies before a message that is part already is part too: 1, 0,
 * or -1 on error. */
static int
is_met(const struct walk *walk, const struct link *link, struct err *err)
{
	struct sql_db *sql = &walk->store->sql;
	sqlite3_stmt *row = sql_bind(sql, SQL_SEND_REACH, err, "ii",
	    walk->send, link->part.message);
	int got = row == NULL ? -1 : sql_step(sql, row, err);
	if (got != 1)
		return got;
	int64_t met = sqlite3_column_int64(row, 0);
	sql_done(row);
	if (met < 0)
		met = walk->reach.external_only ? -met : 0;
	return met >= link->tick - walk->reach.oldest;
}

/* Lets one message join that filled the window, back to where all are part of
 * it already. */
static int
join_link(struct walk *walk, struct link *link, struct err *err)
{
	int got = is_judged(walk, link->part.message, err);
	if (got != 0)
		return got;
	link->part.reach = reach_from(&walk->reach, link->tick);
	got = join(walk->store, walk->send, &link->part, walk->sums, err);
	if (got != 0)
		return got;
	got = is_met(walk, link, err);
	return got < 0 ? -1 : !got;
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
	int64_t first_at_ms = sqlite3_column_int64(row, 2);
	sql_done(row);
	if (last_tick + entry->decision.quiet_secs > entry->message->tick &&
	    entry->message->at_ms - first_at_ms < SEND_LIFE_MS)
		*send_r = send;
	else if (tidy_end_send(store, send, entry->message->at_ms, err) < 0)
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
	const struct declaration *declared = entry->decision.declaration;
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_SEND_OPEN, err,
	    "ititiiiiiiitti", (int64_t)m->identity, m->who,
	    (int64_t)(m->window_secs == 0 ? TRIGGER_MESSAGE : TRIGGER_WINDOW),
	    rule->name, (int64_t)entry->decision.action, (int64_t)m->limit,
	    m->window_secs, entry->decision.quiet_secs, message->at_ms,
	    message->at_ms, message->tick, message->subject, message->client,
	    declared == NULL ? INT64_C(0) : declared->id);
	if (row == NULL || sql_step(&store->sql, row, err) != 1)
		return -1;
	*send_r = sqlite3_column_int64(row, 0);
	sql_done(row);
	entry->opened = true;
	return sql_run(&store->sql, SQL_HISTORY_ADD, NULL, err, "iittt",
	    *send_r, message->at_ms, "bulkwatchd", "opened", rule->name);
}

/* What all bulk sends of its declaration have used. */
static int
read_used(struct store *store, struct entry *entry, struct err *err)
{
	if (entry->send_declaration == 0)
		return 0;
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_DECLARATION_USED, err,
	    "i", entry->send_declaration);
	if (row == NULL || sql_step(&store->sql, row, err) != 1)
		return -1;
	entry->declared_used = (uint32_t)sqlite3_column_int64(row, 0);
	sql_done(row);
	return 0;
}

/* Adds the sums up and tells the entry what the record says now. */
static int
extend(struct store *store, struct entry *entry, int64_t send,
    const struct sums *sums, struct err *err)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_SEND_EXTEND, err,
	    "iiiiiiiiii", send, sums->messages, sums->recipients,
	    sums->distinct, sums->external, sums->first_at_ms,
	    sums->last_at_ms, entry->message->tick,
	    entry->decision.quiet_secs, (int64_t)entry->decision.action);
	if (row == NULL || sql_step(&store->sql, row, err) != 1)
		return -1;
	entry->bulk_send = send;
	entry->send_messages = (uint32_t)sqlite3_column_int64(row, 0);
	entry->send_recipients = (uint32_t)sqlite3_column_int64(row, 1);
	entry->send_distinct = (uint32_t)sqlite3_column_int64(row, 2);
	entry->alerted = sqlite3_column_int64(row, 3) > 0;
	entry->send_declaration = sqlite3_column_int64(row, 4);
	sql_done(row);
	return read_used(store, entry, err);
}

/* 1 if this trigger is a retry of a message that a bulk send of the sender has
 * already: the entry tells of that one. */
static int
find_send_of_retry(struct store *store, struct entry *entry, struct err *err)
{
	const struct measure *m = decider(entry);
	if (!entry->retry)
		return 0;
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_SEND_OF_MESSAGE, err,
	    "iti", entry->message->id, m->who, (int64_t)m->identity);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got != 1)
		return got;
	entry->alerted = true; /* what was due then was queued then */
	entry->bulk_send = sqlite3_column_int64(row, 0);
	entry->send_messages = (uint32_t)sqlite3_column_int64(row, 1);
	entry->send_recipients = (uint32_t)sqlite3_column_int64(row, 2);
	entry->send_distinct = (uint32_t)sqlite3_column_int64(row, 3);
	sql_done(row);
	return 1;
}

/* ------------------------------------------------ what a closed case leaves */

static int
count_link(struct walk *walk, struct link *link, struct err *err)
{
	const struct measure *m = decider(walk->entry);
	int judged = is_judged(walk, link->part.message, err);
	if (judged != 0)
		return judged;
	link->part.external_only = m->external_only;
	walk->sums->messages++;
	if (join_recipients(
		walk->store, walk->send, &link->part, walk->sums, err) < 0)
		return -1;
	return walk->sums->distinct < (int64_t)m->limit;
}

/* Whether a closed case of the sender reaches into the window: 1, 0, -1. */
static int
has_judged(struct store *store, const struct entry *entry, struct err *err)
{
	const struct measure *m = decider(entry);
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_SEND_JUDGED_SENDER, err,
	    "tii", m->who, (int64_t)m->identity,
	    entry->message->tick - entry->decision.window_secs);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got == 1)
		sql_done(row);
	return got;
}

/* Number of a bulk send that is none: its recipients are counted, and taken
 * back. */
#define NOBODY INT64_C(0)

/* Whether the window is filled by what no closed case has. Where the limit is
 * more than can be looked at, as many messages as can be fill it. 1, 0, -1. */
static int
is_filled_anew(struct store *store, struct entry *entry, struct err *err)
{
	const struct measure *m = decider(entry);
	struct sums sums = {0};
	struct walk walk = {.store = store,
	    .entry = entry,
	    .reach = reach_of(entry),
	    .send = NOBODY,
	    .sums = &sums};
	const struct part own = {.hashes = entry->hashes,
	    .hashes_n = entry->hashes_n,
	    .external_only = m->external_only};
	if (join_recipients(store, NOBODY, &own, &sums, err) < 0 ||
	    walk_back(&walk, count_link, err) < 0 ||
	    sql_run(&store->sql, SQL_SEND_RECIPIENTS_BACK, NULL, err, "i",
		NOBODY) < 0)
		return -1;
	return sums.distinct >= (int64_t)m->limit ||
	       (m->limit > STORE_ABSORB_MAX &&
		   sums.messages >= STORE_ABSORB_MAX);
}

/* Whether a trigger is worth a record of its own: not if all that makes it one
 * is what a closed case has. 1, 0, -1. */
static int
is_worth_a_record(struct store *store, struct entry *entry, struct err *err)
{
	for (size_t i = 0; i < entry->measures_n; i++) {
		const struct measure *m = &entry->measures[i];
		if (m->counted >= m->limit && (m->window_secs == 0 || m->total))
			return 1;
	}
	if (entry->decision.action != ACTION_LOG)
		return 1; /* it says what was done */
	int got = has_judged(store, entry, err);
	if (got == 1)
		return is_filled_anew(store, entry, err);
	return got < 0 ? -1 : 1;
}

/* --------------------------------------------------------------- a trigger */

/* The record that the trigger belongs to; *send_r is 0 if it is worth none. */
static int
get_send(struct store *store, struct entry *entry, int64_t *send_r,
    struct err *err)
{
	if (find_ongoing(store, entry, send_r, err) < 0)
		return -1;
	if (*send_r != 0)
		return 0;
	int worth = is_worth_a_record(store, entry, err);
	return worth <= 0 ? worth : open_send(store, entry, send_r, err);
}

static int
record(struct store *store, struct entry *entry, struct err *err)
{
	int64_t send;
	int found = find_send_of_retry(store, entry, err);
	if (found != 0)
		return found < 0 ? -1 : 0; /* nothing to write */
	if (get_send(store, entry, &send, err) < 0)
		return -1;
	if (send == 0)
		return 0; /* likewise */
	store->has_bulk_send = true;
	const struct message *m = entry->message;
	struct sums sums = {.first_at_ms = m->at_ms, .last_at_ms = m->at_ms};
	struct walk walk = {.store = store,
	    .entry = entry,
	    .reach = reach_of(entry),
	    .send = send,
	    .sums = &sums};
	const struct part part = {
	    .message = m->id,
	    .at_ms = m->at_ms,
	    .fingerprint = entry->fingerprint,
	    .recipients = m->recipient_count,
	    .external = m->external_count,
	    .hashes = entry->hashes,
	    .hashes_n = entry->hashes_n,
	    .rule = rule_of(entry)->name,
	    .reach = reach_from(&walk.reach, m->tick),
	};
	if (join(store, send, &part, &sums, err) < 0 ||
	    (entry->decision.window_secs > 0 &&
		walk_back(&walk, join_link, err) < 0) ||
	    extend(store, entry, send, &sums, err) < 0)
		return -1;
	return 0;
}

int
store_bulk(struct store *store, struct entry *entry, struct err *err)
{
	return record(store, entry, err) < 0
	    ? store_err(store, err, "bulk send")
	    : 0;
}
