/* maillog.c: a line of Postfix's log, taken apart. */
#include "maillog.h"

#include <string.h>
#include <time.h>

/* Postfix's queue ids: hexadecimal, or of letters without vowels and digits
 * (enable_long_queue_ids). */
#define QUEUE_ID_LEAST 5
#define QUEUE_ID_MOST 31

bool
span_is(struct span span, const char *text)
{
	return span.n == strlen(text) && memcmp(span.text, text, span.n) == 0;
}

static bool
begins(struct span span, const char *text)
{
	size_t n = strlen(text);
	return span.n >= n && memcmp(span.text, text, n) == 0;
}

static void
skip(struct span *span, size_t n)
{
	span->text += n;
	span->n -= n;
}

/* Takes the text off the front; false if it is not there. */
static bool
take(struct span *rest, const char *text)
{
	if (!begins(*rest, text))
		return false;
	skip(rest, strlen(text));
	return true;
}

/* The first occurrence of text; NULL if there is none. */
static const char *
find(struct span span, const char *text)
{
	return memmem(span.text, span.n, text, strlen(text));
}

/* The last one. */
static const char *
find_last(struct span span, const char *text)
{
	const char *last = NULL, *at;
	while ((at = find(span, text)) != NULL) {
		last = at;
		skip(&span, (size_t)(at - span.text) + 1);
	}
	return last;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits off the front; false if there is none, or too many. */
static bool
take_number(struct span *rest, uint64_t *number_r)
{
	size_t n = 0;
	*number_r = 0;
	for (; n < rest->n && is_digit(rest->text[n]); n++) {
		if (n == 18)
			return false;
		*number_r = *number_r * 10 + (uint64_t)(rest->text[n] - '0');
	}
	skip(rest, n);
	return n > 0;
}

/* ------------------------------------------------------------------ time */

/* Two digits, or a blank and one, then one character c ('\0': none). */
static bool
take_two(struct span *rest, char c, int *number_r)
{
	if (rest->n < 2 || !is_digit(rest->text[1]) ||
	    (!is_digit(rest->text[0]) && rest->text[0] != ' '))
		return false;
	*number_r = (rest->text[0] == ' ' ? 0 : rest->text[0] - '0') * 10 +
		    rest->text[1] - '0';
	skip(rest, 2);
	if (c == '\0')
		return true;
	if (rest->n == 0 || rest->text[0] != c)
		return false;
	skip(rest, 1);
	return true;
}

static bool
take_clock(struct span *rest, struct tm *tm)
{
	return take_two(rest, ':', &tm->tm_hour) &&
	       take_two(rest, ':', &tm->tm_min) &&
	       take_two(rest, '\0', &tm->tm_sec) && tm->tm_hour < 24 &&
	       tm->tm_min < 60 && tm->tm_sec <= 60;
}

/* ".123456", if it is there. */
static void
take_fraction(struct span *rest, int64_t *ms_r)
{
	int64_t unit = 100;
	*ms_r = 0;
	if (rest->n < 2 || rest->text[0] != '.' || !is_digit(rest->text[1]))
		return;
	skip(rest, 1);
	for (; rest->n > 0 && is_digit(rest->text[0]); skip(rest, 1)) {
		*ms_r += unit * (rest->text[0] - '0');
		unit /= 10;
	}
}

/* "Z", "+07:00", or "+0700" as journalctl has it. */
static bool
take_zone(struct span *rest, int64_t *offset_secs_r)
{
	int hours, minutes;
	*offset_secs_r = 0;
	if (take(rest, "Z"))
		return true;
	if (rest->n == 0 || strchr("+-", rest->text[0]) == NULL)
		return false;
	bool west = rest->text[0] == '-';
	skip(rest, 1);
	if (!take_two(rest, '\0', &hours))
		return false;
	take(rest, ":");
	if (!take_two(rest, '\0', &minutes) || hours > 23 || minutes > 59)
		return false;
	*offset_secs_r = (west ? -60 : 60) * (hours * 60 + minutes);
	return true;
}

/* 2026-11-22T18:00:01.123456+07:00 */
static bool
take_rfc3339(struct span *rest, int64_t *at_ms_r)
{
	struct tm tm = {0};
	int century, year;
	int64_t ms, offset_secs;
	if (!take_two(rest, '\0', &century) || !take_two(rest, '-', &year) ||
	    !take_two(rest, '-', &tm.tm_mon) ||
	    !take_two(rest, 'T', &tm.tm_mday) || !take_clock(rest, &tm))
		return false;
	take_fraction(rest, &ms);
	if (!take_zone(rest, &offset_secs) || tm.tm_mon < 1 || tm.tm_mon > 12 ||
	    tm.tm_mday < 1 || tm.tm_mday > 31)
		return false;
	tm.tm_year = century * 100 + year - 1900;
	tm.tm_mon--;
	*at_ms_r = ((int64_t)timegm(&tm) - offset_secs) * 1000 + ms;
	return true;
}

static bool
take_month(struct span *rest, int *month_r)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	for (int i = 0; rest->n > 4 && i < 12; i++)
		if (memcmp(rest->text, names + 3 * (size_t)i, 3) == 0 &&
		    rest->text[3] == ' ') {
			skip(rest, 4);
			*month_r = i;
			return true;
		}
	return false;
}

/* Nov 22 18:00:01: of this year, or of the year before if that would be later
 * than it can be. 29 February may want to go further back. */
