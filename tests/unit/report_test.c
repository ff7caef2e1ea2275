/* report_test.c: the month's report. */
#include "office.h"

#include "../../milter/ctl/report.h"

/* 2026-03-02 14:05:09 +07:00 */
#define MOMENT INT64_C(1772435109123)
#define DAY (INT64_C(86400000))

static struct month
march(void)
{
	struct month month;
	struct err err;
	if (month_parse("2026-03", MOMENT + 60 * DAY, &month, &err) < 0)
		fail_msg("%s", err.text);
	return month;
}

/* -------------------------------------------------------------- the month */

static void
a_month_is_local_and_as_long_as_it_is(void **state)
{
	(void)state;
	struct month m = march();
	char text[CLOCK_RFC3339_MAX];
	clock_rfc3339(m.from_ms, text);
	assert_string_equal(text, "2026-03-01T00:00:00+07:00");
	clock_rfc3339(m.until_ms, text);
	assert_string_equal(text, "2026-04-01T00:00:00+07:00");
	assert_int_equal(m.days, 31);
	m = month_before(&m);
	assert_int_equal(m.days, 28);
	assert_int_equal(m.number, 2);
	clock_rfc3339(m.until_ms, text);
	assert_string_equal(text, "2026-03-01T00:00:00+07:00");
	m = month_before(&m);
	m = month_before(&m);
	assert_int_equal(m.number, 12);
	assert_int_equal(m.year, 2025);
	struct err err;
	assert_int_equal(month_parse("2024-02", MOMENT, &m, &err), 0);
	assert_int_equal(m.days, 29);
}

static void
what_is_no_month_is_refused(void **state)
{
	(void)state;
	static const char *const faults[] = {"", "2026", "2026-3", "2026-00",
	    "2026-13", "2026-03-01", "March", "-026-03", "1969-12", "202a-01"};
	struct month month;
	struct err err;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		assert_int_equal(
		    month_parse(faults[i], MOMENT, &month, &err), -1);
		assert_non_null(strstr(err.text, "is no month: write "));
	}
	assert_int_equal(month_parse("2026-04", MOMENT, &month, &err), -1);
	assert_string_equal(err.text, "2026-04 has not begun yet");
	assert_int_equal(month_parse("2026-03", MOMENT, &month, &err), 0);
}

/* --------------------------------------------------------------- the sums */

static const struct bulk_send sends[] = {
    {
	.id = 3,
	.identity = IDENTITY_LOGIN,
	.sender = "lan@a.gov.vn",
	.status = STATUS_CLOSED,
	.outcome = OUTCOME_UNREPORTED,
	.first_at_ms = MOMENT,
	.messages = 2,
	.recipients = 30,
	.distinct_recipients = 25,
	.external_recipients = 4,
	.subject = "<b>\"x\" & 'y'</b>",
	.assignee = "hoa",
    },
    {
	.id = 2,
	.identity = IDENTITY_LOGIN,
	.sender = "lan@a.gov.vn",
	.status = STATUS_CLOSED,
	.outcome = OUTCOME_REPORTED,
	.first_at_ms = MOMENT + DAY,
	.messages = 1,
	.recipients = 100,
	.distinct_recipients = 100,
	.subject = "",
	.assignee = "hoa",
	.declaration = 7,
    },
    {
	.id = 4,
	.identity = IDENTITY_LOGIN,
	.sender = "<i>@b.gov.vn",
	.status = STATUS_NEW,
	.first_at_ms = MOMENT + DAY,
	.messages = 1,
	.recipients = 1200,
	.distinct_recipients = 1200,
	.subject = "",
	.assignee = "",
    },
    {
	.id = 5,
	.identity = IDENTITY_CLIENT,
	.sender = "192.0.2.7",
	.status = STATUS_REVIEWING,
	.first_at_ms = MOMENT - DAY,
	.messages = 1,
	.recipients = 20,
	.distinct_recipients = 20,
	.subject = "",
	.assignee = "minh",
    },
};

