/* read.c: the log as commands and alerts want it. */
#include "store_internal.h"

#include <string.h>

#include "bulkwatch/pattern.h"

void *
read_room(
    struct arena *arena, void *items, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return items;
	size_t larger = *room == 0 ? 16 : *room * 2;
	void *copy = arena_alloc(arena, larger * size);
	if (copy != NULL && n > 0)
		memcpy(copy, items, n * size);
	*room = larger;
	return copy;
}

/* ------------------------------------------------------------ bulk sends */

static struct portion
read_portion(sqlite3_stmt *row, int column)
{
	return (struct portion){
	    .messages = (uint32_t)sqlite3_column_int64(row, column),
	    .recipients = (uint32_t)sqlite3_column_int64(row, column + 1),
	    .external = (uint32_t)sqlite3_column_int64(row, column + 2),
	};
}

int
read_send(sqlite3_stmt *row, struct arena *arena, struct bulk_send *send_r)
{
	*send_r = (struct bulk_send){
	    .id = sqlite3_column_int64(row, 0),
	    .identity = (enum identity)sqlite3_column_int(row, 1),
	    .sender = sql_text(row, 2, arena),
	    .status = (enum status)sqlite3_column_int(row, 3),
	    .outcome = (enum outcome)sqlite3_column_int(row, 4),
	    .trigger = (enum trigger)sqlite3_column_int(row, 5),
	    .rule = sql_text(row, 6, arena),
	    .action = (enum action)sqlite3_column_int(row, 7),
	    .first_at_ms = sqlite3_column_int64(row, 8),
	    .last_at_ms = sqlite3_column_int64(row, 9),
	    .ended = sqlite3_column_int(row, 10) != 0,
	    .messages = (uint32_t)sqlite3_column_int64(row, 11),
	    .recipients = (uint32_t)sqlite3_column_int64(row, 12),
	    .distinct_recipients = (uint32_t)sqlite3_column_int64(row, 13),
	    .external_recipients = (uint32_t)sqlite3_column_int64(row, 14),
	    .limit = (uint64_t)sqlite3_column_int64(row, 15),
	    .window_secs = (uint64_t)sqlite3_column_int64(row, 16),
	    .subject = sql_text(row, 17, arena),
	    .client = sql_text(row, 18, arena),
	    .declaration = sqlite3_column_int64(row, 19),
	    .assignee = sql_text(row, 20, arena),
	    .reference = sql_text(row, 21, arena),
	    .held = (uint32_t)sqlite3_column_int64(row, 22),
	};
	for (int i = 0; i < UNSENT_N; i++)
		send_r->unsent[i] = read_portion(row, 23 + 3 * i);
	return send_r->sender == NULL || send_r->rule == NULL ||
		send_r->subject == NULL || send_r->client == NULL ||
		send_r->assignee == NULL || send_r->reference == NULL
	    ? -1
	    : 0;
}

int
read_sends(struct store *store, sqlite3_stmt *row, struct arena *arena,
    const struct bulk_send **sends_r, size_t *n_r, struct err *err)
{
	struct bulk_send *sends = NULL;
	size_t n = 0, room = 0;
	int got;
	while ((got = sql_step(&store->sql, row, err)) == 1) {
		sends = read_room(arena, sends, n, &room, sizeof(*sends));
		if (sends == NULL || read_send(row, arena, &sends[n++]) < 0) {
			sql_done(row);
			return err_set(err, "memory is out");
		}
	}
	*sends_r = sends;
	*n_r = n;
	return got;
}

/* A pattern that is one name can be looked up; others are compared. */
static bool
is_one_name(const char *pattern)
{
	return pattern[0] != '*' && pattern[0] != '@';
}

static sqlite3_stmt *
bind_list(
    struct store *store, const struct list_filter *filter, struct err *err)
{
	if (filter->sender != NULL && is_one_name(filter->sender))
		return sql_bind(&store->sql, SQL_LIST_SENDER, err, "it",
		    filter->since_ms, filter->sender);
	if (filter->held_only)
		return sql_bind(&store->sql, SQL_LIST_HELD, err, "i",
		    filter->since_ms);
	bool open = filter->open_only || filter->status == STATUS_NEW ||
	    filter->status == STATUS_REVIEWING;
	return sql_bind(&store->sql, open ? SQL_LIST_OPEN : SQL_LIST_ALL, err,
	    "i", filter->since_ms);
}

