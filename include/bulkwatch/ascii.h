/*
 * ascii.h: text for places that take ASCII alone.
 *
 * Thread-safety: all functions.
 */
#ifndef BULKWATCH_ASCII_H
#define BULKWATCH_ASCII_H

#include "bulkwatch/arena.h"

/* The text in ASCII, in the arena: letters lose their marks ("Văn phòng" is
 * "Van phong"), what has no likeness becomes '?'. text: UTF-8. NULL when memory
 * is out. */
const char *ascii_from(struct arena *arena, const char *text);

#endif
