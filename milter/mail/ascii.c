/* ascii.c: text for places that take ASCII alone, by GLib's transliteration. */
#include "bulkwatch/ascii.h"

#include <glib.h>
#include <string.h>

/* GLib knows no likeness of the Vietnamese d with stroke (U+0110, U+0111). */
static void
put_d(char *text)
{
	char *out = text;
	for (; *text != '\0'; text++)
		if (strncmp(text, "\xc4\x90", 2) == 0 ||
		    strncmp(text, "\xc4\x91", 2) == 0) {
			*out++ = text[1] == '\x90' ? 'D' : 'd';
			text++;
		} else {
			*out++ = *text;
		}
	*out = '\0';
}

const char *
ascii_from(struct arena *arena, const char *text)
{
	char *bare = arena_strdup(arena, text);
	if (bare == NULL)
		return NULL;
	put_d(bare);
	char *plain = g_str_to_ascii(bare, "C");
	const char *copy = arena_strdup(arena, plain);
	g_free(plain);
	return copy;
}
