/*
 * json.h: records as JSON: one line in the spool and the log, documents for
 * the command's --json.
 *
 * Thread-safety: all functions.
 */
#ifndef BULKWATCH_JSON_H
#define BULKWATCH_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
#include "bulkwatch/record.h"

/*
 * Strings that are not clean (text.h: a database or a file that somebody else
 * has written to) are made clean on the way out and in.
 */

/* The whole message as one line of JSON without a newline: malloc'd, the
 * caller frees it; NULL when memory is out. */
char *json_message(const struct message *message);

/* Reads such a line back, everything in the arena. Keys that are not known are
 * ignored; a known one that is missing, twice there or of another type is a
 * fault. Returns 0, or -1 with a sentence and message_r untouched. */
int json_message_parse(struct arena *arena, const char *line, size_t length,
    struct message *message_r, struct err *err);

/* A mail in Postfix's queues, as `postqueue -j` says it in a line. */
struct json_queued {
	const char *queue; /* "hold", "active" … */
	const char *queue_id;
	int64_t arrival_ms;
};

/* Reads such a line, strings in the arena. Returns 0, or -1 with a sentence. */
int json_queued_parse(struct arena *arena, const char *line, size_t length,
    struct json_queued *queued_r, struct err *err);

/* Documents of the command, pretty-printed with a final newline; malloc'd,
 * the caller frees; NULL when memory is out. The names in them are fixed:
 *   list:    array of objects with id status outcome sender identity trigger
 *            rule action first_at last_at messages recipients
 *            distinct_recipients external_recipients subject client
 *            declaration assignee reference (and ended, limit, window, held,
 *            refused_messages, refused_recipients)
 *   send:    one such object
 *   show:    one such object, but declaration is the object that it is in
 *            declarations, with evidence (at queue_id message_id mail_from
 *            login client subject action recipient_count recipients),
 *            held_messages (at queue_id recipient_count state settled_at by),
 *            history (at by event note) and alerts (kind to state attempts
 *            last_error created_at sent_at)
 *   held:    object with id (of the bulk send) and held_messages as in show
 *   declarations: array of id sender recipients from until reason reference
 *            by created_at withdrawn_at withdrawn_by bulk_sends used
 *   declaration: one such object
 *   senders: array of sender identity messages recipients bulk_sends first_at
 *            last_at
 *   backup:  file bytes
 * Times are RFC 3339; window is in seconds, 0 for a message rule; outcome,
 * declaration, assignee, reference, withdrawn_at, withdrawn_by and sent_at are
 * null where there is none. An evidence's recipients is an array of strings, as
 * many as evidence.recipients let in. */
char *json_list(const struct bulk_send *sends, size_t n);
char *json_send(const struct bulk_send *send);
char *json_show(const struct bulk_send_story *story);
char *json_held(int64_t id, const struct held *held, size_t n);
char *json_declarations(const struct declaration *declarations, size_t n);
char *json_declaration(const struct declaration *declaration);
char *json_senders(const struct sender_total *totals, size_t n);
char *json_backup(const char *file, int64_t bytes);

/* What `reconcile` found out: an object with first_at last_at messages outbound
 * unexplained findings (an object: how many messages of each) not_taken
 * not_in_log and mail, an array of those that were not simply counted: at
 * queue_id sender mail_from login client via message_id recipients (null: not
 * known) expanded counted (null: not in the ledger) finding retry_of (or
 * null). */
char *json_reconciliation(const struct reconciliation *reconciliation);

/* Result of `check`: array of {subject, ok, text, level}. */
struct check_result {
	const char *subject;
	bool ok;
	const char *text;
	bool note; /* ok, and worth knowing: level is "note" */
};
char *json_check(const struct check_result *results, size_t n);

/* Outcome of `attach` and `detach`: {file, changes: [{parameter, before,
 * after}], restored, dry_run, notes}; before and after are null where the
 * parameter is not set. */
struct wiring_change {
	const char *parameter;
	const char *before, *after; /* NULL: not set */
};
struct wiring_outcome {
	const char *file;
	const struct wiring_change *changes;
	size_t changes_n;
	bool restored, dry_run;
	const char *const *notes;
	size_t notes_n;
};
char *json_wiring(const struct wiring_outcome *outcome);

#endif
