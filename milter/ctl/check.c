/* check.c: `bulkwatch check`: what is wrong, and how to mend it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "args.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/json.h"
#include "bulkwatch/mta.h"
#include "bulkwatch/template.h"
#include "bulkwatch/text.h"
#include "ctl.h"
#include "probe.h"
#include "rights.h"
#include "views.h"

#define RESULTS_MAX 200

/* What was found out so far. */
struct report {
	struct arena *arena;
	struct check_result results[RESULTS_MAX];
	size_t n;
};

/* text is kept as it is; NULL means that memory was out. */
static void
report(struct report *report, const char *subject, bool ok, const char *text)
{
	if (report->n == RESULTS_MAX)
		return;
	report->results[report->n++] = (struct check_result){
	    .subject = subject,
	    .ok = ok && text != NULL,
	    .text = text == NULL ? "memory is out" : text,
	};
}

static void
report_err(struct report *r, const char *subject, const struct err *err)
{
	report(r, subject, false, arena_strdup(r->arena, err->text));
}

/* -------------------------------------------------------------- settings */

/* Returns 0 with the settings, or -1 where nothing more can be looked at. */
static int
check_settings(
    struct report *r, const char *file, const struct settings **settings_r)
{
	char *faults = NULL;
	if (settings_load(file, settings_r, &faults) == 0) {
		const struct settings *s = *settings_r;
		report(r, "settings", true,
		    arena_printf(r->arena, "%s, %zu rule%s", file, s->rules_n,
			s->rules_n == 1 ? "" : "s"));
		return 0;
	}
	char *rest = arena_strdup(r->arena, faults);
	free(faults);
	if (rest == NULL || rest[0] == '\0')
		report(r, "settings", false, NULL);
	for (char *line; rest != NULL && (line = strsep(&rest, "\n")) != NULL;)
		if (line[0] != '\0')
			report(r, "settings", false, line);
	return -1;
}

/* ------------------------------------------------------------- templates */

static bool
is_template(const char *name)
{
	for (int id = 0; id < TEMPLATES_N; id++)
		if (strcmp(name, template_file((enum template_id)id)) == 0)
			return true;
	return false;
}

/* A text under a name that is not known would never be used. */
static void
check_strays(struct report *r, const char *folder, DIR *entries)
{
	const char *names[TEMPLATES_N + 1] = {0};
	for (int id = 0; id < TEMPLATES_N; id++)
		names[id] = template_file((enum template_id)id);
	for (struct dirent *e; (e = readdir(entries)) != NULL;) {
		const char *end = strrchr(e->d_name, '.');
		if (end == NULL || strcmp(end, ".txt") != 0 ||
		    is_template(e->d_name))
			continue;
		const char *nearest = text_nearest(e->d_name, names);
		report(r, "templates", false,
		    arena_printf(r->arena, "%s/%s is not used; %s%s", folder,
			e->d_name,
			nearest == NULL ? "remove it" : "rename it to ",
			nearest == NULL ? "" : nearest));
	}
}

/* That they can be parsed is part of the settings; this says which are used. */
static void
check_templates(struct report *r, const struct settings *settings)
{
	const char *beside = text_folder(r->arena, settings->file);
	const char *folder =
	    beside == NULL ? NULL
			   : arena_printf(r->arena, "%s/templates/%s", beside,
				 settings->alerts.language);
	DIR *entries = folder == NULL ? NULL : opendir(folder);
	if (entries == NULL && errno != ENOENT) {
		report(r, "templates", false,
		    arena_printf(r->arena,
			"the folder %s cannot be read: %m; the daemon's user "
			"must be able to",
			folder));
		return;
	}
	size_t before = r->n;
	if (entries != NULL) {
		check_strays(r, folder, entries);
		closedir(entries);
	}
	if (r->n == before)
		report(r, "templates", true,
		    entries == NULL ? arena_printf(r->arena, "built in (%s)",
					  settings->alerts.language)
				    : folder);
}

/* -------------------------------------------------------------- database */

/* 1536 → "1.5 kB" */
static const char *
size_text(struct arena *arena, int64_t bytes)
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
	const size_t last = sizeof(units) / sizeof(units[0]) - 1;
	double size = (double)bytes;
	size_t unit = 0;
	for (; size >= 1024 && unit < last; unit++)
		size /= 1024;
	return arena_printf(
	    arena, "%.*f %s", unit == 0 ? 0 : 1, size, units[unit]);
}

