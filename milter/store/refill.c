/* refill.c: windows filled from the ledger, after a start or a new rule. */
#include "store_internal.h"

#include <string.h>

#include "bulkwatch/clock.h"

/* Rows of the ledger that are read in a step: some milliseconds. */
#define STEP_ROWS 2000

/* Goes back to the oldest message that is younger than secs. */
static int
go_back(struct store *store, struct store_refill *r, struct err *err)
{
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_MESSAGE_BACK, err, "i", r->next);
	int got = row == NULL ? -1 : 0;
	for (int n = 0; row != NULL && n < STEP_ROWS; n++) {
		if ((got = sql_step(&store->sql, row, err)) != 1)
			break;
		int64_t id = sqlite3_column_int64(row, 0);
		if (boot_message_tick(store, id, sqlite3_column_int64(row, 1),
			sqlite3_column_int64(row, 2)) <= r->oldest_tick) {
			got = 0;
			break;
		}
		r->next = id;
	}
	if (row != NULL)
		sql_done(row);
	r->is_back = got == 0;
	return got < 0 ? -1 : 0;
}

/* Counts one row of the ledger; its columns after MESSAGE_COLUMNS are hashes
 * and fingerprint. */
static int
refill_row(struct store *store, sqlite3_stmt *row, struct arena *arena,
    store_refill_fn *refill, void *context)
{
	struct message message;
	struct measure measures[SETTINGS_RULES_MAX];
	if (read_message(row, arena, &message) < 0)
		return -1;
	message.tick = boot_message_tick(
	    store, message.id, message.at_ms, message.tick);
	int at = sqlite3_column_count(row) - 2;
	struct entry entry = {
	    .arena = arena,
	    .message = &message,
	    .measures = measures,
	    .measures_n = refill(context, &message, measures),
	    .hashes_n = (size_t)sqlite3_column_bytes(row, at) / sizeof(uint64_t),
	    .fingerprint = (uint64_t)sqlite3_column_int64(row, at + 1),
	    .item = (uint64_t)message.id,
	};
	uint64_t *hashes =
	    arena_alloc(arena, entry.hashes_n * sizeof(uint64_t));
	if (hashes == NULL)
		return -1;
	if (entry.hashes_n > 0)
		memcpy(hashes, sqlite3_column_blob(row, at),
		    entry.hashes_n * sizeof(uint64_t));
	entry.hashes = hashes;
	struct err err;
	return ledger_fill_windows(store, &entry, &err);
}

/* Counts the next rows in the order in which they came. */
static int
go_on(struct store *store, struct store_refill *r, store_refill_fn *refill,
    void *context, struct err *err)
{
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_MESSAGE_FROM, err, "i", r->next);
	int got = row == NULL ? -1 : 0;
	for (int n = 0; row != NULL && n < STEP_ROWS; n++) {
		if ((got = sql_step(&store->sql, row, err)) != 1)
			break;
		r->next = sqlite3_column_int64(row, 0) + 1;
		struct arena *arena = arena_new();
		int failed = arena == NULL
		    ? -1
		    : refill_row(store, row, arena, refill, context);
		arena_free(arena);
		if (failed < 0) {
			sql_done(row);
			return err_set(err, "memory is out");
		}
	}
	if (row != NULL)
		sql_done(row);
	r->is_done = got == 0;
	return got < 0 ? -1 : 0;
}

struct store_refill
store_refill_begin(int64_t secs)
{
	return (struct store_refill){
	    .next = INT64_MAX, .oldest_tick = clock_tick() - secs};
}

int
store_refill_step(struct store *store, struct store_refill *r,
    store_refill_fn *refill, void *context, struct err *err)
{
	/* What is saved while it goes on comes after it. */
	if (r->next > store->last_message + 1)
		r->next = store->last_message + 1;
	int failed = r->is_back ? go_on(store, r, refill, context, err)
				: go_back(store, r, err);
	return failed < 0 ? store_err(store, err, "windows") : 0;
}

int
store_refill(struct store *store, int64_t secs, store_refill_fn *refill,
    void *context, struct err *err)
{
	struct store_refill r = store_refill_begin(secs);
	while (!r.is_done)
		if (store_refill_step(store, &r, refill, context, err) < 0)
			return -1;
	return 0;
}

void
store_window_use(
    const struct store *store, size_t *bytes_r, size_t *senders_r)
{
	windows_use(store->windows, bytes_r, senders_r);
}
