/* values.c: checks of the texts in the settings. */
#include "values.h"

#include <ctype.h>
#include <string.h>

#include "bulkwatch/text.h"
#include "names.h"

#define PATH_LENGTH_MAX 4000 /* room for the suffixes that we put behind */
#define USER_LENGTH_MAX 32   /* useradd(8) */
#define RULE_NAME_MAX 40
#define REMARK_MAX 500
#define REPLY_MAX 900 /* what reply.h makes lines of */

static int
keep(struct arena *arena, const char *text, const char **value_r,
    struct err *err)
{
	const char *copy = arena_strdup(arena, text);
	if (copy == NULL)
		return err_set(err, "out of memory");
	*value_r = copy;
	return 0;
}

/* True if every byte is an ASCII letter, a digit or one of others. */
static bool
is_made_of(const char *text, const char *others)
{
	for (; *text != '\0'; text++)
		if (!((*text >= 'a' && *text <= 'z') ||
			(*text >= 'A' && *text <= 'Z') ||
			(*text >= '0' && *text <= '9') ||
			strchr(others, *text) != NULL))
			return false;
	return true;
}

int
value_path(struct arena *arena, const char *text, const char **value_r,
    struct err *err)
{
	size_t length = strlen(text);
	if (text[0] != '/')
		return err_set(err,
		    "is \"%.100s\"; write a whole path that begins with /",
		    text);
	if (text[length - 1] == '/')
		return err_set(err, "ends in /; write the path without it");
	if (length > PATH_LENGTH_MAX)
		return err_set(err, "is longer than %d bytes", PATH_LENGTH_MAX);
	return keep(arena, text, value_r, err);
}

int
value_user(struct arena *arena, const char *text, const char **value_r,
    struct err *err)
{
	size_t length = strlen(text);
	if (length == 0 || length > USER_LENGTH_MAX || text[0] == '-' ||
	    !is_made_of(text, "._-"))
		return err_set(err,
		    "is \"%.100s\"; write the name of a user of this machine, "
		    "such as \"bulkwatch\"",
		    text);
	return keep(arena, text, value_r, err);
}

int
value_domain(struct arena *arena, const char *text, const char **value_r,
    struct err *err)
{
	char *domain = arena_strdup(arena, text);
	if (domain == NULL)
		return err_set(err, "out of memory");
	size_t length = strlen(domain);
	if (length > 1 && domain[length - 1] == '.')
		domain[length - 1] = '\0';
	if (!name_is_domain(domain))
		return err_set(err,
		    "\"%.100s\" is not a domain; write it without @ or *, such "
		    "as \"example.gov.vn\"",
		    text);
	text_lower(domain);
	*value_r = domain;
	return 0;
}

int
value_address(struct arena *arena, const char *text, const char **value_r,
    struct err *err)
{
	if (!name_is_address(text))
		return err_set(err,
		    "\"%.100s\" is not an address; write it bare and in ASCII, "
		    "such as \"postmaster@example.gov.vn\"",
		    text);
	return keep(arena, text, value_r, err);
}

int
value_language(struct arena *arena, const char *text, const char **value_r,
    struct err *err)
{
	if (strcmp(text, "vi") != 0 && strcmp(text, "en") != 0)
		return err_set(err,
		    "is \"%.100s\"; write \"vi\" (Vietnamese) or \"en\" "
		    "(English)",
		    text);
	return keep(arena, text, value_r, err);
}

int
value_minute(const char *text, int *minute_r)
{
	static const char form[] = "dd:dd";
	if (text[0] == '\0') {
		*minute_r = -1;
		return 0;
	}
	if (strlen(text) != sizeof(form) - 1)
		return -1;
	for (size_t i = 0; form[i] != '\0'; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)text[i])
				   : text[i] != form[i])
			return -1;
	int hour = (text[0] - '0') * 10 + (text[1] - '0');
	int minute = (text[3] - '0') * 10 + (text[4] - '0');
	if (hour > 23 || minute > 59)
		return -1;
	*minute_r = hour * 60 + minute;
	return 0;
}

int
value_remark(struct arena *arena, const char *text, const char **value_r,
    struct err *err)
{
	if (strlen(text) > REMARK_MAX)
		return err_set(
		    err, "is longer than %d bytes; write one line", REMARK_MAX);
	return keep(arena, text, value_r, err);
}

int
value_rule_name(struct arena *arena, const char *text, const char **value_r,
    struct err *err)
{
	size_t length = strlen(text);
	if (length == 0 || length > RULE_NAME_MAX || !is_made_of(text, "_.-"))
		return err_set(err,
		    "is \"%.100s\"; write 1 to %d letters, digits, dots, - or "
		    "_, such as \"message\"",
		    text, RULE_NAME_MAX);
	return keep(arena, text, value_r, err);
}

int
value_reply(struct arena *arena, const char *text, const char **value_r,
    struct err *err)
{
	size_t length = strlen(text);
	/* An SMTP reply is ASCII (RFC 5321 section 4.2). */
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			return err_set(err,
			    "has letters outside ASCII, which an SMTP reply "
			    "cannot carry; write it without");
	if (length == 0 || length > REPLY_MAX)
		return err_set(err, "must have 1 to %d characters", REPLY_MAX);
	return keep(arena, text, value_r, err);
}
