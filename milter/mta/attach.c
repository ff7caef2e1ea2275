/*
 * attach.c: bulkwatchd into Postfix's lists of milters.
 *
 * Only the two lists change. What holds for our entry alone (what Postfix does
 * while nobody answers, how long it waits) is written into the entry, so the
 * other milters keep what main.cf says for all.
 */
#include "bulkwatch/mta.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edit.h"
#include "postconf.h"
#include "reach.h"
#include "wiring.h"

/* What our entry gets where main.cf would give up too early. */
#define PATIENT_CONTENT "60s"
#define PATIENT_COMMAND "30s"

bool
mta_default_action(const char *word)
{
	static const char *const words[] = {"accept", "tempfail", "quarantine"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

/* -------------------------------------------------------------- our entry */

/* Gives the entry time limits of its own where those in force are too short. */
static int
complete(struct edit *e, struct milter *m, const char *action, struct err *err)
{
	static const struct {
		const char *name, *parameter, *patient;
		long least;
	} limits[] = {
	    {"connect_timeout", "milter_connect_timeout", PATIENT_COMMAND,
		MTA_COMMAND_SECS_LEAST},
	    {"command_timeout", "milter_command_timeout", PATIENT_COMMAND,
		MTA_COMMAND_SECS_LEAST},
	    {"content_timeout", "milter_content_timeout", PATIENT_CONTENT,
		MTA_CONTENT_SECS_LEAST},
	};
	int failed = action == NULL
			 ? 0
			 : milters_set_attribute(m, "default_action", action);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const char *value = milters_attribute(m, limits[i].name);
		if (value == NULL)
			value = edit_main(e, limits[i].parameter);
		long secs = milters_seconds(value);
		if (secs >= 0 && secs < limits[i].least)
			failed |= milters_set_attribute(
			    m, limits[i].name, limits[i].patient);
	}
	return failed == 0 ? 0
			   : err_set(err, "our entry has too many settings");
}

/* --------------------------------------------------------------- the lists */

/* A list without one entry, and with a text at its end. */
static const char *
moved_to_end(struct arena *arena, const struct milter_list *list, size_t from,
    const char *entry)
{
	const char *text = "";
	for (size_t i = 0; i < list->n && text != NULL; i++)
		if (i != from)
			text = arena_printf(
			    arena, "%s%s, ", text, list->items[i].written);
	return text == NULL ? NULL : arena_printf(arena, "%s%s", text, entry);
}

/* A list with another text for one of its entries. */
static const char *
replaced(struct arena *arena, const struct milter_list *list, size_t at,
    const char *entry)
{
	const char *text = "";
	for (size_t i = 0; i < list->n && text != NULL; i++)
		text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : ", ",
		    i == at ? entry : list->items[i].written);
	return text;
}

/* The list as it stands, with our entry behind it. */
static int
append(struct edit *e, const char *parameter, const struct standing *s,
    const char *action, struct err *err)
{
	struct milter ours = {.endpoint = place_for_postfix(
				  e->arena, &e->place, e->queue_directory)};
	if (ours.endpoint == NULL)
		return err_set(err, "out of memory");
	if (complete(e, &ours, action, err) < 0)
		return -1;
	size_t end = strlen(s->value);
	while (end > 0 && strchr(", \t", s->value[end - 1]) != NULL)
		end--;
	const char *entry = milters_write(e->arena, &ours);
	const char *value = entry == NULL
				? NULL
				: arena_printf(e->arena, "%.*s%s%s", (int)end,
				      s->value, end == 0 ? "" : ", ", entry);
	if (value == NULL)
		return err_set(err, "out of memory");
	return edit_set(e, parameter, value, err);
}

/* Our entry is there already: at its place, and with all that it needs? */
static int
improve(struct edit *e, const char *parameter, struct standing *s, size_t at,
    const char *action, struct err *err)
{
	struct milter *m = &s->list.items[at];
	const char *entry = m->written;
	if (milters_reference(e->arena, entry) == NULL) {
		struct milter better = *m;
		if (complete(e, &better, action, err) < 0)
			return -1;
		const char *before = milters_write(e->arena, m);
		const char *after = milters_write(e->arena, &better);
		if (before == NULL || after == NULL)
			return err_set(err, "out of memory");
		if (strcmp(before, after) != 0)
			entry = after;
	}
	bool last = at + 1 == s->list.n;
	if (last && entry == m->written)
		return 0;
	const char *value = last ? replaced(e->arena, &s->list, at, entry)
				 : moved_to_end(e->arena, &s->list, at, entry);
	if (value == NULL)
		return err_set(err, "out of memory");
	return edit_set(e, parameter, value, err);
}

