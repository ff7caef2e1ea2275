/* store.c: opening, setting aside, transactions. */
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/trust.h"

/* Up to this size a quick check takes a fraction of a second. */
#define CHECK_BYTES_MAX (INT64_C(16) * 1024 * 1024)

/* Pages in the WAL (4 KB each) before the daemon's connection copies them into
 * the database. */
#define CHECKPOINT_PAGES 2000

/* What a write-ahead log that has grown is cut to when it begins anew. */
#define LOG_BYTES_KEPT 67108864
#define NUMBER(macro) NUMBER_TEXT(macro)
#define NUMBER_TEXT(text) #text

#define NO_FILE (-1)

int
store_err(struct store *store, struct err *err, const char *doing)
{
	int code = sqlite3_errcode(store->sql.db) & 0xff;
	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		store->damaged = true;
	store->refusal = code == SQLITE_CONSTRAINT || code == SQLITE_TOOBIG ||
			 code == SQLITE_MISMATCH;
	return err_wrap(err, "%s", doing);
}

int64_t
store_step_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ------------------------------------------------------------- opening */

/* Size of the file; NO_FILE if there is none. -2 with a sentence if it cannot
 * be a database. */
static int64_t
file_size(const char *path, struct err *err)
{
	struct stat st;
	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return NO_FILE;
		err_sys(err, "database %s", path);
		return -2;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(err, "database %s is not a regular file", path);
		return -2;
	}
	return (int64_t)st.st_size;
}

/* A write-ahead log without its file: SQLite would write what it holds into the
 * new database. */
static bool
has_stray_wal(const char *path)
{
	char wal[4200];
	snprintf(wal, sizeof(wal), "%s-wal", path);
	return access(wal, F_OK) == 0;
}

/* How a file is met when the daemon opens it. Returns SCHEMA_GOOD with *db_r
 * set, else the database is closed and err says why. */
static enum schema_state
open_and_check(
    const char *path, bool check, int64_t size, sqlite3 **db_r, struct err *err)
{
	sqlite3 *db;
	if (schema_connect(path, SQLITE_OPEN_READWRITE, &db, err) < 0)
		return SCHEMA_UNREADABLE;
	enum schema_state state = schema_check(db, err);
	if ((state == SCHEMA_GOOD || state == SCHEMA_OLD) && check &&
	    size <= CHECK_BYTES_MAX && schema_quick_check(db, err) == 0)
		state = SCHEMA_DAMAGED;
	if (state == SCHEMA_OLD)
		state = schema_upgrade(db, err) == 0 ? SCHEMA_GOOD
						     : SCHEMA_UNREADABLE;
	if (state == SCHEMA_GOOD)
		*db_r = db;
	else
		sqlite3_close(db);
	return state;
}

/* No right to make files beside the database will not mend itself. */
static int
check_folder(const char *path, struct err *err)
{
	char folder[4096];
	const char *slash = strrchr(path, '/');
	snprintf(folder, sizeof(folder), "%.*s",
	    slash == NULL ? 1 : (int)(slash - path + 1),
	    slash == NULL ? "." : path);
	if (access(folder, R_OK | W_OK | X_OK) < 0 && errno != EROFS)
		return err_sys(err,
		    "database %s: the folder %s must be there and belong to "
		    "the user of bulkwatchd",
		    path, folder);
	struct stat st;
	if (stat(folder, &st) < 0 || trust_folder(&st, err) == 0)
		return 0;
	return err_wrap(err, "database %s: the folder %s", path, folder);
}

/* What somebody else has put in the database's place could be read by them,
 * and changed. */
static int
check_file(const char *path, struct err *err)
{
	struct stat st;
	if (lstat(path, &st) < 0 || trust_file(&st, err) == 0)
		return 0;
	return err_wrap(err, "database %s", path);
}

/* Whom to tell. */
struct notice {
	store_notice_fn *tell;
	void *context;
};

