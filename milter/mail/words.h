/* words.h: RFC 2047 words; for header.c alone. */
#ifndef BULKWATCH_MAIL_WORDS_H
#define BULKWATCH_MAIL_WORDS_H

#include <glib.h>

/* One line of text with its encoded words decoded. Words that are broken, or
 * in a charset that nobody knows, are kept as they stand. The result may hold
 * control characters and bytes that are not UTF-8. The caller frees it with
 * g_string_free. */
GString *words_decode(const char *line);

#endif
