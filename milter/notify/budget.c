/* budget.c: how many mails may still go within the hour. */
#include "budget.h"

#include <stdlib.h>
#include <string.h>

/* Ticks are whole seconds: one more keeps two mails a whole hour apart. */
#define HOUR_SECS 3601

int
budget_reserve(struct budget *budget)
{
	if (budget->n < budget->room)
		return 0;
	size_t room = budget->room * 2 + 64;
	int64_t *ticks = realloc(budget->ticks, room * sizeof(*ticks));
	if (ticks == NULL)
		return -1;
	budget->ticks = ticks;
	budget->room = room;
	return 0;
}

void
budget_note(struct budget *budget, int64_t tick)
{
	budget->ticks[budget->n++] = tick;
}

size_t
budget_left(struct budget *budget, int64_t now_tick, size_t per_hour)
{
	size_t old = 0;
	while (old < budget->n && now_tick - budget->ticks[old] >= HOUR_SECS)
		old++;
	budget->n -= old;
	if (old > 0)
		memmove(budget->ticks, budget->ticks + old,
		    budget->n * sizeof(*budget->ticks));
	return budget->n < per_hour ? per_hour - budget->n : 0;
}

int64_t
budget_wait(const struct budget *budget, int64_t now_tick, size_t per_hour)
{
	if (per_hour == 0)
		return HOUR_SECS;
	if (budget->n < per_hour)
		return 0;
	return budget->ticks[budget->n - per_hour] + HOUR_SECS - now_tick;
}

void
budget_free(struct budget *budget)
{
	free(budget->ticks);
	*budget = (struct budget){.ticks = NULL};
}
