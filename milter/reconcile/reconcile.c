/*
 * reconcile.c: Postfix's log beside the ledger: reads the files, compares, and
 * tells what was found of each message.
 */
#include "bulkwatch/reconcile.h"

#include <stdlib.h>

#include "bulkwatch/arena.h"
#include "compare.h"
#include "logfile.h"
#include "traffic.h"

struct reconcile {
	struct reconcile_request request;
	struct arena *arena;
	struct traffic *traffic;
	struct traffic_facts facts;
};

/* ---------------------------------------------------------------- files */

static int
read_file(struct traffic *traffic, struct logfile *file, struct err *err)
{
	const char *text;
	size_t length;
	int got;
	while ((got = logfile_line(file, &text, &length, err)) == 1)
		if (traffic_line(
			traffic, text, length, logfile_latest_ms(file)) < 0)
			return err_set(err, "memory is out");
	return got;
}

struct source {
	struct logfile *file;
	int64_t first_ms;
};

static int
compare_sources(const void *a, const void *b)
{
	const struct source *x = a, *y = b;
	return (x->first_ms > y->first_ms) - (x->first_ms < y->first_ms);
}

/* Reads the files in the order of time, however they were given: a message may
 * stand at the end of one and the beginning of the next. */
static int
read_files(struct reconcile *r, struct err *err)
{
	const size_t n = r->request.files_n;
	struct source *sources = arena_alloc(r->arena, n * sizeof(*sources));
	int failed = sources == NULL ? err_set(err, "memory is out") : 0;
	for (size_t i = 0; failed == 0 && i < n; i++) {
		failed =
		    logfile_open(r->request.files[i], &sources[i].file, err);
		if (failed == 0)
			sources[i].first_ms = logfile_first_ms(sources[i].file);
	}
	if (failed == 0)
		qsort(sources, n, sizeof(*sources), compare_sources);
	for (size_t i = 0; failed == 0 && i < n; i++)
		failed = read_file(r->traffic, sources[i].file, err);
	for (size_t i = 0; sources != NULL && i < n; i++)
		logfile_close(&sources[i].file);
	return failed;
}

static int
say_nothing_read(const char *instance, struct err *err)
{
	if (instance != NULL)
		return err_set(err,
		    "the log has no line of a Postfix that calls itself "
		    "\"%s\": its lines begin with %s/smtpd or the like "
		    "(syslog_name)",
		    instance, instance);
	return err_set(err,
	    "the log has no line of Postfix; its lines look like "
	    "\"Nov 22 18:00:01 mail postfix/qmgr[42]: …\", after a time as in "
	    "RFC 3164 or RFC 3339 (Sendmail's log cannot be read)");
}

/* ------------------------------------------------------------- lifetime */

static int
read_logs(struct reconcile *r, struct err *err)
{
	const struct traffic_options how = {.settings = r->request.settings,
	    .instance = r->request.instance,
	    .added = &r->request.added};
	r->arena = arena_new();
	if (r->arena == NULL || traffic_init(&how, &r->traffic) < 0)
		return err_set(err, "memory is out");
	if (read_files(r, err) < 0)
		return -1;
	traffic_end(r->traffic, &r->facts);
	return r->facts.lines == 0 ? say_nothing_read(how.instance, err) : 0;
}

int
reconcile_init(const struct reconcile_request *request,
    struct reconcile **reconcile_r, struct err *err)
{
	struct reconcile *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return err_set(err, "memory is out");
	r->request = *request;
	if (read_logs(r, err) < 0) {
		reconcile_deinit(&r);
		return -1;
	}
	*reconcile_r = r;
	return 0;
}

void
reconcile_deinit(struct reconcile **reconcile)
{
	struct reconcile *r = *reconcile;
	*reconcile = NULL;
	if (r == NULL)
		return;
	traffic_deinit(&r->traffic);
	arena_free(r->arena);
	free(r);
}

/* --------------------------------------------------------------- result */

static const char *
sender_text(const struct mail *mail)
{
	if (mail->login[0] != '\0')
		return mail->login;
	return mail->sender[0] != '\0' ? mail->sender : "<>";
}

static struct reconciled_mail
row_of(const struct match *match)
{
	const struct mail *m = match->mail;
	struct reconciled_mail row = {.at_ms = m->accepted_ms,
	    .queue_id = m->queue_id,
	    .sender = sender_text(m),
	    .mail_from = m->sender,
	    .login = m->login,
	    .client = m->client,
	    .via = m->tag,
	    .message_id = m->message_id,
	    .finding = match->finding,
	    .retry_of = "",
	    .expanded = m->expanded,
	    .has_counted = match->in_ledger || match->spooled,
	    .counted = match->counted};
	if (match->finding == FOUND_RETRY) {
		row.retry_of = match->retry_of;
		row.has_counted = true;
		row.counted = match->retry_counted;
	}
	row.has_recipients = compare_recipients(m, &row.recipients);
	return row;
}

/* The rows of all that were not simply counted. */
static int
add_rows(struct reconcile *r, struct reconciliation *result)
{
	const uint64_t n = result->outbound - result->found[FOUND_COUNTED];
	struct reconciled_mail *rows =
	    arena_alloc(r->arena, (size_t)(n + 1) * sizeof(*rows));
	if (rows == NULL)
		return -1;
	for (struct mail *m = traffic_first(r->traffic); m != NULL;
	     m = m->next) {
		const struct match *match = m->found;
		if (m->accepted_ms != 0 && m->outbound &&
		    match->finding != FOUND_COUNTED)
			rows[result->mails_n++] = row_of(match);
	}
	result->mails = rows;
	return 0;
}

int
reconcile_with(struct reconcile *r, struct store *store,
    struct reconciliation *result_r, struct err *err)
{
	if (compare(r->traffic, &r->facts, r->request.settings, store, r->arena,
		result_r, err) < 0)
		return -1;
	result_r->first_ms = r->facts.first_ms;
	result_r->last_ms = r->facts.last_ms;
	result_r->messages = r->facts.messages;
	return add_rows(r, result_r) < 0 ? err_set(err, "memory is out") : 0;
}
