/* args.c: the words of a command line. */
#include "args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bulkwatch/text.h"
#include "bulkwatch/version.h"

#define OPTIONS_MAX 32

/* Options that every command takes. */
static const struct option common[] = {
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
};

#define COMMON_N (sizeof(common) / sizeof(common[0]))

/* The common options and the command's own, ended by a zero entry. */
static void
merge(const struct option *own, struct option all_r[OPTIONS_MAX])
{
	size_t n = 0;
	for (; n < COMMON_N; n++)
		all_r[n] = common[n];
	for (; own != NULL && own->name != NULL && n < OPTIONS_MAX - 1; own++)
		all_r[n++] = *own;
	all_r[n] = (struct option){0};
}

/* ------------------------------------------------------------------ help */

static void
help_program(FILE *out)
{
	fprintf(out, "usage: bulkwatch [-c FILE] [--json] COMMAND\n\n"
		     "The log of bulk sends that bulkwatchd keeps, and what "
		     "is done about them.\n\n");
	for (const struct command *c = ctl_commands; c->name != NULL; c++)
		fprintf(out, "  %s%s%s\n      %s\n", c->name,
		    c->usage[0] == '\0' ? "" : " ", c->usage, c->does);
	fprintf(out,
	    "\n"
	    "  -c FILE        settings (" BULKWATCH_SYSCONFDIR
	    "/bulkwatch/bulkwatch.conf)\n"
	    "  --json         one JSON document instead of text\n"
	    "  -h, --help     this text; after a command: how it is used\n"
	    "  -V, --version  the version\n\n"
	    "man bulkwatch says more.\n");
}

static void
help_command(FILE *out, const struct command *command)
{
	fprintf(out, "usage: bulkwatch [-c FILE] [--json] %s%s%s\n\n%s\n",
	    command->name, command->usage[0] == '\0' ? "" : " ", command->usage,
	    command->does);
}

static int
stop_with_help(struct ctl *ctl)
{
	if (ctl->command == NULL)
		help_program(ctl->out);
	else
		help_command(ctl->out, ctl->command);
	ctl->code = CTL_DONE;
	return ARGS_STOP;
}

static int
stop_with_version(struct ctl *ctl)
{
	fprintf(ctl->out, "bulkwatch %s\n", BULKWATCH_VERSION);
	ctl->code = CTL_DONE;
	return ARGS_STOP;
}

/* -------------------------------------------------------------- mistakes */

/* The option that is meant by val: "-c" or "--limit". */
static const char *
name_of(struct ctl *ctl, const struct option *all, int val)
{
	for (; all->name != NULL; all++)
		if (all->val == val)
			return arena_printf(ctl->arena, "--%s", all->name);
	return arena_printf(ctl->arena, "-%c", val);
}

/* How many options begin with the word: getopt takes one for the whole. */
static int
begin_with(const struct option *all, const char *word)
{
	int n = 0;
	for (; all->name != NULL; all++)
		n += strncmp(all->name, word, strlen(word)) == 0;
	return n;
}

static int
unknown_long(struct ctl *ctl, const struct option *all, const char *word)
{
	const char *names[OPTIONS_MAX] = {0};
	for (size_t i = 0; all[i].name != NULL; i++)
		names[i] = all[i].name;
	const char *nearest = text_nearest(word, names);
	if (begin_with(all, word) > 1)
		return ctl_misused(
		    ctl, "--%s is the beginning of more than one option", word);
	if (nearest != NULL)
		return ctl_misused(ctl,
		    "there is no option --%s; did you mean --%s?", word,
		    nearest);
	return ctl_misused(ctl, "there is no option --%s", word);
}

/* What getopt stumbled over: argument is the word it stood at. */
static int
mistake(
    struct ctl *ctl, const struct option *all, int result, const char *argument)
{
	if (result == ':')
		return ctl_misused(
		    ctl, "%s wants a value", name_of(ctl, all, optopt));
	if (optopt == 0) {
		const char *word = argument + strspn(argument, "-");
		return unknown_long(ctl, all,
		    arena_strndup(ctl->arena, word, strcspn(word, "=")));
	}
	if (strncmp(argument, "--", 2) == 0)
		return ctl_misused(
		    ctl, "%s takes no value", name_of(ctl, all, optopt));
	return ctl_misused(ctl, "there is no option -%c", optopt);
}

/* --------------------------------------------------------------- reading */

/* One step of getopt, with the common options dealt with. */
static int
step(struct ctl *ctl, int argc, char **argv, const char *shorts,
    const struct option *own)
{
	struct option all[OPTIONS_MAX];
	merge(own, all);
	opterr = 0;
	for (;;) {
		int result = getopt_long(argc, argv, shorts, all, NULL);
		switch (result) {
		case 'c':
			ctl->file = optarg;
			if (optarg[0] != '\0')
				break;
			ctl->code = ctl_misused(ctl, "-c is empty");
			return ARGS_STOP;
		case 'j':
			ctl->json = true;
			break;
		case 'h':
			return stop_with_help(ctl);
		case 'V':
			return stop_with_version(ctl);
		case '?':
		case ':':
			ctl->code = mistake(ctl, all, result, argv[optind - 1]);
			return ARGS_STOP;
		case -1:
			return ARGS_END;
		default:
			return result;
		}
	}
}

int
args_before(struct ctl *ctl, int argc, char **argv)
{
	optind = 0; /* glibc: begin anew */
	int result = step(ctl, argc, argv, "+:c:hV", NULL);
	ctl->argc = argc - optind;
	ctl->argv = argv + optind;
	optind = 0;
	return result;
}

int
args_next(struct ctl *ctl, const struct option *own)
{
	int result = step(ctl, ctl->argc, ctl->argv, ":c:hV", own);
	if (result != ARGS_END)
		return result;
	ctl->words = ctl->argv + optind;
	ctl->words_n = ctl->argc - optind;
	return ARGS_END;
}

int
args_none(struct ctl *ctl)
{
	return args_next(ctl, NULL);
}

int
args_number(struct ctl *ctl, const char *what, const char *text,
    struct range range, int64_t *number_r)
{
	char *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0' &&
	    errno == 0 && number >= range.least && number <= range.most) {
		*number_r = number;
		return 0;
	}
	ctl_misused(ctl,
	    "%s wants a whole number from %lld to %lld, not \"%.40s\"", what,
	    (long long)range.least, (long long)range.most, text);
	return -1;
}

int
args_id(struct ctl *ctl, const char *text, int64_t *id_r)
{
	return args_number(ctl, "ID", text, (struct range){1, INT64_MAX}, id_r);
}

int
args_missing(struct ctl *ctl, const char *option)
{
	return ctl_misused(ctl, "%s wants %s", ctl->command->name, option);
}

int
args_words(struct ctl *ctl, int n, const char *names)
{
	if (ctl->words_n == n)
		return 0;
	if (ctl->words_n > n)
		ctl_misused(ctl, "%s takes %s; \"%.40s\" is too much",
		    ctl->command->name, names, ctl->words[n]);
	else
		ctl_misused(ctl, "%s wants %s", ctl->command->name, names);
	return -1;
}
