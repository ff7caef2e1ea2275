/* settings_test.c: what a right settings file becomes. */
#include "settings_fixture.h"

#include <pthread.h>

#include "bulkwatch/pattern.h"

static void
what_the_file_does_not_say_has_its_default(void **state)
{
	(void)state;
	const struct settings *s =
	    load_text("alerts: { to = [ \"a@b.vn\" ]; from = \"c@b.vn\"; };");
	assert_string_equal(s->listen, "unix:/run/bulkwatch/milter.sock");
	assert_string_equal(s->database, "/var/lib/bulkwatch/bulkwatch.db");
	assert_string_equal(s->spool, "/var/spool/bulkwatch");
	assert_int_equal(s->on_failure, ON_FAILURE_ACCEPT);
	assert_null(s->user);
	assert_true(s->outbound_logins);
	assert_int_equal(s->outbound_networks.n, 2);
	assert_true(network_list_match(&s->outbound_networks, "127.3.2.1"));
	assert_true(network_list_match(&s->outbound_networks, "::1"));
	assert_false(network_list_match(&s->outbound_networks, "192.0.2.1"));
	assert_int_equal(s->local_domains.n, 0);
	assert_int_equal(s->exempt_senders.n, 0);
	assert_int_equal(s->exempt_recipients.n, 0);
	assert_int_equal(s->exempt_clients.n, 0);
	assert_true(s->evidence_subject);
	assert_int_equal(s->evidence_recipients, EVIDENCE_FULL);
	assert_int_equal(s->evidence_keep_secs, 365 * 86400);
	assert_int_equal(s->ledger_keep_secs, 90 * 86400);
	assert_string_equal(s->alerts.smtp, "smtp://127.0.0.1:25");
	assert_string_equal(s->alerts.language, "vi");
	assert_int_equal(s->alerts.per_hour, 30);
	assert_string_equal(s->alerts.contact, "");
	assert_int_equal(s->alerts.digest_minute, 8 * 60);
	assert_false(s->notices.enabled);
	assert_int_equal(s->notices.domains.n, 0);
	assert_string_equal(s->notices.password_help, "");
	settings_unref(&s);
}

static void
without_rules_there_are_20_in_a_message_and_20_within_10_minutes(void **state)
{
	(void)state;
	const struct settings *s = load_text(LEAST);
	assert_int_equal(s->rules_n, 2);
	assert_string_equal(s->rules[0].name, "message");
	assert_int_equal(s->rules[0].recipients, 20);
	assert_int_equal(s->rules[0].window_secs, 0);
	assert_string_equal(s->rules[1].name, "window");
	assert_int_equal(s->rules[1].recipients, 20);
	assert_int_equal(s->rules[1].window_secs, 600);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(s->rules[i].count, RULE_COUNT_DISTINCT);
		assert_int_equal(s->rules[i].scope, RULE_SCOPE_ALL);
		assert_int_equal(s->rules[i].per, RULE_PER_SENDER);
		assert_int_equal(s->rules[i].senders.n, 0);
		assert_int_equal(s->rules[i].except.n, 0);
		assert_int_equal(s->rules[i].action, ACTION_LOG);
		assert_true(s->rules[i].alert);
		assert_null(s->rules[i].reply);
	}
	assert_int_equal(s->longest_window_secs, 600);
	settings_unref(&s);
}

static void
every_key_of_the_file_arrives_in_the_snapshot(void **state)
{
	(void)state;
	const struct settings *s = load_text(
	    "listen = \"inet:8899@127.0.0.1\";\n"
	    "database = \"/srv/b.db\"; spool = \"/srv/spool\";\n"
	    "on_failure = \"defer\"; user = \"mailwatch\";\n"
	    "outbound: { logins = false; networks = [ \"192.0.2.0/24\" ]; };\n"
	    "local_domains = [ \"Example.gov.VN.\", \"b.vn\" ];\n"
	    "exempt: { senders = [ \"News@Example.vn\" ];\n"
	    "  recipients = [ \"*@archive.vn\", \"*\" ];\n"
	    "  clients = [ \"2001:db8::/32\", \"10.0.0.1\" ]; };\n"
	    "evidence: { subject = false; recipients = \"count\";\n"
	    "  keep = \"30d\"; };\n"
	    "ledger: { keep = \"36h\"; };\n"
	    "alerts: { to = [ \"a@b.vn\", \"B@c.vn\" ]; from = \"c@b.vn\";\n"
	    "  smtp = \"smtp://[::1]:2525/\"; language = \"en\";\n"
	    "  per_hour = 7; digest = \"16:45\"; contact = \"Phòng 1\"; };\n"
	    "notices: { enabled = true; domains = [ \"B.vn\", \"c.vn\" ];\n"
	    "  password_help = \"https://b.vn\"; };\n");
	assert_string_equal(s->listen, "inet:8899@127.0.0.1");
	assert_string_equal(s->database, "/srv/b.db");
	assert_string_equal(s->spool, "/srv/spool");
	assert_int_equal(s->on_failure, ON_FAILURE_DEFER);
	assert_string_equal(s->user, "mailwatch");
	assert_false(s->outbound_logins);
	assert_int_equal(s->outbound_networks.n, 1);
	assert_int_equal(s->local_domains.n, 2);
	assert_string_equal(s->local_domains.items[0], "example.gov.vn");
	assert_string_equal(s->local_domains.items[1], "b.vn");
	assert_string_equal(s->exempt_senders.items[0], "news@example.vn");
	assert_int_equal(s->exempt_recipients.n, 2);
	assert_int_equal(s->exempt_clients.n, 2);
	assert_false(s->evidence_subject);
	assert_int_equal(s->evidence_recipients, EVIDENCE_COUNT);
	assert_int_equal(s->evidence_keep_secs, 30 * 86400);
	assert_int_equal(s->ledger_keep_secs, 36 * 3600);
	assert_int_equal(s->alerts.to.n, 2);
	assert_string_equal(s->alerts.to.items[1], "B@c.vn");
	assert_string_equal(s->alerts.from, "c@b.vn");
	assert_string_equal(s->alerts.smtp, "smtp://[::1]:2525");
	assert_string_equal(s->alerts.language, "en");
	assert_int_equal(s->alerts.per_hour, 7);
	assert_string_equal(s->alerts.contact, "Phòng 1");
	assert_int_equal(s->alerts.digest_minute, 16 * 60 + 45);
	assert_true(s->notices.enabled);
	assert_int_equal(s->notices.domains.n, 2);
	assert_string_equal(s->notices.domains.items[0], "b.vn");
	assert_string_equal(s->notices.password_help, "https://b.vn");
	settings_unref(&s);
}

