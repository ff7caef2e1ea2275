/*
 * screen.h: where the command's text goes: how wide, in colour or not.
 */
#ifndef BULKWATCH_CTL_SCREEN_H
#define BULKWATCH_CTL_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

struct screen {
	int width; /* columns */
	bool cut;  /* a terminal: no line may be longer */
	bool colour;
};

/* What out is: a terminal has its own width (else COLUMNS, else 80) and colour
 * unless NO_COLOR or TERM=dumb says otherwise. A file or a pipe has no colour
 * and nothing is cut; running text is wrapped at COLUMNS, else 100. */
void screen_init(FILE *out, struct screen *screen_r);

enum tint { TINT_NONE, TINT_BOLD, TINT_DIM, TINT_RED, TINT_GREEN, TINT_YELLOW };

/* Begins and ends a colour; nothing where the screen has none. */
void screen_tint(const struct screen *screen, FILE *out, enum tint tint);
void screen_untint(const struct screen *screen, FILE *out, enum tint tint);

/* Writes so many blanks; none for a negative number. */
void screen_pad(FILE *out, int columns);

/* Writes text (clean) broken between words, the line's first indent columns
 * being filled already, further lines beginning there, and a newline. */
void screen_wrap(
    const struct screen *screen, FILE *out, int indent, const char *text);

#endif
