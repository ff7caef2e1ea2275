/* table_test.c: columns that fit the screen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena_fixture.h"

#include "../../milter/ctl/table.h"

static const struct screen file = {.width = 100};

static struct screen
terminal(int width)
{
	return (struct screen){.width = width, .cut = true};
}

static const struct column columns[] = {
    {.title = "ID", .right = true},
    {.title = "SENDER", .least = 8},
    {.title = "RULE", .yields = 1},
    {.title = "MSGS", .right = true, .yields = 2},
    {.title = "SUBJECT", .least = 7},
};

#define COLUMNS_N (sizeof(columns) / sizeof(columns[0]))

static struct table *
make_table(struct arena *arena, const char *id, const char *sender,
    const char *subject)
{
	struct table *table = table_new(arena, columns, COLUMNS_N, 0);
	const struct cell cells[COLUMNS_N] = {
	    {id, TINT_NONE},
	    {sender, TINT_NONE},
	    {"window", TINT_NONE},
	    {"7", TINT_NONE},
	    {subject, TINT_NONE},
	};
	table_row(table, cells);
	return table;
}

static void
prints(const struct table *table, struct screen screen, const char *expected)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	assert_non_null(out);
	assert_int_equal(table_print(table, &screen, out), 0);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void
columns_stand_in_line_and_no_line_ends_in_blanks(void **state)
{
	struct table *table = make_table(*state, "1", "lan@example.vn", "");
	const struct cell second[COLUMNS_N] = {
	    {"12", 0}, {"x", 0}, {"m", 0}, {"1000", 0}, {"hello", 0}};
	table_row(table, second);
	/* clang-format off */
	prints(table, file,
	    "ID  SENDER          RULE    MSGS  SUBJECT\n"
	    " 1  lan@example.vn  window     7\n"
	    "12  x               m       1000  hello\n");
	/* clang-format on */
}

static void
nothing_is_cut_or_left_out_of_a_file(void **state)
{
	char subject[301];
	memset(subject, 's', 300);
	subject[300] = '\0';
	struct table *table = make_table(*state, "1", "lan", subject);
	char expected[500];
	snprintf(expected, sizeof(expected),
	    "ID  SENDER  RULE    MSGS  SUBJECT\n"
	    " 1  lan     window     7  %s\n",
	    subject);
	prints(table, file, expected);
}

static void
what_room_is_left_is_shared_by_the_cut_columns(void **state)
{
	struct table *table = make_table(
	    *state, "1", "lan.nguyen@example.vn", "a subject of some length");
	/* 2 + 21 + 6 + 4 + 24 and four gaps are 65 */
	/* clang-format off */
	prints(table, terminal(65),
	    "ID  SENDER                 RULE    MSGS  SUBJECT\n"
	    " 1  lan.nguyen@example.vn  window     7  a subject of some length\n");
	prints(table, terminal(64),
	    "ID  SENDER                 RULE    MSGS  SUBJECT\n"
	    " 1  lan.nguyen@example.vn  window     7  a subject of some leng…\n");
	prints(table, terminal(45),
	    "ID  SENDER         RULE    MSGS  SUBJECT\n"
	    " 1  lan.nguyen@e…  window     7  a subject o…\n");
	/* clang-format on */
}

static void
columns_that_yield_are_left_out_where_there_is_no_room(void **state)
{
	struct table *table = make_table(
	    *state, "1", "lan.nguyen@example.vn", "a subject of some length");
	/* clang-format off */
	prints(table, terminal(34),
	    "ID  SENDER       RULE    SUBJECT\n"
	    " 1  lan.nguyen…  window  a subjec…\n");
	prints(table, terminal(21),
	    "ID  SENDER    SUBJECT\n"
	    " 1  lan.ngu…  a subj…\n");
	/* clang-format on */
}

