/* header_test.c: header fields of passing mail, decoded. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bulkwatch/header.h"
#include "bulkwatch/text.h"

static int
setup(void **state)
{
	mail_init();
	*state = arena_new();
	return *state == NULL;
}

static int
teardown(void **state)
{
	arena_free(*state);
	mail_deinit();
	return 0;
}

struct pair {
	const char *value, *shown;
};

static void
check_subjects(void **state, const struct pair *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_string_equal(
		    header_subject(*state, pairs[i].value), pairs[i].shown);
}

#define CHECK(state, pairs)                                                    \
	check_subjects(state, pairs, sizeof(pairs) / sizeof((pairs)[0]))

static void
encoded_words_are_decoded(void **state)
{
	static const struct pair pairs[] = {
	    {"=?UTF-8?Q?Th=C6=B0_m=E1=BB=9Di_h=E1=BB=8Dp?=", "Thư mời họp"},
	    {"=?utf-8?b?VGjGsCBt4budaQ==?=", "Thư mời"},
	    {"Re: =?utf-8?q?gi=E1=BA=A5y?= m 1", "Re: giấy m 1"},
	    {"=?utf-8?q?gi=E1=BA=A5y?=\r\n =?utf-8?q?_m=E1=BB=9Di?=",
		"giấy mời"},
	    {"=?iso-8859-1?q?caf=E9?=", "café"},
	    {"=?windows-1258?q?=D0=E3=EA?=", "Đăê"},
	    {"=?utf-8*vi?q?h=E1=BB=8Dp?=", "họp"},
	    /* A character cut over two words is common, if wrong. */
	    {"=?utf-8?q?=E1=BB?= =?utf-8?q?=8D?=", "ọ"},
	};
	CHECK(state, pairs);
}

static void
words_after_a_padded_word_are_not_lost(void **state)
{
	/* GMime 3.2.13 shows "Thư" alone. */
	static const struct pair pairs[] = {
	    {"=?UTF-8?B?VGjGsA==?=\r\n =?UTF-8?B?IG3hu51p?=", "Thư mời"},
	    {"=?UTF-8?B?VGjGsA==?= =?utf-8?b?IG3hu51p?= =?UTF-8?B?IQ==?= x",
		"Thư mời! x"},
	    {"=?UTF-8?B?VGjGsA==?= and =?UTF-8?B?VGjGsA==?=", "Thư and Thư"},
	    {"=?UTF-8?B?VGjGsA==?= =?UTF-8?Q?_m=E1=BB=9Di?=", "Thư mời"},
	    {"=?UTF-8?B?VGjGsA==?= =?iso-8859-1?B?6Q==?=", "Thưé"},
	    /* No padding; a character cut in two, padded and not. */
	    {"=?UTF-8?B?VGjGsA?=", "Thư"},
	    {"=?UTF-8?B?VGjG?= =?UTF-8?B?sA==?=", "Thư"},
	    {"=?UTF-8?B?VGjGs?= =?UTF-8?B?A==?=", "Thư"},
	};
	CHECK(state, pairs);
}

static void
plain_and_raw_utf8_subjects_stay_as_they_are(void **state)
{
	static const struct pair pairs[] = {
	    {"Meeting on Monday", "Meeting on Monday"},
	    {" leading space", "leading space"},
	    {"Thư mời họp", "Thư mời họp"},
	    {"a = b? c =d?", "a = b? c =d?"},
	    {"", ""},
	    {" \r\n ", ""},
	};
	CHECK(state, pairs);
	assert_string_equal(header_subject(*state, NULL), "");
}

static void
folding_is_undone(void **state)
{
	static const struct pair pairs[] = {
	    {"one\n two", "one two"},
	    {"one\r\n\ttwo\n  three", "one two  three"},
	    {"one\n", "one"},
	};
	CHECK(state, pairs);
}

static void
broken_words_stay_as_they_stand(void **state)
{
	static const struct pair pairs[] = {
	    {"=?utf-8?q?abc", "=?utf-8?q?abc"},
	    {"=?utf-8?x?abc?=", "=?utf-8?x?abc?="},
	    {"=??q?abc?=", "=??q?abc?="},
	    {"=?", "=?"},
	    {"=?utf-8", "=?utf-8"},
	    {"=? =? =?=?", "=? =? =?=?"},
	};
	CHECK(state, pairs);
}

static void
words_in_an_unknown_charset_stay_beside_decoded_ones(void **state)
{
	static const struct pair pairs[] = {
	    {"=?x-none?q?a=E9b?=", "=?x-none?q?a=E9b?="},
	    {"=?utf-8?q?h=E1=BB=8Dp?= =?x-none?b?4Q==?= =?utf-8?q?xong?=",
		"họp =?x-none?b?4Q==?= xong"},
	};
	CHECK(state, pairs);
}

static void
bytes_that_are_not_utf8_are_shown_not_guessed(void **state)
{
	static const struct pair pairs[] = {
	    {"caf\xe9", "caf\\xE9"},
	    {"caf\xe9 =?utf-8?q?h=E1=BB=8Dp?=", "caf\\xE9 họp"},
	};
	CHECK(state, pairs);
}

