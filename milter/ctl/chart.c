/* chart.c: the charts of the month's report, as inline SVG. Dark and light
 * tell apart on a black-and-white printer too. */
#include <string.h>

#include "bulkwatch/text.h"
#include "report.h"

/* Units of the drawings; the page scales them to its width. */
#define WIDTH 680
#define FONT 12.5

#define DARK "#1f3b63"
#define LIGHT "#b8c4d6"

static const char *
word(const struct report *report, enum word id)
{
	return words_get(report->words, id);
}

static void
begin(const struct report *report, enum word caption, int height)
{
	FILE *out = report->view.out;
	fprintf(out, "<figure>\n<figcaption>");
	html_text(out, word(report, caption));
	fprintf(out,
	    "</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" "
	    "font-size=\"%.1f\" aria-label=\"",
	    WIDTH, height, FONT);
	html_text(out, word(report, caption));
	fputs("\">\n", out);
}

static void
end(const struct report *report)
{
	fputs("</svg>\n</figure>\n", report->view.out);
}

static void
rectangle(const struct report *report, double x, double y, double width,
    double height, const char *fill)
{
	if (width > 0 && height > 0)
		fprintf(report->view.out,
		    "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
		    "height=\"%.1f\" fill=\"%s\"/>\n",
		    x, y, width, height, fill);
}

/* anchor: "start", "middle" or "end" of the text stands at x. */
static int
label(const struct report *report, double x, double y, const char *anchor,
    const char *text)
{
	if (text == NULL)
		return -1;
	FILE *out = report->view.out;
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y,
	    anchor);
	html_text(out, text);
	fputs("</text>\n", out);
	return 0;
}

static int
number(const struct report *report, double x, double y, const char *anchor,
    uint64_t n)
{
	return label(report, x, y, anchor,
	    words_number(report->words, report->view.arena, n));
}