static void
a_line_ends_at_the_edge_of_the_narrowest_terminal(void **state)
{
	struct table *table = make_table(
	    *state, "1", "lan.nguyen@example.vn", "a subject of some length");
	/* clang-format off */
	prints(table, terminal(17),
	    "ID  SENDER    SU…\n"
	    " 1  lan.ngu…  a …\n");
	/* clang-format on */
}

static void
vietnamese_and_wide_characters_stand_in_line(void **state)
{
	struct table *table =
	    make_table(*state, "1", "nguyễn@ví.vn", "Giấy mời họp gấp");
	/* the same letter with combining marks, and two columns a character */
	const struct cell second[COLUMNS_N] = {{"2", 0},
	    {"nguye\xcc\x82\xcc\x83n", 0}, {"m", 0}, {"1", 0}, {"会議", 0}};
	table_row(table, second);
	/* clang-format off */
	prints(table, file,
	    "ID  SENDER        RULE    MSGS  SUBJECT\n"
	    " 1  nguyễn@ví.vn  window     7  Giấy mời họp gấp\n"
	    " 2  nguye\xcc\x82\xcc\x83n        m          1  会議\n");
	prints(table, terminal(43),
	    "ID  SENDER        RULE    MSGS  SUBJECT\n"
	    " 1  nguyễn@ví.vn  window     7  Giấy mời h…\n"
	    " 2  nguye\xcc\x82\xcc\x83n        m          1  会議\n");
	/* clang-format on */
}

static void
a_wide_character_that_does_not_fit_keeps_the_line(void **state)
{
	const struct column two[] = {
	    {.title = "A", .least = 4}, {.title = "B"}};
	struct table *table = table_new(*state, two, 2, 0);
	const struct cell cells[] = {{"会議会議", 0}, {"b", 0}};
	table_row(table, cells);
	/* clang-format off */
	prints(table, terminal(7),
	    "A     B\n会…   b\n");
	/* clang-format on */
}

static void
texts_are_made_clean(void **state)
{
	struct table *table = make_table(*state, "1", "a\x1b[2J", "x\ny\xff");
	table_note(table, "\x9b");
	/* clang-format off */
	prints(table, file,
	    "ID  SENDER      RULE    MSGS  SUBJECT\n"
	    " 1  a\\u{1B}[2J  window     7  x\\u{A}y\\xFF\n"
	    "    \\x9B\n");
	/* clang-format on */
}

static void
notes_are_wrapped_under_their_row(void **state)
{
	struct table *table = make_table(*state, "1", "lan", "s");
	table_note(table, "to aaaa@example.vn, bbbb@example.vn, c@x");
	table_note(table, "second");
	/* clang-format off */
	prints(table, terminal(40),
	    "ID  SENDER  RULE    MSGS  SUBJECT\n"
	    " 1  lan     window     7  s\n"
	    "    to aaaa@example.vn, bbbb@example.vn,\n"
	    "    c@x\n"
	    "    second\n");
	prints(table, terminal(39),
	    "ID  SENDER  RULE    MSGS  SUBJECT\n"
	    " 1  lan     window     7  s\n"
	    "    to aaaa@example.vn,\n"
	    "    bbbb@example.vn, c@x\n"
	    "    second\n");
	/* clang-format on */
}

static void
colour_is_where_the_screen_has_it_and_takes_no_columns(void **state)
{
	const struct column two[] = {{.title = "A"}, {.title = "B"}};
	struct table *table = table_new(*state, two, 2, 1);
	const struct cell cells[] = {{"x", TINT_RED}, {"y", TINT_NONE}};
	table_row(table, cells);
	struct screen screen = terminal(20);
	/* clang-format off */
	prints(table, screen,
	    " A  B\n x  y\n");
	/* clang-format on */
	screen.colour = true;
	/* clang-format off */
	prints(table, screen,
	    " \033[1mA\033[0m  \033[1mB\033[0m\n"
	    " \033[1;31mx\033[0m  y\n");
	/* clang-format on */
}

