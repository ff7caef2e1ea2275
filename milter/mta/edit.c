/* edit.c: what attach and detach share. */
#include "edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postconf.h"

/* -------------------------------------------------------------- what there is
 */

static int
read_kept(struct edit *e, struct err *err)
{
	struct err ignored;
	int before = whole_read(e->arena, e->before_path, &e->before, &ignored);
	if (before < 0 && errno != ENOENT)
		return err_set(err, "%s", ignored.text);
	int with = whole_read(e->arena, e->with_path, &e->with, &ignored);
	if (with < 0 && errno != ENOENT)
		return err_set(err, "%s", ignored.text);
	e->kept = before == 0 && with == 0;
	e->untouched = e->kept && whole_equal(&e->with, &e->now);
	return 0;
}

const char *const edit_lists[] = {"smtpd_milters", "non_smtpd_milters", NULL};

static int
read_main(struct edit *e, struct err *err)
{
	static const char *const names[] = {"queue_directory", "mail_owner",
	    "compatibility_level", "milter_default_action",
	    "milter_connect_timeout", "milter_command_timeout",
	    "milter_content_timeout", NULL};
	int n = postconf_values(e->arena, e->folder, names, e->main, err);
	if (n < 0)
		return -1;
	e->main_n = (size_t)n;
	e->queue_directory = edit_main(e, "queue_directory");
	return 0;
}

const char *
edit_main(const struct edit *e, const char *name)
{
	const char *value = parameter_value(e->main, e->main_n, name);
	return value == NULL ? "" : value;
}

static int
open_edit(struct arena *arena, const struct settings *settings,
    const char *config_dir, struct edit *edit_r, struct err *err)
{
	struct edit *e = edit_r;
	*e = (struct edit){.arena = arena};
	if (place_parse(arena, settings->listen, &e->place, err) < 0 ||
	    postconf_folder(arena, config_dir, &e->folder, err) < 0)
		return -1;
	e->main_cf = arena_printf(arena, "%s/main.cf", e->folder);
	e->before_path =
	    arena_printf(arena, "%s/main.cf.before-bulkwatch", e->folder);
	e->with_path =
	    arena_printf(arena, "%s/main.cf.with-bulkwatch", e->folder);
	if (e->main_cf == NULL || e->before_path == NULL ||
	    e->with_path == NULL)
		return err_set(err, "out of memory");
	if (read_main(e, err) < 0 ||
	    whole_read(arena, e->main_cf, &e->now, err) < 0)
		return -1;
	if (memchr(e->now.text, '\0', e->now.length) != NULL)
		return err_set(err,
		    "%s has a NUL byte in it, behind which Postfix reads "
		    "nothing; take it out first",
		    e->main_cf);
	return read_kept(e, err);
}

/* -------------------------------------------------------------------- the copy
 */

static int
copy_into(struct edit *e, const char *name, struct whole file, struct err *err)
{
	const char *path = arena_printf(e->arena, "%s/%s", e->work, name);
	if (path == NULL)
		return err_set(err, "out of memory");
	file.mode = 0600;
	file.uid = geteuid();
	file.gid = getegid();
	return whole_scratch(e->arena, path, &file, err);
}

/*
 * Postfix waits before it reads a file that was written within the last second
 * or two: somebody may still be at it. Nobody is at our copy: it looks old.
 */
static int
settle(struct edit *e, const char *name, struct err *err)
{
	const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	const char *path = arena_printf(e->arena, "%s/%s", e->work, name);
	if (path == NULL)
		return err_set(err, "out of memory");
	return utimensat(AT_FDCWD, path, old, 0) < 0 ? err_sys(err, "%s", path)
						     : 0;
}

/* postconf joins what it adds to a last line that has no end. */
static int
end_last_line(struct arena *arena, struct whole *file, struct err *err)
{
	if (file->length == 0 || file->text[file->length - 1] == '\n')
		return 0;
	file->text = arena_printf(arena, "%s\n", file->text);
	file->length++;
	return file->text == NULL ? err_set(err, "out of memory") : 0;
}

static int
work_folder(struct edit *e, struct err *err)
{
	char *folder = arena_strdup(e->arena, "/tmp/bulkwatch-attach-XXXXXX");
	if (folder == NULL)
		return err_set(err, "out of memory");
	if (mkdtemp(folder) == NULL)
		return err_sys(err, "cannot make a folder in /tmp");
	e->work = folder;
	return 0;
}

int
edit_begin(struct edit *e, const struct whole *main_cf, struct err *err)
{
	struct whole copy = *main_cf, master;
	const char *path = arena_printf(e->arena, "%s/master.cf", e->folder);
	if (path == NULL)
		return err_set(err, "out of memory");
	if (whole_read(e->arena, path, &master, err) < 0 ||
	    end_last_line(e->arena, &copy, err) < 0 ||
	    (e->work == NULL && work_folder(e, err) < 0) ||
	    copy_into(e, "main.cf", copy, err) < 0 ||
	    copy_into(e, "master.cf", master, err) < 0 ||
	    settle(e, "main.cf", err) < 0)
		return -1;
	return settle(e, "master.cf", err);
}

int
edit_set(
    struct edit *e, const char *parameter, const char *value, struct err *err)
{
	if (postconf_set(e->arena, e->work, parameter, value, err) < 0)
		return -1;
	return settle(e, "main.cf", err);
}

