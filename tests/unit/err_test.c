/* err_test.c: why something could not be done; and the words of records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "bulkwatch/err.h"
#include "bulkwatch/record.h"

static void
a_sentence_is_set_and_minus_one_returned(void **state)
{
	(void)state;
	struct err err = {"before"};
	assert_int_equal(err_set(&err, "%d of %s", 3, "them"), -1);
	assert_string_equal(err.text, "3 of them");
}

static void
a_sentence_that_is_too_long_is_cut(void **state)
{
	(void)state;
	char mark[2] = "x";
	struct err err;
	err_set(&err, "%02000d", 0);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_string_equal(mark, "x");
}

static void
a_sentence_may_be_made_of_itself(void **state)
{
	(void)state;
	struct err err;
	err_set(&err, "inner");
	err_set(&err, "outer %s", err.text);
	assert_string_equal(err.text, "outer inner");
}

static void
the_text_of_errno_stands_at_the_end(void **state)
{
	(void)state;
	struct err err;
	errno = ENOENT;
	assert_int_equal(err_sys(&err, "file %s", "x"), -1);
	assert_string_equal(err.text, "file x: No such file or directory");
}

static void
what_was_being_done_stands_at_the_beginning(void **state)
{
	(void)state;
	struct err err;
	err_set(&err, "no room");
	assert_int_equal(err_wrap(&err, "saving %d", 7), -1);
	assert_string_equal(err.text, "saving 7: no room");
}

static void
nobody_need_listen(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, "x"), -1);
	assert_int_equal(err_sys(NULL, "x"), -1);
	assert_int_equal(err_wrap(NULL, "x"), -1);
}

/* ------------------------------------------------------------------ record */

static void
words_and_values_agree(void **state)
{
	(void)state;
	enum identity identity;
	enum action action;
	enum status status;
	enum outcome outcome;
	for (int i = IDENTITY_LOGIN; i <= IDENTITY_CLIENT; i++) {
		assert_int_equal(
		    record_identity_parse(
			record_identity_name((enum identity)i), &identity),
		    0);
		assert_int_equal(identity, i);
	}
	for (int i = ACTION_LOG; i <= ACTION_REJECT; i++) {
		assert_int_equal(
		    record_action_parse(
			record_action_name((enum action)i), &action),
		    0);
		assert_int_equal(action, i);
	}
	for (int i = STATUS_NEW; i <= STATUS_CLOSED; i++) {
		assert_int_equal(
		    record_status_parse(
			record_status_name((enum status)i), &status),
		    0);
		assert_int_equal(status, i);
	}
	for (int i = OUTCOME_REPORTED; i <= OUTCOME_FALSE_ALARM; i++) {
		assert_int_equal(
		    record_outcome_parse(
			record_outcome_name((enum outcome)i), &outcome),
		    0);
		assert_int_equal(outcome, i);
	}
}

static void
an_unknown_value_has_no_word(void **state)
{
	(void)state;
	assert_string_equal(record_identity_name((enum identity)0), "?");
	assert_string_equal(record_identity_name((enum identity)99), "?");
	assert_string_equal(record_status_name((enum status) - 1), "?");
	assert_string_equal(record_trigger_name((enum trigger)0), "?");
	assert_string_equal(record_alert_kind_name((enum alert_kind)0), "?");
	assert_string_equal(record_alert_state_name((enum alert_state)9), "?");
}

static void
an_unknown_word_has_no_value(void **state)
{
	(void)state;
	enum outcome outcome = OUTCOME_REPORTED;
	assert_int_equal(record_outcome_parse("", &outcome), -1);
	assert_int_equal(record_outcome_parse("Reported", &outcome), -1);
	assert_int_equal(record_outcome_parse("report", &outcome), -1);
	assert_int_equal(outcome, OUTCOME_REPORTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_sentence_is_set_and_minus_one_returned),
	    cmocka_unit_test(a_sentence_that_is_too_long_is_cut),
	    cmocka_unit_test(a_sentence_may_be_made_of_itself),
	    cmocka_unit_test(the_text_of_errno_stands_at_the_end),
	    cmocka_unit_test(what_was_being_done_stands_at_the_beginning),
	    cmocka_unit_test(nobody_need_listen),
	    cmocka_unit_test(words_and_values_agree),
	    cmocka_unit_test(an_unknown_value_has_no_word),
	    cmocka_unit_test(an_unknown_word_has_no_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
