/*
 * keeper.h: the store, and what stands in for it while it fails (inside the
 * daemon; the recorder's thread alone uses it).
 *
 * store is NULL while it fails. What is in the spool or parked in memory is
 * older than what waits, so it is brought in before the store counts as working
 * again; that goes by slices, and what comes in between goes behind it into the
 * spool.
 */
#ifndef BULKWATCH_DAEMON_KEEPER_H
#define BULKWATCH_DAEMON_KEEPER_H

#include "bulkwatch/spool.h"
#include "ticket.h"

/* Messages in one transaction at most. */
#define KEEPER_BATCH_MAX 256

/* How often a store that fails is tried. */
#define KEEPER_RETRY_SECS 1

struct keeper {
	const struct settings *settings; /* referenced by the owner */
	char *path;
	struct store *store;
	bool damaged; /* set the file aside before trying again */
	bool behind;  /* it works, but the spool is not yet in: see keeper_works
		       */
	/* The store failed at what was to be brought in, and why. */
	bool refused;
	struct err why;
	/* Since a batch failed by one message's fault; and that one's place. */
	bool one_by_one;
	struct spool_place culprit;
	struct spool *spool;
	struct ticket_list parked;
	int64_t slice_ends_ms; /* of a replay, by CLOCK_MONOTONIC */
	/* Ticks; failed_at is 0 if it has not. */
	int64_t failed_at, next_try, next_remark, suspected_at;
	int64_t next_spool_try, next_spool_remark;
	struct err said; /* why it still fails, as the log has it */
	/* Called when mail was queued, or may wait since long. */
	void (*mail_queued)(void *context);
	void *context;
};

/* Opens spool and store of keeper->settings; mail_queued and context are set. A
 * store that may work later is no error. Returns 0, or -1 with a sentence;
 * keeper_deinit in both cases. */
int keeper_init(struct keeper *keeper, struct err *err);

/* Spools what is parked, closes all. */
void keeper_deinit(struct keeper *keeper);

/* Puts the tickets where they are safe, answers and releases them. */
void keeper_take(struct keeper *keeper, struct ticket **tickets, size_t n);

/* The MTA did not take the order to hold a message that was saved: puts the
 * record right and releases the ticket. */
void keeper_note_not_held(struct keeper *keeper, struct ticket *ticket);

/* True if messages go to the database. */
bool keeper_works(const struct keeper *keeper);

/* Tries a store or spool that failed, if it is time. */
void keeper_retry(struct keeper *keeper);

/* Says why the store fails and closes it. */
void keeper_fail(struct keeper *keeper, const char *sentence);

/* Fills windows from the ledger; measure only reads context. Returns 0 or -1.
 */
int keeper_refill(struct store *store, const struct settings *settings,
    store_refill_fn *measure, const void *context, struct err *err);

#endif
