/*
 * reply.h: what a sender is told when mail is deferred or rejected (inside the
 * daemon).
 */
#ifndef BULKWATCH_DAEMON_REPLY_H
#define BULKWATCH_DAEMON_REPLY_H

#include "bulkwatch/arena.h"
#include "bulkwatch/settings.h"

/* libmilter takes 32 lines of 980 bytes; RFC 5321 section 4.5.3.1.5 lets a
 * reply line have 512 with its code, and people read short ones better. */
#define REPLY_LINES_MAX 8
#define REPLY_LINE_BYTES 450

/*
 * The rule's text, or ours if it has none: kind, with how to report bulk mail,
 * in Vietnamese and English. ASCII, split at spaces into lines; each '%' is
 * doubled, since MTAs take the text as a format. A rule's text always fits; of a
 * very long contact the end is left out.
 * action: ACTION_DEFER or ACTION_REJECT. contact: alerts.contact, "" for none.
 * lines_r: at least one line, then NULL; in the arena.
 * Returns 0, or -1 when memory is out.
 */
int reply_lines(struct arena *arena, const struct rule *rule,
    enum action action, const char *contact,
    char *lines_r[REPLY_LINES_MAX + 1]);

#endif
