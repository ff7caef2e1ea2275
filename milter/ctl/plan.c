/*
 * plan.c: the message of a self-test.
 *
 * Who may send, from where, and how much is seldom free: rules may be for some
 * senders only, and loopback may be exempt. So the few candidates that settings
 * suggest are looked at in turn, with the very functions that the daemon uses.
 * Only names of our own are candidates: no sender's record is touched.
 */
#include "plan.h"

#include <arpa/inet.h>
#include <string.h>

#include "bulkwatch/policy.h"

#define RECIPIENTS_LEAST 20

/* RFC 2606: nobody ever has it. */
#define DOMAIN "bulkwatch.invalid"

/* RFC 5737: an address that is nobody's, for who has logged in. */
#define NOBODYS_ADDRESS "192.0.2.25"

/* --------------------------------------------------------------- candidates */

/* The domain of a pattern for many addresses; NULL for any other. */
static const char *
domain_of(const char *pattern)
{
	if (strncmp(pattern, "*@", 2) == 0)
		return pattern + 2;
	return strncmp(pattern, "@.", 2) == 0 ? pattern + 2 : NULL;
}

/* The candidates' domains in turn: ours, one that nobody has, those for which
 * there are rules. NULL behind the last. */
static const char *
domain_at(const struct settings *s, size_t at)
{
	if (at < s->local_domains.n)
		return s->local_domains.items[at];
	if ((at -= s->local_domains.n) == 0)
		return DOMAIN;
	at--;
	for (size_t r = 0; r < s->rules_n; r++) {
		const struct pattern_list *list = &s->rules[r].senders;
		for (size_t i = 0; i < list->n; i++) {
			const char *domain = domain_of(list->items[i]);
			if (domain != NULL && at-- == 0)
				return domain;
		}
	}
	return NULL;
}

/* An address of the network that hardly anybody has: the mark decides all bits
 * that it may. */
static const char *
address_in(struct arena *arena, const struct network *network, const char *mark)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address = network->address;
	for (unsigned bit = network->prefix; bit < 128; bit++)
		if (((unsigned)mark[bit / 4] >> (bit % 4) & 1) != 0)
			address.s6_addr[bit / 8] |=
			    (unsigned char)(0x80 >> (bit % 8));
	if (IN6_IS_ADDR_V4MAPPED(&address))
		inet_ntop(AF_INET, &address.s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, &address, text, sizeof(text));
	return arena_strdup(arena, text);
}

/* 127.0.0.0/8 */
static const struct network loopback = {
    .address = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127}}},
    .prefix = 104,
};

/* Their addresses, likewise; NULL also when memory is out: who needs it then
 * says so. */
static const char *
client_at(struct arena *arena, const struct plan_facts *facts, size_t at)
{
	const struct network_list *list = &facts->settings->outbound_networks;
	if (at == 0)
		return address_in(arena, &loopback, facts->mark);
	if (at <= list->n)
		return address_in(arena, &list->items[at - 1], facts->mark);
	return at == list->n + 1 ? NOBODYS_ADDRESS : NULL;
}

/* ------------------------------------------------------------------ judging */

/* The fewest recipients at which a rule matches: one that wants an alert, if
 * any does. 0: no rule applies. */
static uint32_t
fewest(const struct settings *s, const struct measure *measures, size_t n,
    bool *alert_r)
{
	uint32_t least[2] = {0, 0}; /* of all; of those that want an alert */
	for (size_t i = 0; i < n; i++) {
		const struct rule *rule = &s->rules[measures[i].rule];
		for (int j = 0; j <= (rule->alert ? 1 : 0); j++)
			if (least[j] == 0 || rule->recipients < least[j])
				least[j] = rule->recipients;
	}
	*alert_r = least[1] > 0;
	return least[1] > 0 ? least[1] : least[0];
}

/* How the candidate would fare: fills what is to be known of it. */
static void
judge(const struct plan_facts *facts, struct plan *plan)
{
	const struct settings *s = facts->settings;
	struct measure measures[SETTINGS_RULES_MAX];
	const bool login = plan->login[0] != '\0';
	const struct message m = {
	    .identity = login ? IDENTITY_LOGIN : IDENTITY_ENVELOPE,
	    .sender = plan->sender,
	    .client = plan->client,
	    .recipient_count = 1,
	    .external_count = 1,
	};
	plan->outbound = policy_is_outbound(s, plan->login, plan->client);
	size_t n = plan->outbound ? policy_measure(s, &m, measures) : 0;
	const uint32_t least = fewest(s, measures, n, &plan->tells);
	plan->matches = least > 0;
	plan->recipients_n =
	    least > RECIPIENTS_LEAST ? least : RECIPIENTS_LEAST;
	if (plan->tells)
		plan->tells = policy_declaration(facts->declarations,
				  facts->declarations_n, plan->sender,
				  facts->now_ms) == NULL;
}

static int
rank(const struct plan *plan)
{
	return plan->outbound + 2 * plan->matches + 4 * plan->tells;
}

#define RANK_BEST 7

/* Looks at a sender from each client, with and without a login. */
static void
try_sender(struct arena *arena, const struct plan_facts *facts,
    const char *sender, struct plan *best)
{
	const char *client;
	for (size_t i = 0; (client = client_at(arena, facts, i)) != NULL; i++)
		for (int login = 0; login < 2; login++) {
			struct plan plan = {.sender = sender,
			    .client = client,
			    .login = login ? sender : ""};
			judge(facts, &plan);
			if (best->sender == NULL || rank(&plan) > rank(best))
				*best = plan;
		}
}

static const char *const *
make_recipients(struct arena *arena, size_t n)
{
	const char **list = arena_alloc(arena, n * sizeof(*list));
	for (size_t i = 0; list != NULL && i < n; i++) {
		list[i] = arena_printf(arena, "recipient-%zu@" DOMAIN, i + 1);
		if (list[i] == NULL)
			return NULL;
	}
	return list;
}

int
plan_make(
    struct arena *arena, const struct plan_facts *facts, struct plan *plan_r)
{
	const char *domain;
	struct plan best = {.sender = NULL};
	for (size_t i = 0; (domain = domain_at(facts->settings, i)) != NULL;
	     i++) {
		const char *sender = arena_printf(
		    arena, "selftest-%.12s@%s", facts->mark, domain);
		if (sender == NULL)
			return -1;
		try_sender(arena, facts, sender, &best);
		if (rank(&best) == RANK_BEST)
			break;
	}
	best.recipients = make_recipients(arena, best.recipients_n);
	*plan_r = best;
	return best.sender == NULL || best.recipients == NULL ? -1 : 0;
}