static int
get_db(const char *path, bool check, const struct notice *notice,
    sqlite3 **db_r, struct err *err)
{
	int64_t size = file_size(path, err);
	if (size < NO_FILE || check_folder(path, err) < 0 ||
	    check_file(path, err) < 0)
		return -1;
	enum schema_state state = SCHEMA_DAMAGED;
	/* Twice: the disk may have failed for a moment. */
	for (int i = 0; i < 2 && size > 0 && state == SCHEMA_DAMAGED; i++)
		state = open_and_check(path, check, size, db_r, err);
	if (state == SCHEMA_GOOD)
		return 0;
	if (state == SCHEMA_FOREIGN)
		return err_wrap(err, "database %s", path);
	if (state == SCHEMA_DAMAGED &&
	    (((size != NO_FILE || has_stray_wal(path)) &&
		 store_set_aside(path, notice->tell, notice->context, err) <
		     0) ||
		schema_create(path, err) < 0))
		state = SCHEMA_UNREADABLE;
	if (state == SCHEMA_DAMAGED)
		state = open_and_check(path, false, 0, db_r, err);
	if (state == SCHEMA_GOOD)
		return 0;
	err_wrap(err, "database %s", path);
	return STORE_LATER;
}

static int
load_key(struct store *store, struct err *err)
{
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_META_GET, err, "t", META_DIGEST_KEY);
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got < 0)
		return -1;
	if (got == 0 || sqlite3_column_bytes(row, 0) != DIGEST_KEY_BYTES) {
		if (got == 1)
			sql_done(row);
		store->damaged = true;
		return err_set(
		    err, "database %s has no digest key", store->path);
	}
	memcpy(store->key.bytes, sqlite3_column_blob(row, 0), DIGEST_KEY_BYTES);
	sql_done(row);
	return 0;
}

static struct store *
store_new(const char *path, struct err *err)
{
	struct store *store = calloc(1, sizeof(*store));
	if (store != NULL && (store->path = strdup(path)) != NULL)
		return store;
	free(store);
	err_set(err, "memory is out");
	return NULL;
}

