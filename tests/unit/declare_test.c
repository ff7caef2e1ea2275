/* declare_test.c: bulk sends that are announced, by the command. */
#include "office.h"

static int
setup(void **state)
{
	setenv("USER", "an", 1);
	unsetenv("SUDO_USER");
	return office_setup(state);
}

/* A declaration with all that it needs but its times. */
#define DECLARE(...)                                                           \
	CALL("declare", "-c", o.conf, "--sender", "*@example.gov.vn",          \
	    "--recipients", "20", "--reason", "họp", __VA_ARGS__)

/* The moment of a JSON document's key. */
static int64_t
moment_of(struct call c, const char *key)
{
	char form[64];
	snprintf(form, sizeof(form), "\"%s\": \"", key);
	const char *at = strstr(c.out, form);
	assert_non_null(at);
	char text[26] = "";
	memcpy(text, at + strlen(form), sizeof(text) - 1);
	int64_t ms;
	struct err err;
	if (clock_moment(text, 0, &ms, &err) < 0)
		fail_msg("%s", err.text);
	return ms;
}

#define HOUR_MS INT64_C(3600000)
#define SLACK_MS INT64_C(5000) /* the command's clock goes on */

static void
a_plus_counts_from_now_and_for_until_from_from(void **state)
{
	struct office o;
	office_init(&o, *state);
	struct call c = DECLARE("--from", "+2h", "--until", "+3h", "--json");
	assert_int_equal(c.code, 0);
	int64_t from = moment_of(c, "from"), until = moment_of(c, "until");
	assert_in_range(from, o.now_ms + 2 * HOUR_MS - SLACK_MS,
	    o.now_ms + 2 * HOUR_MS + SLACK_MS);
	assert_int_equal(until - from, 3 * HOUR_MS);
	/* whichever stands first */
	c = DECLARE("--until", "+1h", "--from", "now", "--json");
	assert_int_equal(moment_of(c, "until") - moment_of(c, "from"), HOUR_MS);
	office_deinit(&o);
}

/* A date so many days ahead. */
static const char *
date_ahead(struct arena *arena, int days)
{
	time_t at = time(NULL) + (time_t)days * 86400;
	struct tm tm;
	char text[16];
	strftime(text, sizeof(text), "%Y-%m-%d", localtime_r(&at, &tm));
	return arena_strdup(arena, text);
}

static void
until_a_date_has_that_day_in(void **state)
{
	struct office o;
	office_init(&o, *state);
	const char *first = date_ahead(*state, 2),
		   *last = date_ahead(*state, 3);
	struct call c = DECLARE("--from", first, "--until", last, "--json");
	assert_int_equal(c.code, 0);
	assert_int_equal(
	    moment_of(c, "until") - moment_of(c, "from"), 48 * HOUR_MS);
	c = DECLARE("--from", first, "--until", first, "--json");
	assert_int_equal(
	    moment_of(c, "until") - moment_of(c, "from"), 24 * HOUR_MS);
	c = DECLARE("--from", arena_printf(*state, "%s 08:00", first),
	    "--until", arena_printf(*state, "%sT17:00:00+07:00", first),
	    "--json");
	assert_int_equal(
	    moment_of(c, "until") - moment_of(c, "from"), 9 * HOUR_MS);
	/* day first; a time alone is one of the day that it begins */
	int year, month, day;
	assert_int_equal(sscanf(first, "%d-%d-%d", &year, &month, &day), 3);
	first = arena_printf(*state, "%d/%02d/%d", day, month, year);
	c = DECLARE("--from", first, "--until", first, "--json");
	assert_int_equal(
	    moment_of(c, "until") - moment_of(c, "from"), 24 * HOUR_MS);
	c = DECLARE("--from", arena_printf(*state, "%s 8:00", first), "--until",
	    "17:00", "--json");
	assert_int_equal(
	    moment_of(c, "until") - moment_of(c, "from"), 9 * HOUR_MS);
	office_deinit(&o);
}

static void
what_was_declared_is_kept_and_said(void **state)
{
	struct office o;
	office_init(&o, *state);
	struct call c = DECLARE("--from", "now", "--until", "+3h",
	    "--reference", "45/TB-VP", "--by", "hoa");
	says(c, 0,
	    "Declaration 1: *@example.gov.vn may send to 20 recipients, ");
	says(c, 0, "\nNext: it is in force now: ");
	says(DECLARE("--from", "+1h", "--until", "+3h"), 0,
	    "it is in force from that time on: ");
	c = CALL("declarations", "-c", o.conf, "--json");
	says(c, 0, "\"id\": 2,");
	says(c, 0, "\"reference\": \"45/TB-VP\",");
	says(c, 0, "\"reason\": \"họp\",");
	says(c, 0, "\"by\": \"hoa\",");
	says(c, 0, "\"by\": \"an\",");
	says(CALL("declarations", "-c", o.conf), 0, " 1  in force  ");
	office_deinit(&o);
}

