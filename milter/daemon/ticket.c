/* ticket.c: a message on its way through the recorder. */
#include "ticket.h"

#include <stdlib.h>

#include "bulkwatch/json.h"
#include "bulkwatch/policy.h"

void
ticket_list_add(struct ticket_list *list, struct ticket *ticket)
{
	ticket->next = NULL;
	if (list->first == NULL)
		list->first = ticket;
	else
		list->last->next = ticket;
	list->last = ticket;
	list->n++;
}

struct ticket *
ticket_list_take(struct ticket_list *list)
{
	struct ticket *ticket = list->first;
	if (ticket == NULL)
		return NULL;
	list->first = ticket->next;
	list->n--;
	return ticket;
}

void
ticket_release(struct ticket *ticket)
{
	if (atomic_fetch_sub(&ticket->holders, 1) > 1)
		return;
	sem_destroy(&ticket->done);
	settings_unref(&ticket->entry.settings);
	arena_free(ticket->entry.arena);
}

struct ticket *
ticket_new(struct arena *arena, const struct settings *settings,
    struct message *message)
{
	struct ticket *ticket = arena_alloc(arena, sizeof(*ticket));
	struct measure *measures =
	    arena_alloc(arena, settings->rules_n * sizeof(struct measure));
	if (ticket == NULL || measures == NULL)
		return NULL;
	ticket->entry = (struct entry){.arena = arena,
	    .settings = settings_ref(settings),
	    .message = message,
	    .measures = measures,
	    .measures_n = policy_measure(settings, message, measures)};
	sem_init(&ticket->done, 0, 0);
	atomic_init(&ticket->holders, 2);
	return ticket;
}

void
ticket_answer(struct ticket *ticket, enum verdict verdict)
{
	ticket->verdict = verdict;
	sem_post(&ticket->done);
}

void
ticket_log(enum log_level level, const struct message *message,
    const char *event, const char *text)
{
	char *line = json_message(message);
	log_event(level, "queue_id", message->queue_id, "event", event, "text",
	    text, "record", line == NULL ? "(memory is out)" : line, NULL);
	free(line);
}
