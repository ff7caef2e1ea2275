/* notifier_test.c: the thread that delivers alerts. */
#include "notifier_fixture.h"

static void
an_alert_is_delivered_once_and_settled(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	struct row *row = add_row(&lab, 7, ALERT_STARTED);
	notify(&lab);
	wait_settled(&lab, row);
	notifier_wake(lab.notifier);
	pause_ms(200);
	assert_int_equal(mails(&lab), 1);
	assert_int_equal(settled(&lab, row), 1);
	assert_int_equal(row->alert.state, ALERT_SENT);
	assert_string_equal(row->error, "");
	assert_string_equal(row->to, "postmaster@example.gov.vn");
	assert_says(mail(&lab, 0), "Auto-Submitted: auto-generated");
	assert_string_equal(header_of(&lab, mail(&lab, 0), "Message-Id"),
	    arena_printf(lab.arena, "<%s>", row->message_id));
	lab_stop(&lab);
}

static void
an_alert_says_who_how_many_when_whence_and_what_to_do(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 7, ALERT_STARTED));
	const char *text = body(&lab, 0);
	assert_says(text, "sender=nguyen.van.a@example.gov.vn\n");
	assert_says(text, "identity=login\n");
	assert_says(text, "recipients=25\ndistinct=25\nexternal=5\n");
	assert_says(text, "messages=1\nlimit=20\nwindow=10 minutes\n");
	assert_says(text, "rule=window\n");
	assert_says(text, "first=2026-03-02 14:05:09 +07:00\n");
	assert_says(text, "last=2026-03-02 14:05:59 +07:00\n");
	assert_says(text, "client=192.0.2.7\nsubject=Budget\n");
	assert_says(text, "declared=no\n");
	assert_says(text, "look=bulkwatch -c '/tmp/test.conf' show 7\n");
	assert_says(text, "take=bulkwatch -c '/tmp/test.conf' take 7\n");
	assert_says(text, "contact=Office, tel. 123\n");
	assert_says(text, "status=new, nobody has taken it\n");
	assert_says(text, "to:\n  r0@example.com\n");
	assert_says(text, "\n  r9@example.com\n  … and 15 more\n");
	assert_says(text, "messages:\n  2026-03-02 14:05:09  QUEUE0  "
			  "25 recipients  Budget\n");
	assert_null(strstr(text, "list="));
	lab_stop(&lab);
}

static void
the_usual_settings_file_is_not_named(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	lab.box.settings.file =
	    BULKWATCH_SYSCONFDIR "/bulkwatch/bulkwatch.conf";
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 7, ALERT_STARTED));
	assert_says(body(&lab, 0), "look=bulkwatch show 7\n");
	lab_stop(&lab);
}

static void
a_settings_file_is_one_word_for_the_shell(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	lab.box.settings.file = "/tmp/an's.conf";
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 7, ALERT_STARTED));
	assert_says(
	    body(&lab, 0), "look=bulkwatch -c '/tmp/an'\\''s.conf' show 7\n");
	lab_stop(&lab);
}

static void
what_is_not_known_is_said_or_left_out(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	lab.box.client = lab.box.subject = "";
	lab.box.settings.alerts.contact = "";
	lab.box.hide_recipients = true;
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 7, ALERT_STARTED));
	const char *text = body(&lab, 0);
	assert_says(text, "client=this server itself\nsubject=(none)\n");
	assert_says(text, "to:\n  (addresses of recipients are not kept)\n");
	assert_null(strstr(text, "contact"));
	lab_stop(&lab);
}

static void
alerts_speak_vietnamese(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	lab.box.settings.alerts.language = "vi";
	lab.box.subject = "Thư mời họp";
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 7, ALERT_STARTED));
	const char *text = body(&lab, 0);
	assert_says(text, "identity=tài khoản đăng nhập\n");
	assert_says(text, "window=10 phút\n");
	assert_says(text, "subject=Thư mời họp\ndeclared=không\n");
	assert_says(text, "  … và 15 nữa\n");
	assert_says(text, "25 người nhận  Thư mời họp\n");
	lab_stop(&lab);
}

