/*
 * recorder.c: the one writer.
 *
 *     sessions ─► tickets ─┐
 *     others   ─► jobs    ─┴► the thread ─► store ─► answers
 *                                  └ (store fails) ─► spool, else memory
 *
 * The store is NULL while it fails; that is the whole of the failure state.
 * What is in the spool or parked in memory is older than what waits, so it is
 * brought in before the store counts as working again.
 */
#include "bulkwatch/recorder.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/json.h"
#include "bulkwatch/log.h"
#include "bulkwatch/policy.h"
#include "bulkwatch/spool.h"

/* Messages in one transaction at most. */
#define BATCH_MAX 256

/* Messages kept in memory when spool and store both fail. Some kilobytes each;
 * beyond that the log alone has them. */
#define PARKED_MAX 20000

/* How often a store that fails is tried, how long such a try may wait for a
 * lock, and how often the log says that it goes on. */
#define RETRY_SECS 1
#define RETRY_PATIENCE_MS 100
#define REMIND_SECS 60

/* How often a spool that cannot be read is tried while the store works. */
#define SPOOL_RETRY_SECS 60

/* A message on its way. It lives in its own arena and has two holders: the
 * session that waits, and the recorder. */
struct ticket {
	struct ticket *next;
	struct entry entry;
	sem_t done;
	atomic_int holders;
	atomic_bool withdrawn; /* the MTA was told to try again: do not count */
	enum verdict verdict;
};

struct job {
	struct job *next;
	recorder_job_fn *run;
	void *context;
	bool even_without_store; /* it is given NULL then */
	struct err *err;
	int result;
	sem_t done;
};

struct ticket_list {
	struct ticket *first, *last;
	size_t n;
};

struct recorder {
	pthread_t thread;
	pthread_mutex_t mutex; /* guards what follows, up to the next comment */
	pthread_cond_t work;
	struct ticket_list waiting;
	struct job *jobs;
	bool stop;
	/* the thread's own */
	const struct settings *settings;
	char *path;
	struct store *store; /* NULL while it fails */
	bool damaged;        /* set the file aside before trying again */
	struct spool *spool;
	struct ticket_list parked;
	bool refused; /* the store failed at what was to be brought in */
	int64_t failed_at, next_try, next_remark, next_spool_try; /* ticks */
	void (*alert_queued)(void *context);
	void *context;
};

/* ----------------------------------------------------------------- tickets */

static void
list_add(struct ticket_list *list, struct ticket *ticket)
{
	ticket->next = NULL;
	if (list->first == NULL)
		list->first = ticket;
	else
		list->last->next = ticket;
	list->last = ticket;
	list->n++;
}

static struct ticket *
list_take(struct ticket_list *list)
{
	struct ticket *ticket = list->first;
	if (ticket == NULL)
		return NULL;
	list->first = ticket->next;
	list->n--;
	return ticket;
}

static void
ticket_release(struct ticket *ticket)
{
	if (atomic_fetch_sub(&ticket->holders, 1) > 1)
		return;
	sem_destroy(&ticket->done);
	settings_unref(&ticket->entry.settings);
	arena_free(ticket->entry.arena);
}

static struct ticket *
ticket_new(struct arena *arena, const struct settings *settings,
    struct message *message)
{
	struct ticket *ticket = arena_alloc(arena, sizeof(*ticket));
	struct measure *measures =
	    arena_alloc(arena, settings->rules_n * sizeof(struct measure));
	if (ticket == NULL || measures == NULL)
		return NULL;
	ticket->entry = (struct entry){.arena = arena,
	    .settings = settings_ref(settings),
	    .message = message,
	    .measures = measures,
	    .measures_n = policy_measure(settings, message, measures)};
	sem_init(&ticket->done, 0, 0);
	atomic_init(&ticket->holders, 2);
	return ticket;
}

static void
answer(struct ticket *ticket, enum verdict verdict)
{
	ticket->verdict = verdict;
	sem_post(&ticket->done);
}

/* The whole record, so that it can be brought back from the log alone. */
static void
log_record(enum log_level level, const struct message *message,
    const char *event, const char *text)
{
	char *line = json_message(message);
	log_event(level, "queue_id", message->queue_id, "event", event, "text",
	    text, "record", line == NULL ? "(memory is out)" : line, NULL);
	free(line);
}

