/* report_html.c: the month's report as one HTML page that prints on A4: nothing
 * in it comes from elsewhere, no script, no font, no picture. */
#include <string.h>

#include "report.h"

void
html_text(FILE *out, const char *text)
{
	static const struct {
		char character;
		const char *stands;
	} marks[] = {
	    {'&', "&amp;"},
	    {'<', "&lt;"},
	    {'>', "&gt;"},
	    {'"', "&quot;"},
	    {'\'', "&#39;"},
	};
	for (; *text != '\0'; text++) {
		size_t i = 0;
		while (i < sizeof(marks) / sizeof(marks[0]) &&
		       marks[i].character != *text)
			i++;
		if (i < sizeof(marks) / sizeof(marks[0]))
			fputs(marks[i].stands, out);
		else
			fputc(*text, out);
	}
}

/* A wide left margin, to be filed; black on white; rules instead of boxes. The
 * fonts are those that offices have, all with the letters of Vietnamese. */
static const char style[] =
    "@page { size: A4; margin: 18mm 15mm 17mm 25mm; }\n"
    "* { box-sizing: border-box; }\n"
    "html { background: #e9e9e6; }\n"
    "body { max-width: 210mm; margin: 8mm auto; padding: 20mm 15mm 20mm "
    "25mm;\n"
    "  background: #fff; color: #111;\n"
    "  font: 11.5pt/1.4 'Times New Roman', 'Liberation Serif', Tinos, "
    "'Noto Serif',\n"
    "  'DejaVu Serif', serif; }\n"
    "header { display: flex; justify-content: space-between; gap: 10mm;\n"
    "  font-size: 10.5pt; }\n"
    "header div:last-child { text-align: right; white-space: nowrap; }\n"
    "h1 { margin: 6mm 0 5mm; text-align: center; font-size: 15pt; "
    "line-height: 1.35; }\n"
    "h1 small { display: block; font-size: 13pt; }\n"
    "h1 small + small { font-weight: normal; font-style: italic; "
    "font-size: 12pt; }\n"
    "h1 small::first-letter { text-transform: uppercase; }\n"
    "h2 { margin: 5mm 0 2mm; font-size: 12.5pt; break-after: avoid; }\n"
    "p { margin: 0 0 2mm; text-align: justify; }\n"
    "p.aside { font-style: italic; }\n"
    "table { width: 100%; border-collapse: collapse; font-size: 10.5pt;\n"
    "  line-height: 1.25; }\n"
    "table.small { break-inside: avoid; }\n"
    "thead { display: table-header-group; }\n"
    "tr { break-inside: avoid; }\n"
    /* No row stands alone on its page. */
    "tbody tr:nth-child(-n+2):not(:last-child) { break-after: avoid; }\n"
    "tbody tr:nth-last-child(-n+2) { break-before: avoid; }\n"
    "th, td { padding: 0.9mm 1.5mm; border: 0.3mm solid #777; text-align: "
    "left;\n"
    "  vertical-align: top; overflow-wrap: anywhere; }\n"
    "th { background: #eef1f5; text-align: center; vertical-align: middle;\n"
    "  overflow-wrap: normal; print-color-adjust: exact;\n"
    "  -webkit-print-color-adjust: exact; }\n"
    "td.right { text-align: right; font-variant-numeric: lining-nums "
    "tabular-nums; }\n"
    "td.remark { min-width: 22mm; text-align: right; }\n"
    "td.whole { white-space: nowrap; }\n"
    "td.address { min-width: 45mm; }\n"
    "td.address:first-child { min-width: 58mm; }\n"
    "td.text { min-width: 27mm; }\n"
    "figure { margin: 3mm 0 3mm; break-inside: avoid; }\n"
    "figcaption { font-size: 10.5pt; font-style: italic; break-after: "
    "avoid; }\n"
    "svg { display: block; width: 100%; height: auto; font-family: inherit;\n"
    "  print-color-adjust: exact; -webkit-print-color-adjust: exact; }\n"
    ".sign { display: flex; margin-top: 8mm; break-inside: avoid; "
    "break-before: avoid; }\n"
    ".sign div { flex: 1; text-align: center; padding-bottom: 22mm; }\n"
    ".sign b, .sign i { display: block; }\n"
    "p.footnote { margin-top: 6mm; font-size: 9.5pt; text-align: left;\n"
    "  break-before: avoid; }\n"
    "@media print {\n"
    "  html, body { background: none; }\n"
    /* Half of a table's outer rule stands outside of it. */
    "  body { max-width: none; margin: 0; padding: 0 0.2mm; }\n"
    "}\n";

