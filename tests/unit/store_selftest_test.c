/* store_selftest_test.c: messages that go the whole way and leave nothing. */
#include "store_fixture.h"

#define MARK_ROOM (SELFTEST_MARK_LENGTH + 1)

static void
make_mark(struct world *w, int64_t now_ms, char mark_r[MARK_ROOM])
{
	struct err err = {""};
	if (store_selftest_make(w->store, now_ms, mark_r, &err) < 0)
		fail_msg("%s", err.text);
}

static struct selftest
read_mark(struct world *w, const char *mark)
{
	struct selftest seen;
	struct err err = {""};
	if (store_selftest_read(w->store, w->arena, mark, &seen, &err) != 1)
		fail_msg("mark %s: %s", mark, err.text);
	return seen;
}

/* Within a transaction: 1 if the mark is good. */
static int
begin_trial(struct world *w, const char *mark, int64_t now_ms)
{
	struct err err = {""};
	int good = store_selftest_begin(w->store, mark, now_ms, &err);
	if (good < 0)
		fail_msg("%s", err.text);
	return good;
}

/* A message on trial, in a batch of its own. */
static struct entry *
try_mail(struct world *w, const char *mark, struct mail mail)
{
	const struct selftest seen = {.recipients = mail.n,
	    .rules = 2,
	    .rule = "message",
	    .action = ACTION_HOLD,
	    .recorded = mail.n,
	    .declaration = 7,
	    .alert_queued = true,
	    .alert_to = "a@x.vn, b@x.vn"};
	struct err err = {""};
	struct entry *e = make_entry(w, mail);
	assert_int_equal(store_begin(w->store, &err), 0);
	assert_int_equal(begin_trial(w, mark, w->at_ms), 1);
	if (put_one(w, e, &err) < 0 ||
	    store_selftest_end(w->store, mark, &seen, &err) < 0 ||
	    store_commit(w->store, &err) < 0)
		fail_msg("%s", err.text);
	return e;
}

static void
marks_are_hex_digits_and_none_is_like_another(void **state)
{
	struct world *w = *state;
	char one[MARK_ROOM], other[MARK_ROOM];
	make_mark(w, w->at_ms, one);
	make_mark(w, w->at_ms, other);
	assert_int_equal(strspn(one, "0123456789abcdef"), SELFTEST_MARK_LENGTH);
	assert_int_equal(strlen(one), SELFTEST_MARK_LENGTH);
	assert_string_not_equal(one, other);
}

static void
a_trial_sees_its_bulk_send_and_leaves_nothing(void **state)
{
	struct world *w = *state;
	char mark[MARK_ROOM];
	make_mark(w, w->at_ms, mark);
	struct entry *e = try_mail(w, mark, (struct mail){.n = 25});
	assert_true(e->decision.matched && e->opened && e->alert_queued);
	assert_int_equal(e->send_recipients, 25);
	static const char *const tables[] = {"message", "bulk_send",
	    "bulk_message", "bulk_recipient", "history", "alert",
	    "sqlite_sequence"};
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		char sql[80];
		snprintf(
		    sql, sizeof(sql), "SELECT count(*) FROM %s", tables[i]);
		assert_int_equal(sql_number(w, sql), 0);
	}
}

static void
what_was_seen_is_read_back(void **state)
{
	struct world *w = *state;
	char mark[MARK_ROOM];
	make_mark(w, w->at_ms, mark);
	assert_false(read_mark(w, mark).greeted);
	try_mail(w, mark, (struct mail){.n = 25});
	const struct selftest seen = read_mark(w, mark);
	assert_true(seen.greeted && seen.done && seen.alert_queued);
	assert_int_equal(seen.recipients, 25);
	assert_int_equal(seen.rules, 2);
	assert_string_equal(seen.rule, "message");
	assert_int_equal(seen.action, ACTION_HOLD);
	assert_int_equal(seen.recorded, 25);
	assert_int_equal(seen.declaration, 7);
	assert_string_equal(seen.alert_to, "a@x.vn, b@x.vn");
}

static void
windows_and_numbers_are_as_before(void **state)
{
	struct world *w = *state;
	char mark[MARK_ROOM];
	size_t bytes[2], senders[2];
	mail(w, .first = 1, .n = 10);
	make_mark(w, w->at_ms, mark);
	store_window_use(w->store, &bytes[0], &senders[0]);
	/* Of a sender who has a window: it counts with it … */
	struct entry *e =
	    try_mail(w, mark, (struct mail){.first = 101, .n = 15});
	assert_int_equal(counted(e, BY_WINDOW), LIMIT + 5);
	store_window_use(w->store, &bytes[1], &senders[1]);
	assert_int_equal(bytes[0], bytes[1]);
	/* … and is not in it. */
	e = mail(w, .first = 201, .n = 9);
	assert_int_equal(counted(e, BY_WINDOW), 19);
	assert_int_equal(e->message->id, 2);
}

static void
mail_like_a_trial_is_no_retry_of_it(void **state)
{
	struct world *w = *state;
	char mark[MARK_ROOM];
	make_mark(w, w->at_ms, mark);
	try_mail(w, mark, (struct mail){.n = 25, .message_id = "<1@x>"});
	struct entry *e = mail(w, .n = 25, .message_id = "<1@x>");
	assert_false(e->retry);
	assert_true(e->opened);
}

