/* held_view.c: held mail, for a person. */
#include "table.h"
#include "views.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct column columns[] = {
    {.title = "QUEUE ID"},
    {.title = "HELD SINCE"},
    {.title = "RCPTS", .right = true},
    {.title = "STATE"},
    {.title = "TIME", .yields = 1},
    {.title = "BY", .least = 10},
};

static const char *
state_text(enum held_state state)
{
	switch (state) {
	case HELD_WAITING:
		return "held";
	case HELD_GONE:
		return "no longer held";
	default:
		return record_held_state_name(state);
	}
}

static enum tint
state_tint(enum held_state state)
{
	static const enum tint tints[] = {
	    [HELD_WAITING] = TINT_YELLOW,
	    [HELD_RELEASED] = TINT_GREEN,
	    [HELD_DISCARDED] = TINT_RED,
	    [HELD_GONE] = TINT_DIM,
	};
	return state >= HELD_WAITING && state <= HELD_GONE ? tints[state]
							   : TINT_NONE;
}

int
held_print(const struct view *view, const struct held *held, size_t n)
{
	struct arena *arena = view->arena;
	struct table *table = table_new(arena, columns, COUNT(columns), 2);
	for (size_t i = 0; table != NULL && i < n; i++) {
		const struct held *h = &held[i];
		bool settled = h->settled_ms != 0;
		const struct cell cells[COUNT(columns)] = {
		    {h->queue_id, TINT_NONE},
		    {view_second(arena, h->at_ms), TINT_NONE},
		    {arena_printf(arena, "%u", h->recipient_count), TINT_NONE},
		    {state_text(h->state), state_tint(h->state)},
		    {settled ? view_second(arena, h->settled_ms) : "",
			TINT_NONE},
		    {h->by, TINT_NONE},
		};
		table_row(table, cells);
	}
	return table_print(table, view->screen, view->out);
}

const char *
held_next(struct arena *arena, const char *file, const struct bulk_send *send)
{
	const long long id = (long long)send->id;
	const char *program = view_program(arena, file);
	const char *them = send->held == 1 ? "it" : "them";
	if (send->held == 0 || program == NULL)
		return program == NULL ? NULL : "";
	return arena_printf(arena,
	    "%u message%s still held; `%s release %lld` lets %s go, "
	    "`%s discard %lld` deletes %s.",
	    send->held, send->held == 1 ? " is" : "s are", program, id, them,
	    program, id, them);
}

int
held_line(const struct view *view, const struct bulk_send *send)
{
	const char *text = held_next(view->arena, view->file, send);
	return text != NULL && text[0] == '\0'
		   ? 0
		   : view_line(view, "Held: ", text);
}
