/*
 * store_internal.h: what the files of the store share.
 */
#ifndef BULKWATCH_STORE_INTERNAL_H
#define BULKWATCH_STORE_INTERNAL_H

#include <sys/types.h>

#include "bulkwatch/store.h"
#include "digest.h"
#include "sql.h"
#include "window.h"

/* Retries are recognised among so many messages before: a table of sets by the
 * fingerprint's low bits, in each of which a newer message takes the oldest
 * one's place. Sets, for what comes twice after a store that failed must be
 * known for certain while little else came in between. 1.5 MB; a trigger's
 * retry is found beyond it by the database. */
#define STORE_RECENT_N 65536
#define STORE_RECENT_SET 8

struct recent {
	uint64_t fingerprint;
	int64_t message;
	uint32_t at_secs; /* wall clock */
	uint8_t action, tries;
};

/* MTAs try for five days (RFC 5321 section 4.5.4.1); what comes later with the
 * same Message-ID is another message. */
#define STORE_RETRY_MS (INT64_C(5) * 24 * 3600 * 1000)

struct store {
	struct sql_db sql;
	char *path;
	bool in_transaction;
	bool has_bulk_send; /* the transaction must reach the disk */
	bool damaged;
	bool refusal; /* see store_is_refusal */
	/* A self-test is on trial: memory stays as it is, and the rest is put
	 * back from here. */
	bool on_trial;
	struct {
		int64_t last_message;
		bool has_bulk_send;
	} before_trial;
	/* the daemon's handle only: */
	ino_t log, index; /* -wal and -shm at the last commit; 0: none yet */
	off_t log_size;
	struct digest_key key;
	struct windows *windows;
	struct recent *recent; /* STORE_RECENT_N */
	int64_t last_message;  /* the ledger's highest number */
	/* Ticks of messages up to boot_message belong to an earlier boot: their
	 * age is known by the wall clock only, as it was at boot_wall_ms, which
	 * was boot_tick of this boot. */
	int64_t boot_message, boot_wall_ms, boot_tick;
};

/* meta rows */
#define META_DIGEST_KEY "digest-key"
#define META_BOOT_ID "boot-id"
#define META_BOOT_MESSAGE "boot-message"
#define META_BOOT_WALL "boot-wall-ms"
#define META_BOOT_TICK "boot-tick"
#define META_SUMMED_UPTO "summed-upto"
#define META_SPOOL_FILE "spool-file"
#define META_SPOOL_OFFSET "spool-offset"
#define META_SPOOL_LINES "spool-lines"
#define META_PROBED "probed-ms"
#define META_FAILURES "store-failures"
#define META_FAILURES_TOLD "store-failures-told"
#define META_DAILY "daily-told-ms"
#define META_DAILY_DAY "daily-day"
#define META_PURGED_UPTO "purged-upto"
#define META_SETTINGS "settings-digest"
#define META_SETTINGS_AT "settings-at-ms"

/* 0 where there is no such row. */
int store_meta_get(struct store *store, const char *key, int64_t *value_r,
    struct err *err);
int store_meta_set(struct store *store, const char *key, int64_t value,
    struct err *err);

/* Marks the handle as damaged if SQLite's last error says so, and gives the
 * sentence. Returns -1. */
int store_err(struct store *store, struct err *err, const char *doing);

/* aside.c: the file was deleted or replaced: SQLite leaves its write-ahead log
 * where it is, and would write it into whatever database has the name now. */
void aside_move_wal(const char *path);

/* schema.c: makes a new database file at path; opens an existing one. */
int schema_create(const char *path, struct err *err);
enum schema_state {
	SCHEMA_GOOD,
	SCHEMA_OLD, /* schema_upgrade makes it good */
	SCHEMA_DAMAGED,
	SCHEMA_FOREIGN, /* another program's, or a newer version's */
	SCHEMA_UNREADABLE,
};
enum schema_state schema_check(sqlite3 *db, struct err *err);

/* Brings an old file up to date, all or nothing. Returns 0 or -1. */
int schema_upgrade(sqlite3 *db, struct err *err);

/* Opens a connection with the settings that all of ours share. */
int schema_connect(const char *path, int flags, sqlite3 **db_r, struct err *err);

/* Runs quick_check. 1 sound, 0 damaged, -1 not run. */
int schema_quick_check(sqlite3 *db, struct err *err);

/* Deferred or rejected: it was not sent. As REFUSED in sql.c. */
static inline bool
is_refused(enum action action)
{
	return action == ACTION_DEFER || action == ACTION_REJECT;
}

/* ledger.c: fills recent and the highest number after opening. */
int ledger_load(struct store *store, struct err *err);

/* ledger.c: notes how a message is known when it comes again; puts it into its
 * windows. */
void ledger_note_recent(struct store *store, const struct entry *entry);
int ledger_fill_windows(
    struct store *store, struct entry *entry, struct err *err);

/* boot.c: makes ticks of an earlier boot comparable with this boot's. */
int boot_load(struct store *store, struct err *err);
int64_t boot_message_tick(const struct store *store, int64_t message,
    int64_t at_ms, int64_t tick);

/* boot.c: the wall time that the clock cannot be trusted beyond. */
int boot_latest_wall(struct store *store, int64_t *wall_ms_r, struct err *err);

/* tidy.c: marks a bulk send as over and queues the second alert if due. */
int tidy_end_send(struct store *store, int64_t send, int64_t now_ms,
    struct err *err);

/* read.c: columns of a row that begins with MESSAGE_COLUMNS. -1: no memory. */
int read_message(sqlite3_stmt *row, struct arena *arena,
    struct message *message_r);

/* The array, enlarged in the arena if n items fill its room; NULL: no memory. */
void *read_room(
    struct arena *arena, void *items, size_t n, size_t *room, size_t size);

int read_send(
    sqlite3_stmt *row, struct arena *arena, struct bulk_send *send_r);

/* All rows of a bound statement of SEND_COLUMNS. */
int read_sends(struct store *store, sqlite3_stmt *row, struct arena *arena,
    const struct bulk_send **sends_r, size_t *n_r, struct err *err);

/* declare.c: one declaration, NULL for 0 or none; all rows of a statement. */
int declaration_get(struct store *store, struct arena *arena, int64_t id,
    const struct declaration **declaration_r, struct err *err);
int declarations_read(struct store *store, sqlite3_stmt *row,
    struct arena *arena, struct declaration **declarations_r, size_t *n_r,
    struct err *err);

/* day.c: the digest has left, the next one tells what comes after. */
int day_told(struct store *store, int64_t at_ms, struct err *err);

/* alerts.c: all rows of a bound statement. */
int alerts_read(struct store *store, sqlite3_stmt *row, struct arena *arena,
    struct alert **alerts_r, size_t *n_r, struct err *err);

/* Milliseconds of a clock that only goes forward, for steps of upkeep. */
int64_t store_step_clock(void);

#endif
