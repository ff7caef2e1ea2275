/* loop.c: libmilter's loop, begun and ended. */
#include "bulkwatch/loop.h"

#include <errno.h>
#include <libmilter/mfapi.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* libmilter's loop, in a thread of its own. */
struct loop {
	pthread_t waiter; /* to be woken when the loop ends by itself */
	sem_t go;         /* posted when the waiter takes the signals */
	int result;
};

/* What wakes the loop's thread; nobody else sends it. */
#define WAKE SIGURG

static sem_t stop; /* posted when it is time to stop */

static void
on_stop(int number)
{
	(void)number;
	sem_post(&stop);
}

static void
on_wake(int number)
{
	(void)number; /* poll() is interrupted: that is all */
}

/* Until it is posted; SIGURG and the like may come in between. */
static void
wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) < 0)
		continue;
}

static void
mask(int how, const int *numbers, size_t n)
{
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < n; i++)
		sigaddset(&set, numbers[i]);
	pthread_sigmask(how, &set, NULL);
}

static void *
run_loop(void *context)
{
	struct loop *loop = context;
	mask(SIG_UNBLOCK, (const int[]){WAKE}, 1);
	wait_for(&loop->go);
	loop->result = smfi_main();
	pthread_kill(loop->waiter, SIGTERM);
	return NULL;
}

/* SIGTERM, SIGINT and SIGHUP stop libmilter, and a thread of its own waits for
 * them: if that got one first, we would learn of it when the loop ends, seconds
 * later. The kernel gives a process's signal to the main thread if that lets it
 * in, so it does. */
static void
wait_for_stop(struct loop *loop)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	const size_t n = sizeof(numbers) / sizeof(numbers[0]);
	mask(SIG_UNBLOCK, numbers, n);
	sem_post(&loop->go);
	wait_for(&stop);
	mask(SIG_BLOCK, numbers, n);
}

/* Ends the loop. smfi_stop() waits up to 5 s for a lock that the loop holds, so
 * the signal is passed on to the thread in which libmilter waits for it. The
 * loop looks for a stop every 5 s, when a connection comes, and when a signal
 * interrupts its poll(). A connection will not do: libmilter fails to serve it
 * then, and sleeps for seconds over that. */
static void
stop_loop(pthread_t thread)
{
	const struct timespec moment = {.tv_nsec = 20000000};
	kill(getpid(), SIGTERM);
	do {
		nanosleep(&moment, NULL);
		pthread_kill(thread, WAKE);
	} while (pthread_tryjoin_np(thread, NULL) != 0);
}

static int
handle_signals(struct err *err)
{
	const struct sigaction on_stops = {.sa_handler = on_stop};
	const struct sigaction on_wakes = {.sa_handler = on_wake};
	if (sigaction(SIGTERM, &on_stops, NULL) < 0 ||
	    sigaction(SIGINT, &on_stops, NULL) < 0 ||
	    sigaction(SIGHUP, &on_stops, NULL) < 0 ||
	    sigaction(WAKE, &on_wakes, NULL) < 0)
		return err_sys(err, "signals");
	return 0;
}

int
loop_run(int listen_fd, struct err *err)
{
	char connection[24];
	pthread_t thread;
	struct loop loop = {.waiter = pthread_self()};
	snprintf(connection, sizeof(connection), "fd:%d", listen_fd);
	if (smfi_setconn(connection) != MI_SUCCESS)
		return err_set(
		    err, "this libmilter does not take \"fd:N\" as a socket");
	sem_init(&stop, 0, 0);
	sem_init(&loop.go, 0, 0);
	if (handle_signals(err) < 0)
		return -1;
	if ((errno = pthread_create(&thread, NULL, run_loop, &loop)) != 0)
		return err_sys(err, "libmilter's thread");
	wait_for_stop(&loop);
	stop_loop(thread);
	sem_destroy(&loop.go);
	return loop.result == MI_SUCCESS ? 0
					 : err_set(err, "libmilter has failed");
}
