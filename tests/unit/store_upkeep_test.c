/* store_upkeep_test.c: bulk sends that are over, sums, what is older than it is
 * kept. */
#include "store_fixture.h"

#include <pthread.h>
#include <time.h>

static int64_t
ledger_rows(struct world *w)
{
	return sql_number(w, "SELECT count(*) FROM message");
}

static void
sum_up(struct world *w)
{
	struct err err = {""};
	bool more = true;
	while (more)
		if (store_sum_up(w->store, &more, &err) < 0)
			fail_msg("%s", err.text);
}

/* Removes what is older; how many went. */
static uint64_t
purge(struct world *w, int64_t before_ms)
{
	struct err err = {""};
	bool more = true;
	uint64_t removed = 0, sum = 0;
	while (more) {
		if (store_purge_ledger(
			w->store, before_ms, &removed, &more, &err) < 0)
			fail_msg("%s", err.text);
		sum += removed;
	}
	return sum;
}

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

/* ------------------------------------------------------------ what is over */

static void
a_bulk_send_goes_on_until_its_quiet_time_is_over(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25);
	end_quiet(w, WINDOW_SECS - 1);
	assert_false(show(w, 1).send.ended);
	end_quiet(w, WINDOW_SECS);
	assert_true(show(w, 1).send.ended);
}

static void
all_that_are_over_are_ended(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 300; i++)
		mail(w, .sender = arena_printf(w->arena, "s%u@x.vn", i),
		    .n = 25);
	end_quiet(w, WINDOW_SECS);
	assert_int_equal(
	    sql_number(w, "SELECT count(*) FROM bulk_send WHERE ended = 0"), 0);
}

static void
an_ended_bulk_send_keeps_its_status(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25);
	end_quiet(w, WINDOW_SECS);
	assert_int_equal(show(w, 1).send.status, STATUS_NEW);
}

/* --------------------------------------------------------------------- sums */

static void
messages_are_summed_up_by_sender_and_day(void **state)
{
	struct world *w = *state;
	w->at_ms = INT64_C(20000) * 86400000 + 3600000;
	mail(w, .first = 1, .n = 3);
	mail(w, .first = 1, .n = 4, .later = 60);
	mail(w, .first = 1, .n = 5, .later = 86400);
	mail(w, .sender = "binh@x.vn", .first = 1, .n = 6);
	sum_up(w);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM sender_day"), 3);
	assert_int_equal(
	    sql_number(w, "SELECT recipients FROM sender_day WHERE "
			  "sender = 'an@x.vn' AND day = 20000 AND "
			  "messages = 2"),
	    7);
}

static void
a_message_is_summed_up_once(void **state)
{
	struct world *w = *state;
	mail(w, .n = 3);
	sum_up(w);
	sum_up(w);
	mail(w, .n = 4);
	sum_up(w);
	assert_int_equal(
	    sql_number(w, "SELECT sum(recipients) FROM sender_day"), 7);
	assert_int_equal(
	    sql_number(w, "SELECT sum(messages) FROM sender_day"), 2);
}

static void
more_messages_than_one_step_takes_are_all_summed_up(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 1300; i++)
		mail(w, .sender = "many@x.vn", .first = i, .n = 1,
		    .later = i * 60);
	sum_up(w);
	assert_int_equal(
	    sql_number(w, "SELECT sum(messages) FROM sender_day"), 1300);
}

/* -------------------------------------------------------------------- purge */

static void
what_is_old_and_belongs_to_nothing_goes(void **state)
{
	struct world *w = *state;
	mail(w, .n = 3);
	mail(w, .n = 3, .later = 60);
	sum_up(w);
	assert_int_equal(purge(w, w->at_ms + 30000), 1);
	assert_int_equal(sql_number(w, "SELECT min(id) FROM message"), 2);
}

static void
a_message_of_the_very_moment_stays(void **state)
{
	struct world *w = *state;
	mail(w, .n = 3);
	sum_up(w);
	assert_int_equal(purge(w, w->at_ms), 0);
	assert_int_equal(purge(w, w->at_ms + 1), 1);
}

/* The clock was set forward by a year while the machine ran: what is young
 * must not go for good. */
static void
a_clock_set_forward_lets_nothing_go(void **state)
{
	struct world *w = *state;
	const int64_t day_ms = INT64_C(86400) * 1000;
	mail(w, .n = 3);
	sum_up(w);
	/* As if the boot had been noted a year before the time that it is now. */
	sql_do(w, "UPDATE message SET at = at - 31536000000; UPDATE meta "
		  "SET value = value - 31536000000 WHERE key = 'boot-wall-ms'");
	reopen_store(w);
	assert_int_equal(purge(w, w->at_ms - 90 * day_ms), 0);
	assert_int_equal(ledger_rows(w), 1);
}

static void
evidence_stays_however_old(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 3);
	mail(w, .first = 10, .n = 25);
	mail(w, .sender = "binh@x.vn", .first = 100, .n = 3);
	sum_up(w);
	assert_int_equal(purge(w, w->at_ms + 1000), 1);
	assert_int_equal(ledger_rows(w), 2);
	assert_int_equal(show(w, 1).evidence_n, 2);
}

