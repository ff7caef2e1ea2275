/* header.c: header fields of passing mail, decoded. */
#include "bulkwatch/header.h"

#include <gmime/gmime.h>
#include <stdbool.h>
#include <string.h>

#include "bulkwatch/text.h"
#include "words.h"

/* What is kept of a field, "…" included. */
#define FIELD_MAX 512

/* What is looked at: enough to fill FIELD_MAX from words that spend three
 * bytes on each, and a bound on what one message may cost (an MTA lets
 * headers of 60,000 bytes and more through). */
#define RAW_MAX 4096

static const char ellipsis[] = "…";

void
mail_init(void)
{
	g_mime_init();
}

void
mail_deinit(void)
{
	g_mime_shutdown();
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes one layer of folding off (RFC 5322 section 2.2.3) and outer white
 * space. Line ends go, whatever stands around them: MTAs hand fields over with
 * "\n" or "\r\n" in them. The text in the arena; NULL when memory is out. */
static char *
unfold(struct arena *arena, const char *value, size_t length)
{
	char *line = arena_alloc(arena, length + 1);
	if (line == NULL)
		return NULL;
	size_t n = 0;
	for (size_t i = 0; i < length; i++) {
		char c = value[i] == '\t' ? ' ' : value[i];
		if (c != '\r' && c != '\n' && !(c == ' ' && n == 0))
			line[n++] = c;
	}
	while (n > 0 && line[n - 1] == ' ')
		n--;
	line[n] = '\0';
	return line;
}

/* Bytes of value to look at: all, or up to a space near RAW_MAX, so that no
 * encoded word is cut in two if it can be helped. */
static size_t
bounded_length(const char *value)
{
	size_t length = strnlen(value, RAW_MAX + 1);
	if (length <= RAW_MAX)
		return length;
	for (length = RAW_MAX; length > RAW_MAX - 100; length--)
		if (is_space(value[length]))
			return length;
	return RAW_MAX;
}

/* Cuts clean text at FIELD_MAX bytes, "…" included, between characters.
 * more: something was left out before. */
static const char *
cut(struct arena *arena, char *text, bool more)
{
	size_t length = strlen(text);
	if (length <= FIELD_MAX && !more)
		return text;
	if (length > FIELD_MAX - strlen(ellipsis))
		length = FIELD_MAX - strlen(ellipsis);
	while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
		length--;
	return arena_printf(arena, "%.*s%s", (int)length, text, ellipsis);
}

const char *
header_subject(struct arena *arena, const char *value)
{
	if (value == NULL)
		return "";
	size_t length = bounded_length(value);
	bool more = value[length] != '\0';
	char *line = unfold(arena, value, length);
	/* Clean before decoding: what is left are words and UTF-8, and GMime
	 * has no byte of another charset to guess about. */
	char *clean =
	    line == NULL ? NULL : text_clean(arena, line, strlen(line));
	if (clean == NULL)
		return NULL;
	if (strstr(clean, "=?") == NULL)
		return cut(arena, clean, more);
	GString *decoded = words_decode(clean);
	/* A word may hold line ends and control characters in its turn. */
	clean = text_clean(arena, decoded->str, decoded->len);
	g_string_free(decoded, TRUE);
	return clean == NULL ? NULL : cut(arena, clean, more);
}

const char *
header_message_id(struct arena *arena, const char *value)
{
	if (value == NULL)
		return "";
	size_t length = bounded_length(value);
	bool more = value[length] != '\0';
	char *id = unfold(arena, value, length);
	if (id == NULL)
		return NULL;
	size_t n = strlen(id);
	if (n >= 2 && id[0] == '<' && id[n - 1] == '>') {
		id[n - 1] = '\0';
		id++;
	}
	id = text_clean(arena, id, strlen(id));
	return id == NULL ? NULL : cut(arena, id, more);
}
