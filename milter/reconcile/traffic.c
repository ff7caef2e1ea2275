/*
 * traffic.c: the messages of Postfix's log, put together from its lines.
 *
 * A message is accepted once qmgr has it (its "from=" line), or once it is on
 * hold with all that a client sends. Before that smtpd or pickup say where it
 * comes from, and cleanup its Message-ID.
 *
 * Whether the milter was asked is told by the lines of the same process: smtpd
 * keeps its connection to a milter for a whole session, and once it has failed
 * the session goes on without; cleanup has it for a message.
 */
#include "traffic.h"

#include <stdlib.h>
#include <string.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/policy.h"
#include "endpoint.h"
#include "hashes.h"
#include "maillog.h"
#include "recipients.h"

/* A process of Postfix. */
struct process {
	struct process *next;
	uint64_t hash;
	char queue_id[MAIL_ID_MAX]; /* its message */
	bool no_milter;             /* smtpd: in this session; cleanup: for
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
	struct mails mails;
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
	const struct span id = span_of(p->queue_id);
	return id.n == 0 ? NULL : mails_at(&t->mails, id, at_ms);
}

/* ------------------------------------------------------------ beginnings */

/* One that was seen before in another copy of the log. */
static bool
is_known(struct traffic *t, const struct maillog_line *line)
{
	struct mail *m = mails_at(&t->mails, line->queue_id, line->at_ms);
	return m != NULL && !m->no_origin &&
	       m->began_ms > line->at_ms - MAILS_SAME_TIME_MS;
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
	struct mail *m = mails_add(&t->mails, line->queue_id, line->at_ms);
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
	mails_copy_id(p->queue_id, line->queue_id);
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
	mails_copy_id(p->queue_id, line->queue_id);
	const bool no_milter = p->no_milter;
	p->no_milter = false;
	struct mail *m = mails_at(&t->mails, line->queue_id, line->at_ms);
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
	struct mail *m = mails_add(&t->mails, line->queue_id, line->at_ms);
	if (m == NULL)
		return NULL;
	m->no_origin = true;
	enlist(t, m);
	return m;
}

static int
on_queued(struct traffic *t, const struct maillog_line *line)
{
	struct mail *m = mails_at(&t->mails, line->queue_id, line->at_ms);
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

static int
on_delivery(struct traffic *t, const struct maillog_line *line)
{
	struct mail *m = mails_at(&t->mails, line->queue_id, line->at_ms);
	if (m == NULL || m->removed || !m->outbound)
		return 0;
	return recipients_add(m, line, t->options.settings, t->options.added);
}

static int
on_removed(struct traffic *t, const struct maillog_line *line)
{
	struct mail *m = mails_at(&t->mails, line->queue_id, line->at_ms);
	if (m == NULL || m->removed)
		return 0;
	m->complete = recipients_complete(m, line->program == MAILLOG_QMGR);
	m->removed = true;
	recipients_forget(m);
	if (m->outbound || m->no_origin)
		return 0;
	int added = hashes_add(t->gone, gone_hash(line->queue_id, m->began_ms));
	mails_drop(&t->mails, m);
	return added < 0 ? -1 : 0;
}

/* ------------------------------------------------------------- no milter */

static int
on_no_milter(struct traffic *t, const struct maillog_line *line)
{
	if (!endpoint_is_ours(t->options.settings->listen, line->milter))
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
	struct mail *m = mails_at(&t->mails, line->queue_id, line->at_ms);
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
			m->complete = recipients_complete(m, false);
		recipients_forget(m);
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
	return mails_by_id(&t->mails, span_of(queue_id));
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
	if (mails_init(&t->mails) < 0 || t->arena == NULL || t->gone == NULL) {
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
	mails_deinit(&t->mails);
	hashes_free(t->gone);
	arena_free(t->arena);
	free(t);
}
