/* keeper.c: the store, and what stands in for it while it fails. */
#include "keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "batch.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/policy.h"
#include "replay.h"

/* Memory for messages when spool and store both fail, some kilobytes each;
 * beyond that the log alone has them. */
#define PARKED_BYTES_MAX (INT64_C(128) << 20)

/* How long a try may wait for a lock. */
#define RETRY_PATIENCE_MS 100

/* Damage that is found twice within so long is damage. */
#define SUSPECT_SECS 60

/* Sets the file aside before the next try, if it is found damaged a second
 * time: a disk that did not give back a page looks the same. */
static void
suspect(struct keeper *k)
{
	if (!store_is_damaged(k->store))
		return;
	const int64_t now = clock_tick();
	k->damaged =
	    k->suspected_at != 0 && now < k->suspected_at + SUSPECT_SECS;
	k->suspected_at = now;
}

void
keeper_fail(struct keeper *k, const char *sentence)
{
	log_text(LOG_LEVEL_ERROR, "store-failed",
	    "%s; mail goes on by on_failure, messages are kept for the "
	    "database",
	    sentence);
	suspect(k);
	store_close(&k->store);
	k->behind = false;
	k->failed_at = clock_tick();
	k->next_try = k->failed_at + KEEPER_RETRY_SECS;
	k->next_remark = k->failed_at + KEEPER_REMIND_SECS;
}

/* The mail goes on. */
static const struct verdict accept_it = {.action = ACTION_LOG};

/* It shall come again, for no rule's sake. */
static const struct verdict defer_it = {.action = ACTION_DEFER};

static void
park(struct keeper *k, struct ticket *ticket)
{
	const struct message *message = ticket->entry.message;
	if (k->parked.bytes >= PARKED_BYTES_MAX) {
		ticket_log(LOG_LEVEL_ERROR, message, "only-in-log",
		    "store and spool fail and memory is full: this line is "
		    "all there is of the message");
		ticket_answer(ticket, accept_it);
		ticket_release(ticket);
		return;
	}
	ticket_log(LOG_LEVEL_ERROR, message, "kept-in-memory",
	    "store and spool fail: the message waits in memory");
	ticket_answer(ticket, accept_it);
	ticket->entry.gone = true;
	ticket_list_add(&k->parked, ticket);
}

/* Puts tickets where they are safe without the store; releases or parks them.
 */
static void
keep_aside(struct keeper *k, struct ticket **tickets, size_t n)
{
	const struct message *messages[KEEPER_BATCH_MAX];
	struct ticket *kept[KEEPER_BATCH_MAX];
	size_t kept_n = 0;
	for (size_t i = 0; i < n; i++) {
		struct entry *e = &tickets[i]->entry;
		if (e->trial != NULL) {
			/* The store failed at it: it is no mail to be kept. */
			ticket_answer(tickets[i], defer_it);
			ticket_release(tickets[i]);
			continue;
		}
		if (e->settings->on_failure == ON_FAILURE_ACCEPT) {
			messages[kept_n] = e->message;
			kept[kept_n++] = tickets[i];
			continue;
		}
		ticket_log(LOG_LEVEL_WARNING, e->message, "deferred",
		    k->behind ? "what is in the spool goes first and "
				"on_failure is defer"
			      : "the store fails and on_failure is defer");
		ticket_answer(tickets[i], defer_it);
		ticket_release(tickets[i]);
	}
	if (kept_n == 0)
		return;
	struct err err;
	int failed = spool_append(k->spool, messages, kept_n, &err);
	if (failed < 0)
		log_text(LOG_LEVEL_ERROR, "spool-failed", "%s", err.text);
	for (size_t i = 0; i < kept_n; i++) {
		if (failed < 0) {
			park(k, kept[i]);
			continue;
		}
		ticket_answer(kept[i], accept_it);
		ticket_log(LOG_LEVEL_WARNING, messages[i], "spooled",
		    k->behind ? "what is in the spool goes first"
			      : "the store fails");
		ticket_release(kept[i]);
	}
}

