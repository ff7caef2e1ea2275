/*
 * held.c: `bulkwatch release` and `discard`: what becomes of mail that the mail
 * server holds.
 *
 * What no queue of this machine holds is written down as gone, and then neither
 * list nor digest speak of it. So that is done only after all queues were read,
 * or one that the words named and whose server asks bulkwatchd; and a later
 * command looks for it again all the same.
 */
#include "held.h"

#include <signal.h>
#include <unistd.h>

#include "args.h"
#include "bulkwatch/clock.h"
#include "turn.h"
#include "views.h"

/* ------------------------------------------------------------- what is done */

static enum held_state
state_after(const struct order *order, enum queue_state state)
{
	if (state != QUEUE_DONE)
		return HELD_GONE;
	return order->step == QUEUE_RELEASE ? HELD_RELEASED : HELD_DISCARDED;
}

/* Writes down what became of one. */
static void
settle(struct order *order, size_t i)
{
	struct held *held = &order->held[i];
	enum held_state state = state_after(order, order->mails[i].state);
	struct err err;
	int64_t now_ms = clock_wall_ms();
	int settled = store_settle_held(
	    order->store, held->id, state, order->by, now_ms, &err);
	if (settled < 0) {
		order->failed = true;
		ctl_fail(order->ctl,
		    "message %s is %s, but that could not be written down: %s",
		    held->queue_id, record_held_state_name(state), err.text);
	}
	if (settled == 1) {
		held->state = state;
		held->settled_ms = now_ms;
		held->by = order->by;
	}
}

bool
held_may_be_elsewhere(const struct order *order, size_t i)
{
	return order->elsewhere && order->mails[i].state == QUEUE_GONE &&
	       order->mails[i].queue == NULL;
}

/* Those of which it is known. */
static void
settle_some(struct order *order, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		if (order->mails[i].state == QUEUE_DONE ||
		    (order->mails[i].state == QUEUE_GONE &&
			!held_may_be_elsewhere(order, i)))
			settle(order, i);
}

static void
act_on(struct order *order, size_t begin, size_t end)
{
	struct err err;
	int done = queue_act(order->ctl->arena, &order->queues, order->step,
	    &order->mails[begin], end - begin, &err);
	settle_some(order, begin, end);
	if (done == 0)
		return;
	order->failed = true;
	ctl_fail(order->ctl, "%s", err.text);
}

/* A part at a time, each written down before the next. Who ends the program
 * (Ctrl-C, a line that is lost) ends it between two parts: the tools would go
 * on, and nothing would tell what they did. */
static void
act(struct order *order)
{
	sigset_t ends, before;
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	for (size_t i = 0; i < order->n && !order->failed;) {
		size_t end = order->n - i > QUEUE_BATCH_MAX
				 ? i + QUEUE_BATCH_MAX
				 : order->n;
		sigprocmask(SIG_BLOCK, &ends, &before);
		act_on(order, i, end);
		sigprocmask(SIG_SETMASK, &before, NULL);
		i = end;
	}
}

/* ------------------------------------------------------------------ refusal */

static const char *
step_name(enum queue_step step)
{
	return step == QUEUE_RELEASE ? "release" : "discard";
}

/* postsuper and Sendmail's queue are root's. */
static int
only_root(struct order *order)
{
	struct ctl *ctl = order->ctl;
	if (geteuid() == 0)
		return 0;
	const char *program = view_program(ctl->arena, ctl->file);
	ctl_fail(ctl, "only root may %s held mail: sudo %s %s %lld",
	    step_name(order->step), program == NULL ? "bulkwatch" : program,
	    step_name(order->step), (long long)order->id);
	return -1;
}

static int
nothing_held(struct order *order)
{
	return ctl_fail(order->ctl,
	    "bulk send %lld holds no mail that waits; `bulkwatch list --held` "
	    "shows those that do",
	    (long long)order->id);
}

/* ------------------------------------------------------------------ command */

/* 1 if there is such a bulk send, 0 if not (told), -1 with a sentence. */
static int
is_there(struct order *order, struct err *err)
{
	struct bulk_send_story story;
	int found = store_show(
	    order->store, order->ctl->arena, order->id, 1, &story, err);
	if (found == 0)
		ctl_no_bulk_send(order->ctl, order->id);
	return found;
}

/* The order named a server, and that one neither holds each message nor asks
 * bulkwatchd. */
static bool
looked_elsewhere(const struct order *order)
{
	size_t found = 0;
	while (found < order->n && order->mails[found].queue != NULL)
		found++;
	if (found == order->n ||
	    (order->config_dir == NULL && order->kind == QUEUE_ANY))
		return false;
	for (size_t i = 0; i < order->queues.n; i++)
		if (queue_asks(order->ctl->arena, &order->queues.items[i],
			order->settings))
			return false;
	return true;
}

static int
held_run(struct order *order)
{
	struct ctl *ctl = order->ctl;
	struct err err;
	int found = is_there(order, &err);
	if (found == 0)
		return CTL_FAILED;
	if (found < 0 || held_read(order, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	if (order->n == 0)
		return nothing_held(order);
	if (queue_find(ctl->arena, order->kind, order->config_dir,
		&order->queues, &err) < 0 ||
	    queue_look(
		ctl->arena, &order->queues, order->mails, order->n, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	held_forget_gone(order);
	if (order->n == 0)
		return nothing_held(order);
	order->elsewhere = looked_elsewhere(order);
	act(order);
	return held_report(order);
}

static int
held_in_turn(struct order *order)
{
	struct err err;
	if (ctl_open_database(order->settings->database, &order->store, &err) <
	    0)
		return ctl_fail(order->ctl, "%s", err.text);
	if (!held_agreed(order)) {
		store_close(&order->store);
		return CTL_FAILED;
	}
	int turn = turn_take(order->ctl, TURN_FILE, TURN_SECS);
	int code = turn < 0 ? CTL_FAILED : held_run(order);
	if (turn >= 0)
		close(turn);
	store_close(&order->store);
	return code;
}

static int
held_command(struct ctl *ctl, enum queue_step step)
{
	struct order order = {.ctl = ctl, .step = step};
	int code = held_words(&order);
	if (code != CTL_DONE)
		return code == ARGS_STOP ? ctl->code : code;
	if (only_root(&order) < 0 ||
	    ctl_load_settings(ctl, &order.settings) < 0)
		return CTL_FAILED;
	code = held_in_turn(&order);
	settings_unref(&order.settings);
	return code;
}

int
release_command(struct ctl *ctl)
{
	return held_command(ctl, QUEUE_RELEASE);
}

int
discard_command(struct ctl *ctl)
{
	return held_command(ctl, QUEUE_DISCARD);
}
