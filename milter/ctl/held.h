/*
 * held.h: `bulkwatch release` and `discard`: an order about held mail, and what
 * is done with it in turn: its words are read (held_words.c), the messages that
 * it means are found and agreed to (held_meant.c), it is carried out (held.c),
 * and what came of it is told (held_report.c).
 *
 * Thread-safety: one thread.
 */
#ifndef BULKWATCH_CTL_HELD_H
#define BULKWATCH_CTL_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/queue.h"
#include "ctl.h"

/* What is asked for, and how far it is. */
struct order {
	struct ctl *ctl;
	enum queue_step step;
	int64_t id;     /* of the bulk send */
	bool yes;       /* nobody is asked */
	int64_t newest; /* no held message after this one was agreed to */
	const char *by, *config_dir;
	const struct settings *settings;
	enum queue_kind kind;
	struct store *store;
	struct queues queues;
	/* The messages, and beside each how the server has it. */
	struct held *held;
	struct queue_mail *mails;
	size_t n;
	/* A mail that is in none of the queues may be in one that was not
	 * looked through. */
	bool elsewhere;
	bool failed; /* something could not be done, and was told */
};

/* Reads the command's words into the order. Returns CTL_DONE, or ARGS_STOP or
 * another exit code after it said what is wrong. */
int held_words(struct order *order);

/*
 * Looks at what the order means, and asks where mail would be deleted. That is
 * before its turn comes: an admin who thinks it over keeps nobody waiting. What
 * is held meanwhile was not agreed to, and stays.
 * Returns true if the order may be carried out, false after it said why not.
 */
bool held_agreed(struct order *order);

/* Reads the messages that are meant: those that wait, and those that were not
 * found before. Returns 0, or -1 with a sentence. */
int held_read(struct order *order, struct err *err);

/* Leaves out those that were not found before, and are not there now either. */
void held_forget_gone(struct order *order);

/* True if it is not known whether the message is held. */
bool held_may_be_elsewhere(const struct order *order, size_t i);

/* Tells what came of the order: the messages on standard output, what is odd on
 * standard error. Returns an exit code. */
int held_report(struct order *order);

#endif
