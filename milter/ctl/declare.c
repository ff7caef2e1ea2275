/* declare.c: `bulkwatch declare`: a bulk send that is announced beforehand. */
#include <string.h>
#include <time.h>

#include "args.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/json.h"
#include "bulkwatch/pattern.h"
#include "ctl.h"
#include "person.h"
#include "views.h"

/* More than that is no office's mail. */
#define RECIPIENTS_MOST 1000000

/* A declaration silences alerts: none does so for longer, or is forgotten until
 * it begins. */
#define DAYS_MOST 366
#define DAY_MS (INT64_C(24) * 3600 * 1000)

enum {
	OPT_SENDER = ARGS_OWN,
	OPT_RECIPIENTS,
	OPT_FROM,
	OPT_UNTIL,
	OPT_REASON,
	OPT_REFERENCE,
	OPT_BY,
};

static const struct option options[] = {
    {"sender", required_argument, NULL, OPT_SENDER},
    {"recipients", required_argument, NULL, OPT_RECIPIENTS},
    {"from", required_argument, NULL, OPT_FROM},
    {"until", required_argument, NULL, OPT_UNTIL},
    {"reason", required_argument, NULL, OPT_REASON},
    {"reference", required_argument, NULL, OPT_REFERENCE},
    {"by", required_argument, NULL, OPT_BY},
    {0},
};

/* ---------------------------------------------------------- moments to come */

/* Local midnight at the end of the day. */
static int64_t
day_end(int64_t midnight_ms)
{
	time_t secs = (time_t)(midnight_ms / 1000);
	struct tm tm;
	localtime_r(&secs, &tm);
	tm.tm_mday++;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * 1000;
}

/* A moment of the option what: "+3h" counts from base_ms, and a time alone is
 * one of its day. A date alone is its first moment, or its last where is_end is
 * true: until Friday means that Friday is in. Returns 0, or -1 after it told
 * the mistake. */
static int
take_moment(struct ctl *ctl, const char *what, const char *text,
    int64_t base_ms, bool is_end, int64_t *at_ms_r)
{
	int64_t secs;
	struct clock_point point;
	struct err err;
	if (strcmp(text, "now") == 0) {
		*at_ms_r = clock_wall_ms();
		return 0;
	}
	if (text[0] == '+' && clock_duration(text + 1, &secs, NULL) == 0) {
		*at_ms_r = base_ms + secs * 1000;
		return 0;
	}
	int found = clock_point(text, base_ms, &point, &err);
	if (found > 0) {
		*at_ms_r = is_end && point.whole_day ? day_end(point.wall_ms)
						     : point.wall_ms;
		return 0;
	}
	if (found < 0)
		ctl_misused(ctl, "%s: %s", what, err.text);
	else if (clock_duration(text, &secs, NULL) == 0)
		ctl_misused(ctl,
		    "%s: \"%s\" would be in the past; write +%s for a time to "
		    "come",
		    what, text, text);
	else
		ctl_misused(ctl,
		    "%s: \"%.40s\" is no time: write now, +3h, +2d, "
		    "2026-11-24, \"2026-11-24 17:00\", 24/11/2026, "
		    "\"24/11/2026 17:00\" or 17:00",
		    what, text);
	return -1;
}

/* ----------------------------------------------------------- what is asked */

/* The times wait until all is read: --until may count from --from. */
struct asked {
	struct declaration declaration;
	const char *from, *until;
};

static int
take_sender(struct ctl *ctl, const char *word, const char **sender_r)
{
	struct err err;
	if (pattern_parse(ctl->arena, word, sender_r, &err) < 0) {
		ctl_misused(ctl, "--sender: %s", err.text);
		return -1;
	}
	if (strcmp(*sender_r, "*") != 0)
		return 0;
	ctl_misused(ctl,
	    "--sender: everyone cannot be declared; write an address or a "
	    "domain (*@example.gov.vn)");
	return -1;
}

static int
take_recipients(struct ctl *ctl, const char *word, uint32_t *recipients_r)
{
	int64_t number;
	if (args_number(ctl, "--recipients", word,
		(struct range){1, RECIPIENTS_MOST}, &number) < 0)
		return -1;
	*recipients_r = (uint32_t)number;
	return 0;
}

static int
take_option(struct ctl *ctl, int option, struct asked *asked)
{
	struct declaration *d = &asked->declaration;
	switch (option) {
	case OPT_SENDER:
		return take_sender(ctl, optarg, &d->sender);
	case OPT_RECIPIENTS:
		return take_recipients(ctl, optarg, &d->recipients);
	case OPT_FROM:
		asked->from = optarg;
		return 0;
	case OPT_UNTIL:
		asked->until = optarg;
		return 0;
	case OPT_REASON:
		return person_text(
		    ctl, "--reason", optarg, PERSON_TEXT_MAX, &d->reason);
	case OPT_REFERENCE:
		return person_text(ctl, "--reference", optarg,
		    PERSON_REFERENCE_MAX, &d->reference);
	default:
		return person_name(ctl, optarg, &d->by);
	}
}

