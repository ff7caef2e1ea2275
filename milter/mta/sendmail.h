/*
 * sendmail.h: does Sendmail ask bulkwatchd? Its sendmail.cf is read only: it
 * is made by m4 from a file that belongs to the admin.
 */
#ifndef BULKWATCH_MTA_SENDMAIL_H
#define BULKWATCH_MTA_SENDMAIL_H

#include "bulkwatch/mta.h"

/* Reads sendmail.cf in folder and adds what is to be said. */
void sendmail_check(struct arena *arena, const struct settings *settings,
    const char *folder, struct mta_findings *findings);

/* True if a milter of sendmail.cf in folder has our socket; false also if that
 * file cannot be read. */
bool sendmail_names_us(
    struct arena *arena, const char *listen, const char *folder);

/* The same as sendmail_check for a text. */
void sendmail_judge(struct arena *arena, const char *listen, const char *path,
    const char *text, struct mta_findings *findings);

#endif
