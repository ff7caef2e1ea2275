/*
 * run.c: a program run to its end, without a shell.
 *
 * Input is a file in memory, so the program may read it when it likes, and
 * there is no pipe that breaks under us. Its end is seen on a pidfd: a program
 * that leaves another behind with the same standard output (as one does that
 * starts a daemon) is at its end nevertheless.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bulkwatch/text.h"

/* One of its outputs, as far as it was read. */
struct output {
	int fd; /* our end; -1: closed */
	char *text;
	size_t length, room, most;
	size_t seen; /* so much of the text has no line end */
	bool cut;
};

struct child {
	pid_t pid;
	int pidfd;
	struct output out, err;
};

/* ----------------------------------------------------------------- finding */

static bool
may_run(const char *path)
{
	struct stat info;
	return stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
	       access(path, X_OK) == 0;
}

const char *
run_find(struct arena *arena, const char *name)
{
	const char *folder = RUN_PATH;
	while (*folder != '\0') {
		size_t length = strcspn(folder, ":");
		const char *path =
		    arena_printf(arena, "%.*s/%s", (int)length, folder, name);
		if (path == NULL || may_run(path))
			return path;
		folder += length + (folder[length] == ':');
	}
	return NULL;
}

static const char *
whole_path(struct arena *arena, const char *name, struct err *err)
{
	const char *path =
	    strchr(name, '/') != NULL ? name : run_find(arena, name);
	if (path == NULL)
		err_set(err,
		    "the program %s is not installed (looked for in %s)", name,
		    RUN_PATH);
	return path;
}

/* ---------------------------------------------------------------- starting */

