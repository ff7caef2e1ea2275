/* log_test.c: log lines, one event a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bulkwatch/log.h"

/* Standard error goes to a file while a test runs. */
struct capture {
	FILE *file;
	int saved;
	char text[200000];
};

static int
setup(void **state)
{
	struct capture *c = calloc(1, sizeof(*c));
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_init();
	c->file = tmpfile();
	c->saved = dup(STDERR_FILENO);
	dup2(fileno(c->file), STDERR_FILENO);
	*state = c;
	return 0;
}

static int
teardown(void **state)
{
	struct capture *c = *state;
	if (c->saved >= 0) {
		dup2(c->saved, STDERR_FILENO);
		close(c->saved);
	}
	fclose(c->file);
	free(c);
	return 0;
}

/* What was logged; standard error is as before then. */
static const char *
logged(struct capture *c)
{
	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	c->saved = -1;
	rewind(c->file);
	size_t n = fread(c->text, 1, sizeof(c->text) - 1, c->file);
	c->text[n] = '\0';
	return c->text;
}

static void
pairs_stand_in_their_order(void **state)
{
	log_event(LOG_LEVEL_NOTICE, "queue_id", "4Q1", "event", "bulk-send",
	    "id", "7", NULL);
	assert_string_equal(
	    logged(*state), "<5>queue_id=4Q1 event=bulk-send id=7\n");
}

static void
the_journal_is_told_the_level(void **state)
{
	log_event(LOG_LEVEL_ERROR, "a", "1", NULL);
	log_event(LOG_LEVEL_WARNING, "a", "2", NULL);
	log_event(LOG_LEVEL_NOTICE, "a", "3", NULL);
	log_event(LOG_LEVEL_INFO, "a", "4", NULL);
	assert_string_equal(logged(*state), "<3>a=1\n<4>a=2\n<5>a=3\n<6>a=4\n");
}

static void
elsewhere_a_line_has_time_program_and_level(void **state)
{
	unsetenv("JOURNAL_STREAM");
	log_init();
	log_event(LOG_LEVEL_WARNING, "event", "x", NULL);
	const char *line = logged(*state);
	int year, used = 0;
	assert_int_equal(
	    sscanf(line, "%4d-%*2d-%*2dT%*2d:%*2d:%*2d%*6c%n", &year, &used),
	    1);
	assert_in_range(year, 2024, 2200);
	assert_int_equal(strncmp(line + used, " bulkwatchd[", 12), 0);
	assert_non_null(strstr(line, "] warning: event=x\n"));
}

static void
a_value_that_is_no_word_is_quoted(void **state)
{
	log_event(LOG_LEVEL_INFO, "a", "two words", "b", "", "c", "x=y", "d",
	    "say \"hi\"", "e", "back\\slash", "f", "plain", NULL);
	assert_string_equal(logged(*state),
	    "<6>a=\"two words\" b=\"\" c=\"x=y\" d=\"say \\\"hi\\\"\" "
	    "e=\"back\\\\slash\" f=plain\n");
}

static void
a_pair_without_a_value_is_left_out(void **state)
{
	log_event(LOG_LEVEL_INFO, "a", "1", "b", NULL, "c", "3", NULL);
	assert_string_equal(logged(*state), "<6>a=1 c=3\n");
}

static void
no_value_begins_a_line_of_its_own(void **state)
{
	log_event(LOG_LEVEL_INFO, "subject",
	    "x\n<3>event=store-failed\r\x1b[2J\xe2\x80\xa8\xff", NULL);
	assert_string_equal(logged(*state),
	    "<6>subject=\"x\\\\u{A}<3>event=store-failed\\\\u{D}\\\\u{1B}[2J"
	    "\\\\u{2028}\\\\xFF\"\n");
}

static void
a_value_is_not_a_format(void **state)
{
	log_event(LOG_LEVEL_INFO, "a", "%s%n%d", NULL);
	assert_string_equal(logged(*state), "<6>a=%s%n%d\n");
}

static void
vietnamese_stays_readable(void **state)
{
	log_event(LOG_LEVEL_INFO, "subject", "Thư mời họp", NULL);
	assert_string_equal(logged(*state), "<6>subject=\"Thư mời họp\"\n");
}

static void
a_sentence_stands_in_text(void **state)
{
	log_text(LOG_LEVEL_ERROR, "store-failed", "%s is %d", "disk", 100);
	assert_string_equal(
	    logged(*state), "<3>event=store-failed text=\"disk is 100\"\n");
}

static void
a_long_value_stays_whole(void **state)
{
	char *value = malloc(100001);
	memset(value, 'v', 100000);
	value[100000] = '\0';
	log_event(LOG_LEVEL_INFO, "a", value, NULL);
	free(value);
	const char *line = logged(*state);
	assert_int_equal(strlen(line), 3 + 2 + 100000 + 1);
}

static void *
log_many(void *context)
{
	for (int i = 0; i < 200; i++)
		log_event(LOG_LEVEL_INFO, "who", context, "text",
		    "some words that fill a line", NULL);
	return NULL;
}

static void
lines_of_threads_do_not_mix(void **state)
{
	static char names[][2] = {"a", "b", "c", "d"};
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, log_many, names[i]);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	char line[100];
	size_t lines = 0;
	for (const char *p = logged(*state); *p != '\0'; lines++) {
		size_t length = strcspn(p, "\n");
		snprintf(line, sizeof(line),
		    "<6>who=%c text=\"some words that fill a line\"", p[7]);
		assert_int_equal(length, strlen(line));
		assert_int_equal(strncmp(p, line, length), 0);
		p += length + 1;
	}
	assert_int_equal(lines, 800);
}

static double
now_secs(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
a_reader_that_hangs_holds_up_nobody_and_is_told_what_it_missed(void **state)
{
	struct capture *c = *state;
	int ends[2];
	static char line[20000];
	memset(line, 'x', sizeof(line) - 1);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	const double began = now_secs();
	for (int i = 0; i < 8; i++) /* a pipe holds 64 kB */
		log_event(LOG_LEVEL_INFO, "a", line, NULL);
	const double took = now_secs() - began;
	/* The reader is back. */
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	while (read(ends[0], c->text, sizeof(c->text)) > 0)
		continue;
	log_event(LOG_LEVEL_INFO, "a", "last", NULL);
	ssize_t n = read(ends[0], c->text, sizeof(c->text) - 1);
	dup2(c->saved, STDERR_FILENO);
	assert_true(took < 5);
	assert_true(n > 0);
	c->text[n] = '\0';
	assert_non_null(strstr(c->text, "event=log-lines-lost number="));
	assert_non_null(strstr(c->text, "<6>a=last\n"));
	close(ends[0]);
	close(ends[1]);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    test(pairs_stand_in_their_order),
	    test(the_journal_is_told_the_level),
	    test(elsewhere_a_line_has_time_program_and_level),
	    test(a_value_that_is_no_word_is_quoted),
	    test(a_pair_without_a_value_is_left_out),
	    test(no_value_begins_a_line_of_its_own),
	    test(a_value_is_not_a_format),
	    test(vietnamese_stays_readable),
	    test(a_sentence_stands_in_text),
	    test(a_long_value_stays_whole),
	    test(lines_of_threads_do_not_mix),
	    test(a_reader_that_hangs_holds_up_nobody_and_is_told_what_it_missed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