static void
the_templates_built_in_say_it_all(void **state)
{
	(void)state;
	static const char *const languages[] = {"vi", "en"};
	for (size_t i = 0; i < 2; i++) {
		struct lab lab;
		lab_start(&lab, &(struct server_script){NULL});
		lab.box.settings.alerts.language = languages[i];
		for (int id = TEMPLATE_STARTED; id <= TEMPLATE_DIGEST; id++)
			use_template(
			    &lab, id, template_builtin(languages[i], id));
		lab.box.settings.alerts.per_hour = 2;
		add_row(&lab, 7, ALERT_STARTED);
		add_row(&lab, 8, ALERT_STARTED);
		const struct row *last = add_row(&lab, 9, ALERT_STARTED);
		notify(&lab);
		wait_settled(&lab, last);
		assert_says(header_subject(lab.arena,
				header_of(&lab, mail(&lab, 0), "Subject")),
		    "nguyen.van.a@example.gov.vn");
		const char *text = body(&lab, 0);
		static const char *const facts[] = {
		    "nguyen.van.a@example.gov.vn", "25", "2026-03-02",
		    "192.0.2.7", "window", "Budget", "show 7", "take 7",
		    "r9@example.com", "QUEUE0", "Office, tel. 123"};
		for (size_t j = 0; j < sizeof(facts) / sizeof(facts[0]); j++)
			assert_says(text, facts[j]);
		assert_null(strstr(text, "{"));
		assert_says(body(&lab, 1), "\n  8  2026-03-02");
		assert_says(body(&lab, 1), "\n  9  2026-03-02");
		lab_stop(&lab);
	}
}

static const char *
alert_about(struct lab *lab, enum template_id id, const char *language,
    enum action action, uint32_t held)
{
	lab_start(lab, &(struct server_script){NULL});
	lab->box.settings.alerts.language = language;
	lab->box.action = action;
	lab->box.held = held;
	use_template(lab, id, template_builtin(language, id));
	notify(lab);
	wait_settled(
	    lab, add_row(lab, 7,
		     id == TEMPLATE_GROWN ? ALERT_GROWN : ALERT_STARTED));
	return body(lab, 0);
}

static void
an_alert_says_what_was_done_with_the_mail(void **state)
{
	(void)state;
	static const struct {
		enum action action;
		const char *vi, *en;
	} cases[] = {
	    {ACTION_DEFER,
		"Đã xử lý thư:    tạm hoãn: ", "The mail was:     deferred: "},
	    {ACTION_HOLD, "Đã xử lý thư:    tạm giữ trên máy chủ",
		"The mail was:     held on the server"},
	    {ACTION_REJECT,
		"Đã xử lý thư:    từ chối: ", "The mail was:     rejected: "},
	};
	for (size_t i = 0; i < 3; i++)
		for (enum template_id id = TEMPLATE_STARTED;
		     id <= TEMPLATE_GROWN; id++) {
			struct lab lab;
			assert_says(
			    alert_about(&lab, id, "vi", cases[i].action, 0),
			    cases[i].vi);
			lab_stop(&lab);
			assert_says(
			    alert_about(&lab, id, "en", cases[i].action, 0),
			    cases[i].en);
			lab_stop(&lab);
		}
}

static void
an_alert_says_how_held_mail_is_let_go_while_some_waits(void **state)
{
	(void)state;
	struct lab lab;
	const char *text =
	    alert_about(&lab, TEMPLATE_STARTED, "vi", ACTION_HOLD, 3);
	assert_says(text, "chờ quyết định: 3\n");
	assert_says(text, "\n  bulkwatch -c '/tmp/test.conf' release 7\n");
	assert_says(text, "\n  bulkwatch -c '/tmp/test.conf' discard 7\n");
	lab_stop(&lab);
	text = alert_about(&lab, TEMPLATE_STARTED, "vi", ACTION_HOLD, 0);
	assert_null(strstr(text, "quyết định"));
	assert_null(strstr(text, "discard"));
	lab_stop(&lab);
	text = alert_about(&lab, TEMPLATE_STARTED, "en", ACTION_LOG, 0);
	assert_null(strstr(text, "The mail was"));
	assert_null(strstr(text, "release"));
	lab_stop(&lab);
}