static bool
is_wanted(const struct list_filter *filter, const struct bulk_send *send)
{
	if (filter->open_only && send->status == STATUS_CLOSED)
		return false;
	if (filter->held_only && send->held == 0)
		return false;
	if (filter->status != 0 && send->status != filter->status)
		return false;
	return send->first_at_ms >= filter->first_from_ms &&
	       (filter->first_until_ms == 0 ||
		   send->first_at_ms < filter->first_until_ms);
}

/* Whether the sender is wanted: looked at before the row is copied, since most
 * rows of a large log may be somebody else's. */
static bool
is_by(const struct list_filter *filter, const char *sender)
{
	return filter->sender == NULL ||
	       (sender != NULL && pattern_match(filter->sender, sender));
}

int
store_list(struct store *store, struct arena *arena,
    const struct list_filter *filter, struct bulk_send **sends_r, size_t *n_r,
    struct err *err)
{
	struct bulk_send *sends = NULL;
	size_t n = 0, room = 0;
	sqlite3_stmt *row = bind_list(store, filter, err);
	int got = -1;
	while (row != NULL && (got = sql_step(&store->sql, row, err)) == 1) {
		if (!is_by(filter, (const char *)sqlite3_column_text(row, 2)))
			continue;
		sends = read_room(arena, sends, n, &room, sizeof(*sends));
		if (sends == NULL || read_send(row, arena, &sends[n]) < 0) {
			sql_done(row);
			return err_set(err, "list: memory is out");
		}
		n += is_wanted(filter, &sends[n]);
		if (filter->limit != 0 && n == filter->limit) {
			sql_done(row);
			got = 0;
			break;
		}
	}
	*sends_r = sends;
	*n_r = n;
	return got < 0 ? store_err(store, err, "list") : 0;
}

/* ---------------------------------------------------------------- messages */

int
read_message(
    sqlite3_stmt *row, struct arena *arena, struct message *message_r)
{
	struct message *m = message_r;
	*m = (struct message){
	    .id = sqlite3_column_int64(row, 0),
	    .at_ms = sqlite3_column_int64(row, 1),
	    .tick = sqlite3_column_int64(row, 2),
	    .identity = (enum identity)sqlite3_column_int(row, 3),
	    .sender = sql_text(row, 4, arena),
	    .client = sql_text(row, 7, arena),
	    .queue_id = sql_text(row, 8, arena),
	    .message_id = sql_text(row, 9, arena),
	    .subject = sql_text(row, 10, arena),
	    .recipient_count = (uint32_t)sqlite3_column_int64(row, 11),
	    .external_count = (uint32_t)sqlite3_column_int64(row, 12),
	    .action = (enum action)sqlite3_column_int(row, 13),
	};
	/* Null stands for "as the sender" where that is who is counted. */
	bool null_from = sqlite3_column_type(row, 5) == SQLITE_NULL;
	bool null_login = sqlite3_column_type(row, 6) == SQLITE_NULL;
	m->mail_from = null_from && m->identity == IDENTITY_ENVELOPE
	    ? m->sender
	    : sql_text(row, 5, arena);
	m->login = null_login && m->identity == IDENTITY_LOGIN
	    ? m->sender
	    : sql_text(row, 6, arena);
	return m->sender == NULL || m->client == NULL || m->queue_id == NULL ||
		m->message_id == NULL || m->subject == NULL ||
		m->mail_from == NULL || m->login == NULL
	    ? -1
	    : 0;
}

