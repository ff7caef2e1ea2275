/* ledger.c: messages into the ledger and their windows, and back. */
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

#include "bulkwatch/address.h"
#include "bulkwatch/clock.h"

/* Windows looked at for each message, to free those that are over. */
#define SWEEP_SLOTS 4

/* Where messages of this fingerprint may stand. */
static struct recent *
recent_set(const struct store *store, uint64_t fingerprint)
{
	const size_t sets = STORE_RECENT_N / STORE_RECENT_SET;
	return &store->recent[fingerprint % sets * STORE_RECENT_SET];
}

/* The message of this fingerprint, if it is not too old; else NULL. */
static const struct recent *
find_recent(const struct store *store, uint64_t fingerprint, int64_t at_ms)
{
	const struct recent *set = recent_set(store, fingerprint);
	for (size_t i = 0; i < STORE_RECENT_SET; i++)
		if (set[i].message != 0 && set[i].fingerprint == fingerprint &&
		    at_ms / 1000 - set[i].at_secs < STORE_RETRY_MS / 1000)
			return &set[i];
	return NULL;
}

/* In place of an earlier try, else of the set's oldest message. */
static void
note_recent(struct store *store, const struct recent *recent)
{
	struct recent *set = recent_set(store, recent->fingerprint);
	struct recent *place = set;
	for (size_t i = 0; i < STORE_RECENT_SET; i++) {
		if (set[i].fingerprint == recent->fingerprint) {
			place = &set[i];
			break;
		}
		if (set[i].message < place->message)
			place = &set[i];
	}
	*place = *recent;
}

void
ledger_note_recent(struct store *store, const struct entry *entry)
{
	if (store->on_trial)
		return;
	const struct recent recent = {.fingerprint = entry->fingerprint,
	    .message = entry->message->id,
	    .at_secs = (uint32_t)(entry->message->at_ms / 1000),
	    .action = (uint8_t)entry->message->action,
	    .tries = (uint8_t)(entry->tries + 1)};
	note_recent(store, &recent);
}

int
ledger_load(struct store *store, struct err *err)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_MESSAGE_LAST, err, "");
	if (row == NULL || sql_step(&store->sql, row, err) < 0)
		return -1;
	store->last_message = sqlite3_column_int64(row, 0);
	sql_done(row);
	row = sql_bind(&store->sql, SQL_MESSAGE_RECENT, err, "i",
	    store->last_message - STORE_RECENT_N);
	int got = -1;
	while (row != NULL && (got = sql_step(&store->sql, row, err)) == 1) {
		const struct recent recent = {
		    .message = sqlite3_column_int64(row, 0),
		    .fingerprint = (uint64_t)sqlite3_column_int64(row, 1),
		    .at_secs = (uint32_t)(sqlite3_column_int64(row, 2) / 1000),
		    .action = (uint8_t)sqlite3_column_int(row, 3),
		    .tries = (uint8_t)sqlite3_column_int(row, 4)};
		note_recent(store, &recent);
	}
	return got;
}

/* ------------------------------------------------------------- counting */

/* Where a window of this measure chains its messages. */
static int64_t *
chain_of(struct entry *entry, const struct measure *measure)
{
	return measure->identity == IDENTITY_CLIENT ? &entry->client_previous
						    : &entry->previous;
}

/* The hashes that a measure counts: all, or the external ones. */
static size_t
pick(struct entry *entry, const struct measure *measure,
    const uint64_t **picked_r)
{
	*picked_r = entry->hashes;
	if (!measure->external_only)
		return entry->hashes_n;
	uint64_t *picked =
	    arena_alloc(entry->arena, entry->hashes_n * sizeof(*picked));
	size_t n = 0;
	for (size_t i = 0; picked != NULL && i < entry->hashes_n; i++)
		if ((entry->hashes[i] & DIGEST_EXTERNAL) != 0)
			picked[n++] = entry->hashes[i];
	*picked_r = picked;
	return n;
}

