/*
 * place.h: where bulkwatchd listens, as its own settings and as Postfix write
 * it.
 */
#ifndef BULKWATCH_MTA_PLACE_H
#define BULKWATCH_MTA_PLACE_H

#include <stdbool.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"

/* The setting listen, taken apart. */
struct place {
	const char *path;        /* of a Unix socket; NULL: TCP */
	const char *host, *port; /* of TCP, without brackets */
	bool v6;
};

/* listen: as in struct settings. Returns 0 or -1 with a sentence. */
int place_parse(struct arena *arena, const char *listen, struct place *place_r,
    struct err *err);

/*
 * How Postfix names it: below its queue directory, where its daemons stand,
 * by the path from there, so that it is right in a chroot and without one.
 * NULL when memory is out.
 */
const char *place_for_postfix(struct arena *arena, const struct place *place,
    const char *queue_directory);

/* True if a Unix socket lies below the queue directory, where a daemon in a
 * chroot can see it; TCP is seen from everywhere. */
bool place_in_chroot(const struct place *place, const char *queue_directory);

/*
 * True if an endpoint of Postfix's is this place. A path counts from the
 * queue directory if it has no slash before it, and if the daemon that names
 * it is in a chroot.
 */
bool place_is(struct arena *arena, const struct place *place,
    const char *endpoint, const char *queue_directory, bool chrooted);

/* True if it is, with a chroot or without one. */
bool place_is_meant(struct arena *arena, const struct place *place,
    const char *endpoint, const char *queue_directory);

/* True if who connects to the other one gets to this place. */
bool place_same(const struct place *place, const struct place *other);

#endif
