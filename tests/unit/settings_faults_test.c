/* settings_faults_test.c: wrong keys and values, and how they are told. */
#include "settings_fixture.h"

/* Each is put behind LEAST, so line 1 is that one. */
static const struct {
	const char *text, *fault;
} wrong_values[] = {
    /* types */
    {"listen = 5;", ":2: listen: is a number; write a text in quotes"},
    {"database = true;", ":2: database: is true or false; write a text"},
    {"spool = [ \"/x\" ];", ":2: spool: is a list; write a text"},
    {"user = { };", ":2: user: is a group; write a text"},
    {"outbound = true;", ":2: outbound: is true or false; write a group: "
			 "outbound: { ... };"},
    {"outbound: { logins = 1; };",
	":2: outbound.logins: is a number; write true or false"},
    {"outbound: { logins = \"true\"; };",
	":2: outbound.logins: is a text in quotes; write true or false"},
    {"local_domains = \"b.vn\";",
	":2: local_domains: is a text in quotes; write a list of texts in "
	"square brackets, such as [ \"example.gov.vn\" ]"},
    {"exempt: { clients = \"192.0.2.1\"; };",
	":2: exempt.clients: is a text in quotes; write a list"},
    {"local_domains = [ 1 ];", ":2: local_domains[1]: is a number"},
    {"local_domains = ( \"b.vn\", 2 );", ":2: local_domains[2]: is a number"},
    {"rules = \"20\";", ":2: rules: is a text in quotes; write a list of "
			"rules"},
    {"rules = ( 20 );", ":2: rules[1]: is a number; write a list of rules"},
    {"rules = [ 20 ];",
	":2: rules: is a list; write a list of rules in round brackets"},
    {"ledger: { keep = 90; };",
	":2: ledger.keep: is a number; write a duration in quotes from \"1d\" "
	"to \"3650d\", such as \"90d\""},
    {"on_failure = false;", ":2: on_failure: is true or false; write"},
    /* words */
    {"on_failure = \"Accept\";", ":2: on_failure: \"Accept\" is not known "
				 "here; write one of \"accept\", \"defer\""},
    {"evidence: { recipients = \"none\"; };",
	":2: evidence.recipients: \"none\" is not known here; write one of "
	"\"full\", \"domain\", \"count\""},
    /* paths and users */
    {"database = \"b.db\";", ":2: database: is \"b.db\"; write a whole path"},
    {"database = \"\";", ":2: database: is \"\"; write a whole path"},
    {"spool = \"/var/spool/\";", ":2: spool: ends in /"},
    {"spool = \"/\";", ":2: spool: ends in /"},
    {"user = \"\";", ":2: user: is \"\"; write the name of a user"},
    {"user = \"a b\";", ":2: user: is \"a b\"; write the name of a user"},
    {"user = \"-r\";", ":2: user: is \"-r\"; write the name of a user"},
    /* listen */
    {"listen = \"/run/x.sock\";", ":2: listen: is \"/run/x.sock\"; write "
				  "\"unix:/run/bulkwatch/milter.sock\" or "
				  "\"inet:8899@127.0.0.1\""},
    {"listen = \"\";", ":2: listen: is \"\"; write"},
    {"listen = \"unix:x.sock\";", ":2: listen: \"x.sock\" is not the whole"},
    {"listen = \"unix:\";", ":2: listen: \"\" is not the whole"},
    {"listen = \"unix:/run/\";", ":2: listen: \"/run/\" is not the whole"},
    {"listen = \"inet:127.0.0.1:8899\";", ":2: listen: has no port"},
    {"listen = \"inet:0@127.0.0.1\";", ":2: listen: has no port"},
    {"listen = \"inet:65536@127.0.0.1\";", ":2: listen: has no port"},
    {"listen = \"inet:8899\";", ":2: listen: does not say on which address"},
    {"listen = \"inet:8899@\";", ":2: listen: does not say on which address"},
    {"listen = \"inet:8899@a b\";", ":2: listen: \"a b\" is neither"},
    {"listen = \"inet:8899@[::1\";", ":2: listen: \"[::1\" is neither"},
    /* domains, patterns, networks */
    {"local_domains = [ \"b.vn\", \"@c.vn\" ];",
	":2: local_domains[2]: \"@c.vn\" is not a domain; write it without @"},
    {"local_domains = [ \"\" ];", ":2: local_domains[1]: \"\" is not a"},
    {"exempt: { senders = [ \"@b.vn\" ]; };",
	":2: exempt.senders[1]: \"@b.vn\" is not a pattern; write "
	"user@domain, *@domain"},
    {"exempt: { recipients = [ \"\" ]; };",
	":2: exempt.recipients[1]: is empty"},
    {"exempt: { clients = [ \"192.0.2.1/24\" ]; };",
	":2: exempt.clients[1]: \"192.0.2.1/24\" has bits set behind the "
	"prefix; the network is 192.0.2.0/24"},
    {"outbound: { networks = [ \"::1\", \"x\" ]; };",
	":2: outbound.networks[2]: \"x\" is no IPv4 or IPv6 address"},
    /* durations */
    {"ledger: { keep = \"23h\"; };", ":2: ledger.keep: is \"23h\"; write a "
				     "duration in quotes from \"1d\""},
    {"ledger: { keep = \"90\"; };", ":2: ledger.keep: is \"90\"; write a"},
    {"evidence: { keep = \"1w\"; };", ":2: evidence.keep: is \"1w\"; write"},
    {"evidence: { keep = \"3651d\"; };", ":2: evidence.keep: is \"3651d\""},
    /* text */
    {"user = \"a\\x01\";", ":2: user: holds a control character"},
    {"exempt: { senders = [ \"\xff@b.vn\" ]; };",
	":2: exempt.senders[1]: holds a control character or a byte that is "
	"not UTF-8"},
    {"database = \"/srv/\\n\";", ":2: database: holds a control character"},
    /* notices */
    {"notices: { enabled = 1; };", ":2: notices.enabled: is a number"},
    {"notices: { domains = [ \"a b\" ]; };", ":2: notices.domains[1]: "},
    {"notices: { password_help = 1; };",
	":2: notices.password_help: is a number"},
};