static const char *
facts_text(
    struct arena *arena, const char *path, const struct store_facts *facts)
{
	return arena_printf(arena,
	    "%s, %s: %" PRId64 " bulk sends (%" PRId64 " open), %" PRId64
	    " messages; alerts: %" PRId64 " waiting, %" PRId64 " given up",
	    path, size_text(arena, facts->bytes), facts->bulk_sends,
	    facts->open_bulk_sends, facts->messages, facts->alerts_queued,
	    facts->alerts_failed);
}

/* Digests that were given up are forgotten after a week. */
#define TROUBLE_MS (INT64_C(7) * 24 * 3600 * 1000)

static void
check_alerts(struct report *r, struct store *store)
{
	struct store_trouble t;
	struct err err;
	if (store_alert_trouble(
		store, r->arena, clock_wall_ms() - TROUBLE_MS, &t, &err) < 0)
		report_err(r, "alerts", &err);
	else if (t.given_up + t.delayed == 0)
		report(r, "alerts", true, "none is delayed or was given up");
	else
		report(r, "alerts", false,
		    arena_printf(r->arena,
			"%" PRId64 " given up, %" PRId64
			" delayed; the newest (bulk send %" PRId64
			", tried %u times): %s; after mending that, try it "
			"with bulkwatch selftest, and close the cases whose "
			"alert was given up",
			t.given_up, t.delayed, t.bulk_send, t.attempts,
			t.last_error));
}

static void
check_database(struct report *r, const char *path)
{
	struct store *store;
	struct store_facts facts;
	struct err err;
	if (ctl_open_database(path, &store, &err) < 0) {
		report_err(r, "database", &err);
		return;
	}
	if (store_facts(store, &facts, &err) < 0)
		report_err(r, "database", &err);
	else
		report(r, "database", true, facts_text(r->arena, path, &facts));
	check_alerts(r, store);
	store_close(&store);
}

/* ----------------------------------------------------------------- spool */

/* What a file in the spool means, by the names that bulkwatchd gives (spool.h);
 * the last is for any other. */
static const struct {
	const char *name, *means;
} spool_files[] = {
    {"rejected.jsonl",
	"holds messages that could not be read back; look at it, then move it "
	"away"},
    {NULL, "holds messages that wait for the database; the daemon puts them in "
	   "once it works again: journalctl -u bulkwatchd says what is wrong"},
};

static void
report_spool_file(
    struct report *r, const char *path, const char *name, int64_t bytes)
{
	size_t i = 0;
	while (spool_files[i].name != NULL &&
	       strcmp(spool_files[i].name, name) != 0)
		i++;
	report(r, "spool", false,
	    arena_printf(r->arena, "%s/%s (%s) %s", path, name,
		size_text(r->arena, bytes), spool_files[i].means));
}

