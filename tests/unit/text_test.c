/* text_test.c: text from strangers, made safe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "arena_fixture.h"
#include "bulkwatch/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct case_ {
	const char *dirty, *clean;
};

/* Checks each case, and that what is clean stays as it is. */
static void
check(void **state, const struct case_ *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *dirty = cases[i].dirty, *right = cases[i].clean;
		assert_int_equal(text_is_clean(dirty, strlen(dirty)),
		    strcmp(dirty, right) == 0);
		char *clean = text_clean(*state, dirty, strlen(dirty));
		assert_string_equal(clean, right);
		assert_true(text_is_clean(clean, strlen(clean)));
		assert_string_equal(
		    text_clean(*state, clean, strlen(clean)), right);
	}
}

static void
printable_text_stays_as_it_is(void **state)
{
	static const struct case_ cases[] = {
	    {"", ""},
	    {"plain ~ text!", "plain ~ text!"},
	    {"Thư mời họp ngày 2/3", "Thư mời họp ngày 2/3"},
	    {"e\xcc\x81", "e\xcc\x81"},
	    {"日本語 ελ 😀", "日本語 ελ 😀"},
	    {"\xc2\xa0", "\xc2\xa0"},
	    {"\\x1b \\u{7}", "\\x1b \\u{7}"},
	    {"\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd"},
	};
	check(state, cases, COUNT(cases));
}

static void
control_characters_become_visible(void **state)
{
	static const struct case_ cases[] = {
	    {"a\nb", "a\\u{A}b"},
	    {"a\r\nb", "a\\u{D}\\u{A}b"},
	    {"\t", "\\u{9}"},
	    {"\x01", "\\u{1}"},
	    {"\x1b[2J", "\\u{1B}[2J"},
	    {"\x7f", "\\u{7F}"},
	    {"\xc2\x80", "\\u{80}"},
	    {"\xc2\x9b"
	     "31m",
		"\\u{9B}31m"},
	    {"\xc2\x9f", "\\u{9F}"},
	};
	check(state, cases, COUNT(cases));
}

static void
nul_becomes_visible(void **state)
{
	assert_false(text_is_clean("a\0b", 3));
	assert_string_equal(text_clean(*state, "a\0b", 3), "a\\u{0}b");
}

static void
separators_and_direction_become_visible(void **state)
{
	static const struct case_ cases[] = {
	    {"\xd8\x9c", "\\u{61C}"},
	    {"\xe2\x80\x8e", "\\u{200E}"},
	    {"\xe2\x80\x8f", "\\u{200F}"},
	    {"\xe2\x80\xa8", "\\u{2028}"},
	    {"\xe2\x80\xa9", "\\u{2029}"},
	    {"\xe2\x80\xaa", "\\u{202A}"},
	    {"exe.\xe2\x80\xae"
	     "fdp",
		"exe.\\u{202E}fdp"},
	    {"\xe2\x81\xa6", "\\u{2066}"},
	    {"\xe2\x81\xa9", "\\u{2069}"},
	    {"\xef\xbb\xbfx", "\\u{FEFF}x"},
	    {"\xf3\xa0\x81\x81", "\\u{E0041}"},
	};
	check(state, cases, COUNT(cases));
}

static void
neighbours_of_what_acts_are_left_alone(void **state)
{
	static const struct case_ cases[] = {
	    {"\xc2\xa0", "\xc2\xa0"},         /* U+00A0 */
	    {"\xd8\x9b", "\xd8\x9b"},         /* U+061B */
	    {"\xe2\x80\x8d", "\xe2\x80\x8d"}, /* U+200D joins emoji */
	    {"\xe2\x80\x90", "\xe2\x80\x90"}, /* U+2010 */
	    {"\xe2\x80\xaf", "\xe2\x80\xaf"}, /* U+202F */
	    {"\xe2\x81\xaa", "\xe2\x81\xaa"}, /* U+206A */
	};
	check(state, cases, COUNT(cases));
}

static void
bytes_that_are_no_utf8_become_visible(void **state)
{
	static const struct case_ cases[] = {
	    {"\xe9t\xe9", "\\xE9t\\xE9"},
	    {"\x80", "\\x80"},
	    {"\xff\xfe", "\\xFF\\xFE"},
	    /* overlong */
	    {"\xc0\xaf", "\\xC0\\xAF"},
	    {"\xc1\xbf", "\\xC1\\xBF"},
	    {"\xe0\x80\xaf", "\\xE0\\x80\\xAF"},
	    {"\xf0\x80\x80\xaf", "\\xF0\\x80\\x80\\xAF"},
	    /* surrogates, beyond U+10FFFF, five bytes */
	    {"\xed\xa0\x80", "\\xED\\xA0\\x80"},
	    {"\xed\xbf\xbf", "\\xED\\xBF\\xBF"},
	    {"\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"},
	    {"\xf8\x88\x80\x80\x80", "\\xF8\\x88\\x80\\x80\\x80"},
	    /* cut short */
	    {"h\xe1\xbb", "h\\xE1\\xBB"},
	    {"\xe1\xbb"
	     "a",
		"\\xE1\\xBBa"},
	    {"\xf0\x9f\x98", "\\xF0\\x9F\\x98"},
	    /* valid after broken */
	    {"\xe1\xe1\xbb\x8d", "\\xE1ọ"},
	};
	check(state, cases, COUNT(cases));
}

