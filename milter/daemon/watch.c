/* watch.c: the thread that watches libmilter. */
#include "bulkwatch/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "bulkwatch/log.h"
#include "knock.h"

/* A log line when so many hundredths of the descriptors are in use, and
 * another when it is less again. */
#define CROWDED_PERCENT 80
#define ROOMY_PERCENT 70

/* How many forgotten sessions may be served in a round. */
#define FORGOTTEN_MAX 500

/* Between rounds; the second while workers are held up, for then sessions are
 * forgotten: a worker that is done looks for them by itself. They are held up
 * if there are so many threads more than usual and none of them gets anywhere.
 */
#define ROUND_MS 1000
#define ROUND_HELD_UP_MS 50
#define HELD_UP_THREADS 4

/* What is usual falls at once, and rises by one thread in so many seconds. */
#define USUAL_RISES_SECS 10

/* A machine that is busy for a moment is not worth a line. */
#define SILENT_SECS 10

struct watch {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool stop; /* guarded by mutex */

	struct knock_address address;
	/* Held open: at the limit they could not be opened. */
	DIR *descriptors; /* NULL: cannot be read */
	int status;   /* /proc/self/status; -1: cannot be read */
	bool watched; /* by systemd */
	unsigned long (*progress)(void);
	unsigned long progress_seen;
	time_t looked_at; /* at threads and descriptors */
	long usual_threads;
	time_t usual_at; /* when it was seen, or rose last */

	/* A knock that never worked says nothing about libmilter: a packet
	 * filter may stand between us and our own address, or systemd have
	 * passed a socket that is not for our user. */
	bool may_reach;
	time_t answered_at;

	/* What the log has been told. */
	bool crowded, out_of_threads, silent;
};

static time_t
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static int64_t
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------ descriptors */

static unsigned long long
count_descriptors(DIR *descriptors)
{
	unsigned long long n = 0;
	rewinddir(descriptors);
	for (const struct dirent *e; (e = readdir(descriptors)) != NULL;)
		n += e->d_name[0] != '.';
	return n;
}

