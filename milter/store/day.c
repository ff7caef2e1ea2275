/* day.c: what the day's digest tells. */
#include "store_internal.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static int
count_failed(
    struct store *store, int64_t since_ms, uint32_t *n_r, struct err *err)
{
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_ALERTS_FAILED, err, "i", since_ms);
	if (row == NULL || sql_step(&store->sql, row, err) != 1)
		return -1;
	*n_r = (uint32_t)sqlite3_column_int64(row, 0);
	sql_done(row);
	return 0;
}

static int
read_cases(
    struct store *store, struct arena *arena, struct day *day, struct err *err)
{
	sqlite3_stmt *row = sql_bind(
	    &store->sql, SQL_LIST_WAITING, err, "i", day->now_ms - DAY_MS);
	if (row == NULL || read_sends(store, row, arena, &day->waiting,
			       &day->waiting_n, err) < 0)
		return -1;
	row = sql_bind(&store->sql, SQL_LIST_FRESH, err, "i", day->since_ms);
	if (row == NULL ||
	    read_sends(
		store, row, arena, &day->fresh, &day->fresh_n, err) < 0)
		return -1;
	row = sql_bind(&store->sql, SQL_LIST_HELD, err, "i", INT64_MIN);
	return row == NULL ? -1
			   : read_sends(store, row, arena, &day->holding,
				 &day->holding_n, err);
}

int
store_day(struct store *store, struct arena *arena, int64_t now_ms,
    struct day *day_r, struct err *err)
{
	struct day day = {.now_ms = now_ms};
	struct declaration *expected = NULL;
	int64_t failures, told;
	if (store_meta_get(store, META_DAILY, &day.since_ms, err) < 0 ||
	    store_meta_get(store, META_FAILURES, &failures, err) < 0 ||
	    store_meta_get(store, META_FAILURES_TOLD, &told, err) < 0)
		return store_err(store, err, "digest");
	/* The first one, or a clock that was set: a day. */
	if (day.since_ms == 0 || day.since_ms > now_ms)
		day.since_ms = now_ms - DAY_MS;
	day.store_failures = (uint32_t)(failures - told);
	if (read_cases(store, arena, &day, err) < 0 ||
	    declarations_read(store,
		sql_bind(&store->sql, SQL_DECLARATIONS_DAY, err, "ii", now_ms,
		    now_ms + DAY_MS),
		arena, &expected, &day.expected_n, err) < 0 ||
	    count_failed(store, day.since_ms, &day.alerts_failed, err) < 0)
		return store_err(store, err, "digest");
	day.expected = expected;
	*day_r = day;
	return 0;
}

static bool
has_something(const struct day *day)
{
	return day->waiting_n > 0 || day->holding_n > 0 || day->fresh_n > 0 ||
	       day->expected_n > 0 || day->alerts_failed > 0 ||
	       day->store_failures > 0;
}

static int
queue(struct store *store, int64_t now_ms, int64_t day_number, bool mail,
    struct err *err)
{
	if (store_begin(store, err) < 0)
		return -1;
	if (store_meta_set(store, META_DAILY_DAY, day_number, err) == 0 &&
	    (!mail || sql_run(&store->sql, SQL_ALERT_ADD, NULL, err, "iiti",
			  INT64_C(0), (int64_t)ALERT_DAILY, "", now_ms) == 0) &&
	    store_commit(store, err) == 0)
		return 0;
	store_err(store, err, "digest");
	store_rollback(store);
	return -1;
}

int
store_queue_daily(struct store *store, int64_t now_ms, int64_t day_number,
    bool *queued_r, struct err *err)
{
	int64_t looked_at;
	*queued_r = false;
	if (store_meta_get(store, META_DAILY_DAY, &looked_at, err) < 0)
		return store_err(store, err, "digest");
	if (looked_at == day_number)
		return 0;
	struct day day;
	struct arena *arena = arena_new();
	if (arena == NULL)
		return err_set(err, "memory is out");
	int failed = store_day(store, arena, now_ms, &day, err);
	arena_free(arena);
	if (failed == 0)
		failed =
		    queue(store, now_ms, day_number, has_something(&day), err);
	*queued_r = failed == 0 && has_something(&day);
	return failed;
}

int
day_told(struct store *store, int64_t at_ms, struct err *err)
{
	int64_t failures;
	return store_meta_get(store, META_FAILURES, &failures, err) < 0 ||
		       store_meta_set(
			   store, META_FAILURES_TOLD, failures, err) < 0 ||
		       store_meta_set(store, META_DAILY, at_ms, err) < 0
		   ? -1
		   : 0;
}

int
store_note_failure(struct store *store, struct err *err)
{
	int64_t failures;
	if (store_meta_get(store, META_FAILURES, &failures, err) < 0 ||
	    store_begin(store, err) < 0)
		return -1;
	if (store_meta_set(store, META_FAILURES, failures + 1, err) == 0 &&
	    store_commit(store, err) == 0)
		return 0;
	store_err(store, err, "failures");
	store_rollback(store);
	return -1;
}
