/*
 * judge.c: what is said of one way by which mail comes in.
 *
 * It is counted if the list of milters that holds for it names us, once, at a
 * place and with limits that serve, and if Postfix asks milters there at all.
 */
#include "judge.h"

#include <string.h>
#include <strings.h>

void
judge_add(struct judge *j, enum mta_level level, const char *text)
{
	wiring_add(j->findings, level, "postfix", text);
}

const char *
judge_attach_command(const struct judge *j)
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

/* ----------------------------------------------------- where mail is shown */

/* True if a service, or main.cf, has this kind of filter. */
static bool
has_filter(const struct wiring *w, const char *parameter)
{
	if (wiring_value(w, NULL, parameter)[0] != '\0')
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

/* --------------------------------------------------------- one entry's way */

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
	    way->own ? "" : ": ", way->own ? "" : judge_attach_command(j));
	judge_add(j, j->w->holds ? MTA_FAULT : MTA_NOTE, text);
}

static void
judge_chroot(struct judge *j, const struct way *way, const struct milter *m)
{
	const struct wiring *w = j->w;
	bool chrooted = service_in_chroot(
	    way->asks, wiring_value(w, NULL, "compatibility_level"));
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
	judge_add(j, MTA_FAULT,
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
		value = wiring_value(w, way->asks, parameter);
	long secs = milters_seconds(value);
	if (secs < 0 || secs >= least)
		return;
	const char *mend =
	    own || way->own
		? arena_printf(w->arena, "write %s=60s into our entry", name)
		: judge_attach_command(j);
	const char *why =
	    strcmp(name, "content_timeout") == 0
		? "the end of message may take 20 s while its disk fails; "
		  "after that mail waits or passes, by milter_default_action, "
		  "though it is counted"
		: "that is too short on a busy machine; after that mail waits "
		  "or passes uncounted, by milter_default_action";
	judge_add(j, MTA_FAULT,
	    arena_printf(w->arena,
		"at %s Postfix gives bulkwatchd %s to answer (%s = %s), and "
		"%s; %s",
		way->label, value, own ? name : parameter, value, why,
		mend == NULL ? "" : mend));
}

/* What happens at a service; services at which the same does stand together. */
static void
note_away(struct judge *j, const char *label, const char *what)
{
	size_t i = 0;
	if (what == NULL)
		return;
	while (i < j->away_n && strcmp(j->away[i].what, what) != 0)
		i++;
	if (i == AWAY_MAX)
		return;
	if (i == j->away_n)
		j->away[j->away_n++].what = what;
	j->away[i].labels = joined(j, j->away[i].labels, label);
}

const char *
judge_away(const struct judge *j)
{
	const char *text = "";
	if (j->away_n == 1)
		return j->away[0].what;
	for (size_t i = 0; i < j->away_n && text != NULL; i++)
		text = arena_printf(j->w->arena, "%s%sat %s %s", text,
		    i == 0 ? "" : "; ",
		    j->away[i].labels == NULL ? "?" : j->away[i].labels,
		    j->away[i].what);
	return j->away_n == 0 || text == NULL ? "see above" : text;
}

static void
judge_default_action(
    struct judge *j, const struct way *way, const struct milter *m)
{
	const struct wiring *w = j->w;
	const char *action = milters_attribute(m, "default_action");
	const char *named = "default_action of our entry";
	if (action == NULL) {
		action = wiring_value(w, way->asks, "milter_default_action");
		named = "milter_default_action";
	}
	const char *means = wiring_default_action(action);
	if (strcmp(action, "reject") == 0)
		judge_add(j, MTA_FAULT,
		    arena_printf(w->arena,
			"while bulkwatchd does not answer, mail at %s is "
			"refused for good (%s = reject); "
			"%s --default-action accept",
			way->label, named, judge_attach_command(j)));
	else if (means == NULL)
		judge_add(j, MTA_NOTE,
		    arena_printf(w->arena,
			"%s = %s at %s is not known to this check",
			named, action, way->label));
	else
		note_away(j, way->label,
		    arena_printf(
			w->arena, "%s (%s = %s)", means, named, action));
}

/* ----------------------------------------------------------------- one way */

static void
judge_taking_back(struct judge *j, const struct way *way, bool off)
{
	size_t at;
	if (off || times_in(j, way, &at) == 0)
		return;
	const char *now =
	    wiring_value(j->w, way->service, "receive_override_options");
	judge_add(j, MTA_FAULT,
	    arena_printf(j->w->arena,
		"%s takes mail back from a content filter and shows it to "
		"bulkwatchd a second time; %s",
		way->label,
		service_mend(j->w->arena, j->w->folder, way->service,
		    "receive_override_options", now, "no_milters")));
}

/* Our entry for a service that has a list of its own: with what the admin chose
 * for the one in main.cf. */
static const char *
our_entry(const struct judge *j)
{
	const struct wiring *w = j->w;
	struct milter_list *list = arena_alloc(w->arena, sizeof(*list));
	struct err err;
	if (list == NULL ||
	    milters_parse(
		w->arena, wiring_value(w, NULL, "smtpd_milters"), list, &err) < 0)
		return j->ours;
	for (size_t i = 0; i < list->n; i++)
		if (is_ours(j, &list->items[i]))
			return milters_write_tight(
			    w->arena, &list->items[i], j->ours);
	return j->ours;
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
	const char *entry = our_entry(j);
	if (entry == NULL)
		entry = j->ours;
	judge_add(j, MTA_FAULT,
	    arena_printf(j->w->arena,
		"mail that comes in at %s is not counted: it has a list of "
		"its own in master.cf, %s = %s; %s",
		way->label, way->parameter, own[0] == '\0' ? "(none)" : own,
		service_mend(j->w->arena, j->w->folder, way->asks,
		    way->parameter, own, entry)));
}

static void
judge_no_milters(struct judge *j, const struct way *way)
{
	const char *own =
	    service_override(way->service, "receive_override_options");
	/* A listener for this machine only that switches milters off is where
	 * a filter gives mail back that an access map sends it. */
	if (own != NULL && is_on_loopback(way->service))
		return;
	judge_add(j, MTA_FAULT,
	    arena_printf(j->w->arena,
		"mail that comes in at %s is not counted: "
		"receive_override_options has no_milters in %s; take that "
		"word out",
		way->label,
		own == NULL ? "main.cf" : "master.cf for this service"));
}

/* Measured: smtpd with a proxy shows a milter the envelope and never the end
 * of message, at which we count. Returns true if there is one. */
static bool
judge_proxy(struct judge *j, const struct way *way)
{
	const char *proxy =
	    wiring_value(j->w, way->service, "smtpd_proxy_filter");
	if (proxy[0] != '\0')
		judge_add(j, MTA_FAULT,
		    arena_printf(j->w->arena,
			"mail that comes in at %s is not counted: with "
			"smtpd_proxy_filter = %s Postfix shows milters no end "
			"of message; attach that filter as a milter or a "
			"content_filter instead",
			way->label, proxy));
	return proxy[0] != '\0';
}

void
judge_way(struct judge *j, const struct way *way)
{
	size_t at = 0, times = times_in(j, way, &at);
	bool off = has_word(
	    wiring_value(j->w, way->service, "receive_override_options"),
	    "no_milters");
	bool smtp = way->service == way->asks;
	if (smtp && takes_back(j->w, way->service)) {
		judge_taking_back(j, way, off);
		return;
	}
	if (off) {
		judge_no_milters(j, way);
		return;
	}
	if (times == 0) {
		judge_unnamed(j, way);
		return;
	}
	const struct milter *m = &way->list.items[at];
	if (!smtp || !judge_proxy(j, way))
		j->counted = joined(j, j->counted, way->label);
	if (times > 1)
		judge_add(j, MTA_FAULT,
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
