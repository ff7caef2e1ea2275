/* detach.c: bulkwatchd out of Postfix's lists of milters. */
#include "bulkwatch/mta.h"

#include <string.h>
#include <unistd.h>

#include "edit.h"
#include "postconf.h"

/* The list without our entries; "" if nothing is left. NULL when memory is
 * out. */
static const char *
without_ours(struct arena *arena, const struct standing *s)
{
	const char *text = "";
	for (size_t i = 0; i < s->list.n && text != NULL; i++)
		if (!s->ours[i])
			text = arena_printf(arena, "%s%s%s", text,
			    text[0] == '\0' ? "" : ", ",
			    s->list.items[i].written);
	return text;
}

/* A reference to the other list goes by itself when ours has left that. */
static bool
goes_by_itself(struct arena *arena, const struct milter *m)
{
	const char *name = milters_reference(arena, m->written);
	return name != NULL && (strcmp(name, edit_lists[0]) == 0 ||
				   strcmp(name, edit_lists[1]) == 0);
}

static int
detach_from(struct edit *e, const char *parameter, struct err *err)
{
	struct standing *s = arena_alloc(e->arena, sizeof(*s));
	if (s == NULL)
		return err_set(err, "out of memory");
	if (edit_look(e, parameter, s, err) < 0)
		return -1;
	size_t n = 0;
	for (size_t i = 0; i < s->list.n; i++) {
		if (goes_by_itself(e->arena, &s->list.items[i]))
			s->ours[i] = false;
		n += s->ours[i];
	}
	if (n == 0)
		return 0;
	const char *value = without_ours(e->arena, s);
	if (value == NULL)
		return err_set(err, "out of memory");
	/* Empty is what Postfix has without the line. */
	return postconf_set(
	    e->arena, e->work, parameter, value[0] == '\0' ? NULL : value, err);
}

static int
detach_by_hand(struct edit *e, struct mta_outcome *outcome, struct err *err)
{
	if (edit_begin(e, &e->now, err) < 0 ||
	    detach_from(e, edit_lists[0], err) < 0 ||
	    detach_from(e, edit_lists[1], err) < 0)
		return -1;
	for (size_t i = 0; i < 2; i++) {
		struct standing *s = arena_alloc(e->arena, sizeof(*s));
		if (s == NULL)
			return err_set(err, "out of memory");
		if (edit_look(e, edit_lists[i], s, err) < 0)
			return -1;
		if (s->times > 0)
			return err_set(err,
			    "%s: our socket cannot be taken out of %s = %s; "
			    "take it out by hand",
			    e->main_cf, edit_lists[i], s->value);
	}
	if (edit_compare(e, outcome, err) < 0)
		return -1;
	if (outcome->changes_n > 0)
		edit_note(outcome,
		    e->kept ? "main.cf was changed by others since it was "
			      "attached: only our entries are taken out"
			    : "there is no copy of main.cf from before it was "
			      "attached: only our entries are taken out");
	return 0;
}

static int
restore(struct edit *e, struct mta_outcome *outcome, struct err *err)
{
	if (edit_begin(e, &e->before, err) < 0 ||
	    edit_compare(e, outcome, err) < 0)
		return -1;
	outcome->restored = true;
	return 0;
}

/* What services have set for themselves in master.cf stays. */
static int
note_overrides(struct edit *e, struct mta_outcome *outcome, struct err *err)
{
	struct services *services = arena_alloc(e->arena, sizeof(*services));
	const char *place =
	    place_for_postfix(e->arena, &e->place, e->queue_directory);
	if (services == NULL || place == NULL)
		return err_set(err, "out of memory");
	if (postconf_services(e->arena, e->folder, services, err) < 0)
		return -1;
	for (size_t i = 0; i < services->n; i++) {
		const struct service *s = &services->items[i];
		for (size_t k = 0; k < 2; k++) {
			const char *own = service_override(s, edit_lists[k]);
			if (own == NULL || strstr(own, place) == NULL)
				continue;
			edit_note(outcome,
			    arena_printf(e->arena,
				"%s still names us in master.cf, %s = %s; "
				"take it out there",
				s->label, edit_lists[k], own));
		}
	}
	return 0;
}

static int
detach(struct edit *e, const struct mta_options *options,
    struct mta_outcome *outcome, struct err *err)
{
	struct whole result;
	if ((e->untouched ? restore(e, outcome, err)
			  : detach_by_hand(e, outcome, err)) < 0 ||
	    note_overrides(e, outcome, err) < 0)
		return -1;
	if (options->dry_run)
		return 0;
	if (outcome->changes_n > 0 || outcome->restored) {
		if (!e->untouched && edit_result(e, &result, err) < 0)
			return -1;
		if (edit_apply(e, e->untouched ? &e->before : &result, err) < 0)
			return -1;
	}
	/* They tell of an attachment that is no more. */
	unlink(e->before_path);
	unlink(e->with_path);
	return 0;
}

int
mta_detach(struct arena *arena, const struct settings *settings,
    const struct mta_options *options, struct mta_outcome *outcome_r,
    struct err *err)
{
	return edit_run(arena, settings, options, detach, outcome_r, err);
}
