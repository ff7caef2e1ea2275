/* window_test.c: sliding windows in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "../../milter/store/window.h"

#define KEY 7
#define SECS 600
#define LIMIT 20
#define START 1000000000

static int
setup(void **state)
{
	*state = windows_new();
	return *state == NULL;
}

static int
teardown(void **state)
{
	windows_free(*state);
	return 0;
}

/* Adds items first, first + 1, … to the window of a key. */
struct adding {
	uint64_t key;
	uint64_t first;
	size_t n;
	uint32_t weight;
	int64_t later;
	int64_t message;
	uint64_t limit;
	int64_t previous; /* answer */
};

static uint64_t
do_add(struct windows *windows, struct adding *a)
{
	uint64_t hashes[2000], sum;
	for (size_t i = 0; i < a->n; i++)
		hashes[i] = a->first + i;
	const struct window_add add = {.key = a->key == 0 ? KEY : a->key,
	    .window_secs = SECS,
	    .limit = a->limit == 0 ? LIMIT : a->limit,
	    .hashes = hashes,
	    .n = a->n,
	    .weight = a->weight == 0 ? 1 : a->weight,
	    .tick = START + a->later,
	    .message = a->message};
	sum = windows_sum(windows, &add, &a->previous);
	assert_int_equal(windows_add(windows, &add), 0);
	return sum;
}

#define add(windows, ...) do_add((windows), &(struct adding){__VA_ARGS__})

static size_t
windows_in(struct windows *windows)
{
	size_t bytes, n;
	windows_use(windows, &bytes, &n);
	return n;
}

static size_t
bytes_of(struct windows *windows)
{
	size_t bytes, n;
	windows_use(windows, &bytes, &n);
	return bytes;
}

static void
below_the_limit_the_sum_is_exact(void **state)
{
	assert_int_equal(add(*state, .first = 1, .n = 12), 12);
	assert_int_equal(add(*state, .first = 101, .n = 7), 19);
}

static void
from_the_limit_on_the_sum_is_at_least_the_limit(void **state)
{
	add(*state, .first = 1, .n = 19);
	assert_true(add(*state, .first = 101, .n = 1) >= LIMIT);
	for (unsigned i = 0; i < 50; i++)
		assert_true(add(*state, .first = 200 + i, .n = 1) >= LIMIT);
}

static void
an_item_seen_again_counts_once(void **state)
{
	add(*state, .first = 1, .n = 10);
	assert_int_equal(add(*state, .first = 6, .n = 10), 15);
}

static void
an_item_seen_again_counts_from_its_newest_time(void **state)
{
	add(*state, .first = 1, .n = 3);
	add(*state, .first = 1, .n = 1, .later = 300);
	assert_int_equal(add(*state, .first = 9, .n = 1, .later = SECS), 2);
}

static void
an_item_as_old_as_the_window_is_out(void **state)
{
	add(*state, .first = 1, .n = 10);
	assert_int_equal(add(*state, .first = 50, .n = 1, .later = SECS), 1);
}

static void
an_item_one_second_younger_than_the_window_is_in(void **state)
{
	add(*state, .first = 1, .n = 10);
	assert_int_equal(
	    add(*state, .first = 50, .n = 1, .later = SECS - 1), 11);
}

static void
a_message_larger_than_the_limit_counts_whole(void **state)
{
	assert_int_equal(add(*state, .first = 1, .n = 1000), 1000);
}

static void
after_a_large_message_the_window_stays_full_until_it_is_over(void **state)
{
	add(*state, .first = 1, .n = 1000);
	assert_true(
	    add(*state, .first = 1, .n = 1, .later = SECS - 1) >= LIMIT);
	assert_int_equal(add(*state, .first = 5000, .n = 1, .later = SECS), 2);
}

static void
a_window_takes_no_more_memory_than_its_limit_needs(void **state)
{
	size_t empty = bytes_of(*state);
	for (unsigned i = 0; i < 5000; i++)
		add(*state, .first = 10 * i, .n = 10, .later = i / 100);
	/* 16 bytes an item; room is doubled as it grows. */
	assert_true(bytes_of(*state) - empty <= 64 + 2 * LIMIT * 16);
}

static void
weights_are_summed(void **state)
{
	add(*state, .first = 1, .n = 1, .weight = 7);
	assert_int_equal(add(*state, .first = 2, .n = 1, .weight = 12), 19);
}

static void
a_weighted_item_seen_again_counts_once(void **state)
{
	add(*state, .first = 1, .n = 1, .weight = 7);
	assert_int_equal(add(*state, .first = 1, .n = 1, .weight = 7), 7);
}

