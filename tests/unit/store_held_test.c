/* store_held_test.c: mail that is held, and what becomes of it. */
#include "store_fixture.h"

static void
hold_mail(struct world *w)
{
	w->settings.rules[0].action = ACTION_HOLD;
}

static size_t
held(struct world *w, bool waiting_only, struct held **held_r)
{
	size_t n;
	struct err err = {""};
	if (store_held(w->store, w->arena, 1, waiting_only, held_r, &n, &err) <
	    0)
		fail_msg("%s", err.text);
	return n;
}

static int
settle(struct world *w, int64_t id, enum held_state state, const char *by)
{
	struct err err = {""};
	int settled =
	    store_settle_held(w->store, id, state, by, w->at_ms + 5000, &err);
	if (settled < 0)
		fail_msg("%s", err.text);
	return settled;
}

/* The portion that was not sent, for a reason, has so many messages and
 * recipients. */
static void
unsent_is(
    struct world *w, enum unsent why, uint32_t messages, uint32_t recipients)
{
	const struct portion unsent = show(w, 1).send.unsent[why];
	assert_int_equal(unsent.messages, messages);
	assert_int_equal(unsent.recipients, recipients);
}

static void
a_bulk_send_says_how_much_of_it_is_held_and_was_discarded(void **state)
{
	struct world *w = *state;
	hold_mail(w);
	mail(w, .n = 20, .external = 3);
	mail(w, .n = 25, .first = 100);
	mail(w, .n = 30, .first = 200);
	unsent_is(w, UNSENT_HELD, 3, 75);
	assert_int_equal(show(w, 1).send.unsent[UNSENT_HELD].external, 3);
	assert_int_equal(settle(w, 1, HELD_DISCARDED, "lan"), 1);
	assert_int_equal(settle(w, 2, HELD_RELEASED, "lan"), 1);
	unsent_is(w, UNSENT_HELD, 1, 30);
	unsent_is(w, UNSENT_DISCARDED, 1, 20);
	assert_int_equal(show(w, 1).send.unsent[UNSENT_DISCARDED].external, 3);
	/* Who took it out of the queue may have let it go. */
	assert_int_equal(settle(w, 3, HELD_GONE, "lan"), 1);
	unsent_is(w, UNSENT_HELD, 0, 0);
	unsent_is(w, UNSENT_DISCARDED, 1, 20);
	unsent_is(w, UNSENT_REFUSED, 0, 0);
}

static void
mail_of_which_a_copy_was_let_go_was_sent(void **state)
{
	struct world *w = *state;
	struct held *list;
	hold_mail(w);
	mail(w, .n = 20, .message_id = "<a@x.vn>");
	mail(w, .n = 20, .message_id = "<a@x.vn>");
	assert_int_equal(held(w, true, &list), 2);
	assert_int_equal(settle(w, 1, HELD_DISCARDED, "lan"), 1);
	unsent_is(w, UNSENT_DISCARDED, 0, 0);
	unsent_is(w, UNSENT_HELD, 1, 20);
	assert_int_equal(settle(w, 2, HELD_RELEASED, "lan"), 1);
	unsent_is(w, UNSENT_DISCARDED, 0, 0);
	unsent_is(w, UNSENT_HELD, 0, 0);
}

static void
held_mail_waits_until_it_is_settled_once(void **state)
{
	struct world *w = *state;
	struct held *list;
	hold_mail(w);
	mail(w, .n = 20);
	mail(w, .n = 25, .first = 100);
	assert_int_equal(held(w, true, &list), 2);
	assert_string_equal(list[0].queue_id, "Q1");
	assert_int_equal(list[1].recipient_count, 25);
	assert_int_equal(show(w, 1).send.held, 2);
	assert_int_equal(settle(w, list[0].id, HELD_RELEASED, "lan"), 1);
	assert_int_equal(settle(w, list[0].id, HELD_DISCARDED, "hoa"), 0);
	assert_int_equal(settle(w, list[0].id, HELD_GONE, "hoa"), 0);
	assert_int_equal(show(w, 1).send.held, 1);
	assert_int_equal(held(w, true, &list), 1);
	assert_int_equal(held(w, false, &list), 2);
	assert_int_equal(list[0].state, HELD_RELEASED);
	assert_string_equal(list[0].by, "lan");
	assert_int_equal(list[0].settled_ms, w->at_ms + 5000);
	struct bulk_send_story story = show(w, 1);
	const struct history *last = &story.history[story.history_n - 1];
	assert_string_equal(last->event, "released");
	assert_string_equal(last->note, "Q1");
	assert_string_equal(last->by, "lan");
}

static void
mail_that_was_gone_may_be_found_after_all(void **state)
{
	struct world *w = *state;
	struct held *list;
	hold_mail(w);
	mail(w, .n = 20);
	assert_int_equal(held(w, true, &list), 1);
	assert_int_equal(settle(w, list[0].id, HELD_GONE, "lan"), 1);
	size_t lines = show(w, 1).history_n;
	assert_int_equal(settle(w, list[0].id, HELD_GONE, "hoa"), 0);
	assert_int_equal(show(w, 1).history_n, lines);
	assert_int_equal(settle(w, list[0].id, HELD_RELEASED, "hoa"), 1);
	assert_int_equal(show(w, 1).history_n, lines + 1);
	assert_int_equal(settle(w, list[0].id, HELD_DISCARDED, "lan"), 0);
}

static uint64_t
purge(struct world *w)
{
	uint64_t removed = 0, all = 0;
	bool more = true;
	struct err err = {""};
	while (more) {
		if (store_purge_closed(w->store, w->at_ms + 3600 * 1000,
			&removed, &more, &err) < 0)
			fail_msg("%s", err.text);
		all += removed;
	}
	return all;
}

static void
a_bulk_send_is_kept_while_its_mail_is_held(void **state)
{
	struct world *w = *state;
	struct held *list;
	hold_mail(w);
	mail(w, .n = 20);
	mail(w, .n = 20, .sender = "binh@x.vn");
	sql_do(w, "UPDATE bulk_send SET status = 3, outcome = 1, ended = 1");
	assert_int_equal(held(w, true, &list), 1);
	assert_int_equal(purge(w), 0);
	settle(w, list[0].id, HELD_DISCARDED, "lan");
	assert_int_equal(purge(w), 1);
	assert_int_equal(show(w, 2).send.held, 1);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM held"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    with_store(
		a_bulk_send_says_how_much_of_it_is_held_and_was_discarded),
	    with_store(mail_of_which_a_copy_was_let_go_was_sent),
	    with_store(held_mail_waits_until_it_is_settled_once),
	    with_store(mail_that_was_gone_may_be_found_after_all),
	    with_store(a_bulk_send_is_kept_while_its_mail_is_held),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
