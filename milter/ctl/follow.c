/* follow.c: `bulkwatch take`, `note`, `close` and `reopen`: a bulk send on its
 * way from an alert to a closed case. */
#include <string.h>

#include "args.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/json.h"
#include "bulkwatch/policy.h"
#include "bulkwatch/text.h"
#include "ctl.h"
#include "person.h"
#include "views.h"

enum { OPT_BY = ARGS_OWN, OPT_NOTE, OPT_OUTCOME, OPT_REFERENCE };

#define BY                                                                     \
	{                                                                      \
		"by", required_argument, NULL, OPT_BY                          \
	}
#define NOTE                                                                   \
	{                                                                      \
		"note", required_argument, NULL, OPT_NOTE                      \
	}

static const struct option options_by[] = {BY, {0}};
static const struct option options_reopen[] = {BY, NOTE, {0}};
static const struct option options_close[] = {
    BY,
    NOTE,
    {"outcome", required_argument, NULL, OPT_OUTCOME},
    {"reference", required_argument, NULL, OPT_REFERENCE},
    {0},
};

/* What each of the steps may be given. */
static const struct form {
	const struct option *options;
	int words;
	const char *names;
} forms[] = {
    [FOLLOW_UP_TAKE] = {options_by, 1, "one ID"},
    [FOLLOW_UP_NOTE] = {options_by, 2, "an ID and a TEXT in quotes"},
    [FOLLOW_UP_CLOSE] = {options_close, 1, "one ID"},
    [FOLLOW_UP_REOPEN] = {options_reopen, 1, "one ID"},
};

/* ----------------------------------------------------------- what is asked */

static const char *const outcome_words[] = {
    "reported", "unreported", "compromised", "false-alarm", NULL};

