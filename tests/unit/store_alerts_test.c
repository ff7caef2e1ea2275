/* store_alerts_test.c: the outbox, and the second alert. */
#include "store_fixture.h"

static struct alert *
due(struct world *w, int64_t now_ms, size_t limit, size_t *n_r)
{
	struct alert *alerts;
	struct err err = {""};
	if (store_alerts_due(
		w->store, w->arena, now_ms, limit, &alerts, n_r, &err) < 0)
		fail_msg("%s", err.text);
	return alerts;
}

static size_t
due_now(struct world *w)
{
	size_t n;
	due(w, INT64_MAX, 1000, &n);
	return n;
}

static int64_t
next_due(struct world *w)
{
	int64_t due_ms;
	struct err err = {""};
	assert_int_equal(
	    store_alerts_next(w->store, w->at_ms, &due_ms, &err), 0);
	return due_ms;
}

static void
settle(struct world *w, int64_t id, struct alert_result result)
{
	struct err err = {""};
	result.to = result.to == NULL ? "admin@x.vn" : result.to;
	result.error = result.error == NULL ? "" : result.error;
	result.message_id =
	    result.message_id == NULL ? "<alert@x>" : result.message_id;
	if (store_alerts_settle(w->store, &id, 1, &result, &err) < 0)
		fail_msg("%s", err.text);
}

/* Ends what has been quiet for its time. */
static void
end_quiet(struct world *w, int64_t later)
{
	struct err err = {""};
	bool more = true;
	while (more)
		if (store_end_quiet(w->store, w->at_ms + later * 1000,
			w->tick + later, &more, &err) < 0)
			fail_msg("%s", err.text);
}

static size_t
sent_since(struct world *w, int64_t since_ms, int64_t **times_r)
{
	size_t n;
	struct err err = {""};
	assert_int_equal(store_alerts_sent_since(
			     w->store, w->arena, since_ms, times_r, &n, &err),
	    0);
	return n;
}

/* ------------------------------------------------------------------- queue */

static void
a_new_alert_is_due_at_once(void **state)
{
	struct world *w = *state;
	size_t n;
	mail(w, .n = 25);
	struct alert *a = due(w, w->at_ms, 10, &n);
	assert_int_equal(n, 1);
	assert_int_equal(a->bulk_send, 1);
	assert_int_equal(a->kind, ALERT_STARTED);
	assert_int_equal(a->state, ALERT_QUEUED);
	assert_int_equal(a->attempts, 0);
	assert_int_equal(a->created_ms, w->at_ms);
	assert_string_equal(a->to, "");
}

static void
due_alerts_come_oldest_first_and_no_more_than_asked_for(void **state)
{
	struct world *w = *state;
	size_t n;
	for (unsigned i = 0; i < 40; i++)
		mail(w, .sender = arena_printf(w->arena, "s%u@x.vn", i),
		    .n = 25);
	struct alert *a = due(w, INT64_MAX, 30, &n);
	assert_int_equal(n, 30);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(a[i].bulk_send, i + 1);
}

/* A notice that waits since before all alerts. */
static void
add_notice(struct world *w)
{
	sql_do(w, "INSERT INTO alert (bulk_send, kind, to_, created_at, "
		  "next_at) VALUES (1, 4, 'a@x.vn', 1, 1)");
}

static void
the_oldest_notice_is_due_behind_the_alerts_however_many_wait(void **state)
{
	struct world *w = *state;
	size_t n;
	add_notice(w);
	add_notice(w);
	for (unsigned i = 0; i < 3; i++)
		mail(w, .sender = arena_printf(w->arena, "s%u@x.vn", i),
		    .n = 25);
	struct alert *a = due(w, INT64_MAX, 2, &n);
	assert_int_equal(n, 3);
	assert_int_equal(a[0].id, 3);
	assert_int_equal(a[1].id, 4);
	assert_int_equal(a[2].id, 1);
	assert_int_equal(a[2].kind, ALERT_NOTICE);
	assert_string_equal(a[2].to, "a@x.vn");
}

static void
nothing_is_due_when_nothing_waits(void **state)
{
	struct world *w = *state;
	assert_int_equal(due_now(w), 0);
	assert_true(next_due(w) == INT64_MAX);
}