static void
every_key_of_a_rule_arrives_in_the_snapshot(void **state)
{
	(void)state;
	const struct settings *s = load_text(LEAST
	    "rules: (\n"
	    "  { name = \"a.b-c_D\"; recipients = 100000; window = \"31d\";\n"
	    "    count = \"total\"; scope = \"external\"; per = \"client\";\n"
	    "    senders = ( \"*@b.vn\", \"vanthu\" ); except = [ \"X@b.vn\" "
	    "];\n"
	    "    action = \"log\"; alert = false; },\n"
	    "  { name = \"two\"; recipients = 1; window = \"1s\"; } );");
	const struct rule *rule = &s->rules[0];
	assert_int_equal(s->rules_n, 2);
	assert_string_equal(rule->name, "a.b-c_D");
	assert_int_equal(rule->recipients, 100000);
	assert_int_equal(rule->window_secs, 31 * 86400);
	assert_int_equal(rule->count, RULE_COUNT_TOTAL);
	assert_int_equal(rule->scope, RULE_SCOPE_EXTERNAL);
	assert_int_equal(rule->per, RULE_PER_CLIENT);
	assert_int_equal(rule->senders.n, 2);
	assert_string_equal(rule->senders.items[1], "vanthu");
	assert_string_equal(rule->except.items[0], "x@b.vn");
	assert_int_equal(rule->action, ACTION_LOG);
	assert_false(rule->alert);
	assert_int_equal(s->rules[1].window_secs, 1);
	assert_int_equal(s->longest_window_secs, 31 * 86400);
	settings_unref(&s);
}

static void
the_words_of_evidence_are_in_the_order_of_their_enum(void **state)
{
	(void)state;
	const struct settings *s =
	    load_text(LEAST "evidence: { recipients = \"domain\"; };");
	assert_int_equal(s->evidence_recipients, EVIDENCE_DOMAIN);
	settings_unref(&s);
}

static void
alerts_come_from_the_first_local_domain_unless_said(void **state)
{
	(void)state;
	const struct settings *s =
	    load_text("local_domains = [ \"B.vn\", \"c.vn\" ];\n"
		      "alerts: { to = [ \"a@b.vn\" ]; };");
	assert_string_equal(s->alerts.from, "bulkwatch@b.vn");
	settings_unref(&s);
	expect_fault("local_domains = [ ];\nalerts: { to = [ \"a@b.vn\" ]; };",
	    ":2: alerts.from: is missing");
}

static void
the_digest_comes_at_any_minute_of_the_day_or_never(void **state)
{
	(void)state;
	static const struct {
		const char *given;
		int minute;
	} cases[] = {{"", -1}, {"00:00", 0}, {"07:05", 425}, {"23:59", 1439}};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[512];
		snprintf(text, sizeof(text), ALERTS("digest = \"%s\";"),
		    cases[i].given);
		const struct settings *s = load_text(text);
		assert_int_equal(s->alerts.digest_minute, cases[i].minute);
		settings_unref(&s);
	}
}

