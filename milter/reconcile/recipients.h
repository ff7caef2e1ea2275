/*
 * recipients.h: of a message of the log, as they were accepted.
 */
#ifndef BULKWATCH_RECONCILE_RECIPIENTS_H
#define BULKWATCH_RECONCILE_RECIPIENTS_H

#include "bulkwatch/pattern.h"
#include "bulkwatch/settings.h"
#include "maillog.h"
#include "mails.h"

/* Counts the recipient that a delivery tells of, unless it was counted before.
 * added: those whom the MTA adds itself. Returns 0, or -1 when memory is out.
 */
int recipients_add(struct mail *mail, const struct maillog_line *line,
    const struct settings *settings, const struct pattern_list *added);

/* Whether the log has every recipient. postsuper removes what is not
 * delivered; qmgr only what is. */
bool recipients_complete(const struct mail *mail, bool by_qmgr);

/* Gives back what is needed only while the message is under way; the numbers
 * stay. */
void recipients_forget(struct mail *mail);

#endif
