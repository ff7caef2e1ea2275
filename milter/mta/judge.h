/*
 * judge.h: a way by which mail comes in, and what is said of it: how wiring.c,
 * which finds the ways, and judge.c, which judges one, work together.
 */
#ifndef BULKWATCH_MTA_JUDGE_H
#define BULKWATCH_MTA_JUDGE_H

#include "milters.h"
#include "wiring.h"

/* Different things that may happen while the daemon does not answer. */
#define AWAY_MAX 8

/* A way by which mail comes in. */
struct way {
	const char *label;             /* of the service by which it comes */
	const struct service *service; /* that one */
	const struct service *asks;    /* and the one that asks milters */
	const char *parameter;         /* which ones */
	struct milter_list list;
	const char *source; /* "main.cf", or "master.cf for LABEL" */
	bool own;           /* the latter */
};

/* What is being judged, and the ways that main.cf leaves uncounted. */
struct judge {
	const struct wiring *w;
	struct mta_findings *findings;
	const char *ours;      /* our place as Postfix names it */
	const char *unnamed;   /* ways whose list in main.cf lacks us */
	const char *parameter; /* those lists */
	const char *counted;   /* ways that ask us */
	struct {
		const char *what;   /* happens while we do not answer … */
		const char *labels; /* … at these */
	} away[AWAY_MAX];
	size_t away_n;
};

/* Judges a way whose list is known. */
void judge_way(struct judge *judge, const struct way *way);

/* Adds a finding about Postfix; NULL means that memory was out. */
void judge_add(struct judge *judge, enum mta_level level, const char *text);

/* What happens while we do not answer: "WHAT", or "at smtp/inet WHAT; at
 * pickup/unix WHAT". */
const char *judge_away(const struct judge *judge);

/* The command that attaches the Postfix that is judged. */
const char *judge_attach_command(const struct judge *judge);

#endif