/* Mail that nobody got must not read as if all had. */
static void
an_alert_says_how_much_was_not_sent(void **state)
{
	(void)state;
	static const struct {
		enum template_id id;
		const char *language, *line;
	} cases[] = {
	    {TEMPLATE_STARTED, "vi",
		"\n  Không gửi đi:    2 thư, tới 20 người nhận\n"},
	    {TEMPLATE_GROWN, "vi",
		"\n  Không gửi đi:    2 thư, tới 20 người nhận\n"},
	    {TEMPLATE_STARTED, "en",
		"\n  Not sent:         2 of the messages, to 20 recipients\n"},
	    {TEMPLATE_GROWN, "en",
		"\n  Not sent:         2 of the messages, to 20 recipients\n"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lab lab = {.box = {.refused = 0}};
		const char *text = alert_about(&lab, cases[i].id,
		    cases[i].language, ACTION_REJECT, 0);
		assert_null(strstr(text, "Không gửi đi"));
		assert_null(strstr(text, "Not sent"));
		lab.box.refused = 2;
		wait_settled(&lab,
		    add_row(&lab, 8,
			cases[i].id == TEMPLATE_GROWN ? ALERT_GROWN
						      : ALERT_STARTED));
		assert_says(body(&lab, 1), cases[i].line);
		lab_stop(&lab);
	}
}

static void
a_recipient_of_many_messages_is_listed_once(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	lab.box.messages = 5;
	lab.box.recipients = 15;
	lab.box.same_recipients = true;
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 7, ALERT_STARTED));
	assert_int_equal(occurrences(body(&lab, 0), "r0@example.com"), 1);
	lab_stop(&lab);
}

static void
long_lists_and_long_lines_are_cut(void **state)
{
	(void)state;
	struct lab lab;
	char subject[600];
	memset(subject, 's', sizeof(subject));
	subject[sizeof(subject) - 1] = '\0';
	lab_start(&lab, &(struct server_script){NULL});
	lab.box.subject = subject;
	lab.box.messages = 100;
	lab.box.recipients = 100;
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 7, ALERT_STARTED));
	const char *text = body(&lab, 0);
	assert_int_equal(occurrences(text, "QUEUE"), 20);
	assert_says(text, "\n  … and 80 more\n");
	assert_says(text, "\n  … and 90 more\n");
	assert_int_equal(occurrences(text, "ss…\n"), 21);
	for (const char *line = text; *line != '\0';) {
		size_t n = strcspn(line, "\n");
		assert_in_range(n, 0, 220);
		line += n + 1;
	}
	lab_stop(&lab);
}

static void
the_second_alert_answers_the_first_and_says_what_it_told(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	lab.box.first = ALERT_STARTED;
	lab.box.messages = 10;
	lab.box.recipients = 100;
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 7, ALERT_GROWN));
	const char *text = mail(&lab, 0);
	assert_string_equal(header_of(&lab, text, "Subject"), "grown 7");
	assert_string_equal(header_of(&lab, text, "In-Reply-To"),
	    "<bulkwatch.1.1772435110000.started@example.gov.vn>");
	/* The first alert went after the second of ten messages. */
	assert_says(mail_text(lab.arena, text), "before=20\n");
	lab_stop(&lab);
}

static void
a_nonce_goes_with_each_attempt(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 7, ALERT_STARTED));
	const char *nonce = header_of(&lab, mail(&lab, 0), "X-Bulkwatch-Nonce");
	assert_true(own_is(lab.own, nonce, lab.to, 1, clock_tick()));
	lab_stop(&lab);
}

static void
a_wake_is_answered_at_once(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	notify(&lab);
	pause_ms(100);
	double begin = seconds();
	wait_settled(&lab, add_row(&lab, 7, ALERT_STARTED));
	assert_true(seconds() - begin < 2);
	lab_stop(&lab);
}

