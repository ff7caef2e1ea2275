/*
 * watch.h: the thread that watches libmilter.
 *
 * Three faults of libmilter cannot be mended from outside, only seen and kept
 * small:
 *  - at the limit of descriptors its accept loop spins and says nothing;
 *  - when no thread can be made, the session that needed it hangs for ever;
 *  - its pool wakes one worker for two sessions that have something to say, if
 *    they come close together, and the second waits until another comes.
 *
 * So each second a connection of our own knocks and waits for an answer. That
 * is the other which the third fault waits for; and while the knock is
 * answered, systemd's watchdog is told that all is well. The log says, once a
 * change: descriptors come near the limit (event=descriptors), no thread can
 * be made (event=threads), no answer comes (event=listening).
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
 * Returns 0 with *watch_r set (end with watch_deinit), or -1 with a sentence.
 */
int watch_init(int listen_fd, struct watch **watch_r, struct err *err);

/* Ends the thread and sets *watch to NULL. NULL is no error. */
void watch_deinit(struct watch **watch);

#endif
