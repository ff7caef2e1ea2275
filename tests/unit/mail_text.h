/*
 * mail_text.h: reading composed mail back, for the tests of what writes it.
 * Everything is kept in an arena. What is not as it should be fails the test.
 */
#ifndef BULKWATCH_TESTS_MAIL_TEXT_H
#define BULKWATCH_TESTS_MAIL_TEXT_H

#include <string.h>
#include <strings.h>

#include "bulkwatch/arena.h"

static inline const char *
mail_body(const char *mail)
{
	const char *end = strstr(mail, "\r\n\r\n");
	assert_non_null(end);
	return end + 4;
}

/* The value of the last header of that name, still folded, and how many there
 * are. */
static inline const char *
mail_find(struct arena *arena, const char *mail, const char *name, int *found_r)
{
	const char *end = mail_body(mail) - 2, *value = "";
	*found_r = 0;
	for (const char *line = mail; line < end;) {
		const char *next = strstr(line, "\r\n") + 2;
		while (*next == ' ' || *next == '\t')
			next = strstr(next, "\r\n") + 2;
		size_t n = strlen(name);
		if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
			(*found_r)++;
			line += n + 1 + (line[n + 1] == ' ');
			value = arena_strndup(
			    arena, line, (size_t)(next - line) - 2);
		}
		line = next;
	}
	return value;
}

/* The value of the only header of that name. */
static inline const char *
mail_header(struct arena *arena, const char *mail, const char *name)
{
	int found;
	const char *value = mail_find(arena, mail, name, &found);
	if (found != 1)
		fail_msg("%d headers %s in:\n%s", found, name, mail);
	return value;
}

static inline int
mail_hex(char c)
{
	return c >= 'A' ? c - 'A' + 10 : c - '0';
}

/* The body decoded (7bit or quoted-printable), with \n line ends. */
static inline const char *
mail_text(struct arena *arena, const char *mail)
{
	const char *p = mail_body(mail);
	const char *encoding =
	    mail_header(arena, mail, "Content-Transfer-Encoding");
	const int quoted = strcmp(encoding, "quoted-printable") == 0;
	assert_true(quoted || strcmp(encoding, "7bit") == 0);
	char *text = arena_strdup(arena, p), *out = text;
	for (; *p != '\0'; p++) {
		if (*p == '\r')
			continue;
		if (*p != '=' || !quoted) {
			*out++ = *p;
		} else if (p[1] == '\r') {
			p += 2;
		} else {
			*out++ = (char)(mail_hex(p[1]) << 4 | mail_hex(p[2]));
			p += 2;
		}
	}
	*out = '\0';
	return text;
}

#endif
