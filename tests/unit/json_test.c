/* json_test.c: records as JSON, there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "bulkwatch/json.h"

static const struct recipient recipients[] = {
    {"a@example.gov.vn", false},
    {"b@elsewhere.example", true},
};

static const struct message message = {
    .id = INT64_C(9007199254740993), /* no double holds it */
    .at_ms = INT64_C(1772435109123),
    .tick = INT64_C(1000012345),
    .identity = IDENTITY_ENVELOPE,
    .sender = "nguyễn@example.gov.vn",
    .mail_from = "nguyễn@example.gov.vn",
    .login = "",
    .client = "2001:db8::1",
    .queue_id = "4XyZ12",
    .message_id = "\"quoted\\\"@x",
    .subject = "Giấy mời họp \"gấp\"",
    .recipients = recipients,
    .recipients_n = 2,
    .recipient_count = 4000000000,
    .external_count = 1,
};

static int
setup(void **state)
{
	setenv("TZ", "Asia/Ho_Chi_Minh", 1);
	tzset();
	*state = arena_new();
	return *state == NULL;
}

static int
teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static int
parse(struct arena *arena, const char *line, struct message *message_r,
    struct err *err)
{
	return json_message_parse(arena, line, strlen(line), message_r, err);
}

/* message's line with the first from replaced by to. */
static char *
line_with(const char *from, const char *to)
{
	char *line = json_message(&message);
	assert_non_null(line);
	char *at = strstr(line, from), *changed = NULL;
	assert_non_null(at);
	int length = asprintf(&changed, "%.*s%s%s", (int)(at - line), line, to,
	    at + strlen(from));
	assert_true(length > 0);
	free(line);
	return changed;
}

