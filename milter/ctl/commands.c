/* commands.c: the table of commands, and what their handlers share. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "bulkwatch/text.h"
#include "ctl.h"

/* clang-format off */
const struct command ctl_commands[] = {
    {"list", "[--status new|reviewing|closed|open|all] [--held] [--sender P] "
        "[--since T] [--limit N]",
        "the log of bulk sends, newest first (open ones if no status is given)",
        list_command},
    {"show", "[--all] ID",
        "one bulk send with evidence, history and alerts", show_command},
    {"take", "ID [--by NAME]",
        "take a bulk send: it is yours to follow up", take_command},
    {"note", "ID TEXT [--by NAME]",
        "add to its history what was learnt", note_command},
    {"close", "ID --outcome reported|unreported|compromised|false-alarm "
        "[--note TEXT] [--reference TEXT] [--by NAME]",
        "close it with what came out", close_command},
    {"reopen", "ID [--note TEXT] [--by NAME]",
        "take a closed one up again", reopen_command},
    {"release", "ID [QUEUE-ID...] [--by NAME] [--config-dir DIR] [--mta postfix|sendmail]",
        "let its held mail go", release_command},
    {"discard", "ID [QUEUE-ID...] [--yes] [--by NAME] [--config-dir DIR] "
        "[--mta postfix|sendmail]",
        "delete its held mail", discard_command},
    {"declare", "--sender P --recipients N --from T --until T --reason TEXT "
        "[--reference TEXT] [--by NAME]",
        "announce a bulk send: it raises no alert", declare_command},
    {"declarations", "[--all]",
        "what is announced, now or to come (--all: ever)",
        declarations_command},
    {"withdraw", "ID [--by NAME]",
        "take a declaration back", withdraw_command},
    {"senders", "[--top N]",
        "who sends how much", senders_command},
    {"export", "--format csv|json [--since T] [--until T]",
        "the log for a spreadsheet or a script", export_command},
    {"report", "--month YYYY-MM [--format text|html|csv]",
        "the month for the office's leaders", report_command},
    {"backup", "FILE",
        "a whole copy of the database while the daemon runs", backup_command},
    {"reconcile", "[--instance NAME] [--added P] [--strict] LOGFILE...",
        "which outbound mail of Postfix's log is not in the ledger, and why",
        reconcile_command},
    {"attach", "postfix [--config-dir DIR] [--default-action "
        "accept|tempfail|quarantine] [--dry-run]",
        "name bulkwatchd in the mail server's settings", attach_command},
    {"detach", "postfix [--config-dir DIR] [--dry-run]",
        "take it out again: main.cf is what it was", detach_command},
    {"check", "[--config-dir DIR]",
        "what is wrong with settings, templates, database, spool, socket and "
        "mail server, and how to mend it",
        check_command},
    {"selftest", "",
        "send a test message the whole way, and tell what became of it",
        selftest_command},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

/* Writes a sentence that may quote what a person or a stranger wrote. */
static void
say(struct ctl *ctl, const char *format, va_list args)
{
	char *text = NULL;
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	char *clean =
	    text == NULL ? NULL : text_clean(ctl->arena, text, strlen(text));
	fprintf(ctl->err, "bulkwatch: %s\n",
	    clean == NULL ? "memory is out" : clean);
	free(text);
}

int
ctl_fail(struct ctl *ctl, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say(ctl, format, args);
	va_end(args);
	return CTL_FAILED;
}

int
ctl_misused(struct ctl *ctl, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say(ctl, format, args);
	va_end(args);
	const struct command *command = ctl->command;
	if (command == NULL)
		fprintf(ctl->err, "`bulkwatch --help` says how it is used\n");
	else
		fprintf(ctl->err, "usage: bulkwatch %s%s%s\n", command->name,
		    command->usage[0] == '\0' ? "" : " ", command->usage);
	return CTL_USAGE;
}

/* Says every fault of the settings file, one a line. */
static void
say_faults(struct ctl *ctl, char *faults)
{
	if (faults == NULL)
		ctl_fail(ctl, "memory is out");
	char *rest = faults;
	for (char *line; rest != NULL && (line = strsep(&rest, "\n")) != NULL;)
		if (line[0] != '\0')
			ctl_fail(ctl, "%s", line);
}

int
ctl_open_database(const char *path, struct store **store_r, struct err *err)
{
	if (store_open_command(path, store_r, err) == 0)
		return 0;
	if (access(path, R_OK | W_OK) < 0 && errno == EACCES)
		return err_set(err,
		    "you have no right to open the database %s; run this as "
		    "root",
		    path);
	return -1;
}

int
ctl_load_settings(struct ctl *ctl, const struct settings **settings_r)
{
	char *faults = NULL;
	if (settings_load(ctl->file, settings_r, &faults) == 0)
		return 0;
	say_faults(ctl, faults);
	free(faults);
	return -1;
}

int
ctl_open_store(struct ctl *ctl, struct store **store_r)
{
	const struct settings *settings;
	struct err err;
	if (ctl_load_settings(ctl, &settings) < 0)
		return -1;
	int result = ctl_open_database(settings->database, store_r, &err);
	settings_unref(&settings);
	if (result < 0)
		ctl_fail(ctl, "%s", err.text);
	return result;
}

int
ctl_no_bulk_send(struct ctl *ctl, int64_t id)
{
	return ctl_fail(ctl,
	    "there is no bulk send %lld; `bulkwatch list --status all` shows "
	    "those that there are",
	    (long long)id);
}

int
ctl_document(struct ctl *ctl, char *document)
{
	if (document == NULL)
		return ctl_fail(ctl, "memory is out");
	fputs(document, ctl->out);
	free(document);
	return CTL_DONE;
}

int
ctl_printed(struct ctl *ctl, int result)
{
	return result < 0 ? ctl_fail(ctl, "memory is out") : CTL_DONE;
}

/* ------------------------------------------------------------ the program */

static const struct command *
find(const char *name)
{
	const struct command *command = ctl_commands;
	while (command->name != NULL && strcmp(command->name, name) != 0)
		command++;
	return command->name == NULL ? NULL : command;
}

#define COMMANDS_N (sizeof(ctl_commands) / sizeof(ctl_commands[0]))

static int
unknown_command(struct ctl *ctl, const char *word)
{
	const char *names[COMMANDS_N] = {0};
	for (size_t i = 0; i < COMMANDS_N; i++)
		names[i] = ctl_commands[i].name;
	const char *nearest = text_nearest(word, names);
	if (nearest == NULL)
		return ctl_misused(ctl, "there is no command \"%s\"", word);
	return ctl_misused(ctl,
	    "there is no command \"%s\"; did you mean \"%s\"?", word, nearest);
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	if (args_before(ctl, argc, argv) == ARGS_STOP)
		return ctl->code;
	if (ctl->argc == 0)
		return ctl_misused(ctl, "a command is missing");
	ctl->command = find(ctl->argv[0]);
	if (ctl->command == NULL)
		return unknown_command(ctl, ctl->argv[0]);
	return ctl->command->run(ctl);
}

int
ctl_run(FILE *out, FILE *err, int argc, char **argv)
{
	struct ctl ctl = {
	    .out = out,
	    .err = err,
	    .arena = arena_new(),
	    .file = BULKWATCH_SYSCONFDIR "/bulkwatch/bulkwatch.conf",
	};
	if (ctl.arena == NULL) {
		fputs("bulkwatch: memory is out\n", err);
		return CTL_FAILED;
	}
	screen_init(out, &ctl.screen);
	int code = run(&ctl, argc, argv);
	/* A full disk behind a redirection is not "done". */
	if ((fflush(out) != 0 || ferror(out)) && code == CTL_DONE)
		code = ctl_fail(&ctl, "could not write all of it: %m");
	arena_free(ctl.arena);
	return code;
}
