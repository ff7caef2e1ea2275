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

/* A screen or two; 0 means all. */
#define LIMIT_DEFAULT 100
#define LIMIT_MOST 1000000000

enum { OPT_STATUS = ARGS_OWN, OPT_HELD, OPT_SENDER, OPT_SINCE, OPT_LIMIT };

static const struct option options[] = {
    {"status", required_argument, NULL, OPT_STATUS},
    {"held", no_argument, NULL, OPT_HELD},
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
	if (args_number(ctl, "--limit", word, (struct range){0, LIMIT_MOST},
		&limit) < 0)
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
	case OPT_HELD:
		filter->held_only = true;
		return CTL_DONE;
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
    {.title = "WAITS", .right = true},
    {.title = "STATUS"},
    {.title = "SUBJECT", .least = 16, .yields = 1, .below = ""},
};

#define COLUMNS_N (sizeof(columns) / sizeof(columns[0]))

/* When it began: the time alone if that was on the day it was last seen. */
static const char *
first_text(const struct view *view, const struct listing *listing,
    const struct bulk_send *send)
{
	const size_t date = strlen("2026-03-02 ");
	char first[CLOCK_LOCAL_MAX], last[CLOCK_LOCAL_MAX];
	clock_local(send->first_at_ms, first);
	clock_local(send->last_at_ms, last);
	return strncmp(first, last, date) == 0
		   ? arena_strdup(view->arena, first + date)
		   : view_when(view, send->first_at_ms, listing->now_ms);
}

static const char *
status_text(struct arena *arena, const struct bulk_send *send, bool exceeded)
{
	const char *status = record_status_name(send->status);
	const char *outcome = record_outcome_name(send->outcome);
	/* What calls for somebody stands before what is settled. */
	if (send->held > 0)
		return arena_printf(arena, "%s, %u held", status, send->held);
	if (outcome[0] != '\0')
		return arena_printf(arena, "%s: %s", status, outcome);
	if (send->declaration == 0)
		return status;
	/* That it is new need not be said of one that calls for somebody. */
	if (exceeded && send->status == STATUS_NEW)
		return "declared, exceeded";
	return arena_printf(
	    arena, "%s, %s", status, exceeded ? "exceeded" : "declared");
}

static struct cell
status_cell(struct arena *arena, const struct listing *listing,
    const struct bulk_send *send)
{
	static const enum tint tints[] = {
	    [STATUS_NEW] = TINT_RED,
	    [STATUS_REVIEWING] = TINT_YELLOW,
	    [STATUS_CLOSED] = TINT_DIM,
	};
	bool known =
	    send->status >= STATUS_NEW && send->status <= STATUS_CLOSED;
	enum tint tint = known ? tints[send->status] : TINT_NONE;
	bool exceeded =
	    declarations_exceeded(declarations_of(listing->declarations,
				      listing->declarations_n, send),
		send);
	if (tint == TINT_RED && send->declaration != 0 && !exceeded)
		tint = TINT_NONE; /* nobody is alarmed by that one */
	return (struct cell){status_text(arena, send, exceeded), tint};
}

/* "3d", "5h", "12m": how long an open one waits since it began. */
static struct cell
waits_cell(struct arena *arena, const struct listing *listing,
    const struct bulk_send *send)
{
	if (send->status == STATUS_CLOSED)
		return (struct cell){"", TINT_NONE};
	int64_t minutes = (listing->now_ms - send->first_at_ms) / 60000;
	if (minutes < 0)
		minutes = 0;
	bool oldest =
	    listing->oldest != NULL && listing->oldest->id == send->id;
	const char *mark = oldest ? "*" : "";
	enum tint tint = oldest ? TINT_RED : TINT_NONE;
	if (minutes < 60)
		return (struct cell){
		    arena_printf(arena, "%s%lldm", mark, (long long)minutes),
		    tint};
	bool hours = minutes < 48 * 60;
	return (struct cell){
	    arena_printf(arena, "%s%lld%c", mark,
		(long long)(hours ? minutes / 60 : minutes / (24 * 60)),
		hours ? 'h' : 'd'),
	    tint};
}

static void
add_row(struct table *table, const struct view *view,
    const struct listing *listing, const struct bulk_send *send)
{
	struct arena *arena = view->arena;
	const struct cell cells[COLUMNS_N] = {
	    {arena_printf(arena, "%lld", (long long)send->id), TINT_BOLD},
	    {view_when(view, send->last_at_ms, listing->now_ms), TINT_NONE},
	    {first_text(view, listing, send), TINT_NONE},
	    {send->sender, TINT_NONE},
	    {arena_printf(arena, "%u", send->distinct_recipients), TINT_NONE},
	    {arena_printf(arena, "%u", send->messages), TINT_NONE},
	    {send->rule, TINT_NONE},
	    waits_cell(arena, listing, send),
	    status_cell(arena, listing, send),
	    {send->subject, TINT_NONE},
	};
	table_row(table, cells);
}

/* Says what may be done, if mail of any is held. */
static int
print_held(const struct view *view, const struct listing *listing)
{
	const struct bulk_send *holding = NULL;
	size_t n = 0;
	for (size_t i = 0; i < listing->n; i++)
		if (listing->sends[i].held > 0 && n++ == 0)
			holding = &listing->sends[i];
	if (n == 1)
		return held_line(view, holding);
	if (n == 0)
		return 0;
	const char *program = view_program(view->arena, view->file);
	return program == NULL
		   ? -1
		   : view_line(view, "Held: ",
			 arena_printf(view->arena,
			     "mail of %zu waits; `%s release ID` lets it go, "
			     "`%s discard ID` deletes it.",
			     n, program, program));
}

