/* notifier_kinds_test.c: the mails that are not about a bulk send's beginning:
 * beyond a declaration, notices to senders, the day's digest. */
#include "notifier_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HOUR_MS (INT64_C(3600) * 1000)
#define LAST_MS 1772435159000 /* of the fixture's bulk send */

static const char beyond_text[] =
    "Subject: beyond {id}\n\n"
    "declared={declared}\nbeyond={beyond}\n"
    "declaration={declaration}\nsender={declared_sender}\n"
    "recipients={declared_recipients}\nused={declared_used}\n"
    "from={declared_from}\nuntil={declared_until}\n"
    "reason={declared_reason}\nreference={declared_reference}\n"
    "by={declared_by}\n";

static const char notice_text[] =
    "Subject: notice {id}\n\n"
    "sender={sender}\nrecipients={recipients}\nfirst={first}\n"
    "client={client}\nsubject={subject}\ncontact={contact}\n"
    "password_help={password_help}\nlimit={limit}\n";

static const char daily_text[] =
    "Subject: {today}: {summary}\n\n"
    "since={since}\nfailed={failed}\nstore_failures={store_failures}\n\n"
    "waiting:\n{waiting}\n\nfresh:\n{fresh}\n\nexpected:\n{expected}\n";

static struct declaration
make_declaration(void)
{
	return (struct declaration){
	    .id = 12,
	    .sender = "*@example.gov.vn",
	    .recipients = 100,
	    .from_ms = LAST_MS - 24 * HOUR_MS,
	    .until_ms = LAST_MS + HOUR_MS,
	    .reason = "Invitations",
	    .reference = "125/UBND-VP",
	    .by = "hung",
	    .withdrawn_by = "",
	    .used = 100,
	};
}

static void
lab_open(struct lab *lab, const struct server_script *script)
{
	lab_start(lab, script);
	lab->box.settings.notices.enabled = true;
	lab->box.settings.notices.password_help = "https://example.gov.vn/pw";
	use_template(lab, TEMPLATE_BEYOND, beyond_text);
	use_template(lab, TEMPLATE_NOTICE, notice_text);
	use_template(lab, TEMPLATE_DAILY, daily_text);
}

static const struct server_script well = {NULL};

static void
change(struct lab *lab, bool *what, bool value)
{
	pthread_mutex_lock(&lab->box.lock);
	*what = value;
	pthread_mutex_unlock(&lab->box.lock);
}

/* -------------------------------------------------------------- beyond */

static void
an_alert_beyond_a_declaration_tells_what_was_declared(void **state)
{
	(void)state;
	struct lab lab;
	struct declaration declaration = make_declaration();
	declaration.used = 155;
	lab_open(&lab, &well);
	lab.box.declaration = &declaration;
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 7, ALERT_BEYOND));
	assert_string_equal(
	    header_of(&lab, mail(&lab, 0), "Subject"), "beyond 7");
	const char *text = body(&lab, 0);
	assert_says(text, "declared=yes, declaration 12\n");
	assert_says(text, "declaration=12\nsender=*@example.gov.vn\n"
			  "recipients=100\nused=155\n");
	assert_says(text, "from=2026-03-01 14:05:59 +07:00\n"
			  "until=2026-03-02 15:05:59 +07:00\n");
	assert_says(text, "reason=Invitations\nreference=125/UBND-VP\n"
			  "by=hung\n");
	lab_stop(&lab);
}

