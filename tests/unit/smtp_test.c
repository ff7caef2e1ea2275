/* smtp_test.c: one mail over SMTP, against a server that misbehaves. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "bulkwatch/smtp.h"
#include "bulkwatch/text.h"
#include "smtp_server.h"

#define MAIL "Subject: x\r\n\r\nbody\r\n"

static const char *const one[] = {"a@example.vn"};
static const char *const two[] = {"a@example.vn", "b@example.vn"};
static const struct text_list to_one = {one, 1}, to_two = {two, 2};

static int
setup(void **state)
{
	struct err err;
	(void)state;
	return smtp_init(&err);
}

static int
teardown(void **state)
{
	(void)state;
	smtp_deinit();
	return 0;
}

static double
seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct smtp_attempt
attempt_to(const char *url, const struct text_list *to)
{
	return (struct smtp_attempt){
	    .url = url,
	    .from = "bulkwatch@example.vn",
	    .to = to,
	    .mail = MAIL,
	    .length = strlen(MAIL),
	};
}

/* One attempt against a server with that script. The server is left stopped,
 * with what it saw; its mails' texts are gone. */
static enum smtp_result
run(const struct server_script *script, const struct text_list *to,
    struct server *server, struct err *err)
{
	server_start(server, script);
	struct smtp_attempt attempt = attempt_to(server->url, to);
	*err = (struct err){"untouched"};
	enum smtp_result result = smtp_send(&attempt, err);
	server_stop(server);
	assert_true(text_is_clean(err->text, strlen(err->text)));
	return result;
}

static void
a_mail_is_delivered_to_all(void **state)
{
	(void)state;
	struct server server;
	struct err err = {"untouched"};
	bool refused[2] = {true, true};
	server_start(&server, &(struct server_script){NULL});
	struct smtp_attempt attempt = attempt_to(server.url, &to_two);
	attempt.refused = refused;
	assert_int_equal(smtp_send(&attempt, &err), SMTP_SENT);
	assert_string_equal(err.text, "");
	assert_false(refused[0] || refused[1]);
	assert_int_equal(server.mails_n, 1);
	assert_string_equal(server.mails[0].text, MAIL);
	assert_memory_equal(server.mails[0].from, "<bulkwatch@example.vn>", 22);
	assert_string_equal(server.mails[0].to, "<a@example.vn><b@example.vn>");
	server_stop(&server);
}

static void
ehlo_says_a_whole_host_name(void **state)
{
	(void)state;
	struct server server;
	struct err err;
	run(&(struct server_script){NULL}, &to_one, &server, &err);
	char name[256] = "";
	assert_int_equal(sscanf(server.said, "EHLO %255s", name), 1);
	assert_non_null(strchr(name, '.'));
	assert_int_equal(
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
			 "WXYZ0123456789.-"),
	    strlen(name));
}

static void
dots_and_long_lines_come_through_whole(void **state)
{
	(void)state;
	static char mail[40000];
	size_t n = (size_t)sprintf(mail, ".\r\n..\r\nFrom me\r\n");
	while (n < sizeof(mail) - 1000) {
		memset(mail + n, '.', 990);
		n += 990;
		n += (size_t)sprintf(mail + n, "\r\n.\r\n");
	}
	struct server server;
	struct err err;
	server_start(&server, &(struct server_script){NULL});
	struct smtp_attempt attempt = attempt_to(server.url, &to_one);
	attempt.mail = mail;
	attempt.length = n;
	assert_int_equal(smtp_send(&attempt, &err), SMTP_SENT);
	assert_int_equal(server.mails_n, 1);
	assert_int_equal(server.mails[0].length, n);
	assert_string_equal(server.mails[0].text, mail);
	server_stop(&server);
}

