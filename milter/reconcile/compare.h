/*
 * compare.h: the messages of a log beside the ledger: what of one is not in
 * the other, and why.
 */
#ifndef BULKWATCH_RECONCILE_COMPARE_H
#define BULKWATCH_RECONCILE_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
#include "bulkwatch/record.h"
#include "bulkwatch/settings.h"
#include "bulkwatch/store.h"
#include "traffic.h"

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

/*
 * Compares. Each outbound message of traffic that was accepted has its match
 * afterwards, in the arena. Fills in the numbers of *result_r; what traffic
 * alone tells, and mails, the caller does.
 * Returns 0, or -1 with a sentence.
 */
int compare(struct traffic *traffic, const struct traffic_facts *facts,
    const struct settings *settings, struct store *store, struct arena *arena,
    struct reconciliation *result_r, struct err *err);

/* True if the mail's own number of recipients is known; how many they are. */
bool compare_recipients(const struct mail *mail, uint32_t *recipients_r);

#endif
