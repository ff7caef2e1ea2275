/* facts.c: what an alert says, by the placeholders of its template. */
#include "facts.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/text.h"

/* Columns of a line, and of one value in the text. */
#define LINE_COLUMNS 200
#define VALUE_COLUMNS 200
#define SENDER_COLUMNS 80 /* in a digest */

/* Where commands look for the settings without being told. */
#define SETTINGS_FILE BULKWATCH_SYSCONFDIR "/bulkwatch/bulkwatch.conf"

/* --------------------------------------------------------------- building */

/* The text in so many columns, "…" included. It comes clean from the database;
 * but what a stranger wrote is not trusted to, where others can write to that
 * file. */
static const char *
clip(struct arena *arena, const char *text, int columns)
{
	const char *clean = text_clean(arena, text, strlen(text));
	if (clean == NULL || text_columns(clean) <= columns)
		return clean;
	return arena_printf(
	    arena, "%.*s…", (int)text_fit(clean, columns - 1), clean);
}

static const char *
value(const struct facts *facts, const char *text)
{
	return clip(facts->arena, text, VALUE_COLUMNS);
}

/* A list being made: indented lines. When there is no memory, lines are
 * missing; the alert matters more. */
struct list {
	const struct facts *facts;
	char *text;
	size_t used, room;
};

static void
add_line(struct list *list, const char *line)
{
	struct arena *arena = list->facts->arena;
	line = line == NULL ? NULL : clip(arena, line, LINE_COLUMNS);
	if (line == NULL)
		return;
	size_t n = strlen(line);
	while (n > 0 && line[n - 1] == ' ')
		n--;
	if (list->room - list->used < n + 4) {
		size_t room = 2 * (list->room + n + 4);
		char *text = arena_alloc(arena, room);
		if (text == NULL)
			return;
		if (list->used > 0)
			memcpy(text, list->text, list->used);
		list->text = text;
		list->room = room;
	}
	list->used +=
	    (size_t)snprintf(list->text + list->used, list->room - list->used,
		"%s  %.*s", list->used == 0 ? "" : "\n", (int)n, line);
}

static void
add_more(struct list *list, uint64_t left_out)
{
	const struct around *more = &list->facts->phrases->more;
	add_line(
	    list, arena_printf(list->facts->arena, "%s%llu%s", more->before,
		      (unsigned long long)left_out, more->after));
}

static const char *
list_text(const struct list *list)
{
	return list->used == 0 ? "" : list->text;
}

static const char *
number(const struct facts *facts, uint64_t n)
{
	return arena_printf(facts->arena, "%llu", (unsigned long long)n);
}

static const char *
counted(const struct facts *facts, uint64_t n, const struct counted *what)
{
	return arena_printf(facts->arena, "%llu %s", (unsigned long long)n,
	    n == 1 ? what->one : what->many);
}

/* "2026-03-02 14:05:09", the way people read RFC 3339. */
static const char *
local_time(const struct facts *facts, int64_t at_ms)
{
	char text[CLOCK_RFC3339_MAX];
	clock_rfc3339(at_ms, text);
	if (strlen(text) < 19)
		return arena_strdup(facts->arena, text);
	text[10] = ' ';
	return arena_strndup(facts->arena, text, 19);
}

/* The same with the offset behind it. */
static const char *
whole_time(const struct facts *facts, int64_t at_ms)
{
	char text[CLOCK_RFC3339_MAX];
	clock_rfc3339(at_ms, text);
	const char *local = local_time(facts, at_ms);
	return local == NULL || strlen(text) < 19
		   ? local
		   : arena_printf(facts->arena, "%s %s", local, text + 19);
}

/* ------------------------------------------------------------- the values */
/* Each is asked for only where there is a story, but for those of the last
 * table. */

static const char *
id(const struct facts *facts)
{
	return number(facts, (uint64_t)facts->story->send.id);
}

static const char *
sender(const struct facts *facts)
{
	return value(facts, facts->story->send.sender);
}

static const char *
identity(const struct facts *facts)
{
	return facts->phrases->identities[facts->story->send.identity & 3];
}

static const char *
recipients(const struct facts *facts)
{
	return number(facts, facts->story->send.recipients);
}

static const char *
distinct(const struct facts *facts)
{
	return number(facts, facts->story->send.distinct_recipients);
}

static const char *
external(const struct facts *facts)
{
	return number(facts, facts->story->send.external_recipients);
}

