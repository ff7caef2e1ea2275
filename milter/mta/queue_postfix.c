/*
 * queue_postfix.c: Postfix's hold queue, through postqueue(1) and
 * postsuper(1).
 *
 * postsuper takes queue ids from its standard input, and says nothing of one
 * that it does not find. What it did it says on standard error, a line for
 * each mail. It does its work first and may fail later (at writing its log),
 * so these lines count, not its exit status alone.
 */
#include "bulkwatch/queue.h"

#include <stdlib.h>
#include <string.h>

#include "bulkwatch/json.h"
#include "run.h"

#define LIST_SECS 120
#define ACT_SECS 120
#define TRY_SECS 10
/* A listing names each recipient in each queue. */
#define LIST_BYTES_MAX ((size_t)1024 * 1024 * 1024)

/* Short ones have up to 16 characters, long ones up to 21. */
#define ID_LEAST 5
#define ID_MOST 32

static int
find(struct arena *arena, struct err *err)
{
	if (run_find(arena, "postsuper") != NULL &&
	    run_find(arena, "postqueue") != NULL)
		return 0;
	return err_set(err, "Postfix is not installed on this machine (there "
			    "is no postsuper in " RUN_PATH ")");
}

/* Runs a tool with its words, behind "-c FOLDER" if there is one. */
static int
tool(struct arena *arena, const struct queue *queue, struct run *run,
    const char *const *words, struct run_result *result_r, struct err *err)
{
	const char *argv[10] = {words[0]};
	size_t n = 1;
	if (queue->config_dir != NULL) {
		argv[n++] = "-c";
		argv[n++] = queue->config_dir;
	}
	for (size_t i = 1; words[i] != NULL && n < 9; i++)
		argv[n++] = words[i];
	run->argv = argv;
	return run_program(arena, run, result_r, err);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* "postsuper: what it said" */
static int
failed(struct arena *arena, const char *name, const struct run_result *result,
    struct err *err)
{
	const char *said = run_said(arena, result);
	size_t skip = strlen(name);
	if (said != NULL && strncmp(said, name, skip) == 0 &&
	    strncmp(said + skip, ": ", 2) == 0)
		said += skip + 2;
	return err_set(err, "%s ended with status %d: %s", name, result->status,
	    said == NULL ? "" : said);
}

/* -------------------------------------------------------------------- look */

static void
compare(const struct json_queued *queued, struct queue_mail *mails, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct queue_mail *m = &mails[i];
		if (m->state != QUEUE_NO_ID &&
		    strcmp(m->queue_id, queued->queue_id) == 0)
			m->state = queue_same_mail(queued->arrival_ms, m->at_ms)
				       ? QUEUE_HELD
				       : QUEUE_ANOTHER;
	}
}

static int
take_line(struct arena *arena, const char *line, size_t length,
    struct queue_mail *mails, size_t n, struct err *err)
{
	struct json_queued queued;
	if (json_queued_parse(arena, line, length, &queued, err) < 0)
		return err_wrap(err, "postqueue -j");
	if (strcmp(queued.queue, "hold") == 0)
		compare(&queued, mails, n);
	return 0;
}

static int
look(struct arena *arena, const struct queue *queue, struct queue_mail *mails,
    size_t n, struct err *err)
{
	struct run run = {
	    .timeout_secs = LIST_SECS, .output_max = LIST_BYTES_MAX};
	struct run_result result;
	if (tool(arena, queue, &run, WORDS("postqueue", "-j"), &result, err) <
	    0)
		return -1;
	if (result.status != 0)
		return failed(arena, "postqueue", &result, err);
	if (result.cut)
		return err_set(err, "Postfix's queue is too long to be listed");
	const char *line = result.out;
	for (size_t length; *line != '\0'; line += length) {
		length = strcspn(line, "\n");
		if (length > 0 &&
		    take_line(arena, line, length, mails, n, err) < 0)
			return -1;
		length += line[length] == '\n';
	}
	return 0;
}

/* --------------------------------------------------------------------- act */

