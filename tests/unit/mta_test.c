/* mta_test.c: what Postfix's and Sendmail's settings say, as texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena_fixture.h"
#include "bulkwatch/recorder.h"

#include "../../milter/mta/milters.h"
#include "../../milter/mta/reach.h"
#include "../../milter/mta/sendmail.h"
#include "../../milter/mta/wiring.h"
#include "../../milter/mta/whole.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ------------------------------------------------------------------- milters
 */

static void
a_list_is_taken_apart_as_postfix_does(void **state)
{
	static const struct {
		const char *text;
		const char *written[4]; /* NULL behind the last */
	} cases[] = {
	    {"", {NULL}},
	    {" ,\t, ", {NULL}},
	    {"unix:a", {"unix:a"}},
	    {"unix:a,inet:h:1 \tunix:b,", {"unix:a", "inet:h:1", "unix:b"}},
	    {"{ unix:a, x=y z } unix:b", {"{ unix:a, x=y z }", "unix:b"}},
	    {"{{a}, {b}},c", {"{{a}, {b}}", "c"}},
	    {"${a?{b, c}:{d}} $(e)", {"${a?{b, c}:{d}}", "$(e)"}},
	};
	struct milter_list list;
	struct err err;
	for (size_t i = 0; i < N_OF(cases); i++) {
		assert_int_equal(
		    milters_parse(*state, cases[i].text, &list, &err), 0);
		size_t n = 0;
		for (; cases[i].written[n] != NULL; n++) {
			assert_true(n < list.n);
			assert_string_equal(
			    list.items[n].written, cases[i].written[n]);
		}
		assert_int_equal(list.n, n);
	}
}

static void
a_list_that_cannot_be_is_told(void **state)
{
	static const char *const cases[] = {
	    "{ unix:a", "unix:a }", "{ unix:a, { x=y }", "}{"};
	struct milter_list list;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct err err = {""};
		assert_int_equal(
		    milters_parse(*state, cases[i], &list, &err), -1);
		assert_non_null(strstr(err.text, "braces do not close"));
	}
	char many[2 * MILTERS_MAX + 3];
	for (size_t i = 0; i < MILTERS_MAX + 1; i++)
		memcpy(many + 2 * i, "a ", 3);
	struct err err = {""};
	assert_int_equal(milters_parse(*state, many, &list, &err), -1);
	assert_non_null(strstr(err.text, "more than 64 milters"));
}

static void
settings_of_an_entry_are_read_and_written(void **state)
{
	struct milter_list list;
	struct err err;
	assert_int_equal(
	    milters_parse(*state,
		"{ unix:a, default_action=accept, { connect_timeout = 5s }, "
		"junk, {macros = a, b}}",
		&list, &err),
	    0);
	struct milter *m = &list.items[0];
	assert_string_equal(m->endpoint, "unix:a");
	assert_string_equal(milters_attribute(m, "default_action"), "accept");
	assert_string_equal(milters_attribute(m, "connect_timeout"), "5s");
	assert_string_equal(milters_attribute(m, "macros"), "a, b");
	assert_null(milters_attribute(m, "junk"));
	assert_int_equal(
	    milters_set_attribute(m, "default_action", "tempfail"), 0);
	assert_int_equal(milters_set_attribute(m, "content_timeout", "60s"), 0);
	assert_string_equal(milters_write(*state, m),
	    "{ unix:a, default_action=tempfail, connect_timeout=5s, "
	    "{macros=a, b}, content_timeout=60s }");
	const struct milter plain = {.written = "x", .endpoint = "unix:a"};
	assert_string_equal(milters_write(*state, &plain), "unix:a");
}

static void
only_a_reference_is_a_reference(void **state)
{
	assert_string_equal(milters_reference(*state, "$a_1"), "a_1");
	assert_string_equal(milters_reference(*state, "${a}"), "a");
	assert_string_equal(milters_reference(*state, "$(a)"), "a");
	static const char *const cases[] = {
	    "a", "$", "${a", "$a}", "${a?b}", "$a$b", "unix:$a", "${}"};
	for (size_t i = 0; i < N_OF(cases); i++)
		assert_null(milters_reference(*state, cases[i]));
}

