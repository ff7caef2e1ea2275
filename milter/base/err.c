/* err.c: why something could not be done. */
#include "bulkwatch/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Sets the sentence, with what stood behind it if tail is not NULL. The
 * arguments may point into err->text itself, so it is written last. */
static int
set(struct err *err, const char *format, va_list args, const char *tail)
{
	char head[ERR_TEXT_MAX], text[ERR_TEXT_MAX];
	if (err == NULL)
		return -1;
	vsnprintf(head, sizeof(head), format, args);
	if (tail == NULL)
		memcpy(text, head, sizeof(text));
	else if (snprintf(text, sizeof(text), "%s: %s", head, tail) < 0)
		text[0] = '\0';
	memcpy(err->text, text, sizeof(text));
	return -1;
}

int
err_set(struct err *err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	set(err, format, args, NULL);
	va_end(args);
	return -1;
}

int
err_sys(struct err *err, const char *format, ...)
{
	char reason[256];
	const int number = errno;
	va_list args;
	va_start(args, format);
	set(err, format, args, strerror_r(number, reason, sizeof(reason)));
	va_end(args);
	return -1;
}

int
err_wrap(struct err *err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	set(err, format, args, err == NULL ? "" : err->text);
	va_end(args);
	return -1;
}
