/* tidy.c: what is done to the database between messages, in small steps. */
#include "store_internal.h"

#include <stdio.h>

#include "bulkwatch/clock.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* Messages that are summed up by one statement. */
#define SUM_MESSAGES 500

/* As SQL_PURGE_SEND_RECIPIENTS and SQL_PURGE_DAYS say. */
#define PURGE_RECIPIENTS 5000

static bool
step_is_over(int64_t began)
{
	return store_step_clock() - began >= STORE_STEP_MS;
}

/* Ends a step's transaction as it deserves. */
static int
finish(struct store *store, int failed, const char *doing, struct err *err)
{
	if (failed == 0)
		failed = store_commit(store, err);
	if (failed == 0)
		return 0;
	store_err(store, err, doing);
	store_rollback(store);
	return -1;
}

/* ------------------------------------------------ bulk sends that are over */

/* One that kept to its declaration was reported, and needs nobody. */
static int
close_declared(struct store *store, int64_t send, int64_t declaration,
    int64_t now_ms, struct err *err)
{
	char note[64];
	snprintf(note, sizeof(note), "%s; kept to declaration %lld",
	    record_outcome_name(OUTCOME_REPORTED), (long long)declaration);
	return sql_run(&store->sql, SQL_SEND_CHANGE, NULL, err, "iiinn", send,
		   (int64_t)STATUS_CLOSED, (int64_t)OUTCOME_REPORTED, "",
		   "") < 0
		   ? -1
		   : sql_run(&store->sql, SQL_HISTORY_ADD, NULL, err, "iittt",
			 send, now_ms, "bulkwatchd", "closed", note);
}

int
tidy_end_send(
    struct store *store, int64_t send, int64_t now_ms, struct err *err)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_SEND_END, err, "i", send);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got != 1)
		return got;
	const bool grown = sqlite3_column_int64(row, 0) != 0;
	const bool declared = sqlite3_column_int64(row, 1) != 0;
	const int64_t declaration = sqlite3_column_int64(row, 2);
	sql_done(row);
	if (declared)
		return close_declared(store, send, declaration, now_ms, err);
	return grown ? sql_run(&store->sql, SQL_ALERT_ADD_GROWN, NULL, err,
			   "ii", send, now_ms)
		     : 0;
}

/* The next one that is over: 1 found, 0 none, -1 error. */
static int
next_quiet(
    struct store *store, int64_t now_tick, int64_t *send_r, struct err *err)
{
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_SEND_QUIET, err, "i", now_tick);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got == 1) {
		*send_r = sqlite3_column_int64(row, 0);
		sql_done(row);
	}
	return got;
}

int
store_end_quiet(struct store *store, int64_t now_ms, int64_t now_tick,
    bool *more_r, struct err *err)
{
	const int64_t began = store_step_clock();
	int64_t send;
	int got = next_quiet(store, now_tick, &send, err);
	*more_r = false;
	if (got <= 0)
		return got < 0 ? store_err(store, err, "upkeep") : 0;
	if (store_begin(store, err) < 0)
		return -1;
	while (got == 1 && !*more_r) {
		got = tidy_end_send(store, send, now_ms, err);
		*more_r = step_is_over(began);
		if (got == 0 && !*more_r)
			got = next_quiet(store, now_tick, &send, err);
	}
	return finish(store, got < 0 ? -1 : 0, "upkeep", err);
}

/* ---------------------------------------------------- sums by sender and day
 */

int
store_sum_up(struct store *store, bool *more_r, struct err *err)
{
	const int64_t began = store_step_clock();
	int64_t upto;
	*more_r = false;
	if (store_meta_get(store, META_SUMMED_UPTO, &upto, err) < 0)
		return store_err(store, err, "upkeep");
	if (upto >= store->last_message)
		return 0;
	if (store_begin(store, err) < 0)
		return -1;
	int failed = 0;
	do {
		int64_t next = upto + SUM_MESSAGES < store->last_message
				   ? upto + SUM_MESSAGES
				   : store->last_message;
		failed = sql_run(
		    &store->sql, SQL_SUM_UP, NULL, err, "ii", upto, next);
		upto = next;
	} while (
	    failed == 0 && upto < store->last_message && !step_is_over(began));
	if (failed == 0)
		failed = store_meta_set(store, META_SUMMED_UPTO, upto, err);
	*more_r = upto < store->last_message;
	return finish(store, failed, "upkeep", err);
}

/* ------------------------------------------------------------------- purge */

/* Takes the moment back by as much as the wall clock is beyond belief. */
static int
believable(struct store *store, int64_t *before_ms, struct err *err)
{
	int64_t latest_ms, now_ms = clock_wall_ms();
	if (boot_latest_wall(store, &latest_ms, err) < 0)
		return store_err(store, err, "upkeep");
	if (now_ms > latest_ms)
		*before_ms -= now_ms - latest_ms;
	return 0;
}

