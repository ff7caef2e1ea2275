/* reconcile.c: `bulkwatch reconcile`: the MTA's log beside the ledger. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "bulkwatch/json.h"
#include "bulkwatch/pattern.h"
#include "bulkwatch/text.h"
#include "compare.h"
#include "ctl.h"
#include "logfile.h"
#include "table.h"
#include "views.h"

#define FILES_MAX 1000
#define ADDED_MAX 100

enum { OPT_INSTANCE = ARGS_OWN, OPT_ADDED };

static const struct option options[] = {
    {"instance", required_argument, NULL, OPT_INSTANCE},
    {"added", required_argument, NULL, OPT_ADDED},
    {0},
};

/* What was asked for. */
struct request {
	const char *instance;
	const char *added[ADDED_MAX];
	struct pattern_list added_list;
};

/* How a finding is told; NULL: it is not listed. */
static const struct {
	const char *why, *sum;
} tellings[FINDINGS_N] = {
    [FOUND_RETRY] = {NULL, "under the queue id of an earlier try"},
    [FOUND_OWN] = {NULL, "our own alerts and notices"},
    [FOUND_REINJECTED] = {NULL, "given back by a content filter"},
    [FOUND_SPOOLED] = {"waits in the spool", "waiting in the spool"},
    [FOUND_NO_MILTER] = {"the milter was not there",
	"while the milter was not there"},
    [FOUND_BEFORE] = {"from before the ledger begins",
	"from before the ledger begins"},
    [FOUND_PURGED] = {"removed by ledger.keep", "removed by ledger.keep"},
    [FOUND_REFUSED] = {"kept as refused, and sent",
	"kept as refused, and sent"},
    [FOUND_DIFFERS] = {"counted with another number",
	"counted with another number of recipients"},
    [FOUND_NOWHERE] = {"no reason found", "no reason found"},
};

/* -------------------------------------------------------------- as a table */

static const struct column columns[] = {
    {.title = "ACCEPTED"},
    {.title = "QUEUE ID"},
    {.title = "SENDER", .least = 16},
    {.title = "CLIENT", .yields = 2},
    {.title = "VIA", .yields = 1},
    {.title = "RCPTS", .right = true},
    {.title = "COUNTED", .right = true, .yields = 3},
    {.title = "WHY", .least = 12},
};

#define COLUMNS_N (sizeof(columns) / sizeof(columns[0]))

static const char *
sender_text(const struct mail *mail)
{
	if (mail->login[0] != '\0')
		return mail->login;
	return mail->sender[0] != '\0' ? mail->sender : "<>";
}

static void
add_row(struct table *table, struct arena *arena, const struct match *match)
{
	const struct mail *m = match->mail;
	uint32_t recipients;
	bool known = compare_recipients(m, &recipients);
	const struct cell cells[COLUMNS_N] = {
	    {view_second(arena, m->accepted_ms), TINT_NONE},
	    {m->queue_id, TINT_NONE},
	    {sender_text(m), TINT_NONE},
	    {m->client[0] == '\0' ? "local" : m->client, TINT_NONE},
	    {m->tag, TINT_NONE},
	    {arena_printf(arena, "%s%" PRIu32, known ? "" : "~", recipients),
		TINT_NONE},
	    {match->in_ledger || match->spooled
		    ? arena_printf(arena, "%" PRIu32, match->counted)
		    : "-",
		TINT_NONE},
	    {tellings[match->finding].why,
		match->finding >= FOUND_REFUSED ? TINT_RED : TINT_YELLOW},
	};
	table_row(table, cells);
}

/* The matches that are to be seen, from this mail on; NULL: no more. */
static const struct match *
next_match(struct mail **at, bool listed_only)
{
	for (struct mail *m = *at; m != NULL; m = m->next) {
		const struct match *match = m->found;
		if (m->accepted_ms == 0 || !m->outbound ||
		    match->finding == FOUND_COUNTED ||
		    (listed_only && tellings[match->finding].why == NULL))
			continue;
		*at = m->next;
		return match;
	}
	return NULL;
}

static int
print_table(struct ctl *ctl, struct traffic *traffic)
{
	struct mail *at = traffic_first(traffic);
	const struct match *match = next_match(&at, true);
	if (match == NULL)
		return 0;
	struct table *table = table_new(ctl->arena, columns, COLUMNS_N, 0);
	for (; match != NULL; match = next_match(&at, true))
		add_row(table, ctl->arena, match);
	int result = table_print(table, &ctl->screen, ctl->out);
	fputc('\n', ctl->out);
	return result;
}

