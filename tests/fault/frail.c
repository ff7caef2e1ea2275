/*
 * frail.c: a disk that fails, slows down, or is to lose its power, below a
 * program under test (LD_PRELOAD). frail.py builds and drives it.
 *
 * Only files below FRAIL_FOLDER are looked at; all else goes straight to the
 * kernel.
 *
 * FRAIL_RULES names a file that is read anew at each call, so a test may change
 * its mind. Each line of it is a rule, the first that fits decides:
 *
 *     ERROR OPERATIONS PERCENT DELAY_MS PATTERN
 *     EIO   write,sync 100     0        bulkwatch.db
 *
 * ERROR is a number, 0 to let the call pass after the delay. OPERATIONS are
 * open (to change it), read (and open to do so), write, truncate, sync, map,
 * rename, unlink.
 * PATTERN is a part of the path.
 *
 * FRAIL_JOURNAL names a file to which each change goes that was made, in the
 * order in which they were made, with what was synced in between: all that is
 * needed to say what a disk may hold after a power cut (powercut.py). What is
 * written through a mapping is not in it: SQLite maps the -shm file only,
 * which it makes anew after a crash.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define RULES_MAX 4096

enum op {
	OP_OPEN,
	OP_READ,
	OP_WRITE,
	OP_TRUNCATE,
	OP_SYNC,
	OP_MAP,
	OP_RENAME,
	OP_UNLINK,
};

static const char *const op_names[] = {
    "open", "read", "write", "truncate", "sync", "map", "rename", "unlink"};

static const char *folder, *rules;
static int journal = -1;
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("FRAIL_JOURNAL");
	folder = getenv("FRAIL_FOLDER");
	rules = getenv("FRAIL_RULES");
	if (path == NULL)
		return;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	journal = fcntl(fd, F_DUPFD_CLOEXEC, 500);
	syscall(SYS_close, fd);
}

static bool
is_watched(const char *path)
{
	return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

/* The path of an open file, "" if it is not a watched one. */
static const char *
path_of(int fd, char path_r[PATH_MAX])
{
	char link[40];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path_r, PATH_MAX - 1);
	path_r[n < 0 ? 0 : n] = '\0';
	if (!is_watched(path_r))
		path_r[0] = '\0';
	return path_r;
}

static const char *
path_at(int at, const char *name, char path_r[PATH_MAX])
{
	if (name[0] == '/' || at == AT_FDCWD) {
		snprintf(path_r, PATH_MAX, "%s", name);
	} else if (path_of(at, path_r)[0] != '\0') {
		size_t n = strlen(path_r);
		snprintf(path_r + n, PATH_MAX - n, "/%s", name);
	}
	if (!is_watched(path_r))
		path_r[0] = '\0';
	return path_r;
}

/* ------------------------------------------------------------------ rules */

static bool
names_op(char *ops, enum op op)
{
	char *rest;
	for (char *one = strtok_r(ops, ",", &rest); one != NULL;
	     one = strtok_r(NULL, ",", &rest))
		if (strcmp(one, op_names[op]) == 0)
			return true;
	return false;
}

static ssize_t
read_rules(char text_r[RULES_MAX])
{
	int fd = rules == NULL
		     ? -1
		     : (int)syscall(SYS_openat, AT_FDCWD, rules, O_RDONLY, 0);
	if (fd < 0)
		return 0;
	ssize_t n = syscall(SYS_read, fd, text_r, RULES_MAX - 1);
	syscall(SYS_close, fd);
	return n < 0 ? 0 : n;
}

/* The error that a call shall end with, after its delay; 0: none. */
static int
verdict(enum op op, const char *path)
{
	char text[RULES_MAX], *rest;
	text[read_rules(text)] = '\0';
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		char ops[80], pattern[256];
		int error, percent;
		long delay_ms;
		if (sscanf(line, "%d %79s %d %ld %255s", &error, ops, &percent,
			&delay_ms, pattern) != 5 ||
		    !names_op(ops, op) || strstr(path, pattern) == NULL)
			continue;
		if (random() % 100 >= percent)
			return 0;
		const struct timespec t = {
		    delay_ms / 1000, delay_ms % 1000 * 1000000};
		nanosleep(&t, NULL);
		return error;
	}
	return 0;
}

/* True if the call shall fail, with errno set. */
static bool
fails(enum op op, const char *path)
{
	int error = path[0] == '\0' ? 0 : verdict(op, path);
	if (error != 0)
		errno = error;
	return error != 0;
}

