/*
 * ticket.h: a message on its way through the recorder (inside the daemon).
 *
 * It lives in its message's arena and has two holders: the session that waits
 * for the answer, and the recorder. The last one to release it frees it.
 */
#ifndef BULKWATCH_DAEMON_TICKET_H
#define BULKWATCH_DAEMON_TICKET_H

#include <semaphore.h>
#include <stdatomic.h>

#include "bulkwatch/log.h"
#include "bulkwatch/recorder.h"

/* Who answers the MTA is settled once: whoever takes the ticket from
 * TICKET_WAITS. */
enum ticket_state {
	TICKET_WAITS,
	TICKET_ANSWERED,  /* by the recorder */
	TICKET_GIVEN_UP,  /* by the session, after the deadline: mail went on */
	TICKET_TAKEN_BACK, /* likewise, and the MTA was told to try again */
	TICKET_NOT_HELD,   /* answered; the MTA did not take the order to hold,
			    * and was told to try again */
};

struct ticket {
	struct ticket *next;
	int64_t bytes; /* of memory, when it was added to a list */
	struct entry entry;
	sem_t done; /* posted when it is answered */
	atomic_int holders;
	_Atomic enum ticket_state state;
	struct verdict verdict;
};

/* First in, first out. */
struct ticket_list {
	struct ticket *first, *last;
	size_t n;
	int64_t bytes;
};

void ticket_list_add(struct ticket_list *list, struct ticket *ticket);

/* The first one, taken out; NULL if there is none. */
struct ticket *ticket_list_take(struct ticket_list *list);

/* A ticket in the message's arena, measured by the settings, which are
 * referenced. NULL when memory is out; the arena is the caller's then. */
struct ticket *ticket_new(struct arena *arena, const struct settings *settings,
    struct message *message);

void ticket_release(struct ticket *ticket);

/* Answers the session that waits for it. Returns false if that has answered
 * the MTA by itself. */
bool ticket_answer(struct ticket *ticket, struct verdict verdict);

/* Takes the answer from the recorder, as state. Returns false if it has
 * answered meanwhile. */
bool ticket_give_up(struct ticket *ticket, enum ticket_state state);

/* Logs the whole record, so that it can be brought back from the log alone. */
void ticket_log(enum log_level level, const struct message *message,
    const char *event, const char *text);

#endif
