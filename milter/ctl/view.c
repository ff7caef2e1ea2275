/* view.c: what the views are made of. */
#include <limits.h>
#include <string.h>
#include <time.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/text.h"
#include "views.h"

#define LABEL_WIDTH 12

void
view_title(const struct view *view, const char *text)
{
	screen_tint(view->screen, view->out, TINT_BOLD);
	fputs(text == NULL ? "" : text, view->out);
	screen_untint(view->screen, view->out, TINT_BOLD);
	fputc('\n', view->out);
}

/* Text made clean behind a label, wrapped as the screen has it. */
static int
put(const struct view *view, const struct screen *screen, const char *label,
    const char *text)
{
	char *clean = text == NULL || label == NULL
			  ? NULL
			  : text_clean(view->arena, text, strlen(text));
	if (clean == NULL)
		return -1;
	fputs(label, view->out);
	screen_wrap(screen, view->out, text_columns(label), clean);
	return 0;
}

int
view_line(const struct view *view, const char *label, const char *text)
{
	struct screen screen = *view->screen;
	if (!screen.cut)
		screen.width = INT_MAX;
	return put(view, &screen, label, text);
}

int
view_wrapped(const struct view *view, const char *label, const char *text)
{
	return put(view, view->screen, label, text);
}

int
view_fact(const struct view *view, const char *label, const char *value)
{
	return put(view, view->screen,
	    arena_printf(view->arena, "  %-*s", LABEL_WIDTH, label),
	    value != NULL && value[0] == '\0' ? "-" : value);
}

const char *
view_span(struct arena *arena, int64_t from_ms, int64_t until_ms)
{
	const size_t date = strlen("2026-03-02 ");
	char from[CLOCK_LOCAL_MAX], until[CLOCK_LOCAL_MAX];
	clock_local(from_ms, from);
	clock_local(until_ms, until);
	if (strcmp(from, until) == 0)
		return arena_strdup(arena, from);
	bool same_day = strncmp(from, until, date) == 0;
	return arena_printf(
	    arena, "%s to %s", from, same_day ? until + date : until);
}

const char *
view_when(const struct view *view, int64_t at_ms, int64_t now_ms)
{
	const time_t at = (time_t)(at_ms / 1000), now = (time_t)(now_ms / 1000);
	struct tm then, today;
	char text[CLOCK_LOCAL_MAX];
	clock_local(at_ms, text);
	if (!view->screen->cut || localtime_r(&at, &then) == NULL ||
	    localtime_r(&now, &today) == NULL || then.tm_year != today.tm_year)
		return arena_strdup(view->arena, text);
	/* The month by its name: which number is the day's differs. */
	strftime(text, sizeof(text),
	    then.tm_yday == today.tm_yday ? "%H:%M" : "%d %b %H:%M", &then);
	return arena_strdup(view->arena, text);
}

const char *
view_second(struct arena *arena, int64_t at_ms)
{
	char text[CLOCK_RFC3339_MAX];
	clock_rfc3339(at_ms, text);
	text[strcspn(text, "T")] = ' ';
	return arena_strndup(arena, text, strlen("2026-03-02 14:05:09"));
}

const char *
view_age(struct arena *arena, int64_t ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
	    {"day", INT64_C(86400000)},
	    {"hour", INT64_C(3600000)},
	    {"minute", INT64_C(60000)},
	};
	size_t i = 0;
	while (i < 3 && ms < units[i].ms)
		i++;
	if (i == 3)
		return "less than a minute";
	int64_t n = ms / units[i].ms;
	return arena_printf(arena, "%lld %s%s", (long long)n, units[i].name,
	    view_plural((uint64_t)n));
}

const char *
view_program(struct arena *arena, const char *file)
{
	if (file == NULL ||
	    strcmp(file, BULKWATCH_SYSCONFDIR "/bulkwatch/bulkwatch.conf") == 0)
		return "bulkwatch";
	const char *word = text_quoted(arena, file);
	return word == NULL ? NULL
			    : arena_printf(arena, "bulkwatch -c %s", word);
}

const char *
view_plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}
