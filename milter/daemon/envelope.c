/* envelope.c: the message under way: what the MTA has said of it so far. */
#include "envelope.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bulkwatch/address.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/compose.h"
#include "bulkwatch/header.h"
#include "bulkwatch/policy.h"
#include "bulkwatch/store.h"
#include "bulkwatch/text.h"

static const char *
clean(struct arena *arena, const char *text)
{
	return text_clean(arena, text, strlen(text));
}

/* Who is counted: the login; without one, the envelope sender; for a null
 * sender, the client. A login in other letter case is the same login. */
static int
name_sender(struct message *m, struct arena *arena)
{
	if (m->login[0] != '\0') {
		m->identity = IDENTITY_LOGIN;
		m->sender = address_canonical(arena, m->login);
	} else if (m->mail_from[0] != '\0') {
		m->identity = IDENTITY_ENVELOPE;
		m->sender = address_stable(arena, m->mail_from);
	} else {
		m->identity = IDENTITY_CLIENT;
		m->sender = m->client[0] == '\0' ? "127.0.0.1" : m->client;
	}
	return m->sender == NULL ? -1 : 0;
}

/* Made clean, in the arena. Both MTAs write "IPv6:" before some addresses (RFC
 * 5321 section 4.1.3), which names no other client. */
static const char *
client_of(struct arena *arena, const char *client)
{
	if (strncasecmp(client, "IPv6:", 5) == 0)
		client += 5;
	return clean(arena, client);
}

int
envelope_begin(struct envelope *e, const struct settings *settings,
    const struct envelope_origin *origin)
{
	e->settings = settings;
	e->arena = arena_new();
	if (e->arena == NULL)
		return -1;
	struct message *m = arena_alloc(e->arena, sizeof(*m));
	if (m == NULL)
		return -1;
	e->message = m;
	m->login = clean(e->arena, origin->login);
	m->client = client_of(e->arena, origin->client);
	if (m->login == NULL || m->client == NULL)
		return -1;
	m->mail_from = address_canonical(e->arena, origin->mail_from);
	m->queue_id = clean(e->arena, origin->queue_id);
	m->message_id = m->subject = e->nonce = "";
	if (m->mail_from == NULL || m->queue_id == NULL)
		return -1;
	return name_sender(m, e->arena);
}

int
envelope_add_recipient(struct envelope *e, const char *argument)
{
	if (e->recipients_n == e->recipients_room) {
		size_t room =
		    e->recipients_room == 0 ? 32 : e->recipients_room * 2;
		struct recipient *larger =
		    arena_alloc(e->arena, room * sizeof(*larger));
		if (larger == NULL)
			return -1;
		if (e->recipients_n > 0)
			memcpy(larger, e->recipients,
			    e->recipients_n * sizeof(*larger));
		e->recipients = larger;
		e->recipients_room = room;
	}
	const char *address = address_canonical(e->arena, argument);
	if (address == NULL)
		return -1;
	if (address[0] == '\0')
		return 0; /* "<>" is nobody (RFC 5321 section 4.1.1.3) */
	e->recipients[e->recipients_n++].address = address;
	return 0;
}

/* A self-test's mark, if the value has the form of one. */
static int
keep_mark(struct envelope *e, const char *value)
{
	static const char digits[] = "0123456789abcdef";
	value += strspn(value, " \t");
	if (e->message->selftest != NULL ||
	    strlen(value) != SELFTEST_MARK_LENGTH ||
	    strspn(value, digits) != SELFTEST_MARK_LENGTH)
		return 0;
	e->message->selftest = arena_strdup(e->arena, value);
	return e->message->selftest == NULL ? -1 : 0;
}

/* The first of each counts: RFC 5322 allows one, and mail readers show the
 * first. */
int
envelope_add_header(struct envelope *e, const char *name, const char *value)
{
	struct message *m = e->message;
	if (!e->has_subject && strcasecmp(name, "Subject") == 0) {
		e->has_subject = true;
		if (e->settings->evidence_subject)
			m->subject = header_subject(e->arena, value);
	} else if (!e->has_message_id && strcasecmp(name, "Message-ID") == 0) {
		e->has_message_id = true;
		m->message_id = header_message_id(e->arena, value);
	} else if (strcasecmp(name, OWN_HEADER) == 0) {
		value += strspn(value, " \t");
		e->nonce = clean(e->arena, value);
	} else if (strcasecmp(name, SELFTEST_HEADER) == 0) {
		return keep_mark(e, value);
	}
	return m->subject == NULL || m->message_id == NULL || e->nonce == NULL
		   ? -1
		   : 0;
}

static int
compare_recipients(const void *a, const void *b)
{
	const struct recipient *x = a, *y = b;
	return strcmp(x->address, y->address);
}

/* Sorted, each once. */
static void
make_unique(struct envelope *e)
{
	if (e->recipients_n < 2)
		return;
	qsort(e->recipients, e->recipients_n, sizeof(*e->recipients),
	    compare_recipients);
	size_t n = 1;
	for (size_t i = 1; i < e->recipients_n; i++)
		if (strcmp(e->recipients[i].address,
			e->recipients[n - 1].address) != 0)
			e->recipients[n++] = e->recipients[i];
	e->recipients_n = n;
}

void
envelope_end(struct envelope *e, const char *queue_id)
{
	struct message *m = e->message;
	const char *id =
	    queue_id[0] == '\0' ? NULL : clean(e->arena, queue_id);
	if (id != NULL)
		m->queue_id = id;
	make_unique(e);
	m->at_ms = clock_wall_ms();
	m->tick = clock_tick();
}

bool
envelope_is_own(const struct envelope *e, struct own *own)
{
	if (e->nonce[0] == '\0')
		return false;
	const char **addresses =
	    arena_alloc(e->arena, e->recipients_n * sizeof(*addresses));
	if (addresses == NULL)
		return false;
	for (size_t i = 0; i < e->recipients_n; i++)
		addresses[i] = e->recipients[i].address;
	return own_is(
	    own, e->nonce, addresses, e->recipients_n, clock_tick());
}

void
envelope_settle_recipients(struct envelope *e)
{
	const struct settings *s = e->settings;
	struct message *m = e->message;
	size_t n = 0;
	for (size_t i = 0; i < e->recipients_n; i++) {
		struct recipient *r = &e->recipients[i];
		if (policy_recipient_is_exempt(s, r->address))
			continue;
		r->external =
		    address_is_external(r->address, &s->local_domains);
		m->external_count += r->external;
		e->recipients[n++] = *r;
	}
	m->recipients = e->recipients;
	m->recipients_n = n;
	m->recipient_count = (uint32_t)n;
}

void
envelope_forget(struct envelope *e)
{
	arena_free(e->arena);
	settings_unref(&e->settings);
	*e = (struct envelope){.arena = NULL};
}
