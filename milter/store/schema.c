/*
 * schema.c: the database file: made, recognised, checked.
 *
 * application_id says that a file is ours, user_version which schema it has.
 */
#include "store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x62756c6b /* "bulk" */
#define SCHEMA_VERSION 2

/* The schema has the numbers that are stored. */
_Static_assert(HELD_WAITING == 1 && STATUS_NEW == 1 && STATUS_CLOSED == 3 &&
		   ALERT_QUEUED == 1 && ALERT_SENT == 2 && ALERT_FAILED == 3 &&
		   ALERT_NOTICE == 4 && ACTION_LOG == 0,
    "the schema names states, status and action by their numbers");

/* Messages that the MTA was told to hold. state: see record.h. */
#define SCHEMA_HELD                                                           \
	"CREATE TABLE held (id INTEGER PRIMARY KEY AUTOINCREMENT, "           \
	"bulk_send INTEGER NOT NULL, message INTEGER NOT NULL, "              \
	"at INTEGER NOT NULL, queue_id TEXT NOT NULL, "                       \
	"state INTEGER NOT NULL DEFAULT 1, settled_at INTEGER, by_ TEXT) "    \
	"STRICT;"                                                             \
	"CREATE INDEX held_bulk_send ON held (bulk_send);"                    \
	"CREATE INDEX held_waiting ON held (bulk_send) WHERE state = 1;"      \
	"CREATE INDEX held_message ON held (message);"

/* Messages that a command sends to see the whole way work. token: the mark
 * that it carries, known to those alone who may write here. result: what the
 * daemon saw of it; null before. */
#define SCHEMA_SELFTEST                                                       \
	"CREATE TABLE selftest (token TEXT PRIMARY KEY, "                     \
	"made_at INTEGER NOT NULL, result TEXT) STRICT, WITHOUT ROWID;"

