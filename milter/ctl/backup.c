/* backup.c: `bulkwatch backup`: a whole copy of the database. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "args.h"
#include "bulkwatch/json.h"
#include "ctl.h"
#include "views.h"

static int64_t
size_of(const char *path)
{
	struct stat info;
	return stat(path, &info) < 0 ? 0 : (int64_t)info.st_size;
}

/* A word for a shell to read: in quotes unless it is plain. */
static const char *
shell_word(struct arena *arena, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-./,:+@%";
	if (text[0] != '\0' && text[strspn(text, plain)] == '\0')
		return text;
	const char *word = "'";
	while (word != NULL && *text != '\0') {
		size_t length = strcspn(text, "'");
		bool quote = text[length] == '\'';
		word = arena_printf(arena, "%s%.*s%s", word, (int)length, text,
		    quote ? "'\\''" : "");
		text += length + quote;
	}
	return word == NULL ? NULL : arena_printf(arena, "%s'", word);
}

/* How to put it back, a command a line, to be pasted: the daemon must not run,
 * and what the old database left beside it must not be read into the copy. */
static const char *
restore_text(struct arena *arena, const char *copy, const char *database,
    const char *user)
{
	const char *from = shell_word(arena, copy);
	const char *to = shell_word(arena, database);
	if (from == NULL || to == NULL)
		return NULL;
	return arena_printf(arena,
	    "  systemctl stop bulkwatchd\n"
	    "  rm -f %s-wal %s-shm\n"
	    "  install -o %s -g %s -m 660 %s %s\n"
	    "  systemctl start bulkwatchd\n",
	    to, to, user, user, from, to);
}

static int
say_done(struct ctl *ctl, const char *path, const struct settings *settings)
{
	struct arena *arena = ctl->arena;
	const struct view view = {ctl->out, &ctl->screen, arena, ctl->file};
	/* The command serves in whatever folder it is given later. */
	char *whole = realpath(path, NULL);
	int result = view_line(&view, "",
	    arena_printf(arena, "The database is copied to %s (%lld bytes).",
		path, (long long)size_of(path)));
	const char *restore = restore_text(arena, whole == NULL ? path : whole,
	    settings->database,
	    settings->user == NULL ? "bulkwatch" : settings->user);
	if (restore == NULL)
		result = -1;
	/* Not cut to the screen: what is pasted must be whole. */
	if (result == 0)
		fprintf(ctl->out, "To restore it, as root:\n%s", restore);
	free(whole);
	return ctl_printed(ctl, result);
}

static int
backup_run(struct ctl *ctl, const struct settings *settings, const char *path)
{
	struct store *store;
	struct err err;
	if (ctl_open_database(settings->database, &store, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	int failed = store_backup(store, path, &err);
	store_close(&store);
	if (failed < 0)
		return ctl_fail(ctl, "%s", err.text);
	return ctl->json ? ctl_document(ctl, json_backup(path, size_of(path)))
			 : say_done(ctl, path, settings);
}

int
backup_command(struct ctl *ctl)
{
	if (args_none(ctl) == ARGS_STOP)
		return ctl->code;
	if (args_words(ctl, 1, "one FILE") < 0)
		return CTL_USAGE;
	if (ctl->words[0][0] == '\0')
		return ctl_misused(ctl, "FILE is empty");
	const struct settings *settings;
	if (ctl_load_settings(ctl, &settings) < 0)
		return CTL_FAILED;
	int code = backup_run(ctl, settings, ctl->words[0]);
	settings_unref(&settings);
	return code;
}