/* What the message adds to the window of a measure. */
static int
adding_of(struct store *store, struct entry *entry,
    const struct measure *measure, struct window_add *add_r)
{
	*add_r = (struct window_add){
	    .key = digest_name(&store->key, measure->identity, measure->who) ^
		   measure->rule_id,
	    .window_secs = measure->window_secs,
	    .limit = measure->limit,
	    .hashes = &entry->item,
	    .n = 1,
	    .weight = measure->recipients,
	    .tick = entry->message->tick,
	    .message = entry->message->id,
	};
	if (measure->total)
		return 0;
	add_r->weight = 1;
	add_r->n = pick(entry, measure, &add_r->hashes);
	return add_r->hashes == NULL ? -1 : 0;
}

static int
count_windows(struct store *store, struct entry *entry)
{
	for (size_t i = 0; i < entry->measures_n; i++) {
		struct measure *m = &entry->measures[i];
		struct window_add add;
		int64_t before;
		if (m->window_secs == 0)
			continue;
		if (adding_of(store, entry, m, &add) < 0)
			return -1;
		m->counted = windows_sum(store->windows, &add, &before);
		int64_t *previous = chain_of(entry, m);
		if (before > *previous)
			*previous = before;
	}
	return 0;
}

static int
fill_windows(struct store *store, struct entry *entry)
{
	for (size_t i = 0; i < entry->measures_n; i++) {
		struct window_add add;
		if (entry->measures[i].window_secs > 0 &&
		    (adding_of(store, entry, &entry->measures[i], &add) < 0 ||
			windows_add(store->windows, &add) < 0))
			return -1;
	}
	return 0;
}

static int
digest_entry(struct store *store, struct entry *entry)
{
	uint64_t *hashes = arena_alloc(
	    entry->arena, entry->message->recipients_n * sizeof(*hashes));
	if (hashes == NULL)
		return -1;
	entry->hashes_n =
	    digest_recipients(&store->key, entry->message, hashes);
	entry->hashes = hashes;
	entry->fingerprint = digest_message(
	    &store->key, entry->message, hashes, entry->hashes_n);
	entry->bare_fingerprint = digest_bare(
	    &store->key, entry->message, hashes, entry->hashes_n);
	return 0;
}

/* --------------------------------------------------------------- saving */

static char *
put_line(char *out, const struct recipient *r)
{
	if (r->external)
		*out++ = '\t';
	out = stpcpy(out, r->address);
	*out++ = '\n';
	return out;
}

static int
compare_recipient(const void *a, const void *b)
{
	const struct recipient *x = a, *y = b;
	return strcmp(x->address, y->address);
}

/* The recipients' domains in place of them, sorted; n_r is how many. */
static const struct recipient *
domains_of(const struct message *m, struct arena *arena, size_t *n_r)
{
	struct recipient *domains =
	    arena_alloc(arena, m->recipients_n * sizeof(*domains));
	if (domains == NULL)
		return NULL;
	for (size_t i = 0; i < m->recipients_n; i++) {
		domains[i] = m->recipients[i];
		domains[i].address = address_domain(domains[i].address);
	}
	qsort(domains, m->recipients_n, sizeof(*domains), compare_recipient);
	*n_r = 1;
	for (size_t i = 1; i < m->recipients_n; i++)
		if (strcmp(domains[i].address, domains[*n_r - 1].address) != 0)
			domains[(*n_r)++] = domains[i];
	return domains;
}

/* The text of the recipients column: one a line, a tab before an external one;
 * NULL where only the number is kept. Returns 0, or -1 when memory is out. */
static int
recipients_text(const struct entry *entry, const char **text_r)
{
	const struct message *m = entry->message;
	enum evidence_recipients mode = entry->settings->evidence_recipients;
	*text_r = NULL;
	if (mode == EVIDENCE_COUNT || m->recipients_n == 0)
		return 0;
	const struct recipient *list = m->recipients;
	size_t n = m->recipients_n, room = 1;
	if (mode == EVIDENCE_DOMAIN)
		list = domains_of(m, entry->arena, &n);
	for (size_t i = 0; list != NULL && i < n; i++)
		room += strlen(list[i].address) + 2;
	char *text = list == NULL ? NULL : arena_alloc(entry->arena, room);
	if (text == NULL)
		return -1;
	char *out = text;
	for (size_t i = 0; i < n; i++)
		out = put_line(out, &list[i]);
	out[-1] = '\0';
	*text_r = text;
	return 0;
}

