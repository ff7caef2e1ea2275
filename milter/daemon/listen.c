/* listen.c: the socket to which the MTA connects, and the lock. */
#include "bulkwatch/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "bulkwatch/able.h"

/* Connections that may wait to be accepted: an MTA that starts all its
 * processes at once must not be refused. */
#define BACKLOG 1024

/* True unless it is certain that no program listens there: one that is busy
 * (EAGAIN), another user's (EACCES) or another kind of socket (EPROTOTYPE) is
 * as good as alive. */
static bool
is_live(const struct sockaddr_un *address)
{
	int fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return true;
	bool dead = connect(fd, (const struct sockaddr *)address,
			sizeof(*address)) < 0 &&
	    (errno == ECONNREFUSED || errno == ENOENT);
	close(fd);
	return !dead;
}

/* Makes way for the socket: removes one that was left behind. */
static int
clear_path(const char *path, const struct sockaddr_un *address,
    struct err *err)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "listen: %s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err,
		    "listen: %s is there and is no socket; it is left alone: "
		    "remove it or name another path",
		    path);
	if (is_live(address))
		return err_set(err,
		    "listen: another program listens on %s; stop it first, or "
		    "name another path",
		    path);
	if (unlink(path) < 0)
		return err_sys(err, "listen: %s was left behind", path);
	return 0;
}

static int
listen_unix(const char *path, struct listener *listener_r, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err,
		    "listen: the path %.60s… has %zu bytes; at most %zu fit",
		    path, strlen(path), sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	if (clear_path(path, &address, err) < 0)
		return -1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, "listen");
	/* The mode is right from the first moment: no one may connect who is
	 * not in the group. */
	mode_t before = umask(0117);
	int failed =
	    bind(fd, (const struct sockaddr *)&address, sizeof(address));
	int saved = errno;
	umask(before);
	errno = saved;
	if (failed < 0 || listen(fd, BACKLOG) < 0) {
		if (saved != ENOENT || able_folder(path, err) == 0)
			err_sys(err, "listen: %s", path);
		else
			err_wrap(err, "listen");
		close(fd);
		return -1;
	}
	listener_r->fd = fd;
	listener_r->unlink_path = strdup(path);
	return 0;
}

static int
bind_inet(const struct addrinfo *at, struct err *err)
{
	int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, "listen");
	const int on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, at->ai_addr, at->ai_addrlen) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		err_sys(err, "listen");
		close(fd);
		return -1;
	}
	return fd;
}

/* text: PORT@HOST, PORT@[ADDRESS]. A name may have addresses of both families:
 * the scheme says which one the MTA is told to use. */
static int
listen_tcp(const char *text, int family, struct listener *listener_r,
    struct err *err)
{
	char port[16], host[256];
	const char *at = strchr(text, '@');
	if (at == NULL || at - text >= (int)sizeof(port))
		return err_set(err, "listen: inet:%s is not inet:PORT@HOST",
		    text);
	snprintf(port, sizeof(port), "%.*s", (int)(at - text), text);
	bool bracketed = at[1] == '[';
	snprintf(host, sizeof(host), "%s", at + 1 + bracketed);
	if (bracketed)
		host[strcspn(host, "]")] = '\0';
	struct addrinfo hints = {.ai_family = family,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE};
	struct addrinfo *found;
	int failed = getaddrinfo(host, port, &hints, &found);
	if (failed != 0)
		return err_set(err, "listen: inet:%s: %s", text,
		    gai_strerror(failed));
	listener_r->fd = bind_inet(found, err);
	listener_r->over_tcp = true;
	freeaddrinfo(found);
	return listener_r->fd < 0 ? err_wrap(err, "inet:%s", text) : 0;
}

static int
listen_inet(const char *text, struct listener *listener_r, struct err *err)
{
	return listen_tcp(text, AF_INET, listener_r, err);
}

static int
listen_inet6(const char *text, struct listener *listener_r, struct err *err)
{
	return listen_tcp(text, AF_INET6, listener_r, err);
}

static int
from_systemd(struct listener *listener_r, struct err *err)
{
	int n = sd_listen_fds(1);
	if (n <= 0)
		return 0;
	if (n > 1)
		return err_set(err,
		    "systemd passed %d sockets; bulkwatchd takes one", n);
	listener_r->fd = SD_LISTEN_FDS_START;
	listener_r->over_tcp =
	    sd_is_socket(SD_LISTEN_FDS_START, AF_UNIX, SOCK_STREAM, 1) <= 0;
	return 1;
}

int
listener_open(
    const char *listen, struct listener *listener_r, struct err *err)
{
	static const struct {
		const char *scheme;
		int (*open)(const char *, struct listener *, struct err *);
	} schemes[] = {
	    {"unix:", listen_unix},
	    {"local:", listen_unix},
	    {"inet:", listen_inet},
	    {"inet6:", listen_inet6},
	};
	*listener_r = (struct listener){.fd = -1};
	int passed = from_systemd(listener_r, err);
	if (passed != 0)
		return passed < 0 ? -1 : 0;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t length = strlen(schemes[i].scheme);
		if (strncmp(listen, schemes[i].scheme, length) == 0)
			return schemes[i].open(
			    listen + length, listener_r, err);
	}
	return err_set(err,
	    "listen: \"%s\" is neither unix:PATH nor inet:PORT@HOST", listen);
}

void
listener_close(struct listener *listener)
{
	if (listener->unlink_path != NULL)
		unlink(listener->unlink_path);
	free(listener->unlink_path);
	*listener = (struct listener){.fd = -1};
}

static int
open_lock(const char *path, struct err *err)
{
	struct stat st;
	const int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = open(path, O_RDWR | O_CREAT | flags, 0640);
	/* A disk that has become read-only: the spool serves until it can be
	 * written again, and flock(2) wants no right to write. */
	if (fd < 0 && errno == EROFS)
		fd = open(path, O_RDONLY | flags);
	if (fd < 0)
		return err_sys(err,
		    "database: the daemon's user cannot open the lock beside "
		    "it, %s, for writing",
		    path);
	/* We may be root in another user's folder, and are about to empty the
	 * file and give it away: it must be no other name of another file. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1)
		return fd;
	close(fd);
	return err_set(err,
	    "lock %s is not a regular file of this one name: look who put it "
	    "there, and remove it",
	    path);
}

int
listener_lock(const char *database, struct err *err)
{
	char path[4096], holder[32] = "";
	if (snprintf(path, sizeof(path), "%s.lock", database) >=
	    (int)sizeof(path))
		return err_set(err, "database %.60s…: the path is too long",
		    database);
	int fd = open_lock(path, err);
	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK && read(fd, holder, 31) >= 0)
			err_set(err,
			    "another bulkwatchd (process %.*s) uses the "
			    "database %s",
			    (int)strcspn(holder, "\n"), holder, database);
		else
			err_sys(err, "lock %s", path);
		close(fd);
		return -1;
	}
	if (ftruncate(fd, 0) == 0)
		dprintf(fd, "%d\n", (int)getpid());
	return fd;
}
