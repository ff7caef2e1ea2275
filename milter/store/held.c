/* held.c: mail that the MTA was told to hold, and what became of it. */
#include "store_internal.h"

#include <stdio.h>

int
store_note_hold(struct store *store, struct entry *entry, struct err *err)
{
	store->has_bulk_send = true; /* it outlives a power cut */
	return sql_run(&store->sql, SQL_HELD_ADD, NULL, err, "iiit",
		   entry->bulk_send, entry->message->id, entry->message->at_ms,
		   entry->message->queue_id) < 0
		   ? store_err(store, err, "held mail")
		   : 0;
}

/* Ends a transaction of one step as it deserves. */
static int
finish(struct store *store, int failed, struct err *err)
{
	if (failed == 0)
		failed = store_commit(store, err);
	if (failed == 0)
		return 0;
	store_err(store, err, "held mail");
	store_rollback(store);
	return -1;
}

/* Counts what went on although it was refused. Of a try that was refused again
 * the item is not yet the message's number. */
static int
count_after_all(struct store *store, struct entry *entry, struct err *err)
{
	entry->item = (uint64_t)entry->message->id;
	entry->tries = 0;
	return ledger_fill_windows(store, entry, err);
}

/* Puts the record right. What was counted although it is to come again stays
 * in the windows until it is over: it cannot be taken out of them. */
static int
note_outcome(struct store *store, struct entry *entry, enum action outcome,
    struct err *err)
{
	struct message *m = entry->message;
	if (sql_run(&store->sql, SQL_HELD_GONE, NULL, err, "iti", m->id,
		m->queue_id, m->at_ms) < 0)
		return -1;
	if (entry->retry && !is_refused(entry->known_action))
		return 0; /* its row tells of another try, which was taken */
	if (outcome == ACTION_LOG && is_refused(m->action) &&
	    count_after_all(store, entry, err) < 0)
		return -1;
	m->action = outcome;
	entry->decision.action = outcome;
	if (outcome == ACTION_DEFER && entry->bare_fingerprint != 0)
		entry->fingerprint = entry->bare_fingerprint;
	ledger_note_recent(store, entry);
	if (sql_run(&store->sql, SQL_MESSAGE_OUTCOME, NULL, err, "iii", m->id,
		(int64_t)outcome, (int64_t)entry->fingerprint) < 0 ||
	    sql_run(&store->sql, SQL_SEND_FINGERPRINT, NULL, err, "ii", m->id,
		(int64_t)entry->fingerprint) < 0)
		return -1;
	return sql_run(&store->sql, SQL_SEND_ACTION, NULL, err, "i", m->id);
}

int
store_note_outcome(struct store *store, struct entry *entry,
    enum action outcome, struct err *err)
{
	if (store_begin(store, err) < 0)
		return -1;
	return finish(
	    store, note_outcome(store, entry, outcome, err), err);
}

static int
read_held(sqlite3_stmt *row, struct arena *arena, struct held *held_r)
{
	*held_r = (struct held){
	    .id = sqlite3_column_int64(row, 0),
	    .message = sqlite3_column_int64(row, 1),
	    .at_ms = sqlite3_column_int64(row, 2),
	    .queue_id = sql_text(row, 3, arena),
	    .recipient_count = (uint32_t)sqlite3_column_int64(row, 4),
	    .state = (enum held_state)sqlite3_column_int(row, 5),
	    .settled_ms = sqlite3_column_int64(row, 6),
	    .by = sql_text(row, 7, arena),
	};
	return held_r->queue_id == NULL || held_r->by == NULL ? -1 : 0;
}

int
store_held(struct store *store, struct arena *arena, int64_t bulk_send,
    bool waiting_only, struct held **held_r, size_t *n_r, struct err *err)
{
	struct held *list = NULL;
	size_t n = 0, room = 0;
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_HELD_GET, err, "ii",
	    bulk_send, (int64_t)(waiting_only ? HELD_WAITING : HELD_GONE));
	int got = -1;
	while (row != NULL && (got = sql_step(&store->sql, row, err)) == 1) {
		list = read_room(arena, list, n, &room, sizeof(*list));
		if (list == NULL || read_held(row, arena, &list[n++]) < 0) {
			sql_done(row);
			return err_set(err, "held mail: memory is out");
		}
	}
	*held_r = list;
	*n_r = n;
	return got < 0 ? store_err(store, err, "held mail") : 0;
}

/* 1 done, 0 it does not wait, -1 error. */
static int
settle(struct store *store, int64_t held, enum held_state state, const char *by,
    int64_t at_ms, struct err *err)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_HELD_SETTLE, err, "iiit",
	    held, (int64_t)state, at_ms, by);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got != 1)
		return got;
	char queue_id[64];
	int64_t send = sqlite3_column_int64(row, 0);
	snprintf(queue_id, sizeof(queue_id), "%s",
	    (const char *)sqlite3_column_text(row, 1));
	sql_done(row);
	return sql_run(&store->sql, SQL_HISTORY_ADD, NULL, err, "iittt", send,
		   at_ms, by, record_held_state_name(state), queue_id) < 0
		   ? -1
		   : 1;
}

int
store_settle_held(struct store *store, int64_t held, enum held_state state,
    const char *by, int64_t at_ms, struct err *err)
{
	if (store_begin(store, err) < 0)
		return -1;
	store->has_bulk_send = true; /* it outlives a power cut */
	int got = settle(store, held, state, by, at_ms, err);
	if (finish(store, got < 0 ? -1 : 0, err) < 0)
		return -1;
	return got;
}
