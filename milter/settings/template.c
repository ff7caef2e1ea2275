/*
 * template.c: mail texts that an admin may edit.
 *
 * A template is kept as lines, a line as pieces: fixed text, or a placeholder.
 */
#include "bulkwatch/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bulkwatch/text.h"
#include "templates.h"

const char *const template_names[] = {"id", "sender", "identity", "recipients",
    "distinct", "external", "messages", "limit", "window", "rule", "first",
    "last", "client", "subject", "declared", "look", "take", "action", "held",
    "refused_messages", "refused_recipients", "release", "discard",
    "held_count", "holding", "first_recipients",
    "message_list", "contact", "list", "count", "hostname", "status", "before",
    "declaration", "declared_sender", "declared_recipients", "declared_used",
    "declared_from", "declared_until", "declared_reason", "declared_reference",
    "declared_by", "beyond", "password_help", "today", "since", "summary",
    "waiting", "fresh", "expected", "failed", "store_failures", "bulkwatch",
    NULL};

struct piece {
	const char *text; /* fixed text, if name is NULL */
	size_t length;
	const char *name; /* one of template_names */
};

struct line {
	struct piece *pieces;
	size_t n;
};

struct template
{
	struct line subject;
	struct line *lines; /* the body */
	size_t n;
};

/* -------------------------------------------------------------- parsing */

struct parse {
	struct arena *arena;
	struct faults *faults;
	struct place place; /* the line being parsed */
};

static const char *
known_name(const char *text, size_t length)
{
	for (size_t i = 0; template_names[i] != NULL; i++)
		if (strlen(template_names[i]) == length &&
		    memcmp(template_names[i], text, length) == 0)
			return template_names[i];
	return NULL;
}

/* Columns of an unknown name that a fault shows. */
#define SHOWN_COLUMNS 60

static void
unknown_name(struct parse *parse, const char *text, size_t length)
{
	/* A brace that stands for itself may have a tab behind it, and the
	 * rest of a long line. */
	char *name = text_clean(parse->arena, text, length);
	if (name == NULL) {
		parse->faults->memory_out = true;
		return;
	}
	name[text_fit(name, SHOWN_COLUMNS)] = '\0';
	const char *nearest = text_nearest(name, template_names);
	if (nearest != NULL)
		faults_add(parse->faults, &parse->place,
		    "{%s} is not a known placeholder; the nearest one is {%s}",
		    name, nearest);
	else
		faults_add(parse->faults, &parse->place,
		    "{%s} is not a known placeholder; bulkwatch.conf(5) lists "
		    "them, and a brace itself is written {{",
		    name);
}

/* One piece off the front of text (not empty). Returns the bytes it took. */
static size_t
parse_piece(
    struct parse *parse, const char *text, size_t length, struct piece *piece_r)
{
	if (text[0] != '{') {
		const char *brace = memchr(text, '{', length);
		piece_r->text = text;
		piece_r->length =
		    brace == NULL ? length : (size_t)(brace - text);
		return piece_r->length;
	}
	if (length > 1 && text[1] == '{') {
		*piece_r = (struct piece){.text = text, .length = 1};
		return 2;
	}
	const char *end = memchr(text, '}', length);
	if (end == NULL) {
		faults_add(parse->faults, &parse->place,
		    "a brace is opened and not closed on its line; write "
		    "{name} for a placeholder, {{ for the brace itself");
		return length;
	}
	size_t name_length = (size_t)(end - text) - 1;
	piece_r->name = known_name(text + 1, name_length);
	if (piece_r->name == NULL)
		unknown_name(parse, text + 1, name_length);
	return name_length + 2;
}

/* Tabs may stand in a mail; other control characters may not. */
static bool
is_clean_line(const char *text, size_t length)
{
	for (size_t begin = 0; begin <= length;) {
		const char *tab = memchr(text + begin, '\t', length - begin);
		size_t end = tab == NULL ? length : (size_t)(tab - text);
		if (!text_is_clean(text + begin, end - begin))
			return false;
		begin = end + 1;
	}
	return true;
}