static void
what_a_heavy_item_makes_needless_is_dropped(void **state)
{
	for (unsigned i = 0; i < 10; i++)
		add(*state, .first = i, .n = 1);
	add(*state, .first = 99, .n = 1, .weight = 500);
	size_t full = bytes_of(*state);
	for (unsigned i = 0; i < 10; i++)
		add(*state, .first = i, .n = 1, .weight = 500);
	assert_int_equal(bytes_of(*state), full);
}

static void
each_key_has_its_own_window(void **state)
{
	add(*state, .key = 1, .first = 1, .n = 10);
	assert_int_equal(add(*state, .key = 2, .first = 1, .n = 3), 3);
	assert_int_equal(add(*state, .key = 1, .first = 50, .n = 1), 11);
}

static void
the_first_message_has_none_before_it(void **state)
{
	struct adding a = {.first = 1, .n = 1, .message = 5, .previous = 99};
	do_add(*state, &a);
	assert_int_equal(a.previous, 0);
}

static void
a_message_is_told_the_one_before_it(void **state)
{
	struct adding a = {.first = 1, .n = 1, .message = 5};
	struct adding b = {.first = 2, .n = 1, .message = 9};
	do_add(*state, &a);
	do_add(*state, &b);
	assert_int_equal(b.previous, 5);
}

static void
a_retry_does_not_set_the_newest_message_back(void **state)
{
	struct adding a = {.first = 1, .n = 1, .message = 5};
	struct adding b = {.first = 2, .n = 1, .message = 9};
	struct adding c = {.first = 3, .n = 1, .message = 12};
	do_add(*state, &a);
	do_add(*state, &b);
	do_add(*state, &a);
	do_add(*state, &c);
	assert_int_equal(c.previous, 9);
}

static void
a_sweep_frees_windows_that_are_over(void **state)
{
	for (uint64_t key = 1; key <= 500; key++)
		add(*state, .key = key, .first = 1, .n = 5);
	size_t full = bytes_of(*state);
	windows_sweep(*state, START + SECS, 1024 + 500);
	assert_int_equal(windows_in(*state), 0);
	assert_true(bytes_of(*state) < full);
}

static void
a_sweep_leaves_windows_that_go_on(void **state)
{
	add(*state, .key = 1, .first = 1, .n = 5);
	add(*state, .key = 2, .first = 1, .n = 5, .later = 1);
	windows_sweep(*state, START + SECS, 4096);
	assert_int_equal(windows_in(*state), 1);
	assert_int_equal(
	    add(*state, .key = 2, .first = 9, .n = 1, .later = SECS), 6);
}

/* Keys with the same low bits stand in one run of slots; freeing some of them
 * must not hide the others. */
static void
keys_of_one_slot_are_found_after_their_neighbours_went(void **state)
{
	const uint64_t same_slot = 1u << 20;
	for (uint64_t i = 0; i < 64; i++)
		add(*state, .key = 5 + i * same_slot, .first = 1, .n = 3,
		    .later = i % 2);
	windows_sweep(*state, START + SECS, 1024 + 32);
	assert_int_equal(windows_in(*state), 32);
	for (uint64_t i = 1; i < 64; i += 2)
		assert_int_equal(add(*state, .key = 5 + i * same_slot,
				     .first = 9, .n = 1, .later = 2),
		    4);
}

static void
keys_of_neighbouring_slots_are_found_after_others_went(void **state)
{
	uint64_t keys[300];
	srandom(7);
	for (uint64_t i = 0; i < 300; i++) {
		keys[i] = 100 + (uint64_t)random() % 200 + (i << 20);
		add(*state, .key = keys[i], .first = 1, .n = 3,
		    .later = (int64_t)(i % 3));
	}
	windows_sweep(*state, START + SECS + 1, 1024 + 300);
	assert_int_equal(windows_in(*state), 100);
	for (uint64_t i = 2; i < 300; i += 3)
		assert_int_equal(
		    add(*state, .key = keys[i], .first = 9, .n = 1, .later = 2),
		    4);
}

static void
windows_are_found_after_the_table_has_grown(void **state)
{
	for (uint64_t key = 1; key <= 10000; key++)
		add(*state, .key = key * 2654435761u, .first = 1, .n = 2);
	assert_int_equal(windows_in(*state), 10000);
	for (uint64_t key = 1; key <= 10000; key++)
		assert_int_equal(
		    add(*state, .key = key * 2654435761u, .first = 2, .n = 2),
		    3);
}

/* The same counted in the plainest way: the time of each item, over all. */
#define MODEL_ITEMS 4000

struct model {
	unsigned items; /* there are so many */
	uint64_t limit;
	unsigned most;  /* in a message */
	long pause;     /* seconds between messages, at most */
	int64_t seen[MODEL_ITEMS];
};