/* What the program shall read: a file in memory, or nothing. */
static int
input_open(const struct run *run)
{
	if (run->input == NULL)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fd = memfd_create("input", MFD_CLOEXEC);
	size_t done = 0;
	while (fd >= 0 && done < run->input_length) {
		ssize_t n =
		    write(fd, run->input + done, run->input_length - done);
		if (n < 0 && errno != EINTR) {
			close(fd);
			return -1;
		}
		done += n < 0 ? 0 : (size_t)n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

/* Our end is not waited for; the program's is an ordinary one. */
static int
output_open(struct output *output, int *theirs_r)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	output->fd = ends[0];
	*theirs_r = ends[1];
	return 0;
}

static void
close_if_open(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A group of its own, so that it can be killed with all that it started;
 * signals as at login, whatever ours are. */
static int
set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	int fault = posix_spawnattr_setpgroup(attributes, 0);
	if (fault == 0)
		fault = posix_spawnattr_setsigmask(attributes, &none);
	if (fault == 0)
		fault = posix_spawnattr_setsigdefault(attributes, &all);
	return fault != 0 ? fault
			  : posix_spawnattr_setflags(attributes,
				POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
				    POSIX_SPAWN_SETSIGDEF);
}

static int
set_descriptors(posix_spawn_file_actions_t *actions, const int standard[3])
{
	int fault = 0;
	for (int i = 0; i < 3 && fault == 0; i++)
		fault =
		    posix_spawn_file_actions_adddup2(actions, standard[i], i);
	return fault != 0
		   ? fault
		   : posix_spawn_file_actions_addclosefrom_np(actions, 3);
}

/* Returns 0 or an errno. */
static int
spawn(pid_t *pid_r, const char *path, const char *const *argv,
    const int standard[3])
{
	static char locale[] = "LC_ALL=C", search[] = "PATH=" RUN_PATH;
	char *const environment[] = {locale, search, NULL};
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t actions;
	int fault = posix_spawnattr_init(&attributes);
	if (fault != 0)
		return fault;
	fault = posix_spawn_file_actions_init(&actions);
	if (fault != 0)
		goto attributes_destroy;
	fault = set_attributes(&attributes);
	if (fault == 0)
		fault = set_descriptors(&actions, standard);
	/* The words are not changed: the cast is the interface's wish. */
	union {
		const char *const *words;
		char *const *argv;
	} words = {argv};
	if (fault == 0)
		fault = posix_spawn(pid_r, path, &actions, &attributes,
		    words.argv, environment);
	posix_spawn_file_actions_destroy(&actions);
attributes_destroy:
	posix_spawnattr_destroy(&attributes);
	return fault;
}

/* Ends what was started, if anything was: it must not be left behind. */
static void
child_kill(struct child *child)
{
	if (child->pid <= 0)
		return;
	kill(-child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
}

static void
child_close(struct child *child)
{
	close_if_open(&child->pidfd);
	close_if_open(&child->out.fd);
	close_if_open(&child->err.fd);
	free(child->out.text);
	free(child->err.text);
}

static int
child_start(const struct run *run, const char *path, struct child *child,
    struct err *err)
{
	int standard[3] = {input_open(run), -1, -1};
	int fault = 0;
	if (standard[0] < 0 || output_open(&child->out, &standard[1]) < 0 ||
	    output_open(&child->err, &standard[2]) < 0)
		fault = errno;
	if (fault == 0)
		fault = spawn(&child->pid, path, run->argv, standard);
	if (fault != 0)
		child->pid = 0;
	for (int i = 0; i < 3; i++)
		close_if_open(&standard[i]);
	if (fault == 0) {
		child->pidfd = pidfd_open(child->pid, 0);
		fault = child->pidfd < 0 ? errno : 0;
	}
	errno = fault;
	return fault == 0 ? 0 : err_sys(err, "cannot start %s", path);
}

/* ----------------------------------------------------------------- reading */

/* Keeps what was read, as far as it fits, with room for a NUL. Returns 0 or -1
 * (memory is out). */
static int
output_keep(struct output *output, const char *text, size_t length)
{
	if (length > output->most - output->length) {
		length = output->most - output->length;
		output->cut = true;
	}
	if (output->length + length >= output->room) {
		size_t room = 2 * (output->length + length) + 1;
		char *larger = realloc(output->text, room);
		if (larger == NULL)
			return -1;
		output->text = larger;
		output->room = room;
	}
	if (length > 0)
		memcpy(output->text + output->length, text, length);
	output->length += length;
	return 0;
}

static int
give_line(const struct run *run, char *line, size_t length, struct err *err)
{
	line[length] = '\0';
	return run->take_line(run->context, line, length, err);
}

/* Gives away the lines that are whole, and keeps what is behind them. */
static int
output_give(struct output *output, const struct run *run, struct err *err)
{
	char *line = output->text, *end;
	size_t left = output->length, seen = output->seen;
	if (output->cut)
		return err_set(err, "%s wrote a line of more than %zu bytes",
		    run->argv[0], output->most);
	while ((end = memchr(line + seen, '\n', left - seen)) != NULL) {
		size_t length = (size_t)(end - line);
		if (give_line(run, line, length, err) < 0)
			return -1;
		line = end + 1;
		left -= length + 1;
		seen = 0;
	}
	memmove(output->text, line, left);
	output->length = output->seen = left;
	return 0;
}

/* Takes what is there now. run: is given the lines, if it wants them; NULL: all
 * is kept. Returns 0, or -1 with a sentence. */
static int
output_read(struct output *output, const struct run *run, struct err *err)
{
	char text[16384];
	while (output->fd >= 0) {
		ssize_t n = read(output->fd, text, sizeof(text));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0) {
			close_if_open(&output->fd);
			return 0;
		}
		if (output_keep(output, text, (size_t)n) < 0)
			return err_set(err, "out of memory");
		if (run != NULL && output_give(output, run, err) < 0)
			return -1;
	}
	return 0;
}

static int64_t
steady_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Waits until there is something to read or the program has ended: 1 if it
 * has, 0 if not, -1 with a sentence. */
static int
child_wait(const struct child *child, const struct run *run, const char *path,
    int64_t until_ms, struct err *err)
{
	const int64_t left = until_ms - steady_ms();
	struct pollfd at[] = {
	    {.fd = child->pidfd, .events = POLLIN},
	    {.fd = child->out.fd, .events = POLLIN},
	    {.fd = child->err.fd, .events = POLLIN},
	};
	int ready = left <= 0 ? 0 : poll(at, 3, (int)left);
	if (ready < 0 && errno == EINTR)
		return 0;
	if (ready < 0)
		return err_sys(err, "%s", path);
	if (ready == 0)
		return err_set(err,
		    "%s did not end within %d s; it was stopped", path,
		    run->timeout_secs);
	return at[0].revents != 0;
}

/* Reads until the program has ended. Returns 0, or -1 with a sentence. */
static int
child_follow(struct child *child, const struct run *run, const char *path,
    struct err *err)
{
	const int64_t until = steady_ms() + run->timeout_secs * 1000LL;
	const struct run *lines = run->take_line == NULL ? NULL : run;
	int ended = 0;
	/* What it wrote before its end is in the pipes by then. */
	while (ended == 0) {
		ended = child_wait(child, run, path, until, err);
		if (ended < 0 || output_read(&child->out, lines, err) < 0 ||
		    output_read(&child->err, NULL, err) < 0)
			return -1;
	}
	if (lines == NULL || child->out.length == 0)
		return 0;
	size_t length = child->out.length;
	child->out.length = 0;
	return give_line(run, child->out.text, length, err);
}

static int
child_status(struct child *child)
{
	int status = 0;
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

/* ------------------------------------------------------------------ result */

static int
give_result(struct arena *arena, const struct child *child, int status,
    struct run_result *result_r)
{
	const struct run_result result = {
	    .status = status,
	    .out = arena_strndup(arena, child->out.text, child->out.length),
	    .out_length = child->out.length,
	    .err = arena_strndup(arena, child->err.text, child->err.length),
	    .err_length = child->err.length,
	    .cut = child->out.cut || child->err.cut,
	};
	if (result.out == NULL || result.err == NULL)
		return -1;
	*result_r = result;
	return 0;
}

int
run_program(struct arena *arena, const struct run *run,
    struct run_result *result_r, struct err *err)
{
	size_t most = run->output_max == 0 ? RUN_OUTPUT_MAX : run->output_max;
	struct child child = {.pidfd = -1,
	    .out = {.fd = -1, .most = most},
	    .err = {.fd = -1, .most = most}};
	const char *path = whole_path(arena, run->argv[0], err);
	if (path == NULL)
		return -1;
	int result = child_start(run, path, &child, err);
	if (result == 0)
		result = child_follow(&child, run, path, err);
	if (result == 0 &&
	    give_result(arena, &child, child_status(&child), result_r) < 0)
		result = err_set(err, "out of memory");
	child_kill(&child);
	child_close(&child);
	return result;
}

const char *
run_said(struct arena *arena, const struct run_result *result)
{
	const char *text = result->err;
	size_t end = result->err_length;
	while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' '))
		end--;
	size_t start = end;
	while (start > 0 && text[start - 1] != '\n')
		start--;
	if (start == end)
		return "it said nothing";
	return text_clean(arena, text + start, end - start);
}
