/*
 * loop.h: libmilter's loop, begun and ended.
 */
#ifndef BULKWATCH_LOOP_H
#define BULKWATCH_LOOP_H

#include "bulkwatch/err.h"

/* Runs libmilter on a listening socket (Debian's libmilter takes "fd:N") until
 * SIGTERM, SIGINT or SIGHUP, which must be blocked in every thread. The socket
 * is closed then. Main thread only. Returns 0 or -1. */
int loop_run(int listen_fd, struct err *err);

#endif
