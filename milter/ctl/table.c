/* table.c: rows of text in columns that fit the screen. */
#include "table.h"

#include <string.h>

#include "bulkwatch/text.h"

#define GAP 2         /* blanks between columns */
#define NOTE_INDENT 4 /* of a note, from the row's begin */
#define COLUMNS_MAX 16

struct note {
	struct note *next;
	const char *text;
};

struct row {
	struct row *next;
	const struct cell *cells;
	struct note *notes, **notes_end;
};

struct table {
	struct arena *arena;
	const struct column *columns;
	size_t n;
	int indent;
	struct row *rows, **rows_end, *last;
	bool failed; /* memory was out */
};

/* What a table looks like on a screen. */
struct layout {
	int widths[COLUMNS_MAX];
	bool shown[COLUMNS_MAX];
};

struct table *
table_new(
    struct arena *arena, const struct column *columns, size_t n, int indent)
{
	struct table *table =
	    n > COLUMNS_MAX ? NULL : arena_alloc(arena, sizeof(*table));
	if (table == NULL)
		return NULL;
	table->arena = arena;
	table->columns = columns;
	table->n = n;
	table->indent = indent;
	table->rows_end = &table->rows;
	return table;
}

static struct row *
new_row(struct table *table, const struct cell *cells)
{
	struct row *row = arena_alloc(table->arena, sizeof(*row));
	struct cell *copies =
	    arena_alloc(table->arena, table->n * sizeof(*copies));
	if (row == NULL || copies == NULL)
		return NULL;
	for (size_t i = 0; i < table->n; i++) {
		if (cells[i].text == NULL)
			return NULL;
		copies[i].tint = cells[i].tint;
		copies[i].text = text_clean(
		    table->arena, cells[i].text, strlen(cells[i].text));
		if (copies[i].text == NULL)
			return NULL;
	}
	row->cells = copies;
	row->notes_end = &row->notes;
	return row;
}

void
table_row(struct table *table, const struct cell *cells)
{
	if (table == NULL || table->failed)
		return;
	struct row *row = new_row(table, cells);
	table->failed = row == NULL;
	if (table->failed)
		return;
	*table->rows_end = row;
	table->rows_end = &row->next;
	table->last = row;
}

void
table_note(struct table *table, const char *text)
{
	if (table == NULL || table->failed || table->last == NULL)
		return;
	struct note *note = arena_alloc(table->arena, sizeof(*note));
	char *copy =
	    text == NULL ? NULL : text_clean(table->arena, text, strlen(text));
	table->failed = note == NULL || copy == NULL;
	if (table->failed)
		return;
	note->text = copy;
	*table->last->notes_end = note;
	table->last->notes_end = &note->next;
}

/* ------------------------------------------------------------ the layout */

static int
natural_width(const struct table *table, size_t i)
{
	int width = text_columns(table->columns[i].title);
	for (const struct row *row = table->rows; row != NULL;
	     row = row->next) {
		int columns = text_columns(row->cells[i].text);
		if (columns > width)
			width = columns;
	}
	return width;
}

/* Columns that the shown ones take at their widths, gaps included. */
static int
total_width(const struct table *table, const struct layout *layout)
{
	int total = table->indent, gap = 0;
	for (size_t i = 0; i < table->n; i++) {
		if (!layout->shown[i])
			continue;
		total += gap + layout->widths[i];
		gap = GAP;
	}
	return total;
}

/* Leaves out the column that yields first. False if none yields. */
static bool
leave_one_out(const struct table *table, struct layout *layout)
{
	size_t first = table->n;
	for (size_t i = 0; i < table->n; i++)
		if (layout->shown[i] && table->columns[i].yields > 0 &&
		    (first == table->n || table->columns[i].yields >
					      table->columns[first].yields))
			first = i;
	if (first == table->n)
		return false;
	layout->shown[first] = false;
	return true;
}

