/* month_test.c: a month, summed up, and the words to tell of it. */
#include "month_fixture.h"

/* -------------------------------------------------------------- the month */

static void
a_month_is_local_and_as_long_as_it_is(void **state)
{
	(void)state;
	struct month m = march();
	char text[CLOCK_RFC3339_MAX];
	clock_rfc3339(m.from_ms, text);
	assert_string_equal(text, "2026-03-01T00:00:00+07:00");
	clock_rfc3339(m.until_ms, text);
	assert_string_equal(text, "2026-04-01T00:00:00+07:00");
	assert_int_equal(m.days, 31);
	m = month_before(&m);
	assert_int_equal(m.days, 28);
	assert_int_equal(m.number, 2);
	clock_rfc3339(m.until_ms, text);
	assert_string_equal(text, "2026-03-01T00:00:00+07:00");
	m = month_before(&m);
	m = month_before(&m);
	assert_int_equal(m.number, 12);
	assert_int_equal(m.year, 2025);
	struct err err;
	assert_int_equal(month_parse("2024-02", MOMENT, &m, &err), 0);
	assert_int_equal(m.days, 29);
}

static void
what_is_no_month_is_refused(void **state)
{
	(void)state;
	static const char *const faults[] = {"", "2026", "2026-3", "2026-00",
	    "2026-13", "2026-03-01", "March", "-026-03", "1969-12", "202a-01"};
	struct month month;
	struct err err;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		assert_int_equal(
		    month_parse(faults[i], MOMENT, &month, &err), -1);
		assert_non_null(strstr(err.text, "is no month: write "));
	}
	assert_int_equal(month_parse("2026-04", MOMENT, &month, &err), -1);
	assert_string_equal(err.text, "2026-04 has not begun yet");
	assert_int_equal(month_parse("2026-03", MOMENT, &month, &err), 0);
}

/* --------------------------------------------------------------- the sums */

static void
a_summary_adds_up(void **state)
{
	const struct summary s = sum_up(*state);
	assert_int_equal(s.total.now.sends, 4);
	assert_int_equal(s.total.now.declared, 1);
	assert_int_equal(s.total.now.messages, 5);
	assert_int_equal(s.total.now.recipients, 1345);
	assert_int_equal(s.total.now.deliveries, 1350);
	assert_int_equal(s.total.now.external, 4);
	assert_int_equal(s.total.before.sends, 1);
	assert_int_equal(s.senders_before, 1);
	assert_int_equal(s.days[0].sends, 1); /* 1 March */
	assert_int_equal(s.days[1].sends, 1);
	assert_int_equal(s.days[2].sends, 2);
	assert_int_equal(s.days[2].declared, 1);
	assert_int_equal(s.results[RESULT_UNREPORTED].now.sends, 1);
	assert_int_equal(s.results[RESULT_UNREPORTED].before.sends, 1);
	assert_int_equal(s.results[RESULT_REPORTED].now.recipients, 100);
	assert_int_equal(s.results[RESULT_NEW].now.sends, 1);
	assert_int_equal(s.results[RESULT_REVIEWING].now.sends, 1);
}

static void
groups_stand_by_recipients_with_the_month_before_beside(void **state)
{
	const struct summary s = sum_up(*state);
	assert_int_equal(s.senders_n, 3);
	assert_string_equal(s.senders[0].name, "<i>@b.gov.vn");
	assert_string_equal(s.senders[1].name, "lan@a.gov.vn");
	assert_int_equal(s.senders[1].pair.now.sends, 2);
	assert_int_equal(s.senders[1].pair.before.recipients, 50);
	assert_string_equal(s.senders[2].name, "192.0.2.7");
	assert_int_equal(s.domains_n, 3);
	assert_string_equal(s.domains[0].name, "b.gov.vn");
	assert_string_equal(s.domains[1].name, "a.gov.vn");
	assert_string_equal(s.domains[2].name, "");
}

static void
lists_have_the_oldest_first(void **state)
{
	const struct summary s = sum_up(*state);
	assert_int_equal(s.unreported_n, 1);
	assert_int_equal(s.unreported[0]->id, 3);
	assert_int_equal(s.open_n, 2);
	assert_int_equal(s.open[0]->id, 5);
	assert_int_equal(s.open[1]->id, 4);
	/* not the withdrawn one of which nothing was seen, nor the old one */
	assert_int_equal(s.declarations_n, 2);
	assert_int_equal(s.declarations[0]->id, 8);
	assert_int_equal(s.declarations[1]->id, 7);
}

/* --------------------------------------------------------------- the words */

static void
every_word_stands_in_both_languages(void **state)
{
	(void)state;
	const struct words *vi = words_of("vi"), *en = words_of("en");
	for (int i = 0; i < WORDS_N; i++) {
		assert_non_null(words_get(vi, (enum word)i));
		assert_non_null(words_get(en, (enum word)i));
	}
	assert_string_equal(words_language(words_of("xx")), "vi");
}

static void
numbers_are_written_as_the_language_has_them(void **state)
{
	const struct words *vi = words_of("vi"), *en = words_of("en");
	assert_string_equal(words_number(vi, *state, 0), "0");
	assert_string_equal(words_number(vi, *state, 999), "999");
	assert_string_equal(words_number(vi, *state, 1000), "1.000");
	assert_string_equal(words_number(en, *state, 1234567), "1,234,567");
	assert_string_equal(
	    words_number(en, *state, UINT64_MAX), "18,446,744,073,709,551,615");
	assert_string_equal(words_change(vi, *state, 5, 5), "0");
	assert_string_equal(words_change(vi, *state, 1500, 0), "+1.500");
	assert_string_equal(words_change(en, *state, 3, 10), "−7");
	assert_string_equal(
	    words_moment(vi, *state, MOMENT), "02/03/2026 14:05");
	assert_string_equal(
	    words_moment(en, *state, MOMENT), "2026-03-02 14:05");
	assert_string_equal(words_date(vi, *state, MOMENT), "02/03/2026");
	assert_string_equal(
	    words_date(en, *state, MOMENT), "2\u00a0Mar\u00a02026");
	const struct month month = march();
	assert_string_equal(
	    words_month(vi, *state, &month), "tháng 3 năm 2026");
	assert_string_equal(words_month(en, *state, &month), "March 2026");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_month_is_local_and_as_long_as_it_is),
	    cmocka_unit_test(what_is_no_month_is_refused),
	    cmocka_unit_test(a_summary_adds_up),
	    cmocka_unit_test(
		groups_stand_by_recipients_with_the_month_before_beside),
	    cmocka_unit_test(lists_have_the_oldest_first),
	    cmocka_unit_test(every_word_stands_in_both_languages),
	    cmocka_unit_test(numbers_are_written_as_the_language_has_them),
	};
	return cmocka_run_group_tests(tests, office_setup, office_teardown);
}
