/*
 * store.h: the database, in the words of messages, bulk sends and alerts.
 *
 * Two kinds of handle. The daemon's (store_open) is the one writer; only the
 * recorder's thread uses it. A command's (store_open_command) reads, beside a
 * daemon that writes or without one. Neither SQL nor SQLite shows outside.
 *
 * The windows are counted in memory, from the ledger at start: the cost of a
 * count depends on the message, never on what the sender has sent before.
 *
 * Thread-safety: a handle belongs to one thread at a time.
 */
#ifndef BULKWATCH_STORE_H
#define BULKWATCH_STORE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
#include "bulkwatch/record.h"
#include "bulkwatch/settings.h"

struct store;

/* ------------------------------------------------------------ opening */

/* Called with one sentence about something the admin must hear: a damaged file
 * that was set aside, a check that found damage. */
typedef void store_notice_fn(void *context, const char *sentence);

/*
 * Opens the daemon's handle on path, making the database if there is none.
 *
 * A file that is empty, damaged or no database is set aside as
 * PATH.damaged-YYYYMMDD-HHMMSS (with its -wal) and a new one made; notice is
 * told. Another program's database, or one of a newer bulkwatch, is left alone
 * and refused.
 * check: run a quick check of a file that is small enough for it to be quick.
 * Returns 0 with *store_r set (close with store_close); STORE_LATER with a
 * sentence if trying again later may help (a full disk, a lock); -1 with a
 * sentence if only a person can (rights, another program's database).
 */
#define STORE_LATER (-2)
int store_open(const char *path, bool check, store_notice_fn *notice,
    void *context, struct store **store_r, struct err *err);

/* Opens a command's handle; the database must be there. Returns 0 or -1. */
int store_open_command(const char *path, struct store **store_r,
    struct err *err);

/* How long the handle waits for another program's lock before a call fails.
 * STORE_PATIENCE_MS at first: far below the 20 s in which end of message must
 * be answered. */
#define STORE_PATIENCE_MS 2000
void store_set_patience(struct store *store, int wait_ms);

/* Tries a transaction that writes and commits. Returns 0 if the store works. */
int store_probe(struct store *store, struct err *err);

/* Closes, forgetting a transaction that was not committed; sets *store to
 * NULL. *store may be NULL. */
void store_close(struct store **store);

/* After an error: true if the file itself is damaged, so that only
 * store_set_aside helps; false if trying again later may. */
bool store_is_damaged(const struct store *store);

/* After an error: true if the database works and refuses what was to be saved
 * (a constraint, a size): trying again does not help, and without that message
 * the others may pass. */
bool store_is_refusal(const struct store *store);

/* Says so from outside: store_verify found damage. */
void store_mark_damaged(struct store *store);

/* Sets a closed database aside as store_open does. Returns 0; or -1, also if the
 * disk does not give it back whole: then it may be sound, and is left alone. */
int store_set_aside(const char *path, store_notice_fn *notice, void *context,
    struct err *err);

/* A check of the whole file that can be ended from another thread. */
struct store_check {
	pthread_mutex_t mutex;
	void *db; /* the connection, while it runs */
	bool stopped;
};
void store_check_init(struct store_check *check);

/* Ends the check, or keeps it from beginning. From any thread. */
void store_check_stop(struct store_check *check);

/* Reads the whole file for damage on a connection of its own; may take
 * minutes, in any thread. Returns 1 if sound or stopped, 0 if damaged (sentence
 * in err), -1 if it could not be read. */
int store_verify(const char *path, struct store_check *check, struct err *err);

/* What the daemon saw of a self-test: see "self-test" below. */
struct selftest {
	bool greeted;        /* it knows the mark: this is its database */
	bool done;           /* the message went the whole way; what follows
	                      * is known */
	uint32_t recipients; /* counted of the message */
	uint32_t rules;      /* that apply to it */
	const char *rule;    /* which one decided; "": none matched */
	enum action action;  /* what that rule would do with mail */
	uint32_t recorded;   /* recipients of the bulk send, as read back */
	int64_t declaration; /* that covers it; 0: none */
	bool alert_queued;   /* as read back from the outbox */
	const char *alert_to; /* addresses, comma between */
};

/* ------------------------------------------- writing: the way of a batch */

