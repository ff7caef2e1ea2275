/* reach.c: can another user open a socket? */
#include "reach.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the process that became the user ends with. */
enum { TRIED_YES = 0, TRIED_SOCKET = 253, TRIED_FAILED = 254 };
#define FOLDERS_MAX 250

/* Length of the path's n-th folder ("/" is the first), 0 behind the last. */
static size_t
folder_length(const char *path, int n)
{
	const char *slash = path;
	for (; n > 0; n--) {
		slash += strspn(slash, "/");
		slash = strchr(slash, '/');
		if (slash == NULL)
			return 0;
	}
	return slash == path ? 1 : (size_t)(slash - path);
}

/* Ends with the number of the folder that cannot be passed, and 1. */
static _Noreturn void
try_as(const struct passwd *who, char *path)
{
	if (initgroups(who->pw_name, who->pw_gid) < 0 ||
	    setgid(who->pw_gid) < 0 || setuid(who->pw_uid) < 0)
		_exit(TRIED_FAILED);
	size_t length;
	for (int n = 0;
	     n < FOLDERS_MAX && (length = folder_length(path, n)) > 0; n++) {
		char saved = path[length];
		path[length] = '\0';
		bool passed = access(path, X_OK) == 0;
		path[length] = saved;
		if (!passed)
			_exit(n + 1);
	}
	_exit(access(path, W_OK) == 0 ? TRIED_YES : TRIED_SOCKET);
}

/* "owner bulkwatch, group bulkwatch, mode 0750" */
static const char *
rights_of(struct arena *arena, const char *path)
{
	struct stat info;
	if (stat(path, &info) < 0)
		return arena_strdup(arena, strerror(errno));
	const struct passwd *user = getpwuid(info.st_uid);
	const char *owner = user == NULL
				? arena_printf(arena, "%u", info.st_uid)
				: arena_strdup(arena, user->pw_name);
	const struct group *group = getgrgid(info.st_gid);
	const char *whose = group == NULL
				? arena_printf(arena, "%u", info.st_gid)
				: arena_strdup(arena, group->gr_name);
	if (owner == NULL || whose == NULL)
		return NULL;
	return arena_printf(arena, "owner %s, group %s, mode %04o", owner,
	    whose, info.st_mode & 07777);
}

static const char *
group_of(struct arena *arena, const char *path)
{
	struct stat info;
	const struct group *group =
	    stat(path, &info) < 0 ? NULL : getgrgid(info.st_gid);
	return group == NULL ? NULL : arena_strdup(arena, group->gr_name);
}

/* True if its mode gives the group nothing: joining that does not help. */
static bool
is_closed_to_group(const char *path, bool socket)
{
	struct stat info;
	return stat(path, &info) == 0 &&
	       (info.st_mode & (socket ? S_IWGRP : S_IXGRP)) == 0;
}

/* True if the user is in the path's group. */
static bool
is_member(const char *user, const char *path)
{
	struct stat info;
	const struct passwd *who = getpwnam(user);
	gid_t groups[256];
	int n = sizeof(groups) / sizeof(groups[0]);
	if (who == NULL || stat(path, &info) < 0 ||
	    getgrouplist(user, who->pw_gid, groups, &n) < 0)
		return false;
	while (n-- > 0)
		if (groups[n] == info.st_gid)
			return true;
	return false;
}

static const char *
explain(struct arena *arena, const char *user, const char *path, int tried)
{
	bool socket = tried == TRIED_SOCKET;
	const char *at =
	    socket ? path
		   : arena_strndup(arena, path, folder_length(path, tried - 1));
	const char *rights = at == NULL ? NULL : rights_of(arena, at);
	const char *group = at == NULL ? NULL : group_of(arena, at);
	if (rights == NULL)
		return "memory is out";
	bool join = group != NULL && strcmp(group, "root") != 0;
	if (join && is_closed_to_group(at, socket))
		return arena_printf(arena,
		    "Postfix's user %s cannot %s %s (%s); run: chmod %s %s%s",
		    user, socket ? "open the socket" : "pass the folder", at,
		    rights, socket ? "0660" : "0750", at,
		    is_member(user, at)
			? ""
			: arena_printf(arena,
			      ", then adduser %s %s, then postfix reload", user,
			      group));
	return arena_printf(arena,
	    "Postfix's user %s cannot %s %s (%s); %s%s%s%s", user,
	    socket ? "open the socket" : "pass the folder", at, rights,
	    join     ? "adduser "
	    : socket ? "give it the group of bulkwatchd"
		     : "chmod a+x it",
	    join ? user : "", join ? " " : "",
	    join ? arena_printf(arena, "%s, then postfix reload", group) : "");
}

enum reach
reach_path(
    struct arena *arena, const char *user, const char *path, const char **why_r)
{
	const struct passwd *who = getpwnam(user);
	char *copy = arena_strdup(arena, path);
	int status = 0;
	*why_r = "";
	if (geteuid() != 0)
		*why_r = arena_printf(arena,
		    "whether Postfix's user %s may open %s can be found out by "
		    "root only",
		    user, path);
	else if (who == NULL)
		*why_r = arena_printf(arena,
		    "there is no user %s (mail_owner) on this machine", user);
	if (geteuid() != 0 || who == NULL || copy == NULL)
		return REACH_UNKNOWN;
	pid_t pid = fork();
	if (pid == 0)
		try_as(who, copy);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	int tried =
	    pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : TRIED_FAILED;
	if (tried == TRIED_YES)
		return REACH_YES;
	*why_r = tried == TRIED_FAILED
		     ? arena_printf(arena, "cannot become the user %s", user)
		     : explain(arena, user, path, tried);
	return tried == TRIED_FAILED ? REACH_UNKNOWN : REACH_NO;
}
