/* compose.c: our own mail as bytes to send. */
#include "bulkwatch/compose.h"

#include <gmime/gmime.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bulkwatch/address.h"

/* RFC 5322 section 2.1.1, without the line end. */
#define LINE_MAX_BYTES 998

/* Longer plain words are encoded too: they cannot be folded. */
#define WORD_MAX_BYTES 60

/* 45 bytes make 60 of base64; with "=?UTF-8?B?" and "?=" that is 72, and RFC
 * 2047 section 2 allows 75. */
#define ENCODED_BYTES 45

/* ------------------------------------------------- what we were asked for */

/* A token that can neither end its line nor leave its angle brackets. */
static bool
is_token(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f || *p == '<' || *p == '>')
			return false;
	return strlen(text) < LINE_MAX_BYTES - 20;
}

static int
check_list(const struct text_list *addresses, struct err *err)
{
	for (size_t i = 0; i < addresses->n; i++)
		if (!address_is_sound(addresses->items[i]))
			return err_set(err, "%s is no address to send to",
			    addresses->items[i]);
	return 0;
}

static int
check(const struct outgoing *outgoing, struct err *err)
{
	if (!address_is_sound(outgoing->from))
		return err_set(
		    err, "%s is no address to send from", outgoing->from);
	if (outgoing->to->n == 0)
		return err_set(err, "the mail has no recipient");
	if (check_list(outgoing->to, err) < 0 ||
	    (outgoing->reply_to != NULL &&
		check_list(outgoing->reply_to, err) < 0))
		return -1;
	if (outgoing->message_id[0] == '\0' ||
	    !is_token(outgoing->message_id) ||
	    !is_token(outgoing->in_reply_to) || !is_token(outgoing->nonce))
		return err_set(
		    err, "a Message-ID or nonce of the mail is not plain text");
	return 0;
}

/* -------------------------------------------------------------- headers */

/* A copy on one line: what would end a header line, or act in one, becomes a
 * space. The caller frees it with g_free. */
static char *
one_line(const char *text)
{
	char *line = g_strdup(text);
	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	return line;
}

/* True if GMime may write the text as it stands and fold it at its spaces.
 * "=?" would be read as an encoded word. */
static bool
is_plain(const char *line)
{
	size_t word = 0;
	for (const char *p = line; *p != '\0'; p++) {
		word = *p == ' ' ? 0 : word + 1;
		if (*p < ' ' || *p >= 0x7f || word > WORD_MAX_BYTES)
			return false;
	}
	return strstr(line, "=?") == NULL;
}

/* Bytes of the next encoded word: whole characters, ENCODED_BYTES or less. If
 * it can be had a multiple of three, which needs no padding: readers built on
 * GMime 3.2.13 show nothing after a padded word (words.c). */
static size_t
piece_length(const char *text)
{
	size_t most = strnlen(text, ENCODED_BYTES), whole = 0;
	for (size_t length = most; length > 0; length--) {
		if (((unsigned char)text[length] & 0xc0) == 0x80)
			continue;
		if (length % 3 == 0 || text[length] == '\0')
			return length;
		if (whole == 0)
			whole = length;
	}
	return whole > 0 ? whole : most;
}

/*
 * The text as RFC 2047 words, one a line, with the space before each that
 * makes it a continuation. GMime's own encoder puts a long word of
 * non-ASCII letters into one encoded word of any length (3.2.13 made 177 bytes
 * of 40 Vietnamese letters), where RFC 2047 ends at 75.
 */
static GString *
encoded_words(const char *line)
{
	GString *words = g_string_new(NULL);
	while (*line != '\0') {
		size_t length = piece_length(line);
		char *base64 = g_base64_encode((const guchar *)line, length);
		g_string_append_printf(words,
		    "%s =?UTF-8?B?%s?=", words->len > 0 ? "\n" : "", base64);
		g_free(base64);
		line += length;
	}
	return words;
}

/* Sets a header whose value is written already, folding included. */
static void
set_raw(GMimeMessage *message, const char *name, GString *value)
{
	GMimeHeaderList *headers =
	    g_mime_object_get_header_list(GMIME_OBJECT(message));
	g_mime_header_list_set(headers, name, "", NULL);
	g_string_append_c(value, '\n');
	g_mime_header_set_raw_value(
	    g_mime_header_list_get_header(headers, name), value->str);
	g_string_free(value, TRUE);
}

static void
set_header(GMimeMessage *message, const char *name, const char *value)
{
	g_mime_object_set_header(GMIME_OBJECT(message), name, value, NULL);
}

static void
set_from(GMimeMessage *message, const struct outgoing *outgoing)
{
	char *name = one_line(outgoing->from_name);
	if (is_plain(name)) {
		g_mime_message_add_mailbox(message, GMIME_ADDRESS_TYPE_FROM,
		    name[0] == '\0' ? NULL : name, outgoing->from);
	} else {
		GString *value = encoded_words(name);
		g_string_append_printf(value, "\n <%s>", outgoing->from);
		set_raw(message, "From", value);
	}
	g_free(name);
}

