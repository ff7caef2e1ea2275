/* show.c: `bulkwatch show`: one bulk send with all that is known of it. */
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/json.h"
#include "ctl.h"
#include "table.h"
#include "views.h"

/* A person reads so much; --all and --json give all of it. */
#define SHOW_MOST 100

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { OPT_ALL = ARGS_OWN };

static const struct option options[] = {
    {"all", no_argument, NULL, OPT_ALL},
    {0},
};

/* ----------------------------------------------------------------- a head */

static const char *
status_text(struct arena *arena, const struct bulk_send *send)
{
	const char *outcome = record_outcome_name(send->outcome);
	bool taken = send->assignee[0] != '\0';
	return arena_printf(arena, "%s%s%s%s%s",
	    record_status_name(send->status), outcome[0] == '\0' ? "" : " as ",
	    outcome, taken ? ", taken by " : "", send->assignee);
}

static const char *
time_text(struct arena *arena, const struct bulk_send *send)
{
	const char *span =
	    view_span(arena, send->first_at_ms, send->last_at_ms);
	return span == NULL ? NULL
			    : arena_printf(arena, "%s; %s", span,
				  send->ended ? "over" : "may still go on");
}

static const char *
rule_text(struct arena *arena, const struct bulk_send *send)
{
	char window[CLOCK_DURATION_MAX];
	clock_duration_text((int64_t)send->window_secs, window);
	return arena_printf(arena, "%s: %llu recipients %s%s", send->rule,
	    (unsigned long long)send->limit,
	    send->window_secs == 0 ? "in one message" : "within ",
	    send->window_secs == 0 ? "" : window);
}

/* "hold; 2 messages are still held" */
static const char *
action_text(struct arena *arena, const struct bulk_send *send)
{
	const char *action = send->action == ACTION_LOG
				 ? "recorded only"
				 : record_action_name(send->action);
	if (send->held == 0)
		return action;
	return arena_printf(arena, "%s; %u message%s still held", action,
	    send->held, send->held == 1 ? " is" : "s are");
}

/* "3; of which not sent: 2, to 60 recipients" */
static const char *
messages_text(struct arena *arena, const struct bulk_send *send)
{
	if (send->unsent[UNSENT_REFUSED].messages == 0)
		return arena_printf(arena, "%u", send->messages);
	return arena_printf(arena,
	    "%u; of which not sent (deferred or rejected): %u, to %u "
	    "recipient%s",
	    send->messages, send->unsent[UNSENT_REFUSED].messages,
	    send->unsent[UNSENT_REFUSED].recipients,
	    view_plural(send->unsent[UNSENT_REFUSED].recipients));
}

static int
print_head(const struct view *view, const struct bulk_send *send)
{
	struct arena *arena = view->arena;
	const struct {
		const char *label, *value;
	} facts[] = {
	    {"Status", status_text(arena, send)},
	    {"Sender", arena_printf(arena, "%s (%s)", send->sender,
			   record_identity_name(send->identity))},
	    {"Recipients", arena_printf(arena,
			       "%u different, %u in all, %u of them outside",
			       send->distinct_recipients, send->recipients,
			       send->external_recipients)},
	    {"Messages", messages_text(arena, send)},
	    {"Time", time_text(arena, send)},
	    {"Rule", rule_text(arena, send)},
	    {"Action", action_text(arena, send)},
	    {"Client", send->client},
	    {"Subject", send->subject},
	    {"Declared", send->declaration == 0
			     ? "no"
			     : arena_printf(arena, "yes, declaration %lld",
				   (long long)send->declaration)},
	    {"Reference", send->reference},
	};
	view_title(
	    view, arena_printf(arena, "Bulk send %lld", (long long)send->id));
	/* Most have no reference. */
	size_t n = COUNT(facts) - (send->reference[0] == '\0');
	for (size_t i = 0; i < n; i++)
		if (view_fact(view, facts[i].label, facts[i].value) < 0)
			return -1;
	return 0;
}

/* --------------------------------------------------------------- evidence */

static const struct column evidence_columns[] = {
    {.title = "TIME"},
    {.title = "QUEUE ID"},
    {.title = "RCPTS", .right = true},
    {.title = "FROM", .least = 20},
    {.title = "CLIENT", .yields = 1},
    {.title = "SUBJECT", .least = 10},
};

/* evidence.recipients = "domain": fewer are kept than there were, none with a
 * local part. */
static bool
domains_only(const struct message *message)
{
	for (size_t i = 0; i < message->recipients_n; i++)
		if (strchr(message->recipients[i].address, '@') != NULL)
			return false;
	return message->recipients_n > 0 &&
	       message->recipients_n < message->recipient_count;
}

static void
put_recipients(FILE *out, const struct message *message, size_t most)
{
	size_t n = message->recipients_n;
	size_t shown = most == 0 || n < most ? n : most;
	fputs(domains_only(message) ? "to addresses at " : "to ", out);
	for (size_t i = 0; i < shown; i++)
		fprintf(out, "%s%s", i == 0 ? "" : ", ",
		    message->recipients[i].address);
}

/* The recipients that are kept, as one text to be wrapped; NULL when memory is
 * out. */
static const char *
recipients_text(struct arena *arena, const struct message *message, size_t most)
{
	if (message->recipients_n == 0)
		return "to recipients that were not kept";
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	if (out == NULL)
		return NULL;
	put_recipients(out, message, most);
	const char *copy =
	    fclose(out) == 0 ? arena_strndup(arena, text, length) : NULL;
	free(text);
	return copy;
}

