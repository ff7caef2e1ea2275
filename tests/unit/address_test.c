/* address_test.c: addresses as the envelope gives them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "arena_fixture.h"
#include "bulkwatch/address.h"
#include "bulkwatch/text.h"

static void
one_canonical_form_for_each_spelling(void **state)
{
	static const struct {
		const char *argument, *canonical;
	} table[] = {
	    {"<a@example.vn>", "a@example.vn"},
	    {"a@example.vn", "a@example.vn"}, /* pickup */
	    {" <a@example.vn> ", "a@example.vn"},
	    {"<Nguyen.Van.A@Example.GOV.vn>", "nguyen.van.a@example.gov.vn"},
	    {"<>", ""},
	    {"", ""},
	    {"<a@example.vn.>", "a@example.vn"},
	    {"<@relay.vn,@b.vn:a@example.vn>", "a@example.vn"},
	    {"<@[IPv6:::1]:a@example.vn>", "a@example.vn"},
	    {"<\"a.b\"@example.vn>", "a.b@example.vn"},
	    {"<\"a\\.b\"@example.vn>", "a.b@example.vn"},
	    {"<\"a..b\"@example.vn>", "a..b@example.vn"},
	    {"<\"a b\"@example.vn>", "\"a b\"@example.vn"},
	    {"<\"a\\ b\"@example.vn>", "\"a b\"@example.vn"},
	    {"<\"a\\\"b\"@example.vn>", "\"a\\\"b\"@example.vn"},
	    {"<\"a@b\"@example.vn>", "\"a@b\"@example.vn"},
	    {"<\"\"@example.vn>", "\"\"@example.vn"},
	    {"<\"a>b\"@example.vn>", "\"a>b\"@example.vn"},
	    {"<postmaster>", "postmaster"},
	    {"<\"root\">", "root"},
	    {"<a@[192.0.2.1]>", "a@[192.0.2.1]"},
	    {"<\xc4\x90@example.vn>", "\xc4\x90@example.vn"},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(
		    address_canonical(*state, table[i].argument),
		    table[i].canonical);
}

static void
the_canonical_form_of_a_canonical_form_is_itself(void **state)
{
	static const char *const arguments[] = {"<\"a\\\"\\\\b\"@X.vn.>",
	    "<\"a b\"@x.vn>", "<@r:A@x.vn>", "<\"A.b\"@x>", "<\xff@x.vn>",
	    "\"open@x.vn", "<\"a\"b@x.vn>"};
	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
		const char *once = address_canonical(*state, arguments[i]);
		assert_string_equal(address_canonical(*state, once), once);
	}
}

