/* store_actions_test.c: what is held, deferred and rejected, in the ledger, the
 * windows and the log. */
#include "store_fixture.h"

#include "../../milter/store/store_internal.h"

#define ID "<same@x.vn>"

static void
set_action(struct world *w, size_t rule, enum action action)
{
	w->settings.rules[rule].action = action;
}

static int64_t
messages(struct world *w)
{
	return sql_number(w, "SELECT count(*) FROM message");
}

static void
what_is_rejected_does_not_fill_the_window(void **state)
{
	struct world *w = *state;
	set_action(w, BY_MESSAGE, ACTION_REJECT);
	struct entry *refused = mail(w, .first = 1, .n = 25);
	assert_int_equal(refused->decision.action, ACTION_REJECT);
	struct entry *next = mail(w, .first = 101, .n = 5);
	assert_int_equal(counted(next, BY_WINDOW), 5);
	assert_int_equal(next->previous, 0);
}

static void
what_is_rejected_is_recorded_with_its_action(void **state)
{
	struct world *w = *state;
	set_action(w, BY_MESSAGE, ACTION_REJECT);
	struct entry *e = mail(w, .first = 1, .n = 25);
	struct bulk_send_story story = show(w, e->bulk_send);
	assert_int_equal(story.send.action, ACTION_REJECT);
	assert_int_equal(story.send.recipients, 25);
	assert_int_equal(story.evidence[0].action, ACTION_REJECT);
}

/* Nobody got it: who reads the sums must be able to tell. */
static void
a_bulk_send_says_how_much_of_it_was_refused(void **state)
{
	struct world *w = *state;
	struct bulk_send *sends;
	size_t n;
	struct err err;
	const struct list_filter filter = {0};
	mail(w, .first = 1, .n = 25, .sender = "log@x.vn");
	set_action(w, BY_MESSAGE, ACTION_REJECT);
	mail(w, .first = 1, .n = 19);
	mail(w, .first = 19, .n = 1);
	mail(w, .first = 101, .n = 30, .external = 4);
	mail(w, .first = 201, .n = 30);
	assert_int_equal(
	    store_list(w->store, w->arena, &filter, &sends, &n, &err), 0);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++) {
		const bool logged = strcmp(sends[i].sender, "log@x.vn") == 0;
		const struct bulk_send s = show(w, sends[i].id).send;
		assert_int_equal(
		    s.unsent[UNSENT_REFUSED].messages, logged ? 0 : 2);
		assert_int_equal(
		    s.unsent[UNSENT_REFUSED].recipients, logged ? 0 : 60);
		assert_int_equal(
		    s.unsent[UNSENT_REFUSED].external, logged ? 0 : 4);
		assert_int_equal(sends[i].unsent[UNSENT_REFUSED].messages,
		    s.unsent[UNSENT_REFUSED].messages);
	}
}

static void
what_was_deferred_and_went_on_is_not_refused(void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	struct entry *e = mail(w, .n = 30, .message_id = ID);
	assert_int_equal(
	    show(w, e->bulk_send).send.unsent[UNSENT_REFUSED].messages, 1);
	assert_int_equal(
	    show(w, e->bulk_send).send.unsent[UNSENT_REFUSED].recipients, 30);
	mail(w, .n = 30, .message_id = ID, .later = WINDOW_SECS);
	assert_int_equal(
	    show(w, e->bulk_send).send.unsent[UNSENT_REFUSED].messages, 0);
	assert_int_equal(
	    show(w, e->bulk_send).send.unsent[UNSENT_REFUSED].recipients, 0);
}

static void
the_action_of_a_bulk_send_is_its_strongest(void **state)
{
	struct world *w = *state;
	set_action(w, BY_MESSAGE, ACTION_REJECT);
	mail(w, .first = 1, .n = 19);
	struct entry *logged = mail(w, .first = 51, .n = 5);
	assert_int_equal(
	    show(w, logged->bulk_send).send.action, ACTION_LOG);
	mail(w, .first = 101, .n = 20);
	assert_int_equal(
	    show(w, logged->bulk_send).send.action, ACTION_REJECT);
	mail(w, .first = 201, .n = 5);
	assert_int_equal(
	    show(w, logged->bulk_send).send.action, ACTION_REJECT);
}

