/*
 * traffic.c: the messages of Postfix's log, put together from its lines.
 *
 * A message is accepted once qmgr has it (its "from=" line), or once it is on
 * hold with all that a client sends. Before that smtpd or pickup say where it
 * comes from, and cleanup its Message-ID. Short queue ids are used again as
 * soon as a message is gone, so a line belongs to the newest message of its id
 * that had begun by then.
 *
 * Whether the milter was asked is told by the lines of the same process: smtpd
 * keeps its connection to a milter for a whole session, and once it has failed
 * the session goes on without; cleanup has it for a message.
 */
#include "traffic.h"

#include <stdlib.h>
#include <string.h>

#include "bulkwatch/address.h"
#include "bulkwatch/arena.h"
#include "bulkwatch/pattern.h"
#include "bulkwatch/policy.h"
#include "hashes.h"

#define BUCKETS_FIRST 1024

/* Processes write their lines at the same time, and one clock may tick
 * in between. */
#define SAME_TIME_MS 1000

/* A process of Postfix. */
struct process {
	struct process *next;
	uint64_t hash;
	char queue_id[TRAFFIC_ID_MAX]; /* its message */
	bool no_milter;                /* smtpd: in this session; cleanup: for
					* the next message */
};

#define PROCESSES 4096

struct text {
	struct text *next;
	uint64_t hash;
	char text[];
};

#define TEXTS 4096

struct traffic {
	struct traffic_options options;
	struct arena *arena;
	struct mail **buckets; /* by the hash of the queue id */
	size_t room, n;
	struct mail *first, **end; /* to be compared */
	struct hashes *gone;       /* inbound messages that were let go */
	struct process *processes[PROCESSES];
	struct text *texts[TEXTS]; /* each string once: logins, clients … */
	struct traffic_facts facts;
};

/* --------------------------------------------------------------- strings */

/* The string, kept once. NULL when memory is out. */
static const char *
keep(struct traffic *t, struct span span)
{
	const uint64_t hash = hash_bytes(span.text, span.n);
	struct text **list = &t->texts[hash % TEXTS];
	for (struct text *s = *list; s != NULL; s = s->next)
		if (s->hash == hash && span_is(span, s->text))
			return s->text;
	struct text *s = arena_alloc(t->arena, sizeof(*s) + span.n + 1);
	if (s == NULL)
		return NULL;
	s->hash = hash;
	memcpy(s->text, span.text, span.n);
	s->next = *list;
	*list = s;
	return s->text;
}

static void
copy_id(char id_r[TRAFFIC_ID_MAX], struct span id)
{
	size_t n = id.n < TRAFFIC_ID_MAX ? id.n : TRAFFIC_ID_MAX - 1;
	memcpy(id_r, id.text, n);
	id_r[n] = '\0';
}

/* ----------------------------------------------------------- mails by id */

static struct mail **
bucket_of(struct traffic *t, struct span id)
{
	return &t->buckets[hash_bytes(id.text, id.n) & (t->room - 1)];
}

static struct span
id_of(const struct mail *mail)
{
	return (struct span){mail->queue_id, strlen(mail->queue_id)};
}

static int
more_buckets(struct traffic *t)
{
	struct traffic larger = {
	    .room = t->room == 0 ? BUCKETS_FIRST : t->room * 2};
	larger.buckets = calloc(larger.room, sizeof(*larger.buckets));
	if (larger.buckets == NULL)
		return -1;
	for (size_t i = 0; i < t->room; i++) {
		/* The newest stays first: the list is turned over twice. */
		struct mail *turned = NULL, *mail;
		while ((mail = t->buckets[i]) != NULL) {
			t->buckets[i] = mail->older;
			mail->older = turned;
			turned = mail;
		}
		while ((mail = turned) != NULL) {
			turned = mail->older;
			struct mail **bucket = bucket_of(&larger, id_of(mail));
			mail->older = *bucket;
			*bucket = mail;
		}
	}
	free(t->buckets);
	t->buckets = larger.buckets;
	t->room = larger.room;
	return 0;
}

