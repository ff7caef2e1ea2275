/* show.c: `bulkwatch show`: one bulk send with all that is known of it. */
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/json.h"
#include "bulkwatch/text.h"
#include "ctl.h"
#include "table.h"
#include "views.h"

/* A person reads so much; --all and --json give all of it. */
#define SHOW_MOST 100

#define LABEL_WIDTH 12

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { OPT_ALL = ARGS_OWN };

static const struct option options[] = {
    {"all", no_argument, NULL, OPT_ALL},
    {0},
};

/* "s" where a count wants it. */
static const char *
plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* ----------------------------------------------------------------- a head */

static void
title(const struct view *view, const char *text)
{
	screen_tint(view->screen, view->out, TINT_BOLD);
	fputs(text, view->out);
	screen_untint(view->screen, view->out, TINT_BOLD);
	fputc('\n', view->out);
}

/* "  Label       value", wrapped. */
static int
fact(const struct view *view, const char *label, const char *value)
{
	char *clean = value == NULL
			  ? NULL
			  : text_clean(view->arena, value, strlen(value));
	if (clean == NULL)
		return -1;
	fprintf(view->out, "  %-*s", LABEL_WIDTH, label);
	screen_wrap(view->screen, view->out, LABEL_WIDTH + 2,
	    clean[0] == '\0' ? "-" : clean);
	return 0;
}

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
	char first[CLOCK_LOCAL_MAX], last[CLOCK_LOCAL_MAX];
	clock_local(send->first_at_ms, first);
	clock_local(send->last_at_ms, last);
	const char *ended = send->ended ? "over" : "may still go on";
	if (strcmp(first, last) == 0)
		return arena_printf(arena, "%s; %s", first, ended);
	const size_t date = strlen("2026-03-02 ");
	bool same_day = strncmp(first, last, date) == 0;
	return arena_printf(
	    arena, "%s to %s; %s", first, same_day ? last + date : last, ended);
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
	    {"Messages", arena_printf(arena, "%u", send->messages)},
	    {"Time", time_text(arena, send)},
	    {"Rule", rule_text(arena, send)},
	    {"Action", record_action_name(send->action)},
	    {"Client", send->client},
	    {"Subject", send->subject},
	    {"Declared", send->declaration == 0
			     ? "no"
			     : arena_printf(arena, "yes, declaration %lld",
				   (long long)send->declaration)},
	};
	title(view, arena_printf(arena, "Bulk send %lld", (long long)send->id));
	for (size_t i = 0; i < COUNT(facts); i++)
		if (fact(view, facts[i].label, facts[i].value) < 0)
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

/* 2026-03-02 14:05:09, to the second: messages of a window come fast. */
static const char *
second_text(struct arena *arena, int64_t at_ms)
{
	char text[CLOCK_RFC3339_MAX];
	clock_rfc3339(at_ms, text);
	text[strcspn(text, "T")] = ' ';
	return arena_strndup(arena, text, strlen("2026-03-02 14:05:09"));
}

/* What stands below the row: what it takes to find the mail elsewhere. */
static void
add_marks(struct table *table, struct arena *arena, const struct message *m)
{
	bool login = m->login[0] != '\0' && strcmp(m->login, m->sender) != 0;
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
		    {second_text(arena, m->at_ms), TINT_NONE},
		    {m->queue_id, TINT_NONE},
		    {arena_printf(arena, "%u", m->recipient_count), TINT_NONE},
		    {m->mail_from[0] == '\0' ? "<>" : m->mail_from, TINT_NONE},
		    {m->client, TINT_NONE},
		    {m->subject, TINT_NONE},
		};
		table_row(table, cells);
		add_marks(table, arena, m);
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
		    plural(messages - story->evidence_n));
	bool cut = story->evidence_n < messages;
	for (size_t i = 0; most > 0 && i < story->evidence_n; i++)
		cut = cut || story->evidence[i].recipients_n > most;
	if (cut && most > 0)
		fprintf(view->out,
		    "  `bulkwatch show --all %lld` shows all of it\n",
		    (long long)story->send.id);
}

