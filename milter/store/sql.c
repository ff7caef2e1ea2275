/* sql.c: every statement of the store, prepared once and bound by form. */
#include "sql.h"

#include <stdarg.h>
#include <string.h>

#include "bulkwatch/record.h"

/* Deferred or rejected: it was not sent, and fills no window; is_refused in
 * store_internal.h says the same. */
#define REFUSED "(1, 3)"

/* A sum over those messages of a bulk send of which that is true. Where
 * nothing is done with mail, as in most logs, it costs nothing. */
#define SUM_OF(sum, which)                                                    \
	"CASE WHEN bulk_send.action = 0 THEN 0 ELSE (SELECT " sum " FROM "    \
	"bulk_message JOIN message ON message.id = bulk_message.message "     \
	"WHERE bulk_message.bulk_send = bulk_send.id AND " which ") END"
#define PORTION_OF(which)                                                     \
	SUM_OF("count(*)", which) ", "                                        \
	SUM_OF("sum(message.recipient_count)", which) ", "                    \
	SUM_OF("sum(message.external_count)", which)

/* Of a message that came again there may be several in the hold queue: it was
 * sent if one of them was let go, or was taken out of it by somebody else, who
 * may have let it go. */
#define HAS_HELD(states)                                                      \
	"EXISTS (SELECT 1 FROM held WHERE held.message = message.id "         \
	"AND state IN " states ")"
#define IS_DISCARDED                                                          \
	"message.action = 2 AND " HAS_HELD("(3)") " "                         \
	"AND NOT " HAS_HELD("(1, 2, 4)")
#define IS_HELD                                                               \
	"message.action = 2 AND " HAS_HELD("(1)") " "                         \
	"AND NOT " HAS_HELD("(2, 4)")

#define SEND_COLUMNS                                                          \
	"id, identity, sender, status, outcome, trigger_kind, rule, action, " \
	"first_at, last_at, ended, messages, recipients, "                    \
	"distinct_recipients, external_recipients, limit_, window_secs, "     \
	"subject, client, declaration, assignee, reference, "                 \
	"(SELECT count(*) FROM held WHERE held.bulk_send = bulk_send.id "     \
	"AND held.state = 1), "                                               \
	PORTION_OF("message.action IN " REFUSED) ", "                         \
	PORTION_OF(IS_DISCARDED) ", "                                         \
	PORTION_OF(IS_HELD)

#define DECLARATION_COLUMNS                                                  \
	"id, sender, recipients, from_at, until_at, reason, reference, by_, " \
	"created_at, withdrawn_at, withdrawn_by, (SELECT count(*) FROM "      \
	"bulk_send WHERE declaration = declaration.id AND declaration <> 0)," \
	" (SELECT sum(distinct_recipients) FROM bulk_send WHERE declaration " \
	"= declaration.id AND declaration <> 0)"

#define MESSAGE_COLUMNS                                                     \
	"message.id, message.at, message.tick, message.identity, "          \
	"message.sender, message.mail_from, message.login, message.client, " \
	"message.queue_id, message.message_id, message.subject, "           \
	"message.recipient_count, message.external_count, message.action"

#define ALERT_COLUMNS                                                     \
	"id, bulk_send, kind, state, to_, attempts, created_at, sent_at, " \
	"last_error"

/* The statements have the numbers that are stored. */
_Static_assert(ACTION_LOG == 0 && ACTION_DEFER == 1 && ACTION_HOLD == 2 &&
		   ACTION_REJECT == 3,
    "REFUSED names actions by their numbers");
_Static_assert(UNSENT_REFUSED == 0 && UNSENT_DISCARDED == 1 && UNSENT_HELD == 2,
    "SEND_COLUMNS has the parts that were not sent in their order");
_Static_assert(HELD_WAITING == 1 && HELD_RELEASED == 2 && HELD_DISCARDED == 3 &&
		   HELD_GONE == 4,
    "statements on held name its states by their numbers");
_Static_assert(STATUS_NEW == 1 && STATUS_CLOSED == 3,
    "statements on bulk_send name its status by its number");
_Static_assert(ALERT_QUEUED == 1 && ALERT_SENT == 2 && ALERT_FAILED == 3,
    "statements on alert name its states by their numbers");
_Static_assert(ALERT_STARTED == 1 && ALERT_GROWN == 2 && ALERT_BEYOND == 3 &&
		   ALERT_NOTICE == 4,
    "statements on alert name its kinds by their numbers");

