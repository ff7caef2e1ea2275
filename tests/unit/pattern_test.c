/* pattern_test.c: which addresses and client addresses are meant. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bulkwatch/pattern.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool
is_meant(const char *text, const char *name)
{
	struct arena *arena = arena_new();
	struct err err = {""};
	const char *pattern = NULL;
	assert_non_null(arena);
	if (pattern_parse(arena, text, &pattern, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	bool meant = pattern_match(pattern, name);
	arena_free(arena);
	return meant;
}

static void
an_address_means_itself_whatever_the_case(void **state)
{
	(void)state;
	assert_true(is_meant("An@Example.VN", "an@example.vn"));
	assert_true(is_meant("an@example.vn", "AN@EXAMPLE.VN"));
	assert_true(is_meant("\"an ba\"@example.vn", "\"an ba\"@example.vn"));
	assert_false(is_meant("an@example.vn", "ban@example.vn"));
	assert_false(is_meant("an@example.vn", "an@example.vn.org"));
	assert_false(is_meant("an@example.vn", "an"));
	assert_false(is_meant("an@example.vn", ""));
}

static void
star_at_domain_means_exactly_that_domain(void **state)
{
	(void)state;
	assert_true(is_meant("*@Example.vn", "an@eXample.vn"));
	assert_true(is_meant("*@example.vn", "\"a@b\"@example.vn"));
	assert_false(is_meant("*@example.vn", "an@sub.example.vn"));
	assert_false(is_meant("*@example.vn", "an@badexample.vn"));
	assert_false(is_meant("*@example.vn", "example.vn"));
	assert_false(is_meant("*@example.vn", ""));
}

static void
at_dot_domain_means_it_and_all_below(void **state)
{
	(void)state;
	assert_true(is_meant("@.example.vn", "an@example.vn"));
	assert_true(is_meant("@.example.vn", "an@Sub.Example.vn"));
	assert_true(is_meant("@.example.vn", "an@a.b.example.vn"));
	assert_false(is_meant("@.example.vn", "an@badexample.vn"));
	assert_false(is_meant("@.example.vn", "an@vn"));
	assert_false(is_meant("@.example.vn", "an"));
	assert_false(is_meant("@.example.vn", "an@.example.vn.org"));
}

static void
star_means_everyone_even_the_null_sender(void **state)
{
	(void)state;
	assert_true(is_meant("*", "an@example.vn"));
	assert_true(is_meant("*", "an"));
	assert_true(is_meant("*", ""));
}

static void
a_word_means_a_login_without_a_domain(void **state)
{
	(void)state;
	assert_true(is_meant("VanThu", "vanthu"));
	assert_false(is_meant("vanthu", "vanthu@example.vn"));
	assert_false(is_meant("vanthu", "vanth"));
}

static void
what_is_no_pattern_is_refused_with_the_accepted_forms(void **state)
{
	(void)state;
	static const char *const wrong[] = {"", "@", "@example.vn", "an@",
	    "*.vn", "*@", "*@*", "*@.example.vn", "@.", "@..vn", "@.*",
	    "an@example..vn", "an@-example.vn", "an ba@example.vn", "an ba",
	    "a*@example.vn", "**", "<an@example.vn>", "an@example.vn,",
	    "\"an@example.vn", "an@ex ample.vn", "an\n@example.vn",
	    "an\xff@example.vn", "an@example.vn\xe2\x80\xae"};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct arena *arena = arena_new();
		struct err err = {""};
		const char *pattern = NULL;
		assert_non_null(arena);
		if (pattern_parse(arena, wrong[i], &pattern, &err) == 0)
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_null(pattern);
		assert_non_null(strstr(err.text, "write user@domain"));
		arena_free(arena);
	}
}

static void
a_very_long_pattern_is_refused(void **state)
{
	(void)state;
	char text[5001];
	struct err err = {""};
	const char *pattern = NULL;
	struct arena *arena = arena_new();
	assert_non_null(arena);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(pattern_parse(arena, text, &pattern, &err), -1);
	assert_non_null(strstr(err.text, "longer"));
	arena_free(arena);
}

static void
a_list_means_what_any_of_its_patterns_means(void **state)
{
	(void)state;
	static const char *const items[] = {"an@a.vn", "@.b.vn"};
	struct pattern_list list = {items, COUNT(items)}, none = {NULL, 0};
	assert_true(pattern_list_match(&list, "AN@a.vn"));
	assert_true(pattern_list_match(&list, "x@c.b.vn"));
	assert_false(pattern_list_match(&list, "x@a.vn"));
	assert_false(pattern_list_match(&none, "an@a.vn"));
}

/* ------------------------------------------------------------- networks */