/* ---------------------------------------------------------------- journal */

/* What powercut.py reads; the paths and the bytes follow. */
struct line {
	char what[8]; /* create, write, cut, sync, rename, unlink */
	uint64_t file, offset, length, path_length;
};

static void
note(const char *what, int fd, const char *path, uint64_t offset,
    const void *bytes, size_t length)
{
	struct stat st = {0};
	if (fd >= 0 && fstat(fd, &st) < 0)
		return;
	struct line line = {.file = st.st_ino,
	    .offset = offset,
	    .length = length,
	    .path_length = strlen(path)};
	memcpy(line.what, what, strlen(what));
	union {
		const void *in;
		void *out;
	} p = {.in = path}, b = {.in = bytes};
	const struct iovec parts[] = {
	    {&line, sizeof(line)}, {p.out, strlen(path)}, {b.out, length}};
	int saved = errno;
	(void)!syscall(SYS_writev, journal, parts, 3);
	errno = saved;
}

/* The changes of one journal are made one after another. */
static bool
enter(const char *path)
{
	const bool noted = journal >= 0 && path[0] != '\0';
	if (noted)
		pthread_mutex_lock(&order);
	return noted;
}

static void
leave(bool noted)
{
	if (noted)
		pthread_mutex_unlock(&order);
}

/* ------------------------------------------------------------------ calls */

static int
open_it(int at, const char *name, int flags, mode_t mode)
{
	char path[PATH_MAX];
	path_at(at, name, path);
	bool for_change = (flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0;
	if (fails(for_change ? OP_OPEN : OP_READ, path))
		return -1;
	bool noted = enter((flags & O_DIRECTORY) != 0 ? "" : path);
	bool fresh = noted && access(path, F_OK) < 0;
	int fd = (int)syscall(SYS_openat, at, name, flags, mode);
	if (fd >= 0 && fresh)
		note("create", fd, path, 0, "", 0);
	else if (fd >= 0 && noted && (flags & O_TRUNC) != 0)
		note("cut", fd, path, 0, "", 0);
	leave(noted);
	return fd;
}

static mode_t
mode_of(int flags, va_list args)
{
	return (flags & O_CREAT) == 0 ? 0 : (mode_t)va_arg(args, int);
}

#define OPEN(name)                                                             \
	int name(const char *path, int flags, ...)                             \
	{                                                                      \
		va_list args;                                                  \
		va_start(args, flags);                                         \
		mode_t mode = mode_of(flags, args);                            \
		va_end(args);                                                  \
		return open_it(AT_FDCWD, path, flags, mode);                   \
	}
#define OPENAT(name)                                                           \
	int name(int at, const char *path, int flags, ...)                     \
	{                                                                      \
		va_list args;                                                  \
		va_start(args, flags);                                         \
		mode_t mode = mode_of(flags, args);                            \
		va_end(args);                                                  \
		return open_it(at, path, flags, mode);                         \
	}
/* glibc's names for the same, as they are called with and without
 * _FILE_OFFSET_BITS and _FORTIFY_SOURCE. */
int __open_2(const char *, int);
int __open64_2(const char *, int);
int __openat_2(int, const char *, int);
int __openat64_2(int, const char *, int);
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
int
__open_2(const char *path, int flags)
{
	return open_it(AT_FDCWD, path, flags, 0);
}
int
__open64_2(const char *path, int flags)
{
	return open_it(AT_FDCWD, path, flags, 0);
}
int
__openat_2(int at, const char *path, int flags)
{
	return open_it(at, path, flags, 0);
}
int
__openat64_2(int at, const char *path, int flags)
{
	return open_it(at, path, flags, 0);
}

/* offset: -1 for where the file stands. */
static ssize_t
write_it(int fd, const void *bytes, size_t n, off_t offset)
{
	char path[PATH_MAX];
	if (fails(OP_WRITE, path_of(fd, path)))
		return -1;
	bool noted = enter(path);
	struct stat st;
	off_t at = offset;
	if (noted && offset < 0)
		at = (fcntl(fd, F_GETFL) & O_APPEND) == 0
			 ? lseek(fd, 0, SEEK_CUR)
		     : fstat(fd, &st) < 0 ? 0
					  : st.st_size;
	ssize_t done = offset < 0 ? syscall(SYS_write, fd, bytes, n)
				  : syscall(SYS_pwrite64, fd, bytes, n, offset);
	if (done > 0 && noted)
		note("write", fd, path, (uint64_t)at, bytes, (size_t)done);
	leave(noted);
	return done;
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
	return write_it(fd, bytes, n, -1);
}
ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
	return write_it(fd, bytes, n, offset);
}
ssize_t
pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
{
	return write_it(fd, bytes, n, offset);
}

