/*
 * held.c: `bulkwatch release` and `discard`: what becomes of mail that the mail
 * server holds.
 *
 * What no queue of this machine holds is written down as gone, and then neither
 * list nor digest speak of it. So that is done only after all queues were read;
 * and a later command looks for it again all the same, for it may have been
 * looked for in the folder that the words named.
 */
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "args.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/json.h"
#include "bulkwatch/queue.h"
#include "bulkwatch/text.h"
#include "ctl.h"
#include "person.h"
#include "turn.h"
#include "views.h"

enum { OPT_BY = ARGS_OWN, OPT_CONFIG_DIR, OPT_MTA, OPT_YES };

static const struct option options[] = {
    {"by", required_argument, NULL, OPT_BY},
    {"config-dir", required_argument, NULL, OPT_CONFIG_DIR},
    {"mta", required_argument, NULL, OPT_MTA},
    {0},
};

/* Only discard asks, so only it can be told not to. */
static const struct option discard_options[] = {
    {"by", required_argument, NULL, OPT_BY},
    {"config-dir", required_argument, NULL, OPT_CONFIG_DIR},
    {"mta", required_argument, NULL, OPT_MTA},
    {"yes", no_argument, NULL, OPT_YES},
    {0},
};

/* What is asked for, and how far it is. */
struct order {
	struct ctl *ctl;
	enum queue_step step;
	int64_t id;     /* of the bulk send */
	bool yes;       /* nobody is asked */
	int64_t newest; /* no held message after this one was agreed to */
	const char *by, *config_dir;
	enum queue_kind kind;
	struct store *store;
	struct queues queues;
	/* The messages, and beside each how the server has it. */
	struct held *held;
	struct queue_mail *mails;
	size_t n;
	bool failed; /* something could not be done, and was told */
};

/* ------------------------------------------------------------------- words */

static int
take_kind(struct ctl *ctl, const char *word, enum queue_kind *kind_r)
{
	if (strcmp(word, "postfix") == 0)
		*kind_r = QUEUE_POSTFIX;
	else if (strcmp(word, "sendmail") == 0)
		*kind_r = QUEUE_SENDMAIL;
	else {
		ctl_misused(ctl,
		    "--mta wants postfix or sendmail, not \"%.40s\"", word);
		return -1;
	}
	return 0;
}

/* The tools run in a place of their own choice: the path must be whole. */
static int
take_folder(struct ctl *ctl, const char *word, const char **folder_r)
{
	*folder_r = word;
	if (word[0] == '/' && text_is_clean(word, strlen(word)))
		return 0;
	ctl_misused(ctl,
	    "--config-dir wants a whole path, such as /etc/postfix-out, not "
	    "\"%.200s\"",
	    word);
	return -1;
}

static int
take_option(struct order *order, int option)
{
	switch (option) {
	case OPT_BY:
		return person_name(order->ctl, optarg, &order->by);
	case OPT_CONFIG_DIR:
		return take_folder(order->ctl, optarg, &order->config_dir);
	case OPT_YES:
		order->yes = true;
		return 0;
	default:
		return take_kind(order->ctl, optarg, &order->kind);
	}
}

/* Returns CTL_DONE, another exit code, or ARGS_STOP. */
static int
take_words(struct order *order)
{
	struct ctl *ctl = order->ctl;
	const struct option *known =
	    order->step == QUEUE_DISCARD ? discard_options : options;
	int option;
	while ((option = args_next(ctl, known)) > ARGS_END)
		if (take_option(order, option) < 0)
			return CTL_USAGE;
	if (option == ARGS_STOP)
		return ARGS_STOP;
	if (ctl->words_n == 0)
		return args_missing(ctl, "an ID");
	if (args_id(ctl, ctl->words[0], &order->id) < 0)
		return CTL_USAGE;
	if (order->step == QUEUE_DISCARD && !order->yes &&
	    !isatty(STDIN_FILENO))
		return ctl_misused(ctl,
		    "discard deletes mail for good, and there is no terminal "
		    "on which it could ask: --yes says that it may");
	if (order->by == NULL && person_name(ctl, NULL, &order->by) < 0)
		return CTL_USAGE;
	return CTL_DONE;
}

/* ------------------------------------------------------------- the messages */

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

/* Reads those that wait, and those that were not found before. Returns 0 or
 * -1. */
