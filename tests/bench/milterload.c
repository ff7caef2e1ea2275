/*
 * milterload.c: measures a milter from the MTA's side of its socket.
 *
 * One thread and one epoll loop hold all connections, because the generator
 * shares the machine with what it measures. Prints one line of JSON.
 *
 * usage: milterload [options] unix:PATH | inet:PORT@HOST
 *   --connections N      at the same time (16)
 *   --messages N         in all (10000), or
 *   --milliseconds N     for so long
 *   --warmup N           messages before the measuring begins (0)
 *   --per-connection N   messages on each connection (1)
 *   --recipients N       of each message (1)
 *   --senders N          distinct senders, in turn (1000)
 *   --first-sender N     number of the first one (0)
 *   --pool N             distinct recipients of each sender, in turn
 *                        (10, or as many as a message has)
 *   --body N             bytes, for milters that want the body (1000)
 *   --login | --inbound | --local
 *                        clients that logged in (the default), that come
 *                        from outside, or from the machine itself
 *   --pid PID            of the milter, for its CPU time and memory; may be
 *                        given for each of its processes
 *
 * Exits with 0 if there was no error, 1 if there was, 2 if the options are
 * wrong.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

/* A milter that owes an answer for so long is taken as hung. */
#define REPLY_LIMIT_NS 30000000000ULL

/* With so many errors there is nothing to measure. */
#define ERRORS_MAX 100

#define NS_PER_MS 1000000ULL

struct options {
	uint64_t connections, messages, milliseconds, warmup, per_connection;
	uint64_t recipients, senders, first_sender, pool, body;
	enum mail_origin origin;
	pid_t pids[TALLY_PIDS_MAX];
	size_t pids_n;
	const char *address;
};

/* -- options ------------------------------------------------------------ */

struct number_option {
	const char *name;
	size_t offset; /* in struct options */
	uint64_t least, most;
};

#define NUMBER(name, field, least, most)                                \
	{ name, offsetof(struct options, field), least, most }

static const struct number_option numbers[] = {
	NUMBER("connections", connections, 1, 10000),
	NUMBER("messages", messages, 1, UINT64_MAX),
	NUMBER("milliseconds", milliseconds, 1, 86400000),
	NUMBER("warmup", warmup, 0, UINT32_MAX),
	NUMBER("per-connection", per_connection, 1, UINT32_MAX),
	NUMBER("recipients", recipients, 1, 100000),
	NUMBER("senders", senders, 1, 5000000),
	NUMBER("first-sender", first_sender, 0, 4999999),
	NUMBER("pool", pool, 1, 1000000000),
	NUMBER("body", body, 0, 100000000),
};

#define NUMBERS_N (sizeof(numbers) / sizeof(*numbers))

static const char *const origins[] = {
	[MAIL_LOGIN] = "login",
	[MAIL_INBOUND] = "inbound",
	[MAIL_LOCAL] = "local",
};

#define ORIGINS_N (sizeof(origins) / sizeof(*origins))

static int
parse_number(const char *text, uint64_t least, uint64_t most,
    uint64_t *value_r)
{
	char *end;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' ||
	    value < least || value > most)
		return -1;
	*value_r = value;
	return 0;
}

static int
take_number(struct options *options, const struct number_option *number,
    const char *text)
{
	uint64_t value;

	if (parse_number(text, number->least, number->most, &value) == -1) {
		fprintf(stderr, "milterload: --%s wants a number from %llu "
		    "to %llu\n", number->name, (unsigned long long)number->least,
		    (unsigned long long)number->most);
		return -1;
	}
	memcpy((char *)options + number->offset, &value, sizeof(value));
	return 0;
}

static int
take_pid(struct options *options, const char *text)
{
	uint64_t pid;

	if (options->pids_n == TALLY_PIDS_MAX ||
	    parse_number(text, 1, INT32_MAX, &pid) == -1) {
		fprintf(stderr, "milterload: --pid wants a process id, "
		    "at most %d of them\n", TALLY_PIDS_MAX);
		return -1;
	}
	options->pids[options->pids_n++] = (pid_t)pid;
	return 0;
}

/* What getopt_long returns: a number's index, then an origin's, then this. */
#define OPTION_PID (NUMBERS_N + ORIGINS_N)

static int
take_option(struct options *options, size_t option)
{
	if (option < NUMBERS_N)
		return take_number(options, &numbers[option], optarg);
	if (option == OPTION_PID)
		return take_pid(options, optarg);
	if (option > OPTION_PID)
		return -1;
	options->origin = (enum mail_origin)(option - NUMBERS_N);
	return 0;
}

