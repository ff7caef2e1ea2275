/* follow_test.c: a bulk send from an alert to a closed case, by the command. */
#include "office.h"

#include <sys/wait.h>

static int
setup(void **state)
{
	setenv("USER", "an", 1);
	unsetenv("SUDO_USER");
	return office_setup(state);
}

/* What is known of bulk send 1, as a program sees it. */
#define SHOWN() CALL("show", "1", "-c", o.conf, "--json")

static void
refused(struct call c, int code, const char *sentence)
{
	assert_string_equal(c.out, "");
	if (c.code != code || strncmp(c.err, "bulkwatch: ", 11) != 0 ||
	    strstr(c.err, sentence) == NULL)
		fail_msg(
		    "code %d: \"%s\" lacks \"%s\"", c.code, c.err, sentence);
}

static void
a_case_goes_from_new_to_closed_and_back(void **state)
{
	struct office o;
	office_init(&o, *state);
	office_sends(&o, "lan@example.gov.vn", 20, 60);
	says(CALL("take", "1", "-c", o.conf, "--by", "hoa"), 0,
	    "Bulk send 1 is taken by hoa.\nNext: ask lan@example.gov.vn; ");
	says(CALL("note", "1", "đã gọi điện", "--by", "minh", "-c", o.conf), 0,
	    "Noted on bulk send 1 by minh.\n");
	says(CALL("close", "1", "--outcome", "reported", "--reference",
		 "12/BC-VP", "--note", "gửi muộn", "--by", "hoa", "-c", o.conf),
	    0, "Bulk send 1 is closed as reported, reference 12/BC-VP.\n");
	struct call c = SHOWN();
	says(c, 0, "\"status\": \"closed\",");
	says(c, 0, "\"outcome\": \"reported\",");
	says(c, 0, "\"reference\": \"12/BC-VP\",");
	says(c, 0, "\"note\": \"đã gọi điện\"");
	says(c, 0, "\"note\": \"reported; reference 12/BC-VP; gửi muộn\"");
	says(CALL("list", "-c", o.conf), 0, "no bulk sends are open\n");
	says(CALL("reopen", "1", "--note", "sai", "-c", o.conf), 0,
	    "Bulk send 1 is open again, taken by an.\n");
	c = SHOWN();
	says(c, 0, "\"status\": \"reviewing\",");
	says(c, 0, "\"assignee\": \"an\",");
	office_deinit(&o);
}

static void
json_of_a_step_is_the_record_after_it(void **state)
{
	struct office o;
	office_init(&o, *state);
	office_sends(&o, "lan@example.gov.vn", 20, 60);
	struct call c =
	    CALL("take", "1", "-c", o.conf, "--by", "hoa", "--json");
	says(c, 0, "{\n  \"id\": 1,\n  \"status\": \"reviewing\",");
	says(c, 0, "\"assignee\": \"hoa\",");
	office_deinit(&o);
}

static void
who_does_it_is_by_else_sudo_user_else_user_else_the_uid(void **state)
{
	struct office o;
	office_init(&o, *state);
	office_sends(&o, "lan@example.gov.vn", 20, 60);
	says(CALL("note", "1", "x", "-c", o.conf), 0, " by an.\n");
	setenv("SUDO_USER", "sudoer", 1);
	says(CALL("note", "1", "x", "-c", o.conf), 0, " by sudoer.\n");
	says(CALL("note", "1", "x", "--by", "hoa", "-c", o.conf), 0,
	    " by hoa.\n");
	setenv("SUDO_USER", "", 1);
	says(CALL("note", "1", "x", "-c", o.conf), 0, " by an.\n");
	setenv("USER", "\x1b[31m", 1);
	refused(CALL("note", "1", "x", "-c", o.conf), 2,
	    "USER holds \\u{1B}; write it as plain text");
	unsetenv("SUDO_USER");
	unsetenv("USER");
	struct call c = CALL("note", "1", "x", "-c", o.conf);
	says(c, 0, "Noted on bulk send 1 by ");
	assert_null(strstr(c.out, " by an."));
	setenv("USER", "an", 1);
	office_deinit(&o);
}

static void
wrong_steps_are_refused_with_what_can_be_done_instead(void **state)
{
	struct office o;
	office_init(&o, *state);
	office_sends(&o, "lan@example.gov.vn", 20, 60);
	refused(CALL("reopen", "1", "-c", o.conf), 1, "`bulkwatch take 1`");
	CALL("take", "1", "--by", "hoa", "-c", o.conf);
	refused(CALL("take", "1", "--by", "minh", "-c", o.conf), 1,
	    "hoa has bulk send 1 already");
	refused(CALL("reopen", "1", "-c", o.conf), 1, "is not closed");
	CALL("close", "1", "--outcome", "unreported", "--by", "minh", "-c",
	    o.conf);
	refused(CALL("take", "1", "-c", o.conf), 1, "`bulkwatch reopen 1`");
	/* Who closed it is in its history; the record has who took it. */
	refused(CALL("close", "1", "--outcome", "reported", "-c", o.conf), 1,
	    "closed already (unreported, taken by hoa);");
	struct call c = SHOWN();
	says(c, 0, "\"outcome\": \"unreported\",");
	office_deinit(&o);
}

static void
an_unknown_number_is_said(void **state)
{
	struct office o;
	office_init(&o, *state);
	refused(CALL("take", "7", "-c", o.conf), 1,
	    "there is no bulk send 7; `bulkwatch list --status all`");
	refused(CALL("note", "7", "x", "-c", o.conf), 1,
	    "there is no bulk send 7;");
	refused(CALL("take", "x", "-c", o.conf), 2, "ID wants a whole number");
	refused(CALL("take", "0", "-c", o.conf), 2, "ID wants a whole number");
	office_deinit(&o);
}

