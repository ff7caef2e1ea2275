/* trust.c: whether a file may be what somebody else has put there. */
#include "bulkwatch/trust.h"

#include <unistd.h>

static int
check_owner(const struct stat *st, struct err *err)
{
	if (st->st_uid == geteuid() || st->st_uid == 0)
		return 0;
	return err_set(err,
	    "belongs to user %u, and bulkwatchd is user %u: look who put it "
	    "there; if it is right, run chown on it",
	    (unsigned)st->st_uid, (unsigned)geteuid());
}

int
trust_folder(const struct stat *st, struct err *err)
{
	if (!S_ISDIR(st->st_mode))
		return err_set(err, "is no folder");
	if ((st->st_mode & S_IWOTH) != 0)
		return err_set(err,
		    "may be written to by everybody on this machine: run chmod "
		    "o-w on it, and look at what is in it");
	return check_owner(st, err);
}

int
trust_file(const struct stat *st, struct err *err)
{
	if (!S_ISREG(st->st_mode))
		return err_set(err, "is not a regular file");
	return check_owner(st, err);
}
