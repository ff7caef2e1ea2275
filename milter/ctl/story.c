/* story.c: what stands behind a bulk send: what was announced, what was done
 * about it by whom, the alerts, and what comes next. */
#include <string.h>

#include "table.h"
#include "views.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ------------------------------------------------------------ declaration */

static const char *
recipients_text(struct arena *arena, const struct bulk_send_story *story)
{
	const struct declaration *d = story->declaration;
	const char *beyond =
	    declarations_beyond(arena, d, story->send.last_at_ms);
	if (beyond == NULL)
		return NULL;
	return arena_printf(arena, "%u declared, %u seen in %u bulk send%s%s%s",
	    d->recipients, d->used, d->bulk_sends, view_plural(d->bulk_sends),
	    beyond[0] == '\0' ? "" : ": ", beyond);
}

static const char *
by_text(struct arena *arena, const struct declaration *d)
{
	if (d->withdrawn_ms == 0)
		return arena_printf(arena, "%s, %s", d->by,
		    view_span(arena, d->created_ms, d->created_ms));
	return arena_printf(arena, "%s, %s; withdrawn by %s, %s", d->by,
	    view_span(arena, d->created_ms, d->created_ms), d->withdrawn_by,
	    view_span(arena, d->withdrawn_ms, d->withdrawn_ms));
}

static int
print_declaration(const struct view *view, const struct bulk_send_story *story)
{
	const struct declaration *d = story->declaration;
	struct arena *arena = view->arena;
	const struct {
		const char *label, *value;
	} facts[] = {
	    {"Sender", d->sender},
	    {"Recipients", recipients_text(arena, story)},
	    {"Time", view_span(arena, d->from_ms, d->until_ms)},
	    {"Reason", d->reason},
	    {"Reference", d->reference},
	    {"Declared by", by_text(arena, d)},
	};
	for (size_t i = 0; i < COUNT(facts); i++)
		if (view_fact(view, facts[i].label, facts[i].value) < 0)
			return -1;
	return 0;
}

/* ---------------------------------------------------------------- history */

/* How an event reads after the name of who did it; note: what joins its note
 * on. One that is not known reads as it is. */
static const struct phrase {
	const char *event, *reads, *note;
} phrases[] = {
    {"opened", "recorded it", " by rule "},
    {"alert-sent", "told the admins", " by mail to "},
    {"alert-failed", "could not tell the admins", ": "},
    {"notice-sent", "told the sender", " by mail to "},
    {"notice-failed", "could not tell the sender", ": "},
    {"taken", "took it", ": "},
    {"note", "noted", ": "},
    {"closed", "closed it", " as "},
    {"reopened", "took it up again", ": "},
    {"released", "released held mail", " "},
    {"discarded", "discarded held mail", " "},
    {"gone", "found mail that is no longer held:", " "},
};

static const char *
line_text(struct arena *arena, const struct history *line)
{
	struct phrase phrase = {line->event, line->event, ": "};
	for (size_t i = 0; i < COUNT(phrases); i++)
		if (strcmp(phrases[i].event, line->event) == 0)
			phrase = phrases[i];
	bool noted = line->note[0] != '\0';
	return arena_printf(arena, "%s %s%s%s", line->by, phrase.reads,
	    noted ? phrase.note : "", line->note);
}

static int
print_history(const struct view *view, const struct bulk_send_story *story)
{
	for (size_t i = 0; i < story->history_n; i++) {
		const struct history *line = &story->history[i];
		const char *label = arena_printf(view->arena, "  %s  ",
		    view_second(view->arena, line->at_ms));
		if (view_wrapped(view, label, line_text(view->arena, line)) < 0)
			return -1;
	}
	return 0;
}

/* ----------------------------------------------------------------- alerts */

static const struct column alert_columns[] = {
    {.title = "ALERT"},
    {.title = "STATE"},
    {.title = "TIME"},
    {.title = "TRIES", .right = true},
};

static void
add_alert(struct table *table, struct arena *arena, const struct alert *a)
{
	static const enum tint tints[] = {
	    [ALERT_QUEUED] = TINT_YELLOW,
	    [ALERT_SENT] = TINT_GREEN,
	    [ALERT_FAILED] = TINT_RED,
	};
	bool known = a->state >= ALERT_QUEUED && a->state <= ALERT_FAILED;
	const struct cell cells[] = {
	    {record_alert_kind_name(a->kind), TINT_NONE},
	    {record_alert_state_name(a->state),
		known ? tints[a->state] : TINT_NONE},
	    {view_second(arena, a->sent_ms != 0 ? a->sent_ms : a->created_ms),
		TINT_NONE},
	    {arena_printf(arena, "%u", a->attempts), TINT_NONE},
	};
	table_row(table, cells);
	if (a->to[0] != '\0')
		table_note(table, arena_printf(arena, "to %s", a->to));
	if (a->last_error[0] != '\0')
		table_note(table, a->last_error);
}

static int
print_alerts(const struct view *view, const struct bulk_send_story *story)
{
	struct table *table =
	    table_new(view->arena, alert_columns, COUNT(alert_columns), 2);
	for (size_t i = 0; table != NULL && i < story->alerts_n; i++)
		add_alert(table, view->arena, &story->alerts[i]);
	return table_print(table, view->screen, view->out);
}

/* ------------------------------------------------------------------ whole */

static int
print_held(const struct view *view, const struct bulk_send_story *story)
{
	return held_print(view, story->held, story->held_n);
}

/* A part with its heading, or one line where there is nothing. */
static int
part(const struct view *view, const struct bulk_send_story *story,
    const char *heading, size_t n,
    int (*print)(const struct view *, const struct bulk_send_story *))
{
	fputc('\n', view->out);
	view_title(view, heading);
	if (n > 0)
		return print(view, story);
	fputs("  none\n", view->out);
	return 0;
}

int
story_print(const struct view *view, const struct bulk_send_story *story)
{
	const struct declaration *d = story->declaration;
	if (d != NULL &&
	    part(view, story,
		arena_printf(view->arena, "Declaration %lld", (long long)d->id),
		1, print_declaration) < 0)
		return -1;
	if (story->held_n > 0 &&
	    part(view, story, "Held mail", story->held_n, print_held) < 0)
		return -1;
	if (part(view, story, "History", story->history_n, print_history) < 0 ||
	    part(view, story, "Alerts", story->alerts_n, print_alerts) < 0)
		return -1;
	fputc('\n', view->out);
	if (held_line(view, &story->send) < 0)
		return -1;
	return view_line(
	    view, "Next: ", follow_next(view->arena, &story->send, d));
}
