/*
 * report.h: the month's report: one summary, written in several forms.
 */
#ifndef BULKWATCH_CTL_REPORT_H
#define BULKWATCH_CTL_REPORT_H

#include "month.h"
#include "views.h"
#include "words.h"

struct report {
	struct view view;
	const struct words *words;
	const struct summary *summary;
	const char *office; /* the mail domains, as one text; "" if not set */
};

/* Each writes the whole report. Returns 0, or -1 when memory was out. */
int report_text(const struct report *report);
int report_html(const struct report *report);
int report_csv(const struct report *report);

/* ------------------------------------------------------------ its tables */
/* Made once, for text and HTML alike. */

enum sheet_id {
	SHEET_TOTAL,
	SHEET_DAYS, /* those on which something was sent */
	SHEET_RESULTS,
	SHEET_SENDERS,
	SHEET_DOMAINS,
	SHEET_DECLARATIONS,
	SHEET_UNREPORTED,
	SHEET_OPEN,
	SHEETS_N
};

#define SHEET_COLUMNS_MAX 8

/* How a column is set. */
enum sheet_kind {
	SHEET_TEXT,    /* may be broken into lines */
	SHEET_ADDRESS, /* broken at @ and full stops */
	SHEET_SHORT,   /* never broken */
	SHEET_NUMBER,  /* to the right, never broken */
	SHEET_REMARK,  /* to the right */
};

struct sheet_column {
	const char *title;
	enum sheet_kind kind;
};

struct sheet {
	const char *heading;
	struct sheet_column columns[SHEET_COLUMNS_MAX];
	size_t columns_n;
	const char **cells; /* row by row; clean */
	size_t rows_n;
	size_t left_out; /* rows that are not there, for there are too many */
};

/* Makes a table, in the report's arena. Returns 0, or -1 when memory was out.
 */
int sheet_make(
    const struct report *report, enum sheet_id id, struct sheet *sheet_r);

/* ------------------------------------------------------- parts of the HTML */

/* Text with what HTML would act on made harmless, for content and attributes.
 */
void html_text(FILE *out, const char *text);

/* Charts as inline SVG. Return 0, or -1 when memory was out. */
int chart_days(const struct report *report);
int chart_results(const struct report *report);
int chart_senders(const struct report *report);

#endif