static void
beyond_says_by_how_many_recipients_and_by_how_much_time(void **state)
{
	(void)state;
	static const struct {
		uint32_t used;
		int64_t over_ms;
		const char *language, *text;
	} cases[] = {
	    {155, -1, "en", "beyond=55 recipients (sent to 155, declared 100)"},
	    {101, -1, "en", "beyond=1 recipient (sent to 101, declared 100)"},
	    {100, 2 * HOUR_MS + 5 * 60000, "en",
		"beyond=2 hours 5 minutes after the end of its time"},
	    {90, 1, "en", "beyond=1 second after the end of its time"},
	    {90, 49 * HOUR_MS, "en",
		"beyond=2 days 1 hour after the end of its time"},
	    {90, HOUR_MS + 1000, "en",
		"beyond=1 hour after the end of its time"},
	    {155, 60000, "en",
		"beyond=55 recipients (sent to 155, declared 100); 1 minute "
		"after the end of its time"},
	    {155, 60000, "vi",
		"beyond=55 người nhận (đã gửi đến 155, khai báo 100); 1 phút "
		"sau khi hết thời hạn khai báo"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct lab lab;
		struct declaration declaration = make_declaration();
		declaration.used = cases[i].used;
		declaration.until_ms = LAST_MS - cases[i].over_ms;
		lab_open(&lab, &well);
		lab.box.settings.alerts.language = cases[i].language;
		lab.box.declaration = &declaration;
		notify(&lab);
		wait_settled(&lab, add_row(&lab, 7, ALERT_BEYOND));
		assert_says(body(&lab, 0),
		    arena_printf(lab.arena, "%s\n", cases[i].text));
		lab_stop(&lab);
	}
}

static void
a_declaration_that_was_withdrawn_is_said_to_be(void **state)
{
	(void)state;
	struct lab lab;
	struct declaration declaration = make_declaration();
	declaration.withdrawn_ms = LAST_MS;
	lab_open(&lab, &well);
	lab.box.declaration = &declaration;
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 7, ALERT_STARTED));
	assert_says(
	    body(&lab, 0), "declared=yes, declaration 12 (withdrawn)\n");
	lab_stop(&lab);
}

static void
what_grew_answers_the_alert_beyond(void **state)
{
	(void)state;
	struct lab lab;
	struct declaration declaration = make_declaration();
	lab_open(&lab, &well);
	lab.box.declaration = &declaration;
	lab.box.first = ALERT_BEYOND;
	lab.box.messages = 10;
	lab.box.recipients = 100;
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 7, ALERT_GROWN));
	assert_string_equal(header_of(&lab, mail(&lab, 0), "In-Reply-To"),
	    "<bulkwatch.1.1772435110000.beyond@example.gov.vn>");
	assert_says(body(&lab, 0), "before=20\n");
	lab_stop(&lab);
}

/* -------------------------------------------------------------- notices */

static void
a_notice_goes_to_the_sender_alone_and_says_how_to_report(void **state)
{
	(void)state;
	struct lab lab;
	lab_open(&lab, &well);
	lab.box.first = ALERT_STARTED;
	/* What the office wants reported, whichever rule it was that matched.
	 */
	lab.box.settings.rules_n = 2;
	lab.box.settings.rules[0].recipients = 300;
	lab.box.settings.rules[1].recipients = 15;
	notify(&lab);
	struct row *row = add_notice(&lab, 7, SENDER);
	wait_settled(&lab, row);
	assert_int_equal(mails(&lab), 1);
	assert_says(body(&lab, 0), "limit=15\n");
	assert_string_equal(lab.server.mails[0].to, "<" SENDER ">");
	assert_string_equal(header_of(&lab, mail(&lab, 0), "To"), SENDER);
	assert_string_equal(
	    header_of(&lab, mail(&lab, 0), "Subject"), "notice 7");
	assert_says(mail(&lab, 0), "Auto-Submitted: auto-generated");
	/* The sender has never seen the admins' mail. */
	assert_null(strstr(mail(&lab, 0), "In-Reply-To"));
	assert_says(body(&lab, 0),
	    "sender=" SENDER "\nrecipients=25\n"
	    "first=2026-03-02 14:05:09 +07:00\nclient=192.0.2.7\n"
	    "subject=Budget\ncontact=Office, tel. 123\n"
	    "password_help=https://example.gov.vn/pw\n");
	assert_int_equal(row->alert.state, ALERT_SENT);
	assert_string_equal(row->to, SENDER);
	lab_stop(&lab);
}