/* What a server may answer, and what that means for us. */
static void
replies_are_told_apart_for_now_and_for_good(void **state)
{
	(void)state;
	static const struct {
		struct server_script script;
		enum smtp_result result;
		const char *says; /* in the error */
	} table[] = {
	    {{.greeting = "421 too busy"}, SMTP_TEMPORARY, "421 too busy"},
	    {{.greeting = "554 go away"}, SMTP_PERMANENT, "554 go away"},
	    {{.mail = "451 4.3.0 later"}, SMTP_TEMPORARY,
		"refused the sender: 451 4.3.0 later"},
	    {{.mail = "553 5.7.1 not you"}, SMTP_PERMANENT,
		"refused the sender: 553 5.7.1 not you"},
	    {{.rcpt = "450 4.2.0 greylisted"}, SMTP_TEMPORARY,
		"refused every recipient: a@example.vn: 450 4.2.0 greylisted"},
	    {{.rcpt = "550 5.1.1 no such user"}, SMTP_PERMANENT,
		"a@example.vn: 550 5.1.1 no such user"},
	    {{.data = "451 4.3.0 later"}, SMTP_TEMPORARY, "DATA: 451 4.3.0"},
	    {{.data = "554 5.5.1 no"}, SMTP_PERMANENT, "DATA: 554 5.5.1 no"},
	    {{.text = "452 4.3.1 disk full"}, SMTP_TEMPORARY,
		"refused the mail: 452 4.3.1 disk full"},
	    {{.text = "550-5.7.1 looks\r\n550-5.7.1 like\r\n550 5.7.1 spam"},
		SMTP_PERMANENT,
		"the mail: 550 5.7.1 looks 5.7.1 like 5.7.1 spam"},
	    {{.greeting = SERVER_DROP}, SMTP_TEMPORARY, "could not be used"},
	    {{.mail = SERVER_DROP}, SMTP_TEMPORARY, "could not be used"},
	    {{.rcpt = SERVER_DROP}, SMTP_TEMPORARY, "could not be used"},
	    {{.greeting = "220 test", .ehlo = "250 t", .text = SERVER_DROP},
		SMTP_UNCERTAIN, "could not be used"},
	    {{.mail = "451 \x1b[2J\xff"}, SMTP_TEMPORARY,
		"451 \\u{1B}[2J\\xFF"},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct server server;
		struct err err;
		enum smtp_result result =
		    run(&table[i].script, &to_one, &server, &err);
		if (result != table[i].result ||
		    strstr(err.text, table[i].says) == NULL)
			fail_msg("row %zu: %d, %s", i, (int)result, err.text);
	}
}

static void
one_refused_recipient_keeps_nobody_else_from_the_mail(void **state)
{
	(void)state;
	struct server server;
	struct err err;
	bool refused[2];
	server_start(&server, &(struct server_script){.refused = "a@example.vn",
				  .refused_with = "550 5.1.1 no such user"});
	struct smtp_attempt attempt = attempt_to(server.url, &to_two);
	attempt.refused = refused;
	assert_int_equal(smtp_send(&attempt, &err), SMTP_SENT);
	assert_string_equal(
	    err.text, "127.0.0.1 refused a@example.vn: 550 5.1.1 no such user");
	assert_true(refused[0]);
	assert_false(refused[1]);
	assert_int_equal(server.mails_n, 1);
	assert_string_equal(server.mails[0].to, "<b@example.vn>");
	server_stop(&server);
}

static void
all_refused_but_one_for_now_is_tried_again(void **state)
{
	(void)state;
	struct server server;
	struct err err;
	const struct server_script script = {.refused = "a@example.vn",
	    .refused_with = "450 4.2.0 later",
	    .rcpt = "550 5.1.1 no such user"};
	assert_int_equal(run(&script, &to_two, &server, &err), SMTP_TEMPORARY);
	assert_non_null(strstr(err.text, "a@example.vn: 450 4.2.0 later; "
					 "b@example.vn: 550 5.1.1"));
}

static void
a_refusal_for_good_does_not_outlive_a_lost_connection(void **state)
{
	(void)state;
	static const struct server_script scripts[] = {
	    {.rcpt = SERVER_DROP},
	    {.data = SERVER_DROP},
	};
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct server server;
		struct err err;
		struct server_script script = scripts[i];
		script.refused = "a@example.vn";
		script.refused_with = "550 5.1.1 no such user";
		assert_int_equal(
		    run(&script, &to_two, &server, &err), SMTP_TEMPORARY);
	}
}

