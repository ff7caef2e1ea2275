/*
 * recipients.c: of a message of the log, as they were accepted.
 *
 * A recipient may stand in many lines: of each try, and of each address that
 * an alias stands for. So hashes of them are kept while it is under way.
 */
#include "recipients.h"

#include <string.h>

#include "bulkwatch/address.h"
#include "bulkwatch/arena.h"
#include "bulkwatch/policy.h"
#include "hashes.h"

static int
want_hashes(struct mail *m)
{
	if (m->accepted == NULL)
		m->accepted = hashes_new();
	if (m->delivered == NULL)
		m->delivered = hashes_new();
	return m->accepted == NULL || m->delivered == NULL ? -1 : 0;
}

static const char *
canonical(struct arena *arena, struct span span)
{
	const char *text = arena_strndup(arena, span.text, span.n);
	return text == NULL ? NULL : address_canonical(arena, text);
}

static void
count(struct mail *m, const char *address, const struct settings *settings,
    const struct pattern_list *added)
{
	if (policy_recipient_is_exempt(settings, address))
		m->exempt++;
	else if (pattern_list_match(added, address))
		m->added++;
	else
		m->recipients++;
}

static int
add(struct mail *m, const struct maillog_line *line,
    const struct settings *settings, const struct pattern_list *added,
    struct arena *arena)
{
	const char *final = canonical(arena, line->address);
	const char *accepted = canonical(arena, line->original);
	if (final == NULL || accepted == NULL)
		return -1;
	const uint64_t hash = hash_bytes(accepted, strlen(accepted));
	int is_new = hashes_add(m->accepted, hash);
	if (is_new == 1)
		count(m, accepted, settings, added);
	return is_new < 0 ? -1
			  : hashes_add(m->delivered,
				hash_more(hash, final, strlen(final)));
}

int
recipients_add(struct mail *m, const struct maillog_line *line,
    const struct settings *settings, const struct pattern_list *added)
{
	struct arena *arena = arena_new();
	int failed = arena == NULL || want_hashes(m) < 0
			 ? -1
			 : add(m, line, settings, added, arena);
	arena_free(arena);
	return failed < 0 ? -1 : 0;
}

bool
recipients_complete(const struct mail *m, bool by_qmgr)
{
	return m->expanded > 0 &&
	       (by_qmgr || hashes_count(m->delivered) >= m->expanded);
}

void
recipients_forget(struct mail *m)
{
	hashes_free(m->accepted);
	hashes_free(m->delivered);
	m->accepted = m->delivered = NULL;
}
