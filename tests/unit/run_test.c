/* run_test.c: programs run without a shell. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena_fixture.h"

#include "../../milter/mta/run.h"

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct run_result
runs(struct arena *arena, const char *const *argv)
{
	const struct run run = {.argv = argv, .timeout_secs = 30};
	struct run_result result;
	struct err err = {""};
	if (run_program(arena, &run, &result, &err) < 0)
		fail_msg("%s", err.text);
	return result;
}

static void
fails(struct arena *arena, const char *const *argv, int timeout_secs,
    const char *sentence)
{
	const struct run run = {.argv = argv, .timeout_secs = timeout_secs};
	struct run_result result;
	struct err err = {""};
	assert_int_equal(run_program(arena, &run, &result, &err), -1);
	if (strstr(err.text, sentence) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", err.text, sentence);
}

static void
both_outputs_and_the_status_are_told(void **state)
{
	struct run_result r =
	    runs(*state, ARGV("sh", "-c", "echo out; echo err >&2; exit 3"));
	assert_int_equal(r.status, 3);
	assert_string_equal(r.out, "out\n");
	assert_int_equal(r.out_length, 4);
	assert_string_equal(r.err, "err\n");
	assert_false(r.cut);
	r = runs(*state, ARGV("sh", "-c", "kill -9 $$"));
	assert_int_equal(r.status, 128 + SIGKILL);
	r = runs(*state, ARGV("true"));
	assert_string_equal(r.out, "");
	assert_string_equal(r.err, "");
}

static void
words_are_passed_as_they_are(void **state)
{
	struct run_result r =
	    runs(*state, ARGV("printf", "%s|", "a b", "$(id)", ";*", "", "-x"));
	assert_string_equal(r.out, "a b|$(id)|;*||-x|");
}

static void
environment_and_signals_are_clean(void **state)
{
	setenv("MAIL_CONFIG", "/nonexistent", 1);
	setenv("PATH", "/nonexistent", 1);
	signal(SIGPIPE, SIG_IGN);
	struct run_result r = runs(*state, ARGV("env"));
	assert_string_equal(r.out, "LC_ALL=C\nPATH=" RUN_PATH "\n");
	r = runs(*state, ARGV("sh", "-c", "kill -PIPE $$; echo alive"));
	assert_int_equal(r.status, 128 + SIGPIPE);
	signal(SIGPIPE, SIG_DFL);
}

static void
no_descriptor_of_ours_is_open_in_it(void **state)
{
	assert_int_equal(dup2(1, 77), 77); /* not close-on-exec */
	struct run_result r = runs(*state,
	    ARGV("sh", "-c", "[ -e /proc/self/fd/77 ] && echo open; :"));
	close(77);
	assert_string_equal(r.out, "");
}

static void
input_is_read_whole_and_may_be_left_unread(void **state)
{
	const size_t length = 300000;
	char *text = arena_alloc(*state, length + 1);
	memset(text, 'x', length);
	struct run run = {.argv = ARGV("wc", "-c"),
	    .input = text,
	    .input_length = length,
	    .timeout_secs = 30};
	struct run_result result;
	struct err err = {""};
	assert_int_equal(run_program(*state, &run, &result, &err), 0);
	assert_string_equal(result.out, "300000\n");
	run.argv = ARGV("true");
	assert_int_equal(run_program(*state, &run, &result, &err), 0);
	assert_int_equal(result.status, 0);
	assert_string_equal(runs(*state, ARGV("cat")).out, "");
}

static void
much_output_is_cut(void **state)
{
	struct run_result r = runs(*state,
	    ARGV("sh", "-c", "head -c 5000000 /dev/zero; echo end >&2"));
	assert_int_equal(r.status, 0);
	assert_true(r.cut);
	assert_int_equal(r.out_length, RUN_OUTPUT_MAX);
	assert_string_equal(r.err, "end\n");
}

struct lines {
	size_t n, bytes;
	char last[32];
	size_t refuse; /* this line, from 1 */
};

static int
count_line(void *context, const char *line, size_t length, struct err *err)
{
	struct lines *lines = context;
	assert_int_equal(strlen(line), length);
	lines->bytes += length;
	snprintf(lines->last, sizeof(lines->last), "%s", line);
	return ++lines->n == lines->refuse ? err_set(err, "not this line") : 0;
}

static struct run
run_lines(struct lines *lines, const char *const *argv)
{
	return (struct run){.argv = argv,
	    .timeout_secs = 30,
	    .output_max = 100000,
	    .take_line = count_line,
	    .context = lines};
}

