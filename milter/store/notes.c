/* notes.c: single values that the database keeps: how far the spool is in, which
 * settings are in force. */
#include "store_internal.h"

int
store_meta_get(
    struct store *store, const char *key, int64_t *value_r, struct err *err)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_META_GET, err, "t", key);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	*value_r = got == 1 ? sqlite3_column_int64(row, 0) : 0;
	if (got == 1)
		sql_done(row);
	return got < 0 ? -1 : 0;
}

int
store_meta_set(
    struct store *store, const char *key, int64_t value, struct err *err)
{
	return sql_run(&store->sql, SQL_META_SET, NULL, err, "ti", key, value);
}

int
store_note_place(
    struct store *store, const struct spool_place *place, struct err *err)
{
	return store_meta_set(store, META_SPOOL_FILE, place->file, err) < 0 ||
		       store_meta_set(
			   store, META_SPOOL_OFFSET, place->offset, err) < 0 ||
		       store_meta_set(
			   store, META_SPOOL_LINES, place->lines, err) < 0
		   ? store_err(store, err, "spool's place")
		   : 0;
}

int
store_get_place(
    struct store *store, struct spool_place *place_r, struct err *err)
{
	return store_meta_get(store, META_SPOOL_FILE, &place_r->file, err) <
			   0 ||
		       store_meta_get(store, META_SPOOL_OFFSET,
			   &place_r->offset, err) < 0 ||
		       store_meta_get(
			   store, META_SPOOL_LINES, &place_r->lines, err) < 0
		   ? store_err(store, err, "spool's place")
		   : 0;
}

int
store_get_settings(
    struct store *store, struct store_in_force *settings_r, struct err *err)
{
	int64_t digest;
	if (store_meta_get(store, META_SETTINGS, &digest, err) < 0 ||
	    store_meta_get(store, META_SETTINGS_AT, &settings_r->at_ms, err) <
		0)
		return store_err(store, err, "settings in force");
	settings_r->digest = (uint64_t)digest;
	return 0;
}

int
store_note_settings(struct store *store, const struct store_in_force *settings,
    struct err *err)
{
	struct store_in_force noted;
	if (store_get_settings(store, &noted, err) < 0)
		return -1;
	if (noted.digest == settings->digest && noted.at_ms == settings->at_ms)
		return 0;
	if (store_begin(store, err) < 0)
		return -1;
	if (store_meta_set(store, META_SETTINGS, (int64_t)settings->digest,
		err) == 0 &&
	    store_meta_set(store, META_SETTINGS_AT, settings->at_ms, err) ==
		0 &&
	    store_commit(store, err) == 0)
		return 0;
	store_err(store, err, "settings in force");
	store_rollback(store);
	return -1;
}
