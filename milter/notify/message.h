/*
 * message.h: what the outbox holds as mails; for delivery.c alone.
 *
 * All is made in the arena; from and to point into settings. nonce is left ""
 * for the caller to set. Functions return 0, or -1 when memory is out.
 */
#ifndef BULKWATCH_NOTIFY_MESSAGE_H
#define BULKWATCH_NOTIFY_MESSAGE_H

#include <stddef.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/compose.h"
#include "bulkwatch/record.h"
#include "bulkwatch/settings.h"

/* Messages of a bulk send that message_single can make use of. */
#define MESSAGE_EVIDENCE_MAX 20

/* One alert or notice about one bulk send: a notice goes to alert->to. Its
 * Message-ID stays the same when it is made again: a mail that arrives twice
 * because an answer was lost is known as one by those who read it. */
int message_single(struct arena *arena, const struct settings *settings,
    const struct alert *alert, const struct bulk_send_story *story,
    struct outgoing *outgoing_r);

/* A digest of alerts (not empty) about sends. */
int message_digest(struct arena *arena, const struct settings *settings,
    const struct alert *alerts, size_t alerts_n, const struct bulk_send *sends,
    size_t sends_n, struct outgoing *outgoing_r);

/* The day's digest. Its date is day->now_ms. */
int message_daily(struct arena *arena, const struct settings *settings,
    const struct alert *alert, const struct day *day,
    struct outgoing *outgoing_r);

#endif
