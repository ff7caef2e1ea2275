/*
 * reader.c: from a parsed file into a snapshot, by the table of keys.
 *
 * One function for each kind of value. All of them report what is wrong and
 * return, so that one run names every fault of a file.
 */
#include "reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/pattern.h"
#include "bulkwatch/text.h"
#include "values.h"
#include "wanted.h"

/* A value and where it goes. */
struct slot {
	const struct key *key;
	const char *path; /* "alerts.to", "rules[2].window" */
	const config_setting_t *setting;
	void *target; /* the struct that key->offset counts in */
};

typedef void read_fn(struct reader *reader, const struct slot *slot);

static void read_keys(struct reader *reader, const struct key *keys,
    const char *prefix, const config_setting_t *group, void *target);

/* --------------------------------------------------------------- faults */

const char *
reader_file(struct reader *reader, const config_setting_t *setting)
{
	/* The text itself is given to libconfig without a name; it names
	 * included files only, and leaves the members of a list without. */
	const config_setting_t *s = setting;
	while (s != NULL && config_setting_source_line(s) == 0)
		s = config_setting_parent(s);
	if (s == NULL || config_setting_source_file(s) == NULL)
		return reader->file;
	return arena_printf(reader->arena, "%s/%s", reader->folder,
	    config_setting_source_file(s));
}

void
reader_fault(struct reader *reader, const config_setting_t *setting,
    const char *key, const char *format, ...)
{
	char sentence[ERR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	const char *file = reader_file(reader, setting);
	struct place place = {
	    .file = file == NULL ? reader->file : file, .key = key};
	for (; setting != NULL && place.line == 0;
	     setting = config_setting_parent(setting))
		place.line = config_setting_source_line(setting);
	faults_add(reader->faults, &place, "%s", sentence);
}

static void
slot_fault(struct reader *reader, const struct slot *slot, const char *what)
{
	char wanted[WANTED_MAX];
	wanted_text(slot->key, wanted);
	reader_fault(reader, slot->setting, slot->path, "%s; %s", what, wanted);
}

static void
wrong_type(struct reader *reader, const struct slot *slot)
{
	char what[64];
	snprintf(what, sizeof(what), "is %s",
	    wanted_type_name(config_setting_type(slot->setting)));
	slot_fault(reader, slot, what);
}

static void
out_of_memory(struct reader *reader)
{
	reader->faults->memory_out = true;
}

/* --------------------------------------------------------------- values */

static void *
place_of(const struct slot *slot)
{
	return (char *)slot->target + slot->key->offset;
}

static void
read_flag(struct reader *reader, const struct slot *slot)
{
	if (config_setting_type(slot->setting) != CONFIG_TYPE_BOOL) {
		wrong_type(reader, slot);
		return;
	}
	bool value = config_setting_get_bool(slot->setting) != 0;
	memcpy(place_of(slot), &value, sizeof(value));
}

static void
read_number(struct reader *reader, const struct slot *slot)
{
	int type = config_setting_type(slot->setting);
	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
		wrong_type(reader, slot);
		return;
	}
	long long value = config_setting_get_int64(slot->setting);
	if (value < slot->key->least || value > slot->key->most) {
		char what[64];
		snprintf(what, sizeof(what), "%lld is out of range", value);
		slot_fault(reader, slot, what);
		return;
	}
	uint32_t number = (uint32_t)value;
	memcpy(place_of(slot), &number, sizeof(number));
}

/* The text of a setting, or NULL after a fault. */
static const char *
clean_text(struct reader *reader, const struct slot *slot)
{
	if (config_setting_type(slot->setting) != CONFIG_TYPE_STRING) {
		wrong_type(reader, slot);
		return NULL;
	}
	const char *text = config_setting_get_string(slot->setting);
	if (text_is_clean(text, strlen(text)))
		return text;
	reader_fault(reader, slot->setting, slot->path,
	    "holds a control character or a byte that is not UTF-8; write "
	    "plain UTF-8 text on one line");
	return NULL;
}

static void
wrong_text(struct reader *reader, const struct slot *slot, const char *text)
{
	char what[128];
	snprintf(
	    what, sizeof(what), "is \"%.*s\"", (int)text_fit(text, 40), text);
	slot_fault(reader, slot, what);
}

static void
read_duration(struct reader *reader, const struct slot *slot)
{
	int64_t secs;
	const char *text = clean_text(reader, slot);
	if (text == NULL)
		return;
	if (clock_duration(text, &secs, NULL) == 0 &&
	    secs >= slot->key->least && secs <= slot->key->most)
		memcpy(place_of(slot), &secs, sizeof(secs));
	else
		wrong_text(reader, slot, text);
}