static void
what_is_rejected_fills_no_window_after_a_restart(void **state)
{
	struct world *w = *state;
	set_action(w, BY_MESSAGE, ACTION_REJECT);
	mail(w, .first = 1, .n = 25);
	reopen_store(w);
	assert_int_equal(
	    counted(mail(w, .first = 101, .n = 5), BY_WINDOW), 5);
}

static void
what_is_rejected_is_in_no_sum(void **state)
{
	struct world *w = *state;
	struct sender_total *totals;
	size_t n;
	bool more;
	struct err err;
	set_action(w, BY_MESSAGE, ACTION_REJECT);
	mail(w, .first = 1, .n = 25);
	mail(w, .first = 1, .n = 3);
	for (int summed = 0; summed < 2; summed++) {
		assert_int_equal(store_senders(w->store, w->arena, 0, &totals,
				     &n, &err),
		    0);
		assert_int_equal(n, 1);
		assert_int_equal(totals[0].messages, 1);
		assert_int_equal(totals[0].recipients, 3);
		assert_int_equal(store_sum_up(w->store, &more, &err), 0);
	}
}

static void
what_filled_the_window_before_a_rejected_message_is_evidence(void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_REJECT);
	mail(w, .first = 1, .n = 10);
	mail(w, .first = 11, .n = 9);
	struct entry *e = mail(w, .first = 20, .n = 1);
	assert_int_equal(e->decision.action, ACTION_REJECT);
	assert_int_equal(show(w, e->bulk_send).send.messages, 3);
	/* The next is measured by what was sent. */
	assert_int_equal(
	    counted(mail(w, .first = 30, .n = 1), BY_WINDOW), 20);
}

/* ---------------------------------------------------------------- deferral */

static void
a_deferred_message_that_comes_again_too_soon_is_deferred_again(void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	mail(w, .first = 1, .n = 15);
	struct entry *first = mail(w, .first = 51, .n = 10, .message_id = ID);
	struct entry *again =
	    mail(w, .first = 51, .n = 10, .message_id = ID, .later = 60);
	assert_int_equal(first->decision.action, ACTION_DEFER);
	assert_int_equal(again->decision.action, ACTION_DEFER);
	assert_int_equal(again->waited_secs, 60);
	assert_int_equal(again->message->id, first->message->id);
	assert_int_equal(messages(w), 2);
	assert_int_equal(show(w, first->bulk_send).send.messages, 2);
}

static void
a_deferred_message_is_taken_when_the_window_has_room(void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	mail(w, .first = 1, .n = 15);
	struct entry *first = mail(w, .first = 51, .n = 10, .message_id = ID);
	struct entry *again = mail(
	    w, .first = 51, .n = 10, .message_id = ID, .later = WINDOW_SECS);
	assert_int_equal(again->decision.action, ACTION_LOG);
	assert_false(again->decision.matched);
	/* It is one message: the try that went on has the place of the other. */
	assert_int_equal(messages(w), 2);
	struct bulk_send_story story = show(w, first->bulk_send);
	assert_int_equal(story.send.messages, 2);
	assert_int_equal(story.send.recipients, 25);
	assert_int_equal(story.evidence_n, 2);
	assert_int_equal(story.evidence[1].action, ACTION_LOG);
	assert_string_equal(
	    story.evidence[1].queue_id, again->message->queue_id);
	/* And now it counts. */
	struct entry *next = mail(
	    w, .first = 81, .n = 1, .later = WINDOW_SECS + 1);
	assert_int_equal(counted(next, BY_WINDOW), 11);
}

static void
a_message_that_alone_fills_the_window_waits_as_long_as_the_window(void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	for (int64_t later = 0; later < WINDOW_SECS; later += 200)
		assert_int_equal(mail(w, .n = 30, .message_id = ID,
				     .later = later)
				     ->decision.action,
		    ACTION_DEFER);
	struct entry *e =
	    mail(w, .n = 30, .message_id = ID, .later = WINDOW_SECS);
	assert_int_equal(e->decision.action, ACTION_LOG);
	assert_true(e->decision.matched);
	assert_int_equal(show(w, e->bulk_send).send.messages, 1);
	assert_int_equal(messages(w), 1);
}