/* text must live as long as the template. */
static void
parse_line(
    struct parse *parse, const char *text, size_t length, struct line *line_r)
{
	size_t most = 1;
	while (
	    length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
		length--;
	if (!is_clean_line(text, length)) {
		faults_add(parse->faults, &parse->place,
		    "holds a control character or a byte that is not UTF-8; "
		    "save the file as UTF-8 text");
		return;
	}
	for (size_t i = 0; i < length; i++)
		most += text[i] == '{' ? 2 : 0;
	line_r->pieces = arena_alloc(parse->arena, most * sizeof(struct piece));
	if (line_r->pieces == NULL) {
		parse->faults->memory_out = true;
		return;
	}
	for (size_t i = 0; i < length;)
		i += parse_piece(
		    parse, text + i, length - i, &line_r->pieces[line_r->n++]);
}

/* The next line without its end (LF or CR LF); *text moves behind it. */
static const char *
next_line(const char **text, size_t *length_r)
{
	const char *begin = *text;
	size_t length = strcspn(begin, "\n");
	*text = begin + length + (begin[length] == '\n');
	if (length > 0 && begin[length - 1] == '\r')
		length--;
	*length_r = length;
	return begin;
}

static void
parse_subject(struct parse *parse, const char **text, struct line *line_r)
{
	static const char name[] = "Subject:";
	size_t length, skip = sizeof(name) - 1;
	const char *line = next_line(text, &length);
	if (length < skip || strncasecmp(line, name, skip) != 0) {
		faults_add(parse->faults, &parse->place,
		    "must be the line of the subject: \"Subject: ...\"");
		return;
	}
	while (skip < length && (line[skip] == ' ' || line[skip] == '\t'))
		skip++;
	if (skip == length)
		faults_add(parse->faults, &parse->place,
		    "has no subject; write one behind \"Subject:\"");
	parse_line(parse, line + skip, length - skip, line_r);
}

static void
parse_body(struct parse *parse, const char *text, struct template *template)
{
	size_t length;
	template->lines =
	    arena_alloc(parse->arena, text_lines(text) * sizeof(struct line));
	if (template->lines == NULL) {
		parse->faults->memory_out = true;
		return;
	}
	if (text[strspn(text, " \t\r\n")] == '\0')
		faults_add(parse->faults, &parse->place,
		    "has no text below it; write the mail here");
	while (*text != '\0') {
		const char *line = next_line(&text, &length);
		parse->place.line++;
		parse_line(
		    parse, line, length, &template->lines[template->n++]);
	}
}

const struct template *
template_read(struct arena *arena, const char *where, const char *text,
    struct faults *faults)
{
	struct parse parse = {arena, faults, {where, 1, ""}};
	size_t before = faults->n, length;
	/* Editors on Windows put a byte order mark at the front. */
	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	struct template *template = arena_alloc(arena, sizeof(*template));
	const char *copy = arena_strdup(arena, text);
	if (template == NULL || copy == NULL) {
		faults->memory_out = true;
		return NULL;
	}
	parse_subject(&parse, &copy, &template->subject);
	next_line(&copy, &length);
	parse.place.line++;
	if (length != 0)
		faults_add(faults, &parse.place,
		    "must be empty, between the subject and the text");
	parse_body(&parse, copy, template);
	return faults->n == before && !faults->memory_out ? template : NULL;
}

int
template_parse(struct arena *arena, const char *where, const char *text,
    const struct template **template_r, struct err *err)
{
	struct faults faults = {.text = NULL};
	const struct template *template =
	    template_read(arena, where, text, &faults);
	if (template != NULL) {
		*template_r = template;
		return 0;
	}
	char *lines = faults_take(&faults);
	if (lines == NULL)
		return err_set(err, "out of memory");
	err_set(err, "%.*s", (int)strcspn(lines, "\n"), lines);
	free(lines);
	return -1;
}

/* ------------------------------------------------------------ rendering */

struct values {
	template_value_fn *value;
	void *context;
};

/* A value without the newlines at its end: the template's line has one. */
static const char *
value_of(const struct values *values, const char *name, size_t *length_r)
{
	const char *text = values->value(name, values->context);
	if (text == NULL)
		text = "";
	size_t length = strlen(text);
	while (length > 0 && text[length - 1] == '\n')
		length--;
	*length_r = length;
	return text;
}

/* Counts the placeholders of a line, and those that have a value. */
static void
count_values(const struct line *line, const struct values *values, size_t *all,
    size_t *filled)
{
	for (size_t i = 0; i < line->n; i++) {
		size_t length;
		if (line->pieces[i].name == NULL)
			continue;
		value_of(values, line->pieces[i].name, &length);
		*all += 1;
		*filled += length > 0;
	}
}

static void
render_line(FILE *out, const struct line *line, const struct values *values)
{
	for (size_t i = 0; i < line->n; i++) {
		const struct piece *piece = &line->pieces[i];
		size_t length = piece->length;
		const char *text = piece->name == NULL
				       ? piece->text
				       : value_of(values, piece->name, &length);
		fwrite(text, 1, length, out);
	}
}

/* Writes lines that stand together, but for those whose placeholders are all
 * empty. Returns false if that is so of the paragraph as a whole: its headings
 * are left out with it. */
static bool
render_paragraph(
    FILE *out, const struct line *lines, size_t n, const struct values *values)
{
	size_t all = 0, filled = 0;
	for (size_t i = 0; i < n; i++)
		count_values(&lines[i], values, &all, &filled);
	if (all > 0 && filled == 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		all = filled = 0;
		count_values(&lines[i], values, &all, &filled);
		if (all > 0 && filled == 0)
			continue;
		render_line(out, &lines[i], values);
		fputc('\n', out);
	}
	return true;
}

static void
render_body(
    FILE *out, const struct template *template, const struct values *values)
{
	for (size_t i = 0; i < template->n;) {
		size_t n = 0;
		while (i + n<template->n &&template->lines[i + n].n> 0)
			n++;
		bool written =
		    render_paragraph(out, &template->lines[i], n, values);
		i += n;
		/* The empty lines behind a paragraph go with it. */
		for (; i < template->n && template->lines[i].n == 0; i++)
			if (written)
				fputc('\n', out);
	}
}

/* What has been written to out, in the arena; closes out. */
static char *
finish(struct arena *arena, FILE *out, char **text)
{
	bool failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed) {
		free(*text);
		return NULL;
	}
	char *copy = arena_strdup(arena, *text);
	free(*text);
	return copy;
}

static char *
render(struct arena *arena, const struct template *template,
    const struct values *values, bool subject)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	if (out == NULL)
		return NULL;
	if (subject)
		render_line(out, &template->subject, values);
	else
		render_body(out, template, values);
	return finish(arena, out, &text);
}

int
template_render(struct arena *arena, const struct template *template,
    template_value_fn *value, void *context, const char **subject_r,
    const char **body_r)
{
	struct values values = {value, context};
	char *subject = render(arena, template, &values, true);
	char *body = render(arena, template, &values, false);
	if (subject == NULL || body == NULL)
		return -1;
	for (char *p = subject; *p != '\0'; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	*subject_r = subject;
	*body_r = body;
	return 0;
}
