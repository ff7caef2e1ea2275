/*
 * delivery.c: mails taken from the outbox to the SMTP server.
 *
 * The first mail that fails ends the round; settle.c says what is tried again,
 * and when.
 */
#include "delivery.h"

#include <stdlib.h>
#include <string.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/smtp.h"
#include "message.h"
#include "settle.h"

static bool
is_stopping(const struct delivery *delivery)
{
	return __atomic_load_n(delivery->stop, __ATOMIC_RELAXED);
}

/* ----------------------------------------------------------------- lanes */

static struct lane *
lane_of(struct delivery *delivery, const struct batch *batch)
{
	return batch->alerts[0].kind == ALERT_NOTICE ? &delivery->senders
						     : &delivery->admins;
}

size_t
lane_left(struct lane *lane, int64_t now_tick, size_t per_hour)
{
	return lane->hold_until_tick > now_tick
		   ? 0
		   : budget_left(&lane->budget, now_tick, per_hour);
}

int64_t
lane_wait(const struct lane *lane, int64_t now_tick, size_t per_hour)
{
	int64_t hold = lane->hold_until_tick - now_tick;
	int64_t budget = budget_wait(&lane->budget, now_tick, per_hour);
	return hold > budget ? hold : budget;
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
	struct lane *lane = lane_of(delivery, batch);
	bool *refused =
	    arena_alloc(batch->arena, outgoing->to->n * sizeof(*refused));
	if (refused == NULL || budget_reserve(&lane->budget) < 0)
		return -1;
	enum smtp_result result =
	    attempt(delivery, batch, outgoing, refused, &err);
	if (result == SMTP_SENT || result == SMTP_UNCERTAIN)
		budget_note(&lane->budget, clock_tick());
	if (result == SMTP_SENT) {
		lane->failures = 0;
		settle_sent(delivery, batch, outgoing, refused, err.text);
		return delivery->unsettled.arena == NULL ? 0 : -1;
	}
	/* An attempt that we stopped ourselves says nothing of the row. */
	if (is_stopping(delivery))
		return -1;
	/* An alert must arrive, and an admin may mend what is refused; a
	 * sender's address that the server does not know is only tried once. */
	if (result == SMTP_PERMANENT && batch->alerts[0].kind == ALERT_NOTICE)
		return settle_given_up(delivery, batch, err.text);
	settle_failed(delivery, batch, err.text);
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

/* What a mail is about cannot be read: that is not the SMTP server's fault, so
 * the others go on. Returns 0, or -1 if it is the store that fails. */
static int
put_off(struct delivery *delivery, const struct batch *batch)
{
	return settle_put_off(delivery, batch,
	    "what it tells of cannot be read from the database");
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

/* Whether there is anything to tell any more: a case may have been closed
 * while the mail waited. */
static bool
has_something(const struct day *day)
{
	return day->waiting_n > 0 || day->holding_n > 0 || day->fresh_n > 0 ||
	       day->expected_n > 0 || day->alerts_failed > 0 ||
	       day->store_failures > 0;
}

/* Sends the day's digest. The batch holds more than one where the server was
 * down for days: the newest facts serve for all. */
static int
send_daily(struct delivery *delivery, const struct batch *batch)
{
	const struct outbox *outbox = &delivery->outbox;
	struct day day;
	struct outgoing outgoing;
	if (outbox->day(outbox->context, batch->arena, clock_wall_ms(), &day) <
	    0)
		return put_off(delivery, batch);
	if (!has_something(&day))
		return settle_unsent(delivery, batch);
	if (message_daily(batch->arena, batch->settings, batch->alerts, &day,
		&outgoing) < 0)
		return -1;
	return send_mail(delivery, batch, &outgoing);
}

/* Sends so many of the rows in one mail. */
static int
send_some(struct delivery *delivery, const struct settings *settings,
    const struct alert *alerts, size_t n)
{
	struct batch batch = {settings, arena_new(), alerts, n};
	if (batch.arena == NULL)
		return -1;
	int going_on;
	if (alerts[0].kind == ALERT_DAILY)
		going_on = send_daily(delivery, &batch);
	else if (n == 1)
		going_on = send_single(delivery, &batch);
	else
		going_on = send_digest(delivery, &batch);
	arena_free(batch.arena);
	return going_on;
}

/* ---------------------------------------------------------------- rounds */

static int
send_alerts(struct delivery *delivery, const struct settings *settings,
    const struct alert *alerts, size_t n, size_t left)
{
	for (size_t i = 0; i < n && left > 0; left--) {
		size_t carried =
		    left == 1 || n >= delivery->digest_from ? n - i : 1;
		if (is_stopping(delivery) ||
		    send_some(delivery, settings, alerts + i, carried) < 0)
			return -1;
		i += carried;
	}
	return 0;
}

/* The rows that are a day's digest, or those that are not, one behind the
 * other. Returns how many. */
static size_t
pick(const struct alert *alerts, size_t n, bool daily, struct alert *picked_r)
{
	size_t picked_n = 0;
	for (size_t i = 0; i < n; i++)
		if ((alerts[i].kind == ALERT_DAILY) == daily)
			picked_r[picked_n++] = alerts[i];
	return picked_n;
}

int
delivery_send(struct delivery *delivery, const struct settings *settings,
    const struct alert *alerts, size_t n, size_t left)
{
	struct alert *sorted = calloc(n, sizeof(*sorted));
	if (sorted == NULL)
		return -1;
	size_t others_n = pick(alerts, n, false, sorted);
	const struct alert *daily = sorted + others_n;
	size_t daily_n = pick(alerts, n, true, sorted + others_n);
	int going_on = is_stopping(delivery) ? -1 : 0;
	/* Where only one mail may go, it is the older one's turn: neither can
	 * keep the other from ever going. */
	if (going_on == 0 && daily_n > 0 &&
	    (left > 1 || others_n == 0 || daily[0].id < sorted[0].id)) {
		going_on = send_some(delivery, settings, daily, daily_n);
		left--;
	}
	if (going_on == 0)
		going_on =
		    send_alerts(delivery, settings, sorted, others_n, left);
	free(sorted);
	return going_on;
}

int
delivery_notice(struct delivery *delivery, const struct settings *settings,
    const struct alert *notice)
{
	struct batch batch = {settings, arena_new(), notice, 1};
	if (batch.arena == NULL)
		return -1;
	int going_on = -1;
	/* Settings may have changed since it was queued. */
	if (!settings->notices.enabled)
		going_on = settle_given_up(
		    delivery, &batch, "notices.enabled is false now");
	else if (!is_stopping(delivery))
		going_on = send_single(delivery, &batch);
	arena_free(batch.arena);
	return going_on;
}

void
delivery_free(struct delivery *delivery)
{
	settle_forget(delivery);
	budget_free(&delivery->admins.budget);
	budget_free(&delivery->senders.budget);
}
