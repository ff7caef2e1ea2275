/*
 * selftest.c: messages that go the whole way and leave nothing.
 *
 * What such a message does to the database is undone by a savepoint. What a
 * message does to memory (windows, the recent ones) is not done at all while
 * on_trial is set: nothing has to be found again and taken out of there.
 */
#include "store_internal.h"

#include <stdio.h>

#define SELFTEST_MS (INT64_C(1000) * SELFTEST_SECS)

_Static_assert(2 * DIGEST_KEY_BYTES == SELFTEST_MARK_LENGTH,
    "a mark is as hard to guess as a key");

static int
make(struct store *store, int64_t now_ms, char *mark_r, struct err *err)
{
	struct digest_key random;
	if (digest_key_make(&random) < 0)
		return err_set(err, "the system has no random numbers");
	for (size_t i = 0; i < DIGEST_KEY_BYTES; i++)
		sprintf(mark_r + 2 * i, "%02x", random.bytes[i]);
	return sql_run(&store->sql, SQL_SELFTEST_FORGET, NULL, err, "ii",
		   now_ms, SELFTEST_MS) < 0
		   ? -1
		   : sql_run(&store->sql, SQL_SELFTEST_MAKE, NULL, err, "ti",
			 mark_r, now_ms);
}

int
store_selftest_make(struct store *store, int64_t now_ms,
    char mark_r[SELFTEST_MARK_LENGTH + 1], struct err *err)
{
	if (store_begin(store, err) < 0)
		return -1;
	if (make(store, now_ms, mark_r, err) == 0 &&
	    store_commit(store, err) == 0)
		return 0;
	store_err(store, err, "self-test");
	store_rollback(store);
	return -1;
}

int
store_selftest_read(struct store *store, struct arena *arena, const char *mark,
    struct selftest *selftest_r, struct err *err)
{
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_SELFTEST_READ, err, "t", mark);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got != 1)
		return got < 0 ? store_err(store, err, "self-test") : 0;
	*selftest_r = (struct selftest){
	    .greeted = sqlite3_column_int(row, 0) != 0,
	    .done = sqlite3_column_int(row, 1) != 0,
	    .recipients = (uint32_t)sqlite3_column_int64(row, 2),
	    .rules = (uint32_t)sqlite3_column_int64(row, 3),
	    .rule = sql_text(row, 4, arena),
	    .action = (enum action)sqlite3_column_int(row, 5),
	    .recorded = (uint32_t)sqlite3_column_int64(row, 6),
	    .declaration = sqlite3_column_int64(row, 7),
	    .alert_queued = sqlite3_column_int(row, 8) != 0,
	    .alert_to = sql_text(row, 9, arena),
	};
	sql_done(row);
	return selftest_r->rule == NULL || selftest_r->alert_to == NULL
		   ? err_set(err, "self-test: memory is out")
		   : 1;
}

int
store_selftest_remove(struct store *store, const char *mark, struct err *err)
{
	return sql_run(&store->sql, SQL_SELFTEST_REMOVE, NULL, err, "t", mark) <
		       0
		   ? store_err(store, err, "self-test")
		   : 0;
}

int
store_selftest_greet(
    struct store *store, const char *mark, int64_t now_ms, struct err *err)
{
	int known;
	return sql_run(&store->sql, SQL_SELFTEST_GREET, &known, err, "tii",
		   mark, now_ms, SELFTEST_MS) < 0
		   ? store_err(store, err, "self-test")
		   : known;
}

int
store_selftest_begin(
    struct store *store, const char *mark, int64_t now_ms, struct err *err)
{
	int known;
	if (sql_run(&store->sql, SQL_SELFTEST_USE, &known, err, "tii", mark,
		now_ms, SELFTEST_MS) < 0)
		return store_err(store, err, "self-test");
	if (known == 0)
		return 0;
	if (sql_run(&store->sql, SQL_TRIAL_BEGIN, NULL, err, "") < 0)
		return store_err(store, err, "self-test");
	store->on_trial = true;
	store->before_trial.last_message = store->last_message;
	store->before_trial.has_bulk_send = store->has_bulk_send;
	return 1;
}

int
store_selftest_end(struct store *store, const char *mark,
    const struct selftest *s, struct err *err)
{
	store->on_trial = false;
	store->last_message = store->before_trial.last_message;
	store->has_bulk_send = store->before_trial.has_bulk_send;
	if (sql_run(&store->sql, SQL_TRIAL_UNDO, NULL, err, "") < 0 ||
	    sql_run(&store->sql, SQL_TRIAL_END, NULL, err, "") < 0 ||
	    sql_run(&store->sql, SQL_SELFTEST_NOTE, NULL, err, "tiitiiiit",
		mark, (int64_t)s->recipients, (int64_t)s->rules, s->rule,
		(int64_t)s->action, (int64_t)s->recorded, s->declaration,
		(int64_t)s->alert_queued, s->alert_to) < 0)
		return store_err(store, err, "self-test");
	return 0;
}
