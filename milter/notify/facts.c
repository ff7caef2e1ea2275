/* facts.c: what a mail says of a bulk send, by the placeholders of its
 * template. */
#include "facts.h"

#include <string.h>
#include <unistd.h>

#include "bulkwatch/text.h"
#include "say.h"

/* Where commands look for the settings without being told. */
#define SETTINGS_FILE BULKWATCH_SYSCONFDIR "/bulkwatch/bulkwatch.conf"

/* ------------------------------------------------------------- the values */
/* Each is asked for only where there is a story, but for those of the last
 * table. */

static const char *
id(const struct facts *facts)
{
	return say_number(facts, (uint64_t)facts->story->send.id);
}

static const char *
sender(const struct facts *facts)
{
	return say_value(facts, facts->story->send.sender);
}

static const char *
identity(const struct facts *facts)
{
	return facts->phrases->identities[facts->story->send.identity & 3];
}

static const char *
recipients(const struct facts *facts)
{
	return say_number(facts, facts->story->send.recipients);
}

static const char *
distinct(const struct facts *facts)
{
	return say_number(facts, facts->story->send.distinct_recipients);
}

static const char *
external(const struct facts *facts)
{
	return say_number(facts, facts->story->send.external_recipients);
}

static const char *
messages(const struct facts *facts)
{
	return say_number(facts, facts->story->send.messages);
}

/* To the admins: of the rule that matched. To the sender: from how many on mail
 * is to be reported, which a rule against floods does not say. */
static const char *
limit(const struct facts *facts)
{
	const struct settings *settings = facts->settings;
	uint64_t limit = facts->story->send.limit;
	for (size_t i = 0; facts->for_sender && i < settings->rules_n; i++)
		if (settings->rules[i].recipients < limit)
			limit = settings->rules[i].recipients;
	return say_number(facts, limit);
}

static const char *
window(const struct facts *facts)
{
	uint64_t secs = facts->story->send.window_secs;
	return secs == 0 ? facts->phrases->one_message
			 : say_whole_duration(facts, secs);
}

static const char *
rule(const struct facts *facts)
{
	return say_value(facts, facts->story->send.rule);
}

static const char *
first(const struct facts *facts)
{
	return say_whole_time(facts, facts->story->send.first_at_ms);
}

static const char *
last(const struct facts *facts)
{
	return say_whole_time(facts, facts->story->send.last_at_ms);
}

/* What is said where there is nothing: not in a notice, which may speak two
 * languages at once. */
static const char *
nothing(const struct facts *facts, const char *words)
{
	return facts->for_sender ? "" : words;
}

static const char *
client(const struct facts *facts)
{
	const char *address = facts->story->send.client;
	return address[0] == '\0' ? nothing(facts, facts->phrases->no_client)
				  : say_value(facts, address);
}

static const char *
subject(const struct facts *facts)
{
	const char *text = facts->story->send.subject;
	if (text[0] != '\0')
		return say_value(facts, text);
	return facts->settings->evidence_subject
		   ? nothing(facts, facts->phrases->no_subject)
		   : "";
}

static const char *
declared(const struct facts *facts)
{
	const struct phrases *phrases = facts->phrases;
	const struct bulk_send_story *story = facts->story;
	if (story->send.declaration == 0)
		return phrases->undeclared;
	const char *text =
	    say_around(facts, &phrases->declared, story->send.declaration);
	if (text == NULL || story->declaration == NULL ||
	    story->declaration->withdrawn_ms == 0)
		return text;
	return arena_printf(facts->arena, "%s%s", text, phrases->withdrawn);
}

static const char *
status(const struct facts *facts)
{
	return say_status(facts, &facts->story->send);
}

/* How many recipients the first alert told of: those of the messages up to its
 * time. "" if the messages at hand do not reach that far. */
static const char *
before(const struct facts *facts)
{
	const struct bulk_send_story *story = facts->story;
	int64_t told_ms = 0;
	for (size_t i = 0; i < story->alerts_n && told_ms == 0; i++)
		if (story->alerts[i].kind == ALERT_STARTED ||
		    story->alerts[i].kind == ALERT_BEYOND)
			told_ms = story->alerts[i].sent_ms > 0
				      ? story->alerts[i].sent_ms
				      : story->alerts[i].created_ms;
	uint64_t told = 0;
	size_t n = 0;
	while (n < story->evidence_n && story->evidence[n].at_ms <= told_ms)
		told += story->evidence[n++].recipient_count;
	return n == story->evidence_n && n < story->send.messages
		   ? ""
		   : say_number(facts, told);
}

/* "bulkwatch", with the settings file where it is not the usual. */
static const char *
program(const struct facts *facts)
{
	const char *file = facts->settings->file;
	if (file == NULL || strcmp(file, SETTINGS_FILE) == 0)
		return "bulkwatch";
	const char *word = text_quoted(facts->arena, file);
	return word == NULL
		   ? NULL
		   : arena_printf(facts->arena, "bulkwatch -c %s", word);
}

/* "bulkwatch show 17" */
static const char *
command(const struct facts *facts, const char *word)
{
	const char *name = program(facts);
	return name == NULL ? NULL
			    : arena_printf(facts->arena, "%s %s %lld", name,
				  word, (long long)facts->story->send.id);
}