static const struct bulk_send before[] = {
    {
	.id = 1,
	.identity = IDENTITY_LOGIN,
	.sender = "lan@a.gov.vn",
	.status = STATUS_CLOSED,
	.outcome = OUTCOME_UNREPORTED,
	.first_at_ms = MOMENT - 10 * DAY,
	.messages = 1,
	.recipients = 50,
	.distinct_recipients = 50,
	.subject = "",
	.assignee = "",
    },
};

static const struct declaration declarations[] = {
    {.id = 9,
	.sender = "*@c.gov.vn",
	.recipients = 100,
	.from_ms = MOMENT + 5 * DAY,
	.until_ms = MOMENT + 6 * DAY,
	.reason = "x",
	.reference = "1/VP",
	.withdrawn_ms = MOMENT},
    {.id = 7,
	.sender = "*@a.gov.vn",
	.recipients = 80,
	.from_ms = MOMENT,
	.until_ms = MOMENT + 2 * DAY,
	.reason = "họp",
	.reference = "45/TB",
	.bulk_sends = 1,
	.used = 100},
    {.id = 6,
	.sender = "an@a.gov.vn",
	.recipients = 80,
	.from_ms = MOMENT - 60 * DAY,
	.until_ms = MOMENT - 50 * DAY,
	.reason = "x",
	.reference = ""},
    {.id = 8,
	.sender = "an@a.gov.vn",
	.recipients = 40,
	.from_ms = MOMENT - 20 * DAY,
	.until_ms = MOMENT + 60 * DAY,
	.reason = "tập huấn",
	.reference = ""},
};

static struct summary
sum_up(struct arena *arena)
{
	const struct month month = march();
	const struct bulk_send open[] = {sends[2], sends[3]};
	struct bulk_send *kept = arena_alloc(arena, sizeof(open));
	memcpy(kept, open, sizeof(open));
	const struct month_facts facts = {
	    .sends = sends,
	    .sends_n = 4,
	    .before = before,
	    .before_n = 1,
	    .open = kept,
	    .open_n = 2,
	    .declarations = declarations,
	    .declarations_n = 4,
	};
	struct summary summary;
	assert_int_equal(
	    month_sum_up(arena, &month, MOMENT + 40 * DAY, &facts, &summary),
	    0);
	return summary;
}

static void
a_summary_adds_up(void **state)
{
	const struct summary s = sum_up(*state);
	assert_int_equal(s.total.now.sends, 4);
	assert_int_equal(s.total.now.declared, 1);
	assert_int_equal(s.total.now.messages, 5);
	assert_int_equal(s.total.now.recipients, 1345);
	assert_int_equal(s.total.now.deliveries, 1350);
	assert_int_equal(s.total.now.external, 4);
	assert_int_equal(s.total.before.sends, 1);
	assert_int_equal(s.senders_before, 1);
	assert_int_equal(s.days[0].sends, 1); /* 1 March */
	assert_int_equal(s.days[1].sends, 1);
	assert_int_equal(s.days[2].sends, 2);
	assert_int_equal(s.days[2].declared, 1);
	assert_int_equal(s.results[RESULT_UNREPORTED].now.sends, 1);
	assert_int_equal(s.results[RESULT_UNREPORTED].before.sends, 1);
	assert_int_equal(s.results[RESULT_REPORTED].now.recipients, 100);
	assert_int_equal(s.results[RESULT_NEW].now.sends, 1);
	assert_int_equal(s.results[RESULT_REVIEWING].now.sends, 1);
}

static void
groups_stand_by_recipients_with_the_month_before_beside(void **state)
{
	const struct summary s = sum_up(*state);
	assert_int_equal(s.senders_n, 3);
	assert_string_equal(s.senders[0].name, "<i>@b.gov.vn");
	assert_string_equal(s.senders[1].name, "lan@a.gov.vn");
	assert_int_equal(s.senders[1].pair.now.sends, 2);
	assert_int_equal(s.senders[1].pair.before.recipients, 50);
	assert_string_equal(s.senders[2].name, "192.0.2.7");
	assert_int_equal(s.domains_n, 3);
	assert_string_equal(s.domains[0].name, "b.gov.vn");
	assert_string_equal(s.domains[1].name, "a.gov.vn");
	assert_string_equal(s.domains[2].name, "");
}

