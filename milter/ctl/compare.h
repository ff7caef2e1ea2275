/*
 * compare.h: the messages of a log beside the ledger: what of one is not in
 * the other, and why.
 */
#ifndef BULKWATCH_CTL_COMPARE_H
#define BULKWATCH_CTL_COMPARE_H

#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
#include "bulkwatch/settings.h"
#include "bulkwatch/store.h"
#include "traffic.h"

/* What became of an outbound message that Postfix accepted. */
enum finding {
	FOUND_COUNTED, /* in the ledger, with its recipients */
	FOUND_RETRY,   /* in the ledger under the queue id of an earlier try */
	/* Not in the ledger, and does not belong into it: */
	FOUND_OWN,        /* our own alert or notice */
	FOUND_REINJECTED, /* given back by a content filter */
	FOUND_SPOOLED,    /* waits in the spool */
	/* Not in the ledger, for a reason that the log or the ledger tells: */
	FOUND_NO_MILTER, /* Postfix could not ask the milter */
	FOUND_BEFORE,    /* from before the ledger begins */
	FOUND_PURGED,    /* removed by ledger.keep */
	/* Wrong, and nobody knows why: */
	FOUND_REFUSED, /* in the ledger as deferred or rejected by a rule */
	FOUND_DIFFERS, /* in the ledger with another number of recipients */
	FOUND_NOWHERE,
	FINDINGS_N,
};

const char *finding_name(enum finding finding); /* as JSON has it */

/* What belongs to one mail: mail->found. */
struct match {
	struct mail *mail;
	enum finding finding;
	bool in_ledger;       /* under its own queue id */
	int64_t gap_ms;       /* how far the ledger's time is from the log's */
	uint32_t counted;     /* recipients in the ledger, or in the spool */
	const char *retry_of; /* queue id of the first try; NULL: none */
	uint32_t retry_counted; /* its recipients */
	bool refused;           /* by a rule, as the ledger has it */
	bool spooled;
	/* Inside: */
	struct match *same;    /* with the same hash of the Message-ID */
	uint64_t message_hash; /* 0: it has none */
};

struct comparison {
	uint64_t outbound; /* accepted */
	uint64_t found[FINDINGS_N];
	uint64_t turned_away; /* in the ledger; not accepted, as far as the log
			       * goes */
	uint64_t ledger_only; /* in the ledger, of the log's time, and not in
			       * the log */
	struct ledger_reach reach;
};

/*
 * Compares. Each outbound message of traffic that was accepted has its match
 * afterwards, in the arena.
 * Returns 0, or -1 with a sentence.
 */
int compare(struct traffic *traffic, const struct traffic_facts *facts,
    const struct settings *settings, struct store *store, struct arena *arena,
    struct comparison *comparison_r, struct err *err);

/* How many messages have a finding that nobody can explain. */
uint64_t compare_unexplained(const struct comparison *comparison);

/* True if the mail's own number of recipients is known; how many they are. */
bool compare_recipients(const struct mail *mail, uint32_t *recipients_r);

#endif