static const char *
messages(const struct facts *facts)
{
	return number(facts, facts->story->send.messages);
}

static const char *
limit(const struct facts *facts)
{
	return number(facts, facts->story->send.limit);
}

static const char *
window(const struct facts *facts)
{
	const struct phrases *phrases = facts->phrases;
	const struct {
		uint64_t secs;
		const struct counted *unit;
	} units[] = {
	    {86400, &phrases->days},
	    {3600, &phrases->hours},
	    {60, &phrases->minutes},
	    {1, &phrases->seconds},
	};
	uint64_t secs = facts->story->send.window_secs;
	size_t i = 0;
	if (secs == 0)
		return phrases->one_message;
	while (secs % units[i].secs != 0)
		i++;
	return counted(facts, secs / units[i].secs, units[i].unit);
}

static const char *
rule(const struct facts *facts)
{
	return value(facts, facts->story->send.rule);
}

static const char *
first(const struct facts *facts)
{
	return whole_time(facts, facts->story->send.first_at_ms);
}

static const char *
last(const struct facts *facts)
{
	return whole_time(facts, facts->story->send.last_at_ms);
}

static const char *
client(const struct facts *facts)
{
	const char *address = facts->story->send.client;
	return address[0] == '\0' ? facts->phrases->no_client
				  : value(facts, address);
}

static const char *
subject(const struct facts *facts)
{
	const char *text = facts->story->send.subject;
	if (text[0] != '\0')
		return value(facts, text);
	return facts->settings->evidence_subject ? facts->phrases->no_subject
						 : "";
}

static const char *
declared(const struct facts *facts)
{
	const struct phrases *phrases = facts->phrases;
	int64_t declaration = facts->story->send.declaration;
	if (declaration == 0)
		return phrases->undeclared;
	return arena_printf(facts->arena, "%s%lld%s", phrases->declared.before,
	    (long long)declaration, phrases->declared.after);
}

static const char *
status(const struct facts *facts)
{
	const struct phrases *phrases = facts->phrases;
	const struct bulk_send *send = &facts->story->send;
	const char *text = phrases->statuses[send->status & 3];
	if (text == NULL)
		return "";
	if (send->outcome > OUTCOME_NONE &&
	    send->outcome <= OUTCOME_FALSE_ALARM)
		text = arena_printf(facts->arena, "%s: %s", text,
		    phrases->outcomes[send->outcome]);
	if (send->assignee[0] == '\0' || text == NULL)
		return text;
	return arena_printf(facts->arena, "%s%s%s%s", text,
	    phrases->assignee.before, value(facts, send->assignee),
	    phrases->assignee.after);
}

/* How many recipients the first alert told of: those of the messages up to its
 * time. "" if the messages at hand do not reach that far. */
static const char *
before(const struct facts *facts)
{
	const struct bulk_send_story *story = facts->story;
	int64_t told_ms = 0;
	for (size_t i = 0; i < story->alerts_n && told_ms == 0; i++)
		if (story->alerts[i].kind == ALERT_STARTED)
			told_ms = story->alerts[i].sent_ms > 0
				      ? story->alerts[i].sent_ms
				      : story->alerts[i].created_ms;
	uint64_t told = 0;
	size_t n = 0;
	while (n < story->evidence_n && story->evidence[n].at_ms <= told_ms)
		told += story->evidence[n++].recipient_count;
	return n == story->evidence_n && n < story->send.messages
		   ? ""
		   : number(facts, told);
}

/* "bulkwatch show 17", with the settings file where it is not the usual. */
static const char *
command(const struct facts *facts, const char *word)
{
	const char *file = facts->settings->file;
	long long send = facts->story->send.id;
	if (file == NULL || strcmp(file, SETTINGS_FILE) == 0)
		return arena_printf(
		    facts->arena, "bulkwatch %s %lld", word, send);
	return arena_printf(
	    facts->arena, "bulkwatch -c '%s' %s %lld", file, word, send);
}

static const char *
look(const struct facts *facts)
{
	return command(facts, "show");
}

static const char *
take(const struct facts *facts)
{
	return command(facts, "take");
}

/* ------------------------------------------------------------------ lists */

struct shown {
	const char *addresses[FACTS_RECIPIENTS_MAX];
	size_t n;
	bool more; /* there is one that did not fit */
};

static void
show(struct shown *shown, const char *address)
{
	for (size_t i = 0; i < shown->n; i++)
		if (strcmp(shown->addresses[i], address) == 0)
			return;
	if (shown->n == FACTS_RECIPIENTS_MAX)
		shown->more = true;
	else
		shown->addresses[shown->n++] = address;
}

