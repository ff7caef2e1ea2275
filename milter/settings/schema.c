/*
 * schema.c: the keys of bulkwatch.conf(5), as a table: how each is written,
 * what may stand there, what holds where the file says nothing, and where the
 * value goes. bulkwatch.conf.5 describes the same keys for people.
 */
#include "schema.h"

#include "values.h"

#define DAY 86400
#define KEEP_MOST (INT64_C(3650) * DAY) /* what clock_duration takes */

#define SETTING(member) offsetof(struct snapshot, settings.member)
#define RULE(member) offsetof(struct rule, member)

/* The order of words is that of the enum. */
static const char *const on_failure_words[] = {"accept", "defer", NULL};
static const char *const count_words[] = {"distinct", "total", NULL};
static const char *const scope_words[] = {"all", "external", NULL};
static const char *const per_words[] = {"sender", "client", NULL};
static const char *const action_words[] = {
    "log", "defer", "hold", "reject", NULL};
static const char *const evidence_words[] = {"full", "domain", "count", NULL};

static const struct key outbound_keys[] = {
    {"logins", KIND_FLAG, SETTING(outbound_logins), .preset = "true"},
    {"networks", KIND_NETWORKS, SETTING(outbound_networks),
	.preset = "[ \"127.0.0.0/8\", \"::1/128\" ]"},
    {.name = NULL},
};

static const struct key rule_keys[] = {
    {"name", KIND_TEXT, RULE(name),
	.missing = "give the rule a name, such as name = \"message\"",
	.value = value_rule_name, .example = "\"message\""},
    {"recipients", KIND_NUMBER, RULE(recipients),
	.missing = "say at how many recipients the rule matches, such as "
		   "recipients = 20",
	.least = 1, .most = 100000},
    {"window", KIND_DURATION, RULE(window_secs), .least = 1,
	.most = INT64_C(31) * DAY, .example = "\"10m\""},
    {"count", KIND_WORD, RULE(count), .preset = "\"distinct\"",
	.words = count_words},
    {"scope", KIND_WORD, RULE(scope), .preset = "\"all\"",
	.words = scope_words},
    {"per", KIND_WORD, RULE(per), .preset = "\"sender\"", .words = per_words},
    {"senders", KIND_PATTERNS, RULE(senders), .preset = "[]",
	.example = "[ \"*@example.gov.vn\" ]"},
    {"except", KIND_PATTERNS, RULE(except), .preset = "[]",
	.example = "[ \"newsletter@example.gov.vn\" ]"},
    {"action", KIND_WORD, RULE(action), .preset = "\"log\"",
	.words = action_words},
    {"alert", KIND_FLAG, RULE(alert), .preset = "true"},
    {"reply", KIND_TEXT, RULE(reply), .value = value_reply,
	.example = "\"Please report bulk mail first\""},
    {.name = NULL},
};

static const struct key exempt_keys[] = {
    {"senders", KIND_PATTERNS, SETTING(exempt_senders), .preset = "[]",
	.example = "[ \"newsletter@example.gov.vn\" ]"},
    {"recipients", KIND_PATTERNS, SETTING(exempt_recipients), .preset = "[]",
	.example = "[ \"archive@example.gov.vn\" ]"},
    {"clients", KIND_NETWORKS, SETTING(exempt_clients), .preset = "[]",
	.example = "[ \"192.0.2.10\" ]"},
    {.name = NULL},
};

static const struct key evidence_keys[] = {
    {"subject", KIND_FLAG, SETTING(evidence_subject), .preset = "true"},
    {"recipients", KIND_WORD, SETTING(evidence_recipients),
	.preset = "\"full\"", .words = evidence_words},
    {"keep", KIND_DURATION, SETTING(evidence_keep_secs), .preset = "\"365d\"",
	.least = DAY, .most = KEEP_MOST},
    {.name = NULL},
};

static const struct key ledger_keys[] = {
    {"keep", KIND_DURATION, SETTING(ledger_keep_secs), .preset = "\"90d\"",
	.least = DAY, .most = KEEP_MOST},
    {.name = NULL},
};

static const struct key alerts_keys[] = {
    {"to", KIND_TEXTS, SETTING(alerts.to),
	.missing = "say who gets the alerts, such as "
		   "to = [ \"postmaster@example.gov.vn\" ]",
	.value = value_address, .example = "[ \"postmaster@example.gov.vn\" ]"},
    /* Its default is made of local_domains: see settings.c. */
    {"from", KIND_TEXT, SETTING(alerts.from), .value = value_address,
	.example = "\"bulkwatch@example.gov.vn\""},
    {"smtp", KIND_TEXT, SETTING(alerts.smtp),
	.preset = "\"smtp://127.0.0.1:25\"", .value = value_smtp},
    {"language", KIND_TEXT, SETTING(alerts.language), .preset = "\"vi\"",
	.value = value_language},
    {"per_hour", KIND_NUMBER, SETTING(alerts.per_hour), .preset = "30",
	.least = 1, .most = 10000},
    {"digest", KIND_TIME, SETTING(alerts.digest_minute), .preset = "\"08:00\""},
    {"contact", KIND_TEXT, SETTING(alerts.contact), .preset = "\"\"",
	.value = value_remark, .example = "\"Office, telephone 101\""},
    {.name = NULL},
};

static const struct key notices_keys[] = {
    /* What must be there with it: see settings.c. */
    {"enabled", KIND_FLAG, SETTING(notices.enabled), .preset = "false"},
    {"domains", KIND_TEXTS, SETTING(notices.domains), .preset = "[]",
	.value = value_domain, .example = "[ \"example.gov.vn\" ]"},
    {"password_help", KIND_TEXT, SETTING(notices.password_help),
	.preset = "\"\"", .value = value_remark,
	.example = "\"https://example.gov.vn/help\""},
    {.name = NULL},
};

const struct key schema_keys[] = {
    {"listen", KIND_TEXT, SETTING(listen),
	.preset = "\"unix:/run/bulkwatch/milter.sock\"", .value = value_listen},
    {"database", KIND_TEXT, SETTING(database),
	.preset = "\"/var/lib/bulkwatch/bulkwatch.db\"", .value = value_path},
    {"spool", KIND_TEXT, SETTING(spool), .preset = "\"/var/spool/bulkwatch\"",
	.value = value_path},
    {"on_failure", KIND_WORD, SETTING(on_failure), .preset = "\"accept\"",
	.words = on_failure_words},
    {"outbound", KIND_GROUP, .keys = outbound_keys},
    {"local_domains", KIND_TEXTS, SETTING(local_domains), .preset = "[]",
	.value = value_domain, .example = "[ \"example.gov.vn\" ]"},
    {"rules", KIND_RULES,
	.preset =
	    "( { name = \"message\"; recipients = 20; },"
	    "  { name = \"window\"; recipients = 20; window = \"10m\"; })",
	.example = "( { name = \"message\"; recipients = 20; } )",
	.keys = rule_keys},
    {"exempt", KIND_GROUP, .keys = exempt_keys},
    {"evidence", KIND_GROUP, .keys = evidence_keys},
    {"ledger", KIND_GROUP, .keys = ledger_keys},
    {"alerts", KIND_GROUP, .keys = alerts_keys},
    {"notices", KIND_GROUP, .keys = notices_keys},
    {"user", KIND_TEXT, SETTING(user), .value = value_user,
	.example = "\"bulkwatch\""},
    {.name = NULL},
};