/* A legend of two, from the right. */
static int
legend(const struct report *report, const char *dark, const char *light)
{
	const double y = 10;
	double x = WIDTH;
	const struct {
		const char *fill, *text;
	} marks[] = {{LIGHT, light}, {DARK, dark}};
	for (size_t i = 0; i < 2; i++) {
		if (marks[i].text == NULL)
			return -1;
		x -= text_columns(marks[i].text) * 6 + 20;
		rectangle(report, x, y - 9, 10, 10, marks[i].fill);
		if (label(report, x + 14, y, "start", marks[i].text) < 0)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------- day by day */

#define DAYS_HEIGHT 160
#define DAYS_TOP 28
#define DAYS_BOTTOM 138
#define DAYS_LEFT 34

/* A step of 1, 2 or 5 times a power of ten, of which at most five reach most.
 */
static uint64_t
step_for(uint64_t most)
{
	static const uint64_t factors[] = {1, 2, 5};
	for (uint64_t power = 1;; power *= 10)
		for (size_t i = 0; i < 3; i++)
			if (factors[i] * power * 5 >= most ||
			    power > UINT64_MAX / 100)
				return factors[i] * power;
}

static int
scale_lines(const struct report *report, uint64_t step, uint64_t top)
{
	const double height = DAYS_BOTTOM - DAYS_TOP;
	for (uint64_t n = 0; n <= top; n += step) {
		double y = DAYS_BOTTOM - height * (double)n / (double)top;
		fprintf(report->view.out,
		    "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" "
		    "stroke=\"%s\" stroke-width=\"%s\"/>\n",
		    DAYS_LEFT, WIDTH, y, y, n == 0 ? "#444" : "#ddd",
		    n == 0 ? "1" : "0.7");
		if (number(report, DAYS_LEFT - 6, y + 4, "end", n) < 0)
			return -1;
	}
	return 0;
}

int
chart_days(const struct report *report)
{
	const struct summary *s = report->summary;
	const double height = DAYS_BOTTOM - DAYS_TOP;
	const double slot = (double)(WIDTH - DAYS_LEFT) / s->month.days;
	uint64_t most = 1;
	for (int i = 0; i < s->month.days; i++)
		if (s->days[i].sends > most)
			most = s->days[i].sends;
	const uint64_t step = step_for(most);
	const uint64_t top = (most + step - 1) / step * step;
	begin(report, W_CAPTION_DAYS, DAYS_HEIGHT);
	if (legend(report, word(report, W_NOT_DECLARED),
		word(report, W_DECLARED)) < 0 ||
	    scale_lines(report, step, top) < 0)
		return -1;
	for (int i = 0; i < s->month.days; i++) {
		const struct tally *day = &s->days[i];
		const double x = DAYS_LEFT + slot * i;
		const double unit = height / (double)top;
		double declared = unit * (double)day->declared;
		double rest = unit * (double)(day->sends - day->declared);
		rectangle(report, x + slot * 0.18, DAYS_BOTTOM - rest,
		    slot * 0.64, rest, DARK);
		rectangle(report, x + slot * 0.18,
		    DAYS_BOTTOM - rest - declared, slot * 0.64, declared,
		    LIGHT);
		if (number(report, x + slot / 2, DAYS_BOTTOM + 16, "middle",
			(uint64_t)i + 1) < 0)
			return -1;
	}
	end(report);
	return 0;
}

/* --------------------------------------------------------- what came of them
 */

#define BARS_LEFT 190
#define BARS_RIGHT 620 /* beyond it stands the number of the longest bar */

/* Length of a bar: most reaches BARS_RIGHT. */
static double
bar(uint64_t n, uint64_t most, int left)
{
	return most == 0 ? 0 : (BARS_RIGHT - left) * (double)n / (double)most;
}

#define RESULT_ROW 26
#define RESULT_TOP 24

static int
result_row(const struct report *report, int i, uint64_t most)
{
	const struct pair *p = &report->summary->results[i];
	const double y = RESULT_TOP + RESULT_ROW * i;
	const double now = bar(p->now.sends, most, BARS_LEFT);
	const double before = bar(p->before.sends, most, BARS_LEFT);
	rectangle(report, BARS_LEFT, y, now, 12, DARK);
	rectangle(report, BARS_LEFT, y + 13, before, 6, LIGHT);
	if (label(report, BARS_LEFT - 8, y + 12, "end",
		words_result(report->words, (enum result)i)) < 0)
		return -1;
	return number(
	    report, BARS_LEFT + now + 5, y + 10, "start", p->now.sends);
}

int
chart_results(const struct report *report)
{
	const struct summary *s = report->summary;
	struct arena *arena = report->view.arena;
	uint64_t most = 0;
	for (int i = 0; i < RESULTS_N; i++) {
		if (s->results[i].now.sends > most)
			most = s->results[i].now.sends;
		if (s->results[i].before.sends > most)
			most = s->results[i].before.sends;
	}
	begin(report, W_CAPTION_RESULTS, RESULT_TOP + RESULT_ROW * RESULTS_N);
	if (legend(report, words_month_short(arena, &s->month),
		words_month_short(arena, &s->before)) < 0)
		return -1;
	for (int i = 0; i < RESULTS_N; i++)
		if (result_row(report, i, most) < 0)
			return -1;
	end(report);
	return 0;
}

/* -------------------------------------------------------------- by sender */

#define SENDERS_MOST 10
#define SENDERS_LEFT 250
#define SENDERS_COLUMNS 38 /* of a name, before it is cut */
#define SENDER_ROW 20

/* A name that is not too long for its place; the table has all of it. */
static const char *
short_name(struct arena *arena, const char *name)
{
	const char *clean = text_clean(arena, name, strlen(name));
	if (clean == NULL || text_columns(clean) <= SENDERS_COLUMNS)
		return clean;
	return arena_printf(
	    arena, "%.*s…", (int)text_fit(clean, SENDERS_COLUMNS - 1), clean);
}

int
chart_senders(const struct report *report)
{
	const struct summary *s = report->summary;
	const size_t n =
	    s->senders_n < SENDERS_MOST ? s->senders_n : SENDERS_MOST;
	const uint64_t most = n == 0 ? 0 : s->senders[0].pair.now.recipients;
	begin(report, W_CAPTION_SENDERS, 6 + SENDER_ROW * (int)n);
	for (size_t i = 0; i < n; i++) {
		const uint64_t count = s->senders[i].pair.now.recipients;
		const double y = 4 + SENDER_ROW * (double)i;
		const double length = bar(count, most, SENDERS_LEFT);
		rectangle(report, SENDERS_LEFT, y, length, 13, DARK);
		if (label(report, SENDERS_LEFT - 8, y + 11, "end",
			short_name(report->view.arena, s->senders[i].name)) <
			0 ||
		    label(report, SENDERS_LEFT + length + 5, y + 11, "start",
			words_recipients(report->words, report->view.arena,
			    &s->senders[i].pair.now)) < 0)
			return -1;
	}
	end(report);
	return 0;
}
