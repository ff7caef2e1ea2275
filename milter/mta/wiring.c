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
#include <strings.h>

#include "milters.h"

/* Descriptors that the daemon needs for itself: database, log, its own mail. */
#define FILES_RESERVED 64

const char *const wiring_parameters[] = {"smtpd_milters", "non_smtpd_milters",
    "milter_default_action", "milter_connect_timeout", "milter_command_timeout",
    "milter_content_timeout", "receive_override_options", "content_filter",
    "smtpd_proxy_filter", "smtpd_milter_maps", "default_process_limit",
    "compatibility_level", "queue_directory", "mail_owner", NULL};

/* A way by which mail comes in. */
struct way {
	const char *label;             /* of the service by which it comes */
	const struct service *service; /* that one */
	const struct service *asks;    /* and the one that asks milters */
	const char *parameter;         /* which ones */
	struct milter_list list;
	const char *source; /* "main.cf", or "master.cf for LABEL" */
	bool own;           /* the latter */
};

/* What is being judged, and the ways that main.cf leaves uncounted. */
struct judge {
	const struct wiring *w;
	struct mta_findings *findings;
	const char *ours;      /* our place as Postfix names it */
	const char *unnamed;   /* ways whose list in main.cf lacks us */
	const char *parameter; /* those lists */
	const char *counted;   /* ways that ask us */
	const char *away;      /* what happens while we do not answer */
};

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