/* The column is null where it would say the same as the sender. */
static const char *
unless_sender(const struct message *m, enum identity identity, const char *text)
{
	bool same = m->identity == identity ? strcmp(text, m->sender) == 0
					    : text[0] == '\0';
	return same ? NULL : text;
}

static int
save(struct store *store, struct entry *entry, struct err *err)
{
	struct message *m = entry->message;
	const char *recipients;
	if (recipients_text(entry, &recipients) < 0)
		return err_set(err, "memory is out");
	return sql_run(&store->sql, SQL_MESSAGE_INSERT, NULL, err,
	    "iiiiiiiiiitttnnnnbt", m->id, m->at_ms, m->tick,
	    (int64_t)entry->fingerprint, entry->previous,
	    entry->client_previous, (int64_t)m->recipient_count,
	    (int64_t)m->external_count, (int64_t)m->identity,
	    (int64_t)m->action, m->sender,
	    unless_sender(m, IDENTITY_ENVELOPE, m->mail_from),
	    unless_sender(m, IDENTITY_LOGIN, m->login), m->client, m->queue_id,
	    m->message_id, m->subject, (const void *)entry->hashes,
	    entry->hashes_n * sizeof(*entry->hashes), recipients);
}

/* --------------------------------------------------------------- retries */

/* Takes what the database says of an earlier try. 1 found, 0 not, -1 error. */
static int
read_known(struct store *store, struct entry *entry, sqlite3_stmt *row,
    struct err *err)
{
	int got = row == NULL ? -1 : sql_step(&store->sql, row, err);
	if (got != 1)
		return got;
	entry->known = sqlite3_column_int64(row, 0);
	entry->known_action = (enum action)sqlite3_column_int(row, 3);
	entry->tries = (uint32_t)sqlite3_column_int(row, 4);
	if (is_refused(entry->known_action)) {
		const int64_t first = boot_message_tick(store, entry->known,
		    sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2));
		/* Of two tries at once the earlier may come second. */
		entry->waited_secs = entry->message->tick > first
					 ? entry->message->tick - first
					 : 0;
	}
	sql_done(row);
	return 1;
}

static int
find_by(struct store *store, struct entry *entry, uint64_t fingerprint,
    bool beyond_recent, struct err *err)
{
	const struct message *m = entry->message;
	const struct recent *recent =
	    find_recent(store, fingerprint, m->at_ms);
	if (recent != NULL && is_refused((enum action)recent->action))
		return read_known(store, entry,
		    sql_bind(&store->sql, SQL_MESSAGE_TRY, err, "i",
			recent->message),
		    err);
	if (recent != NULL) {
		entry->known = recent->message;
		entry->known_action = (enum action)recent->action;
		entry->tries = recent->tries;
		return 1;
	}
	return beyond_recent
		   ? read_known(store, entry,
			 sql_bind(&store->sql, SQL_MESSAGE_TRY_BEFORE, err,
			     "ii", (int64_t)fingerprint,
			     m->at_ms - STORE_RETRY_MS),
			 err)
		   : 0;
}

static void
forget_known(struct entry *entry)
{
	entry->retry = false;
	entry->known = 0;
	entry->known_action = ACTION_LOG;
	entry->tries = 0;
	entry->waited_secs = -1;
}

/* Whether a rule wants something of the message: then tries are looked for
 * among the triggers of five days, which are few, too. */
static bool
matters(const struct entry *entry)
{
	for (size_t i = 0; i < entry->measures_n; i++)
		if (entry->measures[i].counted >= entry->measures[i].limit)
			return true;
	return entry->may_act;
}

