/* change.c: follow-up of bulk sends, and the whole copy. */
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int
save_change(struct store *store, const struct bulk_send *then,
    const struct history *line, struct err *err)
{
	if (sql_run(&store->sql, SQL_SEND_CHANGE, NULL, err, "iiinn", then->id,
		(int64_t)then->status, (int64_t)then->outcome, then->assignee,
		then->reference) < 0 ||
	    sql_run(&store->sql, SQL_HISTORY_ADD, NULL, err, "iittt", then->id,
		line->at_ms, line->by, line->event, line->note) < 0)
		return store_err(store, err, "follow-up");
	return store_commit(store, err);
}

/* Reads the record: 1 found, 0 none, -1 error. */
static int
get_send(struct store *store, struct arena *arena, int64_t id,
    struct bulk_send *send_r, struct err *err)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_SHOW_SEND, err, "i", id);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got != 1)
		return got;
	int failed = read_send(row, arena, send_r);
	sql_done(row);
	return failed < 0 ? err_set(err, "memory is out") : 1;
}

int
store_change(struct store *store, struct arena *arena, int64_t id,
    store_change_fn *change, void *context, struct bulk_send *then_r,
    struct err *err)
{
	struct bulk_send now, then;
	struct history line;
	if (store_begin(store, err) < 0)
		return -1;
	store->has_bulk_send = true; /* a case outlives a power cut */
	int got = get_send(store, arena, id, &now, err);
	if (got == 1 &&
	    (change(context, &now, arena, &then, &line, err) < 0 ||
		save_change(store, &then, &line, err) < 0))
		got = -1;
	store_rollback(store);
	if (got == 1)
		*then_r = then;
	return got;
}

int
store_backup(struct store *store, const char *path, struct err *err)
{
	/* Made by us first, so that nobody else's file is ever written to, with
	 * a mode that lets nobody else read it. */
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return err_set(err,
		    "%s is there already and is not overwritten: name another "
		    "file",
		    path);
	if (fd < 0)
		return err_sys(err, "%s", path);
	close(fd);
	sqlite3_stmt *statement = NULL;
	int got = sqlite3_prepare_v2(
	    store->sql.db, "VACUUM INTO ?", -1, &statement, NULL);
	if (got == SQLITE_OK)
		got = sqlite3_bind_text(
		    statement, 1, path, -1, SQLITE_STATIC);
	if (got == SQLITE_OK)
		got = sqlite3_step(statement);
	if (got == SQLITE_DONE) {
		sqlite3_finalize(statement);
		return 0;
	}
	err_set(err, "%s: %s", path, sqlite3_errmsg(store->sql.db));
	sqlite3_finalize(statement);
	unlink(path);
	return -1;
}
