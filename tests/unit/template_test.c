/* template_test.c: mail texts with placeholders. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bulkwatch/template.h"
#include "bulkwatch/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct pair {
	const char *name, *value;
};

/* The value in a list of pairs that ends with a NULL name; NULL if there is
 * none, which a template must take as "". */
static const char *
value_in(const char *name, void *context)
{
	for (const struct pair *pair = context; pair->name != NULL; pair++)
		if (strcmp(pair->name, name) == 0)
			return pair->value;
	return NULL;
}

static int
set_up(void **state)
{
	*state = arena_new();
	return *state == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	arena_free(*state);
	return 0;
}

static void
expect(struct arena *arena, const char *text, const struct pair *pairs,
    const char *subject, const char *body)
{
	struct err err = {""};
	const struct template *template = NULL;
	const char *subject_made, *body_made;
	/* The pairs are only read. */
	void *context = (void *)(uintptr_t)pairs;
	if (template_parse(arena, "T", text, &template, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(template_render(arena, template, value_in, context,
			     &subject_made, &body_made),
	    0);
	assert_string_equal(subject_made, subject);
	assert_string_equal(body_made, body);
}

static void
expect_fault(struct arena *arena, const char *text, const char *fault)
{
	struct err err = {""};
	const struct template *template = NULL;
	if (template_parse(arena, "T", text, &template, &err) == 0)
		fail_msg("taken: %s", text);
	assert_null(template);
	if (strstr(err.text, fault) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", fault, err.text);
}

static const struct pair some[] = {{"id", "7"}, {"sender", "an@example.vn"},
    {"list", "one\ntwo\n"}, {"subject", ""}, {NULL, NULL}};

static void
placeholders_get_their_values(void **state)
{
	expect(*state,
	    "Subject: case {id}: {sender}\n\nId {id}{id}, by {sender}.\n", some,
	    "case 7: an@example.vn", "Id 77, by an@example.vn.\n");
}

static void
two_braces_stand_for_one(void **state)
{
	expect(*state, "Subject: {{id}\n\n{{{id}} {{{{ }\n", some, "{id}",
	    "{7} {{ }\n");
}

static void
a_value_is_never_taken_for_a_template(void **state)
{
	static const struct pair pairs[] = {
	    {"subject", "{id} {{ {nope}"}, {NULL, NULL}};
	expect(*state, "Subject: {subject}\n\n{subject}\n", pairs,
	    "{id} {{ {nope}", "{id} {{ {nope}\n");
}

static void
a_line_with_empty_placeholders_only_is_left_out(void **state)
{
	expect(*state,
	    "Subject: x\n\nId: {id}\nSubject: {subject}\nBoth: {subject} "
	    "{client}\nOne: {subject}{id}\nplain\n",
	    some, "x", "Id: 7\nOne: 7\nplain\n");
}

static void
a_paragraph_with_empty_placeholders_only_is_left_out_with_its_heading(
    void **state)
{
	expect(*state,
	    "Subject: x\n\nfirst\n\nContact:\n{contact}\n\nList:\n{list}\n",
	    some, "x", "first\n\nList:\none\ntwo\n");
	expect(*state, "Subject: x\n\n{contact}\n\n{id}\n", some, "x", "7\n");
}

static void
a_paragraph_without_placeholders_stays(void **state)
{
	expect(*state, "Subject: x\n\nHello,\n\n{id}\n\nBye\n", some, "x",
	    "Hello,\n\n7\n\nBye\n");
}

static void
newlines_of_a_value_stay_in_the_body_and_become_spaces_in_the_subject(
    void **state)
{
	expect(*state, "Subject: {list}!\n\n<{list}>\n", some, "one two!",
	    "<one\ntwo>\n");
	static const struct pair inject[] = {
	    {"sender", "x\r\nBcc: y@z\nA: b"}, {NULL, NULL}};
	expect(*state, "Subject: {sender}\n\ny\n", inject, "x  Bcc: y@z A: b",
	    "y\n");
}

static void
files_of_windows_editors_are_taken(void **state)
{
	expect(*state, "\xef\xbb\xbfSubject: a\r\n\r\nb {id}\r\nc\r\n", some,
	    "a", "b 7\nc\n");
}

static void
a_body_without_a_final_newline_gets_one(void **state)
{
	expect(*state, "subject:x\n\nlast", some, "x", "last\n");
}

static void
an_unknown_placeholder_is_a_fault_with_line_and_the_nearest(void **state)
{
	expect_fault(*state, "Subject: x\n\nhello\n{recipient}\n",
	    "T:4: {recipient} is not a known placeholder; the nearest one is "
	    "{recipients}");
	expect_fault(*state, "Subject: {sendr}\n\nhello\n", "T:1: {sendr}");
	expect_fault(*state, "Subject: x\n\n{qqqqqqqqqqq}\n",
	    "bulkwatch.conf(5) lists them");
	expect_fault(*state, "Subject: x\n\n{}\n", "T:3: {}");
	expect_fault(*state, "Subject: x\n\n{ id }\n", "T:3: { id }");
}

static void
a_brace_that_is_not_closed_on_its_line_is_a_fault(void **state)
{
	expect_fault(*state, "Subject: x\n\n{id\n}\n",
	    "T:3: a brace is opened and not closed");
	expect_fault(*state, "Subject: x\n\nend {", "T:3: a brace");
}

static void
a_template_must_have_a_subject_an_empty_line_and_a_text(void **state)
{
	expect_fault(*state, "", "T:1: must be the line of the subject");
	expect_fault(
	    *state, "Hello\n\nx\n", "T:1: must be the line of the subject");
	expect_fault(*state, "Subject: \t\n\nx\n", "T:1: has no subject");
	expect_fault(*state, "Subject: x\ny\n", "T:2: must be empty");
	expect_fault(*state, "Subject: x\n", "has no text below it");
	expect_fault(*state, "Subject: x\n\n \n\n", "has no text below it");
}

static void
text_that_is_not_utf8_or_holds_control_characters_is_a_fault(void **state)
{
	expect_fault(*state, "Subject: x\n\nok\nK\xednh\n", "T:4: holds a");
	expect_fault(*state, "Subject: x\x1b[31m\n\nok\n", "T:1: holds a");
	expect_fault(*state, "Subject: x\n\na\rb\n", "T:3: holds a");
	expect(*state, "Subject: x\n\na\tb\t{id}\n", some, "x", "a\tb\t7\n");
}

/* ------------------------------------------------------- built-in texts */

static const char *const languages[] = {"vi", "en"};

static void
every_built_in_template_is_sound(void **state)
{
	for (size_t i = 0; i < COUNT(languages); i++)
		for (int id = 0; id < TEMPLATES_N; id++) {
			struct err err = {""};
			const struct template *template;
			const char *text = template_builtin(
			    languages[i], (enum template_id)id);
			assert_non_null(text);
			if (template_parse(*state, languages[i], text,
				&template, &err) < 0)
				fail_msg("%s", err.text);
		}
	assert_null(template_builtin("fr", TEMPLATE_STARTED));
}

static void
the_fault_of_an_unknown_placeholder_is_one_clean_line(void **state)
{
	/* A tab, and a long name that ends within a character if its bytes are
	 * counted. */
	static const char *const names[] = {
	    "a\tb", "aưưưưưưưưưưưưưưưưưưưưưưưưưưưưưưưưưưưưưưưư"};
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct template *template;
		struct err err = {""};
		const char *text = arena_printf(
		    *state, "Subject: x\n\n%s: {%s}\n", "Tên", names[i]);
		assert_int_equal(
		    template_parse(*state, "T", text, &template, &err), -1);
		assert_non_null(strstr(err.text, "not a known placeholder"));
		assert_true(text_is_clean(err.text, strlen(err.text)));
	}
}

static void
every_built_in_template_has_the_file_it_comes_from(void **state)
{
	(void)state;
	assert_string_equal(template_file(TEMPLATE_STARTED), "started.txt");
	assert_string_equal(template_file(TEMPLATE_GROWN), "grown.txt");
	assert_string_equal(template_file(TEMPLATE_DIGEST), "digest.txt");
	assert_string_equal(template_file(TEMPLATE_BEYOND), "beyond.txt");
	assert_string_equal(template_file(TEMPLATE_NOTICE), "notice.txt");
	assert_string_equal(template_file(TEMPLATE_DAILY), "daily.txt");
	for (size_t i = 0; i < COUNT(languages); i++)
		for (int id = 0; id < TEMPLATES_N; id++) {
			char path[64], text[8192];
			snprintf(path, sizeof(path), "conf/templates/%s/%s",
			    languages[i], template_file((enum template_id)id));
			FILE *file = fopen(path, "r");
			assert_non_null(file);
			size_t n = fread(text, 1, sizeof(text) - 1, file);
			fclose(file);
			text[n] = '\0';
			assert_string_equal(text, template_builtin(languages[i],
						      (enum template_id)id));
		}
}

/* Gives each placeholder its own name in angle brackets. */
static const char *
name_as_value(const char *name, void *context)
{
	return arena_printf(context, "<%s>", name);
}

static void
alerts_tell_the_facts_and_the_commands_first(void **state)
{
	static const struct {
		enum template_id id;
		const char *order[14];
	} cases[] = {
	    {TEMPLATE_STARTED,
		{"<sender>", "<recipients>", "<distinct>", "<external>",
		    "<first>", "<client>", "<rule>", "<subject>", "<declared>",
		    "<look>", "<take>", "<contact>", "<first_recipients>",
		    "<message_list>"}},
	    {TEMPLATE_BEYOND,
		{"<beyond>", "<sender>", "<recipients>", "<subject>",
		    "<declared_recipients>", "<declared_used>",
		    "<declared_until>", "<declared_reason>",
		    "<declared_reference>", "<look>", "<take>", "<contact>",
		    "<first_recipients>", "<message_list>"}},
	};
	for (size_t i = 0; i < COUNT(languages) * COUNT(cases); i++) {
		struct err err;
		const struct template *template;
		const char *subject, *body;
		const char *text =
		    template_builtin(languages[i % 2], cases[i / 2].id);
		assert_int_equal(
		    template_parse(*state, "T", text, &template, &err), 0);
		assert_int_equal(template_render(*state, template,
				     name_as_value, *state, &subject, &body),
		    0);
		assert_non_null(strstr(subject, "<sender>: "));
		assert_non_null(strstr(subject, "<id>"));
		const char *at = body;
		for (size_t j = 0; j < COUNT(cases[0].order); j++) {
			const char *next = strstr(at, cases[i / 2].order[j]);
			if (next == NULL)
				fail_msg("%s: %s not in place",
				    languages[i % 2], cases[i / 2].order[j]);
			at = next;
		}
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(placeholders_get_their_values),
	    TEST(two_braces_stand_for_one),
	    TEST(a_value_is_never_taken_for_a_template),
	    TEST(a_line_with_empty_placeholders_only_is_left_out),
	    TEST(
		a_paragraph_with_empty_placeholders_only_is_left_out_with_its_heading),
	    TEST(a_paragraph_without_placeholders_stays),
	    TEST(
		newlines_of_a_value_stay_in_the_body_and_become_spaces_in_the_subject),
	    TEST(files_of_windows_editors_are_taken),
	    TEST(a_body_without_a_final_newline_gets_one),
	    TEST(an_unknown_placeholder_is_a_fault_with_line_and_the_nearest),
	    TEST(the_fault_of_an_unknown_placeholder_is_one_clean_line),
	    TEST(a_brace_that_is_not_closed_on_its_line_is_a_fault),
	    TEST(a_template_must_have_a_subject_an_empty_line_and_a_text),
	    TEST(text_that_is_not_utf8_or_holds_control_characters_is_a_fault),
	    TEST(every_built_in_template_is_sound),
	    TEST(every_built_in_template_has_the_file_it_comes_from),
	    TEST(alerts_tell_the_facts_and_the_commands_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
