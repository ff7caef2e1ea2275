/* words.c: RFC 2047 words, decoded by GMime, with what it cannot do itself. */
#include "words.h"

#include <gmime/gmime.h>
#include <iconv.h>
#include <stdbool.h>
#include <string.h>

/* A word in base64: "=?charset?B?text?=". */
struct word {
	const char *charset, *text, *end;
	size_t charset_length, text_length;
};

static bool
read_base64_word(const char *p, struct word *word_r)
{
	if (strncmp(p, "=?", 2) != 0)
		return false;
	const char *charset = p + 2;
	size_t length = strcspn(charset, "? ");
	const char *text = charset + length;
	if (length == 0 || g_ascii_strncasecmp(text, "?B?", 3) != 0)
		return false;
	text += 3;
	size_t text_length = strcspn(text, "? ");
	if (strncmp(text + text_length, "?=", 2) != 0)
		return false;
	*word_r = (struct word){
	    charset, text, text + text_length + 2, length, text_length};
	return true;
}

/* The next word, if it goes on where this one ends: only spaces between (RFC
 * 2047 section 6.2) and the same charset. */
static bool
read_continuation(const struct word *word, struct word *next_r)
{
	return read_base64_word(word->end + strspn(word->end, " "), next_r) &&
	       next_r->charset_length == word->charset_length &&
	       g_ascii_strncasecmp(
		   next_r->charset, word->charset, word->charset_length) == 0;
}

/* Decoding of base64 over several words. */
struct base64 {
	GByteArray *bytes;
	gint state;
	guint save;
};

static void
feed(struct base64 *base64, const char *text, size_t length)
{
	guint before = base64->bytes->len;
	g_byte_array_set_size(base64->bytes, before + (guint)length + 3);
	gsize n = g_base64_decode_step(text, length,
	    base64->bytes->data + before, &base64->state, &base64->save);
	g_byte_array_set_size(base64->bytes, before + (guint)n);
}

/* Appends the word and those that continue it as a single one. Returns where
 * the last of them ends. */
static const char *
append_joined(GString *joined, struct word word)
{
	struct base64 base64 = {g_byte_array_new(), 0, 0};
	g_string_append_printf(
	    joined, "=?%.*s?B?", (int)word.charset_length, word.charset);
	feed(&base64, word.text, word.text_length);
	for (struct word next; read_continuation(&word, &next); word = next)
		feed(&base64, next.text, next.text_length);
	/* Two or three characters of the last four, and no padding. */
	int left = ABS(base64.state);
	if (left >= 2)
		feed(&base64, "==", (size_t)(4 - left));
	char *text = g_base64_encode(base64.bytes->data, base64.bytes->len);
	g_string_append(joined, text);
	g_string_append(joined, "?=");
	g_free(text);
	g_byte_array_free(base64.bytes, TRUE);
	return word.end;
}

/* True if the encoded word whose "=?" is at word names a charset that can be
 * turned into UTF-8. */
static bool
is_known_charset(const char *word)
{
	char name[64];
	/* "*" begins the language of RFC 2231 section 5. */
	size_t length = strcspn(word + 2, "?* ");
	if (length == 0 || length >= sizeof(name))
		return false;
	memcpy(name, word + 2, length);
	name[length] = '\0';
	iconv_t conversion = g_mime_iconv_open("UTF-8", name);
	if (conversion == (iconv_t)-1)
		return false;
	g_mime_iconv_close(conversion);
	return true;
}

/*
 * The line with neighbouring base64 words of one charset made one. GMime
 * 3.2.13, which Debian 12 has, loses all that follows a word with padding (its
 * bug 133), and the last bytes of one whose padding is missing.
 */
static GString *
join(const char *line)
{
	GString *joined = g_string_new(NULL);
	struct word word;
	while (*line != '\0') {
		if (read_base64_word(line, &word) && is_known_charset(line))
			line = append_joined(joined, word);
		else
			g_string_append_c(joined, *line++);
	}
	return joined;
}

/* The first encoded word in an unknown charset: GMime would turn what it
 * cannot read into question marks. NULL if there is none. */
static const char *
find_unknown(const char *text)
{
	const char *word = strstr(text, "=?");
	while (word != NULL && is_known_charset(word))
		word = strstr(word + 2, "=?");
	return word;
}

GString *
words_decode(const char *line)
{
	GString *joined = join(line);
	GString *decoded = g_string_new(NULL);
	for (char *text = joined->str; *text != '\0';) {
		const char *unknown = find_unknown(text);
		size_t before =
		    unknown == NULL ? strlen(text) : (size_t)(unknown - text);
		char kept = text[before];
		text[before] = '\0';
		char *piece = g_mime_utils_header_decode_text(NULL, text);
		g_string_append(decoded, piece);
		g_free(piece);
		text[before] = kept;
		text += before;
		/* Up to the end of the unknown word, at least its "=?". */
		size_t word = kept == '\0' ? 0 : 2 + strcspn(text + 2, " ");
		g_string_append_len(decoded, text, (gssize)word);
		text += word;
	}
	g_string_free(joined, TRUE);
	return decoded;
}
