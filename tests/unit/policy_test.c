/* policy_test.c: rules and exemptions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "bulkwatch/pattern.h"
#include "bulkwatch/policy.h"

#define LIST(...)                                                              \
	{                                                                      \
		(const char *const[]){__VA_ARGS__},                            \
		    sizeof((const char *const[]){__VA_ARGS__}) /               \
			sizeof(char *)                                         \
	}

static struct network networks[2];

static struct network_list
two_networks(const char *first, const char *second)
{
	struct err err;
	assert_int_equal(network_parse(first, &networks[0], &err), 0);
	assert_int_equal(network_parse(second, &networks[1], &err), 0);
	return (struct network_list){networks, 2};
}

static struct settings
two_rules(void)
{
	return (struct settings){.rules_n = 2,
	    .longest_window_secs = 600,
	    .rules = {{.name = "message", .recipients = 20, .alert = true},
		{.name = "window",
		    .recipients = 20,
		    .window_secs = 600,
		    .alert = true}}};
}

static const struct message plain = {.identity = IDENTITY_LOGIN,
    .sender = "an@x.vn",
    .login = "an@x.vn",
    .mail_from = "an@x.vn",
    .client = "192.0.2.1",
    .recipient_count = 5,
    .external_count = 2};

/* ---------------------------------------------------------------- outbound */

static void
a_login_is_outbound(void **state)
{
	(void)state;
	struct settings s = {.outbound_logins = true};
	assert_true(policy_is_outbound(&s, "an", "203.0.113.9"));
	assert_false(policy_is_outbound(&s, "", "203.0.113.9"));
}

static void
a_login_is_not_outbound_where_logins_are_turned_off(void **state)
{
	(void)state;
	struct settings s = {.outbound_logins = false};
	assert_false(policy_is_outbound(&s, "an", "203.0.113.9"));
}

static void
a_client_of_the_networks_is_outbound(void **state)
{
	(void)state;
	struct settings s = {
	    .outbound_networks = two_networks("192.0.2.0/24", "2001:db8::/32")};
	assert_true(policy_is_outbound(&s, "", "192.0.2.77"));
	assert_true(policy_is_outbound(&s, "", "IPv6:2001:db8::7"));
	assert_false(policy_is_outbound(&s, "", "192.0.3.1"));
	assert_false(policy_is_outbound(&s, "", "unknown"));
	assert_true(policy_is_outbound(&s, "an", "192.0.2.77"));
}

static void
a_client_that_is_not_named_is_local_submission(void **state)
{
	(void)state;
	struct settings s = {
	    .outbound_networks = two_networks("127.0.0.0/8", "::1/128")};
	assert_true(policy_is_outbound(&s, "", ""));
	s.outbound_networks = two_networks("192.0.2.0/24", "::1/128");
	assert_false(policy_is_outbound(&s, "", ""));
}

/* --------------------------------------------------------------- exemptions */

static void
exempt_recipients_are_known_by_their_patterns(void **state)
{
	(void)state;
	struct settings s = {
	    .exempt_recipients = LIST("archive@x.vn", "*@lists.x.vn")};
	assert_true(policy_recipient_is_exempt(&s, "archive@x.vn"));
	assert_true(policy_recipient_is_exempt(&s, "all@lists.x.vn"));
	assert_false(policy_recipient_is_exempt(&s, "an@x.vn"));
	assert_false(policy_recipient_is_exempt(&s, "all@sub.lists.x.vn"));
}

static void
an_exempt_sender_is_not_measured(void **state)
{
	(void)state;
	struct measure m[SETTINGS_RULES_MAX];
	struct settings s = two_rules();
	s.exempt_senders = (struct pattern_list)LIST("AN@x.vn");
	assert_int_equal(policy_measure(&s, &plain, m), 0);
}

static void
an_exempt_client_is_not_measured(void **state)
{
	(void)state;
	struct measure m[SETTINGS_RULES_MAX];
	struct settings s = two_rules();
	s.exempt_clients = two_networks("192.0.2.1/32", "::1/128");
	assert_int_equal(policy_measure(&s, &plain, m), 0);
	struct message other = plain;
	other.client = "192.0.2.2";
	assert_int_equal(policy_measure(&s, &other, m), 2);
}

/* ----------------------------------------------------------------- measures */

