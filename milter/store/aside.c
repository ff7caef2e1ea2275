/* aside.c: a database that cannot be used, set aside. */
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int
move_beside(
    const char *path, const char *aside, const char *suffix, struct err *err)
{
	char from[4200], to[4200];
	snprintf(from, sizeof(from), "%s%s", path, suffix);
	snprintf(to, sizeof(to), "%s%s", aside, suffix);
	if (rename(from, to) < 0 && errno != ENOENT)
		return err_sys(err, "%s cannot be set aside as %s", from, to);
	return 0;
}

/* A name that nothing has yet. */
static int
aside_name(const char *path, char aside_r[4160], struct err *err)
{
	char stamp[20];
	time_t now = time(NULL);
	struct tm tm;
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", localtime_r(&now, &tm));
	for (int i = 0; i < 100; i++) {
		snprintf(aside_r, 4160,
		    i == 0 ? "%s.damaged-%s" : "%s.damaged-%s-%d", path, stamp,
		    i);
		if (access(aside_r, F_OK) < 0)
			return 0;
	}
	return err_set(
	    err, "%s.damaged-%s: a hundred files of this name", path, stamp);
}

/* Reads a file through, page by page; one that is not there is no fault. */
static int
read_through(const char *path, const char *suffix, struct err *err)
{
	char name[4200], page[4096];
	snprintf(name, sizeof(name), "%s%s", path, suffix);
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return 0;
	ssize_t n = fd < 0 ? -1 : 1;
	for (off_t at = 0; n > 0; at += n)
		n = pread(fd, page, sizeof(page), at);
	if (n < 0)
		err_sys(err, "%s cannot be read", name);
	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

int
store_set_aside(
    const char *path, store_notice_fn *notice, void *context, struct err *err)
{
	char aside[4160];
	/* SQLite calls a page damaged that the disk did not give back; it may
	 * do so later. */
	if (read_through(path, "", err) < 0 ||
	    read_through(path, "-wal", err) < 0)
		return -1;
	if (aside_name(path, aside, err) < 0 ||
	    move_beside(path, aside, "-wal", err) < 0 ||
	    move_beside(path, aside, "-shm", err) < 0 ||
	    move_beside(path, aside, "", err) < 0)
		return -1;
	struct err sentence;
	err_set(&sentence,
	    "the database %s could not be used and was set aside as %s; a new "
	    "one is made. What the old one still holds can be read with: "
	    "sqlite3 FILE .recover",
	    path, aside);
	notice(context, sentence.text);
	return 0;
}

void
aside_move_wal(const char *path)
{
	char aside[4160];
	if (aside_name(path, aside, NULL) < 0 ||
	    move_beside(path, aside, "-wal", NULL) < 0)
		return;
	move_beside(path, aside, "-shm", NULL);
}
