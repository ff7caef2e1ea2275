/* queue.c: what is the same for each kind of mail server. */
#include "bulkwatch/queue.h"

#include <string.h>

#define MINUTE_MS INT64_C(60000)

/* ----------------------------------------------------------------- finding */

/* Adds the queues of a server. */
static int
add_queues(struct arena *arena, const struct queue_tools *tools,
    const char *config_dir, struct queues *queues, struct err *err)
{
	const char *const one[] = {config_dir, NULL}, *const *folders = one;
	if (config_dir == NULL && tools->instances(arena, &folders, err) < 0)
		return -1;
	size_t n = 0;
	while (folders[n] != NULL)
		n++;
	n += n == 0; /* the server's own */
	struct queue *items =
	    arena_alloc(arena, (queues->n + n) * sizeof(*items));
	if (items == NULL)
		return err_set(err, "memory is out");
	for (size_t i = 0; i < queues->n; i++)
		items[i] = queues->items[i];
	for (size_t i = 0; i < n; i++)
		items[queues->n++] =
		    (struct queue){.tools = tools, .config_dir = folders[i]};
	queues->items = items;
	return 0;
}

static int
find_one(struct arena *arena, const struct queue_tools *tools,
    const char *config_dir, struct queues *queues, struct err *err)
{
	if (tools->find(arena, err) != 0)
		return -1;
	return add_queues(arena, tools, config_dir, queues, err);
}

/* A server that is not installed holds nothing; but one that does not answer
 * may hold all. */
static int
find_any(struct arena *arena, const char *config_dir, struct queues *queues,
    struct err *err)
{
	const struct queue_tools *const all[] = {
	    &queue_postfix, &queue_sendmail};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int absent = all[i]->find(arena, err);
		if (absent > 0)
			continue;
		if (absent < 0 ||
		    add_queues(arena, all[i], config_dir, queues, err) < 0)
			return -1;
		if (config_dir != NULL)
			break;
	}
	return queues->n > 0
		   ? 0
		   : err_set(err,
			 "neither Postfix nor Sendmail is installed on this "
			 "machine; run this on the mail server");
}

int
queue_find(struct arena *arena, enum queue_kind kind, const char *config_dir,
    struct queues *queues_r, struct err *err)
{
	*queues_r = (struct queues){.n = 0};
	switch (kind) {
	case QUEUE_POSTFIX:
		return find_one(
		    arena, &queue_postfix, config_dir, queues_r, err);
	case QUEUE_SENDMAIL:
		return find_one(
		    arena, &queue_sendmail, config_dir, queues_r, err);
	case QUEUE_ANY:
		break;
	}
	return find_any(arena, config_dir, queues_r, err);
}

const char *
queue_servers(const struct queues *queues)
{
	const struct queue_tools *first = queues->items[0].tools;
	return first == queues->items[queues->n - 1].tools
		   ? first->server
		   : "Postfix or Sendmail";
}

const char *
queue_name(const struct queue *queue)
{
	return queue->config_dir == NULL ? queue->tools->server
					 : queue->config_dir;
}

bool
queue_asks(struct arena *arena, const struct queue *queue,
    const struct settings *settings)
{
	return queue->tools->asks(arena, settings, queue->config_dir);
}

/* ----------------------------------------------------------------- looking */

/*
 * Postfix gives a queue id anew once the mail is gone, so a mail that is held
 * by the same one may be another. What came to the queue before the end of
 * message may be ours, however long before: of mail that waited for pickup
 * Postfix tells when it was submitted, and that may be days ago. What came
 * later is another mail; so much later that no difference between the clocks
 * of two machines explains it.
 */
bool
queue_same_mail(int64_t arrival_ms, int64_t at_ms)
{
	return arrival_ms <= at_ms + 10 * MINUTE_MS;
}

/* Adds what one queue has to what is known from those before it. */
static void
merge(struct queue_mail *mail, enum queue_state seen, struct queue *queue)
{
	const bool held =
	    mail->state == QUEUE_HELD || mail->state == QUEUE_TWICE;
	if (seen == QUEUE_HELD && held) {
		mail->state = QUEUE_TWICE;
		mail->other = queue;
	} else if (seen == QUEUE_HELD || (seen == QUEUE_ANOTHER && !held)) {
		mail->state = seen;
		mail->queue = queue;
	} else if (seen == QUEUE_GONE && mail->state == QUEUE_NO_ID) {
		mail->state = seen;
	}
}

bool
queue_id_ok(const struct queue_tools *tools, const char *queue_id)
{
	size_t length = strlen(queue_id);
	return length >= tools->id_least && length <= tools->id_most &&
	       strspn(queue_id, QUEUE_ID_LETTERS) == length;
}

int
queue_look(struct arena *arena, struct queues *queues, struct queue_mail *mails,
    size_t n, struct err *err)
{
	struct queue_mail *seen = arena_alloc(arena, n * sizeof(*seen));
	if (seen == NULL)
		return err_set(err, "memory is out");
	for (size_t i = 0; i < n; i++) {
		mails[i].state = QUEUE_NO_ID;
		mails[i].queue = mails[i].other = NULL;
	}
	for (size_t q = 0; q < queues->n; q++) {
		struct queue *queue = &queues->items[q];
		for (size_t i = 0; i < n; i++) {
			seen[i] = mails[i];
			seen[i].state =
			    queue_id_ok(queue->tools, seen[i].queue_id)
				? QUEUE_GONE
				: QUEUE_NO_ID;
		}
		if (queue->tools->look(arena, queue, seen, n, err) < 0)
			return queues->n == 1 ? -1
					      : err_wrap(err, "the queue of %s",
						    queue_name(queue));
		for (size_t i = 0; i < n; i++)
			merge(&mails[i], seen[i].state, queue);
	}
	return 0;
}

/* ------------------------------------------------------------------ acting */

static int
act_in(struct arena *arena, struct queue *queue, enum queue_step step,
    struct queue_mail *mails, size_t n, const char **note, struct err *err)
{
	struct queue_mail part[QUEUE_BATCH_MAX];
	size_t place[QUEUE_BATCH_MAX], part_n = 0;
	for (size_t i = 0; i < n; i++) {
		if (mails[i].state != QUEUE_HELD || mails[i].queue != queue)
			continue;
		place[part_n] = i;
		part[part_n++] = mails[i];
	}
	if (part_n == 0)
		return 0;
	int done =
	    queue->tools->act(arena, queue, step, part, part_n, note, err);
	for (size_t i = 0; i < part_n; i++)
		mails[place[i]].state = part[i].state;
	return done;
}

int
queue_act(struct arena *arena, struct queues *queues, enum queue_step step,
    struct queue_mail *mails, size_t n, struct err *err)
{
	for (size_t q = 0; q < queues->n; q++)
		if (act_in(arena, &queues->items[q], step, mails, n,
			&queues->note, err) < 0)
			return -1;
	return 0;
}
