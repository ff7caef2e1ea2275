/*
 * reconcile.h: Postfix's log beside the ledger: which of the outbound mail that
 * Postfix accepted is not in the ledger, and why.
 *
 * First the logs are read, then the ledger is held beside them. What an inbound
 * message needs is given back when it is gone; an outbound one keeps some
 * hundred bytes until the end.
 *
 * Thread-safety: one thread.
 */
#ifndef BULKWATCH_RECONCILE_H
#define BULKWATCH_RECONCILE_H

#include <stddef.h>

#include "bulkwatch/err.h"
#include "bulkwatch/pattern.h"
#include "bulkwatch/record.h"
#include "bulkwatch/settings.h"
#include "bulkwatch/store.h"

struct reconcile;

struct reconcile_request {
	const struct settings *settings;
	const char *instance; /* its lines only (syslog_name); NULL: any */
	/* Recipients that the mail server adds itself (always_bcc). */
	struct pattern_list added;
	char *const *files; /* in any order; "-": standard input */
	size_t files_n;
};

/*
 * Reads the log files, plain or compressed by gzip. What request points to must
 * outlive the reconcile.
 * Returns 0 with *reconcile_r set, to be ended with reconcile_deinit, or -1
 * with a sentence: a file cannot be read, or none has a line of Postfix.
 */
int reconcile_init(const struct reconcile_request *request,
    struct reconcile **reconcile_r, struct err *err);

/* Ends it, and nulls it; NULL is allowed. */
void reconcile_deinit(struct reconcile **reconcile);

/*
 * Compares what was read with the ledger and the spool; once.
 * Returns 0 with *result_r set, which lives until reconcile_deinit, or -1 with
 * a sentence.
 */
int reconcile_with(struct reconcile *reconcile, struct store *store,
    struct reconciliation *result_r, struct err *err);

#endif