static void
an_answer_to_a_notice_goes_where_senders_report_or_to_the_admins(void **state)
{
	static const char *const contacts[][2] = {
	    {"report@example.gov.vn", "report@example.gov.vn"},
	    {"report@example.gov.vn, tel. 123", "postmaster@example.gov.vn"},
	    {"Office <report@example.gov.vn>", "postmaster@example.gov.vn"},
	};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct lab lab;
		lab_open(&lab, &well);
		lab.box.settings.alerts.contact = contacts[i][0];
		notify(&lab);
		wait_settled(&lab, add_notice(&lab, 7, SENDER));
		assert_string_equal(
		    header_of(&lab, mail(&lab, 0), "Reply-To"),
		    contacts[i][1]);
		lab_stop(&lab);
	}
}

static void
a_nonce_of_a_notice_stands_for_its_sender_and_not_for_the_admins(void **state)
{
	(void)state;
	static const char *const readers[2][1] = {
	    {SENDER}, {"postmaster@example.gov.vn"}};
	for (size_t i = 0; i < 2; i++) {
		struct lab lab;
		lab_open(&lab, &well);
		notify(&lab);
		wait_settled(&lab, add_notice(&lab, 7, SENDER));
		const char *nonce =
		    header_of(&lab, mail(&lab, 0), "X-Bulkwatch-Nonce");
		assert_int_equal(
		    own_is(lab.own, nonce, readers[i], 1, clock_tick()),
		    i == 0);
		lab_stop(&lab);
	}
}

static void
a_notice_in_two_languages_has_no_words_of_one(void **state)
{
	(void)state;
	struct lab lab;
	lab_open(&lab, &well);
	lab.box.client = lab.box.subject = "";
	lab.box.settings.notices.password_help = "";
	notify(&lab);
	wait_settled(&lab, add_notice(&lab, 7, SENDER));
	assert_says(body(&lab, 0), "+07:00\ncontact=Office, tel. 123\n");
	assert_null(strstr(body(&lab, 0), "subject"));
	assert_null(strstr(body(&lab, 0), "password_help"));
	lab_stop(&lab);
}

static void
the_admins_are_not_told_where_passwords_are_changed(void **state)
{
	(void)state;
	struct lab lab;
	lab_open(&lab, &well);
	use_template(&lab, TEMPLATE_STARTED,
	    "Subject: x\n\npassword_help={password_help}\n{id}\n");
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 7, ALERT_STARTED));
	assert_null(strstr(body(&lab, 0), "password_help"));
	lab_stop(&lab);
}

static void
a_notice_that_is_refused_for_good_is_given_up_at_once(void **state)
{
	(void)state;
	struct lab lab;
	lab_open(&lab, &(struct server_script){.refused = SENDER,
			   .refused_with = "550 no such user"});
	struct row *refused = add_notice(&lab, 7, SENDER);
	struct row *other = add_notice(&lab, 8, "b@example.gov.vn");
	notify(&lab);
	wait_settled(&lab, other);
	assert_int_equal(other->alert.state, ALERT_SENT);
	assert_int_equal(settled(&lab, refused), 1);
	assert_int_equal(refused->alert.state, ALERT_FAILED);
	assert_non_null(strstr(refused->error, "550 no such user"));
	/* That is by what the store knows whom it was for. */
	assert_string_equal(refused->to, SENDER);
	lab_stop(&lab);
}

static void
a_notice_that_is_put_off_keeps_its_address_and_delays_no_alert(void **state)
{
	(void)state;
	struct lab lab;
	lab_open(&lab, &(struct server_script){.refused = SENDER,
			   .refused_with = "452 mailbox full"});
	notify(&lab);
	struct row *notice = add_notice(&lab, 7, SENDER);
	wait_settled(&lab, notice);
	assert_int_equal(notice->alert.state, ALERT_QUEUED);
	assert_string_equal(notice->to, SENDER);
	/* Notices wait for a while now. */
	struct row *second = add_notice(&lab, 8, "b@example.gov.vn");
	double begin = seconds();
	struct row *alert = add_row(&lab, 9, ALERT_STARTED);
	wait_settled(&lab, alert);
	assert_true(seconds() - begin < 10);
	assert_int_equal(alert->alert.state, ALERT_SENT);
	assert_int_equal(settled(&lab, second), 0);
	lab_stop(&lab);
}

