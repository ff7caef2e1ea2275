/* probe.c: the milter socket, reached as a mail server reaches it. */
#include "probe.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bulkwatch/able.h"

/* Connects within PROBE_TIMEOUT_MS. Returns 0, or -1 with errno set. */
static int
connect_in_time(int fd, const struct sockaddr *address, socklen_t length)
{
	if (connect(fd, address, length) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -1;
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	int ready = poll(&wait, 1, PROBE_TIMEOUT_MS);
	int fault = ETIMEDOUT;
	socklen_t size = sizeof(fault);
	if (ready > 0)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &size);
	errno = fault;
	return ready > 0 && fault == 0 ? 0 : -1;
}

/* Returns the connection, or -1 with errno set. */
static int
connect_to(int family, const struct sockaddr *address, socklen_t length)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect_in_time(fd, address, length) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Why the connection did not come about, and what would help. */
static int
explain(const char *where, struct err *err)
{
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		return err_set(err,
		    "nobody listens at %s; start the daemon: systemctl start "
		    "bulkwatchd",
		    where);
	case EACCES:
	case EPERM:
		return err_set(err,
		    "you have no right to connect to %s; run this as root, and "
		    "see that the mail server's user is in the socket's group",
		    where);
	case EAGAIN:
	case ETIMEDOUT:
		return err_set(err,
		    "%s does not answer; look at the daemon's log: journalctl "
		    "-u bulkwatchd",
		    where);
	default:
		return err_sys(err, "cannot connect to %s", where);
	}
}

static int
connect_unix(const char *path, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	struct stat info;
	if (length >= sizeof(address.sun_path))
		return err_set(
		    err, "the path %s is too long for a socket", path);
	memcpy(address.sun_path, path, length);
	if (able_folder(path, err) < 0)
		return -1;
	if (stat(path, &info) == 0 && !S_ISSOCK(info.st_mode))
		return err_set(err,
		    "%s is no socket; move it away, then start the daemon",
		    path);
	int fd = connect_to(
	    AF_UNIX, (const struct sockaddr *)&address, sizeof(address));
	return fd < 0 ? explain(path, err) : fd;
}

/* spec: PORT@HOST or PORT@[ADDRESS]. */
static int
connect_inet(const char *spec, struct err *err)
{
	char port[16], host[256];
	if (sscanf(spec, "%15[^@]@[%255[^]]", port, host) != 2 &&
	    sscanf(spec, "%15[^@]@%255s", port, host) != 2)
		return err_set(err, "inet:%s is not inet:PORT@HOST", spec);
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list;
	int fault = getaddrinfo(host, port, &hints, &list);
	if (fault != 0)
		return err_set(
		    err, "the host %s: %s", host, gai_strerror(fault));
	int fd = -1;
	for (const struct addrinfo *a = list; a != NULL && fd < 0;
	     a = a->ai_next)
		fd = connect_to(a->ai_family, a->ai_addr, a->ai_addrlen);
	int saved = errno;
	freeaddrinfo(list);
	errno = saved;
	return fd < 0 ? explain(spec, err) : fd;
}

/* What stands behind "unix:"; NULL if listen is no path. */
static const char *
path_of(const char *listen)
{
	if (strncmp(listen, "unix:", 5) == 0)
		return listen + 5;
	return strncmp(listen, "local:", 6) == 0 ? listen + 6 : NULL;
}

int
probe_connect(const char *listen, struct err *err)
{
	static const struct {
		const char *scheme;
		int (*connect)(const char *, struct err *);
	} schemes[] = {
	    {"inet:", connect_inet},
	    {"inet6:", connect_inet},
	};
	const char *path = path_of(listen);
	if (path != NULL)
		return connect_unix(path, err);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t length = strlen(schemes[i].scheme);
		if (strncmp(listen, schemes[i].scheme, length) == 0)
			return schemes[i].connect(listen + length, err);
	}
	return err_set(
	    err, "%s is neither unix:PATH nor inet:PORT@HOST", listen);
}

int
probe_socket(const char *listen, struct err *err)
{
	const char *path = path_of(listen);
	struct stat info;
	int fd = probe_connect(listen, err);
	if (fd < 0)
		return -1;
	close(fd);
	/* Who reaches the socket can crash the daemon (a macro packet with a
	 * name and no value makes libmilter read out of bounds). */
	if (path != NULL && stat(path, &info) == 0 &&
	    (info.st_mode & S_IWOTH) != 0)
		return err_set(err,
		    "every user of this machine may connect to %s; chmod 0660 "
		    "it, with the mail server's group",
		    path);
	return 0;
}
