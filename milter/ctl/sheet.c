/* sheet.c: the tables of the month's report. */
#include <string.h>

#include "bulkwatch/policy.h"
#include "bulkwatch/text.h"
#include "report.h"

/* A reader of the report wants the first of them; `export` has all. */
#define GROUPS_MOST 20
#define LIST_MOST 100
#define SUBJECT_COLUMNS 100

/* A table that is being made. */
struct making {
	const struct report *report;
	struct arena *arena;
	struct sheet sheet;
	size_t room; /* rows */
	bool failed; /* memory was out */
};

static const char *
word(const struct making *m, enum word id)
{
	return words_get(m->report->words, id);
}

static const char *
number(const struct making *m, uint64_t n)
{
	return words_number(m->report->words, m->arena, n);
}

static void
column(struct making *m, const char *title, enum sheet_kind kind)
{
	m->failed = m->failed || title == NULL;
	m->sheet.columns[m->sheet.columns_n++] =
	    (struct sheet_column){title, kind};
}

static void
column_of(struct making *m, enum word title, enum sheet_kind kind)
{
	column(m, word(m, title), kind);
}

/* Room for so many rows. */
static void
begin_rows(struct making *m, size_t room)
{
	m->room = room;
	m->sheet.cells = arena_alloc(m->arena,
	    (room * m->sheet.columns_n + 1) * sizeof(*m->sheet.cells));
	m->failed = m->failed || m->sheet.cells == NULL;
}

/* Adds a row; NULL as a cell means that memory was out. */
static void
row(struct making *m, const char *const *cells)
{
	const size_t n = m->sheet.columns_n;
	if (m->failed || m->sheet.rows_n == m->room)
		return;
	const char **to = m->sheet.cells + m->sheet.rows_n * n;
	for (size_t i = 0; i < n && !m->failed; i++) {
		to[i] = cells[i] == NULL
			    ? NULL
			    : text_clean(m->arena, cells[i], strlen(cells[i]));
		m->failed = to[i] == NULL;
	}
	m->sheet.rows_n++;
}

#define ROW(m, ...) row(m, (const char *const[]){__VA_ARGS__})

/* ------------------------------------------------------------ the figures */

static void
figure(struct making *m, enum word name, uint64_t now, uint64_t before)
{
	ROW(m, word(m, name), number(m, now), number(m, before),
	    words_change(m->report->words, m->arena, now, before));
}

static const char *
recipients(const struct making *m, const struct tally *t)
{
	return words_recipients(m->report->words, m->arena, t);
}

/* Most offices only log: what there was nothing of is not named. */
static void
figures_unsent(struct making *m, enum unsent why, const struct pair *total)
{
	const uint64_t now = total->now.unsent[why].messages;
	const uint64_t before = total->before.unsent[why].messages;
	if (now + before == 0)
		return;
	figure(m, W_UNSENT_FIRST + why, now, before);
	figure(m, W_UNSENT_DELIVERIES, total->now.unsent[why].deliveries,
	    total->before.unsent[why].deliveries);
}

static void
make_total(struct making *m)
{
	const struct summary *s = m->report->summary;
	const struct tally *now = &s->total.now, *before = &s->total.before;
	column_of(m, W_FIGURE, SHEET_TEXT);
	column(m, words_month_short(m->arena, &s->month), SHEET_NUMBER);
	column(m, words_month_short(m->arena, &s->before), SHEET_NUMBER);
	column_of(m, W_CHANGE, SHEET_NUMBER);
	begin_rows(m, 7 + 2 * UNSENT_N);
	figure(m, W_SENDS, now->sends, before->sends);
	figure(m, W_OF_THEM_DECLARED, now->declared, before->declared);
	figure(m, W_SENDERS, s->senders_n, s->senders_before);
	figure(m, W_MESSAGES, now->messages, before->messages);
	ROW(m, word(m, W_RECIPIENTS), recipients(m, now), recipients(m, before),
	    words_change(m->report->words, m->arena, now->recipients,
		before->recipients));
	figure(m, W_DELIVERIES, now->deliveries, before->deliveries);
	figure(m, W_EXTERNAL, now->external, before->external);
	for (int i = 0; i < UNSENT_N; i++)
		figures_unsent(m, (enum unsent)i, &s->total);
}

