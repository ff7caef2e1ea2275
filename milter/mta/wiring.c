/*
 * wiring.c: what Postfix's settings mean for our counting.
 *
 * Mail comes in by ways: each smtpd(8) behind a port asks smtpd_milters,
 * pickup(8)'s mail is shown to non_smtpd_milters by cleanup(8). What main.cf
 * says holds unless master.cf says otherwise for that service.
 */
#include "wiring.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"

/* Descriptors that the daemon needs for itself: database, log, its own mail. */
#define FILES_RESERVED 64

const char *const wiring_parameters[] = {"smtpd_milters", "non_smtpd_milters",
    "milter_default_action", "milter_connect_timeout", "milter_command_timeout",
    "milter_content_timeout", "receive_override_options", "content_filter",
    "smtpd_proxy_filter", "smtpd_milter_maps", "default_process_limit",
    "compatibility_level", "queue_directory", "mail_owner", NULL};

void
wiring_add(struct mta_findings *findings, enum mta_level level,
    const char *subject, const char *text)
{
	if (text == NULL)
		text = "memory is out";
	for (size_t i = 0; i < findings->n; i++)
		if (strcmp(findings->items[i].text, text) == 0)
			return;
	if (findings->n < MTA_FINDINGS_MAX)
		findings->items[findings->n++] =
		    (struct mta_finding){level, subject, text};
}

const char *
wiring_default_action(const char *action)
{
	static const struct {
		const char *action, *means;
	} meanings[] = {
	    {"accept", "mail passes uncounted"},
	    {"tempfail", "mail waits: clients are told to try again later"},
	    {"shutdown", "mail waits: clients are hung up on"},
	    {"quarantine", "mail goes into the hold queue"},
	    {"reject", "mail is refused for good"},
	};
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (strcmp(action, meanings[i].action) == 0)
			return meanings[i].means;
	return NULL;
}

const char *
wiring_value(const struct wiring *w, const struct service *s, const char *name)
{
	const char *value = s == NULL ? NULL : service_override(s, name);
	if (value == NULL)
		value = parameter_value(w->main, w->main_n, name);
	return value == NULL ? "" : value;
}

/* Does the list name us that holds for a service, or, of NULL, in main.cf? */
static bool
list_names_us(const struct wiring *w, const struct service *s, const char *name)
{
	struct milter_list *list = arena_alloc(w->arena, sizeof(*list));
	struct err err;
	if (list == NULL ||
	    milters_parse(w->arena, wiring_value(w, s, name), list, &err) < 0)
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (place_is_meant(w->arena, &w->place, list->items[i].endpoint,
			w->queue_directory))
			return true;
	return false;
}

bool
wiring_names_us(const struct wiring *w)
{
	static const char *const lists[] = {
	    "smtpd_milters", "non_smtpd_milters"};
	if (wiring_value(w, NULL, "smtpd_milter_maps")[0] != '\0')
		return true;
	for (size_t k = 0; k < 2; k++) {
		if (list_names_us(w, NULL, lists[k]))
			return true;
		for (size_t i = 0; i < w->services.n; i++)
			if (service_override(&w->services.items[i], lists[k]) !=
				NULL &&
			    list_names_us(w, &w->services.items[i], lists[k]))
				return true;
	}
	return false;
}

/* ---------------------------------------------------------------- all ways */

/* service: by which mail comes; asks: who shows it to the milters of
 * parameter. */
static void
judge_service(struct judge *j, const struct service *service,
    const struct service *asks, const char *parameter)
{
	const struct wiring *w = j->w;
	struct way *way = arena_alloc(w->arena, sizeof(*way));
	struct err err;
	if (way == NULL) {
		judge_add(j, MTA_FAULT, NULL);
		return;
	}
	way->label = service->label;
	way->service = service;
	way->asks = asks;
	way->parameter = parameter;
	way->own = service_override(asks, parameter) != NULL;
	way->source =
	    way->own ? arena_printf(w->arena, "master.cf for %s", asks->label)
		     : "main.cf";
	if (milters_parse(w->arena, wiring_value(w, asks, parameter),
		&way->list, &err) < 0)
		judge_add(j, MTA_FAULT,
		    arena_printf(w->arena, "%s in %s: %s", parameter,
			way->source, err.text));
	else
		judge_way(j, way);
}

static const struct service *
find_command(const struct wiring *w, const char *command)
{
	for (size_t i = 0; i < w->services.n; i++)
		if (strcmp(w->services.items[i].command, command) == 0)
			return &w->services.items[i];
	return NULL;
}

