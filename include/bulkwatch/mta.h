/*
 * mta.h: the mail server's settings: whether and how it asks bulkwatchd.
 *
 * Postfix is read and changed through its own postconf(1), Sendmail's
 * sendmail.cf is read only. What runs is never touched: a change takes effect
 * when the admin reloads the mail server.
 *
 * Thread-safety: one thread.
 */
#ifndef BULKWATCH_MTA_H
#define BULKWATCH_MTA_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
#include "bulkwatch/settings.h"

/* bulkwatchd answers an end of message within this time, whatever its disk
 * does (the recorder's own limit, RECORDER_DEADLINE_SECS, is less), so a mail
 * server must wait at least as long. Everything else is answered at once:
 * there the recorder's limit is more than enough. */
#define MTA_CONTENT_SECS_LEAST 20
#define MTA_COMMAND_SECS_LEAST 8

/* ------------------------------------------------------------------- check */

enum mta_level {
	MTA_OK,
	MTA_NOTE,  /* worth knowing; nothing goes wrong by it */
	MTA_FAULT, /* mail goes uncounted, is counted twice, waits or is lost */
};

struct mta_finding {
	enum mta_level level;
	const char *subject; /* "postfix" or "sendmail" */
	const char *text;
};

#define MTA_FINDINGS_MAX 100

struct mta_findings {
	struct mta_finding items[MTA_FINDINGS_MAX];
	size_t n;
};

/*
 * Reads the mail server's settings and judges them.
 * config_dir: the folder of main.cf or sendmail.cf; NULL: Postfix's own
 *     (`postconf -h config_directory`), else /etc/mail.
 * findings_r: what was found, texts in the arena; what could not be looked at
 *     is a finding, too.
 */
void mta_check(struct arena *arena, const struct settings *settings,
    const char *config_dir, struct mta_findings *findings_r);

/*
 * True if a mail server's settings name the socket of settings.listen, at
 * whichever service; of Postfix also where a table may. False also if they
 * cannot be read.
 * config_dir: the folder of main.cf or sendmail.cf; NULL: the server's own.
 */
bool mta_postfix_asks(struct arena *arena, const struct settings *settings,
    const char *config_dir);
bool mta_sendmail_asks(struct arena *arena, const struct settings *settings,
    const char *config_dir);

/* --------------------------------------------------------- attach, detach */

struct mta_change {
	const char *parameter;
	const char *before; /* NULL: was not set */
	const char *after;  /* NULL: is not set any more */
};

#define MTA_CHANGES_MAX 4
#define MTA_NOTES_MAX 40

struct mta_outcome {
	const char *file; /* main.cf */
	struct mta_change changes[MTA_CHANGES_MAX];
	size_t changes_n; /* 0: nothing to do */
	bool restored;    /* detach: main.cf is byte for byte as before */
	const char *notes[MTA_NOTES_MAX]; /* sentences for the admin */
	size_t notes_n;
};

struct mta_options {
	const char *config_dir;     /* NULL: Postfix's own */
	const char *default_action; /* attach: for our entry; NULL: leave it */
	bool dry_run;               /* change nothing, only say what would be */
};

/*
 * Puts the socket of settings.listen at the end of smtpd_milters and
 * non_smtpd_milters in main.cf, and what else is needed into that entry.
 *
 * The last place is the right one: what a milter before it refuses is not
 * counted, and when a rule holds a message, Postfix tells the milters behind
 * ours to forget it, so one that signs must have had its turn.
 *
 * main.cf is replaced in one step, or left as it is. As it was before it is
 * kept beside it (main.cf.before-bulkwatch).
 * Returns 0, or -1 with a sentence and nothing changed.
 */
int mta_attach(struct arena *arena, const struct settings *settings,
    const struct mta_options *options, struct mta_outcome *outcome_r,
    struct err *err);

/*
 * Undoes mta_attach: main.cf becomes what it was, byte for byte, or, if it was
 * changed by others since, loses our entries only.
 * Returns 0, or -1 with a sentence and nothing changed.
 */
int mta_detach(struct arena *arena, const struct settings *settings,
    const struct mta_options *options, struct mta_outcome *outcome_r,
    struct err *err);

/* True for an action that mta_attach takes: accept, tempfail, quarantine. */
bool mta_default_action(const char *word);

#endif
