/* follow_views_test.c: declarations and follow-up as text for a person. */
#include "views_fixture.h"

static void
show_puts_what_was_declared_beside_what_was_seen(void **state)
{
	struct bulk_send_story story = {
	    .send = sends[0], .declaration = &declaration};
	story.send.declaration = 4;
	story.send.last_at_ms = MOMENT + 3 * 60 * MINUTE;
	struct capture c;
	assert_int_equal(
	    show_print(capture_init(&c, *state, &file), &story, 100), 0);
	holds(&c,
	    "Declaration 4\n"
	    "  Sender      *@example.gov.vn\n"
	    "  Recipients  20 declared, 22 seen in 1 bulk send: 2 more than "
	    "declared, the last of them 2 hours\n"
	    "              after its time\n"
	    "  Time        2026-03-02 13:05 to 15:05\n"
	    "  Reason      Giấy mời họp\n"
	    "  Reference   45/TB\n"
	    "  Declared by hoa, 2026-03-01 14:05\n");
	holds(&c, "\nNext: it goes beyond its declaration; `bulkwatch take "
		  "12` makes it yours, then ask "
		  "nguyen.thi.lan@example.gov.vn why.\n");
	fclose(c.view.out);
	free(c.text);
}

static void
what_is_next_of_a_declared_one_is_to_close_it_only_within(void **state)
{
	struct bulk_send send = sends[0];
	struct declaration d = declaration;
	send.declaration = d.id;
	d.used = 20;
	const char *within = "it was declared; `bulkwatch close 12 --outcome "
			     "reported` closes it, ";
	assert_memory_equal(
	    follow_next(*state, &send, &d), within, strlen(within));
	d.used = 22;
	assert_null(strstr(follow_next(*state, &send, &d), "close"));
	d.used = 20;
	send.last_at_ms = d.until_ms + 1;
	assert_null(strstr(follow_next(*state, &send, &d), "close"));
}

static void
within_its_declaration_nothing_is_beyond(void **state)
{
	struct declaration d = declaration;
	d.used = 21; /* 5 % */
	assert_string_equal(declarations_beyond(*state, &d, MOMENT), "");
	assert_string_equal(declarations_beyond(*state, &d, d.until_ms + 1),
	    "the last of them less than a minute after its time");
	d.used = 22;
	assert_string_equal(
	    declarations_beyond(*state, &d, MOMENT), "2 more than declared");
}

static void
declarations_shows_a_line_for_each(void **state)
{
	struct declaration list[4] = {
	    declaration, declaration, declaration, declaration};
	list[0].from_ms += DAY;
	list[0].until_ms += 2 * DAY;
	list[0].used = 0;
	list[2].until_ms = MOMENT - 1;
	list[2].used = 21;
	list[3].withdrawn_ms = MOMENT;
	struct capture c;
	assert_int_equal(declarations_print(
			     capture_init(&c, *state, &file), list, 4, MOMENT),
	    0);
	/* clang-format off */
	captured(&c,
	    "ID  STATE      SENDER            RCPTS  SEEN  FROM              UNTIL             BY   REFERENCE  REASON\n"
	    " 4  to come    *@example.gov.vn     20     0  2026-03-03 13:05  2026-03-04 15:05  hoa  45/TB      Giấy mời họp\n"
	    " 4  in force   *@example.gov.vn     20   22!  2026-03-02 13:05  2026-03-02 15:05  hoa  45/TB      Giấy mời họp\n"
	    " 4  over       *@example.gov.vn     20    21  2026-03-02 13:05  2026-03-02 14:05  hoa  45/TB      Giấy mời họp\n"
	    " 4  withdrawn  *@example.gov.vn     20   22!  2026-03-02 13:05  2026-03-02 15:05  hoa  45/TB      Giấy mời họp\n");
	/* clang-format on */
}

static void
declarations_has_all_of_each_on_80_columns(void **state)
{
	const struct screen terminal = {.width = 80, .cut = true};
	struct capture c;
	assert_int_equal(declarations_print(capture_init(&c, *state, &terminal),
			     &declaration, 1, MOMENT + DAY),
	    0);
	holds(&c, "02 Mar 13:05  02 Mar 15:05  45/TB\n");
	holds(&c, "\n    by hoa; Giấy mời họp\n");
	fclose(c.view.out);
	free(c.text);
}

static void
a_declaration_is_told_with_what_it_means(void **state)
{
	struct capture c;
	assert_int_equal(declare_print(capture_init(&c, *state, &file),
			     &declaration, MOMENT),
	    0);
	captured(&c,
	    "Declaration 4: *@example.gov.vn may send to 20 recipients, "
	    "2026-03-02 13:05 to 15:05.\n"
	    "Next: it is in force now: such mail is recorded and raises no "
	    "alert, unless it goes more than 5 % above that number or beyond "
	    "that time. `bulkwatch withdraw 4` takes it back.\n");
}

static void
each_step_of_follow_up_says_what_comes_next(void **state)
{
	static const struct {
		enum follow_up step;
		enum status status;
		enum outcome outcome;
		const char *done, *next;
	} cases[] = {
	    {FOLLOW_UP_TAKE, STATUS_REVIEWING, OUTCOME_NONE,
		"Bulk send 12 is taken by hoa.\n", "`bulkwatch close 12 "},
	    {FOLLOW_UP_NOTE, STATUS_NEW, OUTCOME_NONE,
		"Noted on bulk send 12 by hoa.\n", "`bulkwatch take 12` "},
	    {FOLLOW_UP_CLOSE, STATUS_CLOSED, OUTCOME_REPORTED,
		"Bulk send 12 is closed as reported, reference 1/VP.\n",
		"`bulkwatch reopen 12` "},
	    {FOLLOW_UP_CLOSE, STATUS_CLOSED, OUTCOME_COMPROMISED,
		"Bulk send 12 is closed as compromised, ", "password of "},
	    {FOLLOW_UP_CLOSE, STATUS_CLOSED, OUTCOME_UNREPORTED,
		"Bulk send 12 is closed as unreported, ", "remind "},
	    {FOLLOW_UP_REOPEN, STATUS_REVIEWING, OUTCOME_NONE,
		"Bulk send 12 is open again, taken by hoa.\n", "`bulkwatch "},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct follow_up_request request = {.step = cases[i].step,
		    .by = "hoa",
		    .note = "",
		    .reference = "1/VP"};
		struct bulk_send then = sends[0];
		then.status = cases[i].status;
		then.outcome = cases[i].outcome;
		struct capture c;
		assert_int_equal(follow_print(capture_init(&c, *state, &file),
				     &request, &then, NULL),
		    0);
		holds(&c, cases[i].done);
		holds(&c, "\nNext: ");
		holds(&c, cases[i].next);
		fclose(c.view.out);
		free(c.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(show_puts_what_was_declared_beside_what_was_seen),
	    cmocka_unit_test(
		what_is_next_of_a_declared_one_is_to_close_it_only_within),
	    cmocka_unit_test(within_its_declaration_nothing_is_beyond),
	    cmocka_unit_test(declarations_shows_a_line_for_each),
	    cmocka_unit_test(declarations_has_all_of_each_on_80_columns),
	    cmocka_unit_test(a_declaration_is_told_with_what_it_means),
	    cmocka_unit_test(each_step_of_follow_up_says_what_comes_next),
	};
	return cmocka_run_group_tests(tests, office_setup, office_teardown);
}
