/*
 * template.h: mail texts that an admin may edit.
 *
 * A template is plain UTF-8 text: a first line "Subject: …", an empty line,
 * and the body. "{name}" stands for a value, "{{" for a brace. A line of the
 * body that has placeholders, all of them empty, is left out whole; so is a
 * paragraph (lines up to an empty one) if that is true of all its placeholders.
 * Optional facts and the headings above them need no conditions.
 *
 * Thread-safety: a parsed template may be used by any thread.
 */
#ifndef BULKWATCH_TEMPLATE_H
#define BULKWATCH_TEMPLATE_H

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
#include "bulkwatch/settings.h"

/* The placeholders that every template may use, NULL at the end: id sender
 * identity recipients distinct external messages limit window rule first last
 * client subject declared look take first_recipients message_list contact
 * list count hostname status before declaration declared_sender
 * declared_recipients declared_used declared_from declared_until
 * declared_reason declared_reference declared_by beyond password_help today
 * since summary waiting fresh expected failed store_failures refused_messages
 * refused_recipients action held release discard held_count holding bulkwatch;
 * bulkwatch.conf(5) says what they stand for. A template that has no use for a
 * value gets "". */
extern const char *const template_names[];

/*
 * Parses and checks a template.
 * where: how faults name it, "FILE" (the line is added).
 * Faults: an unknown placeholder (names the nearest), a brace that is not
 * closed, no Subject line, no body, text that is not UTF-8 or holds control
 * characters. Returns 0, or -1 with the first of them.
 */
int template_parse(struct arena *arena, const char *where, const char *text,
    const struct template **template_r, struct err *err);

/* The value of a placeholder: "" or text, which may have lines. NULL counts as
 * "". The pointer must live until template_render returns. */
typedef const char *template_value_fn(const char *name, void *context);

/* Fills in a template. Newlines in a value are kept in the body (those at its
 * end are not: the template's line has one) and become spaces in the subject.
 * Returns 0 with both texts in the arena, or -1 when memory is out. */
int template_render(struct arena *arena, const struct template *template,
    template_value_fn *value, void *context, const char **subject_r,
    const char **body_r);

/* The text built into the program for a language ("vi", "en") and template;
 * NULL for an unknown language. */
const char *template_builtin(const char *language, enum template_id id);

/* Its file name: "started.txt", "daily.txt", … */
const char *template_file(enum template_id id);

#endif