static void
judge_unattached(struct judge *j)
{
	if (j->unnamed != NULL)
		judge_add(j, MTA_FAULT,
		    arena_printf(j->w->arena,
			"%s is not named in %s of %s/main.cf, so mail that "
			"comes in at %s is not counted; %s",
			j->ours, j->parameter, j->w->folder, j->unnamed,
			judge_attach_command(j)));
}

/* ----------------------------------------------------- limits and the rest */

/* How many processes a service may have. */
static long
processes_of(const struct wiring *w, const struct service *s)
{
	long limit =
	    strtol(wiring_value(w, NULL, "default_process_limit"), NULL, 10);
	long own = strtol(s->processes, NULL, 10);
	/* Debian gives cleanup "0", no limit: it is asked by processes that
	 * have one. */
	return isdigit((unsigned char)s->processes[0]) && own > 0 ? own : limit;
}

static void
judge_processes(struct judge *j)
{
	const struct wiring *w = j->w;
	long sum = 0;
	for (size_t i = 0; i < w->services.n; i++)
		if (service_asks_milters(&w->services.items[i]))
			sum += processes_of(w, &w->services.items[i]);
	if (w->files_max > 0 && sum + FILES_RESERVED > w->files_max)
		judge_add(j, MTA_FAULT,
		    arena_printf(w->arena,
			"Postfix may start %ld processes that connect to "
			"bulkwatchd (default_process_limit, master.cf), which "
			"may open %ld files: at that limit mail hangs; "
			"systemctl edit bulkwatchd: LimitNOFILE=%ld",
			sum, w->files_max, 2 * (sum + FILES_RESERVED)));
}

/* A pipe(8) filter gives mail back by sendmail(1), to which non_smtpd_milters
 * apply. */
static void
judge_pipe_filter(struct judge *j, const char *filter)
{
	size_t length = strcspn(filter, ":");
	for (size_t i = 0; i < j->w->services.n && length > 0; i++) {
		const struct service *s = &j->w->services.items[i];
		if (strlen(s->name) == length &&
		    strncmp(s->name, filter, length) == 0 &&
		    strcmp(s->command, "pipe") == 0)
			judge_add(j, MTA_NOTE,
			    arena_printf(j->w->arena,
				"the content filter %s is a program: if it "
				"gives mail back by sendmail(1), each message "
				"is shown to bulkwatchd twice, and counted "
				"once only if login and envelope sender are "
				"the same",
				filter));
	}
}

static void
judge_rest(struct judge *j)
{
	const struct wiring *w = j->w;
	judge_processes(j);
	judge_pipe_filter(j, wiring_value(w, NULL, "content_filter"));
	for (size_t i = 0; i < w->services.n; i++) {
		const char *own =
		    service_override(&w->services.items[i], "content_filter");
		if (own != NULL)
			judge_pipe_filter(j, own);
	}
	if (wiring_value(w, NULL, "smtpd_milter_maps")[0] != '\0')
		judge_add(j, MTA_NOTE,
		    arena_printf(w->arena,
			"smtpd_milter_maps = %s gives some clients other "
			"milters: mail of those is counted only where it "
			"names %s",
			wiring_value(w, NULL, "smtpd_milter_maps"), j->ours));
}

void
wiring_judge(const struct wiring *w, struct mta_findings *findings)
{
	struct judge j = {.w = w,
	    .findings = findings,
	    .ours = place_for_postfix(w->arena, &w->place, w->queue_directory)};
	if (j.ours == NULL) {
		judge_add(&j, MTA_FAULT, NULL);
		return;
	}
	for (size_t i = 0; i < w->services.n; i++)
		if (service_is_smtpd(&w->services.items[i]))
			judge_service(&j, &w->services.items[i],
			    &w->services.items[i], "smtpd_milters");
	const struct service *pickup = find_command(w, "pickup");
	const struct service *cleanup = find_command(w, "cleanup");
	if (pickup != NULL && cleanup != NULL)
		judge_service(&j, pickup, cleanup, "non_smtpd_milters");
	judge_unattached(&j);
	judge_rest(&j);
	if (j.counted != NULL)
		judge_add(&j, MTA_OK,
		    arena_printf(w->arena,
			"%s: mail is shown to bulkwatchd at %s; while it does "
			"not answer, %s",
			w->folder, j.counted, judge_away(&j)));
}