static void
what_is_no_address_is_only_made_clean(void **state)
{
	static const struct {
		const char *argument, *canonical;
	} table[] = {
	    {"<a\r\nBcc: x@y>", "a\\u{d}\\u{a}bcc: x@y"},
	    {"<\xff@x.vn>", "\\xff@x.vn"},
	    {"<a\x1b[2J@x.vn>", "a\\u{1b}[2j@x.vn"},
	    {"<", "<"},
	    {"<\"", "<\""},
	    {"\"open@x.vn", "\"open@x.vn"},
	    {"<\"a\"b@x.vn>", "\"a\"b@x.vn"},
	    {"<@no-colon>", "@no-colon"},
	    {"<@[open:a@x>", "@[open:a@x"},
	    {"@", "@"},
	    {".", "."},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(
		    address_canonical(*state, table[i].argument),
		    table[i].canonical);
	assert_string_equal(address_canonical(*state, NULL), "");
}

static void
five_thousand_characters_stay_whole(void **state)
{
	char argument[5001 + 3];
	memset(argument, 'A', 5000);
	strcpy(argument + 5000, "@x");
	const char *canonical = address_canonical(*state, argument);
	assert_int_equal(strlen(canonical), 5002);
	assert_int_equal(canonical[0], 'a');
}

static void
any_bytes_give_clean_text(void **state)
{
	static const char alphabet[] = "<>@\"\\:.,[] a\xc3\xa9\xff\n\t";
	srandom(1);
	for (int round = 0; round < 20000; round++) {
		char argument[24];
		size_t n = (size_t)random() % (sizeof(argument) - 1);
		for (size_t i = 0; i < n; i++)
			argument[i] =
			    alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		argument[n] = '\0';
		const char *canonical = address_canonical(*state, argument);
		assert_true(text_is_clean(canonical, strlen(canonical)));
	}
}

static void
domain_is_what_follows_the_last_at(void **state)
{
	(void)state;
	assert_string_equal(address_domain("a@x.vn"), "x.vn");
	assert_string_equal(address_domain("\"a@b\"@x.vn"), "x.vn");
	assert_string_equal(address_domain("a@b@x.vn"), "x.vn");
	assert_string_equal(address_domain("root"), "");
	assert_string_equal(address_domain("\"a@b\""), "");
	assert_string_equal(address_domain(""), "");
}

static void
what_changes_from_mail_to_mail_is_no_part_of_the_sender(void **state)
{
	static const struct {
		const char *address, *stable;
	} table[] = {
	    {"an@x.vn", "an@x.vn"},
	    {"list+bounce=b=y.vn@x.vn", "list@x.vn"},
	    {"+an@x.vn", "+an@x.vn"},
	    {"prvs=1234abcd=an@x.vn", "an@x.vn"},
	    {"prvs=1234abcd=an+b@x.vn", "an@x.vn"},
	    {"prvs=an@x.vn", "prvs=an@x.vn"},
	    {"prvs=a@x=y", "prvs=a@x=y"},
	    {"srs0=hh=tt=x.vn=an@y.vn", "srs@y.vn"},
	    {"srs1+hh=z.vn==hh=tt=x.vn=an@y.vn", "srs@y.vn"},
	    {"\"a+b\"@x.vn", "\"a+b\"@x.vn"},
	    {"root", "root"},
	    {"", ""},
	    /* The domain stays the domain. */
	    {"prvs==\"@us]==\"", "prvs==\"@us]==\""},
	    {"prvs=1=\"@x.vn", "prvs=1=\"@x.vn"},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(
		    address_stable(*state, table[i].address), table[i].stable);
}

static void
external_is_every_domain_not_listed(void **state)
{
	(void)state;
	static const char *const domains[] = {"example.gov.vn", "huyen.vn"};
	const struct text_list local = {domains, 2}, none = {NULL, 0};
	assert_false(address_is_external("a@example.gov.vn", &local));
	assert_false(address_is_external("a@huyen.vn", &local));
	assert_false(address_is_external("root", &local));
	assert_false(address_is_external("", &local));
	assert_true(address_is_external("a@gmail.com", &local));
	assert_true(address_is_external("a@evil-example.gov.vn", &local));
	assert_true(address_is_external("a@mail.example.gov.vn", &local));
	assert_true(address_is_external("a@example.gov.vn", &none));
}

static void
sound_addresses_may_stand_in_a_header(void **state)
{
	(void)state;
	static const char *const sound[] = {"a@x.vn", "root@localhost",
	    "a.b+c_d-e=f@x-y.example.gov.vn", "a@[127.0.0.1]",
	    "a@[IPv6:2001:db8::1]", "o'brien@x.vn", "a@x_y.vn"};
	static const char *const unsound[] = {"", "a", "@x.vn", "a@",
	    "a b@x.vn", "a@x vn", "a@x.vn\r\nBcc: b@x.vn", "<a@x.vn>",
	    "a,b@x.vn", ".a@x.vn", "a.@x.vn", "a..b@x.vn", "a@.x.vn", "a@x..vn",
	    "a@x.vn.", "a@-x.vn", "a@x-.vn", "a@b@x.vn", "\"a b\"@x.vn",
	    "a\x7f@x.vn", "\xc4\x91@x.vn", "a@\xc4\x91.vn", "a@[x y]", "a@[]",
	    "a@x;y"};
	for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++)
		if (!address_is_sound(sound[i]))
			fail_msg("%s is refused", sound[i]);
	for (size_t i = 0; i < sizeof(unsound) / sizeof(unsound[0]); i++)
		if (address_is_sound(unsound[i]))
			fail_msg("%s is taken", unsound[i]);
}

static void
an_address_of_254_bytes_is_sound_and_one_more_is_not(void **state)
{
	(void)state;
	char text[256];
	memset(text, 'a', sizeof(text));
	text[60] = '@';
	for (size_t i = 61 + 60; i < 254; i += 60)
		text[i] = '.';
	text[254] = '\0';
	assert_true(address_is_sound(text));
	text[254] = 'a';
	text[255] = '\0';
	assert_false(address_is_sound(text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_canonical_form_for_each_spelling),
	    cmocka_unit_test(the_canonical_form_of_a_canonical_form_is_itself),
	    cmocka_unit_test(what_is_no_address_is_only_made_clean),
	    cmocka_unit_test(five_thousand_characters_stay_whole),
	    cmocka_unit_test(any_bytes_give_clean_text),
	    cmocka_unit_test(domain_is_what_follows_the_last_at),
	    cmocka_unit_test(
		what_changes_from_mail_to_mail_is_no_part_of_the_sender),
	    cmocka_unit_test(external_is_every_domain_not_listed),
	    cmocka_unit_test(sound_addresses_may_stand_in_a_header),
	    cmocka_unit_test(
		an_address_of_254_bytes_is_sound_and_one_more_is_not),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
