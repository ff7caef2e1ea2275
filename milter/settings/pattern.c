/* pattern.c: which address or login is meant. */
#include "bulkwatch/pattern.h"

#include <string.h>

#include "bulkwatch/text.h"
#include "names.h"

/* RFC 5321 section 4.5.3.1: 64 for the local part and 255 for the domain. */
#define PATTERN_MAX 320

static const char forms[] =
    "write user@domain, *@domain, @.sub.domain (it and all below), * "
    "(everyone), or a login without a domain";

static char
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Not strcasecmp: what it does depends on the locale. */
static bool
same(const char *a, const char *b)
{
	while (*a != '\0' && fold(*a) == fold(*b)) {
		a++;
		b++;
	}
	return fold(*a) == fold(*b);
}

static bool
form_is_known(const char *text)
{
	if (strcmp(text, "*") == 0)
		return true;
	if (strncmp(text, "*@", 2) == 0)
		return name_is_domain(text + 2);
	if (strncmp(text, "@.", 2) == 0)
		return name_is_domain(text + 2);
	const char *at = strrchr(text, '@');
	if (at == NULL)
		return name_is_local_part(text, strlen(text));
	return name_is_local_part(text, (size_t)(at - text)) &&
	       name_is_domain(at + 1);
}

int
pattern_parse(struct arena *arena, const char *text, const char **pattern_r,
    struct err *err)
{
	size_t length = strlen(text);
	if (length == 0)
		return err_set(err, "is empty; %s", forms);
	if (!text_is_clean(text, length))
		return err_set(err,
		    "holds a control character or a byte that is not UTF-8; "
		    "%s",
		    forms);
	if (length > PATTERN_MAX)
		return err_set(
		    err, "is longer than %d bytes; %s", PATTERN_MAX, forms);
	if (!form_is_known(text))
		return err_set(err, "\"%s\" is not a pattern; %s", text, forms);
	char *pattern = arena_strdup(arena, text);
	if (pattern == NULL)
		return err_set(err, "out of memory");
	text_lower(pattern);
	*pattern_r = pattern;
	return 0;
}

bool
pattern_match(const char *pattern, const char *name)
{
	if (strcmp(pattern, "*") == 0)
		return true;
	bool at_domain = strncmp(pattern, "*@", 2) == 0;
	bool at_or_below = strncmp(pattern, "@.", 2) == 0;
	if (!at_domain && !at_or_below)
		return same(pattern, name);
	const char *at = strrchr(name, '@');
	if (at == NULL)
		return false;
	const char *wanted = pattern + 2, *domain = at + 1;
	if (same(wanted, domain))
		return true;
	size_t n = strlen(wanted), length = strlen(domain);
	return at_or_below && length > n + 1 && domain[length - n - 1] == '.' &&
	       same(wanted, domain + length - n);
}

bool
pattern_list_match(const struct pattern_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (pattern_match(list->items[i], name))
			return true;
	return false;
}
