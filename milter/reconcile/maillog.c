/* maillog.c: a line of Postfix's log, taken apart. */
#include "maillog.h"

#include <string.h>

#include "stamp.h"

/* Postfix's queue ids: hexadecimal, or of letters without vowels and digits
 * (enable_long_queue_ids). */
#define QUEUE_ID_LEAST 5
#define QUEUE_ID_MOST 31

/* ------------------------------------------------------------------ head */

/* The daemon that the tag ends with. */
static bool
read_program(struct span tag, enum maillog_program *program_r)
{
	static const struct {
		const char *name;
		enum maillog_program program;
	} programs[] = {
	    {"smtpd", MAILLOG_SMTPD},
	    {"cleanup", MAILLOG_CLEANUP},
	    {"pickup", MAILLOG_PICKUPD},
	    {"qmgr", MAILLOG_QMGR},
	    {"oqmgr", MAILLOG_QMGR},
	    {"nqmgr", MAILLOG_QMGR},
	    {"postsuper", MAILLOG_POSTSUPER},
	    {"smtp", MAILLOG_ANY},
	    {"lmtp", MAILLOG_ANY},
	    {"local", MAILLOG_ANY},
	    {"virtual", MAILLOG_ANY},
	    {"pipe", MAILLOG_ANY},
	    {"error", MAILLOG_ANY},
	    {"retry", MAILLOG_ANY},
	    {"discard", MAILLOG_ANY},
	};
	const char *slash = memrchr(tag.text, '/', tag.n);
	if (slash == NULL)
		return false;
	span_skip(&tag, (size_t)(slash - tag.text) + 1);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (span_is(tag, programs[i].name)) {
			*program_r = programs[i].program;
			return true;
		}
	*program_r = MAILLOG_ANY;
	return true;
}

static bool
is_of_instance(struct span tag, const char *instance)
{
	const char *slash = memchr(tag.text, '/', tag.n);
	return slash != NULL &&
	       span_is((struct span){tag.text, (size_t)(slash - tag.text)},
		   instance);
}

/* "2026-… host postfix/smtpd[123]: " */
static bool
take_head(struct span *rest, int64_t latest_ms, const char *instance,
    struct maillog_line *line)
{
	if (!stamp_take(rest, latest_ms, &line->at_ms) ||
	    !span_take(rest, " ") || !span_take_until(rest, ' ', &line->host) ||
	    !span_take_until(rest, '[', &line->tag) ||
	    memchr(line->tag.text, ' ', line->tag.n) != NULL ||
	    !span_take_number(rest, &line->pid) || !span_take(rest, "]: "))
		return false;
	return read_program(line->tag, &line->program) &&
	       (instance == NULL || is_of_instance(line->tag, instance));
}

/* "3F2A81C0: "; words that stand in its place are none. */
static bool
take_queue_id(struct span *rest, struct span *id_r)
{
	static const char *const words[] = {
	    "warning", "error", "fatal", "panic", "NOQUEUE", "statistics"};
	size_t n = 0;
	while (n < rest->n && n <= QUEUE_ID_MOST &&
	       (span_is_digit(rest->text[n]) ||
		   ((rest->text[n] | 0x20) >= 'a' &&
		       (rest->text[n] | 0x20) <= 'z')))
		n++;
	if (n < QUEUE_ID_LEAST || n > QUEUE_ID_MOST || rest->n < n + 2 ||
	    memcmp(rest->text + n, ": ", 2) != 0)
		return false;
	*id_r = (struct span){rest->text, n};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_is(*id_r, words[i])) {
			id_r->n = 0;
			return false;
		}
	span_skip(rest, n + 2);
	return true;
}

/* ------------------------------------------------------- what it tells */

/* An address in angle brackets, as Postfix logs it: a local part that needs
 * quotes has them, so what looks like the end within them is none. */
static bool
take_address(struct span *rest, struct span *address_r)
{
	size_t n = 1;
	if (rest->n < 2 || rest->text[0] != '<')
		return false;
	if (rest->text[1] == '"')
		for (n = 2; n < rest->n && rest->text[n] != '"'; n++)
			n += rest->text[n] == '\\';
	while (n < rest->n && rest->text[n] != '>')
		n++;
	if (n >= rest->n)
		return false;
	*address_r = (struct span){rest->text + 1, n - 1};
	span_skip(rest, n + 1);
	return true;
}

/* What stands behind name, up to the next field of the list or the end. */
static struct span
field(struct span rest, const char *name, const char *const *ends)
{
	const char *at = span_find(rest, name);
	if (at == NULL)
		return (struct span){"", 0};
	span_skip(&rest, (size_t)(at - rest.text) + strlen(name));
	for (; *ends != NULL; ends++)
		if ((at = span_find(rest, *ends)) != NULL)
			rest.n = (size_t)(at - rest.text);
	return rest;
}

/* client=host[192.0.2.7]:port, sasl_method=PLAIN, sasl_username=an,
 * sasl_sender=x, orig_queue_id=4ABC, orig_client=host[192.0.2.8] */
static bool
read_client(struct span rest, struct maillog_line *line)
{
	static const char *const ends[] = {
	    ", sasl_sender=", ", orig_queue_id=", ", orig_client=", NULL};
	const char *open = memchr(rest.text, '[', rest.n);
	if (open == NULL)
		return false;
	span_skip(&rest, (size_t)(open - rest.text) + 1);
	if (!span_take_until(&rest, ']', &line->client))
		return false;
	line->login = field(rest, ", sasl_username=", ends);
	line->before = field(rest, ", orig_queue_id=", ends);
	line->event = MAILLOG_CLIENT;
	return true;
}

