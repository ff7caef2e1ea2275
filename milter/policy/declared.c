/* declared.c: sends that were announced beforehand. */
#include <string.h>
#include <strings.h>

#include "bulkwatch/address.h"
#include "bulkwatch/pattern.h"
#include "bulkwatch/policy.h"

/* How much more than declared is let pass in silence: lists change between the
 * announcement and the day. */
#define GRACE_PERCENT 5

/* How exactly a pattern names a sender: an address or login, a domain, a
 * domain and those below (the longer the more exactly), everyone. */
static size_t
specificity(const char *pattern)
{
	if (strcmp(pattern, "*") == 0)
		return 0;
	if (strncmp(pattern, "@.", 2) == 0)
		return 1 + strlen(pattern);
	if (strncmp(pattern, "*@", 2) == 0)
		return 10000;
	return 20000;
}

static bool
covers(const struct declaration *d, const char *sender, int64_t at_ms)
{
	return d->withdrawn_ms == 0 && d->from_ms <= at_ms &&
	    at_ms <= d->until_ms && pattern_match(d->sender, sender);
}

static bool
is_better(const struct declaration *a, const struct declaration *b)
{
	size_t x = specificity(a->sender), y = specificity(b->sender);
	return x != y ? x > y : a->id > b->id;
}

const struct declaration *
policy_declaration(const struct declaration *declarations, size_t n,
    const char *sender, int64_t at_ms)
{
	const struct declaration *best = NULL;
	for (size_t i = 0; i < n; i++)
		if (covers(&declarations[i], sender, at_ms) &&
		    (best == NULL || is_better(&declarations[i], best)))
			best = &declarations[i];
	return best;
}

void
policy_apply_declaration(struct decision *decision,
    const struct declaration *declarations, size_t n, const char *sender,
    int64_t at_ms)
{
	decision->declaration =
	    policy_declaration(declarations, n, sender, at_ms);
	if (decision->declaration != NULL)
		decision->action = ACTION_LOG;
}

struct beyond
policy_beyond(
    const struct declaration *declaration, uint32_t used, int64_t at_ms)
{
	struct beyond beyond = {0};
	uint64_t allowed = (uint64_t)declaration->recipients *
	    (100 + GRACE_PERCENT) / 100;
	if (used > allowed)
		beyond.recipients = used - declaration->recipients;
	if (at_ms > declaration->until_ms)
		beyond.secs = (at_ms - declaration->until_ms + 999) / 1000;
	return beyond;
}

bool
policy_alert(const struct decision *decision,
    const struct declaration *of_send, uint32_t used, int64_t at_ms,
    enum alert_kind *kind_r)
{
	if (!decision->alert)
		return false;
	if (of_send == NULL) {
		*kind_r = ALERT_STARTED;
		return decision->declaration == NULL;
	}
	struct beyond beyond = policy_beyond(of_send, used, at_ms);
	*kind_r = ALERT_BEYOND;
	return beyond.recipients > 0 || beyond.secs > 0;
}

static bool
may_be_told(const struct settings *settings, const char *address)
{
	const char *domain = address_domain(address);
	if (!address_is_sound(address))
		return false;
	for (size_t i = 0; i < settings->notices.domains.n; i++)
		if (strcasecmp(domain, settings->notices.domains.items[i]) == 0)
			return true;
	return false;
}

const char *
policy_notice_to(const struct settings *settings, const struct message *message)
{
	if (!settings->notices.enabled ||
	    message->identity == IDENTITY_CLIENT)
		return NULL;
	if (may_be_told(settings, message->sender))
		return message->sender;
	return may_be_told(settings, message->mail_from) ? message->mail_from
							 : NULL;
}
