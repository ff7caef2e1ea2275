/*
 * queue_index.h: our mails by queue id, for a listing of very many others.
 *
 * Thread-safety: one thread.
 */
#ifndef BULKWATCH_MTA_QUEUE_INDEX_H
#define BULKWATCH_MTA_QUEUE_INDEX_H

#include "bulkwatch/queue.h"

struct queue_index {
	struct queue_mail **mails; /* by queue id; without those that have none
				    * (QUEUE_NO_ID) */
	size_t n;
};

/* Makes the index, in the arena. The mails must outlive it. Returns 0, or -1
 * with a sentence: memory is out. */
int queue_index_make(struct arena *arena, struct queue_mail *mails, size_t n,
    struct queue_index *index_r, struct err *err);

/* The first mail with this queue id, and in *n_r how many there are, one behind
 * the other: an id may have been given twice. NULL and 0 if there is none. */
struct queue_mail *const *queue_index_find(
    const struct queue_index *index, const char *queue_id, size_t *n_r);

/*
 * (queue_postfix.c) Takes a line of `postqueue -j`, without its end: sets the
 * state of the mail that it lists, if that is in the index and in the hold
 * queue. Takes memory only while it reads. context: the index; otherwise as
 * run.take_line.
 */
int queue_postfix_line(
    void *context, const char *line, size_t length, struct err *err);

#endif