static void
times_are_read_as_postfix_does(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		long secs;
	} cases[] = {{"30s", 30}, {"30", 30}, {"5m", 300}, {"2h", 7200},
	    {"1d", 86400}, {"1w", 604800}, {"0", 0}, {"", -1}, {"s", -1},
	    {"5x", -1}, {"5 s", -1}, {"-5", -1}, {"$x", -1}};
	for (size_t i = 0; i < N_OF(cases); i++)
		assert_int_equal(milters_seconds(cases[i].text), cases[i].secs);
	assert_true(milters_seconds("9999999999999999999w") > 0);
}

/* --------------------------------------------------------------------- place
 */

static void
our_place_is_known_however_it_is_written(void **state)
{
	static const struct {
		const char *listen, *postfix; /* how we write it */
		const char *endpoint;
		bool outside, inside; /* of a chroot: it is ours */
	} cases[] = {
	    {"unix:/q/b/m", "unix:b/m", "unix:b/m", true, true},
	    {"unix:/q/b/m", "unix:b/m", "unix:/b/m", false, true},
	    {"unix:/q/b/m", "unix:b/m", "unix:/q/b/m", true, false},
	    {"unix:/q/b/m", "unix:b/m", "unix:/q//b/m", true, false},
	    {"unix:/q/b/m", "unix:b/m", "unix:b/m2", false, false},
	    {"unix:/q/b/m", "unix:b/m", "inet:b:1", false, false},
	    {"unix:/queue/m", "unix:/queue/m", "unix:/queue/m", true, false},
	    {"unix:/r/m", "unix:/r/m", "unix:/r/m", true, false},
	    {"inet:8899@127.0.0.1", "inet:127.0.0.1:8899",
		"inet:localhost:8899", true, true},
	    {"inet:8899@127.0.0.1", "inet:127.0.0.1:8899",
		"inet:127.0.0.1:8898", false, false},
	    {"inet:8899@127.0.0.1", "inet:127.0.0.1:8899",
		"inet:192.0.2.1:8899", false, false},
	    {"inet6:8899@[::1]", "inet:[::1]:8899", "inet:[::1]:8899", true,
		true},
	    {"inet:8899@0.0.0.0", "inet:127.0.0.1:8899", "inet:192.0.2.1:8899",
		true, true},
	    {"inet:8899@mx.example", "inet:mx.example:8899",
		"inet:MX.example:8899", true, true},
	};
	struct place place;
	struct err err;
	for (size_t i = 0; i < N_OF(cases); i++) {
		assert_int_equal(
		    place_parse(*state, cases[i].listen, &place, &err), 0);
		assert_string_equal(
		    place_for_postfix(*state, &place, "/q"), cases[i].postfix);
		assert_int_equal(
		    place_is(*state, &place, cases[i].endpoint, "/q", false),
		    cases[i].outside);
		assert_int_equal(
		    place_is(*state, &place, cases[i].endpoint, "/q", true),
		    cases[i].inside);
	}
	assert_int_equal(place_parse(*state, "fd:3", &place, &err), -1);
}

/* ------------------------------------------------------------------ services
 */

static const char services_text[] =
    "smtp       inet  n       -       y       -       -       smtpd\n"
    "127.0.0.1:10025 inet n   -       -       -       10      smtpd -o x=y\n"
    "cleanup    unix  n       -       n       -       0       cleanup\n"
    "smtp       unix  -       -       n       -       -       smtp\n";

static void
services_have_their_own_settings(void **state)
{
	struct services *s = arena_alloc(*state, sizeof(*s));
	struct err err;
	assert_int_equal(services_parse(*state, services_text,
			     "smtp/inet/a = b = c, d\n"
			     "127.0.0.1:10025/inet/content_filter =\n"
			     "other/inet/a = lost\n",
			     s, &err),
	    0);
	assert_int_equal(s->n, 4);
	assert_string_equal(service_override(&s->items[0], "a"), "b = c, d");
	assert_null(service_override(&s->items[0], "content_filter"));
	assert_string_equal(
	    service_override(&s->items[1], "content_filter"), "");
	assert_string_equal(s->items[1].label, "127.0.0.1:10025/inet");
	assert_string_equal(s->items[2].processes, "0");
	assert_true(service_is_smtpd(&s->items[0]));
	assert_false(service_asks_milters(&s->items[3]));
	assert_true(service_in_chroot(&s->items[0], "3.6"));
	assert_false(service_in_chroot(&s->items[1], "3.6"));
	assert_true(service_in_chroot(&s->items[1], "0"));
	assert_false(service_in_chroot(&s->items[2], "0"));
}