/* "3: while the milter was not there 2, …" of findings from first to last. */
static const char *
sum_text(struct arena *arena, const struct comparison *c, enum finding first,
    enum finding last)
{
	uint64_t all = 0;
	const char *text = "", *before = ": ";
	for (enum finding f = first; f <= last; f++) {
		if (c->found[f] == 0)
			continue;
		all += c->found[f];
		text = text == NULL
			   ? NULL
			   : arena_printf(arena, "%s%s%s %" PRIu64, text,
				 before, tellings[f].sum, c->found[f]);
		before = ", ";
	}
	return text == NULL ? NULL
			    : arena_printf(arena, "%" PRIu64 "%s", all, text);
}

static int
print_ledger_only(const struct view *view, const struct comparison *c)
{
	int result = 0;
	if (c->turned_away > 0)
		result = view_fact(view, "Not taken",
		    arena_printf(view->arena,
			"%" PRIu64 " in the ledger that Postfix has refused "
			"after all, or has not taken yet",
			c->turned_away));
	if (result == 0 && c->ledger_only > 0)
		result = view_fact(view, "Not in log",
		    arena_printf(view->arena,
			"%" PRIu64 " in the ledger of this time that the log "
			"does not have",
			c->ledger_only));
	return result;
}

static int
print_summary(struct ctl *ctl, const struct traffic_facts *facts,
    const struct comparison *c)
{
	struct arena *arena = ctl->arena;
	const struct view view = {ctl->out, &ctl->screen, arena};
	const uint64_t retries = c->found[FOUND_RETRY];
	if (view_fact(&view, "Log",
		arena_printf(arena, "%s, %" PRIu64 " message%s",
		    view_span(arena, facts->first_ms, facts->last_ms),
		    facts->messages, view_plural(facts->messages))) < 0 ||
	    view_fact(&view, "Outbound",
		arena_printf(arena, "%" PRIu64, c->outbound)) < 0 ||
	    view_fact(&view, "Counted",
		retries == 0
		    ? arena_printf(arena, "%" PRIu64, c->found[FOUND_COUNTED])
		    : arena_printf(arena, "%" PRIu64 ", of them %s %" PRIu64,
			  c->found[FOUND_COUNTED] + retries,
			  tellings[FOUND_RETRY].sum, retries)) < 0)
		return -1;
	if (view_fact(&view, "Not counted",
		sum_text(arena, c, FOUND_OWN, FOUND_PURGED)) < 0 ||
	    view_fact(&view, "Unexplained",
		sum_text(arena, c, FOUND_REFUSED, FOUND_NOWHERE)) < 0)
		return -1;
	return print_ledger_only(&view, c);
}

/* ----------------------------------------------------------------- as JSON */

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
	    .finding = finding_name(match->finding),
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

static int
print_json(struct ctl *ctl, struct traffic *traffic,
    const struct traffic_facts *facts, const struct comparison *c)
{
	struct reconciliation r = {.first_ms = facts->first_ms,
	    .last_ms = facts->last_ms,
	    .messages = facts->messages,
	    .outbound = c->outbound,
	    .unexplained = compare_unexplained(c),
	    .turned_away = c->turned_away,
	    .ledger_only = c->ledger_only};
	struct reconciliation_sum sums[FINDINGS_N];
	for (enum finding f = 0; f < FINDINGS_N; f++)
		sums[f] =
		    (struct reconciliation_sum){finding_name(f), c->found[f]};
	r.sums = sums;
	r.sums_n = FINDINGS_N;
	struct reconciled_mail *mails =
	    arena_alloc(ctl->arena, (size_t)(c->outbound + 1) * sizeof(*mails));
	if (mails == NULL)
		return ctl_fail(ctl, "memory is out");
	struct mail *at = traffic_first(traffic);
	const struct match *match;
	while ((match = next_match(&at, false)) != NULL)
		mails[r.mails_n++] = row_of(match);
	r.mails = mails;
	return ctl_document(ctl, json_reconciliation(&r));
}