/* ------------------------------------------------------- the store at work */

static void
log_bulk_send(const struct entry *e)
{
	const struct measure *m = &e->measures[e->decision.measure];
	char id[24], messages[24], recipients[24], distinct[24];
	snprintf(id, sizeof(id), "%lld", (long long)e->bulk_send);
	snprintf(messages, sizeof(messages), "%u", e->send_messages);
	snprintf(recipients, sizeof(recipients), "%u", e->send_recipients);
	snprintf(distinct, sizeof(distinct), "%u", e->send_distinct);
	log_event(LOG_LEVEL_NOTICE, "queue_id", e->message->queue_id, "event",
	    "bulk-send", "id", id, "sender", m->who, "identity",
	    record_identity_name(m->identity), "rule",
	    e->settings->rules[m->rule].name, "messages", messages,
	    "recipients", recipients, "distinct", distinct, "client",
	    e->message->client, "subject", e->message->subject, NULL);
}

/* Who shall be told of a trigger that is recorded. */
static int
queue_mail(struct store *store, struct entry *e,
    const struct declaration *declarations, size_t n, struct err *err)
{
	const struct declaration *of_send = NULL;
	for (size_t i = 0; i < n; i++)
		if (declarations[i].id == e->send_declaration)
			of_send = &declarations[i];
	enum alert_kind kind;
	if (!e->alerted &&
	    policy_alert(&e->decision, of_send, e->declared_used,
		e->message->at_ms, &kind) &&
	    store_queue_alert(store, e, kind, err) < 0)
		return -1;
	const char *to = e->opened && e->decision.declaration == NULL
	    ? policy_notice_to(e->settings, e->message)
	    : NULL;
	return to == NULL ? 0 : store_queue_notice(store, e, to, err);
}

static int
record_trigger(struct store *store, struct entry *e, struct err *err)
{
	struct declaration *declarations;
	size_t n;
	if (store_declarations_at(store, e->arena, e->message->at_ms,
		&declarations, &n, err) < 0)
		return -1;
	policy_apply_declaration(&e->decision, declarations, n,
	    e->measures[e->decision.measure].who, e->message->at_ms);
	if (store_bulk(store, e, err) < 0)
		return -1;
	return queue_mail(store, e, declarations, n, err);
}

/* One transaction for all. Returns 0, or -1 with a sentence: nothing of it is
 * in the database then. */
static int
save(struct store *store, struct entry *const *entries, size_t n,
    struct err *err)
{
	int failed = store_begin(store, err);
	if (failed == 0)
		failed = store_count(store, entries, n, err);
	for (size_t i = 0; i < n && failed == 0; i++) {
		struct entry *e = entries[i];
		policy_decide(
		    e->settings, e->measures, e->measures_n, &e->decision);
		if (e->decision.matched)
			failed = record_trigger(store, e, err);
	}
	if (failed == 0)
		failed = store_commit(store, err);
	if (failed < 0)
		store_rollback(store);
	return failed;
}

/* What is said and done about a batch that is in the database. */
static void
report(struct recorder *r, struct entry *const *entries, size_t n)
{
	bool alert = false;
	for (size_t i = 0; i < n; i++) {
		if (entries[i]->opened)
			log_bulk_send(entries[i]);
		alert = alert || entries[i]->alert_queued;
	}
	if (alert)
		r->alert_queued(r->context);
}

static void
store_failed(struct recorder *r, const char *sentence)
{
	log_text(LOG_LEVEL_ERROR, "store-failed",
	    "%s; mail goes on by on_failure, messages are kept for the "
	    "database",
	    sentence);
	r->damaged = r->damaged || store_is_damaged(r->store);
	store_close(&r->store);
	r->failed_at = clock_tick();
	r->next_try = r->failed_at + RETRY_SECS;
	r->next_remark = r->failed_at + REMIND_SECS;
}

/* ----------------------------------------------------- while the store fails */