/* The recipients column back into a list. */
static int
read_recipients(const char *text, struct arena *arena, struct message *m)
{
	struct recipient *list = NULL;
	size_t n = 0, room = 0;
	while (*text != '\0') {
		list = read_room(arena, list, n, &room, sizeof(*list));
		if (list == NULL)
			return -1;
		size_t length = strcspn(text, "\n");
		bool external = text[0] == '\t';
		list[n].external = external;
		list[n].address = arena_strndup(
		    arena, text + external, length - external);
		if (list[n++].address == NULL)
			return -1;
		text += length + (text[length] == '\n');
	}
	m->recipients = list;
	m->recipients_n = n;
	return 0;
}

static int
read_evidence(struct store *store, struct arena *arena, int64_t id,
    size_t evidence_max, struct bulk_send_story *story, struct err *err)
{
	struct message *list = NULL;
	size_t n = 0, room = 0;
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_SHOW_EVIDENCE, err, "ii",
	    id, evidence_max == 0 ? INT64_C(-1) : (int64_t)evidence_max);
	int got = -1;
	while (row != NULL && (got = sql_step(&store->sql, row, err)) == 1) {
		list = read_room(arena, list, n, &room, sizeof(*list));
		const char *recipients =
		    sql_text(row, sqlite3_column_count(row) - 1, arena);
		if (list == NULL || recipients == NULL ||
		    read_message(row, arena, &list[n]) < 0 ||
		    read_recipients(recipients, arena, &list[n]) < 0) {
			sql_done(row);
			return err_set(err, "memory is out");
		}
		n++;
	}
	story->evidence = list;
	story->evidence_n = n;
	return got;
}

static int
read_history(struct store *store, struct arena *arena, int64_t id,
    struct bulk_send_story *story, struct err *err)
{
	struct history *list = NULL;
	size_t n = 0, room = 0;
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_SHOW_HISTORY, err, "i", id);
	int got = -1;
	while (row != NULL && (got = sql_step(&store->sql, row, err)) == 1) {
		list = read_room(arena, list, n, &room, sizeof(*list));
		if (list == NULL) {
			sql_done(row);
			return err_set(err, "memory is out");
		}
		list[n++] = (struct history){
		    .at_ms = sqlite3_column_int64(row, 0),
		    .by = sql_text(row, 1, arena),
		    .event = sql_text(row, 2, arena),
		    .note = sql_text(row, 3, arena),
		};
	}
	story->history = list;
	story->history_n = n;
	return got;
}

int
store_show(struct store *store, struct arena *arena, int64_t id,
    size_t evidence_max, struct bulk_send_story *story_r, struct err *err)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_SHOW_SEND, err, "i", id);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got != 1)
		return got < 0 ? store_err(store, err, "show") : 0;
	*story_r = (struct bulk_send_story){0};
	int failed = read_send(row, arena, &story_r->send);
	sql_done(row);
	if (failed < 0)
		return err_set(err, "show: memory is out");
	struct alert *alerts = NULL;
	struct held *held = NULL;
	if (declaration_get(store, arena, story_r->send.declaration,
		&story_r->declaration, err) < 0)
		return store_err(store, err, "show");
	if (read_evidence(store, arena, id, evidence_max, story_r, err) < 0 ||
	    read_history(store, arena, id, story_r, err) < 0 ||
	    (row = sql_bind(&store->sql, SQL_SHOW_ALERTS, err, "i", id)) ==
		NULL ||
	    alerts_read(
		store, row, arena, &alerts, &story_r->alerts_n, err) < 0)
		return store_err(store, err, "show");
	if (store_held(store, arena, id, false, &held, &story_r->held_n, err) <
	    0)
		return -1;
	story_r->alerts = alerts;
	story_r->held = held;
	return 1;
}

/* ------------------------------------------------------------------ ledger */

/* Messages older than the margin that may stand one behind the other before
 * all that follow are taken for older too: a spool that was brought in, a
 * clock that was wrong for a while. */
#define LEDGER_OLD_MAX 1000

/* Hands one over. 1: go on, 0: enough, -1: no memory. */
static int
ledger_row(sqlite3_stmt *row, store_ledger_fn *each, void *context)
{
	struct message message;
	struct arena *arena = arena_new();
	int go_on = arena == NULL ? -1 : read_message(row, arena, &message);
	if (go_on == 0)
		go_on = each(context, &message) == 0;
	arena_free(arena);
	return go_on;
}

