/*
 * compose.h: our own mail as bytes to send.
 *
 * Thread-safety: all functions, after mail_init.
 */
#ifndef BULKWATCH_COMPOSE_H
#define BULKWATCH_COMPOSE_H

#include <stddef.h>

#include "bulkwatch/err.h"
#include "bulkwatch/settings.h"

/* The header that carries the nonce: own.h says what it is for. */
#define OWN_HEADER "X-Bulkwatch-Nonce"

struct outgoing {
	const char *from;        /* bare address */
	const char *from_name;   /* display name, UTF-8; "" for none */
	const struct text_list *to;
	const struct text_list *reply_to; /* whom answers go to; NULL: from */
	const char *subject;     /* UTF-8 */
	const char *body;        /* UTF-8, lines end in \n */
	const char *message_id;  /* without angle brackets */
	const char *nonce;       /* value of OWN_HEADER; "" for none */
	const char *in_reply_to; /* Message-ID of the first mail about the case, or "" */
	long long at_ms;         /* Date */
};

/*
 * The mail as RFC 5322 text with CRLF line ends: From, To, Reply-To, Date,
 * Message-ID, Subject (RFC 2047), Auto-Submitted: auto-generated (RFC 3834), MIME headers,
 * text/plain; charset=utf-8 in an encoding that any server carries (7bit or
 * quoted-printable), no line over 998 bytes. Control characters in the subject
 * and the name become spaces; addresses that are not sound (address.h) and
 * Message-IDs or nonces that could leave their place are refused, so no value
 * can bring in a header of its own.
 * mail_r: malloc'd, length_r bytes and a NUL; the caller frees it.
 * Returns 0, or -1 with a sentence.
 */
int compose_mail(const struct outgoing *outgoing, char **mail_r,
    size_t *length_r, struct err *err);

#endif