/* Gives what room is left to the columns that were cut, evenly. */
static void
share_out(const struct table *table, const int *natural, int room,
    struct layout *layout)
{
	for (bool given = true; given && room > 0;) {
		given = false;
		for (size_t i = 0; i < table->n && room > 0; i++) {
			if (!layout->shown[i] ||
			    layout->widths[i] >= natural[i])
				continue;
			layout->widths[i]++;
			room--;
			given = true;
		}
	}
}

static void
make_layout(const struct table *table, const struct screen *screen,
    struct layout *layout_r)
{
	int natural[COLUMNS_MAX];
	for (size_t i = 0; i < table->n; i++) {
		int least = table->columns[i].least;
		natural[i] = natural_width(table, i);
		layout_r->shown[i] = true;
		layout_r->widths[i] =
		    screen->cut && least > 0 && least < natural[i] ? least
								   : natural[i];
	}
	if (!screen->cut)
		return;
	while (total_width(table, layout_r) > screen->width &&
	       leave_one_out(table, layout_r))
		continue;
	share_out(table, natural, screen->width - total_width(table, layout_r),
	    layout_r);
}

/* ---------------------------------------------------------- the printing */

/* The line that is being written: where it ends, and blanks that are owed
 * before more text comes (so that no line ends in blanks). */
struct line {
	const struct screen *screen;
	FILE *out;
	int left, owed;
};

static void
line_blanks(struct line *line, int columns)
{
	if (columns > 0)
		line->owed += columns;
}

/* Writes text, cut where it is wider than width or would pass the edge.
 * Returns the columns that it took. */
static int
line_text(struct line *line, const char *text, int width, enum tint tint)
{
	bool cut = line->screen->cut;
	if (cut && line->left - line->owed < width)
		width = line->left - line->owed;
	if (text[0] == '\0' || (cut && width <= 0))
		return 0;
	int columns = text_columns(text);
	bool whole = !cut || columns <= width;
	size_t length = whole ? strlen(text) : text_fit(text, width - 1);
	if (!whole) /* a wide character may leave a column free */
		columns -= text_columns(text + length) - 1;
	screen_pad(line->out, line->owed);
	screen_tint(line->screen, line->out, tint);
	fprintf(line->out, "%.*s%s", (int)length, text, whole ? "" : "…");
	screen_untint(line->screen, line->out, tint);
	line->left -= line->owed + columns;
	line->owed = 0;
	return columns;
}

static void
print_cells(const struct table *table, const struct layout *layout,
    const struct screen *screen, FILE *out, const struct cell *cells)
{
	struct line line = {screen, out, screen->width, table->indent};
	int gap = 0;
	for (size_t i = 0; i < table->n; i++) {
		int width = layout->widths[i];
		if (!layout->shown[i])
			continue;
		line_blanks(&line, gap);
		if (table->columns[i].right)
			line_blanks(&line, width - text_columns(cells[i].text));
		int used =
		    line_text(&line, cells[i].text, width, cells[i].tint);
		if (!table->columns[i].right)
			line_blanks(&line, width - used);
		gap = GAP;
	}
	fputc('\n', out);
}

static void
print_titles(const struct table *table, const struct layout *layout,
    const struct screen *screen, FILE *out)
{
	struct cell titles[COLUMNS_MAX];
	for (size_t i = 0; i < table->n; i++)
		titles[i] = (struct cell){table->columns[i].title, TINT_BOLD};
	print_cells(table, layout, screen, out, titles);
}

int
table_print(const struct table *table, const struct screen *screen, FILE *out)
{
	if (table == NULL || table->failed)
		return -1;
	struct layout layout;
	make_layout(table, screen, &layout);
	print_titles(table, &layout, screen, out);
	for (const struct row *row = table->rows; row != NULL;
	     row = row->next) {
		print_cells(table, &layout, screen, out, row->cells);
		for (const struct note *note = row->notes; note != NULL;
		     note = note->next) {
			int indent = table->indent + NOTE_INDENT;
			screen_pad(out, indent);
			screen_wrap(screen, out, indent, note->text);
		}
	}
	return 0;
}