static void
a_wrong_value_is_a_fault_with_line_key_and_what_would_be_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong_values); i++) {
		char text[512];
		snprintf(text, sizeof(text), LEAST "%s", wrong_values[i].text);
		write_text("bulkwatch.conf", text);
		char *faults = faults_of_file();
		expect_in(faults, "bulkwatch.conf", wrong_values[i].fault);
		assert_int_equal(count_lines(faults), 1);
		free(faults);
	}
}

/* Each stands inside a rule, next to a name and recipients that are right. */
static const struct {
	const char *text, *fault;
} wrong_rules[] = {
    {"window = \"32d\";", "window: is \"32d\"; write a duration in quotes "
			  "from \"1s\" to \"31d\", such as \"10m\""},
    {"window = \"0s\";", "window: is \"0s\"; write"},
    {"window = 600;", "window: is a number; write a duration"},
    {"count = \"all\";", "count: \"all\" is not known here; write one of "
			 "\"distinct\", \"total\""},
    {"scope = \"local\";", "scope: \"local\" is not known here; write one of "
			   "\"all\", \"external\""},
    {"per = \"login\";", "per: \"login\" is not known here; write one of "
			 "\"sender\", \"client\""},
    {"senders = \"*\";", "senders: is a text in quotes; write a list"},
    {"senders = [ \"a b\" ];", "senders[1]: \"a b\" is not a pattern"},
    {"except = [ \"*@b.vn\", \"@\" ];", "except[2]: \"@\" is not a pattern"},
    {"alert = \"no\";", "alert: is a text in quotes; write true or false"},
    {"action = \"drop\";", "action: \"drop\" is not known here; write one of "
			   "\"log\", \"defer\", \"hold\", \"reject\""},
    {"action = \"defer\";", "action: \"defer\" without a window would "
			    "defer the same mail for ever; give the rule a "
			    "window"},
    {"reply = \"no\";", "reply: is told to nobody where the action is "
			"\"log\""},
    {"reply = \"Kh\xc3\xb4ng\";", "reply: has letters outside ASCII"},
    {"windw = \"10m\";", "windw: is not known here; the nearest known key is "
			 "window"},
    {"per_hour = 3;", "per_hour: is not known here; it belongs into alerts"},
};

