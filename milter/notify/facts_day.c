/* facts_day.c: what the day's digest says. */
#include "facts.h"

#include <string.h>

#include "say.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define STATUS_COLUMNS 80

static const char *
today(const struct facts *facts)
{
	const char *now = say_minute(facts, facts->day->now_ms);
	return now == NULL
		   ? NULL
		   : arena_strndup(facts->arena, now, strcspn(now, " "));
}

static const char *
since(const struct facts *facts)
{
	return say_minute(facts, facts->day->since_ms);
}

/* ------------------------------------------------------------------ lists */

/* How many of so many have a line; the rest is told as a number. */
static size_t
shown(size_t n)
{
	return n < FACTS_DAY_LINES_MAX ? n : FACTS_DAY_LINES_MAX;
}

static const char *
finished(struct say_list *list, size_t n)
{
	if (n > shown(n))
		say_more(list, n - shown(n));
	return say_list_text(list);
}

static const char *
status_of(const struct facts *facts, const struct bulk_send *send)
{
	const char *status = say_status(facts, send);
	return status == NULL ? "" : say_clip(facts, status, STATUS_COLUMNS);
}

static const char *
waiting(const struct facts *facts)
{
	const struct day *day = facts->day;
	struct say_list list = {.facts = facts};
	for (size_t i = 0; i < shown(day->waiting_n); i++) {
		const struct bulk_send *send = &day->waiting[i];
		int64_t days = (day->now_ms - send->first_at_ms) / DAY_MS;
		say_line(&list,
		    arena_printf(facts->arena, "%s  %s  %s  %s",
			say_send(facts, send),
			say_counted(facts, (uint64_t)(days > 0 ? days : 0),
			    &facts->phrases->days),
			status_of(facts, send), send->subject));
	}
	return finished(&list, day->waiting_n);
}

/* The longest wait stands last in the store's list, and first here. */
static const char *
holding(const struct facts *facts)
{
	const struct day *day = facts->day;
	struct say_list list = {.facts = facts};
	for (size_t i = 0; i < shown(day->holding_n); i++) {
		const struct bulk_send *send =
		    &day->holding[day->holding_n - 1 - i];
		say_line(
		    &list, arena_printf(facts->arena, "%s  %s  %s  %s",
			       say_send(facts, send), say_held(facts, send),
			       status_of(facts, send), send->subject));
	}
	return finished(&list, day->holding_n);
}

static const char *
fresh(const struct facts *facts)
{
	const struct day *day = facts->day;
	struct say_list list = {.facts = facts};
	for (size_t i = 0; i < shown(day->fresh_n); i++) {
		const struct bulk_send *send = &day->fresh[i];
		const char *declared =
		    send->declaration == 0
			? ""
			: say_around(facts, &facts->phrases->of_declaration,
			      send->declaration);
		say_line(&list,
		    arena_printf(facts->arena, "%s  %s  %s%s%s",
			say_send(facts, send), status_of(facts, send), declared,
			send->declaration == 0 ? "" : "  ", send->subject));
	}
	return finished(&list, day->fresh_n);
}

static const char *
expected(const struct facts *facts)
{
	const struct day *day = facts->day;
	struct say_list list = {.facts = facts};
	for (size_t i = 0; i < shown(day->expected_n); i++) {
		const struct declaration *d = &day->expected[i];
		say_line(&list,
		    arena_printf(facts->arena, "%lld  %s – %s  %s  %s  %s%s%s",
			(long long)d->id, say_minute(facts, d->from_ms),
			say_minute(facts, d->until_ms),
			say_value(facts, d->sender),
			say_counted(
			    facts, d->recipients, &facts->phrases->recipients),
			d->reference, d->reference[0] == '\0' ? "" : "  ",
			d->reason));
	}
	return finished(&list, day->expected_n);
}

/* ---------------------------------------------------------------- numbers */

static const char *
unless_none(const struct facts *facts, uint32_t n)
{
	return n == 0 ? "" : say_number(facts, n);
}

static const char *
failed(const struct facts *facts)
{
	return unless_none(facts, facts->day->alerts_failed);
}

static const char *
store_failures(const struct facts *facts)
{
	return unless_none(facts, facts->day->store_failures);
}

static const char *
summary(const struct facts *facts)
{
	const struct day *day = facts->day;
	const struct phrases *phrases = facts->phrases;
	const struct {
		uint64_t n;
		const struct counted *what;
	} parts[] = {
	    {day->waiting_n, &phrases->waiting},
	    {day->holding_n, &phrases->holding},
	    {day->fresh_n, &phrases->fresh},
	    {day->expected_n, &phrases->expected},
	    {day->alerts_failed, &phrases->failed},
	    {day->store_failures, &phrases->store_failures},
	};
	const char *text = "";
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].n > 0 && text != NULL)
			text = arena_printf(facts->arena, "%s%s%s", text,
			    text[0] == '\0' ? "" : ", ",
			    say_counted(facts, parts[i].n, parts[i].what));
	return text;
}

const struct placeholder facts_of_a_day[] = {
    {"today", today},
    {"since", since},
    {"summary", summary},
    {"waiting", waiting},
    {"holding", holding},
    {"fresh", fresh},
    {"expected", expected},
    {"failed", failed},
    {"store_failures", store_failures},
    {NULL, NULL},
};