static void
wrong_times_are_refused(void **state)
{
	static const struct {
		const char *from, *until, *sentence;
	} faults[] = {
	    {"3h", "+2h", "--from: \"3h\" would be in the past; write +3h"},
	    {"now", "3h", "--until: \"3h\" would be in the past; write +3h"},
	    {"now", "soon",
		"--until: \"soon\" is no time: write now, +3h, +2d, "
		"2026-11-24, \"2026-11-24 17:00\", 24/11/2026, "},
	    {"now", "+", "--until: \"+\" is no time"},
	    {"now", "+0h", "--until: \"+0h\" is no time"},
	    {"now", "", "--until: \"\" is no time"},
	    {"2026-02-30", "+3h", "does not exist in the calendar"},
	    {"11/22/2026", "+3h", "--from: \"11/22/2026\" does not exist"},
	    {"1/1/2100 10:00", "9:00",
		"--until \"9:00\" (2100-01-01 09:00) is not after --from "
		"\"1/1/2100 10:00\" (2100-01-01 10:00)"},
	    {"2100-01-01", "+3h", "is more than 366 days ahead"},
	    {"2020-01-01", "2020-01-02", "is over already; "},
	    {"now", "now", "is not after --from"},
	    {"now", "+367d", "is more than 366 days; declare a shorter time"},
	};
	struct office o;
	office_init(&o, *state);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		is_misuse(DECLARE("--from", faults[i].from, "--until",
			      faults[i].until),
		    faults[i].sentence);
	says(CALL("declarations", "--all", "-c", o.conf), 0,
	    "nothing was ever declared\n");
	office_deinit(&o);
}

static void
wrong_senders_numbers_and_texts_are_refused(void **state)
{
	static const struct {
		const char *option, *value, *sentence;
	} faults[] = {
	    {"--sender", "*", "everyone cannot be declared"},
	    {"--sender", "a b@", "--sender: "},
	    {"--recipients", "0", "from 1 to 1000000, not \"0\""},
	    {"--recipients", "1000001", "from 1 to 1000000"},
	    {"--recipients", "-5", "from 1 to 1000000"},
	    {"--recipients", "many", "from 1 to 1000000"},
	    {"--reason", "", "--reason is empty"},
	    {"--reason", "a\tb", "--reason holds \\u{9};"},
	    {"--reference", "\xff", "--reference holds \\xFF;"},
	    {"--by", "", "--by is empty"},
	};
	struct office o;
	office_init(&o, *state);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		is_misuse(DECLARE("--from", "now", "--until", "+1h",
			      faults[i].option, faults[i].value),
		    faults[i].sentence);
	is_misuse(DECLARE("--from", "now"), "declare wants --until TIME\n");
	is_misuse(
	    CALL("declare", "-c", o.conf), "declare wants --sender PATTERN\n");
	says(CALL("declarations", "--all", "-c", o.conf), 0,
	    "nothing was ever declared\n");
	office_deinit(&o);
}

static void
a_withdrawn_one_is_no_longer_in_force(void **state)
{
	struct office o;
	office_init(&o, *state);
	DECLARE("--from", "now", "--until", "+3h");
	says(CALL("withdraw", "1", "--by", "hoa", "-c", o.conf), 0,
	    "Declaration 1 is withdrawn by hoa.\nNext: from now on bulk sends "
	    "of *@example.gov.vn raise alerts");
	says(CALL("declarations", "-c", o.conf), 0,
	    "nothing is declared, now or to come; --all shows what was\n");
	says(CALL("declarations", "--all", "-c", o.conf), 0, " 1  withdrawn  ");
	struct call c = CALL("withdraw", "1", "-c", o.conf);
	assert_int_equal(c.code, CTL_FAILED);
	assert_non_null(strstr(c.err, "was withdrawn already, by hoa on "));
	c = CALL("withdraw", "2", "-c", o.conf);
	assert_int_equal(c.code, CTL_FAILED);
	assert_non_null(strstr(c.err, "there is no declaration 2; "));
	DECLARE("--from", "now", "--until", "+3h");
	says(CALL("withdraw", "2", "--json", "-c", o.conf), 0,
	    "\"withdrawn_by\": \"an\",");
	office_deinit(&o);
}

static void
a_declared_send_is_shown_with_its_declaration(void **state)
{
	struct office o;
	office_init(&o, *state);
	DECLARE("--from", "now", "--until", "+3h");
	office_sends(&o, "lan@example.gov.vn", 20, -60);
	says(CALL("list", "-c", o.conf), 0, "new, declared");
	office_deinit(&o);
}

static void
one_beyond_its_declaration_is_listed_and_shown_so(void **state)
{
	struct office o;
	office_init(&o, *state);
	DECLARE("--from", "now", "--until", "+3h");
	office_sends(&o, "lan@example.gov.vn", 25, -60);
	says(CALL("list", "-c", o.conf), 0, "declared, exceeded");
	says(CALL("note", "1", "x", "-c", o.conf), 0,
	    "\nNext: it goes beyond its declaration; ");
	struct call c = CALL("show", "1", "-c", o.conf);
	says(c, 0, "25 seen in 1 bulk send: 5 more than declared\n");
	says(c, 0, "  Reason      họp\n");
	c = CALL("show", "1", "-c", o.conf, "--json");
	says(c, 0, "\"declaration\": {\n");
	says(c, 0, "\"used\": 25");
	office_deinit(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_plus_counts_from_now_and_for_until_from_from),
	    cmocka_unit_test(until_a_date_has_that_day_in),
	    cmocka_unit_test(what_was_declared_is_kept_and_said),
	    cmocka_unit_test(wrong_times_are_refused),
	    cmocka_unit_test(wrong_senders_numbers_and_texts_are_refused),
	    cmocka_unit_test(a_withdrawn_one_is_no_longer_in_force),
	    cmocka_unit_test(a_declared_send_is_shown_with_its_declaration),
	    cmocka_unit_test(one_beyond_its_declaration_is_listed_and_shown_so),
	};
	return cmocka_run_group_tests(tests, setup, office_teardown);
}
