/* held_report.c: what came of an order about held mail. */
#include "bulkwatch/json.h"
#include "held.h"
#include "views.h"

static size_t
count(const struct order *order, enum held_state state)
{
	size_t n = 0;
	for (size_t i = 0; i < order->n; i++)
		n += order->held[i].state == state;
	return n;
}

/* "3 messages released, 1 no longer held" */
static const char *
sum_text(const struct order *order)
{
	static const struct {
		enum held_state state;
		const char *text;
	} parts[] = {
	    {HELD_RELEASED, "released"},
	    {HELD_DISCARDED, "discarded"},
	    {HELD_GONE, "no longer held"},
	    {HELD_WAITING, "still held"},
	};
	struct arena *arena = order->ctl->arena;
	const char *text = "", *what = " message";
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t n = count(order, parts[i].state);
		if (n == 0 || text == NULL)
			continue;
		text = arena_printf(arena, "%s%s%zu%s%s %s", text,
		    what[0] == '\0' ? ", " : "", n, what,
		    what[0] == '\0' ? "" : view_plural(n), parts[i].text);
		what = "";
	}
	return text;
}

static int
print(const struct order *order)
{
	struct arena *arena = order->ctl->arena;
	const struct view view = {
	    order->ctl->out, &order->ctl->screen, arena, order->ctl->file};
	const char *sum = sum_text(order);
	if (sum == NULL || view_line(&view, "",
			       arena_printf(arena, "Bulk send %lld: %s.",
				   (long long)order->id, sum)) < 0)
		return -1;
	return held_print(&view, order->held, order->n);
}

/* Why nothing was done about one, nor written down. */
static void
tell_unknown(struct order *order, size_t i)
{
	const struct queue_mail *mail = &order->mails[i];
	struct ctl *ctl = order->ctl;
	switch (mail->state) {
	case QUEUE_ANOTHER:
		ctl_fail(ctl,
		    "the mail that %s holds as %s now came long after the "
		    "message: it is another one, and was left alone",
		    queue_name(mail->queue), mail->queue_id);
		break;
	case QUEUE_TWICE:
		ctl_fail(ctl,
		    "two hold a mail as %s, %s and %s; both were left alone: "
		    "say which is meant with --mta or --config-dir",
		    mail->queue_id, queue_name(mail->queue),
		    queue_name(mail->other));
		break;
	case QUEUE_NO_ID:
		ctl_fail(ctl,
		    "\"%s\" is no queue id of %s, so nothing was done about "
		    "it",
		    mail->queue_id, queue_servers(&order->queues));
		break;
	case QUEUE_HELD:
	case QUEUE_DONE:
	case QUEUE_GONE:
		return;
	}
	order->failed = true;
}

/* They may be held by a server that the order left out. */
static void
tell_elsewhere(struct order *order)
{
	const struct queues *queues = &order->queues;
	size_t n = 0;
	for (size_t i = 0; i < order->n; i++)
		n += held_may_be_elsewhere(order, i);
	if (n == 0)
		return;
	order->failed = true;
	ctl_fail(order->ctl,
	    "%s does not hold %zu of the messages, but it does not name "
	    "bulkwatchd's socket %s either: another server may hold them, so "
	    "nothing was written down of them; without --config-dir and --mta "
	    "all are looked through",
	    queues->n == 1 ? queue_name(&queues->items[0])
			   : queue_servers(queues),
	    n, order->settings->listen);
}

/* What is odd is told on standard error: a program reads the document. */
static void
tell_odd(struct order *order)
{
	for (size_t i = 0; i < order->n; i++)
		tell_unknown(order, i);
	tell_elsewhere(order);
	if (order->queues.note != NULL)
		ctl_fail(order->ctl, "%s", order->queues.note);
}

int
held_report(struct order *order)
{
	struct ctl *ctl = order->ctl;
	tell_odd(order);
	int code = ctl->json ? ctl_document(ctl,
				   json_held(order->id, order->held, order->n))
			     : ctl_printed(ctl, print(order));
	return order->failed ? CTL_FAILED : code;
}
