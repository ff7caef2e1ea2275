/* say.c: numbers, times and lists in words. */
#include "say.h"

#include <stdio.h>
#include <string.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/text.h"

/* Columns of a line, and of one value in the text. */
#define LINE_COLUMNS 200
#define VALUE_COLUMNS 200
#define SENDER_COLUMNS 80 /* in a list */

const char *
say_clip(const struct facts *facts, const char *text, int columns)
{
	const char *clean = text_clean(facts->arena, text, strlen(text));
	if (clean == NULL || text_columns(clean) <= columns)
		return clean;
	return arena_printf(
	    facts->arena, "%.*s…", (int)text_fit(clean, columns - 1), clean);
}

const char *
say_value(const struct facts *facts, const char *text)
{
	return say_clip(facts, text, VALUE_COLUMNS);
}

const char *
say_number(const struct facts *facts, uint64_t n)
{
	return arena_printf(facts->arena, "%llu", (unsigned long long)n);
}

const char *
say_counted(const struct facts *facts, uint64_t n, const struct counted *what)
{
	return arena_printf(facts->arena, "%llu %s", (unsigned long long)n,
	    n == 1 ? what->one : what->many);
}

const char *
say_around(const struct facts *facts, const struct around *around, int64_t n)
{
	return arena_printf(facts->arena, "%s%lld%s", around->before,
	    (long long)n, around->after);
}

/* ------------------------------------------------------------------ times */

#define UNITS_N 4

static const uint64_t unit_secs[UNITS_N] = {86400, 3600, 60, 1};

static const struct counted *
unit_words(const struct facts *facts, size_t unit)
{
	const struct phrases *phrases = facts->phrases;
	const struct counted *const words[UNITS_N] = {&phrases->days,
	    &phrases->hours, &phrases->minutes, &phrases->seconds};
	return words[unit];
}

const char *
say_whole_duration(const struct facts *facts, uint64_t secs)
{
	size_t unit = 0;
	while (secs % unit_secs[unit] != 0)
		unit++;
	return say_counted(
	    facts, secs / unit_secs[unit], unit_words(facts, unit));
}

const char *
say_duration(const struct facts *facts, uint64_t secs)
{
	size_t unit = 0;
	while (unit < UNITS_N - 1 && secs < unit_secs[unit])
		unit++;
	const char *text =
	    say_counted(facts, secs / unit_secs[unit], unit_words(facts, unit));
	uint64_t rest = secs % unit_secs[unit];
	if (unit == UNITS_N - 1 || rest < unit_secs[unit + 1] || text == NULL)
		return text;
	return arena_printf(facts->arena, "%s %s", text,
	    say_counted(facts, rest / unit_secs[unit + 1],
		unit_words(facts, unit + 1)));
}

const char *
say_time(const struct facts *facts, int64_t at_ms)
{
	char text[CLOCK_RFC3339_MAX];
	clock_rfc3339(at_ms, text);
	if (strlen(text) < 19)
		return arena_strdup(facts->arena, text);
	text[10] = ' ';
	return arena_strndup(facts->arena, text, 19);
}

const char *
say_whole_time(const struct facts *facts, int64_t at_ms)
{
	char text[CLOCK_RFC3339_MAX];
	clock_rfc3339(at_ms, text);
	const char *local = say_time(facts, at_ms);
	return local == NULL || strlen(text) < 19
		   ? local
		   : arena_printf(facts->arena, "%s %s", local, text + 19);
}

const char *
say_minute(const struct facts *facts, int64_t at_ms)
{
	char text[CLOCK_LOCAL_MAX];
	clock_local(at_ms, text);
	return arena_strdup(facts->arena, text);
}

/* -------------------------------------------------------------- bulk sends */

const char *
say_send(const struct facts *facts, const struct bulk_send *send)
{
	const struct phrases *phrases = facts->phrases;
	const char *refused = send->unsent[UNSENT_REFUSED].messages == 0
				  ? ""
				  : say_around(facts, &phrases->refused,
					send->unsent[UNSENT_REFUSED].messages);
	return arena_printf(facts->arena, "%lld  %s  %s  %s, %s%s",
	    (long long)send->id, say_time(facts, send->first_at_ms),
	    say_clip(facts, send->sender, SENDER_COLUMNS),
	    say_counted(facts, send->recipients, &phrases->recipients),
	    say_counted(facts, send->messages, &phrases->messages), refused);
}

const char *
say_status(const struct facts *facts, const struct bulk_send *send)
{
	const struct phrases *phrases = facts->phrases;
	const char *text = phrases->statuses[send->status & 3];
	if (text == NULL)
		return "";
	if (send->outcome > OUTCOME_NONE &&
	    send->outcome <= OUTCOME_FALSE_ALARM)
		text = arena_printf(facts->arena, "%s: %s", text,
		    phrases->outcomes[send->outcome]);
	if (send->assignee[0] == '\0' || text == NULL)
		return text;
	return arena_printf(facts->arena, "%s%s%s%s", text,
	    phrases->assignee.before, say_value(facts, send->assignee),
	    phrases->assignee.after);
}

const char *
say_held(const struct facts *facts, const struct bulk_send *send)
{
	return send->held == 0
		   ? ""
		   : say_counted(facts, send->held, &facts->phrases->held);
}

/* ------------------------------------------------------------------ lists */

void
say_line(struct say_list *list, const char *line)
{
	line = line == NULL ? NULL : say_clip(list->facts, line, LINE_COLUMNS);
	if (line == NULL)
		return;
	size_t n = strlen(line);
	while (n > 0 && line[n - 1] == ' ')
		n--;
	if (list->room - list->used < n + 4) {
		size_t room = 2 * (list->room + n + 4);
		char *text = arena_alloc(list->facts->arena, room);
		if (text == NULL)
			return;
		if (list->used > 0)
			memcpy(text, list->text, list->used);
		list->text = text;
		list->room = room;
	}
	list->used +=
	    (size_t)snprintf(list->text + list->used, list->room - list->used,
		"%s  %.*s", list->used == 0 ? "" : "\n", (int)n, line);
}

void
say_more(struct say_list *list, uint64_t left_out)
{
	say_line(list, say_around(list->facts, &list->facts->phrases->more,
			   (int64_t)left_out));
}

const char *
say_list_text(const struct say_list *list)
{
	return list->used == 0 ? "" : list->text;
}
