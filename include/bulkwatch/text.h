/*
 * text.h: text from strangers, made safe to keep and to show.
 *
 * Everything a sender wrote passes text_clean once, where it comes in, so what
 * is stored, logged, mailed or shown is always printable UTF-8 on one line.
 *
 * Thread-safety: all functions.
 */
#ifndef BULKWATCH_TEXT_H
#define BULKWATCH_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/arena.h"

/* True if text is already what text_clean would give. */
bool text_is_clean(const char *text, size_t length);

/*
 * A copy in the arena of printable UTF-8 on one line. A byte that is not part
 * of valid UTF-8 (RFC 3629: no overlong forms, surrogates or values above
 * U+10FFFF) becomes "\xHH"; a control character (C0, DEL, C1), a line or
 * paragraph separator, or a character that changes the direction of text
 * (U+061C, U+200E, U+200F, U+202A–U+202E, U+2066–U+2069) or hides in it
 * (U+FEFF) becomes "\u{H…}". Distinct input stays distinct but for a
 * sender who writes such an escape himself, which harms nobody.
 * Returns NULL when memory is out.
 */
char *text_clean(struct arena *arena, const char *text, size_t length);

/* Folds ASCII letters to lower case in place. */
void text_lower(char *text);

/* How many lines it has at the most: one more than it has newlines. */
size_t text_lines(const char *text);

/* The folder that a path is in: "." where it has no slash. In the arena, or a
 * constant; NULL when memory is out. */
const char *text_folder(struct arena *arena, const char *path);

/* Columns that clean UTF-8 takes on a terminal (wide and combining characters
 * counted as wcwidth does), whatever the locale. */
int text_columns(const char *text);

/* Bytes at the start of text that fit into so many columns. */
size_t text_fit(const char *text, int columns);

/* Edit distance (insertions, deletions, substitutions) of two short words, to
 * name the nearest known one; words over 63 bytes give INT_MAX. */
int text_distance(const char *a, const char *b);

/* The nearest of a NULL-ended list to word, or NULL if none is near (more than
 * a third of the longer word differs). */
const char *text_nearest(const char *word, const char *const *known);

/* The word in quotes for the shell, whatever is in it; NULL when memory is out.
 */
const char *text_quoted(struct arena *arena, const char *word);

#endif