static void
put_word(const struct report *report, enum word word)
{
	html_text(report->view.out, words_get(report->words, word));
}

/* <tag>text</tag>; -1 for a NULL text. */
static int
put_element(const struct report *report, const char *tag, const char *text)
{
	FILE *out = report->view.out;
	if (text == NULL)
		return -1;
	fprintf(out, "<%s>", tag);
	html_text(out, text);
	fprintf(out, "</%.*s>\n", (int)strcspn(tag, " "), tag);
	return 0;
}

/* ------------------------------------------------------------------- head */

static void
put_style(const struct report *report)
{
	FILE *out = report->view.out;
	/* Numbers of pages, where the printing program knows them. */
	fprintf(out,
	    "<style>\n%s@page { @bottom-center { font: 9.5pt 'Times New "
	    "Roman', 'Liberation Serif', serif;\n  content: \"%s \" "
	    "counter(page) \"/\" counter(pages); } }\n</style>\n",
	    style, words_get(report->words, W_PAGE));
}

static int
put_head(const struct report *report)
{
	const struct words *words = report->words;
	const struct summary *s = report->summary;
	struct arena *arena = report->view.arena;
	FILE *out = report->view.out;
	const char *month = words_month(words, arena, &s->month);
	fprintf(out,
	    "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n"
	    /* Whatever a sender wrote: nothing is run, nothing is fetched. */
	    "<meta http-equiv=\"Content-Security-Policy\" "
	    "content=\"default-src "
	    "'none'; style-src 'unsafe-inline'\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width\">\n",
	    words_language(words));
	if (put_element(report, "title",
		arena_printf(
		    arena, "%s, %s", words_get(words, W_REPORT), month)) < 0)
		return -1;
	put_style(report);
	fputs("</head>\n<body>\n<header>\n<div>", out);
	if (report->office[0] != '\0') {
		put_word(report, W_MAIL_SYSTEM);
		fputs("<br>", out);
		if (put_element(report, "b", report->office) < 0)
			return -1;
	}
	fputs("</div>\n", out);
	if (put_element(report, "div",
		arena_printf(arena, "%s %s", words_get(words, W_MADE),
		    words_moment(words, arena, s->made_ms))) < 0)
		return -1;
	fputs("</header>\n<h1>", out);
	put_word(report, W_REPORT);
	fputs("\n<small>", out);
	put_word(report, W_SUBJECT);
	fputs("</small>\n", out);
	if (month == NULL || put_element(report, "small", month) < 0)
		return -1;
	fputs("</h1>\n", out);
	return 0;
}

static int
put_gist(const struct report *report)
{
	const struct summary *s = report->summary;
	const char *gist =
	    s->total.now.sends == 0 && s->open_n == 0
		? words_get(report->words, W_NONE_SENT)
		: words_gist(report->words, report->view.arena, s);
	if (s->made_ms < s->month.until_ms &&
	    put_element(report, "p class=\"aside\"",
		words_get(report->words, W_NOT_OVER)) < 0)
		return -1;
	return put_element(report, "p", gist);
}

/* ------------------------------------------------------------------ parts */

/* No line begins with less than this much of an address. */
#define PIECE_LEAST 10

/* An address, with the places at which it may be broken. */
static void
put_address(FILE *out, const char *text)
{
	while (*text != '\0') {
		size_t length = strcspn(text + 1, "@.") + 1;
		char piece[256];
		if (length >= sizeof(piece))
			length = sizeof(piece) - 1;
		snprintf(piece, sizeof(piece), "%.*s", (int)length, text);
		html_text(out, piece);
		text += length;
		if (*text == '@' || strlen(text) >= PIECE_LEAST)
			fputs("<wbr>", out);
	}
}

