/* digest_test.c: names in 64 bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../../milter/store/digest.h"

static const struct digest_key key = {{1, 2, 3, 4}};

static const struct recipient some[] = {
    {"a@x.vn", false}, {"b@far.example", true}, {"c@x.vn", false}};

static struct message
message_to(const struct recipient *recipients, size_t n)
{
	return (struct message){.at_ms = 1000,
	    .identity = IDENTITY_LOGIN,
	    .sender = "an@x.vn",
	    .queue_id = "Q1",
	    .message_id = "<1@x.vn>",
    .subject = "Thông báo",
	    .recipients = recipients,
	    .recipients_n = n};
}

static uint64_t
fingerprint(const struct message *m)
{
	uint64_t hashes[16];
	size_t n = digest_recipients(&key, m, hashes);
	return digest_message(&key, m, hashes, n);
}

static void
each_key_is_another(void **state)
{
	(void)state;
	struct digest_key a, b;
	assert_int_equal(digest_key_make(&a), 0);
	assert_int_equal(digest_key_make(&b), 0);
	assert_memory_not_equal(a.bytes, b.bytes, DIGEST_KEY_BYTES);
}

static void
a_name_has_one_digest_with_a_key(void **state)
{
	(void)state;
	const struct digest_key other = {{9}};
	assert_true(
	    digest_name(&key, 1, "an@x.vn") == digest_name(&key, 1, "an@x.vn"));
	assert_true(digest_name(&key, 1, "an@x.vn") !=
		    digest_name(&other, 1, "an@x.vn"));
}

static void
kinds_of_one_name_differ(void **state)
{
	(void)state;
	assert_true(
	    digest_name(&key, 1, "an@x.vn") != digest_name(&key, 2, "an@x.vn"));
	assert_true(digest_name(&key, 1, "") != digest_name(&key, 2, ""));
}

static void
recipients_come_sorted(void **state)
{
	(void)state;
	struct recipient list[] = {{"d@x.vn", false}, {"a@x.vn", false},
	    {"c@x.vn", false}, {"b@x.vn", false}};
	struct message m = message_to(list, 4);
	uint64_t hashes[4];
	assert_int_equal(digest_recipients(&key, &m, hashes), 4);
	for (size_t i = 1; i < 4; i++)
		assert_true(hashes[i] > hashes[i - 1]);
}

static void
the_lowest_bit_says_external(void **state)
{
	(void)state;
	struct message m = message_to(some, 3);
	uint64_t hashes[3];
	unsigned external = 0;
	digest_recipients(&key, &m, hashes);
	for (size_t i = 0; i < 3; i++)
		external += hashes[i] & DIGEST_EXTERNAL;
	assert_int_equal(external, 1);
}

static void
a_recipient_that_stands_twice_is_one(void **state)
{
	(void)state;
	struct recipient list[] = {
	    {"a@x.vn", false}, {"a@x.vn", false}, {"b@x.vn", false}};
	struct message m = message_to(list, 3);
	uint64_t hashes[3];
	assert_int_equal(digest_recipients(&key, &m, hashes), 2);
}

static void
no_recipient_is_no_digest(void **state)
{
	(void)state;
	struct message m = message_to(NULL, 0);
	assert_int_equal(digest_recipients(&key, &m, NULL), 0);
}

static void
a_retry_has_the_same_fingerprint(void **state)
{
	(void)state;
	struct message first = message_to(some, 3);
	struct message again = first;
	again.at_ms = 99000;
	again.tick = 99;
	again.queue_id = "Q2";
	again.client = "192.0.2.9";
	assert_true(fingerprint(&first) == fingerprint(&again));
}

static void
what_makes_another_message_makes_another_fingerprint(void **state)
{
	(void)state;
	const struct message first = message_to(some, 3);
	struct message other = first;
	other.sender = "binh@x.vn";
	assert_true(fingerprint(&first) != fingerprint(&other));
	other = first;
	other.identity = IDENTITY_ENVELOPE;
	assert_true(fingerprint(&first) != fingerprint(&other));
	other = first;
	other.subject = "another";
	assert_true(fingerprint(&first) != fingerprint(&other));
	other = first;
	other.message_id = "<2@x.vn>";
	assert_true(fingerprint(&first) != fingerprint(&other));
	other = message_to(some, 2);
	assert_true(fingerprint(&first) != fingerprint(&other));
}

static void
without_message_id_time_and_queue_id_tell_messages_apart(void **state)
{
	(void)state;
	struct message first = message_to(some, 3);
	first.message_id = "";
	struct message same = first, later = first, queued = first;
	later.at_ms++;
	queued.queue_id = "Q2";
	assert_true(fingerprint(&first) == fingerprint(&same));
	assert_true(fingerprint(&first) != fingerprint(&later));
	assert_true(fingerprint(&first) != fingerprint(&queued));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_key_is_another),
	    cmocka_unit_test(a_name_has_one_digest_with_a_key),
	    cmocka_unit_test(kinds_of_one_name_differ),
	    cmocka_unit_test(recipients_come_sorted),
	    cmocka_unit_test(the_lowest_bit_says_external),
	    cmocka_unit_test(a_recipient_that_stands_twice_is_one),
	    cmocka_unit_test(no_recipient_is_no_digest),
	    cmocka_unit_test(a_retry_has_the_same_fingerprint),
	    cmocka_unit_test(
		what_makes_another_message_makes_another_fingerprint),
	    cmocka_unit_test(
		without_message_id_time_and_queue_id_tell_messages_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
