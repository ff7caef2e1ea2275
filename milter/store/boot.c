/*
 * boot.c: ticks across a reboot.
 *
 * Ticks count from the boot, so those of an earlier boot mean nothing now.
 * When the machine has been booted since the database was last open, the
 * moment is noted by both clocks, and older messages get the tick that they
 * would have had by the wall clock. One that lies in the future counts as now:
 * a clock that was wrong holds a sender for one window at most.
 */
#include "store_internal.h"

#include <string.h>

#include "bulkwatch/clock.h"

static int
same_boot(
    struct store *store, const char *boot_id, bool *same_r, struct err *err)
{
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_META_GET, err, "t", META_BOOT_ID);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	*same_r = false;
	if (got == 1) {
		const char *known = (const char *)sqlite3_column_text(row, 0);
		*same_r = known != NULL && boot_id[0] != '\0' &&
			  strcmp(known, boot_id) == 0;
		sql_done(row);
	}
	return got < 0 ? -1 : 0;
}

static int
note_boot(struct store *store, const char *boot_id, struct err *err)
{
	const int64_t wall_ms = clock_wall_ms(), tick = clock_tick();
	if (store_begin(store, err) < 0)
		return -1;
	if (store_meta_set(store, META_BOOT_MESSAGE, store->last_message, err) <
		0 ||
	    store_meta_set(store, META_BOOT_WALL, wall_ms, err) < 0 ||
	    store_meta_set(store, META_BOOT_TICK, tick, err) < 0 ||
	    sql_run(&store->sql, SQL_META_SET, NULL, err, "tt", META_BOOT_ID,
		boot_id) < 0 ||
	    sql_run(&store->sql, SQL_SEND_REBASE, NULL, err, "ii", tick,
		wall_ms) < 0 ||
	    store_commit(store, err) < 0) {
		store_err(store, err, "boot");
		store_rollback(store);
		return -1;
	}
	return 0;
}

int
boot_load(struct store *store, struct err *err)
{
	char boot_id[CLOCK_BOOT_ID_MAX];
	bool same;
	clock_boot_id(boot_id);
	if (same_boot(store, boot_id, &same, err) < 0 ||
	    (!same && note_boot(store, boot_id, err) < 0))
		return -1;
	if (store_meta_get(
		store, META_BOOT_MESSAGE, &store->boot_message, err) < 0 ||
	    store_meta_get(store, META_BOOT_WALL, &store->boot_wall_ms, err) <
		0 ||
	    store_meta_get(store, META_BOOT_TICK, &store->boot_tick, err) < 0)
		return -1;
	return 0;
}

int64_t
boot_message_tick(
    const struct store *store, int64_t message, int64_t at_ms, int64_t tick)
{
	if (message > store->boot_message)
		return tick;
	int64_t age_secs = (store->boot_wall_ms - at_ms) / 1000;
	if (age_secs > store->boot_tick)
		return 0; /* a clock that began in 1970 */
	return store->boot_tick - (age_secs > 0 ? age_secs : 0);
}

/* How long a machine may have been off before its clock is doubted. */
#define OFF_MAX_MS (INT64_C(30) * 24 * 3600 * 1000)

/* What is older than it is kept is removed for good, so a clock that is a year
 * ahead (a dead battery, before the time is fetched) must not say what is old:
 * it may be as late as the last message before this boot, the time since, and
 * a month. Where that message is gone, or there was none, the moment at which
 * the boot was noted serves. */
int
boot_latest_wall(struct store *store, int64_t *wall_ms_r, struct err *err)
{
	*wall_ms_r = INT64_MAX;
	sqlite3_stmt *row = sql_bind(
	    &store->sql, SQL_MESSAGE_AT, err, "i", store->boot_message);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got < 0)
		return -1;
	const int64_t then_ms =
	    got == 1 ? sqlite3_column_int64(row, 0) : store->boot_wall_ms;
	if (got == 1)
		sql_done(row);
	*wall_ms_r = then_ms + (clock_tick() - store->boot_tick) * 1000 +
		     OFF_MAX_MS;
	return 0;
}
