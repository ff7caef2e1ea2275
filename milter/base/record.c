/* record.c: the words for what the structs hold. */
#include "bulkwatch/record.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const identities[] = {
    [IDENTITY_LOGIN] = "login",
    [IDENTITY_ENVELOPE] = "envelope",
    [IDENTITY_CLIENT] = "client",
};

static const char *const actions[] = {
    [ACTION_LOG] = "log",
    [ACTION_DEFER] = "defer",
    [ACTION_HOLD] = "hold",
    [ACTION_REJECT] = "reject",
};

static const char *const triggers[] = {
    [TRIGGER_MESSAGE] = "message",
    [TRIGGER_WINDOW] = "window",
};

static const char *const statuses[] = {
    [STATUS_NEW] = "new",
    [STATUS_REVIEWING] = "reviewing",
    [STATUS_CLOSED] = "closed",
};

static const char *const outcomes[] = {
    [OUTCOME_NONE] = "",
    [OUTCOME_REPORTED] = "reported",
    [OUTCOME_UNREPORTED] = "unreported",
    [OUTCOME_COMPROMISED] = "compromised",
    [OUTCOME_FALSE_ALARM] = "false-alarm",
};

static const char *const alert_kinds[] = {
    [ALERT_STARTED] = "started",
    [ALERT_GROWN] = "grown",
    [ALERT_BEYOND] = "beyond",
    [ALERT_NOTICE] = "notice",
    [ALERT_DAILY] = "daily",
};

static const char *const alert_states[] = {
    [ALERT_QUEUED] = "queued",
    [ALERT_SENT] = "sent",
    [ALERT_FAILED] = "failed",
};

static const char *const held_states[] = {
    [HELD_WAITING] = "waiting",
    [HELD_RELEASED] = "released",
    [HELD_DISCARDED] = "discarded",
    [HELD_GONE] = "gone",
};

static const char *const findings[] = {
    [FOUND_COUNTED] = "counted",
    [FOUND_RETRY] = "retry",
    [FOUND_OWN] = "own",
    [FOUND_REINJECTED] = "reinjected",
    [FOUND_SPOOLED] = "spooled",
    [FOUND_NO_MILTER] = "no-milter",
    [FOUND_BEFORE] = "before-ledger",
    [FOUND_PURGED] = "purged",
    [FOUND_REFUSED] = "refused",
    [FOUND_DIFFERS] = "differs",
    [FOUND_NOWHERE] = "nowhere",
};

static const char *
name_of(const char *const *names, size_t n, unsigned value)
{
	return value < n && names[value] != NULL ? names[value] : "?";
}

/* The value of a word, or -1; "" is no word. */
static int
value_of(const char *const *names, size_t n, const char *word)
{
	for (size_t i = 0; i < n && word[0] != '\0'; i++)
		if (names[i] != NULL && strcmp(names[i], word) == 0)
			return (int)i;
	return -1;
}

#define NAME_OF(names, value) name_of(names, COUNT(names), (unsigned)(value))

const char *
record_identity_name(enum identity identity)
{
	return NAME_OF(identities, identity);
}

const char *
record_action_name(enum action action)
{
	return NAME_OF(actions, action);
}

const char *
record_trigger_name(enum trigger trigger)
{
	return NAME_OF(triggers, trigger);
}

const char *
record_status_name(enum status status)
{
	return NAME_OF(statuses, status);
}

const char *
record_outcome_name(enum outcome outcome)
{
	return NAME_OF(outcomes, outcome);
}

const char *
record_alert_kind_name(enum alert_kind kind)
{
	return NAME_OF(alert_kinds, kind);
}

const char *
record_alert_state_name(enum alert_state state)
{
	return NAME_OF(alert_states, state);
}

const char *
record_held_state_name(enum held_state state)
{
	return NAME_OF(held_states, state);
}

const char *
record_finding_name(enum finding finding)
{
	return NAME_OF(findings, finding);
}

int
record_identity_parse(const char *word, enum identity *identity_r)
{
	int value = value_of(identities, COUNT(identities), word);
	if (value < 0)
		return -1;
	*identity_r = (enum identity)value;
	return 0;
}

int
record_action_parse(const char *word, enum action *action_r)
{
	int value = value_of(actions, COUNT(actions), word);
	if (value < 0)
		return -1;
	*action_r = (enum action)value;
	return 0;
}

int
record_status_parse(const char *word, enum status *status_r)
{
	int value = value_of(statuses, COUNT(statuses), word);
	if (value < 0)
		return -1;
	*status_r = (enum status)value;
	return 0;
}

int
record_outcome_parse(const char *word, enum outcome *outcome_r)
{
	int value = value_of(outcomes, COUNT(outcomes), word);
	if (value < 0)
		return -1;
	*outcome_r = (enum outcome)value;
	return 0;
}