static int
ledger_reach(
    struct store *store, struct ledger_reach *reach_r, struct err *err)
{
	int64_t purged_upto;
	if (store_meta_get(store, META_PURGED_UPTO, &purged_upto, err) < 0)
		return -1;
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_LEDGER_FIRST, err, "i", purged_upto);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	reach_r->purged = purged_upto > 0;
	reach_r->first_ms = INT64_MAX;
	if (got == 1) {
		reach_r->first_ms = sqlite3_column_int64(row, 0);
		sql_done(row);
	}
	return got < 0 ? -1 : 0;
}

int
store_ledger(struct store *store, int64_t from_ms, store_ledger_fn *each,
    void *context, struct ledger_reach *reach_r, struct err *err)
{
	int old = 0, go_on = 1, got = -1;
	if (ledger_reach(store, reach_r, err) < 0)
		return store_err(store, err, "ledger");
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_LEDGER_BACK, err, "");
	while (row != NULL && go_on == 1 && old < LEDGER_OLD_MAX &&
	       (got = sql_step(&store->sql, row, err)) == 1) {
		int64_t at_ms = sqlite3_column_int64(row, 1);
		old = at_ms < from_ms - STORE_LEDGER_MARGIN_MS ? old + 1 : 0;
		go_on = ledger_row(row, each, context);
	}
	if (got == 1)
		sql_done(row);
	if (go_on < 0)
		return err_set(err, "ledger: memory is out");
	return got < 0 ? store_err(store, err, "ledger") : 0;
}

int
store_has_alert(struct store *store, int64_t id, int64_t created_ms,
    enum alert_kind kind, struct err *err)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_ALERT_IS, err, "iii", id,
	    created_ms, (int64_t)kind);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got == 1)
		sql_done(row);
	return got < 0 ? store_err(store, err, "alerts") : got;
}

/* ----------------------------------------------------------------- senders */

int
store_senders(struct store *store, struct arena *arena, size_t top,
    struct sender_total **totals_r, size_t *n_r, struct err *err)
{
	struct sender_total *totals = NULL;
	size_t n = 0, room = 0;
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_SENDERS, err, "i",
	    top == 0 ? INT64_C(-1) : (int64_t)top);
	int got = -1;
	while (row != NULL && (got = sql_step(&store->sql, row, err)) == 1) {
		totals = read_room(arena, totals, n, &room, sizeof(*totals));
		if (totals == NULL) {
			sql_done(row);
			return err_set(err, "senders: memory is out");
		}
		totals[n++] = (struct sender_total){
		    .identity = (enum identity)sqlite3_column_int(row, 0),
		    .sender = sql_text(row, 1, arena),
		    .messages = (uint64_t)sqlite3_column_int64(row, 2),
		    .recipients = (uint64_t)sqlite3_column_int64(row, 3),
		    .first_at_ms = sqlite3_column_int64(row, 4),
		    .last_at_ms = sqlite3_column_int64(row, 5),
		    .bulk_sends = (uint64_t)sqlite3_column_int64(row, 6),
		};
	}
	*totals_r = totals;
	*n_r = n;
	return got < 0 ? store_err(store, err, "senders") : 0;
}

int
store_facts(
    struct store *store, struct store_facts *facts_r, struct err *err)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_FACTS, err, "");
	if (row == NULL || sql_step(&store->sql, row, err) != 1)
		return store_err(store, err, "facts");
	*facts_r = (struct store_facts){
	    .bulk_sends = sqlite3_column_int64(row, 0),
	    .open_bulk_sends = sqlite3_column_int64(row, 1),
	    .messages = sqlite3_column_int64(row, 2),
	    .alerts_queued = sqlite3_column_int64(row, 3),
	    .alerts_failed = sqlite3_column_int64(row, 4),
	    .bytes = sqlite3_column_int64(row, 5),
	};
	sql_done(row);
	return 0;
}
