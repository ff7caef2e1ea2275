/* facts.h: what a mail says, by the placeholders of template.h; for message.c
 * alone. */
#ifndef BULKWATCH_NOTIFY_FACTS_H
#define BULKWATCH_NOTIFY_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/record.h"
#include "bulkwatch/settings.h"
#include "phrases.h"

/* About one bulk send (story), about several (sends), or about a day. */
struct facts {
	struct arena *arena; /* where values are made */
	const struct settings *settings;
	const struct phrases *phrases;
	bool for_sender;                     /* a notice */
	const struct bulk_send_story *story; /* NULL in a digest */
	const struct bulk_send *sends;       /* of a digest */
	size_t sends_n;
	const struct day *day; /* NULL but in the day's digest */
};

/* How many recipients and messages an alert lists, and how many lines a list of
 * the day's digest has. */
#define FACTS_RECIPIENTS_MAX 10
#define FACTS_MESSAGES_MAX 20
#define FACTS_DAY_LINES_MAX 100

/* The value of a placeholder: a template_value_fn; context is struct facts. */
const char *facts_value(const char *name, void *context);

/* Tables of those in other files; a NULL name ends them. */
struct placeholder {
	const char *name;
	const char *(*value)(const struct facts *facts);
};

/* facts_declaration.c: where story->declaration is not NULL. */
extern const struct placeholder facts_of_a_declaration[];

/* facts_day.c: where day is not NULL. */
extern const struct placeholder facts_of_a_day[];

#endif
