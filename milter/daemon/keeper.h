/*
 * keeper.h: the store, and what stands in for it while it fails (inside the
 * daemon; the recorder's thread alone uses it).
 *
 * store is NULL while it fails; that is the whole of the failure state. What is
 * in the spool or parked in memory is older than what waits, so it is brought
 * in before the store counts as working again.
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
	bool refused; /* the store failed at what was to be brought in */
	struct spool *spool;
	struct ticket_list parked;
	int64_t failed_at, next_try, next_remark, next_spool_try; /* ticks */
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

/* Tries a store or spool that failed, if it is time. */
void keeper_retry(struct keeper *keeper);

/* Says why the store fails and closes it. */
void keeper_fail(struct keeper *keeper, const char *sentence);

/* Fills windows from the ledger; measure only reads context. Returns 0 or -1.
 */
int keeper_refill(struct store *store, const struct settings *settings,
    store_refill_fn *measure, const void *context, struct err *err);

#endif