static void
a_command_that_mends_has_no_blanks_in_its_value(void **state)
{
	const struct service s = {.label = "smtp/inet"};
	assert_string_equal(
	    service_mend(*state, "/etc/postfix", &s, "p", " a, b\tc,", "x"),
	    "postconf -c /etc/postfix -P 'smtp/inet/p=a,b,c,x'");
	assert_string_equal(service_mend(*state, "/e", &s, "p", "", "x"),
	    "postconf -c /e -P 'smtp/inet/p=x'");
	assert_string_equal(
	    service_mend(*state, "/e", &s, "p", "{ a, b=c }", "x"),
	    "add x to p of smtp/inet in /e/master.cf");
}

/* -------------------------------------------------------------------- wiring
 */

static void
time_limits_leave_room_for_the_recorder(void **state)
{
	(void)state;
	assert_true(RECORDER_DEADLINE_SECS < MTA_CONTENT_SECS_LEAST);
	assert_true(RECORDER_DEADLINE_SECS <= MTA_COMMAND_SECS_LEAST);
}

static void
processes_are_summed_up(void **state)
{
	static const struct {
		long files_max;
		bool fault;
	} cases[] = {{0, false}, {273, true}, {274, false}, {16384, false}};
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct wiring *w = arena_alloc(*state, sizeof(*w));
		struct mta_findings *f = arena_alloc(*state, sizeof(*f));
		struct err err;
		w->arena = *state;
		w->folder = "/etc/postfix";
		w->queue_directory = "/q";
		w->files_max = cases[i].files_max;
		w->main[w->main_n++] =
		    (struct parameter){"default_process_limit", "100"};
		assert_int_equal(
		    place_parse(*state, "unix:/q/m", &w->place, &err), 0);
		/* smtp 100, 10025 10, cleanup 100; 64 for the daemon. */
		assert_int_equal(services_parse(*state, services_text, "",
				     &w->services, &err),
		    0);
		wiring_judge(w, f);
		bool found = false;
		for (size_t k = 0; k < f->n; k++)
			found =
			    found || strstr(f->items[k].text, "start 210 proc");
		assert_int_equal(found, cases[i].fault);
	}
}

static void
a_sentence_is_said_once(void **state)
{
	struct mta_findings *f = arena_alloc(*state, sizeof(*f));
	wiring_add(f, MTA_FAULT, "postfix", "a");
	wiring_add(f, MTA_FAULT, "postfix", "a");
	wiring_add(f, MTA_FAULT, "postfix", NULL);
	assert_int_equal(f->n, 2);
	for (int i = 0; i < 2 * MTA_FINDINGS_MAX; i++)
		wiring_add(
		    f, MTA_NOTE, "postfix", arena_printf(*state, "%d", i));
	assert_int_equal(f->n, MTA_FINDINGS_MAX);
}

static void
sendmail_has_options_in_any_form(void **state)
{
	static const struct {
		const char *text, *says;
		enum mta_level level;
	} cases[] = {
	    {"", "no line of", MTA_FAULT},
	    {"O InputMailFilters = b ,a\nXa,S=unix:/r/m\n",
		"shown to bulkwatchd; while it does not answer, mail passes",
		MTA_OK},
	    {"o InputMailFilters=a\nXa, S=local:/r/m\n",
		"O InputMailFilters in", MTA_FAULT},
	    {"O InputMailFilters=aa\nXa, S=local:/r/m\n", "lacks a", MTA_FAULT},
	    {"O InputMailFilters=a\n#Xa, S=local:/r/m\n", "no line of",
		MTA_FAULT},
	    {"O InputMailFilters=a\nXa, S=local:/r/m, F=T\n", "(F=T)", MTA_OK},
	    {"O InputMailFilters=a\nXa, S=local:/r/m, T=R:1m;E:19s\n",
		"waits 19 s", MTA_FAULT},
	};
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct mta_findings *f = arena_alloc(*state, sizeof(*f));
		sendmail_judge(*state, "unix:/r/m", "/x", cases[i].text, f);
		assert_true(f->n > 0);
		assert_int_equal(f->items[0].level, cases[i].level);
		if (strstr(f->items[0].text, cases[i].says) == NULL)
			fail_msg("\"%s\" lacks \"%s\"", f->items[0].text,
			    cases[i].says);
	}
}

