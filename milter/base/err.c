/* err.c: why something could not be done. */
#include "bulkwatch/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
err_set(struct err *err, const char *format, ...)
{
	if (err == NULL)
		return -1;
	/* The arguments may point into err->text itself. */
	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	memcpy(err->text, text, sizeof(text));
	return -1;
}

int
err_sys(struct err *err, const char *format, ...)
{
	int saved = errno;
	if (err == NULL)
		return -1;
	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	errno = saved;
	return err_set(err, "%s: %m", text);
}

int
err_wrap(struct err *err, const char *format, ...)
{
	if (err == NULL)
		return -1;
	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return err_set(err, "%s: %s", text, err->text);
}