static void
listen_is_given_the_way_libmilter_takes_it(void **state)
{
	(void)state;
	static const struct {
		const char *given, *kept;
	} cases[] = {
	    {"unix:/run/x.sock", "unix:/run/x.sock"},
	    {"local:/run/x.sock", "unix:/run/x.sock"},
	    {"inet:8899@127.0.0.1", "inet:8899@127.0.0.1"},
	    {"inet:8899@[127.0.0.1]", "inet:8899@127.0.0.1"},
	    {"inet:8899@[::1]", "inet6:8899@[::1]"},
	    {"inet6:8899@[::1]", "inet6:8899@[::1]"},
	    {"inet6:8899@::1", "inet6:8899@[::1]"},
	    {"inet:65535@localhost", "inet:65535@localhost"},
	    {"inet6:1@mail.b.vn", "inet6:1@mail.b.vn"},
	    {"inet:8899@0.0.0.0", "inet:8899@0.0.0.0"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[512];
		snprintf(text, sizeof(text), LEAST "listen = \"%s\";",
		    cases[i].given);
		const struct settings *s = load_text(text);
		assert_string_equal(s->listen, cases[i].kept);
		settings_unref(&s);
	}
}

static void
a_socket_path_may_have_107_bytes_and_no_more(void **state)
{
	(void)state;
	char path[109], text[512];
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[107] = '\0';
	snprintf(text, sizeof(text), LEAST "listen = \"unix:%s\";", path);
	const struct settings *s = load_text(text);
	settings_unref(&s);
	path[107] = 'x';
	path[108] = '\0';
	snprintf(text, sizeof(text), LEAST "listen = \"unix:%s\";", path);
	expect_fault(text, ":2: listen: has a path of 108 bytes");
}

static void
servers_for_alerts_are_taken_with_and_without_login(void **state)
{
	(void)state;
	static const char *const urls[] = {"smtp://127.0.0.1", "smtp://mx:587",
	    "smtps://mail.b.vn:465", "SMTP://[2001:db8::1]",
	    "smtp://an:p%40ss@mail.b.vn:587", "smtp://an%3Ab:p/a?s@h"};
	for (size_t i = 0; i < COUNT(urls); i++) {
		char text[512], path[PATH_ROOM];
		snprintf(text, sizeof(text), ALERTS("smtp = \"%s\";"), urls[i]);
		write_text("bulkwatch.conf", text);
		path_of("bulkwatch.conf", path);
		assert_int_equal(chmod(path, 0640), 0);
		const struct settings *s = load();
		assert_string_equal(s->alerts.smtp, urls[i]);
		settings_unref(&s);
	}
}

/* ------------------------------------------------------------ snapshots */

static void
a_snapshot_lives_until_its_last_reference_goes(void **state)
{
	(void)state;
	/* Under AddressSanitizer a use after free or a leak fails here. */
	const struct settings *first = load_text(LEAST);
	const struct settings *second = settings_ref(first);
	assert_ptr_equal(first, second);
	settings_unref(&first);
	assert_null(first);
	assert_string_equal(second->alerts.to.items[0], "a@b.vn");
	settings_unref(&second);
	assert_null(second);
	settings_unref(&second);
}

static void
a_snapshot_does_not_change_when_the_file_does(void **state)
{
	(void)state;
	const struct settings *old = load_text(ALERTS("per_hour = 5;"));
	const struct settings *new = load_text(ALERTS("per_hour = 6;"));
	assert_int_equal(old->alerts.per_hour, 5);
	assert_int_equal(new->alerts.per_hour, 6);
	settings_unref(&old);
	settings_unref(&new);
}

static void
settings_made_by_hand_are_not_counted(void **state)
{
	(void)state;
	struct settings hand = {.rules_n = 1};
	const struct settings *s = settings_ref(&hand);
	assert_ptr_equal(s, &hand);
	settings_unref(&s);
	assert_null(s);
	assert_int_equal(hand.rules_n, 1);
}

static void *
take_and_give(void *argument)
{
	const struct settings *shared = argument;
	for (int i = 0; i < 20000; i++) {
		const struct settings *s = settings_ref(shared);
		if (s->alerts.per_hour != 30)
			return argument;
		settings_unref(&s);
	}
	return NULL;
}

static void
references_are_counted_across_threads(void **state)
{
	(void)state;
	const struct settings *s = load_text(LEAST);
	pthread_t threads[4];
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
				     take_and_give, (void *)(uintptr_t)s),
		    0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		void *result;
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
	assert_string_equal(s->alerts.from, "c@b.vn");
	settings_unref(&s);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(what_the_file_does_not_say_has_its_default),
	    TEST(
		without_rules_there_are_20_in_a_message_and_20_within_10_minutes),
	    TEST(every_key_of_the_file_arrives_in_the_snapshot),
	    TEST(every_key_of_a_rule_arrives_in_the_snapshot),
	    TEST(the_words_of_evidence_are_in_the_order_of_their_enum),
	    TEST(alerts_come_from_the_first_local_domain_unless_said),
	    TEST(the_digest_comes_at_any_minute_of_the_day_or_never),
	    TEST(listen_is_given_the_way_libmilter_takes_it),
	    TEST(a_socket_path_may_have_107_bytes_and_no_more),
	    TEST(servers_for_alerts_are_taken_with_and_without_login),
	    TEST(a_snapshot_lives_until_its_last_reference_goes),
	    TEST(a_snapshot_does_not_change_when_the_file_does),
	    TEST(settings_made_by_hand_are_not_counted),
	    TEST(references_are_counted_across_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
