/* declarations.c: `bulkwatch declarations` and `withdraw`: what was announced,
 * and taking it back. */
#include "args.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/json.h"
#include "bulkwatch/policy.h"
#include "ctl.h"
#include "person.h"
#include "table.h"
#include "views.h"

/* ------------------------------------------------------------------- text */

static const struct column columns[] = {
    {.title = "ID", .right = true},
    {.title = "STATE"},
    {.title = "SENDER", .least = 20},
    {.title = "RCPTS", .right = true},
    {.title = "SEEN", .right = true},
    {.title = "FROM", .yields = 1},
    {.title = "UNTIL"},
    {.title = "BY", .yields = 4, .below = "by "},
    {.title = "REFERENCE", .yields = 3, .below = "reference "},
    {.title = "REASON", .yields = 2, .below = ""},
};

#define COLUMNS_N (sizeof(columns) / sizeof(columns[0]))

static struct cell
state_cell(const struct declaration *d, int64_t now_ms)
{
	if (d->withdrawn_ms != 0)
		return (struct cell){"withdrawn", TINT_DIM};
	if (now_ms < d->from_ms)
		return (struct cell){"to come", TINT_NONE};
	if (now_ms <= d->until_ms)
		return (struct cell){"in force", TINT_GREEN};
	return (struct cell){"over", TINT_DIM};
}

/* Seen so far; in a colour that warns where that is too much. */
static struct cell
seen_cell(struct arena *arena, const struct declaration *d)
{
	struct beyond beyond = policy_beyond(d, d->used, d->from_ms);
	return (struct cell){arena_printf(arena, "%u%s", d->used,
				 beyond.recipients > 0 ? "!" : ""),
	    beyond.recipients > 0 ? TINT_RED : TINT_NONE};
}

int
declarations_print(const struct view *view,
    const struct declaration *declarations, size_t n, int64_t now_ms)
{
	struct arena *arena = view->arena;
	struct table *table = table_new(arena, columns, COLUMNS_N, 0);
	for (size_t i = 0; table != NULL && i < n; i++) {
		const struct declaration *d = &declarations[i];
		const struct cell cells[COLUMNS_N] = {
		    {arena_printf(arena, "%lld", (long long)d->id), TINT_BOLD},
		    state_cell(d, now_ms),
		    {d->sender, TINT_NONE},
		    {arena_printf(arena, "%u", d->recipients), TINT_NONE},
		    seen_cell(arena, d),
		    {view_when(view, d->from_ms, now_ms), TINT_NONE},
		    {view_when(view, d->until_ms, now_ms), TINT_NONE},
		    {d->by, TINT_NONE},
		    {d->reference, TINT_NONE},
		    {d->reason, TINT_NONE},
		};
		table_row(table, cells);
	}
	return table_print(table, view->screen, view->out);
}

const char *
declarations_beyond(
    struct arena *arena, const struct declaration *declaration, int64_t at_ms)
{
	struct beyond beyond =
	    policy_beyond(declaration, declaration->used, at_ms);
	const char *age = view_age(arena, beyond.secs * 1000);
	if (beyond.recipients > 0 && beyond.secs > 0)
		return arena_printf(arena,
		    "%u more than declared, the last of them %s after its time",
		    beyond.recipients, age);
	if (beyond.recipients > 0)
		return arena_printf(
		    arena, "%u more than declared", beyond.recipients);
	return beyond.secs > 0 ? arena_printf(arena,
				     "the last of them %s after its time", age)
			       : "";
}

const struct declaration *
declarations_of(const struct declaration *declarations, size_t n,
    const struct bulk_send *send)
{
	for (size_t i = 0; send->declaration != 0 && i < n; i++)
		if (declarations[i].id == send->declaration)
			return &declarations[i];
	return NULL;
}

bool
declarations_exceeded(
    const struct declaration *declaration, const struct bulk_send *send)
{
	if (declaration == NULL)
		return false;
	struct beyond beyond =
	    policy_beyond(declaration, declaration->used, send->last_at_ms);
	return beyond.recipients > 0 || beyond.secs > 0;
}

/* ----------------------------------------------------------- declarations */

enum { OPT_ALL = ARGS_OWN };

static const struct option declarations_options[] = {
    {"all", no_argument, NULL, OPT_ALL},
    {0},
};