/* One message on its way through a batch. */
struct entry {
	struct arena *arena;             /* where answers may be kept */
	const struct settings *settings; /* how evidence is kept */
	struct message *message;         /* id, action: set by store_keep */
	struct measure *measures;        /* counted is set by store_count */
	size_t measures_n;
	bool may_act;                    /* a rule may do more than log it */
	bool gone;                       /* the mail went on already: nothing
	                                  * can be done with it */
	bool can_hold;                   /* the MTA can put mail aside */
	struct decision decision;        /* from policy, after store_count */
	/* set by store_count: */
	bool retry;                      /* the ledger has an earlier try … */
	int64_t known;                   /* … with this number … */
	enum action known_action;        /* … and this was done with it */
	uint32_t tries;                  /* so often was it taken before */
	int64_t waited_secs;             /* since the first try was refused; -1:
	                                  * it was not */
	const uint64_t *hashes;          /* of its recipients, sorted, unique */
	size_t hashes_n;
	uint64_t fingerprint;
	uint64_t bare_fingerprint;       /* see digest.h; 0: none */
	uint64_t item;                   /* what a window of messages holds */
	int64_t previous, client_previous;
	/* set by store_bulk: */
	int64_t bulk_send;
	bool opened;                     /* the record began with this message */
	bool alert_queued;               /* the notifier has something to do */
	bool alerted;                    /* an alert was queued before */
	uint32_t send_messages, send_recipients, send_distinct;
	int64_t send_declaration;        /* the record's declaration; 0: none */
	uint32_t declared_used;          /* by all bulk sends of that one */
	/* set before store_selftest_begin's trial: */
	struct selftest *trial;          /* what came of it; NULL: it is mail */
};

/*
 * A transaction. Every call below up to store_commit belongs to it. When one
 * fails, call store_rollback: nothing of the batch is in the database then,
 * but the windows in memory may have counted it, so the handle must be closed
 * and opened anew. All return 0, or -1 with a sentence.
 */
int store_begin(struct store *store, struct err *err);

/*
 * Fills counted of each measure: what the windows would hold with this message.
 * Finds out whether it is a retry of a message that the ledger has (same
 * sender, Message-ID, subject and recipients, within five days). A message that
 * was taken is believed to come again STORE_RETRIES_MAX times, for answers get
 * lost; what comes after that is another message. Of mail without a Message-ID
 * of its own only tries that were refused are known again. Changes nothing.
 */
#define STORE_RETRIES_MAX 3
int store_count(struct store *store, struct entry *entry, struct err *err);

/*
 * Puts the message into the ledger with the decision's action, and into its
 * windows unless it is refused (deferred, rejected). A retry is not put in
 * again: it gets the earlier try's id; but where that was refused and this one
 * goes on, this one takes its place, also in its bulk send.
 * Messages are counted and kept one by one, so a later one sees the earlier
 * ones.
 */
int store_keep(struct store *store, struct entry *entry, struct err *err);

/*
 * Records a trigger (entry->decision.matched): opens a bulk send, with the
 * decision's declaration, or extends the one that goes on; the messages that
 * filled the window join it (at most STORE_ABSORB_MAX, the newest).
 * What a closed case has was judged: it joins no further one, and a trigger that
 * would be none without it is not recorded (bulk_send stays 0).
 */
#define STORE_ABSORB_MAX 1000
int store_bulk(struct store *store, struct entry *entry, struct err *err);

/* Notes that the MTA was told to hold the trigger of a bulk send. */
int store_note_hold(struct store *store, struct entry *entry, struct err *err);

/* Notes what was really done with a message whose record says otherwise: the
 * answer came too late, or the MTA did not take it. It went on (ACTION_LOG), or
 * the MTA was told to try again (ACTION_DEFER). A transaction of its own. */
int store_note_outcome(struct store *store, struct entry *entry,
    enum action outcome, struct err *err);

/* Declarations that a message of this time may fall under, or may have
 * outlived by a month; in the arena. */
int store_declarations_at(struct store *store, struct arena *arena,
    int64_t at_ms, struct declaration **declarations_r, size_t *n_r,
    struct err *err);

/* Queues the admins' alert about the entry's bulk send. */
int store_queue_alert(struct store *store, struct entry *entry,
    enum alert_kind kind, struct err *err);

/* Queues a notice to the sender's address about it, unless one was queued to
 * that address in the last 24 hours. */