static void
alerts_go_before_notices_that_wait_longer(void **state)
{
	(void)state;
	struct lab lab;
	lab_open(&lab, &well);
	struct row *notice = add_notice(&lab, 7, SENDER);
	add_notice(&lab, 8, "b@example.gov.vn");
	add_row(&lab, 9, ALERT_STARTED);
	notify(&lab);
	wait_settled(&lab, notice);
	assert_says(lab.server.mails[0].to, "postmaster@");
	lab_stop(&lab);
}

static void
notices_are_bound_by_themselves_and_never_in_a_digest(void **state)
{
	(void)state;
	struct lab lab;
	lab_open(&lab, &well);
	lab.box.settings.alerts.per_hour = 2;
	const char *const people[] = {
	    "a@example.gov.vn", "b@example.gov.vn", "c@example.gov.vn"};
	struct row *notices[3];
	for (int i = 0; i < 3; i++)
		notices[i] = add_notice(&lab, 11 + i, people[i]);
	for (int i = 0; i < 3; i++)
		add_row(&lab, 21 + i, ALERT_STARTED);
	notify(&lab);
	wait_settled(&lab, notices[1]);
	for (int i = 0; i < 10; i++) {
		notifier_wake(lab.notifier);
		pause_ms(20);
	}
	/* An alert and a digest of two; two notices; the third waits. */
	assert_int_equal(mails(&lab), 4);
	assert_string_equal(
	    header_of(&lab, mail(&lab, 1), "Subject"), "digest of 2");
	assert_string_equal(
	    header_of(&lab, mail(&lab, 2), "Subject"), "notice 11");
	assert_string_equal(
	    header_of(&lab, mail(&lab, 3), "Subject"), "notice 12");
	assert_null(strstr(body(&lab, 1), "\n  11  "));
	assert_int_equal(settled(&lab, notices[2]), 0);
	lab_stop(&lab);
}

static void
a_notice_that_waited_until_notices_were_off_is_given_up(void **state)
{
	(void)state;
	struct lab lab;
	lab_open(&lab, &well);
	lab.box.settings.notices.enabled = false;
	notify(&lab);
	struct row *row = add_notice(&lab, 7, SENDER);
	wait_settled(&lab, row);
	assert_int_equal(row->alert.state, ALERT_FAILED);
	assert_string_equal(row->error, "notices.enabled is false now");
	assert_string_equal(row->to, SENDER);
	assert_int_equal(mails(&lab), 0);
	lab_stop(&lab);
}

/* ----------------------------------------------------------- the digest */

static struct bulk_send
make_send(int64_t id, int64_t first_at_ms)
{
	return (struct bulk_send){
	    .id = id,
	    .sender = SENDER,
	    .status = STATUS_NEW,
	    .first_at_ms = first_at_ms,
	    .messages = 1,
	    .recipients = 25,
	    .subject = "Budget",
	    .assignee = "",
	};
}

/* A day with something of everything; what it points to is static. */
static struct day
make_day(void)
{
	static struct bulk_send waiting[2], fresh[2];
	static struct declaration expected[2];
	waiting[0] = make_send(3, LAST_MS - 75 * HOUR_MS);
	waiting[1] = make_send(4, LAST_MS - 25 * HOUR_MS);
	waiting[1].status = STATUS_REVIEWING;
	waiting[1].assignee = "hung";
	fresh[0] = make_send(5, LAST_MS - 2 * HOUR_MS);
	fresh[1] = make_send(6, LAST_MS - HOUR_MS);
	fresh[1].declaration = 12;
	expected[0] = make_declaration();
	expected[1] = make_declaration();
	expected[1].id = 13;
	expected[1].reference = "";
	return (struct day){
	    .now_ms = LAST_MS,
	    .since_ms = LAST_MS - 24 * HOUR_MS,
	    .waiting = waiting,
	    .waiting_n = 2,
	    .fresh = fresh,
	    .fresh_n = 2,
	    .expected = expected,
	    .expected_n = 2,
	    .alerts_failed = 1,
	    .store_failures = 3,
	};
}

