/*
 * csv.h: rows for a spreadsheet: RFC 4180 in UTF-8.
 *
 * A byte order mark stands before all, without which a spreadsheet takes the
 * letters of Vietnamese for something else. A cell of text that a spreadsheet
 * would take for a formula has an apostrophe before it: what a sender wrote
 * must not be run on an admin's desk.
 */
#ifndef BULKWATCH_CTL_CSV_H
#define BULKWATCH_CTL_CSV_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct csv {
	FILE *out;
	bool inside; /* a row has begun */
};

/* Begins a file with the byte order mark. */
void csv_begin(struct csv *csv, FILE *out);

/* Adds a cell to the row. */
void csv_text(struct csv *csv, const char *text);
void csv_number(struct csv *csv, int64_t number);
/* Local time as spreadsheets read it, 2026-03-02 14:05:09; empty for 0. */
void csv_time(struct csv *csv, int64_t at_ms);

/* Ends the row. */
void csv_end(struct csv *csv);

#endif
