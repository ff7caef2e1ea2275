/* message.c: what the outbox holds as mails. */
#include "message.h"

#include "bulkwatch/address.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/template.h"
#include "facts.h"

_Static_assert(MESSAGE_EVIDENCE_MAX >= FACTS_MESSAGES_MAX,
    "an alert lists messages that nobody asked for");

/* Made of what never changes about the alert. */
static const char *
message_id(struct arena *arena, const struct settings *settings,
    const struct alert *alert)
{
	return arena_printf(arena, "bulkwatch.%lld.%lld.%s@%s",
	    (long long)alert->id, (long long)alert->created_ms,
	    record_alert_kind_name(alert->kind),
	    address_domain(settings->alerts.from));
}

static int
fill(struct facts *facts, enum template_id template, const char *id,
    struct outgoing *outgoing_r)
{
	const struct settings *settings = facts->settings;
	facts->phrases = phrases_of(settings->alerts.language);
	*outgoing_r = (struct outgoing){
	    .from = settings->alerts.from,
	    .from_name = "bulkwatch",
	    .to = &settings->alerts.to,
	    .message_id = id,
	    .nonce = "",
	    .in_reply_to = "",
	    .at_ms = clock_wall_ms(),
	};
	if (id == NULL)
		return -1;
	return template_render(facts->arena,
	    settings->alerts.templates[template], facts_value, facts,
	    &outgoing_r->subject, &outgoing_r->body);
}

static const enum template_id templates[] = {
    [ALERT_STARTED] = TEMPLATE_STARTED,
    [ALERT_GROWN] = TEMPLATE_GROWN,
    [ALERT_BEYOND] = TEMPLATE_BEYOND,
    [ALERT_NOTICE] = TEMPLATE_NOTICE,
};

/* A list of one. NULL when memory is out. */
static const struct text_list *
only(struct arena *arena, const char *address)
{
	struct text_list *list = arena_alloc(arena, sizeof(*list));
	const char **items = arena_alloc(arena, sizeof(*items));
	if (list == NULL || items == NULL)
		return NULL;
	items[0] = address;
	*list = (struct text_list){items, 1};
	return list;
}

/* Where the answer to a notice goes: people read it, at the address to which
 * senders report, where the settings name just that, else the admins. NULL when
 * memory is out. */
static const struct text_list *
answered_by(struct arena *arena, const struct settings *settings)
{
	const char *contact = settings->alerts.contact;
	return address_is_sound(contact) ? only(arena, contact)
					 : &settings->alerts.to;
}

/* The alert by which the admins heard of the case first; NULL if there is
 * none. */
static const struct alert *
first_alert(const struct bulk_send_story *story)
{
	for (size_t i = 0; i < story->alerts_n; i++)
		if (story->alerts[i].kind == ALERT_STARTED ||
		    story->alerts[i].kind == ALERT_BEYOND)
			return &story->alerts[i];
	return NULL;
}

int
message_single(struct arena *arena, const struct settings *settings,
    const struct alert *alert, const struct bulk_send_story *story,
    struct outgoing *outgoing_r)
{
	struct facts facts = {.arena = arena,
	    .settings = settings,
	    .story = story,
	    .for_sender = alert->kind == ALERT_NOTICE};
	if (fill(&facts, templates[alert->kind],
		message_id(arena, settings, alert), outgoing_r) < 0)
		return -1;
	if (alert->kind == ALERT_NOTICE) {
		outgoing_r->to = only(arena, alert->to);
		outgoing_r->reply_to = answered_by(arena, settings);
		if (outgoing_r->reply_to == NULL)
			return -1;
	}
	/* The second mail about a case stands below the first. A notice stands
	 * alone: its reader has got none of the others. */
	const struct alert *first =
	    alert->kind == ALERT_GROWN ? first_alert(story) : NULL;
	if (first != NULL)
		outgoing_r->in_reply_to = message_id(arena, settings, first);
	return outgoing_r->to == NULL || outgoing_r->in_reply_to == NULL ? -1
									 : 0;
}

int
message_digest(struct arena *arena, const struct settings *settings,
    const struct alert *alerts, size_t alerts_n, const struct bulk_send *sends,
    size_t sends_n, struct outgoing *outgoing_r)
{
	struct facts facts = {.arena = arena,
	    .settings = settings,
	    .sends = sends,
	    .sends_n = sends_n};
	/* Good enough to tell one set of alerts from another. */
	const char *id =
	    arena_printf(arena, "bulkwatch.%lld-%lld.%zu.%lld.digest@%s",
		(long long)alerts[0].id, (long long)alerts[alerts_n - 1].id,
		alerts_n, (long long)alerts[0].created_ms,
		address_domain(settings->alerts.from));
	return fill(&facts, TEMPLATE_DIGEST, id, outgoing_r);
}

int
message_daily(struct arena *arena, const struct settings *settings,
    const struct alert *alert, const struct day *day,
    struct outgoing *outgoing_r)
{
	struct facts facts = {.arena = arena, .settings = settings, .day = day};
	if (fill(&facts, TEMPLATE_DAILY, message_id(arena, settings, alert),
		outgoing_r) < 0)
		return -1;
	outgoing_r->at_ms = day->now_ms;
	return 0;
}
