/* clock_test.c: the two clocks, and times as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* 2026-03-02T07:05:09Z, which is 14:05:09 in Vietnam. */
#define NOON_MS INT64_C(1772435109000)

static void
use_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static int
in_vietnam(void **state)
{
	(void)state;
	use_zone("Asia/Ho_Chi_Minh");
	return 0;
}

/* ------------------------------------------------------------------ clocks */

static void
wall_time_is_that_of_the_system(void **state)
{
	(void)state;
	int64_t before = (int64_t)time(NULL) * 1000;
	int64_t now = clock_wall_ms();
	assert_true(now >= before && now < before + 5000);
}

static void
ticks_start_at_their_base_at_boot_and_go_forward(void **state)
{
	(void)state;
	int64_t first = clock_tick();
	assert_true(first >= CLOCK_TICK_BASE);
	assert_true(first < CLOCK_TICK_BASE + INT64_C(3650) * 86400);
	usleep(1100000);
	int64_t second = clock_tick();
	assert_in_range(second - first, 1, 5);
}

static void
the_boot_id_is_one_word_and_stays(void **state)
{
	(void)state;
	char first[CLOCK_BOOT_ID_MAX], second[CLOCK_BOOT_ID_MAX];
	clock_boot_id(first);
	clock_boot_id(second);
	assert_int_equal(strlen(first), 36);
	assert_null(strpbrk(first, " \n"));
	assert_string_equal(first, second);
}

/* ----------------------------------------------------------------- showing */

static void
rfc3339_has_the_local_offset(void **state)
{
	(void)state;
	char text[CLOCK_RFC3339_MAX];
	clock_rfc3339(NOON_MS, text);
	assert_string_equal(text, "2026-03-02T14:05:09+07:00");
	use_zone("UTC");
	clock_rfc3339(NOON_MS, text);
	assert_string_equal(text, "2026-03-02T07:05:09+00:00");
	use_zone("America/St_Johns");
	clock_rfc3339(NOON_MS, text);
	assert_string_equal(text, "2026-03-02T03:35:09-03:30");
}

static void
local_time_is_short(void **state)
{
	(void)state;
	char text[CLOCK_LOCAL_MAX];
	clock_local(NOON_MS, text);
	assert_string_equal(text, "2026-03-02 14:05");
}

static void
a_time_that_cannot_be_is_shown_without_harm(void **state)
{
	(void)state;
	static const int64_t times[] = {INT64_MAX, INT64_MIN,
	    INT64_C(253402300800000), -INT64_C(62135596800001),
	    INT64_C(67767976233529000)};
	for (size_t i = 0; i < COUNT(times); i++) {
		char whole[CLOCK_RFC3339_MAX], local[CLOCK_LOCAL_MAX];
		memset(whole, 0x7f, sizeof(whole));
		memset(local, 0x7f, sizeof(local));
		clock_rfc3339(times[i], whole);
		clock_local(times[i], local);
		assert_true(strnlen(whole, sizeof(whole)) < sizeof(whole));
		assert_true(strnlen(local, sizeof(local)) < sizeof(local));
		assert_true(text_is_clean(whole, strlen(whole)));
		assert_true(text_is_clean(local, strlen(local)));
	}
}

/* --------------------------------------------------------------- durations */

static void
durations_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t secs;
	} cases[] = {
	    {"1s", 1},
	    {"30s", 30},
	    {"10m", 600},
	    {"24h", 86400},
	    {"7d", 604800},
	    {"3650d", INT64_C(315360000)},
	    {"0010m", 600},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t secs = -1;
		assert_int_equal(clock_duration(cases[i].text, &secs, NULL), 0);
		assert_int_equal(secs, cases[i].secs);
	}
}

static void
what_is_no_duration_is_refused_with_a_sentence(void **state)
{
	(void)state;
	static const char *const cases[] = {"", "s", "10", "10 m", " 10m",
	    "10m ", "-5m", "+5m", "1.5h", "10M", "10w", "1h30m", "0s", "0d",
	    "3651d", "87601h", "315360001s", "99999999999999999999d", "x10m"};
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t secs = 77;
		struct err err = {""};
		assert_int_equal(clock_duration(cases[i], &secs, &err), -1);
		assert_int_equal(secs, 77);
		assert_true(strlen(err.text) > 10);
	}
}

static void
a_duration_is_shown_in_its_shortest_form(void **state)
{
	(void)state;
	static const struct {
		int64_t secs;
		const char *text;
	} cases[] = {{600, "10m"}, {90, "90s"}, {3600, "1h"}, {86400, "1d"},
	    {604800, "7d"}, {1, "1s"}, {0, "0s"}, {5400, "90m"}};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[CLOCK_DURATION_MAX];
		clock_duration_text(cases[i].secs, text);
		assert_string_equal(text, cases[i].text);
	}
}

/* ----------------------------------------------------------------- moments */