static void
a_wrong_key_of_a_rule_is_a_fault_that_says_which_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong_rules); i++) {
		char text[512], fault[512];
		snprintf(text, sizeof(text),
		    LEAST "rules: ( { name = \"a\"; recipients = 9; },\n"
			  "{ name = \"b\"; recipients = 9; %s } );",
		    wrong_rules[i].text);
		snprintf(fault, sizeof(fault), ":3: rules[2].%s",
		    wrong_rules[i].fault);
		write_text("bulkwatch.conf", text);
		char *faults = faults_of_file();
		expect_in(faults, "bulkwatch.conf", fault);
		assert_int_equal(count_lines(faults), 1);
		free(faults);
	}
}

static void
a_rule_must_have_a_name_and_recipients(void **state)
{
	(void)state;
	expect_fault(LEAST "rules: ( { recipients = 9; } );",
	    ":2: rules[1].name: is missing; give the rule a name");
	expect_fault(LEAST "rules: ( { name = \"a\"; } );",
	    ":2: rules[1].recipients: is missing; say at how many");
}

static void
a_rule_name_is_1_to_40_letters_digits_dots_and_dashes(void **state)
{
	(void)state;
	static const char *const wrong[] = {"", "a b", "a/b", "\xc4\x91",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		char text[512];
		snprintf(text, sizeof(text),
		    LEAST "rules: ( { name = \"%s\"; recipients = 9; } );",
		    wrong[i]);
		expect_fault(text, ":2: rules[1].name: is \"");
	}
}

static void
two_rules_with_one_name_are_a_fault(void **state)
{
	(void)state;
	expect_fault(LEAST "rules: ( { name = \"a\"; recipients = 9; },\n"
			   "{ name = \"b\"; recipients = 9; },\n"
			   "{ name = \"a\"; recipients = 8; } );",
	    ":4: rules: two rules have the name \"a\"");
}

static void
recipients_of_a_rule_are_1_to_100000(void **state)
{
	(void)state;
	static const struct {
		const char *value, *fault;
	} cases[] = {
	    {"0", "0 is out of range"},
	    {"-1", "-1 is out of range"},
	    {"100001", "100001 is out of range"},
	    {"20.5", "is a number with a fraction"},
	    {"\"20\"", "is a text in quotes"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[512], fault[512];
		snprintf(text, sizeof(text),
		    LEAST "rules: ( { name = \"a\"; recipients = %s; } );",
		    cases[i].value);
		snprintf(fault, sizeof(fault),
		    ":2: rules[1].recipients: %s; write a whole number from 1 "
		    "to 100000",
		    cases[i].fault);
		expect_fault(text, fault);
	}
}

static void
a_number_too_large_for_libconfig_is_a_fault_not_another_number(void **state)
{
	(void)state;
	/* libconfig makes 20 of it. */
	expect_fault(LEAST
	    "rules: ( { name = \"a\"; recipients = 4294967316; } );",
	    ":2: this number is too large");
	expect_fault(ALERTS("per_hour = 99999999999999999999L;"),
	    ":1: this number is too large");
	expect_fault(
	    ALERTS("per_hour = 0x10000001E;"), ":1: this number is too large");
	const struct settings *s = load_text(
	    "# 99999999999 // \n/* 99999999999 */ // 99999999999\n" ALERTS(
		"contact = \"99999999999 /* # \\\" \"; per_hour = 0x10L;"));
	assert_string_equal(s->alerts.contact, "99999999999 /* # \" ");
	assert_int_equal(s->alerts.per_hour, 16);
	settings_unref(&s);
}

static void
an_empty_list_of_rules_is_a_fault(void **state)
{
	(void)state;
	expect_fault(LEAST "rules: ( );", ":2: rules: is empty");
}

static void
thirty_two_rules_are_taken_and_no_more(void **state)
{
	(void)state;
	char text[8192] = LEAST "rules: (";
	for (int i = 0; i < 33; i++) {
		size_t used = strlen(text);
		snprintf(text + used, sizeof(text) - used,
		    "%s{ name = \"r%d\"; recipients = 9; }", i == 0 ? "" : ",",
		    i);
		if (i < 31)
			continue;
		char whole[8300];
		snprintf(whole, sizeof(whole), "%s );", text);
		if (i == 31) {
			const struct settings *s = load_text(whole);
			assert_int_equal(s->rules_n, 32);
			settings_unref(&s);
		} else {
			expect_fault(whole, ":2: rules: has 33 rules");
		}
	}
}

static void
what_is_counted_must_be_kept_for_the_longest_window(void **state)
{
	(void)state;
	expect_fault(LEAST
	    "rules: ( { name = \"a\"; recipients = 9; window = \"30d\"; } );\n"
	    "ledger: { keep = \"29d\"; };",
	    ":3: ledger.keep: \"29d\" is shorter than the longest window of "
	    "the rules; write \"30d\" or more");
	expect_fault(LEAST
	    "rules: ( { name = \"a\"; recipients = 9; window = \"30d\"; } );\n"
	    "evidence: { keep = \"29d\"; };",
	    ":3: evidence.keep: \"29d\" is shorter");
	const struct settings *s = load_text(LEAST
	    "rules: ( { name = \"a\"; recipients = 9; window = \"30d\"; } );\n"
	    "ledger: { keep = \"30d\"; };");
	settings_unref(&s);
}

static void
somebody_must_get_the_alerts(void **state)
{
	(void)state;
	expect_fault("user = \"x\";", ": alerts.to: is missing; say who gets");
	expect_fault("alerts: { from = \"c@b.vn\"; };",
	    ":1: alerts.to: is missing; say who gets");
	expect_fault("alerts: { to = [ ]; from = \"c@b.vn\"; };",
	    ":1: alerts.to: is empty; say who gets");
}

static void
addresses_of_alerts_must_be_bare_and_ascii(void **state)
{
	(void)state;
	static const char *const wrong[] = {"", "an", "@b.vn", "an@",
	    "An <an@b.vn>", "an@b.vn, ba@b.vn", "an@b..vn", "đ@b.vn", "an@đ.vn",
	    "a b@b.vn", "*@b.vn"};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		char text[512];
		snprintf(text, sizeof(text),
		    "alerts: { to = [ \"a@b.vn\", \"%s\" ];\nfrom = \"%s\"; };",
		    wrong[i], wrong[i]);
		expect_fault(text, ":1: alerts.to[2]: \"");
		expect_fault(text, ":2: alerts.from: \"");
	}
}