static uint64_t
model_sum(const struct model *model, int64_t now)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < model->items; i++)
		sum += model->seen[i] != 0 && model->seen[i] + SECS > now;
	return sum;
}

static void
run_model(struct windows *windows, struct model *model)
{
	int64_t later = 1;
	unsigned below = 0, from = 0;
	srandom(20260302);
	for (int step = 0; step < 20000; step++) {
		later += random() % model->pause;
		size_t n = 1 + (size_t)random() % model->most;
		uint64_t first = (uint64_t)random() % (model->items - n + 1);
		uint64_t sum = add(windows, .first = first, .n = n,
		    .later = later, .limit = model->limit);
		for (size_t i = 0; i < n; i++)
			model->seen[first + i] = later;
		uint64_t right = model_sum(model, later);
		if (right < model->limit)
			assert_int_equal(sum, right);
		else
			assert_true(sum >= model->limit);
		below += right < model->limit;
		from += right >= model->limit;
	}
	/* It went to and fro. */
	assert_true(below > 1000 && from > 1000);
}

static void
any_sequence_counts_as_a_plain_list_does(void **state)
{
	struct model model = {
	    .items = 60, .limit = LIMIT, .most = 4, .pause = 120};
	run_model(*state, &model);
}

static void
any_sequence_of_many_items_counts_as_a_plain_list_does(void **state)
{
	static struct model model = {
	    .items = MODEL_ITEMS, .limit = 2000, .most = 400, .pause = 120};
	run_model(*state, &model);
}

static void
a_window_of_many_items_is_freed_when_it_is_over(void **state)
{
	size_t empty = bytes_of(*state);
	add(*state, .first = 1, .n = 2000, .limit = 5000);
	assert_true(bytes_of(*state) > empty + 2000 * 16);
	windows_sweep(*state, START + SECS, 2048);
	assert_int_equal(bytes_of(*state), empty);
}

static void
a_sweep_leaves_a_window_of_many_items_that_goes_on(void **state)
{
	add(*state, .first = 1, .n = 2000, .limit = 5000);
	add(*state, .first = 1, .n = 500, .limit = 5000, .later = 1);
	windows_sweep(*state, START + SECS, 2048);
	assert_int_equal(
	    add(*state, .first = 9000, .n = 1, .limit = 5000, .later = SECS),
	    501);
}

static void
a_window_of_many_items_takes_no_more_memory_than_its_limit_needs(void **state)
{
	size_t empty = bytes_of(*state);
	for (unsigned i = 0; i < 5000; i++)
		add(*state, .first = 10 * i, .n = 10, .limit = 1000,
		    .later = i / 100);
	for (unsigned i = 0; i < 5000; i++)
		add(*state, .first = 1, .n = 300, .limit = 1000, .later = 51);
	/* 16 bytes an item and 8 of the index, in room for four times as many.
	 */
	assert_true(bytes_of(*state) - empty <= 4 * 1024 * 24 + 1024);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    test(below_the_limit_the_sum_is_exact),
	    test(from_the_limit_on_the_sum_is_at_least_the_limit),
	    test(an_item_seen_again_counts_once),
	    test(an_item_seen_again_counts_from_its_newest_time),
	    test(an_item_as_old_as_the_window_is_out),
	    test(an_item_one_second_younger_than_the_window_is_in),
	    test(a_message_larger_than_the_limit_counts_whole),
	    test(after_a_large_message_the_window_stays_full_until_it_is_over),
	    test(a_window_takes_no_more_memory_than_its_limit_needs),
	    test(weights_are_summed),
	    test(a_weighted_item_seen_again_counts_once),
	    test(what_a_heavy_item_makes_needless_is_dropped),
	    test(each_key_has_its_own_window),
	    test(the_first_message_has_none_before_it),
	    test(a_message_is_told_the_one_before_it),
	    test(a_retry_does_not_set_the_newest_message_back),
	    test(a_sweep_frees_windows_that_are_over),
	    test(a_sweep_leaves_windows_that_go_on),
	    test(keys_of_one_slot_are_found_after_their_neighbours_went),
	    test(keys_of_neighbouring_slots_are_found_after_others_went),
	    test(windows_are_found_after_the_table_has_grown),
	    test(any_sequence_counts_as_a_plain_list_does),
	    test(any_sequence_of_many_items_counts_as_a_plain_list_does),
	    test(a_window_of_many_items_is_freed_when_it_is_over),
	    test(a_sweep_leaves_a_window_of_many_items_that_goes_on),
	    test(a_window_of_many_items_takes_no_more_memory_than_its_limit_needs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
