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
#include "bulkwatch/mta.h"
#include "queue_index.h"
#include "run.h"

#define LIST_SECS 120
#define ACT_SECS 120
#define TRY_SECS 10
/* A line names each recipient of a mail, and why it waits. */
#define LINE_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* Short ones have up to 16 characters, long ones up to 21. */
#define ID_LEAST 5
#define ID_MOST 32

static int
find(struct arena *arena, struct err *err)
{
	if (run_find(arena, "postsuper") != NULL &&
	    run_find(arena, "postqueue") != NULL)
		return 0;
	err_set(err, "Postfix is not installed on this machine (there is no "
		     "postsuper in " RUN_PATH ")");
	return 1;
}

/* Runs a tool with its words, behind "-c FOLDER" if there is one. */
static int
tool(struct arena *arena, const char *config_dir, struct run *run,
    const char *const *words, struct run_result *result_r, struct err *err)
{
	const char *argv[10] = {words[0]};
	size_t n = 1;
	if (config_dir != NULL) {
		argv[n++] = "-c";
		argv[n++] = config_dir;
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

/* --------------------------------------------------------------- instances */

struct folders {
	struct arena *arena;
	const char **list;
	size_t n, room;
};

/* "postfix-out  out  y  /etc/postfix-out": no name has a slash. */
static int
take_instance(void *context, const char *line, size_t length, struct err *err)
{
	struct folders *folders = context;
	const char *folder = memchr(line, '/', length);
	if (folder == NULL)
		return err_set(err, "a line of postmulti -l names no folder");
	if (folders->n + 1 >= folders->room) {
		size_t room = 2 * folders->room + 8;
		const char **larger =
		    arena_alloc(folders->arena, room * sizeof(*larger));
		if (larger == NULL)
			return err_set(err, "memory is out");
		for (size_t i = 0; i < folders->n; i++)
			larger[i] = folders->list[i];
		folders->list = larger;
		folders->room = room;
	}
	folder = arena_strdup(folders->arena, folder);
	folders->list[folders->n++] = folder;
	return folder == NULL ? err_set(err, "memory is out") : 0;
}

/* One that is not started, or never is, may hold mail too. */
static int
instances(struct arena *arena, const char *const **folders_r, struct err *err)
{
	static const char *const own[] = {NULL};
	struct folders folders = {.arena = arena};
	struct run run = {.timeout_secs = TRY_SECS,
	    .take_line = take_instance,
	    .context = &folders};
	struct run_result result;
	*folders_r = own;
	if (run_find(arena, "postmulti") == NULL)
		return 0; /* before Postfix 2.6 */
	if (tool(arena, NULL, &run, WORDS("postmulti", "-l"), &result, err) < 0)
		return -1;
	if (result.status != 0)
		return failed(arena, "postmulti", &result, err);
	if (folders.n > 0)
		*folders_r = folders.list;
	return 0;
}

/* -------------------------------------------------------------------- look */

/* Most mail of a full queue is not held; Postfix writes that first. A line that
 * it writes otherwise is read whole. */
static bool
is_elsewhere(const char *line, size_t length)
{
	static const char head[] = "{\"queue_name\": \"", hold[] = "hold\"";
	const size_t skip = sizeof(head) - 1, least = sizeof(hold) - 1;
	return length > skip + least && strncmp(line, head, skip) == 0 &&
	       strncmp(line + skip, hold, least) != 0;
}

static void
compare(const struct queue_index *index, const struct json_queued *queued)
{
	size_t n;
	struct queue_mail *const *found =
	    queue_index_find(index, queued->queue_id, &n);
	for (size_t i = 0; i < n; i++)
		found[i]->state =
		    queue_same_mail(queued->arrival_ms, found[i]->at_ms)
			? QUEUE_HELD
			: QUEUE_ANOTHER;
}

int
queue_postfix_line(
    void *context, const char *line, size_t length, struct err *err)
{
	struct json_queued queued;
	if (length == 0 || is_elsewhere(line, length))
		return 0;
	struct arena *scratch = arena_new();
	if (scratch == NULL)
		return err_set(err, "memory is out");
	int result = 0;
	if (json_queued_parse(scratch, line, length, &queued, err) < 0)
		result = err_wrap(err, "postqueue -j");
	else if (strcmp(queued.queue, "hold") == 0)
		compare(context, &queued);
	arena_free(scratch);
	return result;
}

static int
look(struct arena *arena, struct queue *queue, struct queue_mail *mails,
    size_t n, struct err *err)
{
	struct queue_index index;
	if (queue_index_make(arena, mails, n, &index, err) < 0)
		return -1;
	struct run run = {.timeout_secs = LIST_SECS,
	    .output_max = LINE_BYTES_MAX,
	    .take_line = queue_postfix_line,
	    .context = &index};
	struct run_result result;
	if (tool(arena, queue->config_dir, &run, WORDS("postqueue", "-j"),
		&result, err) < 0)
		return -1;
	return result.status == 0 ? 0
				  : failed(arena, "postqueue", &result, err);
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
look_again(struct arena *arena, struct queue *queue, struct queue_mail *mails,
    size_t n, const struct run_result *result, struct err *err)
{
	struct queue_mail *again = arena_alloc(arena, n * sizeof(*again));
	if (again == NULL)
		return err_set(err, "memory is out");
	memcpy(again, mails, n * sizeof(*again));
	for (size_t i = 0; i < n; i++)
		again[i].state = QUEUE_GONE;
	if (look(arena, queue, again, n, err) < 0)
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
try_now(struct arena *arena, const struct queue *queue,
    const struct queue_mail *mails, size_t n, const char **note)
{
	struct run run = {.timeout_secs = TRY_SECS};
	struct run_result result;
	struct err err;
	int tried = 0;
	for (size_t i = 0; i < n && tried == 0; i++) {
		if (mails[i].state != QUEUE_DONE)
			continue;
		tried = tool(arena, queue->config_dir, &run,
		    WORDS("postqueue", "-i", mails[i].queue_id), &result, &err);
		if (tried == 0 && result.status != 0)
			tried = failed(arena, "postqueue", &result, &err);
	}
	if (tried < 0)
		*note = arena_printf(arena,
		    "what is released goes when Postfix next looks through its "
		    "queue; it could not be tried at once: %s",
		    err.text);
}

static int
act(struct arena *arena, struct queue *queue, enum queue_step step,
    struct queue_mail *mails, size_t n, const char **note, struct err *err)
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
	int done = tool(arena, queue->config_dir, &run,
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
		try_now(arena, queue, mails, n, note);
	return done;
}

const struct queue_tools queue_postfix = {
    "Postfix", ID_LEAST, ID_MOST, find, instances, mta_postfix_asks, look, act};
