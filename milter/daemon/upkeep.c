/* upkeep.c: the thread that looks after things. */
#include "bulkwatch/upkeep.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/log.h"

/* How often sums and purges are looked at; bulk sends each second. */
#define HOUSEKEEPING_SECS 60

struct upkeep {
	struct upkeep_options options;
	pthread_t thread, verifier;
	struct store_check check;
	struct store_in_force in_force;
	atomic_bool stop;
};

/* --------------------------------------------------------------- reload */

/* Settings that are read once, at start. */
static void
say_what_needs_restart(
    const struct settings *before, const struct settings *now)
{
	const struct {
		const char *key, *before, *now;
	} fixed[] = {
	    {"listen", before->listen, now->listen},
	    {"database", before->database, now->database},
	    {"spool", before->spool, now->spool},
	    {"user", before->user == NULL ? "" : before->user,
		now->user == NULL ? "" : now->user},
	};
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (strcmp(fixed[i].before, fixed[i].now) != 0)
			log_text(LOG_LEVEL_WARNING, "reload",
			    "%s changes with a restart only; until then it "
			    "stays %s",
			    fixed[i].key, fixed[i].before);
}

static void
log_faults(char *faults)
{
	char *rest = faults;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		if (line[0] != '\0')
			log_text(LOG_LEVEL_ERROR, "settings", "%s", line);
}

static int
note_in_force(struct store *store, void *context, struct err *err)
{
	const struct upkeep *u = context;
	return store_note_settings(store, &u->in_force, err);
}

/* For `bulkwatch check`, which cannot see what we work with. Where the database
 * fails, or is a new one, it is noted with the next housekeeping. */
static void
note_settings(struct upkeep *u)
{
	struct err err;
	recorder_call(u->options.recorder, note_in_force, u, &err);
}

/* What came into force now. */
static void
take_note(struct upkeep *u, const struct settings *settings)
{
	u->in_force = (struct store_in_force){
	    .digest = settings->digest, .at_ms = clock_wall_ms()};
	note_settings(u);
}

static void
reload(struct upkeep *u)
{
	const struct settings *fresh;
	char *faults = NULL;
	if (settings_load(u->options.settings_file, &fresh, &faults) < 0) {
		log_faults(faults);
		free(faults);
		log_text(LOG_LEVEL_ERROR, "reload-refused",
		    "%s has faults; the old settings stay in force",
		    u->options.settings_file);
		return;
	}
	const struct settings *before = current_get(u->options.current);
	say_what_needs_restart(before, fresh);
	settings_unref(&before);
	recorder_set_settings(u->options.recorder, fresh);
	take_note(u, fresh);
	current_set(u->options.current, fresh);
	notifier_wake(u->options.notifier);
	log_text(LOG_LEVEL_NOTICE, "reloaded", "%s is in force",
	    u->options.settings_file);
}

/* ----------------------------------------------------------- housekeeping */

struct step {
	int64_t before_ms;
	uint64_t removed;
	bool more;
};

static int
end_quiet(struct store *store, void *context, struct err *err)
{
	struct step *step = context;
	return store_end_quiet(
	    store, clock_wall_ms(), clock_tick(), &step->more, err);
}

static int
sum_up(struct store *store, void *context, struct err *err)
{
	struct step *step = context;
	return store_sum_up(store, &step->more, err);
}

static int
purge_closed(struct store *store, void *context, struct err *err)
{
	struct step *step = context;
	return store_purge_closed(
	    store, step->before_ms, &step->removed, &step->more, err);
}

static int
purge(struct store *store, void *context, struct err *err)
{
	struct step *step = context;
	return store_purge_ledger(
	    store, step->before_ms, &step->removed, &step->more, err);
}

/* Repeats a step until there is no more to do; mail gets its turn between the
 * steps. Returns how many rows went. */
static uint64_t
repeat(struct upkeep *u, recorder_job_fn *job, int64_t before_ms)
{
	uint64_t removed = 0;
	const struct timespec pause = {.tv_nsec = STORE_STEP_MS * 1000000};
	struct step step = {.before_ms = before_ms, .more = true};
	while (step.more && !atomic_load(&u->stop)) {
		step.more = false;
		step.removed = 0;
		struct err err;
		if (recorder_call(u->options.recorder, job, &step, &err) < 0)
			break; /* the recorder has said why */
		removed += step.removed;
		/* As long as a step: mail has at least half of the time. */
		if (step.more)
			nanosleep(&pause, NULL);
	}
	return removed;
}

