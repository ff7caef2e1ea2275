/*
 * settle.c: what came of a mail, told to the store and to the log.
 *
 * After a mail that failed no other is tried in its lane for a while (the
 * hold), however many wait: a server that is down is asked once, not ten
 * thousand times. Each row has its own backoff beside that, so that one mail
 * that the server will not have does not stand before the others forever.
 */
#include "settle.h"

#include <stdio.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/log.h"

/* A server that is back is found so soon, even after days. */
#define HOLD_MAX_SECS 300

/* ----------------------------------------------------------------- log */

static void
log_alert(enum log_level level, const char *event, const struct alert *alert,
    const char *to, const char *message_id, const char *error)
{
	char bulk_send[24], attempts[16];
	snprintf(
	    bulk_send, sizeof(bulk_send), "%lld", (long long)alert->bulk_send);
	snprintf(attempts, sizeof(attempts), "%u", alert->attempts + 1);
	log_event(level, "event", event, "bulk_send",
	    alert->bulk_send == 0 ? NULL : bulk_send, "kind",
	    record_alert_kind_name(alert->kind), "attempts", attempts, "to", to,
	    "message_id", message_id, "error", error, NULL);
}

/* True for the first failure, the second, the fourth, …: a server that is down
 * for days fills no log. */
static bool
is_worth_a_line(uint32_t failures)
{
	return (failures & (failures - 1)) == 0;
}

/* ------------------------------------------------------------------ sent */

void
settle_forget(struct delivery *delivery)
{
	arena_free(delivery->unsettled.arena);
	delivery->unsettled = (struct unsettled){.arena = NULL};
}

int
settle_pending(struct delivery *delivery)
{
	const struct unsettled *unsettled = &delivery->unsettled;
	if (unsettled->arena == NULL)
		return 0;
	if (delivery->outbox.settle(delivery->outbox.context, unsettled->ids,
		unsettled->n, &unsettled->result) < 0)
		return -1;
	settle_forget(delivery);
	return 0;
}

static const int64_t *
ids_of(struct arena *arena, const struct batch *batch)
{
	int64_t *ids = arena_alloc(arena, batch->n * sizeof(*ids));
	for (size_t i = 0; i < batch->n && ids != NULL; i++)
		ids[i] = batch->alerts[i].id;
	return ids;
}

/* Who got it: all but those refused. */
static const char *
reached(struct arena *arena, const struct text_list *to, const bool *refused)
{
	const char *list = "";
	for (size_t i = 0; i < to->n && list != NULL; i++)
		if (!refused[i])
			list = arena_printf(arena, "%s%s%s", list,
			    list[0] == '\0' ? "" : ", ", to->items[i]);
	return list;
}

void
settle_sent(struct delivery *delivery, const struct batch *batch,
    const struct outgoing *outgoing, const bool *refused, const char *error)
{
	struct unsettled *unsettled = &delivery->unsettled;
	unsettled->arena = arena_new();
	if (unsettled->arena == NULL)
		return; /* it will go twice, rather than be lost */
	unsettled->n = batch->n;
	unsettled->ids = ids_of(unsettled->arena, batch);
	unsettled->result = (struct alert_result){
	    .state = ALERT_SENT,
	    .to = reached(unsettled->arena, outgoing->to, refused),
	    .message_id = arena_strdup(unsettled->arena, outgoing->message_id),
	    .error = arena_strdup(unsettled->arena, error),
	    /* The next digest begins where this one was written: nothing that
	     * happened while it was sent falls between the two. */
	    .at_ms = batch->alerts[0].kind == ALERT_DAILY ? outgoing->at_ms
							  : clock_wall_ms(),
	};
	if (unsettled->ids == NULL || unsettled->result.to == NULL ||
	    unsettled->result.message_id == NULL ||
	    unsettled->result.error == NULL) {
		settle_forget(delivery);
		return;
	}
	for (size_t i = 0; i < batch->n; i++)
		log_alert(error[0] == '\0' ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		    "alert-sent", &batch->alerts[i], unsettled->result.to,
		    unsettled->result.message_id,
		    error[0] == '\0' ? NULL : error);
	settle_pending(delivery);
}

/* -------------------------------------------------------------- not sent */

/* So often it is tried in any case, which takes hours: a wall clock that was
 * set forward must not make an alert old at once. */