static const char *const texts[SQL_N] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_META_GET] = "SELECT value FROM meta WHERE key = ?",
    [SQL_META_SET] = "INSERT INTO meta (key, value) VALUES (?1, ?2) "
                     "ON CONFLICT (key) DO UPDATE SET value = ?2",

    /* ledger */
    /* A number is never given twice, also when the newest rows are gone. */
    [SQL_MESSAGE_LAST] =
        "SELECT max(coalesce((SELECT max(id) FROM message), 0), "
        "coalesce((SELECT max(value) FROM meta WHERE key IN "
        "('summed-upto', 'purged-upto', 'boot-message')), 0))",
    [SQL_MESSAGE_INSERT] =
        "INSERT INTO message (id, at, tick, fingerprint, previous, "
        "client_previous, recipient_count, external_count, identity, action, "
        "sender, mail_from, login, client, queue_id, message_id, subject, "
        "hashes, recipients) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?, ?, ?, ?, ?, ?)",
    [SQL_MESSAGE_AGAIN] =
        "UPDATE message SET tick = CASE WHEN id > ?3 THEN max(tick, ?2) "
        "ELSE tick END, tries = tries + 1 WHERE id = ?1",
    [SQL_MESSAGE_TRY] = "SELECT id, at, tick, action, tries FROM message "
                        "WHERE id = ?",
    [SQL_MESSAGE_TRY_BEFORE] =
        "SELECT message.id, at, tick, action, tries FROM bulk_message JOIN "
        "message ON message.id = bulk_message.message WHERE "
        "bulk_message.fingerprint = ? AND +at > ? "
        "ORDER BY message.id DESC LIMIT 1",
    /* How far back it reached was said of the earlier try's moment. */
    [SQL_MESSAGE_REPLACED] =
        "UPDATE OR IGNORE bulk_message SET message = ?2, fingerprint = ?3, "
        "reach = 0 WHERE message = ?1",
    [SQL_MESSAGE_OUTCOME] =
        "UPDATE message SET action = ?2, fingerprint = ?3 WHERE id = ?1",
    [SQL_MESSAGE_AT] =
        "SELECT at FROM message WHERE id <= ? ORDER BY id DESC LIMIT 1",
    [SQL_MESSAGE_STEP] =
        "SELECT previous, client_previous, at, tick, fingerprint, "
        "recipient_count, external_count, hashes FROM message WHERE id = ?",
    [SQL_MESSAGE_RECENT] =
        "SELECT id, fingerprint, at, action, tries FROM message WHERE id > ? "
        "ORDER BY id",
    [SQL_MESSAGE_BACK] =
        "SELECT id, at, tick FROM message WHERE id < ? ORDER BY id DESC",
    [SQL_MESSAGE_FROM] = "SELECT " MESSAGE_COLUMNS ", hashes, fingerprint "
                         "FROM message WHERE id >= ? "
                         "AND action NOT IN " REFUSED " ORDER BY id",

    /* bulk sends */
    [SQL_SEND_ONGOING] = "SELECT id, last_tick, first_at FROM bulk_send "
                         "WHERE sender = ? AND identity = ? AND ended = 0",
    [SQL_SEND_OPEN] =
        "INSERT INTO bulk_send (identity, sender, trigger_kind, rule, action, "
        "limit_, window_secs, quiet_secs, first_at, last_at, last_tick, "
        "subject, client, declaration) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?, ?, ?, ?) "
        "RETURNING id",
    [SQL_SEND_EXTEND] =
        "UPDATE bulk_send SET messages = messages + ?2, "
        "recipients = recipients + ?3, "
        "distinct_recipients = distinct_recipients + ?4, "
        "external_recipients = external_recipients + ?5, "
        "first_at = min(first_at, ?6), last_at = max(last_at, ?7), "
        "last_tick = max(last_tick, ?8), quiet_secs = ?9, "
        "action = max(action, ?10) WHERE id = ?1 "
        "RETURNING messages, recipients, distinct_recipients, alerted, "
        "declaration",
    [SQL_SEND_ALERTED] = "UPDATE bulk_send SET alerted = ?2 WHERE id = ?1",
    [SQL_SEND_END] = "UPDATE bulk_send SET ended = 1 WHERE id = ? "
                     "RETURNING alerted > 0 AND distinct_recipients >= "
                     "2 * alerted, declaration <> 0 AND alerted = 0 AND "
                     "status = 1, declaration",
    [SQL_SEND_REBASE] =
        "UPDATE bulk_send SET last_tick = ?1 - max(0, ?2 - last_at) / 1000 "
        "WHERE ended = 0",
    [SQL_SEND_OF_MESSAGE] =
        "SELECT bulk_send.id, messages, recipients, distinct_recipients "
        "FROM bulk_message JOIN bulk_send ON bulk_send.id = bulk_send "
        "WHERE message = ? AND +sender = ? AND +bulk_send.identity = ? "
        "ORDER BY bulk_send.id DESC LIMIT 1",
    [SQL_SEND_ACTION] =
        "UPDATE bulk_send SET action = coalesce((SELECT max(message.action) "
        "FROM bulk_message JOIN message ON message.id = bulk_message.message "
        "WHERE bulk_message.bulk_send = bulk_send.id), 0) WHERE id IN "
        "(SELECT bulk_send FROM bulk_message WHERE message = ?)",
    [SQL_SEND_JUDGED] =
        "SELECT 1 FROM bulk_message JOIN bulk_send ON bulk_send.id = "
        "bulk_send WHERE message = ?2 AND status = 3 AND NOT EXISTS (SELECT 1 "
        "FROM bulk_message WHERE bulk_send = ?1 AND message = ?2) LIMIT 1",
    [SQL_SEND_JUDGED_SENDER] =
        "SELECT 1 FROM bulk_send WHERE sender = ? AND identity = ? "
        "AND status = 3 AND +last_tick > ? LIMIT 1",
    [SQL_SEND_RECIPIENTS_BACK] =
        "DELETE FROM bulk_recipient WHERE bulk_send = ?",
    [SQL_SEND_FINGERPRINT] =
        "UPDATE bulk_message SET fingerprint = ?2 WHERE message = ?1",
    [SQL_SEND_MESSAGE] =
        "INSERT OR IGNORE INTO bulk_message (bulk_send, message, fingerprint, "
        "rule, reach) VALUES (?, ?, ?, ?, ?)",
    [SQL_SEND_REACH] = "SELECT reach FROM bulk_message "
                       "WHERE bulk_send = ? AND message = ?",
    [SQL_SEND_RECIPIENT] = "INSERT OR IGNORE INTO bulk_recipient (bulk_send, "
                           "hash) VALUES (?, ?)",
    [SQL_HISTORY_ADD] = "INSERT INTO history (bulk_send, at, by_, event, note) "
                        "VALUES (?, ?, ?, ?, ?)",

    /* held mail */
    [SQL_HELD_ADD] = "INSERT INTO held (bulk_send, message, at, queue_id) "
                     "VALUES (?, ?, ?, ?)",
    [SQL_HELD_GET] =
        "SELECT held.id, held.message, held.at, held.queue_id, "
        "recipient_count, state, settled_at, by_ FROM held LEFT JOIN message "
        "ON message.id = held.message WHERE held.bulk_send = ? "
        "AND state <= ? ORDER BY held.id",
    [SQL_HELD_SETTLE] =
        "UPDATE held SET state = ?2, settled_at = ?3, by_ = ?4 "
        "WHERE id = ?1 AND (state = 1 OR (state = 4 AND ?2 <> 4)) "
        "RETURNING bulk_send, queue_id",
    [SQL_HELD_GONE] = "UPDATE held SET state = 4, settled_at = ?3, "
                      "by_ = 'bulkwatchd' WHERE message = ?1 "
                      "AND queue_id = ?2 AND state = 1",

    /* declarations */
    [SQL_DECLARATION_USED] = "SELECT sum(distinct_recipients) FROM bulk_send "
                             "WHERE declaration = ? AND declaration <> 0",
    [SQL_DECLARATION_ADD] =
        "INSERT INTO declaration (sender, recipients, from_at, until_at, "
        "reason, reference, by_, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
        "RETURNING id",
    [SQL_DECLARATION_GET] =
        "SELECT " DECLARATION_COLUMNS " FROM declaration WHERE id = ?",
    [SQL_DECLARATION_WITHDRAW] = "UPDATE declaration SET withdrawn_at = ?2, "
                                 "withdrawn_by = ?3 WHERE id = ?1",
    [SQL_DECLARATIONS_AT] =
        "SELECT " DECLARATION_COLUMNS " FROM declaration "
        "WHERE until_at >= ?1 - 31 * 86400000 AND from_at <= ?1 "
        "AND withdrawn_at IS NULL",
    [SQL_DECLARATIONS_FROM] =
        "SELECT " DECLARATION_COLUMNS " FROM declaration WHERE until_at >= ? "
        "AND withdrawn_at IS NULL ORDER BY from_at DESC, id DESC",
    [SQL_DECLARATIONS_ALL] = "SELECT " DECLARATION_COLUMNS
                             " FROM declaration ORDER BY from_at DESC, id DESC",
    [SQL_DECLARATIONS_DAY] =
        "SELECT " DECLARATION_COLUMNS " FROM declaration WHERE until_at >= ?1 "
        "AND from_at < ?2 AND withdrawn_at IS NULL ORDER BY from_at, id",

    /* follow-up */
    [SQL_SEND_CHANGE] =
        "UPDATE bulk_send SET status = ?2, outcome = ?3, assignee = ?4, "
        "reference = ?5, ended = max(ended, ?2 = 3) WHERE id = ?1",

    /* upkeep */
    [SQL_SEND_QUIET] = "SELECT id FROM bulk_send WHERE ended = 0 "
                       "AND last_tick + quiet_secs <= ? LIMIT 100",
    [SQL_SUM_UP] =
        "INSERT INTO sender_day (sender, identity, day, messages, recipients, "
        "first_at, last_at) "
        "SELECT sender, identity, at / 86400000, count(*), "
        "sum(recipient_count), min(at), max(at) FROM message "
        "WHERE id > ?1 AND id <= ?2 AND action NOT IN " REFUSED
        " GROUP BY 1, 2, 3 "
        "ON CONFLICT (sender, identity, day) DO UPDATE SET "
        "messages = messages + excluded.messages, "
        "recipients = recipients + excluded.recipients, "
        "first_at = min(first_at, excluded.first_at), "
        "last_at = max(last_at, excluded.last_at)",
    [SQL_PURGE_CLOSED_NEXT] = "SELECT id FROM bulk_send WHERE status = 3 AND "
                              "ended = 1 AND last_at < ? AND NOT EXISTS "
                              "(SELECT 1 FROM held WHERE bulk_send = "
                              "bulk_send.id AND state = 1) ORDER BY last_at "
                              "LIMIT 1",
    [SQL_PURGE_SEND_MESSAGES] =
        "DELETE FROM message WHERE id IN (SELECT message FROM bulk_message "
        "WHERE bulk_send = ?1) AND id <= (SELECT value FROM meta WHERE key = "
        "'purged-upto') AND NOT EXISTS (SELECT 1 FROM bulk_message AS other "
        "WHERE other.message = message.id AND other.bulk_send <> ?1)",
    [SQL_PURGE_SEND_LINKS] = "DELETE FROM bulk_message WHERE bulk_send = ?",
    [SQL_PURGE_SEND_RECIPIENTS] =
        "DELETE FROM bulk_recipient WHERE (bulk_send, hash) IN (SELECT "
        "bulk_send, hash FROM bulk_recipient WHERE bulk_send = ? LIMIT 5000)",
    [SQL_PURGE_SEND_ALERTS] = "DELETE FROM alert WHERE bulk_send = ?",
    [SQL_PURGE_SEND_HELD] = "DELETE FROM held WHERE bulk_send = ?",
    [SQL_PURGE_SEND] = "DELETE FROM bulk_send WHERE id = ?",
    [SQL_PURGE_SEND_HISTORY] = "DELETE FROM history WHERE bulk_send = ?",
    [SQL_PURGE_NEXT] =
        "SELECT id, at, EXISTS (SELECT 1 FROM bulk_message WHERE message = "
        "message.id) FROM message WHERE id > ? ORDER BY id",
    [SQL_PURGE_DAYS] =
        "DELETE FROM sender_day WHERE (sender, identity, day) IN (SELECT "
        "sender, identity, day FROM sender_day WHERE day < ? LIMIT 5000)",
    [SQL_PURGE_MESSAGE] = "DELETE FROM message WHERE id = ?",

    /* alerts */
    [SQL_ALERT_ADD] = "INSERT INTO alert (bulk_send, kind, to_, created_at, "
                      "next_at) VALUES (?1, ?2, ?3, ?4, ?4)",
    /* One to an address and day. One from a later day says only that the
     * clock was set back. */
    [SQL_NOTICE_ADD] =
        "INSERT INTO alert (bulk_send, kind, to_, created_at, next_at) "
        "SELECT ?1, 4, ?2, ?3, ?3 WHERE NOT EXISTS (SELECT 1 FROM alert "
        "WHERE kind = 4 AND to_ = ?2 AND created_at > ?3 - 86400000 "
        "AND created_at < ?3 + 86400000)",
    /* Not while the first one waits: it will tell the whole by itself. */
    [SQL_ALERT_ADD_GROWN] =
        "INSERT INTO alert (bulk_send, kind, to_, created_at, next_at) "
        "SELECT bulk_send, 2, to_, ?2, ?2 FROM alert WHERE bulk_send = ?1 "
        "AND kind IN (1, 3) AND state <> 1 ORDER BY id LIMIT 1",
    /* A notice of its own, however many alerts wait: those may have to wait
     * for hours, and nothing holds the notices then. */
    [SQL_ALERT_DUE] =
        "WITH due AS NOT MATERIALIZED (SELECT " ALERT_COLUMNS
        " FROM alert WHERE state = 1 "
        "AND (next_at <= ?1 OR next_at > ?2)) "
        "SELECT * FROM (SELECT * FROM due WHERE kind <> 4 "
        "ORDER BY id LIMIT ?3) UNION ALL "
        "SELECT * FROM (SELECT * FROM due WHERE kind = 4 "
        "ORDER BY id LIMIT 1)",
    [SQL_ALERT_NEXT] =
        "SELECT min((SELECT min(next_at) FROM alert WHERE state = 1), "
        "iif((SELECT max(next_at) FROM alert WHERE state = 1) > ?2, ?1, "
        "9223372036854775807))",
    [SQL_ALERT_SENT_SINCE] =
        "SELECT max(sent_at) FROM alert WHERE state = 2 AND sent_at >= ? "
        "AND kind <> 4 AND message_id <> '' "
        "GROUP BY message_id ORDER BY 1",
    [SQL_ALERT_SETTLE] =
        "UPDATE alert SET state = ?2, to_ = ?3, message_id = ?4, "
        "last_error = ?5, attempts = attempts + 1, next_at = ?6, "
        "sent_at = ?7 WHERE id = ?1 AND state = 1 RETURNING bulk_send, kind",
    [SQL_ALERTS_FAILED] =
        "SELECT count(*) FROM alert WHERE state = 3 AND next_at >= ?",
    [SQL_ALERT_TROUBLE] =
        "WITH trouble AS (SELECT * FROM alert a WHERE kind <> 4 AND "
        "(state = 1 AND attempts > 0 OR state = 3 AND "
        "(bulk_send = 0 AND next_at >= ?1 OR EXISTS (SELECT 1 FROM bulk_send b "
        "WHERE b.id = a.bulk_send AND b.status <> 3)))) "
        "SELECT (SELECT count(*) FROM trouble WHERE state = 3), "
        "(SELECT count(*) FROM trouble WHERE state = 1), "
        "bulk_send, attempts, last_error FROM trouble ORDER BY id DESC LIMIT 1",
    [SQL_ALERT_TOLD] = "UPDATE bulk_send SET alerted = distinct_recipients "
                       "WHERE id = ?",

    /* reading */
    [SQL_LIST_OPEN] = "SELECT " SEND_COLUMNS " FROM bulk_send "
                      "WHERE status <> 3 AND last_at >= ? "
                      "ORDER BY last_at DESC, id DESC",
    [SQL_LIST_ALL] = "SELECT " SEND_COLUMNS " FROM bulk_send "
                     "WHERE last_at >= ? ORDER BY last_at DESC, id DESC",
    [SQL_LIST_WAITING] = "SELECT " SEND_COLUMNS " FROM bulk_send "
                         "WHERE status <> 3 AND first_at < ? "
                         "ORDER BY first_at, id",
    [SQL_LIST_FRESH] = "SELECT " SEND_COLUMNS " FROM bulk_send "
                       "WHERE last_at >= ?1 AND first_at >= ?1 "
                       "ORDER BY first_at, id",
    [SQL_LIST_SENDER] = "SELECT " SEND_COLUMNS " FROM bulk_send "
                        "WHERE last_at >= ? AND sender = ? "
                        "ORDER BY last_at DESC, id DESC",
    [SQL_LIST_HELD] = "SELECT " SEND_COLUMNS " FROM bulk_send WHERE id IN "
                      "(SELECT bulk_send FROM held WHERE state = 1) "
                      "AND last_at >= ? ORDER BY last_at DESC, id DESC",
    [SQL_SHOW_SEND] = "SELECT " SEND_COLUMNS " FROM bulk_send WHERE id = ?",
    [SQL_SHOW_EVIDENCE] =
        "SELECT " MESSAGE_COLUMNS ", message.recipients FROM bulk_message "
        "JOIN message ON message.id = bulk_message.message "
        "WHERE bulk_message.bulk_send = ? ORDER BY bulk_message.message "
        "LIMIT ?",
    [SQL_SHOW_HISTORY] = "SELECT at, by_, event, note FROM history "
                         "WHERE bulk_send = ? ORDER BY id",
    [SQL_SHOW_ALERTS] =
        "SELECT " ALERT_COLUMNS " FROM alert WHERE bulk_send = ? ORDER BY id",
    [SQL_LEDGER_BACK] =
        "SELECT " MESSAGE_COLUMNS " FROM message ORDER BY id DESC",
    [SQL_LEDGER_FIRST] =
        "SELECT at FROM message WHERE id > ? ORDER BY id LIMIT 1",
    [SQL_ALERT_IS] =
        "SELECT 1 FROM alert WHERE id = ? AND created_at = ? AND kind = ?",
    [SQL_SENDERS] =
        "SELECT identity, sender, m, r, f, l, (SELECT count(*) FROM bulk_send "
        "WHERE bulk_send.sender = top.sender AND bulk_send.identity = "
        "top.identity) FROM (SELECT identity, sender, sum(messages) AS m, "
        "sum(recipients) AS r, min(first_at) AS f, max(last_at) AS l FROM "
        "(SELECT identity, sender, messages, recipients, first_at, last_at "
        "FROM sender_day UNION ALL SELECT identity, sender, 1, "
        "recipient_count, at, at FROM message WHERE id > coalesce((SELECT "
        "value FROM meta WHERE key = 'summed-upto'), 0) "
        "AND action NOT IN " REFUSED ") "
        "GROUP BY identity, sender ORDER BY r DESC, l DESC LIMIT ?) AS top "
        "ORDER BY r DESC, l DESC",
    [SQL_FACTS] =
        "SELECT (SELECT count(*) FROM bulk_send), "
        "(SELECT count(*) FROM bulk_send WHERE status <> 3), "
        "(SELECT coalesce(max(id) - min(id) + 1, 0) FROM message), "
        "(SELECT count(*) FROM alert WHERE state = 1), "
        "(SELECT count(*) FROM alert WHERE state = 3), "
        "(SELECT page_count * page_size FROM pragma_page_count, "
        "pragma_page_size)",

    /* self-test; result: null, '{}' once it was greeted, then what was seen */
    [SQL_SELFTEST_MAKE] =
        "INSERT INTO selftest (token, made_at) VALUES (?, ?)",
    /* A clock may be set back meanwhile. */
    [SQL_SELFTEST_FORGET] =
        "DELETE FROM selftest WHERE abs(made_at - ?) >= ?",
    [SQL_SELFTEST_REMOVE] = "DELETE FROM selftest WHERE token = ?",
    [SQL_SELFTEST_GREET] =
        "UPDATE selftest SET result = '{}' WHERE token = ?1 "
        "AND result IS NULL AND abs(made_at - ?2) < ?3",
    [SQL_SELFTEST_USE] =
        "UPDATE selftest SET result = '{\"used\":1}' WHERE token = ?1 "
        "AND coalesce(result, '{}') = '{}' "
        "AND abs(made_at - ?2) < ?3",
    [SQL_SELFTEST_NOTE] =
        "UPDATE selftest SET result = json_object('done', 1, "
        "'recipients', ?2, 'rules', ?3, 'rule', ?4, 'action', ?5, "
        "'recorded', ?6, 'declaration', ?7, 'alert', ?8, 'to', ?9) "
        "WHERE token = ?1",
    [SQL_SELFTEST_READ] =
        "SELECT result IS NOT NULL, result ->> 'done', "
        "result ->> 'recipients', result ->> 'rules', result ->> 'rule', "
        "result ->> 'action', result ->> 'recorded', "
        "result ->> 'declaration', result ->> 'alert', result ->> 'to' "
        "FROM selftest WHERE token = ?",
    [SQL_TRIAL_BEGIN] = "SAVEPOINT trial",
    [SQL_TRIAL_UNDO] = "ROLLBACK TO trial",
    [SQL_TRIAL_END] = "RELEASE trial",
};