static void
a_connection_lost_within_the_mail_is_temporary(void **state)
{
	(void)state;
	static char mail[4 << 20];
	memset(mail, 'x', sizeof(mail));
	for (size_t i = 78; i < sizeof(mail); i += 80)
		memcpy(mail + i, "\r\n", 2);
	struct server server;
	struct err err;
	server_start(&server, &(struct server_script){.drop_in_text = true});
	struct smtp_attempt attempt = attempt_to(server.url, &to_one);
	attempt.mail = mail;
	attempt.length = sizeof(mail);
	assert_int_equal(smtp_send(&attempt, &err), SMTP_TEMPORARY);
	assert_int_equal(server.mails_n, 0);
	server_stop(&server);
}

static void
no_server_is_temporary_and_said_at_once(void **state)
{
	(void)state;
	struct server server;
	struct err err;
	server_start(&server, &(struct server_script){NULL});
	struct smtp_attempt attempt = attempt_to(server.url, &to_one);
	server_stop(&server);
	double begin = seconds();
	assert_int_equal(smtp_send(&attempt, &err), SMTP_TEMPORARY);
	assert_true(seconds() - begin < 5);
	assert_non_null(strstr(err.text, "127.0.0.1"));
}

static void
a_mail_that_was_taken_is_sent_whatever_quit_is_answered(void **state)
{
	(void)state;
	static const char *const answers[] = {"500 no", SERVER_DROP};
	for (size_t i = 0; i < 2; i++) {
		struct server server;
		struct err err;
		const struct server_script script = {.quit = answers[i]};
		assert_int_equal(
		    run(&script, &to_one, &server, &err), SMTP_SENT);
		assert_string_equal(err.text, "");
	}
}

static void *
stop_soon(void *context)
{
	usleep(300 * 1000);
	__atomic_store_n((bool *)context, true, __ATOMIC_RELAXED);
	return NULL;
}

/* An attempt that is stopped after 0.3 s. */
static enum smtp_result
run_stopped(const struct server_script *script, double *took_r, struct err *err)
{
	struct server server;
	bool stop = false;
	server_start(&server, script);
	struct smtp_attempt attempt = attempt_to(server.url, &to_one);
	attempt.stop = &stop;
	pthread_t thread;
	double begin = seconds();
	pthread_create(&thread, NULL, stop_soon, &stop);
	enum smtp_result result = smtp_send(&attempt, err);
	*took_r = seconds() - begin;
	pthread_join(thread, NULL);
	server_stop(&server);
	return result;
}

static void
a_server_that_hangs_does_not_hold_up_the_end(void **state)
{
	(void)state;
	static const struct server_script scripts[] = {
	    {.greeting = SERVER_HANG},
	    {.ehlo = SERVER_HANG},
	    {.rcpt = SERVER_HANG},
	    {.data = SERVER_HANG},
	};
	struct err err;
	double took;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		assert_int_equal(
		    run_stopped(&scripts[i], &took, &err), SMTP_TEMPORARY);
		assert_non_null(strstr(err.text, "stopped"));
		assert_true(took < 2);
	}
	/* Here libcurl says QUIT and waits for another second. */
	const struct server_script text = {.text = SERVER_HANG};
	assert_int_equal(run_stopped(&text, &took, &err), SMTP_UNCERTAIN);
	assert_true(took < 3);
	const struct server_script quit = {.quit = SERVER_HANG};
	assert_int_equal(run_stopped(&quit, &took, &err), SMTP_SENT);
	assert_true(took < 3);
}

