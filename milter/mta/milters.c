/* milters.c: a list of milters as Postfix writes it. */
#include "milters.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What stands between entries, and in a group between its parts. */
static const char between[] = ", \t\r\n";

/*
 * The next part: up to what stands between, but not within braces. Postfix
 * takes lists apart the same way (mystrtokq). Returns its length, 0 at the
 * end, or -1 if its braces do not close; *text is moved to its begin.
 */
static long
next_part(const char **text)
{
	*text += strspn(*text, between);
	const char *p = *text;
	int depth = 0;
	for (; *p != '\0' && (depth > 0 || strchr(between, *p) == NULL); p++)
		if (*p == '{')
			depth++;
		else if (*p == '}' && --depth < 0)
			return -1;
	return depth == 0 ? p - *text : -1;
}

/* What is between the braces of "{ … }", without blanks around it. */
static const char *
inside(struct arena *arena, const char *text, size_t length)
{
	const char *begin = text + 1, *end = text + length - 1;
	while (begin < end && isspace((unsigned char)*begin))
		begin++;
	while (end > begin && isspace((unsigned char)end[-1]))
		end--;
	return arena_strndup(arena, begin, (size_t)(end - begin));
}

static bool
is_group(const char *text, size_t length)
{
	return length >= 2 && text[0] == '{' && text[length - 1] == '}';
}

/* name=value, or { name = value }. */
static int
add_attribute(struct arena *arena, struct milter *milter, const char *text,
    struct err *err)
{
	size_t length = strlen(text);
	if (is_group(text, length))
		text = inside(arena, text, length);
	if (text == NULL)
		return err_set(err, "out of memory");
	/* Postfix will not start with it: not ours to judge. */
	const char *equals = strchr(text, '=');
	if (equals == NULL || equals == text)
		return 0;
	size_t end = (size_t)(equals - text);
	while (end > 0 && isspace((unsigned char)text[end - 1]))
		end--;
	equals++;
	equals += strspn(equals, " \t");
	const char *name = arena_strndup(arena, text, end);
	if (name == NULL || milters_set_attribute(milter, name, equals) < 0)
		return err_set(
		    err, "\"%.200s\" has too many settings", milter->written);
	return 0;
}

static int
parse_group(struct arena *arena, struct milter *milter, struct err *err)
{
	const char *rest =
	    inside(arena, milter->written, strlen(milter->written));
	bool first = true;
	for (long length; rest != NULL; rest += length, first = false) {
		length = next_part(&rest);
		if (length < 0)
			return err_set(err, "braces do not close in \"%.200s\"",
			    milter->written);
		if (length == 0)
			return 0;
		const char *part = arena_strndup(arena, rest, (size_t)length);
		if (part == NULL)
			break;
		if (first)
			milter->endpoint = part;
		else if (add_attribute(arena, milter, part, err) < 0)
			return -1;
	}
	return err_set(err, "out of memory");
}

int
milters_parse(struct arena *arena, const char *text, struct milter_list *list_r,
    struct err *err)
{
	list_r->n = 0;
	for (long length;; text += length) {
		length = next_part(&text);
		if (length == 0)
			return 0;
		if (length < 0)
			return err_set(
			    err, "braces do not close in \"%.200s\"", text);
		if (list_r->n == MILTERS_MAX)
			return err_set(
			    err, "more than %d milters", MILTERS_MAX);
		struct milter *m = &list_r->items[list_r->n++];
		const char *written =
		    arena_strndup(arena, text, (size_t)length);
		if (written == NULL)
			return err_set(err, "out of memory");
		*m = (struct milter){.written = written, .endpoint = written};
		if (is_group(written, (size_t)length) &&
		    parse_group(arena, m, err) < 0)
			return -1;
	}
}

const char *
milters_reference(struct arena *arena, const char *written)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	if (written[0] != '$')
		return NULL;
	const char *name = written + 1;
	const char *closing = *name == '{' ? "}" : *name == '(' ? ")" : "";
	name += closing[0] != '\0';
	size_t length = strspn(name, letters);
	if (length == 0 || strcmp(name + length, closing) != 0)
		return NULL;
	return arena_strndup(arena, name, length);
}

const char *
milters_attribute(const struct milter *milter, const char *name)
{
	for (size_t i = 0; i < milter->attributes_n; i++)
		if (strcmp(milter->attributes[i].name, name) == 0)
			return milter->attributes[i].value;
	return NULL;
}

int
milters_set_attribute(
    struct milter *milter, const char *name, const char *value)
{
	size_t i = 0;
	while (i < milter->attributes_n &&
	       strcmp(milter->attributes[i].name, name) != 0)
		i++;
	if (i == MILTER_ATTRIBUTES_MAX)
		return -1;
	milter->attributes[i] = (struct milter_attribute){name, value};
	if (i == milter->attributes_n)
		milter->attributes_n++;
	return 0;
}

/* A value with blanks or commas must stand in braces of its own. */
const char *
milters_write(struct arena *arena, const struct milter *milter)
{
	const char *text = milter->endpoint;
	for (size_t i = 0; i < milter->attributes_n && text != NULL; i++) {
		const struct milter_attribute *a = &milter->attributes[i];
		bool plain = strpbrk(a->value, between) == NULL;
		text = arena_printf(arena, plain ? "%s, %s=%s" : "%s, {%s=%s}",
		    text, a->name, a->value);
	}
	if (text == NULL || milter->attributes_n == 0)
		return text;
	return arena_printf(arena, "{ %s }", text);
}

const char *
milters_write_tight(
    struct arena *arena, const struct milter *milter, const char *endpoint)
{
	const char *text = endpoint;
	for (size_t i = 0; i < milter->attributes_n && text != NULL; i++) {
		const struct milter_attribute *a = &milter->attributes[i];
		bool plain = strpbrk(a->value, between) == NULL;
		text = arena_printf(arena, plain ? "%s,%s=%s" : "%s,{%s=%s}",
		    text, a->name, a->value);
	}
	if (text == NULL || milter->attributes_n == 0)
		return text;
	return arena_printf(arena, "{%s}", text);
}

long
milters_seconds(const char *text)
{
	static const struct {
		const char *unit;
		long secs;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400},
	    {"w", 604800}};
	char *end;
	if (!isdigit((unsigned char)text[0]))
		return -1;
	long number = strtol(text, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].unit) == 0)
			return number > LONG_MAX / units[i].secs
				   ? LONG_MAX
				   : number * units[i].secs;
	return -1;
}