int
sql_err(struct sql_db *db, struct err *err, const char *doing)
{
	return err_set(err, "%s: %s", doing, sqlite3_errmsg(db->db));
}

sqlite3_stmt *
sql_get(struct sql_db *db, enum sql sql, struct err *err)
{
	sqlite3_stmt **statement = &db->statements[sql];
	if (*statement != NULL)
		return *statement;
	if (sqlite3_prepare_v3(db->db, texts[sql], -1, SQLITE_PREPARE_PERSISTENT,
		statement, NULL) != SQLITE_OK) {
		sql_err(db, err, "database");
		*statement = NULL;
	}
	return *statement;
}

static int
bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	return text == NULL ? sqlite3_bind_null(statement, at)
			    : sqlite3_bind_text(
				  statement, at, text, -1, SQLITE_STATIC);
}

static int
bind_form(sqlite3_stmt *statement, const char *form, va_list args)
{
	int failed = SQLITE_OK;
	for (int at = 1; form[at - 1] != '\0' && failed == SQLITE_OK; at++) {
		const char *text;
		const void *bytes;
		switch (form[at - 1]) {
		case 'i':
			failed = sqlite3_bind_int64(
			    statement, at, va_arg(args, int64_t));
			break;
		case 't':
			failed = bind_text(
			    statement, at, va_arg(args, const char *));
			break;
		case 'n':
			text = va_arg(args, const char *);
			failed = bind_text(statement, at,
			    text == NULL || text[0] == '\0' ? NULL : text);
			break;
		default: /* 'b' */
			bytes = va_arg(args, const void *);
			failed = sqlite3_bind_blob64(statement, at, bytes,
			    va_arg(args, size_t), SQLITE_STATIC);
		}
	}
	return failed;
}

