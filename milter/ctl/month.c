/* month.c: a month of bulk sends, summed up. */
#include "month.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bulkwatch/address.h"

/* ------------------------------------------------------------- the calendar */

/* Local midnight at the beginning of a month; number may be 0 or 13. */
static int64_t
first_moment(int year, int number)
{
	struct tm tm = {
	    .tm_year = year - 1900,
	    .tm_mon = number - 1,
	    .tm_mday = 1,
	    .tm_isdst = -1,
	};
	return (int64_t)mktime(&tm) * 1000;
}

static int
days_of(int year, int number)
{
	/* The day before the first of the next month. */
	struct tm tm = {.tm_year = year - 1900,
	    .tm_mon = number,
	    .tm_mday = 0,
	    .tm_hour = 12,
	    .tm_isdst = -1};
	mktime(&tm);
	return tm.tm_mday;
}

static struct month
month_of(int year, int number)
{
	return (struct month){
	    .year = year,
	    .number = number,
	    .days = days_of(year, number),
	    .from_ms = first_moment(year, number),
	    .until_ms = first_moment(year, number + 1),
	};
}

int
month_parse(
    const char *text, int64_t now_ms, struct month *month_r, struct err *err)
{
	static const char form[] = "0000-00";
	size_t i = 0;
	for (; form[i] != '\0'; i++)
		if (form[i] == '0' ? !isdigit((unsigned char)text[i])
				   : text[i] != form[i])
			break;
	int year = form[i] == '\0' ? atoi(text) : 0;
	int number = form[i] == '\0' ? atoi(text + 5) : 0;
	if (form[i] != '\0' || text[i] != '\0' || number < 1 || number > 12 ||
	    year < 1970)
		return err_set(err,
		    "\"%.40s\" is no month: write year and month, like "
		    "2026-03",
		    text);
	struct month month = month_of(year, number);
	if (month.from_ms > now_ms)
		return err_set(err, "%s has not begun yet", text);
	*month_r = month;
	return 0;
}

struct month
month_before(const struct month *month)
{
	return month->number == 1 ? month_of(month->year - 1, 12)
				  : month_of(month->year, month->number - 1);
}

/* ------------------------------------------------------------------- sums */

enum result
month_result(const struct bulk_send *send)
{
	static const enum result closed[] = {
	    [OUTCOME_REPORTED] = RESULT_REPORTED,
	    [OUTCOME_UNREPORTED] = RESULT_UNREPORTED,
	    [OUTCOME_COMPROMISED] = RESULT_COMPROMISED,
	    [OUTCOME_FALSE_ALARM] = RESULT_FALSE_ALARM,
	};
	if (send->status != STATUS_CLOSED)
		return send->status == STATUS_NEW ? RESULT_NEW
						  : RESULT_REVIEWING;
	bool known = send->outcome >= OUTCOME_REPORTED &&
		     send->outcome <= OUTCOME_FALSE_ALARM;
	return known ? closed[send->outcome] : RESULT_FALSE_ALARM;
}

/* What was sent of it. */
static struct portion
sent_of(const struct bulk_send *send)
{
	struct portion sent = {
	    send->messages, send->recipients, send->external_recipients};
	for (int i = 0; i < UNSENT_N; i++) {
		sent.messages -= send->unsent[i].messages;
		sent.recipients -= send->unsent[i].recipients;
		sent.external -= send->unsent[i].external;
	}
	return sent;
}

struct tally
month_tally(const struct bulk_send *send)
{
	const struct portion sent = sent_of(send);
	struct tally tally = {
	    .sends = 1,
	    .declared = send->declaration != 0,
	    .messages = sent.messages,
	    .recipients = sent.recipients < send->distinct_recipients
			      ? sent.recipients
			      : send->distinct_recipients,
	    /* The recipients of one message are different ones. */
	    .at_most = sent.messages > 1 && sent.messages < send->messages,
	    .deliveries = sent.recipients,
	    .external = sent.external,
	};
	for (int i = 0; i < UNSENT_N; i++) {
		tally.unsent[i].messages = send->unsent[i].messages;
		tally.unsent[i].deliveries = send->unsent[i].recipients;
	}
	return tally;
}

void
month_add(struct tally *sum, const struct tally *tally)
{
	sum->sends += tally->sends;
	sum->declared += tally->declared;
	sum->messages += tally->messages;
	sum->recipients += tally->recipients;
	sum->deliveries += tally->deliveries;
	sum->external += tally->external;
	sum->at_most += tally->at_most;
	for (int i = 0; i < UNSENT_N; i++) {
		sum->unsent[i].messages += tally->unsent[i].messages;
		sum->unsent[i].deliveries += tally->unsent[i].deliveries;
	}
}

static void
add(struct tally *sum, const struct bulk_send *send)
{
	const struct tally tally = month_tally(send);
	month_add(sum, &tally);
}

static void
add_day(struct summary *summary, const struct bulk_send *send)
{
	time_t secs = (time_t)(send->first_at_ms / 1000);
	struct tm tm;
	if (localtime_r(&secs, &tm) != NULL)
		add(&summary->days[tm.tm_mday - 1], send);
}

/* ----------------------------------------------------------------- groups */

/* One bulk send under the name that it is summed up by. */
struct named {
	const char *name;
	const struct bulk_send *send;
	bool before;
};

typedef const char *name_fn(const struct bulk_send *send);

static const char *
sender_name(const struct bulk_send *send)
{
	return send->sender;
}

/* The office; "" for a login or client without a domain. */
static const char *
domain_name(const struct bulk_send *send)
{
	return send->identity == IDENTITY_CLIENT ? ""
						 : address_domain(send->sender);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(
	    ((const struct named *)a)->name, ((const struct named *)b)->name);
}