static void
put_cell(FILE *out, enum sheet_kind kind, const char *text)
{
	static const char *const classes[] = {
	    [SHEET_TEXT] = " class=\"text\"",
	    [SHEET_ADDRESS] = " class=\"address\"",
	    [SHEET_SHORT] = " class=\"whole\"",
	    [SHEET_NUMBER] = " class=\"right whole\"",
	    [SHEET_REMARK] = " class=\"remark\"",
	};
	fprintf(out, "<td%s>", classes[kind]);
	if (kind == SHEET_ADDRESS)
		put_address(out, text);
	else
		html_text(out, text);
	fputs("</td>", out);
}

/* A table of so few rows is not parted between pages. */
#define SMALL_ROWS 8

static void
put_table(const struct report *report, const struct sheet *sheet)
{
	FILE *out = report->view.out;
	fprintf(out, "<table%s>\n<thead>\n<tr>",
	    sheet->rows_n <= SMALL_ROWS ? " class=\"small\"" : "");
	for (size_t i = 0; i < sheet->columns_n; i++) {
		fputs("<th scope=\"col\">", out);
		html_text(out, sheet->columns[i].title);
		fputs("</th>", out);
	}
	fputs("</tr>\n</thead>\n<tbody>\n", out);
	for (size_t r = 0; r < sheet->rows_n; r++) {
		fputs("<tr>", out);
		for (size_t i = 0; i < sheet->columns_n; i++)
			put_cell(out, sheet->columns[i].kind,
			    sheet->cells[r * sheet->columns_n + i]);
		fputs("</tr>\n", out);
	}
	fputs("</tbody>\n</table>\n", out);
}

/* The parts in their order, with a chart above the table, or below it, or for
 * it. */
static const struct {
	enum sheet_id sheet;
	int (*above)(const struct report *report);
	bool table;
	int (*below)(const struct report *report);
} parts[] = {
    {SHEET_TOTAL, NULL, true, NULL},
    {SHEET_DAYS, chart_days, false, NULL},
    {SHEET_RESULTS, NULL, true, chart_results},
    {SHEET_SENDERS, chart_senders, true, NULL},
    {SHEET_DOMAINS, NULL, true, NULL},
    {SHEET_DECLARATIONS, NULL, true, NULL},
    {SHEET_UNREPORTED, NULL, true, NULL},
    {SHEET_OPEN, NULL, true, NULL},
};

static int
put_part(const struct report *report, size_t place)
{
	struct sheet sheet;
	if (sheet_make(report, parts[place].sheet, &sheet) < 0 ||
	    put_element(report, "h2",
		arena_printf(report->view.arena, "%zu. %s", place + 1,
		    sheet.heading)) < 0)
		return -1;
	if (sheet.rows_n == 0)
		return put_element(
		    report, "p", words_get(report->words, W_NONE));
	if (parts[place].above != NULL && parts[place].above(report) < 0)
		return -1;
	if (parts[place].table)
		put_table(report, &sheet);
	if (parts[place].below != NULL && parts[place].below(report) < 0)
		return -1;
	if (sheet.left_out == 0)
		return 0;
	return put_element(report, "p class=\"aside\"",
	    arena_printf(report->view.arena, "%s %zu",
		words_get(report->words, W_MORE), sheet.left_out));
}

/* ------------------------------------------------------------------- foot */

static int
put_foot(const struct report *report)
{
	static const enum word signers[] = {W_MAKER, W_APPROVED};
	FILE *out = report->view.out;
	if (put_element(report, "p class=\"footnote\"",
		words_footnote(
		    report->words, report->view.arena, report->summary)) < 0)
		return -1;
	fputs("<div class=\"sign\">\n", out);
	for (size_t i = 0; i < 2; i++) {
		fputs("<div><b>", out);
		put_word(report, signers[i]);
		fputs("</b><i>", out);
		put_word(report, W_SIGN_HERE);
		fputs("</i></div>\n", out);
	}
	fputs("</div>\n</body>\n</html>\n", out);
	return 0;
}

int
report_html(const struct report *report)
{
	if (put_head(report) < 0 || put_gist(report) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (put_part(report, i) < 0)
			return -1;
	return put_foot(report);
}