static ssize_t
read_it(int fd, void *bytes, size_t n, off_t offset)
{
	char path[PATH_MAX];
	if (fails(OP_READ, path_of(fd, path)))
		return -1;
	return offset < 0 ? syscall(SYS_read, fd, bytes, n)
			  : syscall(SYS_pread64, fd, bytes, n, offset);
}

ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __pread_chk(int, void *, size_t, off_t, size_t);
ssize_t __pread64_chk(int, void *, size_t, off64_t, size_t);
ssize_t
read(int fd, void *bytes, size_t n)
{
	return read_it(fd, bytes, n, -1);
}
ssize_t
pread(int fd, void *bytes, size_t n, off_t offset)
{
	return read_it(fd, bytes, n, offset);
}
ssize_t
pread64(int fd, void *bytes, size_t n, off64_t offset)
{
	return read_it(fd, bytes, n, offset);
}
ssize_t
__read_chk(int fd, void *bytes, size_t n, size_t room)
{
	(void)room;
	return read_it(fd, bytes, n, -1);
}
ssize_t
__pread_chk(int fd, void *bytes, size_t n, off_t offset, size_t room)
{
	(void)room;
	return read_it(fd, bytes, n, offset);
}
ssize_t
__pread64_chk(int fd, void *bytes, size_t n, off64_t offset, size_t room)
{
	(void)room;
	return read_it(fd, bytes, n, offset);
}

static int
truncate_it(int fd, off_t size)
{
	char path[PATH_MAX];
	if (fails(OP_TRUNCATE, path_of(fd, path)))
		return -1;
	bool noted = enter(path);
	int failed = (int)syscall(SYS_ftruncate, fd, size);
	if (failed == 0 && noted)
		note("cut", fd, path, (uint64_t)size, "", 0);
	leave(noted);
	return failed;
}

int
ftruncate(int fd, off_t size)
{
	return truncate_it(fd, size);
}
int
ftruncate64(int fd, off64_t size)
{
	return truncate_it(fd, size);
}

static int
sync_it(int fd, long call)
{
	char path[PATH_MAX];
	if (fails(OP_SYNC, path_of(fd, path)))
		return -1;
	bool noted = enter(path);
	int failed = (int)syscall(call, fd);
	if (failed == 0 && noted)
		note("sync", fd, path, 0, "", 0);
	leave(noted);
	return failed;
}

int
fsync(int fd)
{
	return sync_it(fd, SYS_fsync);
}
int
fdatasync(int fd)
{
	return sync_it(fd, SYS_fdatasync);
}

static void *
map_it(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
	char path[PATH_MAX];
	if (fd >= 0 && fails(OP_MAP, path_of(fd, path)))
		return (void *)-1;
	return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}

void *mmap(void *, size_t, int, int, int, off_t);
void *mmap64(void *, size_t, int, int, int, off64_t);
void *
mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
	return map_it(at, n, protection, flags, fd, offset);
}
void *
mmap64(void *at, size_t n, int protection, int flags, int fd, off64_t offset)
{
	return map_it(at, n, protection, flags, fd, offset);
}

int
rename(const char *from, const char *to)
{
	char path[PATH_MAX];
	if (fails(OP_RENAME, path_at(AT_FDCWD, from, path)))
		return -1;
	bool noted = enter(path);
	int failed =
	    (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
	if (failed == 0 && noted)
		note("rename", -1, path, 0, to, strlen(to));
	leave(noted);
	return failed;
}

static int
unlink_it(int at, const char *name, int flags)
{
	char path[PATH_MAX];
	if (fails(OP_UNLINK, path_at(at, name, path)))
		return -1;
	bool noted = enter(path);
	int failed = (int)syscall(SYS_unlinkat, at, name, flags);
	if (failed == 0 && noted)
		note("unlink", -1, path, 0, "", 0);
	leave(noted);
	return failed;
}

int
unlink(const char *path)
{
	return unlink_it(AT_FDCWD, path, 0);
}
int
unlinkat(int at, const char *path, int flags)
{
	return unlink_it(at, path, flags);
}
