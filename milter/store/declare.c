/* declare.c: sends that were announced beforehand. */
#include "store_internal.h"

#include "bulkwatch/clock.h"

static int
read_declaration(
    sqlite3_stmt *row, struct arena *arena, struct declaration *d)
{
	*d = (struct declaration){
	    .id = sqlite3_column_int64(row, 0),
	    .sender = sql_text(row, 1, arena),
	    .recipients = (uint32_t)sqlite3_column_int64(row, 2),
	    .from_ms = sqlite3_column_int64(row, 3),
	    .until_ms = sqlite3_column_int64(row, 4),
	    .reason = sql_text(row, 5, arena),
	    .reference = sql_text(row, 6, arena),
	    .by = sql_text(row, 7, arena),
	    .created_ms = sqlite3_column_int64(row, 8),
	    .withdrawn_ms = sqlite3_column_int64(row, 9),
	    .withdrawn_by = sql_text(row, 10, arena),
	    .bulk_sends = (uint32_t)sqlite3_column_int64(row, 11),
	    .used = (uint32_t)sqlite3_column_int64(row, 12),
	};
	return d->sender == NULL || d->reason == NULL ||
		d->reference == NULL || d->by == NULL ||
		d->withdrawn_by == NULL
	    ? -1
	    : 0;
}

int
declarations_read(struct store *store, sqlite3_stmt *row, struct arena *arena,
    struct declaration **declarations_r, size_t *n_r, struct err *err)
{
	struct declaration *list = NULL;
	size_t n = 0, room = 0;
	int got = row == NULL ? -1 : 1;
	while (got == 1 && (got = sql_step(&store->sql, row, err)) == 1) {
		list = read_room(arena, list, n, &room, sizeof(*list));
		if (list == NULL ||
		    read_declaration(row, arena, &list[n++]) < 0) {
			sql_done(row);
			return err_set(err, "memory is out");
		}
	}
	*declarations_r = list;
	*n_r = n;
	return got;
}

int
declaration_get(struct store *store, struct arena *arena, int64_t id,
    const struct declaration **declaration_r, struct err *err)
{
	struct declaration *list = NULL;
	size_t n = 0;
	*declaration_r = NULL;
	if (id != 0 &&
	    declarations_read(store,
		sql_bind(&store->sql, SQL_DECLARATION_GET, err, "i", id),
		arena, &list, &n, err) < 0)
		return -1;
	*declaration_r = n == 0 ? NULL : list;
	return 0;
}

int
store_declarations_at(struct store *store, struct arena *arena, int64_t at_ms,
    struct declaration **declarations_r, size_t *n_r, struct err *err)
{
	return declarations_read(store,
		   sql_bind(
		       &store->sql, SQL_DECLARATIONS_AT, err, "i", at_ms),
		   arena, declarations_r, n_r, err) < 0
	    ? store_err(store, err, "declarations")
	    : 0;
}

int
store_declarations(struct store *store, struct arena *arena, bool all,
    int64_t at_ms, struct declaration **declarations_r, size_t *n_r,
    struct err *err)
{
	sqlite3_stmt *row = all
	    ? sql_bind(&store->sql, SQL_DECLARATIONS_ALL, err, "")
	    : sql_bind(&store->sql, SQL_DECLARATIONS_FROM, err, "i", at_ms);
	return declarations_read(
		   store, row, arena, declarations_r, n_r, err) < 0
	    ? store_err(store, err, "declarations")
	    : 0;
}

int
store_declare(struct store *store, const struct declaration *d, int64_t *id_r,
    struct err *err)
{
	if (store_begin(store, err) < 0)
		return -1;
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_DECLARATION_ADD, err,
	    "tiiittti", d->sender, (int64_t)d->recipients, d->from_ms,
	    d->until_ms, d->reason, d->reference, d->by, d->created_ms);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got == 1) {
		*id_r = sqlite3_column_int64(row, 0);
		sql_done(row);
		if (store_commit(store, err) == 0)
			return 0;
	}
	store_err(store, err, "declare");
	store_rollback(store);
	return -1;
}

/* 1 it may be withdrawn, 0 there is none, -1 why not. */
static int
may_withdraw(struct store *store, struct arena *arena, int64_t id,
    int64_t at_ms, struct err *err)
{
	const struct declaration *d;
	char when[CLOCK_LOCAL_MAX];
	if (declaration_get(store, arena, id, &d, err) < 0)
		return -1;
	if (d == NULL)
		return 0;
	if (d->withdrawn_ms != 0) {
		clock_local(d->withdrawn_ms, when);
		return err_set(err,
		    "declaration %lld was withdrawn already, by %s on %s",
		    (long long)id, d->withdrawn_by, when);
	}
	if (d->until_ms >= at_ms)
		return 1;
	clock_local(d->until_ms, when);
	return err_set(err, "declaration %lld is over since %s",
	    (long long)id, when);
}

int
store_withdraw(struct store *store, int64_t id, const char *by, int64_t at_ms,
    struct err *err)
{
	struct arena *arena = arena_new();
	if (arena == NULL)
		return err_set(err, "memory is out");
	int got = store_begin(store, err);
	if (got == 0)
		got = may_withdraw(store, arena, id, at_ms, err);
	if (got == 1 &&
	    (sql_run(&store->sql, SQL_DECLARATION_WITHDRAW, NULL, err, "iit",
		 id, at_ms, by) < 0 ||
		store_commit(store, err) < 0))
		got = -1;
	store_rollback(store);
	arena_free(arena);
	return got;
}
