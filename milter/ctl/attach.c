/* attach.c: `bulkwatch attach` and `bulkwatch detach`: into the mail server's
 * settings, and out of them. */
#include <string.h>

#include "args.h"
#include "bulkwatch/json.h"
#include "bulkwatch/mta.h"
#include "bulkwatch/text.h"
#include "ctl.h"
#include "probe.h"
#include "views.h"

enum { OPTION_CONFIG_DIR = ARGS_OWN, OPTION_DEFAULT_ACTION, OPTION_DRY_RUN };

/* The only mail server whose settings we change: Sendmail's are made by m4
 * from a file that belongs to the admin. */
#define MAIL_SERVER "postfix"

/* ------------------------------------------------------------------ words */

static int
check_server(struct ctl *ctl)
{
	const char *word = ctl->words[0];
	if (strcmp(word, MAIL_SERVER) == 0)
		return 0;
	if (strcmp(word, "sendmail") == 0)
		ctl_misused(ctl,
		    "%s changes Postfix's settings only; README.md says what "
		    "to write into sendmail.mc, and `bulkwatch check` whether "
		    "it is right",
		    ctl->command->name);
	else
		ctl_misused(ctl, "%s knows " MAIL_SERVER ", not \"%.40s\"",
		    ctl->command->name, word);
	return -1;
}

static int
take_option(struct ctl *ctl, int option, struct mta_options *options)
{
	switch (option) {
	case OPTION_CONFIG_DIR:
		options->config_dir = optarg;
		if (optarg[0] != '\0')
			return 0;
		ctl_misused(ctl, "--config-dir is empty");
		return -1;
	case OPTION_DEFAULT_ACTION:
		options->default_action = optarg;
		if (mta_default_action(optarg))
			return 0;
		ctl_misused(ctl,
		    "--default-action wants accept, tempfail or quarantine, "
		    "not \"%.40s\"",
		    optarg);
		return -1;
	default:
		options->dry_run = true;
		return 0;
	}
}

/* Returns 0, or -1 where the program ends with ctl->code. */
static int
read_words(
    struct ctl *ctl, const struct option *own, struct mta_options *options)
{
	for (int next; (next = args_next(ctl, own)) != ARGS_END;) {
		if (next == ARGS_STOP)
			return -1;
		if (take_option(ctl, next, options) < 0) {
			ctl->code = CTL_USAGE;
			return -1;
		}
	}
	ctl->code = CTL_USAGE;
	if (args_words(ctl, 1, "one mail server: " MAIL_SERVER) < 0)
		return -1;
	return check_server(ctl);
}

/* ----------------------------------------------------------------- telling */

static int
print_changes(const struct view *view, const struct mta_outcome *outcome)
{
	if (view_line(view, "", outcome->file) < 0)
		return -1;
	for (size_t i = 0; i < outcome->changes_n; i++) {
		const struct mta_change *c = &outcome->changes[i];
		if (view_line(view, "  ", c->parameter) < 0 ||
		    view_line(view, "    - ",
			c->before == NULL ? "(not set)" : c->before) < 0 ||
		    view_line(view, "    + ",
			c->after == NULL ? "(not set)" : c->after) < 0)
			return -1;
	}
	return 0;
}

/* The same command for the other way, with the options that it needs. */
static const char *
way_back(struct ctl *ctl, const struct mta_options *options)
{
	const char *program = view_program(ctl->arena, ctl->file);
	if (program == NULL)
		return NULL;
	return arena_printf(ctl->arena, "%s %s " MAIL_SERVER "%s%s", program,
	    strcmp(ctl->command->name, "attach") == 0 ? "detach" : "attach",
	    options->config_dir == NULL ? "" : " --config-dir ",
	    options->config_dir == NULL ? "" : options->config_dir);
}

