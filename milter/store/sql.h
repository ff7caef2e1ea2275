/*
 * sql.h: SQLite and its statements, prepared once and bound by form (inside
 * the store).
 */
#ifndef BULKWATCH_STORE_SQL_H
#define BULKWATCH_STORE_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"

/* The statements: their texts stand in sql.c in the same order. */
enum sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_META_GET,
	SQL_META_SET,
	SQL_MESSAGE_LAST,
	SQL_MESSAGE_INSERT,
	SQL_MESSAGE_AGAIN,
	SQL_MESSAGE_TRY,
	SQL_MESSAGE_TRY_BEFORE,
	SQL_MESSAGE_REPLACED,
	SQL_MESSAGE_OUTCOME,
	SQL_MESSAGE_AT,
	SQL_MESSAGE_STEP,
	SQL_MESSAGE_RECENT,
	SQL_MESSAGE_BACK,
	SQL_MESSAGE_FROM,
	SQL_SEND_ONGOING,
	SQL_SEND_OPEN,
	SQL_SEND_EXTEND,
	SQL_SEND_ALERTED,
	SQL_SEND_END,
	SQL_SEND_REBASE,
	SQL_SEND_OF_MESSAGE,
	SQL_SEND_ACTION,
	SQL_SEND_JUDGED,
	SQL_SEND_JUDGED_SENDER,
	SQL_SEND_RECIPIENTS_BACK,
	SQL_SEND_FINGERPRINT,
	SQL_SEND_MESSAGE,
	SQL_SEND_REACH,
	SQL_SEND_RECIPIENT,
	SQL_HISTORY_ADD,
	SQL_HELD_ADD,
	SQL_HELD_GET,
	SQL_HELD_SETTLE,
	SQL_HELD_GONE,
	SQL_DECLARATION_USED,
	SQL_DECLARATION_ADD,
	SQL_DECLARATION_GET,
	SQL_DECLARATION_WITHDRAW,
	SQL_DECLARATIONS_AT,
	SQL_DECLARATIONS_FROM,
	SQL_DECLARATIONS_ALL,
	SQL_DECLARATIONS_DAY,
	SQL_SEND_CHANGE,
	SQL_SEND_QUIET,
	SQL_SUM_UP,
	SQL_PURGE_CLOSED_NEXT,
	SQL_PURGE_SEND_MESSAGES,
	SQL_PURGE_SEND_LINKS,
	SQL_PURGE_SEND_RECIPIENTS,
	SQL_PURGE_SEND_ALERTS,
	SQL_PURGE_SEND_HELD,
	SQL_PURGE_SEND,
	SQL_PURGE_SEND_HISTORY,
	SQL_PURGE_NEXT,
	SQL_PURGE_DAYS,
	SQL_PURGE_MESSAGE,
	SQL_ALERT_ADD,
	SQL_NOTICE_ADD,
	SQL_ALERT_ADD_GROWN,
	SQL_ALERT_DUE,
	SQL_ALERT_NEXT,
	SQL_ALERT_SENT_SINCE,
	SQL_ALERT_SETTLE,
	SQL_ALERTS_FAILED,
	SQL_ALERT_TROUBLE,
	SQL_ALERT_TOLD,
	SQL_LIST_OPEN,
	SQL_LIST_ALL,
	SQL_LIST_WAITING,
	SQL_LIST_FRESH,
	SQL_LIST_SENDER,
	SQL_LIST_HELD,
	SQL_SHOW_SEND,
	SQL_SHOW_EVIDENCE,
	SQL_SHOW_HISTORY,
	SQL_SHOW_ALERTS,
	SQL_LEDGER_BACK,
	SQL_LEDGER_FIRST,
	SQL_ALERT_IS,
	SQL_SENDERS,
	SQL_FACTS,
	SQL_SELFTEST_MAKE,
	SQL_SELFTEST_FORGET,
	SQL_SELFTEST_REMOVE,
	SQL_SELFTEST_GREET,
	SQL_SELFTEST_USE,
	SQL_SELFTEST_NOTE,
	SQL_SELFTEST_READ,
	SQL_TRIAL_BEGIN,
	SQL_TRIAL_UNDO,
	SQL_TRIAL_END,
	SQL_N
};

struct sql_db {
	sqlite3 *db;
	sqlite3_stmt *statements[SQL_N]; /* NULL until first used */
};

/* The statement, ready to bind; NULL with a sentence. */
sqlite3_stmt *sql_get(struct sql_db *db, enum sql sql, struct err *err);

/*
 * Binds by form, one letter a parameter: i int64_t, t const char * (kept until
 * sql_done; NULL is null), n const char * ("" is null), b const void * and
 * size_t. Returns the statement ready to step, or NULL with a sentence.
 */
sqlite3_stmt *sql_bind(
    struct sql_db *db, enum sql sql, struct err *err, const char *form, ...);

/* Binds and runs a statement that has no rows, or whose rows nobody wants.
 * changes_r may be NULL. Returns 0 or -1. */
int sql_run(struct sql_db *db, enum sql sql, int *changes_r, struct err *err,
    const char *form, ...);

/* Next row: 1 a row, 0 no more (the statement is reset), -1 with a sentence
 * (reset too). */
int sql_step(struct sql_db *db, sqlite3_stmt *statement, struct err *err);

/* Ends a statement before its last row. */
void sql_done(sqlite3_stmt *statement);

/* A column as text in the arena; "" for null; NULL when memory is out. */
const char *sql_text(sqlite3_stmt *statement, int column, struct arena *arena);

/* The sentence for SQLite's last error. Returns -1. */
int sql_err(struct sql_db *db, struct err *err, const char *doing);

void sql_finalize(struct sql_db *db);

#endif
