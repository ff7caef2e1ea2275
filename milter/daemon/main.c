/*
 * main.c: bulkwatchd. See bulkwatchd(8).
 *
 *     settings ─ lock ─ socket ─ user ─ recorder ─ notifier ─ upkeep ─ watch ─
 *     libmilter
 *
 * is built up from the left and taken down from the right.
 */
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "bulkwatch/able.h"
#include "bulkwatch/current.h"
#include "bulkwatch/header.h"
#include "bulkwatch/listen.h"
#include "bulkwatch/log.h"
#include "bulkwatch/loop.h"
#include "bulkwatch/notifier.h"
#include "bulkwatch/outbox.h"
#include "bulkwatch/own.h"
#include "bulkwatch/recorder.h"
#include "bulkwatch/session.h"
#include "bulkwatch/smtp.h"
#include "bulkwatch/upkeep.h"
#include "bulkwatch/version.h"
#include "bulkwatch/watch.h"

#define EXIT_USAGE 2

/* How long ends of message that are under way may take when we stop; the
 * recorder answers within RECORDER_DEADLINE_SECS, which is less. */
#define DRAIN_SECS 9

struct daemon {
	const char *file;
	const struct settings *settings; /* those of the start */
	int lock;
	struct listener listener;
	struct current *current;
	struct own *own;
	struct recorder *recorder;
	struct outbox_context outbox;
	pthread_mutex_t waking; /* guards notifier: it is woken by a thread that
				 * outlives it */
	struct notifier *notifier;
	struct upkeep *upkeep;
	struct watch *watch;
};

static int
usage(FILE *out)
{
	fputs("usage: bulkwatchd [-c FILE] [-t]\n"
	      "       bulkwatchd -h | -V\n",
	    out);
	return out == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

/* What is answered on standard output may go into a file on a full disk. */
static int
written(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	perror("bulkwatchd: could not write all of it");
	return EXIT_FAILURE;
}

static int
load(const char *file, const struct settings **settings_r)
{
	char *faults = NULL;
	if (settings_load(file, settings_r, &faults) == 0)
		return 0;
	fputs(faults == NULL ? "memory is out\n" : faults, stderr);
	free(faults);
	return -1;
}

static int
drop_rights(const char *user, struct err *err)
{
	if (user == NULL || geteuid() != 0)
		return 0;
	const struct passwd *who = getpwnam(user);
	if (who == NULL)
		return err_set(
		    err, "user: there is no user \"%s\" on this machine", user);
	if (initgroups(user, who->pw_gid) < 0 || setgid(who->pw_gid) < 0 ||
	    setuid(who->pw_uid) < 0)
		return err_sys(err, "user: cannot become \"%s\"", user);
	return 0;
}

/* The folder may be another user's, who could have put something else there
 * meanwhile. */
static int
give_socket(const char *path, uid_t uid, gid_t gid, struct err *err)
{
	struct stat st;
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "listen: %s", path);
	int failed = 0;
	if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
		failed = err_set(err, "listen: %s is no socket any more", path);
	else if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		failed = err_sys(err, "listen: %s", path);
	close(fd);
	return failed;
}

/* What root has made for the user that it becomes: lock and socket. */
static int
give_files(const struct daemon *d, struct err *err)
{
	const char *user = d->settings->user;
	const struct passwd *who =
	    user == NULL || geteuid() != 0 ? NULL : getpwnam(user);
	if (who == NULL)
		return 0;
	if (fchown(d->lock, who->pw_uid, who->pw_gid) < 0)
		return err_sys(err, "lock");
	if (d->listener.unlink_path != NULL)
		return give_socket(
		    d->listener.unlink_path, who->pw_uid, who->pw_gid, err);
	return 0;
}

static void
wake_notifier(void *context)
{
	struct daemon *d = context;
	pthread_mutex_lock(&d->waking);
	if (d->notifier != NULL)
		notifier_wake(d->notifier);
	pthread_mutex_unlock(&d->waking);
}

static int
start_notifier(struct daemon *d, struct err *err)
{
	const struct outbox outbox = outbox_of(&d->outbox);
	struct notifier *notifier;
	if (notifier_init(&outbox, d->own, &notifier, err) < 0)
		return -1;
	pthread_mutex_lock(&d->waking);
	d->notifier = notifier;
	pthread_mutex_unlock(&d->waking);
	return 0;
}

static void
end_notifier(struct daemon *d)
{
	pthread_mutex_lock(&d->waking);
	struct notifier *notifier = d->notifier;
	d->notifier = NULL;
	pthread_mutex_unlock(&d->waking);
	notifier_deinit(&notifier);
}

/* Blocked in every thread: libmilter waits for the first three in a thread of
 * its own, upkeep for the last. */