static void
a_login_in_the_url_is_decoded_and_used(void **state)
{
	(void)state;
	struct server server;
	struct err err;
	char url[128];
	server_start(&server,
	    &(struct server_script){.ehlo = "250-test\r\n250 AUTH PLAIN"});
	snprintf(url, sizeof(url), "smtp://alert%%40x:p%%3Aw@127.0.0.1:%d",
	    server.port);
	struct smtp_attempt attempt = attempt_to(url, &to_one);
	assert_int_equal(smtp_send(&attempt, &err), SMTP_SENT);
	/* base64 of "\0alert@x\0p:w", at once or after a 334. */
	assert_non_null(strstr(server.said, "AGFsZXJ0QHgAcDp3"));
	server_stop(&server);
}

static void
a_refused_login_says_why_without_the_password(void **state)
{
	(void)state;
	struct server server;
	struct err err;
	char url[128];
	server_start(&server,
	    &(struct server_script){.ehlo = "250-test\r\n250 AUTH PLAIN",
		.auth = "535 5.7.8 authentication failed"});
	snprintf(
	    url, sizeof(url), "smtp://alert:s3cret@127.0.0.1:%d", server.port);
	struct smtp_attempt attempt = attempt_to(url, &to_one);
	assert_int_equal(smtp_send(&attempt, &err), SMTP_PERMANENT);
	assert_non_null(
	    strstr(err.text, "the login: 535 5.7.8 authentication failed"));
	assert_null(strstr(err.text, "s3cret"));
	assert_null(strstr(err.text, "AGFsZXJ0"));
	server_stop(&server);
}

/* What a server may say before a mail would follow. */
static void
a_server_is_tried_without_a_mail(void **state)
{
	(void)state;
	const struct text_list nobody = {0};
	static const struct {
		struct server_script script;
		const char *says; /* NULL: it lets us in */
	} table[] = {
	    {{NULL}, NULL},
	    {{.ehlo = "250-test\r\n250 AUTH PLAIN"}, NULL},
	    {{.greeting = "554 5.7.1 go away"}, "554 5.7.1 go away"},
	    {{.greeting = SERVER_DROP}, "could not be used"},
	    {{.noop = "421 4.3.2 closing"}, "refused NOOP: 421 4.3.2 closing"},
	    {{.ehlo = "250-test\r\n250 AUTH PLAIN",
		 .auth = "535 5.7.8 authentication failed"},
		"the login: 535 5.7.8 authentication failed"},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct server server;
		struct err err = {""};
		char url[128];
		server_start(&server, &table[i].script);
		snprintf(url, sizeof(url), "smtp://alert:s3cret@127.0.0.1:%d",
		    server.port);
		int result = smtp_try(
		    url, "bulkwatch@example.vn", &nobody, &err);
		assert_int_equal(result, table[i].says == NULL ? 0 : -1);
		if (table[i].says != NULL &&
		    strstr(err.text, table[i].says) == NULL)
			fail_msg("\"%s\" lacks \"%s\"", err.text,
			    table[i].says);
		assert_null(strstr(err.text, "s3cret"));
		server_stop(&server);
		assert_null(strstr(server.said, "MAIL"));
		assert_int_equal(server.mails_n, 0);
	}
}

static void
trying_a_server_names_the_recipients_it_refuses_and_sends_nothing(void **state)
{
	(void)state;
	static const char *const three[] = {"a@x.vn", "gone@x.vn", "c@x.vn"};
	const struct text_list to = {three, 3};
	struct server server;
	struct err err = {""};
	server_start(&server, &(struct server_script){.refused = NULL});
	assert_int_equal(smtp_try(server.url, "b@x.vn", &to, &err), 0);
	server_stop(&server);
	assert_int_equal(server.mails_n, 0);
	assert_null(strstr(server.said, "DATA"));
	assert_non_null(strstr(server.said, "RCPT TO:<c@x.vn>"));

	server_start(&server,
	    &(struct server_script){.refused = "gone@",
		.refused_with = "550 5.1.1 who is that"});
	assert_int_equal(smtp_try(server.url, "b@x.vn", &to, &err), -1);
	server_stop(&server);
	assert_non_null(strstr(err.text, "gone@x.vn: 550 5.1.1 who is that"));
	assert_null(strstr(err.text, "a@x.vn"));
	assert_null(strstr(err.text, "c@x.vn"));
	assert_non_null(strstr(server.said, "RCPT TO:<c@x.vn>"));
}