static bool
take_rfc3164(struct span *rest, int64_t latest_ms, int64_t *at_ms_r)
{
	struct tm given = {.tm_isdst = -1}, latest;
	const time_t latest_secs = (time_t)(latest_ms / 1000);
	if (!take_month(rest, &given.tm_mon) ||
	    !take_two(rest, ' ', &given.tm_mday) || !take_clock(rest, &given) ||
	    localtime_r(&latest_secs, &latest) == NULL)
		return false;
	for (int back = 0; back < 8; back++) {
		struct tm tm = given;
		tm.tm_year = latest.tm_year - back;
		const time_t secs = mktime(&tm);
		if (tm.tm_mday != given.tm_mday || secs > latest_secs)
			continue;
		*at_ms_r = (int64_t)secs * 1000;
		return true;
	}
	return false;
}

static bool
take_time(struct span *rest, int64_t latest_ms, int64_t *at_ms_r)
{
	if (rest->n > 0 && is_digit(rest->text[0]))
		return take_rfc3339(rest, at_ms_r);
	return take_rfc3164(rest, latest_ms, at_ms_r);
}

bool
maillog_time(
    const char *text, size_t length, int64_t latest_ms, int64_t *at_ms_r)
{
	struct span rest = {text, length};
	return take_time(&rest, latest_ms, at_ms_r);
}

/* ------------------------------------------------------------------ head */

/* Up to the next c, which is taken off too. */
static bool
take_until(struct span *rest, char c, struct span *word_r)
{
	const char *end = memchr(rest->text, c, rest->n);
	if (end == NULL || end == rest->text)
		return false;
	*word_r = (struct span){rest->text, (size_t)(end - rest->text)};
	skip(rest, word_r->n + 1);
	return true;
}

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
	skip(&tag, (size_t)(slash - tag.text) + 1);
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
	if (!take_time(rest, latest_ms, &line->at_ms) || !take(rest, " ") ||
	    !take_until(rest, ' ', &line->host) ||
	    !take_until(rest, '[', &line->tag) ||
	    memchr(line->tag.text, ' ', line->tag.n) != NULL ||
	    !take_number(rest, &line->pid) || !take(rest, "]: "))
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
	       (is_digit(rest->text[n]) || ((rest->text[n] | 0x20) >= 'a' &&
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
	skip(rest, n + 2);
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
	skip(rest, n + 1);
	return true;
}

/* What stands behind name, up to the next field of the list or the end. */
static struct span
field(struct span rest, const char *name, const char *const *ends)
{
	const char *at = find(rest, name);
	if (at == NULL)
		return (struct span){"", 0};
	skip(&rest, (size_t)(at - rest.text) + strlen(name));
	for (; *ends != NULL; ends++)
		if ((at = find(rest, *ends)) != NULL)
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
	skip(&rest, (size_t)(open - rest.text) + 1);
	if (!take_until(&rest, ']', &line->client))
		return false;
	line->login = field(rest, ", sasl_username=", ends);
	line->before = field(rest, ", orig_queue_id=", ends);
	line->event = MAILLOG_CLIENT;
	return true;
}

static bool
read_smtpd(struct span rest, struct maillog_line *line)
{
	if (take(&rest, "client="))
		return read_client(rest, line);
	if (begins(rest, "hold: "))
		line->event = MAILLOG_HELD;
	else if (begins(rest, "reject: END-OF-MESSAGE ") ||
		 begins(rest, "discard: "))
		line->event = MAILLOG_REFUSED;
	return true;
}

static bool
read_cleanup(struct span rest, struct maillog_line *line)
{
	if (take(&rest, "message-id=")) {
		line->message_id = rest;
		line->event = MAILLOG_MESSAGE_ID;
	} else if (begins(rest, "hold: ") || begins(rest, "milter-hold: ")) {
		line->event = MAILLOG_HELD;
	} else if (begins(rest, "milter-reject: ") ||
		   begins(rest, "milter-discard: ") ||
		   begins(rest, "reject: ") || begins(rest, "discard: ")) {
		line->event = MAILLOG_REFUSED;
	}
	return true;
}

/* uid=1000 from=<an> */
static bool
read_pickup(struct span rest, struct maillog_line *line)
{
	uint64_t uid;
	if (!take(&rest, "uid=") || !take_number(&rest, &uid) ||
	    !take(&rest, " from=") || !take_address(&rest, &line->sender))
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
	const char *at = find_last(rest, ", nrcpt=");
	if (at == NULL || !take(&rest, "from=") ||
	    !take_address(&rest, &line->sender) || at < rest.text)
		return true;
	skip(&rest, (size_t)(at - rest.text) + strlen(", nrcpt="));
	if (!take_number(&rest, &n) || n > UINT32_MAX)
		return false;
	line->recipients = (uint32_t)n;
	line->event = MAILLOG_QUEUED;
	return true;
}

/* to=<an@x>, orig_to=<all@x>, relay=… */
static bool
read_delivery(struct span rest, struct maillog_line *line)
{
	if (!take(&rest, "to=") || !take_address(&rest, &line->address))
		return true;
	line->original = line->address;
	if (take(&rest, ", orig_to=") && !take_address(&rest, &line->original))
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
	line->connecting = take(&rest, "connect to Milter service ");
	if (!line->connecting && !take(&rest, "milter "))
		return;
	const char *end = find(rest, ": ");
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
	if (take(&rest, "warning: "))
		read_warning(rest, line);
	else if (smtpd && begins(rest, "connect from "))
		line->event = MAILLOG_CONNECT;
	else if (smtpd && (begins(rest, "lost connection after DATA") ||
			      begins(rest, "timeout after DATA") ||
			      begins(rest, "lost connection after BDAT") ||
			      begins(rest, "timeout after BDAT")))
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
