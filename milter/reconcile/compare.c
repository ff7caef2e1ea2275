/*
 * compare.c: the messages of a log beside the ledger.
 *
 * The ledger has no index by queue id (each message would pay for it), so it is
 * read once, from its end back to before the log begins, and each row looks for
 * its mail.
 */
#include "compare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkwatch/address.h"
#include "bulkwatch/header.h"
#include "bulkwatch/json.h"
#include "hashes.h"

/* A queue id stands for one message within so long: more than the hour by which
 * a log of local times is wrong when summer time ends. */
#define SLACK_MS (INT64_C(65) * 60 * 1000)

/* A retry is the same message for so long, as the ledger has it (RFC 5321
 * section 4.5.4.1). */
#define RETRY_MS (INT64_C(5) * 24 * 3600 * 1000)

#define SAME_TIME_MS 2000

#define SPOOL_FILE "messages.jsonl"

struct compare {
	struct traffic *traffic;
	const struct traffic_facts *facts;
	const struct settings *settings;
	struct store *store;
	struct arena *arena;
	struct match **by_message; /* by the hash of the Message-ID */
	size_t room;               /* a power of two */
	struct reconciliation *result;
	struct ledger_reach reach;
	bool no_memory;
};

/* --------------------------------------------------------------- matches */

/* The hash of a Message-ID as the ledger keeps it; 0 for none. */
static int
message_hash(const char *header, uint64_t *hash_r)
{
	struct arena *arena = arena_new();
	const char *id =
	    arena == NULL ? NULL : header_message_id(arena, header);
	*hash_r = id == NULL || id[0] == '\0' ? 0 : hash_bytes(id, strlen(id));
	arena_free(arena);
	return id == NULL ? -1 : 0;
}

static int
add_match(struct compare *c, struct mail *mail)
{
	struct match *match = arena_alloc(c->arena, sizeof(*match));
	if (match == NULL ||
	    message_hash(mail->message_id, &match->message_hash) < 0)
		return -1;
	match->mail = mail;
	mail->found = match;
	if (match->message_hash == 0)
		return 0;
	struct match **bucket =
	    &c->by_message[match->message_hash & (c->room - 1)];
	match->same = *bucket;
	*bucket = match;
	return 0;
}

static int
add_matches(struct compare *c)
{
	size_t n = 0;
	for (struct mail *m = traffic_first(c->traffic); m != NULL; m = m->next)
		n++;
	for (c->room = 16; c->room < n; c->room *= 2)
		continue;
	c->by_message = arena_alloc(c->arena, c->room * sizeof(struct match *));
	if (c->by_message == NULL)
		return -1;
	for (struct mail *m = traffic_first(c->traffic); m != NULL; m = m->next)
		if (add_match(c, m) < 0)
			return -1;
	return 0;
}

/* How far a moment lies from the time in which the mail came in. */
static int64_t
gap_of(const struct mail *mail, int64_t at_ms)
{
	const int64_t end =
	    mail->accepted_ms == 0 ? mail->began_ms : mail->accepted_ms;
	if (at_ms < mail->began_ms)
		return mail->began_ms - at_ms;
	return at_ms > end ? at_ms - end : 0;
}

/* The mail under this queue id whose time is nearest. */
static struct mail *
nearest(struct compare *c, const char *queue_id, int64_t at_ms)
{
	struct mail *best = NULL;
	int64_t least = SLACK_MS + 1;
	for (struct mail *m = traffic_by_id(c->traffic, queue_id); m != NULL;
	     m = m->older) {
		int64_t gap = gap_of(m, at_ms);
		if (gap < least && strcmp(m->queue_id, queue_id) == 0) {
			least = gap;
			best = m;
		}
	}
	return best;
}

/* ---------------------------------------------------------------- retries */

/* Whom the daemon counts the mail for: as it does it. NULL: no memory. */
static const char *
sender_of(const struct mail *mail, struct arena *arena, enum identity *identity)
{
	*identity = IDENTITY_LOGIN;
	if (mail->login[0] != '\0')
		return address_canonical(arena, mail->login);
	const char *from = address_canonical(arena, mail->sender);
	*identity = IDENTITY_ENVELOPE;
	if (from == NULL || from[0] != '\0')
		return from == NULL ? NULL : address_stable(arena, from);
	*identity = IDENTITY_CLIENT;
	return mail->client[0] == '\0' ? "127.0.0.1" : mail->client;
}

