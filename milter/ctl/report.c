/* report.c: `bulkwatch report`: the month for the office's leaders. */
#include "report.h"

#include <string.h>

#include "args.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/text.h"
#include "ctl.h"

enum { OPT_MONTH = ARGS_OWN, OPT_FORMAT };

static const struct option options[] = {
    {"month", required_argument, NULL, OPT_MONTH},
    {"format", required_argument, NULL, OPT_FORMAT},
    {0},
};

static const struct format {
	const char *name;
	int (*write)(const struct report *report);
} formats[] = {
    {"text", report_text}, {"html", report_html}, {"csv", report_csv}};

/* ---------------------------------------------------------------- reading */

/* Returns 0, or -1 after it told why not. */
static int
read_list(struct ctl *ctl, struct store *store,
    const struct list_filter *filter, const struct bulk_send **sends_r,
    size_t *n_r)
{
	struct bulk_send *sends;
	struct err err;
	if (store_list(store, ctl->arena, filter, &sends, n_r, &err) < 0) {
		ctl_fail(ctl, "%s", err.text);
		return -1;
	}
	*sends_r = sends;
	return 0;
}

/* Those that began in the month. The first condition has an index: who began
 * then was seen last then or later. */
static struct list_filter
began_in(const struct month *month)
{
	return (struct list_filter){.since_ms = month->from_ms,
	    .first_from_ms = month->from_ms,
	    .first_until_ms = month->until_ms};
}

static int
read_facts(struct ctl *ctl, struct store *store, const struct month *month,
    struct month_facts *facts_r)
{
	const struct month before = month_before(month);
	const struct list_filter now = began_in(month);
	const struct list_filter then = began_in(&before);
	const struct list_filter open = {
	    .open_only = true, .first_until_ms = month->until_ms};
	struct declaration *declarations;
	struct err err;
	if (read_list(ctl, store, &now, &facts_r->sends, &facts_r->sends_n) <
		0 ||
	    read_list(ctl, store, &then, &facts_r->before, &facts_r->before_n) <
		0 ||
	    read_list(ctl, store, &open, &facts_r->open, &facts_r->open_n) < 0)
		return -1;
	if (store_declarations(store, ctl->arena, true, 0, &declarations,
		&facts_r->declarations_n, &err) < 0) {
		ctl_fail(ctl, "%s", err.text);
		return -1;
	}
	facts_r->declarations = declarations;
	return 0;
}

/* ---------------------------------------------------------------- command */

struct asked {
	const char *month;
	const struct format *format;
};

static int
take_format(struct ctl *ctl, const char *word, const struct format **format_r)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(formats[i].name, word) != 0)
			continue;
		*format_r = &formats[i];
		return 0;
	}
	ctl_misused(
	    ctl, "--format wants text, html or csv, not \"%.40s\"", word);
	return -1;
}

/* The mail domains as one text: whose report it is. */
static const char *
office_text(struct arena *arena, const struct text_list *domains)
{
	const char *text = "";
	for (size_t i = 0; text != NULL && i < domains->n; i++)
		text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : ", ",
		    domains->items[i]);
	return text;
}

static int
write_report(struct ctl *ctl, struct store *store,
    const struct settings *settings, const struct month *month,
    const struct format *format)
{
	struct month_facts facts = {0};
	struct summary summary;
	if (read_facts(ctl, store, month, &facts) < 0)
		return CTL_FAILED;
	const struct report report = {
	    .view = {ctl->out, &ctl->screen, ctl->arena, ctl->file},
	    .words = words_of(settings->alerts.language),
	    .summary = &summary,
	    .office = office_text(ctl->arena, &settings->local_domains),
	};
	if (report.office == NULL || month_sum_up(ctl->arena, month,
					 clock_wall_ms(), &facts, &summary) < 0)
		return ctl_fail(ctl, "memory is out");
	return ctl_printed(ctl, format->write(&report));
}

static int
report_run(
    struct ctl *ctl, const struct month *month, const struct format *format)
{
	const struct settings *settings;
	struct store *store;
	struct err err;
	if (ctl_load_settings(ctl, &settings) < 0)
		return CTL_FAILED;
	int code = CTL_FAILED;
	if (ctl_open_database(settings->database, &store, &err) < 0)
		ctl_fail(ctl, "%s", err.text);
	else {
		code = write_report(ctl, store, settings, month, format);
		store_close(&store);
	}
	settings_unref(&settings);
	return code;
}

int
report_command(struct ctl *ctl)
{
	struct asked asked = {.format = &formats[0]};
	int option;
	while ((option = args_next(ctl, options)) > ARGS_END) {
		if (option == OPT_MONTH)
			asked.month = optarg;
		else if (take_format(ctl, optarg, &asked.format) < 0)
			return CTL_USAGE;
	}
	if (option == ARGS_STOP)
		return ctl->code;
	if (args_words(ctl, 0, "no words") < 0)
		return CTL_USAGE;
	if (asked.month == NULL)
		return args_missing(ctl, "--month YYYY-MM");
	if (ctl->json)
		return ctl_misused(ctl,
		    "a report is text, html or csv; `bulkwatch export --format "
		    "json` has what it is made from");
	struct month month;
	struct err err;
	if (month_parse(asked.month, clock_wall_ms(), &month, &err) < 0)
		return ctl_misused(ctl, "--month: %s", err.text);
	return report_run(ctl, &month, asked.format);
}