/* "bulkwatch show ID", where there are several. */
static const char *
command_of_one(const struct facts *facts, const char *word)
{
	const char *name = program(facts);
	return name == NULL ? NULL
			    : arena_printf(facts->arena, "%s %s %s", name, word,
				  facts->phrases->number);
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

/* --------------------------------------------------- what was done with it */

static const char *
action(const struct facts *facts)
{
	return facts->phrases->actions[facts->story->send.action & 3];
}

/* How many of its messages are held and wait, "" for none. */
static const char *
held(const struct facts *facts)
{
	uint32_t n = facts->story->send.held;
	return n == 0 ? "" : say_number(facts, n);
}

/* Of its messages: those that were refused, and their recipients; "" for
 * none. */
static const char *
refused_messages(const struct facts *facts)
{
	uint32_t n = facts->story->send.unsent[UNSENT_REFUSED].messages;
	return n == 0 ? "" : say_number(facts, n);
}

static const char *
refused_recipients(const struct facts *facts)
{
	const struct bulk_send *send = &facts->story->send;
	return send->unsent[UNSENT_REFUSED].messages == 0
		   ? ""
		   : say_number(facts, send->unsent[UNSENT_REFUSED].recipients);
}

/* The commands are given while there is something for them to do. */
static const char *
release(const struct facts *facts)
{
	return facts->story->send.held == 0 ? "" : command(facts, "release");
}

static const char *
discard(const struct facts *facts)
{
	return facts->story->send.held == 0 ? "" : command(facts, "discard");
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
	struct say_list list = {.facts = facts};
	for (size_t i = 0; i < shown.n; i++)
		say_line(&list, shown.addresses[i]);
	if (shown.n == 0)
		say_line(&list, facts->phrases->no_addresses);
	else if (full && story->send.distinct_recipients > shown.n)
		say_more(&list, story->send.distinct_recipients - shown.n);
	else if (shown.more) /* domains: nobody counted the different ones */
		say_line(&list, facts->phrases->even_more);
	return say_list_text(&list);
}

static const char *
message_list(const struct facts *facts)
{
	const struct bulk_send_story *story = facts->story;
	struct say_list list = {.facts = facts};
	size_t n = 0;
	for (; n < story->evidence_n && n < FACTS_MESSAGES_MAX; n++) {
		const struct message *m = &story->evidence[n];
		say_line(&list, arena_printf(facts->arena, "%s  %s  %s  %s",
				    say_time(facts, m->at_ms), m->queue_id,
				    say_counted(facts, m->recipient_count,
					&facts->phrases->recipients),
				    m->subject));
	}
	if (story->send.messages > n)
		say_more(&list, story->send.messages - n);
	return say_list_text(&list);
}

/* A digest's bulk sends, one a line. */
static const char *
digest_list(const struct facts *facts)
{
	struct say_list list = {.facts = facts};
	for (size_t i = 0; i < facts->sends_n; i++) {
		const struct bulk_send *send = &facts->sends[i];
		say_line(
		    &list, arena_printf(facts->arena, "%s  %s%s%s",
			       say_send(facts, send), say_held(facts, send),
			       send->held == 0 ? "" : "  ", send->subject));
	}
	return say_list_text(&list);
}

/* How many of a digest's bulk sends have held mail that waits. */
static uint64_t
holding_n(const struct facts *facts)
{
	uint64_t n = 0;
	for (size_t i = 0; i < facts->sends_n; i++)
		n += facts->sends[i].held > 0;
	return n;
}

static const char *
held_count(const struct facts *facts)
{
	const uint64_t n = holding_n(facts);
	return n == 0 ? "" : say_number(facts, n);
}

static const char *
look_at_one(const struct facts *facts)
{
	return command_of_one(facts, "show");
}

static const char *
take_one(const struct facts *facts)
{
	return command_of_one(facts, "take");
}

static bool
any_held(const struct facts *facts)
{
	return (facts->day != NULL && facts->day->holding_n > 0) ||
	       holding_n(facts) > 0;
}

static const char *
release_one(const struct facts *facts)
{
	return any_held(facts) ? command_of_one(facts, "release") : "";
}

static const char *
discard_one(const struct facts *facts)
{
	return any_held(facts) ? command_of_one(facts, "discard") : "";
}

static const char *
count(const struct facts *facts)
{
	return facts->sends_n == 0 ? "" : say_number(facts, facts->sends_n);
}

static const char *
contact(const struct facts *facts)
{
	return facts->settings->alerts.contact;
}

static const char *
password_help(const struct facts *facts)
{
	return facts->for_sender ? facts->settings->notices.password_help : "";
}

static const char *
hostname(const struct facts *facts)
{
	char name[256];
	if (gethostname(name, sizeof(name)) < 0)
		return "";
	name[sizeof(name) - 1] = '\0';
	return say_value(facts, name);
}

/* ------------------------------------------------------------- placeholders */

/* About one bulk send. */
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
    {"action", action},
    {"held", held},
    {"refused_messages", refused_messages},
    {"refused_recipients", refused_recipients},
    {"release", release},
    {"discard", discard},
    {"first_recipients", first_recipients},
    {"message_list", message_list},
    {NULL, NULL},
};

/* The commands are those of a digest: where there is a story, it has them. */
static const struct placeholder of_any_mail[] = {
    {"bulkwatch", program},
    {"look", look_at_one},
    {"take", take_one},
    {"release", release_one},
    {"discard", discard_one},
    {"list", digest_list},
    {"count", count},
    {"held_count", held_count},
    {"contact", contact},
    {"password_help", password_help},
    {"hostname", hostname},
    {NULL, NULL},
};

const char *
facts_value(const char *name, void *context)
{
	const struct facts *facts = context;
	const struct bulk_send_story *story = facts->story;
	const struct {
		const struct placeholder *names;
		bool known; /* there is something to say of it */
	} tables[] = {
	    {of_a_story, story != NULL},
	    {facts_of_a_declaration,
		story != NULL && story->declaration != NULL},
	    {facts_of_a_day, facts->day != NULL},
	    {of_any_mail, true},
	};
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct placeholder *p = tables[i].names;
		     tables[i].known && p->name != NULL; p++)
			if (strcmp(p->name, name) == 0)
				return p->value(facts);
	return "";
}
