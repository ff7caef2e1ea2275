/* compose_test.c: our own mail as bytes to send. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bulkwatch/compose.h"
#include "bulkwatch/header.h"
#include "bulkwatch/text.h"
#include "mail_text.h"

static const char *const admin[] = {"postmaster@example.gov.vn"};
static const struct text_list to_admin = {admin, 1};
static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	setenv("TZ", "Asia/Ho_Chi_Minh", 1);
	tzset();
	mail_init();
	arena = arena_new();
	return arena == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(arena);
	mail_deinit();
	return 0;
}

static struct outgoing
plain_mail(void)
{
	return (struct outgoing){
	    .from = "bulkwatch@example.gov.vn",
	    .from_name = "bulkwatch",
	    .to = &to_admin,
	    .subject = "A bulk send",
	    .body = "First line\nSecond line\n",
	    .message_id = "bulkwatch.1.2.started@example.gov.vn",
	    .nonce = "0123456789abcdef0123456789abcdef",
	    .in_reply_to = "",
	    .at_ms = 1772435109000,
	};
}

/* Every line ends in CRLF, none is over 998 bytes, and all is ASCII. */
static void
check_form(const char *mail, size_t length)
{
	size_t line = 0;
	assert_int_equal(strlen(mail), length);
	assert_true(length > 2 && mail[length - 1] == '\n');
	for (size_t i = 0; i < length; i++, line++) {
		assert_true((unsigned char)mail[i] < 0x7f);
		if (mail[i] == '\r')
			assert_int_equal(mail[i + 1], '\n');
		if (mail[i] == '\n') {
			assert_int_equal(mail[i - 1], '\r');
			assert_in_range(line, 0, 998 + 1);
			line = (size_t)-1;
		}
	}
}

/* Composes, checks the form, and keeps the mail in the arena. */
static const char *
compose(const struct outgoing *outgoing)
{
	struct err err = {""};
	char *mail = NULL;
	size_t length = 0;
	if (compose_mail(outgoing, &mail, &length, &err) < 0)
		fail_msg("%s", err.text);
	check_form(mail, length);
	const char *kept = arena_strndup(arena, mail, length);
	free(mail);
	return kept;
}

static const char *
header(const char *mail, const char *name)
{
	return mail_header(arena, mail, name);
}

static int
headers(const char *mail, const char *name)
{
	int found;
	mail_find(arena, mail, name, &found);
	return found;
}

/* RFC 2047 section 2: no word over 75 characters; section 5: whole characters
 * in each, so each decodes to clean text by itself. */
static void
check_words(const char *value)
{
	for (const char *p = strstr(value, "=?"); p != NULL;
	     p = strstr(p, "=?")) {
		size_t length = strcspn(p, " \r\n");
		assert_in_range(length, 1, 75);
		const char *word = arena_strndup(arena, p, length);
		const char *shown = header_subject(arena, word);
		/* Neither we nor GMime had to mend it. */
		assert_null(strstr(shown, "\\x"));
		assert_null(strchr(shown, '?'));
		assert_string_not_equal(shown, word);
		assert_string_not_equal(shown, "");
		p += length;
	}
	for (const char *line = value; line != NULL;
	     line = strchr(line, '\n')) {
		line += *line == '\n';
		assert_in_range(strcspn(line, "\r"), 0, 78);
	}
}

static void
a_plain_mail_has_every_header_and_its_body_as_it_stands(void **state)
{
	(void)state;
	struct outgoing outgoing = plain_mail();
	const char *mail = compose(&outgoing);
	assert_non_null(
	    strstr(header(mail, "From"), "<bulkwatch@example.gov.vn>"));
	assert_string_equal(header(mail, "To"), "postmaster@example.gov.vn");
	assert_string_equal(header(mail, "Subject"), "A bulk send");
	assert_string_equal(
	    header(mail, "Date"), "Mon, 02 Mar 2026 14:05:09 +0700");
	assert_string_equal(header(mail, "Message-ID"),
	    "<bulkwatch.1.2.started@example.gov.vn>");
	assert_string_equal(header(mail, "Auto-Submitted"), "auto-generated");
	assert_string_equal(header(mail, "X-Bulkwatch-Nonce"),
	    "0123456789abcdef0123456789abcdef");
	assert_string_equal(header(mail, "MIME-Version"), "1.0");
	assert_string_equal(
	    header(mail, "Content-Type"), "text/plain; charset=utf-8");
	assert_string_equal(header(mail, "Content-Transfer-Encoding"), "7bit");
	assert_string_equal(mail_body(mail), "First line\r\nSecond line\r\n");
	assert_null(strstr(mail, "In-Reply-To"));
}