static void
messages_of_the_same_batch_stay(void **state)
{
	struct world *w = *state;
	char mark[MARK_ROOM];
	const struct selftest seen = {.rule = "", .alert_to = ""};
	struct err err = {""};
	make_mark(w, w->at_ms, mark);
	struct entry *before = make_entry(w, (struct mail){.n = 12});
	struct entry *test = make_entry(w, (struct mail){.first = 50, .n = 3});
	struct entry *after = make_entry(w, (struct mail){.first = 90, .n = 8});
	assert_int_equal(store_begin(w->store, &err), 0);
	assert_int_equal(put_one(w, before, &err), 0);
	assert_int_equal(begin_trial(w, mark, w->at_ms), 1);
	assert_int_equal(put_one(w, test, &err), 0);
	assert_int_equal(store_selftest_end(w->store, mark, &seen, &err), 0);
	assert_int_equal(put_one(w, after, &err), 0);
	assert_int_equal(store_commit(w->store, &err), 0);
	assert_int_equal(before->message->id, 1);
	assert_int_equal(after->message->id, 2);
	assert_int_equal(after->send_recipients, 20);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM message"), 2);
}

static void
a_mark_is_good_for_one_trial(void **state)
{
	struct world *w = *state;
	char mark[MARK_ROOM];
	struct err err = {""};
	make_mark(w, w->at_ms, mark);
	try_mail(w, mark, (struct mail){.n = 2});
	assert_int_equal(store_begin(w->store, &err), 0);
	assert_int_equal(begin_trial(w, mark, w->at_ms), 0);
	assert_int_equal(begin_trial(w, "0123", w->at_ms), 0);
	assert_int_equal(
	    store_selftest_greet(w->store, mark, w->at_ms, &err), 0);
}

static void
a_mark_is_good_for_some_minutes(void **state)
{
	struct world *w = *state;
	const int64_t life_ms = INT64_C(1000) * SELFTEST_SECS;
	char mark[MARK_ROOM];
	struct err err = {""};
	make_mark(w, w->at_ms, mark);
	assert_int_equal(store_begin(w->store, &err), 0);
	assert_int_equal(begin_trial(w, mark, w->at_ms + life_ms), 0);
	assert_int_equal(begin_trial(w, mark, w->at_ms - life_ms), 0);
	assert_int_equal(begin_trial(w, mark, w->at_ms + life_ms - 1), 1);
	store_rollback(w->store);
	/* The next test removes it when its time is over. */
	char next[MARK_ROOM];
	make_mark(w, w->at_ms + life_ms - 1, next);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM selftest"), 2);
	make_mark(w, w->at_ms + life_ms, next);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM selftest"), 2);
}

static void
a_mark_is_greeted_once_and_good_after_it(void **state)
{
	struct world *w = *state;
	char mark[MARK_ROOM];
	struct err err = {""};
	make_mark(w, w->at_ms, mark);
	assert_int_equal(
	    store_selftest_greet(w->store, mark, w->at_ms, &err), 1);
	assert_int_equal(
	    store_selftest_greet(w->store, mark, w->at_ms, &err), 0);
	assert_true(read_mark(w, mark).greeted);
	assert_false(read_mark(w, mark).done);
	try_mail(w, mark, (struct mail){.n = 2});
	assert_true(read_mark(w, mark).done);
}

static void
a_removed_mark_is_gone(void **state)
{
	struct world *w = *state;
	char mark[MARK_ROOM];
	struct selftest seen;
	struct err err = {""};
	make_mark(w, w->at_ms, mark);
	assert_int_equal(store_selftest_remove(w->store, mark, &err), 0);
	assert_int_equal(
	    store_selftest_read(w->store, w->arena, mark, &seen, &err), 0);
}

static void
a_trial_in_a_batch_that_fails_can_be_tried_again(void **state)
{
	struct world *w = *state;
	char mark[MARK_ROOM];
	struct err err = {""};
	make_mark(w, w->at_ms, mark);
	assert_int_equal(store_begin(w->store, &err), 0);
	assert_int_equal(begin_trial(w, mark, w->at_ms), 1);
	put_one(w, make_entry(w, (struct mail){.n = 25}), &err);
	store_rollback(w->store);
	reopen_store(w);
	try_mail(w, mark, (struct mail){.n = 25});
	assert_int_equal(sql_number(w, "SELECT count(*) FROM message"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    with_store(marks_are_hex_digits_and_none_is_like_another),
	    with_store(a_trial_sees_its_bulk_send_and_leaves_nothing),
	    with_store(what_was_seen_is_read_back),
	    with_store(windows_and_numbers_are_as_before),
	    with_store(mail_like_a_trial_is_no_retry_of_it),
	    with_store(messages_of_the_same_batch_stay),
	    with_store(a_mark_is_good_for_one_trial),
	    with_store(a_mark_is_good_for_some_minutes),
	    with_store(a_mark_is_greeted_once_and_good_after_it),
	    with_store(a_removed_mark_is_gone),
	    with_store(a_trial_in_a_batch_that_fails_can_be_tried_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