static void
an_alert_to_be_tried_again_waits_for_its_time(void **state)
{
	struct world *w = *state;
	size_t n;
	mail(w, .n = 25);
	settle(w, 1,
	    (struct alert_result){.state = ALERT_QUEUED,
		.error = "no connection",
		.at_ms = w->at_ms,
		.next_ms = w->at_ms + 30000});
	assert_true(next_due(w) == w->at_ms + 30000);
	due(w, w->at_ms + 29999, 10, &n);
	assert_int_equal(n, 0);
	struct alert *a = due(w, w->at_ms + 30000, 10, &n);
	assert_int_equal(n, 1);
	assert_int_equal(a->attempts, 1);
	assert_string_equal(a->last_error, "no connection");
}

static void
a_sent_alert_waits_no_more(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25);
	settle(w, 1,
	    (struct alert_result){
		.state = ALERT_SENT, .at_ms = w->at_ms + 500});
	assert_int_equal(due_now(w), 0);
	struct bulk_send_story story = show(w, 1);
	assert_int_equal(story.alerts[0].state, ALERT_SENT);
	assert_int_equal(story.alerts[0].sent_ms, w->at_ms + 500);
	assert_string_equal(story.alerts[0].to, "admin@x.vn");
	assert_int_equal(story.alerts[0].attempts, 1);
}

static void
how_an_alert_ended_stands_in_the_history(void **state)
{
	struct world *w = *state;
	mail(w, .sender = "an@x.vn", .n = 25);
	mail(w, .sender = "binh@x.vn", .n = 25);
	settle(w, 1, (struct alert_result){.state = ALERT_SENT});
	settle(w, 2,
	    (struct alert_result){.state = ALERT_FAILED, .error = "refused"});
	struct bulk_send_story story = show(w, 1);
	assert_string_equal(story.history[1].event, "alert-sent");
	assert_string_equal(story.history[1].note, "admin@x.vn");
	story = show(w, 2);
	assert_string_equal(story.history[1].event, "alert-failed");
	assert_string_equal(story.history[1].note, "refused");
}

static void
an_attempt_that_will_be_repeated_is_no_history(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25);
	settle(w, 1, (struct alert_result){.state = ALERT_QUEUED});
	assert_int_equal(show(w, 1).history_n, 1);
}

static void
an_alert_is_settled_once(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25);
	settle(w, 1, (struct alert_result){.state = ALERT_SENT, .at_ms = 5});
	settle(w, 1, (struct alert_result){.state = ALERT_FAILED});
	struct bulk_send_story story = show(w, 1);
	assert_int_equal(story.alerts[0].state, ALERT_SENT);
	assert_int_equal(story.history_n, 2);
}

static void
an_alert_waits_across_a_restart(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25);
	reopen_store(w);
	assert_int_equal(due_now(w), 1);
}

/* -------------------------------------------------------------- mails sent */

static void
a_mail_that_carried_several_alerts_is_one_mail(void **state)
{
	struct world *w = *state;
	int64_t *times;
	for (unsigned i = 0; i < 3; i++)
		mail(w, .sender = arena_printf(w->arena, "s%u@x.vn", i),
		    .n = 25);
	for (int64_t id = 1; id <= 2; id++)
		settle(w, id,
		    (struct alert_result){.state = ALERT_SENT,
			.message_id = "<digest@x>",
			.at_ms = 2000});
	settle(w, 3,
	    (struct alert_result){
		.state = ALERT_SENT, .message_id = "<one@x>", .at_ms = 1000});
	assert_int_equal(sent_since(w, 0, &times), 2);
	assert_int_equal(times[0], 1000);
	assert_int_equal(times[1], 2000);
}

static void
mails_sent_before_the_moment_are_left_out(void **state)
{
	struct world *w = *state;
	int64_t *times;
	mail(w, .n = 25);
	settle(w, 1, (struct alert_result){.state = ALERT_SENT, .at_ms = 1000});
	assert_int_equal(sent_since(w, 1000, &times), 1);
	assert_int_equal(sent_since(w, 1001, &times), 0);
}

static void
notices_are_no_mails_to_the_admins(void **state)
{
	struct world *w = *state;
	int64_t *times;
	mail(w, .n = 25);
	add_notice(w);
	for (int64_t id = 1; id <= 2; id++)
		settle(w, id,
		    (struct alert_result){.state = ALERT_SENT,
			.at_ms = w->at_ms + id,
			.message_id = id == 1 ? "<1@x>" : "<2@x>"});
	assert_int_equal(sent_since(w, 0, &times), 1);
	assert_true(times[0] == w->at_ms + 1);
}