static void
no_message_is_deferred_for_more_than_a_day(void **state)
{
	struct world *w = *state;
	const int64_t day = 86400;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	mail(w, .first = 1, .n = 19);
	mail(w, .first = 51, .n = 10, .message_id = ID);
	/* The window never has room when it comes. */
	mail(w, .first = 1, .n = 19, .later = day - 1);
	assert_int_equal(mail(w, .first = 51, .n = 10, .message_id = ID,
			     .later = day - 1)
			     ->decision.action,
	    ACTION_DEFER);
	assert_int_equal(mail(w, .first = 51, .n = 10, .message_id = ID,
			     .later = day)
			     ->decision.action,
	    ACTION_LOG);
}

static void
a_deferral_is_known_after_the_store_was_opened_again(void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	mail(w, .n = 30, .message_id = ID);
	reopen_store(w);
	struct entry *e =
	    mail(w, .n = 30, .message_id = ID, .later = WINDOW_SECS);
	assert_int_equal(e->decision.action, ACTION_LOG);
	assert_int_equal(messages(w), 1);
}

static void
a_deferral_is_known_when_much_mail_came_in_between(void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	struct entry *first = mail(w, .n = 30, .message_id = ID);
	/* As if another message had its place in memory. */
	store_close(&w->store);
	sql_do(w, "INSERT INTO meta VALUES ('summed-upto', 100000)");
	open_store(w);
	struct entry *again =
	    mail(w, .n = 30, .message_id = ID, .later = 60);
	assert_int_equal(again->known_action, ACTION_DEFER);
	assert_int_equal(again->waited_secs, 60);
	assert_int_equal(again->bulk_send, first->bulk_send);
}

static void
a_message_that_was_taken_is_taken_again(void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	mail(w, .n = 30, .message_id = ID);
	mail(w, .n = 30, .message_id = ID, .later = WINDOW_SECS);
	/* Its sender has not heard that it was: it shall not wait anew. */
	for (int64_t n = 1; n <= STORE_RETRIES_MAX; n++) {
		struct entry *e = mail(w, .n = 30, .message_id = ID,
		    .later = WINDOW_SECS + n);
		assert_int_equal(e->decision.action, ACTION_LOG);
		assert_true(e->retry);
	}
	assert_int_equal(messages(w), 1);
}

static void
a_message_that_was_held_is_held_when_it_comes_again(void **state)
{
	struct world *w = *state;
	set_action(w, BY_MESSAGE, ACTION_HOLD);
	mail(w, .n = 30, .message_id = ID);
	set_action(w, BY_MESSAGE, ACTION_REJECT);
	assert_int_equal(mail(w, .n = 30, .message_id = ID, .later = 1)
			     ->decision.action,
	    ACTION_HOLD);
}

static void
what_comes_again_too_often_is_another_message(void **state)
{
	struct world *w = *state;
	for (int64_t n = 0; n <= STORE_RETRIES_MAX; n++)
		mail(w, .n = 19, .message_id = ID, .later = n);
	assert_int_equal(messages(w), 1);
	struct entry *e = mail(w, .n = 19, .message_id = ID, .later = 9);
	assert_false(e->retry);
	assert_int_equal(messages(w), 2);
	/* And so on. */
	assert_true(mail(w, .n = 19, .message_id = ID, .later = 10)->retry);
}

static void
how_often_a_message_came_is_known_after_a_restart(void **state)
{
	struct world *w = *state;
	for (int64_t n = 0; n <= STORE_RETRIES_MAX; n++)
		mail(w, .n = 19, .message_id = ID, .later = n);
	reopen_store(w);
	assert_false(mail(w, .n = 19, .message_id = ID, .later = 9)->retry);
}

static void
one_message_id_does_not_evade_a_rule_that_counts_all(void **state)
{
	struct world *w = *state;
	w->settings.rules[BY_WINDOW].count = RULE_COUNT_TOTAL;
	struct entry *e = NULL;
	for (int64_t n = 0; n <= STORE_RETRIES_MAX + 1; n++)
		e = mail(w, .n = 19, .message_id = ID, .later = n);
	assert_int_equal(counted(e, BY_WINDOW), 38);
	assert_true(e->decision.matched);
}

/* Postfix makes a Message-ID of the queue id where there is none. */
static struct entry *
send_without_id(struct world *w, unsigned first, unsigned n, int64_t later)
{
	struct entry *e = make_entry(
	    w, (struct mail){.first = first, .n = n, .later = later});
	e->message->message_id = arena_printf(w->arena, "2026.%s@mail.x.vn",
	    e->message->queue_id);
	put(w, &e, 1);
	return e;
}

