/* report_csv.c: the month's report for a spreadsheet: one line a figure, its
 * names the same in every language, for what reckons with them. */
#include <inttypes.h>

#include "csv.h"
#include "report.h"

static const char *const titles[] = {"section", "item", "bulk_sends",
    "bulk_sends_before", "messages", "recipients", "recipients_before",
    "deliveries", "external_deliveries", "declared_bulk_sends",
    "declared_recipients", "note", "refused_messages", "refused_deliveries",
    "discarded_messages", "discarded_deliveries", "held_messages",
    "held_deliveries", "at_most"};

static void
put_titles(struct csv *csv)
{
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		csv_text(csv, titles[i]);
	csv_end(csv);
}

/* What was not sent: columns in the order of enum unsent. at_most: how many
 * bulk sends count with the most recipients that they can have had. */
static void
put_unsent(struct csv *csv, const struct tally *t)
{
	for (int i = 0; i < UNSENT_N; i++) {
		csv_number(csv, (int64_t)t->unsent[i].messages);
		csv_number(csv, (int64_t)t->unsent[i].deliveries);
	}
	csv_number(csv, (int64_t)t->at_most);
}

static void
put_sums(struct csv *csv, const char *section, const char *item,
    const struct pair *pair)
{
	csv_text(csv, section);
	csv_text(csv, item);
	csv_number(csv, (int64_t)pair->now.sends);
	csv_number(csv, (int64_t)pair->before.sends);
	csv_number(csv, (int64_t)pair->now.messages);
	csv_number(csv, (int64_t)pair->now.recipients);
	csv_number(csv, (int64_t)pair->before.recipients);
	csv_number(csv, (int64_t)pair->now.deliveries);
	csv_number(csv, (int64_t)pair->now.external);
	csv_number(csv, (int64_t)pair->now.declared);
	csv_text(csv, "");
	csv_text(csv, "");
	put_unsent(csv, &pair->now);
	csv_end(csv);
}

static void
put_send(struct csv *csv, const char *section, const struct bulk_send *send)
{
	const struct tally tally = month_tally(send);
	csv_text(csv, section);
	csv_number(csv, send->id);
	csv_number(csv, 1);
	csv_text(csv, "");
	csv_number(csv, (int64_t)tally.messages);
	csv_number(csv, (int64_t)tally.recipients);
	csv_text(csv, "");
	csv_number(csv, (int64_t)tally.deliveries);
	csv_number(csv, (int64_t)tally.external);
	csv_number(csv, (int64_t)tally.declared);
	csv_text(csv, "");
	csv_text(csv, send->sender);
	put_unsent(csv, &tally);
	csv_end(csv);
}

static void
put_declaration(struct csv *csv, const struct declaration *d)
{
	csv_text(csv, "declaration");
	csv_number(csv, d->id);
	csv_number(csv, d->bulk_sends);
	csv_text(csv, "");
	csv_text(csv, "");
	csv_number(csv, d->used);
	for (int i = 0; i < 3; i++)
		csv_text(csv, "");
	csv_number(csv, d->bulk_sends);
	csv_number(csv, d->recipients);
	csv_text(csv, d->sender);
	for (int i = 0; i < 2 * UNSENT_N + 1; i++)
		csv_text(csv, "");
	csv_end(csv);
}

static const char *const result_names[RESULTS_N] = {
    [RESULT_REPORTED] = "reported",
    [RESULT_UNREPORTED] = "unreported",
    [RESULT_COMPROMISED] = "compromised",
    [RESULT_FALSE_ALARM] = "false-alarm",
    [RESULT_REVIEWING] = "reviewing",
    [RESULT_NEW] = "new",
};

static void
put_days(struct csv *csv, const struct summary *s)
{
	for (int i = 0; i < s->month.days; i++) {
		char day[32];
		snprintf(day, sizeof(day), "%04d-%02d-%02d", s->month.year,
		    s->month.number, i + 1);
		const struct pair pair = {.now = s->days[i]};
		put_sums(csv, "day", day, &pair);
	}
}

int
report_csv(const struct report *report)
{
	const struct summary *s = report->summary;
	struct csv csv;
	char month[32];
	snprintf(
	    month, sizeof(month), "%04d-%02d", s->month.year, s->month.number);
	csv_begin(&csv, report->view.out);
	put_titles(&csv);
	put_sums(&csv, "total", month, &s->total);
	put_days(&csv, s);
	for (int i = 0; i < RESULTS_N; i++)
		put_sums(&csv, "result", result_names[i], &s->results[i]);
	for (size_t i = 0; i < s->senders_n; i++)
		put_sums(
		    &csv, "sender", s->senders[i].name, &s->senders[i].pair);
	for (size_t i = 0; i < s->domains_n; i++)
		put_sums(
		    &csv, "domain", s->domains[i].name, &s->domains[i].pair);
	for (size_t i = 0; i < s->declarations_n; i++)
		put_declaration(&csv, s->declarations[i]);
	for (size_t i = 0; i < s->unreported_n; i++)
		put_send(&csv, "unreported", s->unreported[i]);
	for (size_t i = 0; i < s->open_n; i++)
		put_send(&csv, "open", s->open[i]);
	return 0;
}
