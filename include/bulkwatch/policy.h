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

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
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

/* The rule's definition in one number: rules of one name that count the same
 * senders alike over the same time have the same, whatever else was changed
 * about them. */
uint64_t policy_rule_id(const struct rule *rule);

/* Decides from measures whose counted fields are final. */
void policy_decide(const struct settings *settings,
    const struct measure *measures, size_t measures_n,
    struct decision *decision_r);

/* What is known of a trigger beyond the rules. */
struct circumstances {
	bool gone;     /* the mail went on before it was counted */
	bool can_hold; /* the MTA can put mail aside */
	bool taken;    /* it was taken once, and comes again … */
	enum action taken_as;  /* … and what was done with it then */
	int64_t waited_secs; /* since its first try was refused; -1: this is
	                      * the first */
};

/*
 * Settles what is done with a trigger, after policy_apply_declaration.
 *
 * Mail that is gone is only logged. Mail that was taken before is taken again,
 * and held again if it was held: its sender has not heard of it. Where the MTA
 * cannot hold, mail is deferred instead. And a deferral ends: when the window
 * has room for the message; for one that alone fills the window when it has
 * waited as long as that and the window has room beside it (so of many such
 * messages one goes through in that time); after a day at the latest.
 */
void policy_settle_action(const struct settings *settings,
    const struct measure *measures, size_t measures_n,
    const struct circumstances *circumstances, struct decision *decision);

/* True if a rule that measured the message may do more than log it. */
bool policy_may_act(const struct settings *settings,
    const struct measure *measures, size_t measures_n);

/* How long without a trigger before a bulk send is over: the longest window of
 * the rules, and 10 minutes where no rule has one. Seconds. */
int64_t policy_quiet_secs(const struct settings *settings);

/* ------------------------------------------------------------ declarations */

/*
 * The declaration that covers this sender (a login or address) at this time:
 * the most specific pattern wins, then the latest made. NULL: none.
 */
const struct declaration *policy_declaration(
    const struct declaration *declarations, size_t n, const char *sender,
    int64_t at_ms);

/* Puts the declaration that covers a trigger of this sender, if one does, into
 * its decision: nothing but the log is done with the message then. */
void policy_apply_declaration(struct decision *decision,
    const struct declaration *declarations, size_t n, const char *sender,
    int64_t at_ms);

/* By how much a bulk send goes beyond its declaration at this time: recipients
 * above the declared number (0 within the 5 % grace) and seconds after its
 * end (0 within). used: what all its bulk sends have used. */
struct beyond {
	uint32_t recipients;
	int64_t secs;
};
struct beyond policy_beyond(
    const struct declaration *declaration, uint32_t used, int64_t at_ms);

/*
 * Which alert a trigger makes due on a bulk send that has had none.
 * of_send: the declaration of the bulk send, NULL if it has none (any more).
 * used: what all bulk sends of that declaration have used.
 * Returns true with *kind_r set, or false: none.
 */
bool policy_alert(const struct decision *decision,
    const struct declaration *of_send, uint32_t used, int64_t at_ms,
    enum alert_kind *kind_r);

/* Whom to send a notice about a bulk send of this message: the sender, if that
 * is an address in notices.domains, else the envelope sender if it is, else
 * NULL; NULL too if notices are off. */
const char *policy_notice_to(
    const struct settings *settings, const struct message *message);

/* --------------------------------------------------------------- follow-up */

enum follow_up {
	FOLLOW_UP_TAKE,   /* new → reviewing, by its assignee */
	FOLLOW_UP_NOTE,   /* any status: only a line of history */
	FOLLOW_UP_CLOSE,  /* new, reviewing → closed, with an outcome */
	FOLLOW_UP_REOPEN, /* closed → reviewing */
};

struct follow_up_request {
	enum follow_up step;
	const char *by;
	const char *note;      /* "" if none */
	enum outcome outcome;  /* of close */
	const char *reference; /* of close; "" if none */
	int64_t at_ms;
};

/*
 * What a follow-up makes of a bulk send.
 * then_r: the record as it shall be. line_r: the line of its history; its note
 *     is made in the arena.
 * Returns 0, or -1 with a sentence that says why not and what can be done
 * instead (who has it, who closed it).
 */
int policy_follow_up(const struct follow_up_request *request,
    const struct bulk_send *now, struct arena *arena,
    struct bulk_send *then_r, struct history *line_r, struct err *err);

#endif