static void
set_subject(GMimeMessage *message, const char *subject)
{
	char *line = one_line(subject);
	if (is_plain(line))
		g_mime_message_set_subject(message, line, NULL);
	else
		set_raw(message, "Subject", encoded_words(line));
	g_free(line);
}

static void
set_date(GMimeMessage *message, long long at_ms)
{
	GDateTime *date = g_date_time_new_from_unix_local(at_ms / 1000);
	if (date == NULL) /* beyond the year 9999 */
		date = g_date_time_new_now_local();
	g_mime_message_set_date(message, date);
	g_date_time_unref(date);
}

static void
set_references(GMimeMessage *message, const char *in_reply_to)
{
	if (in_reply_to[0] == '\0')
		return;
	char *value = g_strdup_printf("<%s>", in_reply_to);
	set_header(message, "In-Reply-To", value);
	set_header(message, "References", value);
	g_free(value);
}

static void
set_list(GMimeMessage *message, GMimeAddressType type,
    const struct text_list *addresses)
{
	for (size_t i = 0; i < addresses->n; i++)
		g_mime_message_add_mailbox(
		    message, type, NULL, addresses->items[i]);
}

static void
set_headers(GMimeMessage *message, const struct outgoing *outgoing)
{
	set_from(message, outgoing);
	set_list(message, GMIME_ADDRESS_TYPE_TO, outgoing->to);
	if (outgoing->reply_to != NULL)
		set_list(
		    message, GMIME_ADDRESS_TYPE_REPLY_TO, outgoing->reply_to);
	set_subject(message, outgoing->subject);
	set_date(message, outgoing->at_ms);
	g_mime_message_set_message_id(message, outgoing->message_id);
	set_references(message, outgoing->in_reply_to);
	/* RFC 3834: no vacation mail or other machine shall answer. */
	set_header(message, "Auto-Submitted", "auto-generated");
	if (outgoing->nonce[0] != '\0')
		set_header(message, OWN_HEADER, outgoing->nonce);
}

/* ----------------------------------------------------------------- body */

/* 7bit where the text is plain in short lines, so that it can be read and
 * searched as it stands; else quoted-printable, which any server carries. */
static GMimeContentEncoding
encoding_of(const char *body)
{
	size_t line = 0;
	for (const char *p = body; *p != '\0'; p++) {
		line = *p == '\n' ? 0 : line + 1;
		if ((*p < ' ' && *p != '\n' && *p != '\t') || *p >= 0x7f ||
		    line > LINE_MAX_BYTES)
			return GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
	}
	return GMIME_CONTENT_ENCODING_7BIT;
}

static void
set_body(GMimeMessage *message, const char *text)
{
	/* Line ends are made by GMime; a template may have been written with
	 * CRLF. */
	GString *body = g_string_new(text);
	g_string_replace(body, "\r", "", 0);
	if (body->len == 0 || body->str[body->len - 1] != '\n')
		g_string_append_c(body, '\n');
	GMimePart *part = g_mime_part_new_with_type("text", "plain");
	g_mime_object_set_content_type_parameter(
	    GMIME_OBJECT(part), "charset", "utf-8");
	GMimeStream *stream =
	    g_mime_stream_mem_new_with_buffer(body->str, body->len);
	GMimeDataWrapper *content = g_mime_data_wrapper_new_with_stream(
	    stream, GMIME_CONTENT_ENCODING_DEFAULT);
	g_mime_part_set_content(part, content);
	g_mime_part_set_content_encoding(part, encoding_of(body->str));
	g_mime_message_set_mime_part(message, GMIME_OBJECT(part));
	g_object_unref(content);
	g_object_unref(stream);
	g_object_unref(part);
	g_string_free(body, TRUE);
}

/* ----------------------------------------------------------------- whole */

/* The message with CRLF line ends and a NUL; NULL when memory is out. */
static char *
written(GMimeMessage *message, size_t *length_r)
{
	GMimeFormatOptions *options = g_mime_format_options_new();
	g_mime_format_options_set_newline_format(
	    options, GMIME_NEWLINE_FORMAT_DOS);
	GMimeStream *stream = g_mime_stream_mem_new();
	g_mime_object_write_to_stream(GMIME_OBJECT(message), options, stream);
	GByteArray *bytes =
	    g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
	char *mail = malloc(bytes->len + 1);
	if (mail != NULL) {
		memcpy(mail, bytes->data, bytes->len);
		mail[bytes->len] = '\0';
		*length_r = bytes->len;
	}
	g_object_unref(stream);
	g_mime_format_options_free(options);
	return mail;
}

int
compose_mail(const struct outgoing *outgoing, char **mail_r, size_t *length_r,
    struct err *err)
{
	if (check(outgoing, err) < 0)
		return -1;
	GMimeMessage *message = g_mime_message_new(FALSE);
	set_headers(message, outgoing);
	set_body(message, outgoing->body);
	char *mail = written(message, length_r);
	g_object_unref(message);
	if (mail == NULL)
		return err_set(err, "no memory for the mail");
	*mail_r = mail;
	return 0;
}
