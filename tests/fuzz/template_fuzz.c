/*
 * template_fuzz.c: any text as a mail template, filled in with any values.
 *
 * The input's first line is the value of each second placeholder; what follows
 * is the template.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "bulkwatch/template.h"
#include "bulkwatch/text.h"

struct values {
	const char *text;
};

static const char *
value_of(const char *name, void *context)
{
	const struct values *values = context;
	if (name[0] < 'm')
		return values->text;
	return name[0] == 'm' ? "one\ntwo\n" : NULL;
}

static void
fill_in(struct arena *arena, const struct template *template, char *value)
{
	struct values values = {value};
	const char *subject = NULL, *body = NULL;
	MUST(template_render(
		 arena, template, value_of, &values, &subject, &body) == 0);
	MUST(strpbrk(subject, "\r\n") == NULL);
	MUST(body[0] == '\0' || body[strlen(body) - 1] == '\n');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct arena *arena = arena_new();
	const struct template *template;
	struct err err = {""};
	MUST(arena != NULL);
	char *value = fuzz_line(&input);
	char *text = fuzz_rest(&input);
	if (template_parse(arena, "t.txt", text, &template, &err) == 0)
		fill_in(arena, template, value);
	else
		MUST(text_is_clean(err.text, strlen(err.text)) &&
		     strncmp(err.text, "t.txt:", 6) == 0);
	free(text);
	free(value);
	arena_free(arena);
	return 0;
}