static void
an_outcome_is_wanted_and_the_nearest_is_named(void **state)
{
	refused(CALL("close", "1"), 2,
	    "close wants --outcome reported, unreported, compromised or ");
	refused(CALL("close", "1", "--outcome", "unreportd"), 2,
	    "not \"unreportd\"; did you mean \"unreported\"?\n");
	refused(CALL("close", "1", "--outcome", ""), 2, "not \"\"\n");
}

static void
texts_that_cannot_be_kept_are_refused_and_nothing_is_changed(void **state)
{
	static const struct {
		const char *text, *sentence;
	} faults[] = {
	    {"", "is empty"},
	    {"   ", "is empty"},
	    {"a\nb", "holds \\u{A}; write it as plain text in UTF-8"},
	    {"a\x1b[2J", "holds \\u{1B};"},
	    {"a\xff", "holds \\xFF;"},
	    {"\\x\xc3", "holds \\xC3;"},
	    {"a\xe2\x80\xae", "holds \\u{202E};"},
	};
	struct office o;
	office_init(&o, *state);
	office_sends(&o, "lan@example.gov.vn", 20, 60);
	struct call before = SHOWN();
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const char *text = faults[i].text, *why = faults[i].sentence;
		refused(CALL("note", "1", text, "-c", o.conf), 2, why);
		refused(
		    CALL("note", "1", "x", "--by", text, "-c", o.conf), 2, why);
		refused(CALL("close", "1", "--outcome", "reported", "--note",
			    text, "-c", o.conf),
		    2, why);
		refused(CALL("close", "1", "--outcome", "reported",
			    "--reference", text, "-c", o.conf),
		    2, why);
	}
	struct call after = SHOWN();
	assert_string_equal(before.out, after.out);
	office_deinit(&o);
}

/* So many times the letter x. */
static const char *
long_text(struct arena *arena, size_t n)
{
	char *text = arena_alloc(arena, n + 1);
	memset(text, 'x', n);
	return text;
}

static void
a_note_has_at_most_4000_bytes(void **state)
{
	struct office o;
	office_init(&o, *state);
	office_sends(&o, "lan@example.gov.vn", 20, 60);
	refused(CALL("note", "1", long_text(*state, 100000), "-c", o.conf), 2,
	    "TEXT has 100000 bytes; at most 4000 are kept");
	refused(CALL("note", "1", long_text(*state, 4001), "-c", o.conf), 2,
	    "TEXT has 4001 bytes");
	refused(CALL("take", "1", "--by", long_text(*state, 101), "-c", o.conf),
	    2, "--by has 101 bytes; at most 100 are kept");
	struct call c = SHOWN();
	assert_null(strstr(c.out, "\"event\": \"note\""));
	assert_int_equal(
	    CALL("note", "1", long_text(*state, 4000), "-c", o.conf).code, 0);
	office_deinit(&o);
}

static void
blanks_around_a_text_are_taken_off(void **state)
{
	struct office o;
	office_init(&o, *state);
	office_sends(&o, "lan@example.gov.vn", 20, 60);
	CALL("note", "1", "  hỏi lại  ", "--by", " hoa ", "-c", o.conf);
	struct call c = SHOWN();
	says(c, 0, "\"by\": \"hoa\",");
	says(c, 0, "\"note\": \"hỏi lại\"");
	office_deinit(&o);
}

#define ADMINS 8

/* Takes bulk send 1 in a process of its own; the exit code says whether. */
static pid_t
take_beside(struct office *o, int admin)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	char name[32];
	snprintf(name, sizeof(name), "admin%d", admin);
	char *argv[] = {arena_strdup(o->arena, "bulkwatch"),
	    arena_strdup(o->arena, "take"), arena_strdup(o->arena, "1"),
	    arena_strdup(o->arena, "--by"), name, arena_strdup(o->arena, "-c"),
	    arena_strdup(o->arena, o->conf), NULL};
	FILE *none = fopen("/dev/null", "w");
	_exit(none == NULL ? 9 : ctl_run(none, none, 7, argv));
}

static void
of_eight_who_take_it_at_once_one_wins(void **state)
{
	struct office o;
	office_init(&o, *state);
	office_sends(&o, "lan@example.gov.vn", 20, 60);
	pid_t pids[ADMINS];
	for (int i = 0; i < ADMINS; i++)
		pids[i] = take_beside(&o, i);
	int codes[3] = {0};
	for (int i = 0; i < ADMINS; i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 3);
		codes[WEXITSTATUS(status)]++;
	}
	assert_int_equal(codes[CTL_DONE], 1);
	assert_int_equal(codes[CTL_FAILED], ADMINS - 1);
	office_deinit(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_case_goes_from_new_to_closed_and_back),
	    cmocka_unit_test(json_of_a_step_is_the_record_after_it),
	    cmocka_unit_test(
		who_does_it_is_by_else_sudo_user_else_user_else_the_uid),
	    cmocka_unit_test(
		wrong_steps_are_refused_with_what_can_be_done_instead),
	    cmocka_unit_test(an_unknown_number_is_said),
	    cmocka_unit_test(an_outcome_is_wanted_and_the_nearest_is_named),
	    cmocka_unit_test(
		texts_that_cannot_be_kept_are_refused_and_nothing_is_changed),
	    cmocka_unit_test(a_note_has_at_most_4000_bytes),
	    cmocka_unit_test(blanks_around_a_text_are_taken_off),
	    cmocka_unit_test(of_eight_who_take_it_at_once_one_wins),
	};
	return cmocka_run_group_tests(tests, setup, office_teardown);
}