static void
park(struct recorder *r, struct ticket *ticket)
{
	const struct message *message = ticket->entry.message;
	if (r->parked.n >= PARKED_MAX) {
		log_record(LOG_LEVEL_ERROR, message, "only-in-log",
		    "store and spool fail and memory is full: this line is "
		    "all there is of the message");
		answer(ticket, VERDICT_ACCEPT);
		ticket_release(ticket);
		return;
	}
	log_record(LOG_LEVEL_ERROR, message, "kept-in-memory",
	    "store and spool fail: the message waits in memory");
	answer(ticket, VERDICT_ACCEPT);
	list_add(&r->parked, ticket);
}

/* Puts tickets where they are safe without the store; releases or parks them. */
static void
keep_aside(struct recorder *r, struct ticket **tickets, size_t n)
{
	const struct message *messages[BATCH_MAX];
	struct ticket *kept[BATCH_MAX];
	size_t kept_n = 0;
	for (size_t i = 0; i < n; i++) {
		struct entry *e = &tickets[i]->entry;
		if (e->settings->on_failure == ON_FAILURE_ACCEPT) {
			messages[kept_n] = e->message;
			kept[kept_n++] = tickets[i];
			continue;
		}
		log_record(LOG_LEVEL_WARNING, e->message, "deferred",
		    "the store fails and on_failure is defer");
		answer(tickets[i], VERDICT_DEFER);
		ticket_release(tickets[i]);
	}
	if (kept_n == 0)
		return;
	struct err err;
	int failed = spool_append(r->spool, messages, kept_n, &err);
	if (failed < 0)
		log_text(LOG_LEVEL_ERROR, "spool-failed", "%s", err.text);
	for (size_t i = 0; i < kept_n; i++) {
		if (failed < 0) {
			park(r, kept[i]);
			continue;
		}
		answer(kept[i], VERDICT_ACCEPT);
		log_record(LOG_LEVEL_WARNING, messages[i], "spooled",
		    "the store fails");
		ticket_release(kept[i]);
	}
}

static int
bring_in(struct recorder *r, struct entry *const *entries, size_t n)
{
	struct err err;
	if (save(r->store, entries, n, &err) < 0) {
		r->refused = true;
		r->damaged = r->damaged || store_is_damaged(r->store);
		log_text(LOG_LEVEL_ERROR, "replay-failed", "%s", err.text);
		return -1;
	}
	report(r, entries, n);
	return 0;
}

/* The tick at which a spooled message was sent, by the wall clock: its own may
 * be of an earlier boot. One of the future counts as now. */
static int64_t
tick_by_wall(int64_t at_ms)
{
	int64_t now = clock_tick(), age_secs = (clock_wall_ms() - at_ms) / 1000;
	if (age_secs > now)
		return 0;
	return now - (age_secs > 0 ? age_secs : 0);
}

static int
bring_in_spooled(
    void *context, struct arena *arena, struct message **messages, size_t n)
{
	struct recorder *r = context;
	struct entry **entries = arena_alloc(arena, n * sizeof(*entries));
	for (size_t i = 0; entries != NULL && i < n; i++) {
		struct entry *e = arena_alloc(arena, sizeof(*e));
		struct measure *m =
		    arena_alloc(arena, r->settings->rules_n * sizeof(*m));
		if (e == NULL || m == NULL)
			return -1;
		messages[i]->tick = tick_by_wall(messages[i]->at_ms);
		*e = (struct entry){.arena = arena,
		    .settings = r->settings,
		    .message = messages[i],
		    .measures = m,
		    .measures_n = policy_measure(r->settings, messages[i], m)};
		entries[i] = e;
	}
	return entries == NULL ? -1 : bring_in(r, entries, n);
}

static void
say_bad_line(void *context, const char *sentence)
{
	(void)context;
	log_text(LOG_LEVEL_ERROR, "spool-line-rejected", "%s", sentence);
}

/* Brings in what the spool holds. A spool that cannot be read is said, and tried
 * again later: the store works without it. Returns 0, or -1 if the store
 * failed. */
static int
empty_spool(struct recorder *r, struct err *err)
{
	r->refused = false;
	if (!spool_has_messages(r->spool) ||
	    spool_replay(r->spool, bring_in_spooled, r, say_bad_line, err) == 0)
		return 0;
	if (r->refused)
		return -1;
	log_text(LOG_LEVEL_ERROR, "spool-failed",
	    "%s; what it holds is not in the database yet", err->text);
	r->next_spool_try = clock_tick() + SPOOL_RETRY_SECS;
	return 0;
}