static void
a_deferral_ends_for_mail_without_a_message_id_too(void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	for (int64_t later = 0; later < WINDOW_SECS; later += 200)
		assert_int_equal(
		    send_without_id(w, 1, 30, later)->decision.action,
		    ACTION_DEFER);
	reopen_store(w);
	struct entry *e = send_without_id(w, 1, 30, WINDOW_SECS);
	assert_int_equal(e->decision.action, ACTION_LOG);
	assert_int_equal(messages(w), 1);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM bulk_send"), 1);
	/* Once it was taken the next one is another mail. */
	assert_int_equal(
	    send_without_id(w, 1, 30, WINDOW_SECS + 1)->decision.action,
	    ACTION_DEFER);
	assert_int_equal(messages(w), 2);
}

static void
mail_without_a_message_id_that_was_taken_is_never_a_retry(void **state)
{
	struct world *w = *state;
	send_without_id(w, 1, 5, 0);
	assert_false(send_without_id(w, 1, 5, 1)->retry);
	assert_int_equal(messages(w), 2);
}

static void
of_many_large_messages_one_goes_through_in_a_window(void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	for (unsigned n = 0; n < 5; n++)
		mail(w, .first = 100 * n, .n = 30,
		    .message_id = arena_printf(w->arena, "<%u@y>", n));
	bool taken[5] = {false};
	for (int64_t round = 1; round <= 3; round++) {
		int64_t n_taken = 0;
		for (unsigned n = 0; n < 5; n++) {
			if (!taken[n])
				taken[n] =
				    mail(w, .first = 100 * n, .n = 30,
					.message_id = arena_printf(
					    w->arena, "<%u@y>", n),
					.later = round * WINDOW_SECS)
					->decision.action == ACTION_LOG;
			n_taken += taken[n];
		}
		assert_int_equal(n_taken, round);
	}
}

static void
a_window_of_a_week_makes_nobody_wait_for_more_than_a_day(void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	w->settings.rules[BY_WINDOW].window_secs = 7 * 86400;
	mail(w, .first = 1, .n = 19);
	mail(w, .first = 51, .n = 1, .message_id = ID);
	assert_int_equal(
	    mail(w, .first = 51, .n = 1, .message_id = ID, .later = 86399)
		->decision.action,
	    ACTION_DEFER);
	assert_int_equal(
	    mail(w, .first = 51, .n = 1, .message_id = ID, .later = 86400)
		->decision.action,
	    ACTION_LOG);
}

static void
what_the_mta_was_told_to_send_again_is_a_deferred_try(void **state)
{
	struct world *w = *state;
	size_t n;
	struct err err;
	set_action(w, BY_MESSAGE, ACTION_HOLD);
	struct entry *e = mail(w, .n = 25, .message_id = ID);
	assert_int_equal(
	    store_note_outcome(w->store, e, ACTION_DEFER, &err), 0);
	assert_int_equal(show(w, e->bulk_send).send.held, 0);
	assert_int_equal(
	    show(w, e->bulk_send).evidence[0].action, ACTION_DEFER);
	/* The next try is held, and one message with it. */
	struct entry *again =
	    mail(w, .n = 25, .message_id = ID, .later = 60);
	assert_int_equal(again->decision.action, ACTION_HOLD);
	assert_int_equal(messages(w), 1);
	struct bulk_send_story story = show(w, e->bulk_send);
	assert_int_equal(story.send.held, 1);
	assert_int_equal(story.send.action, ACTION_HOLD);
	assert_int_equal(story.evidence[0].action, ACTION_HOLD);
	n = story.held_n;
	assert_string_equal(
	    story.held[n - 1].queue_id, again->message->queue_id);
}

static void
mail_that_went_on_after_all_fills_the_window(void **state)
{
	struct world *w = *state;
	struct err err;
	set_action(w, BY_MESSAGE, ACTION_REJECT);
	struct entry *e = mail(w, .first = 1, .n = 25);
	assert_int_equal(store_note_outcome(w->store, e, ACTION_LOG, &err), 0);
	assert_int_equal(show(w, e->bulk_send).send.action, ACTION_LOG);
	assert_true(
	    counted(mail(w, .first = 101, .n = 1), BY_WINDOW) >= LIMIT);
}

