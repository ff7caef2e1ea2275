/* faults.c: everything that is wrong with the settings, collected. */
#include "faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Appends "file:line: key: sentence\n", leaving out what there is not. */
static int
append(struct faults *faults, const struct place *place, const char *sentence)
{
	char line[16] = "", *text = NULL;
	if (place->line > 0)
		snprintf(line, sizeof(line), "%u:", place->line);
	int written = asprintf(&text, "%s%s:%s %s%s%s\n",
	    faults->text == NULL ? "" : faults->text, place->file, line,
	    place->key, place->key[0] == '\0' ? "" : ": ", sentence);
	if (written < 0)
		return -1;
	free(faults->text);
	faults->text = text;
	return 0;
}

void
faults_add(
    struct faults *faults, const struct place *place, const char *format, ...)
{
	char *sentence = NULL;
	va_list args;
	va_start(args, format);
	int length = vasprintf(&sentence, format, args);
	va_end(args);
	if (length < 0 || append(faults, place, sentence) < 0)
		faults->memory_out = true;
	if (length >= 0)
		free(sentence);
	faults->n++;
}

bool
faults_any(const struct faults *faults)
{
	return faults->n > 0 || faults->memory_out;
}

char *
faults_take(struct faults *faults)
{
	char *text = faults->text;
	if (text == NULL)
		text = strdup("out of memory while reading the settings\n");
	*faults = (struct faults){.text = NULL};
	return text;
}
