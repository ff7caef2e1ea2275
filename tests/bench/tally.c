/* tally.c: what came of a run: verdicts, latencies, the milter's CPU time. */
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const char *const verdict_names[TALLY_VERDICTS_N] = {
	[TALLY_CONTINUE] = "continue",
	[TALLY_ACCEPT] = "accept",
	[TALLY_ACCEPT_EARLY] = "accept_early",
	[TALLY_DISCARD] = "discard",
	[TALLY_REJECT] = "reject",
	[TALLY_TEMPFAIL] = "tempfail",
	[TALLY_QUARANTINE] = "quarantine",
};

static const char *const error_names[TALLY_ERRORS_N] = {
	[TALLY_CONNECT] = "connect",
	[TALLY_CLOSED] = "closed",
	[TALLY_PROTOCOL] = "protocol",
	[TALLY_TIMEOUT] = "timeout",
};

uint64_t
tally_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Bucket i below 128 is the value itself; from there each power of two is
 * cut in 64. */
static size_t
bucket_of(uint64_t value)
{
	if (value < 128)
		return (size_t)value;
	unsigned shift = 57 - (unsigned)__builtin_clzll(value);
	size_t bucket = (size_t)shift * 64 + (size_t)(value >> shift);

	return bucket < TALLY_BUCKETS ? bucket : TALLY_BUCKETS - 1;
}

/* The middle of the bucket. */
static double
value_of(size_t bucket)
{
	if (bucket < 128)
		return (double)bucket;
	unsigned shift = (unsigned)(bucket / 64 - 1);
	uint64_t low = (uint64_t)(bucket % 64 + 64) << shift;

	return (double)low + (double)(1ULL << shift) / 2;
}

void
tally_latency_add(struct tally_latency *latency, uint64_t ns)
{
	latency->count[bucket_of(ns / 100)]++;
	latency->n++;
	if (ns > latency->longest_ns)
		latency->longest_ns = ns;
}

/* Returns microseconds; 0 if there is nothing. */
static double
quantile(const struct tally_latency *latency, double part)
{
	uint64_t wanted = (uint64_t)((double)latency->n * part);
	uint64_t seen = 0;

	for (size_t i = 0; i < TALLY_BUCKETS; i++) {
		seen += latency->count[i];
		if (seen > wanted)
			return value_of(i) / 10;
	}
	return 0;
}

/* User and system time of a process, its ended threads included. */
static int
cpu_of(pid_t pid, double *seconds_r)
{
	char path[64], line[1024];
	unsigned long user, system;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return -1;
	size_t n = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[n] = '\0';
	/* The name may hold anything, so count from its last parenthesis. */
	const char *at = strrchr(line, ')');
	if (at == NULL || sscanf(at + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s"
	    " %*s %*s %lu %lu", &user, &system) != 2)
		return -1;
	*seconds_r = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
	return 0;
}

static long
peak_kb_of(pid_t pid)
{
	char path[64], line[256];
	long peak = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			peak = strtol(line + 6, NULL, 10);
	fclose(file);
	return peak;
}

static int
milter_cpu(const struct tally *tally, double *seconds_r)
{
	*seconds_r = 0;
	for (size_t i = 0; i < tally->pids_n; i++) {
		double seconds;
		if (cpu_of(tally->pids[i], &seconds) == -1) {
			fprintf(stderr, "milterload: no process %d\n",
			    (int)tally->pids[i]);
			return -1;
		}
		*seconds_r += seconds;
	}
	return 0;
}

static double
own_cpu(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int
tally_start(struct tally *tally)
{
	struct tally fresh = { .pids_n = tally->pids_n };

	memcpy(fresh.pids, tally->pids, sizeof(fresh.pids));
	*tally = fresh;
	tally->own_cpu = own_cpu();
	tally->began_ns = tally_now_ns();
	return milter_cpu(tally, &tally->milter_cpu);
}

uint64_t
tally_errors(const struct tally *tally)
{
	uint64_t n = 0;

	for (size_t i = 0; i < TALLY_ERRORS_N; i++)
		n += tally->errors[i];
	return n;
}

static void
print_counts(const char *title, const char *const names[],
    const uint64_t counts[], size_t n)
{
	const char *separator = "";

	printf(",\"%s\":{", title);
	for (size_t i = 0; i < n; i++) {
		if (counts[i] == 0)
			continue;
		printf("%s\"%s\":%llu", separator, names[i],
		    (unsigned long long)counts[i]);
		separator = ",";
	}
	printf("}");
}

static void
print_latency(const char *name, const struct tally_latency *latency)
{
	printf(",\"%s_p50_us\":%.1f,\"%s_p99_us\":%.1f,\"%s_max_us\":%.1f",
	    name, quantile(latency, 0.50), name, quantile(latency, 0.99), name,
	    (double)latency->longest_ns / 1000);
}

static int
print_milter(const struct tally *tally, double per_thousand)
{
	double seconds;
	long peak_kb = 0;

	if (tally->pids_n == 0)
		return 0;
	if (milter_cpu(tally, &seconds) == -1)
		return -1;
	for (size_t i = 0; i < tally->pids_n; i++)
		peak_kb += peak_kb_of(tally->pids[i]);
	printf(",\"cpu_s_per_1000\":%.4f,\"peak_rss_kb\":%ld",
	    (seconds - tally->milter_cpu) * per_thousand, peak_kb);
	return 0;
}

int
tally_print(const struct tally *tally)
{
	double seconds = (double)(tally->ended_ns - tally->began_ns) / 1e9;
	double finished = (double)tally->finished;
	double per_thousand = tally->finished == 0 ? 0 : 1000 / finished;

	printf("{\"messages\":%llu,\"seconds\":%.4f,\"msgs_per_s\":%.1f",
	    (unsigned long long)tally->finished, seconds,
	    seconds > 0 ? finished / seconds : 0);
	print_latency("message", &tally->message);
	print_latency("eom", &tally->eom);
	printf(",\"connections\":%llu", (unsigned long long)tally->connections);
	print_counts("verdicts", verdict_names, tally->verdicts,
	    TALLY_VERDICTS_N);
	printf(",\"edits\":%llu,\"rcpt_refused\":%llu,\"errors\":%llu",
	    (unsigned long long)tally->edits,
	    (unsigned long long)tally->rcpt_refused,
	    (unsigned long long)tally_errors(tally));
	print_counts("error_kinds", error_names, tally->errors, TALLY_ERRORS_N);
	printf(",\"generator_cpu_s_per_1000\":%.4f",
	    (own_cpu() - tally->own_cpu) * per_thousand);
	int result = print_milter(tally, per_thousand);
	printf("}\n");
	return result;
}
