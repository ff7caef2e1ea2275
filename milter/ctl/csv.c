/* csv.c: rows for a spreadsheet. */
#include "csv.h"

#include <inttypes.h>
#include <string.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/text.h"

void
csv_begin(struct csv *csv, FILE *out)
{
	*csv = (struct csv){.out = out};
	fputs("\xef\xbb\xbf", out);
}

static void
next(struct csv *csv)
{
	if (csv->inside)
		fputc(',', csv->out);
	csv->inside = true;
}

/* A tab or CR may begin one too; clean text has none. */
static bool
begins_a_formula(const char *text)
{
	return *text != '\0' && strchr("=+-@", *text) != NULL;
}

/* Where commas are for decimals, as in Viet Nam, a spreadsheet that is not told
 * otherwise parts cells at semicolons, and knows no quotes within a cell: what
 * stands behind one may begin a cell too. */
static bool
begins_elsewhere(const char *text)
{
	return begins_a_formula(text + strspn(text, " \""));
}

static void
put(FILE *out, const char *text)
{
	fputc('"', out);
	if (begins_a_formula(text))
		fputc('\'', out);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
		if (*text == ';' && begins_elsewhere(text + 1))
			fputc('\'', out);
	}
	fputc('"', out);
}

void
csv_text(struct csv *csv, const char *text)
{
	size_t length = strlen(text);
	next(csv);
	if (text_is_clean(text, length)) {
		put(csv->out, text);
		return;
	}
	/* Somebody else wrote into the database. */
	struct arena *arena = arena_new();
	char *clean = arena == NULL ? NULL : text_clean(arena, text, length);
	put(csv->out, clean == NULL ? "" : clean);
	arena_free(arena);
}

void
csv_number(struct csv *csv, int64_t number)
{
	next(csv);
	fprintf(csv->out, "%" PRId64, number);
}

void
csv_time(struct csv *csv, int64_t at_ms)
{
	char text[CLOCK_RFC3339_MAX] = "";
	if (at_ms != 0)
		clock_rfc3339(at_ms, text);
	text[strcspn(text, "T")] = ' ';
	next(csv);
	/* The offset, which a spreadsheet would not understand, is left off. */
	fprintf(csv->out, "%.19s", at_ms == 0 ? "" : text);
}

void
csv_end(struct csv *csv)
{
	fputs("\r\n", csv->out);
	csv->inside = false;
}