static bool
read_smtpd(struct span rest, struct maillog_line *line)
{
	if (span_take(&rest, "client="))
		return read_client(rest, line);
	if (span_begins(rest, "hold: "))
		line->event = MAILLOG_HELD;
	else if (span_begins(rest, "reject: END-OF-MESSAGE ") ||
		 span_begins(rest, "discard: "))
		line->event = MAILLOG_REFUSED;
	return true;
}

static bool
read_cleanup(struct span rest, struct maillog_line *line)
{
	if (span_take(&rest, "message-id=")) {
		line->message_id = rest;
		line->event = MAILLOG_MESSAGE_ID;
	} else if (span_begins(rest, "hold: ") ||
		   span_begins(rest, "milter-hold: ")) {
		line->event = MAILLOG_HELD;
	} else if (span_begins(rest, "milter-reject: ") ||
		   span_begins(rest, "milter-discard: ") ||
		   span_begins(rest, "reject: ") ||
		   span_begins(rest, "discard: ")) {
		line->event = MAILLOG_REFUSED;
	}
	return true;
}

/* uid=1000 from=<an> */
static bool
read_pickup(struct span rest, struct maillog_line *line)
{
	uint64_t uid;
	if (!span_take(&rest, "uid=") || !span_take_number(&rest, &uid) ||
	    !span_take(&rest, " from=") || !take_address(&rest, &line->sender))
		return false;
	line->event = MAILLOG_PICKUP;
	return true;
}

/* from=<an@x>, size=450, nrcpt=25 (queue active) */
static bool
read_qmgr(struct span rest, struct maillog_line *line)
{
	uint64_t n;
	if (span_is(rest, "removed")) {
		line->event = MAILLOG_REMOVED;
		return true;
	}
	const char *at = span_find_last(rest, ", nrcpt=");
	if (at == NULL || !span_take(&rest, "from=") ||
	    !take_address(&rest, &line->sender) || at < rest.text)
		return true;
	span_skip(&rest, (size_t)(at - rest.text) + strlen(", nrcpt="));
	if (!span_take_number(&rest, &n) || n > UINT32_MAX)
		return false;
	line->recipients = (uint32_t)n;
	line->event = MAILLOG_QUEUED;
	return true;
}

/* to=<an@x>, orig_to=<all@x>, relay=… */
static bool
read_delivery(struct span rest, struct maillog_line *line)
{
	if (!span_take(&rest, "to=") || !take_address(&rest, &line->address))
		return true;
	line->original = line->address;
	if (span_take(&rest, ", orig_to=") &&
	    !take_address(&rest, &line->original))
		return false;
	line->event = MAILLOG_DELIVERY;
	return true;
}

/* A line that belongs to a message. */
static bool
read_of_message(struct span rest, struct maillog_line *line)
{
	switch (line->program) {
	case MAILLOG_SMTPD:
		return read_smtpd(rest, line);
	case MAILLOG_CLEANUP:
		return read_cleanup(rest, line);
	case MAILLOG_PICKUPD:
		return read_pickup(rest, line);
	case MAILLOG_QMGR:
		return read_qmgr(rest, line);
	case MAILLOG_POSTSUPER:
		if (span_is(rest, "removed"))
			line->event = MAILLOG_REMOVED;
		return true;
	default:
		return read_delivery(rest, line);
	}
}

/* "milter unix:/x: …" or "connect to Milter service unix:/x: …" */
static void
read_warning(struct span rest, struct maillog_line *line)
{
	line->connecting = span_take(&rest, "connect to Milter service ");
	if (!line->connecting && !span_take(&rest, "milter "))
		return;
	const char *end = span_find(rest, ": ");
	line->milter = (struct span){
	    rest.text, end == NULL ? 0 : (size_t)(end - rest.text)};
	line->event = MAILLOG_NO_MILTER;
}

/* One that does not. */
static void
read_of_session(struct span rest, struct maillog_line *line)
{
	bool smtpd = line->program == MAILLOG_SMTPD;
	if (!smtpd && line->program != MAILLOG_CLEANUP)
		return;
	if (span_take(&rest, "warning: "))
		read_warning(rest, line);
	else if (smtpd && span_begins(rest, "connect from "))
		line->event = MAILLOG_CONNECT;
	else if (smtpd && (span_begins(rest, "lost connection after DATA") ||
			      span_begins(rest, "timeout after DATA") ||
			      span_begins(rest, "lost connection after BDAT") ||
			      span_begins(rest, "timeout after BDAT")))
		line->event = MAILLOG_BROKEN_OFF;
}

bool
maillog_parse(const char *text, size_t length, int64_t latest_ms,
    const char *instance, struct maillog_line *line_r)
{
	static const struct span none = {"", 0};
	struct span rest = {text, length};
	*line_r = (struct maillog_line){.queue_id = none,
	    .client = none,
	    .login = none,
	    .sender = none,
	    .message_id = none,
	    .address = none,
	    .original = none,
	    .before = none,
	    .milter = none};
	if (!take_head(&rest, latest_ms, instance, line_r))
		return false;
	if (!take_queue_id(&rest, &line_r->queue_id)) {
		read_of_session(rest, line_r);
		return true;
	}
	if (!read_of_message(rest, line_r))
		line_r->event = MAILLOG_OTHER;
	return true;
}
