/* reply.c: what a sender is told when mail is deferred or rejected. */
#include "reply.h"

#include <string.h>

#include "bulkwatch/ascii.h"

/* An SMTP reply is ASCII (RFC 5321 section 4.2): Vietnamese goes without its
 * marks, as people write it where they must. */
static const struct {
	const char *vietnamese, *english;
} texts[] = {
    [ACTION_DEFER] =
	{"Thu nay gui cho nhieu nguoi nhan nen tam hoan; may chu se nhan khi "
	 "gui lai sau.",
	    "This mail goes to many recipients and has to wait; it will be "
	    "taken when it is sent again later."},
    [ACTION_REJECT] = {"Thu nay gui cho nhieu nguoi nhan ma chua bao cao nen "
		       "khong duoc gui.",
	"This mail goes to many recipients and was not reported, so it is not "
	"sent."},
};

/* Longest piece of text that fits a line: up to the last space before the end,
 * or cut where there is none. */
static size_t
piece_length(const char *text)
{
	size_t length = 0, bytes = 0, at_space = 0;
	for (; text[length] != '\0' && bytes < REPLY_LINE_BYTES; length++) {
		if (text[length] == ' ')
			at_space = length;
		bytes += text[length] == '%' ? 2 : 1;
	}
	if (text[length] == '\0' || text[length] == ' ' || at_space == 0)
		return length;
	return at_space;
}

static char *
make_line(struct arena *arena, const char *text, size_t length)
{
	char *line = arena_alloc(arena, 2 * length + 1);
	char *out = line;
	for (size_t i = 0; line != NULL && i < length; i++) {
		if (text[i] == '%')
			*out++ = '%';
		*out++ = text[i];
	}
	return line;
}

/* Adds the text's lines behind the n that are there. Returns how many there are
 * then, or -1. */
static int
add_lines(struct arena *arena, const char *text, char **lines, int n)
{
	text += strspn(text, " ");
	while (*text != '\0' && n < REPLY_LINES_MAX) {
		size_t length = piece_length(text);
		if ((lines[n++] = make_line(arena, text, length)) == NULL)
			return -1;
		text += length;
		text += strspn(text, " ");
	}
	lines[n] = NULL;
	return n;
}

/* "Text. Report to: contact" in one of the languages. */
static const char *
own_text(struct arena *arena, const char *text, const char *report,
    const char *contact)
{
	return contact[0] == '\0'
		   ? text
		   : arena_printf(arena, "%s %s: %s", text, report, contact);
}

int
reply_lines(struct arena *arena, const struct rule *rule, enum action action,
    const char *contact, char *lines_r[REPLY_LINES_MAX + 1])
{
	lines_r[0] = NULL;
	if (rule->reply != NULL)
		return add_lines(arena, rule->reply, lines_r, 0) < 0 ? -1 : 0;
	const char *plain = ascii_from(arena, contact);
	if (plain == NULL)
		return -1;
	const char *first = own_text(
	    arena, texts[action].vietnamese, "Xin bao cao voi", plain);
	const char *second = own_text(
	    arena, texts[action].english, "Please report it to", plain);
	if (first == NULL || second == NULL)
		return -1;
	int n = add_lines(arena, first, lines_r, 0);
	return n < 0 || add_lines(arena, second, lines_r, n) < 0 ? -1 : 0;
}