static void
the_days_digest_tells_what_waits_is_new_is_expected_and_failed(void **state)
{
	(void)state;
	struct lab lab;
	lab_open(&lab, &well);
	lab.box.day = make_day();
	notify(&lab);
	struct row *row = add_row(&lab, 0, ALERT_DAILY);
	wait_settled(&lab, row);
	assert_string_equal(row->to, "postmaster@example.gov.vn");
	assert_string_equal(header_subject(lab.arena,
				header_of(&lab, mail(&lab, 0), "Subject")),
	    "2026-03-02: 2 cases waiting, 2 new, 2 declared for today, "
	    "1 mail not delivered, 3 failures of the database");
	const char *text = body(&lab, 0);
	assert_says(
	    text, "since=2026-03-01 14:05\nfailed=1\nstore_failures=3\n\n");
	assert_says(text,
	    "waiting:\n"
	    "  3  2026-02-27 11:05:59  " SENDER "  25 recipients, 1 message  "
	    "3 days  new, nobody has taken it  Budget\n"
	    "  4  2026-03-01 13:05:59  " SENDER "  25 recipients, 1 message  "
	    "1 day  under review (taken by hung)  Budget\n");
	assert_says(text,
	    "fresh:\n"
	    "  5  2026-03-02 12:05:59  " SENDER "  25 recipients, 1 message  "
	    "new, nobody has taken it  Budget\n"
	    "  6  2026-03-02 13:05:59  " SENDER "  25 recipients, 1 message  "
	    "new, nobody has taken it  declaration 12  Budget\n");
	assert_says(text,
	    "expected:\n"
	    "  12  2026-03-01 14:05 – 2026-03-02 15:05  *@example.gov.vn  "
	    "100 recipients  125/UBND-VP  Invitations\n"
	    "  13  2026-03-01 14:05 – 2026-03-02 15:05  *@example.gov.vn  "
	    "100 recipients  Invitations\n");
	lab_stop(&lab);
}

static void
the_days_digest_names_held_mail_that_waits(void **state)
{
	(void)state;
	struct lab lab;
	struct bulk_send holding[] = {make_send(5, LAST_MS - HOUR_MS),
	    make_send(4, LAST_MS - 2 * HOUR_MS)};
	holding[0].held = 1;
	holding[1].held = 3;
	holding[1].status = STATUS_CLOSED;
	holding[1].outcome = OUTCOME_COMPROMISED;
	holding[1].unsent[UNSENT_REFUSED].messages = 1;
	lab_open(&lab, &well);
	/* Nothing else is to be told that day. */
	lab.box.day =
	    (struct day){.now_ms = LAST_MS, .holding = holding, .holding_n = 2};
	use_template(
	    &lab, TEMPLATE_DAILY, template_builtin("en", TEMPLATE_DAILY));
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 0, ALERT_DAILY));
	assert_says(header_of(&lab, mail(&lab, 0), "Subject"),
	    ": 2 cases with held mail");
	const char *text = body(&lab, 0);
	assert_says(text,
	    ", the longest first:\n"
	    "  4  2026-03-02 12:05:59  " SENDER "  25 recipients, 1 message "
	    "(not sent: 1)  "
	    "3 messages held  closed: account compromised  Budget\n"
	    "  5  2026-03-02 13:05:59  " SENDER "  25 recipients, 1 message  "
	    "1 message held  new, nobody has taken it  Budget\n");
	assert_says(text, "\n  bulkwatch -c '/tmp/test.conf' release ID\n"
			  "  bulkwatch -c '/tmp/test.conf' discard ID\n");
	assert_says(text, "\n  bulkwatch -c '/tmp/test.conf' list\n");
	lab_stop(&lab);
}

