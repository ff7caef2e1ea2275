/* held_meant.c: which messages an order about held mail means, and whether that
 * is agreed to. */
#include <string.h>
#include <strings.h>

#include "held.h"
#include "views.h"

/* Does the order mean this one: of those that it names, or of all? */
static bool
is_meant(const struct order *order, const struct held *held)
{
	const struct ctl *ctl = order->ctl;
	if (held->id > order->newest ||
	    (held->state != HELD_WAITING && held->state != HELD_GONE))
		return false;
	for (int i = 1; i < ctl->words_n; i++)
		if (strcmp(ctl->words[i], held->queue_id) == 0)
			return true;
	return ctl->words_n == 1;
}

/* --------------------------------------------------------------- agreement */

/* Each queue id that was named must be one that waits: a slip is told before
 * anything is done. */
static bool
are_there(struct order *order, const struct held *held, size_t n)
{
	struct ctl *ctl = order->ctl;
	for (int w = 1; w < ctl->words_n; w++) {
		size_t i = 0;
		while (
		    i < n && (!is_meant(order, &held[i]) ||
				 strcmp(held[i].queue_id, ctl->words[w]) != 0))
			i++;
		if (i < n)
			continue;
		ctl_fail(ctl,
		    "bulk send %lld has no held message %.40s; `bulkwatch show "
		    "%lld` shows those that it has",
		    (long long)order->id, ctl->words[w], (long long)order->id);
		return false;
	}
	return true;
}

/* Asks whether so many messages may be deleted: those that wait, and those that
 * were not found before and may be found now. */
static bool
ask(struct order *order, size_t waiting, size_t gone)
{
	struct ctl *ctl = order->ctl;
	char answer[16] = "";
	const size_t n = waiting > 0 ? waiting : gone;
	const char *them = waiting + gone == 1 ? "it" : "them";
	fprintf(ctl->err, "Delete %zu held message%s of bulk send %lld", n,
	    view_plural(n), (long long)order->id);
	if (n < waiting + gone)
		fprintf(ctl->err, ", and up to %zu that were not found before",
		    gone);
	fprintf(ctl->err,
	    "? Nobody gets %s, and nothing brings %s back. [y/N] ", them, them);
	fflush(ctl->err);
	if (fgets(answer, sizeof(answer), stdin) != NULL) {
		answer[strcspn(answer, "\r\n")] = '\0';
		if (strcasecmp(answer, "y") == 0 ||
		    strcasecmp(answer, "yes") == 0)
			return true;
	}
	ctl_fail(ctl, "nothing was deleted");
	return false;
}

bool
held_agreed(struct order *order)
{
	struct held *held;
	size_t n, gone = 0, waiting = 0;
	int64_t newest = 0;
	struct err err;
	order->newest = INT64_MAX;
	if (store_held(order->store, order->ctl->arena, order->id, false, &held,
		&n, &err) < 0) {
		ctl_fail(order->ctl, "%s", err.text);
		return false;
	}
	if (!are_there(order, held, n))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (held[i].id > newest)
			newest = held[i].id;
		if (!is_meant(order, &held[i]))
			continue;
		waiting += held[i].state == HELD_WAITING;
		gone += held[i].state == HELD_GONE;
	}
	if (order->step != QUEUE_DISCARD || order->yes || waiting + gone == 0)
		return true;
	order->newest = newest;
	return ask(order, waiting, gone);
}

/* ------------------------------------------------------------ the messages */

int
held_read(struct order *order, struct err *err)
{
	struct held *all;
	size_t n;
	struct arena *arena = order->ctl->arena;
	if (store_held(order->store, arena, order->id, false, &all, &n, err) <
	    0)
		return -1;
	order->held = all;
	order->mails = arena_alloc(arena, (n + 1) * sizeof(*order->mails));
	if (order->mails == NULL)
		return err_set(err, "memory is out");
	for (size_t i = 0; i < n; i++) {
		if (!is_meant(order, &all[i]))
			continue;
		order->mails[order->n] = (struct queue_mail){
		    .queue_id = all[i].queue_id, .at_ms = all[i].at_ms};
		all[order->n++] = all[i];
	}
	return 0;
}

void
held_forget_gone(struct order *order)
{
	size_t n = 0;
	for (size_t i = 0; i < order->n; i++) {
		enum queue_state state = order->mails[i].state;
		if (order->held[i].state == HELD_GONE && state != QUEUE_HELD &&
		    state != QUEUE_TWICE)
			continue;
		order->held[n] = order->held[i];
		order->mails[n++] = order->mails[i];
	}
	order->n = n;
}
