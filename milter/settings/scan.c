/*
 * scan.c: mistakes that libconfig takes in silence.
 *
 * libconfig 1.5 reads a comment that is never closed as the end of the file,
 * cuts whole numbers to 32 bits without a word (4294967316 is 20 to it), ends a
 * text at \x00, and tells of a missing quote only where the file ends. This
 * walks over the text as its scanner does, and knows nothing of its grammar.
 */
#include "scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct scan {
	const char *file;
	struct faults *faults;
	const char *p;
	unsigned line;
	int result;
};

static void
fault(struct scan *scan, unsigned line, const char *sentence)
{
	struct place place = {scan->file, line, ""};
	faults_add(scan->faults, &place, "%s", sentence);
}

static void
skip_comment(struct scan *scan)
{
	unsigned begun = scan->line;
	const char *end = strstr(scan->p + 2, "*/");
	if (end == NULL) {
		fault(scan, begun,
		    "the comment that begins here is never closed; write */ "
		    "where it ends");
		scan->result = -1;
		scan->p += strlen(scan->p);
		return;
	}
	for (; scan->p < end; scan->p++)
		scan->line += *scan->p == '\n';
	scan->p = end + 2;
}

static void
skip_text(struct scan *scan)
{
	const char *p = scan->p + 1;
	for (; *p != '"' && *p != '\n' && *p != '\0'; p++) {
		if (*p != '\\')
			continue;
		if (strncasecmp(p, "\\x00", 4) == 0)
			fault(scan, scan->line,
			    "\\x00 would end the text there; leave it out");
		if (p[1] != '\n' && p[1] != '\0')
			p++;
	}
	if (*p == '"')
		p++;
	else {
		fault(scan, scan->line,
		    "a text begins here that has no closing quote on its line; "
		    "write \" where it ends");
		scan->result = -1;
	}
	scan->p = p;
}

static void
skip_number(struct scan *scan)
{
	char *end;
	int base = strncasecmp(scan->p, "0x", 2) == 0 ? 16 : 10;
	errno = 0;
	long long value = strtoll(scan->p, &end, base);
	bool is_long = *end == 'L';
	bool is_fraction = *end == '.' || *end == 'e' || *end == 'E';
	if (errno == ERANGE ||
	    (!is_long && !is_fraction && (value > INT32_MAX)))
		fault(scan, scan->line,
		    "this number is too large; 2147483647 is the largest");
	while (isalnum((unsigned char)*end) || *end == '.')
		end++;
	scan->p = end;
}

static bool
is_name_byte(char c)
{
	return isalnum((unsigned char)c) || strchr("-_*", c) != NULL;
}

static void
step(struct scan *scan)
{
	const char *p = scan->p;
	if (p[0] == '#' || (p[0] == '/' && p[1] == '/'))
		scan->p += strcspn(p, "\n");
	else if (p[0] == '/' && p[1] == '*')
		skip_comment(scan);
	else if (p[0] == '"')
		skip_text(scan);
	else if (isdigit((unsigned char)p[0]))
		skip_number(scan);
	else if (isalpha((unsigned char)p[0]) || p[0] == '*')
		while (*scan->p != '\0' && is_name_byte(*scan->p))
			scan->p++;
	else {
		scan->line += p[0] == '\n';
		scan->p++;
	}
}

int
scan_text(const char *file, const char *text, struct faults *faults)
{
	struct scan scan = {file, faults, text, 1, 0};
	while (*scan.p != '\0')
		step(&scan);
	return scan.result;
}