static bool
is_too_old(const struct alert *alert, int64_t now_ms)
{
	return now_ms - alert->created_ms >=
		   (int64_t)ALERT_GIVE_UP_SECS * 1000 &&
	       alert->attempts + 1 >= ALERT_ATTEMPTS_MIN;
}

/* A result without a mail. A notice's row says from the beginning to whom it
 * goes, and must go on to say so. */
static struct alert_result
unsent(const struct batch *batch, enum alert_state state, const char *error)
{
	const struct alert *first = &batch->alerts[0];
	return (struct alert_result){
	    .state = state,
	    .to = first->kind == ALERT_NOTICE ? first->to : "",
	    .message_id = "",
	    .error = error,
	    .at_ms = clock_wall_ms(),
	};
}

static int
settle_all(struct delivery *delivery, const struct batch *batch,
    const struct alert_result *result)
{
	const int64_t *ids = ids_of(batch->arena, batch);
	return ids == NULL ? -1
			   : delivery->outbox.settle(delivery->outbox.context,
				 ids, batch->n, result);
}

int
settle_unsent(struct delivery *delivery, const struct batch *batch)
{
	const struct alert_result result = unsent(batch, ALERT_SENT, "");
	return settle_all(delivery, batch, &result);
}

int
settle_given_up(
    struct delivery *delivery, const struct batch *batch, const char *error)
{
	const struct alert_result result = unsent(batch, ALERT_FAILED, error);
	if (settle_all(delivery, batch, &result) < 0)
		return -1;
	for (size_t i = 0; i < batch->n; i++)
		log_alert(LOG_LEVEL_WARNING, "alert-failed", &batch->alerts[i],
		    result.to, NULL, error);
	return 0;
}

/* Settles those of the batch that are too old, or those that are not, with one
 * result. */
static int
settle_part(struct delivery *delivery, const struct batch *batch, bool too_old,
    const struct alert_result *result)
{
	const struct outbox *outbox = &delivery->outbox;
	int64_t *ids = arena_alloc(batch->arena, batch->n * sizeof(*ids));
	size_t n = 0;
	if (ids == NULL)
		return -1;
	for (size_t i = 0; i < batch->n; i++)
		if (is_too_old(&batch->alerts[i], result->at_ms) == too_old)
			ids[n++] = batch->alerts[i].id;
	if (n > 0 && outbox->settle(outbox->context, ids, n, result) < 0)
		return -1;
	for (size_t i = 0; i < batch->n && too_old; i++)
		if (is_too_old(&batch->alerts[i], result->at_ms))
			log_alert(LOG_LEVEL_ERROR, "alert-failed",
			    &batch->alerts[i], NULL, NULL, result->error);
	return 0;
}

static int
put_off(struct delivery *delivery, const struct batch *batch, uint32_t failures,
    const char *error)
{
	uint32_t attempts = 0;
	for (size_t i = 0; i < batch->n; i++)
		if (batch->alerts[i].attempts > attempts)
			attempts = batch->alerts[i].attempts;
	if (is_worth_a_line(failures))
		log_alert(LOG_LEVEL_WARNING, "alert-delayed", &batch->alerts[0],
		    NULL, NULL, error);
	struct alert_result result = unsent(batch, ALERT_QUEUED, error);
	result.next_ms =
	    result.at_ms + notifier_backoff_secs(attempts + 1) * 1000;
	if (settle_part(delivery, batch, false, &result) < 0)
		return -1;
	result.state = ALERT_FAILED;
	return settle_part(delivery, batch, true, &result);
}

int
settle_put_off(
    struct delivery *delivery, const struct batch *batch, const char *error)
{
	return put_off(delivery, batch, batch->alerts[0].attempts + 1, error);
}

int
settle_failed(
    struct delivery *delivery, const struct batch *batch, const char *error)
{
	struct lane *lane = batch->alerts[0].kind == ALERT_NOTICE
				? &delivery->senders
				: &delivery->admins;
	lane->failures++;
	int64_t hold = notifier_backoff_secs(lane->failures);
	lane->hold_until_tick =
	    clock_tick() + (hold < HOLD_MAX_SECS ? hold : HOLD_MAX_SECS);
	return put_off(delivery, batch, lane->failures, error);
}
