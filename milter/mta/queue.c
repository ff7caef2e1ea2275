/* queue.c: what is the same for each kind of mail server. */
#include "bulkwatch/queue.h"

#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define DAY_MS (INT64_C(24) * 60 * MINUTE_MS)

int
queue_find(struct arena *arena, enum queue_kind kind, const char *config_dir,
    struct queue *queue_r, struct err *err)
{
	const struct queue_tools *tools =
	    kind == QUEUE_SENDMAIL ? &queue_sendmail : &queue_postfix;
	struct err ignored;
	int found = tools->find(arena, err);
	if (found < 0 && kind == QUEUE_ANY) {
		tools = &queue_sendmail;
		found = tools->find(arena, &ignored);
		if (found < 0)
			err_set(err, "neither Postfix nor Sendmail is "
				     "installed on this machine; run this on "
				     "the mail server");
	}
	if (found == 0)
		*queue_r =
		    (struct queue){.tools = tools, .config_dir = config_dir};
	return found;
}

const char *
queue_server(const struct queue *queue)
{
	return queue->tools->server;
}

/*
 * Postfix gives a queue id anew once the mail is gone, so a mail that is held
 * by the same one may be another. A mail comes before its end of message, which
 * a slow client or a long outage (mail that waited for pickup) may put off.
 * What came later is another mail; so much later that no difference between the
 * clocks of two machines explains it.
 */
bool
queue_same_mail(int64_t arrival_ms, int64_t at_ms)
{
	return arrival_ms >= at_ms - DAY_MS &&
	       arrival_ms <= at_ms + 10 * MINUTE_MS;
}

bool
queue_id_ok(const struct queue_tools *tools, const char *queue_id)
{
	size_t length = strlen(queue_id);
	return length >= tools->id_least && length <= tools->id_most &&
	       strspn(queue_id, QUEUE_ID_LETTERS) == length;
}

int
queue_look(struct arena *arena, const struct queue *queue,
    struct queue_mail *mails, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		mails[i].state = queue_id_ok(queue->tools, mails[i].queue_id)
				     ? QUEUE_GONE
				     : QUEUE_NO_ID;
	return queue->tools->look(arena, queue, mails, n, err);
}

int
queue_act(struct arena *arena, struct queue *queue, enum queue_step step,
    struct queue_mail *mails, size_t n, struct err *err)
{
	queue->note = NULL;
	return queue->tools->act(arena, queue, step, mails, n, err);
}