static void
note_outcome(struct world *w, struct entry *e, enum action outcome)
{
	struct err err;
	if (store_note_outcome(w->store, e, outcome, &err) < 0)
		fail_msg("%s", err.text);
}

static void
a_deferred_try_that_went_on_after_all_is_counted_once(void **state)
{
	struct world *w = *state;
	enum { BY_TOTAL = 2 };
	set_action(w, BY_WINDOW, ACTION_DEFER);
	w->settings.rules[w->settings.rules_n++] = (struct rule){
	    .name = "total",
	    .recipients = 100,
	    .window_secs = WINDOW_SECS,
	    .count = RULE_COUNT_TOTAL};
	mail(w, .first = 1, .n = 25, .message_id = ID);
	struct entry *e =
	    mail(w, .first = 1, .n = 25, .message_id = ID, .later = 5);
	assert_int_equal(e->decision.action, ACTION_DEFER);
	note_outcome(w, e, ACTION_LOG);
	const struct bulk_send_story story = show(w, e->bulk_send);
	assert_int_equal(story.send.action, ACTION_LOG);
	assert_int_equal(story.send.unsent[UNSENT_REFUSED].messages, 0);
	assert_int_equal(story.evidence[0].action, ACTION_LOG);
	set_action(w, BY_WINDOW, ACTION_LOG);
	assert_int_equal(
	    counted(mail(w, .first = 101, .n = 1), BY_TOTAL), 26);
	assert_int_equal(
	    counted(mail(w, .first = 102, .n = 1), BY_TOTAL), 27);
	/* It is known when its client does not believe that it went. */
	e = mail(w, .first = 1, .n = 25, .message_id = ID, .later = 10);
	assert_int_equal(e->decision.action, ACTION_LOG);
	assert_int_equal(messages(w), 3);
	reopen_store(w);
	assert_int_equal(
	    counted(mail(w, .first = 103, .n = 1), BY_TOTAL), 28);
}

/* It was let go for the window had room; the MTA heard too late of it. */
static void
a_try_that_was_let_go_too_late_is_a_deferred_one(void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	mail(w, .first = 1, .n = 15);
	mail(w, .first = 21, .n = 10, .message_id = "");
	struct entry *e = mail(w, .first = 21, .n = 10, .message_id = "",
	    .later = WINDOW_SECS);
	assert_int_equal(e->decision.action, ACTION_LOG);
	note_outcome(w, e, ACTION_DEFER);
	assert_int_equal(sql_number(w, "SELECT action FROM message "
				       "WHERE id = 3"),
	    ACTION_DEFER);
	e = mail(w, .first = 21, .n = 10, .message_id = "",
	    .later = WINDOW_SECS + 60);
	assert_true(e->retry);
	assert_int_equal(e->decision.action, ACTION_LOG);
	assert_int_equal(messages(w), 2);
}

/* A record that says deferred would look as if it waited still. */
static void
what_was_deferred_and_finds_room_is_not_said_to_be_deferred(void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	mail(w, .first = 1, .n = 15);
	struct entry *e = mail(w, .first = 21, .n = 10, .message_id = ID);
	assert_int_equal(show(w, e->bulk_send).send.action, ACTION_DEFER);
	struct entry *again = mail(
	    w, .first = 21, .n = 10, .message_id = ID, .later = WINDOW_SECS);
	assert_false(again->decision.matched);
	assert_int_equal(show(w, e->bulk_send).send.action, ACTION_LOG);
	assert_int_equal(show(w, e->bulk_send).send.unsent[UNSENT_REFUSED].messages, 0);
}

/* Two tries at once: the one that came first may be counted second. */
static void
a_refused_try_is_one_though_it_came_after_this(void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	mail(w, .n = 25, .message_id = ID, .later = 1);
	struct entry *e = mail(w, .n = 25, .message_id = ID);
	assert_int_equal(e->waited_secs, 0);
	assert_int_equal(e->decision.action, ACTION_DEFER);
}

