/*
 * recorder.c: the one writer.
 *
 *     sessions ─► tickets ─┐
 *     others   ─► jobs    ─┴► the thread ─► keeper ─► answers
 *
 * keeper.c has the store and what stands in for it; batch.c the way of some
 * messages through store and policy.
 */
#include "bulkwatch/recorder.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/policy.h"
#include "keeper.h"

/* Memory for messages that wait for a disk that hangs. */
#define WAITING_BYTES_MAX (INT64_C(128) << 20)

#define REMARK_SECS 60

/* Jobs with a deadline that may wait for a disk that hangs. */
#define TIMED_JOBS_MAX 64

struct job {
	struct job *next;
	recorder_job_fn *run;
	void *context;
	bool even_without_store; /* it is given NULL then */
	bool timed;              /* the first member of a timed_job */
	struct err *err;
	int result;
	sem_t done;
};

/* A job whose caller may not wait for its end. It has two holders, the caller
 * and the recorder; the last one to release it frees it. */
struct timed_job {
	struct job job;
	atomic_int holders;
	struct err err;
	max_align_t context[]; /* a copy */
};

struct recorder {
	pthread_t thread;
	pthread_mutex_t mutex; /* guards what follows, up to the next comment */
	pthread_cond_t work;
	struct ticket_list waiting;
	struct job *jobs;
	int timed_jobs; /* of them: timed */
	bool stop;
	/* the thread's own */
	struct keeper keeper;
	int64_t next_remark; /* tick: when a job that fails is logged again */
};

/* -------------------------------------------------------------- the thread */

/* Hands a batch to the keeper, but for what was taken back meanwhile. */
static void
process(struct recorder *r, struct ticket_list *batch)
{
	struct ticket *tickets[KEEPER_BATCH_MAX];
	size_t n = 0;
	for (struct ticket *t; (t = ticket_list_take(batch)) != NULL;) {
		const enum ticket_state state = atomic_load(&t->state);
		if (state == TICKET_NOT_HELD) {
			keeper_note_not_held(&r->keeper, t);
			continue;
		}
		t->entry.gone = state == TICKET_GIVEN_UP;
		if (state == TICKET_TAKEN_BACK)
			ticket_release(t);
		else
			tickets[n++] = t;
	}
	if (n > 0)
		keeper_take(&r->keeper, tickets, n);
}

/* Nobody else says so; a job that fails each second says it each minute. */
static void
job_failed(struct recorder *r, const char *sentence)
{
	if (store_is_damaged(r->keeper.store)) {
		keeper_fail(&r->keeper, sentence);
		return;
	}
	const int64_t now = clock_tick();
	if (now < r->next_remark)
		return;
	log_text(LOG_LEVEL_ERROR, "database", "%s", sentence);
	r->next_remark = now + REMARK_SECS;
}

static void
timed_job_release(struct timed_job *timed)
{
	if (atomic_fetch_sub(&timed->holders, 1) > 1)
		return;
	sem_destroy(&timed->job.done);
	free(timed);
}

static void
run_job(struct recorder *r, struct job *job)
{
	struct keeper *k = &r->keeper;
	if (!keeper_works(k) && !job->even_without_store)
		job->result =
		    err_set(job->err, "the database does not work now");
	else
		job->result = job->run(k->store, job->context, job->err);
	if (job->result < 0 && k->store != NULL)
		job_failed(r, job->err->text);
	/* One that is not timed is gone as soon as its caller knows. */
	struct timed_job *timed = job->timed ? (struct timed_job *)job : NULL;
	sem_post(&job->done);
	if (timed != NULL)
		timed_job_release(timed);
}

/* Waits until there is work or a failing store is due for a try. Moves up to a
 * batch of tickets and one job out. Returns false when all is done and the
 * thread shall end. */
static bool
take_work(struct recorder *r, struct ticket_list *batch_r, struct job **job_r)
{
	pthread_mutex_lock(&r->mutex);
	while (r->waiting.first == NULL && r->jobs == NULL && !r->stop) {
		if (r->keeper.behind)
			break;
		if (r->keeper.store != NULL) {
			pthread_cond_wait(&r->work, &r->mutex);
			continue;
		}
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += KEEPER_RETRY_SECS;
		pthread_cond_clockwait(
		    &r->work, &r->mutex, CLOCK_MONOTONIC, &until);
		break;
	}
	*batch_r = (struct ticket_list){0};
	if (r->waiting.n <= KEEPER_BATCH_MAX) {
		*batch_r = r->waiting;
		r->waiting = (struct ticket_list){0};
	} else {
		while (batch_r->n < KEEPER_BATCH_MAX)
			ticket_list_add(batch_r, ticket_list_take(&r->waiting));
	}
	*job_r = r->jobs;
	if (r->jobs != NULL) {
		r->timed_jobs -= r->jobs->timed;
		r->jobs = r->jobs->next;
	}
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
		keeper_retry(&r->keeper);
		process(r, &batch);
		if (job != NULL)
			run_job(r, job);
	}
	return NULL;
}