int store_queue_notice(struct store *store, struct entry *entry,
    const char *to, struct err *err);

/* Notes how far the spool is brought in with this transaction; reads it back
 * (outside of one). */
int store_note_place(struct store *store, const struct spool_place *place,
    struct err *err);
int store_get_place(struct store *store, struct spool_place *place_r,
    struct err *err);

/* Commits. If something of a bulk send was written, the commit is on the disk
 * when this returns (it survives a power cut); else it survives the end of the
 * process. A database file that was deleted or replaced meanwhile is an error.
 */
int store_commit(struct store *store, struct err *err);

void store_rollback(struct store *store);

/*
 * Reads the ledger's last secs (ticks) of messages, oldest first, to fill the
 * windows of rules that are new to them: refill is called for each message and
 * sets measures (room for SETTINGS_RULES_MAX) and returns how many to count.
 * Messages have counts but no recipients. Outside a transaction.
 */
typedef size_t store_refill_fn(void *context, const struct message *message,
    struct measure *measures);
int store_refill(struct store *store, int64_t secs, store_refill_fn *refill,
    void *context, struct err *err);

/*
 * The same in steps of some milliseconds, until is_done: what is saved in
 * between is counted too. A message that is counted twice counts once, so it
 * does no harm if the handle is closed in between and another one, filled
 * whole, goes on.
 */
struct store_refill {
	int64_t next; /* the ledger's number of the message to look at */
	int64_t oldest_tick;
	bool is_back; /* next is the first to be counted, or one after it */
	bool is_done;
};
struct store_refill store_refill_begin(int64_t secs);
int store_refill_step(struct store *store, struct store_refill *refill,
    store_refill_fn *fn, void *context, struct err *err);

/* Bytes that the windows take in memory, and senders in them. */
void store_window_use(const struct store *store, size_t *bytes_r,
    size_t *senders_r);

/* --------------------------------------------------------------- upkeep */
/* Each is a transaction of its own, outside any other, that stops after about
 * STORE_STEP_MS and says by *more_r whether there is more to do. */
#define STORE_STEP_MS 20

/* Ends bulk sends that have been quiet for their time; one that ended with at
 * least twice the distinct recipients that were alerted gets a second alert. */
int store_end_quiet(struct store *store, int64_t now_ms, int64_t now_tick,
    bool *more_r, struct err *err);

/* Sums ledger messages up by sender and day, for `senders` and reports. */
int store_sum_up(struct store *store, bool *more_r, struct err *err);

/* Removes closed bulk sends whose last message is from before the moment, with
 * their evidence, history and alerts. Open ones are never removed, nor those of
 * which mail is held. */
int store_purge_closed(struct store *store, int64_t before_ms,
    uint64_t *removed_r, bool *more_r, struct err *err);

/* Removes summed-up ledger messages from before the moment that belong to no
 * bulk send. */
int store_purge_ledger(struct store *store, int64_t before_ms,
    uint64_t *removed_r, bool *more_r, struct err *err);

/* --------------------------------------------------------------- alerts */

/* No alert is put off for longer than this, an hour and some: one whose time is
 * further away waits for a clock that has been set back, and is due. */
#define STORE_PUT_OFF_MAX_MS (INT64_C(3660) * 1000)

/* Alerts that wait (state queued) and are due: of those for the admins the
 * oldest, at most limit, and behind them the oldest notice. */
int store_alerts_due(struct store *store, struct arena *arena, int64_t now_ms,
    size_t limit, struct alert **alerts_r, size_t *n_r, struct err *err);

/* When the next queued alert is due; INT64_MAX if none waits. */
int store_alerts_next(struct store *store, int64_t now_ms, int64_t *due_ms_r,
    struct err *err);

/* Wall times at which mails to the admins left since the moment, one for each
 * mail however many alerts it carried, oldest first. */
int store_alerts_sent_since(struct store *store, struct arena *arena,
    int64_t since_ms, int64_t **times_r, size_t *n_r, struct err *err);

/* Notes how an attempt ended, for all alerts that one mail carried. */
int store_alerts_settle(struct store *store, const int64_t *ids, size_t n,
    const struct alert_result *result, struct err *err);

/* Queues the digest of a local day (any number that names it), unless it was
 * looked at already or there is nothing to tell; a transaction of its own. */