static void
a_mail_that_failed_is_tried_again_under_the_same_message_id(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){.text = "452 disk full"});
	struct row *row = add_row(&lab, 7, ALERT_STARTED);
	int64_t begin = clock_wall_ms();
	notify(&lab);
	wait_settled(&lab, row);
	assert_int_equal(row->alert.state, ALERT_QUEUED);
	assert_non_null(strstr(row->error, "452 disk full"));
	assert_in_range(row->next_ms, begin + 30000, begin + 40000);
	/* Later, with a server that takes it. */
	notifier_deinit(&lab.notifier);
	lab.server.script.text = NULL;
	row->settled = 0;
	row->next_ms = clock_wall_ms();
	notify(&lab);
	wait_settled(&lab, row);
	assert_int_equal(row->alert.state, ALERT_SENT);
	assert_int_equal(mails(&lab), 1);
	assert_string_equal(row->message_id,
	    arena_printf(lab.arena, "bulkwatch.1.%lld.started@example.gov.vn",
		(long long)row->alert.created_ms));
	lab_stop(&lab);
}

static void
a_refusal_for_good_is_tried_again_too(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){.rcpt = "550 no such user"});
	struct row *row = add_row(&lab, 7, ALERT_STARTED);
	notify(&lab);
	wait_settled(&lab, row);
	assert_int_equal(row->alert.state, ALERT_QUEUED);
	lab_stop(&lab);
}

static void
an_alert_is_given_up_after_days(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){.rcpt = "550 no such user"});
	struct row *row = add_row(&lab, 7, ALERT_STARTED);
	row->alert.created_ms -= (int64_t)ALERT_GIVE_UP_SECS * 1000;
	row->alert.attempts = ALERT_ATTEMPTS_MIN - 1;
	notify(&lab);
	wait_settled(&lab, row);
	assert_int_equal(row->alert.state, ALERT_FAILED);
	assert_non_null(strstr(row->error, "550 no such user"));
	lab_stop(&lab);
}

static void
an_alert_that_a_clock_made_old_is_tried_again(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){.rcpt = "450 come back later"});
	struct row *row = add_row(&lab, 7, ALERT_STARTED);
	row->alert.created_ms -= (int64_t)365 * 86400 * 1000;
	notify(&lab);
	wait_settled(&lab, row);
	assert_int_equal(row->alert.state, ALERT_QUEUED);
	lab_stop(&lab);
}

static void
a_server_that_is_down_is_asked_once_however_many_wait(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){.greeting = "421 down"});
	for (int i = 0; i < 20; i++)
		add_row(&lab, i + 1, ALERT_STARTED);
	notify(&lab);
	wait_settled(&lab, &lab.box.rows[0]);
	for (int i = 0; i < 20; i++) {
		notifier_wake(lab.notifier);
		pause_ms(20);
	}
	assert_int_equal(connections(&lab), 1);
	for (int i = 1; i < 20; i++)
		assert_int_equal(settled(&lab, &lab.box.rows[i]), 0);
	lab_stop(&lab);
}

static void
a_refused_admin_keeps_nobody_else_from_the_alert(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){.refused = "postmaster",
			    .refused_with = "550 no such user"});
	lab.box.settings.alerts.to.n = 2;
	struct row *row = add_row(&lab, 7, ALERT_STARTED);
	notify(&lab);
	wait_settled(&lab, row);
	assert_int_equal(row->alert.state, ALERT_SENT);
	assert_string_equal(row->to, "b@example.gov.vn");
	assert_non_null(
	    strstr(row->error, "postmaster@example.gov.vn: 550 no such user"));
	lab_stop(&lab);
}

static void
what_is_over_per_hour_comes_in_a_digest_each_once(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	lab.box.settings.alerts.per_hour = 3;
	for (int i = 0; i < 10; i++)
		add_row(&lab, 101 + i, ALERT_STARTED);
	notify(&lab);
	wait_settled(&lab, &lab.box.rows[9]);
	pause_ms(200);
	assert_int_equal(mails(&lab), 3);
	for (int i = 0; i < 10; i++)
		assert_int_equal(settled(&lab, &lab.box.rows[i]), 1);
	assert_says(body(&lab, 0), "show 101\n");
	assert_says(body(&lab, 1), "show 102\n");
	const char *digest = body(&lab, 2);
	assert_string_equal(
	    header_of(&lab, mail(&lab, 2), "Subject"), "digest of 8");
	for (int i = 3; i <= 10; i++)
		assert_int_equal(
		    occurrences(digest,
			arena_printf(lab.arena, "\n  %d  2026-", 100 + i)),
		    1);
	assert_int_equal(occurrences(digest, "25 recipients, 1 message"), 8);

	/* The hour is used up. */
	struct row *late = add_row(&lab, 111, ALERT_STARTED);
	notifier_wake(lab.notifier);
	pause_ms(300);
	assert_int_equal(settled(&lab, late), 0);
	assert_int_equal(mails(&lab), 3);
	lab_stop(&lab);
}