static void
a_text_that_memory_was_too_short_for_is_told(void **state)
{
	struct table *table = make_table(*state, NULL, "lan", "s");
	assert_int_equal(table_print(table, &file, stdout), -1);
	assert_int_equal(table_print(NULL, &file, stdout), -1);
}

static void
a_file_is_wrapped_at_columns_and_has_no_colour(void **state)
{
	(void)state;
	FILE *out = tmpfile();
	assert_non_null(out);
	struct screen screen;
	unsetenv("COLUMNS");
	screen_init(out, &screen);
	assert_int_equal(screen.width, 100);
	assert_false(screen.cut);
	assert_false(screen.colour);
	setenv("COLUMNS", "60", 1);
	screen_init(out, &screen);
	assert_int_equal(screen.width, 60);
	setenv("COLUMNS", "wide", 1);
	screen_init(out, &screen);
	assert_int_equal(screen.width, 100);
	unsetenv("COLUMNS");
	fclose(out);
}

static void
a_terminal_breaks_titles_and_puts_under_the_row_what_has_no_room(void **state)
{
	static const struct column wide[] = {
	    {.title = "Sender", .least = 12},
	    {.title = "Number of recipients", .right = true, .wraps = true},
	    {.title = "MSGS", .right = true, .yields = 2},
	    {.title = "WHY", .yields = 1, .below = "why: "},
	};
	static const struct cell cells[] = {{"lan@example.gov.vn", TINT_NONE},
	    {"20", TINT_NONE}, {"7", TINT_NONE},
	    {"the milter was not there", TINT_NONE}};
	static const struct cell quiet[] = {{"minh", TINT_NONE},
	    {"3", TINT_NONE}, {"1", TINT_NONE}, {"", TINT_NONE}};
	static const struct {
		int width;
		const char *text;
	} cases[] = {
	    {40, "Sender               Number of  MSGS\n"
		 "                    recipients\n"
		 "lan@example.gov.vn          20     7\n"
		 "    why: the milter was not there\n"
		 "minh                         3     1\n"},
	    {60,
		"Sender             Number of  MSGS  WHY\n"
		"                  recipients\n"
		"lan@example.gov…          20     7  the milter was not there\n"
		"minh                       3     1\n"},
	};
	for (size_t i = 0; i < 2; i++) {
		struct table *table = table_new(*state, wide, 4, 0);
		const struct screen screen = terminal(cases[i].width);
		table_row(table, cells);
		table_row(table, quiet);
		char *text = NULL;
		size_t length;
		FILE *out = open_memstream(&text, &length);
		assert_int_equal(table_print(table, &screen, out), 0);
		fclose(out);
		assert_string_equal(text, cases[i].text);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(columns_stand_in_line_and_no_line_ends_in_blanks),
	    cmocka_unit_test(nothing_is_cut_or_left_out_of_a_file),
	    cmocka_unit_test(what_room_is_left_is_shared_by_the_cut_columns),
	    cmocka_unit_test(
		columns_that_yield_are_left_out_where_there_is_no_room),
	    cmocka_unit_test(a_line_ends_at_the_edge_of_the_narrowest_terminal),
	    cmocka_unit_test(vietnamese_and_wide_characters_stand_in_line),
	    cmocka_unit_test(a_wide_character_that_does_not_fit_keeps_the_line),
	    cmocka_unit_test(texts_are_made_clean),
	    cmocka_unit_test(notes_are_wrapped_under_their_row),
	    cmocka_unit_test(
		colour_is_where_the_screen_has_it_and_takes_no_columns),
	    cmocka_unit_test(
		a_terminal_breaks_titles_and_puts_under_the_row_what_has_no_room),
	    cmocka_unit_test(a_text_that_memory_was_too_short_for_is_told),
	    cmocka_unit_test(a_file_is_wrapped_at_columns_and_has_no_colour),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