static bool
is_same_sender(const struct mail *mail, const struct message *message)
{
	enum identity identity;
	struct arena *arena = arena_new();
	const char *sender =
	    arena == NULL ? NULL : sender_of(mail, arena, &identity);
	bool same = sender != NULL && identity == message->identity &&
		    strcmp(sender, message->sender) == 0;
	arena_free(arena);
	return same;
}

/* The ledger keeps a mail that is tried again under its first queue id. */
static void
note_retries(struct compare *c, const struct message *message)
{
	const size_t length = strlen(message->message_id);
	if (length == 0)
		return;
	const uint64_t hash = hash_bytes(message->message_id, length);
	for (struct match *m = c->by_message[hash & (c->room - 1)]; m != NULL;
	     m = m->same) {
		const int64_t later = m->mail->began_ms - message->at_ms;
		if (m->message_hash != hash || m->retry_of != NULL ||
		    later < -SAME_TIME_MS || later > RETRY_MS ||
		    strcmp(m->mail->queue_id, message->queue_id) == 0 ||
		    !is_same_sender(m->mail, message))
			continue;
		m->retry_of = arena_strdup(c->arena, message->queue_id);
		c->no_memory = c->no_memory || m->retry_of == NULL;
		m->retry_counted = message->recipient_count;
	}
}

/* ----------------------------------------------------------------- ledger */

static bool
is_refused(const struct message *message)
{
	return message->action == ACTION_DEFER ||
	       message->action == ACTION_REJECT;
}

static bool
is_of_log_time(const struct compare *c, const struct message *message)
{
	return message->at_ms >= c->facts->first_ms + SAME_TIME_MS &&
	       message->at_ms <= c->facts->last_ms - SAME_TIME_MS;
}

static int
on_message(void *context, const struct message *message)
{
	struct compare *c = context;
	struct mail *mail = nearest(c, message->queue_id, message->at_ms);
	struct match *match = mail == NULL ? NULL : mail->found;
	int64_t gap = mail == NULL ? 0 : gap_of(mail, message->at_ms);
	/* Of two under one queue id the nearer one is the log's. */
	if (mail == NULL || (match != NULL && match->in_ledger))
		c->result->ledger_only += is_of_log_time(c, message);
	if (match != NULL && (!match->in_ledger || gap < match->gap_ms)) {
		match->in_ledger = true;
		match->refused = is_refused(message);
		match->gap_ms = gap;
		match->counted = message->recipient_count;
	}
	/* What was refused and went on later is in the ledger anew. */
	if (!is_refused(message))
		note_retries(c, message);
	return c->no_memory ? -1 : 0;
}

/* ------------------------------------------------------------------ spool */

static int
on_spooled(struct compare *c, const char *line, size_t length)
{
	struct message message;
	struct arena *arena = arena_new();
	if (arena == NULL)
		return -1;
	/* A line that is being written, or is damaged, is nobody's. */
	if (json_message_parse(arena, line, length, &message, NULL) == 0) {
		struct mail *m = nearest(c, message.queue_id, message.at_ms);
		struct match *match = m == NULL ? NULL : m->found;
		if (match != NULL && !match->in_ledger) {
			match->spooled = true;
			match->counted = message.recipient_count;
		}
	}
	arena_free(arena);
	return 0;
}

static int
read_spool(struct compare *c, struct err *err)
{
	const char *path =
	    arena_printf(c->arena, "%s/" SPOOL_FILE, c->settings->spool);
	FILE *in = path == NULL ? NULL : fopen(path, "re");
	if (path == NULL)
		return err_set(err, "memory is out");
	if (in == NULL)
		return errno == ENOENT
			   ? 0
			   : err_sys(err, "the spool %s cannot be read", path);
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int failed = 0;
	while (failed == 0 && (n = getline(&line, &room, in)) > 0)
		failed = on_spooled(c, line, (size_t)n - (line[n - 1] == '\n'));
	free(line);
	fclose(in);
	return failed < 0 ? err_set(err, "memory is out") : 0;
}

/* -------------------------------------------------------------- our mail */

