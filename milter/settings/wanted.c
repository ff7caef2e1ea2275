/* wanted.c: what would be right, in words, out of the table of keys. */
#include "wanted.h"

#include <libconfig.h>
#include <stdio.h>
#include <string.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/text.h"

#define KEYS_MAX 31

const char *
wanted_type_name(int type)
{
	static const char *const names[] = {
	    [CONFIG_TYPE_GROUP] = "a group",
	    [CONFIG_TYPE_INT] = "a number",
	    [CONFIG_TYPE_INT64] = "a number",
	    [CONFIG_TYPE_FLOAT] = "a number with a fraction",
	    [CONFIG_TYPE_STRING] = "a text in quotes",
	    [CONFIG_TYPE_BOOL] = "true or false",
	    [CONFIG_TYPE_ARRAY] = "a list",
	    [CONFIG_TYPE_LIST] = "a list",
	};
	size_t n = sizeof(names) / sizeof(names[0]);
	if (type < 0 || (size_t)type >= n || names[type] == NULL)
		return "something else";
	return names[type];
}

const struct key *
wanted_key(const struct key *keys, const char *name)
{
	for (; keys->name != NULL; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

/* Appends words with commas between, each in quotes if quote is "\"". */
static void
append_words(char text[WANTED_MAX], const char *const *words, const char *quote)
{
	for (size_t i = 0; words[i] != NULL; i++) {
		size_t used = strlen(text);
		snprintf(text + used, WANTED_MAX - used, "%s%s%s%s",
		    i == 0 ? "" : ", ", quote, words[i], quote);
	}
}

static void
duration_text(const struct key *key, char text_r[WANTED_MAX])
{
	char least[CLOCK_DURATION_MAX], most[CLOCK_DURATION_MAX];
	clock_duration_text(key->least, least);
	clock_duration_text(key->most, most);
	snprintf(text_r, WANTED_MAX,
	    "write a duration in quotes from \"%s\" to \"%s\", such as %s",
	    least, most, key->example != NULL ? key->example : key->preset);
}

void
wanted_text(const struct key *key, char text_r[WANTED_MAX])
{
	const char *example = key->example != NULL ? key->example : key->preset;
	switch (key->kind) {
	case KIND_GROUP:
		snprintf(text_r, WANTED_MAX, "write a group: %s: { ... };",
		    key->name);
		break;
	case KIND_FLAG:
		snprintf(
		    text_r, WANTED_MAX, "write true or false, without quotes");
		break;
	case KIND_NUMBER:
		snprintf(text_r, WANTED_MAX,
		    "write a whole number from %lld to %lld, without quotes",
		    (long long)key->least, (long long)key->most);
		break;
	case KIND_DURATION:
		duration_text(key, text_r);
		break;
	case KIND_TIME:
		snprintf(text_r, WANTED_MAX,
		    "write a time of the day in quotes from \"00:00\" to "
		    "\"23:59\", or \"\" for never");
		break;
	case KIND_WORD:
		snprintf(text_r, WANTED_MAX, "write one of ");
		append_words(text_r, key->words, "\"");
		break;
	case KIND_TEXT:
		snprintf(text_r, WANTED_MAX,
		    "write a text in quotes, such as %s", example);
		break;
	case KIND_RULES:
		snprintf(text_r, WANTED_MAX,
		    "write a list of rules in round brackets, such as %s",
		    example);
		break;
	default: /* the lists */
		snprintf(text_r, WANTED_MAX,
		    "write a list of texts in square brackets, such as %s",
		    example);
		break;
	}
}

/* The group that has a key of this name, or NULL. */
static const struct key *
group_with(const char *name)
{
	for (const struct key *key = schema_keys; key->name != NULL; key++)
		if (key->keys != NULL && wanted_key(key->keys, name) != NULL)
			return key;
	return NULL;
}

void
wanted_hint(const struct key *keys, const char *name, char text_r[WANTED_MAX])
{
	const char *known[KEYS_MAX + 1] = {NULL};
	for (size_t i = 0; i < KEYS_MAX && keys[i].name != NULL; i++)
		known[i] = keys[i].name;
	const char *nearest = text_nearest(name, known);
	const struct key *group = group_with(name);
	if (nearest != NULL) {
		snprintf(
		    text_r, WANTED_MAX, "the nearest known key is %s", nearest);
	} else if (group != NULL) {
		snprintf(text_r, WANTED_MAX, "it belongs into %s", group->name);
	} else if (keys != schema_keys &&
		   wanted_key(schema_keys, name) != NULL) {
		snprintf(text_r, WANTED_MAX, "it stands outside of all groups");
	} else {
		snprintf(text_r, WANTED_MAX, "known keys are ");
		append_words(text_r, known, "");
	}
}