static const char schema[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, "
    "WITHOUT ROWID;"

    /* Outbound messages, in the order of their numbers. previous and
     * client_previous: number of the message before it in a window of the same
     * sender and of the same client; 0 for none. mail_from and login are null
     * where the sender is the same. hashes: 8 bytes a recipient, keyed (see
     * meta), bit 0 set for an external one. recipients: one a line, an
     * external one begins with a tab. tries: how often it was taken, since
     * answers get lost. A message whose action is defer or reject was not sent:
     * it fills no window and is in no sender's sum, but its bulk send, of which
     * it is evidence, has it in its own. What is small and often read stands
     * first, so that reading it does not follow overflow pages. */
    "CREATE TABLE message (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, "
    "tick INTEGER NOT NULL, fingerprint INTEGER NOT NULL, "
    "previous INTEGER NOT NULL, client_previous INTEGER NOT NULL, "
    "recipient_count INTEGER NOT NULL, external_count INTEGER NOT NULL, "
    "identity INTEGER NOT NULL, action INTEGER NOT NULL DEFAULT 0, "
    "tries INTEGER NOT NULL DEFAULT 1, sender TEXT NOT NULL, mail_from TEXT, "
    "login TEXT, client TEXT, queue_id TEXT, message_id TEXT, subject TEXT, "
    "hashes BLOB, recipients TEXT) STRICT;"

    "CREATE TABLE sender_day (sender TEXT NOT NULL, identity INTEGER NOT NULL, "
    "day INTEGER NOT NULL, messages INTEGER NOT NULL, "
    "recipients INTEGER NOT NULL, first_at INTEGER NOT NULL, "
    "last_at INTEGER NOT NULL, PRIMARY KEY (sender, identity, day)) STRICT, "
    "WITHOUT ROWID;"
    "CREATE INDEX sender_day_day ON sender_day (day);"

    /* alerted: distinct recipients that the admins were told of; 0 while no
     * alert was queued. */
    "CREATE TABLE bulk_send (id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "identity INTEGER NOT NULL, sender TEXT NOT NULL, "
    "status INTEGER NOT NULL DEFAULT 1, outcome INTEGER NOT NULL DEFAULT 0, "
    "assignee TEXT, reference TEXT, trigger_kind INTEGER NOT NULL, "
    "rule TEXT NOT NULL, "
    "action INTEGER NOT NULL, limit_ INTEGER NOT NULL, "
    "window_secs INTEGER NOT NULL, quiet_secs INTEGER NOT NULL, "
    "first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, "
    "last_tick INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0, "
    "messages INTEGER NOT NULL DEFAULT 0, "
    "recipients INTEGER NOT NULL DEFAULT 0, "
    "distinct_recipients INTEGER NOT NULL DEFAULT 0, "
    "external_recipients INTEGER NOT NULL DEFAULT 0, "
    "alerted INTEGER NOT NULL DEFAULT 0, subject TEXT, client TEXT, "
    "declaration INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE UNIQUE INDEX bulk_send_ongoing ON bulk_send (sender, identity) "
    "WHERE ended = 0;"
    "CREATE INDEX bulk_send_newest ON bulk_send (last_at);"
    "CREATE INDEX bulk_send_waiting ON bulk_send (last_at) WHERE status <> 3;"
    "CREATE INDEX bulk_send_sender ON bulk_send (sender, last_at);"
    "CREATE INDEX bulk_send_declared ON bulk_send (declaration) "
    "WHERE declaration <> 0;"
    "CREATE INDEX bulk_send_closed ON bulk_send (last_at) WHERE status = 3;"
    "CREATE TRIGGER bulk_send_kept BEFORE DELETE ON bulk_send "
    "WHEN OLD.status <> 3 BEGIN "
    "SELECT raise(ABORT, 'a bulk send that is not closed is kept'); END;"

    /* Its number is how its history is found. */
    "CREATE TRIGGER bulk_send_keeps_number BEFORE UPDATE OF id ON bulk_send "
    "BEGIN SELECT raise(ABORT, 'a bulk send keeps its number'); END;"
    "CREATE TRIGGER bulk_send_not_replaced BEFORE INSERT ON bulk_send "
    "WHEN EXISTS (SELECT 1 FROM bulk_send WHERE id = NEW.id) BEGIN "
    "SELECT raise(ABORT, 'a bulk send is not replaced'); END;"

    /* rule: which one the message made match; null where it only filled a
     * window. reach: so many seconds back from it all that filled the window
     * is part of the bulk send too; negative: all that had external
     * recipients. */
    "CREATE TABLE bulk_message (bulk_send INTEGER NOT NULL, "
    "message INTEGER NOT NULL, fingerprint INTEGER NOT NULL, rule TEXT, "
    "reach INTEGER NOT NULL, PRIMARY KEY (bulk_send, message)) STRICT, "
    "WITHOUT ROWID;"
    "CREATE INDEX bulk_message_message ON bulk_message (message);"
    "CREATE INDEX bulk_message_retry ON bulk_message (fingerprint);"

    "CREATE TABLE declaration (id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "sender TEXT NOT NULL, recipients INTEGER NOT NULL, "
    "from_at INTEGER NOT NULL, until_at INTEGER NOT NULL, "
    "reason TEXT NOT NULL, reference TEXT, by_ TEXT NOT NULL, "
    "created_at INTEGER NOT NULL, withdrawn_at INTEGER, withdrawn_by TEXT) "
    "STRICT;"
    "CREATE INDEX declaration_until ON declaration (until_at);"

    "CREATE TABLE bulk_recipient (bulk_send INTEGER NOT NULL, "
    "hash INTEGER NOT NULL, PRIMARY KEY (bulk_send, hash)) STRICT, "
    "WITHOUT ROWID;"

    /* History is only added to; it goes with its bulk send, not before. */
    "CREATE TABLE history (id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "bulk_send INTEGER NOT NULL, at INTEGER NOT NULL, by_ TEXT NOT NULL, "
    "event TEXT NOT NULL, note TEXT) STRICT;"
    "CREATE INDEX history_bulk_send ON history (bulk_send);"
    "CREATE TRIGGER history_kept_as_is BEFORE UPDATE ON history BEGIN "
    "SELECT raise(ABORT, 'history is append-only'); END;"
    "CREATE TRIGGER history_kept BEFORE DELETE ON history "
    "WHEN EXISTS (SELECT 1 FROM bulk_send WHERE id = OLD.bulk_send) BEGIN "
    "SELECT raise(ABORT, 'history is append-only'); END;"
    "CREATE TRIGGER history_not_replaced BEFORE INSERT ON history "
    "WHEN EXISTS (SELECT 1 FROM history WHERE id = NEW.id) BEGIN "
    "SELECT raise(ABORT, 'history is append-only'); END;"

    "CREATE TABLE alert (id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "bulk_send INTEGER NOT NULL, kind INTEGER NOT NULL, "
    "state INTEGER NOT NULL DEFAULT 1, to_ TEXT, "
    "attempts INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, "
    "next_at INTEGER NOT NULL, sent_at INTEGER, message_id TEXT, "
    "last_error TEXT) STRICT;"
    "CREATE INDEX alert_waiting ON alert (next_at) WHERE state = 1;"
    "CREATE INDEX alert_sent ON alert (sent_at) WHERE state = 2;"
    "CREATE INDEX alert_failed ON alert (id) WHERE state = 3;"
    "CREATE INDEX alert_notice ON alert (to_, created_at) WHERE kind = 4;"
    "CREATE INDEX alert_bulk_send ON alert (bulk_send);"

    SCHEMA_HELD SCHEMA_SELFTEST;

/* What makes a file of the version before into one of this: upgrades[0] leads
 * from 1 to 2. */
static const char *const upgrades[] = {
    "ALTER TABLE message ADD COLUMN action INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE message ADD COLUMN tries INTEGER NOT NULL DEFAULT 1;"
    SCHEMA_HELD SCHEMA_SELFTEST,
};

int
schema_connect(
    const char *path, int flags, sqlite3 **db_r, struct err *err)
{
	sqlite3 *db = NULL;
	if (sqlite3_open_v2(path, &db,
		flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
		NULL) != SQLITE_OK) {
		err_set(err, "database %s cannot be opened: %s", path,
		    db == NULL ? "out of memory" : sqlite3_errmsg(db));
		sqlite3_close(db);
		return -1;
	}
	sqlite3_busy_timeout(db, STORE_PATIENCE_MS);
	/* Two connections that write and checkpoint at one instant can damage
	 * the WAL before SQLite 3.51.3: only the daemon's handle turns this on
	 * again (store_open). */
	sqlite3_wal_autocheckpoint(db, 0);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	*db_r = db;
	return 0;
}

static int
exec(sqlite3 *db, const char *sql, struct err *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return err_set(err, "database: %s", sqlite3_errmsg(db));
}

static int
put_key(sqlite3 *db, struct err *err)
{
	struct digest_key key;
	if (digest_key_make(&key) < 0)
		return err_set(err, "the system has no random numbers");
	char sql[160], hex[2 * DIGEST_KEY_BYTES + 1];
	for (size_t i = 0; i < DIGEST_KEY_BYTES; i++)
		sprintf(hex + 2 * i, "%02x", key.bytes[i]);
	snprintf(sql, sizeof(sql),
	    "INSERT INTO meta VALUES ('" META_DIGEST_KEY "', x'%s')", hex);
	return exec(db, sql, err);
}

static int
fill(sqlite3 *db, struct err *err)
{
	char head[120];
	snprintf(head, sizeof(head),
	    "PRAGMA application_id = %d; PRAGMA user_version = %d",
	    APPLICATION_ID, SCHEMA_VERSION);
	if (exec(db, "PRAGMA journal_mode = WAL; BEGIN", err) < 0 ||
	    exec(db, head, err) < 0 || exec(db, schema, err) < 0 ||
	    put_key(db, err) < 0 || exec(db, "COMMIT", err) < 0)
		return -1;
	return 0;
}

/* The file gets its name only when it is whole, so a start that is cut short
 * leaves no half-made database. */
int
schema_create(const char *path, struct err *err)
{
	char fresh[4096];
	if (snprintf(fresh, sizeof(fresh), "%s.new-%d", path, (int)getpid()) >=
	    (int)sizeof(fresh))
		return err_set(err, "database %.60s…: the path is too long",
		    path);
	unlink(fresh);
	sqlite3 *db;
	if (schema_connect(fresh, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
		&db, err) < 0)
		return -1;
	/* Nobody else knows this file: the last close may checkpoint. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	int failed = fill(db, err);
	if (sqlite3_close(db) != SQLITE_OK && failed == 0)
		failed = err_set(err, "database %s cannot be closed", fresh);
	/* Admins in the group write to it too; -wal and -shm take its mode. */
	if (failed == 0 && chmod(fresh, 0660) < 0)
		failed = err_sys(err, "mode of database %s", fresh);
	if (failed == 0 && rename(fresh, path) < 0)
		failed = err_sys(err, "database %s cannot be made", path);
	if (failed < 0)
		unlink(fresh);
	return failed;
}

static int
pragma_number(sqlite3 *db, const char *sql, int64_t *number_r)
{
	sqlite3_stmt *statement = NULL;
	int got = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
	if (got == SQLITE_OK)
		got = sqlite3_step(statement);
	if (got == SQLITE_ROW)
		*number_r = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return got == SQLITE_ROW ? 0 : -1;
}

enum schema_state
schema_check(sqlite3 *db, struct err *err)
{
	int64_t application = 0, version = 0, tables = 0;
	if (pragma_number(db, "PRAGMA application_id", &application) < 0 ||
	    pragma_number(db, "PRAGMA user_version", &version) < 0 ||
	    pragma_number(db, "SELECT count(*) FROM sqlite_schema", &tables) <
		0) {
		int code = sqlite3_errcode(db) & 0xff;
		err_set(err, "%s", sqlite3_errmsg(db));
		return code == SQLITE_CORRUPT || code == SQLITE_NOTADB
		    ? SCHEMA_DAMAGED
		    : SCHEMA_UNREADABLE;
	}
	if (application == 0 && tables == 0) {
		err_set(err, "it is empty");
		return SCHEMA_DAMAGED;
	}
	if (application != APPLICATION_ID) {
		err_set(err, "it is another program's database; name another "
			     "file in the setting \"database\"");
		return SCHEMA_FOREIGN;
	}
	if (version < 1) {
		/* No bulkwatch made such a file. */
		err_set(err, "its schema number is %lld, which there never was",
		    (long long)version);
		return SCHEMA_DAMAGED;
	}
	if (version > SCHEMA_VERSION) {
		err_set(err,
		    "it was made by a newer bulkwatch (schema %lld; this one "
		    "knows up to %d); install that version again",
		    (long long)version, SCHEMA_VERSION);
		return SCHEMA_FOREIGN;
	}
	if (version < SCHEMA_VERSION) {
		err_set(err, "it was made by an older bulkwatch (schema %lld); "
			     "bulkwatchd brings it up to date when it starts",
		    (long long)version);
		return SCHEMA_OLD;
	}
	return SCHEMA_GOOD;
}

int
schema_upgrade(sqlite3 *db, struct err *err)
{
	int64_t version;
	char head[60];
	if (exec(db, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	int failed = pragma_number(db, "PRAGMA user_version", &version);
	if (failed < 0)
		err_set(err, "%s", sqlite3_errmsg(db));
	else if (version < 1) /* changed since it was checked */
		failed = err_set(err, "its schema number is %lld",
		    (long long)version);
	for (; failed == 0 && version < SCHEMA_VERSION; version++)
		failed = exec(db, upgrades[version - 1], err);
	snprintf(head, sizeof(head), "PRAGMA user_version = %d", SCHEMA_VERSION);
	if (failed == 0 && exec(db, head, err) == 0 &&
	    exec(db, "COMMIT", err) == 0)
		return 0;
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

/* A page that could not be read is in SQLite's list of faults too, although
 * the disk may give it back the next time. */
static bool
is_read_error(const char *fault)
{
	static const char without_code[] = "failed to get page",
			  with_code[] = "error code=";
	const char *code = strstr(fault, with_code);
	if (code == NULL)
		return strstr(fault, without_code) != NULL;
	return (atoi(code + strlen(with_code)) & 0xff) != SQLITE_CORRUPT;
}

/* What the first row of a check says, which may begin with a line that names
 * the database. Returns as schema_quick_check. */
static int
judge(const char *row, struct err *err)
{
	if (strcmp(row, "ok") == 0)
		return 1;
	const char *fault = strchr(row, '\n');
	fault = fault == NULL ? row : fault + 1;
	err_set(err, "%.*s", (int)strcspn(fault, "\n"), fault);
	return is_read_error(fault) ? -1 : 0;
}

int
schema_quick_check(sqlite3 *db, struct err *err)
{
	sqlite3_stmt *statement = NULL;
	int sound = -1;
	if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement,
		NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW) {
		const char *row =
		    (const char *)sqlite3_column_text(statement, 0);
		sound = judge(row == NULL ? "?" : row, err);
	} else {
		int code = sqlite3_errcode(db) & 0xff;
		if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
			sound = 0;
		err_set(err, "%s", sqlite3_errmsg(db));
	}
	sqlite3_finalize(statement);
	return sound;
}