/* bulkwatch.ALERT.MADE.KIND@DOMAIN: how the notifier names its mail. */
static bool
read_own_id(const struct settings *settings, const char *message_id,
    int64_t *alert_r, int64_t *made_r, enum alert_kind *kind_r)
{
	const char *domain = address_domain(settings->alerts.from);
	long long alert, made;
	char word[16], rest[256];
	if (sscanf(message_id, "<bulkwatch.%lld.%lld.%15[a-z]@%255[^<> ]>",
		&alert, &made, word, rest) != 4 ||
	    strcmp(rest, domain) != 0)
		return false;
	*alert_r = alert;
	*made_r = made;
	for (int kind = ALERT_STARTED; kind <= ALERT_DAILY; kind++)
		if (strcmp(word,
			record_alert_kind_name((enum alert_kind)kind)) == 0) {
			*kind_r = (enum alert_kind)kind;
			return true;
		}
	return false;
}

/* Whether the mail is one of ours: 1, 0, or -1. Its Message-ID names an alert
 * that exists; who has read one cannot use it from another sender, nor to more
 * people than it went to. */
static int
is_own(struct compare *c, const struct mail *mail, struct err *err)
{
	const struct settings *s = c->settings;
	int64_t alert, made;
	enum alert_kind kind;
	uint32_t recipients;
	if (!read_own_id(s, mail->message_id, &alert, &made, &kind) ||
	    strcasecmp(mail->sender, s->alerts.from) != 0)
		return 0;
	compare_recipients(mail, &recipients);
	if (recipients > (kind == ALERT_NOTICE ? 1 : s->alerts.to.n))
		return 0;
	return store_has_alert(c->store, alert, made, kind, err);
}

/* --------------------------------------------------------------- findings */

bool
compare_recipients(const struct mail *mail, uint32_t *recipients_r)
{
	*recipients_r = mail->complete
			    ? mail->recipients + mail->exempt + mail->added
			    : mail->expanded;
	return mail->complete;
}

/* Whether the ledger's number is the log's. What the MTA added itself the
 * milter has not seen, unless the sender wrote to it too. */
static bool
is_right(const struct mail *mail, uint32_t counted)
{
	return !mail->complete ||
	       (counted >= mail->recipients &&
		   counted <= mail->recipients + mail->added);
}

static enum finding
missing(const struct compare *c, const struct match *match)
{
	const struct mail *mail = match->mail;
	const struct ledger_reach *reach = &c->reach;
	if (mail->before[0] != '\0')
		return FOUND_REINJECTED;
	if (match->spooled)
		return FOUND_SPOOLED;
	if (mail->no_milter)
		return FOUND_NO_MILTER;
	if (match->retry_of != NULL && is_right(mail, match->retry_counted))
		return FOUND_RETRY;
	/* Many logs have whole seconds only: the last one may be after it. */
	if (mail->accepted_ms + 1000 <= reach->first_ms)
		return reach->purged ? FOUND_PURGED : FOUND_BEFORE;
	return FOUND_NOWHERE;
}

static int
find(struct compare *c, struct match *match, struct err *err)
{
	if (match->in_ledger) {
		match->finding = match->refused ? FOUND_REFUSED
				 : is_right(match->mail, match->counted)
				     ? FOUND_COUNTED
				     : FOUND_DIFFERS;
		return 0;
	}
	int own = is_own(c, match->mail, err);
	match->finding = own == 1 ? FOUND_OWN : missing(c, match);
	return own < 0 ? -1 : 0;
}

static int
find_all(struct compare *c, struct err *err)
{
	for (struct mail *m = traffic_first(c->traffic); m != NULL;
	     m = m->next) {
		struct match *match = m->found;
		if (m->accepted_ms == 0)
			c->result->turned_away +=
			    match->in_ledger && !match->refused;
		if (m->accepted_ms == 0 || !m->outbound)
			continue;
		if (find(c, match, err) < 0)
			return -1;
		c->result->outbound++;
		c->result->found[match->finding]++;
		c->result->unexplained += match->finding >= FOUND_REFUSED;
	}
	return 0;
}

int
compare(struct traffic *traffic, const struct traffic_facts *facts,
    const struct settings *settings, struct store *store, struct arena *arena,
    struct reconciliation *result_r, struct err *err)
{
	struct compare c = {.traffic = traffic,
	    .facts = facts,
	    .settings = settings,
	    .store = store,
	    .arena = arena,
	    .result = result_r};
	*result_r = (struct reconciliation){0};
	if (add_matches(&c) < 0)
		return err_set(err, "memory is out");
	/* The spool first: what it loses meanwhile the ledger has then. */
	if (read_spool(&c, err) < 0 || store_ledger(store, facts->first_ms,
					   on_message, &c, &c.reach, err) < 0)
		return -1;
	if (c.no_memory)
		return err_set(err, "memory is out");
	return find_all(&c, err);
}