static void
other_faults_of_alerts_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *text, *fault;
	} cases[] = {
	    {ALERTS("language = \"fr\";"),
		"language: is \"fr\"; write \"vi\" (Vietnamese) or \"en\""},
	    {ALERTS("per_hour = 0;"), "per_hour: 0 is out of range; write a "
				      "whole number from 1 to 10000"},
	    {ALERTS("per_hour = 10001;"), "per_hour: 10001 is out of range"},
	    {ALERTS("digest = \"24:00\";"),
		"digest: is \"24:00\"; write a time of the day in quotes from "
		"\"00:00\" to \"23:59\", or \"\" for never"},
	    {ALERTS("digest = \"8:00\";"), "digest: is \"8:00\"; write a time"},
	    {ALERTS("digest = \"08:60\";"), "digest: is \"08:60\"; write a"},
	    {ALERTS("digest = \"08:00 \";"), "digest: is \"08:00 \"; write"},
	    {ALERTS("digest = \"08-00\";"), "digest: is \"08-00\"; write a"},
	    {ALERTS("digest = \"08:0x\";"), "digest: is \"08:0x\"; write a"},
	    {ALERTS("digest = 8;"), "digest: is a number; write a time"},
	    {ALERTS("digest = \"08:00\\n\";"), "digest: holds a control"},
	    {ALERTS("contact = \"a\\nb\";"), "contact: holds a control"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char fault[512];
		snprintf(fault, sizeof(fault), ":1: alerts.%s", cases[i].fault);
		expect_fault(cases[i].text, fault);
	}
}

static void
notices_need_domains_and_a_contact(void **state)
{
	(void)state;
	static const char on[] = "\nnotices: { enabled = true; domains = ";
	char text[512];
	expect_fault(LEAST "notices: { enabled = true; };",
	    ":2: notices.domains: is missing, and notices.enabled is true; "
	    "write the domains whose senders get notices");
	expect_fault(LEAST "notices: { enabled = true;\n domains = [ ]; };",
	    ":3: notices.domains: is empty, and notices.enabled is true");
	snprintf(text, sizeof(text), LEAST "%s[ \"b.vn\" ]; };", on);
	expect_fault(text,
	    ":1: alerts.contact: is missing, and notices.enabled is true; "
	    "write how senders report");
	static const char *const blank[] = {"", "  "};
	for (size_t i = 0; i < COUNT(blank); i++) {
		snprintf(text, sizeof(text),
		    ALERTS("\ncontact = \"%s\";") "%s[ \"b.vn\" ]; };",
		    blank[i], on);
		expect_fault(text, ":2: alerts.contact: is empty, and");
	}
	snprintf(text, sizeof(text),
	    ALERTS("contact = \"Office\";") "%s[ \"b.vn\" ]; };", on);
	const struct settings *s = load_text(text);
	settings_unref(&s);
	s = load_text(LEAST "notices: { enabled = false; };");
	settings_unref(&s);
}