static int
print_oldest(const struct view *view, const struct listing *listing)
{
	const struct bulk_send *send = listing->oldest;
	struct arena *arena = view->arena;
	const char *age = view_age(arena, listing->now_ms - send->first_at_ms);
	if (age == NULL)
		return -1;
	bool taken = send->assignee[0] != '\0';
	return view_line(view, "* waiting longest: ",
	    arena_printf(arena, "%lld, for %s%s%s; `bulkwatch show %lld`",
		(long long)send->id, age, taken ? ", taken by " : "",
		send->assignee, (long long)send->id));
}

/* How many are left out; "" if none. NULL when memory is out. */
static const char *
more_text(struct arena *arena, const struct listing *listing)
{
	if (listing->uncounted)
		return "there are older ones; --limit 0 shows all";
	if (listing->more == 0)
		return "";
	return arena_printf(
	    arena, "and %zu more; --limit 0 shows all", listing->more);
}

int
list_print(const struct view *view, const struct listing *listing)
{
	struct table *table = table_new(view->arena, columns, COLUMNS_N, 0);
	for (size_t i = 0; table != NULL && i < listing->n; i++)
		add_row(table, view, listing, &listing->sends[i]);
	const char *more = more_text(view->arena, listing);
	if (more == NULL || table_print(table, view->screen, view->out) < 0)
		return -1;
	if (more[0] != '\0' && view_line(view, "", more) < 0)
		return -1;
	if (print_held(view, listing) < 0)
		return -1;
	return listing->oldest == NULL ? 0 : print_oldest(view, listing);
}

/* ---------------------------------------------------------------- command */

static const char *
none_text(const struct list_filter *filter)
{
	if (filter->sender != NULL || filter->since_ms != 0 ||
	    (filter->held_only && (filter->open_only || filter->status != 0)))
		return "no bulk sends match\n";
	if (filter->held_only)
		return "no mail is held\n";
	if (filter->open_only)
		return "no bulk sends are open\n";
	if (filter->status != 0)
		return "no bulk sends have this status\n";
	return "no bulk sends\n";
}

static bool
only_open(const struct list_filter *filter)
{
	return filter->open_only || filter->status == STATUS_NEW ||
	       filter->status == STATUS_REVIEWING;
}

static const struct bulk_send *
find_oldest(const struct bulk_send *sends, size_t n)
{
	const struct bulk_send *oldest = NULL;
	for (size_t i = 0; i < n; i++)
		if (oldest == NULL ||
		    sends[i].first_at_ms < oldest->first_at_ms)
			oldest = &sends[i];
	return oldest;
}

/* What was declared, if any of them was. */
static int
read_declarations(struct ctl *ctl, struct store *store, struct listing *listing,
    struct err *err)
{
	struct declaration *declarations = NULL;
	size_t i = 0;
	while (i < listing->n && listing->sends[i].declaration == 0)
		i++;
	if (i < listing->n &&
	    store_declarations(store, ctl->arena, true, 0, &declarations,
		&listing->declarations_n, err) < 0)
		return -1;
	listing->declarations = declarations;
	return 0;
}

/* Reads what is to be shown. Of the open ones all are read, so that it can be
 * said how many there are and which waits longest; of the others just enough to
 * see that there are more. */
static int
read_listing(struct ctl *ctl, struct store *store,
    const struct list_filter *filter, struct listing *listing_r,
    struct err *err)
{
	struct bulk_send *sends;
	size_t n, limit = filter->limit;
	bool all = only_open(filter) || limit == 0;
	struct list_filter wanted = *filter;
	wanted.limit = all ? 0 : filter->limit + 1;
	if (store_list(store, ctl->arena, &wanted, &sends, &n, err) < 0)
		return -1;
	bool cut = limit > 0 && n > limit;
	*listing_r = (struct listing){
	    .sends = sends,
	    .n = cut ? limit : n,
	    .now_ms = clock_wall_ms(),
	    .oldest = only_open(filter) ? find_oldest(sends, n) : NULL,
	    .more = cut ? n - limit : 0,
	    .uncounted = cut && !all,
	};
	return read_declarations(ctl, store, listing_r, err);
}

/* A program reads the document, so a person is told beside it. */
static int
list_json(struct ctl *ctl, const struct listing *listing)
{
	const char *more = more_text(ctl->arena, listing);
	if (more != NULL && more[0] != '\0')
		ctl_fail(ctl, "%s", more);
	return ctl_document(ctl, json_list(listing->sends, listing->n));
}

static int
list_run(struct ctl *ctl, struct store *store, const struct list_filter *filter)
{
	struct listing listing;
	struct err err;
	if (read_listing(ctl, store, filter, &listing, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	if (ctl->json)
		return list_json(ctl, &listing);
	if (listing.n == 0) {
		fputs(none_text(filter), ctl->out);
		return CTL_DONE;
	}
	const struct view view = {
	    ctl->out, &ctl->screen, ctl->arena, ctl->file};
	return ctl_printed(ctl, list_print(&view, &listing));
}

int
list_command(struct ctl *ctl)
{
	struct list_filter filter = {.open_only = true, .limit = LIMIT_DEFAULT};
	int option, code;
	bool any_status = true;
	while ((option = args_next(ctl, options)) > ARGS_END) {
		if ((code = take_option(ctl, option, &filter)) != CTL_DONE)
			return code;
		any_status = any_status && option != OPT_STATUS;
	}
	/* Mail of a case that was closed is held as well. */
	if (filter.held_only && any_status)
		filter.open_only = false;
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
