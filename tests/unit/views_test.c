/* views_test.c: records as text for a person. */
#include "views_fixture.h"

/* The first n of them, half a day after the first. */
static struct listing
listing_of(size_t n)
{
	return (struct listing){
	    .sends = sends, .n = n, .now_ms = MOMENT + DAY / 2};
}

static void
list_shows_a_line_for_each_bulk_send(void **state)
{
	const struct listing listing = listing_of(2);
	struct capture c;
	assert_int_equal(
	    list_print(capture_init(&c, *state, &file), &listing), 0);
	/* clang-format off */
	captured(&c,
	    "ID  LAST              FIRST             SENDER                         RCPTS  MSGS  RULE     WAITS  STATUS               SUBJECT\n"
	    "12  2026-03-02 14:12  14:05             nguyen.thi.lan@example.gov.vn     20    20  window     12h  new                  Giấy mời họp giao ban tháng 3\n"
	    " 9  2026-03-02 14:05  2026-03-01 14:05  minh@example.gov.vn               25     1  message         closed: false-alarm\n");
	/* clang-format on */
}

static void
list_fits_a_terminal_of_80_columns(void **state)
{
	const struct screen terminal = {.width = 80, .cut = true};
	const struct listing listing = listing_of(1);
	struct capture c;
	assert_int_equal(
	    list_print(capture_init(&c, *state, &terminal), &listing), 0);
	/* clang-format off */
	captured(&c,
	    "ID  LAST          SENDER                 RCPTS  WAITS  STATUS  SUBJECT\n"
	    "12  02 Mar 14:12  nguyen.thi.lan@examp…     20    12h  new     Giấy mời họp gia…\n");
	/* clang-format on */
}

static void
list_keeps_the_subject_of_a_declared_one_on_80_columns(void **state)
{
	const struct screen terminal = {.width = 80, .cut = true};
	struct bulk_send send = sends[0];
	send.declaration = declaration.id;
	struct listing listing = {
	    .sends = &send, .n = 1, .now_ms = MOMENT + MINUTE};
	struct capture c;
	assert_int_equal(
	    list_print(capture_init(&c, *state, &terminal), &listing), 0);
	holds(&c, "  new, declared  Giấy mời họp gia…\n");
	fclose(c.view.out);
	free(c.text);
	listing.declarations = &declaration;
	listing.declarations_n = 1;
	assert_int_equal(
	    list_print(capture_init(&c, *state, &terminal), &listing), 0);
	/* clang-format off */
	captured(&c,
	    "ID  LAST   SENDER                         RCPTS  MSGS  WAITS  STATUS\n"
	    "12  14:12  nguyen.thi.lan@example.gov.vn     20    20     1m  declared, exceeded\n"
	    "    Giấy mời họp giao ban tháng 3\n");
	/* clang-format on */
}

static void
a_terminal_has_times_as_short_as_they_are_clear(void **state)
{
	const struct screen terminal = {.width = 80, .cut = true};
	struct view view = {NULL, &terminal, *state, NULL};
	assert_string_equal(view_when(&view, MOMENT, MOMENT + MINUTE), "14:05");
	assert_string_equal(
	    view_when(&view, MOMENT, MOMENT + DAY), "02 Mar 14:05");
	assert_string_equal(
	    view_when(&view, MOMENT, MOMENT + 365 * DAY), "2026-03-02 14:05");
	view.screen = &file;
	assert_string_equal(
	    view_when(&view, MOMENT, MOMENT), "2026-03-02 14:05");
}

static void
list_marks_the_one_that_waits_longest(void **state)
{
	struct bulk_send taken = sends[0];
	taken.status = STATUS_REVIEWING;
	taken.assignee = "hoa";
	taken.declaration = 4;
	const struct listing listing = {.sends = &taken,
	    .n = 1,
	    .now_ms = MOMENT + 49 * 60 * MINUTE,
	    .oldest = &taken,
	    .more = 3};
	struct capture c;
	assert_int_equal(
	    list_print(capture_init(&c, *state, &file), &listing), 0);
	/* clang-format off */
	captured(&c,
	    "ID  LAST              FIRST  SENDER                         RCPTS  MSGS  RULE    WAITS  STATUS               SUBJECT\n"
	    "12  2026-03-02 14:12  14:05  nguyen.thi.lan@example.gov.vn     20    20  window    *2d  reviewing, declared  Giấy mời họp giao ban tháng 3\n"
	    "and 3 more; --limit 0 shows all\n"
	    "* waiting longest: 12, for 2 days, taken by hoa; `bulkwatch show 12`\n");
	/* clang-format on */
}