/* RFC 3629's limits are the only ones: every character of the valid ranges is
 * kept or made visible, every other byte sequence made visible. */
static void
any_bytes_become_clean_text(void **state)
{
	(void)state;
	srandom(3629);
	for (int round = 0; round < 20000; round++) {
		struct arena *arena = arena_new();
		char bytes[24];
		size_t n = (size_t)random() % sizeof(bytes);
		for (size_t i = 0; i < n; i++) {
			static const unsigned char likely[] = {0xc2, 0xe2, 0xed,
			    0xef, 0xf0, 0xf4, 0x80, 0xbf, 0xa8, 0x1b, 'x'};
			bytes[i] =
			    random() % 2
				? (char)likely[random() % (long)COUNT(likely)]
				: (char)random();
		}
		char *clean = text_clean(arena, bytes, n);
		assert_true(text_is_clean(clean, strlen(clean)));
		arena_free(arena);
	}
}

static void
only_ascii_letters_are_folded(void **state)
{
	(void)state;
	char text[] = "AZaz@[`{ ỌÉ";
	text_lower(text);
	assert_string_equal(text, "azaz@[`{ ỌÉ");
}

/* ----------------------------------------------------------------- columns */

static void
columns_are_those_of_a_terminal(void **state)
{
	(void)state;
	assert_int_equal(text_columns(""), 0);
	assert_int_equal(text_columns("plain"), 5);
	assert_int_equal(text_columns("Thư mời họp"), 11);
	assert_int_equal(text_columns("e\xcc\x81"), 1);
	assert_int_equal(text_columns("日本"), 4);
}

static void
text_is_cut_at_a_character(void **state)
{
	(void)state;
	assert_int_equal(text_fit("plain", 3), 3);
	assert_int_equal(text_fit("plain", 99), 5);
	assert_int_equal(text_fit("ọọọ", 2), 6);
	assert_int_equal(text_fit("日本", 3), 3);
	assert_int_equal(text_fit("plain", 0), 0);
}

static void
a_combining_mark_stays_with_its_letter(void **state)
{
	(void)state;
	assert_int_equal(text_fit("e\xcc\x81x", 1), 3);
}

/* ---------------------------------------------------------------- distance */

static void
distance_counts_edits(void **state)
{
	(void)state;
	assert_int_equal(text_distance("", ""), 0);
	assert_int_equal(text_distance("abc", "abc"), 0);
	assert_int_equal(text_distance("", "abc"), 3);
	assert_int_equal(text_distance("abc", ""), 3);
	assert_int_equal(text_distance("abc", "abd"), 1);
	assert_int_equal(text_distance("abc", "ab"), 1);
	assert_int_equal(text_distance("abc", "xabc"), 1);
	assert_int_equal(text_distance("kitten", "sitting"), 3);
}

static void
long_words_are_far(void **state)
{
	(void)state;
	char word[65];
	memset(word, 'a', sizeof(word));
	word[64] = '\0';
	assert_int_equal(text_distance(word, "a"), INT_MAX);
	assert_int_equal(text_distance("a", word), INT_MAX);
	word[63] = '\0';
	assert_int_equal(text_distance(word, "a"), 62);
}

static const char *const known[] = {
    "recipients", "window", "name", "action", NULL};

static void
the_nearest_word_is_named(void **state)
{
	(void)state;
	assert_string_equal(text_nearest("recipient", known), "recipients");
	assert_string_equal(text_nearest("windw", known), "window");
	assert_string_equal(text_nearest("acton", known), "action");
}

static void
no_word_is_named_when_none_is_near(void **state)
{
	(void)state;
	assert_null(text_nearest("colour", known));
	assert_null(text_nearest("", known));
	assert_null(text_nearest("x", known));
}

static void
a_path_is_in_a_folder(void **state)
{
	static const struct {
		const char *path, *folder;
	} cases[] = {
	    {"/etc/bulkwatch/bulkwatch.conf", "/etc/bulkwatch"},
	    {"etc/bulkwatch.conf", "etc"},
	    {"bulkwatch.conf", "."},
	    {"/bulkwatch.conf", "/"},
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(
		    text_folder(*state, cases[i].path), cases[i].folder);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    test(printable_text_stays_as_it_is),
	    test(control_characters_become_visible),
	    test(nul_becomes_visible),
	    test(separators_and_direction_become_visible),
	    test(neighbours_of_what_acts_are_left_alone),
	    test(bytes_that_are_no_utf8_become_visible),
	    test(any_bytes_become_clean_text),
	    cmocka_unit_test(only_ascii_letters_are_folded),
	    test(a_path_is_in_a_folder),
	    cmocka_unit_test(columns_are_those_of_a_terminal),
	    cmocka_unit_test(text_is_cut_at_a_character),
	    cmocka_unit_test(a_combining_mark_stays_with_its_letter),
	    cmocka_unit_test(distance_counts_edits),
	    cmocka_unit_test(long_words_are_far),
	    cmocka_unit_test(the_nearest_word_is_named),
	    cmocka_unit_test(no_word_is_named_when_none_is_near),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
