/*
 * knock.c: a connection of our own, to see whether libmilter answers.
 *
 * HELO is the one command that libmilter answers by itself: we registered no
 * callback for it, and it asks for no negotiation before. So a knock runs
 * none of our code but xxfi_close without a session.
 *
 * One that is not answered is not closed before the round is over: libmilter
 * would not see that, and each further one makes it wake, or make, one more
 * worker, which then takes a session that was forgotten.
 */
#include "knock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* Patience doubles from 8 ms: 8 knocks wait for 2,040 ms in all. */
#define KNOCKS_MAX 8
#define FIRST_PATIENCE_MS 8

/* Until the connection is taken into the queue of those to be accepted. */
#define CONNECT_SECS 1

/* A packet: length of what follows, command, an empty string. */
static const unsigned char helo[] = {0, 0, 0, 2, 'H', '\0'};

static int
call(const struct knock_address *address, struct err *err)
{
	const struct timeval patience = {.tv_sec = CONNECT_SECS};
	int fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, "no socket can be made");
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address->at,
		address->length) < 0 ||
	    send(fd, helo, sizeof(helo), MSG_NOSIGNAL) != sizeof(helo)) {
		err_sys(err, "connecting to our own socket failed");
		close(fd);
		return -1;
	}
	return fd;
}

/* True if one of them has an answer; any byte is one. */
static bool
answered(struct pollfd *calls, size_t n, int patience_ms)
{
	char answer;
	int ready = poll(calls, n, patience_ms);
	for (size_t i = 0; i < n && ready > 0; i++)
		if (calls[i].revents != 0 &&
		    recv(calls[i].fd, &answer, 1, MSG_DONTWAIT) == 1)
			return true;
	return false;
}

int
knock(const struct knock_address *address, struct err *err)
{
	struct pollfd calls[KNOCKS_MAX];
	size_t n = 0;
	int result = -1, patience_ms = FIRST_PATIENCE_MS;
	while (result < 0 && n < KNOCKS_MAX) {
		int fd = call(address, err);
		if (fd < 0)
			break;
		calls[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
		if (answered(calls, n, patience_ms))
			result = 0;
		else
			err_set(err, "a connection was made, but not answered");
		patience_ms *= 2;
	}
	while (n > 0)
		close(calls[--n].fd);
	return result;
}
