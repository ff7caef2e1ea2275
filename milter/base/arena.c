/* arena.c: memory that lives and dies together. */
#include "bulkwatch/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most messages fit into the first block. */
#define BLOCK_SIZE 4096

struct block {
	struct block *next;
	size_t size, used; /* of data */
	alignas(max_align_t) char data[];
};

struct arena {
	struct block *blocks; /* the first one has room */
};

static struct block *
block_new(size_t data)
{
	if (data > SIZE_MAX - sizeof(struct block))
		return NULL;
	struct block *b = malloc(sizeof(struct block) + data);
	if (b == NULL)
		return NULL;
	b->next = NULL;
	b->size = data;
	b->used = 0;
	return b;
}

/* The arena itself is the first piece of its first block: one malloc serves
 * most messages. */
struct arena *
arena_new(void)
{
	struct block *b = block_new(BLOCK_SIZE - sizeof(struct block));
	if (b == NULL)
		return NULL;
	struct arena first = {.blocks = b};
	struct arena *arena = arena_alloc(&first, sizeof(*arena));
	*arena = first;
	return arena;
}

void
arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	/* The block that holds the arena goes with the others. */
	for (struct block *b = arena->blocks, *next; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
}

size_t
arena_bytes(const struct arena *arena)
{
	size_t bytes = 0;
	for (const struct block *b = arena->blocks; b != NULL; b = b->next)
		bytes += sizeof(*b) + b->size;
	return bytes;
}

static struct block *
block_with_room(struct arena *arena, size_t size)
{
	struct block *b = arena->blocks;
	if (b != NULL && b->size - b->used >= size)
		return b;
	size_t data = BLOCK_SIZE - sizeof(struct block);
	if (size > data)
		data = size;
	struct block *fresh = block_new(data);
	if (fresh == NULL)
		return NULL;
	if (b != NULL && size > BLOCK_SIZE / 4) {
		/* A large piece takes a block of its own behind the first,
		 * whose room stays in use. */
		fresh->next = b->next;
		b->next = fresh;
	} else {
		fresh->next = b;
		arena->blocks = fresh;
	}
	return fresh;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	if (size > SIZE_MAX - align)
		return NULL;
	size = (size + align - 1) & ~(align - 1);
	struct block *b = block_with_room(arena, size);
	if (b == NULL)
		return NULL;
	void *piece = b->data + b->used;
	b->used += size;
	return memset(piece, 0, size);
}

char *
arena_strndup(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_alloc(arena, length + 1);
	if (copy != NULL && length > 0)
		memcpy(copy, text, length);
	return copy;
}

char *
arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, text == NULL ? 0 : strlen(text));
}

char *
arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *text =
	    length < 0 ? NULL : arena_alloc(arena, (size_t)length + 1);
	if (text == NULL)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)length + 1, format, args);
	va_end(args);
	return text;
}