int store_queue_daily(struct store *store, int64_t now_ms, int64_t day,
    bool *queued_r, struct err *err);

/* What the day's digest tells, since the last one (or a day ago). */
int store_day(struct store *store, struct arena *arena, int64_t now_ms,
    struct day *day_r, struct err *err);

/* Notes that the database failed and works again, for the digest. */
int store_note_failure(struct store *store, struct err *err);

/* The settings that the daemon works with: their digest (settings.h), and since
 * when; at_ms 0: it has noted none. To note what is noted already writes
 * nothing. */
struct store_in_force {
	uint64_t digest;
	int64_t at_ms;
};
int store_note_settings(struct store *store,
    const struct store_in_force *settings, struct err *err);
int store_get_settings(struct store *store,
    struct store_in_force *settings_r, struct err *err);

/* ----------------------------------------- follow-up and declarations */
/* For both kinds of handle; each is a transaction of its own. */

/* Messages of a bulk send that the MTA was told to hold, oldest first; or only
 * those that still wait. */
int store_held(struct store *store, struct arena *arena, int64_t bulk_send,
    bool waiting_only, struct held **held_r, size_t *n_r, struct err *err);

/*
 * Notes what became of a held message that waits, or that was gone when it was
 * looked for and was found after all: its new state, by whom and when, and a
 * line in the history of its bulk send, whose event is the state's name and
 * whose note names the queue id. Returns 1 done, 0 if it does not wait any more
 * (somebody was quicker: nothing is changed), -1 with a sentence.
 */
int store_settle_held(struct store *store, int64_t held, enum held_state state,
    const char *by, int64_t at_ms, struct err *err);

/*
 * Changes a bulk send. change is given the record as it is and says what it
 * shall be (status, outcome, assignee, reference) and the line of history; it
 * runs inside the transaction, so of two admins at once one sees what the
 * other did.
 * Returns 1 done, 0 if there is none with that id, -1 with a sentence: change
 * refused (its sentence), or the database failed; nothing is changed then.
 */
typedef int store_change_fn(void *context, const struct bulk_send *now,
    struct arena *arena, struct bulk_send *then_r, struct history *line_r,
    struct err *err);
int store_change(struct store *store, struct arena *arena, int64_t id,
    store_change_fn *change, void *context, struct bulk_send *then_r,
    struct err *err);

/* Makes a declaration (id, withdrawn and seen fields are ignored). In force at
 * once. Returns 0 with its id. */
int store_declare(struct store *store, const struct declaration *declaration,
    int64_t *id_r, struct err *err);

/* Takes one back. Returns 1 done, 0 if there is none with that id, -1 with a
 * sentence (it was withdrawn before, and by whom; its time is over). */
int store_withdraw(struct store *store, int64_t id, const char *by,
    int64_t at_ms, struct err *err);

/* Declarations that are in force or to come at a time, or all; the one that
 * begins last first. */
int store_declarations(struct store *store, struct arena *arena, bool all,
    int64_t at_ms, struct declaration **declarations_r, size_t *n_r,
    struct err *err);

/* A whole copy of the database into a new file, while others write. Refuses a
 * file that is there. Returns 0, or -1 with no file left behind. */
int store_backup(struct store *store, const char *path, struct err *err);

/* ------------------------------------------------------------ self-test */

/*
 * A self-test is a message whose header SELFTEST_HEADER carries a mark: a random
 * number that stands in the database, so only who may write there can make one.
 * The daemon lets such a message go the whole way and takes all of it back but
 * what it saw, which it writes beside the mark. A mark is good for one message,
 * for SELFTEST_SECS. A message with any other mark is mail like any other.
 */
#define SELFTEST_HEADER "X-Bulkwatch-Selftest"
#define SELFTEST_MARK_LENGTH 32 /* hex digits */
#define SELFTEST_SECS 300

/* Makes a mark, and removes those of self-tests that were cut short. For both
 * kinds of handle; a transaction of its own. */
int store_selftest_make(struct store *store, int64_t now_ms,
    char mark_r[SELFTEST_MARK_LENGTH + 1], struct err *err);

/* Reads what the daemon saw so far; strings in the arena. Returns 1, 0 if there
 * is no such mark, -1 with a sentence. */
int store_selftest_read(struct store *store, struct arena *arena,
    const char *mark, struct selftest *selftest_r, struct err *err);

