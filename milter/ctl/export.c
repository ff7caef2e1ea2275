/* export.c: `bulkwatch export`: the log for a spreadsheet or a script. */
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/json.h"
#include "csv.h"
#include "ctl.h"

enum { OPT_FORMAT = ARGS_OWN, OPT_SINCE, OPT_UNTIL };

static const struct option options[] = {
    {"format", required_argument, NULL, OPT_FORMAT},
    {"since", required_argument, NULL, OPT_SINCE},
    {"until", required_argument, NULL, OPT_UNTIL},
    {0},
};

/* -------------------------------------------------------------------- csv */

static const char *const titles[] = {"id", "status", "outcome", "sender",
    "identity", "trigger", "rule", "limit", "window", "action", "first_at",
    "last_at", "ended", "messages", "recipients", "distinct_recipients",
    "external_recipients", "held", "subject", "client", "declaration",
    "assignee", "reference", "refused_messages", "refused_recipients"};

static void
put_titles(struct csv *csv)
{
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		csv_text(csv, titles[i]);
	csv_end(csv);
}

/* In the order of the titles. */
static void
put_row(struct csv *csv, const struct bulk_send *send)
{
	csv_number(csv, send->id);
	csv_text(csv, record_status_name(send->status));
	csv_text(csv, record_outcome_name(send->outcome));
	csv_text(csv, send->sender);
	csv_text(csv, record_identity_name(send->identity));
	csv_text(csv, record_trigger_name(send->trigger));
	csv_text(csv, send->rule);
	csv_number(csv, (int64_t)send->limit);
	csv_number(csv, (int64_t)send->window_secs);
	csv_text(csv, record_action_name(send->action));
	csv_time(csv, send->first_at_ms);
	csv_time(csv, send->last_at_ms);
	csv_text(csv, send->ended ? "yes" : "no");
	csv_number(csv, send->messages);
	csv_number(csv, send->recipients);
	csv_number(csv, send->distinct_recipients);
	csv_number(csv, send->external_recipients);
	csv_number(csv, send->held);
	csv_text(csv, send->subject);
	csv_text(csv, send->client);
	if (send->declaration == 0)
		csv_text(csv, "");
	else
		csv_number(csv, send->declaration);
	csv_text(csv, send->assignee);
	csv_text(csv, send->reference);
	csv_number(csv, send->unsent[UNSENT_REFUSED].messages);
	csv_number(csv, send->unsent[UNSENT_REFUSED].recipients);
	csv_end(csv);
}

static int
export_csv(struct ctl *ctl, struct store *store, const struct bulk_send *sends,
    size_t n)
{
	struct csv csv;
	(void)store;
	csv_begin(&csv, ctl->out);
	put_titles(&csv);
	for (size_t i = n; i > 0; i--)
		put_row(&csv, &sends[i - 1]);
	return CTL_DONE;
}

/* ------------------------------------------------------------------- json */

/* Writes one with its evidence, in memory of its own: a log may be larger than
 * memory is. *first: no comma is needed yet. */
static int
put_story(struct ctl *ctl, struct store *store, int64_t id, bool *first)
{
	struct arena *arena = arena_new();
	if (arena == NULL)
		return ctl_fail(ctl, "memory is out");
	struct bulk_send_story story;
	struct err err;
	int found = store_show(store, arena, id, 0, &story, &err);
	char *text = found == 1 ? json_show(&story) : NULL;
	arena_free(arena);
	if (found < 0)
		return ctl_fail(ctl, "%s", err.text);
	if (found == 0)
		return CTL_DONE; /* closed and old: removed since the list */
	if (text == NULL)
		return ctl_fail(ctl, "memory is out");
	fputs(*first ? "\n" : ",\n", ctl->out);
	/* Without its final newline. */
	fwrite(text, 1, strlen(text) - 1, ctl->out);
	free(text);
	*first = false;
	return CTL_DONE;
}

static int
export_json(struct ctl *ctl, struct store *store, const struct bulk_send *sends,
    size_t n)
{
	bool first = true;
	int code = CTL_DONE;
	fputc('[', ctl->out);
	for (size_t i = n; i > 0 && code == CTL_DONE; i--)
		code = put_story(ctl, store, sends[i - 1].id, &first);
	/* What is not whole must not read as if it were. */
	if (code == CTL_DONE)
		fputs(first ? "]\n" : "\n]\n", ctl->out);
	return code;
}

/* ---------------------------------------------------------------- command */

static const struct format {
	const char *name;
	int (*write)(struct ctl *ctl, struct store *store,
	    const struct bulk_send *sends, size_t n);
} formats[] = {{"csv", export_csv}, {"json", export_json}};

#define CSV (&formats[0])
#define JSON (&formats[1])

/* What is asked for. */
struct asked {
	const struct format *format;
	struct list_filter filter;
};

static int
take_format(struct ctl *ctl, const char *word, const struct format **format_r)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(formats[i].name, word) == 0)
			*format_r = &formats[i];
	if (*format_r != NULL && strcmp((*format_r)->name, word) == 0)
		return 0;
	ctl_misused(ctl, "--format wants csv or json, not \"%.40s\"", word);
	return -1;
}

static int
take_moment(
    struct ctl *ctl, const char *what, const char *word, int64_t *at_ms_r)
{
	struct err err;
	if (clock_moment(word, clock_wall_ms(), at_ms_r, &err) == 0)
		return 0;
	ctl_misused(ctl, "%s: %s", what, err.text);
	return -1;
}

static int
take_option(struct ctl *ctl, int option, struct asked *asked)
{
	struct list_filter *filter = &asked->filter;
	switch (option) {
	case OPT_FORMAT:
		return take_format(ctl, optarg, &asked->format);
	case OPT_SINCE:
		return take_moment(
		    ctl, "--since", optarg, &filter->first_from_ms);
	default:
		return take_moment(
		    ctl, "--until", optarg, &filter->first_until_ms);
	}
}

/* Returns 0, or -1 after it told the mistake. */
static int
check_asked(struct ctl *ctl, struct asked *asked)
{
	struct list_filter *filter = &asked->filter;
	if (asked->format == NULL && ctl->json)
		asked->format = JSON;
	if (asked->format == NULL)
		args_missing(ctl, "--format csv or --format json");
	else if (asked->format == CSV && ctl->json)
		ctl_misused(ctl, "--json and --format csv contradict each "
				 "other");
	else if (filter->first_until_ms != 0 &&
		 filter->first_until_ms <= filter->first_from_ms)
		ctl_misused(ctl, "--until is not after --since");
	else {
		/* Who began then was seen last then or later: this one has an
		 * index. */
		filter->since_ms = filter->first_from_ms;
		return 0;
	}
	return -1;
}

static int
export_run(struct ctl *ctl, struct store *store, const struct asked *asked)
{
	struct bulk_send *sends;
	size_t n;
	struct err err;
	if (store_list(store, ctl->arena, &asked->filter, &sends, &n, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	return asked->format->write(ctl, store, sends, n);
}

int
export_command(struct ctl *ctl)
{
	struct asked asked = {0};
	int option;
	while ((option = args_next(ctl, options)) > ARGS_END)
		if (take_option(ctl, option, &asked) < 0)
			return CTL_USAGE;
	if (option == ARGS_STOP)
		return ctl->code;
	if (args_words(ctl, 0, "no words") < 0 || check_asked(ctl, &asked) < 0)
		return CTL_USAGE;
	struct store *store;
	if (ctl_open_store(ctl, &store) < 0)
		return CTL_FAILED;
	int code = export_run(ctl, store, &asked);
	store_close(&store);
	return code;
}
