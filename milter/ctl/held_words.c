/* held_words.c: the words of `bulkwatch release` and `discard`. */
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "bulkwatch/text.h"
#include "held.h"
#include "person.h"

enum { OPT_BY = ARGS_OWN, OPT_CONFIG_DIR, OPT_MTA, OPT_YES };

static const struct option options[] = {
    {"by", required_argument, NULL, OPT_BY},
    {"config-dir", required_argument, NULL, OPT_CONFIG_DIR},
    {"mta", required_argument, NULL, OPT_MTA},
    {0},
};

/* Only discard asks, so only it can be told not to. */
static const struct option discard_options[] = {
    {"by", required_argument, NULL, OPT_BY},
    {"config-dir", required_argument, NULL, OPT_CONFIG_DIR},
    {"mta", required_argument, NULL, OPT_MTA},
    {"yes", no_argument, NULL, OPT_YES},
    {0},
};

static int
take_kind(struct ctl *ctl, const char *word, enum queue_kind *kind_r)
{
	if (strcmp(word, "postfix") == 0)
		*kind_r = QUEUE_POSTFIX;
	else if (strcmp(word, "sendmail") == 0)
		*kind_r = QUEUE_SENDMAIL;
	else {
		ctl_misused(ctl,
		    "--mta wants postfix or sendmail, not \"%.40s\"", word);
		return -1;
	}
	return 0;
}

/* The tools run in a place of their own choice: the path must be whole. */
static int
take_folder(struct ctl *ctl, const char *word, const char **folder_r)
{
	*folder_r = word;
	if (word[0] == '/' && text_is_clean(word, strlen(word)))
		return 0;
	ctl_misused(ctl,
	    "--config-dir wants a whole path, such as /etc/postfix-out, not "
	    "\"%.200s\"",
	    word);
	return -1;
}

static int
take_option(struct order *order, int option)
{
	switch (option) {
	case OPT_BY:
		return person_name(order->ctl, optarg, &order->by);
	case OPT_CONFIG_DIR:
		return take_folder(order->ctl, optarg, &order->config_dir);
	case OPT_YES:
		order->yes = true;
		return 0;
	default:
		return take_kind(order->ctl, optarg, &order->kind);
	}
}

int
held_words(struct order *order)
{
	struct ctl *ctl = order->ctl;
	const struct option *known =
	    order->step == QUEUE_DISCARD ? discard_options : options;
	int option;
	while ((option = args_next(ctl, known)) > ARGS_END)
		if (take_option(order, option) < 0)
			return CTL_USAGE;
	if (option == ARGS_STOP)
		return ARGS_STOP;
	if (ctl->words_n == 0)
		return args_missing(ctl, "an ID");
	if (args_id(ctl, ctl->words[0], &order->id) < 0)
		return CTL_USAGE;
	if (order->step == QUEUE_DISCARD && !order->yes &&
	    !isatty(STDIN_FILENO))
		return ctl_misused(ctl,
		    "discard deletes mail for good, and there is no terminal "
		    "on which it could ask: --yes says that it may");
	if (order->by == NULL && person_name(ctl, NULL, &order->by) < 0)
		return CTL_USAGE;
	return CTL_DONE;
}
