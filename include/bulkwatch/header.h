/*
 * header.h: header fields of passing mail, decoded.
 *
 * Thread-safety: all functions, after mail_init.
 */
#ifndef BULKWATCH_HEADER_H
#define BULKWATCH_HEADER_H

#include "bulkwatch/arena.h"

/* Prepares GMime; once, before threads. mail_deinit at the end. */
void mail_init(void);
void mail_deinit(void);

/*
 * A Subject's value decoded: folding undone, RFC 2047 words decoded (broken
 * ones left as they stand), raw 8-bit taken as UTF-8 if it is valid, else as
 * windows-1258 would be a guess: each odd byte is shown as \xHH; the whole
 * clean (text_clean) and cut at 512 bytes on a character boundary with "…".
 * NULL only when memory is out.
 */
const char *header_subject(struct arena *arena, const char *value);

/* A Message-ID's value: outer white space and angle brackets off, clean, cut at
 * 512 bytes. NULL only when memory is out. */
const char *header_message_id(struct arena *arena, const char *value);

#endif