static void
lists_have_the_oldest_first(void **state)
{
	const struct summary s = sum_up(*state);
	assert_int_equal(s.unreported_n, 1);
	assert_int_equal(s.unreported[0]->id, 3);
	assert_int_equal(s.open_n, 2);
	assert_int_equal(s.open[0]->id, 5);
	assert_int_equal(s.open[1]->id, 4);
	/* not the withdrawn one of which nothing was seen, nor the old one */
	assert_int_equal(s.declarations_n, 2);
	assert_int_equal(s.declarations[0]->id, 8);
	assert_int_equal(s.declarations[1]->id, 7);
}

/* --------------------------------------------------------------- the words */

static void
every_word_stands_in_both_languages(void **state)
{
	(void)state;
	const struct words *vi = words_of("vi"), *en = words_of("en");
	for (int i = 0; i < WORDS_N; i++) {
		assert_non_null(words_get(vi, (enum word)i));
		assert_non_null(words_get(en, (enum word)i));
	}
	assert_string_equal(words_language(words_of("xx")), "vi");
}

static void
numbers_are_written_as_the_language_has_them(void **state)
{
	const struct words *vi = words_of("vi"), *en = words_of("en");
	assert_string_equal(words_number(vi, *state, 0), "0");
	assert_string_equal(words_number(vi, *state, 999), "999");
	assert_string_equal(words_number(vi, *state, 1000), "1.000");
	assert_string_equal(words_number(en, *state, 1234567), "1,234,567");
	assert_string_equal(
	    words_number(en, *state, UINT64_MAX), "18,446,744,073,709,551,615");
	assert_string_equal(words_change(vi, *state, 5, 5), "0");
	assert_string_equal(words_change(vi, *state, 1500, 0), "+1.500");
	assert_string_equal(words_change(en, *state, 3, 10), "−7");
	assert_string_equal(
	    words_moment(vi, *state, MOMENT), "02/03/2026 14:05");
	assert_string_equal(
	    words_moment(en, *state, MOMENT), "2026-03-02 14:05");
	const struct month month = march();
	assert_string_equal(
	    words_month(vi, *state, &month), "tháng 3 năm 2026");
	assert_string_equal(words_month(en, *state, &month), "March 2026");
}

/* --------------------------------------------------------------- the forms */

static const struct screen file = {.width = 100};

static const char *
written(struct arena *arena, const struct summary *summary,
    const char *language, int (*write)(const struct report *report))
{
	char *text = NULL;
	size_t length;
	const struct report report = {
	    .view = {open_memstream(&text, &length), &file, arena},
	    .words = words_of(language),
	    .summary = summary,
	    .office = "a.gov.vn, b.gov.vn",
	};
	assert_int_equal(write(&report), 0);
	fclose(report.view.out);
	const char *copy = arena_strdup(arena, text);
	free(text);
	return copy;
}

static void
holds(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("lacks \"%s\" in:\n%s", part, text);
}

static void
text_has_all_parts(void **state)
{
	const struct summary s = sum_up(*state);
	const char *text = written(*state, &s, "vi", report_text);
	holds(text, "BÁO CÁO: Về các đợt gửi thư đến nhiều người nhận, tháng 3 "
		    "năm 2026\n");
	holds(text, "\n1. Tổng hợp\n");
	holds(text, "  Số đợt gửi                     4       1          +3\n");
	holds(text, "\n2. Diễn biến theo ngày\n");
	holds(text, "\n3. Kết quả xử lý\n");
	holds(text, "\n4. Theo người gửi\n");
	holds(text, "\n5. Theo đơn vị (tên miền của người gửi)\n");
	holds(text, "  (không có tên miền) ");
	holds(text, "\n6. Khai báo trước so với thực tế\n");
	holds(text, "+20, vượt khai báo  họp; 45/TB\n");
	holds(text, "\n7. Các đợt gửi không báo cáo\n");
	holds(text, "\n8. Các vụ việc chưa khép lại\n");
	holds(text, "Đang xử lý: minh\n");
	assert_null(strstr(text, "Tháng chưa kết thúc"));
	text = written(*state, &s, "en", report_text);
	holds(text, "REPORT: on mail to many recipients, March 2026\n");
	holds(text, "\n8. Still open\n");
	holds(text, "Bulk sends recorded in March 2026: 4, by senders: 3, ");
}