static const char *
first_recipients(const struct facts *facts)
{
	const struct bulk_send_story *story = facts->story;
	const bool full = facts->settings->evidence_recipients == EVIDENCE_FULL;
	struct shown shown = {.n = 0};
	for (size_t i = 0; i < story->evidence_n && !shown.more; i++)
		for (size_t j = 0; j < story->evidence[i].recipients_n; j++)
			show(&shown, story->evidence[i].recipients[j].address);
	struct list list = {.facts = facts};
	for (size_t i = 0; i < shown.n; i++)
		add_line(&list, shown.addresses[i]);
	if (shown.n == 0)
		add_line(&list, facts->phrases->no_addresses);
	else if (full && story->send.distinct_recipients > shown.n)
		add_more(&list, story->send.distinct_recipients - shown.n);
	else if (shown.more) /* domains: nobody counted the different ones */
		add_line(&list, facts->phrases->even_more);
	return list_text(&list);
}

static const char *
message_list(const struct facts *facts)
{
	const struct bulk_send_story *story = facts->story;
	struct list list = {.facts = facts};
	size_t n = 0;
	for (; n < story->evidence_n && n < FACTS_MESSAGES_MAX; n++) {
		const struct message *m = &story->evidence[n];
		add_line(&list, arena_printf(facts->arena, "%s  %s  %s  %s",
				    local_time(facts, m->at_ms), m->queue_id,
				    counted(facts, m->recipient_count,
					&facts->phrases->recipients),
				    m->subject));
	}
	if (story->send.messages > n)
		add_more(&list, story->send.messages - n);
	return list_text(&list);
}

/* A digest's bulk sends, one a line. */
static const char *
digest_list(const struct facts *facts)
{
	struct list list = {.facts = facts};
	for (size_t i = 0; i < facts->sends_n; i++) {
		const struct bulk_send *send = &facts->sends[i];
		add_line(
		    &list, arena_printf(facts->arena,
			       "%lld  %s  %s  %s, %s  %s", (long long)send->id,
			       local_time(facts, send->first_at_ms),
			       clip(facts->arena, send->sender, SENDER_COLUMNS),
			       counted(facts, send->recipients,
				   &facts->phrases->recipients),
			       counted(facts, send->messages,
				   &facts->phrases->messages),
			       send->subject));
	}
	return list_text(&list);
}

static const char *
count(const struct facts *facts)
{
	return facts->sends_n == 0 ? "" : number(facts, facts->sends_n);
}

static const char *
contact(const struct facts *facts)
{
	return facts->settings->alerts.contact;
}

static const char *
hostname(const struct facts *facts)
{
	char name[256];
	if (gethostname(name, sizeof(name)) < 0)
		return "";
	name[sizeof(name) - 1] = '\0';
	return value(facts, name);
}

/* ------------------------------------------------------------- placeholders */

struct placeholder {
	const char *name;
	const char *(*value)(const struct facts *facts);
};

/* About one bulk send: nothing in a digest. */
static const struct placeholder of_a_story[] = {
    {"id", id},
    {"sender", sender},
    {"identity", identity},
    {"recipients", recipients},
    {"distinct", distinct},
    {"external", external},
    {"messages", messages},
    {"limit", limit},
    {"window", window},
    {"rule", rule},
    {"first", first},
    {"last", last},
    {"client", client},
    {"subject", subject},
    {"declared", declared},
    {"status", status},
    {"before", before},
    {"look", look},
    {"take", take},
    {"first_recipients", first_recipients},
    {"message_list", message_list},
};

static const struct placeholder of_any_mail[] = {
    {"list", digest_list},
    {"count", count},
    {"contact", contact},
    {"hostname", hostname},
};

const char *
facts_value(const char *name, void *context)
{
	const struct facts *facts = context;
	size_t n = sizeof(of_a_story) / sizeof(of_a_story[0]);
	for (size_t i = 0; i < n && facts->story != NULL; i++)
		if (strcmp(of_a_story[i].name, name) == 0)
			return of_a_story[i].value(facts);
	n = sizeof(of_any_mail) / sizeof(of_any_mail[0]);
	for (size_t i = 0; i < n; i++)
		if (strcmp(of_any_mail[i].name, name) == 0)
			return of_any_mail[i].value(facts);
	return "";
}