static void
a_fault_of_domains_or_contact_is_told_once(void **state)
{
	(void)state;
	static const char *const texts[] = {
	    ALERTS("contact = \"Office\";") "notices: { enabled = true; "
					    "domains = \"b.vn\"; };",
	    ALERTS("contact = 5;") "notices: { enabled = true; "
				   "domains = [ \"b.vn\" ]; };"};
	for (size_t i = 0; i < COUNT(texts); i++) {
		write_text("bulkwatch.conf", texts[i]);
		char *faults = faults_of_file();
		assert_int_equal(count_lines(faults), 1);
		free(faults);
	}
}

static void
an_unknown_key_names_the_nearest_known_one(void **state)
{
	(void)state;
	static const struct {
		const char *text, *fault;
	} cases[] = {
	    {"databse = \"/x\";", "databse: is not known here; the nearest "
				  "known key is database"},
	    {"Listen = \"x\";", "Listen: is not known here; the nearest known "
				"key is listen"},
	    {"exempt: { sender = [ ]; };",
		"exempt.sender: is not known here; the nearest known key is "
		"senders"},
	    {"evidence: { per_hour = 3; };",
		"evidence.per_hour: is not known here; it belongs into alerts"},
	    {"ledger: { listen = \"x\"; };", "ledger.listen: is not known "
					     "here; it stands outside of all "
					     "groups"},
	    {"ledger: { qqqqqqq = 1; };", "ledger.qqqqqqq: is not known here; "
					  "known keys are keep"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[512], fault[512];
		snprintf(text, sizeof(text), LEAST "\n%s", cases[i].text);
		snprintf(fault, sizeof(fault), ":3: %s", cases[i].fault);
		expect_fault(text, fault);
	}
}

static void
all_faults_are_told_at_once(void **state)
{
	(void)state;
	write_text("bulkwatch.conf",
	    "listen = 1;\nspol = \"/x\";\n"
	    "rules: ( { name = \"a\"; recipients = 0; },\n"
	    "  { recipients = 9; count = \"x\"; } );\n"
	    "ledger: { keep = \"1h\"; };\n"
	    "alerts: { to = [ \"x\" ]; from = \"c@b.vn\"; };\n");
	char *faults = faults_of_file();
	expect_in(faults, "bulkwatch.conf", ":1: listen: ");
	expect_in(faults, "bulkwatch.conf", ":2: spol: ");
	expect_in(faults, "bulkwatch.conf", ":3: rules[1].recipients: ");
	expect_in(faults, "bulkwatch.conf", ":4: rules[2].count: ");
	expect_in(faults, "bulkwatch.conf", ":4: rules[2].name: ");
	expect_in(faults, "bulkwatch.conf", ":5: ledger.keep: ");
	expect_in(faults, "bulkwatch.conf", ":6: alerts.to[1]: ");
	assert_int_equal(count_lines(faults), 7);
	free(faults);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(
		a_wrong_value_is_a_fault_with_line_key_and_what_would_be_right),
	    TEST(a_wrong_key_of_a_rule_is_a_fault_that_says_which_rule),
	    TEST(a_rule_must_have_a_name_and_recipients),
	    TEST(a_rule_name_is_1_to_40_letters_digits_dots_and_dashes),
	    TEST(two_rules_with_one_name_are_a_fault),
	    TEST(recipients_of_a_rule_are_1_to_100000),
	    TEST(
		a_number_too_large_for_libconfig_is_a_fault_not_another_number),
	    TEST(an_empty_list_of_rules_is_a_fault),
	    TEST(thirty_two_rules_are_taken_and_no_more),
	    TEST(what_is_counted_must_be_kept_for_the_longest_window),
	    TEST(somebody_must_get_the_alerts),
	    TEST(addresses_of_alerts_must_be_bare_and_ascii),
	    TEST(other_faults_of_alerts_are_named),
	    TEST(notices_need_domains_and_a_contact),
	    TEST(a_fault_of_domains_or_contact_is_told_once),
	    TEST(an_unknown_key_names_the_nearest_known_one),
	    TEST(all_faults_are_told_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