static void
each_rule_measures_in_its_order(void **state)
{
	(void)state;
	struct measure m[SETTINGS_RULES_MAX];
	struct settings s = two_rules();
	assert_int_equal(policy_measure(&s, &plain, m), 2);
	assert_int_equal(m[0].rule, 0);
	assert_int_equal(m[0].window_secs, 0);
	assert_int_equal(m[0].counted, 5);
	assert_int_equal(m[1].rule, 1);
	assert_int_equal(m[1].window_secs, 600);
	assert_int_equal(m[1].counted, 0);
	assert_int_equal(m[1].recipients, 5);
	assert_int_equal(m[1].limit, 20);
	assert_int_equal(m[1].identity, IDENTITY_LOGIN);
	assert_string_equal(m[1].who, "an@x.vn");
	assert_false(m[1].total);
	assert_false(m[1].external_only);
}

static void
a_message_without_counted_recipient_is_not_measured(void **state)
{
	(void)state;
	struct measure m[SETTINGS_RULES_MAX];
	struct settings s = two_rules();
	struct message none = plain;
	none.recipient_count = none.external_count = 0;
	assert_int_equal(policy_measure(&s, &none, m), 0);
}

static void
an_external_rule_measures_external_recipients(void **state)
{
	(void)state;
	struct measure m[SETTINGS_RULES_MAX];
	struct settings s = two_rules();
	s.rules[0].scope = RULE_SCOPE_EXTERNAL;
	policy_measure(&s, &plain, m);
	assert_int_equal(m[0].counted, 2);
	assert_true(m[0].external_only);
}

static void
an_external_rule_has_no_measure_of_mail_that_stays(void **state)
{
	(void)state;
	struct measure m[SETTINGS_RULES_MAX];
	struct settings s = two_rules();
	s.rules[0].scope = RULE_SCOPE_EXTERNAL;
	struct message inside = plain;
	inside.external_count = 0;
	assert_int_equal(policy_measure(&s, &inside, m), 1);
	assert_int_equal(m[0].rule, 1);
}

static void
a_rule_per_client_counts_the_client(void **state)
{
	(void)state;
	struct measure m[SETTINGS_RULES_MAX];
	struct settings s = two_rules();
	s.rules[1].per = RULE_PER_CLIENT;
	policy_measure(&s, &plain, m);
	assert_int_equal(m[1].identity, IDENTITY_CLIENT);
	assert_string_equal(m[1].who, "192.0.2.1");
}

static void
a_rule_per_client_counts_local_submission_as_loopback(void **state)
{
	(void)state;
	struct measure m[SETTINGS_RULES_MAX];
	struct settings s = two_rules();
	s.rules[1].per = RULE_PER_CLIENT;
	struct message local = plain;
	local.client = "";
	policy_measure(&s, &local, m);
	assert_string_equal(m[1].who, "127.0.0.1");
}

static void
a_total_rule_says_so(void **state)
{
	(void)state;
	struct measure m[SETTINGS_RULES_MAX];
	struct settings s = two_rules();
	s.rules[1].count = RULE_COUNT_TOTAL;
	policy_measure(&s, &plain, m);
	assert_true(m[1].total);
}

static void
a_rule_for_some_senders_is_for_nobody_else(void **state)
{
	(void)state;
	struct measure m[SETTINGS_RULES_MAX];
	struct settings s = two_rules();
	s.rules[0].senders = (struct pattern_list)LIST("*@y.vn");
	assert_int_equal(policy_measure(&s, &plain, m), 1);
	s.rules[0].senders = (struct pattern_list)LIST("*@y.vn", "*@x.vn");
	assert_int_equal(policy_measure(&s, &plain, m), 2);
}

static void
a_rule_does_not_apply_to_whom_it_excepts(void **state)
{
	(void)state;
	struct measure m[SETTINGS_RULES_MAX];
	struct settings s = two_rules();
	s.rules[0].senders = (struct pattern_list)LIST("*@x.vn");
	s.rules[0].except = (struct pattern_list)LIST("an@x.vn");
	assert_int_equal(policy_measure(&s, &plain, m), 1);
	assert_int_equal(m[0].rule, 1);
}

