/* header_fuzz.c: any text as a header field's value. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "bulkwatch/header.h"
#include "bulkwatch/text.h"

/* What the header says is kept of a field. */
#define FIELD_MAX 512

static void
check_field(const char *text)
{
	MUST(text != NULL && strlen(text) <= FIELD_MAX);
	MUST(text_is_clean(text, strlen(text)));
}

/* Each width cuts between characters, and never takes more than it may. */
static void
check_widths(const char *text)
{
	const int columns = text_columns(text);
	MUST(columns >= 0);
	for (int width = 0; width <= 12; width++) {
		const size_t n = text_fit(text, width);
		MUST(n <= strlen(text));
		MUST(((unsigned char)text[n] & 0xc0) != 0x80);
		char *cut = strndup(text, n);
		MUST(cut != NULL && text_columns(cut) <= width);
		free(cut);
	}
	MUST(text_fit(text, columns) == strlen(text));
}

/* Bytes, a NUL among them or not. */
static void
check_clean(struct arena *arena, const uint8_t *data, size_t size)
{
	char *exact = malloc(size > 0 ? size : 1);
	MUST(exact != NULL);
	if (size > 0)
		memcpy(exact, data, size);
	const char *clean = text_clean(arena, exact, size);
	MUST(clean != NULL && text_is_clean(clean, strlen(clean)));
	if (text_is_clean(exact, size))
		MUST(strlen(clean) == size && memcmp(clean, exact, size) == 0);
	const char *again = text_clean(arena, clean, strlen(clean));
	MUST(strcmp(clean, again) == 0);
	check_widths(clean);
	free(exact);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	if (!ready)
		mail_init();
	ready = true;
	struct fuzz_input input = {data, size};
	struct arena *arena = arena_new();
	MUST(arena != NULL);
	check_clean(arena, data, size);
	char *value = fuzz_rest(&input);
	check_field(header_subject(arena, value));
	check_field(header_message_id(arena, value));
	free(value);
	arena_free(arena);
	return 0;
}
