/* watch_test.c: how often the watch knocks, at a door of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bulkwatch/watch.h"

#define CROWD_MAX 16

/* What libmilter is to the watch. */
struct house {
	char folder[64];
	struct sockaddr_un at;
	int listener;
	pthread_t porter;
	atomic_int knocks;
	struct watch *watch;
	/* Threads that are there and do nothing. */
	pthread_t crowd[CROWD_MAX];
	size_t crowd_n;
	pthread_mutex_t shut;
};

static atomic_ulong done; /* what the sessions got done */
static atomic_bool busy;  /* they get something done all the time */

static unsigned long
progress(void)
{
	return atomic_load(&busy) ? atomic_fetch_add(&done, 1)
				  : atomic_load(&done);
}

static void
pause_ms(long ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

/* Answers each knock at once. */
static void *
open_door(void *context)
{
	struct house *h = context;
	char packet[16];
	int fd;
	while ((fd = accept(h->listener, NULL, NULL)) >= 0) {
		if (recv(fd, packet, sizeof(packet), 0) > 0 &&
		    send(fd, "c", 1, MSG_NOSIGNAL) == 1)
			atomic_fetch_add(&h->knocks, 1);
		close(fd);
	}
	return NULL;
}

static void *
stand_about(void *context)
{
	struct house *h = context;
	pthread_mutex_lock(&h->shut);
	pthread_mutex_unlock(&h->shut);
	return NULL;
}

static void
let_in(struct house *h, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(pthread_create(&h->crowd[h->crowd_n++], NULL,
				     stand_about, h),
		    0);
}

static int
setup(void **state)
{
	struct house *h = calloc(1, sizeof(*h));
	struct err err;
	if (h == NULL)
		return -1;
	strcpy(h->folder, "/tmp/watch_test.XXXXXX");
	if (mkdtemp(h->folder) == NULL)
		return -1;
	h->at.sun_family = AF_UNIX;
	snprintf(h->at.sun_path, sizeof(h->at.sun_path), "%s/s", h->folder);
	h->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(h->listener, (struct sockaddr *)&h->at, sizeof(h->at)) < 0 ||
	    listen(h->listener, 64) < 0)
		return -1;
	pthread_mutex_init(&h->shut, NULL);
	pthread_mutex_lock(&h->shut);
	atomic_store(&busy, false);
	if (pthread_create(&h->porter, NULL, open_door, h) != 0 ||
	    watch_init(h->listener, progress, &h->watch, &err) < 0)
		return -1;
	while (atomic_load(&h->knocks) == 0)
		pause_ms(5); /* it has seen how many threads are usual */
	*state = h;
	return 0;
}

static int
teardown(void **state)
{
	struct house *h = *state;
	watch_deinit(&h->watch);
	shutdown(h->listener, SHUT_RDWR);
	pthread_join(h->porter, NULL);
	close(h->listener);
	pthread_mutex_unlock(&h->shut);
	for (size_t i = 0; i < h->crowd_n; i++)
		pthread_join(h->crowd[i], NULL);
	pthread_mutex_destroy(&h->shut);
	unlink(h->at.sun_path);
	rmdir(h->folder);
	free(h);
	return 0;
}

static int
knocks_in(struct house *h, long ms)
{
	const int before = atomic_load(&h->knocks);
	pause_ms(ms);
	return atomic_load(&h->knocks) - before;
}

static void
it_knocks_each_second(void **state)
{
	assert_in_range(knocks_in(*state, 2500), 1, 3);
}

static void
it_knocks_often_while_many_threads_get_nowhere(void **state)
{
	let_in(*state, 8);
	pause_ms(1100); /* it is noticed by the next round at the latest */
	assert_true(knocks_in(*state, 1500) >= 10);
}

/* Who is done looks for sessions that were forgotten. */
static void
it_knocks_each_second_while_many_threads_get_on(void **state)
{
	atomic_store(&busy, true);
	let_in(*state, 8);
	pause_ms(1100);
	assert_in_range(knocks_in(*state, 2500), 1, 3);
	atomic_store(&busy, false);
	pause_ms(1100);
	assert_true(knocks_in(*state, 1500) >= 10);
}

static void
it_gets_used_to_many_threads(void **state)
{
	let_in(*state, 4); /* as few as are many */
	pause_ms(1100);
	assert_true(knocks_in(*state, 1000) >= 7);
	for (int i = 0; i < 15 && knocks_in(*state, 1000) > 2; i++)
		;
	assert_in_range(knocks_in(*state, 2500), 1, 3);
}

#define with_watch(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    with_watch(it_knocks_each_second),
	    with_watch(it_knocks_often_while_many_threads_get_nowhere),
	    with_watch(it_knocks_each_second_while_many_threads_get_on),
	    with_watch(it_gets_used_to_many_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
