/*
 * sendmail.c: does Sendmail ask bulkwatchd?
 *
 * sendmail.cf names each milter on a line of its own,
 *
 *     Xbulkwatch, S=local:/run/bulkwatch/milter.sock, F=, T=S:30s;R:30s;E:60s
 *
 * and which ones are asked, in which order, in O InputMailFilters, unless a
 * daemon (O DaemonPortOptions) has a list of its own.
 */
#include "sendmail.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "milters.h"
#include "place.h"
#include "whole.h"
#include "wiring.h"

/* More names for one socket are of no use. */
#define FILTERS_MAX 8

struct filter {
	const char *name;
	const char *socket, *flags, *timeouts;
};

struct cf {
	struct arena *arena;
	const char *path, *listen;
	struct filter ours[FILTERS_MAX]; /* those that name our socket */
	size_t ours_n;
	const char *asked; /* O InputMailFilters; NULL: not set */
	struct mta_findings *findings;
};

static void
add(struct cf *cf, enum mta_level level, const char *text)
{
	wiring_add(cf->findings, level, "sendmail", text);
}

/* Without blanks around it, in the arena. */
static const char *
trimmed(struct arena *arena, const char *text, size_t length)
{
	while (length > 0 && isspace((unsigned char)text[length - 1]))
		length--;
	size_t blanks = 0;
	while (blanks < length && isspace((unsigned char)text[blanks]))
		blanks++;
	return arena_strndup(arena, text + blanks, length - blanks);
}

/* True if a list by commas has the word. */
static bool
lists(const char *list, const char *word)
{
	size_t length = strlen(word);
	for (;; list++) {
		list += strspn(list, " \t");
		size_t n = strcspn(list, ", \t");
		if (n == length && strncmp(list, word, n) == 0)
			return true;
		list += strcspn(list, ",");
		if (*list == '\0')
			return false;
	}
}

/* Sendmail writes a socket as the settings do, and says local for unix, too. */
static bool
is_ours(const struct cf *cf, const char *socket)
{
	struct place ours, named;
	struct err err;
	if (strncasecmp(socket, "local:", 6) == 0)
		socket = arena_printf(cf->arena, "unix:%s", socket + 6);
	return socket != NULL &&
	       place_parse(cf->arena, cf->listen, &ours, &err) == 0 &&
	       place_parse(cf->arena, socket, &named, &err) == 0 &&
	       place_same(&ours, &named);
}

/* ------------------------------------------------------------------- reading
 */

/* "Xname, S=…, F=…, T=…" */
static int
read_filter(struct cf *cf, const char *line)
{
	struct filter f = {.socket = "", .flags = "", .timeouts = ""};
	for (bool first = true; *line != '\0'; first = false) {
		size_t length = strcspn(line, ",");
		const char *part = trimmed(cf->arena, line, length);
		if (part == NULL)
			return -1;
		const char *equals = strchr(part, '=');
		const char *value =
		    equals == NULL
			? ""
			: trimmed(cf->arena, equals + 1, strlen(equals + 1));
		if (value == NULL)
			return -1;
		if (first)
			f.name = part;
		else if (part[0] == 'S')
			f.socket = value;
		else if (part[0] == 'F')
			f.flags = value;
		else if (part[0] == 'T')
			f.timeouts = value;
		line += length + (line[length] == ',');
	}
	if (is_ours(cf, f.socket) && cf->ours_n < FILTERS_MAX)
		cf->ours[cf->ours_n++] = f;
	return 0;
}

/* "O InputMailFilters=a, b": the value, or NULL. */
static const char *
option(struct arena *arena, const char *line, const char *name)
{
	line += strspn(line, " \t");
	size_t length = strlen(name);
	if (strncasecmp(line, name, length) != 0)
		return NULL;
	line += length + strspn(line + length, " \t");
	return *line == '=' ? trimmed(arena, line + 1, strlen(line + 1)) : NULL;
}

/* "…, InputMailFilters=a;b, …" of one daemon: its own list, or NULL. */
static const char *
daemon_filters(struct arena *arena, const char *options)
{
	while (*options != '\0') {
		size_t length = strcspn(options, ",");
		const char *part = trimmed(arena, options, length);
		if (part != NULL &&
		    strncasecmp(part, "InputMailFilters=", 17) == 0) {
			char *list = arena_strdup(arena, part + 17);
			for (char *p = list; p != NULL && *p != '\0'; p++)
				if (*p == ';')
					*p = ',';
			return list;
		}
		options += length + (options[length] == ',');
	}
	return NULL;
}

/* One logical line. */
static int
read_line(struct cf *cf, const char *line)
{
	if (line[0] == 'X')
		return read_filter(cf, line + 1);
	const char *asked =
	    line[0] == 'O' ? option(cf->arena, line + 1, "InputMailFilters")
			   : NULL;
	if (asked != NULL)
		cf->asked = asked;
	return 0;
}

/* Calls fn for each line; one that begins with a blank goes on with the one
 * before. */
static int
each_line(
    struct cf *cf, const char *text, int (*fn)(struct cf *cf, const char *line))
{
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");
		while (text[length] == '\n' &&
		       (text[length + 1] == ' ' || text[length + 1] == '\t'))
			length += 1 + strcspn(text + length + 1, "\n");
		char *line = arena_strndup(cf->arena, text, length);
		if (line == NULL)
			return -1;
		for (char *p = line; *p != '\0'; p++)
			if (*p == '\n')
				*p = ' ';
		if (fn(cf, line) < 0)
			return -1;
		text += length + (text[length] == '\n');
	}
	return 0;
}

/* ------------------------------------------------------------------- judging
 */

