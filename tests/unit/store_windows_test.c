/* store_windows_test.c: windows across restarts, reboots and clocks that are
 * wrong. */
#include "store_fixture.h"

/* As if the machine had been booted since, boots ago. */
static void
another_boot(struct world *w)
{
	sql_do(w, "UPDATE meta SET value = 'an earlier boot' "
		  "WHERE key = 'boot-id'");
}

/* Ticks as they were on an earlier boot that ran for longer. */
static void
shift_ticks(struct world *w, int64_t secs)
{
	char sql[200];
	snprintf(sql, sizeof(sql),
	    "UPDATE message SET tick = tick + %lld; "
	    "UPDATE bulk_send SET last_tick = last_tick + %lld",
	    (long long)secs, (long long)secs);
	sql_do(w, sql);
}

static void
a_window_goes_on_after_a_restart(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 15);
	reopen_store(w);
	struct entry *e = mail(w, .first = 50, .n = 5);
	assert_int_equal(counted(e, BY_WINDOW), 20);
	assert_int_equal(show(w, 1).send.messages, 2);
}

static void
distinct_recipients_stay_distinct_after_a_restart(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 15);
	reopen_store(w);
	struct entry *e = mail(w, .first = 5, .n = 15);
	assert_int_equal(counted(e, BY_WINDOW), 19);
}

static void
external_recipients_stay_external_after_a_restart(void **state)
{
	struct world *w = *state;
	w->settings.rules[BY_WINDOW].scope = RULE_SCOPE_EXTERNAL;
	mail(w, .first = 1, .n = 15, .external = 7);
	reopen_store(w);
	struct entry *e = mail(w, .first = 50, .n = 5, .external = 5);
	assert_int_equal(counted(e, BY_WINDOW), 12);
}

static void
a_total_stays_a_total_after_a_restart(void **state)
{
	struct world *w = *state;
	w->settings.rules[BY_WINDOW].count = RULE_COUNT_TOTAL;
	mail(w, .first = 1, .n = 9);
	mail(w, .first = 1, .n = 9);
	reopen_store(w);
	struct entry *e = mail(w, .first = 1, .n = 1);
	assert_int_equal(counted(e, BY_WINDOW), 19);
}

static void
a_client_rules_window_goes_on_after_a_restart(void **state)
{
	struct world *w = *state;
	w->settings.rules[BY_WINDOW].per = RULE_PER_CLIENT;
	mail(w, .sender = "an@x.vn", .first = 1, .n = 15);
	reopen_store(w);
	mail(w, .sender = "binh@x.vn", .first = 50, .n = 5);
	assert_int_equal(show(w, 1).send.messages, 2);
}

static void
recipients_that_are_not_kept_are_counted_after_a_restart(void **state)
{
	struct world *w = *state;
	w->settings.evidence_recipients = EVIDENCE_COUNT;
	mail(w, .first = 1, .n = 15);
	reopen_store(w);
	struct entry *e = mail(w, .first = 5, .n = 15);
	assert_int_equal(counted(e, BY_WINDOW), 19);
}

static void
what_is_over_is_not_counted_after_a_restart(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 15, .later = -WINDOW_SECS);
	mail(w, .first = 50, .n = 2, .later = -WINDOW_SECS + 5);
	reopen_store(w);
	struct entry *e = mail(w, .first = 90, .n = 1);
	assert_int_equal(counted(e, BY_WINDOW), 3);
}

static void
a_bulk_send_goes_on_after_a_restart(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 25);
	reopen_store(w);
	mail(w, .first = 50, .n = 25);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM bulk_send"), 1);
}

static void
a_rule_that_is_new_counts_what_the_ledger_holds(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 15, .later = -3600);
	mail(w, .first = 50, .n = 2, .later = -1800);
	w->settings.rules[2] = (struct rule){
	    .name = "hours", .recipients = 100, .window_secs = 7200};
	w->settings.rules_n = 3;
	w->settings.longest_window_secs = 7200;
	fill_windows(w);
	struct entry *e = mail(w, .first = 90, .n = 1);
	assert_int_equal(counted(e, 2), 18);
}

/* ------------------------------------------------------------------ reboots */

static void
a_window_goes_on_after_a_reboot(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 15, .later = -60);
	shift_ticks(w, -50000);
	another_boot(w);
	reopen_store(w);
	struct entry *e = mail(w, .first = 50, .n = 5);
	assert_int_equal(counted(e, BY_WINDOW), 20);
	assert_int_equal(show(w, 1).send.messages, 2);
}

static void
ticks_of_a_boot_that_ran_longer_hold_nobody(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 15, .later = -2 * WINDOW_SECS);
	mail(w, .first = 50, .n = 2, .later = -60);
	shift_ticks(w, 5000000);
	another_boot(w);
	reopen_store(w);
	struct entry *e = mail(w, .first = 90, .n = 1);
	assert_int_equal(counted(e, BY_WINDOW), 3);
}

static void
what_is_over_by_the_wall_clock_is_over_after_a_reboot(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 15, .later = -WINDOW_SECS - 5);
	another_boot(w);
	reopen_store(w);
	struct entry *e = mail(w, .first = 90, .n = 1);
	assert_int_equal(counted(e, BY_WINDOW), 1);
}