static void
a_month_that_goes_on_says_so(void **state)
{
	struct summary s = sum_up(*state);
	s.made_ms = MOMENT + 5 * DAY;
	holds(written(*state, &s, "vi", report_text), "Tháng chưa kết thúc");
	holds(written(*state, &s, "en", report_html), "The month is not over");
}

static void
html_is_one_page_that_fetches_and_runs_nothing(void **state)
{
	const struct summary s = sum_up(*state);
	const char *text = written(*state, &s, "vi", report_html);
	holds(text, "<!DOCTYPE html>\n<html lang=\"vi\">\n");
	holds(text, "<meta charset=\"utf-8\">");
	holds(text, "@page { size: A4;");
	holds(text, "default-src 'none'");
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "<link"));
	assert_null(strstr(text, "<img"));
	assert_null(strstr(text, "http://"));
	assert_null(strstr(text, "https://"));
	assert_null(strstr(text, "url("));
	assert_null(strstr(text, "@import"));
	int charts = 0;
	for (const char *p = text; (p = strstr(p, "<svg ")) != NULL; p++)
		charts++;
	assert_int_equal(charts, 3);
}

static void
html_escapes_what_senders_wrote(void **state)
{
	const struct summary s = sum_up(*state);
	const char *text = written(*state, &s, "vi", report_html);
	holds(text, "&lt;b&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/b&gt;");
	holds(text, "&lt;i&gt;<wbr>@b.gov.vn");
	assert_null(strstr(text, "<b>\""));
	assert_null(strstr(text, "<i>@"));
}

static void
html_shows_nothing_that_acts(void **state)
{
	struct summary s = sum_up(*state);
	struct bulk_send dirty = sends[0];
	dirty.sender = "x\x1b\xe2\x80\xaey\xff";
	dirty.subject = "\x07";
	const struct bulk_send *list[] = {&dirty};
	const struct pair_of sender = {dirty.sender, s.senders[0].pair};
	s.unreported = list;
	s.senders = &sender;
	s.senders_n = 1;
	const char *text = written(*state, &s, "vi", report_html);
	assert_null(strpbrk(text, "\x1b\x07"));
	assert_null(strstr(text, "\xe2\x80\xae"));
	assert_null(strchr(text, '\xff'));
}

static void
a_quiet_month_is_a_report_too(void **state)
{
	const struct month month = march();
	const struct month_facts facts = {0};
	struct summary s;
	assert_int_equal(
	    month_sum_up(*state, &month, MOMENT + 40 * DAY, &facts, &s), 0);
	const char *text = written(*state, &s, "en", report_html);
	holds(text, "There was no mail to many recipients in this month.");
	assert_null(strstr(text, "<svg"));
	assert_null(strstr(text, "nan"));
	holds(written(*state, &s, "en", report_text), "\n4. By sender\n"
						      "  None.\n");
}

static void
many_groups_end_in_one_line_for_the_others(void **state)
{
	struct summary s = sum_up(*state);
	struct pair_of many[25] = {0};
	for (size_t i = 0; i < 25; i++) {
		many[i].name = arena_printf(*state, "s%02zu@a.gov.vn", i);
		many[i].pair.now = (struct tally){.sends = 1, .recipients = 30};
	}
	s.senders = many;
	s.senders_n = 25;
	const char *text = written(*state, &s, "en", report_text);
	holds(text, "s19@a.gov.vn");
	assert_null(strstr(text, "s20@"));
	holds(text, "  All others (5) ");
	holds(text, "  150  ");
}

