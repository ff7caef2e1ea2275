/* arena_fixture.h: an arena for each test: its state. */
#ifndef BULKWATCH_TESTS_ARENA_FIXTURE_H
#define BULKWATCH_TESTS_ARENA_FIXTURE_H

#include <stddef.h>

#include "bulkwatch/arena.h"

static inline int
setup(void **state)
{
	*state = arena_new();
	return *state == NULL;
}

static inline int
teardown(void **state)
{
	arena_free(*state);
	return 0;
}

#endif