static void
block_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int
start(struct daemon *d, struct err *err)
{
	/* The lock first: who has it may remove a socket left behind. */
	d->lock = listener_lock(d->settings->database, err);
	if (d->lock < 0 ||
	    listener_open(d->settings->listen, &d->listener, err) < 0 ||
	    give_files(d, err) < 0 || drop_rights(d->settings->user, err) < 0)
		return -1;
	if (smtp_init(err) < 0 || own_init(&d->own, err) < 0 ||
	    current_init(d->settings, &d->current, err) < 0)
		return -1;
	d->settings = current_get(d->current);
	const struct recorder_options recorder = {.settings = d->settings,
	    .alert_queued = wake_notifier,
	    .context = d};
	if (recorder_init(&recorder, &d->recorder, err) < 0)
		return -1;
	d->outbox = (struct outbox_context){
	    .recorder = d->recorder, .current = d->current};
	if (start_notifier(d, err) < 0)
		return -1;
	const struct upkeep_options upkeep = {.settings_file = d->file,
	    .current = d->current,
	    .recorder = d->recorder,
	    .notifier = d->notifier};
	if (upkeep_init(&upkeep, &d->upkeep, err) < 0)
		return -1;
	const struct session_options session = {.recorder = d->recorder,
	    .own = d->own,
	    .settings = current_get,
	    .context = d->current,
	    .over_tcp = d->listener.over_tcp};
	return session_register(&session, err);
}

static int
serve(struct daemon *d, struct err *err)
{
	if (watch_init(d->listener.fd, session_progress, &d->watch, err) < 0)
		return -1;
	log_text(LOG_LEVEL_INFO, "ready",
	    "bulkwatchd " BULKWATCH_VERSION " listens on %s",
	    d->settings->listen);
	sd_notify(0, "READY=1");
	int failed = loop_run(d->listener.fd, err);
	sd_notify(0, "STOPPING=1");
	watch_deinit(&d->watch);
	if (!session_drain(DRAIN_SECS))
		log_text(LOG_LEVEL_WARNING, "stopping",
		    "some ends of message are still under way");
	return failed;
}

static void
finish(struct daemon *d)
{
	listener_close(&d->listener);
	upkeep_deinit(&d->upkeep);
	end_notifier(d);
	recorder_deinit(&d->recorder);
	current_deinit(&d->current);
	own_deinit(&d->own);
	smtp_deinit();
	settings_unref(&d->settings);
}

static int
run(const char *file)
{
	struct daemon d = {
	    .file = file, .lock = -1, .waking = PTHREAD_MUTEX_INITIALIZER};
	struct err err;
	if (load(file, &d.settings) < 0)
		return EXIT_FAILURE;
	log_init();
	umask(0007);
	block_signals();
	mail_init();
	watch_raise_limit();
	int failed = start(&d, &err);
	/* Not refused: a container may have no other user. */
	if (failed == 0 && geteuid() == 0)
		log_text(LOG_LEVEL_WARNING, "root",
		    "bulkwatchd runs as root, and what it makes is root's: "
		    "started as another user later, it could not use its "
		    "database; set user = \"bulkwatch\"");
	if (failed == 0)
		failed = serve(&d, &err);
	if (failed < 0)
		log_text(LOG_LEVEL_ERROR, "stopped", "%s", err.text);
	else
		log_text(LOG_LEVEL_INFO, "stopped", "on request");
	finish(&d);
	mail_deinit();
	return failed < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* What is no fault of the file, and yet not as it should be. */
static void
say_doubts(const char *file, const struct settings *settings)
{
	const struct passwd *who = able_daemon(file, settings->user);
	if (who != NULL && able(who, file, R_OK) == 0)
		fprintf(stderr,
		    "%s: bulkwatchd's user %s cannot read it; run: chgrp %s %s "
		    "&& chmod 640 %s\n",
		    file, who->pw_name, able_group(who), file, file);
	for (size_t i = 0; i < settings->alerts.to.n; i++) {
		const char *at = strrchr(settings->alerts.to.items[i], '@');
		if (at != NULL && strcmp(at, "@example.gov.vn") == 0)
			printf("%s: note: alerts.to has %s, the address of the "
			       "example; write who shall be told\n",
			    file, settings->alerts.to.items[i]);
	}
}

/* -t */
static int
check(const char *file)
{
	const struct settings *settings;
	if (load(file, &settings) < 0)
		return EXIT_FAILURE;
	const bool known =
	    settings->user == NULL || getpwnam(settings->user) != NULL;
	if (known)
		printf("%s: the settings are right\n", file);
	else
		fprintf(stderr,
		    "%s: user: there is no user \"%s\" on this machine; "
		    "systemd-sysusers makes the user bulkwatch\n",
		    file, settings->user);
	say_doubts(file, settings);
	settings_unref(&settings);
	return known ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char *argv[])
{
	static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'}, {0}};
	const char *file = BULKWATCH_SYSCONFDIR "/bulkwatch/bulkwatch.conf";
	bool check_only = false;
	for (int option;
	     (option = getopt_long(argc, argv, "c:thV", longs, NULL)) != -1;)
		switch (option) {
		case 'c':
			file = optarg;
			break;
		case 't':
			check_only = true;
			break;
		case 'h':
			return written(usage(stdout));
		case 'V':
			puts("bulkwatchd " BULKWATCH_VERSION);
			return written(EXIT_SUCCESS);
		default:
			return usage(stderr);
		}
	if (file[0] == '\0') {
		fputs("bulkwatchd: -c is empty\n", stderr);
		return usage(stderr);
	}
	if (optind < argc) {
		fprintf(stderr,
		    "bulkwatchd: it takes no words; \"%s\" is too much\n",
		    argv[optind]);
		return usage(stderr);
	}
	return check_only ? written(check(file)) : run(file);
}
