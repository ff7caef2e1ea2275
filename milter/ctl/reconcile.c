/* reconcile.c: `bulkwatch reconcile`: the MTA's log beside the ledger. */
#include <inttypes.h>

#include "args.h"
#include "bulkwatch/json.h"
#include "bulkwatch/pattern.h"
#include "bulkwatch/reconcile.h"
#include "ctl.h"
#include "table.h"
#include "views.h"

#define FILES_MAX 1000
#define ADDED_MAX 100

enum { OPT_INSTANCE = ARGS_OWN, OPT_ADDED, OPT_STRICT };

static const struct option options[] = {
    {"instance", required_argument, NULL, OPT_INSTANCE},
    {"added", required_argument, NULL, OPT_ADDED},
    {"strict", no_argument, NULL, OPT_STRICT},
    {0},
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
    {.title = "CLIENT", .yields = 3},
    {.title = "VIA", .yields = 2},
    {.title = "RCPTS", .right = true},
    {.title = "COUNTED", .right = true, .yields = 4},
    /* What one came for: whole. */
    {.title = "WHY", .yields = 1, .below = ""},
};

#define COLUMNS_N (sizeof(columns) / sizeof(columns[0]))

static void
add_row(
    struct table *table, struct arena *arena, const struct reconciled_mail *m)
{
	const struct cell cells[COLUMNS_N] = {
	    {view_second(arena, m->at_ms), TINT_NONE},
	    {m->queue_id, TINT_NONE},
	    {m->sender, TINT_NONE},
	    {m->client[0] == '\0' ? "local" : m->client, TINT_NONE},
	    {m->via, TINT_NONE},
	    {arena_printf(arena, "%s%" PRIu32, m->has_recipients ? "" : "~",
		 m->recipients),
		TINT_NONE},
	    {m->has_counted ? arena_printf(arena, "%" PRIu32, m->counted) : "-",
		TINT_NONE},
	    {tellings[m->finding].why,
		m->finding >= FOUND_REFUSED ? TINT_RED : TINT_YELLOW},
	};
	table_row(table, cells);
}

static bool
is_listed(const struct reconciled_mail *mail)
{
	return tellings[mail->finding].why != NULL;
}

static int
print_table(struct ctl *ctl, const struct reconciliation *r)
{
	size_t i = 0;
	while (i < r->mails_n && !is_listed(&r->mails[i]))
		i++;
	if (i == r->mails_n)
		return 0;
	struct table *table = table_new(ctl->arena, columns, COLUMNS_N, 0);
	for (; i < r->mails_n; i++)
		if (is_listed(&r->mails[i]))
			add_row(table, ctl->arena, &r->mails[i]);
	int result = table_print(table, &ctl->screen, ctl->out);
	fputc('\n', ctl->out);
	return result;
}

/* "3: while the milter was not there 2, …" of findings from first to last. */
static const char *
sum_text(struct arena *arena, const struct reconciliation *r,
    enum finding first, enum finding last)
{
	uint64_t all = 0;
	const char *text = "", *before = ": ";
	for (enum finding f = first; f <= last; f++) {
		if (r->found[f] == 0)
			continue;
		all += r->found[f];
		text = text == NULL
			   ? NULL
			   : arena_printf(arena, "%s%s%s %" PRIu64, text,
				 before, tellings[f].sum, r->found[f]);
		before = ", ";
	}
	return text == NULL ? NULL
			    : arena_printf(arena, "%" PRIu64 "%s", all, text);
}

static int
print_ledger_only(const struct view *view, const struct reconciliation *r)
{
	int result = 0;
	if (r->turned_away > 0)
		result = view_fact(view, "Not taken",
		    arena_printf(view->arena,
			"%" PRIu64 " in the ledger that Postfix has refused "
			"after all, or has not taken yet",
			r->turned_away));
	if (result == 0 && r->ledger_only > 0)
		result = view_fact(view, "Not in log",
		    arena_printf(view->arena,
			"%" PRIu64 " in the ledger of this time that the log "
			"does not have",
			r->ledger_only));
	return result;
}