/* What became of a message that was held. */
static const char *
held_text(struct arena *arena, const struct bulk_send_story *story,
    const struct message *message)
{
	const struct held *held = NULL;
	/* One that came again may be held twice: what waits, or the newest. */
	for (size_t i = 0; i < story->held_n; i++)
		if (story->held[i].message == message->id &&
		    (held == NULL || held->state != HELD_WAITING))
			held = &story->held[i];
	if (held == NULL)
		return "held";
	switch (held->state) {
	case HELD_WAITING:
		return "still held";
	case HELD_GONE:
		return "was held, and is no longer there";
	default:
		return arena_printf(arena, "was held, %s by %s, %s",
		    record_held_state_name(held->state), held->by,
		    view_span(arena, held->settled_ms, held->settled_ms));
	}
}

/* What was done with a message beside the log. */
static const char *
done_text(struct arena *arena, const struct bulk_send_story *story,
    const struct message *message)
{
	switch (message->action) {
	case ACTION_DEFER:
		return "deferred: to be sent again later";
	case ACTION_HOLD:
		return held_text(arena, story, message);
	case ACTION_REJECT:
		return "rejected";
	default:
		return record_action_name(message->action);
	}
}

/* What stands below the row: what it takes to find the mail elsewhere. */
static void
add_marks(struct table *table, struct arena *arena,
    const struct bulk_send_story *story, const struct message *m)
{
	bool login = m->login[0] != '\0' && strcmp(m->login, m->sender) != 0;
	if (m->action != ACTION_LOG)
		table_note(table, done_text(arena, story, m));
	if (m->message_id[0] != '\0' || login)
		table_note(
		    table, arena_printf(arena, "%s%s%s%s%s",
			       m->message_id[0] == '\0' ? "" : "Message-ID ",
			       m->message_id,
			       login && m->message_id[0] != '\0' ? ", " : "",
			       login ? "login " : "", login ? m->login : ""));
}

static int
print_evidence(
    const struct view *view, const struct bulk_send_story *story, size_t most)
{
	struct arena *arena = view->arena;
	struct table *table =
	    table_new(arena, evidence_columns, COUNT(evidence_columns), 2);
	for (size_t i = 0; table != NULL && i < story->evidence_n; i++) {
		const struct message *m = &story->evidence[i];
		const struct cell cells[COUNT(evidence_columns)] = {
		    {view_second(arena, m->at_ms), TINT_NONE},
		    {m->queue_id, TINT_NONE},
		    {arena_printf(arena, "%u", m->recipient_count), TINT_NONE},
		    {m->mail_from[0] == '\0' ? "<>" : m->mail_from, TINT_NONE},
		    {m->client, TINT_NONE},
		    {m->subject, TINT_NONE},
		};
		table_row(table, cells);
		add_marks(table, arena, story, m);
		table_note(table, recipients_text(arena, m, most));
		if (most > 0 && m->recipients_n > most)
			table_note(table, arena_printf(arena, "and %zu more",
					      m->recipients_n - most));
	}
	return table_print(table, view->screen, view->out);
}

/* Says what was left out, and how to see it. */
static void
print_left_out(
    const struct view *view, const struct bulk_send_story *story, size_t most)
{
	size_t messages = story->send.messages;
	if (story->evidence_n < messages)
		fprintf(view->out, "  and %zu message%s more\n",
		    messages - story->evidence_n,
		    view_plural(messages - story->evidence_n));
	bool cut = story->evidence_n < messages;
	for (size_t i = 0; most > 0 && i < story->evidence_n; i++)
		cut = cut || story->evidence[i].recipients_n > most;
	if (cut && most > 0)
		fprintf(view->out,
		    "  `bulkwatch show --all %lld` shows all of it\n",
		    (long long)story->send.id);
}

int
show_print(
    const struct view *view, const struct bulk_send_story *story, size_t most)
{
	if (print_head(view, &story->send) < 0)
		return -1;
	fputc('\n', view->out);
	view_title(view, "Evidence");
	if (story->evidence_n > 0 && print_evidence(view, story, most) < 0)
		return -1;
	print_left_out(view, story, most);
	return story_print(view, story);
}

/* ---------------------------------------------------------------- command */

static int
show_run(struct ctl *ctl, struct store *store, int64_t id, size_t most)
{
	struct bulk_send_story story;
	struct err err;
	int found = store_show(
	    store, ctl->arena, id, ctl->json ? 0 : most, &story, &err);
	if (found < 0)
		return ctl_fail(ctl, "%s", err.text);
	if (found == 0)
		return ctl_no_bulk_send(ctl, id);
	if (ctl->json)
		return ctl_document(ctl, json_show(&story));
	const struct view view = {
	    ctl->out, &ctl->screen, ctl->arena, ctl->file};
	return ctl_printed(ctl, show_print(&view, &story, most));
}

int
show_command(struct ctl *ctl)
{
	size_t most = SHOW_MOST;
	int option;
	while ((option = args_next(ctl, options)) > ARGS_END)
		most = 0;
	if (option == ARGS_STOP)
		return ctl->code;
	int64_t id;
	if (args_words(ctl, 1, "one ID") < 0 ||
	    args_id(ctl, ctl->words[0], &id) < 0)
		return CTL_USAGE;
	struct store *store;
	if (ctl_open_store(ctl, &store) < 0)
		return CTL_FAILED;
	int code = show_run(ctl, store, id, most);
	store_close(&store);
	return code;
}
