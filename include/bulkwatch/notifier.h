/*
 * notifier.h: the thread that delivers alerts.
 *
 * It takes what the outbox holds, writes the mails and sends them, never in
 * the way of mail: rows are put into the outbox with the bulk send, in one
 * transaction, and stay until they are delivered or given up. It reaches the
 * outbox by the functions below, so it knows no database.
 *
 * Each bulk send is told at least once: a row is settled as sent only after
 * the server took the mail. Never more than alerts.per_hour mails to the admins
 * in any hour: when more wait than may still go, the last one that may carries
 * all of them as a digest, each once. The day's digest is one of these mails,
 * and always goes on its own; if there is nothing to tell by then, it is
 * settled as sent without a mail.
 *
 * Notices go to one sender each, so a digest is no help there. They do not use
 * up what the admins may get, and are no more than alerts.per_hour themselves;
 * alerts that wait go first. A notice that the server refuses for good (an
 * address that it does not know) is given up at once.
 */
#ifndef BULKWATCH_NOTIFIER_H
#define BULKWATCH_NOTIFIER_H

#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
#include "bulkwatch/own.h"
#include "bulkwatch/record.h"
#include "bulkwatch/settings.h"

/* All are called from the notifier's thread and may block; 0, or -1 when the
 * store is not to be had now (the notifier tries again later). A bulk
 * send that is gone is an error of story. */
struct outbox {
	void *context;
	/* Due rows: of those for the admins the oldest, at most limit, and the
	 * oldest notice, so that no number of alerts keeps it from being seen.
	 * A row that is put off for longer than any is waits for a clock that
	 * has been set back, and is due. */
	int (*due)(void *context, struct arena *arena, int64_t now_ms,
	    size_t limit, struct alert **alerts_r, size_t *n_r);
	int (*next_due)(void *context, int64_t now_ms, int64_t *due_ms_r);
	/* When mails to the admins went. */
	int (*sent_since)(void *context, struct arena *arena, int64_t since_ms,
	    int64_t **times_r, size_t *n_r);
	int (*story)(void *context, struct arena *arena, int64_t bulk_send,
	    size_t evidence_max, struct bulk_send_story *story_r);
	/* What the day's digest tells. */
	int (*day)(void *context, struct arena *arena, int64_t now_ms,
	    struct day *day_r);
	int (*settle)(void *context, const int64_t *ids, size_t n,
	    const struct alert_result *result);
	/* The settings in force, with a reference that the caller releases. */
	const struct settings *(*settings)(void *context);
};

struct notifier;

/* Starts the thread. outbox is copied; own must outlive the notifier. */
int notifier_init(const struct outbox *outbox, struct own *own,
    struct notifier **notifier_r, struct err *err);

/* There may be something to send. From any thread; never blocks. */
void notifier_wake(struct notifier *notifier);

/* Ends the thread (a delivery under way is given up after at most about 2 s)
 * and sets *notifier to NULL. */
void notifier_deinit(struct notifier **notifier);

/* Seconds to wait before attempt number attempts + 1: 30 s, doubled up to an
 * hour. After ALERT_GIVE_UP_SECS from its creation, and ALERT_ATTEMPTS_MIN
 * attempts, an alert is given up. */
#define ALERT_GIVE_UP_SECS (5 * 24 * 3600)
#define ALERT_ATTEMPTS_MIN 10
int64_t notifier_backoff_secs(uint32_t attempts);

#endif