/* Finds an earlier try of the message. */
static int
find_known(struct store *store, struct entry *entry, struct err *err)
{
	const bool beyond_recent = matters(entry);
	forget_known(entry);
	int got = find_by(
	    store, entry, entry->fingerprint, beyond_recent, err);
	if (got == 1 && !is_refused(entry->known_action) &&
	    entry->tries > STORE_RETRIES_MAX)
		got = 0;
	if (got == 0 && entry->bare_fingerprint != 0) {
		forget_known(entry);
		got = find_by(store, entry, entry->bare_fingerprint,
		    beyond_recent, err);
		if (got == 1 && !is_refused(entry->known_action))
			got = 0;
	}
	if (got != 1)
		forget_known(entry);
	entry->retry = got == 1;
	return got < 0 ? -1 : 0;
}

/* Whether this message is to have a row of its own if it goes on. */
static bool
is_new(const struct entry *entry)
{
	return !entry->retry || is_refused(entry->known_action);
}

int
store_count(struct store *store, struct entry *entry, struct err *err)
{
	/* It may come a second time, after a store that failed. */
	entry->previous = entry->client_previous = entry->bulk_send = 0;
	entry->opened = entry->alert_queued = false;
	forget_known(entry);
	if (digest_entry(store, entry) < 0)
		return err_set(err, "count: memory is out");
	entry->item = (uint64_t)store->last_message + 1;
	if (count_windows(store, entry) < 0)
		return err_set(err, "count: memory is out");
	if (find_known(store, entry, err) < 0)
		return store_err(store, err, "count");
	if (is_new(entry))
		return 0;
	/* In a window of messages it is one with the earlier try. */
	entry->item = (uint64_t)entry->known;
	entry->previous = entry->client_previous = 0;
	return count_windows(store, entry) < 0
		   ? err_set(err, "count: memory is out")
		   : 0;
}

/* A try that goes on takes the place of the one that was refused. */
static int
replace_known(struct store *store, const struct entry *entry, struct err *err)
{
	store->has_bulk_send = true; /* it is evidence of one */
	if (sql_run(&store->sql, SQL_MESSAGE_REPLACED, NULL, err, "iii",
		entry->known, entry->message->id,
		(int64_t)entry->fingerprint) < 0 ||
	    sql_run(&store->sql, SQL_PURGE_MESSAGE, NULL, err, "i",
		entry->known) < 0)
		return -1;
	return sql_run(
	    &store->sql, SQL_SEND_ACTION, NULL, err, "i", entry->message->id);
}

/* A message that was taken comes again. It counts in the window as of now, so
 * its row says so too. (Rows of an earlier boot have ticks of another kind:
 * those stay.) */
static int
keep_again(struct store *store, struct entry *entry, struct err *err)
{
	ledger_note_recent(store, entry);
	return sql_run(&store->sql, SQL_MESSAGE_AGAIN, NULL, err, "iii",
	    entry->known, entry->message->tick, store->boot_message);
}

static int
keep(struct store *store, struct entry *entry, struct err *err)
{
	struct message *m = entry->message;
	const bool refused = is_refused(entry->decision.action);
	m->action = entry->decision.action;
	m->id = entry->known;
	if (is_new(entry) && !(entry->retry && refused))
		m->id = ++store->last_message;
	if (!refused && !store->on_trial && fill_windows(store, entry) < 0)
		return err_set(err, "memory is out");
	windows_sweep(store->windows, m->tick, SWEEP_SLOTS);
	if (m->id == entry->known && refused)
		return 0; /* it waits since its first try */
	if (m->id == entry->known)
		return keep_again(store, entry, err);
	if (refused && entry->bare_fingerprint != 0)
		entry->fingerprint = entry->bare_fingerprint;
	entry->tries = 0;
	ledger_note_recent(store, entry);
	if (save(store, entry, err) < 0)
		return -1;
	return entry->retry ? replace_known(store, entry, err) : 0;
}

int
ledger_fill_windows(struct store *store, struct entry *entry, struct err *err)
{
	return fill_windows(store, entry) < 0
		   ? err_set(err, "memory is out")
		   : 0;
}

int
store_keep(struct store *store, struct entry *entry, struct err *err)
{
	return keep(store, entry, err) < 0 ? store_err(store, err, "ledger")
					   : 0;
}