static void
as_many_rules_as_there_may_be_are_measured(void **state)
{
	(void)state;
	struct measure m[SETTINGS_RULES_MAX];
	struct settings s = {.rules_n = SETTINGS_RULES_MAX};
	for (size_t i = 0; i < SETTINGS_RULES_MAX; i++)
		s.rules[i] = (struct rule){.name = "r", .recipients = 1};
	assert_int_equal(policy_measure(&s, &plain, m), SETTINGS_RULES_MAX);
}

/* ----------------------------------------------------------------- rule ids */

static void
a_rule_that_counts_alike_keeps_its_number(void **state)
{
	(void)state;
	struct settings s = two_rules();
	struct rule other = s.rules[1];
	other.alert = false;
	other.action = ACTION_REJECT;
	assert_true(policy_rule_id(&other) == policy_rule_id(&s.rules[1]));
}

static void
a_rule_that_counts_otherwise_has_another_number(void **state)
{
	(void)state;
	struct settings s = two_rules();
	const uint64_t id = policy_rule_id(&s.rules[1]);
	struct rule other = s.rules[1];
	other.recipients = 21;
	assert_true(policy_rule_id(&other) != id);
	other = s.rules[1];
	other.window_secs = 601;
	assert_true(policy_rule_id(&other) != id);
	other = s.rules[1];
	other.count = RULE_COUNT_TOTAL;
	assert_true(policy_rule_id(&other) != id);
	other = s.rules[1];
	other.scope = RULE_SCOPE_EXTERNAL;
	assert_true(policy_rule_id(&other) != id);
	other = s.rules[1];
	other.per = RULE_PER_CLIENT;
	assert_true(policy_rule_id(&other) != id);
	other = s.rules[1];
	other.name = "other";
	assert_true(policy_rule_id(&other) != id);
	/* Whom it counts now it may not have counted before. */
	other = s.rules[1];
	other.senders = (struct pattern_list)LIST("*@x.vn");
	const uint64_t of_some = policy_rule_id(&other);
	assert_true(of_some != id);
	other = s.rules[1];
	other.except = (struct pattern_list)LIST("*@x.vn");
	assert_true(policy_rule_id(&other) != id);
	assert_true(policy_rule_id(&other) != of_some);
}

/* ---------------------------------------------------------------- decisions */

/* Decides for two measures of the plain sender that counted so many. */
static struct decision
decide(const struct settings *s, uint64_t by_message, uint64_t by_window)
{
	struct measure m[SETTINGS_RULES_MAX];
	struct decision d;
	size_t n = policy_measure(s, &plain, m);
	assert_int_equal(n, 2);
	m[0].counted = by_message;
	m[1].counted = by_window;
	policy_decide(s, m, n, &d);
	return d;
}

static void
nineteen_are_quiet(void **state)
{
	(void)state;
	struct settings s = two_rules();
	struct decision d = decide(&s, 19, 19);
	assert_false(d.matched);
	assert_false(d.alert);
	assert_int_equal(d.action, ACTION_LOG);
}

static void
twenty_in_a_message_match(void **state)
{
	(void)state;
	struct settings s = two_rules();
	struct decision d = decide(&s, 20, 19);
	assert_true(d.matched);
	assert_int_equal(d.measure, 0);
	assert_true(d.alert);
	assert_int_equal(d.window_secs, 0);
}

static void
twenty_in_a_window_match(void **state)
{
	(void)state;
	struct settings s = two_rules();
	struct decision d = decide(&s, 5, 20);
	assert_true(d.matched);
	assert_int_equal(d.measure, 1);
	assert_int_equal(d.window_secs, 600);
}

static void
of_equal_actions_the_first_rule_decides(void **state)
{
	(void)state;
	struct settings s = two_rules();
	struct decision d = decide(&s, 25, 25);
	assert_int_equal(d.measure, 0);
	assert_int_equal(d.window_secs, 600);
}

static void
the_strongest_action_decides(void **state)
{
	(void)state;
	struct settings s = two_rules();
	s.rules[0].action = ACTION_DEFER;
	s.rules[1].action = ACTION_HOLD;
	struct decision d = decide(&s, 25, 25);
	assert_int_equal(d.measure, 1);
	assert_int_equal(d.action, ACTION_HOLD);
}