/* $name expands to ours: what that entry needs must be written there. */
static void
note_references(struct edit *e, const char *parameter, const struct standing *s,
    const char *action, struct mta_outcome *outcome)
{
	for (size_t i = 0; i < s->list.n; i++) {
		const char *written = s->list.items[i].written;
		const char *name = milters_reference(e->arena, written);
		const char *now = milters_attribute(&s->last, "default_action");
		if ((!s->ours[i] && !s->among[i]) || name == NULL ||
		    strcmp(name, "smtpd_milters") == 0 ||
		    strcmp(name, "non_smtpd_milters") == 0)
			continue;
		if (action != NULL && (now == NULL || strcmp(now, action) != 0))
			edit_note(outcome,
			    arena_printf(e->arena,
				"%s names us through %s, which is left as it "
				"is: write default_action=%s there",
				parameter, written, action));
		if (s->among[i] && s->behind > 0)
			edit_note(outcome,
			    arena_printf(e->arena,
				"%s names us through %s, where other milters "
				"stand behind us: put ours last there",
				parameter, written));
	}
}

static int
attach_to(struct edit *e, const char *parameter, const char *action,
    struct mta_outcome *outcome, struct err *err)
{
	struct standing *s = arena_alloc(e->arena, sizeof(*s));
	if (s == NULL)
		return err_set(err, "out of memory");
	if (edit_look(e, parameter, s, err) < 0)
		return -1;
	if (s->times > 1)
		return err_set(err,
		    "%s: %s names our socket %zu times, so mail would be "
		    "counted as often; take out all but one",
		    e->main_cf, parameter, s->times);
	if (s->times == 0)
		return append(e, parameter, s, action, err);
	for (size_t i = 0; i < s->list.n; i++)
		if (s->ours[i] && improve(e, parameter, s, i, action, err) < 0)
			return -1;
	note_references(e, parameter, s, action, outcome);
	return 0;
}

/* We must be in each list once now, however they refer to each other. */
static int
verify(struct edit *e, struct standing *s, struct err *err)
{
	for (size_t i = 0; edit_lists[i] != NULL; i++) {
		if (edit_look(e, edit_lists[i], &s[i], err) < 0)
			return -1;
		if (s[i].times != 1)
			return err_set(err,
			    "%s: our socket cannot be put into %s = %s; write "
			    "it there by hand",
			    e->main_cf, edit_lists[i], s[i].value);
	}
	return 0;
}

/* Both lists; one that refers to the other comes after it, so that we don't
 * stand in it twice. s: two; what they are is put there, before and after. */
static int
attach_to_lists(struct edit *e, const char *action, struct standing *s,
    struct mta_outcome *outcome, struct err *err)
{
	size_t first = strstr(s[0].value, edit_lists[1]) != NULL;
	if (attach_to(e, edit_lists[first], action, outcome, err) < 0 ||
	    attach_to(e, edit_lists[1 - first], action, outcome, err) < 0 ||
	    verify(e, s, err) < 0)
		return -1;
	return edit_compare(e, outcome, err);
}

/* ---------------------------------------------------------- what must be so */

/* Who would look for the socket in the wrong place would make all mail wait. */
static int
check_chroot(struct edit *e, const struct services *services, struct err *err)
{
	if (place_in_chroot(&e->place, e->queue_directory))
		return 0;
	const char *level = edit_main(e, "compatibility_level");
	for (size_t i = 0; i < services->n; i++) {
		const struct service *s = &services->items[i];
		if (!service_asks_milters(s) || !service_in_chroot(s, level))
			continue;
		return err_set(err,
		    "%s runs in a chroot (%s/master.cf) and cannot see %s; "
		    "set listen = \"unix:%s/bulkwatch/milter.sock\" in "
		    "bulkwatch.conf, restart bulkwatchd, and give the command "
		    "again",
		    s->label, e->folder, e->place.path, e->queue_directory);
	}
	return 0;
}

/* A socket that is there and that Postfix's user cannot open is as bad. One
 * that is not there yet comes with the daemon. */
static int
check_reach(struct edit *e, struct err *err)
{
	const char *owner = edit_main(e, "mail_owner"), *why;
	if (e->place.path == NULL || access(e->place.path, F_OK) < 0)
		return 0;
	return reach_path(e->arena, owner, e->place.path, &why) == REACH_NO
		   ? err_set(err, "%s", why)
		   : 0;
}