static void
lines_are_given_away_as_they_come(void **state)
{
	struct arena *arena = *state;
	struct lines lines = {.n = 0};
	struct run run = run_lines(&lines,
	    ARGV("sh", "-c",
		"yes 'a line of some length' | head -n 2000000; echo; "
		"head -c 90000 /dev/zero | tr '\\0' x; echo; printf end"));
	struct run_result result;
	struct err err = {""};
	size_t before = arena_bytes(arena);
	if (run_program(arena, &run, &result, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(result.status, 0);
	assert_int_equal(result.out_length, 0);
	assert_int_equal(lines.n, 2000003);
	assert_int_equal(lines.bytes, 2000000 * 21 + 90000 + 3);
	assert_string_equal(lines.last, "end");
	assert_true(arena_bytes(arena) - before < 10000);
}

static void
a_line_that_is_too_long_or_not_taken_ends_it(void **state)
{
	struct lines lines = {.refuse = 2};
	struct run run = run_lines(&lines, ARGV("yes"));
	struct run_result result;
	struct err err = {""};
	assert_int_equal(run_program(*state, &run, &result, &err), -1);
	assert_string_equal(err.text, "not this line");
	assert_int_equal(lines.n, 2);
	run = run_lines(
	    &lines, ARGV("sh", "-c", "head -c 200000 /dev/zero; sleep 60"));
	assert_int_equal(run_program(*state, &run, &result, &err), -1);
	assert_string_equal(
	    err.text, "sh wrote a line of more than 100000 bytes");
}

/* Killed, and perhaps not yet taken away by the one who inherits it. */
static bool
is_gone(struct arena *arena, int pid)
{
	char is = 'Z';
	FILE *in = fopen(arena_printf(arena, "/proc/%d/stat", pid), "r");
	if (in == NULL)
		return true;
	assert_int_equal(fscanf(in, "%*d %*s %c", &is), 1);
	fclose(in);
	return is == 'Z';
}

static void
a_program_that_hangs_is_stopped_with_what_it_started(void **state)
{
	char name[] = "/tmp/bulkwatch-run-XXXXXX";
	int fd = mkstemp(name);
	assert_true(fd >= 0);
	close(fd);
	const char *script =
	    arena_printf(*state, "sleep 300 & echo $! > %s; sleep 300", name);
	fails(*state, ARGV("sh", "-c", script), 1,
	    "/sh did not end within 1 s; it was stopped");
	FILE *in = fopen(name, "r");
	int pid = 0;
	assert_non_null(in);
	assert_int_equal(fscanf(in, "%d", &pid), 1);
	fclose(in);
	unlink(name);
	for (int i = 0; i < 500 && !is_gone(*state, pid); i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_true(is_gone(*state, pid));
}

static void
a_program_that_leaves_another_behind_has_ended(void **state)
{
	time_t start = time(NULL);
	struct run_result r =
	    runs(*state, ARGV("sh", "-c", "sleep 20 & echo done"));
	assert_true(time(NULL) - start < 15);
	assert_int_equal(r.status, 0);
	assert_string_equal(r.out, "done\n");
}

static void
what_is_not_there_is_named(void **state)
{
	fails(*state, ARGV("no-such-program"), 5,
	    "the program no-such-program is not installed");
	fails(*state, ARGV("/nonexistent/x"), 5,
	    "cannot start /nonexistent/x: No such file");
	assert_null(run_find(*state, "no-such-program"));
	assert_non_null(strstr(run_find(*state, "sh"), "/bin/sh"));
}

static void
the_last_line_is_what_it_said(void **state)
{
	const struct {
		const char *err, *said;
	} cases[] = {
	    {"warning: a\nfatal: b\n", "fatal: b"},
	    {"fatal: \x1b[2Jb\n\n", "fatal: \\u{1B}[2Jb"},
	    {"one", "one"},
	    {"", "it said nothing"},
	    {"\n\n", "it said nothing"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct run_result r = {
		    .err = cases[i].err, .err_length = strlen(cases[i].err)};
		assert_string_equal(run_said(*state, &r), cases[i].said);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_outputs_and_the_status_are_told),
	    cmocka_unit_test(words_are_passed_as_they_are),
	    cmocka_unit_test(environment_and_signals_are_clean),
	    cmocka_unit_test(no_descriptor_of_ours_is_open_in_it),
	    cmocka_unit_test(input_is_read_whole_and_may_be_left_unread),
	    cmocka_unit_test(much_output_is_cut),
	    cmocka_unit_test(lines_are_given_away_as_they_come),
	    cmocka_unit_test(a_line_that_is_too_long_or_not_taken_ends_it),
	    cmocka_unit_test(
		a_program_that_hangs_is_stopped_with_what_it_started),
	    cmocka_unit_test(a_program_that_leaves_another_behind_has_ended),
	    cmocka_unit_test(what_is_not_there_is_named),
	    cmocka_unit_test(the_last_line_is_what_it_said),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
