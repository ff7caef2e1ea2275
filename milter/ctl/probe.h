/*
 * probe.h: is anybody at the milter socket?
 */
#ifndef BULKWATCH_CTL_PROBE_H
#define BULKWATCH_CTL_PROBE_H

#include "bulkwatch/err.h"

#define PROBE_TIMEOUT_MS 3000

/*
 * Connects to a socket as the settings name it (unix:PATH, inet:PORT@HOST) and
 * hangs up at once, as a mail server does that has nothing to say; libmilter
 * takes no notice. Returns 0 if somebody listens, or -1 with a sentence that
 * says how to mend it.
 */
int probe_socket(const char *listen, struct err *err);

/* Connects and stays: returns the descriptor, non-blocking, which the caller
 * closes; or -1 with a sentence that says how to mend it. */
int probe_connect(const char *listen, struct err *err);

#endif
