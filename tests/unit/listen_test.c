/* listen_test.c: the socket to which the MTA connects, and the lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulkwatch/listen.h"

struct world {
	char folder[64];
	char path[96];     /* of the socket */
	char setting[128]; /* unix:PATH */
	struct listener listener;
	struct err err;
};

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	strcpy(w->folder, "/tmp/listen_test.XXXXXX");
	if (mkdtemp(w->folder) == NULL)
		return -1;
	snprintf(w->path, sizeof(w->path), "%s/m.sock", w->folder);
	snprintf(w->setting, sizeof(w->setting), "unix:%s", w->path);
	w->listener = (struct listener){.fd = -1};
	*state = w;
	return 0;
}

static void
close_listener(struct world *w)
{
	if (w->listener.fd >= 0)
		close(w->listener.fd); /* libmilter's part */
	listener_close(&w->listener);
}

static int
teardown(void **state)
{
	struct world *w = *state;
	close_listener(w);
	int failed = nftw(w->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(w);
	return failed;
}

static int
try_open(struct world *w, const char *setting)
{
	w->err.text[0] = '\0';
	return listener_open(setting, &w->listener, &w->err);
}

static void
open_listener(struct world *w, const char *setting)
{
	if (try_open(w, setting) < 0)
		fail_msg("%s", w->err.text);
}

/* A socket of the test's own at the path. */
static int
bind_at(const char *path, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	int fd = socket(AF_UNIX, type, 0);
	assert_true(fd >= 0);
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* 0, or errno. */
static int
try_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int failed =
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0
		? errno
		: 0;
	close(fd);
	return failed;
}

static bool
is_socket(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* -------------------------------------------------------------------- unix */

static void
an_mta_can_connect_to_a_unix_socket(void **state)
{
	struct world *w = *state;
	open_listener(w, w->setting);
	assert_false(w->listener.over_tcp);
	assert_int_equal(try_connect(w->path), 0);
}

static void
only_user_and_group_may_connect(void **state)
{
	struct world *w = *state;
	struct stat st;
	mode_t before = umask(0);
	open_listener(w, w->setting);
	mode_t after = umask(before);
	assert_int_equal(after, 0); /* it was put back */
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

static void
local_is_another_word_for_unix(void **state)
{
	struct world *w = *state;
	char setting[128];
	snprintf(setting, sizeof(setting), "local:%s", w->path);
	open_listener(w, setting);
	assert_int_equal(try_connect(w->path), 0);
}

static void
closing_removes_the_socket_file(void **state)
{
	struct world *w = *state;
	open_listener(w, w->setting);
	close_listener(w);
	assert_false(is_socket(w->path));
	assert_int_equal(w->listener.fd, -1);
	assert_null(w->listener.unlink_path);
}

static void
a_socket_that_was_left_behind_is_replaced(void **state)
{
	struct world *w = *state;
	int fd = bind_at(w->path, SOCK_STREAM);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
	assert_true(is_socket(w->path));
	open_listener(w, w->setting);
	assert_int_equal(try_connect(w->path), 0);
}

static void
a_live_programs_socket_is_left_alone(void **state)
{
	struct world *w = *state;
	int fd = bind_at(w->path, SOCK_STREAM);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(try_open(w, w->setting), -1);
	assert_non_null(strstr(w->err.text, w->path));
	assert_int_equal(try_connect(w->path), 0);
	close(fd);
}

static void
a_live_program_that_is_too_busy_to_accept_is_left_alone(void **state)
{
	struct world *w = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = bind_at(w->path, SOCK_STREAM), waiting[8];
	assert_int_equal(listen(fd, 0), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", w->path);
	for (size_t i = 0; i < 8; i++) {
		waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(
		    waiting[i], (struct sockaddr *)&address, sizeof(address));
	}
	alarm(20); /* it must not wait for a place either */
	assert_int_equal(try_open(w, w->setting), -1);
	alarm(0);
	assert_true(is_socket(w->path));
	for (size_t i = 0; i < 8; i++)
		close(waiting[i]);
	close(fd);
}

static void
a_live_socket_of_another_kind_is_left_alone(void **state)
{
	struct world *w = *state;
	int fd = bind_at(w->path, SOCK_DGRAM);
	assert_int_equal(try_open(w, w->setting), -1);
	assert_true(is_socket(w->path));
	close(fd);
}

static void
a_file_that_is_no_socket_is_left_alone(void **state)
{
	struct world *w = *state;
	int fd = open(w->path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(try_open(w, w->setting), -1);
	assert_non_null(strstr(w->err.text, "no socket"));
	assert_int_equal(access(w->path, F_OK), 0);
}

static void
a_symbolic_link_is_left_alone(void **state)
{
	struct world *w = *state;
	assert_int_equal(symlink("elsewhere", w->path), 0);
	assert_int_equal(try_open(w, w->setting), -1);
	struct stat st;
	assert_int_equal(lstat(w->path, &st), 0);
}

static void
a_path_that_is_too_long_is_refused(void **state)
{
	struct world *w = *state;
	char setting[300] = "unix:/tmp/";
	memset(setting + 10, 'x', 200);
	assert_int_equal(try_open(w, setting), -1);
	assert_non_null(strstr(w->err.text, "107"));
}

static void
a_missing_folder_is_named(void **state)
{
	struct world *w = *state;
	char setting[160];
	snprintf(setting, sizeof(setting), "unix:%s/none/m.sock", w->folder);
	assert_int_equal(try_open(w, setting), -1);
	assert_non_null(strstr(w->err.text, "/none is missing; run: install -d"));
}

/* --------------------------------------------------------------------- tcp */

static int
family_of(const struct listener *listener)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	assert_int_equal(
	    getsockname(listener->fd, (struct sockaddr *)&address, &length), 0);
	return address.ss_family;
}

static void
a_port_of_loopback_is_listened_on(void **state)
{
	struct world *w = *state;
	open_listener(w, "inet:0@127.0.0.1");
	assert_true(w->listener.over_tcp);
	assert_null(w->listener.unlink_path);
	assert_int_equal(family_of(&w->listener), AF_INET);
}

static void
a_host_name_gives_an_address_of_the_schemes_family(void **state)
{
	struct world *w = *state;
	open_listener(w, "inet:0@localhost");
	assert_int_equal(family_of(&w->listener), AF_INET);
}

static void
an_ipv6_address_stands_in_brackets(void **state)
{
	struct world *w = *state;
	if (try_open(w, "inet6:0@[::1]") < 0)
		skip(); /* a machine without IPv6 */
	assert_int_equal(family_of(&w->listener), AF_INET6);
}

static void
a_port_that_is_taken_is_refused(void **state)
{
	struct world *w = *state;
	struct listener other;
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	char setting[40];
	assert_int_equal(listener_open("inet:0@127.0.0.1", &other, &w->err), 0);
	getsockname(other.fd, (struct sockaddr *)&address, &length);
	snprintf(setting, sizeof(setting), "inet:%d@127.0.0.1",
	    ntohs(address.sin_port));
	assert_int_equal(try_open(w, setting), -1);
	assert_non_null(strstr(w->err.text, setting));
	close(other.fd);
	listener_close(&other);
}

static void
what_is_no_address_is_refused(void **state)
{
	struct world *w = *state;
	static const char *const settings[] = {"inet:8899", "inet:@", "tcp:1",
	    "/run/m.sock", "", "inet:12345678901234567@127.0.0.1",
	    "inet:70000x@127.0.0.1", "inet:0@no.such.host.invalid"};
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		assert_int_equal(try_open(w, settings[i]), -1);
		assert_true(w->err.text[0] != '\0');
		assert_int_equal(w->listener.fd, -1);
	}
}

/* ----------------------------------------------------------------- systemd */

/* In a child: the passed descriptor has a fixed number. */
static int
open_with_passed(struct world *w, const char *count)
{
	pid_t child = fork();
	if (child == 0) {
		char pid[24];
		int fd = bind_at(w->path, SOCK_STREAM);
		listen(fd, 1);
		dup2(fd, 3);
		dup2(fd, 4);
		snprintf(pid, sizeof(pid), "%d", (int)getpid());
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", count, 1);
		if (try_open(w, "unix:/not/used") < 0)
			_exit(1);
		_exit(w->listener.fd == 3 && !w->listener.over_tcp &&
			      w->listener.unlink_path == NULL
			  ? 0
			  : 2);
	}
	int status;
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

static void
a_socket_passed_by_systemd_is_taken_and_never_removed(void **state)
{
	assert_int_equal(open_with_passed(*state, "1"), 0);
}

static void
two_sockets_passed_are_refused(void **state)
{
	assert_int_equal(open_with_passed(*state, "2"), 1);
}

/* -------------------------------------------------------------------- lock */

static void
the_lock_keeps_a_second_daemon_out_and_names_the_first(void **state)
{
	struct world *w = *state;
	char database[96], pid[40];
	snprintf(database, sizeof(database), "%s/b.db", w->folder);
	int first = listener_lock(database, &w->err);
	assert_true(first >= 0);
	assert_int_equal(listener_lock(database, &w->err), -1);
	snprintf(pid, sizeof(pid), "process %d)", (int)getpid());
	assert_non_null(strstr(w->err.text, pid));
	close(first);
}

static void
the_lock_is_free_when_its_holder_is_gone(void **state)
{
	struct world *w = *state;
	char database[96];
	snprintf(database, sizeof(database), "%s/b.db", w->folder);
	pid_t child = fork();
	if (child == 0)
		_exit(listener_lock(database, &w->err) >= 0 ? 0 : 1);
	int status;
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	int fd = listener_lock(database, &w->err);
	assert_true(fd >= 0);
	close(fd);
}

static void
a_lock_in_a_missing_folder_is_refused(void **state)
{
	struct world *w = *state;
	char database[96];
	snprintf(database, sizeof(database), "%s/none/b.db", w->folder);
	assert_int_equal(listener_lock(database, &w->err), -1);
	assert_non_null(strstr(w->err.text, "database: "));
	assert_non_null(strstr(w->err.text, "/none/b.db.lock, for writing: "));
}

/* Root would empty it, and give it to the daemon's user. */
static void
a_lock_that_is_another_name_of_a_file_is_refused(void **state)
{
	struct world *w = *state;
	char database[96], lock[112], other[96], text[8] = "";
	snprintf(database, sizeof(database), "%s/b.db", w->folder);
	snprintf(lock, sizeof(lock), "%s.lock", database);
	snprintf(other, sizeof(other), "%s/other", w->folder);
	FILE *file = fopen(other, "w");
	assert_non_null(file);
	fputs("kept", file);
	fclose(file);
	assert_int_equal(link(other, lock), 0);
	assert_int_equal(listener_lock(database, &w->err), -1);
	assert_non_null(strstr(w->err.text, lock));
	file = fopen(other, "r");
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_string_equal(text, "kept");
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(mkfifo(lock, 0600), 0);
	assert_int_equal(listener_lock(database, &w->err), -1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    test(an_mta_can_connect_to_a_unix_socket),
	    test(only_user_and_group_may_connect),
	    test(local_is_another_word_for_unix),
	    test(closing_removes_the_socket_file),
	    test(a_socket_that_was_left_behind_is_replaced),
	    test(a_live_programs_socket_is_left_alone),
	    test(a_live_program_that_is_too_busy_to_accept_is_left_alone),
	    test(a_live_socket_of_another_kind_is_left_alone),
	    test(a_file_that_is_no_socket_is_left_alone),
	    test(a_symbolic_link_is_left_alone),
	    test(a_path_that_is_too_long_is_refused),
	    test(a_missing_folder_is_named),
	    test(a_port_of_loopback_is_listened_on),
	    test(a_host_name_gives_an_address_of_the_schemes_family),
	    test(an_ipv6_address_stands_in_brackets),
	    test(a_port_that_is_taken_is_refused),
	    test(what_is_no_address_is_refused),
	    test(a_socket_passed_by_systemd_is_taken_and_never_removed),
	    test(two_sockets_passed_are_refused),
	    test(the_lock_keeps_a_second_daemon_out_and_names_the_first),
	    test(the_lock_is_free_when_its_holder_is_gone),
	    test(a_lock_in_a_missing_folder_is_refused),
	    test(a_lock_that_is_another_name_of_a_file_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