static int
read_held(struct order *order, size_t *waiting_r, struct err *err)
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
	*waiting_r = 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_meant(order, &all[i]))
			continue;
		*waiting_r += all[i].state == HELD_WAITING;
		order->mails[order->n] = (struct queue_mail){
		    .queue_id = all[i].queue_id, .at_ms = all[i].at_ms};
		all[order->n++] = all[i];
	}
	return 0;
}

/* Leaves out those that were not found before, and are not there now either. */
static void
forget_gone(struct order *order)
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

/* ------------------------------------------------------- before it is done */

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

/* Asks whether so many messages may be deleted. */
static bool
ask(struct order *order, size_t n)
{
	struct ctl *ctl = order->ctl;
	char answer[16] = "";
	fprintf(ctl->err,
	    "Delete %zu held message%s of bulk send %lld? Nobody gets %s, and "
	    "nothing brings %s back. [y/N] ",
	    n, view_plural(n), (long long)order->id, n == 1 ? "it" : "them",
	    n == 1 ? "it" : "them");
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

/*
 * Looks at what the order means, and asks where mail would be deleted. That is
 * before its turn comes: an admin who thinks it over keeps nobody waiting. What
 * is held meanwhile was not agreed to, and stays.
 */
static bool
is_agreed(struct order *order)
{
	struct held *held;
	size_t n, meant = 0, waiting = 0;
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
		meant++;
		waiting += held[i].state == HELD_WAITING;
	}
	if (order->step != QUEUE_DISCARD || order->yes || meant == 0)
		return true;
	order->newest = newest;
	return ask(order, waiting > 0 ? waiting : meant);
}

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

/* Those of which it is known. */
static void
settle_some(struct order *order, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		if (order->mails[i].state == QUEUE_DONE ||
		    order->mails[i].state == QUEUE_GONE)
			settle(order, i);
}

/* A part at a time, each written down before the next. */
static void
act(struct order *order)
{
	struct err err;
	for (size_t i = 0; i < order->n && !order->failed;) {
		size_t n = order->n - i;
		if (n > QUEUE_BATCH_MAX)
			n = QUEUE_BATCH_MAX;
		int done = queue_act(order->ctl->arena, &order->queues,
		    order->step, &order->mails[i], n, &err);
		settle_some(order, i, i + n);
		i += n;
		if (done < 0) {
			order->failed = true;
			ctl_fail(order->ctl, "%s", err.text);
		}
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

/* -------------------------------------------------------------------- views */

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

/* What is odd is told on standard error: a program reads the document. */
static void
tell_odd(struct order *order)
{
	for (size_t i = 0; i < order->n; i++)
		tell_unknown(order, i);
	if (order->queues.note != NULL)
		ctl_fail(order->ctl, "%s", order->queues.note);
}

static int
report(struct order *order)
{
	struct ctl *ctl = order->ctl;
	tell_odd(order);
	int code = ctl->json ? ctl_document(ctl,
				   json_held(order->id, order->held, order->n))
			     : ctl_printed(ctl, print(order));
	return order->failed ? CTL_FAILED : code;
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

static int
held_run(struct order *order)
{
	struct ctl *ctl = order->ctl;
	struct err err;
	size_t waiting;
	int found = is_there(order, &err);
	if (found == 0)
		return CTL_FAILED;
	if (found < 0 || read_held(order, &waiting, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	if (order->n == 0)
		return nothing_held(order);
	if (queue_find(ctl->arena, order->kind, order->config_dir,
		&order->queues, &err) < 0 ||
	    queue_look(
		ctl->arena, &order->queues, order->mails, order->n, &err) < 0)
		return ctl_fail(ctl, "%s", err.text);
	forget_gone(order);
	if (order->n == 0)
		return nothing_held(order);
	act(order);
	return report(order);
}

static int
held_in_turn(struct order *order, const struct settings *settings)
{
	struct err err;
	if (ctl_open_database(settings->database, &order->store, &err) < 0)
		return ctl_fail(order->ctl, "%s", err.text);
	if (!is_agreed(order)) {
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
	const struct settings *settings;
	int code = take_words(&order);
	if (code != CTL_DONE)
		return code == ARGS_STOP ? ctl->code : code;
	if (only_root(&order) < 0 || ctl_load_settings(ctl, &settings) < 0)
		return CTL_FAILED;
	code = held_in_turn(&order, settings);
	settings_unref(&settings);
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
