/*
 * dialogue.c: what was said in an SMTP session.
 *
 * libcurl tells how a delivery ended, but not which recipient was refused and
 * in which words, and whether for now or for good. So we listen.
 */
#include "dialogue.h"

#include <string.h>
#include <strings.h>

#include "bulkwatch/text.h"

/* Of a reply, and of all refusals together: they go into one log line. */
#define REPLY_MAX 300
#define REFUSALS_MAX 800

static const struct {
	const char *command; /* NULL: not begun by a command */
	const char *name;
} steps[] = {
    [STEP_GREETING] = {NULL, "the connection"},
    [STEP_EHLO] = {"EHLO", "EHLO"},
    [STEP_STARTTLS] = {"STARTTLS", "STARTTLS"},
    [STEP_AUTH] = {"AUTH", "the login"},
    [STEP_NOOP] = {"NOOP", "NOOP"},
    [STEP_MAIL] = {"MAIL", "the sender"},
    [STEP_RCPT] = {"RCPT", "every recipient"},
    [STEP_DATA] = {"DATA", "DATA"},
    [STEP_MAIL_TEXT] = {NULL, "the mail"},
};

int
dialogue_begin(struct dialogue *dialogue, struct arena *arena,
    const struct text_list *to, bool *refused)
{
	*dialogue = (struct dialogue){
	    .arena = arena,
	    .to = to,
	    .refused = refused,
	    .reply = "",
	    .refusals = "",
	    .lines = arena_alloc(arena, REPLY_MAX + 1),
	};
	memset(refused, 0, to->n * sizeof(*refused));
	return dialogue->lines == NULL ? -1 : 0;
}

void
dialogue_said(struct dialogue *dialogue, const char *text, size_t length)
{
	dialogue->over = length >= 4 && strncasecmp(text, "QUIT", 4) == 0;
	if (dialogue->over)
		return;
	dialogue->code = 0;
	dialogue->lines[0] = '\0';
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const char *command = steps[i].command;
		if (command == NULL || length < strlen(command) ||
		    strncasecmp(text, command, strlen(command)) != 0)
			continue;
		dialogue->step = (enum step)i;
		if (i == STEP_RCPT)
			dialogue->rcpt++;
		return;
	}
	/* HELO, and the lines of a login, which are a secret, leave the step as
	 * it is. */
}

static void
note_refusal(struct dialogue *dialogue)
{
	size_t which = dialogue->rcpt - 1;
	if (dialogue->rcpt == 0 || which >= dialogue->to->n)
		return;
	dialogue->refused[which] = true;
	dialogue->refused_n++;
	if (dialogue->code < 500)
		dialogue->refused_temporarily = true;
	const char *so_far = dialogue->refusals;
	if (strlen(so_far) > REFUSALS_MAX)
		return;
	const char *longer = arena_printf(dialogue->arena, "%s%s%s: %s", so_far,
	    so_far[0] == '\0' ? "" : "; ", dialogue->to->items[which],
	    dialogue->reply);
	if (longer != NULL)
		dialogue->refusals = longer;
}

/* A reply is whole. */
static void
note_reply(struct dialogue *dialogue, int code)
{
	const char *clean = text_clean(
	    dialogue->arena, dialogue->lines, strlen(dialogue->lines));
	dialogue->lines[0] = '\0';
	if (dialogue->over)
		return;
	dialogue->code = code;
	dialogue->reply = clean == NULL ? "" : clean;
	if (dialogue->step == STEP_RCPT && code >= 400)
		note_refusal(dialogue);
	if (dialogue->step == STEP_DATA && code == 354) {
		dialogue->step = STEP_MAIL_TEXT;
		dialogue->code = 0;
	}
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

void
dialogue_heard(struct dialogue *dialogue, const char *text, size_t length)
{
	while (length > 0 &&
	       (text[length - 1] == '\r' || text[length - 1] == '\n'))
		length--;
	if (length < 3 || !is_digit(text[0]) || !is_digit(text[1]) ||
	    !is_digit(text[2]))
		return;
	/* "550-5.7.1 first", "550 5.7.1 second": the code stands once. */
	size_t used = strlen(dialogue->lines);
	size_t skip = used > 0 && length > 4 ? 4 : 0;
	size_t n = length - skip;
	if (used > 0 && used < REPLY_MAX)
		dialogue->lines[used++] = ' ';
	if (n > REPLY_MAX - used)
		n = REPLY_MAX - used;
	memcpy(dialogue->lines + used, text + skip, n);
	dialogue->lines[used + n] = '\0';
	if (length > 3 && text[3] == '-')
		return;
	/* The first line of several still has its hyphen. */
	if (strlen(dialogue->lines) > 3)
		dialogue->lines[3] = ' ';
	note_reply(dialogue,
	    (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0'));
}

const char *
dialogue_step_name(const struct dialogue *dialogue)
{
	return steps[dialogue->step].name;
}
