/* phrases.h: words of alerts in their languages; for facts.c alone. */
#ifndef BULKWATCH_NOTIFY_PHRASES_H
#define BULKWATCH_NOTIFY_PHRASES_H

/* A number stands between the two; or one, or many, behind it. */
struct around {
	const char *before, *after;
};
struct counted {
	const char *one, *many;
};

struct phrases {
	const char *language;      /* as alerts.language says it */
	const char *number;        /* stands for that of any bulk send */
	const char *identities[4]; /* by enum identity */
	const char *statuses[4];   /* by enum status */
	const char *outcomes[5];   /* by enum outcome */
	struct around assignee;    /* behind a status */
	const char *undeclared;
	struct around declared; /* number of the declaration */
	const char *withdrawn;  /* behind it */
	/* Behind the recipients, or the time, by which one was exceeded. */
	struct around sent_to, instead_of;
	const char *after_end;
	const char *no_subject;
	const char *no_client;
	const char *one_message; /* within what a rule counts */
	struct counted seconds, minutes, hours, days;
	struct counted recipients, messages;
	struct around more;       /* entries of a list that are left out */
	const char *even_more;    /* the same, their number not known */
	const char *no_addresses; /* evidence.recipients = "count" */
	/* What was done with the mail; nothing is said of mail that went on. */
	const char *actions[4]; /* by enum action */
	struct counted held;    /* messages that are held, in a list */
	struct around refused;  /* of the messages there, so many were */
	/* Of the day's digest; the numbers stand in its subject. */
	struct around of_declaration;
	struct counted waiting, holding, fresh, expected, failed;
	struct counted store_failures;
};

/* Those of a language; Vietnamese for one that is not known. */
const struct phrases *phrases_of(const char *language);

#endif
