/* arena_test.c: memory that lives and dies together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>
#include <string.h>

#include "arena_fixture.h"

static void
memory_is_zero(void **state)
{
	static const char zero[10000];
	for (size_t size = 1; size <= sizeof(zero); size *= 3) {
		char *piece = arena_alloc(*state, size);
		assert_memory_equal(piece, zero, size);
		memset(piece, 0xff, size);
	}
}

static void
memory_is_aligned_for_any_type(void **state)
{
	for (size_t size = 0; size < 200; size++)
		assert_int_equal(
		    (uintptr_t)arena_alloc(*state, size) % alignof(max_align_t),
		    0);
}

static void
its_size_is_that_of_its_memory(void **state)
{
	const size_t empty = arena_bytes(*state);
	assert_in_range(empty, 1, 4096);
	for (int i = 0; i < 10; i++)
		arena_alloc(*state, 100000);
	assert_in_range(arena_bytes(*state), 1000000, 1000000 + empty + 1000);
}

static void
pieces_do_not_overlap(void **state)
{
	unsigned char *pieces[300];
	for (size_t i = 0; i < 300; i++) {
		size_t size = 1 + i * 37 % 2500;
		pieces[i] = arena_alloc(*state, size);
		memset(pieces[i], (int)i & 0xff, size);
	}
	for (size_t i = 0; i < 300; i++)
		for (size_t j = 0; j < 1 + i * 37 % 2500; j++)
			assert_int_equal(pieces[i][j], i & 0xff);
}

static void
a_large_piece_leaves_the_room_of_the_block_in_use(void **state)
{
	char *before = arena_alloc(*state, 16);
	arena_alloc(*state, 100000);
	char *after = arena_alloc(*state, 16);
	assert_ptr_equal(after, before + 16);
}

static void
what_cannot_be_had_is_null(void **state)
{
	assert_null(arena_alloc(*state, SIZE_MAX));
	assert_null(arena_alloc(*state, SIZE_MAX - 8));
	assert_non_null(arena_alloc(*state, 1));
}

static void
a_copy_of_bytes_ends_with_nul(void **state)
{
	assert_string_equal(arena_strndup(*state, "hello", 4), "hell");
	assert_string_equal(arena_strndup(*state, NULL, 0), "");
}

static void
a_copy_keeps_nul_within(void **state)
{
	assert_memory_equal(arena_strndup(*state, "a\0b", 3), "a\0b", 4);
}

static void
a_copy_of_null_is_empty(void **state)
{
	assert_string_equal(arena_strdup(*state, NULL), "");
}

static void
a_copy_is_not_the_original(void **state)
{
	char text[] = "text";
	char *copy = arena_strdup(*state, text);
	text[0] = 'n';
	assert_string_equal(copy, "text");
}

static void
printing_makes_as_much_room_as_is_needed(void **state)
{
	char *text = arena_printf(*state, "%s-%09999d", "x", 7);
	assert_int_equal(strlen(text), 10001);
	assert_string_equal(text + 9995, "000007");
}

static void
freeing_nothing_is_allowed(void **state)
{
	(void)state;
	arena_free(NULL);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    test(memory_is_zero),
	    test(memory_is_aligned_for_any_type),
	    test(its_size_is_that_of_its_memory),
	    test(pieces_do_not_overlap),
	    test(a_large_piece_leaves_the_room_of_the_block_in_use),
	    test(what_cannot_be_had_is_null),
	    test(a_copy_of_bytes_ends_with_nul),
	    test(a_copy_keeps_nul_within),
	    test(a_copy_of_null_is_empty),
	    test(a_copy_is_not_the_original),
	    test(printing_makes_as_much_room_as_is_needed),
	    cmocka_unit_test(freeing_nothing_is_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
