/* budget.h: how many mails may still go within the hour; for notifier.c
 * alone. Times are ticks (clock.h). */
#ifndef BULKWATCH_NOTIFY_BUDGET_H
#define BULKWATCH_NOTIFY_BUDGET_H

#include <stddef.h>
#include <stdint.h>

struct budget {
	int64_t *ticks; /* of the mails that went, oldest first */
	size_t n, room;
};

/* Makes room for one more mail, so that noting it cannot fail. Returns 0, or
 * -1 when memory is out. */
int budget_reserve(struct budget *budget);

/* A mail went, or may have gone. After budget_reserve. */
void budget_note(struct budget *budget, int64_t tick);

/* How many may go now. */
size_t budget_left(struct budget *budget, int64_t now_tick, size_t per_hour);

/* Seconds until one more may go, where none is left. */
int64_t budget_wait(
    const struct budget *budget, int64_t now_tick, size_t per_hour);

void budget_free(struct budget *budget);

#endif