static int
by_recipients(const void *a, const void *b)
{
	const struct pair_of *x = a, *y = b;
	uint64_t m = x->pair.now.recipients, n = y->pair.now.recipients;
	return m != n ? (m < n ? 1 : -1) : strcmp(x->name, y->name);
}

static struct named *
name_all(struct arena *arena, const struct month_facts *facts, name_fn *name)
{
	size_t n = facts->sends_n + facts->before_n;
	struct named *all = arena_alloc(arena, (n + 1) * sizeof(*all));
	for (size_t i = 0; all != NULL && i < n; i++) {
		bool before = i >= facts->sends_n;
		const struct bulk_send *send =
		    before ? &facts->before[i - facts->sends_n]
			   : &facts->sends[i];
		all[i] = (struct named){name(send), send, before};
	}
	return all;
}

/* Sums up by name; *before_r: how many names the month before had. Returns 0 or
 * -1. */
static int
group(struct arena *arena, const struct month_facts *facts, name_fn *name,
    const struct pair_of **groups_r, size_t *n_r, uint64_t *before_r)
{
	size_t all_n = facts->sends_n + facts->before_n, n = 0;
	struct named *all = name_all(arena, facts, name);
	struct pair_of *groups =
	    arena_alloc(arena, (all_n + 1) * sizeof(*groups));
	if (all == NULL || groups == NULL)
		return -1;
	qsort(all, all_n, sizeof(*all), by_name);
	*before_r = 0;
	for (size_t i = 0; i < all_n;) {
		struct pair_of *g = &groups[n];
		*g = (struct pair_of){.name = all[i].name};
		for (; i < all_n && strcmp(all[i].name, g->name) == 0; i++)
			add(all[i].before ? &g->pair.before : &g->pair.now,
			    all[i].send);
		*before_r += g->pair.before.sends > 0;
		n += g->pair.now.sends > 0;
	}
	qsort(groups, n, sizeof(*groups), by_recipients);
	*groups_r = groups;
	*n_r = n;
	return 0;
}

/* ------------------------------------------------------------------ lists */

static int
by_time(const void *a, const void *b)
{
	const struct bulk_send *x = *(const struct bulk_send *const *)a;
	const struct bulk_send *y = *(const struct bulk_send *const *)b;
	if (x->first_at_ms != y->first_at_ms)
		return x->first_at_ms < y->first_at_ms ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static bool
is_unreported(const struct bulk_send *send)
{
	return month_result(send) == RESULT_UNREPORTED;
}

static bool
is_open(const struct bulk_send *send)
{
	return send->status != STATUS_CLOSED;
}

static int
pick(struct arena *arena, const struct bulk_send *sends, size_t sends_n,
    bool (*wanted)(const struct bulk_send *),
    const struct bulk_send *const **list_r, size_t *n_r)
{
	const struct bulk_send **list =
	    arena_alloc(arena, (sends_n + 1) * sizeof(*list));
	size_t n = 0;
	if (list == NULL)
		return -1;
	for (size_t i = 0; i < sends_n; i++)
		if (wanted(&sends[i]))
			list[n++] = &sends[i];
	qsort(list, n, sizeof(*list), by_time);
	*list_r = list;
	*n_r = n;
	return 0;
}

static int
by_beginning(const void *a, const void *b)
{
	const struct declaration *x = *(const struct declaration *const *)a;
	const struct declaration *y = *(const struct declaration *const *)b;
	if (x->from_ms != y->from_ms)
		return x->from_ms < y->from_ms ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Those in force some time of the month; of the withdrawn ones only such as
 * something was seen of. */
static int
pick_declarations(struct arena *arena, const struct month_facts *facts,
    struct summary *summary)
{
	const struct declaration **list =
	    arena_alloc(arena, (facts->declarations_n + 1) * sizeof(*list));
	size_t n = 0;
	if (list == NULL)
		return -1;
	for (size_t i = 0; i < facts->declarations_n; i++) {
		const struct declaration *d = &facts->declarations[i];
		if (d->from_ms < summary->month.until_ms &&
		    d->until_ms >= summary->month.from_ms &&
		    (d->withdrawn_ms == 0 || d->bulk_sends > 0))
			list[n++] = d;
	}
	qsort(list, n, sizeof(*list), by_beginning);
	summary->declarations = list;
	summary->declarations_n = n;
	return 0;
}

/* ------------------------------------------------------------------ whole */

int
month_sum_up(struct arena *arena, const struct month *month, int64_t made_ms,
    const struct month_facts *facts, struct summary *summary_r)
{
	struct summary summary = {
	    .month = *month, .before = month_before(month), .made_ms = made_ms};
	uint64_t domains_before;
	for (size_t i = 0; i < facts->sends_n; i++) {
		const struct bulk_send *send = &facts->sends[i];
		add(&summary.total.now, send);
		add(&summary.results[month_result(send)].now, send);
		add_day(&summary, send);
	}
	for (size_t i = 0; i < facts->before_n; i++) {
		const struct bulk_send *send = &facts->before[i];
		add(&summary.total.before, send);
		add(&summary.results[month_result(send)].before, send);
	}
	if (group(arena, facts, sender_name, &summary.senders,
		&summary.senders_n, &summary.senders_before) < 0 ||
	    group(arena, facts, domain_name, &summary.domains,
		&summary.domains_n, &domains_before) < 0 ||
	    pick(arena, facts->sends, facts->sends_n, is_unreported,
		&summary.unreported, &summary.unreported_n) < 0 ||
	    pick(arena, facts->open, facts->open_n, is_open, &summary.open,
		&summary.open_n) < 0 ||
	    pick_declarations(arena, facts, &summary) < 0)
		return -1;
	*summary_r = summary;
	return 0;
}
