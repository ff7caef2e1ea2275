/*
 * arena.h: memory that lives and dies together.
 *
 * A message's strings, or a settings snapshot's, are allocated one by one and
 * freed at once. There is no free of a single piece.
 *
 * Thread-safety: one thread at a time for each arena.
 */
#ifndef BULKWATCH_ARENA_H
#define BULKWATCH_ARENA_H

#include <stddef.h>

struct arena;

/* A new, empty arena; NULL when memory is out. Free with arena_free. */
struct arena *arena_new(void);

/* Frees the arena and all that was allocated from it. NULL is allowed. */
void arena_free(struct arena *arena);

/* How much memory it takes. */
size_t arena_bytes(const struct arena *arena);

/* size bytes set to zero, aligned for any type; NULL when memory is out. */
void *arena_alloc(struct arena *arena, size_t size);

/* Copies of length bytes (a NUL is added) or of a whole string; NULL when
 * memory is out. arena_strdup(a, NULL) gives "". */
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_strdup(struct arena *arena, const char *text);

/* printf into the arena; NULL when memory is out. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
