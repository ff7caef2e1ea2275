/*
 * tsan.c: what ThreadSanitizer must be told; linked in its builds only.
 *
 * Neither gcc's nor clang's knows the functions that take a clock and came with
 * glibc 2.30, but for pthread_cond_clockwait: without a word it takes the
 * answer of the recorder for a race, and a lock of the log for an unlocked one.
 * So they are defined here, over the C library's own.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sanitizer/tsan_interface.h>
#include <semaphore.h>
#include <time.h>

typedef int sem_clockwait_fn(sem_t *, clockid_t, const struct timespec *);
typedef int mutex_clocklock_fn(
    pthread_mutex_t *, clockid_t, const struct timespec *);

/* POSIX's way from an object's pointer to a function's. */
union next {
	void *object;
	sem_clockwait_fn *sem_clockwait;
	mutex_clocklock_fn *mutex_clocklock;
};

/* It knows sem_post, which releases the semaphore's address. */
int
sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until)
{
	const union next next = {.object = dlsym(RTLD_NEXT, "sem_clockwait")};
	if (next.object == NULL) {
		errno = ENOSYS;
		return -1;
	}
	int result = next.sem_clockwait(sem, clock, until);
	if (result == 0)
		__tsan_acquire(sem);
	return result;
}

int
pthread_mutex_clocklock(
    pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
	const union next next = {
	    .object = dlsym(RTLD_NEXT, "pthread_mutex_clocklock")};
	if (next.object == NULL)
		return ENOSYS;
	__tsan_mutex_pre_lock(mutex, __tsan_mutex_try_lock);
	int result = next.mutex_clocklock(mutex, clock, until);
	__tsan_mutex_post_lock(mutex,
	    __tsan_mutex_try_lock |
		(result == 0 ? 0 : __tsan_mutex_try_lock_failed),
	    0);
	return result;
}