static void
the_days_digest_is_settled_as_of_when_it_was_written(void **state)
{
	(void)state;
	struct lab lab;
	lab_open(&lab, &well);
	lab.box.day = make_day();
	notify(&lab);
	struct row *row = add_row(&lab, 0, ALERT_DAILY);
	wait_settled(&lab, row);
	assert_int_equal(row->at_ms, LAST_MS);
	assert_says(header_of(&lab, mail(&lab, 0), "Date"),
	    "02 Mar 2026 14:05:59 +0700");
	lab_stop(&lab);
}

static void
sections_of_the_days_digest_that_are_empty_are_left_out(void **state)
{
	(void)state;
	static const struct {
		const char *language, *names[6];
	} cases[] = {
	    {"en", {"have waited", "New bulk sends", "Declared", "given up",
		       "database", "discard ID"}},
	    {"vi", {"quá một ngày", "Các đợt gửi thư mới", "cho hôm nay",
		       "thôi gửi lại", "cơ sở dữ liệu", "discard SỐ"}},
	};
	for (size_t i = 0; i < COUNT(cases) * 6; i++) {
		const struct day all = make_day();
		struct day day = all;
		struct lab lab;
		lab_open(&lab, &well);
		day.waiting_n = i % 6 == 0 ? all.waiting_n : 0;
		day.fresh_n = i % 6 == 1 ? all.fresh_n : 0;
		day.expected_n = i % 6 == 2 ? all.expected_n : 0;
		day.alerts_failed = i % 6 == 3 ? 1 : 0;
		day.store_failures = i % 6 == 4 ? 1 : 0;
		day.holding = all.fresh;
		day.holding_n = i % 6 == 5 ? all.fresh_n : 0;
		lab.box.day = day;
		lab.box.settings.alerts.language = cases[i / 6].language;
		use_template(&lab, TEMPLATE_DAILY,
		    template_builtin(cases[i / 6].language, TEMPLATE_DAILY));
		notify(&lab);
		wait_settled(&lab, add_row(&lab, 0, ALERT_DAILY));
		for (size_t j = 0; j < 6; j++)
			assert_int_equal(strstr(body(&lab, 0),
					     cases[i / 6].names[j]) != NULL,
			    j == i % 6);
		lab_stop(&lab);
	}
}

static void
a_day_with_nothing_to_tell_any_more_is_settled_without_a_mail(void **state)
{
	(void)state;
	struct lab lab;
	lab_open(&lab, &well);
	notify(&lab);
	struct row *row = add_row(&lab, 0, ALERT_DAILY);
	wait_settled(&lab, row);
	assert_int_equal(row->alert.state, ALERT_SENT);
	assert_string_equal(row->error, "");
	assert_int_equal(mails(&lab), 0);
	lab_stop(&lab);
}

static void
a_day_that_cannot_be_read_is_put_off(void **state)
{
	(void)state;
	struct lab lab;
	lab_open(&lab, &well);
	lab.box.day = make_day();
	lab.box.day_fails = true;
	notify(&lab);
	struct row *row = add_row(&lab, 0, ALERT_DAILY);
	wait_settled(&lab, row);
	assert_int_equal(row->alert.state, ALERT_QUEUED);
	assert_string_not_equal(row->error, "");
	change(&lab, &lab.box.day_fails, false);
	struct row *alert = add_row(&lab, 7, ALERT_STARTED);
	wait_settled(&lab, alert);
	assert_int_equal(alert->alert.state, ALERT_SENT);
	lab_stop(&lab);
}

static void
the_days_digest_goes_on_its_own_within_the_mails_of_the_hour(void **state)
{
	(void)state;
	struct lab lab;
	lab_open(&lab, &well);
	lab.box.day = make_day();
	lab.box.settings.alerts.per_hour = 3;
	for (int i = 0; i < 5; i++)
		add_row(&lab, 101 + i, ALERT_STARTED);
	struct row *daily = add_row(&lab, 0, ALERT_DAILY);
	notify(&lab);
	wait_settled(&lab, &lab.box.rows[4]);
	pause_ms(200);
	assert_int_equal(settled(&lab, daily), 1);
	assert_int_equal(mails(&lab), 3);
	assert_says(header_of(&lab, mail(&lab, 0), "Subject"), "2026-03-02: ");
	assert_string_equal(
	    header_of(&lab, mail(&lab, 2), "Subject"), "digest of 4");
	lab_stop(&lab);
}