static void
no_password_leaves_this_host_without_tls(void **state)
{
	(void)state;
	struct server server;
	struct err err;
	char url[128];
	server_start(&server,
	    &(struct server_script){.ehlo = "250-test\r\n250 AUTH PLAIN"});
	/* A name that libcurl leads to loopback, but is not known as such. */
	snprintf(url, sizeof(url), "smtp://alert:s3cret@mail.localhost:%d",
	    server.port);
	struct smtp_attempt attempt = attempt_to(url, &to_one);
	assert_int_equal(smtp_send(&attempt, &err), SMTP_TEMPORARY);
	assert_non_null(strstr(err.text, "mail.localhost"));
	assert_null(strstr(err.text, "s3cret"));
	assert_null(strstr(server.said, "AUTH"));
	assert_int_equal(server.connections, 1);
	server_stop(&server);
}

static void
starttls_that_does_not_work_is_done_without_where_it_may(void **state)
{
	(void)state;
	static const char *const answers[] = {
	    "454 no certificate", "220 go ahead"};
	for (size_t i = 0; i < 2; i++) {
		struct server server;
		struct err err;
		const struct server_script script = {
		    .ehlo = "250-test\r\n250 STARTTLS", .starttls = answers[i]};
		assert_int_equal(
		    run(&script, &to_one, &server, &err), SMTP_SENT);
		assert_non_null(strstr(server.said, "STARTTLS"));
	}
}

static void
the_environment_has_no_say(void **state)
{
	(void)state;
	struct server server;
	struct err err;
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	enum smtp_result result =
	    run(&(struct server_script){NULL}, &to_one, &server, &err);
	unsetenv("ALL_PROXY");
	assert_int_equal(result, SMTP_SENT);
}

static void
a_url_that_is_none_is_refused_without_showing_it(void **state)
{
	(void)state;
	static const char *const urls[] = {"smtp://user:s3cret@", "",
	    "smtp://user:s3cret@host:99999999", "http://127.0.0.1:1/s3cret"};
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct err err = {""};
		struct smtp_attempt attempt = attempt_to(urls[i], &to_one);
		assert_int_not_equal(smtp_send(&attempt, &err), SMTP_SENT);
		assert_string_not_equal(err.text, "");
		assert_null(strstr(err.text, "s3cret"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_mail_is_delivered_to_all),
	    cmocka_unit_test(ehlo_says_a_whole_host_name),
	    cmocka_unit_test(dots_and_long_lines_come_through_whole),
	    cmocka_unit_test(replies_are_told_apart_for_now_and_for_good),
	    cmocka_unit_test(
		one_refused_recipient_keeps_nobody_else_from_the_mail),
	    cmocka_unit_test(all_refused_but_one_for_now_is_tried_again),
	    cmocka_unit_test(
		a_refusal_for_good_does_not_outlive_a_lost_connection),
	    cmocka_unit_test(a_connection_lost_within_the_mail_is_temporary),
	    cmocka_unit_test(no_server_is_temporary_and_said_at_once),
	    cmocka_unit_test(
		a_mail_that_was_taken_is_sent_whatever_quit_is_answered),
	    cmocka_unit_test(a_server_that_hangs_does_not_hold_up_the_end),
	    cmocka_unit_test(a_login_in_the_url_is_decoded_and_used),
	    cmocka_unit_test(a_refused_login_says_why_without_the_password),
	    cmocka_unit_test(a_server_is_tried_without_a_mail),
	    cmocka_unit_test(
		trying_a_server_names_the_recipients_it_refuses_and_sends_nothing),
	    cmocka_unit_test(no_password_leaves_this_host_without_tls),
	    cmocka_unit_test(
		starttls_that_does_not_work_is_done_without_where_it_may),
	    cmocka_unit_test(the_environment_has_no_say),
	    cmocka_unit_test(a_url_that_is_none_is_refused_without_showing_it),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
