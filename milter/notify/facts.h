/* facts.h: what an alert says, by the placeholders of template.h; for
 * message.c alone. */
#ifndef BULKWATCH_NOTIFY_FACTS_H
#define BULKWATCH_NOTIFY_FACTS_H

#include <stddef.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/record.h"
#include "bulkwatch/settings.h"
#include "phrases.h"

/* About one bulk send (story), or about several (sends). */
struct facts {
	struct arena *arena; /* where values are made */
	const struct settings *settings;
	const struct phrases *phrases;
	const struct bulk_send_story *story; /* NULL in a digest */
	const struct bulk_send *sends;       /* of a digest */
	size_t sends_n;
};

/* How many recipients and messages an alert lists. */
#define FACTS_RECIPIENTS_MAX 10
#define FACTS_MESSAGES_MAX 20

/* The value of a placeholder: a template_value_fn; context is struct facts. */
const char *facts_value(const char *name, void *context);

#endif
