/* turn.c: one person after another at held mail. */
#include "turn.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRIES_A_SEC 10

static int
open_file(struct ctl *ctl, const char *file)
{
	struct stat info;
	int fd = open(
	    file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd < 0) {
		ctl_fail(ctl, "the lock file %s cannot be opened: %m", file);
		return -1;
	}
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
	    info.st_uid == geteuid() && (info.st_mode & 077) == 0)
		return fd;
	ctl_fail(ctl,
	    "the lock file %s is not root's alone (mode 0600): remove it",
	    file);
	close(fd);
	return -1;
}

/* " (process 4711)", or "" where it did not say so yet. */
static const char *
holder(struct ctl *ctl, int fd)
{
	char text[24] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid = n <= 0 ? 0 : strtol(text, NULL, 10);
	const char *said =
	    pid <= 0 ? NULL : arena_printf(ctl->arena, " (process %ld)", pid);
	return said == NULL ? "" : said;
}

/* Returns 0, or -1 if it is not our turn in time. */
static int
wait_for_turn(struct ctl *ctl, int fd, int patience_secs)
{
	const struct timespec pause = {.tv_nsec = 1000000000 / TRIES_A_SEC};
	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (tries >= patience_secs * TRIES_A_SEC)
			return -1;
		if (tries == 0)
			ctl_fail(ctl,
			    "somebody else%s releases or discards held mail "
			    "just now; waiting for the end of it",
			    holder(ctl, fd));
		nanosleep(&pause, NULL);
	}
	return 0;
}

int
turn_take(struct ctl *ctl, const char *file, int patience_secs)
{
	int fd = open_file(ctl, file);
	if (fd < 0)
		return -1;
	if (wait_for_turn(ctl, fd, patience_secs) < 0) {
		ctl_fail(ctl,
		    "somebody else%s is still at held mail; nothing was done: "
		    "try again when that has ended",
		    holder(ctl, fd));
		close(fd);
		return -1;
	}
	/* For those that wait; without it they do not know whom for. */
	if (ftruncate(fd, 0) == 0)
		(void)!dprintf(fd, "%ld\n", (long)getpid());
	return fd;
}