static void
refused(struct arena *arena, const char *line, const char *sentence)
{
	struct message got = {.id = 77};
	struct err err = {""};
	assert_int_equal(parse(arena, line, &got, &err), -1);
	assert_int_equal(got.id, 77);
	if (strstr(err.text, sentence) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", err.text, sentence);
}

static void
refused_with(
    struct arena *arena, const char *from, const char *to, const char *sentence)
{
	char *line = line_with(from, to);
	refused(arena, line, sentence);
	free(line);
}

static void
a_message_comes_back_as_it_went(void **state)
{
	char *line = json_message(&message);
	assert_non_null(line);
	struct message got;
	struct err err = {""};
	assert_int_equal(parse(*state, line, &got, &err), 0);
	free(line);
	assert_int_equal(got.id, message.id);
	assert_int_equal(got.at_ms, message.at_ms);
	assert_int_equal(got.tick, message.tick);
	assert_int_equal(got.identity, message.identity);
	assert_string_equal(got.sender, message.sender);
	assert_string_equal(got.mail_from, message.mail_from);
	assert_string_equal(got.login, message.login);
	assert_string_equal(got.client, message.client);
	assert_string_equal(got.queue_id, message.queue_id);
	assert_string_equal(got.message_id, message.message_id);
	assert_string_equal(got.subject, message.subject);
	assert_int_equal(got.recipient_count, message.recipient_count);
	assert_int_equal(got.external_count, message.external_count);
	assert_int_equal(got.recipients_n, 2);
	assert_string_equal(got.recipients[0].address, "a@example.gov.vn");
	assert_false(got.recipients[0].external);
	assert_string_equal(got.recipients[1].address, "b@elsewhere.example");
	assert_true(got.recipients[1].external);
}

static void
a_message_without_recipients_comes_back(void **state)
{
	struct message bare = message, got;
	bare.recipients = NULL;
	bare.recipients_n = 0;
	char *line = json_message(&bare);
	assert_non_null(line);
	assert_int_equal(parse(*state, line, &got, NULL), 0);
	assert_int_equal(got.recipients_n, 0);
	free(line);
}

static void
a_message_is_one_line(void **state)
{
	(void)state;
	struct message dirty = message;
	dirty.subject = "first\nsecond\x1b[2J\xff";
	char *line = json_message(&dirty);
	assert_non_null(line);
	assert_null(strchr(line, '\n'));
	assert_null(strchr(line, '\x1b'));
	assert_non_null(strstr(line, "first\\\\u{A}second\\\\u{1B}[2J\\\\xFF"));
	free(line);
}

static void
extra_keys_of_a_message_are_ignored(void **state)
{
	char *line = line_with("{", "{\"later\":[1,{}],");
	struct message got;
	assert_int_equal(parse(*state, line, &got, NULL), 0);
	assert_string_equal(got.queue_id, "4XyZ12");
	free(line);
}

static void
wrong_types_in_a_message_are_refused_by_name(void **state)
{
	refused_with(*state, "\"tick\":1000012345", "\"tick\":\"x\"",
	    "\"tick\" must be a whole number");
	refused_with(*state, "\"tick\":1000012345", "\"tick\":1.5",
	    "\"tick\" must be a whole number");
	refused_with(*state, "1772435109123", "-9223372036854775808",
	    "\"at_ms\" must be from 0 to 253402300799999");
	refused_with(*state, "1772435109123", "253402300800000",
	    "\"at_ms\" must be from 0 to 253402300799999");
	refused_with(*state, "\"queue_id\":\"4XyZ12\"", "\"queue_id\":null",
	    "\"queue_id\" must be a string");
	refused_with(*state, "\"queue_id\":", "\"queue_idea\":",
	    "\"queue_id\" must be a string");
	refused_with(*state, "\"external_count\":1", "\"external_count\":-1",
	    "\"external_count\" must be from 0 to 4294967295");
	refused_with(*state, "4000000000", "4294967296",
	    "\"recipient_count\" must be from 0 to 4294967295");
	refused_with(*state, "\"envelope\"", "\"emperor\"",
	    "\"identity\" must be login, envelope or client");
	refused_with(*state, "\"recipients\":[", "\"recipients\":7,\"x\":[",
	    "\"recipients\" must be an array");
	refused_with(*state, "\"external\":true", "\"external\":1",
	    "each of \"recipients\"");
	refused_with(*state, "\"address\":\"a@example.gov.vn\"",
	    "\"address\":[]", "\"address\" must be a string");
}

static void
what_is_no_json_is_refused(void **state)
{
	refused(*state, "", "not sound JSON");
	refused(*state, "[]", "not a JSON object");
	refused(*state, "{} {}", "not sound JSON");
	refused(*state, "{\"id\":1,\"id\":2}", "not sound JSON");
	refused(*state, "{\"\x1b\xff", "not sound JSON");
	refused_with(*state, "4XyZ12", "4Xy\\u0000", "not sound JSON");
	char *line = json_message(&message);
	struct message got;
	struct err err = {""};
	for (size_t length = 0; length < strlen(line); length++)
		assert_int_equal(
		    json_message_parse(*state, line, length, &got, &err), -1);
	free(line);
}

static void
a_message_from_an_edited_file_is_made_clean(void **state)
{
	char *line = line_with("4XyZ12", "\\u001b[2J");
	struct message got;
	assert_int_equal(parse(*state, line, &got, NULL), 0);
	assert_string_equal(got.queue_id, "\\u{1B}[2J");
	free(line);
}

static const struct bulk_send open_send = {
    .id = 12,
    .identity = IDENTITY_LOGIN,
    .sender = "lan@example.gov.vn",
    .status = STATUS_NEW,
    .trigger = TRIGGER_WINDOW,
    .rule = "window",
    .action = ACTION_LOG,
    .first_at_ms = INT64_C(1772435109123),
    .last_at_ms = INT64_C(1772435169000),
    .messages = 20,
    .recipients = 21,
    .distinct_recipients = 20,
    .external_recipients = 3,
    .unsent[UNSENT_REFUSED].messages = 7,
    .unsent[UNSENT_REFUSED].recipients = 8,
    .limit = 20,
    .window_secs = 600,
    .subject = "Giấy mời",
    .client = "192.0.2.7",
    .assignee = "",
    .reference = "",
};

static void
holds(const char *text, const char *part)
{
	assert_non_null(text);
	if (strstr(text, part) == NULL)
		fail_msg("lacks %s in:\n%s", part, text);
}

static void
list_has_every_name_of_a_bulk_send(void **state)
{
	(void)state;
	char *text = json_list(&open_send, 1);
	holds(text, "\"id\": 12,");
	holds(text, "\"status\": \"new\",");
	holds(text, "\"outcome\": null,");
	holds(text, "\"sender\": \"lan@example.gov.vn\",");
	holds(text, "\"identity\": \"login\",");
	holds(text, "\"trigger\": \"window\",");
	holds(text, "\"rule\": \"window\",");
	holds(text, "\"limit\": 20,");
	holds(text, "\"window\": 600,");
	holds(text, "\"action\": \"log\",");
	holds(text, "\"first_at\": \"2026-03-02T14:05:09+07:00\",");
	holds(text, "\"last_at\": \"2026-03-02T14:06:09+07:00\",");
	holds(text, "\"ended\": false,");
	holds(text, "\"messages\": 20,");
	holds(text, "\"recipients\": 21,");
	holds(text, "\"distinct_recipients\": 20,");
	holds(text, "\"external_recipients\": 3,");
	holds(text, "\"refused_messages\": 7,");
	holds(text, "\"refused_recipients\": 8,");
	holds(text, "\"subject\": \"Giấy mời\",");
	holds(text, "\"client\": \"192.0.2.7\",");
	holds(text, "\"declaration\": null,");
	holds(text, "\"assignee\": null,");
	holds(text, "\"reference\": null\n");
	free(text);
}

static void
list_says_outcome_declaration_and_assignee_where_there_are(void **state)
{
	(void)state;
	struct bulk_send closed = open_send;
	closed.status = STATUS_CLOSED;
	closed.outcome = OUTCOME_FALSE_ALARM;
	closed.declaration = 5;
	closed.assignee = "minh";
	closed.reference = "12/BC-VP";
	char *text = json_list(&closed, 1);
	holds(text, "\"outcome\": \"false-alarm\",");
	holds(text, "\"declaration\": 5,");
	holds(text, "\"assignee\": \"minh\"");
	holds(text, "\"reference\": \"12/BC-VP\"");
	free(text);
}

static void
an_empty_list_is_an_empty_array(void **state)
{
	(void)state;
	char *text = json_list(NULL, 0);
	assert_non_null(text);
	assert_string_equal(text, "[]\n");
	free(text);
}

static void
show_adds_evidence_history_and_alerts(void **state)
{
	(void)state;
	const struct history history = {
	    INT64_C(1772435109123), "bulkwatchd", "opened", "rule window"};
	const struct alert alerts[] = {
	    {.kind = ALERT_STARTED,
		.state = ALERT_SENT,
		.to = "postmaster@example.gov.vn",
		.attempts = 2,
		.created_ms = INT64_C(1772435109123),
		.sent_ms = INT64_C(1772435139123),
		.last_error = "451 try later"},
	    {.kind = ALERT_GROWN,
		.state = ALERT_QUEUED,
		.to = "",
		.created_ms = INT64_C(1772435109123),
		.last_error = ""},
	};
	const struct bulk_send_story story = {.send = open_send,
	    .evidence = &message,
	    .evidence_n = 1,
	    .history = &history,
	    .history_n = 1,
	    .alerts = alerts,
	    .alerts_n = 2};
	char *text = json_show(&story);
	holds(text, "{\n  \"id\": 12,");
	holds(text, "\"declaration\": null,");
	holds(text, "\"at\": \"2026-03-02T14:05:09+07:00\",\n      "
		    "\"queue_id\": \"4XyZ12\",");
	holds(text, "\"message_id\": \"\\\"quoted\\\\\\\"@x\",");
	holds(text, "\"mail_from\": \"nguyễn@example.gov.vn\",");
	holds(text, "\"login\": \"\",");
	holds(text, "\"recipient_count\": 4000000000,");
	holds(text, "\"recipients\": [\n        \"a@example.gov.vn\",\n"
		    "        \"b@elsewhere.example\"\n      ]");
	holds(text, "\"by\": \"bulkwatchd\",");
	holds(text, "\"event\": \"opened\",");
	holds(text, "\"note\": \"rule window\"");
	holds(text, "\"kind\": \"started\",");
	holds(text, "\"state\": \"sent\",");
	holds(text, "\"attempts\": 2,");
	holds(text, "\"last_error\": \"451 try later\",");
	holds(text, "\"sent_at\": \"2026-03-02T14:05:39+07:00\"");
	holds(text, "\"kind\": \"grown\",");
	holds(text, "\"sent_at\": null");
	free(text);
}

static const struct declaration declaration = {
    .id = 5,
    .sender = "*@example.gov.vn",
    .recipients = 200,
    .from_ms = INT64_C(1772435109123),
    .until_ms = INT64_C(1772445909123),
    .reason = "Giấy mời",
    .reference = "",
    .by = "hoa",
    .created_ms = INT64_C(1772435100000),
    .withdrawn_by = "",
    .bulk_sends = 2,
    .used = 190,
};

static void
a_declaration_has_all_its_names(void **state)
{
	(void)state;
	char *text = json_declaration(&declaration);
	assert_non_null(text);
	assert_string_equal(text,
	    "{\n  \"id\": 5,\n  \"sender\": \"*@example.gov.vn\",\n"
	    "  \"recipients\": 200,\n"
	    "  \"from\": \"2026-03-02T14:05:09+07:00\",\n"
	    "  \"until\": \"2026-03-02T17:05:09+07:00\",\n"
	    "  \"reason\": \"Giấy mời\",\n  \"reference\": null,\n"
	    "  \"by\": \"hoa\",\n"
	    "  \"created_at\": \"2026-03-02T14:05:00+07:00\",\n"
	    "  \"withdrawn_at\": null,\n  \"withdrawn_by\": null,\n"
	    "  \"bulk_sends\": 2,\n  \"used\": 190\n}\n");
	free(text);
	struct declaration withdrawn = declaration;
	withdrawn.withdrawn_ms = INT64_C(1772435109123);
	withdrawn.withdrawn_by = "minh";
	text = json_declarations(&withdrawn, 1);
	holds(text, "[\n  {\n    \"id\": 5,");
	holds(text, "\"withdrawn_at\": \"2026-03-02T14:05:09+07:00\",");
	holds(text, "\"withdrawn_by\": \"minh\",");
	free(text);
}

static void
show_has_the_whole_declaration_and_list_its_number(void **state)
{
	(void)state;
	struct bulk_send_story story = {
	    .send = open_send, .declaration = &declaration};
	story.send.declaration = 5;
	char *text = json_show(&story);
	holds(text, "\"declaration\": {\n    \"id\": 5,");
	holds(text, "\"used\": 190");
	free(text);
	text = json_send(&story.send);
	holds(text, "{\n  \"id\": 12,");
	holds(text, "\"declaration\": 5,");
	free(text);
}

static void
senders_sums_are_whole_numbers(void **state)
{
	(void)state;
	const struct sender_total total = {IDENTITY_CLIENT, "192.0.2.7",
	    UINT64_C(9007199254740993), 5, 1, INT64_C(1772435109123),
	    INT64_C(1772435109123)};
	char *text = json_senders(&total, 1);
	holds(text, "\"sender\": \"192.0.2.7\",");
	holds(text, "\"identity\": \"client\",");
	holds(text, "\"messages\": 9007199254740993,");
	holds(text, "\"recipients\": 5,");
	holds(text, "\"bulk_sends\": 1,");
	holds(text, "\"first_at\": \"2026-03-02T14:05:09+07:00\"");
	free(text);
}

static void
check_says_what_is_well(void **state)
{
	(void)state;
	const struct check_result results[] = {
	    {"settings", true, "fine", false},
	    {"socket", false, "nobody listens", false},
	    {"postfix", true, "by the way", true}};
	char *text = json_check(results, 3);
	holds(text, "\"subject\": \"settings\",\n    \"ok\": true,");
	holds(text, "\"subject\": \"socket\",\n    \"ok\": false,\n"
		    "    \"text\": \"nobody listens\",\n"
		    "    \"level\": \"fault\"");
	holds(text, "\"ok\": true,\n    \"text\": \"fine\",\n"
		    "    \"level\": \"ok\"");
	holds(text, "\"ok\": true,\n    \"text\": \"by the way\",\n"
		    "    \"level\": \"note\"");
	free(text);
}

static void
a_document_never_acts_on_a_terminal(void **state)
{
	(void)state;
	struct bulk_send dirty = open_send;
	dirty.subject = "a\xc2\x9b"
			"31m\xe2\x80\xae\xffz";
	char *text = json_list(&dirty, 1);
	holds(text, "\"subject\": \"a\\\\u{9B}31m\\\\u{202E}\\\\xFFz\"");
	free(text);
}

static int
reads_queued(struct arena *arena, const char *line, struct json_queued *q)
{
	struct err err = {""};
	return json_queued_parse(arena, line, strlen(line), q, &err);
}

static void
a_line_of_the_queue_is_read_whatever_bytes_its_addresses_have(void **state)
{
	struct json_queued q;
	assert_int_equal(
	    reads_queued(*state,
		"{\"queue_name\": \"hold\", \"queue_id\": \"4311DA8A2BA\", "
		"\"arrival_time\": 1795372440, \"message_size\": 334, "
		"\"sender\": \"\xff\xc3\\u0000\\\"}\", \"recipients\": "
		"[{\"address\": \"\xed\xa0\x80@x\"}]}",
		&q),
	    0);
	assert_string_equal(q.queue, "hold");
	assert_string_equal(q.queue_id, "4311DA8A2BA");
	assert_int_equal(q.arrival_ms, INT64_C(1795372440000));
}

static void
a_line_that_is_none_of_the_queue_is_refused(void **state)
{
	static const char *const lines[] = {"", "{", "[]", "{}",
	    "{\"queue_name\": \"hold\", \"queue_id\": \"4311DA8A2BA\"}",
	    "{\"queue_name\": \"hold\", \"queue_id\": 4311, "
	    "\"arrival_time\": 1795372440}"};
	struct json_queued q;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(reads_queued(*state, lines[i], &q), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_message_comes_back_as_it_went),
	    cmocka_unit_test(a_message_without_recipients_comes_back),
	    cmocka_unit_test(a_message_is_one_line),
	    cmocka_unit_test(extra_keys_of_a_message_are_ignored),
	    cmocka_unit_test(wrong_types_in_a_message_are_refused_by_name),
	    cmocka_unit_test(what_is_no_json_is_refused),
	    cmocka_unit_test(a_message_from_an_edited_file_is_made_clean),
	    cmocka_unit_test(list_has_every_name_of_a_bulk_send),
	    cmocka_unit_test(
		list_says_outcome_declaration_and_assignee_where_there_are),
	    cmocka_unit_test(an_empty_list_is_an_empty_array),
	    cmocka_unit_test(show_adds_evidence_history_and_alerts),
	    cmocka_unit_test(a_declaration_has_all_its_names),
	    cmocka_unit_test(
		show_has_the_whole_declaration_and_list_its_number),
	    cmocka_unit_test(senders_sums_are_whole_numbers),
	    cmocka_unit_test(check_says_what_is_well),
	    cmocka_unit_test(a_document_never_acts_on_a_terminal),
	    cmocka_unit_test(
		a_line_of_the_queue_is_read_whatever_bytes_its_addresses_have),
	    cmocka_unit_test(a_line_that_is_none_of_the_queue_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
