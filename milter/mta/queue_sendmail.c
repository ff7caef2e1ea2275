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

#include "bulkwatch/mta.h"
#include "run.h"

#define LIST_SECS 120
#define ACT_SECS 120
/* On a machine without a full host name Sendmail sleeps a minute first,
 * whatever it is asked. */
#define FIND_SECS 120
#define LINE_BYTES_MAX ((size_t)1024 * 1024)

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

/* Other mail servers bring a program of that name, too; they refuse the words.
 */
static int
find(struct arena *arena, struct err *err)
{
	struct run run = {.timeout_secs = FIND_SECS};
	struct run_result result;
	if (run_find(arena, "sendmail") == NULL) {
		err_set(err, "Sendmail is not installed on this machine (there "
			     "is no sendmail in " RUN_PATH ")");
		return 1;
	}
	if (sendmail(arena, NULL, &run, WORDS("-d0.1", "-bt"), &result, err) <
	    0)
		return -1;
	if (strncmp(result.out, "Version 8.", strlen("Version 8.")) == 0)
		return 0;
	if (result.status >= 128)
		return err_set(err,
		    "sendmail -d0.1 -bt ended with status %d, so whether "
		    "Sendmail holds mail is not known",
		    result.status);
	err_set(err, "the program sendmail of this machine is not Sendmail's, "
		     "but another mail server's");
	return 1;
}

/* It has one queue, in as many folders as it likes. */
static int
instances(struct arena *arena, const char *const **folders_r, struct err *err)
{
	static const char *const own[] = {NULL};
	(void)arena;
	(void)err;
	*folders_r = own;
	return 0;
}

/* ----------------------------------------------------------------- listing */

/* A held item of the queue. */
struct item {
	const char *id, *folder;
	const char *whole; /* the id of the mail that it is a part of; "" */
	struct item *next; /* of the list */
};

/* An item by an id that it belongs to: its own, or that of the whole. */
struct key {
	const char *id;
	const struct item *item;
};

