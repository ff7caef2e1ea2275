/*
 * plan.h: the message of a self-test, so that by the settings it is outbound
 * and a rule matches it.
 */
#ifndef BULKWATCH_CTL_PLAN_H
#define BULKWATCH_CTL_PLAN_H

#include <stdbool.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/settings.h"

/* What a plan must reckon with. */
struct plan_facts {
	const struct settings *settings;
	const struct declaration *declarations;
	size_t declarations_n;
	int64_t now_ms;
	const char *mark; /* makes the names its own: no real sender has them */
};

struct plan {
	const char *sender; /* envelope sender */
	const char *login;  /* the same, or "": it needs none to be outbound */
	const char *client;
	const char *const *recipients;
	size_t recipients_n;
	bool outbound; /* false: nothing would be, by the settings */
	bool matches;  /* a rule applies to it, and has its recipients */
	bool tells;    /* one of these rules wants an alert, and no declaration
			* covers the sender */
};

/*
 * The number of recipients is 20, or what the strictest rule wants that applies
 * if that is more. Where not every sender, client or login will do, the best is
 * sought: one that a rule applies to, that wants an alert, that is not
 * declared. Strings and recipients in the arena. Returns 0, or -1 when memory
 * is out.
 */
int plan_make(
    struct arena *arena, const struct plan_facts *facts, struct plan *plan_r);

#endif
