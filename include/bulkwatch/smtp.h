/*
 * smtp.h: one mail over SMTP, through libcurl.
 *
 * Thread-safety: smtp_send from any thread after smtp_init.
 */
#ifndef BULKWATCH_SMTP_H
#define BULKWATCH_SMTP_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/err.h"
#include "bulkwatch/settings.h"

/* Prepares libcurl; once, before threads. Returns 0 or -1. */
int smtp_init(struct err *err);
void smtp_deinit(void);

enum smtp_result {
	SMTP_SENT,      /* the server took it for at least one recipient */
	SMTP_TEMPORARY, /* try again: no connection, 4xx, time-out, dropped */
	SMTP_UNCERTAIN, /* as temporary, but all of it was handed over and only
	                 * the answer is missing: it may arrive */
	SMTP_PERMANENT, /* 5xx to all of it: trying again as it is won't help */
};

struct smtp_attempt {
	const char *url;  /* smtp:// (STARTTLS where offered) or smtps://,
	                   * optionally with user:password@. With a login or
	                   * smtps:// TLS is demanded and the certificate
	                   * checked, unless the host is loopback */
	const char *from;
	const struct text_list *to;
	const char *mail; /* RFC 5322 text with CRLF */
	size_t length;
	const bool *stop; /* set by another thread with __atomic_store_n: give
	                   * up within about a second (temporary); may be NULL */
	bool *refused;    /* room for to->n, set to whom the server refused (or
	                   * would have); may be NULL */
};

/*
 * Sends. A recipient that the server refuses does not keep the others from
 * getting it; it is named in err->text even when SMTP_SENT is returned ("" if
 * all was well). Passwords never show in err. Limits: 20 s until the server has
 * greeted and let us in, 60 s in all and for each answer.
 */
enum smtp_result smtp_send(const struct smtp_attempt *attempt,
    struct err *err);

/*
 * Goes as far as a mail would, without one: connects, starts TLS where smtp_send
 * would, logs in if the URL says so, names sender and recipients without ever
 * sending DATA, and hangs up; at most 20 s for each step. from: our address.
 * to: recipients, each is tried; may be empty. Returns 0 if a mail could follow,
 * or -1 with a sentence that names the host, and whom it refused.
 */
int smtp_try(const char *url, const char *from, const struct text_list *to,
    struct err *err);

#endif