static void
a_digest_lists_a_bulk_send_once_for_two_alerts(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	lab.box.settings.alerts.per_hour = 1;
	add_row(&lab, 101, ALERT_STARTED);
	add_row(&lab, 102, ALERT_STARTED);
	add_row(&lab, 101, ALERT_GROWN);
	notify(&lab);
	wait_settled(&lab, &lab.box.rows[2]);
	assert_int_equal(mails(&lab), 1);
	assert_int_equal(occurrences(body(&lab, 0), "\n  101  2026-"), 1);
	assert_string_equal(
	    header_of(&lab, mail(&lab, 0), "Subject"), "digest of 2");
	lab_stop(&lab);
}

static void
mails_from_before_the_start_count_in_the_hour(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	lab.box.settings.alerts.per_hour = 2;
	int64_t now = clock_wall_ms();
	lab.box.sent[0] = now - 7200 * 1000; /* more than an hour ago */
	lab.box.sent[1] = now - 3000 * 1000;
	lab.box.sent[2] = now + 86400 * 1000; /* the clock was set back */
	lab.box.sent_n = 3;
	struct row *row = add_row(&lab, 7, ALERT_STARTED);
	notify(&lab);
	pause_ms(300);
	assert_int_equal(mails(&lab), 0);
	assert_int_equal(settled(&lab, row), 0);
	notifier_deinit(&lab.notifier);
	lab.box.sent_n = 2;
	notify(&lab);
	wait_settled(&lab, row);
	lab_stop(&lab);
}

static void
a_mail_that_the_store_was_not_told_of_does_not_go_again(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	struct row *row = add_row(&lab, 7, ALERT_STARTED);
	lab.box.settle_fails = true;
	notify(&lab);
	for (int i = 0; i < 500 && mails(&lab) == 0; i++)
		pause_ms(10);
	for (int i = 0; i < 5; i++) {
		pause_ms(50);
		notifier_wake(lab.notifier);
	}
	assert_int_equal(mails(&lab), 1);
	pthread_mutex_lock(&lab.box.lock);
	lab.box.settle_fails = false;
	pthread_mutex_unlock(&lab.box.lock);
	notifier_wake(lab.notifier);
	wait_settled(&lab, row);
	assert_int_equal(row->alert.state, ALERT_SENT);
	assert_int_equal(mails(&lab), 1);
	lab_stop(&lab);
}

static void
a_bulk_send_that_is_gone_does_not_stop_the_others(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	struct row *gone = add_row(&lab, 1, ALERT_STARTED);
	gone->gone = true;
	struct row *row = add_row(&lab, 2, ALERT_STARTED);
	notify(&lab);
	wait_settled(&lab, row);
	assert_int_equal(row->alert.state, ALERT_SENT);
	assert_int_equal(settled(&lab, gone), 1);
	assert_int_equal(gone->alert.state, ALERT_QUEUED);
	assert_string_not_equal(gone->error, "");
	lab_stop(&lab);
}

static void
a_row_does_not_wait_for_a_clock_that_was_set_back(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	struct row *row = add_row(&lab, 7, ALERT_STARTED);
	row->next_ms += (int64_t)365 * 86400 * 1000;
	notify(&lab);
	wait_settled(&lab, row);
	assert_int_equal(row->alert.state, ALERT_SENT);
	lab_stop(&lab);
}

static void
a_row_that_is_not_due_waits(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	struct row *row = add_row(&lab, 7, ALERT_STARTED);
	row->next_ms += 1500;
	notify(&lab);
	pause_ms(700);
	assert_int_equal(mails(&lab), 0);
	wait_settled(&lab, row);
	lab_stop(&lab);
}