static void
read_time(struct reader *reader, const struct slot *slot)
{
	int minute;
	const char *text = clean_text(reader, slot);
	if (text == NULL)
		return;
	if (value_minute(text, &minute) == 0)
		memcpy(place_of(slot), &minute, sizeof(minute));
	else
		wrong_text(reader, slot, text);
}

static void
read_word(struct reader *reader, const struct slot *slot)
{
	const char *const *words = slot->key->words;
	const char *text = clean_text(reader, slot);
	if (text == NULL)
		return;
	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], text) != 0)
			continue;
		memcpy(place_of(slot), &i, sizeof(i));
		return;
	}
	char what[128];
	snprintf(what, sizeof(what), "\"%.*s\" is not known here",
	    (int)text_fit(text, 40), text);
	slot_fault(reader, slot, what);
}

/* A text that was checked and put into its final form, or NULL after a
 * fault. */
static const char *
checked_text(struct reader *reader, const struct slot *slot)
{
	struct err err;
	const char *value = NULL, *text = clean_text(reader, slot);
	if (text == NULL)
		return NULL;
	value_fn *check =
	    slot->key->kind == KIND_PATTERNS ? pattern_parse : slot->key->value;
	if (check(reader->arena, text, &value, &err) == 0)
		return value;
	reader_fault(reader, slot->setting, slot->path, "%s", err.text);
	return NULL;
}

static void
read_text(struct reader *reader, const struct slot *slot)
{
	const char *value = checked_text(reader, slot);
	if (value != NULL)
		memcpy(place_of(slot), &value, sizeof(value));
}

/* ---------------------------------------------------------------- lists */

/* How many members a list has; 0 after a fault. */
static unsigned
list_length(struct reader *reader, const struct slot *slot)
{
	if (!config_setting_is_array(slot->setting) &&
	    !config_setting_is_list(slot->setting)) {
		wrong_type(reader, slot);
		return 0;
	}
	unsigned n = (unsigned)config_setting_length(slot->setting);
	if (n == 0 && slot->key->missing != NULL)
		reader_fault(reader, slot->setting, slot->path, "is empty; %s",
		    slot->key->missing);
	return n;
}

/* The slot of a list's member; people count from 1. Returns 0 or -1. */
static int
member_slot(struct reader *reader, const struct slot *list, unsigned i,
    struct slot *member_r)
{
	*member_r = *list;
	member_r->setting = config_setting_get_elem(list->setting, i);
	member_r->path =
	    arena_printf(reader->arena, "%s[%u]", list->path, i + 1);
	if (member_r->path != NULL)
		return 0;
	out_of_memory(reader);
	return -1;
}

/* Reads KIND_TEXTS and KIND_PATTERNS: both structs are a pointer to strings and
 * their number. */
static void
read_texts(struct reader *reader, const struct slot *slot)
{
	unsigned n = list_length(reader, slot);
	const char **items = arena_alloc(reader->arena, n * sizeof(*items));
	if (items == NULL) {
		out_of_memory(reader);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		struct slot member;
		if (member_slot(reader, slot, i, &member) == 0)
			items[i] = checked_text(reader, &member);
	}
	if (slot->key->kind == KIND_PATTERNS) {
		struct pattern_list list = {items, n};
		memcpy(place_of(slot), &list, sizeof(list));
	} else {
		struct text_list list = {items, n};
		memcpy(place_of(slot), &list, sizeof(list));
	}
}

static void
read_networks(struct reader *reader, const struct slot *slot)
{
	unsigned n = list_length(reader, slot);
	struct network *items = arena_alloc(reader->arena, n * sizeof(*items));
	if (items == NULL) {
		out_of_memory(reader);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		struct slot member;
		struct err err;
		if (member_slot(reader, slot, i, &member) < 0)
			continue;
		const char *text = clean_text(reader, &member);
		if (text != NULL && network_parse(text, &items[i], &err) < 0)
			reader_fault(reader, member.setting, member.path, "%s",
			    err.text);
	}
	struct network_list list = {items, n};
	memcpy(place_of(slot), &list, sizeof(list));
}

/* --------------------------------------------------------------- groups */

static void
read_group(struct reader *reader, const struct slot *slot)
{
	if (!config_setting_is_group(slot->setting))
		wrong_type(reader, slot);
	else
		read_keys(reader, slot->key->keys, slot->path, slot->setting,
		    slot->target);
}