static void
sendmail_may_write_our_socket_in_other_words(void **state)
{
	static const struct {
		const char *listen, *socket;
		bool ours;
	} cases[] = {
	    {"unix:/r/m", "local:/r/m", true},
	    {"unix:/r/m", "unix:/r//m", true},
	    {"unix:/dev/null", "local:/proc/self/root/dev/null", true},
	    {"unix:/r/m", "local:/r/n", false},
	    {"unix:/r/m", "inet:8899@localhost", false},
	    {"inet:8899@127.0.0.1", "inet:8899@localhost", true},
	    {"inet:8899@127.0.0.1", "inet:8898@localhost", false},
	    {"inet:8899@127.0.0.1", "inet:8899@192.0.2.1", false},
	    {"inet:8899@127.0.0.1", "inet:8899", false},
	    {"inet:8899@127.0.0.1", "local:/r/m", false},
	};
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct mta_findings *f = arena_alloc(*state, sizeof(*f));
		const char *text = arena_printf(*state,
		    "O InputMailFilters=a\nXa, S=%s\n", cases[i].socket);
		sendmail_judge(*state, cases[i].listen, "/x", text, f);
		assert_int_equal(f->n, 1);
		assert_int_equal(
		    f->items[0].level, cases[i].ours ? MTA_OK : MTA_FAULT);
	}
}

/* --------------------------------------------------------------------- files
 */

static void
a_file_is_replaced_with_its_mode_and_nothing_is_left(void **state)
{
	char folder[] = "/tmp/bulkwatch-mta-XXXXXX";
	struct whole found;
	struct err err = {""};
	assert_non_null(mkdtemp(folder));
	const char *path = arena_printf(*state, "%s/f", folder);
	const struct whole file = {"a\0b", 3, 0640, geteuid(), getegid()};
	assert_int_equal(whole_replace(*state, path, &file, &err), 0);
	assert_int_equal(whole_read(*state, path, &found, &err), 0);
	assert_true(whole_equal(&file, &found));
	assert_int_equal(found.mode, 0640);
	assert_int_equal(whole_read(*state, folder, &found, &err), -1);
	assert_int_equal(unlink(path), 0);
	/* Empty: no temporary file stays behind. */
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(whole_replace(*state, path, &file, &err), -1);
	assert_non_null(strstr(err.text, "cannot write"));
}

static void
who_may_open_a_path_is_tried(void **state)
{
	const char *why;
	if (geteuid() != 0) {
		assert_int_equal(
		    reach_path(*state, "nobody", "/tmp", &why), REACH_UNKNOWN);
		assert_non_null(strstr(why, "by root only"));
		return;
	}
	char folder[] = "/tmp/bulkwatch-mta-XXXXXX";
	assert_non_null(mkdtemp(folder));
	const char *path = arena_printf(*state, "%s//f", folder);
	const struct whole file = {"", 0, 0666, 0, 0};
	struct err err;
	assert_int_equal(whole_replace(*state, path, &file, &err), 0);
	assert_int_equal(reach_path(*state, "nobody", path, &why), REACH_NO);
	assert_non_null(strstr(
	    why, "user nobody cannot pass the folder /tmp/bulkwatch-mta-"));
	chmod(folder, 0711);
	assert_int_equal(reach_path(*state, "nobody", path, &why), REACH_YES);
	chmod(path, 0664);
	assert_int_equal(reach_path(*state, "nobody", path, &why), REACH_NO);
	assert_non_null(strstr(why, "cannot open the socket"));
	assert_int_equal(
	    reach_path(*state, "no such user", path, &why), REACH_UNKNOWN);
	unlink(path);
	rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_list_is_taken_apart_as_postfix_does),
	    cmocka_unit_test(a_list_that_cannot_be_is_told),
	    cmocka_unit_test(settings_of_an_entry_are_read_and_written),
	    cmocka_unit_test(only_a_reference_is_a_reference),
	    cmocka_unit_test(times_are_read_as_postfix_does),
	    cmocka_unit_test(our_place_is_known_however_it_is_written),
	    cmocka_unit_test(services_have_their_own_settings),
	    cmocka_unit_test(a_command_that_mends_has_no_blanks_in_its_value),
	    cmocka_unit_test(time_limits_leave_room_for_the_recorder),
	    cmocka_unit_test(processes_are_summed_up),
	    cmocka_unit_test(a_sentence_is_said_once),
	    cmocka_unit_test(sendmail_has_options_in_any_form),
	    cmocka_unit_test(sendmail_may_write_our_socket_in_other_words),
	    cmocka_unit_test(
		a_file_is_replaced_with_its_mode_and_nothing_is_left),
	    cmocka_unit_test(who_may_open_a_path_is_tried),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