/* ------------------------------------------------------------------- files */

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
read_files(struct ctl *ctl, struct traffic *traffic, struct err *err)
{
	const size_t n = (size_t)ctl->words_n;
	struct source *sources = arena_alloc(ctl->arena, n * sizeof(*sources));
	int failed = sources == NULL ? err_set(err, "memory is out") : 0;
	for (size_t i = 0; failed == 0 && i < n; i++) {
		failed = logfile_open(ctl->words[i], &sources[i].file, err);
		if (failed == 0)
			sources[i].first_ms = logfile_first_ms(sources[i].file);
	}
	if (failed == 0)
		qsort(sources, n, sizeof(*sources), compare_sources);
	for (size_t i = 0; failed == 0 && i < n; i++)
		failed = read_file(traffic, sources[i].file, err);
	for (size_t i = 0; sources != NULL && i < n; i++)
		logfile_close(&sources[i].file);
	return failed;
}

/* ----------------------------------------------------------------- command */

static int
say_nothing_read(struct ctl *ctl, const struct request *request)
{
	if (request->instance != NULL)
		return ctl_fail(ctl,
		    "the log has no line of a Postfix that calls itself "
		    "\"%s\": its lines begin with %s/smtpd or the like "
		    "(syslog_name)",
		    request->instance, request->instance);
	return ctl_fail(ctl,
	    "the log has no line of Postfix; its lines look like "
	    "\"Nov 22 18:00:01 mail postfix/qmgr[42]: …\", after a time as in "
	    "RFC 3164 or RFC 3339 (Sendmail's log cannot be read)");
}

static int
compare_and_tell(struct ctl *ctl, struct traffic *traffic,
    const struct traffic_facts *facts, const struct settings *settings)
{
	struct store *store;
	struct comparison result;
	struct err err;
	if (ctl_open_database(settings->database, &store, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	int failed =
	    compare(traffic, facts, settings, store, ctl->arena, &result, &err);
	store_close(&store);
	if (failed < 0)
		return ctl_fail(ctl, "%s", err.text);
	int code;
	if (ctl->json)
		code = print_json(ctl, traffic, facts, &result);
	else
		code =
		    ctl_printed(ctl, print_table(ctl, traffic) < 0
					 ? -1
					 : print_summary(ctl, facts, &result));
	const bool well = compare_unexplained(&result) == 0;
	return code == CTL_DONE && !well ? CTL_FAILED : code;
}

static int
reconcile_run(struct ctl *ctl, const struct request *request,
    const struct settings *settings)
{
	const struct traffic_options how = {.settings = settings,
	    .instance = request->instance,
	    .added = &request->added_list};
	struct traffic *traffic;
	struct traffic_facts facts;
	struct err err;
	int code;
	if (traffic_init(&how, &traffic) < 0)
		return ctl_fail(ctl, "memory is out");
	if (read_files(ctl, traffic, &err) < 0) {
		code = ctl_fail(ctl, "%s", err.text);
	} else {
		traffic_end(traffic, &facts);
		code = facts.lines == 0
			   ? say_nothing_read(ctl, request)
			   : compare_and_tell(ctl, traffic, &facts, settings);
	}
	traffic_deinit(&traffic);
	return code;
}

static int
add_pattern(struct ctl *ctl, struct request *request, const char *text)
{
	struct err err;
	const size_t n = request->added_list.n;
	if (n == ADDED_MAX)
		return ctl_misused(ctl, "--added was given too often");
	if (pattern_parse(ctl->arena, text, &request->added[n], &err) < 0)
		return ctl_misused(ctl, "--added: %s", err.text);
	request->added_list.n++;
	return CTL_DONE;
}

int
reconcile_command(struct ctl *ctl)
{
	struct request request = {.instance = NULL};
	request.added_list.items = request.added;
	int option;
	while ((option = args_next(ctl, options)) > ARGS_END) {
		if (option == OPT_INSTANCE)
			request.instance = optarg;
		else if (add_pattern(ctl, &request, optarg) != CTL_DONE)
			return CTL_USAGE;
	}
	if (option == ARGS_STOP)
		return ctl->code;
	if (ctl->words_n == 0)
		return ctl_misused(
		    ctl, "reconcile wants a LOGFILE, - for standard input");
	if (ctl->words_n > FILES_MAX)
		return ctl_misused(
		    ctl, "reconcile takes at most %d files", FILES_MAX);
	const struct settings *settings;
	if (ctl_load_settings(ctl, &settings) < 0)
		return CTL_FAILED;
	int code = reconcile_run(ctl, &request, settings);
	settings_unref(&settings);
	return code;
}