static void
what_is_not_summed_up_stays(void **state)
{
	struct world *w = *state;
	mail(w, .n = 3);
	sum_up(w);
	mail(w, .n = 4);
	assert_int_equal(purge(w, w->at_ms + 1000), 1);
	assert_int_equal(ledger_rows(w), 1);
	sum_up(w);
	assert_int_equal(purge(w, w->at_ms + 1000), 1);
	assert_int_equal(
	    sql_number(w, "SELECT sum(recipients) FROM sender_day"), 7);
}

static void
more_messages_than_one_step_takes_all_go(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 3000; i++)
		mail(w, .first = 1, .n = 1);
	sum_up(w);
	assert_int_equal(purge(w, w->at_ms + 1000), 3000);
	assert_int_equal(ledger_rows(w), 0);
}

static void
a_step_ends_in_time_with_more_to_do(void **state)
{
	struct world *w = *state;
	struct err err;
	bool more;
	uint64_t removed;
	struct timespec began, ended;
	struct entry *entries[200];
	for (unsigned batch = 0; batch < 100; batch++) {
		for (unsigned i = 0; i < 200; i++)
			entries[i] =
			    make_entry(w, (struct mail){.first = 1, .n = 5});
		put(w, entries, 200);
	}
	sum_up(w);
	clock_gettime(CLOCK_MONOTONIC, &began);
	assert_int_equal(store_purge_ledger(
			     w->store, w->at_ms + 1000, &removed, &more, &err),
	    0);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	int64_t took_ms = (ended.tv_sec - began.tv_sec) * 1000 +
			  (ended.tv_nsec - began.tv_nsec) / 1000000;
	assert_true(more);
	assert_in_range(removed, 1, 19999);
	/* STORE_STEP_MS, and ample room for a busy machine. */
	assert_true(took_ms < 10 * STORE_STEP_MS);
}

/* Ends another program's transaction when a step's time is long over. */
static void *
release(void *db)
{
	const struct timespec while_it_waits = {
	    .tv_nsec = 3 * STORE_STEP_MS * 1000000L};
	nanosleep(&while_it_waits, NULL);
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return NULL;
}

static pthread_t
lock_for_a_while(sqlite3 *db)
{
	pthread_t thread;
	assert_int_equal(
	    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(pthread_create(&thread, NULL, release, db), 0);
	return thread;
}

static void
a_step_that_waited_for_the_database_still_gets_something_done(void **state)
{
	struct world *w = *state;
	struct err err;
	bool more;
	uint64_t removed;
	sqlite3 *db = connect_outside(w->path);
	mail(w, .n = 3);
	pthread_t thread = lock_for_a_while(db);
	assert_int_equal(store_sum_up(w->store, &more, &err), 0);
	pthread_join(thread, NULL);
	assert_false(more);
	thread = lock_for_a_while(db);
	assert_int_equal(store_purge_ledger(
			     w->store, w->at_ms + 1000, &removed, &more, &err),
	    0);
	pthread_join(thread, NULL);
	assert_int_equal(removed, 1);
	sqlite3_close(db);
}

static void
a_purge_that_finds_nothing_writes_nothing(void **state)
{
	struct world *w = *state;
	mail(w, .n = 3);
	sum_up(w);
	int64_t before = sql_number(w, "PRAGMA data_version");
	sqlite3 *db = connect_outside(w->path);
	sqlite3_exec(db, "SELECT 1", NULL, NULL, NULL);
	assert_int_equal(purge(w, 0), 0);
	assert_int_equal(sql_number(w, "PRAGMA data_version"), before);
	sqlite3_close(db);
}

static void
a_message_after_purged_ones_is_summed_up_after_a_restart(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 5; i++)
		mail(w, .n = 3);
	sum_up(w);
	purge(w, w->at_ms + 1000);
	reopen_store(w);
	mail(w, .n = 4);
	sum_up(w);
	assert_int_equal(
	    sql_number(w, "SELECT sum(recipients) FROM sender_day"), 19);
	assert_int_equal(purge(w, w->at_ms + 1000), 1);
}

static void
a_window_whose_messages_were_purged_still_counts(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 15);
	sum_up(w);
	purge(w, w->at_ms + 1000);
	struct entry *e = mail(w, .first = 50, .n = 5);
	assert_true(e->decision.matched);
	assert_int_equal(show(w, 1).send.messages, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    with_store(a_bulk_send_goes_on_until_its_quiet_time_is_over),
	    with_store(all_that_are_over_are_ended),
	    with_store(an_ended_bulk_send_keeps_its_status),
	    with_store(messages_are_summed_up_by_sender_and_day),
	    with_store(a_message_is_summed_up_once),
	    with_store(more_messages_than_one_step_takes_are_all_summed_up),
	    with_store(what_is_old_and_belongs_to_nothing_goes),
	    with_store(a_message_of_the_very_moment_stays),
	    with_store(a_clock_set_forward_lets_nothing_go),
	    with_store(evidence_stays_however_old),
	    with_store(what_is_not_summed_up_stays),
	    with_store(more_messages_than_one_step_takes_all_go),
	    with_store(a_step_ends_in_time_with_more_to_do),
	    with_store(
		a_step_that_waited_for_the_database_still_gets_something_done),
	    with_store(a_purge_that_finds_nothing_writes_nothing),
	    with_store(
		a_message_after_purged_ones_is_summed_up_after_a_restart),
	    with_store(a_window_whose_messages_were_purged_still_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