/* ------------------------------------------------------ history and alerts */

static const struct column history_columns[] = {
    {.title = "TIME"},
    {.title = "BY"},
    {.title = "EVENT"},
};

static int
print_history(const struct view *view, const struct bulk_send_story *story)
{
	struct table *table =
	    table_new(view->arena, history_columns, COUNT(history_columns), 2);
	for (size_t i = 0; table != NULL && i < story->history_n; i++) {
		const struct history *h = &story->history[i];
		const struct cell cells[] = {
		    {second_text(view->arena, h->at_ms), TINT_NONE},
		    {h->by, TINT_NONE},
		    {h->event, TINT_NONE},
		};
		table_row(table, cells);
		if (h->note[0] != '\0')
			table_note(table, h->note);
	}
	return table_print(table, view->screen, view->out);
}

static const struct column alert_columns[] = {
    {.title = "ALERT"},
    {.title = "STATE"},
    {.title = "TIME"},
    {.title = "TRIES", .right = true},
};

static int
print_alerts(const struct view *view, const struct bulk_send_story *story)
{
	static const enum tint tints[] = {
	    [ALERT_QUEUED] = TINT_YELLOW,
	    [ALERT_SENT] = TINT_GREEN,
	    [ALERT_FAILED] = TINT_RED,
	};
	struct arena *arena = view->arena;
	struct table *table =
	    table_new(arena, alert_columns, COUNT(alert_columns), 2);
	for (size_t i = 0; table != NULL && i < story->alerts_n; i++) {
		const struct alert *a = &story->alerts[i];
		bool known =
		    a->state >= ALERT_QUEUED && a->state <= ALERT_FAILED;
		const struct cell cells[] = {
		    {record_alert_kind_name(a->kind), TINT_NONE},
		    {record_alert_state_name(a->state),
			known ? tints[a->state] : TINT_NONE},
		    {second_text(
			 arena, a->sent_ms != 0 ? a->sent_ms : a->created_ms),
			TINT_NONE},
		    {arena_printf(arena, "%u", a->attempts), TINT_NONE},
		};
		table_row(table, cells);
		if (a->to[0] != '\0')
			table_note(table, arena_printf(arena, "to %s", a->to));
		if (a->last_error[0] != '\0')
			table_note(table, a->last_error);
	}
	return table_print(table, view->screen, view->out);
}

/* A part with its heading, or one line where there is nothing. */
static int
part(const struct view *view, const struct bulk_send_story *story,
    const char *heading, size_t n,
    int (*print)(const struct view *, const struct bulk_send_story *))
{
	fputc('\n', view->out);
	title(view, heading);
	if (n > 0)
		return print(view, story);
	fputs("  none\n", view->out);
	return 0;
}

int
show_print(
    const struct view *view, const struct bulk_send_story *story, size_t most)
{
	if (print_head(view, &story->send) < 0)
		return -1;
	fputc('\n', view->out);
	title(view, "Evidence");
	if (story->evidence_n > 0 && print_evidence(view, story, most) < 0)
		return -1;
	print_left_out(view, story, most);
	if (part(view, story, "History", story->history_n, print_history) < 0)
		return -1;
	return part(view, story, "Alerts", story->alerts_n, print_alerts);
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
		return ctl_fail(ctl,
		    "there is no bulk send %lld; `bulkwatch list --status all` "
		    "shows those that there are",
		    (long long)id);
	if (ctl->json)
		return ctl_document(ctl, json_show(&story));
	const struct view view = {ctl->out, &ctl->screen, ctl->arena};
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
	    args_number(ctl, "ID", ctl->words[0], INT64_MAX, &id) < 0)
		return CTL_USAGE;
	struct store *store;
	if (ctl_open_store(ctl, &store) < 0)
		return CTL_FAILED;
	int code = show_run(ctl, store, id, most);
	store_close(&store);
	return code;
}
