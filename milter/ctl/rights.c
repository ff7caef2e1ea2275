/*
 * rights.c: whether the daemon's user can use its files, and whether there is
 * room for more.
 *
 * What root can open says nothing of the daemon: a database that was put back
 * with cp belongs to root.
 */
#include "rights.h"

#include <grp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bulkwatch/able.h"
#include "bulkwatch/text.h"
#include "probe.h"

/* Below so many MB the database soon cannot grow. */
#define ROOM_MB_LEAST 100

/* Who listens, where that is known: the user that made the socket listen. */
static const struct passwd *
who_listens(const char *listen)
{
	struct err err;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int fd = probe_connect(listen, &err);
	if (fd < 0)
		return NULL;
	/* Of a TCP socket there is none: no pid. */
	bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) ==
			 0 &&
		     peer.pid != 0;
	close(fd);
	return known ? getpwuid(peer.uid) : NULL;
}

/* "root:root 0600" */
static const char *
owner_of(struct arena *arena, const struct stat *st)
{
	const struct passwd *user = getpwuid(st->st_uid);
	const struct group *group = getgrgid(st->st_gid);
	return arena_printf(arena, "%s:%s %04o",
	    user == NULL ? "?" : user->pw_name,
	    group == NULL ? "?" : group->gr_name, st->st_mode & 07777);
}

static void
judge_path(const struct rights *r, const struct passwd *who,
    const char *subject, const char *path)
{
	struct stat st;
	if (path == NULL || stat(path, &st) < 0)
		return;
	const bool folder = S_ISDIR(st.st_mode);
	if (able(who, path, folder ? R_OK | W_OK | X_OK : R_OK | W_OK) != 0)
		return;
	const char *owner = owner_of(r->arena, &st);
	r->fault(r->context, subject,
	    arena_printf(r->arena,
		"bulkwatchd's user %s cannot use %s (%s); run: chown %s:%s %s "
		"&& chmod %s %s",
		who->pw_name, path, owner == NULL ? "" : owner, who->pw_name,
		able_group(who), path, folder ? "u+rwx" : "u+rw", path));
}

static void
judge_room(const struct rights *r, const char *subject, const char *folder)
{
	struct statvfs disk;
	if (folder == NULL || statvfs(folder, &disk) < 0)
		return;
	const unsigned long long mb =
	    (unsigned long long)disk.f_bavail * disk.f_frsize / 1000000;
	if (mb < ROOM_MB_LEAST)
		r->fault(r->context, subject,
		    arena_printf(r->arena,
			"the disk of %s has %llu MB left; below %d MB mail may "
			"soon go uncounted: make room",
			folder, mb, ROOM_MB_LEAST));
}

void
rights_check(const struct rights *r, const struct settings *s)
{
	static const char *const beside[] = {"", "-wal", "-shm", ".lock"};
	const char *folder = text_folder(r->arena, s->database);
	const struct passwd *who =
	    s->user == NULL ? who_listens(s->listen) : NULL;
	if (who == NULL)
		who = able_daemon(s->file, s->user);
	/* getpwuid(3) gives its buffer to the next who asks. */
	struct passwd kept = {0};
	if (who != NULL) {
		kept = *who;
		kept.pw_name = arena_strdup(r->arena, who->pw_name);
		who = kept.pw_name == NULL ? NULL : &kept;
	}
	judge_room(r, "database", folder);
	judge_room(r, "spool", s->spool);
	if (who == NULL || who->pw_uid == 0)
		return;
	if (able(who, s->file, R_OK) == 0)
		r->fault(r->context, "settings",
		    arena_printf(r->arena,
			"bulkwatchd's user %s cannot read %s; run: chgrp %s %s "
			"&& chmod 640 %s",
			who->pw_name, s->file, able_group(who), s->file,
			s->file));
	judge_path(r, who, "database", folder);
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++)
		judge_path(r, who, "database",
		    arena_printf(r->arena, "%s%s", s->database, beside[i]));
	judge_path(r, who, "spool", s->spool);
}
