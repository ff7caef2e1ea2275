/*
 * queue.h: mail that the mail server holds: looked for, let go, deleted.
 *
 * All is done through the server's own tools. A queue id comes from whoever
 * spoke to the milter socket, so none reaches a tool unless it is one that
 * such a server gives, and the server itself lists a held mail by it that may
 * be the one that is meant.
 *
 * Thread-safety: one thread.
 */
#ifndef BULKWATCH_QUEUE_H
#define BULKWATCH_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
#include "bulkwatch/settings.h"

enum queue_kind {
	QUEUE_ANY, /* all that are installed */
	QUEUE_POSTFIX,
	QUEUE_SENDMAIL,
};

enum queue_step { QUEUE_RELEASE, QUEUE_DISCARD };

/* How a mail stands. */
enum queue_state {
	QUEUE_HELD,    /* it is held */
	QUEUE_DONE,    /* it was held, and was released or discarded */
	QUEUE_GONE,    /* it is not held (any more) */
	QUEUE_ANOTHER, /* unknown: what is held by its queue id came so much
			* later that it is another mail */
	QUEUE_TWICE,   /* unknown: two queues hold a mail by its queue id */
	QUEUE_NO_ID,   /* unknown: what was told as its queue id is none */
};

struct queue_tools;

/* Where mail is held: an instance of Postfix, or Sendmail. */
struct queue {
	const struct queue_tools *tools; /* of the kind of server */
	const char *config_dir;          /* NULL: the server's own */
	void *listing;                   /* of the tools */
};

/* All of them. */
struct queues {
	struct queue *items; /* 1 or more */
	size_t n;
	const char *note; /* after queue_act: a sentence about something that
			   * went wrong without harm, or NULL */
};

struct queue_mail {
	const char *queue_id;
	int64_t at_ms; /* wall time at its end of message */
	enum queue_state state;
	struct queue *queue; /* who has such a mail, or NULL */
	struct queue *other; /* the second one, of QUEUE_TWICE */
};

/* So many are acted on at once. */
#define QUEUE_BATCH_MAX 100

/*
 * Finds the queues: of each server of that kind that is installed, each
 * instance that it knows of. So a mail that is in none of them is not held.
 * config_dir: the folder of a main.cf, or sendmail.cf: this one alone, of
 *     Postfix if it is installed and the kind may be any. NULL: all. Must
 *     outlive the queues.
 * Returns 0, or -1 with a sentence: no such server is installed, or one does
 * not answer or does not tell its instances.
 */
int queue_find(struct arena *arena, enum queue_kind kind,
    const char *config_dir, struct queues *queues_r, struct err *err);

/* "Postfix", "Sendmail", or "Postfix or Sendmail". */
const char *queue_servers(const struct queues *queues);

/* The folder of its settings, or the name of the server. */
const char *queue_name(const struct queue *queue);

/* True if the settings of that queue's server name bulkwatchd's socket, so that
 * mail of ours may be there. */
bool queue_asks(struct arena *arena, const struct queue *queue,
    const struct settings *settings);

/* Sets the state of each mail as the servers have it now. Returns 0, or -1 with
 * a sentence: the tools of one do not tell. */
int queue_look(struct arena *arena, struct queues *queues,
    struct queue_mail *mails, size_t n, struct err *err);

/*
 * Releases or discards those of the mails (at most QUEUE_BATCH_MAX) whose
 * state is QUEUE_HELD, as queue_look set it just now, and sets their states to
 * what became of them. What is released is tried by the server at once.
 * Returns 0, or -1 with a sentence if some of them could not be done: they are
 * held still, and the others are as their state says.
 */
int queue_act(struct arena *arena, struct queues *queues, enum queue_step step,
    struct queue_mail *mails, size_t n, struct err *err);

/* What queue ids are made of: whatever else comes must not reach a tool's words
 * or a path. */
#define QUEUE_ID_LETTERS                                                       \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* For the server's own tools, as parts of the above. */
struct queue_tools {
	const char *server;
	size_t id_least, id_most; /* how long a queue id is */
	/* Returns 0; 1 with a sentence: it is not installed; or -1 with a
	 * sentence: it is, but does not answer. */
	int (*find)(struct arena *arena, struct err *err);
	/* The folders of its instances, NULL behind the last, or only NULL
	 * where it has but one. Returns 0, or -1 with a sentence. */
	int (*instances)(struct arena *arena, const char *const **folders_r,
	    struct err *err);
	/* The same as queue_asks. */
	bool (*asks)(struct arena *arena, const struct settings *settings,
	    const char *config_dir);
	/* Sets the state of those that are held. */
	int (*look)(struct arena *arena, struct queue *queue,
	    struct queue_mail *mails, size_t n, struct err *err);
	/* The same as queue_act, for mail that this queue holds. */
	int (*act)(struct arena *arena, struct queue *queue,
	    enum queue_step step, struct queue_mail *mails, size_t n,
	    const char **note, struct err *err);
};
extern const struct queue_tools queue_postfix, queue_sendmail;

/* True for what can be a queue id of that server. */
bool queue_id_ok(const struct queue_tools *tools, const char *queue_id);

/* True if a mail that came to the queue at arrival_ms can be the one whose end
 * of message was at at_ms. */
bool queue_same_mail(int64_t arrival_ms, int64_t at_ms);

#endif
