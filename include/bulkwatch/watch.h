/*
 * watch.h: the thread that watches libmilter.
 *
 * Three faults of libmilter cannot be mended from outside, only seen and kept
 * small:
 *  - at the limit of descriptors its accept loop spins and says nothing;
 *  - when no thread can be made, the session that needed it hangs for ever;
 *  - its pool wakes one worker for two sessions that have something to say, if
 *    they come close together, and the second waits until another comes or a
 *    worker is done with what it was at.
 *
 * So each second a connection of our own knocks and waits for an answer. That
 * is the other which the third fault waits for; it comes 20 times a second
 * while there are more threads than usual and none of them gets anywhere, for
 * then no worker is done by itself. While the knock is answered, systemd's
 * watchdog is told that all is well. Threads and descriptors are looked at once
 * a second. The log says, once a change: descriptors come near the limit
 * (event=descriptors), no thread can be made (event=threads), no answer comes
 * (event=listening).
 */
#ifndef BULKWATCH_WATCH_H
#define BULKWATCH_WATCH_H

#include "bulkwatch/err.h"

struct watch;

/* Raises the limit of open descriptors to what the process may have at most.
 * Call at start; it cannot fail, for the limit that there is serves too. */
void watch_raise_limit(void);

/*
 * Starts the thread.
 * listen_fd: the listening socket; its address is read, it is not kept.
 * progress: a number that changes whenever a session got something done; from
 *     any thread.
 * Returns 0 with *watch_r set (end with watch_deinit), or -1 with a sentence.
 */
int watch_init(int listen_fd, unsigned long (*progress)(void),
    struct watch **watch_r, struct err *err);

/* Ends the thread and sets *watch to NULL. NULL is no error. */
void watch_deinit(struct watch **watch);

#endif