static void
make_days(struct making *m)
{
	const struct summary *s = m->report->summary;
	column_of(m, W_TIME, SHEET_SHORT);
	column_of(m, W_SENDS, SHEET_NUMBER);
	column_of(m, W_DECLARED, SHEET_NUMBER);
	column_of(m, W_RECIPIENTS, SHEET_NUMBER);
	begin_rows(m, MONTH_DAYS_MAX);
	for (int i = 0; i < s->month.days; i++) {
		const struct tally *t = &s->days[i];
		if (t->sends == 0)
			continue;
		ROW(m, arena_printf(m->arena, "%d/%d", i + 1, s->month.number),
		    number(m, t->sends), number(m, t->declared),
		    recipients(m, t));
	}
}

static void
make_results(struct making *m)
{
	const struct summary *s = m->report->summary;
	column_of(m, W_RESULT, SHEET_TEXT);
	column(m, words_month_short(m->arena, &s->month), SHEET_NUMBER);
	column(m, words_month_short(m->arena, &s->before), SHEET_NUMBER);
	column_of(m, W_CHANGE, SHEET_NUMBER);
	column_of(m, W_RECIPIENTS, SHEET_NUMBER);
	const bool quiet = s->total.now.sends + s->total.before.sends == 0;
	begin_rows(m, RESULTS_N);
	for (int i = 0; i < RESULTS_N && !quiet; i++) {
		const struct pair *p = &s->results[i];
		ROW(m, words_result(m->report->words, (enum result)i),
		    number(m, p->now.sends), number(m, p->before.sends),
		    words_change(m->report->words, m->arena, p->now.sends,
			p->before.sends),
		    recipients(m, &p->now));
	}
}

/* ------------------------------------------------------------- the groups */

static void
add_group(struct making *m, const char *name, const struct pair *pair)
{
	ROW(m, name, number(m, pair->now.sends), number(m, pair->now.declared),
	    number(m, pair->now.messages), recipients(m, &pair->now),
	    recipients(m, &pair->before));
}

static void
make_groups(
    struct making *m, enum word title, const struct pair_of *groups, size_t n)
{
	const struct summary *s = m->report->summary;
	column_of(m, title, SHEET_ADDRESS);
	column_of(m, W_SENDS, SHEET_NUMBER);
	column_of(m, W_DECLARED, SHEET_NUMBER);
	column_of(m, W_MESSAGES, SHEET_NUMBER);
	column_of(m, W_RECIPIENTS, SHEET_NUMBER);
	column(m,
	    arena_printf(m->arena, "%s %s", word(m, W_RECIPIENTS),
		words_month_short(m->arena, &s->before)),
	    SHEET_NUMBER);
	begin_rows(m, GROUPS_MOST + 1);
	struct pair others = {0};
	for (size_t i = 0; i < n; i++) {
		const struct pair *p = &groups[i].pair;
		/* One row more would be no shorter than "all others". */
		if (i < GROUPS_MOST || n == GROUPS_MOST + 1)
			add_group(m,
			    groups[i].name[0] == '\0' ? word(m, W_NO_DOMAIN)
						      : groups[i].name,
			    p);
		else {
			month_add(&others.now, &p->now);
			month_add(&others.before, &p->before);
		}
	}
	if (others.now.sends > 0)
		add_group(m,
		    arena_printf(m->arena, "%s (%s)", word(m, W_OTHERS),
			number(m, n - GROUPS_MOST)),
		    &others);
}

static void
make_senders(struct making *m)
{
	const struct summary *s = m->report->summary;
	make_groups(m, W_SENDER, s->senders, s->senders_n);
}

static void
make_domains(struct making *m)
{
	const struct summary *s = m->report->summary;
	make_groups(m, W_DOMAIN, s->domains, s->domains_n);
}

/* -------------------------------------------------------------- the lists */

/* From, until: one day is named once. */
static const char *
span(const struct making *m, const struct declaration *d)
{
	const struct words *words = m->report->words;
	const char *from = words_date(words, m->arena, d->from_ms);
	/* Until midnight is until the day before is over. */
	const char *until = words_date(words, m->arena,
	    d->until_ms > d->from_ms ? d->until_ms - 1 : d->until_ms);
	if (from == NULL || until == NULL || strcmp(from, until) == 0)
		return from;
	/* The dash stays with what is before it. */
	return arena_printf(m->arena, "%s\u00a0– %s", from, until);
}

static const char *
difference(const struct making *m, const struct declaration *d)
{
	struct beyond beyond = policy_beyond(d, d->used, d->from_ms);
	const char *change =
	    words_change(m->report->words, m->arena, d->used, d->recipients);
	return beyond.recipients == 0 ? change
				      : arena_printf(m->arena, "%s, %s", change,
					    word(m, W_BEYOND));
}