static void
say_purged(const char *what, uint64_t n)
{
	if (n > 0)
		log_text(LOG_LEVEL_INFO, "purged", "%llu %s",
		    (unsigned long long)n, what);
}

struct daily {
	int64_t day;
	bool queued;
};

static int
queue_daily(struct store *store, void *context, struct err *err)
{
	struct daily *daily = context;
	return store_queue_daily(
	    store, clock_wall_ms(), daily->day, &daily->queued, err);
}

/* Once a local day, at alerts.digest or as soon as we run after it. */
static void
daily_digest(struct upkeep *u, const struct settings *s)
{
	time_t now = time(NULL);
	struct tm tm;
	if (localtime_r(&now, &tm) == NULL || s->alerts.digest_minute < 0 ||
	    tm.tm_hour * 60 + tm.tm_min < s->alerts.digest_minute)
		return;
	struct daily daily = {.day = tm.tm_year * 1000 + tm.tm_yday};
	struct err err;
	if (recorder_call(u->options.recorder, queue_daily, &daily, &err) ==
		0 &&
	    daily.queued)
		notifier_wake(u->options.notifier);
}

static void
housekeeping(struct upkeep *u)
{
	const struct settings *s = current_get(u->options.current);
	const int64_t now_ms = clock_wall_ms();
	repeat(u, sum_up, 0);
	say_purged("messages that belong to no bulk send",
	    repeat(u, purge, now_ms - s->ledger_keep_secs * 1000));
	say_purged("closed bulk sends",
	    repeat(u, purge_closed, now_ms - s->evidence_keep_secs * 1000));
	daily_digest(u, s);
	note_settings(u);
	settings_unref(&s);
}

static void *
run(void *context)
{
	struct upkeep *u = context;
	sigset_t reload_signal;
	sigemptyset(&reload_signal);
	sigaddset(&reload_signal, SIGUSR1);
	const struct timespec second = {.tv_sec = 1};
	int64_t next_housekeeping = clock_tick() + 1;
	while (!atomic_load(&u->stop)) {
		if (sigtimedwait(&reload_signal, NULL, &second) == SIGUSR1) {
			if (!atomic_load(&u->stop))
				reload(u);
			continue;
		}
		repeat(u, end_quiet, 0);
		notifier_wake(u->options.notifier);
		if (clock_tick() < next_housekeeping)
			continue;
		housekeeping(u);
		next_housekeeping = clock_tick() + HOUSEKEEPING_SECS;
	}
	return NULL;
}

/* -------------------------------------------------------- the whole check */

static void *
verify(void *context)
{
	struct upkeep *u = context;
	const struct settings *s = current_get(u->options.current);
	struct err err;
	struct stat st = {0};
	const bool there = stat(s->database, &st) == 0;
	int sound = store_verify(s->database, &u->check, &err);
	if (sound == 0 && there)
		recorder_report_damage(
		    u->options.recorder, st.st_ino, err.text);
	else if (sound < 0)
		log_text(LOG_LEVEL_WARNING, "check",
		    "the database could not be checked: %s", err.text);
	settings_unref(&s);
	return NULL;
}

/* ---------------------------------------------------------------- lifetime */

int
upkeep_init(const struct upkeep_options *options, struct upkeep **upkeep_r,
    struct err *err)
{
	struct upkeep *u = calloc(1, sizeof(*u));
	if (u == NULL)
		return err_set(err, "memory is out");
	u->options = *options;
	store_check_init(&u->check);
	const struct settings *s = current_get(u->options.current);
	take_note(u, s);
	settings_unref(&s);
	if (pthread_create(&u->thread, NULL, run, u) != 0) {
		free(u);
		return err_set(err, "the upkeep's thread cannot be made");
	}
	if (pthread_create(&u->verifier, NULL, verify, u) != 0) {
		atomic_store(&u->stop, true);
		pthread_join(u->thread, NULL);
		free(u);
		return err_set(err, "the check's thread cannot be made");
	}
	*upkeep_r = u;
	return 0;
}

void
upkeep_deinit(struct upkeep **upkeep)
{
	struct upkeep *u = *upkeep;
	if (u == NULL)
		return;
	atomic_store(&u->stop, true);
	pthread_kill(u->thread, SIGUSR1); /* it waits for a second else */
	pthread_join(u->thread, NULL);
	store_check_stop(&u->check);
	pthread_join(u->verifier, NULL);
	free(u);
	*upkeep = NULL;
}