/* The database was set aside: what was brought into it is to come again. */
static void
say_notice(void *context, const char *sentence)
{
	struct keeper *k = context;
	log_text(LOG_LEVEL_ERROR, "database", "%s", sentence);
	spool_rewind(k->spool);
}

static size_t
measure_all(
    void *context, const struct message *message, struct measure *measures)
{
	return policy_measure(context, message, measures);
}

int
keeper_refill(struct store *store, const struct settings *settings,
    store_refill_fn *measure, const void *context, struct err *err)
{
	union {
		const void *in;
		void *out;
	} c = {.in = context}; /* the callback only reads it */
	return settings->longest_window_secs == 0
		   ? 0
		   : store_refill(store, settings->longest_window_secs, measure,
			 c.out, err);
}

/* Opens the store and fills its windows. Returns 0, or what store_open does. */
static int
open_store(struct keeper *k, bool check, struct err *err)
{
	const bool damaged = k->damaged;
	k->damaged = false; /* else it is found so again */
	if (damaged && store_set_aside(k->path, say_notice, k, err) < 0)
		return STORE_LATER;
	int failed = store_open(k->path, check, say_notice, k, &k->store, err);
	if (failed < 0)
		return failed;
	store_set_patience(k->store, RETRY_PATIENCE_MS);
	return store_probe(k->store, err) < 0 ||
		       keeper_refill(k->store, k->settings, measure_all,
			   k->settings, err) < 0
		   ? STORE_LATER
		   : 0;
}

/* Opens the store if it is not open, and brings in what was kept aside, or a
 * slice of it. Returns 0 with keeper_works, or not yet; or what store_open
 * returns. */
static int
start_store(struct keeper *k, bool check, struct err *err)
{
	int failed = k->store == NULL ? open_store(k, check, err) : 0;
	int more = failed < 0 ? -1 : replay_spool(k, err);
	if (more < 0 || (more == 0 && replay_parked(k, err) < 0)) {
		if (k->store != NULL)
			suspect(k);
		store_close(&k->store);
		k->behind = false;
		return failed < 0 ? failed : STORE_LATER;
	}
	if (more > 0 && !k->behind)
		log_text(LOG_LEVEL_NOTICE, "spool-replay",
		    "the spool is long: new messages go behind it until it is "
		    "in the database");
	k->behind = more > 0;
	if (!k->behind)
		store_set_patience(k->store, STORE_PATIENCE_MS);
	return 0;
}

static void
say_works_again(struct keeper *k)
{
	struct err err;
	char secs[24];
	if (k->failed_at == 0)
		return; /* only the spool was long */
	snprintf(secs, sizeof(secs), "%lld",
	    (long long)(clock_tick() - k->failed_at));
	log_event(LOG_LEVEL_NOTICE, "event", "store-works-again", "after_secs",
	    secs, NULL);
	k->failed_at = 0;
	k->said.text[0] = '\0';
	if (store_note_failure(k->store, &err) < 0)
		log_text(LOG_LEVEL_WARNING, "store", "%s", err.text);
}

static void
try_store(struct keeper *k)
{
	struct err err = {""};
	const int64_t now = clock_tick();
	if (start_store(k, false, &err) == 0) {
		if (!k->behind) {
			say_works_again(k);
			k->mail_queued(k->context);
		}
		return;
	}
	k->next_try = now + KEEPER_RETRY_SECS;
	/* The reason may be another one than what broke it. */
	if (now >= k->next_remark || strcmp(err.text, k->said.text) != 0) {
		log_text(
		    LOG_LEVEL_ERROR, "store-still-failing", "%s", err.text);
		k->next_remark = now + KEEPER_REMIND_SECS;
		k->said = err;
	}
}