/* Names what must not be left out. Returns 0, or -1 after it told. */
static int
check_whole(struct ctl *ctl, const struct asked *asked)
{
	const struct declaration *d = &asked->declaration;
	const struct {
		bool given;
		const char *option;
	} wanted[] = {
	    {d->sender != NULL, "--sender PATTERN"},
	    {d->recipients != 0, "--recipients NUMBER"},
	    {asked->from != NULL, "--from TIME"},
	    {asked->until != NULL, "--until TIME"},
	    {d->reason != NULL, "--reason TEXT"},
	};
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (wanted[i].given)
			continue;
		args_missing(ctl, wanted[i].option);
		return -1;
	}
	return 0;
}

/* A time as it was typed, and what was understood. */
static const char *
given_text(struct arena *arena, const char *typed, int64_t at_ms)
{
	char text[CLOCK_LOCAL_MAX];
	clock_local(at_ms, text);
	return arena_printf(arena, "\"%s\" (%s)", typed, text);
}

/* Is it a time that may be declared? Returns 0, or -1 after it told why not. */
static int
check_time(struct ctl *ctl, const struct asked *asked)
{
	const struct declaration *d = &asked->declaration;
	const char *from = given_text(ctl->arena, asked->from, d->from_ms);
	const char *until = given_text(ctl->arena, asked->until, d->until_ms);
	if (d->until_ms <= d->from_ms)
		ctl_misused(
		    ctl, "--until %s is not after --from %s", until, from);
	else if (d->until_ms <= d->created_ms)
		ctl_misused(ctl,
		    "--until %s is over already; a bulk send that has been "
		    "is closed with `bulkwatch close ID --outcome reported "
		    "--reference TEXT`",
		    until);
	else if (d->until_ms - d->from_ms > DAYS_MOST * DAY_MS)
		ctl_misused(ctl,
		    "%s to %s is more than %d days; declare a shorter time",
		    from, until, DAYS_MOST);
	else if (d->from_ms - d->created_ms > DAYS_MOST * DAY_MS)
		ctl_misused(ctl, "--from %s is more than %d days ahead", from,
		    DAYS_MOST);
	else
		return 0;
	return -1;
}

/* The times, in their order. Returns 0, or -1 after it told the mistake. */
static int
take_times(struct ctl *ctl, struct asked *asked)
{
	struct declaration *d = &asked->declaration;
	d->created_ms = clock_wall_ms();
	if (take_moment(ctl, "--from", asked->from, d->created_ms, false,
		&d->from_ms) < 0 ||
	    take_moment(ctl, "--until", asked->until, d->from_ms, true,
		&d->until_ms) < 0)
		return -1;
	return check_time(ctl, asked);
}

/* ------------------------------------------------------------------- text */

int
declare_print(
    const struct view *view, const struct declaration *d, int64_t now_ms)
{
	struct arena *arena = view->arena;
	const char *span = view_span(arena, d->from_ms, d->until_ms);
	if (span == NULL ||
	    view_line(view, "",
		arena_printf(arena,
		    "Declaration %lld: %s may send to %u recipient%s, %s.",
		    (long long)d->id, d->sender, d->recipients,
		    view_plural(d->recipients), span)) < 0)
		return -1;
	return view_line(view, "Next: ",
	    arena_printf(arena,
		"it is in force %s: such mail is recorded and raises no alert, "
		"unless it goes more than 5 %% above that number or beyond "
		"that "
		"time. `bulkwatch withdraw %lld` takes it back.",
		d->from_ms <= now_ms ? "now" : "from that time on",
		(long long)d->id));
}

/* ---------------------------------------------------------------- command */

static int
declare_run(struct ctl *ctl, struct store *store, struct declaration *d)
{
	struct err err;
	if (store_declare(store, d, &d->id, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	if (ctl->json)
		return ctl_document(ctl, json_declaration(d));
	const struct view view = {
	    ctl->out, &ctl->screen, ctl->arena, ctl->file};
	return ctl_printed(ctl, declare_print(&view, d, d->created_ms));
}

int
declare_command(struct ctl *ctl)
{
	struct asked asked = {
	    .declaration = {.reference = "", .withdrawn_by = ""}};
	struct declaration *d = &asked.declaration;
	int option;
	while ((option = args_next(ctl, options)) > ARGS_END)
		if (take_option(ctl, option, &asked) < 0)
			return CTL_USAGE;
	if (option == ARGS_STOP)
		return ctl->code;
	if (args_words(ctl, 0, "no words") < 0 ||
	    check_whole(ctl, &asked) < 0 || take_times(ctl, &asked) < 0 ||
	    (d->by == NULL && person_name(ctl, NULL, &d->by) < 0))
		return CTL_USAGE;
	struct store *store;
	if (ctl_open_store(ctl, &store) < 0)
		return CTL_FAILED;
	int code = declare_run(ctl, store, d);
	store_close(&store);
	return code;
}