static void
where_one_mail_may_go_it_is_the_older_ones_turn(void **state)
{
	(void)state;
	for (int daily_first = 0; daily_first < 2; daily_first++) {
		struct lab lab;
		lab_open(&lab, &well);
		lab.box.day = make_day();
		lab.box.settings.alerts.per_hour = 1;
		struct row *rows[2];
		for (int i = 0; i < 2; i++)
			rows[i] = i != daily_first
				      ? add_row(&lab, 0, ALERT_DAILY)
				      : add_row(&lab, 7, ALERT_STARTED);
		notify(&lab);
		wait_settled(&lab, rows[0]);
		pause_ms(200);
		assert_int_equal(settled(&lab, rows[1]), 0);
		assert_int_equal(mails(&lab), 1);
		lab_stop(&lab);
	}
}

static void
digests_of_several_days_that_waited_are_one_mail(void **state)
{
	(void)state;
	struct lab lab;
	lab_open(&lab, &well);
	lab.box.day = make_day();
	add_row(&lab, 0, ALERT_DAILY);
	struct row *second = add_row(&lab, 0, ALERT_DAILY);
	notify(&lab);
	wait_settled(&lab, second);
	pause_ms(200);
	assert_int_equal(settled(&lab, &lab.box.rows[0]), 1);
	assert_int_equal(mails(&lab), 1);
	lab_stop(&lab);
}

static void
a_long_list_of_the_days_digest_is_cut(void **state)
{
	(void)state;
	struct lab lab;
	struct bulk_send waiting[130];
	for (int i = 0; i < 130; i++)
		waiting[i] = make_send(i + 1, LAST_MS - 48 * HOUR_MS);
	lab_open(&lab, &well);
	lab.box.day = (struct day){
	    .now_ms = LAST_MS, .waiting = waiting, .waiting_n = 130};
	notify(&lab);
	wait_settled(&lab, add_row(&lab, 0, ALERT_DAILY));
	const char *text = body(&lab, 0);
	assert_int_equal(occurrences(text, "  Budget\n"), 100);
	assert_says(text, "\n  … and 30 more\n");
	assert_says(
	    header_of(&lab, mail(&lab, 0), "Subject"), "130 cases waiting");
	lab_stop(&lab);
}

/* ------------------------------------------------------------ built-in */

static void
the_templates_built_in_leave_no_placeholder_and_no_hole(void **state)
{
	(void)state;
	static const struct {
		enum template_id template;
		enum alert_kind kind;
		const char *facts[12];
	} cases[] = {
	    {TEMPLATE_BEYOND, ALERT_BEYOND,
		{SENDER, "55", "155", "100", "Invitations", "125/UBND-VP",
		    "hung", "show 7", "take 7", "r9@example.com", "Budget",
		    "Office, tel. 123"}},
	    {TEMPLATE_NOTICE, ALERT_NOTICE,
		{SENDER, "25", "2026-03-02", "192.0.2.7", "Budget",
		    "Office, tel. 123", "https://example.gov.vn/pw", "Kính gửi",
		    "Dear colleague", "Tài khoản:", "Account:", "20"}},
	    {TEMPLATE_DAILY, ALERT_DAILY,
		{"2026-03-01 14:05", "  3  2026", "  4  2026", "  5  2026",
		    "  6  2026", "  12  2026", "  13  2026", "hung", ": 1\n",
		    ": 3\n", "test.conf' take", "test.conf' show"}},
	};
	static const char *const languages[] = {"vi", "en"};
	for (size_t i = 0; i < COUNT(cases) * COUNT(languages); i++) {
		struct lab lab;
		const size_t which = i / 2;
		const char *language = languages[i % 2];
		struct declaration declaration = make_declaration();
		declaration.used = 155;
		lab_open(&lab, &well);
		lab.box.day = make_day();
		lab.box.declaration = &declaration;
		lab.box.settings.alerts.language = language;
		use_template(&lab, cases[which].template,
		    template_builtin(language, cases[which].template));
		struct row *row = add_notice(&lab, 7, SENDER);
		row->alert.kind = cases[which].kind;
		notify(&lab);
		wait_settled(&lab, row);
		const char *text = body(&lab, 0);
		for (size_t j = 0; j < COUNT(cases[which].facts); j++)
			assert_says(text, cases[which].facts[j]);
		assert_null(strchr(text, '{'));
		assert_null(strchr(text, '}'));
		lab_stop(&lab);
	}
}

