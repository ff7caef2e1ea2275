/*
 * month.h: a month of bulk sends, summed up for the report.
 *
 * A bulk send belongs to the month in which it began, local time.
 */
#ifndef BULKWATCH_CTL_MONTH_H
#define BULKWATCH_CTL_MONTH_H

#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
#include "bulkwatch/record.h"

struct month {
	int year, number; /* number: 1 to 12 */
	int days;
	int64_t from_ms, until_ms; /* first moment, and that of the next one */
};

/* Reads "2026-03". Returns 0, or -1 with a sentence: no month, or one that has
 * not begun. */
int month_parse(
    const char *text, int64_t now_ms, struct month *month_r, struct err *err);

/* The month before. */
struct month month_before(const struct month *month);

/* Sums over bulk sends, of what was sent. */
struct tally {
	uint64_t sends;
	uint64_t declared; /* of them: declared beforehand */
	uint64_t messages;
	/* Different ones in each bulk send. Of some, only a part of the
	 * messages was sent, and nobody knows how many recipients that had:
	 * each of these, at_most of them, counts with the most that it can be.
	 */
	uint64_t recipients, at_most;
	uint64_t deliveries; /* recipients, summed over the messages */
	uint64_t external;   /* deliveries to outside */
	/* In none of the sums above. */
	struct {
		uint64_t messages, deliveries;
	} unsent[UNSENT_N];
};

/* The sums of one bulk send. */
struct tally month_tally(const struct bulk_send *send);

/* Adds one to another. */
void month_add(struct tally *sum, const struct tally *tally);

/* This month, and the month before. */
struct pair {
	struct tally now, before;
};

struct pair_of {
	const char *name;
	struct pair pair;
};

/* What came of a bulk send. */
enum result {
	RESULT_REPORTED,
	RESULT_UNREPORTED,
	RESULT_COMPROMISED,
	RESULT_FALSE_ALARM,
	RESULT_REVIEWING, /* not closed */
	RESULT_NEW,       /* not closed, nobody has taken it */
	RESULTS_N
};

enum result month_result(const struct bulk_send *send);

#define MONTH_DAYS_MAX 31

struct summary {
	struct month month, before;
	int64_t made_ms;
	struct pair total;
	uint64_t senders_before; /* how many sent then */
	struct pair results[RESULTS_N];
	struct tally days[MONTH_DAYS_MAX];
	/* Most recipients first; those of the month before that have none in
	 * this one are not there. */
	const struct pair_of *senders, *domains;
	size_t senders_n, domains_n;
	/* Oldest first. */
	const struct bulk_send *const *unreported; /* of the month */
	const struct bulk_send *const *open; /* of the month and before it */
	size_t unreported_n, open_n;
	const struct declaration *const *declarations; /* some time of it */
	size_t declarations_n;
};

/* What the summary is made from, in any order. */
struct month_facts {
	const struct bulk_send *sends, *before; /* of the two months */
	size_t sends_n, before_n;
	const struct bulk_send *open; /* all that began before its end */
	size_t open_n;
	const struct declaration *declarations; /* all */
	size_t declarations_n;
};

/* Sums up. Strings point into the facts. Returns 0, or -1 when memory is out.
 */
int month_sum_up(struct arena *arena, const struct month *month,
    int64_t made_ms, const struct month_facts *facts,
    struct summary *summary_r);

#endif
