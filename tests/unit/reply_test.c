/* reply_test.c: what a sender is told when mail is deferred or rejected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../../milter/daemon/reply.h"

struct reply {
	struct arena *arena;
	char *lines[REPLY_LINES_MAX + 1];
	size_t n;
};

static int
setup(void **state)
{
	static struct reply reply;
	reply = (struct reply){.arena = arena_new()};
	*state = &reply;
	return reply.arena == NULL;
}

static int
teardown(void **state)
{
	struct reply *reply = *state;
	arena_free(reply->arena);
	return 0;
}

static void
make(struct reply *reply, const char *text, enum action action,
    const char *contact)
{
	const struct rule rule = {.name = "r", .reply = text};
	assert_int_equal(
	    reply_lines(reply->arena, &rule, action, contact, reply->lines), 0);
	for (reply->n = 0; reply->lines[reply->n] != NULL; reply->n++)
		assert_true(
		    strlen(reply->lines[reply->n]) <= REPLY_LINE_BYTES + 1);
}

static void
a_short_text_is_one_line(void **state)
{
	struct reply *r = *state;
	make(r, "Report first", ACTION_REJECT, "Office");
	assert_int_equal(r->n, 1);
	assert_string_equal(r->lines[0], "Report first");
}

static void
a_percent_sign_is_doubled(void **state)
{
	struct reply *r = *state;
	make(r, "100% of %s", ACTION_REJECT, "");
	assert_string_equal(r->lines[0], "100%% of %%s");
}

static void
a_long_text_is_split_at_spaces(void **state)
{
	struct reply *r = *state;
	char text[901] = "";
	while (strlen(text) < 890)
		strcat(text, "wordword ");
	text[strlen(text) - 1] = '\0';
	make(r, text, ACTION_REJECT, "");
	assert_int_equal(r->n, 2);
	for (size_t i = 0; i < r->n; i++) {
		assert_memory_equal(r->lines[i], "wordword", 8);
		assert_int_equal(r->lines[i][strlen(r->lines[i]) - 1], 'd');
	}
}

static void
a_text_without_spaces_is_cut(void **state)
{
	struct reply *r = *state;
	char text[901];
	memset(text, 'x', 900);
	text[900] = '\0';
	make(r, text, ACTION_REJECT, "");
	assert_int_equal(r->n, 2);
	assert_int_equal(strlen(r->lines[0]) + strlen(r->lines[1]), 900);
}

static void
the_longest_text_that_settings_take_is_told_whole(void **state)
{
	struct reply *r = *state;
	/* The worst: words of percent signs, two of which never fit a line. */
	char text[901];
	size_t told = 0;
	memset(text, '%', 900);
	for (size_t i = 113; i < 900; i += 114)
		text[i] = ' ';
	text[900] = '\0';
	make(r, text, ACTION_REJECT, "");
	for (size_t i = 0; i < r->n; i++)
		told += strlen(r->lines[i]) / 2;
	assert_int_equal(told, 900 - 900 / 114);
}

static void
a_rule_without_a_text_tells_how_to_report_in_two_languages(void **state)
{
	struct reply *r = *state;
	make(r, NULL, ACTION_REJECT, "Văn phòng Đội 1");
	assert_int_equal(r->n, 2);
	assert_non_null(strstr(r->lines[0], "Van phong Doi 1"));
	assert_non_null(strstr(r->lines[1], "Van phong Doi 1"));
	make(r, NULL, ACTION_DEFER, "");
	assert_int_equal(r->n, 2);
	assert_null(strchr(r->lines[1], ':'));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_short_text_is_one_line, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_percent_sign_is_doubled, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_long_text_is_split_at_spaces, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_text_without_spaces_is_cut, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		the_longest_text_that_settings_take_is_told_whole, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(
		a_rule_without_a_text_tells_how_to_report_in_two_languages,
		setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