static int
declarations_run(struct ctl *ctl, struct store *store, bool all)
{
	struct declaration *declarations;
	size_t n;
	struct err err;
	int64_t now_ms = clock_wall_ms();
	if (store_declarations(
		store, ctl->arena, all, now_ms, &declarations, &n, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	if (ctl->json)
		return ctl_document(ctl, json_declarations(declarations, n));
	if (n == 0) {
		fputs(all ? "nothing was ever declared\n"
			  : "nothing is declared, now or to come; --all shows "
			    "what was\n",
		    ctl->out);
		return CTL_DONE;
	}
	const struct view view = {
	    ctl->out, &ctl->screen, ctl->arena, ctl->file};
	return ctl_printed(
	    ctl, declarations_print(&view, declarations, n, now_ms));
}

int
declarations_command(struct ctl *ctl)
{
	bool all = false;
	int option;
	while ((option = args_next(ctl, declarations_options)) > ARGS_END)
		all = true;
	if (option == ARGS_STOP)
		return ctl->code;
	if (args_words(ctl, 0, "no words") < 0)
		return CTL_USAGE;
	struct store *store;
	if (ctl_open_store(ctl, &store) < 0)
		return CTL_FAILED;
	int code = declarations_run(ctl, store, all);
	store_close(&store);
	return code;
}

/* --------------------------------------------------------------- withdraw */

enum { OPT_BY = ARGS_OWN };

static const struct option withdraw_options[] = {
    {"by", required_argument, NULL, OPT_BY},
    {0},
};

/* The one with that number, as it is now. Returns 0, or -1 after it told. */
static int
find(struct ctl *ctl, struct store *store, int64_t id,
    const struct declaration **declaration_r)
{
	struct declaration *declarations;
	size_t n;
	struct err err;
	if (store_declarations(
		store, ctl->arena, true, 0, &declarations, &n, &err) < 0) {
		ctl_fail(ctl, "%s", err.text);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		*declaration_r = &declarations[i];
		if (declarations[i].id == id)
			return 0;
	}
	ctl_fail(ctl, "declaration %lld is gone", (long long)id);
	return -1;
}

static int
say_withdrawn(struct ctl *ctl, const struct declaration *d)
{
	struct arena *arena = ctl->arena;
	const struct view view = {ctl->out, &ctl->screen, arena, ctl->file};
	int result = view_line(&view, "",
	    arena_printf(arena, "Declaration %lld is withdrawn by %s.",
		(long long)d->id, d->withdrawn_by));
	if (result == 0)
		result = view_line(&view, "Next: ",
		    arena_printf(arena,
			"from now on bulk sends of %s raise alerts as any "
			"other.",
			d->sender));
	return ctl_printed(ctl, result);
}

static int
withdraw_run(struct ctl *ctl, struct store *store, int64_t id, const char *by)
{
	const struct declaration *d = NULL;
	struct err err;
	int found = store_withdraw(store, id, by, clock_wall_ms(), &err);
	if (found < 0)
		return ctl_fail(ctl, "%s", err.text);
	if (found == 0)
		return ctl_fail(ctl,
		    "there is no declaration %lld; `bulkwatch declarations` "
		    "shows those that there are",
		    (long long)id);
	if (find(ctl, store, id, &d) < 0)
		return CTL_FAILED;
	return ctl->json ? ctl_document(ctl, json_declaration(d))
			 : say_withdrawn(ctl, d);
}

int
withdraw_command(struct ctl *ctl)
{
	const char *by = NULL;
	int64_t id;
	int option;
	while ((option = args_next(ctl, withdraw_options)) > ARGS_END)
		if (person_name(ctl, optarg, &by) < 0)
			return CTL_USAGE;
	if (option == ARGS_STOP)
		return ctl->code;
	if (args_words(ctl, 1, "one ID") < 0 ||
	    args_id(ctl, ctl->words[0], &id) < 0 ||
	    (by == NULL && person_name(ctl, NULL, &by) < 0))
		return CTL_USAGE;
	struct store *store;
	if (ctl_open_store(ctl, &store) < 0)
		return CTL_FAILED;
	int code = withdraw_run(ctl, store, id, by);
	store_close(&store);
	return code;
}
