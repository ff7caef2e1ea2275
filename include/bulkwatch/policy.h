/*
 * policy.h: rules and exemptions. Facts in, a decision out: no clock, no
 * database, no libmilter.
 *
 * Thread-safety: all functions.
 */
#ifndef BULKWATCH_POLICY_H
#define BULKWATCH_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/record.h"
#include "bulkwatch/settings.h"

/* True if mail of this login ("" for none) from this client address is
 * outbound. client "" is local submission by an MTA that names no client: it
 * counts as 127.0.0.1. */
bool policy_is_outbound(const struct settings *settings, const char *login,
    const char *client);

/* True if a recipient (canonical) is exempt: subtracted, never counted. */
bool policy_recipient_is_exempt(const struct settings *settings,
    const char *address);

/*
 * Measures a message against every rule that applies to it.
 * measures_r: room for settings->rules_n; filled in the order of the rules,
 *     counted = recipients where the rule has no window (final), else 0 until
 *     the store has counted. Strings point into message and settings.
 * An exempt sender or client, and a message without a counted recipient, has
 * no measure. Returns how many there are.
 */
size_t policy_measure(const struct settings *settings,
    const struct message *message, struct measure *measures_r);

/* The rule's definition in one number: rules that count alike over the same
 * time have the same, whatever else was changed about them. */
uint64_t policy_rule_id(const struct rule *rule);

/* Decides from measures whose counted fields are final. */
void policy_decide(const struct settings *settings,
    const struct measure *measures, size_t measures_n,
    struct decision *decision_r);

/* How long without a trigger before a bulk send is over: the longest window of
 * the rules, and 10 minutes where no rule has one. Seconds. */
int64_t policy_quiet_secs(const struct settings *settings);

#endif
