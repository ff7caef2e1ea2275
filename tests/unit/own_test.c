/* own_test.c: which passing mail is our own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "bulkwatch/own.h"

static const char *const admins[] = {"b@example.vn", "A@Example.VN"};
static const struct text_list to = {admins, 2};
static const char *const passing[] = {"a@example.vn", "b@example.vn"};

static int
setup(void **state)
{
	struct own *own = NULL;
	struct err err;
	int failed = own_init(&own, &err);
	*state = own;
	return failed;
}

static int
teardown(void **state)
{
	struct own *own = *state;
	own_deinit(&own);
	assert_null(own);
	own_deinit(&own); /* NULL is allowed */
	return 0;
}

static void
expect(struct own *own, int64_t tick, char nonce_r[OWN_NONCE_MAX])
{
	struct err err = {""};
	if (own_expect(own, &to, tick, nonce_r, &err) < 0)
		fail_msg("%s", err.text);
}

static void
a_nonce_is_ours_once(void **state)
{
	char nonce[OWN_NONCE_MAX];
	expect(*state, 100, nonce);
	assert_true(own_is(*state, nonce, passing, 2, 101));
	assert_false(own_is(*state, nonce, passing, 2, 101));
}

static void
white_space_around_a_nonce_is_no_part_of_it(void **state)
{
	char nonce[OWN_NONCE_MAX], value[OWN_NONCE_MAX + 4];
	expect(*state, 100, nonce);
	snprintf(value, sizeof(value), " %s\r\n", nonce);
	assert_true(own_is(*state, value, passing, 2, 101));
}

static void
fewer_recipients_are_ours_too(void **state)
{
	char nonce[OWN_NONCE_MAX];
	expect(*state, 100, nonce);
	assert_true(own_is(*state, nonce, passing, 1, 101));
	expect(*state, 100, nonce);
	assert_true(own_is(*state, nonce, NULL, 0, 101));
}

static void
one_recipient_who_is_no_admin_makes_it_not_ours(void **state)
{
	static const char *const more[] = {
	    "a@example.vn", "b@example.vn", "victim@example.com"};
	char nonce[OWN_NONCE_MAX];
	expect(*state, 100, nonce);
	assert_false(own_is(*state, nonce, more, 3, 101));
	/* And it is used up. */
	assert_false(own_is(*state, nonce, passing, 2, 101));
}

static void
what_is_no_nonce_is_not_ours(void **state)
{
	char nonce[OWN_NONCE_MAX];
	expect(*state, 100, nonce);
	assert_false(own_is(*state, NULL, passing, 2, 101));
	assert_false(own_is(*state, "", passing, 2, 101));
	assert_false(own_is(*state, " ", passing, 2, 101));
	assert_false(own_is(
	    *state, "00000000000000000000000000000000", passing, 2, 101));
	char shorter[OWN_NONCE_MAX];
	snprintf(shorter, sizeof(shorter), "%.31s", nonce);
	assert_false(own_is(*state, shorter, passing, 2, 101));
	assert_true(own_is(*state, nonce, passing, 2, 101));
}

static void
a_nonce_is_forgotten_after_its_lifetime(void **state)
{
	char nonce[OWN_NONCE_MAX];
	expect(*state, 100, nonce);
	assert_true(own_is(*state, nonce, passing, 2, 100 + OWN_LIFETIME_SECS));
	expect(*state, 100, nonce);
	assert_false(
	    own_is(*state, nonce, passing, 2, 101 + OWN_LIFETIME_SECS));
}

static void
the_oldest_of_too_many_is_forgotten(void **state)
{
	char first[OWN_NONCE_MAX], second[OWN_NONCE_MAX], last[OWN_NONCE_MAX];
	expect(*state, 100, first);
	expect(*state, 100, second);
	for (int i = 2; i <= OWN_PENDING_MAX; i++)
		expect(*state, 100, last);
	assert_false(own_is(*state, first, passing, 2, 101));
	assert_true(own_is(*state, second, passing, 2, 101));
	assert_true(own_is(*state, last, passing, 2, 101));
}

static void
no_two_nonces_are_alike(void **state)
{
	char nonces[100][OWN_NONCE_MAX];
	for (int i = 0; i < 100; i++) {
		expect(*state, 100, nonces[i]);
		assert_int_equal(
		    strspn(nonces[i], "0123456789abcdef"), OWN_NONCE_MAX - 1);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(nonces[i], nonces[j]);
	}
}

struct race {
	struct own *own;
	const char *nonce;
	int won;
};

static void *
show(void *arg)
{
	struct race *race = arg;
	for (int i = 0; i < 1000; i++)
		if (own_is(race->own, race->nonce, passing, 2, 101))
			race->won++;
	return NULL;
}

static void
of_two_that_show_it_at_once_one_is_ours(void **state)
{
	char nonce[OWN_NONCE_MAX];
	expect(*state, 100, nonce);
	struct race races[2] = {{*state, nonce, 0}, {*state, nonce, 0}};
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, show, &races[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(races[0].won + races[1].won, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_nonce_is_ours_once),
	    TEST(white_space_around_a_nonce_is_no_part_of_it),
	    TEST(fewer_recipients_are_ours_too),
	    TEST(one_recipient_who_is_no_admin_makes_it_not_ours),
	    TEST(what_is_no_nonce_is_not_ours),
	    TEST(a_nonce_is_forgotten_after_its_lifetime),
	    TEST(the_oldest_of_too_many_is_forgotten),
	    TEST(no_two_nonces_are_alike),
	    TEST(of_two_that_show_it_at_once_one_is_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
