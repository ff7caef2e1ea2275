/* report_test.c: the month's report. */
#include "month_fixture.h"

/* --------------------------------------------------------------- the forms */

static const struct screen file = {.width = 100};

static const char *
written_on(const struct screen *screen, struct arena *arena,
    const struct summary *summary, const char *language,
    int (*write)(const struct report *report))
{
	char *text = NULL;
	size_t length;
	const struct report report = {
	    .view = {open_memstream(&text, &length), screen, arena},
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

static const char *
written(struct arena *arena, const struct summary *summary,
    const char *language, int (*write)(const struct report *report))
{
	return written_on(&file, arena, summary, language, write);
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
text_is_readable_on_80_columns(void **state)
{
	const struct screen terminal = {.width = 80, .cut = true};
	struct summary s = sum_up(*state);
	struct pair_of office = {.name = "vanphong@huyena.example.gov.vn"};
	office.pair.now = (struct tally){
	    .sends = 12, .declared = 3, .messages = 1234, .recipients = 45678};
	office.pair.before.recipients = 9876;
	s.senders = &office;
	s.senders_n = 1;
	struct bulk_send open = *s.open[0];
	open.sender = office.name;
	open.subject = "Giấy mời họp giao ban tháng 3 của văn phòng";
	const struct bulk_send *list[] = {&open};
	s.open = list;
	s.open_n = 1;
	const char *text = written_on(&terminal, *state, &s, "vi", report_text);
	/* clang-format off */
	holds(text,
	    "  Người gửi                         Số đợt  Khai báo  Số thư  Số người  Số người\n"
	    "                                       gửi     trước              nhận      nhận\n"
	    "                                                                          2/2026\n"
	    "  vanphong@huyena.example.gov.vn        12         3   1.234    45.678     9.876\n");
	holds(text, "  vanphong@huyena.example.gov.vn        20\n"
	    "      Tiêu đề thư: Giấy mời họp giao ban tháng 3 của văn phòng; Tình trạng: Đang\n"
	    "      xử lý: minh\n");
	/* clang-format on */
	assert_null(strstr(text, "…"));
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
	holds(text, "\r\n\"total\",\"2026-03\",4,1,5,1345,50,1350,4,1,"
		    "\"\",\"\",0,0,0,0,0,0,0\r\n");
	holds(text, "\r\n\"day\",\"2026-03-03\",2,0,2,1300,0,1300,0,1,");
	holds(text, "\r\n\"result\",\"unreported\",1,1,");
	holds(text, "\r\n\"sender\",\"lan@a.gov.vn\",2,1,");
	holds(text, "\r\n\"domain\",\"\",1,0,");
	holds(text, "\r\n\"declaration\",7,1,\"\",\"\",100,\"\",\"\",\"\",1,80,"
		    "\"*@a.gov.vn\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"\r\n");
	holds(text, "\r\n\"unreported\",3,1,");
	holds(text, "\r\n\"open\",5,1,");
	int commas = 0;
	for (const char *p = text; *p != '\0'; p++) {
		commas += *p == ',';
		if (*p == '\n') {
			assert_int_equal(commas, 18);
			commas = 0;
		}
	}
}

/* A bulk send of so many messages to 30 each; the rest of the arguments: how
 * many of them were not sent, by why. */
static struct bulk_send
partly_sent(
    uint32_t messages, uint32_t refused, uint32_t discarded, uint32_t held)
{
	const uint32_t unsent[UNSENT_N] = {
	    [UNSENT_REFUSED] = refused,
	    [UNSENT_DISCARDED] = discarded,
	    [UNSENT_HELD] = held,
	};
	struct bulk_send send = sends[2];
	send.messages = messages;
	send.recipients = send.distinct_recipients = 30 * messages;
	send.external_recipients = 3 * messages;
	for (int i = 0; i < UNSENT_N; i++)
		send.unsent[i] =
		    (struct portion){unsent[i], 30 * unsent[i], 3 * unsent[i]};
	return send;
}

static struct summary
summary_of(struct arena *arena, const struct bulk_send *some, size_t n)
{
	const struct month month = march();
	struct bulk_send *kept = arena_alloc(arena, n * sizeof(*kept));
	memcpy(kept, some, n * sizeof(*kept));
	const struct month_facts facts = {
	    .sends = kept, .sends_n = n, .open = kept, .open_n = n};
	struct summary s;
	assert_int_equal(
	    month_sum_up(arena, &month, MOMENT + 40 * DAY, &facts, &s), 0);
	return s;
}

static void
what_was_refused_is_named_apart_and_not_told_as_sent(void **state)
{
	const struct bulk_send some[] = {
	    partly_sent(3, 2, 0, 0), partly_sent(3, 3, 0, 0)};
	const struct summary s = summary_of(*state, some, 2);
	const char *text = written(*state, &s, "vi", report_html);
	holds(text, "tới tổng cộng 30 người nhận.");
	holds(text, "Ngoài ra, 5 thư tới 150 lượt nhận bị từ chối hoặc tạm "
		    "hoãn, không gửi đi.</p>");
	holds(text, "Số thư bị từ chối hoặc tạm hoãn, không gửi đi</td>"
		    "<td class=\"right whole\">5</td>");
	assert_null(strstr(text, ">180<"));
	assert_null(strstr(text, "tạm giữ"));
	text = written(*state, &s, "en", report_html);
	holds(text, "to recipients: 30 in all.");
	holds(text, "and not sent: 5, for deliveries: 150.</p>");
	text = written(*state, &s, "en", report_text);
	holds(text, "  Messages rejected or deferred, not sent       5  ");
	text = written(*state, &s, "vi", report_csv);
	holds(text, "\r\n\"total\",\"2026-03\",2,0,1,30,0,30,3,0,"
		    "\"\",\"\",5,150,0,0,0,0,0\r\n");
	holds(text, "\"open\",4,1,\"\",0,0,\"\",0,0,0,\"\","
		    "\"<i>@b.gov.vn\",3,90,0,0,0,0,0\r\n");
}

static void
what_is_held_or_was_discarded_is_named_apart_and_not_told_as_sent(void **state)
{
	const struct bulk_send some[] = {
	    partly_sent(1, 0, 1, 0), partly_sent(4, 0, 1, 2)};
	const struct summary s = summary_of(*state, some, 2);
	const char *text = written(*state, &s, "vi", report_html);
	holds(text, "tới tổng cộng 30 người nhận.");
	holds(text, "Ngoài ra, 2 thư tới 60 lượt nhận bị tạm giữ rồi xóa bỏ, "
		    "không gửi đi; 2 thư tới 60 lượt nhận đang tạm giữ, chưa "
		    "gửi đi.</p>");
	assert_null(strstr(text, "từ chối"));
	text = written(*state, &s, "en", report_text);
	holds(text, "  Messages held and deleted, not sent         2  ");
	holds(text, "  Messages held, not sent yet                 2  ");
	text = written(*state, &s, "vi", report_csv);
	holds(text, "\r\n\"total\",\"2026-03\",2,0,1,30,0,30,3,0,"
		    "\"\",\"\",0,0,2,60,2,60,0\r\n");
}

static void
recipients_of_a_part_are_said_to_be_at_most_so_many(void **state)
{
	const struct bulk_send part = partly_sent(3, 1, 0, 0);
	const struct summary s = summary_of(*state, &part, 1);
	const char *text = written(*state, &s, "vi", report_html);
	holds(text, "tới tổng cộng nhiều nhất 60 người nhận.");
	holds(text, "<td class=\"right whole\">≤\u00a060</td>");
	holds(text, "Dấu “≤” trước số người nhận nghĩa là nhiều nhất: ");
	text = written(*state, &s, "en", report_text);
	holds(text, "to recipients: at most 60 in all.");
	holds(text, "“≤”");
	holds(written(*state, &s, "vi", report_csv), ",1,30,0,0,0,0,1\r\n");
}

static void
recipients_of_one_message_or_none_are_known(void **state)
{
	const struct bulk_send some[] = {
	    partly_sent(3, 2, 0, 0), partly_sent(3, 1, 1, 1)};
	const struct summary s = summary_of(*state, some, 2);
	assert_null(strstr(written(*state, &s, "vi", report_html), "≤"));
	assert_null(strstr(written(*state, &s, "en", report_text), "most 30"));
}

static void
where_nothing_was_refused_nothing_is_said_of_it(void **state)
{
	const struct summary s = sum_up(*state);
	assert_null(strstr(written(*state, &s, "vi", report_text), "từ chối"));
	assert_null(
	    strstr(written(*state, &s, "en", report_html), "rejected"));
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
	    cmocka_unit_test(text_has_all_parts),
	    cmocka_unit_test(text_is_readable_on_80_columns),
	    cmocka_unit_test(a_month_that_goes_on_says_so),
	    cmocka_unit_test(html_is_one_page_that_fetches_and_runs_nothing),
	    cmocka_unit_test(html_escapes_what_senders_wrote),
	    cmocka_unit_test(html_shows_nothing_that_acts),
	    cmocka_unit_test(a_quiet_month_is_a_report_too),
	    cmocka_unit_test(many_groups_end_in_one_line_for_the_others),
	    cmocka_unit_test(csv_has_the_same_number_of_cells_in_every_line),
	    cmocka_unit_test(
		what_was_refused_is_named_apart_and_not_told_as_sent),
	    cmocka_unit_test(
		what_is_held_or_was_discarded_is_named_apart_and_not_told_as_sent),
	    cmocka_unit_test(
		recipients_of_a_part_are_said_to_be_at_most_so_many),
	    cmocka_unit_test(recipients_of_one_message_or_none_are_known),
	    cmocka_unit_test(where_nothing_was_refused_nothing_is_said_of_it),
	    cmocka_unit_test(the_command_reports_the_month_of_the_log),
	    cmocka_unit_test(wrong_words_of_a_report_are_wrong_usage),
	};
	return cmocka_run_group_tests(tests, office_setup, office_teardown);
}
