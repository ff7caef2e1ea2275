/* alerts.c: the outbox of mail to the admins. */
#include "store_internal.h"

#include <stdlib.h>

static int
read_alert(sqlite3_stmt *row, struct arena *arena, struct alert *alert_r)
{
	*alert_r = (struct alert){
	    .id = sqlite3_column_int64(row, 0),
	    .bulk_send = sqlite3_column_int64(row, 1),
	    .kind = (enum alert_kind)sqlite3_column_int(row, 2),
	    .state = (enum alert_state)sqlite3_column_int(row, 3),
	    .to = sql_text(row, 4, arena),
	    .attempts = (uint32_t)sqlite3_column_int64(row, 5),
	    .created_ms = sqlite3_column_int64(row, 6),
	    .sent_ms = sqlite3_column_int64(row, 7),
	    .last_error = sql_text(row, 8, arena),
	};
	return alert_r->to == NULL || alert_r->last_error == NULL ? -1 : 0;
}

/* All rows of the statement as alerts in the arena. */
int
alerts_read(struct store *store, sqlite3_stmt *row, struct arena *arena,
    struct alert **alerts_r, size_t *n_r, struct err *err)
{
	struct alert *alerts = NULL;
	size_t n = 0, room = 0;
	int got;
	while ((got = sql_step(&store->sql, row, err)) == 1) {
		alerts = read_room(arena, alerts, n, &room, sizeof(*alerts));
		if (alerts == NULL ||
		    read_alert(row, arena, &alerts[n++]) < 0) {
			sql_done(row);
			return err_set(err, "memory is out");
		}
	}
	*alerts_r = alerts;
	*n_r = n;
	return got;
}

int
store_queue_alert(struct store *store, struct entry *entry,
    enum alert_kind kind, struct err *err)
{
	if (sql_run(&store->sql, SQL_ALERT_ADD, NULL, err, "iiti",
		entry->bulk_send, (int64_t)kind, "", entry->message->at_ms) <
		0 ||
	    sql_run(&store->sql, SQL_SEND_ALERTED, NULL, err, "ii",
		entry->bulk_send, (int64_t)entry->send_distinct) < 0)
		return store_err(store, err, "alerts");
	entry->alert_queued = true;
	return 0;
}

int
store_queue_notice(struct store *store, struct entry *entry, const char *to,
    struct err *err)
{
	int queued;
	if (sql_run(&store->sql, SQL_NOTICE_ADD, &queued, err, "iti",
		entry->bulk_send, to, entry->message->at_ms) < 0)
		return store_err(store, err, "notices");
	entry->alert_queued = entry->alert_queued || queued > 0;
	return 0;
}

/* What waits until after this was put off by a clock that has been set back
 * since. */
static int64_t
beyond_ms(int64_t now_ms)
{
	return now_ms > INT64_MAX - STORE_PUT_OFF_MAX_MS
	    ? INT64_MAX
	    : now_ms + STORE_PUT_OFF_MAX_MS;
}

int
store_alerts_due(struct store *store, struct arena *arena, int64_t now_ms,
    size_t limit, struct alert **alerts_r, size_t *n_r, struct err *err)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_ALERT_DUE, err, "iii",
	    now_ms, beyond_ms(now_ms), (int64_t)limit);
	if (row == NULL ||
	    alerts_read(store, row, arena, alerts_r, n_r, err) < 0)
		return store_err(store, err, "alerts");
	return 0;
}

int
store_alerts_next(
    struct store *store, int64_t now_ms, int64_t *due_ms_r, struct err *err)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_ALERT_NEXT, err, "ii",
	    now_ms, beyond_ms(now_ms));
	if (row == NULL || sql_step(&store->sql, row, err) != 1)
		return store_err(store, err, "alerts");
	*due_ms_r = sqlite3_column_type(row, 0) == SQLITE_NULL
	    ? INT64_MAX
	    : sqlite3_column_int64(row, 0);
	sql_done(row);
	return 0;
}

int
store_alerts_sent_since(struct store *store, struct arena *arena,
    int64_t since_ms, int64_t **times_r, size_t *n_r, struct err *err)
{
	int64_t *times = NULL;
	size_t n = 0, room = 0;
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_ALERT_SENT_SINCE, err, "i", since_ms);
	int got = -1;
	while (row != NULL && (got = sql_step(&store->sql, row, err)) == 1) {
		times = read_room(arena, times, n, &room, sizeof(*times));
		if (times == NULL) {
			sql_done(row);
			return err_set(err, "memory is out");
		}
		times[n++] = sqlite3_column_int64(row, 0);
	}
	*times_r = times;
	*n_r = n;
	return got < 0 ? store_err(store, err, "alerts") : 0;
}

static int
settle_one(struct store *store, int64_t id, const struct alert_result *result,
    struct err *err)
{
	static const char *const events[2][2] = {
	    {"alert-failed", "alert-sent"}, {"notice-failed", "notice-sent"}};
	const bool sent = result->state == ALERT_SENT;
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_ALERT_SETTLE, err,
	    "iittnii", id, (int64_t)result->state, result->to,
	    sent ? result->message_id : NULL, result->error,
	    result->state == ALERT_FAILED ? result->at_ms : result->next_ms,
	    sent ? result->at_ms : 0);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got != 1)
		return got; /* 0: settled before */
	int64_t send = sqlite3_column_int64(row, 0);
	const bool notice = sqlite3_column_int64(row, 1) == ALERT_NOTICE;
	sql_done(row);
	if (result->state == ALERT_QUEUED)
		return 0;
	if (send == 0)
		return day_told(store, result->at_ms, err);
	if (sql_run(&store->sql, SQL_HISTORY_ADD, NULL, err, "iittt", send,
		result->at_ms, "bulkwatchd",
		events[notice][sent], sent ? result->to : result->error) < 0)
		return -1;
	return sent && !notice
	    ? sql_run(&store->sql, SQL_ALERT_TOLD, NULL, err, "i", send)
	    : 0;
}

int
store_alerts_settle(struct store *store, const int64_t *ids, size_t n,
    const struct alert_result *result, struct err *err)
{
	if (store_begin(store, err) < 0)
		return -1;
	int failed = 0;
	for (size_t i = 0; i < n && failed == 0; i++)
		failed = settle_one(store, ids[i], result, err);
	if (failed == 0 && store_commit(store, err) == 0)
		return 0;
	store_err(store, err, "alerts");
	store_rollback(store);
	return -1;
}

int
store_alert_trouble(struct store *store, struct arena *arena, int64_t since_ms,
    struct store_trouble *trouble_r, struct err *err)
{
	*trouble_r = (struct store_trouble){.last_error = ""};
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_ALERT_TROUBLE, err, "i", since_ms);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got < 1)
		return got < 0 ? store_err(store, err, "alerts") : 0;
	*trouble_r = (struct store_trouble){
	    .given_up = sqlite3_column_int64(row, 0),
	    .delayed = sqlite3_column_int64(row, 1),
	    .bulk_send = sqlite3_column_int64(row, 2),
	    .attempts = (uint32_t)sqlite3_column_int64(row, 3),
	    .last_error = sql_text(row, 4, arena),
	};
	sql_done(row);
	return trouble_r->last_error == NULL
		   ? err_set(err, "alerts: memory is out")
		   : 0;
}
