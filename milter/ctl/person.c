/* person.c: what an admin writes. */
#include "person.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bulkwatch/text.h"

/* The first thing in text that cannot be kept, as text_clean shows it: "\xFF"
 * or "\u{1B}". */
static const char *
first_fault(struct arena *arena, const char *text, size_t length)
{
	const char *clean = text_clean(arena, text, length);
	size_t same = 0;
	while (clean != NULL && clean[same] == text[same])
		same++;
	if (clean == NULL)
		return "";
	const char *at = clean + same;
	size_t width = at[1] == 'x' ? strlen("\\xFF") : strcspn(at, "}") + 1;
	return arena_strndup(arena, at, width);
}

int
person_text(struct ctl *ctl, const char *what, const char *text, size_t most,
    const char **text_r)
{
	text += strspn(text, " ");
	size_t length = strlen(text);
	while (length > 0 && text[length - 1] == ' ')
		length--;
	if (length == 0) {
		ctl_misused(ctl, "%s is empty", what);
		return -1;
	}
	if (length > most) {
		ctl_misused(ctl,
		    "%s has %zu bytes; at most %zu are kept: write it shorter",
		    what, length, most);
		return -1;
	}
	if (!text_is_clean(text, length)) {
		ctl_misused(ctl,
		    "%s holds %s; write it as plain text in UTF-8, on one line",
		    what, first_fault(ctl->arena, text, length));
		return -1;
	}
	*text_r = arena_strndup(ctl->arena, text, length);
	if (*text_r == NULL)
		ctl_fail(ctl, "memory is out");
	return *text_r == NULL ? -1 : 0;
}

int
person_name(struct ctl *ctl, const char *given, const char **name_r)
{
	static const char *const variables[] = {"SUDO_USER", "USER"};
	if (given != NULL)
		return person_text(ctl, "--by", given, PERSON_NAME_MAX, name_r);
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *name = getenv(variables[i]);
		if (name != NULL && name[0] != '\0')
			return person_text(
			    ctl, variables[i], name, PERSON_NAME_MAX, name_r);
	}
	const struct passwd *entry = getpwuid(getuid());
	const char *name = entry != NULL ? entry->pw_name
					 : arena_printf(ctl->arena, "uid %u",
					       (unsigned)getuid());
	return person_text(
	    ctl, "the user's name", name, PERSON_NAME_MAX, name_r);
}
