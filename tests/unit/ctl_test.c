/* ctl_test.c: how the bulkwatch command is called, and what it answers. */
#include "office.h"

#include <sys/socket.h>
#include <sys/un.h>

static void
wrong_words_are_wrong_usage_and_name_the_nearest(void **state)
{
	is_misuse(call(*state, (const char *const[]){NULL}),
	    "a command is missing\n");
	is_misuse(CALL("lst"),
	    "there is no command \"lst\"; did you mean \"list\"?\n");
	is_misuse(CALL("frobnicate"), "there is no command \"frobnicate\"\n");
	is_misuse(CALL("a\x1b[2J"), "there is no command \"a\\u{1B}[2J\"\n");
	is_misuse(CALL("list", "--staus", "new"),
	    "there is no option --staus; did you mean --status?\n");
	is_misuse(
	    CALL("list", "--frobnicate"), "there is no option --frobnicate\n");
	is_misuse(CALL("list", "--s", "new"),
	    "--s is the beginning of more than one option\n");
	is_misuse(CALL("--jsn", "list"),
	    "there is no option --jsn; did you mean --json?\n");
	is_misuse(CALL("list", "-x"), "there is no option -x\n");
	is_misuse(CALL("list", "--limit"), "--limit wants a value\n");
	is_misuse(CALL("list", "-c"), "-c wants a value\n");
	is_misuse(CALL("list", "--json=yes"), "--json takes no value\n");
	is_misuse(
	    CALL("list", "new"), "list takes no words; \"new\" is too much\n");
	is_misuse(CALL("show"), "show wants one ID\n");
	is_misuse(
	    CALL("show", "1", "2"), "show takes one ID; \"2\" is too much\n");
	is_misuse(CALL("attach", "exim"), "attach knows postfix, not \"exim\"");
	is_misuse(CALL("detach", "sendmail"), "Postfix's settings only");
	is_misuse(CALL("attach"), "attach wants one mail server: postfix\n");
	is_misuse(CALL("attach", "postfix", "--default-action", "reject"),
	    "--default-action wants accept, tempfail or quarantine, not "
	    "\"reject\"\n");
	is_misuse(CALL("attach", "postfix", "--config-dir", ""),
	    "--config-dir is empty\n");
	is_misuse(CALL("check", "all"),
	    "check takes no words; \"all\" is too much\n");
}

static void
wrong_values_are_wrong_usage(void **state)
{
	is_misuse(CALL("list", "--status", "opened"),
	    "--status wants new, reviewing, closed, open or all, not "
	    "\"opened\"; did you mean \"open\"?\n");
	is_misuse(CALL("list", "--status", ""), "not \"\"\n");
	is_misuse(CALL("list", "--limit", "x"),
	    "--limit wants a whole number from 0 to 1000000000, not \"x\"\n");
	is_misuse(CALL("list", "--limit", "1000000001"), "--limit wants");
	is_misuse(CALL("list", "--limit", "-1"), "--limit wants");
	is_misuse(CALL("list", "--limit", ""), "--limit wants");
	is_misuse(CALL("list", "--since", "yesterday"),
	    "--since: \"yesterday\" is no moment");
	is_misuse(CALL("list", "--since", "2026-02-30"), "does not exist");
	is_misuse(CALL("list", "--sender", "a b@"), "--sender: ");
	is_misuse(CALL("show", "12x"),
	    "ID wants a whole number from 1 to 9223372036854775807, not "
	    "\"12x\"\n");
	is_misuse(CALL("show", "9223372036854775808"), "ID wants");
	is_misuse(CALL("senders", "--top", "many"), "--top wants");
	is_misuse(CALL("reconcile", "--instance", "", "-"),
	    "--instance is empty\n");
	is_misuse(CALL("reconcile", "-", ""), "LOGFILE is empty\n");
	is_misuse(CALL("-c", "", "list"), "-c is empty\n");
	is_misuse(CALL("list", "-c", ""), "-c is empty\n");
}

static void
misuse_of_a_command_shows_its_usage(void **state)
{
	struct call c = CALL("show");
	assert_non_null(strstr(c.err, "\nusage: bulkwatch show [--all] ID\n"));
}