struct purge {
	int64_t before_ms;
	int64_t upto;   /* looked at so far */
	int64_t summed; /* what is not summed up stays */
	uint64_t removed;
	bool done; /* nothing older is left */
};

/* Looks at the next message and removes it if it may go. */
static int
purge_next(struct store *store, struct purge *purge, struct err *err)
{
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_PURGE_NEXT, err, "i", purge->upto);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got < 0)
		return -1;
	purge->done = got == 0 ||
		      sqlite3_column_int64(row, 0) > purge->summed ||
		      sqlite3_column_int64(row, 1) >= purge->before_ms;
	int64_t message = got == 1 ? sqlite3_column_int64(row, 0) : 0;
	bool is_evidence = got == 1 && sqlite3_column_int64(row, 2) != 0;
	if (got == 1)
		sql_done(row);
	if (purge->done)
		return 0;
	purge->upto = message;
	if (is_evidence)
		return 0;
	purge->removed++;
	return sql_run(&store->sql, SQL_PURGE_MESSAGE, NULL, err, "i", message);
}

int
store_purge_ledger(struct store *store, int64_t before_ms, uint64_t *removed_r,
    bool *more_r, struct err *err)
{
	const int64_t began = store_step_clock();
	*more_r = false;
	*removed_r = 0;
	if (believable(store, &before_ms, err) < 0)
		return -1;
	struct purge purge = {.before_ms = before_ms};
	if (store_meta_get(store, META_PURGED_UPTO, &purge.upto, err) < 0 ||
	    store_meta_get(store, META_SUMMED_UPTO, &purge.summed, err) < 0)
		return store_err(store, err, "upkeep");
	const int64_t from = purge.upto;
	if (store_begin(store, err) < 0)
		return -1;
	int failed = 0;
	do
		failed = purge_next(store, &purge, err);
	while (failed == 0 && !purge.done && !step_is_over(began));
	if (failed == 0 && purge.done)
		failed = sql_run(&store->sql, SQL_PURGE_DAYS, NULL, err, "i",
		    before_ms / DAY_MS);
	if (failed == 0 && purge.upto != from)
		failed =
		    store_meta_set(store, META_PURGED_UPTO, purge.upto, err);
	*more_r = !purge.done;
	*removed_r = purge.removed;
	return finish(store, failed, "upkeep", err);
}

/* A bulk send may have millions of recipients: some thousands at a time. 1:
 * there are more, 0: all gone, -1 error. */
static int
purge_recipients(struct store *store, int64_t send, struct err *err)
{
	int removed;
	if (sql_run(&store->sql, SQL_PURGE_SEND_RECIPIENTS, &removed, err, "i",
		send) < 0)
		return -1;
	return removed == PURGE_RECIPIENTS;
}

static int
purge_send(struct store *store, int64_t send, struct err *err)
{
	/* History goes last: it is kept as long as its bulk send is there. */
	static const enum sql steps[] = {SQL_PURGE_SEND_MESSAGES,
	    SQL_PURGE_SEND_LINKS, SQL_PURGE_SEND_ALERTS,
	    SQL_PURGE_SEND_HELD, SQL_PURGE_SEND, SQL_PURGE_SEND_HISTORY};
	int more = purge_recipients(store, send, err);
	if (more != 0)
		return more;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (sql_run(&store->sql, steps[i], NULL, err, "i", send) < 0)
			return -1;
	return 0;
}

/* The oldest closed one from before the moment: 1 found, 0 none, -1 error. */
static int
next_closed(
    struct store *store, int64_t before_ms, int64_t *send_r, struct err *err)
{
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_PURGE_CLOSED_NEXT, err, "i", before_ms);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got == 1) {
		*send_r = sqlite3_column_int64(row, 0);
		sql_done(row);
	}
	return got;
}

int
store_purge_closed(struct store *store, int64_t before_ms, uint64_t *removed_r,
    bool *more_r, struct err *err)
{
	const int64_t began = store_step_clock();
	int64_t send;
	*removed_r = 0;
	*more_r = false;
	if (believable(store, &before_ms, err) < 0)
		return -1;
	int got = next_closed(store, before_ms, &send, err);
	if (got <= 0)
		return got < 0 ? store_err(store, err, "upkeep") : 0;
	if (store_begin(store, err) < 0)
		return -1;
	while (got == 1 && !*more_r) {
		got = purge_send(store, send, err);
		*removed_r += got == 0;
		*more_r = step_is_over(began);
		if (got == 0 && !*more_r)
			got = next_closed(store, before_ms, &send, err);
	}
	return finish(store, got < 0 ? -1 : 0, "upkeep", err);
}