static void
commands_name_settings_that_are_not_the_usual(void **state)
{
	struct arena *arena = *state;
	static const struct {
		const char *file, *program;
	} cases[] = {
	    {NULL, "bulkwatch"},
	    {BULKWATCH_SYSCONFDIR "/bulkwatch/bulkwatch.conf", "bulkwatch"},
	    {"/srv/b.conf", "bulkwatch -c '/srv/b.conf'"},
	    {"a'; reboot '", "bulkwatch -c 'a'\\''; reboot '\\'''"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(
		    view_program(arena, cases[i].file), cases[i].program);
	struct bulk_send holding[2] = {sends[0], sends[1]};
	const struct listing listing = {
	    .sends = holding, .n = 2, .now_ms = MOMENT};
	struct capture c;
	holding[0].held = holding[1].held = 1;
	capture_init(&c, arena, &file);
	c.view.file = "/b.conf";
	assert_int_equal(list_print(&c.view, &listing), 0);
	holds(&c, "`bulkwatch -c '/b.conf' release ID` lets it go, "
		  "`bulkwatch -c '/b.conf' discard ID` deletes it.\n");
	fclose(c.view.out);
	free(c.text);
	assert_string_equal(held_next(arena, "/b.conf", &holding[1]),
	    "1 message is still held; `bulkwatch -c '/b.conf' release 9` lets "
	    "it go, `bulkwatch -c '/b.conf' discard 9` deletes it.");
}

static void
list_says_how_much_is_held_within_80_columns(void **state)
{
	const struct screen terminal = {.width = 80, .cut = true};
	struct bulk_send holding[2] = {sends[0], sends[1]};
	const struct listing listing = {
	    .sends = holding, .n = 2, .now_ms = MOMENT + DAY / 2};
	struct capture c;
	holding[1].held = 231;
	assert_int_equal(
	    list_print(capture_init(&c, *state, &terminal), &listing), 0);
	/* clang-format off */
	captured(&c,
	    "ID  LAST          SENDER                         RCPTS  WAITS  STATUS\n"
	    "12  02 Mar 14:12  nguyen.thi.lan@example.gov.vn     20    12h  new\n"
	    "    Giấy mời họp giao ban tháng 3\n"
	    " 9  02 Mar 14:05  minh@example.gov.vn               25         closed, 231 held\n"
	    "Held: 231 messages are still held; `bulkwatch release 9` lets them go,\n"
	    "      `bulkwatch discard 9` deletes them.\n");
	/* clang-format on */
	holding[0].held = 1;
	assert_int_equal(
	    list_print(capture_init(&c, *state, &file), &listing), 0);
	holds(&c, "  new, 1 held  ");
	holds(&c, "\nHeld: mail of 2 waits; `bulkwatch release ID` lets it go, "
		  "`bulkwatch discard ID` deletes it.\n");
	fclose(c.view.out);
	free(c.text);
}

static void
held_mail_is_a_line_each(void **state)
{
	static const struct held held[] = {
	    {.id = 1,
		.at_ms = MOMENT,
		.queue_id = "4XyZ12",
		.recipient_count = 20,
		.state = HELD_WAITING,
		.by = ""},
	    {.id = 2,
		.at_ms = MOMENT,
		.queue_id = "4XyZ13",
		.recipient_count = 3,
		.state = HELD_RELEASED,
		.settled_ms = MOMENT + MINUTE,
		.by = "lan"},
	    {.id = 3,
		.at_ms = MOMENT,
		.queue_id = "\x1b[31m",
		.recipient_count = 3,
		.state = HELD_GONE,
		.settled_ms = MOMENT + MINUTE,
		.by = "lan"},
	};
	struct capture c;
	assert_int_equal(
	    held_print(capture_init(&c, *state, &file), held, 3), 0);
	/* clang-format off */
	captured(&c,
	    "  QUEUE ID    HELD SINCE           RCPTS  STATE           TIME                 BY\n"
	    "  4XyZ12      2026-03-02 14:05:09     20  held\n"
	    "  4XyZ13      2026-03-02 14:05:09      3  released        2026-03-02 14:06:09  lan\n"
	    "  \\u{1B}[31m  2026-03-02 14:05:09      3  no longer held  2026-03-02 14:06:09  lan\n");
	/* clang-format on */
}

static void
show_says_what_was_done_with_a_message(void **state)
{
	static const struct {
		enum action action;
		const char *note;
	} cases[] = {
	    {ACTION_DEFER, "\n      deferred: to be sent again later\n"},
	    {ACTION_HOLD, "\n      held\n"},
	    {ACTION_REJECT, "\n      rejected\n"},
	};
	for (size_t i = 0; i < 3; i++) {
		const struct message m = {.sender = "a@x",
		    .mail_from = "a@x",
		    .login = "",
		    .client = "",
		    .queue_id = "4XyZ12",
		    .message_id = "",
		    .subject = "",
		    .action = cases[i].action};
		const struct bulk_send_story story = {
		    .send = sends[0], .evidence = &m, .evidence_n = 1};
		struct capture c;
		assert_int_equal(
		    show_print(capture_init(&c, *state, &file), &story, 100),
		    0);
		holds(&c, cases[i].note);
		fclose(c.view.out);
		free(c.text);
	}
}

static void
show_says_what_became_of_a_message_that_was_held(void **state)
{
	/* What became of two that are held, of a message, the older one first.
	 */
	static const struct {
		int64_t message;
		enum held_state older, state;
		const char *note;
	} cases[] = {
	    {7, HELD_DISCARDED, HELD_WAITING, "\n      still held\n"},
	    {7, HELD_WAITING, HELD_DISCARDED, "\n      still held\n"},
	    {7, HELD_GONE, HELD_RELEASED,
		"\n      was held, released by lan, 2026-03-02 14:06\n"},
	    {7, HELD_GONE, HELD_DISCARDED,
		"\n      was held, discarded by lan, 2026-03-02 14:06\n"},
	    {7, HELD_RELEASED, HELD_GONE,
		"\n      was held, and is no longer there\n"},
	    {8, HELD_WAITING, HELD_RELEASED, "\n      held\n"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct message m = {.id = 7,
		    .mail_from = "a@x",
		    .sender = "a@x",
		    .login = "",
		    .client = "",
		    .queue_id = "4XyZ12",
		    .message_id = "",
		    .subject = "",
		    .action = ACTION_HOLD};
		struct held held[2];
		held[0] = held[1] = (struct held){.message = cases[i].message,
		    .queue_id = "4XyZ12",
		    .state = cases[i].state,
		    .settled_ms = MOMENT + MINUTE,
		    .by = "lan"};
		held[0].state = cases[i].older;
		const struct bulk_send_story story = {.send = sends[0],
		    .evidence = &m,
		    .evidence_n = 1,
		    .held = held,
		    .held_n = 2};
		struct capture c;
		assert_int_equal(
		    show_print(capture_init(&c, *state, &file), &story, 100),
		    0);
		holds(&c, cases[i].note);
		fclose(c.view.out);
		free(c.text);
	}
}

static void
an_age_is_said_in_one_unit(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} ages[] = {
	    {-5, "less than a minute"},
	    {59999, "less than a minute"},
	    {MINUTE, "1 minute"},
	    {60 * MINUTE - 1, "59 minutes"},
	    {60 * MINUTE, "1 hour"},
	    {DAY - 1, "23 hours"},
	    {DAY, "1 day"},
	    {40 * DAY, "40 days"},
	};
	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++)
		assert_string_equal(view_age(*state, ages[i].ms), ages[i].text);
}

static const struct recipient two[] = {
    {"a@example.gov.vn", false}, {"b@elsewhere.example", true}};
static const struct recipient domains[] = {
    {"elsewhere.example", true}, {"example.gov.vn", false}};

static const struct message evidence[] = {
    {
	.at_ms = MOMENT,
	.identity = IDENTITY_LOGIN,
	.sender = "nguyen.thi.lan@example.gov.vn",
	.mail_from = "lan@example.gov.vn",
	.login = "nguyen.thi.lan@example.gov.vn",
	.client = "192.0.2.7",
	.queue_id = "4XyZ12",
	.message_id = "first@mail.example.gov.vn",
	.subject = "Giấy mời",
	.recipients = two,
	.recipients_n = 2,
	.recipient_count = 2,
    },
    {
	.at_ms = MOMENT + 7 * MINUTE,
	.mail_from = "",
	.sender = "192.0.2.8",
	.login = "other",
	.client = "192.0.2.8",
	.queue_id = "4XyZ13",
	.message_id = "",
	.subject = "",
	.recipients = domains,
	.recipients_n = 2,
	.recipient_count = 19,
    },
    {
	.at_ms = MOMENT + 7 * MINUTE,
	.mail_from = "x@example.gov.vn",
	.sender = "x@example.gov.vn",
	.login = "",
	.client = "192.0.2.8",
	.queue_id = "4XyZ14",
	.message_id = "",
	.subject = "",
	.recipient_count = 3,
    },
};

static const struct history history[] = {
    {MOMENT, "bulkwatchd", "opened", "window"},
    {MOMENT + MINUTE, "bulkwatchd", "alert-sent", "postmaster@example.gov.vn"},
    {MOMENT + 9 * MINUTE, "hoa", "taken", ""},
    {MOMENT + 10 * MINUTE, "hoa", "note",
	"đã gọi điện cho chị Lan, chị xác nhận là thư mời họp do phòng gửi đi "
	"theo kế hoạch"},
    {MOMENT + 11 * MINUTE, "hoa", "closed", "reported; reference 12/BC-VP"},
    {MOMENT + 12 * MINUTE, "minh", "reopened", ""},
    {MOMENT + 13 * MINUTE, "x", "moved", "somewhere"},
};

static const struct alert alerts[] = {
    {
	.kind = ALERT_STARTED,
	.state = ALERT_SENT,
	.to = "postmaster@example.gov.vn",
	.attempts = 2,
	.created_ms = MOMENT,
	.sent_ms = MOMENT + MINUTE,
	.last_error = "451 4.3.0 try later",
    },
    {
	.kind = ALERT_GROWN,
	.state = ALERT_QUEUED,
	.to = "",
	.created_ms = MOMENT + 8 * MINUTE,
	.last_error = "",
    },
};

static struct bulk_send_story
make_story(void)
{
	struct bulk_send_story story = {
	    .send = sends[0],
	    .evidence = evidence,
	    .evidence_n = 3,
	    .history = history,
	    .history_n = sizeof(history) / sizeof(history[0]),
	    .alerts = alerts,
	    .alerts_n = 2,
	};
	story.send.messages = 3;
	return story;
}

static void
show_says_all_that_is_known(void **state)
{
	const struct bulk_send_story story = make_story();
	struct capture c;
	assert_int_equal(
	    show_print(capture_init(&c, *state, &file), &story, 100), 0);
	/* clang-format off */
	captured(&c,
	    "Bulk send 12\n"
	    "  Status      new\n"
	    "  Sender      nguyen.thi.lan@example.gov.vn (login)\n"
	    "  Recipients  20 different, 21 in all, 3 of them outside\n"
	    "  Messages    3\n"
	    "  Time        2026-03-02 14:05 to 14:12; may still go on\n"
	    "  Rule        window: 20 recipients within 10m\n"
	    "  Action      recorded only\n"
	    "  Client      192.0.2.7\n"
	    "  Subject     Giấy mời họp giao ban tháng 3\n"
	    "  Declared    no\n"
	    "\n"
	    "Evidence\n"
	    "  TIME                 QUEUE ID  RCPTS  FROM                CLIENT     SUBJECT\n"
	    "  2026-03-02 14:05:09  4XyZ12        2  lan@example.gov.vn  192.0.2.7  Giấy mời\n"
	    "      Message-ID first@mail.example.gov.vn\n"
	    "      to a@example.gov.vn, b@elsewhere.example\n"
	    "  2026-03-02 14:12:09  4XyZ13       19  <>                  192.0.2.8\n"
	    "      login other\n"
	    "      to addresses at elsewhere.example, example.gov.vn\n"
	    "  2026-03-02 14:12:09  4XyZ14        3  x@example.gov.vn    192.0.2.8\n"
	    "      to recipients that were not kept\n"
	    "\n"
	    "History\n"
	    "  2026-03-02 14:05:09  bulkwatchd recorded it by rule window\n"
	    "  2026-03-02 14:06:09  bulkwatchd told the admins by mail to postmaster@example.gov.vn\n"
	    "  2026-03-02 14:14:09  hoa took it\n"
	    "  2026-03-02 14:15:09  hoa noted: đã gọi điện cho chị Lan, chị xác nhận là thư mời họp do phòng gửi\n"
	    "                       đi theo kế hoạch\n"
	    "  2026-03-02 14:16:09  hoa closed it as reported; reference 12/BC-VP\n"
	    "  2026-03-02 14:17:09  minh took it up again\n"
	    "  2026-03-02 14:18:09  x moved: somewhere\n"
	    "\n"
	    "Alerts\n"
	    "  ALERT    STATE   TIME                 TRIES\n"
	    "  started  sent    2026-03-02 14:06:09      2\n"
	    "      to postmaster@example.gov.vn\n"
	    "      451 4.3.0 try later\n"
	    "  grown    queued  2026-03-02 14:13:09      0\n"
	    "\n"
	    "Next: `bulkwatch take 12` makes it yours.\n");
	/* clang-format on */
}

static void
show_says_how_much_was_not_sent(void **state)
{
	struct bulk_send_story story = {.send = sends[1]};
	struct capture c;
	story.send.messages = 3;
	story.send.unsent[UNSENT_REFUSED].messages = 2;
	story.send.unsent[UNSENT_REFUSED].recipients = 60;
	assert_int_equal(
	    show_print(capture_init(&c, *state, &file), &story, 100), 0);
	holds(&c, "\n  Messages    3; of which not sent (deferred or rejected): "
		  "2, to 60 recipients\n");
	fclose(c.view.out);
	free(c.text);
}

static void
show_of_a_closed_and_declared_send_says_so(void **state)
{
	const struct bulk_send_story story = {.send = sends[1]};
	struct capture c;
	assert_int_equal(
	    show_print(capture_init(&c, *state, &file), &story, 100), 0);
	/* clang-format off */
	captured(&c,
	    "Bulk send 9\n"
	    "  Status      closed as false-alarm, taken by hoa\n"
	    "  Sender      minh@example.gov.vn (envelope)\n"
	    "  Recipients  25 different, 25 in all, 0 of them outside\n"
	    "  Messages    1\n"
	    "  Time        2026-03-01 14:05 to 2026-03-02 14:05; over\n"
	    "  Rule        message: 20 recipients in one message\n"
	    "  Action      recorded only\n"
	    "  Client      -\n"
	    "  Subject     -\n"
	    "  Declared    yes, declaration 4\n"
	    "  Reference   12/BC-VP\n"
	    "\n"
	    "Evidence\n"
	    "  and 1 message more\n"
	    "  `bulkwatch show --all 9` shows all of it\n"
	    "\n"
	    "History\n"
	    "  none\n"
	    "\n"
	    "Alerts\n"
	    "  none\n"
	    "\n"
	    "Next: if it will come again, the rules and exemptions in bulkwatch.conf can let it pass.\n");
	/* clang-format on */
}

static void
show_says_what_it_leaves_out(void **state)
{
	struct bulk_send_story story = make_story();
	story.evidence_n = 1;
	story.history_n = story.alerts_n = 0;
	struct capture c;
	assert_int_equal(
	    show_print(capture_init(&c, *state, &file), &story, 1), 0);
	fclose(c.view.out);
	assert_non_null(
	    strstr(c.text, "      to a@example.gov.vn\n"
			   "      and 1 more\n"
			   "  and 2 messages more\n"
			   "  `bulkwatch show --all 12` shows all of it\n"));
	free(c.text);
}

static void
show_with_all_leaves_nothing_out(void **state)
{
	const struct bulk_send_story story = make_story();
	struct capture c;
	assert_int_equal(
	    show_print(capture_init(&c, *state, &file), &story, 0), 0);
	fclose(c.view.out);
	assert_non_null(strstr(c.text, "b@elsewhere.example"));
	assert_null(strstr(c.text, "more"));
	free(c.text);
}

static void
show_never_acts_on_a_terminal(void **state)
{
	struct bulk_send_story story = make_story();
	struct message dirty = evidence[0];
	dirty.subject = "\x1b[31mred";
	dirty.message_id = "a\nb";
	story.send.subject = "\x1b]0;title\x07";
	story.send.sender = "x\xe2\x80\xaey";
	story.evidence = &dirty;
	story.evidence_n = 1;
	struct capture c;
	assert_int_equal(
	    show_print(capture_init(&c, *state, &file), &story, 0), 0);
	fclose(c.view.out);
	assert_null(strpbrk(c.text, "\x1b\x07"));
	assert_null(strstr(c.text, "\xe2\x80\xae"));
	assert_null(strstr(c.text, "a\nb"));
	assert_non_null(strstr(c.text, "Subject     \\u{1B}]0;title\\u{7}\n"));
	free(c.text);
}

static void
senders_shows_a_line_for_each(void **state)
{
	const struct sender_total totals[] = {
	    {IDENTITY_LOGIN, "lan@example.gov.vn", 120, 4500, 3, MOMENT - DAY,
		MOMENT},
	    {IDENTITY_CLIENT, "192.0.2.7", 1, 2, 0, MOMENT, MOMENT},
	};
	struct capture c;
	assert_int_equal(
	    senders_print(capture_init(&c, *state, &file), totals, 2), 0);
	/* clang-format off */
	captured(&c,
	    "SENDER              IDENTITY  MSGS  RCPTS  BULK  FIRST             LAST\n"
	    "lan@example.gov.vn  login      120   4500     3  2026-03-01 14:05  2026-03-02 14:05\n"
	    "192.0.2.7           client       1      2     0  2026-03-02 14:05  2026-03-02 14:05\n");
	/* clang-format on */
}

static const struct check_result results[] = {
    {"settings", true, "/etc/bulkwatch/bulkwatch.conf, 2 rules", false},
    {"socket", false,
	"nobody listens at /run/bulkwatch/milter.sock; start the daemon: "
	"systemctl start bulkwatchd",
	false},
    {"postfix", true, "mail passes uncounted", true},
};

static void
check_is_one_line_a_result_in_a_file(void **state)
{
	struct screen narrow = {.width = 40};
	struct capture c;
	assert_int_equal(
	    check_print(capture_init(&c, *state, &narrow), results, 3), 0);
	/* clang-format off */
	captured(&c,
	    "ok     settings   /etc/bulkwatch/bulkwatch.conf, 2 rules\n"
	    "fault  socket     nobody listens at /run/bulkwatch/milter.sock; start the daemon: systemctl start bulkwatchd\n"
	    "note   postfix    mail passes uncounted\n");
	/* clang-format on */
}

static void
check_is_wrapped_and_coloured_on_a_terminal(void **state)
{
	struct screen terminal = {.width = 60, .cut = true, .colour = true};
	struct capture c;
	assert_int_equal(
	    check_print(capture_init(&c, *state, &terminal), results, 3), 0);
	/* clang-format off */
	captured(&c,
	    "\033[32mok   \033[0m  settings   /etc/bulkwatch/bulkwatch.conf, 2 rules\n"
	    "\033[1;31mfault\033[0m  socket     nobody listens at\n"
	    "                  /run/bulkwatch/milter.sock; start the\n"
	    "                  daemon: systemctl start bulkwatchd\n"
	    "\033[33mnote \033[0m  postfix    mail passes uncounted\n");
	/* clang-format on */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(list_shows_a_line_for_each_bulk_send),
	    cmocka_unit_test(list_fits_a_terminal_of_80_columns),
	    cmocka_unit_test(
		list_keeps_the_subject_of_a_declared_one_on_80_columns),
	    cmocka_unit_test(a_terminal_has_times_as_short_as_they_are_clear),
	    cmocka_unit_test(list_marks_the_one_that_waits_longest),
	    cmocka_unit_test(commands_name_settings_that_are_not_the_usual),
	    cmocka_unit_test(list_says_how_much_is_held_within_80_columns),
	    cmocka_unit_test(held_mail_is_a_line_each),
	    cmocka_unit_test(show_says_what_was_done_with_a_message),
	    cmocka_unit_test(show_says_what_became_of_a_message_that_was_held),
	    cmocka_unit_test(an_age_is_said_in_one_unit),
	    cmocka_unit_test(show_says_all_that_is_known),
	    cmocka_unit_test(show_says_how_much_was_not_sent),
	    cmocka_unit_test(show_of_a_closed_and_declared_send_says_so),
	    cmocka_unit_test(show_says_what_it_leaves_out),
	    cmocka_unit_test(show_with_all_leaves_nothing_out),
	    cmocka_unit_test(show_never_acts_on_a_terminal),
	    cmocka_unit_test(senders_shows_a_line_for_each),
	    cmocka_unit_test(check_is_one_line_a_result_in_a_file),
	    cmocka_unit_test(check_is_wrapped_and_coloured_on_a_terminal),
	};
	return cmocka_run_group_tests(tests, office_setup, office_teardown);
}