static void
options_stand_before_or_after_the_command(void **state)
{
	struct call before = CALL("-c", "/nonexistent/x.conf", "list");
	struct call after = CALL("list", "-c", "/nonexistent/x.conf");
	assert_int_equal(before.code, CTL_FAILED);
	assert_int_equal(after.code, CTL_FAILED);
	assert_string_equal(before.err, after.err);
	assert_non_null(strstr(before.err, "/nonexistent/x.conf"));
	before = CALL("--json", "-c", "/nonexistent/x.conf", "check");
	after = CALL("check", "-c", "/nonexistent/x.conf", "--json");
	assert_string_equal(before.out, after.out);
	assert_int_equal(before.out[0], '[');
}

static void
help_and_version_are_answered_on_standard_output(void **state)
{
	struct call c = CALL("--help");
	assert_int_equal(c.code, CTL_DONE);
	assert_string_equal(c.err, "");
	for (const struct command *k = ctl_commands; k->name != NULL; k++)
		assert_non_null(strstr(c.out, k->does));
	c = CALL("list", "-h");
	assert_int_equal(c.code, CTL_DONE);
	assert_non_null(strstr(
	    c.out, "usage: bulkwatch [-c FILE] [--json] list [--status"));
	c = CALL("-V");
	assert_int_equal(c.code, CTL_DONE);
	assert_int_equal(strncmp(c.out, "bulkwatch ", 10), 0);
}

static void
faults_of_the_settings_are_told_and_nothing_is_shown(void **state)
{
	const char *const commands[] = {"list", "senders"};
	for (size_t i = 0; i < 2; i++) {
		struct call c = CALL(commands[i], "-c", "/nonexistent/x.conf");
		assert_int_equal(c.code, CTL_FAILED);
		assert_string_equal(c.out, "");
		assert_int_equal(strncmp(c.err, "bulkwatch: ", 11), 0);
		assert_non_null(strstr(c.err, "/nonexistent/x.conf"));
	}
	struct call c = CALL("check", "-c", "/nonexistent/x.conf");
	assert_int_equal(c.code, CTL_FAILED);
	assert_int_equal(strncmp(c.out, "fault  settings ", 16), 0);
	assert_string_equal(c.err, "");
}

static void
a_full_disk_behind_the_output_is_not_done(void **state)
{
	char *argv[] = {arena_strdup(*state, "bulkwatch"),
	    arena_strdup(*state, "--help"), NULL};
	char *text = NULL;
	size_t length;
	FILE *full = fopen("/dev/full", "w");
	FILE *err = open_memstream(&text, &length);
	assert_true(full != NULL && err != NULL);
	assert_int_equal(ctl_run(full, err, 2, argv), CTL_FAILED);
	fclose(full);
	fclose(err);
	assert_non_null(strstr(text, "could not write all of it: No space"));
	free(text);
}

static void
lists_which_bulk_sends_are_asked_for(void **state)
{
	struct office o;
	office_init(&o, *state);
	says(CALL("list", "-c", o.conf), 0, "no bulk sends are open\n");
	says(CALL("list", "-c", o.conf, "--status", "all"), 0,
	    "no bulk sends\n");
	says(CALL("list", "-c", o.conf, "--json"), 0, "[]\n");
	office_sends(&o, "old@example.gov.vn", 20, 3 * 3600);
	office_sends(&o, "new@example.gov.vn", 25, 60);
	office_sends(&o, "quiet@example.gov.vn", 19, 30);

	struct call c = CALL("list", "-c", o.conf);
	const char *newer = strstr(c.out, "new@example.gov.vn");
	const char *older = strstr(c.out, "old@example.gov.vn");
	assert_true(newer != NULL && older != NULL && newer < older);
	assert_null(strstr(c.out, "quiet@"));
	c = CALL("list", "-c", o.conf, "--since", "2h");
	assert_null(strstr(c.out, "old@"));
	says(c, 0, "new@");
	c = CALL("list", "-c", o.conf, "--sender", "OLD@example.gov.vn");
	assert_null(strstr(c.out, "new@"));
	says(c, 0, "old@");
	c = CALL("--json", "list", "-c", o.conf, "--limit", "1");
	assert_null(strstr(c.out, "old@"));
	says(c, 0, "\"distinct_recipients\": 25,");
	says(CALL("list", "-c", o.conf, "--status", "closed"), 0,
	    "no bulk sends have this status\n");
	says(CALL("list", "-c", o.conf, "--sender", "*@elsewhere.example"), 0,
	    "no bulk sends match\n");
	office_deinit(&o);
}

