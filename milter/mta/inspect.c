/* inspect.c: reads the mail server's settings for `bulkwatch check`. */
#include "bulkwatch/mta.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postconf.h"
#include "reach.h"
#include "sendmail.h"
#include "wiring.h"

#define SENDMAIL_FOLDER "/etc/mail"

/* ----------------------------------------------------------------- the daemon
 */

/* Descriptors that the running daemon may have: it writes its number into the
 * lock beside the database. 0 if that cannot be found out. */
static long
files_max(struct arena *arena, const char *database)
{
	char line[256];
	long pid = 0, most = 0;
	const char *lock = arena_printf(arena, "%s.lock", database);
	FILE *in = lock == NULL ? NULL : fopen(lock, "re");
	if (in == NULL)
		return 0;
	if (fscanf(in, "%ld", &pid) != 1)
		pid = 0;
	fclose(in);
	const char *limits = arena_printf(arena, "/proc/%ld/limits", pid);
	in = limits == NULL || pid <= 0 ? NULL : fopen(limits, "re");
	if (in == NULL)
		return 0;
	while (fgets(line, sizeof(line), in) != NULL)
		if (sscanf(line, "Max open files %ld", &most) == 1)
			break;
	fclose(in);
	return most;
}

static bool
holds_mail(const struct settings *settings)
{
	for (size_t i = 0; i < settings->rules_n; i++)
		if (settings->rules[i].action == ACTION_HOLD)
			return true;
	return false;
}

/* -------------------------------------------------------------------- Postfix
 */

static int
read_wiring(struct wiring *w, const struct settings *settings, struct err *err)
{
	int n = postconf_values(
	    w->arena, w->folder, wiring_parameters, w->main, err);
	if (n < 0 ||
	    postconf_services(w->arena, w->folder, &w->services, err) < 0)
		return -1;
	w->main_n = (size_t)n;
	w->queue_directory =
	    parameter_value(w->main, w->main_n, "queue_directory");
	if (w->queue_directory == NULL)
		return err_set(
		    err, "%s: postconf names no queue_directory", w->folder);
	w->files_max = files_max(w->arena, settings->database);
	w->holds = holds_mail(settings);
	return place_parse(w->arena, settings->listen, &w->place, err);
}

/* A socket that is not there is what another check tells. */
static void
check_reach(const struct wiring *w, struct mta_findings *findings)
{
	const char *why;
	const char *owner = parameter_value(w->main, w->main_n, "mail_owner");
	if (w->place.path == NULL || owner == NULL ||
	    (access(w->place.path, F_OK) < 0 && errno == ENOENT))
		return;
	enum reach reach = reach_path(w->arena, owner, w->place.path, &why);
	if (reach != REACH_YES)
		wiring_add(findings, reach == REACH_NO ? MTA_FAULT : MTA_NOTE,
		    "postfix", why);
}

static void
check_postfix(struct arena *arena, const struct settings *settings,
    const char *folder, bool named, struct mta_findings *findings)
{
	struct wiring *w = arena_alloc(arena, sizeof(*w));
	struct err err;
	if (w == NULL) {
		wiring_add(findings, MTA_FAULT, "postfix", NULL);
		return;
	}
	w->arena = arena;
	w->folder = folder;
	w->named = named;
	if (read_wiring(w, settings, &err) < 0) {
		wiring_add(findings, MTA_FAULT, "postfix",
		    arena_strdup(arena, err.text));
		return;
	}
	wiring_judge(w, findings);
	check_reach(w, findings);
}

bool
mta_postfix_asks(struct arena *arena, const struct settings *settings,
    const char *config_dir)
{
	struct wiring *w = arena_alloc(arena, sizeof(*w));
	struct err err;
	if (w == NULL)
		return false;
	*w = (struct wiring){.arena = arena};
	return postconf_folder(arena, config_dir, &w->folder, &err) == 0 &&
	       read_wiring(w, settings, &err) == 0 && wiring_names_us(w);
}

/* ------------------------------------------------------------------- Sendmail
 */

bool
mta_sendmail_asks(struct arena *arena, const struct settings *settings,
    const char *config_dir)
{
	return sendmail_names_us(arena, settings->listen,
	    config_dir == NULL ? SENDMAIL_FOLDER : config_dir);
}

/* -------------------------------------------------------------------- which
 * one */

static bool
has_file(struct arena *arena, const char *folder, const char *name)
{
	const char *path = arena_printf(arena, "%s/%s", folder, name);
	return path != NULL && access(path, F_OK) == 0;
}

static void
check_named(struct arena *arena, const struct settings *settings,
    const char *folder, struct mta_findings *findings)
{
	const char *whole;
	struct err err;
	if (has_file(arena, folder, "sendmail.cf") &&
	    !has_file(arena, folder, "main.cf"))
		sendmail_check(arena, settings, folder, findings);
	else if (postconf_folder(arena, folder, &whole, &err) == 0)
		check_postfix(arena, settings, whole, true, findings);
	else
		wiring_add(findings, MTA_FAULT, "postfix",
		    arena_strdup(arena, err.text));
}

void
mta_check(struct arena *arena, const struct settings *settings,
    const char *config_dir, struct mta_findings *findings_r)
{
	const char *folder;
	struct err err;
	findings_r->n = 0;
	if (config_dir != NULL) {
		check_named(arena, settings, config_dir, findings_r);
		return;
	}
	bool postfix = postconf_installed(arena);
	if (postfix && postconf_folder(arena, NULL, &folder, &err) == 0)
		check_postfix(arena, settings, folder, false, findings_r);
	else if (has_file(arena, SENDMAIL_FOLDER, "sendmail.cf"))
		sendmail_check(arena, settings, SENDMAIL_FOLDER, findings_r);
	else if (postfix)
		wiring_add(findings_r, MTA_FAULT, "postfix",
		    arena_strdup(arena, err.text));
	else
		wiring_add(findings_r, MTA_NOTE, "mta",
		    "neither Postfix nor Sendmail is on this machine: whether "
		    "a mail server elsewhere asks bulkwatchd is not known "
		    "here");
}