static int
parse_options(int argc, char **argv, struct options *options_r)
{
	struct option table[NUMBERS_N + ORIGINS_N + 2] = { 0 };
	int option;

	for (size_t i = 0; i < NUMBERS_N; i++)
		table[i] = (struct option){ numbers[i].name, required_argument,
			NULL, (int)i };
	for (size_t i = 0; i < ORIGINS_N; i++)
		table[NUMBERS_N + i] = (struct option){ origins[i], no_argument,
			NULL, (int)(NUMBERS_N + i) };
	table[OPTION_PID] = (struct option){ "pid", required_argument, NULL,
		OPTION_PID };

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1)
		if (option == '?' || take_option(options_r, (size_t)option) == -1)
			return -1;
	if (optind + 1 != argc) {
		fprintf(stderr, "milterload: wants unix:PATH or "
		    "inet:PORT@HOST\n");
		return -1;
	}
	options_r->address = argv[optind];
	if (options_r->pool == 0)
		options_r->pool = options_r->recipients > 10 ?
		    options_r->recipients : 10;
	if (options_r->pool < options_r->recipients) {
		fprintf(stderr, "milterload: --pool is less than "
		    "--recipients\n");
		return -1;
	}
	return 0;
}

/* -- the run ------------------------------------------------------------ */

/* Another number each time: milliseconds since 1970. */
static uint64_t
run_number(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Fills the run from the options. tally is lent to it. */
static int
prepare_run(const struct options *options, struct tally *tally,
    struct session_run *run_r)
{
	*run_r = (struct session_run){
		.plan = {
			.origin = options->origin,
			.run = run_number(),
			.senders = options->senders,
			.first_sender = options->first_sender,
			.recipients = options->recipients,
			.pool = options->pool,
			.body_bytes = options->body,
		},
		.tally = tally,
		.per_connection = options->per_connection,
		.messages = options->milliseconds > 0 ? UINT64_MAX :
		    options->messages + options->warmup,
	};
	memcpy(tally->pids, options->pids, sizeof(options->pids));
	tally->pids_n = options->pids_n;
	if (session_address_parse(options->address, &run_r->address) == -1) {
		fprintf(stderr, "milterload: %s is no address of a milter\n",
		    options->address);
		return -1;
	}
	run_r->epoll = epoll_create1(EPOLL_CLOEXEC);
	return run_r->epoll == -1 ? -1 : 0;
}

/* Begins to measure. Returns 0 or -1. */
static int
start_clock(struct session_run *run, uint64_t milliseconds)
{
	if (tally_start(run->tally) == -1)
		return -1;
	if (milliseconds > 0)
		run->until_ns = run->tally->began_ns + milliseconds * NS_PER_MS;
	return 0;
}

/* Opens what is closed while there are messages left. Returns how many are
 * open. */
static size_t
open_sessions(struct session **sessions, size_t n)
{
	size_t open = 0;

	for (size_t i = 0; i < n; i++) {
		if (!session_is_open(sessions[i]))
			session_open(sessions[i]);
		if (session_is_open(sessions[i]))
			open++;
	}
	return open;
}

/* Waits once, and lets every session go on that can. */
static int
turn(struct session_run *run)
{
	struct epoll_event ready[64];
	int n = epoll_wait(run->epoll, ready, 64, 1000);

	if (n == -1)
		return errno == EINTR ? 0 : -1;
	run->now_ns = tally_now_ns();
	for (int i = 0; i < n; i++) {
		struct session *session = ready[i].data.ptr;
		session_ready(session, ready[i].events);
		if (!session_is_open(session))
			session_open(session);
	}
	return n;
}

/* Runs until all messages are through. Returns 0, or -1 if it gave up. */
static int
run_all(struct session_run *run, struct session **sessions,
    const struct options *options)
{
	bool warm = options->warmup == 0;

	run->now_ns = tally_now_ns();
	if (start_clock(run, warm ? options->milliseconds : 0) == -1)
		return -1;
	while (open_sessions(sessions, options->connections) > 0) {
		int n = turn(run);
		if (n == -1)
			return -1;
		for (size_t i = 0; n == 0 && i < options->connections; i++)
			session_check(sessions[i], REPLY_LIMIT_NS);
		if (tally_errors(run->tally) > ERRORS_MAX)
			break;
		if (!warm && run->tally->finished >= options->warmup) {
			warm = true;
			if (start_clock(run, options->milliseconds) == -1)
				return -1;
		}
	}
	run->tally->ended_ns = tally_now_ns();
	return 0;
}

static int
measure(struct session_run *run, const struct options *options)
{
	size_t n = options->connections;
	struct session **sessions = calloc(n, sizeof(*sessions));
	int result = sessions == NULL ? -1 : 0;

	for (size_t i = 0; result == 0 && i < n; i++)
		if ((sessions[i] = session_new(run)) == NULL)
			result = -1;
	if (result == 0)
		result = run_all(run, sessions, options);
	if (result == 0)
		result = tally_print(run->tally);
	for (size_t i = 0; sessions != NULL && i < n; i++)
		session_free(sessions[i]);
	free(sessions);
	return result;
}

int
main(int argc, char **argv)
{
	struct options options = { .connections = 16, .messages = 10000,
		.per_connection = 1, .recipients = 1, .senders = 1000,
		.body = 1000 };
	struct tally tally = { 0 };
	struct session_run run;

	if (parse_options(argc, argv, &options) == -1 ||
	    prepare_run(&options, &tally, &run) == -1)
		return 2;
	int result = measure(&run, &options);
	close(run.epoll);
	return result == 0 && tally_errors(&tally) == 0 ? 0 : 1;
}
