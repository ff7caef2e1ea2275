/* report_text.c: the month's report as text. */
#include "report.h"
#include "table.h"

/* Columns that an address keeps on a narrow terminal. */
#define LEAST_ADDRESS 36

/* A column as a terminal has it: numbers are always there, under titles of
 * several lines; the last of the texts go under the row first. The first column
 * stays, whatever it is: it says what the row is about. NULL texts mean that
 * memory was out. */
static struct column
column_of(struct arena *arena, const struct sheet *sheet, size_t i)
{
	const struct sheet_column *from = &sheet->columns[i];
	struct column column = {.title = from->title, .wraps = true};
	column.right = from->kind == SHEET_NUMBER || from->kind == SHEET_REMARK;
	if (from->kind == SHEET_ADDRESS)
		column.least = LEAST_ADDRESS;
	if (i == 0 || (from->kind != SHEET_TEXT && from->kind != SHEET_REMARK))
		return column;
	column.yields = (int)i;
	column.below = arena_printf(arena, "%s: ", from->title);
	return column;
}

/* The table of a sheet. */
static int
print_table(const struct report *report, const struct sheet *sheet)
{
	struct arena *arena = report->view.arena;
	struct column *columns =
	    arena_alloc(arena, sheet->columns_n * sizeof(*columns));
	if (columns == NULL)
		return -1;
	for (size_t i = 0; i < sheet->columns_n; i++) {
		columns[i] = column_of(arena, sheet, i);
		if (columns[i].yields > 0 && columns[i].below == NULL)
			return -1;
	}
	struct table *table = table_new(arena, columns, sheet->columns_n, 2);
	for (size_t r = 0; r < sheet->rows_n; r++) {
		struct cell cells[SHEET_COLUMNS_MAX];
		for (size_t i = 0; i < sheet->columns_n; i++)
			cells[i] = (struct cell){
			    sheet->cells[r * sheet->columns_n + i], TINT_NONE};
		table_row(table, cells);
	}
	return table_print(table, report->view.screen, report->view.out);
}

static int
print_sheet(const struct report *report, int place, enum sheet_id id)
{
	const struct view *view = &report->view;
	struct sheet sheet;
	if (sheet_make(report, id, &sheet) < 0)
		return -1;
	fputc('\n', view->out);
	view_title(
	    view, arena_printf(view->arena, "%d. %s", place, sheet.heading));
	if (sheet.rows_n == 0) {
		fprintf(view->out, "  %s\n", words_get(report->words, W_NONE));
		return 0;
	}
	if (print_table(report, &sheet) < 0)
		return -1;
	if (sheet.left_out > 0)
		fprintf(view->out, "  %s %zu\n",
		    words_get(report->words, W_MORE), sheet.left_out);
	return 0;
}

static int
print_head(const struct report *report)
{
	const struct view *view = &report->view;
	const struct words *words = report->words;
	const struct summary *s = report->summary;
	struct arena *arena = view->arena;
	const char *office =
	    report->office[0] == '\0'
		? ""
		: arena_printf(arena, "%s: %s. ",
		      words_get(words, W_MAIL_SYSTEM), report->office);
	view_title(
	    view, arena_printf(arena, "%s: %s, %s", words_get(words, W_REPORT),
		      words_get(words, W_SUBJECT),
		      words_month(words, arena, &s->month)));
	if (view_wrapped(view, "",
		arena_printf(arena, "%s%s %s.", office,
		    words_get(words, W_MADE),
		    words_moment(words, arena, s->made_ms))) < 0)
		return -1;
	if (s->made_ms < s->month.until_ms &&
	    view_wrapped(view, "", words_get(words, W_NOT_OVER)) < 0)
		return -1;
	fputc('\n', view->out);
	return view_wrapped(view, "",
	    s->total.now.sends == 0 && s->open_n == 0
		? words_get(words, W_NONE_SENT)
		: words_gist(words, arena, s));
}

int
report_text(const struct report *report)
{
	const struct view *view = &report->view;
	if (print_head(report) < 0)
		return -1;
	for (int id = 0; id < SHEETS_N; id++)
		if (print_sheet(report, id + 1, (enum sheet_id)id) < 0)
			return -1;
	fputc('\n', view->out);
	return view_wrapped(view, "",
	    words_footnote(report->words, view->arena, report->summary));
}
