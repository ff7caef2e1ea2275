/*
 * wiring.h: what Postfix's settings mean for our counting.
 *
 * wiring_judge is pure but for place_is, which looks whether two paths lead to
 * one socket: facts in, findings out.
 */
#ifndef BULKWATCH_MTA_WIRING_H
#define BULKWATCH_MTA_WIRING_H

#include "bulkwatch/mta.h"
#include "place.h"
#include "services.h"

#define WIRING_PARAMETERS_MAX 32

struct wiring {
	struct arena *arena;
	const char *folder; /* of main.cf */
	bool named;         /* it is not Postfix's own: --config-dir */
	struct place place;
	const char *queue_directory;
	/* What main.cf says, with all references expanded: of these names. */
	struct parameter main[WIRING_PARAMETERS_MAX];
	size_t main_n;
	struct services services;
	long files_max; /* descriptors that the daemon may have; 0: unknown */
	bool holds;     /* a rule holds mail */
};

/* The parameters that wiring_judge asks for; NULL behind the last. */
extern const char *const wiring_parameters[];

/* Adds what is to be said; each sentence once. */
void wiring_judge(const struct wiring *wiring, struct mta_findings *findings);

/* True if a list of milters names us, or a table may that is not looked into.
 */
bool wiring_names_us(const struct wiring *wiring);

/* Adds a finding unless it is there already; NULL means that memory was out. */
void wiring_add(struct mta_findings *findings, enum mta_level level,
    const char *subject, const char *text);

/* What holds for a service, or, of NULL, what main.cf says; "" if that says
 * nothing. */
const char *wiring_value(const struct wiring *wiring,
    const struct service *service, const char *name);

/* What Postfix does while nobody answers, by its milter_default_action; NULL
 * for one that is not known. */
const char *wiring_default_action(const char *action);

#endif
