/*
 * table.h: rows of text in columns that fit the screen.
 *
 * On a terminal a table gives up what it must, in this order: titles that may
 * be are broken into lines, columns that yield are left out or go to a second
 * line, columns that may be cut are cut (with "…"), and at the last the line
 * ends at the edge. Elsewhere nothing is left out or cut.
 * Widths are those of a terminal, so Vietnamese and wide characters stand in
 * line.
 */
#ifndef BULKWATCH_CTL_TABLE_H
#define BULKWATCH_CTL_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "bulkwatch/arena.h"
#include "screen.h"

struct column {
	const char *title;
	bool right; /* numbers end in line */
	int least;  /* may be cut to so many columns; 0: never cut */
	int yields; /* 0: always there; else the highest number goes first */
	/* Not NULL: where it yields, it goes under the row behind this label.
	 */
	const char *below;
	bool wraps; /* the title may be broken into lines */
};

struct cell {
	const char *text;
	enum tint tint;
};

struct table;

/* A table of n columns in the arena; columns must outlive it. indent: blanks
 * before every line. NULL when memory is out: the other functions take that,
 * and any later lack of memory, and table_print tells. */
struct table *table_new(
    struct arena *arena, const struct column *columns, size_t n, int indent);

/* Adds a row of as many cells; the texts are copied and made clean. A NULL text
 * means that memory was out when it was made. */
void table_row(struct table *table, const struct cell *cells);

/* Adds running text under the row added last, wrapped and indented; NULL as
 * above. */
void table_note(struct table *table, const char *text);

/* Writes titles and rows. Returns 0, or -1 if memory was out (nothing is
 * written then). */
int table_print(
    const struct table *table, const struct screen *screen, FILE *out);

#endif