static void
list_says_what_it_leaves_out_and_what_waits_longest(void **state)
{
	struct office o;
	office_init(&o, *state);
	office_sends(&o, "oldest@example.gov.vn", 20, 3 * 86400);
	office_sends(&o, "old@example.gov.vn", 20, 3 * 3600);
	office_sends(&o, "new@example.gov.vn", 25, 60);
	struct call c = CALL("list", "-c", o.conf, "--limit", "1");
	assert_null(strstr(c.out, "oldest@"));
	says(c, 0,
	    "\nand 2 more; --limit 0 shows all\n"
	    "* waiting longest: 1, for 3 days; `bulkwatch show 1`\n");
	c = CALL("list", "-c", o.conf, "--limit", "0");
	says(c, 0, "*3d");
	assert_null(strstr(c.out, "more;"));
	c = CALL("list", "-c", o.conf, "--limit", "3");
	assert_null(strstr(c.out, "more;"));

	c = CALL("list", "-c", o.conf, "--status", "all", "--limit", "2");
	says(c, 0, "\nthere are older ones; --limit 0 shows all\n");
	assert_null(strstr(c.out, "waiting longest"));
	c = CALL("list", "-c", o.conf, "--json", "--limit", "1");
	assert_string_equal(
	    c.err, "bulkwatch: and 2 more; --limit 0 shows all\n");
	office_deinit(&o);
}

static void
shows_one_bulk_send_or_says_that_there_is_none(void **state)
{
	struct office o;
	office_init(&o, *state);
	office_sends(&o, "new@example.gov.vn", 101, 60);
	struct call c = CALL("show", "1", "-c", o.conf);
	says(c, 0, "Bulk send 1\n");
	says(c, 0, "r0099@");
	says(c, 0, "and 1 more\n");
	assert_null(strstr(c.out, "r0100@"));
	says(c, 0, "`bulkwatch show --all 1` shows all of it\n");
	says(CALL("show", "--all", "1", "-c", o.conf), 0, "r0100@");
	says(CALL("show", "--json", "1", "-c", o.conf), 0, "r0100@");
	c = CALL("show", "2", "-c", o.conf);
	assert_int_equal(c.code, CTL_FAILED);
	assert_string_equal(c.out, "");
	assert_non_null(strstr(c.err, "bulkwatch: there is no bulk send 2;"));
	office_deinit(&o);
}

static void
json_of_a_bulk_send_has_all_its_messages(void **state)
{
	struct office o;
	office_init(&o, *state);
	for (int i = 0; i < 101; i++)
		office_sends(&o, "new@example.gov.vn", 20, 101 - i);
	struct call c = CALL("show", "1", "-c", o.conf);
	says(c, 0, "  and 1 message more\n");
	c = CALL("show", "1", "-c", o.conf, "--json");
	int n = 0;
	for (const char *p = c.out; (p = strstr(p, "\"queue_id\"")); p++)
		n++;
	assert_int_equal(n, 101);
	office_deinit(&o);
}

static void
sums_up_senders(void **state)
{
	struct office o;
	office_init(&o, *state);
	says(CALL("senders", "-c", o.conf), 0, "nobody has sent anything\n");
	says(CALL("senders", "-c", o.conf, "--json"), 0, "[]\n");
	office_sends(&o, "little@example.gov.vn", 3, 60);
	office_sends(&o, "much@example.gov.vn", 25, 60);
	says(CALL("senders", "-c", o.conf), 0,
	    "much@example.gov.vn    login        1     25     1  ");
	struct call c = CALL("senders", "-c", o.conf, "--top", "1");
	assert_null(strstr(c.out, "little@"));
	says(c, 0, "much@");
	office_deinit(&o);
}