static void
the_end_does_not_wait_for_a_server_that_hangs(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){.text = SERVER_HANG});
	struct row *row = add_row(&lab, 7, ALERT_STARTED);
	notify(&lab);
	for (int i = 0; i < 500 && connections(&lab) == 0; i++)
		pause_ms(10);
	pause_ms(100);
	double begin = seconds();
	notifier_deinit(&lab.notifier);
	assert_true(seconds() - begin < 3);
	/* It was not the row's fault. */
	assert_int_equal(settled(&lab, row), 0);
	lab_stop(&lab);
}

static void
hostile_names_bring_in_no_header_and_no_line(void **state)
{
	(void)state;
	struct lab lab;
	lab_start(&lab, &(struct server_script){NULL});
	lab.box.sender = "a@b\r\nBcc: victim@example.com\r\n\r\n.\r\n";
	lab.box.subject = "{sender}\n\n.\nFrom me\n";
	lab.box.client = "\x1b[2J";
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 7, ALERT_STARTED));
	assert_null(strstr(mail(&lab, 0), "\r\nBcc:"));
	const char *text = body(&lab, 0);
	assert_null(strstr(text, "\nFrom me"));
	assert_null(strchr(text, '\x1b'));
	assert_says(text, "client=\\u{1B}[2J\nsubject={sender}\\u{A}");
	lab_stop(&lab);
}

static void
backoff_doubles_up_to_an_hour(void **state)
{
	(void)state;
	assert_int_equal(notifier_backoff_secs(0), 0);
	assert_int_equal(notifier_backoff_secs(1), 30);
	assert_int_equal(notifier_backoff_secs(2), 60);
	assert_int_equal(notifier_backoff_secs(7), 1920);
	assert_int_equal(notifier_backoff_secs(8), 3600);
	assert_int_equal(notifier_backoff_secs(UINT32_MAX), 3600);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_alert_is_delivered_once_and_settled),
	    cmocka_unit_test(
		an_alert_says_who_how_many_when_whence_and_what_to_do),
	    cmocka_unit_test(the_usual_settings_file_is_not_named),
	    cmocka_unit_test(a_settings_file_is_one_word_for_the_shell),
	    cmocka_unit_test(what_is_not_known_is_said_or_left_out),
	    cmocka_unit_test(alerts_speak_vietnamese),
	    cmocka_unit_test(the_templates_built_in_say_it_all),
	    cmocka_unit_test(an_alert_says_what_was_done_with_the_mail),
	    cmocka_unit_test(
		an_alert_says_how_held_mail_is_let_go_while_some_waits),
	    cmocka_unit_test(an_alert_says_how_much_was_not_sent),
	    cmocka_unit_test(a_recipient_of_many_messages_is_listed_once),
	    cmocka_unit_test(long_lists_and_long_lines_are_cut),
	    cmocka_unit_test(
		the_second_alert_answers_the_first_and_says_what_it_told),
	    cmocka_unit_test(a_nonce_goes_with_each_attempt),
	    cmocka_unit_test(a_wake_is_answered_at_once),
	    cmocka_unit_test(
		a_mail_that_failed_is_tried_again_under_the_same_message_id),
	    cmocka_unit_test(a_refusal_for_good_is_tried_again_too),
	    cmocka_unit_test(an_alert_is_given_up_after_days),
	    cmocka_unit_test(an_alert_that_a_clock_made_old_is_tried_again),
	    cmocka_unit_test(
		a_server_that_is_down_is_asked_once_however_many_wait),
	    cmocka_unit_test(a_refused_admin_keeps_nobody_else_from_the_alert),
	    cmocka_unit_test(what_is_over_per_hour_comes_in_a_digest_each_once),
	    cmocka_unit_test(a_digest_lists_a_bulk_send_once_for_two_alerts),
	    cmocka_unit_test(mails_from_before_the_start_count_in_the_hour),
	    cmocka_unit_test(
		a_mail_that_the_store_was_not_told_of_does_not_go_again),
	    cmocka_unit_test(a_bulk_send_that_is_gone_does_not_stop_the_others),
	    cmocka_unit_test(a_row_does_not_wait_for_a_clock_that_was_set_back),
	    cmocka_unit_test(a_row_that_is_not_due_waits),
	    cmocka_unit_test(the_end_does_not_wait_for_a_server_that_hangs),
	    cmocka_unit_test(hostile_names_bring_in_no_header_and_no_line),
	    cmocka_unit_test(backoff_doubles_up_to_an_hour),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
