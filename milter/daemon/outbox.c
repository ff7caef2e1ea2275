/* outbox.c: the notifier's way to the store, as jobs of the recorder. */
#include "bulkwatch/outbox.h"

#include "bulkwatch/log.h"

/* What a job is asked and answers. */
struct ask {
	struct arena *arena;
	int64_t number; /* a time, or a bulk send */
	size_t limit;
	const int64_t *ids;
	size_t ids_n;
	const struct alert_result *result;
	struct alert **alerts_r;
	int64_t **times_r;
	int64_t *number_r;
	struct bulk_send_story *story_r;
	struct day *day_r;
	size_t *n_r;
};

static int
ask(void *context, recorder_job_fn *job, struct ask *question)
{
	struct outbox_context *c = context;
	struct err err;
	/* A failing store has said so itself. */
	return recorder_call(c->recorder, job, question, &err);
}

static int
due_job(struct store *store, void *context, struct err *err)
{
	struct ask *q = context;
	return store_alerts_due(
	    store, q->arena, q->number, q->limit, q->alerts_r, q->n_r, err);
}

static int
due(void *context, struct arena *arena, int64_t now_ms, size_t limit,
    struct alert **alerts_r, size_t *n_r)
{
	struct ask q = {.arena = arena,
	    .number = now_ms,
	    .limit = limit,
	    .alerts_r = alerts_r,
	    .n_r = n_r};
	return ask(context, due_job, &q);
}

static int
next_due_job(struct store *store, void *context, struct err *err)
{
	struct ask *q = context;
	return store_alerts_next(store, q->number, q->number_r, err);
}

static int
next_due(void *context, int64_t now_ms, int64_t *due_ms_r)
{
	struct ask q = {.number = now_ms, .number_r = due_ms_r};
	return ask(context, next_due_job, &q);
}

static int
sent_since_job(struct store *store, void *context, struct err *err)
{
	struct ask *q = context;
	return store_alerts_sent_since(
	    store, q->arena, q->number, q->times_r, q->n_r, err);
}

static int
sent_since(void *context, struct arena *arena, int64_t since_ms,
    int64_t **times_r, size_t *n_r)
{
	struct ask q = {
	    .arena = arena, .number = since_ms, .times_r = times_r, .n_r = n_r};
	return ask(context, sent_since_job, &q);
}

static int
story_job(struct store *store, void *context, struct err *err)
{
	struct ask *q = context;
	int found =
	    store_show(store, q->arena, q->number, q->limit, q->story_r, err);
	return found == 0 ? err_set(err, "there is no bulk send %lld",
				(long long)q->number)
			  : found - 1;
}

static int
story(void *context, struct arena *arena, int64_t bulk_send,
    size_t evidence_max, struct bulk_send_story *story_r)
{
	struct ask q = {.arena = arena,
	    .number = bulk_send,
	    .limit = evidence_max,
	    .story_r = story_r};
	return ask(context, story_job, &q);
}

static int
day_job(struct store *store, void *context, struct err *err)
{
	struct ask *q = context;
	return store_day(store, q->arena, q->number, q->day_r, err);
}

static int
day(void *context, struct arena *arena, int64_t now_ms, struct day *day_r)
{
	struct ask q = {.arena = arena, .number = now_ms, .day_r = day_r};
	return ask(context, day_job, &q);
}

static int
settle_job(struct store *store, void *context, struct err *err)
{
	struct ask *q = context;
	return store_alerts_settle(store, q->ids, q->ids_n, q->result, err);
}

static int
settle(void *context, const int64_t *ids, size_t n,
    const struct alert_result *result)
{
	struct ask q = {.ids = ids, .ids_n = n, .result = result};
	return ask(context, settle_job, &q);
}

static const struct settings *
settings(void *context)
{
	struct outbox_context *c = context;
	return current_get(c->current);
}

struct outbox
outbox_of(struct outbox_context *context)
{
	return (struct outbox){
	    .context = context,
	    .due = due,
	    .next_due = next_due,
	    .sent_since = sent_since,
	    .story = story,
	    .day = day,
	    .settle = settle,
	    .settings = settings,
	};
}
