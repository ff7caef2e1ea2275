/*
 * delivery.c: alerts taken from the outbox to the SMTP server.
 *
 * The first mail that fails ends the round, and no other is tried for a while
 * (the hold), however many wait: a server that is down is asked once, not ten
 * thousand times. Each row has its own backoff beside that, so that one mail
 * that the server will not have does not stand before the others forever.
 */
#include "delivery.h"

#include <stdio.h>
#include <stdlib.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/log.h"
#include "bulkwatch/smtp.h"
#include "message.h"

/* A server that is back is found so soon, even after days. */
#define HOLD_MAX_SECS 300

/* Some alerts that go in one mail, or fail to. */
struct batch {
	const struct settings *settings;
	struct arena *arena;
	const struct alert *alerts;
	size_t n;
};

static bool
is_stopping(const struct delivery *delivery)
{
	return __atomic_load_n(delivery->stop, __ATOMIC_RELAXED);
}

/* ----------------------------------------------------------------- log */

static void
log_alert(enum log_level level, const char *event, const struct alert *alert,
    const char *to, const char *message_id, const char *error)
{
	char bulk_send[24], attempts[16];
	snprintf(
	    bulk_send, sizeof(bulk_send), "%lld", (long long)alert->bulk_send);
	snprintf(attempts, sizeof(attempts), "%u", alert->attempts + 1);
	log_event(level, "event", event, "bulk_send", bulk_send, "kind",
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

/* -------------------------------------------------------------- settling */

static void
forget_unsettled(struct delivery *delivery)
{
	arena_free(delivery->unsettled.arena);
	delivery->unsettled = (struct unsettled){.arena = NULL};
}

int
delivery_settle(struct delivery *delivery)
{
	const struct unsettled *unsettled = &delivery->unsettled;
	if (unsettled->arena == NULL)
		return 0;
	if (delivery->outbox.settle(delivery->outbox.context, unsettled->ids,
		unsettled->n, &unsettled->result) < 0)
		return -1;
	forget_unsettled(delivery);
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

static void
note_sent(struct delivery *delivery, const struct batch *batch,
    const struct outgoing *outgoing, const bool *refused, const char *error)
{
	struct unsettled *unsettled = &delivery->unsettled;
	delivery->failures = 0;
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
	    .at_ms = clock_wall_ms(),
	};
	if (unsettled->ids == NULL || unsettled->result.to == NULL ||
	    unsettled->result.message_id == NULL ||
	    unsettled->result.error == NULL) {
		forget_unsettled(delivery);
		return;
	}
	for (size_t i = 0; i < batch->n; i++)
		log_alert(error[0] == '\0' ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		    "alert-sent", &batch->alerts[i], unsettled->result.to,
		    unsettled->result.message_id,
		    error[0] == '\0' ? NULL : error);
	delivery_settle(delivery);
}

static bool
is_too_old(const struct alert *alert, int64_t now_ms)
{
	return now_ms - alert->created_ms >= (int64_t)ALERT_GIVE_UP_SECS * 1000;
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

/* Puts off the batch's rows, or gives up those that are too old. Returns 0, or
 * -1 if the store fails. */
static int
settle_failed(
    struct delivery *delivery, const struct batch *batch, const char *error)
{
	uint32_t attempts = 0;
	for (size_t i = 0; i < batch->n; i++)
		if (batch->alerts[i].attempts > attempts)
			attempts = batch->alerts[i].attempts;
	struct alert_result result = {
	    .state = ALERT_QUEUED,
	    .to = "",
	    .message_id = "",
	    .error = error,
	    .at_ms = clock_wall_ms(),
	};
	result.next_ms =
	    result.at_ms + notifier_backoff_secs(attempts + 1) * 1000;
	if (settle_part(delivery, batch, false, &result) < 0)
		return -1;
	result.state = ALERT_FAILED;
	return settle_part(delivery, batch, true, &result);
}

/* The server did not take a mail: nothing else is tried for a while. */
static void
note_failed(
    struct delivery *delivery, const struct batch *batch, const char *error)
{
	delivery->failures++;
	int64_t hold = notifier_backoff_secs(delivery->failures);
	delivery->hold_until_tick =
	    clock_tick() + (hold < HOLD_MAX_SECS ? hold : HOLD_MAX_SECS);
	if (is_worth_a_line(delivery->failures))
		log_alert(LOG_LEVEL_WARNING, "alert-delayed", &batch->alerts[0],
		    NULL, NULL, error);
	settle_failed(delivery, batch, error);
}

/* -------------------------------------------------------------- sending */

/* One attempt with what is ready. refused: room for each recipient. */
static enum smtp_result
attempt(struct delivery *delivery, const struct batch *batch,
    struct outgoing *outgoing, bool *refused, struct err *err)
{
	char nonce[OWN_NONCE_MAX], *mail = NULL;
	size_t length = 0;
	if (own_expect(delivery->own, outgoing->to, clock_tick(), nonce, err) <
	    0)
		return SMTP_TEMPORARY;
	outgoing->nonce = nonce;
	int composed = compose_mail(outgoing, &mail, &length, err);
	outgoing->nonce = "";
	if (composed < 0)
		return SMTP_PERMANENT;
	const struct smtp_attempt to_send = {
	    .url = batch->settings->alerts.smtp,
	    .from = outgoing->from,
	    .to = outgoing->to,
	    .mail = mail,
	    .length = length,
	    .stop = delivery->stop,
	    .refused = refused,
	};
	enum smtp_result result = smtp_send(&to_send, err);
	free(mail);
	return result;
}

/* Sends a mail and notes how that ended. Returns 0 if the round may go on, -1
 * if it may not. */
static int
send_mail(struct delivery *delivery, const struct batch *batch,
    struct outgoing *outgoing)
{
	struct err err = {""};
	bool *refused =
	    arena_alloc(batch->arena, outgoing->to->n * sizeof(*refused));
	if (refused == NULL || budget_reserve(&delivery->budget) < 0)
		return -1;
	enum smtp_result result =
	    attempt(delivery, batch, outgoing, refused, &err);
	if (result == SMTP_SENT || result == SMTP_UNCERTAIN)
		budget_note(&delivery->budget, clock_tick());
	if (result == SMTP_SENT) {
		note_sent(delivery, batch, outgoing, refused, err.text);
		return delivery->unsettled.arena == NULL ? 0 : -1;
	}
	/* An attempt that we stopped ourselves says nothing of the row. */
	if (!is_stopping(delivery))
		note_failed(delivery, batch, err.text);
	return -1;
}

static int
story_of(struct delivery *delivery, const struct batch *batch, size_t evidence,
    struct bulk_send_story *story_r)
{
	const struct outbox *outbox = &delivery->outbox;
	return outbox->story(outbox->context, batch->arena,
	    batch->alerts[0].bulk_send, evidence, story_r);
}

/* What an alert is about cannot be read: that is not the SMTP server's fault,
 * so the others go on. Returns 0, or -1 if it is the store that fails. */
static int
put_off(struct delivery *delivery, const struct batch *batch)
{
	static const char error[] =
	    "the bulk send cannot be read from the database";
	if (is_worth_a_line(batch->alerts[0].attempts + 1))
		log_alert(LOG_LEVEL_WARNING, "alert-delayed", &batch->alerts[0],
		    NULL, NULL, error);
	return settle_failed(delivery, batch, error);
}

static int
send_single(struct delivery *delivery, const struct batch *batch)
{
	struct bulk_send_story story;
	struct outgoing outgoing;
	if (story_of(delivery, batch, MESSAGE_EVIDENCE_MAX, &story) < 0)
		return put_off(delivery, batch);
	if (message_single(batch->arena, batch->settings, batch->alerts, &story,
		&outgoing) < 0)
		return -1;
	return send_mail(delivery, batch, &outgoing);
}

/* A bulk send for a digest, without the evidence that came with it, which
 * would add up. Returns 1 with *send_r set, 0 if it was put off, -1 if it is no
 * use to go on. */
static int
listed_send(struct delivery *delivery, const struct batch *batch,
    const struct alert *alert, struct bulk_send *send_r)
{
	struct bulk_send_story story;
	struct batch one = {batch->settings, arena_new(), alert, 1};
	int result = -1;
	if (one.arena == NULL)
		return -1;
	if (story_of(delivery, &one, 1, &story) < 0) {
		result = put_off(delivery, &one);
		goto free_arena;
	}
	*send_r = story.send;
	send_r->sender = arena_strdup(batch->arena, story.send.sender);
	send_r->subject = arena_strdup(batch->arena, story.send.subject);
	send_r->rule = send_r->client = send_r->assignee = "";
	if (send_r->sender != NULL && send_r->subject != NULL)
		result = 1;
free_arena:
	arena_free(one.arena);
	return result;
}

static bool
is_listed(const struct bulk_send *sends, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (sends[i].id == id)
			return true;
	return false;
}

/* Sends all of the batch in one mail, each bulk send once. */
static int
send_digest(struct delivery *delivery, const struct batch *batch)
{
	struct outgoing outgoing;
	struct bulk_send *sends =
	    arena_alloc(batch->arena, batch->n * sizeof(*sends));
	struct alert *alerts =
	    arena_alloc(batch->arena, batch->n * sizeof(*alerts));
	size_t sends_n = 0, alerts_n = 0;
	if (sends == NULL || alerts == NULL)
		return -1;
	for (size_t i = 0; i < batch->n && !is_stopping(delivery); i++) {
		const struct alert *alert = &batch->alerts[i];
		if (!is_listed(sends, sends_n, alert->bulk_send)) {
			int got = listed_send(
			    delivery, batch, alert, &sends[sends_n]);
			if (got < 0)
				return -1;
			if (got == 0)
				continue;
			sends_n++;
		}
		alerts[alerts_n++] = *alert;
	}
	if (alerts_n == 0 || is_stopping(delivery))
		return 0;
	struct batch listed = *batch;
	listed.alerts = alerts;
	listed.n = alerts_n;
	if (message_digest(batch->arena, batch->settings, alerts, alerts_n,
		sends, sends_n, &outgoing) < 0)
		return -1;
	return send_mail(delivery, &listed, &outgoing);
}

/* Sends so many of the alerts in one mail. */
static int
send_some(struct delivery *delivery, const struct settings *settings,
    const struct alert *alerts, size_t n)
{
	struct batch batch = {settings, arena_new(), alerts, n};
	if (batch.arena == NULL)
		return -1;
	int going_on = n == 1 ? send_single(delivery, &batch)
			      : send_digest(delivery, &batch);
	arena_free(batch.arena);
	return going_on;
}

int
delivery_send(struct delivery *delivery, const struct settings *settings,
    const struct alert *alerts, size_t n, size_t left)
{
	for (size_t i = 0; i < n && left > 0; left--) {
		size_t carried = left == 1 ? n - i : 1;
		if (is_stopping(delivery) ||
		    send_some(delivery, settings, alerts + i, carried) < 0)
			return -1;
		i += carried;
	}
	return 0;
}

void
delivery_free(struct delivery *delivery)
{
	forget_unsettled(delivery);
	budget_free(&delivery->budget);
}