static void
add(struct judge *j, enum mta_level level, const char *text)
{
	wiring_add(j->findings, level, "postfix", text);
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

/* ------------------------------------------------------------------ values */

static const char *
main_value(const struct wiring *w, const char *name)
{
	const char *value = parameter_value(w->main, w->main_n, name);
	return value == NULL ? "" : value;
}

/* What holds for a service (NULL: for none in particular). */
static const char *
value_for(const struct wiring *w, const struct service *s, const char *name)
{
	const char *own = s == NULL ? NULL : service_override(s, name);
	return own != NULL ? own : main_value(w, name);
}

/* True if a list, by commas or blanks, has the word. */
static bool
has_word(const char *list, const char *word)
{
	size_t length = strlen(word);
	while (*(list += strspn(list, ", \t")) != '\0') {
		size_t n = strcspn(list, ", \t");
		if (n == length && strncasecmp(list, word, n) == 0)
			return true;
		list += n;
	}
	return false;
}

static const char *
attach_command_for(const struct judge *j)
{
	return arena_printf(j->w->arena, "bulkwatch attach postfix%s%s",
	    j->w->named ? " --config-dir " : "",
	    j->w->named ? j->w->folder : "");
}

static const char *
joined(const struct judge *j, const char *list, const char *word)
{
	if (list == NULL)
		return word;
	return arena_printf(j->w->arena, "%s, %s", list, word);
}

/* ------------------------------------------------------- where mail is shown
 */

/* True if a service, or main.cf, has this kind of filter. */
static bool
has_filter(const struct wiring *w, const char *parameter)
{
	if (main_value(w, parameter)[0] != '\0')
		return true;
	for (size_t i = 0; i < w->services.n; i++) {
		const char *own =
		    service_override(&w->services.items[i], parameter);
		if (own != NULL && own[0] != '\0')
			return true;
	}
	return false;
}

/* A service that switches off for itself the filter that others have is where
 * that filter gives mail back. */
static bool
takes_back(const struct wiring *w, const struct service *s)
{
	static const char *const filters[] = {
	    "content_filter", "smtpd_proxy_filter"};
	for (size_t i = 0; i < 2; i++) {
		const char *own = service_override(s, filters[i]);
		if (own != NULL && own[0] == '\0' && has_filter(w, filters[i]))
			return true;
	}
	return false;
}

/* "127.0.0.1:10025", "[::1]:10025", "localhost:10025" */
static bool
is_on_loopback(const struct service *s)
{
	return strncmp(s->name, "127.", 4) == 0 ||
	       strncmp(s->name, "[::1]", 5) == 0 ||
	       strncmp(s->name, "localhost:", 10) == 0;
}

static bool
is_ours(const struct judge *j, const struct milter *m)
{
	return place_is_meant(
	    j->w->arena, &j->w->place, m->endpoint, j->w->queue_directory);
}

/* How often we stand in the list; at_r: the last time. */
static size_t
times_in(const struct judge *j, const struct way *way, size_t *at_r)
{
	size_t times = 0;
	for (size_t i = 0; i < way->list.n; i++)
		if (is_ours(j, &way->list.items[i])) {
			times++;
			*at_r = i;
		}
	return times;
}

/* -------------------------------------------------------------- one entry's
 * way */

/* Later milters are told to forget a message that we hold: a signer there
 * never signs it, and postsuper -H does not ask again. */
static void
judge_order(struct judge *j, const struct way *way, size_t at)
{
	if (at + 1 == way->list.n)
		return;
	const char *behind = way->list.items[at + 1].endpoint;
	const char *text = arena_printf(j->w->arena,
	    "%s in %s: %s stands behind bulkwatchd, so %s; put bulkwatchd "
	    "last%s%s",
	    way->parameter, way->source, behind,
	    j->w->holds ? "it never sees a message that a rule holds: mail "
			  "that it should sign goes out unsigned when it is "
			  "released"
			: "what it refuses is counted all the same",
	    way->own ? "" : ": ", way->own ? "" : attach_command_for(j));
	add(j, j->w->holds ? MTA_FAULT : MTA_NOTE, text);
}

static void
judge_chroot(struct judge *j, const struct way *way, const struct milter *m)
{
	const struct wiring *w = j->w;
	bool chrooted =
	    service_in_chroot(way->asks, main_value(w, "compatibility_level"));
	if (w->place.path == NULL || place_is(w->arena, &w->place, m->endpoint,
					 w->queue_directory, chrooted))
		return;
	const char *looks = arena_printf(w->arena, "%s%s",
	    chrooted ? w->queue_directory : "", m->endpoint + strlen("unix:"));
	const char *mend = place_in_chroot(&w->place, w->queue_directory)
			       ? arena_printf(w->arena, "write %s", j->ours)
			       : arena_printf(w->arena,
				     "set listen = \"unix:%s/bulkwatch/"
				     "milter.sock\" in bulkwatch.conf, restart "
				     "bulkwatchd, and write "
				     "unix:bulkwatch/milter.sock",
				     w->queue_directory);
	add(j, MTA_FAULT,
	    arena_printf(w->arena,
		"%s runs %s a chroot and looks for %s at %s, but bulkwatchd "
		"listens at %s; %s there",
		way->asks->label, chrooted ? "in" : "without", m->endpoint,
		looks == NULL ? "" : looks, w->place.path,
		mend == NULL ? "" : mend));
}

static void
judge_timeout(struct judge *j, const struct way *way, const struct milter *m,
    const char *name, long least)
{
	const struct wiring *w = j->w;
	const char *parameter = arena_printf(w->arena, "milter_%s", name);
	if (parameter == NULL)
		return;
	const char *value = milters_attribute(m, name);
	bool own = value != NULL;
	if (!own)
		value = value_for(w, way->asks, parameter);
	long secs = milters_seconds(value);
	if (secs < 0 || secs >= least)
		return;
	const char *mend =
	    own || way->own
		? arena_printf(w->arena, "write %s=60s into our entry", name)
		: attach_command_for(j);
	const char *why =
	    strcmp(name, "content_timeout") == 0
		? "the end of message may take 20 s while its disk fails; "
		  "after that mail waits or passes, by milter_default_action, "
		  "though it is counted"
		: "that is too short on a busy machine; after that mail waits "
		  "or passes uncounted, by milter_default_action";
	add(j, MTA_FAULT,
	    arena_printf(w->arena,
		"at %s Postfix gives bulkwatchd %s to answer (%s = %s), and "
		"%s; %s",
		way->label, value, own ? name : parameter, value, why,
		mend == NULL ? "" : mend));
}

static void
judge_default_action(
    struct judge *j, const struct way *way, const struct milter *m)
{
	const struct wiring *w = j->w;
	const char *action = milters_attribute(m, "default_action");
	if (action == NULL)
		action = value_for(w, way->asks, "milter_default_action");
	const char *means = wiring_default_action(action);
	if (strcmp(action, "reject") == 0)
		add(j, MTA_FAULT,
		    arena_printf(w->arena,
			"while bulkwatchd does not answer, mail at %s is "
			"refused for good (milter_default_action = reject); "
			"%s --default-action accept",
			way->label, attach_command_for(j)));
	else if (means == NULL)
		add(j, MTA_NOTE,
		    arena_printf(w->arena,
			"milter_default_action = %s at %s is not known to "
			"this check",
			action, way->label));
	else if (j->away == NULL || strstr(j->away, means) == NULL)
		j->away = joined(j, j->away,
		    arena_printf(w->arena, "%s (milter_default_action = %s)",
			means, action));
}

/* ------------------------------------------------------------------- one way
 */

static void
judge_taking_back(struct judge *j, const struct way *way, bool off)
{
	size_t at;
	if (off || times_in(j, way, &at) == 0)
		return;
	const char *now =
	    value_for(j->w, way->service, "receive_override_options");
	add(j, MTA_FAULT,
	    arena_printf(j->w->arena,
		"%s takes mail back from a content filter and shows it to "
		"bulkwatchd a second time; %s",
		way->label,
		service_mend(j->w->arena, j->w->folder, way->service,
		    "receive_override_options", now, "no_milters")));
}

static void
judge_unnamed(struct judge *j, const struct way *way)
{
	if (!way->own) {
		j->unnamed = joined(j, j->unnamed, way->label);
		if (j->parameter == NULL ||
		    strstr(j->parameter, way->parameter) != j->parameter)
			j->parameter = joined(j, j->parameter, way->parameter);
		return;
	}
	const char *own = service_override(way->asks, way->parameter);
	add(j, MTA_FAULT,
	    arena_printf(j->w->arena,
		"mail that comes in at %s is not counted: it has a list of "
		"its own in master.cf, %s = %s; %s",
		way->label, way->parameter, own[0] == '\0' ? "(none)" : own,
		service_mend(j->w->arena, j->w->folder, way->asks,
		    way->parameter, own, j->ours)));
}

/* Returns true if nothing more is to be said of it. */
static bool
judge_no_milters(struct judge *j, const struct way *way)
{
	const char *own =
	    service_override(way->service, "receive_override_options");
	/* A listener for this machine only that switches milters off is where
	 * a filter gives mail back that an access map sends it. */
	if (own != NULL && is_on_loopback(way->service))
		return true;
	add(j, MTA_FAULT,
	    arena_printf(j->w->arena,
		"mail that comes in at %s is not counted: "
		"receive_override_options has no_milters in %s; take that "
		"word out",
		way->label,
		own == NULL ? "main.cf" : "master.cf for this service"));
	return true;
}

/* Measured: smtpd with a proxy shows a milter the envelope and never the end
 * of message, at which we count. Returns true if there is one. */
static bool
judge_proxy(struct judge *j, const struct way *way)
{
	const char *proxy = value_for(j->w, way->service, "smtpd_proxy_filter");
	if (proxy[0] != '\0')
		add(j, MTA_FAULT,
		    arena_printf(j->w->arena,
			"mail that comes in at %s is not counted: with "
			"smtpd_proxy_filter = %s Postfix shows milters no end "
			"of message; attach that filter as a milter or a "
			"content_filter instead",
			way->label, proxy));
	return proxy[0] != '\0';
}

static void
judge_way(struct judge *j, const struct way *way)
{
	size_t at = 0, times = times_in(j, way, &at);
	bool off =
	    has_word(value_for(j->w, way->service, "receive_override_options"),
		"no_milters");
	bool smtp = way->service == way->asks;
	if (smtp && takes_back(j->w, way->service)) {
		judge_taking_back(j, way, off);
		return;
	}
	if (off && judge_no_milters(j, way))
		return;
	if (times == 0) {
		judge_unnamed(j, way);
		return;
	}
	const struct milter *m = &way->list.items[at];
	if (!smtp || !judge_proxy(j, way))
		j->counted = joined(j, j->counted, way->label);
	if (times > 1)
		add(j, MTA_FAULT,
		    arena_printf(j->w->arena,
			"%s in %s names bulkwatchd %zu times, so mail is "
			"shown to it as often; take out all but one",
			way->parameter, way->source, times));
	judge_order(j, way, at);
	judge_chroot(j, way, m);
	judge_timeout(j, way, m, "content_timeout", MTA_CONTENT_SECS_LEAST);
	judge_timeout(j, way, m, "command_timeout", MTA_COMMAND_SECS_LEAST);
	judge_timeout(j, way, m, "connect_timeout", MTA_COMMAND_SECS_LEAST);
	judge_default_action(j, way, m);
}

/* -------------------------------------------------------------------- all ways
 */

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
		add(j, MTA_FAULT, NULL);
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
	if (milters_parse(
		w->arena, value_for(w, asks, parameter), &way->list, &err) < 0)
		add(j, MTA_FAULT,
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
		add(j, MTA_FAULT,
		    arena_printf(j->w->arena,
			"%s is not named in %s of %s/main.cf, so mail that "
			"comes in at %s is not counted; %s",
			j->ours, j->parameter, j->w->folder, j->unnamed,
			attach_command_for(j)));
}

/* ---------------------------------------------------------- limits and the
 * rest */

/* How many processes a service may have. */
static long
processes_of(const struct wiring *w, const struct service *s)
{
	long limit = strtol(main_value(w, "default_process_limit"), NULL, 10);
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
		add(j, MTA_FAULT,
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
			add(j, MTA_NOTE,
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
	judge_pipe_filter(j, main_value(w, "content_filter"));
	for (size_t i = 0; i < w->services.n; i++) {
		const char *own =
		    service_override(&w->services.items[i], "content_filter");
		if (own != NULL)
			judge_pipe_filter(j, own);
	}
	if (main_value(w, "smtpd_milter_maps")[0] != '\0')
		add(j, MTA_NOTE,
		    arena_printf(w->arena,
			"smtpd_milter_maps = %s gives some clients other "
			"milters: mail of those is counted only where it "
			"names %s",
			main_value(w, "smtpd_milter_maps"), j->ours));
}

void
wiring_judge(const struct wiring *w, struct mta_findings *findings)
{
	struct judge j = {.w = w,
	    .findings = findings,
	    .ours = place_for_postfix(w->arena, &w->place, w->queue_directory)};
	if (j.ours == NULL) {
		add(&j, MTA_FAULT, NULL);
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
		add(&j, MTA_OK,
		    arena_printf(w->arena,
			"%s: mail is shown to bulkwatchd at %s; while it does "
			"not answer, %s",
			w->folder, j.counted,
			j.away == NULL ? "see above" : j.away));
}
