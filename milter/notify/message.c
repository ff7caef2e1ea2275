/* message.c: alerts as mails. */
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

int
message_single(struct arena *arena, const struct settings *settings,
    const struct alert *alert, const struct bulk_send_story *story,
    struct outgoing *outgoing_r)
{
	struct facts facts = {
	    .arena = arena, .settings = settings, .story = story};
	const char *id = message_id(arena, settings, alert);
	if (fill(&facts,
		alert->kind == ALERT_GROWN ? TEMPLATE_GROWN : TEMPLATE_STARTED,
		id, outgoing_r) < 0)
		return -1;
	/* The second mail about a case stands below the first. */
	for (size_t i = 0; i < story->alerts_n && alert->kind == ALERT_GROWN;
	     i++)
		if (story->alerts[i].kind == ALERT_STARTED)
			outgoing_r->in_reply_to =
			    message_id(arena, settings, &story->alerts[i]);
	return outgoing_r->in_reply_to == NULL ? -1 : 0;
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
