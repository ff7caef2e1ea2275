/*
 * listen.h: the socket to which the MTA connects, and the lock.
 *
 * Thread-safety: main thread only.
 */
#ifndef BULKWATCH_LISTEN_H
#define BULKWATCH_LISTEN_H

#include <stdbool.h>

#include "bulkwatch/err.h"

struct listener {
	int fd;
	bool over_tcp;
	char *unlink_path; /* ours to remove at the end; NULL: nothing */
};

/*
 * Makes the socket of the setting listen ("unix:PATH", "inet:PORT@HOST"), or
 * takes the one that systemd passed (sd_listen_fds(3)). A socket file that
 * nobody listens on is removed first; one that a live program listens on, or a
 * file that is no socket, is left alone and refused. Mode 0660.
 * Returns 0, or -1 with a sentence. listener_close ends it.
 */
int listener_open(const char *listen, struct listener *listener_r,
    struct err *err);

/* Removes the socket file; the descriptor was closed by libmilter. */
void listener_close(struct listener *listener);

/* Locks the database against a second daemon: DATABASE.lock, held until the
 * process ends. Returns the descriptor, or -1 with a sentence that names the
 * other process. */
int listener_lock(const char *database, struct err *err);

#endif