static void
no_nonce_header_without_a_nonce(void **state)
{
	(void)state;
	struct outgoing outgoing = plain_mail();
	outgoing.nonce = "";
	assert_null(strstr(compose(&outgoing), "Nonce"));
}

static void
an_answer_names_the_first_mail(void **state)
{
	(void)state;
	struct outgoing outgoing = plain_mail();
	outgoing.in_reply_to = "first@example.gov.vn";
	const char *mail = compose(&outgoing);
	assert_string_equal(
	    header(mail, "In-Reply-To"), "<first@example.gov.vn>");
	assert_string_equal(
	    header(mail, "References"), "<first@example.gov.vn>");
}

static void
a_vietnamese_subject_is_in_words_of_75_that_split_no_character(void **state)
{
	(void)state;
	static const char *const subjects[] = {
	    "Cảnh báo: nguyen.van.a@example.gov.vn gửi thư hàng loạt đến 25 "
	    "người nhận: Thư mời họp Ủy ban nhân dân huyện về việc báo cáo",
	    /* One long word: where GMime alone makes a word of 177 bytes. */
	    "ếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếếế"
	    "ếếế",
	    "\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7"
	    "a\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7"
	    "b\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "plain words that are longer than one line may be and so have to "
	    "be folded somewhere by whoever writes the header",
	};
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		struct outgoing outgoing = plain_mail();
		outgoing.subject = subjects[i];
		const char *value = header(compose(&outgoing), "Subject");
		check_words(value);
		assert_string_equal(header_subject(arena, value), subjects[i]);
	}
}

static void
a_word_in_the_text_is_not_taken_for_an_encoded_one(void **state)
{
	(void)state;
	/* What header_subject leaves of a broken word comes back to us. */
	struct outgoing outgoing = plain_mail();
	outgoing.subject = "see =?utf-8?q?x?= there";
	const char *value = header(compose(&outgoing), "Subject");
	assert_null(strstr(value, "=?utf-8?q?x?="));
	assert_string_equal(header_subject(arena, value), outgoing.subject);
}

static void
a_vietnamese_name_stands_before_the_address(void **state)
{
	(void)state;
	struct outgoing outgoing = plain_mail();
	outgoing.from_name = "Tổ quản trị thư điện tử, \"UBND\" huyện <a@b.c>";
	const char *value = header(compose(&outgoing), "From");
	const char *address = strstr(value, "<bulkwatch@example.gov.vn>");
	assert_non_null(address);
	check_words(value);
	assert_string_equal(
	    header_subject(
		arena, arena_strndup(arena, value, (size_t)(address - value))),
	    outgoing.from_name);

	outgoing.from_name = "Doe, \"J\" <x@y>";
	value = header(compose(&outgoing), "From");
	assert_string_equal(
	    value, "\"Doe, \\\"J\\\" <x@y>\" <bulkwatch@example.gov.vn>");

	outgoing.from_name = "";
	assert_string_equal(
	    header(compose(&outgoing), "From"), "bulkwatch@example.gov.vn");
}

static void
no_value_brings_in_a_header(void **state)
{
	(void)state;
	struct outgoing outgoing = plain_mail();
	outgoing.subject = "x\r\nBcc: a@b.vn\r\n\r\nbody";
	outgoing.from_name = "y\nBcc: a@b.vn";
	const char *mail = compose(&outgoing);
	assert_int_equal(headers(mail, "Bcc"), 0);
	assert_string_equal(header(mail, "Subject"), "x  Bcc: a@b.vn    body");
	outgoing.subject = "họp\r\nBcc: a@b.vn";
	mail = compose(&outgoing);
	assert_int_equal(headers(mail, "Bcc"), 0);
	assert_string_equal(
	    header_subject(arena, header(mail, "Subject")), "họp  Bcc: a@b.vn");
}