static int
bring_in_parked(struct recorder *r)
{
	while (r->parked.first != NULL) {
		struct entry *entry = &r->parked.first->entry;
		if (bring_in(r, &entry, 1) < 0)
			return -1;
		ticket_release(list_take(&r->parked));
	}
	return 0;
}

/* The database was set aside: what was brought into it is to come again. */
static void
say_notice(void *context, const char *sentence)
{
	struct recorder *r = context;
	log_text(LOG_LEVEL_ERROR, "database", "%s", sentence);
	spool_rewind(r->spool);
}

static size_t
measure_all(void *context, const struct message *message,
    struct measure *measures)
{
	return policy_measure(context, message, measures);
}

static int
refill(struct store *store, const struct settings *settings,
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

/* Opens the store, fills its windows, brings in what was kept aside. Returns
 * 0, or what store_open returns. */
static int
start_store(struct recorder *r, bool check, struct err *err)
{
	if (r->damaged &&
	    store_set_aside(r->path, say_notice, r, err) < 0)
		return STORE_LATER;
	r->damaged = false;
	int failed =
	    store_open(r->path, check, say_notice, r, &r->store, err);
	if (failed < 0)
		return failed;
	store_set_patience(r->store, RETRY_PATIENCE_MS);
	if (store_probe(r->store, err) < 0 ||
	    refill(r->store, r->settings, measure_all, r->settings, err) < 0 ||
	    empty_spool(r, err) < 0 || bring_in_parked(r) < 0) {
		r->damaged = r->damaged || store_is_damaged(r->store);
		store_close(&r->store);
		return STORE_LATER;
	}
	store_set_patience(r->store, STORE_PATIENCE_MS);
	return 0;
}

static void
try_store(struct recorder *r)
{
	struct err err = {""};
	const int64_t now = clock_tick();
	if (start_store(r, false, &err) == 0) {
		char secs[24];
		snprintf(secs, sizeof(secs), "%lld",
		    (long long)(now - r->failed_at));
		log_event(LOG_LEVEL_NOTICE, "event", "store-works-again",
		    "after_secs", secs, NULL);
		if (store_note_failure(r->store, &err) < 0)
			log_text(LOG_LEVEL_WARNING, "store", "%s", err.text);
		r->alert_queued(r->context);
		return;
	}
	r->next_try = now + RETRY_SECS;
	if (now >= r->next_remark) {
		log_text(
		    LOG_LEVEL_ERROR, "store-still-failing", "%s", err.text);
		r->next_remark = now + REMIND_SECS;
	}
}

/* A spool that could not be read, while the store works. */
static void
try_spool(struct recorder *r)
{
	struct err err;
	if (r->store != NULL && spool_has_messages(r->spool) &&
	    clock_tick() >= r->next_spool_try && empty_spool(r, &err) < 0)
		store_failed(r, err.text);
}

/* -------------------------------------------------------------- the thread */

static void
process(struct recorder *r, struct ticket_list *batch)
{
	struct ticket *tickets[BATCH_MAX];
	struct entry *entries[BATCH_MAX];
	size_t n = 0;
	for (struct ticket *t; (t = list_take(batch)) != NULL;) {
		if (atomic_load(&t->withdrawn)) {
			ticket_release(t);
			continue;
		}
		entries[n] = &t->entry;
		tickets[n++] = t;
	}
	if (n == 0)
		return;
	struct err err;
	if (r->store != NULL && save(r->store, entries, n, &err) < 0)
		store_failed(r, err.text);
	if (r->store == NULL) {
		keep_aside(r, tickets, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		answer(tickets[i], VERDICT_ACCEPT);
	report(r, entries, n);
	for (size_t i = 0; i < n; i++)
		ticket_release(tickets[i]);
}

static void
run_job(struct recorder *r, struct job *job)
{
	if (r->store == NULL && !job->even_without_store)
		job->result =
		    err_set(job->err, "the database does not work now");
	else
		job->result = job->run(r->store, job->context, job->err);
	if (job->result < 0 && r->store != NULL && store_is_damaged(r->store))
		store_failed(r, job->err == NULL ? "damaged" : job->err->text);
	sem_post(&job->done);
}

/* Waits until there is work or a failing store is due for a try. Moves up to a
 * batch of tickets and one job out. Returns false when all is done and the
 * thread shall end. */
static bool
take_work(struct recorder *r, struct ticket_list *batch_r, struct job **job_r)
{
	pthread_mutex_lock(&r->mutex);
	while (r->waiting.first == NULL && r->jobs == NULL && !r->stop) {
		if (r->store != NULL) {
			pthread_cond_wait(&r->work, &r->mutex);
			continue;
		}
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += RETRY_SECS;
		pthread_cond_clockwait(
		    &r->work, &r->mutex, CLOCK_MONOTONIC, &until);
		break;
	}
	*batch_r = (struct ticket_list){0};
	if (r->waiting.n <= BATCH_MAX) {
		*batch_r = r->waiting;
		r->waiting = (struct ticket_list){0};
	} else {
		while (batch_r->n < BATCH_MAX)
			list_add(batch_r, list_take(&r->waiting));
	}
	*job_r = r->jobs;
	if (r->jobs != NULL)
		r->jobs = r->jobs->next;
	bool more = batch_r->n > 0 || *job_r != NULL || !r->stop;
	pthread_mutex_unlock(&r->mutex);
	return more;
}

static void *
run(void *context)
{
	struct recorder *r = context;
	struct ticket_list batch;
	struct job *job;
	while (take_work(r, &batch, &job)) {
		if (r->store == NULL && clock_tick() >= r->next_try)
			try_store(r);
		try_spool(r);
		process(r, &batch);
		if (job != NULL)
			run_job(r, job);
	}
	return NULL;
}

/* ------------------------------------------------------------ from outside */

enum verdict
recorder_record(struct recorder *r, struct arena *arena,
    const struct settings *settings, struct message *message)
{
	const enum verdict on_failure =
	    settings->on_failure == ON_FAILURE_DEFER ? VERDICT_DEFER
						     : VERDICT_ACCEPT;
	struct ticket *ticket = ticket_new(arena, settings, message);
	if (ticket == NULL) {
		log_record(LOG_LEVEL_ERROR, message, "only-in-log",
		    "memory is out: this line is all there is of the message");
		arena_free(arena);
		return on_failure;
	}
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RECORDER_DEADLINE_SECS;

	pthread_mutex_lock(&r->mutex);
	bool idle = r->waiting.first == NULL;
	list_add(&r->waiting, ticket);
	pthread_mutex_unlock(&r->mutex);
	if (idle)
		pthread_cond_signal(&r->work);

	int late;
	do
		late = sem_clockwait(&ticket->done, CLOCK_MONOTONIC, &until);
	while (late < 0 && errno == EINTR);
	enum verdict verdict = late < 0 ? on_failure : ticket->verdict;
	if (late < 0) {
		atomic_store(&ticket->withdrawn, verdict == VERDICT_DEFER);
		log_record(LOG_LEVEL_ERROR, message, "answered-late",
		    verdict == VERDICT_DEFER
			? "the disk does not answer: the MTA was told to try "
			  "again"
			: "the disk does not answer: the mail goes on, the "
			  "message waits in memory");
	}
	ticket_release(ticket);
	return verdict;
}

static int
call(struct recorder *r, recorder_job_fn *fn, void *context,
    bool even_without_store, struct err *err)
{
	struct job job = {.run = fn,
	    .context = context,
	    .even_without_store = even_without_store,
	    .err = err};
	sem_init(&job.done, 0, 0);
	pthread_mutex_lock(&r->mutex);
	struct job **end = &r->jobs;
	while (*end != NULL)
		end = &(*end)->next;
	*end = &job;
	pthread_mutex_unlock(&r->mutex);
	pthread_cond_signal(&r->work);
	while (sem_wait(&job.done) < 0)
		continue; /* EINTR */
	sem_destroy(&job.done);
	return job.result;
}

int
recorder_call(struct recorder *r, recorder_job_fn *job, void *context,
    struct err *err)
{
	return call(r, job, context, false, err);
}

/* A reload, and the rules that are new in it. */
struct new_rules {
	struct recorder *recorder;
	const struct settings *before, *now;
};

static bool
had_rule(const struct settings *settings, uint64_t rule_id)
{
	for (size_t i = 0; i < settings->rules_n; i++)
		if (policy_rule_id(&settings->rules[i]) == rule_id)
			return true;
	return false;
}

static size_t
measure_new(void *context, const struct message *message,
    struct measure *measures)
{
	const struct new_rules *rules = context;
	size_t n = policy_measure(rules->now, message, measures), kept = 0;
	for (size_t i = 0; i < n; i++)
		if (!had_rule(rules->before, measures[i].rule_id))
			measures[kept++] = measures[i];
	return kept;
}

/* Runs in the thread, which alone reads recorder->settings. */
static int
change_settings(struct store *store, void *context, struct err *err)
{
	struct new_rules *rules = context;
	rules->before = rules->recorder->settings;
	rules->recorder->settings = settings_ref(rules->now);
	/* Windows of a store that fails are filled when it is opened again. */
	for (size_t i = 0; store != NULL && i < rules->now->rules_n; i++)
		if (!had_rule(rules->before,
			policy_rule_id(&rules->now->rules[i])))
			return refill(
			    store, rules->now, measure_new, rules, err);
	return 0;
}

void
recorder_set_settings(struct recorder *r, const struct settings *settings)
{
	struct new_rules rules = {.recorder = r, .now = settings};
	struct err err;
	if (call(r, change_settings, &rules, true, &err) < 0)
		log_text(LOG_LEVEL_WARNING, "windows", "%s", err.text);
	settings_unref(&rules.before);
}

static int
note_damage(struct store *store, void *context, struct err *err)
{
	const char *const *sentence = context;
	if (store == NULL)
		return 0; /* it will be opened anew, and checked again */
	store_mark_damaged(store);
	return err_set(err, "%s", *sentence);
}

void
recorder_report_damage(struct recorder *r, const char *sentence)
{
	struct err err;
	call(r, note_damage, &sentence, true, &err);
}

/* ---------------------------------------------------------------- lifetime */

static void
recorder_free(struct recorder *r)
{
	store_close(&r->store);
	spool_deinit(&r->spool);
	settings_unref(&r->settings);
	pthread_cond_destroy(&r->work);
	pthread_mutex_destroy(&r->mutex);
	free(r->path);
	free(r);
}

int
recorder_init(const struct recorder_options *options,
    struct recorder **recorder_r, struct err *err)
{
	struct recorder *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return err_set(err, "memory is out");
	pthread_mutex_init(&r->mutex, NULL);
	pthread_cond_init(&r->work, NULL);
	r->settings = settings_ref(options->settings);
	r->alert_queued = options->alert_queued;
	r->context = options->context;
	r->path = strdup(options->settings->database);
	int failed = r->path == NULL
	    ? err_set(err, "memory is out")
	    : spool_init(options->settings->spool, &r->spool, err);
	if (failed == 0)
		failed = start_store(r, true, err);
	if (failed == STORE_LATER) {
		log_text(LOG_LEVEL_ERROR, "store-failed", "%s", err->text);
		r->failed_at = clock_tick();
		failed = 0;
	}
	if (failed == 0 && pthread_create(&r->thread, NULL, run, r) != 0)
		failed = err_set(err, "the recorder's thread cannot be made");
	if (failed < 0) {
		recorder_free(r);
		return -1;
	}
	*recorder_r = r;
	return 0;
}

/* The last chance for what waits in memory. */
static void
spool_parked(struct recorder *r)
{
	for (struct ticket *t; (t = list_take(&r->parked)) != NULL;) {
		const struct message *message = t->entry.message;
		struct err err;
		if (spool_append(r->spool, &message, 1, &err) < 0)
			log_record(LOG_LEVEL_ERROR, message, "only-in-log",
			    err.text);
		ticket_release(t);
	}
}

void
recorder_deinit(struct recorder **recorder)
{
	struct recorder *r = *recorder;
	if (r == NULL)
		return;
	pthread_mutex_lock(&r->mutex);
	r->stop = true;
	pthread_mutex_unlock(&r->mutex);
	pthread_cond_signal(&r->work);
	pthread_join(r->thread, NULL);
	spool_parked(r);
	recorder_free(r);
	*recorder = NULL;
}
