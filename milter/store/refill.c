/* refill.c: windows filled from the ledger, after a start or a new rule. */
#include "store_internal.h"

#include <string.h>

#include "bulkwatch/clock.h"

/* The number of the oldest message that is younger than secs. */
static int
first_within(struct store *store, int64_t oldest_tick, int64_t *first_r,
    struct err *err)
{
	*first_r = store->last_message + 1;
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_MESSAGE_BACK, err, "");
	int got = -1;
	while (row != NULL && (got = sql_step(&store->sql, row, err)) == 1) {
		int64_t id = sqlite3_column_int64(row, 0);
		if (boot_message_tick(store, id, sqlite3_column_int64(row, 1),
			sqlite3_column_int64(row, 2)) <= oldest_tick) {
			sql_done(row);
			return 0;
		}
		*first_r = id;
	}
	return got;
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

int
store_refill(struct store *store, int64_t secs, store_refill_fn *refill,
    void *context, struct err *err)
{
	int64_t first;
	if (first_within(store, clock_tick() - secs, &first, err) < 0)
		return store_err(store, err, "windows");
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_MESSAGE_FROM, err, "i", first);
	int got = -1;
	while (row != NULL && (got = sql_step(&store->sql, row, err)) == 1) {
		struct arena *arena = arena_new();
		int failed = arena == NULL
		    ? -1
		    : refill_row(store, row, arena, refill, context);
		arena_free(arena);
		if (failed < 0) {
			sql_done(row);
			return err_set(err, "windows: memory is out");
		}
	}
	return got < 0 ? store_err(store, err, "windows") : 0;
}

void
store_window_use(
    const struct store *store, size_t *bytes_r, size_t *senders_r)
{
	windows_use(store->windows, bytes_r, senders_r);
}