static const char *
reason(const struct making *m, const struct declaration *d)
{
	return arena_printf(m->arena, "%s%s%s%s%s", d->reason,
	    d->reference[0] == '\0' ? "" : "; ", d->reference,
	    d->withdrawn_ms == 0 ? "" : "; ",
	    d->withdrawn_ms == 0 ? "" : word(m, W_WITHDRAWN));
}

static void
make_declarations(struct making *m)
{
	const struct summary *s = m->report->summary;
	column_of(m, W_NUMBER, SHEET_NUMBER);
	column_of(m, W_SENDER, SHEET_ADDRESS);
	column_of(m, W_TIME, SHEET_TEXT);
	column_of(m, W_DECLARED_NUMBER, SHEET_NUMBER);
	column_of(m, W_REAL_NUMBER, SHEET_NUMBER);
	column_of(m, W_DIFFERENCE, SHEET_REMARK);
	column_of(m, W_REASON, SHEET_TEXT);
	size_t n =
	    s->declarations_n < LIST_MOST ? s->declarations_n : LIST_MOST;
	m->sheet.left_out = s->declarations_n - n;
	begin_rows(m, n);
	for (size_t i = 0; i < n; i++) {
		const struct declaration *d = s->declarations[i];
		ROW(m, arena_printf(m->arena, "%lld", (long long)d->id),
		    d->sender, span(m, d), number(m, d->recipients),
		    number(m, d->used), difference(m, d), reason(m, d));
	}
}

static const char *
status(const struct making *m, const struct bulk_send *send)
{
	const char *text = words_result(m->report->words, month_result(send));
	return send->assignee[0] == '\0'
		   ? text
		   : arena_printf(m->arena, "%s: %s", text, send->assignee);
}

/* A subject may have hundreds of characters. */
static const char *
subject(const struct making *m, const struct bulk_send *send)
{
	const char *text =
	    text_clean(m->arena, send->subject, strlen(send->subject));
	if (text == NULL || text_columns(text) <= SUBJECT_COLUMNS)
		return text;
	return arena_printf(
	    m->arena, "%.*s…", (int)text_fit(text, SUBJECT_COLUMNS - 1), text);
}

/* with_status: where they are not all the same. */
static void
make_list(struct making *m, const struct bulk_send *const *sends, size_t all,
    bool with_status)
{
	column_of(m, W_NUMBER, SHEET_NUMBER);
	column_of(m, W_BEGAN, SHEET_SHORT);
	column_of(m, W_SENDER, SHEET_ADDRESS);
	column_of(m, W_RECIPIENTS, SHEET_NUMBER);
	column_of(m, W_TITLE, SHEET_TEXT);
	if (with_status)
		column_of(m, W_STATUS, SHEET_TEXT);
	size_t n = all < LIST_MOST ? all : LIST_MOST;
	m->sheet.left_out = all - n;
	begin_rows(m, n);
	for (size_t i = 0; i < n; i++) {
		const struct bulk_send *send = sends[i];
		const struct tally tally = month_tally(send);
		ROW(m, arena_printf(m->arena, "%lld", (long long)send->id),
		    words_moment(m->report->words, m->arena, send->first_at_ms),
		    send->sender, recipients(m, &tally), subject(m, send),
		    status(m, send));
	}
}

static void
make_unreported(struct making *m)
{
	const struct summary *s = m->report->summary;
	make_list(m, s->unreported, s->unreported_n, false);
}

static void
make_open(struct making *m)
{
	const struct summary *s = m->report->summary;
	make_list(m, s->open, s->open_n, true);
}

/* ------------------------------------------------------------------ whole */

static const struct {
	enum word heading;
	void (*make)(struct making *m);
} sheets[SHEETS_N] = {
    [SHEET_TOTAL] = {W_PART_TOTAL, make_total},
    [SHEET_DAYS] = {W_PART_DAYS, make_days},
    [SHEET_RESULTS] = {W_PART_RESULTS, make_results},
    [SHEET_SENDERS] = {W_PART_SENDERS, make_senders},
    [SHEET_DOMAINS] = {W_PART_DOMAINS, make_domains},
    [SHEET_DECLARATIONS] = {W_PART_DECLARATIONS, make_declarations},
    [SHEET_UNREPORTED] = {W_PART_UNREPORTED, make_unreported},
    [SHEET_OPEN] = {W_PART_OPEN, make_open},
};

int
sheet_make(const struct report *report, enum sheet_id id, struct sheet *sheet_r)
{
	struct making m = {.report = report, .arena = report->view.arena};
	m.sheet.heading = words_get(report->words, sheets[id].heading);
	sheets[id].make(&m);
	*sheet_r = m.sheet;
	return m.failed ? -1 : 0;
}