/* A client that tries each second must not make the disk work each second. */
static void
the_disk_is_waited_for_only_when_something_of_a_bulk_send_was_written(
    void **state)
{
	struct world *w = *state;
	set_action(w, BY_WINDOW, ACTION_DEFER);
	mail(w, .n = 30, .message_id = ID);
	assert_true(w->store->has_bulk_send);
	mail(w, .n = 30, .message_id = ID, .later = 60);
	assert_false(w->store->has_bulk_send);
	/* It goes on, in the place of the one that did not. */
	mail(w, .n = 30, .message_id = ID, .later = WINDOW_SECS);
	assert_true(w->store->has_bulk_send);
	/* Each try that is held is written. */
	set_action(w, BY_MESSAGE, ACTION_HOLD);
	mail(w, .first = 101, .n = 30, .message_id = ID);
	mail(w, .first = 101, .n = 30, .message_id = ID);
	assert_true(w->store->has_bulk_send);
}

/* -------------------------------------------------------------------- held */

static struct held *
held(struct world *w, int64_t send, bool waiting_only, size_t *n_r)
{
	struct held *list;
	struct err err;
	assert_int_equal(store_held(w->store, w->arena, send, waiting_only,
			     &list, n_r, &err),
	    0);
	return list;
}

static void
a_held_message_waits(void **state)
{
	struct world *w = *state;
	size_t n;
	set_action(w, BY_MESSAGE, ACTION_HOLD);
	struct entry *e = mail(w, .n = 25);
	struct held *list = held(w, e->bulk_send, true, &n);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].queue_id, e->message->queue_id);
	assert_int_equal(list[0].recipient_count, 25);
	assert_int_equal(list[0].state, HELD_WAITING);
	assert_int_equal(show(w, e->bulk_send).send.held, 1);
	/* It was taken: it counts. */
	assert_int_equal(
	    counted(mail(w, .first = 101, .n = 1), BY_WINDOW), 21);
}

static void
each_try_that_is_held_waits_with_its_own_queue_id(void **state)
{
	struct world *w = *state;
	size_t n;
	set_action(w, BY_MESSAGE, ACTION_HOLD);
	struct entry *e = mail(w, .n = 25, .message_id = ID);
	mail(w, .n = 25, .message_id = ID, .later = 5);
	struct held *list = held(w, e->bulk_send, true, &n);
	assert_int_equal(n, 2);
	assert_string_not_equal(list[0].queue_id, list[1].queue_id);
	assert_int_equal(show(w, e->bulk_send).send.messages, 1);
}

static void
what_became_of_a_held_message_is_noted_once(void **state)
{
	struct world *w = *state;
	size_t n;
	struct err err;
	set_action(w, BY_MESSAGE, ACTION_HOLD);
	struct entry *e = mail(w, .n = 25);
	struct held *list = held(w, e->bulk_send, true, &n);
	assert_int_equal(store_settle_held(w->store, list[0].id, HELD_RELEASED,
			     "duty", w->at_ms, &err),
	    1);
	assert_int_equal(store_settle_held(w->store, list[0].id,
			     HELD_DISCARDED, "other", w->at_ms, &err),
	    0);
	held(w, e->bulk_send, true, &n);
	assert_int_equal(n, 0);
	list = held(w, e->bulk_send, false, &n);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].state, HELD_RELEASED);
	assert_string_equal(list[0].by, "duty");
	struct bulk_send_story story = show(w, e->bulk_send);
	assert_int_equal(story.send.held, 0);
	const struct history *last = &story.history[story.history_n - 1];
	assert_string_equal(last->event, "released");
	assert_string_equal(last->by, "duty");
	assert_string_equal(last->note, e->message->queue_id);
}

static void
mail_that_went_on_after_all_is_not_said_to_be_held(void **state)
{
	struct world *w = *state;
	size_t n;
	struct err err;
	set_action(w, BY_MESSAGE, ACTION_HOLD);
	struct entry *e = mail(w, .n = 25);
	assert_int_equal(store_note_outcome(w->store, e, ACTION_LOG, &err), 0);
	held(w, e->bulk_send, true, &n);
	assert_int_equal(n, 0);
	assert_int_equal(
	    show(w, e->bulk_send).evidence[0].action, ACTION_LOG);
}