static bool
is_in(const char *text, const char *address)
{
	struct network network;
	struct err err = {""};
	if (network_parse(text, &network, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	struct network_list list = {&network, 1};
	return network_list_match(&list, address);
}

static void
an_ipv4_network_holds_its_addresses_and_no_others(void **state)
{
	(void)state;
	assert_true(is_in("192.0.2.0/24", "192.0.2.0"));
	assert_true(is_in("192.0.2.0/24", "192.0.2.255"));
	assert_false(is_in("192.0.2.0/24", "192.0.3.0"));
	assert_true(is_in("10.128.0.0/9", "10.255.1.1"));
	assert_false(is_in("10.128.0.0/9", "10.127.255.255"));
	assert_true(is_in("0.0.0.0/0", "203.0.113.9"));
	assert_false(is_in("0.0.0.0/0", "2001:db8::1"));
}

static void
an_ipv6_network_holds_its_addresses_and_no_others(void **state)
{
	(void)state;
	assert_true(is_in("2001:db8::/32", "2001:db8:ffff::1"));
	assert_false(is_in("2001:db8::/32", "2001:db9::1"));
	assert_true(is_in("2001:db8:8000::/33", "2001:db8:8000::1"));
	assert_false(is_in("2001:db8:8000::/33", "2001:db8:7fff::1"));
	assert_true(is_in("::/0", "2001:db8::1"));
}

static void
a_network_of_all_ipv6_holds_no_ipv4(void **state)
{
	(void)state;
	assert_false(is_in("::/0", "192.0.2.1"));
	assert_false(is_in("::/64", "192.0.2.1"));
	assert_false(is_in("::/0", "::ffff:192.0.2.1"));
}

static void
a_single_address_is_a_network_of_one(void **state)
{
	(void)state;
	assert_true(is_in("192.0.2.7", "192.0.2.7"));
	assert_false(is_in("192.0.2.7", "192.0.2.6"));
	assert_true(is_in("::1", "::1"));
	assert_true(is_in("::1/128", "0:0:0:0:0:0:0:1"));
	assert_false(is_in("::1", "::2"));
}

static void
client_addresses_are_read_as_the_mtas_write_them(void **state)
{
	(void)state;
	assert_true(is_in("2001:db8::/32", "IPv6:2001:db8::1"));
	assert_true(is_in("2001:db8::/32", "ipv6:2001:DB8::1"));
	assert_true(is_in("192.0.2.0/24", "::ffff:192.0.2.1"));
	assert_true(is_in("192.0.2.0/24", "IPv6:::ffff:192.0.2.1"));
	assert_true(is_in("fe80::/10", "fe80::1%eth0"));
}

static void
what_is_no_address_is_in_no_network(void **state)
{
	(void)state;
	static const char *const wrong[] = {"", "unknown", "192.0.2",
	    "192.0.2.1.2", "192.0.2.1 ", "[192.0.2.1]", "::g", "local/socket",
	    "IPv6:", "%eth0",
	    "2001:db8:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:1"};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		assert_false(is_in("0.0.0.0/0", wrong[i]));
		assert_false(is_in("::/0", wrong[i]));
	}
}

static void
host_bits_are_a_fault_that_names_the_right_network(void **state)
{
	(void)state;
	static const struct {
		const char *text, *right;
	} cases[] = {
	    {"192.0.2.77/24", "is 192.0.2.0/24"},
	    {"10.200.0.0/9", "is 10.128.0.0/9"},
	    {"1.0.0.0/0", "is 0.0.0.0/0"},
	    {"2001:db8::1/32", "is 2001:db8::/32"},
	    {"2001:db8:ffff::/33", "is 2001:db8:8000::/33"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct network network;
		struct err err = {""};
		assert_int_equal(
		    network_parse(cases[i].text, &network, &err), -1);
		if (strstr(err.text, cases[i].right) == NULL)
			fail_msg("%s: %s", cases[i].text, err.text);
	}
}

static void
what_is_no_network_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {"", "/", "/24", "192.0.2.0/",
	    "192.0.2.0/33", "192.0.2.0/024", "192.0.2.0/-1", "192.0.2.0/2x",
	    "192.0.2.0/999999999999", "192.0.2.0/24/24", "192.0.2/24",
	    "192.0.2.256", "::/129", "example.vn", "fe80::1%eth0", "IPv6:::1",
	    "*"};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct network network;
		struct err err = {""};
		if (network_parse(wrong[i], &network, &err) == 0)
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_string_not_equal(err.text, "");
	}
}

static void
a_list_of_networks_holds_what_any_of_them_holds(void **state)
{
	(void)state;
	struct network networks[2];
	struct err err;
	assert_int_equal(network_parse("127.0.0.0/8", &networks[0], &err), 0);
	assert_int_equal(network_parse("::1/128", &networks[1], &err), 0);
	struct network_list list = {networks, 2}, none = {NULL, 0};
	assert_true(network_list_match(&list, "127.1.2.3"));
	assert_true(network_list_match(&list, "IPv6:::1"));
	assert_false(network_list_match(&list, "128.0.0.1"));
	assert_false(network_list_match(&none, "127.0.0.1"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_address_means_itself_whatever_the_case),
	    cmocka_unit_test(star_at_domain_means_exactly_that_domain),
	    cmocka_unit_test(at_dot_domain_means_it_and_all_below),
	    cmocka_unit_test(star_means_everyone_even_the_null_sender),
	    cmocka_unit_test(a_word_means_a_login_without_a_domain),
	    cmocka_unit_test(
		what_is_no_pattern_is_refused_with_the_accepted_forms),
	    cmocka_unit_test(a_very_long_pattern_is_refused),
	    cmocka_unit_test(a_list_means_what_any_of_its_patterns_means),
	    cmocka_unit_test(an_ipv4_network_holds_its_addresses_and_no_others),
	    cmocka_unit_test(an_ipv6_network_holds_its_addresses_and_no_others),
	    cmocka_unit_test(a_network_of_all_ipv6_holds_no_ipv4),
	    cmocka_unit_test(a_single_address_is_a_network_of_one),
	    cmocka_unit_test(client_addresses_are_read_as_the_mtas_write_them),
	    cmocka_unit_test(what_is_no_address_is_in_no_network),
	    cmocka_unit_test(
		host_bits_are_a_fault_that_names_the_right_network),
	    cmocka_unit_test(what_is_no_network_is_refused),
	    cmocka_unit_test(a_list_of_networks_holds_what_any_of_them_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