/* The ids that are held, a line each; NULL when memory is out. */
static char *
id_lines(struct arena *arena, const struct queue_mail *mails, size_t n)
{
	char *lines = arena_alloc(arena, n * (ID_MOST + 1) + 1);
	char *end = lines;
	for (size_t i = 0; lines != NULL && i < n; i++) {
		if (mails[i].state != QUEUE_HELD)
			continue;
		end = stpcpy(end, mails[i].queue_id);
		*end++ = '\n';
	}
	return lines;
}

/* Sets those to QUEUE_DONE of which postsuper says so. Returns how many it says
 * nothing of, or -1 when memory is out. */
static int
take_said(struct arena *arena, enum queue_step step, const char *said,
    struct queue_mail *mails, size_t n)
{
	int left = 0;
	for (size_t i = 0; i < n; i++) {
		if (mails[i].state != QUEUE_HELD)
			continue;
		const char *line = arena_printf(arena, ": %s: %s\n",
		    mails[i].queue_id,
		    step == QUEUE_RELEASE ? "released from hold" : "removed");
		if (line == NULL)
			return -1;
		if (strstr(said, line) != NULL)
			mails[i].state = QUEUE_DONE;
		else
			left++;
	}
	return left;
}

/* Of some of the mails postsuper said nothing: they are held still, which is a
 * fault, or somebody else was quicker. */
static int
look_again(struct arena *arena, const struct queue *queue,
    struct queue_mail *mails, size_t n, const struct run_result *result,
    struct err *err)
{
	struct queue_mail *again = arena_alloc(arena, n * sizeof(*again));
	if (again == NULL)
		return err_set(err, "memory is out");
	memcpy(again, mails, n * sizeof(*again));
	if (queue_look(arena, queue, again, n, err) < 0)
		return -1;
	bool held = false;
	for (size_t i = 0; i < n; i++) {
		if (mails[i].state != QUEUE_HELD)
			continue;
		mails[i].state = again[i].state;
		held = held || again[i].state == QUEUE_HELD;
	}
	return held ? failed(arena, "postsuper", result, err) : 0;
}

/* Released mail goes to the deferred queue, where the queue manager finds it
 * within queue_run_delay. This has it tried now. */
static void
try_now(struct arena *arena, struct queue *queue,
    const struct queue_mail *mails, size_t n)
{
	struct run run = {.timeout_secs = TRY_SECS};
	struct run_result result;
	struct err err;
	int tried = 0;
	for (size_t i = 0; i < n && tried == 0; i++) {
		if (mails[i].state != QUEUE_DONE)
			continue;
		tried = tool(arena, queue, &run,
		    WORDS("postqueue", "-i", mails[i].queue_id), &result, &err);
		if (tried == 0 && result.status != 0)
			tried = failed(arena, "postqueue", &result, &err);
	}
	if (tried < 0)
		queue->note = arena_printf(arena,
		    "what is released goes when Postfix next looks through its "
		    "queue; it could not be tried at once: %s",
		    err.text);
}

static int
act(struct arena *arena, struct queue *queue, enum queue_step step,
    struct queue_mail *mails, size_t n, struct err *err)
{
	struct run run = {.timeout_secs = ACT_SECS};
	struct run_result result;
	run.input = id_lines(arena, mails, n);
	if (run.input == NULL)
		return err_set(err, "memory is out");
	run.input_length = strlen(run.input);
	if (run.input_length == 0)
		return 0;
	/* Both stay within the hold queue: mail that somebody let go meanwhile
	 * is on its way, and nobody's to delete. */
	int done = tool(arena, queue, &run,
	    WORDS(
		"postsuper", step == QUEUE_RELEASE ? "-H" : "-d", "-", "hold"),
	    &result, err);
	if (done < 0)
		return -1;
	int left = take_said(arena, step, result.err, mails, n);
	if (left < 0)
		return err_set(err, "memory is out");
	if (left > 0)
		done = look_again(arena, queue, mails, n, &result, err);
	if (step == QUEUE_RELEASE)
		try_now(arena, queue, mails, n);
	return done;
}

const struct queue_tools queue_postfix = {
    "Postfix", ID_LEAST, ID_MOST, find, look, act};
