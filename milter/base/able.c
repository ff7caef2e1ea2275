/* able.c: what another user of this machine may do. */
#include "bulkwatch/able.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNIT_USER "bulkwatch"
#define UNIT_FILE BULKWATCH_SYSCONFDIR "/bulkwatch/bulkwatch.conf"

/* What the process that became the user ends with. */
enum { TRIED_YES, TRIED_NO, TRIED_FAILED };

const struct passwd *
able_daemon(const char *file, const char *user)
{
	if (user != NULL)
		return getpwnam(user);
	return strcmp(file, UNIT_FILE) == 0 ? getpwnam(UNIT_USER) : NULL;
}

static _Noreturn void
try_as(const struct passwd *who, const char *path, int mode)
{
	if (initgroups(who->pw_name, who->pw_gid) < 0 ||
	    setgid(who->pw_gid) < 0 || setuid(who->pw_uid) < 0)
		_exit(TRIED_FAILED);
	_exit(access(path, mode) == 0 ? TRIED_YES : TRIED_NO);
}

int
able(const struct passwd *who, const char *path, int mode)
{
	int status = 0;
	if (geteuid() != 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0)
		try_as(who, path, mode);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0 || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status) == TRIED_YES  ? 1
	       : WEXITSTATUS(status) == TRIED_NO ? 0
						 : -1;
}

/* Who has to get at a folder besides the daemon. Under /run the mail server's
 * user is in our group, and the unit makes the folder so at each start; in a
 * chroot of Postfix it is Postfix's, and by its set-group-id bit the socket in
 * it, too. */
static const char *
rights_of(const char *folder)
{
	const bool in_run = strncmp(folder, "/run/", 5) == 0 ||
			    strncmp(folder, "/var/run/", 9) == 0;
	return in_run || getgrnam("postfix") == NULL ? "-g bulkwatch -m 0750"
						     : "-g postfix -m 2750";
}

int
able_folder(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const int length = slash == NULL ? 0 : (int)(slash - path);
	char folder[4096];
	snprintf(folder, sizeof(folder), "%.*s", length, path);
	if (length == 0 || access(folder, F_OK) == 0 || errno != ENOENT)
		return 0;
	return err_set(err,
	    "the folder %s is missing; run: install -d -o bulkwatch %s %s, "
	    "then: systemctl restart bulkwatchd",
	    folder, rights_of(folder), folder);
}

const char *
able_group(const struct passwd *who)
{
	const struct group *group =
	    who == NULL ? NULL : getgrgid(who->pw_gid);
	return group == NULL ? UNIT_USER : group->gr_name;
}