static int
take_outcome(struct ctl *ctl, const char *word, enum outcome *outcome_r)
{
	if (record_outcome_parse(word, outcome_r) == 0)
		return 0;
	const char *nearest = text_nearest(word, outcome_words);
	ctl_misused(ctl,
	    "--outcome wants reported, unreported, compromised or "
	    "false-alarm, not \"%.40s\"%s%s%s",
	    word, nearest == NULL ? "" : "; did you mean \"",
	    nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
	return -1;
}

static int
take_option(struct ctl *ctl, int option, struct follow_up_request *request)
{
	switch (option) {
	case OPT_BY:
		return person_name(ctl, optarg, &request->by);
	case OPT_NOTE:
		return person_text(
		    ctl, "--note", optarg, PERSON_TEXT_MAX, &request->note);
	case OPT_OUTCOME:
		return take_outcome(ctl, optarg, &request->outcome);
	default:
		return person_text(ctl, "--reference", optarg,
		    PERSON_REFERENCE_MAX, &request->reference);
	}
}

/* Reads the command's words. Returns CTL_DONE, or another exit code after it
 * told the mistake, or gave help (ARGS_STOP, with ctl->code). */
static int
take_words(struct ctl *ctl, struct follow_up_request *request, int64_t *id_r)
{
	const struct form *form = &forms[request->step];
	int option;
	while ((option = args_next(ctl, form->options)) > ARGS_END)
		if (take_option(ctl, option, request) < 0)
			return CTL_USAGE;
	if (option == ARGS_STOP)
		return ARGS_STOP;
	if (args_words(ctl, form->words, form->names) < 0 ||
	    args_id(ctl, ctl->words[0], id_r) < 0)
		return CTL_USAGE;
	if (form->words == 2 && person_text(ctl, "TEXT", ctl->words[1],
				    PERSON_TEXT_MAX, &request->note) < 0)
		return CTL_USAGE;
	if (request->step == FOLLOW_UP_CLOSE &&
	    request->outcome == OUTCOME_NONE)
		return args_missing(ctl,
		    "--outcome reported, unreported, compromised or "
		    "false-alarm");
	if (request->by == NULL && person_name(ctl, NULL, &request->by) < 0)
		return CTL_USAGE;
	return CTL_DONE;
}

/* ------------------------------------------------------------------- text */

/* What was done; then what a person does next about it. */
static const char *
done_text(struct arena *arena, const struct follow_up_request *request,
    const struct bulk_send *then)
{
	const long long id = (long long)then->id;
	switch (request->step) {
	case FOLLOW_UP_TAKE:
		return arena_printf(
		    arena, "Bulk send %lld is taken by %s.", id, request->by);
	case FOLLOW_UP_NOTE:
		return arena_printf(
		    arena, "Noted on bulk send %lld by %s.", id, request->by);
	case FOLLOW_UP_REOPEN:
		return arena_printf(arena,
		    "Bulk send %lld is open again, taken by %s.", id,
		    request->by);
	case FOLLOW_UP_CLOSE:
		break;
	}
	bool referred = request->reference[0] != '\0';
	return arena_printf(arena, "Bulk send %lld is closed as %s%s%s.", id,
	    record_outcome_name(then->outcome), referred ? ", reference " : "",
	    request->reference);
}

static const char *
next_when_closed(struct arena *arena, const struct bulk_send *send)
{
	const long long id = (long long)send->id;
	switch (send->outcome) {
	case OUTCOME_UNREPORTED:
		return arena_printf(arena,
		    "remind %s of the rule; `bulkwatch declare` announces the "
		    "next one beforehand.",
		    send->sender);
	case OUTCOME_COMPROMISED:
		return arena_printf(arena,
		    "see that the password of %s is changed and its mail in "
		    "the mail server's queue (`mailq`) is looked at.",
		    send->sender);
	case OUTCOME_FALSE_ALARM:
		return "if it will come again, the rules and exemptions in "
		       "bulkwatch.conf can let it pass.";
	default:
		return arena_printf(arena,
		    "nothing; `bulkwatch reopen %lld` takes it up again if "
		    "there is more to it.",
		    id);
	}
}

const char *
follow_next(struct arena *arena, const struct bulk_send *send,
    const struct declaration *declaration)
{
	const long long id = (long long)send->id;
	switch (send->status) {
	case STATUS_NEW:
		if (declarations_exceeded(declaration, send))
			return arena_printf(arena,
			    "it goes beyond its declaration; `bulkwatch take "
			    "%lld` makes it yours, then ask %s why.",
			    id, send->sender);
		if (send->declaration != 0)
			return arena_printf(arena,
			    "it was declared; `bulkwatch close %lld --outcome "
			    "reported` closes it, `bulkwatch take %lld` makes "
			    "it yours.",
			    id, id);
		return arena_printf(
		    arena, "`bulkwatch take %lld` makes it yours.", id);
	case STATUS_REVIEWING:
		return arena_printf(arena,
		    "ask %s; `bulkwatch note %lld TEXT` keeps what you learn, "
		    "`bulkwatch close %lld --outcome "
		    "reported|unreported|compromised|false-alarm` closes it.",
		    send->sender, id, id);
	case STATUS_CLOSED:
		break;
	}
	return next_when_closed(arena, send);
}

int
follow_print(const struct view *view, const struct follow_up_request *request,
    const struct bulk_send *then, const struct declaration *declaration)
{
	const char *done = done_text(view->arena, request, then);
	const char *next = follow_next(view->arena, then, declaration);
	if (done == NULL || next == NULL)
		return -1;
	view_line(view, "", done);
	if (held_line(view, then) < 0)
		return -1;
	return view_line(view, "Next: ", next);
}

/* ---------------------------------------------------------------- command */

static int
change(void *context, const struct bulk_send *now, struct arena *arena,
    struct bulk_send *then_r, struct history *line_r, struct err *err)
{
	const struct follow_up_request *request = context;
	return policy_follow_up(request, now, arena, then_r, line_r, err);
}

/*
 * A case may be closed while mail of it is held: what came out is one thing,
 * what becomes of the mail another, and a close that was refused would only
 * have somebody release it in a hurry. But closed cases are out of sight, so it
 * is said, to who reads a document too; and the digest goes on saying it.
 */
static void
tell_held(struct ctl *ctl, const struct follow_up_request *request,
    const struct bulk_send *then)
{
	const char *text = held_next(ctl->arena, ctl->file, then);
	if (request->step == FOLLOW_UP_CLOSE && text != NULL && text[0] != '\0')
		ctl_fail(ctl, "%s", text);
}

static int
follow_run(struct ctl *ctl, struct store *store,
    struct follow_up_request *request, int64_t id)
{
	struct bulk_send then;
	struct err err;
	int found =
	    store_change(store, ctl->arena, id, change, request, &then, &err);
	if (found < 0)
		return ctl_fail(ctl, "%s", err.text);
	if (found == 0)
		return ctl_no_bulk_send(ctl, id);
	if (ctl->json) {
		tell_held(ctl, request, &then);
		return ctl_document(ctl, json_send(&then));
	}
	struct declaration *declarations = NULL;
	size_t n = 0;
	if (then.declaration != 0 && store_declarations(store, ctl->arena, true,
					 0, &declarations, &n, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	const struct view view = {
	    ctl->out, &ctl->screen, ctl->arena, ctl->file};
	return ctl_printed(ctl, follow_print(&view, request, &then,
				    declarations_of(declarations, n, &then)));
}

static int
follow(struct ctl *ctl, enum follow_up step)
{
	struct follow_up_request request = {.step = step,
	    .note = "",
	    .reference = "",
	    .at_ms = clock_wall_ms()};
	int64_t id;
	int code = take_words(ctl, &request, &id);
	if (code != CTL_DONE)
		return code == ARGS_STOP ? ctl->code : code;
	struct store *store;
	if (ctl_open_store(ctl, &store) < 0)
		return CTL_FAILED;
	code = follow_run(ctl, store, &request, id);
	store_close(&store);
	return code;
}

int
take_command(struct ctl *ctl)
{
	return follow(ctl, FOLLOW_UP_TAKE);
}

int
note_command(struct ctl *ctl)
{
	return follow(ctl, FOLLOW_UP_NOTE);
}

int
close_command(struct ctl *ctl)
{
	return follow(ctl, FOLLOW_UP_CLOSE);
}

int
reopen_command(struct ctl *ctl)
{
	return follow(ctl, FOLLOW_UP_REOPEN);
}