/* A spool that could not be read, while the store works. */
static void
try_spool(struct keeper *k)
{
	struct err err;
	if (!keeper_works(k) || !spool_has_messages(k->spool) ||
	    clock_tick() < k->next_spool_try)
		return;
	int more = replay_spool(k, &err);
	if (more < 0)
		keeper_fail(k, err.text);
	else
		k->behind = more > 0;
}

static struct verdict
verdict_of(const struct entry *entry)
{
	const struct decision *d = &entry->decision;
	if (d->action == ACTION_LOG)
		return accept_it;
	return (struct verdict){.action = d->action,
	    .rule = &entry->settings->rules[entry->measures[d->measure].rule]};
}

/* The record shall say what was done, not what should have been. */
static void
note_outcome(struct keeper *k, struct entry *entry, enum action outcome)
{
	struct err err;
	if (store_note_outcome(k->store, entry, outcome, &err) < 0)
		keeper_fail(k, err.text);
}

/* The session has answered by on_failure while the message was saved. */
static void
answer_is_late(struct keeper *k, struct ticket *ticket)
{
	struct entry *entry = &ticket->entry;
	const enum action outcome =
	    atomic_load(&ticket->state) == TICKET_TAKEN_BACK ? ACTION_DEFER
							     : ACTION_LOG;
	if (k->store == NULL || entry->trial != NULL ||
	    entry->decision.action == outcome)
		return;
	ticket_log(LOG_LEVEL_WARNING, entry->message, "not-acted",
	    outcome == ACTION_LOG
		? "the answer came too late: the mail went on although a rule "
		  "says otherwise"
		: "the answer came too late: the MTA was told to try again");
	note_outcome(k, entry, outcome);
}

/* ------------------------------------------------------------ from outside */

bool
keeper_works(const struct keeper *k)
{
	return k->store != NULL && !k->behind;
}

void
keeper_take(struct keeper *k, struct ticket **tickets, size_t n)
{
	struct entry *entries[KEEPER_BATCH_MAX];
	for (size_t i = 0; i < n; i++)
		entries[i] = &tickets[i]->entry;
	struct err err;
	if (keeper_works(k) && batch_save(k->store, entries, n, NULL, &err) < 0)
		keeper_fail(k, err.text);
	if (!keeper_works(k)) {
		keep_aside(k, tickets, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (!ticket_answer(tickets[i], verdict_of(entries[i])))
			answer_is_late(k, tickets[i]);
	if (batch_report(entries, n))
		k->mail_queued(k->context);
	for (size_t i = 0; i < n; i++)
		ticket_release(tickets[i]);
}

void
keeper_note_not_held(struct keeper *k, struct ticket *ticket)
{
	if (k->store != NULL)
		note_outcome(k, &ticket->entry, ACTION_DEFER);
	ticket_release(ticket);
}

void
keeper_retry(struct keeper *k)
{
	if (k->behind || (k->store == NULL && clock_tick() >= k->next_try))
		try_store(k);
	try_spool(k);
}

int
keeper_init(struct keeper *k, struct err *err)
{
	k->path = strdup(k->settings->database);
	if (k->path == NULL)
		return err_set(err, "memory is out");
	if (spool_init(k->settings->spool, &k->spool, err) < 0)
		return -1;
	int failed = start_store(k, true, err);
	if (failed != STORE_LATER)
		return failed;
	log_text(LOG_LEVEL_ERROR, "store-failed", "%s", err->text);
	k->failed_at = clock_tick();
	return 0;
}

/* The last chance for what waits in memory. */
static void
spool_parked(struct keeper *k)
{
	for (struct ticket *t; (t = ticket_list_take(&k->parked)) != NULL;) {
		const struct message *message = t->entry.message;
		struct err err;
		if (spool_append(k->spool, &message, 1, &err) < 0)
			ticket_log(
			    LOG_LEVEL_ERROR, message, "only-in-log", err.text);
		ticket_release(t);
	}
}

void
keeper_deinit(struct keeper *k)
{
	spool_parked(k);
	store_close(&k->store);
	spool_deinit(&k->spool);
	free(k->path);
	k->path = NULL;
}