static void
a_message_of_the_future_counts_as_now_after_a_reboot(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 15);
	sql_do(w, "UPDATE message SET at = at + 86400000000");
	another_boot(w);
	reopen_store(w);
	assert_int_equal(counted(mail(w, .first = 50, .n = 1), BY_WINDOW), 16);
	assert_int_equal(
	    counted(mail(w, .first = 60, .n = 1, .later = WINDOW_SECS + 30),
		BY_WINDOW),
	    1);
}

static void
a_second_reboot_ages_messages_of_the_first_further(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 10, .later = -500);
	another_boot(w);
	reopen_store(w);
	mail(w, .first = 50, .n = 5, .later = -300);
	shift_ticks(w, 40000);
	another_boot(w);
	reopen_store(w);
	struct entry *e = mail(w, .first = 90, .n = 1);
	assert_int_equal(counted(e, BY_WINDOW), 16);
}

static void
a_bulk_send_of_an_earlier_boot_goes_on_if_it_is_young(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 25, .later = -60);
	shift_ticks(w, -50000);
	another_boot(w);
	reopen_store(w);
	mail(w, .first = 50, .n = 25);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM bulk_send"), 1);
}

static void
a_bulk_send_of_an_earlier_boot_ends_when_it_is_old(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 25, .later = -2 * WINDOW_SECS);
	shift_ticks(w, 5000000);
	another_boot(w);
	reopen_store(w);
	mail(w, .first = 50, .n = 25);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM bulk_send"), 2);
}

static void
a_restart_on_the_same_boot_goes_by_ticks_alone(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 15);
	/* The wall clock was wrong by a day. */
	sql_do(w, "UPDATE message SET at = at - 86400000");
	reopen_store(w);
	struct entry *e = mail(w, .first = 50, .n = 1);
	assert_int_equal(counted(e, BY_WINDOW), 16);
}

static size_t
measure_with_both(
    void *context, const struct message *message, struct measure *measures)
{
	return policy_measure(context, message, measures);
}

/* Fills the windows of a rule that is new, and counts the steps; a mail comes
 * after each, and one before the first. */
static unsigned
fill_in_steps(struct world *w, const struct settings *both)
{
	union {
		const struct settings *in;
		void *out;
	} context = {.in = both};
	struct err err = {""};
	unsigned steps = 0;
	struct store_refill refill = store_refill_begin(WINDOW_SECS);
	for (; !refill.is_done; steps++) {
		if (store_refill_step(w->store, &refill, measure_with_both,
			context.out, &err) < 0)
			fail_msg("%s", err.text);
		if (steps < 3)
			mail(w, .first = 90000 + steps, .n = 1);
	}
	return steps;
}

static void
windows_are_filled_in_steps_with_what_comes_in_between(void **state)
{
	struct world *w = *state;
	struct entry *entries[4500];
	struct settings both = w->settings;
	both.rules[BY_WINDOW].recipients = 10000;
	w->settings.rules_n = 1;
	for (unsigned n = 0; n < 4500; n++)
		entries[n] = make_entry(w,
		    (struct mail){.first = n,
			.n = 1,
			.later = n < 300 ? -(int64_t)WINDOW_SECS : -1});
	put(w, entries, 4500);
	assert_true(fill_in_steps(w, &both) > 4);
	w->settings = both;
	assert_int_equal(
	    counted(mail(w, .first = 99999, .n = 1), BY_WINDOW), 4204);
}

static void
windows_are_filled_in_steps_with_what_comes_first(void **state)
{
	struct world *w = *state;
	const struct settings both = w->settings;
	w->settings.rules_n = 1;
	fill_in_steps(w, &both);
	w->settings = both;
	/* A step that found nothing was the last but one. */
	assert_int_equal(
	    counted(mail(w, .first = 99999, .n = 1), BY_WINDOW), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    with_store(a_window_goes_on_after_a_restart),
	    with_store(distinct_recipients_stay_distinct_after_a_restart),
	    with_store(external_recipients_stay_external_after_a_restart),
	    with_store(a_total_stays_a_total_after_a_restart),
	    with_store(a_client_rules_window_goes_on_after_a_restart),
	    with_store(
		recipients_that_are_not_kept_are_counted_after_a_restart),
	    with_store(what_is_over_is_not_counted_after_a_restart),
	    with_store(a_bulk_send_goes_on_after_a_restart),
	    with_store(a_rule_that_is_new_counts_what_the_ledger_holds),
	    with_store(a_window_goes_on_after_a_reboot),
	    with_store(ticks_of_a_boot_that_ran_longer_hold_nobody),
	    with_store(what_is_over_by_the_wall_clock_is_over_after_a_reboot),
	    with_store(a_message_of_the_future_counts_as_now_after_a_reboot),
	    with_store(a_second_reboot_ages_messages_of_the_first_further),
	    with_store(a_bulk_send_of_an_earlier_boot_goes_on_if_it_is_young),
	    with_store(a_bulk_send_of_an_earlier_boot_ends_when_it_is_old),
	    with_store(a_restart_on_the_same_boot_goes_by_ticks_alone),
	    with_store(windows_are_filled_in_steps_with_what_comes_in_between),
	    with_store(windows_are_filled_in_steps_with_what_comes_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
