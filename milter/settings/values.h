/*
 * values.h: checks of the texts in the settings; see value_fn in schema.h.
 */
#ifndef BULKWATCH_SETTINGS_VALUES_H
#define BULKWATCH_SETTINGS_VALUES_H

#include "schema.h"

value_fn value_path;      /* an absolute path */
value_fn value_user;      /* a user of the machine */
value_fn value_domain;    /* a domain, to lower case */
value_fn value_address;   /* a bare ASCII address */
value_fn value_language;  /* vi, en */
value_fn value_remark;    /* a line for people, or "" */
value_fn value_rule_name; /* letters, digits, . - _ */
value_fn value_reply;     /* what may stand behind an SMTP code */

/* "HH:MM" → minutes of the day, "" → -1. Returns 0, or -1 if it is neither. */
int value_minute(const char *text, int *minute_r);

/* endpoints.c */
value_fn value_listen; /* unix:PATH, inet:PORT@HOST, inet6:PORT@[ADDRESS] */
value_fn value_smtp; /* smtp:// or smtps:// URL; the sentence never shows it */

/* True if a checked URL holds user:password@. */
bool value_smtp_has_password(const char *url);

#endif
