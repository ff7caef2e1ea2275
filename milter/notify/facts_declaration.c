/* facts_declaration.c: what a mail says of a declaration, and of a bulk send
 * that went beyond it. */
#include "facts.h"

#include "say.h"

static const struct declaration *
of(const struct facts *facts)
{
	return facts->story->declaration;
}

static const char *
number(const struct facts *facts)
{
	return say_number(facts, (uint64_t)of(facts)->id);
}

static const char *
sender(const struct facts *facts)
{
	return say_value(facts, of(facts)->sender);
}

static const char *
recipients(const struct facts *facts)
{
	return say_number(facts, of(facts)->recipients);
}

static const char *
used(const struct facts *facts)
{
	return say_number(facts, of(facts)->used);
}

static const char *
from(const struct facts *facts)
{
	return say_whole_time(facts, of(facts)->from_ms);
}

static const char *
until(const struct facts *facts)
{
	return say_whole_time(facts, of(facts)->until_ms);
}

static const char *
reason(const struct facts *facts)
{
	return say_value(facts, of(facts)->reason);
}

static const char *
reference(const struct facts *facts)
{
	return say_value(facts, of(facts)->reference);
}

static const char *
by(const struct facts *facts)
{
	return say_value(facts, of(facts)->by);
}

/* "35 recipients (sent to 135, declared 100)"; "" if it is not so. */
static const char *
beyond_recipients(const struct facts *facts)
{
	const struct phrases *phrases = facts->phrases;
	const struct declaration *d = of(facts);
	if (d->used <= d->recipients)
		return "";
	return arena_printf(facts->arena, "%s%s%s",
	    say_counted(facts, d->used - d->recipients, &phrases->recipients),
	    say_around(facts, &phrases->sent_to, d->used),
	    say_around(facts, &phrases->instead_of, d->recipients));
}

/* "2 hours 5 minutes after the end of its time" */
static const char *
beyond_time(const struct facts *facts)
{
	int64_t over_ms = facts->story->send.last_at_ms - of(facts)->until_ms;
	if (over_ms <= 0)
		return "";
	return arena_printf(facts->arena, "%s %s",
	    say_duration(facts, (uint64_t)(over_ms + 999) / 1000),
	    facts->phrases->after_end);
}

/* Counted from what is known when the mail is written: a bulk send goes on
 * after its alert was queued. */
static const char *
beyond(const struct facts *facts)
{
	const char *more = beyond_recipients(facts);
	const char *late = beyond_time(facts);
	if (more == NULL || late == NULL)
		return NULL;
	return arena_printf(facts->arena, "%s%s%s", more,
	    more[0] != '\0' && late[0] != '\0' ? "; " : "", late);
}

const struct placeholder facts_of_a_declaration[] = {
    {"declaration", number},
    {"declared_sender", sender},
    {"declared_recipients", recipients},
    {"declared_used", used},
    {"declared_from", from},
    {"declared_until", until},
    {"declared_reason", reason},
    {"declared_reference", reference},
    {"declared_by", by},
    {"beyond", beyond},
    {NULL, NULL},
};
