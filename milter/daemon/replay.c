/* replay.c: what was kept aside while the store failed, brought into it. */
#include "replay.h"

#include <time.h>

#include "batch.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/policy.h"

/* How often a spool that cannot be read is tried while the store works. */
#define SPOOL_RETRY_SECS 5

/* So long at most mail waits for the replay of a spool that is long. */
#define SLICE_MS 200

static int
cannot_bring_in(struct keeper *k, const struct err *err)
{
	k->refused = true;
	k->why = *err;
	return -1;
}

static int
bring_in(struct keeper *k, struct entry *const *entries, size_t n,
    const struct spool_place *place)
{
	struct err err;
	if (batch_save(k->store, entries, n, place, &err) < 0)
		return cannot_bring_in(k, &err);
	if (batch_report(entries, n))
		k->mail_queued(k->context);
	return 0;
}

/* The tick at which a spooled message was sent: its own if it is of this boot,
 * else by the wall clock. One of the future counts as now. */
static int64_t
tick_of(const struct message *message)
{
	const int64_t now = clock_tick();
	if (message->tick > 0)
		return message->tick < now ? message->tick : now;
	int64_t age_secs = (clock_wall_ms() - message->at_ms) / 1000;
	if (age_secs > now)
		return 0;
	return now - (age_secs > 0 ? age_secs : 0);
}

/* One message that the database does not take must not keep the others out.
 * The store has to be opened anew after it, so the next replay goes message by
 * message to find it, and the one after that leaves it out. */
static int
bring_in_or_refuse(struct keeper *k, struct entry *const *entries, size_t n,
    const struct spool_place *after)
{
	if (n == 1 && k->culprit.file == after->file &&
	    k->culprit.offset == after->offset)
		return SPOOL_REFUSED;
	if (bring_in(k, entries, n, after) == 0)
		return SPOOL_TAKEN;
	if (store_is_refusal(k->store)) {
		k->one_by_one = true;
		if (n == 1)
			k->culprit = *after;
	}
	return -1;
}

static int
bring_in_spooled(void *context, struct arena *arena, struct message **messages,
    size_t n, const struct spool_place *after)
{
	struct keeper *k = context;
	struct entry **entries = arena_alloc(arena, n * sizeof(*entries));
	for (size_t i = 0; entries != NULL && i < n; i++) {
		struct entry *e = arena_alloc(arena, sizeof(*e));
		struct measure *m =
		    arena_alloc(arena, k->settings->rules_n * sizeof(*m));
		if (e == NULL || m == NULL)
			return -1;
		messages[i]->tick = tick_of(messages[i]);
		*e = (struct entry){.arena = arena,
		    .settings = k->settings,
		    .message = messages[i],
		    .gone = true,
		    .may_act = true,
		    .measures = m,
		    .measures_n = policy_measure(k->settings, messages[i], m)};
		entries[i] = e;
	}
	return entries == NULL ? -1 : bring_in_or_refuse(k, entries, n, after);
}

static void
say_bad_line(void *context, const char *sentence)
{
	const struct keeper *k = context;
	if (k->culprit.file == 0)
		log_text(
		    LOG_LEVEL_ERROR, "spool-line-rejected", "%s", sentence);
	else
		log_text(LOG_LEVEL_ERROR, "spool-line-rejected", "%s (%s)",
		    sentence, k->why.text);
}

static int
note_place(void *context, const struct spool_place *place)
{
	struct keeper *k = context;
	struct err err;
	if (store_begin(k->store, &err) == 0 &&
	    store_note_place(k->store, place, &err) == 0 &&
	    store_commit(k->store, &err) == 0)
		return 0;
	store_rollback(k->store);
	return cannot_bring_in(k, &err);
}

/* The spool's file goes: its place must not be taken for a later file's. */
static int
forget_place(void *context)
{
	const struct spool_place nowhere = {0};
	return note_place(context, &nowhere);
}

/* The message that is left out is in the second file. */
static int
leave_out(void *context, const struct spool_place *place)
{
	struct keeper *k = context;
	k->culprit = (struct spool_place){0};
	return note_place(k, place);
}

static int64_t
steady_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool
slice_is_over(void *context)
{
	const struct keeper *k = context;
	return steady_ms() >= k->slice_ends_ms;
}

int
replay_spool(struct keeper *k, struct err *err)
{
	const struct spool_replay replay = {.at_once = k->one_by_one ? 1 : 0,
	    .batch = bring_in_spooled,
	    .enough = slice_is_over,
	    .refused = leave_out,
	    .emptied = forget_place,
	    .bad = say_bad_line,
	    .context = k};
	struct spool_place place;
	k->refused = false;
	k->slice_ends_ms = steady_ms() + SLICE_MS;
	if (!spool_has_messages(k->spool))
		return 0;
	if (store_get_place(k->store, &place, err) < 0)
		return -1;
	spool_resume(k->spool, &place);
	int got = spool_replay(k->spool, &replay, err);
	if (got == SPOOL_MORE)
		return 1;
	if (k->refused) {
		*err = k->why;
		return -1;
	}
	k->one_by_one = false;
	if (got == SPOOL_EMPTY) {
		k->next_spool_remark = 0;
		return 0;
	}
	const int64_t now = clock_tick();
	k->next_spool_try = now + SPOOL_RETRY_SECS;
	if (now < k->next_spool_remark)
		return 0;
	log_text(LOG_LEVEL_ERROR, "spool-failed",
	    "%s; what it holds is not in the database yet", err->text);
	k->next_spool_remark = now + KEEPER_REMIND_SECS;
	return 0;
}

/* As bring_in_or_refuse; the log has it already. */
static void
put_parked_aside(struct keeper *k)
{
	struct ticket *ticket = ticket_list_take(&k->parked);
	const struct message *message = ticket->entry.message;
	struct err err;
	int failed = spool_put_aside(k->spool, message, &err);
	ticket_log(LOG_LEVEL_ERROR, message,
	    failed < 0 ? "only-in-log" : "spool-line-rejected", k->why.text);
	ticket_release(ticket);
}

int
replay_parked(struct keeper *k, struct err *err)
{
	while (k->parked.first != NULL) {
		struct entry *entry = &k->parked.first->entry;
		if (bring_in(k, &entry, 1, NULL) < 0) {
			if (store_is_refusal(k->store))
				put_parked_aside(k);
			*err = k->why;
			return -1;
		}
		ticket_release(ticket_list_take(&k->parked));
	}
	return 0;
}
