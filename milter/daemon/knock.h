/* knock.h: a connection of our own, to see whether libmilter answers. */
#ifndef BULKWATCH_KNOCK_H
#define BULKWATCH_KNOCK_H

#include <stdbool.h>
#include <sys/socket.h>

#include "bulkwatch/err.h"

struct knock_address {
	struct sockaddr_storage at;
	socklen_t length;
};

/*
 * Connects, says HELO and waits for the answer; again and again with growing
 * patience, two seconds in all, while there is none.
 * Returns 0 once any is answered, or -1 with a sentence. Thread-safety: all.
 */
int knock(const struct knock_address *address, struct err *err);

#endif
