/*
 * spool.h: messages on the disk while the store fails.
 *
 * One file of JSON lines in the spool folder, appended and synced; when the
 * store works again the lines are handed back in order and the file is
 * removed. A line that cannot be read, or not be saved, is kept in a second
 * file beside it; renamed to the first one's name it comes in by the next
 * start.
 *
 * A message read back has its tick if it is of this boot, else 0: then only the
 * wall clock says when it was sent.
 *
 * Thread-safety: one thread at a time.
 */
#ifndef BULKWATCH_SPOOL_H
#define BULKWATCH_SPOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
#include "bulkwatch/record.h"

#define SPOOL_FILE "messages.jsonl"
#define SPOOL_REJECTED_FILE "rejected.jsonl"

struct spool;

/* Opens the spool in a folder, which is made (0750) if only it is missing.
 * Returns 0 with *spool_r set, or -1 with a sentence. */
int spool_init(const char *folder, struct spool **spool_r, struct err *err);
void spool_deinit(struct spool **spool);

/* True if there may be messages in it. */
bool spool_has_messages(const struct spool *spool);

/* Appends messages and syncs. All of them are in it, or -1 with a sentence and
 * none is. */
int spool_append(struct spool *spool, const struct message *const *messages,
    size_t n, struct err *err);

/* Takes a batch of messages read back; they live in the arena, which stays the
 * spool's. after: the place behind them, to be kept with them. Returns
 * SPOOL_TAKEN when they are safe, -1 to stop; for a batch of one SPOOL_REFUSED
 * if it shall be put into the second file, since it keeps the others out. */
enum { SPOOL_TAKEN = 0, SPOOL_REFUSED = 1 };
typedef int spool_batch_fn(void *context, struct arena *arena,
    struct message **messages, size_t n, const struct spool_place *after);

/*
 * Hands back all messages, oldest first, in batches, and removes the file once
 * every batch was taken. If it ends in between, the next one goes on there, or
 * where spool_resume says.
 * Returns SPOOL_EMPTY; SPOOL_MORE if enough() was true; or -1 with a sentence
 * (also when a batch was refused).
 */
enum { SPOOL_EMPTY = 0, SPOOL_MORE = 1 };
struct spool_replay {
	size_t at_once; /* messages in a batch; 0: as many as are good */
	spool_batch_fn *batch;
	/* Asked after each batch whether to pause; may be NULL. */
	bool (*enough)(void *context);
	/* What the batch refused is in the second file; after is to be kept.
	 * 0, or -1 to stop; may be NULL if batch never refuses. */
	int (*refused)(void *context, const struct spool_place *after);
	/* Before the file is removed, so that the place can be forgotten. 0, or
	 * -1 to stop; may be NULL. */
	int (*emptied)(void *context);
	/* Told once of each line that went into the second file. */
	void (*bad)(void *context, const char *sentence);
	void *context;
};
int spool_replay(
    struct spool *spool, const struct spool_replay *replay, struct err *err);

/* Puts a message into the second file. Returns 0, or -1 with a sentence. */
int spool_put_aside(
    struct spool *spool, const struct message *message, struct err *err);

/* Lets the next replay begin at a place, if that is of this spool's file. */
void spool_resume(struct spool *spool, const struct spool_place *place);

/* Lets the next replay begin at the first message again: the database that has
 * taken them is gone. */
void spool_rewind(struct spool *spool);

#endif
