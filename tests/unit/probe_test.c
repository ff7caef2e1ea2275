/* probe_test.c: is anybody at the milter socket? */
#include <grp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena_fixture.h"

#include "../../milter/ctl/probe.h"

static void
probe_fails(const char *listen, const char *sentence)
{
	struct err err = {""};
	assert_int_equal(probe_socket(listen, &err), -1);
	if (strstr(err.text, sentence) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", err.text, sentence);
}

static void
probe_says_who_listens_at_a_unix_socket(void **state)
{
	char folder[] = "/tmp/bulkwatch-ctl-XXXXXX";
	assert_non_null(mkdtemp(folder));
	char *path = arena_printf(*state, "%s/milter.sock", folder);
	char *listen_at = arena_printf(*state, "unix:%s", path);
	probe_fails(listen_at, "nobody listens at ");

	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	chmod(path, 0660);
	probe_fails(listen_at, "nobody listens at ");
	assert_int_equal(listen(fd, 1), 0);
	struct err err = {""};
	assert_int_equal(probe_socket(listen_at, &err), 0);
	chmod(path, 0666);
	probe_fails(listen_at, "chmod 0660");
	close(fd);
	unlink(path);

	FILE *plain = fopen(path, "w");
	assert_non_null(plain);
	fclose(plain);
	probe_fails(listen_at, "is no socket; move it away");
	unlink(path);
	rmdir(folder);
}

static void
probe_says_that_the_folder_is_missing(void **state)
{
	(void)state;
	probe_fails("unix:/run/nonexistent/milter.sock",
	    "the folder /run/nonexistent is missing; run: install -d -o "
	    "bulkwatch -g bulkwatch -m 0750 /run/nonexistent, then: ");
	/* There no group lets Postfix in but its own. */
	probe_fails("unix:/nonexistent/bulkwatch/milter.sock",
	    getgrnam("postfix") == NULL
		? "install -d -o bulkwatch -g bulkwatch -m 0750 /nonexistent/"
		: "install -d -o bulkwatch -g postfix -m 2750 /nonexistent/");
}

static void
probe_says_who_listens_at_a_tcp_port(void **state)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
	assert_int_equal(
	    getsockname(fd, (struct sockaddr *)&address, &size), 0);
	char *listen_at =
	    arena_printf(*state, "inet:%d@127.0.0.1", ntohs(address.sin_port));
	probe_fails(listen_at, "nobody listens at ");
	assert_int_equal(listen(fd, 1), 0);
	struct err err = {""};
	assert_int_equal(probe_socket(listen_at, &err), 0);
	listen_at = arena_printf(
	    *state, "inet:%d@[127.0.0.1]", ntohs(address.sin_port));
	assert_int_equal(probe_socket(listen_at, &err), 0);
	close(fd);
	probe_fails("inet:8899", "inet:PORT@HOST");
	probe_fails("tcp:8899", "unix:PATH");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(probe_says_who_listens_at_a_unix_socket),
	    cmocka_unit_test(probe_says_that_the_folder_is_missing),
	    cmocka_unit_test(probe_says_who_listens_at_a_tcp_port),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
