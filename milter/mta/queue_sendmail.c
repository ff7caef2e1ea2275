/*
 * queue_sendmail.c: Sendmail's quarantined mail, through sendmail(8).
 *
 * What is held is a file hf<id> in a queue folder instead of qf<id>, with a
 * line "q<reason>". sendmail's exit status is 0 whatever it found or did, so
 * what it prints counts. It lets mail go, but has no option that deletes; that
 * is done here as Sendmail itself would: under the lock of the control file.
 *
 * An envelope with many recipients may be split after the milter's last word
 * (QUEUE_GROUP with r=). Its further parts have ids of their own, but the same
 * reason, in which bulkwatchd names the id that it was told.
 *
 * An id names a moment, a count and a process, and is not given again.
 */
#include "bulkwatch/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulkwatch/text.h"
#include "run.h"

#define LIST_SECS 120
#define ACT_SECS 30
#define LIST_BYTES_MAX ((size_t)256 * 1024 * 1024)

/* Eight characters of time and count, then a process with at least six digits.
 * A shorter word would match parts of the ids of others. */
#define ID_LEAST 14
#define ID_MOST 20

/* Runs sendmail with its words, behind "-C FILE" if there is one. */
static int
sendmail(struct arena *arena, const char *config_dir, struct run *run,
    const char *const *words, struct run_result *result_r, struct err *err)
{
	const char *argv[10] = {"sendmail"};
	size_t n = 1;
	if (config_dir != NULL) {
		argv[n++] = "-C";
		argv[n] = arena_printf(arena, "%s/sendmail.cf", config_dir);
		if (argv[n++] == NULL)
			return err_set(err, "memory is out");
	}
	for (size_t i = 0; words[i] != NULL && n < 9; i++)
		argv[n++] = words[i];
	run->argv = argv;
	return run_program(arena, run, result_r, err);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Other mail servers bring a program of that name, too. */
static int
find(struct arena *arena, struct err *err)
{
	struct run run = {.timeout_secs = ACT_SECS};
	struct run_result result;
	if (run_find(arena, "sendmail") == NULL)
		return err_set(err, "Sendmail is not installed on this machine "
				    "(there is no sendmail in " RUN_PATH ")");
	if (sendmail(arena, NULL, &run, WORDS("-d0.1", "-bt"), &result, err) <
	    0)
		return -1;
	if (strncmp(result.out, "Version 8.", strlen("Version 8.")) != 0)
		return err_set(err, "the program sendmail of this machine is "
				    "not Sendmail's, but another mail "
				    "server's");
	return 0;
}

/* ----------------------------------------------------------------- listing */

/* A held item of the queue. */
struct item {
	const char *id, *folder;
	const char *whole; /* the id of the mail that it is a part of; "" */
};

struct listing {
	struct item *items;
	size_t n;
};

/* "\t\t/var/spool/mqueue (1 request)": what follows is in there. */
static const char *
folder_of(struct arena *arena, const char *line, size_t length)
{
	const char *end = memchr(line, '(', length);
	if (length < 4 || line[0] != '\t' || line[1] != '\t' ||
	    line[2] != '/' || end == NULL || end[-1] != ' ')
		return NULL;
	return arena_strndup(arena, line + 2, (size_t)(end - line) - 3);
}

/* The id in the reason that bulkwatchd gives: "bulkwatch ID: rule …"; "" where
 * it is another's. NULL when memory is out. */
static const char *
id_in_reason(struct arena *arena, const char *reason)
{
	static const char ours[] = "bulkwatch ";
	if (strncmp(reason, ours, strlen(ours)) != 0)
		return "";
	const char *id = reason + strlen(ours);
	size_t length = strspn(id, QUEUE_ID_LETTERS);
	return id[length] == ':' ? arena_strndup(arena, id, length) : "";
}

/* Takes a line. Returns 0, or -1 when memory is out. */
static int
take_line(struct arena *arena, const char *line, size_t length,
    const char **folder, struct listing *list)
{
	static const char mark[] = "QUARANTINE: ";
	size_t word = strspn(line, QUEUE_ID_LETTERS);
	size_t blanks = strspn(line, " ");
	const char *found = folder_of(arena, line, length);
	if (found != NULL) {
		*folder = found;
	} else if (word >= ID_LEAST && word <= ID_MOST &&
		   (line[word] == ' ' || line[word] == '*')) {
		struct item *item = &list->items[list->n++];
		item->id = arena_strndup(arena, line, word);
		item->folder = *folder;
		item->whole = "";
		return item->id == NULL ? -1 : 0;
	} else if (list->n > 0 &&
		   strncmp(line + blanks, mark, strlen(mark)) == 0) {
		struct item *item = &list->items[list->n - 1];
		item->whole = id_in_reason(arena, line + blanks + strlen(mark));
		return item->whole == NULL ? -1 : 0;
	}
	return 0;
}

static int
list_held(struct arena *arena, const struct queue *queue,
    struct listing *list_r, struct err *err)
{
	struct run run = {
	    .timeout_secs = LIST_SECS, .output_max = LIST_BYTES_MAX};
	struct run_result result;
	if (sendmail(arena, queue->config_dir, &run, WORDS("-bp", "-qQ"),
		&result, err) < 0)
		return -1;
	if (result.status != 0)
		return err_set(err, "sendmail -bp -qQ ended with status %d: %s",
		    result.status, run_said(arena, &result));
	if (result.cut)
		return err_set(err, "Sendmail's queue is too long to be "
				    "listed");
	const char *line = result.out, *folder = "";
	*list_r = (struct listing){
	    .items =
		arena_alloc(arena, text_lines(line) * sizeof(*list_r->items))};
	if (list_r->items == NULL)
		return err_set(err, "memory is out");
	for (size_t length; *line != '\0'; line += length) {
		length = strcspn(line, "\n");
		if (take_line(arena, line, length, &folder, list_r) < 0)
			return err_set(err, "memory is out");
		length += line[length] == '\n';
	}
	return 0;
}

static bool
belongs(const struct item *item, const struct queue_mail *mail)
{
	return strcmp(item->id, mail->queue_id) == 0 ||
	       strcmp(item->whole, mail->queue_id) == 0;
}

static int
look(struct arena *arena, const struct queue *queue, struct queue_mail *mails,
    size_t n, struct err *err)
{
	struct listing list;
	if (list_held(arena, queue, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < list.n; j++)
			if (mails[i].state != QUEUE_NO_ID &&
			    belongs(&list.items[j], &mails[i]))
				mails[i].state = QUEUE_HELD;
	return 0;
}

/* ----------------------------------------------------------------- release */

/* Lets one item go, and has it tried at once, in a process of its own that
 * outlives us. Returns 1 if Sendmail says that it did, 0 if not, or -1. */
static int
release_item(struct arena *arena, const struct queue *queue,
    const struct item *item, struct err *err)
{
	struct run run = {.timeout_secs = ACT_SECS};
	struct run_result result;
	const char *match = arena_printf(arena, "-qI%s", item->id);
	const char *proof =
	    arena_printf(arena, "%s: Removed quarantine of ", item->id);
	if (match == NULL || proof == NULL)
		return err_set(err, "memory is out");
	if (sendmail(arena, queue->config_dir, &run,
		WORDS("-v", "-qQ", "-Q", match), &result, err) < 0)
		return -1;
	const char *said = strstr(result.out, proof);
	if (said == NULL || (said > result.out && said[-1] != '\n'))
		return 0;
	/* Whatever comes of it, a later queue run finds the mail. */
	struct err ignored;
	sendmail(
	    arena, queue->config_dir, &run, WORDS(match), &result, &ignored);
	return 1;
}

/* ----------------------------------------------------------------- discard */

/* Where the files of an item are: all in one folder, or in the folders qf, df
 * and xf below it. Sendmail's listing names that of the data. */
struct files {
	const char *control, *data, *transcript;
};

static int
files_of(struct arena *arena, const struct item *item, struct files *files_r)
{
	size_t length = strlen(item->folder);
	bool parted =
	    length > 3 && strcmp(item->folder + length - 3, "/df") == 0;
	int base = (int)(parted ? length - 3 : length);
	*files_r = (struct files){
	    .control = arena_printf(arena, "%.*s%s/hf%s", base, item->folder,
		parted ? "/qf" : "", item->id),
	    .data = arena_printf(arena, "%s/df%s", item->folder, item->id),
	    .transcript = arena_printf(arena, "%.*s%s/xf%s", base, item->folder,
		parted ? "/xf" : "", item->id),
	};
	return files_r->control == NULL || files_r->data == NULL ||
		       files_r->transcript == NULL
		   ? -1
		   : 0;
}

/* Where queues lie on several disks, a line "d/folder" of the control file says
 * that the data is in another folder. */
static int
data_elsewhere(
    struct arena *arena, int fd, const struct item *item, struct files *files)
{
	int copy = dup(fd);
	FILE *in = copy < 0 ? NULL : fdopen(copy, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	if (in == NULL)
		return -1;
	while (files->data != NULL && (n = getline(&line, &room, in)) > 0)
		if (line[0] == 'd' && line[1] == '/')
			files->data = arena_printf(arena, "%.*s/df%s",
			    (int)(n - 2), line + 1, item->id);
	free(line);
	fclose(in);
	return files->data == NULL ? -1 : 0;
}

/* Removes the files under the lock of the control file, that first: data alone
 * is swept away by nobody, but does no harm, while control without data has
 * Sendmail complain. Returns 1 done, 0 it is not there, or -1. */
static int
remove_locked(int fd, const struct files *files, struct err *err)
{
	struct stat ours, named;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err,
		    "%s is in use by Sendmail; try again in a while",
		    files->control);
	if (fstat(fd, &ours) < 0 || lstat(files->control, &named) < 0 ||
	    ours.st_ino != named.st_ino || ours.st_dev != named.st_dev)
		return 0;
	if (unlink(files->control) < 0)
		return err_sys(err, "%s cannot be removed", files->control);
	unlink(files->data);
	unlink(files->transcript);
	return 1;
}

static int
discard_item(struct arena *arena, const struct item *item, struct err *err)
{
	struct files files;
	if (files_of(arena, item, &files) < 0)
		return err_set(err, "memory is out");
	int fd = open(files.control, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT
			   ? 0
			   : err_sys(err, "%s cannot be opened", files.control);
	int removed = data_elsewhere(arena, fd, item, &files) < 0
			  ? err_set(err, "%s cannot be read", files.control)
			  : remove_locked(fd, &files, err);
	close(fd);
	return removed;
}

/* --------------------------------------------------------------------- act */

/* All parts of a mail. It is done if any was, and none is left. */
static int
act_on(struct arena *arena, const struct queue *queue, enum queue_step step,
    const struct listing *list, struct queue_mail *mail, struct err *err)
{
	int failed = 0;
	bool any = false;
	for (size_t j = 0; j < list->n; j++) {
		if (!belongs(&list->items[j], mail))
			continue;
		int done =
		    step == QUEUE_RELEASE
			? release_item(arena, queue, &list->items[j], err)
			: discard_item(arena, &list->items[j], err);
		any = any || done == 1;
		failed = done < 0 ? -1 : failed;
	}
	if (failed == 0)
		mail->state = any ? QUEUE_DONE : QUEUE_GONE;
	return failed;
}

/* What Sendmail did not say that it let go: is it there still? */
static int
look_again(struct arena *arena, const struct queue *queue,
    struct queue_mail *mails, size_t n, struct err *err)
{
	struct listing list;
	if (list_held(arena, queue, &list, err) < 0)
		return -1;
	int failed = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < list.n; j++)
			if ((mails[i].state == QUEUE_GONE ||
				mails[i].state == QUEUE_DONE) &&
			    belongs(&list.items[j], &mails[i])) {
				mails[i].state = QUEUE_HELD;
				failed = err_set(err,
				    "Sendmail did not take its hand off %s; it "
				    "may be in use: try again in a while",
				    list.items[j].id);
			}
	return failed;
}

static int
act(struct arena *arena, struct queue *queue, enum queue_step step,
    struct queue_mail *mails, size_t n, struct err *err)
{
	struct listing list;
	if (list_held(arena, queue, &list, err) < 0)
		return -1;
	int failed = 0;
	for (size_t i = 0; i < n; i++)
		if (mails[i].state == QUEUE_HELD &&
		    act_on(arena, queue, step, &list, &mails[i], err) < 0)
			failed = -1;
	struct err later;
	if (look_again(arena, queue, mails, n, &later) < 0 && failed == 0)
		failed = err_set(err, "%s", later.text);
	return failed;
}

const struct queue_tools queue_sendmail = {
    "Sendmail", ID_LEAST, ID_MOST, find, look, act};
