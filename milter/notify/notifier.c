/*
 * notifier.c: the thread that delivers alerts.
 *
 * It goes in rounds: look what is due and what may go, have it delivered
 * (delivery.c), wait.
 */
#include "bulkwatch/notifier.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bulkwatch/clock.h"
#include "delivery.h"
#include "settle.h"

#define BACKOFF_FIRST_SECS 30
#define BACKOFF_MAX_SECS 3600
/* The store does not answer, or a mail failed. */
#define RETRY_SECS 5
/* Nothing to do: look again, because the wall clock may have been set. */
#define IDLE_SECS 60
#define HOUR_SECS 3600
/* Rows of one round, and so of one digest. Where that many wait, there are
 * more: they all go in digests, which takes minutes; one by one, as many as may
 * go in an hour, and a digest of the rest, would take a day for ten thousand. */
#define ROUND_MAX 500

struct notifier {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool woken; /* under lock */
	bool stop;  /* set under lock, read anywhere with __atomic_load_n */

	/* The thread's own. */
	struct delivery delivery;
	bool budget_filled;
	int64_t looked_tick; /* when it was looked what is due */
};

int64_t
notifier_backoff_secs(uint32_t attempts)
{
	int64_t secs = attempts == 0 ? 0 : BACKOFF_FIRST_SECS;
	for (uint32_t i = 1; i < attempts && secs < BACKOFF_MAX_SECS; i++)
		secs *= 2;
	return secs < BACKOFF_MAX_SECS ? secs : BACKOFF_MAX_SECS;
}

static bool
is_stopping(const struct notifier *notifier)
{
	return __atomic_load_n(&notifier->stop, __ATOMIC_RELAXED);
}

/* ---------------------------------------------------------------- rounds */

/* What went to the admins before this process began counts too. Wall times are
 * turned into ticks; where the wall clock was set meanwhile, as if it had just
 * gone. (Notices are counted anew: each sender gets one a day anyway.) */
static int
fill_budget(struct notifier *notifier)
{
	const struct outbox *outbox = &notifier->delivery.outbox;
	struct budget *budget = &notifier->delivery.admins.budget;
	const int64_t now_ms = clock_wall_ms(), now_tick = clock_tick();
	int64_t *times;
	size_t n;
	if (notifier->budget_filled)
		return 0;
	struct arena *arena = arena_new();
	int result = arena == NULL
			 ? -1
			 : outbox->sent_since(outbox->context, arena,
			       now_ms - (int64_t)HOUR_SECS * 1000, &times, &n);
	for (size_t i = 0; i < (result == 0 ? n : 0); i++) {
		int64_t age = (now_ms - times[i]) / 1000;
		if ((result = budget_reserve(budget)) < 0)
			break;
		budget_note(budget, now_tick - (age > 0 ? age : 0));
	}
	arena_free(arena);
	if (result < 0)
		budget->n = 0;
	notifier->budget_filled = result == 0;
	return result;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The rows for one kind of reader, one behind the other. */
struct rows {
	struct alert *items;
	size_t n;
};

/* Notices, or all but them. No rows when memory is out. */
static struct rows
pick(struct arena *arena, const struct rows *all, bool notices)
{
	struct rows picked = {
	    arena_alloc(arena, all->n * sizeof(*picked.items)), 0};
	for (size_t i = 0; i < all->n && picked.items != NULL; i++)
		if ((all->items[i].kind == ALERT_NOTICE) == notices)
			picked.items[picked.n++] = all->items[i];
	return picked;
}

/* Sends of the rows what may go. Returns seconds to wait; 0: go on at once. */
static int64_t
send_due(struct notifier *notifier, const struct settings *settings,
    struct arena *arena, const struct rows *due)
{
	struct delivery *delivery = &notifier->delivery;
	const int64_t now_tick = clock_tick();
	const size_t per_hour = settings->alerts.per_hour;
	const struct rows alerts = pick(arena, due, false);
	const struct rows notices = pick(arena, due, true);
	size_t left = lane_left(&delivery->admins, now_tick, per_hour);
	int64_t wait = due->n == 0 ? 1 : IDLE_SECS;
	if (alerts.n > 0 && left > 0)
		return delivery_send(
			   delivery, settings, alerts.items, alerts.n, left) < 0
			   ? RETRY_SECS
			   : 0;
	if (alerts.n > 0)
		wait = sooner(
		    wait, lane_wait(&delivery->admins, now_tick, per_hour));
	/* One at a time: an alert that came meanwhile goes before the next. */
	if (notices.n > 0 &&
	    lane_left(&delivery->senders, now_tick, per_hour) > 0)
		return delivery_notice(delivery, settings, notices.items) < 0
			   ? RETRY_SECS
			   : 0;
	if (notices.n > 0)
		wait = sooner(
		    wait, lane_wait(&delivery->senders, now_tick, per_hour));
	return wait;
}

/* Seconds until a mail may go; 0: now. While the admins' mails of the hour are
 * spent, notices are looked for once a second, and while the senders' are spent
 * too, nothing is read: bulk sends wake us one by one, and thousands may wait. */
static int64_t
wait_for_room(struct notifier *notifier, const struct settings *settings)
{
	struct delivery *delivery = &notifier->delivery;
	const int64_t now_tick = clock_tick();
	const size_t per_hour = settings->alerts.per_hour;
	if (lane_left(&delivery->admins, now_tick, per_hour) > 0)
		return 0;
	if (lane_left(&delivery->senders, now_tick, per_hour) > 0)
		return now_tick == notifier->looked_tick ? 1 : 0;
	return sooner(lane_wait(&delivery->admins, now_tick, per_hour),
	    lane_wait(&delivery->senders, now_tick, per_hour));
}

/* Looks what is due and sends what may go. Returns as above. */
static int64_t
round_with(struct notifier *notifier, const struct settings *settings)
{
	const struct outbox *outbox = &notifier->delivery.outbox;
	const int64_t now_ms = clock_wall_ms();
	int64_t next_ms;
	if (fill_budget(notifier) < 0)
		return RETRY_SECS;
	const int64_t spent = wait_for_room(notifier, settings);
	if (spent > 0)
		return spent;
	notifier->looked_tick = clock_tick();
	if (outbox->next_due(outbox->context, now_ms, &next_ms) < 0)
		return RETRY_SECS;
	if (next_ms == INT64_MAX || settings->alerts.to.n == 0)
		return IDLE_SECS;
	if (next_ms > now_ms)
		return sooner(IDLE_SECS, (next_ms - now_ms + 999) / 1000);
	struct arena *arena = arena_new();
	struct rows due = {NULL, 0};
	int64_t wait = RETRY_SECS;
	if (arena != NULL && outbox->due(outbox->context, arena, now_ms,
				 ROUND_MAX, &due.items, &due.n) == 0)
		wait = send_due(notifier, settings, arena, &due);
	arena_free(arena);
	return wait;
}

static int64_t
round_once(struct notifier *notifier)
{
	struct delivery *delivery = &notifier->delivery;
	if (settle_pending(delivery) < 0)
		return RETRY_SECS;
	const struct settings *settings =
	    delivery->outbox.settings(delivery->outbox.context);
	if (settings == NULL)
		return RETRY_SECS;
	int64_t wait = round_with(notifier, settings);
	settings_unref(&settings);
	return wait;
}

/* Waits so long, or until somebody wakes or stops us. */
static void
wait_for(struct notifier *notifier, int64_t secs)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += secs;
	pthread_mutex_lock(&notifier->lock);
	while (secs > 0 && !notifier->woken && !notifier->stop)
		if (pthread_cond_timedwait(
			&notifier->changed, &notifier->lock, &until) != 0)
			break;
	notifier->woken = false;
	pthread_mutex_unlock(&notifier->lock);
}

