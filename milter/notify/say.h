/* say.h: what facts are made of: numbers, times and lists in words; for the
 * facts_*.c. All is made in the arena of the facts; NULL when memory is out. */
#ifndef BULKWATCH_NOTIFY_SAY_H
#define BULKWATCH_NOTIFY_SAY_H

#include <stddef.h>
#include <stdint.h>

#include "facts.h"

/* The text in so many columns, "…" included. It comes clean from the database;
 * but what a stranger wrote is not trusted to, where others can write to that
 * file. */
const char *say_clip(const struct facts *facts, const char *text, int columns);

/* In as many columns as a value may have. */
const char *say_value(const struct facts *facts, const char *text);

const char *say_number(const struct facts *facts, uint64_t n);

/* "25 recipients" */
const char *say_counted(
    const struct facts *facts, uint64_t n, const struct counted *what);

/* "declaration 5" */
const char *say_around(
    const struct facts *facts, const struct around *around, int64_t n);

/* In the largest unit that divides it: "10 minutes". */
const char *say_whole_duration(const struct facts *facts, uint64_t secs);

/* In its largest unit and the one below: "2 hours 5 minutes". */
const char *say_duration(const struct facts *facts, uint64_t secs);

/* "2026-03-02 14:05:09", the way people read RFC 3339; the same with the offset
 * behind it; and without the seconds. */
const char *say_time(const struct facts *facts, int64_t at_ms);
const char *say_whole_time(const struct facts *facts, int64_t at_ms);
const char *say_minute(const struct facts *facts, int64_t at_ms);

/* What a list says first of a bulk send: number, time, sender, how much. */
const char *say_send(const struct facts *facts, const struct bulk_send *send);

/* "3 messages held": what of it waits for release or discard; "" for none. */
const char *say_held(const struct facts *facts, const struct bulk_send *send);

/* How far the follow-up of a bulk send is, and who has it. */
const char *say_status(const struct facts *facts, const struct bulk_send *send);

/* A list being made: indented lines. When there is no memory, lines are
 * missing; the mail matters more. Begin with {.facts = …}. */
struct say_list {
	const struct facts *facts;
	char *text;
	size_t used, room;
};

/* Adds a line, cut to what a line may have; NULL is none. */
void say_line(struct say_list *list, const char *line);

/* Adds "… and 5 more". */
void say_more(struct say_list *list, uint64_t left_out);

/* What the list has become; "" if it is empty. */
const char *say_list_text(const struct say_list *list);

#endif