static void
check_finds_what_is_wrong(void **state)
{
	struct office o;
	office_init(&o, *state);
	office_sends(&o, "new@example.gov.vn", 25, 60);
	struct call c = CALL("check", "-c", o.conf, "--config-dir", o.folder);
	says(c, 1, "ok     settings   ");
	says(c, 1, "ok     templates  built in (vi)\n");
	says(c, 1, "ok     database   ");
	says(
	    c, 1, ": 1 bulk sends (1 open), 1 messages; alerts: 1 waiting, 0 ");
	says(c, 1, "ok     spool      ");
	says(c, 1, "fault  socket     nobody listens at ");

	char *waiting =
	    arena_printf(*state, "%s/spool/messages.jsonl", o.folder);
	write_file(waiting, "{}\n");
	says(CALL("check", "-c", o.conf, "--config-dir", o.folder), 1,
	    "/spool/messages.jsonl (3 bytes) holds messages that wait for ");
	unlink(waiting);
	char *rejected =
	    arena_printf(*state, "%s/spool/rejected.jsonl", o.folder);
	write_file(rejected, "{}\n");
	says(CALL("check", "-c", o.conf, "--config-dir", o.folder), 1,
	    "/spool/rejected.jsonl (3 bytes) holds messages that could not ");
	unlink(rejected);
	rmdir(arena_printf(*state, "%s/spool", o.folder));
	says(CALL("check", "-c", o.conf, "--config-dir", o.folder), 1,
	    "fault  spool      there is no folder ");
	store_close(&o.store);
	unlink(o.database);
	says(CALL("check", "-c", o.conf, "--config-dir", o.folder), 1,
	    "fault  database   there is no database ");
	office_deinit(&o);
}

static void
check_finds_a_template_that_is_never_used(void **state)
{
	struct office o;
	office_init(&o, *state);
	char *folder = arena_printf(*state, "%s/templates", o.folder);
	mkdir(folder, 0700);
	folder = arena_printf(*state, "%s/vi", folder);
	mkdir(folder, 0700);
	says(CALL("check", "-c", o.conf, "--config-dir", o.folder), 1,
	    "ok     templates  ");
	write_file(arena_printf(*state, "%s/start.txt", folder), "");
	says(CALL("check", "-c", o.conf, "--config-dir", o.folder), 1,
	    "vi/start.txt is not used; rename it to started.txt\n");
	office_deinit(&o);
}

static void
all_well_is_exit_code_0(void **state)
{
	struct office o;
	office_init(&o, *state);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/milter.sock",
	    o.folder);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	chmod(address.sun_path, 0660);
	assert_int_equal(listen(fd, 5), 0);
	/* A mail server that asks it: Sendmail, whose settings are one file. */
	write_file(arena_printf(*state, "%s/sendmail.cf", o.folder),
	    arena_printf(*state,
		"O InputMailFilters=bulkwatch\nXbulkwatch, S=local:%s\n",
		address.sun_path));
	says(CALL("check", "-c", o.conf, "--config-dir", o.folder), 0,
	    "ok     socket     ");
	struct call c =
	    CALL("check", "--json", "-c", o.conf, "--config-dir", o.folder);
	says(c, 0, "\"subject\": \"socket\",\n    \"ok\": true,");
	says(c, 0, "\"subject\": \"sendmail\",\n    \"ok\": true,");
	close(fd);
	office_deinit(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(wrong_words_are_wrong_usage_and_name_the_nearest),
	    cmocka_unit_test(wrong_values_are_wrong_usage),
	    cmocka_unit_test(misuse_of_a_command_shows_its_usage),
	    cmocka_unit_test(options_stand_before_or_after_the_command),
	    cmocka_unit_test(help_and_version_are_answered_on_standard_output),
	    cmocka_unit_test(
		faults_of_the_settings_are_told_and_nothing_is_shown),
	    cmocka_unit_test(a_full_disk_behind_the_output_is_not_done),
	    cmocka_unit_test(lists_which_bulk_sends_are_asked_for),
	    cmocka_unit_test(
		list_says_what_it_leaves_out_and_what_waits_longest),
	    cmocka_unit_test(shows_one_bulk_send_or_says_that_there_is_none),
	    cmocka_unit_test(json_of_a_bulk_send_has_all_its_messages),
	    cmocka_unit_test(sums_up_senders),
	    cmocka_unit_test(check_finds_what_is_wrong),
	    cmocka_unit_test(check_finds_a_template_that_is_never_used),
	    cmocka_unit_test(all_well_is_exit_code_0),
	};
	return cmocka_run_group_tests(tests, office_setup, office_teardown);
}