static void
look_at_descriptors(struct watch *w)
{
	struct rlimit limit;
	if (w->descriptors == NULL || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	const unsigned long long used = count_descriptors(w->descriptors),
				 most = limit.rlim_cur;
	if (!w->crowded && used * 100 >= most * CROWDED_PERCENT) {
		w->crowded = true;
		log_text(LOG_LEVEL_WARNING, "descriptors",
		    "%llu of %llu file descriptors are in use; when all are, "
		    "the MTA gets no connection and its mail is not counted: "
		    "see who holds them, or raise LimitNOFILE",
		    used, most);
	} else if (w->crowded && used * 100 < most * ROOMY_PERCENT) {
		w->crowded = false;
		log_text(LOG_LEVEL_NOTICE, "descriptors",
		    "%llu of %llu file descriptors are in use: enough are "
		    "free again",
		    used, most);
	}
}

/* ---------------------------------------------------------------- threads */

static void *
do_nothing(void *context)
{
	return context;
}

/* libmilter needs one for each session that is at work; it does not say that
 * it got none, so we try ourselves. */
static void
look_at_threads(struct watch *w)
{
	pthread_t thread;
	const int failed = pthread_create(&thread, NULL, do_nothing, NULL);
	if (failed == 0)
		pthread_join(thread, NULL);
	if (failed != 0 && !w->out_of_threads)
		log_text(LOG_LEVEL_ERROR, "threads",
		    "no thread can be made (%s): sessions hang; raise TasksMax "
		    "or the limit of the user's processes",
		    strerror(failed));
	else if (failed == 0 && w->out_of_threads)
		log_text(LOG_LEVEL_NOTICE, "threads",
		    "threads can be made again; sessions that hang since keep "
		    "their descriptors until a restart");
	w->out_of_threads = failed != 0;
}

static long
count_threads(int status)
{
	static const char key[] = "\nThreads:";
	char text[4096];
	const ssize_t n = pread(status, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	const char *found = strstr(text, key);
	return found == NULL ? 0 : strtol(found + strlen(key), NULL, 10);
}

static void
learn_usual_threads(struct watch *w)
{
	const long threads = count_threads(w->status);
	if (w->usual_threads == 0 || threads <= w->usual_threads) {
		w->usual_threads = threads;
		w->usual_at = now();
	} else if (now() - w->usual_at >= USUAL_RISES_SECS) {
		w->usual_threads++;
		w->usual_at = now();
	}
}

static bool
has_many_threads(const struct watch *w)
{
	return count_threads(w->status) >= w->usual_threads + HELD_UP_THREADS;
}

/* ----------------------------------------------------------------- answers */

/* Knocks until a worker that was idle answers. One that had to be made takes
 * the next session that was forgotten, and may be long at it. */
static int
knock_until_idle(struct watch *w, struct err *err)
{
	for (int i = 0; i < FORGOTTEN_MAX; i++) {
		const long before = count_threads(w->status);
		if (knock(&w->address, err) < 0)
			return -1;
		if (count_threads(w->status) <= before)
			return 0;
	}
	return 0;
}

static void
judge(struct watch *w, bool answered, const struct err *err)
{
	if (answered) {
		w->may_reach = true;
		w->answered_at = now();
		if (w->silent)
			log_text(LOG_LEVEL_NOTICE, "listening",
			    "new connections are answered again");
		w->silent = false;
		return;
	}
	if (!w->may_reach || w->silent || now() - w->answered_at < SILENT_SECS)
		return;
	w->silent = true;
	log_text(LOG_LEVEL_ERROR, "listening",
	    "no new connection was answered for %d s: %s", SILENT_SECS,
	    err->text);
}

static void
round_of_looks(struct watch *w)
{
	struct err err;
	/* Thousands of descriptors are long to count: once a second, however
	 * often we come. */
	if (w->looked_at != now()) {
		w->looked_at = now();
		look_at_descriptors(w);
		look_at_threads(w);
		learn_usual_threads(w);
	}
	/* A knock that needs a thread and gets none would hang for ever, and
	 * its descriptor with it. A restart would not help either: it needs
	 * threads. */
	const bool well = w->out_of_threads || knock_until_idle(w, &err) == 0;
	if (!w->out_of_threads)
		judge(w, well, &err);
	if (w->watched && (well || !w->may_reach))
		sd_notify(0, "WATCHDOG=1");
}

/* ---------------------------------------------------------------- lifetime */

/* Waits. Returns false when it is time to end. */
static bool
pause_for(struct watch *w, long ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms % 1000 * 1000000;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&w->mutex);
	int late = 0;
	while (!w->stop && late == 0)
		late = pthread_cond_clockwait(
		    &w->wake, &w->mutex, CLOCK_MONOTONIC, &until);
	const bool stop = w->stop;
	pthread_mutex_unlock(&w->mutex);
	return !stop;
}

/* True if nothing got anywhere since it was asked last. */
static bool
stands_still(struct watch *w)
{
	const unsigned long progress = w->progress();
	const bool still = progress == w->progress_seen;
	w->progress_seen = progress;
	return still;
}

/* Waits until the next round is due: a second, or less if workers are held up
 * meanwhile. Returns false when it is time to end. */
static bool
next_round(struct watch *w)
{
	const int64_t until_ms = now_ms() + ROUND_MS;
	w->progress_seen = w->progress();
	for (;;) {
		const bool many = has_many_threads(w);
		const int64_t left = until_ms - now_ms();
		if (left <= 0)
			return pause_for(w, 0);
		if (!pause_for(w, many && left > ROUND_HELD_UP_MS
				      ? ROUND_HELD_UP_MS
				      : (long)left))
			return false;
		if (stands_still(w) && many)
			return true;
	}
}

static void *
run(void *context)
{
	struct watch *w = context;
	do
		round_of_looks(w);
	while (next_round(w));
	return NULL;
}

void
watch_raise_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static bool
may_reach(const struct knock_address *address)
{
	const struct sockaddr_un *local = (const void *)&address->at;
	return address->at.ss_family == AF_UNIX &&
	       faccessat(AT_FDCWD, local->sun_path, W_OK, AT_EACCESS) == 0;
}

static void
release(struct watch *w)
{
	if (w->descriptors != NULL)
		closedir(w->descriptors);
	if (w->status >= 0)
		close(w->status);
	free(w);
}

static void
open_proc(struct watch *w)
{
	w->descriptors = opendir("/proc/self/fd");
	w->status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (w->descriptors == NULL || w->status < 0)
		log_text(LOG_LEVEL_WARNING, "descriptors",
		    "/proc/self: %s; nobody will say when descriptors run out",
		    strerror(errno));
}

int
watch_init(int listen_fd, unsigned long (*progress)(void),
    struct watch **watch_r, struct err *err)
{
	struct watch *w = calloc(1, sizeof(*w));
	if (w == NULL)
		return err_set(err, "memory is out");
	w->progress = progress;
	open_proc(w);
	w->address.length = sizeof(w->address.at);
	if (getsockname(listen_fd, (struct sockaddr *)&w->address.at,
		&w->address.length) < 0) {
		err_sys(err, "listen");
		release(w);
		return -1;
	}
	w->may_reach = may_reach(&w->address);
	w->watched = sd_watchdog_enabled(0, NULL) > 0;
	w->answered_at = now();
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->wake, NULL);
	errno = pthread_create(&w->thread, NULL, run, w);
	if (errno != 0) {
		err_sys(err, "the watch's thread cannot be made");
		release(w);
		return -1;
	}
	*watch_r = w;
	return 0;
}

void
watch_deinit(struct watch **watch)
{
	struct watch *w = *watch;
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->mutex);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->mutex);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->mutex);
	release(w);
	*watch = NULL;
}
