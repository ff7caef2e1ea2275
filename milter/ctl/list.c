/* list.c: `bulkwatch list`: the log of bulk sends. */
#include <string.h>

#include "args.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/json.h"
#include "bulkwatch/pattern.h"
#include "bulkwatch/text.h"
#include "ctl.h"
#include "table.h"
#include "views.h"

enum { OPT_STATUS = ARGS_OWN, OPT_SENDER, OPT_SINCE, OPT_LIMIT };

static const struct option options[] = {
    {"status", required_argument, NULL, OPT_STATUS},
    {"sender", required_argument, NULL, OPT_SENDER},
    {"since", required_argument, NULL, OPT_SINCE},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {0},
};

/* ------------------------------------------------------------------ words */

static const char *const status_words[] = {
    "new", "reviewing", "closed", "open", "all", NULL};

static int
take_status(struct ctl *ctl, const char *word, struct list_filter *filter)
{
	filter->open_only = strcmp(word, "open") == 0;
	filter->status = 0;
	if (filter->open_only || strcmp(word, "all") == 0 ||
	    record_status_parse(word, &filter->status) == 0)
		return CTL_DONE;
	const char *nearest = text_nearest(word, status_words);
	return ctl_misused(ctl,
	    "--status wants new, reviewing, closed, open or all, not "
	    "\"%s\"%s%s%s",
	    word, nearest == NULL ? "" : "; did you mean \"",
	    nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
}

static int
take_sender(struct ctl *ctl, const char *word, struct list_filter *filter)
{
	struct err err;
	if (pattern_parse(ctl->arena, word, &filter->sender, &err) < 0)
		return ctl_misused(ctl, "--sender: %s", err.text);
	return CTL_DONE;
}

static int
take_since(struct ctl *ctl, const char *word, struct list_filter *filter)
{
	struct err err;
	if (clock_moment(word, clock_wall_ms(), &filter->since_ms, &err) < 0)
		return ctl_misused(ctl, "--since: %s", err.text);
	return CTL_DONE;
}

static int
take_limit(struct ctl *ctl, const char *word, struct list_filter *filter)
{
	int64_t limit;
	if (args_number(ctl, "--limit", word, UINT32_MAX, &limit) < 0)
		return CTL_USAGE;
	filter->limit = (uint32_t)limit;
	return CTL_DONE;
}

static int
take_option(struct ctl *ctl, int option, struct list_filter *filter)
{
	switch (option) {
	case OPT_STATUS:
		return take_status(ctl, optarg, filter);
	case OPT_SENDER:
		return take_sender(ctl, optarg, filter);
	case OPT_SINCE:
		return take_since(ctl, optarg, filter);
	default:
		return take_limit(ctl, optarg, filter);
	}
}

/* ------------------------------------------------------------------- text */

static const struct column columns[] = {
    {.title = "ID", .right = true},
    {.title = "LAST"},
    {.title = "FIRST", .yields = 4},
    {.title = "SENDER", .least = 20},
    {.title = "RCPTS", .right = true},
    {.title = "MSGS", .right = true, .yields = 2},
    {.title = "RULE", .least = 10, .yields = 3},
    {.title = "STATUS"},
    {.title = "SUBJECT", .least = 10, .yields = 1},
};

#define COLUMNS_N (sizeof(columns) / sizeof(columns[0]))

/* When it began: the time alone if that was on the day it was last seen. */
static const char *
first_text(struct arena *arena, const struct bulk_send *send, const char *last)
{
	const size_t date = strlen("2026-03-02 ");
	char first[CLOCK_LOCAL_MAX];
	clock_local(send->first_at_ms, first);
	bool same_day = strncmp(first, last, date) == 0;
	return arena_strdup(arena, same_day ? first + date : first);
}

static struct cell
status_cell(struct arena *arena, const struct bulk_send *send)
{
	static const enum tint tints[] = {
	    [STATUS_NEW] = TINT_RED,
	    [STATUS_REVIEWING] = TINT_YELLOW,
	    [STATUS_CLOSED] = TINT_DIM,
	};
	const char *status = record_status_name(send->status);
	const char *outcome = record_outcome_name(send->outcome);
	bool known =
	    send->status >= STATUS_NEW && send->status <= STATUS_CLOSED;
	return (struct cell){
	    outcome[0] == '\0' ? status
			       : arena_printf(arena, "%s: %s", status, outcome),
	    known ? tints[send->status] : TINT_NONE};
}

static void
add_row(struct table *table, struct arena *arena, const struct bulk_send *send)
{
	char last[CLOCK_LOCAL_MAX];
	clock_local(send->last_at_ms, last);
	const struct cell cells[COLUMNS_N] = {
	    {arena_printf(arena, "%lld", (long long)send->id), TINT_BOLD},
	    {last, TINT_NONE},
	    {first_text(arena, send, last), TINT_NONE},
	    {send->sender, TINT_NONE},
	    {arena_printf(arena, "%u", send->distinct_recipients), TINT_NONE},
	    {arena_printf(arena, "%u", send->messages), TINT_NONE},
	    {send->rule, TINT_NONE},
	    status_cell(arena, send),
	    {send->subject, TINT_NONE},
	};
	table_row(table, cells);
}

int
list_print(const struct view *view, const struct bulk_send *sends, size_t n)
{
	struct table *table = table_new(view->arena, columns, COLUMNS_N, 0);
	for (size_t i = 0; table != NULL && i < n; i++)
		add_row(table, view->arena, &sends[i]);
	return table_print(table, view->screen, view->out);
}

/* ---------------------------------------------------------------- command */

static const char *
none_text(const struct list_filter *filter)
{
	if (filter->sender != NULL || filter->since_ms != 0)
		return "no bulk sends match\n";
	if (filter->open_only)
		return "no bulk sends are open\n";
	if (filter->status != 0)
		return "no bulk sends have this status\n";
	return "no bulk sends\n";
}

static int
list_run(struct ctl *ctl, struct store *store, const struct list_filter *filter)
{
	struct bulk_send *sends;
	size_t n;
	struct err err;
	if (store_list(store, ctl->arena, filter, &sends, &n, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	if (ctl->json)
		return ctl_document(ctl, json_list(sends, n));
	if (n == 0) {
		fputs(none_text(filter), ctl->out);
		return CTL_DONE;
	}
	const struct view view = {ctl->out, &ctl->screen, ctl->arena};
	return ctl_printed(ctl, list_print(&view, sends, n));
}

int
list_command(struct ctl *ctl)
{
	struct list_filter filter = {.open_only = true};
	int option, code;
	while ((option = args_next(ctl, options)) > ARGS_END)
		if ((code = take_option(ctl, option, &filter)) != CTL_DONE)
			return code;
	if (option == ARGS_STOP)
		return ctl->code;
	if (args_words(ctl, 0, "no words") < 0)
		return CTL_USAGE;
	struct store *store;
	if (ctl_open_store(ctl, &store) < 0)
		return CTL_FAILED;
	code = list_run(ctl, store, &filter);
	store_close(&store);
	return code;
}