/* Removes a mark with what was seen. */
int store_selftest_remove(
    struct store *store, const char *mark, struct err *err);

/* The daemon's: notes that it knows a mark that is good, outside a transaction.
 * Returns 1, 0 if the mark is not good, -1 with a sentence. */
int store_selftest_greet(struct store *store, const char *mark, int64_t now_ms,
    struct err *err);

/*
 * The daemon's, within a batch: uses the mark of a message up and begins its
 * trial, if the mark is good. What store_count … store_queue_notice do from
 * then on is taken back by store_selftest_end, which notes what was seen;
 * windows and what else is in memory are not touched meanwhile. If a call
 * fails in between, the batch has failed (store_rollback).
 * begin returns 1, 0 if the mark is not good (the message is mail), -1.
 */
int store_selftest_begin(struct store *store, const char *mark, int64_t now_ms,
    struct err *err);
int store_selftest_end(struct store *store, const char *mark,
    const struct selftest *selftest, struct err *err);

/* -------------------------------------------------------------- reading */

/* Which bulk sends `list` wants. Strings NULL and numbers 0: no condition. */
struct list_filter {
	bool open_only;         /* status is not closed */
	bool held_only;         /* has held mail that waits */
	enum status status;     /* 0: any */
	const char *sender;     /* a pattern (pattern.h), canonical */
	int64_t since_ms;       /* last_at at or after */
	int64_t first_from_ms;  /* first_at at or after … */
	int64_t first_until_ms; /* … and before; 0: no condition */
	uint32_t limit;         /* 0: all */
};

/* Newest first (by last_at). Returns 0 or -1. */
int store_list(struct store *store, struct arena *arena,
    const struct list_filter *filter, struct bulk_send **sends_r,
    size_t *n_r, struct err *err);

/* One bulk send with all that is known. evidence_max: at most so many messages
 * (the first of them; 0: all). Returns 1 if found, 0 if there is none with that
 * id, -1 on error. */
int store_show(struct store *store, struct arena *arena, int64_t id,
    size_t evidence_max, struct bulk_send_story *story_r, struct err *err);

/*
 * Hands the ledger's messages from about a moment on to each, the newest first,
 * until it returns -1. They have no recipients, and live until it returns.
 * They stand in the order in which they came into the ledger: a message that
 * waited in the spool comes later than its time, so the reading goes on to
 * STORE_LEDGER_MARGIN_MS before the moment, and some older ones come too.
 * Returns 0 with what the ledger reaches back to, or -1.
 */
#define STORE_LEDGER_MARGIN_MS (INT64_C(7) * 24 * 3600 * 1000)
struct ledger_reach {
	int64_t first_ms; /* time of the oldest message; INT64_MAX: there is
	                   * none */
	bool purged;      /* there were older ones */
};
typedef int store_ledger_fn(void *context, const struct message *message);
int store_ledger(struct store *store, int64_t from_ms, store_ledger_fn *each,
    void *context, struct ledger_reach *reach_r, struct err *err);

/* Whether there is an alert with this number, made at this moment, of this
 * kind: 1, 0, or -1. */
int store_has_alert(struct store *store, int64_t id, int64_t created_ms,
    enum alert_kind kind, struct err *err);

/* Who sends how much, most recipients first. */
int store_senders(struct store *store, struct arena *arena, size_t top,
    struct sender_total **totals_r, size_t *n_r, struct err *err);

/* Alerts to the admins that did not get through: those given up about cases
 * that are still open (or, of digests, since since_ms), those that will be tried
 * again, and the newest of both. Texts in the arena. */
struct store_trouble {
	int64_t given_up, delayed;
	int64_t bulk_send; /* 0: a digest */
	uint32_t attempts;
	const char *last_error;
};
int store_alert_trouble(struct store *store, struct arena *arena,
    int64_t since_ms, struct store_trouble *trouble_r, struct err *err);

/* Sizes for `check`: bulk sends, open ones, ledger messages, queued and failed
 * alerts, bytes of the file. */
struct store_facts {
	int64_t bulk_sends, open_bulk_sends, messages;
	int64_t alerts_queued, alerts_failed;
	int64_t bytes;
};
int store_facts(struct store *store, struct store_facts *facts_r,
    struct err *err);

#endif