static void
csv_has_the_same_number_of_cells_in_every_line(void **state)
{
	const struct summary s = sum_up(*state);
	const char *text = written(*state, &s, "vi", report_csv);
	assert_int_equal(
	    strncmp(text, "\xef\xbb\xbf\"section\",\"item\",", 20), 0);
	holds(text, "\r\n\"total\",\"2026-03\",4,1,5,1345,50,1350,4,1,");
	holds(text, "\r\n\"day\",\"2026-03-03\",2,0,2,1300,0,1300,0,1,");
	holds(text, "\r\n\"result\",\"unreported\",1,1,");
	holds(text, "\r\n\"sender\",\"lan@a.gov.vn\",2,1,");
	holds(text, "\r\n\"domain\",\"\",1,0,");
	holds(text, "\r\n\"declaration\",7,1,\"\",\"\",100,\"\",\"\",\"\",1,80,"
		    "\"*@a.gov.vn\"\r\n");
	holds(text, "\r\n\"unreported\",3,1,");
	holds(text, "\r\n\"open\",5,1,");
	int commas = 0;
	for (const char *p = text; *p != '\0'; p++) {
		commas += *p == ',';
		if (*p == '\n') {
			assert_int_equal(commas, 11);
			commas = 0;
		}
	}
}

/* ------------------------------------------------------------ the command */

static void
the_command_reports_the_month_of_the_log(void **state)
{
	struct office o;
	office_init(&o, *state);
	time_t now = time(NULL);
	struct tm tm;
	char month[16];
	strftime(month, sizeof(month), "%Y-%m", localtime_r(&now, &tm));
	office_sends(&o, "lan@example.gov.vn", 25, 0);
	struct call c = CALL("report", "--month", month, "-c", o.conf);
	says(c, 0, "  lan@example.gov.vn ");
	says(c, 0, "Hệ thống thư điện tử: example.gov.vn. ");
	says(CALL("report", "--month", month, "--format", "html", "-c", o.conf),
	    0, "</html>\n");
	says(CALL("report", "--month", month, "--format", "csv", "-c", o.conf),
	    0, "\r\n\"sender\",\"lan@example.gov.vn\",1,0,");
	office_deinit(&o);
}

static void
wrong_words_of_a_report_are_wrong_usage(void **state)
{
	is_misuse(CALL("report"), "report wants --month YYYY-MM\n");
	is_misuse(CALL("report", "--month", "2026-13"),
	    "--month: \"2026-13\" is no month");
	is_misuse(CALL("report", "--month", "2999-01"),
	    "--month: 2999-01 has not begun yet\n");
	is_misuse(CALL("report", "--month", "2026-01", "--format", "pdf"),
	    "--format wants text, html or csv, not \"pdf\"\n");
	is_misuse(CALL("report", "--month", "2026-01", "--json"),
	    "`bulkwatch export --format json` ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_month_is_local_and_as_long_as_it_is),
	    cmocka_unit_test(what_is_no_month_is_refused),
	    cmocka_unit_test(a_summary_adds_up),
	    cmocka_unit_test(
		groups_stand_by_recipients_with_the_month_before_beside),
	    cmocka_unit_test(lists_have_the_oldest_first),
	    cmocka_unit_test(every_word_stands_in_both_languages),
	    cmocka_unit_test(numbers_are_written_as_the_language_has_them),
	    cmocka_unit_test(text_has_all_parts),
	    cmocka_unit_test(a_month_that_goes_on_says_so),
	    cmocka_unit_test(html_is_one_page_that_fetches_and_runs_nothing),
	    cmocka_unit_test(html_escapes_what_senders_wrote),
	    cmocka_unit_test(html_shows_nothing_that_acts),
	    cmocka_unit_test(a_quiet_month_is_a_report_too),
	    cmocka_unit_test(many_groups_end_in_one_line_for_the_others),
	    cmocka_unit_test(csv_has_the_same_number_of_cells_in_every_line),
	    cmocka_unit_test(the_command_reports_the_month_of_the_log),
	    cmocka_unit_test(wrong_words_of_a_report_are_wrong_usage),
	};
	return cmocka_run_group_tests(tests, office_setup, office_teardown);
}
