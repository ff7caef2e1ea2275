/* policy.c: rules and exemptions; facts in, a decision out. */
#include "bulkwatch/policy.h"

#include <string.h>

#include "bulkwatch/pattern.h"

/* How long a bulk send goes on without a trigger if no rule has a window. */
#define QUIET_SECS_WITHOUT_WINDOW 600

/* How long a deferral lasts at most if the window never has room. Clients and
 * MTAs try for longer (RFC 5321 section 4.5.4.1: four to five days). */
#define DEFER_SECS_MAX 86400

/* Local submission by an MTA that names no client. */
#define LOCAL_CLIENT "127.0.0.1"

static const char *
client_or_local(const char *client)
{
	return client[0] == '\0' ? LOCAL_CLIENT : client;
}

bool
policy_is_outbound(
    const struct settings *settings, const char *login, const char *client)
{
	if (login[0] != '\0' && settings->outbound_logins)
		return true;
	return network_list_match(
	    &settings->outbound_networks, client_or_local(client));
}

bool
policy_recipient_is_exempt(
    const struct settings *settings, const char *address)
{
	return pattern_list_match(&settings->exempt_recipients, address);
}

static bool
is_exempt(const struct settings *settings, const struct message *message)
{
	return pattern_list_match(&settings->exempt_senders, message->sender) ||
	    network_list_match(&settings->exempt_clients,
		client_or_local(message->client));
}

static bool
rule_applies(const struct rule *rule, const struct message *message)
{
	if (rule->senders.n > 0 &&
	    !pattern_list_match(&rule->senders, message->sender))
		return false;
	return !pattern_list_match(&rule->except, message->sender);
}

#define FNV_BASIS UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

/* FNV-1a. */
static uint64_t
mix(uint64_t id, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	for (size_t i = 0; i < n; i++)
		id = (id ^ p[i]) * FNV_PRIME;
	return id;
}

/* With their ends, so that no two lists run into the same bytes. */
static uint64_t
mix_patterns(uint64_t id, const struct pattern_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		id = mix(id, list->items[i], strlen(list->items[i]) + 1);
	return mix(id, "", 1);
}

uint64_t
policy_rule_id(const struct rule *rule)
{
	const struct {
		int64_t window_secs;
		uint64_t recipients, count, scope, per;
	} facts = {rule->window_secs, rule->recipients, rule->count,
	    rule->scope, rule->per};
	uint64_t id = mix(FNV_BASIS, &facts, sizeof(facts));
	id = mix_patterns(id, &rule->senders);
	id = mix_patterns(id, &rule->except);
	return mix(id, rule->name, strlen(rule->name));
}

static struct measure
measure_by(const struct settings *settings, size_t index,
    const struct message *message)
{
	const struct rule *rule = &settings->rules[index];
	bool external = rule->scope == RULE_SCOPE_EXTERNAL;
	struct measure m = {
	    .rule = index,
	    .rule_id = policy_rule_id(rule),
	    .identity = message->identity,
	    .who = message->sender,
	    .recipients =
		external ? message->external_count : message->recipient_count,
	    .external_only = external,
	    .total = rule->count == RULE_COUNT_TOTAL,
	    .window_secs = rule->window_secs,
	    .limit = rule->recipients,
	};
	if (rule->per == RULE_PER_CLIENT) {
		m.identity = IDENTITY_CLIENT;
		m.who = client_or_local(message->client);
	}
	if (rule->window_secs == 0)
		m.counted = m.recipients;
	return m;
}

size_t
policy_measure(const struct settings *settings, const struct message *message,
    struct measure *measures_r)
{
	size_t n = 0;
	if (is_exempt(settings, message))
		return 0;
	for (size_t i = 0; i < settings->rules_n; i++) {
		if (!rule_applies(&settings->rules[i], message))
			continue;
		struct measure m = measure_by(settings, i, message);
		if (m.recipients > 0)
			measures_r[n++] = m;
	}
	return n;
}

int64_t
policy_quiet_secs(const struct settings *settings)
{
	return settings->longest_window_secs > 0
	    ? settings->longest_window_secs
	    : QUIET_SECS_WITHOUT_WINDOW;
}

/* Whether two measures count the same sender, so that what one's window holds
 * belongs to a bulk send of the other. */
static bool
same_sender(const struct measure *a, const struct measure *b)
{
	return a->identity == b->identity && strcmp(a->who, b->who) == 0;
}

void
policy_decide(const struct settings *settings, const struct measure *measures,
    size_t measures_n, struct decision *decision_r)
{
	*decision_r =
	    (struct decision){.quiet_secs = policy_quiet_secs(settings)};
	for (size_t i = 0; i < measures_n; i++) {
		const struct rule *rule = &settings->rules[measures[i].rule];
		if (measures[i].counted < rule->recipients)
			continue;
		if (!decision_r->matched || rule->action > decision_r->action) {
			decision_r->measure = i;
			decision_r->action = rule->action;
		}
		decision_r->matched = true;
		decision_r->alert = decision_r->alert || rule->alert;
	}
	if (!decision_r->matched)
		return;
	const struct measure *decider = &measures[decision_r->measure];
	for (size_t i = 0; i < measures_n; i++)
		if (measures[i].counted >= measures[i].limit &&
		    measures[i].window_secs > decision_r->window_secs &&
		    same_sender(&measures[i], decider))
			decision_r->window_secs = measures[i].window_secs;
}

bool
policy_may_act(const struct settings *settings, const struct measure *measures,
    size_t measures_n)
{
	for (size_t i = 0; i < measures_n; i++)
		if (settings->rules[measures[i].rule].action != ACTION_LOG)
			return true;
	return false;
}

/* Whether a rule that matched lets a deferred message go on. */
static bool
has_waited(const struct rule *rule, const struct measure *m, int64_t secs)
{
	if (secs >= DEFER_SECS_MAX)
		return true;
	/* Room may come at any time; or a person, in whose place it waits. */
	if (m->recipients < m->limit || rule->action != ACTION_DEFER)
		return false;
	return secs >= m->window_secs && m->counted - m->recipients < m->limit;
}

static bool
has_waited_enough(const struct settings *settings,
    const struct measure *measures, size_t measures_n, int64_t secs)
{
	for (size_t i = 0; i < measures_n; i++) {
		const struct rule *rule = &settings->rules[measures[i].rule];
		if (measures[i].counted >= measures[i].limit &&
		    rule->action != ACTION_LOG &&
		    !has_waited(rule, &measures[i], secs))
			return false;
	}
	return secs >= 0;
}

void
policy_settle_action(const struct settings *settings,
    const struct measure *measures, size_t measures_n,
    const struct circumstances *c, struct decision *decision)
{
	if (c->gone)
		decision->action = ACTION_LOG;
	if (c->taken && decision->action != ACTION_LOG)
		decision->action = c->taken_as == ACTION_HOLD && c->can_hold
				       ? ACTION_HOLD
				       : ACTION_LOG;
	if (decision->action == ACTION_HOLD && !c->can_hold)
		decision->action = ACTION_DEFER;
	if (decision->action == ACTION_DEFER &&
	    has_waited_enough(
		settings, measures, measures_n, c->waited_secs))
		decision->action = ACTION_LOG;
}