static void
nothing_decoded_can_act_on_a_line(void **state)
{
	static const struct pair pairs[] = {
	    {"=?utf-8?q?a=0D=0ABcc:_x?=", "a\\u{D}\\u{A}Bcc: x"},
	    {"=?utf-8?q?=1B[2J?=", "\\u{1B}[2J"},
	    {"=?utf-8?q?=E2=80=AEfdp?=", "\\u{202E}fdp"},
	    {"\x1b[31mred", "\\u{1B}[31mred"},
	};
	CHECK(state, pairs);
}

static void
nothing_after_an_encoded_nul_is_hidden(void **state)
{
	const char *shown = header_subject(*state, "=?utf-8?b?YQBi?= tail");
	assert_non_null(strstr(shown, "b tail"));
}

static void
long_subjects_are_cut_between_characters(void **state)
{
	char value[3 * 400 + 1];
	for (size_t i = 0; i < 400; i++)
		memcpy(value + 3 * i, "ọ", 3);
	value[sizeof(value) - 1] = '\0';
	const char *shown = header_subject(*state, value);
	size_t n = strlen(shown);
	assert_in_range(n, 508, 512);
	assert_true(text_is_clean(shown, n));
	assert_string_equal(shown + n - 3, "…");

	memset(value, 'a', 600);
	value[512] = '\0';
	assert_int_equal(strlen(header_subject(*state, value)), 512);
	assert_null(strstr(header_subject(*state, value), "…"));
	value[512] = 'a';
	value[513] = '\0';
	shown = header_subject(*state, value);
	assert_int_equal(strlen(shown), 512);
	assert_string_equal(shown + 509, "…");
}

static void
sixty_thousand_bytes_of_words_cost_little(void **state)
{
	static const char word[] = "=?utf-8?q?=E1=BB=8D?= ";
	char *value = malloc(60000 + sizeof(word));
	assert_non_null(value);
	size_t n = 0;
	for (; n < 60000; n += sizeof(word) - 1)
		memcpy(value + n, word, sizeof(word));
	const char *shown = header_subject(*state, value);
	assert_memory_equal(shown, "ọọọọ", 12);
	n = strlen(shown);
	assert_string_equal(shown + n - 3, "…");
	/* Words that show nothing are not read for ever. */
	static const char empty[] = "=?utf-8?q?"
				    "?= ";
	for (n = 0; n + sizeof(empty) < 60000; n += sizeof(empty) - 1)
		memcpy(value + n, empty, sizeof(empty));
	strcpy(value + n, "tail");
	assert_null(strstr(header_subject(*state, value), "tail"));
	free(value);
}

static void
any_bytes_give_a_clean_line(void **state)
{
	static const char *const parts[] = {"=?", "utf-8", "?q?", "?b?",
	    "?=", "=", "YQ==", "=E1", "\xe1", "\xff", " ", "\n", "iso-2022-jp",
	    "*", "big5", "?", "x", "\x1b$B", "utf-7", "+AAo-"};
	srandom(1);
	for (int round = 0; round < 20000; round++) {
		char value[200] = "";
		for (long n = random() % 12; n > 0; n--)
			strcat(
			    value, parts[(size_t)random() %
					 (sizeof(parts) / sizeof(parts[0]))]);
		const char *shown = header_subject(*state, value);
		assert_true(text_is_clean(shown, strlen(shown)));
		assert_in_range(strlen(shown), 0, 512);
	}
}

static void
message_id_is_bare_clean_and_bounded(void **state)
{
	assert_string_equal(
	    header_message_id(*state, " <1.2@mail.vn>\r\n"), "1.2@mail.vn");
	assert_string_equal(header_message_id(*state, "bare@x"), "bare@x");
	assert_string_equal(header_message_id(*state, "<"), "<");
	assert_string_equal(header_message_id(*state, ""), "");
	assert_string_equal(header_message_id(*state, NULL), "");
	assert_string_equal(header_message_id(*state, "<a\x01"
						      "b@x>"),
	    "a\\u{1}b@x");
	char value[5001];
	memset(value, 'a', 5000);
	value[5000] = '\0';
	assert_int_equal(strlen(header_message_id(*state, value)), 512);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(encoded_words_are_decoded),
	    cmocka_unit_test(words_after_a_padded_word_are_not_lost),
	    cmocka_unit_test(plain_and_raw_utf8_subjects_stay_as_they_are),
	    cmocka_unit_test(folding_is_undone),
	    cmocka_unit_test(broken_words_stay_as_they_stand),
	    cmocka_unit_test(
		words_in_an_unknown_charset_stay_beside_decoded_ones),
	    cmocka_unit_test(bytes_that_are_not_utf8_are_shown_not_guessed),
	    cmocka_unit_test(nothing_decoded_can_act_on_a_line),
	    cmocka_unit_test(nothing_after_an_encoded_nul_is_hidden),
	    cmocka_unit_test(long_subjects_are_cut_between_characters),
	    cmocka_unit_test(sixty_thousand_bytes_of_words_cost_little),
	    cmocka_unit_test(any_bytes_give_a_clean_line),
	    cmocka_unit_test(message_id_is_bare_clean_and_bounded),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