/* ------------------------------------------------------------ from outside */

/* Puts the ticket at the end of those that wait. Returns false if there is no
 * room. */
static bool
hand_over(struct recorder *r, struct ticket *ticket)
{
	pthread_mutex_lock(&r->mutex);
	const bool idle = r->waiting.first == NULL;
	const bool full = r->waiting.bytes >= WAITING_BYTES_MAX;
	if (!full)
		ticket_list_add(&r->waiting, ticket);
	pthread_mutex_unlock(&r->mutex);
	if (idle && !full)
		pthread_cond_signal(&r->work);
	return !full;
}

/* Waits for the recorder. Returns false after the deadline. */
static bool
wait_in_time(sem_t *done)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RECORDER_DEADLINE_SECS;
	int late;
	do
		late = sem_clockwait(done, CLOCK_MONOTONIC, &until);
	while (late < 0 && errno == EINTR);
	return late == 0;
}

/* What is answered without the recorder. */
static struct verdict
on_failure(const struct settings *settings)
{
	return (struct verdict){
	    .action = settings->on_failure == ON_FAILURE_DEFER ? ACTION_DEFER
							       : ACTION_LOG};
}

/* given: the message as it was handed over. The recorder may be giving the
 * ticket's its number at this moment. */
static struct verdict
answer_of(struct ticket *ticket, const struct message *given)
{
	if (wait_in_time(&ticket->done))
		return ticket->verdict;
	const struct verdict verdict = on_failure(ticket->entry.settings);
	const bool again = verdict.action == ACTION_DEFER;
	if (!ticket_give_up(
		ticket, again ? TICKET_TAKEN_BACK : TICKET_GIVEN_UP))
		return ticket->verdict; /* it came after all */
	ticket_log(LOG_LEVEL_ERROR, given, "answered-late",
	    again ? "the disk does not answer: the MTA was told to try again"
		  : "the disk does not answer: the mail goes on, the message "
		    "waits in memory");
	return verdict;
}

struct verdict
recorder_record(struct recorder *r, struct arena *arena,
    const struct settings *settings, struct message *message, bool can_hold)
{
	struct ticket *ticket = ticket_new(arena, settings, message);
	if (ticket == NULL) {
		ticket_log(LOG_LEVEL_ERROR, message, "only-in-log",
		    "memory is out: this line is all there is of the message");
		arena_free(arena);
		return on_failure(settings);
	}
	ticket->entry.can_hold = can_hold;
	const struct message given = *message;
	struct verdict verdict;
	if (hand_over(r, ticket)) {
		verdict = answer_of(ticket, &given);
	} else {
		/* The recorder has hung for long, and memory is not endless. */
		verdict = on_failure(settings);
		ticket_log(LOG_LEVEL_ERROR, message, "only-in-log",
		    "the disk does not answer and memory is full: this line "
		    "is all there is of the message");
		ticket_release(ticket);
	}
	verdict.ticket = verdict.action == ACTION_HOLD ? ticket : NULL;
	if (verdict.ticket == NULL)
		ticket_release(ticket);
	return verdict;
}

void
recorder_settle_hold(struct recorder *r, struct verdict *verdict, bool held)
{
	struct ticket *ticket = verdict->ticket;
	verdict->ticket = NULL;
	if (ticket == NULL)
		return;
	if (!held) {
		atomic_store(&ticket->state, TICKET_NOT_HELD);
		ticket_log(LOG_LEVEL_ERROR, ticket->entry.message, "hold",
		    "the MTA did not take the order to hold a mail; it was "
		    "told to try again");
	}
	if (held || !hand_over(r, ticket))
		ticket_release(ticket);
}

/* Puts the job at the end of those that wait. Returns false if there is no
 * room: nothing bounds how many sessions come while the disk hangs. */
static bool
hand_job_over(struct recorder *r, struct job *job)
{
	pthread_mutex_lock(&r->mutex);
	const bool full = job->timed && r->timed_jobs >= TIMED_JOBS_MAX;
	struct job **end = &r->jobs;
	while (*end != NULL)
		end = &(*end)->next;
	if (!full) {
		*end = job;
		r->timed_jobs += job->timed;
	}
	pthread_mutex_unlock(&r->mutex);
	if (!full)
		pthread_cond_signal(&r->work);
	return !full;
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
	hand_job_over(r, &job);
	while (sem_wait(&job.done) < 0)
		continue; /* EINTR */
	sem_destroy(&job.done);
	return job.result;
}

