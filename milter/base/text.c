/* text.c: text from strangers, made safe to keep and to show. */
#include "bulkwatch/text.h"

#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

/* Decodes one character of UTF-8 (RFC 3629). Returns its length in bytes, or 0
 * if the bytes there are not valid. */
static size_t
decode(const unsigned char *p, size_t left, uint32_t *code_r)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} forms[] = {{0x80, 0x00, 0},
	    {0xe0, 0xc0, 0x80},
	    {0xf0, 0xe0, 0x800},
	    {0xf8, 0xf0, 0x10000}};
	for (size_t n = 0; n < 4; n++) {
		if ((p[0] & forms[n].mask) != forms[n].lead)
			continue;
		if (left < n + 1)
			return 0;
		uint32_t code = p[0] & (unsigned char)~forms[n].mask;
		for (size_t i = 1; i <= n; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (p[i] & 0x3f);
		}
		if (code < forms[n].least || code > 0x10ffff ||
		    (code >= 0xd800 && code <= 0xdfff))
			return 0;
		*code_r = code;
		return n + 1;
	}
	return 0;
}

/* Characters that would act on a terminal, a line or a reader rather than be
 * read. */
static bool
acts(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
	    {0x00, 0x1f},     /* C0 */
	    {0x7f, 0x9f},     /* DEL, C1 */
	    {0x61c, 0x61c},   /* Arabic letter mark */
	    {0x200e, 0x200f}, /* direction marks */
	    {0x2028, 0x202e}, /* separators, direction */
	    {0x2066, 0x2069}, /* direction isolates */
	    {0xfeff, 0xfeff}, /* byte order mark */
	    {0xfff9, 0xfffb}, /* interlinear annotation */
	    {0xe0000, 0xe007f}, /* tags, invisible */
	};
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

static bool
is_plain_ascii(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f;
}

bool
text_is_clean(const char *text, size_t length)
{
	const unsigned char *p = (const unsigned char *)text;
	for (size_t i = 0; i < length;) {
		uint32_t code;
		if (is_plain_ascii(p[i])) {
			i++;
			continue;
		}
		size_t n = decode(p + i, length - i, &code);
		if (n == 0 || acts(code))
			return false;
		i += n;
	}
	return true;
}

char *
text_clean(struct arena *arena, const char *text, size_t length)
{
	if (text_is_clean(text, length))
		return arena_strndup(arena, text, length);
	/* "\xHH" for a byte is the longest that comes of one; "\u{HHHH}" of
	 * eight bytes comes of two or three, "\u{HH}" of one. */
	char *clean = arena_alloc(arena, length * 6 + 1);
	if (clean == NULL)
		return NULL;
	const unsigned char *p = (const unsigned char *)text;
	char *out = clean;
	for (size_t i = 0; i < length;) {
		uint32_t code = 0;
		size_t n = decode(p + i, length - i, &code);
		if (n == 0)
			out += sprintf(out, "\\x%02X", p[i]);
		else if (acts(code))
			out += sprintf(out, "\\u{%X}", code);
		else
			out = (char *)memcpy(out, p + i, n) + n;
		i += n == 0 ? 1 : n;
	}
	*out = '\0';
	return clean;
}

void
text_lower(char *text)
{
	for (; *text != '\0'; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
}

/* wcwidth(3) asks the locale; ours is UTF-8 whatever the environment says. */
static locale_t utf8_locale;

static void
make_utf8_locale(void)
{
	utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static int
columns_of(uint32_t code)
{
	int columns = wcwidth((wchar_t)code);
	return columns < 0 ? 1 : columns;
}

/* Walks text until it ends or more than so many columns are used. */
static size_t
walk(const char *text, int most, int *columns_r)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_utf8_locale);
	locale_t before =
	    utf8_locale != (locale_t)0 ? uselocale(utf8_locale) : (locale_t)0;
	const unsigned char *p = (const unsigned char *)text;
	size_t length = strlen(text), i = 0;
	int columns = 0;
	while (i < length) {
		uint32_t code = 0;
		size_t n = decode(p + i, length - i, &code);
		int wide = n == 0 ? 1 : columns_of(code);
		if (wide > most - columns)
			break;
		columns += wide;
		i += n == 0 ? 1 : n;
	}
	if (before != (locale_t)0)
		uselocale(before);
	*columns_r = columns;
	return i;
}

size_t
text_lines(const char *text)
{
	size_t n = 1;
	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

const char *
text_folder(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	if (slash == NULL)
		return ".";
	return slash == path
		   ? "/"
		   : arena_strndup(arena, path, (size_t)(slash - path));
}

int
text_columns(const char *text)
{
	int columns;
	walk(text, INT_MAX, &columns);
	return columns;
}

size_t
text_fit(const char *text, int columns)
{
	int used;
	return walk(text, columns, &used);
}

#define DISTANCE_WORD_MAX 63

int
text_distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	if (na > DISTANCE_WORD_MAX || nb > DISTANCE_WORD_MAX)
		return INT_MAX;
	int row[DISTANCE_WORD_MAX + 1];
	for (size_t j = 0; j <= nb; j++)
		row[j] = (int)j;
	for (size_t i = 1; i <= na; i++) {
		int diagonal = row[0];
		row[0] = (int)i;
		for (size_t j = 1; j <= nb; j++) {
			int best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[nb];
}

const char *
text_nearest(const char *word, const char *const *known)
{
	const char *nearest = NULL;
	int least = INT_MAX;
	for (; *known != NULL; known++) {
		int distance = text_distance(word, *known);
		size_t longer = strlen(word) > strlen(*known) ? strlen(word)
		                                              : strlen(*known);
		if (distance < least && (size_t)distance * 3 <= longer) {
			least = distance;
			nearest = *known;
		}
	}
	return nearest;
}

const char *
text_quoted(struct arena *arena, const char *word)
{
	char *text = arena_alloc(arena, 4 * strlen(word) + 3);
	char *end = text;
	if (text == NULL)
		return NULL;
	*end++ = '\'';
	for (; *word != '\0'; word++)
		if (*word == '\'')
			end = stpcpy(end, "'\\''");
		else
			*end++ = *word;
	*end++ = '\'';
	*end = '\0';
	return text;
}
