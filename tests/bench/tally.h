/*
 * tally.h: what came of a run: verdicts, latencies, the milter's CPU time.
 */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How a message ended. */
enum tally_verdict {
	TALLY_CONTINUE,     /* end of message was answered: go on */
	TALLY_ACCEPT,       /* end of message was answered: accept */
	TALLY_ACCEPT_EARLY, /* accepted before the end of message */
	TALLY_DISCARD,
	TALLY_REJECT,   /* 5xx */
	TALLY_TEMPFAIL, /* 4xx */
	TALLY_QUARANTINE,
	TALLY_VERDICTS_N
};

enum tally_error {
	TALLY_CONNECT,  /* could not connect */
	TALLY_CLOSED,   /* the milter hung up, or the socket failed */
	TALLY_PROTOCOL, /* it said what the protocol does not allow */
	TALLY_TIMEOUT,  /* it said nothing */
	TALLY_ERRORS_N
};

/* A histogram whose buckets are at most 1/64 wide of the value. */
#define TALLY_BUCKETS (64 * 40)

struct tally_latency {
	uint64_t count[TALLY_BUCKETS];
	uint64_t n;
	uint64_t longest_ns;
};

#define TALLY_PIDS_MAX 32

struct tally {
	uint64_t verdicts[TALLY_VERDICTS_N];
	uint64_t errors[TALLY_ERRORS_N];
	uint64_t finished;  /* messages that have a verdict */
	uint64_t edits;     /* changes that the milter asked for */
	uint64_t rcpt_refused;
	uint64_t connections;
	struct tally_latency message; /* begin of message, or connect, to verdict */
	struct tally_latency eom;     /* end of message sent, to verdict */
	uint64_t began_ns, ended_ns;
	double milter_cpu, own_cpu; /* seconds, at the begin */
	pid_t pids[TALLY_PIDS_MAX];
	size_t pids_n;
};

uint64_t tally_now_ns(void);

/* Begins, or begins again after the warm-up. Returns 0, or -1 if a pid is
 * not there. */
int tally_start(struct tally *tally);

void tally_latency_add(struct tally_latency *latency, uint64_t ns);

uint64_t tally_errors(const struct tally *tally);

/* Prints the run as one line of JSON. Returns 0, or -1 if a pid is not there
 * any more. */
int tally_print(const struct tally *tally);

#endif
