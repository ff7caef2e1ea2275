/*
 * scan.h: mistakes that libconfig takes in silence.
 */
#ifndef BULKWATCH_SETTINGS_SCAN_H
#define BULKWATCH_SETTINGS_SCAN_H

#include "faults.h"

/* Adds a fault for each. Returns 0 if the text is worth parsing (there may be
 * faults), -1 if something in it is never closed, so that whatever stands
 * behind is taken for what it isn't. */
int scan_text(const char *file, const char *text, struct faults *faults);

#endif
