/* ticket.c: a message on its way through the recorder. */
#include "ticket.h"

#include <stdlib.h>

#include "bulkwatch/json.h"
#include "bulkwatch/policy.h"

void
ticket_list_add(struct ticket_list *list, struct ticket *ticket)
{
	ticket->next = NULL;
	ticket->bytes = (int64_t)arena_bytes(ticket->entry.arena);
	if (list->first == NULL)
		list->first = ticket;
	else
		list->last->next = ticket;
	list->last = ticket;
	list->n++;
	list->bytes += ticket->bytes;
}

struct ticket *
ticket_list_take(struct ticket_list *list)
{
	struct ticket *ticket = list->first;
	if (ticket == NULL)
		return NULL;
	list->first = ticket->next;
	list->n--;
	list->bytes -= ticket->bytes;
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
	ticket->entry.may_act = policy_may_act(
	    settings, measures, ticket->entry.measures_n);
	sem_init(&ticket->done, 0, 0);
	atomic_init(&ticket->holders, 2);
	atomic_init(&ticket->state, TICKET_WAITS);
	return ticket;
}

bool
ticket_answer(struct ticket *ticket, struct verdict verdict)
{
	ticket->verdict = verdict;
	if (!ticket_give_up(ticket, TICKET_ANSWERED))
		return false;
	sem_post(&ticket->done);
	return true;
}

bool
ticket_give_up(struct ticket *ticket, enum ticket_state state)
{
	enum ticket_state waits = TICKET_WAITS;
	return atomic_compare_exchange_strong(&ticket->state, &waits, state);
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