/* The mail that a line of this moment belongs to. */
static struct mail *
mail_at(struct traffic *t, struct span id, int64_t at_ms)
{
	struct mail *newest = NULL;
	for (struct mail *m = *bucket_of(t, id); m != NULL; m = m->older)
		if (span_is(id, m->queue_id) &&
		    m->began_ms <= at_ms + SAME_TIME_MS &&
		    (newest == NULL || m->began_ms > newest->began_ms))
			newest = m;
	return newest;
}

static struct mail *
mail_add(struct traffic *t, const struct maillog_line *line)
{
	if (t->n >= t->room && more_buckets(t) < 0)
		return NULL;
	struct mail *m = calloc(1, sizeof(*m));
	if (m == NULL)
		return NULL;
	copy_id(m->queue_id, line->queue_id);
	m->began_ms = line->at_ms;
	m->login = m->client = m->sender = m->message_id = "";
	m->tag = m->before = "";
	struct mail **bucket = bucket_of(t, line->queue_id);
	m->older = *bucket;
	*bucket = m;
	t->n++;
	return m;
}

static void
forget_recipients(struct mail *m)
{
	hashes_free(m->accepted);
	hashes_free(m->delivered);
	m->accepted = m->delivered = NULL;
}

static void
mail_drop(struct traffic *t, struct mail *mail)
{
	struct mail **at = bucket_of(t, id_of(mail));
	while (*at != mail)
		at = &(*at)->older;
	*at = mail->older;
	t->n--;
	forget_recipients(mail);
	free(mail);
}

/* ------------------------------------------------------------- processes */

