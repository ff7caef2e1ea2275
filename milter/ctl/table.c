/* table.c: rows of text in columns that fit the screen. */
#include "table.h"

#include <string.h>

#include "bulkwatch/text.h"

#define GAP 2         /* blanks between columns */
#define NOTE_INDENT 4 /* of a note, from the row's begin */
#define TITLE_LEAST 8 /* a title is not broken into narrower lines */
#define COLUMNS_MAX 16

struct note {
	struct note *next;
	const char *text;
};

struct row {
	struct row *next;
	const struct cell *cells;
	struct note *notes, **notes_end;
	const char *below; /* its cells that have no room beside the others */
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
	bool breaks; /* titles that may be are broken */
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

/* What a title needs that is broken into lines. */
static int
broken_width(const char *title)
{
	int all = text_columns(title), most = 0;
	for (const char *word = title; *word != '\0';) {
		size_t length = strcspn(word, " ");
		/* What a word takes is what is lost without it. */
		int columns = text_columns(word) - text_columns(word + length);
		if (columns > most)
			most = columns;
		word += length;
		word += strspn(word, " ");
	}
	if (most < TITLE_LEAST)
		most = TITLE_LEAST;
	return most < all ? most : all;
}

static int
natural_width(const struct table *table, size_t i, bool breaks)
{
	const struct column *column = &table->columns[i];
	int width = breaks && column->wraps ? broken_width(column->title)
					    : text_columns(column->title);
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

/* Takes back in what was left out and has room after all: what gave way in
 * vain, because a wider column had to go as well. */
static void
take_back(const struct table *table, const struct screen *screen,
    struct layout *layout)
{
	for (;;) {
		size_t last = table->n;
		for (size_t i = 0; i < table->n; i++) {
			if (layout->shown[i] ||
			    (last < table->n &&
				table->columns[i].yields >=
				    table->columns[last].yields))
				continue;
			layout->shown[i] = true;
			if (total_width(table, layout) <= screen->width)
				last = i;
			layout->shown[i] = false;
		}
		if (last == table->n)
			return;
		layout->shown[last] = true;
	}
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

/* Every column as wide as it would be. */
static void
make_natural(const struct table *table, bool breaks, struct layout *layout_r)
{
	layout_r->breaks = breaks;
	for (size_t i = 0; i < table->n; i++) {
		layout_r->widths[i] = natural_width(table, i, breaks);
		layout_r->shown[i] = true;
	}
}

static void
make_layout(const struct table *table, const struct screen *screen,
    struct layout *layout_r)
{
	make_natural(table, false, layout_r);
	if (!screen->cut || total_width(table, layout_r) <= screen->width)
		return;
	make_natural(table, true, layout_r);
	const struct layout natural = *layout_r;
	for (size_t i = 0; i < table->n; i++) {
		int least = table->columns[i].least;
		if (least > 0 && least < natural.widths[i])
			layout_r->widths[i] = least;
	}
	while (total_width(table, layout_r) > screen->width &&
	       leave_one_out(table, layout_r))
		continue;
	/* What is cut comes before what is left out. */
	share_out(table, natural.widths,
	    screen->width - total_width(table, layout_r), layout_r);
	take_back(table, screen, layout_r);
	share_out(table, natural.widths,
	    screen->width - total_width(table, layout_r), layout_r);
}

/* The cells that go under their rows. Returns 0, or -1 when memory is out. */
static int
put_below(const struct table *table, const struct layout *layout)
{
	for (struct row *row = table->rows; row != NULL; row = row->next) {
		const char *text = "";
		for (size_t i = 0; text != NULL && i < table->n; i++) {
			const char *label = table->columns[i].below;
			const char *cell = row->cells[i].text;
			if (layout->shown[i] || label == NULL ||
			    cell[0] == '\0')
				continue;
			text = arena_printf(table->arena, "%s%s%s%s", text,
			    text[0] == '\0' ? "" : "; ", label, cell);
		}
		if (text == NULL)
			return -1;
		row->below = text;
	}
	return 0;
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

/* How much of a title stands on its next line. */
static size_t
title_fit(const char *title, int width)
{
	size_t length = strcspn(title, " "), fits = length;
	int rest = text_columns(title);
	while (rest - text_columns(title + length) <= width) {
		fits = length;
		if (title[length] == '\0')
			break;
		length += strspn(title + length, " ");
		length += strcspn(title + length, " ");
	}
	return fits;
}

/* The titles, on as many lines as they need. Returns 0, or -1 when memory is
 * out. */
static int
print_titles(const struct table *table, const struct layout *layout,
    const struct screen *screen, FILE *out)
{
	const char *rest[COLUMNS_MAX];
	for (size_t i = 0; i < table->n; i++)
		rest[i] = table->columns[i].title;
	for (bool more = true; more;) {
		struct cell titles[COLUMNS_MAX];
		more = false;
		for (size_t i = 0; i < table->n; i++) {
			bool breaks = layout->breaks && table->columns[i].wraps;
			size_t length =
			    breaks ? title_fit(rest[i], layout->widths[i])
				   : strlen(rest[i]);
			titles[i] = (struct cell){
			    arena_strndup(table->arena, rest[i], length),
			    TINT_BOLD};
			if (titles[i].text == NULL)
				return -1;
			rest[i] += length;
			rest[i] += strspn(rest[i], " ");
			more = more || (layout->shown[i] && *rest[i] != '\0');
		}
		print_cells(table, layout, screen, out, titles);
	}
	return 0;
}

static void
print_note(const struct table *table, const struct screen *screen, FILE *out,
    const char *text)
{
	int indent = table->indent + NOTE_INDENT;
	screen_pad(out, indent);
	screen_wrap(screen, out, indent, text);
}

int
table_print(const struct table *table, const struct screen *screen, FILE *out)
{
	if (table == NULL || table->failed)
		return -1;
	struct layout layout;
	make_layout(table, screen, &layout);
	if (put_below(table, &layout) < 0 ||
	    print_titles(table, &layout, screen, out) < 0)
		return -1;
	for (const struct row *row = table->rows; row != NULL;
	     row = row->next) {
		print_cells(table, &layout, screen, out, row->cells);
		if (row->below[0] != '\0')
			print_note(table, screen, out, row->below);
		for (const struct note *note = row->notes; note != NULL;
		     note = note->next)
			print_note(table, screen, out, note->text);
	}
	return 0;
}