static int
print_next(struct ctl *ctl, const struct view *view,
    const struct mta_options *options, const struct mta_outcome *outcome)
{
	if (options->dry_run)
		return view_wrapped(view, "",
		    "Nothing is changed yet: without --dry-run it would be.");
	if (outcome->restored &&
	    view_wrapped(view, "",
		"main.cf is what it was before it was attached, byte for "
		"byte.") < 0)
		return -1;
	if (view_line(view, "Put it in force: ",
		arena_printf(ctl->arena, "postfix%s%s reload",
		    options->config_dir == NULL ? "" : " -c ",
		    options->config_dir == NULL ? "" : options->config_dir)) <
	    0)
		return -1;
	return view_line(view, "To undo it:      ", way_back(ctl, options));
}

static int
print_outcome(struct ctl *ctl, const struct mta_options *options,
    const struct mta_outcome *outcome)
{
	const struct view view = {
	    ctl->out, &ctl->screen, ctl->arena, ctl->file};
	bool attach = strcmp(ctl->command->name, "attach") == 0;
	int result = 0;
	if (outcome->changes_n > 0)
		result = print_changes(&view, outcome);
	else
		result = view_wrapped(&view, "",
		    arena_printf(ctl->arena, "Nothing to do: %s %s.",
			outcome->file,
			attach ? "names bulkwatchd where it should"
			       : "does not name bulkwatchd"));
	for (size_t i = 0; i < outcome->notes_n && result == 0; i++)
		result = view_wrapped(&view, "* ", outcome->notes[i]);
	if (result == 0 && outcome->changes_n > 0)
		result = print_next(ctl, &view, options, outcome);
	return result;
}

static char *
document(const struct mta_options *options, const struct mta_outcome *outcome)
{
	struct wiring_change changes[MTA_CHANGES_MAX];
	for (size_t i = 0; i < outcome->changes_n; i++)
		changes[i] =
		    (struct wiring_change){outcome->changes[i].parameter,
			outcome->changes[i].before, outcome->changes[i].after};
	const struct wiring_outcome o = {
	    .file = outcome->file,
	    .changes = changes,
	    .changes_n = outcome->changes_n,
	    .restored = outcome->restored,
	    .dry_run = options->dry_run,
	    .notes = outcome->notes,
	    .notes_n = outcome->notes_n,
	};
	return json_wiring(&o);
}

/* ---------------------------------------------------------------- commands */

typedef int change_fn(struct arena *arena, const struct settings *settings,
    const struct mta_options *options, struct mta_outcome *outcome_r,
    struct err *err);

static int
change(struct ctl *ctl, const struct mta_options *options, change_fn *how,
    bool attach)
{
	const struct settings *settings;
	struct mta_outcome outcome;
	struct err err;
	if (ctl_load_settings(ctl, &settings) < 0)
		return CTL_FAILED;
	int result = how(ctl->arena, settings, options, &outcome, &err);
	if (result < 0)
		ctl_fail(ctl, "%s", err.text);
	/* After the reload Postfix would find nobody there. */
	else if (attach && probe_socket(settings->listen, &err) < 0 &&
		 outcome.notes_n < MTA_NOTES_MAX)
		outcome.notes[outcome.notes_n++] = arena_printf(
		    ctl->arena, "before postfix reload: %s", err.text);
	settings_unref(&settings);
	if (result < 0)
		return CTL_FAILED;
	return ctl->json
		   ? ctl_document(ctl, document(options, &outcome))
		   : ctl_printed(ctl, print_outcome(ctl, options, &outcome));
}

int
attach_command(struct ctl *ctl)
{
	static const struct option own[] = {
	    {"config-dir", required_argument, NULL, OPTION_CONFIG_DIR},
	    {"default-action", required_argument, NULL, OPTION_DEFAULT_ACTION},
	    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
	    {0},
	};
	struct mta_options options = {0};
	if (read_words(ctl, own, &options) < 0)
		return ctl->code;
	return change(ctl, &options, mta_attach, true);
}

int
detach_command(struct ctl *ctl)
{
	static const struct option own[] = {
	    {"config-dir", required_argument, NULL, OPTION_CONFIG_DIR},
	    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
	    {0},
	};
	struct mta_options options = {0};
	if (read_words(ctl, own, &options) < 0)
		return ctl->code;
	return change(ctl, &options, mta_detach, false);
}