static void
moments_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
	    {"2h", NOON_MS - 7200000},
	    {"7d", NOON_MS - 604800000},
	    {"2026-03-02", NOON_MS - INT64_C(50709000)},
	    {"2026-03-02 14:05", NOON_MS - 9000},
	    {"2026-03-02T14:05", NOON_MS - 9000},
	    {"2026-03-02 14:05:09", NOON_MS},
	    {"2026-03-02T14:05:09", NOON_MS},
	    {"2026-03-02T14:05:09.75", NOON_MS},
	    {"2026-03-02T14:05:09+07:00", NOON_MS},
	    {"2026-03-02T07:05:09Z", NOON_MS},
	    {"2026-03-02t07:05:09z", NOON_MS},
	    {"2026-03-02T03:35:09-03:30", NOON_MS},
	    {"2026-03-02T07:05:09.123Z", NOON_MS},
	    {"02/03/2026", NOON_MS - INT64_C(50709000)},
	    {"2/3/2026", NOON_MS - INT64_C(50709000)},
	    {"02/03/2026 14:05", NOON_MS - 9000},
	    {"02/03/2026 7:05", NOON_MS - 9000 - 7 * INT64_C(3600000)},
	    {"14:05", NOON_MS - 9000},
	    {"00:00", NOON_MS - INT64_C(50709000)},
	    {"8:30:09", NOON_MS - INT64_C(20100000)},
	    {"23:59", NOON_MS + INT64_C(35631000)},
	    {"2024-02-29", INT64_C(1709139600000)},
	    {"2026-12-31T23:59:59Z", INT64_C(1798761599000)},
	    {"1969-12-31T23:59:59Z", -1000},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t ms = -77;
		struct err err;
		if (clock_moment(cases[i].text, NOON_MS, &ms, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		if (ms != cases[i].ms)
			fail_msg("%s: %lld", cases[i].text, (long long)ms);
	}
}

static void
a_date_that_does_not_exist_is_refused(void **state)
{
	(void)state;
	static const char *const cases[] = {"2026-02-30", "2026-02-29",
	    "2026-13-01", "2026-00-10", "2026-04-31", "2026-01-00",
	    "2026-01-32", "2026-02-30T10:00:00Z", "2026-03-02 24:00",
	    "2026-03-02 23:60", "24:00", "12:60", "31/04/2026", "11/22/2026",
	    "29/02/2026 08:00", "2026-03-02T10:00:61Z"};
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t ms = 77;
		struct err err = {""};
		assert_int_equal(
		    clock_moment(cases[i], NOON_MS, &ms, &err), -1);
		assert_int_equal(ms, 77);
		assert_non_null(strstr(err.text, "exist"));
	}
}

static void
what_is_no_moment_is_refused_with_the_forms_that_are(void **state)
{
	(void)state;
	static const char *const cases[] = {"", "yesterday", "2026", "2026-3-2",
	    "2026-03", "2026-03-02x", "2026-03-02 ", "2026-03-02T",
	    "2026-03-02 14", "2026-03-02 14:5", "2026-03-02 14:05:0",
	    "2026-03-02  14:05", "2026-03-02 14:05 ", "2026-03-02T14:05:09+7",
	    "2026-03-02T14:05:09+07", "2026-03-02T14:05:09+24:00",
	    "2026-03-02T14:05:09+07:60", "2026-03-02T14:05:09+07:00x",
	    "02/03/26", "/3/2026", "02/03/2026x", "02/003/2026", "02-03-2026",
	    "14:5", "14:05x", "14:05+07:00", "-2h", "2026-03-02Z",
	    "2026/03/02"};
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t ms = 77;
		struct err err = {""};
		if (clock_moment(cases[i], NOON_MS, &ms, &err) != -1)
			fail_msg("\"%s\" was read", cases[i]);
		assert_int_equal(ms, 77);
		assert_non_null(strstr(err.text, "2h"));
	}
}

static void
a_point_in_time_says_whether_it_is_a_whole_day(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int found;
		bool whole_day;
	} cases[] = {
	    {"2026-03-02", 1, true},
	    {"02/03/2026", 1, true},
	    {"2026-03-02 00:00", 1, false},
	    {"02/03/2026 00:00", 1, false},
	    {"00:00", 1, false},
	    {"2h", 0, false},
	    {"soon", 0, false},
	    {"30/02/2026", -1, false},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct clock_point point = {0};
		struct err err = {""};
		assert_int_equal(
		    clock_point(cases[i].text, NOON_MS, &point, &err),
		    cases[i].found);
		assert_int_equal(point.whole_day, cases[i].whole_day);
	}
}

static void
an_hour_that_summer_time_leaves_out_is_no_fault(void **state)
{
	(void)state;
	int64_t ms = 0;
	struct err err;
	use_zone("Europe/Berlin");
	assert_int_equal(
	    clock_moment("2026-03-29 02:30", NOON_MS, &ms, &err), 0);
	/* 01:30 or 03:30 summer time, near enough. */
	assert_in_range(ms, INT64_C(1774744200000) - 3600000,
	    INT64_C(1774744200000) + 3600000);
}

#define test(name) cmocka_unit_test_setup(name, in_vietnam)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    test(wall_time_is_that_of_the_system),
	    test(ticks_start_at_their_base_at_boot_and_go_forward),
	    test(the_boot_id_is_one_word_and_stays),
	    test(rfc3339_has_the_local_offset),
	    test(local_time_is_short),
	    test(a_time_that_cannot_be_is_shown_without_harm),
	    test(durations_are_read),
	    test(what_is_no_duration_is_refused_with_a_sentence),
	    test(a_duration_is_shown_in_its_shortest_form),
	    test(moments_are_read),
	    test(a_date_that_does_not_exist_is_refused),
	    test(what_is_no_moment_is_refused_with_the_forms_that_are),
	    test(a_point_in_time_says_whether_it_is_a_whole_day),
	    test(an_hour_that_summer_time_leaves_out_is_no_fault),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
