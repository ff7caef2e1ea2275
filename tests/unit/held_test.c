/* held_test.c: `bulkwatch release` and `discard`, before a mail server is
 * asked. */
#include "office.h"

static int
setup(void **state)
{
	setenv("USER", "an", 1);
	unsetenv("SUDO_USER");
	return office_setup(state);
}

static void
wrong_words_are_told(void **state)
{
	is_misuse(CALL("release"), "release wants one ID");
	is_misuse(CALL("release", "1", "2"), "release takes one ID");
	is_misuse(CALL("discard", "x"), "ID");
	is_misuse(CALL("discard", "1", "--mta", "exim"),
	    "--mta wants postfix or sendmail, not \"exim\"");
	is_misuse(CALL("release", "1", "--config-dir", "etc"),
	    "--config-dir wants a whole path, such as /etc/postfix-out, not "
	    "\"etc\"");
	is_misuse(CALL("release", "1", "--by", ""), "--by is empty");
}

static void
what_holds_nothing_is_told(void **state)
{
	struct office o;
	if (geteuid() != 0) {
		struct call c = CALL("release", "1");
		assert_int_equal(c.code, 1);
		assert_non_null(strstr(c.err, "only root may release"));
		return;
	}
	office_init(&o, *state);
	office_sends(&o, "lan@example.gov.vn", 20, 60);
	struct call c = CALL("release", "1", "-c", o.conf);
	assert_int_equal(c.code, 1);
	assert_string_equal(c.err,
	    "bulkwatch: bulk send 1 holds no mail that waits; `bulkwatch list "
	    "--held` shows those that do\n");
	assert_string_equal(c.out, "");
	c = CALL("discard", "2", "-c", o.conf, "--json");
	assert_int_equal(c.code, 1);
	assert_non_null(strstr(c.err, "there is no bulk send 2;"));
	says(CALL("list", "--held", "-c", o.conf), 0, "no mail is held\n");
	says(CALL("list", "--held", "--json", "-c", o.conf), 0, "[]\n");
	office_deinit(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(wrong_words_are_told),
	    cmocka_unit_test(what_holds_nothing_is_told),
	};
	return cmocka_run_group_tests(tests, setup, office_teardown);
}