/* What stands in master.cf holds instead of main.cf's. */
static void
note_overrides(struct edit *e, const struct services *services,
    const struct standing *standing, struct mta_outcome *outcome)
{
	const char *place =
	    place_for_postfix(e->arena, &e->place, e->queue_directory);
	for (size_t i = 0; i < services->n && place != NULL; i++) {
		const struct service *s = &services->items[i];
		for (size_t k = 0; k < 2; k++) {
			const char *own = service_override(s, edit_lists[k]);
			if (own == NULL || strstr(own, place) != NULL)
				continue;
			/* With all that our entry in main.cf has. */
			const char *entry = milters_write_tight(
			    e->arena, &standing->last, place);
			const char *more =
			    entry == NULL ? NULL
					  : service_mend(e->arena, e->folder, s,
						edit_lists[k], own, entry);
			edit_note(outcome,
			    arena_printf(e->arena,
				"%s has a list of its own in master.cf, %s = "
				"%s, and is left as it is; to have its mail "
				"counted: %s",
				s->label, edit_lists[k],
				own[0] == '\0' ? "(none)" : own,
				more == NULL ? "" : more));
		}
	}
}

static void
note_default_action(
    struct edit *e, const struct standing *s, struct mta_outcome *outcome)
{
	const char *action = milters_attribute(&s->last, "default_action");
	bool own = action != NULL;
	if (!own)
		action = edit_main(e, "milter_default_action");
	const char *means = wiring_default_action(action);
	if (means != NULL)
		edit_note(outcome,
		    arena_printf(e->arena,
			"while bulkwatchd does not answer, %s (%s = %s); "
			"--default-action chooses",
			means,
			own ? "default_action of our entry"
			    : "milter_default_action",
			action));
}

/* ------------------------------------------------------------------- doing */

/* Looks at both lists of the copy. Returns 0 or -1. */
static int
look(struct edit *e, struct standing *s, struct err *err)
{
	return edit_look(e, edit_lists[0], &s[0], err) < 0 ||
		       edit_look(e, edit_lists[1], &s[1], err) < 0
		   ? -1
		   : 0;
}

/*
 * Keeps main.cf as it was, for detach. One that names us already is not how it
 * was before: then an earlier copy serves if nobody changed main.cf since, and
 * otherwise there is none.
 */
static int
keep(struct edit *e, bool named_us, const struct whole *result, struct err *err)
{
	struct whole with = *result;
	with.mode = e->now.mode;
	with.uid = e->now.uid;
	with.gid = e->now.gid;
	if (named_us && !e->untouched) {
		unlink(e->before_path);
		unlink(e->with_path);
		return 0;
	}
	if (!e->untouched &&
	    whole_replace(e->arena, e->before_path, &e->now, err) < 0)
		return -1;
	return whole_replace(e->arena, e->with_path, &with, err);
}

static int
apply(struct edit *e, bool named_us, struct err *err)
{
	struct whole result;
	if (edit_result(e, &result, err) < 0 ||
	    keep(e, named_us, &result, err) < 0)
		return -1;
	return edit_apply(e, &result, err);
}

static int
attach(struct edit *e, const struct mta_options *options,
    struct mta_outcome *outcome, struct err *err)
{
	struct services *services = arena_alloc(e->arena, sizeof(*services));
	struct standing *s = arena_alloc(e->arena, 2 * sizeof(*s));
	if (services == NULL || s == NULL)
		return err_set(err, "out of memory");
	if (edit_begin(e, &e->now, err) < 0 || look(e, s, err) < 0 ||
	    postconf_services(e->arena, e->folder, services, err) < 0 ||
	    check_chroot(e, services, err) < 0 || check_reach(e, err) < 0)
		return -1;
	bool named_us = s[0].times + s[1].times > 0;
	/* We listen elsewhere now: what an earlier attach wrote must go. */
	if (!named_us && e->untouched &&
	    (edit_begin(e, &e->before, err) < 0 || look(e, s, err) < 0))
		return -1;
	if (attach_to_lists(e, options->default_action, s, outcome, err) < 0)
		return -1;
	note_default_action(e, &s[0], outcome);
	note_overrides(e, services, &s[0], outcome);
	if (options->dry_run || outcome->changes_n == 0)
		return 0;
	return apply(e, named_us, err);
}

int
mta_attach(struct arena *arena, const struct settings *settings,
    const struct mta_options *options, struct mta_outcome *outcome_r,
    struct err *err)
{
	return edit_run(arena, settings, options, attach, outcome_r, err);
}