static void
a_rule_that_does_not_match_has_no_say(void **state)
{
	(void)state;
	struct settings s = two_rules();
	s.rules[1].action = ACTION_REJECT;
	struct decision d = decide(&s, 25, 19);
	assert_int_equal(d.action, ACTION_LOG);
}

static void
one_matching_rule_with_alert_is_enough(void **state)
{
	(void)state;
	struct settings s = two_rules();
	s.rules[0].alert = false;
	assert_true(decide(&s, 25, 25).alert);
	assert_false(decide(&s, 25, 19).alert);
}

static void
windows_of_others_do_not_reach_back(void **state)
{
	(void)state;
	struct settings s = two_rules();
	s.rules[1].per = RULE_PER_CLIENT;
	struct decision d = decide(&s, 25, 25);
	assert_int_equal(d.measure, 0);
	assert_int_equal(d.window_secs, 0);
}

static void
the_longest_matching_window_reaches_back(void **state)
{
	(void)state;
	struct settings s = two_rules();
	s.rules[0].window_secs = 86400;
	assert_int_equal(decide(&s, 25, 25).window_secs, 86400);
	assert_int_equal(decide(&s, 19, 25).window_secs, 600);
}

static void
no_measure_is_no_match(void **state)
{
	(void)state;
	struct settings s = two_rules();
	struct decision d;
	policy_decide(&s, NULL, 0, &d);
	assert_false(d.matched);
}

static void
a_bulk_send_goes_on_for_the_longest_window(void **state)
{
	(void)state;
	struct settings s = two_rules();
	assert_int_equal(policy_quiet_secs(&s), 600);
	s.longest_window_secs = 86400;
	assert_int_equal(decide(&s, 25, 25).quiet_secs, 86400);
}

static void
a_bulk_send_goes_on_for_ten_minutes_where_no_rule_has_a_window(void **state)
{
	(void)state;
	struct settings s = {.rules_n = 0};
	assert_int_equal(policy_quiet_secs(&s), 600);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_login_is_outbound),
	    cmocka_unit_test(
		a_login_is_not_outbound_where_logins_are_turned_off),
	    cmocka_unit_test(a_client_of_the_networks_is_outbound),
	    cmocka_unit_test(a_client_that_is_not_named_is_local_submission),
	    cmocka_unit_test(exempt_recipients_are_known_by_their_patterns),
	    cmocka_unit_test(an_exempt_sender_is_not_measured),
	    cmocka_unit_test(an_exempt_client_is_not_measured),
	    cmocka_unit_test(each_rule_measures_in_its_order),
	    cmocka_unit_test(
		a_message_without_counted_recipient_is_not_measured),
	    cmocka_unit_test(an_external_rule_measures_external_recipients),
	    cmocka_unit_test(
		an_external_rule_has_no_measure_of_mail_that_stays),
	    cmocka_unit_test(a_rule_per_client_counts_the_client),
	    cmocka_unit_test(
		a_rule_per_client_counts_local_submission_as_loopback),
	    cmocka_unit_test(a_total_rule_says_so),
	    cmocka_unit_test(a_rule_for_some_senders_is_for_nobody_else),
	    cmocka_unit_test(a_rule_does_not_apply_to_whom_it_excepts),
	    cmocka_unit_test(as_many_rules_as_there_may_be_are_measured),
	    cmocka_unit_test(a_rule_that_counts_alike_keeps_its_number),
	    cmocka_unit_test(a_rule_that_counts_otherwise_has_another_number),
	    cmocka_unit_test(nineteen_are_quiet),
	    cmocka_unit_test(twenty_in_a_message_match),
	    cmocka_unit_test(twenty_in_a_window_match),
	    cmocka_unit_test(of_equal_actions_the_first_rule_decides),
	    cmocka_unit_test(the_strongest_action_decides),
	    cmocka_unit_test(a_rule_that_does_not_match_has_no_say),
	    cmocka_unit_test(one_matching_rule_with_alert_is_enough),
	    cmocka_unit_test(windows_of_others_do_not_reach_back),
	    cmocka_unit_test(the_longest_matching_window_reaches_back),
	    cmocka_unit_test(no_measure_is_no_match),
	    cmocka_unit_test(a_bulk_send_goes_on_for_the_longest_window),
	    cmocka_unit_test(
		a_bulk_send_goes_on_for_ten_minutes_where_no_rule_has_a_window),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