static void *
run(void *context)
{
	struct notifier *notifier = context;
	while (!is_stopping(notifier))
		wait_for(notifier, round_once(notifier));
	settle_pending(&notifier->delivery);
	return NULL;
}

/* ------------------------------------------------------------- lifecycle */

/* Starts the thread with all signals blocked: they belong to others, and a
 * SIGPIPE from a TLS connection that broke belongs to nobody. */
static int
start_thread(struct notifier *notifier)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&notifier->thread, NULL, run, notifier);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed;
}

int
notifier_init(const struct outbox *outbox, struct own *own,
    struct notifier **notifier_r, struct err *err)
{
	struct notifier *notifier = calloc(1, sizeof(*notifier));
	if (notifier == NULL)
		return err_set(err, "no memory for the notifier");
	notifier->delivery = (struct delivery){
	    .outbox = *outbox,
	    .own = own,
	    .stop = &notifier->stop,
	    .digest_from = ROUND_MAX};
	pthread_mutex_init(&notifier->lock, NULL);
	pthread_condattr_t steady;
	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	pthread_cond_init(&notifier->changed, &steady);
	pthread_condattr_destroy(&steady);
	int failed = start_thread(notifier);
	if (failed != 0) {
		pthread_cond_destroy(&notifier->changed);
		pthread_mutex_destroy(&notifier->lock);
		free(notifier);
		return err_set(err,
		    "the notifier's thread cannot be started: %s",
		    strerror(failed));
	}
	*notifier_r = notifier;
	return 0;
}

void
notifier_wake(struct notifier *notifier)
{
	pthread_mutex_lock(&notifier->lock);
	notifier->woken = true;
	pthread_cond_signal(&notifier->changed);
	pthread_mutex_unlock(&notifier->lock);
}

void
notifier_deinit(struct notifier **notifier)
{
	struct notifier *ending = *notifier;
	if (ending == NULL)
		return;
	pthread_mutex_lock(&ending->lock);
	__atomic_store_n(&ending->stop, true, __ATOMIC_RELAXED);
	pthread_cond_signal(&ending->changed);
	pthread_mutex_unlock(&ending->lock);
	pthread_join(ending->thread, NULL);
	pthread_cond_destroy(&ending->changed);
	pthread_mutex_destroy(&ending->lock);
	delivery_free(&ending->delivery);
	free(ending);
	*notifier = NULL;
}
