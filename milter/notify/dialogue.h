/* dialogue.h: what was said in an SMTP session; for smtp.c alone. */
#ifndef BULKWATCH_NOTIFY_DIALOGUE_H
#define BULKWATCH_NOTIFY_DIALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/settings.h"

/* What the server answers next. */
enum step {
	STEP_GREETING,
	STEP_EHLO,
	STEP_STARTTLS,
	STEP_AUTH,
	STEP_NOOP, /* of a connection without a mail */
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_MAIL_TEXT, /* the final dot */
};

struct dialogue {
	struct arena *arena;
	const struct text_list *to;
	bool *refused; /* one a recipient; set where the server said no */

	enum step step;
	int code;          /* of the last reply; 0: none to this step yet */
	const char *reply; /* its text, with the code, clean */
	size_t rcpt;       /* recipients named so far */
	size_t refused_n;  /* of them refused */
	bool refused_temporarily; /* one of them by 4xx */
	const char *refusals;     /* "address: reply; …" */
	char *lines;              /* of a reply that goes on */
	bool over;                /* QUIT was said: nothing more matters */
};

/* Begins a dialogue; everything is kept in the arena. refused has room for
 * to->n and is set to false. Returns 0, or -1 when memory is out. */
int dialogue_begin(struct dialogue *dialogue, struct arena *arena,
    const struct text_list *to, bool *refused);

/* We said this: a command with its line end. */
void dialogue_said(struct dialogue *dialogue, const char *text, size_t length);

/* The server said this: one line. */
void dialogue_heard(struct dialogue *dialogue, const char *text, size_t length);

/* What was answered, for a person: "MAIL FROM", "the mail". */
const char *dialogue_step_name(const struct dialogue *dialogue);

#endif