static int
load_daemon(struct store *store, struct err *err)
{
	store->windows = windows_new();
	store->recent = calloc(STORE_RECENT_N, sizeof(*store->recent));
	if (store->windows == NULL || store->recent == NULL)
		return err_set(err, "memory is out");
	/* Commits survive the end of the process; those with a bulk send are
	 * synced one by one (store_commit). */
	sqlite3_exec(
	    store->sql.db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
	sqlite3_exec(store->sql.db,
	    "PRAGMA journal_size_limit = " NUMBER(LOG_BYTES_KEPT), NULL, NULL,
	    NULL);
	sqlite3_wal_autocheckpoint(store->sql.db, CHECKPOINT_PAGES);
	sqlite3_db_config(
	    store->sql.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	if (load_key(store, err) < 0 || ledger_load(store, err) < 0 ||
	    boot_load(store, err) < 0)
		return store_err(store, err, "database");
	return 0;
}

/* As store_open, but for damage that shows when the ledger is read first:
 * *damaged_r is true then. */
static int
open_once(const char *path, bool check, const struct notice *notice,
    struct store **store_r, bool *damaged_r, struct err *err)
{
	struct store *store = store_new(path, err);
	if (store == NULL)
		return -1;
	int failed = get_db(path, check, notice, &store->sql.db, err);
	if (failed == 0 && load_daemon(store, err) < 0)
		failed = STORE_LATER;
	*damaged_r = store->damaged;
	if (failed == 0)
		*store_r = store;
	else
		store_close(&store);
	return failed;
}

int
store_open(const char *path, bool check, store_notice_fn *notice, void *context,
    struct store **store_r, struct err *err)
{
	const struct notice to = {.tell = notice, .context = context};
	bool damaged;
	int failed = open_once(path, check, &to, store_r, &damaged, err);
	if (failed == STORE_LATER && damaged)
		failed = open_once(path, check, &to, store_r, &damaged, err);
	if (failed == STORE_LATER && damaged &&
	    store_set_aside(path, notice, context, err) == 0)
		failed = open_once(path, check, &to, store_r, &damaged, err);
	return failed;
}

int
store_open_command(const char *path, struct store **store_r, struct err *err)
{
	int64_t size = file_size(path, err);
	if (size == NO_FILE)
		return err_set(err,
		    "there is no database %s yet: bulkwatchd makes it when it "
		    "starts",
		    path);
	if (size < 0)
		return -1;
	struct store *store = store_new(path, err);
	if (store == NULL)
		return -1;
	if (schema_connect(path, SQLITE_OPEN_READWRITE, &store->sql.db, err) <
	    0) {
		store_close(&store);
		return -1;
	}
	if (schema_check(store->sql.db, err) != SCHEMA_GOOD) {
		store_close(&store);
		return err_wrap(err, "database %s", path);
	}
	*store_r = store;
	return 0;
}

static bool
was_moved(const struct store *store)
{
	int moved = 0;
	return store->sql.db != NULL &&
	       sqlite3_file_control(store->sql.db, "main",
		   SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
	       moved;
}

void
store_close(struct store **store)
{
	struct store *s = *store;
	if (s == NULL)
		return;
	store_rollback(s);
	sql_finalize(&s->sql);
	const bool moved = s->windows != NULL && was_moved(s);
	sqlite3_close(s->sql.db);
	if (moved)
		aside_move_wal(s->path);
	windows_free(s->windows);
	free(s->recent);
	free(s->path);
	free(s);
	*store = NULL;
}

bool
store_is_damaged(const struct store *store)
{
	return store->damaged;
}

bool
store_is_refusal(const struct store *store)
{
	return store->refusal;
}

void
store_mark_damaged(struct store *store)
{
	store->damaged = true;
}

void
store_set_patience(struct store *store, int wait_ms)
{
	sqlite3_busy_timeout(store->sql.db, wait_ms);
}

int
store_probe(struct store *store, struct err *err)
{
	if (store_begin(store, err) < 0)
		return -1;
	if (store_meta_set(store, META_PROBED, clock_wall_ms(), err) == 0 &&
	    store_commit(store, err) == 0)
		return 0;
	store_err(store, err, "probe");
	store_rollback(store);
	return -1;
}

/* --------------------------------------------------------- transactions */

/* One of the files beside the database has the name that it had at the last
 * commit. */
static int
check_beside(struct store *store, const char *suffix, ino_t *known,
    off_t *size_r, struct err *err)
{
	char path[4200];
	struct stat st = {0};
	snprintf(path, sizeof(path), "%s%s", store->path, suffix);
	const bool there = stat(path, &st) == 0;
	if (*known != 0 && (!there || st.st_ino != *known))
		return err_set(
		    err, "the file %s was deleted or replaced", path);
	*known = st.st_ino;
	*size_r = st.st_size;
	return 0;
}

/* SQLite notices none of it while it runs, and would go on in files that
 * nobody finds again. Where only the log has lost its name, closing saves what
 * is in it. */
static int
check_place(struct store *store, struct err *err)
{
	off_t ignored;
	if (was_moved(store))
		return err_set(
		    err, "the file %s was deleted or replaced", store->path);
	return check_beside(store, "-wal", &store->log, &store->log_size, err) <
			   0 ||
		       check_beside(
			   store, "-shm", &store->index, &ignored, err) < 0
		   ? -1
		   : 0;
}

/* A log that somebody has cut would get a hole by the next commit, and be
 * copied into the database with it. Opened anew, it counts up to the cut. (A
 * checkpoint by another program that cuts it is no fault, and does not suffer
 * from being opened anew.) */
static int
check_log(struct store *store, struct err *err)
{
	ino_t log = store->log;
	off_t size;
	if (check_beside(store, "-wal", &log, &size, err) < 0)
		return -1;
	if (size >= store->log_size || size >= LOG_BYTES_KEPT)
		return 0;
	sqlite3_db_config(
	    store->sql.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return err_set(err, "the file %s-wal was cut short by another program",
	    store->path);
}

int
store_begin(struct store *store, struct err *err)
{
	if (check_log(store, err) < 0)
		return -1;
	if (sql_run(&store->sql, SQL_BEGIN, NULL, err, "") < 0)
		return store_err(store, err, "begin");
	store->in_transaction = true;
	store->has_bulk_send = false;
	return 0;
}

/* The WAL onto the disk: what synchronous = FULL does for each commit is done
 * for those that matter. */
static int
sync_wal(struct store *store, struct err *err)
{
	sqlite3_file *wal = NULL;
	int got = sqlite3_file_control(
	    store->sql.db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
	if (got == SQLITE_OK && wal != NULL && wal->pMethods != NULL)
		got = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
	return got == SQLITE_OK
		   ? 0
		   : err_set(err,
			 "the write-ahead log could not be synced (%s)",
			 sqlite3_errstr(got));
}

int
store_commit(struct store *store, struct err *err)
{
	if (sql_run(&store->sql, SQL_COMMIT, NULL, err, "") < 0)
		return store_err(store, err, "commit");
	store->in_transaction = false;
	if (store->has_bulk_send && sync_wal(store, err) < 0)
		return -1;
	return check_place(store, err);
}

void
store_rollback(struct store *store)
{
	if (!store->in_transaction)
		return;
	sql_run(&store->sql, SQL_ROLLBACK, NULL, NULL, "");
	store->in_transaction = store->on_trial = false;
}
