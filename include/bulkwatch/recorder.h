/*
 * recorder.h: the one writer.
 *
 * Sessions hand over messages; one thread takes whatever waits, counts,
 * decides and saves it in one transaction, and answers when that is committed.
 * So what an MTA was told is in the database, and many messages share one
 * commit. Alerts, upkeep and reloads use the same thread through
 * recorder_call, so the daemon's handle of the store has one user.
 *
 * When the store fails, messages go to the spool (and, whole, to the log), or
 * wait in memory if the spool fails too; the recorder tries the store each
 * second, brings in what was spooled, each message once, and goes on.
 *
 * Thread-safety: all functions but init and deinit, from any thread.
 */
#ifndef BULKWATCH_RECORDER_H
#define BULKWATCH_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
#include "bulkwatch/record.h"
#include "bulkwatch/settings.h"
#include "bulkwatch/store.h"

struct recorder;

struct recorder_options {
	const struct settings *settings; /* referenced, not taken over */
	/* Called from the recorder's thread when an alert was queued. */
	void (*alert_queued)(void *context);
	void *context;
};

/*
 * Opens store and spool, brings in what the spool holds, fills the windows and
 * starts the thread. A store that cannot be opened now is not an error unless
 * trying again cannot help (another program's database, a folder that is not
 * there): the spool serves until it can.
 * Returns 0 with *recorder_r set (end with recorder_deinit), or -1.
 */
int recorder_init(const struct recorder_options *options,
    struct recorder **recorder_r, struct err *err);

/* Records what waits, ends the thread, closes all, sets *recorder to NULL. No
 * other call may be under way. */
void recorder_deinit(struct recorder **recorder);

struct ticket; /* the recorder's own */

/* What end of message is answered. */
struct verdict {
	enum action action; /* ACTION_LOG: the mail goes on */
	/* The rule that wants the action, in the message's settings; NULL: no
	 * rule does (the store fails and on_failure is "defer"). */
	const struct rule *rule;
	/* Of ACTION_HOLD alone: for recorder_settle_hold. */
	struct ticket *ticket;
};

/*
 * Records a message and waits until it is safe, for at most
 * RECORDER_DEADLINE_SECS; then the whole record is logged, the answer is
 * on_failure's, and the recorder goes on with it.
 * arena: holds message; taken over and freed by the recorder.
 * settings: those that the message began with; referenced by the recorder.
 * can_hold: the MTA can put mail aside (quarantine).
 */
#define RECORDER_DEADLINE_SECS 8
struct verdict recorder_record(struct recorder *recorder, struct arena *arena,
    const struct settings *settings, struct message *message, bool can_hold);

/*
 * Ends what a verdict of ACTION_HOLD began, once for each: says whether the MTA
 * took the order. If it did not it was told to try again, and the record is put
 * right; does not wait for that. verdict->ticket is NULL afterwards; if it was,
 * nothing is done.
 */
void recorder_settle_hold(
    struct recorder *recorder, struct verdict *verdict, bool held);

/*
 * Runs a job in the recorder's thread between batches and waits for it.
 * Returns what the job returns (0, or -1 with a sentence), or -1 at once while
 * the store fails. A job keeps to about STORE_STEP_MS.
 */
typedef int recorder_job_fn(struct store *store, void *context,
    struct err *err);
int recorder_call(struct recorder *recorder, recorder_job_fn *job,
    void *context, struct err *err);

/*
 * As recorder_call, for those who have an answer to give: waits for at most
 * RECORDER_DEADLINE_SECS, and not at all where too many wait already. The job
 * may run after that.
 * context: copied, with what is in its context_bytes; what that points to must
 * be there for good.
 */
int recorder_call_in_time(struct recorder *recorder, recorder_job_fn *job,
    const void *context, size_t context_bytes, struct err *err);

/* Puts new settings in force for windows and jobs; rules that are new count
 * what the ledger holds of their window. That may take seconds, and is waited
 * for; messages are answered meanwhile. */
void recorder_set_settings(
    struct recorder *recorder, const struct settings *settings);

/* Says that a check behind found damage in the file with this inode: if that
 * is still the database, it is set aside and a new one made. */
void recorder_report_damage(
    struct recorder *recorder, ino_t file, const char *sentence);

#endif