static void
what_was_settled_without_a_mail_is_no_mail(void **state)
{
	struct world *w = *state;
	int64_t *times;
	mail(w, .n = 25);
	settle(w, 1,
	    (struct alert_result){.state = ALERT_SENT,
		.at_ms = w->at_ms,
		.to = "",
		.message_id = ""});
	assert_int_equal(due_now(w), 0);
	assert_int_equal(sent_since(w, 0, &times), 0);
}

static void
mails_that_did_not_leave_are_left_out(void **state)
{
	struct world *w = *state;
	int64_t *times;
	mail(w, .n = 25);
	settle(
	    w, 1, (struct alert_result){.state = ALERT_FAILED, .at_ms = 1000});
	assert_int_equal(sent_since(w, 0, &times), 0);
}

/* ----------------------------------------------------------- the second one */

static void
a_bulk_send_that_ended_twice_as_large_is_told_again(void **state)
{
	struct world *w = *state;
	size_t n;
	mail(w, .first = 1, .n = 25);
	settle(w, 1, (struct alert_result){.state = ALERT_SENT});
	mail(w, .first = 101, .n = 25);
	assert_int_equal(due_now(w), 0);
	end_quiet(w, WINDOW_SECS);
	struct alert *a = due(w, INT64_MAX, 10, &n);
	assert_int_equal(n, 1);
	assert_int_equal(a->kind, ALERT_GROWN);
	assert_int_equal(a->bulk_send, 1);
	assert_int_equal(a->created_ms, w->at_ms + WINDOW_SECS * 1000);
}

static void
a_bulk_send_that_grew_less_is_told_once(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 25);
	settle(w, 1, (struct alert_result){.state = ALERT_SENT});
	mail(w, .first = 101, .n = 24);
	end_quiet(w, WINDOW_SECS);
	assert_int_equal(due_now(w), 0);
	assert_true(show(w, 1).send.ended);
}

static void
growing_is_measured_from_what_the_alert_could_tell(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 25);
	mail(w, .first = 101, .n = 30);
	/* It left when there were 55. */
	settle(w, 1, (struct alert_result){.state = ALERT_SENT});
	mail(w, .first = 201, .n = 30);
	end_quiet(w, WINDOW_SECS);
	assert_int_equal(due_now(w), 0);
}

static void
growing_is_measured_in_distinct_recipients(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 5; i++)
		mail(w, .first = 1, .n = 25);
	settle(w, 1, (struct alert_result){.state = ALERT_SENT});
	for (unsigned i = 0; i < 5; i++)
		mail(w, .first = 1, .n = 25);
	end_quiet(w, WINDOW_SECS);
	assert_int_equal(due_now(w), 0);
}

static void
a_bulk_send_without_alert_is_not_told_when_it_ends(void **state)
{
	struct world *w = *state;
	w->settings.rules[0].alert = w->settings.rules[1].alert = false;
	mail(w, .first = 1, .n = 25);
	mail(w, .first = 101, .n = 100);
	end_quiet(w, WINDOW_SECS);
	assert_int_equal(due_now(w), 0);
}

static void
one_that_a_new_trigger_ends_is_told_again_too(void **state)
{
	struct world *w = *state;
	size_t n;
	mail(w, .first = 1, .n = 25);
	settle(w, 1, (struct alert_result){.state = ALERT_SENT});
	mail(w, .first = 101, .n = 25);
	mail(w, .first = 201, .n = 25, .later = 2 * WINDOW_SECS);
	struct alert *a = due(w, INT64_MAX, 10, &n);
	assert_int_equal(n, 2);
	assert_int_equal(a[0].kind, ALERT_GROWN);
	assert_int_equal(a[0].bulk_send, 1);
	assert_int_equal(a[1].kind, ALERT_STARTED);
	assert_int_equal(a[1].bulk_send, 2);
}

/* One that is tried again and again must not keep those from going that wait
 * for a time which is now far away. */
static void
an_alert_does_not_wait_for_a_clock_that_was_set_back(void **state)
{
	struct world *w = *state;
	const int64_t year_ms = INT64_C(365) * 86400 * 1000;
	size_t n;
	mail(w, .n = 25);
	mail(w, .sender = "b@x.vn", .n = 25);
	settle(w, 1,
	    (struct alert_result){.state = ALERT_QUEUED,
		.error = "no connection",
		.at_ms = w->at_ms + year_ms,
		.next_ms = w->at_ms + year_ms});
	settle(w, 2,
	    (struct alert_result){.state = ALERT_QUEUED,
		.error = "no connection",
		.at_ms = w->at_ms,
		.next_ms = w->at_ms + 3600000});
	assert_true(next_due(w) == w->at_ms);
	struct alert *a = due(w, w->at_ms, 10, &n);
	assert_int_equal(n, 1);
	assert_int_equal(a->id, 1);
}