/* "S:30s;R:30s;E:60s": seconds of one of them; -1 if it is not there. */
static long
timeout_of(struct arena *arena, const char *timeouts, char which)
{
	while (*timeouts != '\0') {
		size_t length = strcspn(timeouts, ";");
		const char *part = trimmed(arena, timeouts, length);
		if (part != NULL && part[0] == which && part[1] == ':')
			return milters_seconds(part + 2);
		timeouts += length + (timeouts[length] == ';');
	}
	return -1;
}

static void
judge_timeouts(struct cf *cf, const struct filter *f)
{
	static const struct {
		char which;
		long least;
	} limits[] = {{'C', MTA_COMMAND_SECS_LEAST},
	    {'S', MTA_COMMAND_SECS_LEAST}, {'R', MTA_COMMAND_SECS_LEAST},
	    {'E', MTA_CONTENT_SECS_LEAST}};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		long secs = timeout_of(cf->arena, f->timeouts, limits[i].which);
		if (secs >= 0 && secs < limits[i].least)
			add(cf, MTA_FAULT,
			    arena_printf(cf->arena,
				"%s: Sendmail waits %ld s for bulkwatchd "
				"(T=%c in X%s), which may take %ld s while its "
				"disk fails; set T=C:10s;S:30s;R:30s;E:1m",
				cf->path, secs, limits[i].which, f->name,
				limits[i].least));
	}
}

/* The first of ours that is asked by a list; NULL: none is. */
static const struct filter *
asked_by(const struct cf *cf, const char *list)
{
	for (size_t i = 0; i < cf->ours_n; i++)
		if (list != NULL && lists(list, cf->ours[i].name))
			return &cf->ours[i];
	return NULL;
}

/* What Sendmail does while nobody answers. */
static const char *
away(const char *flags)
{
	return strchr(flags, 'R') != NULL ? "mail is refused for good (F=R)"
	       : strchr(flags, 'T') != NULL
		   ? "mail waits: clients are told to try again later (F=T)"
	       : strchr(flags, '4') != NULL
		   ? "mail waits: clients are hung up on (F=4)"
		   : "mail passes uncounted (no F=)";
}

/* Where a filter of this machine gives mail back: no milter is asked. */
static bool
takes_back(const char *options, const char *filters)
{
	return filters[0] == '\0' && (strstr(options, "Addr=127.") != NULL ||
					 strstr(options, "Addr=::1") != NULL);
}

static int
judge_daemon(struct cf *cf, const char *line)
{
	const char *options =
	    line[0] == 'O' ? option(cf->arena, line + 1, "DaemonPortOptions")
			   : NULL;
	const char *own =
	    options == NULL ? NULL : daemon_filters(cf->arena, options);
	if (own == NULL || takes_back(options, own))
		return 0;
	const struct filter *f = asked_by(cf, own);
	if (f != NULL)
		judge_timeouts(cf, f);
	else
		add(cf, MTA_FAULT,
		    arena_printf(cf->arena,
			"%s: mail that comes in at the daemon %s is not "
			"counted: its InputMailFilters lack %s",
			cf->path, options, cf->ours[0].name));
	return 0;
}

static void
judge_asked(struct cf *cf, const struct filter *f)
{
	bool refuses = strchr(f->flags, 'R') != NULL;
	judge_timeouts(cf, f);
	add(cf, refuses ? MTA_FAULT : MTA_OK,
	    arena_printf(cf->arena,
		"%s: mail is shown to bulkwatchd; while it does not answer, "
		"%s%s",
		cf->path, away(f->flags),
		refuses ? "; leave F= out in sendmail.mc" : ""));
}

void
sendmail_judge(struct arena *arena, const char *listen, const char *path,
    const char *text, struct mta_findings *findings)
{
	struct cf cf = {.arena = arena,
	    .path = path,
	    .listen = listen,
	    .findings = findings};
	if (each_line(&cf, text, read_line) < 0) {
		add(&cf, MTA_FAULT, NULL);
		return;
	}
	const struct filter *f = asked_by(&cf, cf.asked);
	if (cf.ours_n == 0) {
		add(&cf, MTA_FAULT,
		    arena_printf(arena,
			"no line of %s that begins with X names %s, so no "
			"mail is counted; README.md says what to write into "
			"sendmail.mc",
			path, listen));
		return;
	}
	if (f == NULL)
		add(&cf, MTA_FAULT,
		    arena_printf(arena,
			"O InputMailFilters in %s lacks %s, so no mail is "
			"counted; use INPUT_MAIL_FILTER in sendmail.mc",
			path, cf.ours[0].name));
	else
		judge_asked(&cf, f);
	if (each_line(&cf, text, judge_daemon) < 0)
		add(&cf, MTA_FAULT, NULL);
}

void
sendmail_check(struct arena *arena, const struct settings *settings,
    const char *folder, struct mta_findings *findings)
{
	const char *path = arena_printf(arena, "%s/sendmail.cf", folder);
	struct whole cf;
	struct err err;
	if (path == NULL)
		wiring_add(findings, MTA_FAULT, "sendmail", NULL);
	else if (whole_read(arena, path, &cf, &err) < 0)
		wiring_add(findings, MTA_FAULT, "sendmail",
		    arena_strdup(arena, err.text));
	else
		sendmail_judge(
		    arena, settings->listen, path, cf.text, findings);
}

bool
sendmail_names_us(struct arena *arena, const char *listen, const char *folder)
{
	const char *path = arena_printf(arena, "%s/sendmail.cf", folder);
	struct cf cf = {.arena = arena, .path = path, .listen = listen};
	struct whole file;
	struct err err;
	return path != NULL && whole_read(arena, path, &file, &err) == 0 &&
	       each_line(&cf, file.text, read_line) == 0 && cf.ours_n > 0;
}
