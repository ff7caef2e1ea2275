/* loop.c: libmilter's loop, begun and ended. */
#include "bulkwatch/loop.h"

#include <errno.h>
#include <libmilter/mfapi.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* libmilter's loop, in a thread of its own. */
struct loop {
	pthread_t waiter; /* to be woken when the loop ends by itself */
	int result;
};

static void *
run_loop(void *context)
{
	struct loop *loop = context;
	loop->result = smfi_main();
	pthread_kill(loop->waiter, SIGTERM);
	return NULL;
}

static void
poke(const struct sockaddr_storage *address, socklen_t length)
{
	int fd = socket(
	    address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	/* Refused: the socket is closed, it has stopped already. */
	(void)!connect(fd, (const struct sockaddr *)address, length);
	close(fd);
}

/* Ends the loop. smfi_stop() waits up to 5 s for a lock that the loop holds, so
 * the signal is passed on to the thread in which libmilter waits for it; and
 * the loop looks for a stop when a connection comes, else every 5 s, so we
 * come. */
static void
stop_loop(
    pthread_t thread, const struct sockaddr_storage *address, socklen_t length)
{
	const struct timespec moment = {.tv_nsec = 20000000};
	kill(getpid(), SIGTERM);
	do {
		nanosleep(&moment, NULL);
		poke(address, length);
	} while (pthread_tryjoin_np(thread, NULL) != 0);
}

/* SIGTERM, SIGINT and SIGHUP stop libmilter, whose own thread waits for them
 * too; whichever of us gets the signal, the loop ends. */
static void
wait_for_stop(void)
{
	sigset_t set;
	int got;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	while (sigwait(&set, &got) != 0)
		continue;
}

int
loop_run(int listen_fd, struct err *err)
{
	char connection[24];
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	pthread_t thread;
	struct loop loop = {.waiter = pthread_self()};
	snprintf(connection, sizeof(connection), "fd:%d", listen_fd);
	if (smfi_setconn(connection) != MI_SUCCESS)
		return err_set(
		    err, "this libmilter does not take \"fd:N\" as a socket");
	if (getsockname(listen_fd, (struct sockaddr *)&address, &length) < 0)
		return err_sys(err, "listen");
	if ((errno = pthread_create(&thread, NULL, run_loop, &loop)) != 0)
		return err_sys(err, "libmilter's thread");
	wait_for_stop();
	stop_loop(thread, &address, length);
	return loop.result == MI_SUCCESS ? 0
					 : err_set(err, "libmilter has failed");
}