static int
queue_notice(struct world *w, int64_t at_ms)
{
	struct err err = {""};
	struct message message = {.at_ms = at_ms};
	struct entry entry = {.message = &message, .bulk_send = 1};
	assert_int_equal(
	    store_queue_notice(w->store, &entry, "a@x.vn", &err), 0);
	return entry.alert_queued;
}

static void
a_notice_from_a_day_to_come_holds_none_up(void **state)
{
	struct world *w = *state;
	const int64_t day_ms = INT64_C(86400) * 1000;
	assert_true(queue_notice(w, w->at_ms + 365 * day_ms));
	assert_true(queue_notice(w, w->at_ms));
	assert_false(queue_notice(w, w->at_ms + 1000));
	assert_false(queue_notice(w, w->at_ms - 1000));
	assert_true(queue_notice(w, w->at_ms + day_ms));
}

static void
trouble_is_what_did_not_get_through_and_is_still_open(void **state)
{
	struct world *w = *state;
	struct store_trouble t;
	struct err err = {""};
	size_t n;
	mail(w, .n = 20);
	assert_int_equal(
	    store_alert_trouble(w->store, w->arena, 0, &t, &err), 0);
	assert_int_equal(t.given_up + t.delayed, 0);
	struct alert *alerts = due(w, INT64_MAX, 10, &n);
	assert_int_equal(n, 1);
	const int64_t id = alerts[0].id, send = alerts[0].bulk_send;
	settle(w, id, (struct alert_result){.state = ALERT_QUEUED,
	    .error = "the server is away", .at_ms = w->at_ms,
	    .next_ms = w->at_ms + 1000});
	assert_int_equal(
	    store_alert_trouble(w->store, w->arena, 0, &t, &err), 0);
	assert_int_equal(t.delayed, 1);
	assert_int_equal(t.given_up, 0);
	assert_int_equal(t.bulk_send, send);
	assert_string_equal(t.last_error, "the server is away");
	settle(w, id, (struct alert_result){.state = ALERT_FAILED,
	    .error = "550 who?", .at_ms = w->at_ms});
	assert_int_equal(
	    store_alert_trouble(w->store, w->arena, 0, &t, &err), 0);
	assert_int_equal(t.given_up, 1);
	assert_int_equal(t.delayed, 0);
	assert_string_equal(t.last_error, "550 who?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    with_store(a_new_alert_is_due_at_once),
	    with_store(due_alerts_come_oldest_first_and_no_more_than_asked_for),
	    with_store(
	the_oldest_notice_is_due_behind_the_alerts_however_many_wait),
	    with_store(nothing_is_due_when_nothing_waits),
	    with_store(an_alert_to_be_tried_again_waits_for_its_time),
	    with_store(an_alert_does_not_wait_for_a_clock_that_was_set_back),
	    with_store(a_notice_from_a_day_to_come_holds_none_up),
	    with_store(a_sent_alert_waits_no_more),
	    with_store(how_an_alert_ended_stands_in_the_history),
	    with_store(an_attempt_that_will_be_repeated_is_no_history),
	    with_store(an_alert_is_settled_once),
	    with_store(
		trouble_is_what_did_not_get_through_and_is_still_open),
	    with_store(an_alert_waits_across_a_restart),
	    with_store(a_mail_that_carried_several_alerts_is_one_mail),
	    with_store(mails_sent_before_the_moment_are_left_out),
	    with_store(notices_are_no_mails_to_the_admins),
	    with_store(what_was_settled_without_a_mail_is_no_mail),
	    with_store(mails_that_did_not_leave_are_left_out),
	    with_store(a_bulk_send_that_ended_twice_as_large_is_told_again),
	    with_store(a_bulk_send_that_grew_less_is_told_once),
	    with_store(growing_is_measured_from_what_the_alert_could_tell),
	    with_store(growing_is_measured_in_distinct_recipients),
	    with_store(a_bulk_send_without_alert_is_not_told_when_it_ends),
	    with_store(one_that_a_new_trigger_ends_is_told_again_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
