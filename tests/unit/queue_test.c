/* queue_test.c: which queue ids and which mails are taken for ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../milter/mta/queue_index.h"
#include "bulkwatch/queue.h"

static void
only_what_a_server_gives_is_a_queue_id(void **state)
{
	(void)state;
	static const struct {
		const char *id;
		bool postfix, sendmail;
	} cases[] = {
	    {"4311DA8A2BA", true, false},
	    {"4dTxyz1lKzbGk3", true, true},
	    {"3Pt2mN2VXxznjll", true, true},
	    {"6AMIUHxr032693", true, true},
	    {"", false, false},
	    {"A", false, false},
	    {"ALL", false, false},
	    {"-", false, false},
	    {"-d", false, false},
	    {"--help", false, false},
	    {"-4311DA8A2BA", false, false},
	    {"-6AMIUHxr03269", false, false},
	    {"../hold/4311DA8A2BA", false, false},
	    {"4311DA8A2BA/../../x", false, false},
	    {"4311DA8A2BA\n4311DA8A2BB", false, false},
	    {"4311DA8A2BA 4311DA8A2BB", false, false},
	    {"6AMIUHxr032693,x", false, false},
	    {"6AMIUHxr03269\xc3\xa9", false, false},
	    {"4311DA8A2BA4311DA8A2BA4311DA8A2BA", false, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (queue_id_ok(&queue_postfix, cases[i].id) !=
		    cases[i].postfix)
			fail_msg("Postfix: \"%s\"", cases[i].id);
		if (queue_id_ok(&queue_sendmail, cases[i].id) !=
		    cases[i].sendmail)
			fail_msg("Sendmail: \"%s\"", cases[i].id);
	}
}

#define AT INT64_C(1795372440000)
#define MINUTE INT64_C(60000)
#define DAY (24 * 60 * MINUTE)

static void
a_mail_that_came_long_after_the_message_is_another_one(void **state)
{
	(void)state;
	static const struct {
		int64_t arrival_ms;
		bool same;
	} cases[] = {
	    {AT, true},
	    {AT - 500, true},        /* seconds are cut */
	    {AT - DAY, true},        /* a slow client */
	    {AT - 10 * DAY, true},   /* it waited for pickup */
	    {AT + 5 * MINUTE, true}, /* a clock that is behind */
	    {AT + 11 * MINUTE, false},
	    {AT + DAY, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    queue_same_mail(cases[i].arrival_ms, AT), cases[i].same);
}

#define OURS 1000

/* As long as they are in a flood: each line has a few recipients. */
static void
take(struct queue_index *index, const char *queue, const char *id,
    int64_t arrival_ms)
{
	struct err err;
	char line[1024];
	int length = snprintf(line, sizeof(line),
	    "{\"queue_name\": \"%s\", \"queue_id\": \"%s\", "
	    "\"arrival_time\": %lld, \"message_size\": 321, \"sender\": "
	    "\"a@example.net\", \"recipients\": [{\"address\": "
	    "\"b@example.net\", \"delay_reason\": \"no route to host\"}, "
	    "{\"address\": \"c@example.net\"}]}",
	    queue, id, (long long)(arrival_ms / 1000));
	if (queue_postfix_line(index, line, (size_t)length, &err) < 0)
		fail_msg("%s", err.text);
}

static void
a_listing_of_very_many_takes_no_memory(void **state)
{
	(void)state;
	static struct queue_mail mails[OURS];
	static char ids[OURS][16];
	struct arena *arena = arena_new();
	struct queue_index index;
	struct err err;
	for (int i = 0; i < OURS; i++) {
		/* Not in the order of their names. */
		snprintf(ids[i], sizeof(ids[i]), "A%05X", i * 7919 % OURS);
		mails[i] = (struct queue_mail){
		    .queue_id = ids[i], .at_ms = AT, .state = QUEUE_GONE};
	}
	mails[5].state = QUEUE_NO_ID;
	assert_int_equal(queue_index_make(arena, mails, OURS, &index, &err), 0);
	const size_t before = arena_bytes(arena);
	for (int i = 0; i < 300000; i++) {
		char id[16];
		snprintf(id, sizeof(id), "F%05X", i);
		take(&index, i % 3 == 0 ? "hold" : "deferred", id, AT);
	}
	for (int i = 0; i < OURS; i += 5)
		take(&index, i % 2 == 0 ? "hold" : "active", ids[i],
		    i % 20 == 0 ? AT : AT + DAY);
	assert_true(arena_bytes(arena) == before);
	for (int i = 0; i < OURS; i++) {
		enum queue_state right = i % 10 != 0   ? QUEUE_GONE
					 : i % 20 == 0 ? QUEUE_HELD
						       : QUEUE_ANOTHER;
		assert_int_equal(mails[i].state, i == 5 ? QUEUE_NO_ID : right);
	}
	arena_free(arena);
}

static void
a_queue_id_that_was_given_twice_is_both(void **state)
{
	(void)state;
	struct queue_mail mails[] = {
	    {.queue_id = "B00001", .at_ms = AT + DAY, .state = QUEUE_GONE},
	    {.queue_id = "C00001", .at_ms = AT, .state = QUEUE_GONE},
	    {.queue_id = "B00001", .at_ms = AT, .state = QUEUE_GONE},
	};
	struct arena *arena = arena_new();
	struct queue_index index;
	struct err err;
	assert_int_equal(queue_index_make(arena, mails, 3, &index, &err), 0);
	take(&index, "hold", "B00001", AT + DAY);
	assert_int_equal(mails[0].state, QUEUE_HELD);
	assert_int_equal(mails[1].state, QUEUE_GONE);
	assert_int_equal(mails[2].state, QUEUE_ANOTHER);
	arena_free(arena);
}

static void
a_line_that_is_no_listing_is_told(void **state)
{
	(void)state;
	struct queue_index index = {.n = 0};
	static const char *const lines[] = {
	    "{\"queue_name\": \"hold\"", "{\"queue_name\": \"hold\"}", "Mail"};
	for (size_t i = 0; i < 3; i++) {
		struct err err = {""};
		assert_int_equal(queue_postfix_line(
				     &index, lines[i], strlen(lines[i]), &err),
		    -1);
		assert_non_null(strstr(err.text, "postqueue -j: a line"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_what_a_server_gives_is_a_queue_id),
	    cmocka_unit_test(
		a_mail_that_came_long_after_the_message_is_another_one),
	    cmocka_unit_test(a_listing_of_very_many_takes_no_memory),
	    cmocka_unit_test(a_queue_id_that_was_given_twice_is_both),
	    cmocka_unit_test(a_line_that_is_no_listing_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