/* A form that does not fit its statement is our own fault: found at once. */
static bool
fits(sqlite3_stmt *statement, const char *form)
{
	return sqlite3_bind_parameter_count(statement) == (int)strlen(form);
}

static sqlite3_stmt *
bind_all(struct sql_db *db, enum sql sql, struct err *err, const char *form,
    va_list args)
{
	sqlite3_stmt *statement = sql_get(db, sql, err);
	if (statement != NULL && !fits(statement, form)) {
		err_set(err, "database: statement %d has other parameters", sql);
		return NULL;
	}
	if (statement != NULL && bind_form(statement, form, args) != SQLITE_OK) {
		sql_err(db, err, "database");
		sqlite3_reset(statement);
		return NULL;
	}
	return statement;
}

sqlite3_stmt *
sql_bind(
    struct sql_db *db, enum sql sql, struct err *err, const char *form, ...)
{
	va_list args;
	va_start(args, form);
	sqlite3_stmt *statement = bind_all(db, sql, err, form, args);
	va_end(args);
	return statement;
}

int
sql_run(struct sql_db *db, enum sql sql, int *changes_r, struct err *err,
    const char *form, ...)
{
	va_list args;
	va_start(args, form);
	sqlite3_stmt *statement = bind_all(db, sql, err, form, args);
	va_end(args);
	if (statement == NULL)
		return -1;
	int got;
	do
		got = sql_step(db, statement, err);
	while (got == 1);
	if (got == 0 && changes_r != NULL)
		*changes_r = sqlite3_changes(db->db);
	return got;
}

int
sql_step(struct sql_db *db, sqlite3_stmt *statement, struct err *err)
{
	int got = sqlite3_step(statement);
	if (got == SQLITE_ROW)
		return 1;
	if (got != SQLITE_DONE)
		sql_err(db, err, "database");
	sqlite3_reset(statement);
	return got == SQLITE_DONE ? 0 : -1;
}

void
sql_done(sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
}

const char *
sql_text(sqlite3_stmt *statement, int column, struct arena *arena)
{
	const unsigned char *text = sqlite3_column_text(statement, column);
	int length = sqlite3_column_bytes(statement, column);
	return arena_strndup(
	    arena, (const char *)text, text == NULL ? 0 : (size_t)length);
}

void
sql_finalize(struct sql_db *db)
{
	for (int i = 0; i < SQL_N; i++) {
		sqlite3_finalize(db->statements[i]);
		db->statements[i] = NULL;
	}
}