static void
addresses_and_ids_that_would_leave_their_place_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"a@b.vn\r\nBcc: c@d.vn"};
	static const struct text_list to_bad = {bad, 1}, to_none = {NULL, 0};
	struct outgoing table[7];
	for (size_t i = 0; i < 7; i++)
		table[i] = plain_mail();
	table[0].from = "a@b.vn>\r\nBcc: <c@d.vn";
	table[1].to = &to_bad;
	table[2].to = &to_none;
	table[3].message_id = "a>\r\nBcc: c@d.vn";
	table[4].message_id = "";
	table[5].in_reply_to = "a b";
	table[6].nonce = "a\nBcc: c@d.vn";
	for (size_t i = 0; i < 7; i++) {
		struct err err = {""};
		char *mail = NULL;
		size_t length;
		assert_int_equal(
		    compose_mail(&table[i], &mail, &length, &err), -1);
		assert_null(mail);
		assert_string_not_equal(err.text, "");
	}
}

static void
many_recipients_are_folded(void **state)
{
	(void)state;
	const char *items[50];
	for (size_t i = 0; i < 50; i++)
		items[i] = "someone.with.a.long.name@example.gov.vn";
	const struct text_list to = {items, 50};
	struct outgoing outgoing = plain_mail();
	outgoing.to = &to;
	const char *value = header(compose(&outgoing), "To");
	check_words(value);
	size_t found = 0;
	for (const char *p = value; (p = strstr(p, "someone")) != NULL; p++)
		found++;
	assert_int_equal(found, 50);
}

static void
hostile_bodies_come_back_whole(void **state)
{
	(void)state;
	char line[5002];
	memset(line, 'x', 5000);
	strcpy(line + 5000, "\n");
	const char *const bodies[] = {
	    "Kính gửi quản trị viên,\n.\n..\nFrom me\n  spaces  "
	    "\n\ttab\t\n=3D\n",
	    line,
	    arena_printf(arena, "ọ%s\nend\n", line),
	    "control \x01\x1b[2J\x7f\n",
	    "\n\n\nhọp\n\n",
	};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct outgoing outgoing = plain_mail();
		outgoing.body = bodies[i];
		const char *mail = compose(&outgoing);
		assert_string_equal(mail_text(arena, mail), bodies[i]);
		for (const char *p = mail_body(mail); *p != '\0';
		     p = strchr(p, '\n') + 1)
			assert_in_range(strcspn(p, "\r"), 0, 76);
	}
}

static void
bodies_end_in_one_line_end_whatever_they_were_given(void **state)
{
	(void)state;
	struct outgoing outgoing = plain_mail();
	outgoing.body = "one\r\ntwo";
	assert_string_equal(mail_body(compose(&outgoing)), "one\r\ntwo\r\n");
	outgoing.body = "one\rtwo\n";
	assert_string_equal(mail_body(compose(&outgoing)), "onetwo\r\n");
	outgoing.body = "";
	assert_string_equal(mail_body(compose(&outgoing)), "\r\n");
}

static void
any_subject_comes_back_as_it_was(void **state)
{
	(void)state;
	static const char *const letters[] = {"a", "ế", "\xf0\x9f\x93\xa7", " ",
	    "é", "=", ",", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "\"", "<"};
	srandom(1);
	for (int round = 0; round < 3000; round++) {
		char subject[512] = "x";
		for (long n = random() % 60; n > 0 && strlen(subject) < 400;
		     n--)
			strcat(subject,
			    letters[(size_t)random() %
				    (sizeof(letters) / sizeof(letters[0]))]);
		strcat(subject, "y");
		struct outgoing outgoing = plain_mail();
		outgoing.subject = subject;
		const char *value = header(compose(&outgoing), "Subject");
		check_words(value);
		/* Runs of spaces may be where a plain subject was folded. */
		assert_string_equal(header_subject(arena, value), subject);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		a_plain_mail_has_every_header_and_its_body_as_it_stands),
	    cmocka_unit_test(no_nonce_header_without_a_nonce),
	    cmocka_unit_test(an_answer_names_the_first_mail),
	    cmocka_unit_test(
		a_vietnamese_subject_is_in_words_of_75_that_split_no_character),
	    cmocka_unit_test(
		a_word_in_the_text_is_not_taken_for_an_encoded_one),
	    cmocka_unit_test(a_vietnamese_name_stands_before_the_address),
	    cmocka_unit_test(no_value_brings_in_a_header),
	    cmocka_unit_test(
		addresses_and_ids_that_would_leave_their_place_are_refused),
	    cmocka_unit_test(many_recipients_are_folded),
	    cmocka_unit_test(hostile_bodies_come_back_whole),
	    cmocka_unit_test(
		bodies_end_in_one_line_end_whatever_they_were_given),
	    cmocka_unit_test(any_subject_comes_back_as_it_was),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
