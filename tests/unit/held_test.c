/* held_test.c: `bulkwatch release` and `discard`, before a mail server is
 * asked. */
#include <fcntl.h>
#include <unistd.h>

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
	is_misuse(CALL("release"), "release wants an ID");
	is_misuse(CALL("release", "1", "--yes"), "--yes");
	is_misuse(CALL("discard", "x"), "ID");
	is_misuse(CALL("discard", "1", "--mta", "exim"),
	    "--mta wants postfix or sendmail, not \"exim\"");
	is_misuse(CALL("release", "1", "--config-dir", "etc"),
	    "--config-dir wants a whole path, such as /etc/postfix-out, not "
	    "\"etc\"");
	is_misuse(CALL("release", "1", "--by", ""), "--by is empty");
}

static void
discard_is_not_done_unasked(void **state)
{
	int kept = dup(STDIN_FILENO), nothing = open("/dev/null", O_RDONLY);
	assert_int_equal(dup2(nothing, STDIN_FILENO), STDIN_FILENO);
	struct call c = CALL("discard", "1");
	dup2(kept, STDIN_FILENO);
	close(kept);
	close(nothing);
	is_misuse(c,
	    "discard deletes mail for good, and there is no terminal on which "
	    "it could ask: --yes says that it may");
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
	c = CALL("release", "1", "4XyZ12", "-c", o.conf);
	assert_int_equal(c.code, 1);
	assert_string_equal(c.err,
	    "bulkwatch: bulk send 1 has no held message 4XyZ12; `bulkwatch "
	    "show 1` shows those that it has\n");
	c = CALL("discard", "2", "--yes", "-c", o.conf, "--json");
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
	    cmocka_unit_test(discard_is_not_done_unasked),
	    cmocka_unit_test(what_holds_nothing_is_told),
	};
	return cmocka_run_group_tests(tests, setup, office_teardown);
}