static void
a_notice_speaks_the_offices_language_first(void **state)
{
	(void)state;
	for (int english = 0; english < 2; english++) {
		struct lab lab;
		lab_open(&lab, &well);
		use_template(&lab, TEMPLATE_NOTICE,
		    template_builtin(english ? "en" : "vi", TEMPLATE_NOTICE));
		notify(&lab);
		wait_settled(&lab, add_notice(&lab, 7, SENDER));
		const char *text = body(&lab, 0);
		assert_int_equal(
		    strstr(text, "Dear colleague") < strstr(text, "Kính gửi"),
		    english);
		/* Both say it whole. */
		assert_int_equal(
		    occurrences(text, "https://example.gov.vn/pw"), 2);
		assert_int_equal(occurrences(text, "Office, tel. 123"), 4);
		assert_int_equal(occurrences(text, "Budget"), 2);
		lab_stop(&lab);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		an_alert_beyond_a_declaration_tells_what_was_declared),
	    cmocka_unit_test(
		beyond_says_by_how_many_recipients_and_by_how_much_time),
	    cmocka_unit_test(a_declaration_that_was_withdrawn_is_said_to_be),
	    cmocka_unit_test(what_grew_answers_the_alert_beyond),
	    cmocka_unit_test(
		a_notice_goes_to_the_sender_alone_and_says_how_to_report),
	    cmocka_unit_test(
		an_answer_to_a_notice_goes_where_senders_report_or_to_the_admins),
	    cmocka_unit_test(
		a_nonce_of_a_notice_stands_for_its_sender_and_not_for_the_admins),
	    cmocka_unit_test(a_notice_in_two_languages_has_no_words_of_one),
	    cmocka_unit_test(
		the_admins_are_not_told_where_passwords_are_changed),
	    cmocka_unit_test(
		a_notice_that_is_refused_for_good_is_given_up_at_once),
	    cmocka_unit_test(
		a_notice_that_is_put_off_keeps_its_address_and_delays_no_alert),
	    cmocka_unit_test(alerts_go_before_notices_that_wait_longer),
	    cmocka_unit_test(
		notices_are_bound_by_themselves_and_never_in_a_digest),
	    cmocka_unit_test(
		a_notice_that_waited_until_notices_were_off_is_given_up),
	    cmocka_unit_test(
		the_days_digest_tells_what_waits_is_new_is_expected_and_failed),
	    cmocka_unit_test(the_days_digest_names_held_mail_that_waits),
	    cmocka_unit_test(
		the_days_digest_is_settled_as_of_when_it_was_written),
	    cmocka_unit_test(
		sections_of_the_days_digest_that_are_empty_are_left_out),
	    cmocka_unit_test(
		a_day_with_nothing_to_tell_any_more_is_settled_without_a_mail),
	    cmocka_unit_test(a_day_that_cannot_be_read_is_put_off),
	    cmocka_unit_test(
		the_days_digest_goes_on_its_own_within_the_mails_of_the_hour),
	    cmocka_unit_test(where_one_mail_may_go_it_is_the_older_ones_turn),
	    cmocka_unit_test(digests_of_several_days_that_waited_are_one_mail),
	    cmocka_unit_test(a_long_list_of_the_days_digest_is_cut),
	    cmocka_unit_test(
		the_templates_built_in_leave_no_placeholder_and_no_hole),
	    cmocka_unit_test(a_notice_speaks_the_offices_language_first),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