static void
a_list_of_held_mail_has_only_those_that_hold_some(void **state)
{
	struct world *w = *state;
	struct bulk_send *sends;
	size_t n;
	struct err err;
	const struct list_filter filter = {.held_only = true};
	mail(w, .n = 25, .sender = "log@x.vn");
	set_action(w, BY_MESSAGE, ACTION_HOLD);
	struct entry *e = mail(w, .n = 25);
	assert_int_equal(
	    store_list(w->store, w->arena, &filter, &sends, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(sends[0].id, e->bulk_send);
	assert_int_equal(sends[0].held, 1);
}

static void
the_digest_tells_of_held_mail_that_waits(void **state)
{
	struct world *w = *state;
	struct day day;
	struct err err;
	set_action(w, BY_MESSAGE, ACTION_HOLD);
	struct entry *e = mail(w, .n = 25);
	assert_int_equal(
	    store_day(w->store, w->arena, w->at_ms, &day, &err), 0);
	assert_int_equal(day.holding_n, 1);
	assert_int_equal(day.holding[0].id, e->bulk_send);
}

/* --------------------------------------------------------------- upgrading */

static void
a_database_of_schema_1_is_brought_up_to_date(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 19);
	store_close(&w->store);
	sql_do(w, "ALTER TABLE message DROP COLUMN action;"
		  "ALTER TABLE message DROP COLUMN tries; DROP TABLE held;"
		  "DROP TABLE selftest; PRAGMA user_version = 1");
	struct err err;
	assert_int_equal(store_open_command(w->path, &w->store, &err), -1);
	assert_non_null(strstr(err.text, "bulkwatchd brings it up to date"));

	open_store(w);
	fill_windows(w);
	assert_int_equal(w->notices, 0);
	assert_int_equal(sql_number(w, "PRAGMA user_version"), 2);
	struct entry *e = mail(w, .first = 20, .n = 1);
	assert_int_equal(counted(e, BY_WINDOW), 20);
	assert_int_equal(show(w, e->bulk_send).evidence_n, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    with_store(what_is_rejected_does_not_fill_the_window),
	    with_store(what_is_rejected_is_recorded_with_its_action),
	    with_store(a_bulk_send_says_how_much_of_it_was_refused),
	    with_store(what_was_deferred_and_went_on_is_not_refused),
	    with_store(the_action_of_a_bulk_send_is_its_strongest),
	    with_store(what_is_rejected_fills_no_window_after_a_restart),
	    with_store(what_is_rejected_is_in_no_sum),
	    with_store(
		what_filled_the_window_before_a_rejected_message_is_evidence),
	    with_store(
		a_deferred_message_that_comes_again_too_soon_is_deferred_again),
	    with_store(a_deferred_message_is_taken_when_the_window_has_room),
	    with_store(
		a_message_that_alone_fills_the_window_waits_as_long_as_the_window),
	    with_store(no_message_is_deferred_for_more_than_a_day),
	    with_store(a_deferral_is_known_after_the_store_was_opened_again),
	    with_store(a_deferral_is_known_when_much_mail_came_in_between),
	    with_store(a_message_that_was_taken_is_taken_again),
	    with_store(a_message_that_was_held_is_held_when_it_comes_again),
	    with_store(what_comes_again_too_often_is_another_message),
	    with_store(how_often_a_message_came_is_known_after_a_restart),
	    with_store(one_message_id_does_not_evade_a_rule_that_counts_all),
	    with_store(a_deferral_ends_for_mail_without_a_message_id_too),
	    with_store(
		mail_without_a_message_id_that_was_taken_is_never_a_retry),
	    with_store(of_many_large_messages_one_goes_through_in_a_window),
	    with_store(
		a_window_of_a_week_makes_nobody_wait_for_more_than_a_day),
	    with_store(what_the_mta_was_told_to_send_again_is_a_deferred_try),
	    with_store(mail_that_went_on_after_all_fills_the_window),
	    with_store(a_deferred_try_that_went_on_after_all_is_counted_once),
	    with_store(a_try_that_was_let_go_too_late_is_a_deferred_one),
	    with_store(
		what_was_deferred_and_finds_room_is_not_said_to_be_deferred),
	    with_store(a_refused_try_is_one_though_it_came_after_this),
	    with_store(
		the_disk_is_waited_for_only_when_something_of_a_bulk_send_was_written),
	    with_store(a_held_message_waits),
	    with_store(each_try_that_is_held_waits_with_its_own_queue_id),
	    with_store(what_became_of_a_held_message_is_noted_once),
	    with_store(mail_that_went_on_after_all_is_not_said_to_be_held),
	    with_store(a_list_of_held_mail_has_only_those_that_hold_some),
	    with_store(the_digest_tells_of_held_mail_that_waits),
	    with_store(a_database_of_schema_1_is_brought_up_to_date),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