static struct process *
process_of(struct traffic *t, const struct maillog_line *line)
{
	uint64_t hash = hash_bytes(line->host.text, line->host.n);
	hash = hash_more(hash, line->tag.text, line->tag.n);
	hash = hash_more(hash, &line->pid, sizeof(line->pid));
	struct process **list = &t->processes[hash % PROCESSES];
	for (struct process *p = *list; p != NULL; p = p->next)
		if (p->hash == hash)
			return p;
	struct process *p = arena_alloc(t->arena, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->hash = hash;
	p->next = *list;
	*list = p;
	return p;
}

static struct mail *
mail_of(struct traffic *t, const struct process *p, int64_t at_ms)
{
	const struct span id = {p->queue_id, strlen(p->queue_id)};
	return id.n == 0 ? NULL : mail_at(t, id, at_ms);
}

/* ------------------------------------------------------------ beginnings */

/* One that was seen before in another copy of the log. */
static bool
is_known(struct traffic *t, const struct maillog_line *line)
{
	struct mail *m = mail_at(t, line->queue_id, line->at_ms);
	return m != NULL && !m->no_origin &&
	       m->began_ms > line->at_ms - SAME_TIME_MS;
}

static uint64_t
gone_hash(struct span id, int64_t began_ms)
{
	const int64_t secs = began_ms / 1000;
	return hash_more(hash_bytes(id.text, id.n), &secs, sizeof(secs));
}

/* Puts it into the list of those that are compared. */
static void
enlist(struct traffic *t, struct mail *m)
{
	*t->end = m;
	t->end = &m->next;
}

static int
begin_mail(struct traffic *t, const struct maillog_line *line)
{
	if (is_known(t, line))
		return 0;
	struct mail *m = mail_add(t, line);
	if (m == NULL)
		return -1;
	m->login = keep(t, line->login);
	m->client = keep(t, line->client);
	m->sender = keep(t, line->sender);
	m->tag = keep(t, line->tag);
	m->before = keep(t, line->before);
	if (m->login == NULL || m->client == NULL || m->sender == NULL ||
	    m->tag == NULL || m->before == NULL)
		return -1;
	m->outbound =
	    policy_is_outbound(t->options.settings, m->login, m->client);
	if (m->outbound)
		enlist(t, m);
	else
		m->again =
		    hashes_has(t->gone, gone_hash(line->queue_id, line->at_ms));
	return 0;
}

static int
on_client(struct traffic *t, const struct maillog_line *line)
{
	struct process *p = process_of(t, line);
	if (p == NULL || begin_mail(t, line) < 0)
		return -1;
	copy_id(p->queue_id, line->queue_id);
	struct mail *m = mail_of(t, p, line->at_ms);
	if (m != NULL && p->no_milter)
		m->no_milter = true;
	return 0;
}

/* cleanup has the whole message now. */
static int
on_message_id(struct traffic *t, const struct maillog_line *line)
{
	struct process *p = process_of(t, line);
	if (p == NULL)
		return -1;
	copy_id(p->queue_id, line->queue_id);
	const bool no_milter = p->no_milter;
	p->no_milter = false;
	struct mail *m = mail_at(t, line->queue_id, line->at_ms);
	if (m == NULL || m->accepted_ms != 0)
		return 0;
	m->content = true;
	m->no_milter = m->no_milter || no_milter;
	m->message_id =
	    arena_strndup(t->arena, line->message_id.text, line->message_id.n);
	return m->message_id == NULL ? -1 : 0;
}

/* ---------------------------------------------------------------- middle */

static void
accept_mail(struct traffic *t, struct mail *m, int64_t at_ms)
{
	if (m->accepted_ms == 0 && !m->no_origin && !m->again)
		t->facts.messages++;
	if (m->accepted_ms == 0)
		m->accepted_ms = at_ms;
}

/* One whose beginning the log lacks: the ledger may have it. */
static struct mail *
without_origin(struct traffic *t, const struct maillog_line *line)
{
	struct mail *m = mail_add(t, line);
	if (m == NULL)
		return NULL;
	m->no_origin = true;
	enlist(t, m);
	return m;
}

static int
on_queued(struct traffic *t, const struct maillog_line *line)
{
	struct mail *m = mail_at(t, line->queue_id, line->at_ms);
	if (m == NULL)
		m = without_origin(t, line);
	if (m == NULL)
		return -1;
	if (m->removed)
		return 0; /* a bounce under a short id that is used again */
	accept_mail(t, m, line->at_ms);
	m->refused = false;
	if (line->recipients > m->expanded)
		m->expanded = line->recipients;
	if (m->sender[0] == '\0')
		m->sender = keep(t, line->sender);
	return m->sender == NULL ? -1 : 0;
}

/* Hashes of recipients are needed of a mail that is compared. */
static int
want_hashes(struct mail *m)
{
	if (m->accepted == NULL)
		m->accepted = hashes_new();
	if (m->delivered == NULL)
		m->delivered = hashes_new();
	return m->accepted == NULL || m->delivered == NULL ? -1 : 0;
}

static const char *
canonical(struct arena *arena, struct span span)
{
	const char *text = arena_strndup(arena, span.text, span.n);
	return text == NULL ? NULL : address_canonical(arena, text);
}

static void
count_recipient(struct traffic *t, struct mail *m, const char *address)
{
	if (policy_recipient_is_exempt(t->options.settings, address))
		m->exempt++;
	else if (pattern_list_match(t->options.added, address))
		m->added++;
	else
		m->recipients++;
}

static int
add_recipient(struct traffic *t, struct mail *m,
    const struct maillog_line *line, struct arena *arena)
{
	const char *final = canonical(arena, line->address);
	const char *accepted = canonical(arena, line->original);
	if (final == NULL || accepted == NULL)
		return -1;
	const uint64_t hash = hash_bytes(accepted, strlen(accepted));
	int is_new = hashes_add(m->accepted, hash);
	if (is_new == 1)
		count_recipient(t, m, accepted);
	return is_new < 0 ? -1
			  : hashes_add(m->delivered,
				hash_more(hash, final, strlen(final)));
}

static int
on_delivery(struct traffic *t, const struct maillog_line *line)
{
	struct mail *m = mail_at(t, line->queue_id, line->at_ms);
	if (m == NULL || m->removed || !m->outbound)
		return 0;
	struct arena *arena = arena_new();
	int failed = arena == NULL || want_hashes(m) < 0
			 ? -1
			 : add_recipient(t, m, line, arena);
	arena_free(arena);
	return failed < 0 ? -1 : 0;
}

/* Whether the log has every recipient. postsuper removes what is not
 * delivered; qmgr only what is. */
static bool
is_complete(const struct mail *m, bool by_qmgr)
{
	return m->expanded > 0 &&
	       (by_qmgr || hashes_count(m->delivered) >= m->expanded);
}

static int
on_removed(struct traffic *t, const struct maillog_line *line)
{
	struct mail *m = mail_at(t, line->queue_id, line->at_ms);
	if (m == NULL || m->removed)
		return 0;
	m->complete = is_complete(m, line->program == MAILLOG_QMGR);
	m->removed = true;
	forget_recipients(m);
	if (m->outbound || m->no_origin)
		return 0;
	int added = hashes_add(t->gone, gone_hash(line->queue_id, m->began_ms));
	mail_drop(t, m);
	return added < 0 ? -1 : 0;
}

/* ------------------------------------------------------------- no milter */

static bool
ends_with(struct span text, struct span end)
{
	return end.n > 0 && text.n >= end.n &&
	       memcmp(text.text + text.n - end.n, end.text, end.n) == 0;
}

static struct span
without_slashes(struct span path)
{
	while (path.n > 0 && path.text[0] == '/')
		path = (struct span){path.text + 1, path.n - 1};
	return path;
}

/* What stands behind the first colon. */
static struct span
behind_kind(struct span place)
{
	const char *colon = memchr(place.text, ':', place.n);
	if (colon == NULL)
		return (struct span){"", 0};
	return (struct span){
	    colon + 1, place.n - (size_t)(colon + 1 - place.text)};
}

/* True if main.cf's name of a milter means the place where we listen. Postfix
 * in a chroot names a path from there, and a path may go over a link such as
 * /var/run, so it is enough that one ends with the other. */
static bool
is_ours(const struct settings *settings, struct span milter)
{
	const struct span listen = {settings->listen, strlen(settings->listen)};
	struct span own = behind_kind(listen), theirs = behind_kind(milter);
	const bool inet = strncmp(listen.text, "inet", 4) == 0;
	if (inet != (milter.n > 4 && memcmp(milter.text, "inet", 4) == 0))
		return false;
	if (!inet) {
		own = without_slashes(own);
		theirs = without_slashes(theirs);
		return ends_with(own, theirs) || ends_with(theirs, own);
	}
	/* ours: PORT@HOST, theirs: HOST:PORT */
	const char *at = memchr(own.text, '@', own.n);
	const char *colon = memrchr(theirs.text, ':', theirs.n);
	if (at != NULL)
		own.n = (size_t)(at - own.text);
	return own.n > 0 && ends_with(theirs, own) && colon != NULL &&
	       theirs.n - (size_t)(colon + 1 - theirs.text) == own.n;
}

static int
on_no_milter(struct traffic *t, const struct maillog_line *line)
{
	if (!is_ours(t->options.settings, line->milter))
		return 0;
	struct process *p = process_of(t, line);
	if (p == NULL)
		return -1;
	struct mail *m = mail_of(t, p, line->at_ms);
	bool of_current =
	    m != NULL && m->accepted_ms == 0 &&
	    !(line->program == MAILLOG_CLEANUP && line->connecting);
	if (of_current)
		m->no_milter = true;
	/* cleanup connects before it says of what message: a local one. */
	if (line->program == MAILLOG_SMTPD || !of_current)
		p->no_milter = true;
	return 0;
}

static int
on_connect(struct traffic *t, const struct maillog_line *line)
{
	struct process *p = process_of(t, line);
	if (p == NULL)
		return -1;
	p->no_milter = false;
	p->queue_id[0] = '\0';
	return 0;
}

/* ----------------------------------------------------------------- lines */

static void
mark(struct traffic *t, const struct maillog_line *line)
{
	struct mail *m = mail_at(t, line->queue_id, line->at_ms);
	if (m == NULL || m->accepted_ms != 0)
		return;
	m->held = m->held || line->event == MAILLOG_HELD;
	m->refused = m->refused || line->event == MAILLOG_REFUSED;
}

static int
on_broken_off(struct traffic *t, const struct maillog_line *line)
{
	struct process *p = process_of(t, line);
	if (p == NULL)
		return -1;
	struct mail *m = mail_of(t, p, line->at_ms);
	if (m != NULL && m->accepted_ms == 0)
		m->broken_off = true;
	return 0;
}

static int
take_line(struct traffic *t, const struct maillog_line *line)
{
	switch (line->event) {
	case MAILLOG_CONNECT:
		return on_connect(t, line);
	case MAILLOG_CLIENT:
		return on_client(t, line);
	case MAILLOG_PICKUP:
		return begin_mail(t, line);
	case MAILLOG_MESSAGE_ID:
		return on_message_id(t, line);
	case MAILLOG_QUEUED:
		return on_queued(t, line);
	case MAILLOG_HELD:
	case MAILLOG_REFUSED:
		mark(t, line);
		return 0;
	case MAILLOG_BROKEN_OFF:
		return on_broken_off(t, line);
	case MAILLOG_DELIVERY:
		return on_delivery(t, line);
	case MAILLOG_REMOVED:
		return on_removed(t, line);
	case MAILLOG_NO_MILTER:
		return on_no_milter(t, line);
	default:
		return 0;
	}
}

int
traffic_line(
    struct traffic *t, const char *text, size_t length, int64_t latest_ms)
{
	struct maillog_line line;
	if (!maillog_parse(text, length, latest_ms, t->options.instance, &line))
		return 0;
	struct traffic_facts *f = &t->facts;
	if (f->lines == 0 || line.at_ms < f->first_ms)
		f->first_ms = line.at_ms;
	if (f->lines == 0 || line.at_ms > f->last_ms)
		f->last_ms = line.at_ms;
	f->lines++;
	return take_line(t, &line);
}

/* On hold with all that belongs to it: accepted, though qmgr has not seen it.
 */
static void
settle_held(struct traffic *t, struct mail *m)
{
	if (m->held && m->content && !m->refused && !m->broken_off)
		accept_mail(t, m, m->began_ms);
}

void
traffic_end(struct traffic *t, struct traffic_facts *facts_r)
{
	for (struct mail *m = t->first; m != NULL; m = m->next) {
		settle_held(t, m);
		if (!m->removed && m->accepted_ms != 0)
			m->complete = is_complete(m, false);
		forget_recipients(m);
	}
	*facts_r = t->facts;
}

struct mail *
traffic_first(struct traffic *t)
{
	return t->first;
}

struct mail *
traffic_by_id(struct traffic *t, const char *queue_id)
{
	return *bucket_of(t, (struct span){queue_id, strlen(queue_id)});
}

/* -------------------------------------------------------------- lifetime */

int
traffic_init(const struct traffic_options *options, struct traffic **traffic_r)
{
	struct traffic *t = calloc(1, sizeof(*t));
	if (t == NULL)
		return -1;
	t->options = *options;
	t->end = &t->first;
	t->arena = arena_new();
	t->gone = hashes_new();
	if (t->arena == NULL || t->gone == NULL || more_buckets(t) < 0) {
		traffic_deinit(&t);
		return -1;
	}
	*traffic_r = t;
	return 0;
}

void
traffic_deinit(struct traffic **traffic)
{
	struct traffic *t = *traffic;
	*traffic = NULL;
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->room; i++)
		while (t->buckets[i] != NULL) {
			struct mail *m = t->buckets[i];
			t->buckets[i] = m->older;
			forget_recipients(m);
			free(m);
		}
	free(t->buckets);
	hashes_free(t->gone);
	arena_free(t->arena);
	free(t);
}
