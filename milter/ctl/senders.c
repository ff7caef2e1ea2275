/* senders.c: `bulkwatch senders`: who sends how much. */
#include <inttypes.h>

#include "args.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/json.h"
#include "ctl.h"
#include "table.h"
#include "views.h"

#define TOP_DEFAULT 20
#define TOP_MOST 1000000

enum { OPT_TOP = ARGS_OWN };

static const struct option options[] = {
    {"top", required_argument, NULL, OPT_TOP},
    {0},
};

static const struct column columns[] = {
    {.title = "SENDER", .least = 20},
    {.title = "IDENTITY", .yields = 2},
    {.title = "MSGS", .right = true},
    {.title = "RCPTS", .right = true},
    {.title = "BULK", .right = true},
    {.title = "FIRST", .yields = 1},
    {.title = "LAST"},
};

#define COLUMNS_N (sizeof(columns) / sizeof(columns[0]))

int
senders_print(
    const struct view *view, const struct sender_total *totals, size_t n)
{
	struct arena *arena = view->arena;
	struct table *table = table_new(arena, columns, COLUMNS_N, 0);
	for (size_t i = 0; table != NULL && i < n; i++) {
		const struct sender_total *t = &totals[i];
		char first[CLOCK_LOCAL_MAX], last[CLOCK_LOCAL_MAX];
		clock_local(t->first_at_ms, first);
		clock_local(t->last_at_ms, last);
		const struct cell cells[COLUMNS_N] = {
		    {t->sender, TINT_NONE},
		    {record_identity_name(t->identity), TINT_NONE},
		    {arena_printf(arena, "%" PRIu64, t->messages), TINT_NONE},
		    {arena_printf(arena, "%" PRIu64, t->recipients), TINT_NONE},
		    {arena_printf(arena, "%" PRIu64, t->bulk_sends),
			t->bulk_sends > 0 ? TINT_YELLOW : TINT_NONE},
		    {first, TINT_NONE},
		    {last, TINT_NONE},
		};
		table_row(table, cells);
	}
	return table_print(table, view->screen, view->out);
}

static int
senders_run(struct ctl *ctl, struct store *store, size_t top)
{
	struct sender_total *totals;
	size_t n;
	struct err err;
	if (store_senders(store, ctl->arena, top, &totals, &n, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	if (ctl->json)
		return ctl_document(ctl, json_senders(totals, n));
	if (n == 0) {
		fputs("nobody has sent anything\n", ctl->out);
		return CTL_DONE;
	}
	const struct view view = {
	    ctl->out, &ctl->screen, ctl->arena, ctl->file};
	return ctl_printed(ctl, senders_print(&view, totals, n));
}

int
senders_command(struct ctl *ctl)
{
	int64_t top = TOP_DEFAULT;
	int option;
	while ((option = args_next(ctl, options)) > ARGS_END)
		if (args_number(ctl, "--top", optarg,
			(struct range){1, TOP_MOST}, &top) < 0)
			return CTL_USAGE;
	if (option == ARGS_STOP)
		return ctl->code;
	if (args_words(ctl, 0, "no words") < 0)
		return CTL_USAGE;
	struct store *store;
	if (ctl_open_store(ctl, &store) < 0)
		return CTL_FAILED;
	int code = senders_run(ctl, store, (size_t)top);
	store_close(&store);
	return code;
}