struct listing {
	struct arena *arena;
	const char *folder; /* of the lines that follow */
	struct item *last;  /* the newest item, NULL before the first */
	size_t n;
	struct key *keys; /* by id */
	size_t keys_n;
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

static int
add_item(struct listing *list, const char *line, size_t length)
{
	struct item *item = arena_alloc(list->arena, sizeof(*item));
	const char *id = arena_strndup(list->arena, line, length);
	if (item == NULL || id == NULL)
		return -1;
	*item = (struct item){id, list->folder, "", list->last};
	list->last = item;
	list->n++;
	return 0;
}

static int
take_line(void *context, const char *line, size_t length, struct err *err)
{
	static const char mark[] = "QUARANTINE: ";
	struct listing *list = context;
	size_t word = strspn(line, QUEUE_ID_LETTERS);
	size_t blanks = strspn(line, " ");
	const char *found = folder_of(list->arena, line, length);
	int taken = 0;
	if (found != NULL) {
		list->folder = found;
	} else if (word >= ID_LEAST && word <= ID_MOST &&
		   (line[word] == ' ' || line[word] == '*')) {
		taken = add_item(list, line, word);
	} else if (list->last != NULL &&
		   strncmp(line + blanks, mark, strlen(mark)) == 0) {
		list->last->whole =
		    id_in_reason(list->arena, line + blanks + strlen(mark));
		taken = list->last->whole == NULL ? -1 : 0;
	}
	return taken < 0 ? err_set(err, "memory is out") : 0;
}

static int
by_id(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	return strcmp(x->id, y->id);
}

static int
sort_items(struct listing *list, struct err *err)
{
	list->keys =
	    arena_alloc(list->arena, (2 * list->n + 1) * sizeof(*list->keys));
	if (list->keys == NULL)
		return err_set(err, "memory is out");
	for (const struct item *item = list->last; item != NULL;
	     item = item->next) {
		list->keys[list->keys_n++] = (struct key){item->id, item};
		if (item->whole[0] != '\0' &&
		    strcmp(item->whole, item->id) != 0)
			list->keys[list->keys_n++] =
			    (struct key){item->whole, item};
	}
	qsort(list->keys, list->keys_n, sizeof(*list->keys), by_id);
	return 0;
}

/* The first key of a mail, and how many there are. */
static const struct key *
keys_of(const struct listing *list, const char *queue_id, size_t *n_r)
{
	size_t low = 0, high = list->keys_n, n = 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(list->keys[middle].id, queue_id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + n < list->keys_n &&
	       strcmp(list->keys[low + n].id, queue_id) == 0)
		n++;
	*n_r = n;
	return &list->keys[low];
}

/* NULL with a sentence if Sendmail does not tell. */
static struct listing *
list_held(struct arena *arena, const struct queue *queue, struct err *err)
{
	struct listing *list = arena_alloc(arena, sizeof(*list));
	if (list == NULL) {
		err_set(err, "memory is out");
		return NULL;
	}
	*list = (struct listing){.arena = arena, .folder = ""};
	struct run run = {.timeout_secs = LIST_SECS,
	    .output_max = LINE_BYTES_MAX,
	    .take_line = take_line,
	    .context = list};
	struct run_result result;
	if (sendmail(arena, queue->config_dir, &run, WORDS("-bp", "-qQ"),
		&result, err) < 0)
		return NULL;
	if (result.status != 0) {
		err_set(err, "sendmail -bp -qQ ended with status %d: %s",
		    result.status, run_said(arena, &result));
		return NULL;
	}
	return sort_items(list, err) < 0 ? NULL : list;
}

/* What is listed serves the acts that follow, too: each item is seen to again
 * when something is done about it. */
static int
look(struct arena *arena, struct queue *queue, struct queue_mail *mails,
    size_t n, struct err *err)
{
	struct listing *list = list_held(arena, queue, err);
	if (list == NULL)
		return -1;
	queue->listing = list;
	for (size_t i = 0; i < n; i++) {
		size_t parts = 0;
		if (mails[i].state != QUEUE_NO_ID)
			keys_of(list, mails[i].queue_id, &parts);
		if (parts > 0)
			mails[i].state = QUEUE_HELD;
	}
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

/* All parts of a mail. It is done if any was, and none is left. Sets *unsure
 * if a part was not there, or Sendmail does not say that it did it. */
static int
act_on(struct arena *arena, const struct queue *queue, enum queue_step step,
    struct queue_mail *mail, bool *unsure, struct err *err)
{
	int failed = 0;
	bool any = false;
	size_t n;
	const struct key *keys = keys_of(queue->listing, mail->queue_id, &n);
	for (size_t i = 0; i < n; i++) {
		const struct item *item = keys[i].item;
		int done = step == QUEUE_RELEASE
			       ? release_item(arena, queue, item, err)
			       : discard_item(arena, item, err);
		any = any || done == 1;
		*unsure = *unsure || done == 0;
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
	const struct listing *list = list_held(arena, queue, err);
	if (list == NULL)
		return -1;
	int failed = 0;
	for (size_t i = 0; i < n; i++) {
		size_t parts;
		const struct key *keys =
		    keys_of(list, mails[i].queue_id, &parts);
		if (parts == 0 || mails[i].state == QUEUE_HELD)
			continue;
		mails[i].state = QUEUE_HELD;
		failed = err_set(err,
		    "Sendmail did not take its hand off %s; it may be in use: "
		    "try again in a while",
		    keys->item->id);
	}
	return failed;
}

static int
act(struct arena *arena, struct queue *queue, enum queue_step step,
    struct queue_mail *mails, size_t n, const char **note, struct err *err)
{
	(void)note; /* it tries what is released by itself */
	int failed = 0;
	bool unsure = false;
	for (size_t i = 0; i < n; i++)
		if (act_on(arena, queue, step, &mails[i], &unsure, err) < 0)
			failed = -1;
	struct err later;
	if (unsure && look_again(arena, queue, mails, n, &later) < 0 &&
	    failed == 0)
		failed = err_set(err, "%s", later.text);
	return failed;
}

const struct queue_tools queue_sendmail = {"Sendmail", ID_LEAST, ID_MOST, find,
    instances, mta_sendmail_asks, look, act};