static int
print_summary(struct ctl *ctl, const struct reconciliation *r)
{
	struct arena *arena = ctl->arena;
	const struct view view = {ctl->out, &ctl->screen, arena, ctl->file};
	const uint64_t retries = r->found[FOUND_RETRY];
	if (view_fact(&view, "Log",
		arena_printf(arena, "%s, %" PRIu64 " message%s",
		    view_span(arena, r->first_ms, r->last_ms), r->messages,
		    view_plural(r->messages))) < 0 ||
	    view_fact(&view, "Outbound",
		arena_printf(arena, "%" PRIu64, r->outbound)) < 0 ||
	    view_fact(&view, "Counted",
		retries == 0
		    ? arena_printf(arena, "%" PRIu64, r->found[FOUND_COUNTED])
		    : arena_printf(arena, "%" PRIu64 ", of them %s %" PRIu64,
			  r->found[FOUND_COUNTED] + retries,
			  tellings[FOUND_RETRY].sum, retries)) < 0)
		return -1;
	if (view_fact(&view, "Not counted",
		sum_text(arena, r, FOUND_OWN, FOUND_PURGED)) < 0 ||
	    view_fact(&view, "Unexplained",
		sum_text(arena, r, FOUND_REFUSED, FOUND_NOWHERE)) < 0)
		return -1;
	return print_ledger_only(&view, r);
}

/* ----------------------------------------------------------------- command */

static int
tell(struct ctl *ctl, const struct reconciliation *r, bool strict)
{
	int code;
	if (ctl->json)
		code = ctl_document(ctl, json_reconciliation(r));
	else
		code = ctl_printed(
		    ctl, print_table(ctl, r) < 0 ? -1 : print_summary(ctl, r));
	bool well =
	    r->unexplained == 0 && !(strict && r->found[FOUND_NO_MILTER] > 0);
	return code == CTL_DONE && !well ? CTL_FAILED : code;
}

static int
compare_and_tell(struct ctl *ctl, struct reconcile *reconcile,
    const struct settings *settings, bool strict)
{
	struct store *store;
	struct reconciliation result;
	struct err err;
	if (ctl_open_database(settings->database, &store, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	int failed = reconcile_with(reconcile, store, &result, &err);
	store_close(&store);
	return failed < 0 ? ctl_fail(ctl, "%s", err.text)
			  : tell(ctl, &result, strict);
}

/* strict: mail that passed without the milter is a fault too. */
static int
read_and_compare(
    struct ctl *ctl, const struct reconcile_request *request, bool strict)
{
	struct reconcile *reconcile;
	struct err err;
	if (reconcile_init(request, &reconcile, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	int code = compare_and_tell(ctl, reconcile, request->settings, strict);
	reconcile_deinit(&reconcile);
	return code;
}

/* Adds one to those of the request, which point to added. */
static int
add_pattern(
    struct ctl *ctl, const char *added[ADDED_MAX], size_t *n, const char *text)
{
	struct err err;
	if (*n == ADDED_MAX)
		return ctl_misused(ctl, "--added was given too often");
	if (pattern_parse(ctl->arena, text, &added[*n], &err) < 0)
		return ctl_misused(ctl, "--added: %s", err.text);
	++*n;
	return CTL_DONE;
}

int
reconcile_command(struct ctl *ctl)
{
	const char *added[ADDED_MAX];
	struct reconcile_request request = {.added = {.items = added}};
	bool strict = false;
	int option;
	while ((option = args_next(ctl, options)) > ARGS_END) {
		if (option == OPT_INSTANCE && optarg[0] == '\0')
			return ctl_misused(ctl, "--instance is empty");
		if (option == OPT_INSTANCE)
			request.instance = optarg;
		else if (option == OPT_STRICT)
			strict = true;
		else if (add_pattern(ctl, added, &request.added.n, optarg) !=
			 CTL_DONE)
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
	for (int i = 0; i < ctl->words_n; i++)
		if (ctl->words[i][0] == '\0')
			return ctl_misused(ctl, "LOGFILE is empty");
	request.files = ctl->words;
	request.files_n = (size_t)ctl->words_n;
	if (ctl_load_settings(ctl, &request.settings) < 0)
		return CTL_FAILED;
	int code = read_and_compare(ctl, &request, strict);
	settings_unref(&request.settings);
	return code;
}