static void
read_rules(struct reader *reader, const struct slot *slot)
{
	struct settings *settings = &reader->snapshot->settings;
	if (!config_setting_is_list(slot->setting)) {
		wrong_type(reader, slot);
		return;
	}
	unsigned n = (unsigned)config_setting_length(slot->setting);
	if (n == 0)
		reader_fault(reader, slot->setting, slot->path,
		    "is empty, so nothing would ever be noticed; leave it out "
		    "for the two rules that hold by default, or write one");
	if (n > SETTINGS_RULES_MAX) {
		reader_fault(reader, slot->setting, slot->path,
		    "has %u rules; at most %d can be", n, SETTINGS_RULES_MAX);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		struct slot rule;
		if (member_slot(reader, slot, i, &rule) < 0)
			return;
		if (!config_setting_is_group(rule.setting))
			wrong_type(reader, &rule);
		else
			read_keys(reader, slot->key->keys, rule.path,
			    rule.setting, &settings->rules[i]);
	}
	settings->rules_n = n;
}

static read_fn *const read_fns[KINDS_N] = {
    [KIND_GROUP] = read_group,
    [KIND_RULES] = read_rules,
    [KIND_FLAG] = read_flag,
    [KIND_NUMBER] = read_number,
    [KIND_DURATION] = read_duration,
    [KIND_TIME] = read_time,
    [KIND_WORD] = read_word,
    [KIND_TEXT] = read_text,
    [KIND_TEXTS] = read_texts,
    [KIND_PATTERNS] = read_texts,
    [KIND_NETWORKS] = read_networks,
};

/* ----------------------------------------------------------------- keys */

/* Reads the preset as if it stood in the file. Everything is copied into the
 * arena, so what libconfig made of it can go at once. */
static void
read_preset(struct reader *reader, const struct slot *slot)
{
	config_t preset;
	char *text =
	    arena_printf(reader->arena, "preset = %s;", slot->key->preset);
	if (text == NULL) {
		out_of_memory(reader);
		return;
	}
	config_init(&preset);
	if (config_read_string(&preset, text) == CONFIG_TRUE) {
		struct slot filled = *slot;
		filled.setting = config_lookup(&preset, "preset");
		read_fns[slot->key->kind](reader, &filled);
	} else {
		reader_fault(reader, NULL, slot->path,
		    "has a preset that cannot be read");
	}
	config_destroy(&preset);
}

static void
absent_key(struct reader *reader, const struct slot *slot,
    const config_setting_t *group)
{
	const struct key *key = slot->key;
	if (key->kind == KIND_GROUP)
		read_keys(reader, key->keys, slot->path, NULL, slot->target);
	else if (key->missing != NULL)
		reader_fault(
		    reader, group, slot->path, "is missing; %s", key->missing);
	else if (key->preset != NULL)
		read_preset(reader, slot);
}

static void
unknown_key(struct reader *reader, const struct key *keys, const char *path,
    const config_setting_t *setting)
{
	char hint[WANTED_MAX];
	wanted_hint(keys, config_setting_name(setting), hint);
	reader_fault(reader, setting, path, "is not known here; %s", hint);
}

/* "prefix.name", or NULL when memory is out. */
static const char *
join_path(struct reader *reader, const char *prefix, const char *name)
{
	const char *path = arena_printf(reader->arena, "%s%s%s", prefix,
	    prefix[0] == '\0' ? "" : ".", name);
	if (path == NULL)
		out_of_memory(reader);
	return path;
}

/* Reads what stands in a group (NULL: it is not there at all), in the order of
 * the file so that the faults have it too, and then what does not. */
static void
read_keys(struct reader *reader, const struct key *keys, const char *prefix,
    const config_setting_t *group, void *target)
{
	unsigned n = group == NULL ? 0 : (unsigned)config_setting_length(group);
	for (unsigned i = 0; i < n; i++) {
		const config_setting_t *s = config_setting_get_elem(group, i);
		const char *name = config_setting_name(s);
		struct slot slot = {wanted_key(keys, name),
		    join_path(reader, prefix, name), s, target};
		if (slot.path == NULL)
			return;
		if (slot.key == NULL)
			unknown_key(reader, keys, slot.path, s);
		else
			read_fns[slot.key->kind](reader, &slot);
	}
	for (const struct key *key = keys; key->name != NULL; key++) {
		if (group != NULL &&
		    config_setting_get_member(group, key->name) != NULL)
			continue;
		struct slot slot = {
		    key, join_path(reader, prefix, key->name), NULL, target};
		if (slot.path == NULL)
			return;
		absent_key(reader, &slot, group);
	}
}

void
reader_read(struct reader *reader, const config_setting_t *root)
{
	read_keys(reader, schema_keys, "", root, reader->snapshot);
}