int
recorder_call(
    struct recorder *r, recorder_job_fn *job, void *context, struct err *err)
{
	return call(r, job, context, false, err);
}

static struct timed_job *
timed_job_new(recorder_job_fn *fn, const void *context, size_t bytes)
{
	struct timed_job *timed = malloc(sizeof(*timed) + bytes);
	if (timed == NULL)
		return NULL;
	timed->job = (struct job){.run = fn,
	    .context = timed->context,
	    .timed = true,
	    .err = &timed->err};
	memcpy(timed->context, context, bytes);
	sem_init(&timed->job.done, 0, 0);
	atomic_init(&timed->holders, 2);
	return timed;
}

int
recorder_call_in_time(struct recorder *r, recorder_job_fn *fn,
    const void *context, size_t context_bytes, struct err *err)
{
	struct timed_job *timed = timed_job_new(fn, context, context_bytes);
	if (timed == NULL)
		return err_set(err, "memory is out");
	int result = -1;
	if (!hand_job_over(r, &timed->job)) {
		err_set(err, "the disk does not answer, and too many wait");
		timed_job_release(timed);
	} else if (!wait_in_time(&timed->job.done)) {
		err_set(err, "the disk does not answer");
	} else {
		result = timed->job.result;
		if (result < 0)
			*err = timed->err;
	}
	timed_job_release(timed);
	return result;
}

/* A reload, and the rules that are new in it. */
struct new_rules {
	struct recorder *recorder;
	const struct settings *before, *now;
	struct store_refill refill;
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
measure_new(
    void *context, const struct message *message, struct measure *measures)
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
	(void)store;
	(void)err;
	rules->before = rules->recorder->keeper.settings;
	rules->recorder->keeper.settings = settings_ref(rules->now);
	return 0;
}

static bool
has_new_window(const struct new_rules *rules)
{
	for (size_t i = 0; i < rules->now->rules_n; i++)
		if (rules->now->rules[i].window_secs > 0 &&
		    !had_rule(
			rules->before, policy_rule_id(&rules->now->rules[i])))
			return true;
	return false;
}

/* A step of it: mail has its turn in between. */
static int
fill_new_windows(struct store *store, void *context, struct err *err)
{
	struct new_rules *rules = context;
	if (store != NULL)
		return store_refill_step(
		    store, &rules->refill, measure_new, rules, err);
	/* They are filled when it is opened again. */
	rules->refill.is_done = true;
	return 0;
}

void
recorder_set_settings(struct recorder *r, const struct settings *settings)
{
	struct new_rules rules = {.recorder = r, .now = settings};
	struct err err;
	int failed = call(r, change_settings, &rules, true, &err);
	rules.refill = store_refill_begin(settings->longest_window_secs);
	rules.refill.is_done = !has_new_window(&rules);
	while (failed == 0 && !rules.refill.is_done)
		failed = call(r, fill_new_windows, &rules, true, &err);
	if (failed < 0)
		log_text(LOG_LEVEL_WARNING, "windows", "%s", err.text);
	settings_unref(&rules.before);
}

struct damage {
	struct keeper *keeper;
	const char *path;
	ino_t file;
	const char *sentence;
};

static int
note_damage(struct store *store, void *context, struct err *err)
{
	const struct damage *damage = context;
	struct stat st;
	if (store == NULL)
		return 0; /* it will be opened anew, and checked again */
	if (stat(damage->path, &st) < 0 || st.st_ino != damage->file)
		return 0; /* another file has taken its place */
	store_mark_damaged(store);
	damage->keeper->suspected_at = clock_tick(); /* it is certain */
	return err_set(err, "%s", damage->sentence);
}

void
recorder_report_damage(struct recorder *r, ino_t file, const char *sentence)
{
	struct damage damage = {.keeper = &r->keeper,
	    .path = r->keeper.path,
	    .file = file,
	    .sentence = sentence};
	struct err err;
	call(r, note_damage, &damage, true, &err);
}

/* ---------------------------------------------------------------- lifetime */

static void
recorder_free(struct recorder *r)
{
	keeper_deinit(&r->keeper);
	settings_unref(&r->keeper.settings);
	pthread_cond_destroy(&r->work);
	pthread_mutex_destroy(&r->mutex);
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
	r->keeper.settings = settings_ref(options->settings);
	r->keeper.mail_queued = options->alert_queued;
	r->keeper.context = options->context;
	int failed = keeper_init(&r->keeper, err);
	if (failed == 0 &&
	    (errno = pthread_create(&r->thread, NULL, run, r)) != 0)
		failed = err_sys(err, "the recorder's thread");
	if (failed < 0) {
		recorder_free(r);
		return -1;
	}
	*recorder_r = r;
	return 0;
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
	recorder_free(r);
	*recorder = NULL;
}