static void
check_spool(struct report *r, const char *path)
{
	DIR *folder = opendir(path);
	if (folder == NULL) {
		report(r, "spool", false,
		    arena_printf(r->arena,
			errno == ENOENT
			    ? "there is no folder %s; the daemon makes it when "
			      "it starts, if it may"
			    : "the folder %s cannot be read: %m; run "
			      "this as root",
			path));
		return;
	}
	size_t before = r->n;
	struct stat info;
	for (struct dirent *e; (e = readdir(folder)) != NULL;)
		if (e->d_name[0] != '.' &&
		    fstatat(dirfd(folder), e->d_name, &info,
			AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(info.st_mode) && info.st_size > 0)
			report_spool_file(r, path, e->d_name, info.st_size);
	closedir(folder);
	if (r->n == before)
		report(r, "spool", true,
		    arena_printf(r->arena, "%s, nothing waits", path));
}

/* ---------------------------------------------------------------- socket */

/* Returns true if the daemon is there. */
static bool
check_socket(struct report *r, const char *listen)
{
	struct err err;
	if (probe_socket(listen, &err) < 0)
		report_err(r, "socket", &err);
	else
		report(r, "socket", true,
		    arena_printf(r->arena, "the daemon listens at %s", listen));
	return r->results[r->n - 1].ok;
}

/* A reload that was forgotten, or refused for a fault that was mended since. */
static void
check_in_force(struct report *r, const struct settings *settings)
{
	struct store *store;
	struct store_in_force in_force;
	struct err err;
	char since[CLOCK_LOCAL_MAX];
	if (ctl_open_database(settings->database, &store, &err) < 0)
		return; /* said already */
	int got = store_get_settings(store, &in_force, &err);
	store_close(&store);
	if (got < 0 || in_force.at_ms == 0)
		return;
	clock_local(in_force.at_ms, since);
	if (in_force.digest == settings->digest)
		report(r, "settings", true,
		    arena_printf(
			r->arena, "bulkwatchd works with them since %s", since));
	else
		report(r, "settings", false,
		    arena_printf(r->arena,
			"bulkwatchd works with the settings of %s; the file, "
			"or a mail text beside it, has changed since: "
			"systemctl reload bulkwatchd",
			since));
}

/* ----------------------------------------------------------- mail server */

static void
check_mta(
    struct report *r, const struct settings *settings, const char *config_dir)
{
	struct mta_findings *f = arena_alloc(r->arena, sizeof(*f));
	if (f == NULL) {
		report(r, "mta", false, NULL);
		return;
	}
	mta_check(r->arena, settings, config_dir, f);
	for (size_t i = 0; i < f->n && r->n < RESULTS_MAX; i++) {
		report(r, f->items[i].subject, f->items[i].level != MTA_FAULT,
		    f->items[i].text);
		r->results[r->n - 1].note = f->items[i].level == MTA_NOTE;
	}
}

/* --------------------------------------------------------------- command */

int
check_print(
    const struct view *view, const struct check_result *results, size_t n)
{
	/* A line that a script reads stays one line. */
	struct screen screen = *view->screen;
	if (!screen.cut)
		screen.width = INT_MAX;
	for (size_t i = 0; i < n; i++) {
		bool ok = results[i].ok;
		bool note = ok && results[i].note;
		enum tint tint = note ? TINT_YELLOW
				 : ok ? TINT_GREEN
				      : TINT_RED;
		const char *text = text_clean(
		    view->arena, results[i].text, strlen(results[i].text));
		if (text == NULL)
			return -1;
		screen_tint(&screen, view->out, tint);
		fprintf(view->out, "%-5s", note ? "note" : ok ? "ok" : "fault");
		screen_untint(&screen, view->out, tint);
		int indent = fprintf(view->out, "  %-9s  ", results[i].subject);
		screen_wrap(&screen, view->out, indent + 5, text);
	}
	return 0;
}

static void
report_rights(void *context, const char *subject, const char *text)
{
	report(context, subject, false, text);
}

static void
check_all(struct report *r, const char *file, const char *config_dir)
{
	const struct settings *settings;
	if (check_settings(r, file, &settings) < 0)
		return;
	check_templates(r, settings);
	check_database(r, settings->database);
	check_spool(r, settings->spool);
	const struct rights rights = {r->arena, report_rights, r};
	rights_check(&rights, settings);
	if (check_socket(r, settings->listen))
		check_in_force(r, settings);
	check_mta(r, settings, config_dir);
	settings_unref(&settings);
}

int
check_command(struct ctl *ctl)
{
	static const struct option own[] = {
	    {"config-dir", required_argument, NULL, ARGS_OWN}, {0}};
	const char *config_dir = NULL;
	for (int next; (next = args_next(ctl, own)) != ARGS_END;) {
		if (next == ARGS_STOP)
			return ctl->code;
		config_dir = optarg;
	}
	if (args_words(ctl, 0, "no words") < 0)
		return CTL_USAGE;
	if (config_dir != NULL && config_dir[0] == '\0')
		return ctl_misused(ctl, "--config-dir is empty");
	struct report *r = arena_alloc(ctl->arena, sizeof(*r));
	if (r == NULL)
		return ctl_fail(ctl, "memory is out");
	r->arena = ctl->arena;
	check_all(r, ctl->file, config_dir);
	bool well = true;
	for (size_t i = 0; i < r->n; i++)
		well = well && r->results[i].ok;
	const struct view view = {
	    ctl->out, &ctl->screen, ctl->arena, ctl->file};
	int code = ctl->json
		       ? ctl_document(ctl, json_check(r->results, r->n))
		       : ctl_printed(ctl, check_print(&view, r->results, r->n));
	return code == CTL_DONE && !well ? CTL_FAILED : code;
}