/* Removes the copy. */
static void
close_edit(struct edit *e)
{
	/* postconf leaves a file behind if it is stopped. */
	static const char *const names[] = {
	    "main.cf", "master.cf", "main.cf.tmp"};
	for (size_t i = 0; e->work != NULL && i < 3; i++) {
		const char *path =
		    arena_printf(e->arena, "%s/%s", e->work, names[i]);
		if (path != NULL)
			unlink(path);
	}
	if (e->work != NULL)
		rmdir(e->work);
	e->work = NULL;
}

int
edit_run(struct arena *arena, const struct settings *settings,
    const struct mta_options *options, edit_fn *change,
    struct mta_outcome *outcome_r, struct err *err)
{
	struct edit *e = arena_alloc(arena, sizeof(*e));
	if (e == NULL)
		return err_set(err, "out of memory");
	*outcome_r = (struct mta_outcome){0};
	int result = open_edit(arena, settings, options->config_dir, e, err);
	outcome_r->file = e->main_cf;
	if (result == 0)
		result = change(e, options, outcome_r, err);
	close_edit(e);
	return result;
}

/* ---------------------------------------------------------------- where we
 * stand */

static bool
is_ours(const struct edit *e, const struct milter *m)
{
	return place_is_meant(
	    e->arena, &e->place, m->endpoint, e->queue_directory);
}

/* Counts ours and others among what an entry stands for. */
static void
count(const struct edit *e, const struct milter_list *list, size_t *ours_r,
    size_t *others_r)
{
	*ours_r = *others_r = 0;
	for (size_t i = 0; i < list->n; i++)
		(*(is_ours(e, &list->items[i]) ? ours_r : others_r))++;
}

static int
expand(struct edit *e, const char *name, struct milter_list *list_r,
    struct err *err)
{
	const char *value;
	if (postconf_value(e->arena, e->work, name, true, &value, err) < 0)
		return -1;
	if (milters_parse(e->arena, value, list_r, err) < 0)
		return err_wrap(err, "%s: %s", e->main_cf, name);
	return 0;
}

static int
look_at_entry(struct edit *e, struct standing *s, size_t i, struct err *err)
{
	const struct milter *m = &s->list.items[i];
	const char *name = milters_reference(e->arena, m->written);
	if (name == NULL) {
		s->ours[i] = is_ours(e, m);
		return 0;
	}
	size_t ours, others;
	struct milter_list list;
	if (expand(e, name, &list, err) < 0)
		return -1;
	count(e, &list, &ours, &others);
	s->ours[i] = ours > 0 && others == 0;
	s->among[i] = ours > 0 && others > 0;
	return 0;
}

int
edit_look(struct edit *e, const char *parameter, struct standing *standing_r,
    struct err *err)
{
	struct standing *s = standing_r;
	struct milter_list whole;
	*s = (struct standing){0};
	if (postconf_value(
		e->arena, e->work, parameter, false, &s->value, err) < 0)
		return -1;
	if (milters_parse(e->arena, s->value, &s->list, err) < 0)
		return err_wrap(err, "%s: %s", e->main_cf, parameter);
	for (size_t i = 0; i < s->list.n; i++)
		if (look_at_entry(e, s, i, err) < 0)
			return -1;
	if (expand(e, parameter, &whole, err) < 0)
		return -1;
	for (size_t i = 0; i < whole.n; i++) {
		bool ours = is_ours(e, &whole.items[i]);
		s->times += ours;
		s->behind = ours ? 0 : s->behind + 1;
		if (ours)
			s->last = whole.items[i];
	}
	return 0;
}

/* ------------------------------------------------------------------- the
 * outcome */

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

int
edit_compare(struct edit *e, struct mta_outcome *outcome, struct err *err)
{
	struct parameter before[2], after[2];
	int before_n =
	    postconf_set_values(e->arena, e->folder, edit_lists, before, err);
	int after_n = before_n < 0 ? -1
				   : postconf_set_values(e->arena, e->work,
					 edit_lists, after, err);
	if (after_n < 0)
		return -1;
	for (size_t i = 0; edit_lists[i] != NULL; i++) {
		const struct mta_change change = {
		    .parameter = edit_lists[i],
		    .before = parameter_value(
			before, (size_t)before_n, edit_lists[i]),
		    .after =
			parameter_value(after, (size_t)after_n, edit_lists[i]),
		};
		if (!same(change.before, change.after))
			outcome->changes[outcome->changes_n++] = change;
	}
	return 0;
}

int
edit_result(struct edit *e, struct whole *file_r, struct err *err)
{
	const char *path = arena_printf(e->arena, "%s/main.cf", e->work);
	if (path == NULL)
		return err_set(err, "out of memory");
	return whole_read(e->arena, path, file_r, err);
}

int
edit_apply(struct edit *e, const struct whole *file, struct err *err)
{
	struct whole fresh = *file, again;
	if (whole_read(e->arena, e->main_cf, &again, err) < 0)
		return -1;
	if (!whole_equal(&again, &e->now))
		return err_set(err,
		    "%s was changed by somebody else just now; nothing was "
		    "done, give the command again",
		    e->main_cf);
	fresh.mode = again.mode;
	fresh.uid = again.uid;
	fresh.gid = again.gid;
	return whole_replace(e->arena, e->main_cf, &fresh, err);
}

void
edit_note(struct mta_outcome *outcome, const char *sentence)
{
	if (sentence != NULL && outcome->notes_n < MTA_NOTES_MAX)
		outcome->notes[outcome->notes_n++] = sentence;
}
