/* caller_test.c: the MTA's side of the milter protocol, against a milter whose
 * words are written down beforehand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bulkwatch/caller.h"

/* Words of the milter, by libmilter/mfdef.h; NUL bytes are part of them. */
#define WORDS(text) (text), sizeof(text) - 1
#define LENGTH(n) "\0\0\0" n

/* All steps, no reply to any but end of message: SMFIP_NR_*. */
#define UNANSWERED LENGTH("\x0d") "O\0\0\0\6\0\0\0\0\0\x0f\xf0\x80"
/* MAIL is answered. */
#define MAIL_ANSWERED LENGTH("\x0d") "O\0\0\0\6\0\0\0\0\0\x0f\xb0\x80"
/* No step but MAIL, RCPT and end of message, all answered. */
#define FEW_STEPS LENGTH("\x0d") "O\0\0\0\6\0\0\0\0\0\0\3\x73"

/* The end of the milter's words; what it was told is in said. */
struct milter {
	int fd;
	char said[4096];
	size_t n;
};

static int
speak(struct milter *m, const char *words, size_t n)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(write(fds[1], words, n), (ssize_t)n);
	m->fd = fds[1];
	return fds[0];
}

static void
hear(struct milter *m)
{
	ssize_t n;
	m->n = 0;
	while ((n = read(m->fd, m->said + m->n, sizeof(m->said) - m->n)) > 0)
		m->n += (size_t)n;
	close(m->fd);
}

/* The commands of the packets that it was told, in order. */
static const char *
commands(const struct milter *m)
{
	static char text[256];
	size_t n = 0;
	for (size_t at = 0; at + 5 <= m->n && n < sizeof(text) - 1;) {
		const unsigned char *p = (const unsigned char *)m->said + at;
		text[n++] = (char)p[4];
		at += 4 + ((size_t)p[2] << 8 | p[3]);
	}
	text[n] = '\0';
	return text;
}

static const char *const two[] = {"a@x.vn", "b@x.vn"};
static const struct caller_header header = {"Subject", "x"};
static const struct caller_message message = {.client = "127.0.0.1",
    .login = "",
    .from = "c@x.vn",
    .recipients = two,
    .recipients_n = 2,
    .headers = &header,
    .headers_n = 1,
    .queue_id = "Q"};

/* What the milter's words make of a message; -1: the caller failed. */
static int
answer_to(struct milter *m, const char *words, size_t n, struct err *err)
{
	struct caller *caller = NULL;
	enum caller_answer answer;
	double took_ms;
	int got = -1;
	if (caller_open(speak(m, words, n), &caller, err) == 0 &&
	    caller_send(caller, &message, &answer, &took_ms, err) == 0)
		got = (int)answer;
	caller_close(&caller);
	assert_null(caller);
	hear(m);
	return got;
}

static void
every_answer_is_understood(void **state)
{
	static const struct {
		const char *words;
		size_t n;
		int answer;
	} cases[] = {
	    {WORDS(UNANSWERED LENGTH("\1") "c"), CALLER_GO_ON},
	    {WORDS(UNANSWERED LENGTH("\1") "a"), CALLER_GO_ON},
	    {WORDS(UNANSWERED LENGTH("\1") "t"), CALLER_DEFERRED},
	    {WORDS(UNANSWERED LENGTH("\1") "r"), CALLER_REFUSED},
	    {WORDS(UNANSWERED LENGTH("\1") "d"), CALLER_REFUSED},
	    {WORDS(UNANSWERED LENGTH("\5") "y451\0"), CALLER_DEFERRED},
	    {WORDS(UNANSWERED LENGTH("\5") "y550\0"), CALLER_REFUSED},
	    {WORDS(UNANSWERED LENGTH("\3") "qx\0" LENGTH("\1") "c"),
		CALLER_HELD},
	    {WORDS(
		 UNANSWERED LENGTH("\1") "p" LENGTH("\1") "p" LENGTH("\1") "c"),
		CALLER_GO_ON},
	    {WORDS(MAIL_ANSWERED LENGTH("\1") "a"), CALLER_UNWANTED},
	    {WORDS(MAIL_ANSWERED LENGTH("\1") "t"), CALLER_DEFERRED},
	    {WORDS(MAIL_ANSWERED LENGTH("\1") "c" LENGTH("\1") "c"),
		CALLER_GO_ON},
	    {WORDS(UNANSWERED LENGTH("\1") "?"), -1},
	    {WORDS(UNANSWERED LENGTH("\0") "c"), -1},
	    {WORDS("\x7f\0\0\1O"), -1},
	    {WORDS(LENGTH("\1") "c"), -1},
	    {WORDS(LENGTH("\4") "Oxyz"), -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct milter m;
		struct err err = {""};
		int got = answer_to(&m, cases[i].words, cases[i].n, &err);
		if (got != cases[i].answer)
			fail_msg("case %zu: %d (%s)", i, got, err.text);
		assert_int_equal(got == -1, err.text[0] != '\0');
	}
}

static void
steps_come_in_their_order_with_macros_before_them(void **state)
{
	struct milter m;
	struct err err = {""};
	(void)state;
	assert_int_equal(
	    answer_to(&m, WORDS(UNANSWERED LENGTH("\1") "c"), &err),
	    CALLER_GO_ON);
	assert_string_equal(commands(&m), "OCHDMRRTLNBDEAQ");
	assert_non_null(memmem(m.said, m.n, WORDS("R<a@x.vn>\0")));
	assert_non_null(memmem(m.said, m.n, WORDS("LSubject\0x\0")));
	assert_non_null(
	    memmem(m.said, m.n, WORDS("DM{client_addr}\000127.0.0.1\0")));
	assert_non_null(memmem(m.said, m.n, WORDS("DEi\0Q\0")));
	/* A client that has not logged in has no such macro. */
	assert_null(memmem(m.said, m.n, WORDS("auth_authen")));
}

static void
steps_that_are_not_wanted_are_left_out(void **state)
{
	struct milter m;
	struct err err = {""};
	(void)state;
	assert_int_equal(answer_to(&m,
			     WORDS(FEW_STEPS LENGTH("\1") "c" LENGTH(
				 "\1") "c" LENGTH("\1") "c" LENGTH("\1") "c"),
			     &err),
	    CALLER_GO_ON);
	assert_string_equal(commands(&m), "ODMRRDEAQ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_answer_is_understood),
	    cmocka_unit_test(steps_come_in_their_order_with_macros_before_them),
	    cmocka_unit_test(steps_that_are_not_wanted_are_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
