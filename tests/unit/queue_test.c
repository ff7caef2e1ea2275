/* queue_test.c: which queue ids and which mails are taken for ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

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
		if (queue_id_ok(&queue_postfix, cases[i].id) != cases[i].postfix)
			fail_msg("Postfix: \"%s\"", cases[i].id);
		if (queue_id_ok(&queue_sendmail, cases[i].id) != cases[i].sendmail)
			fail_msg("Sendmail: \"%s\"", cases[i].id);
	}
}

#define AT INT64_C(1795372440000)
#define MINUTE INT64_C(60000)
#define DAY (24 * 60 * MINUTE)

static void
a_mail_that_came_at_another_time_is_another_one(void **state)
{
	(void)state;
	static const struct {
		int64_t arrival_ms;
		bool same;
	} cases[] = {
	    {AT, true},
	    {AT - 500, true}, /* seconds are cut */
	    {AT - DAY, true}, /* a slow client, or an outage */
	    {AT - DAY - 1, false},
	    {AT + 5 * MINUTE, true}, /* a clock that is behind */
	    {AT + 11 * MINUTE, false},
	    {AT + DAY, false},
	    {0, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    queue_same_mail(cases[i].arrival_ms, AT), cases[i].same);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_what_a_server_gives_is_a_queue_id),
	    cmocka_unit_test(a_mail_that_came_at_another_time_is_another_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
