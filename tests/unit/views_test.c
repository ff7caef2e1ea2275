/* views_test.c: records as text for a person. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../milter/ctl/views.h"

static const struct screen file = {.width = 100};

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

/* What a view printed, kept in the arena. */
struct capture {
	struct view view;
	char *text;
	size_t length;
};

static const struct view *
capture_init(
    struct capture *c, struct arena *arena, const struct screen *screen)
{
	c->view.out = open_memstream(&c->text, &c->length);
	assert_non_null(c->view.out);
	c->view.screen = screen;
	c->view.arena = arena;
	return &c->view;
}

static void
captured(struct capture *c, const char *expected)
{
	fclose(c->view.out);
	char *text = arena_strdup(c->view.arena, c->text);
	free(c->text);
	assert_string_equal(text, expected);
}

/* 2026-03-02 14:05:09 +07:00 */
#define MOMENT INT64_C(1772435109123)
#define MINUTE INT64_C(60000)
#define DAY (24 * 60 * MINUTE)

static const struct bulk_send sends[] = {
    {
	.id = 12,
	.identity = IDENTITY_LOGIN,
	.sender = "nguyen.thi.lan@example.gov.vn",
	.status = STATUS_NEW,
	.trigger = TRIGGER_WINDOW,
	.rule = "window",
	.action = ACTION_LOG,
	.first_at_ms = MOMENT,
	.last_at_ms = MOMENT + 7 * MINUTE,
	.messages = 20,
	.recipients = 21,
	.distinct_recipients = 20,
	.external_recipients = 3,
	.limit = 20,
	.window_secs = 600,
	.subject = "Giấy mời họp giao ban tháng 3",
	.client = "192.0.2.7",
	.assignee = "",
	.reference = "",
    },
    {
	.id = 9,
	.identity = IDENTITY_ENVELOPE,
	.sender = "minh@example.gov.vn",
	.status = STATUS_CLOSED,
	.outcome = OUTCOME_FALSE_ALARM,
	.trigger = TRIGGER_MESSAGE,
	.rule = "message",
	.action = ACTION_LOG,
	.first_at_ms = MOMENT - DAY,
	.last_at_ms = MOMENT,
	.ended = true,
	.messages = 1,
	.recipients = 25,
	.distinct_recipients = 25,
	.limit = 20,
	.subject = "",
	.client = "",
	.declaration = 4,
	.assignee = "hoa",
	.reference = "12/BC-VP",
    },
};

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
	    "ID  LAST              SENDER                  RCPTS  WAITS  STATUS  SUBJECT\n"
	    "12  2026-03-02 14:12  nguyen.thi.lan@exampl…     20    12h  new     Giấy mời họ…\n");
	/* clang-format on */
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
	    "  Action      log\n"
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
	    "  Action      log\n"
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

static const struct declaration declaration = {
    .id = 4,
    .sender = "*@example.gov.vn",
    .recipients = 20,
    .from_ms = MOMENT - 60 * MINUTE,
    .until_ms = MOMENT + 60 * MINUTE,
    .reason = "Giấy mời họp",
    .reference = "45/TB",
    .by = "hoa",
    .created_ms = MOMENT - DAY,
    .withdrawn_by = "",
    .bulk_sends = 1,
    .used = 22,
};

static void
holds(const struct capture *c, const char *part)
{
	fflush(c->view.out);
	if (strstr(c->text, part) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", c->text, part);
}

static void
show_puts_what_was_declared_beside_what_was_seen(void **state)
{
	struct bulk_send_story story = {
	    .send = sends[0], .declaration = &declaration};
	story.send.declaration = 4;
	story.send.last_at_ms = MOMENT + 3 * 60 * MINUTE;
	struct capture c;
	assert_int_equal(
	    show_print(capture_init(&c, *state, &file), &story, 100), 0);
	holds(&c,
	    "Declaration 4\n"
	    "  Sender      *@example.gov.vn\n"
	    "  Recipients  20 declared, 22 seen in 1 bulk send: 2 more than "
	    "declared, the last of them 2 hours\n"
	    "              after its time\n"
	    "  Time        2026-03-02 13:05 to 15:05\n"
	    "  Reason      Giấy mời họp\n"
	    "  Reference   45/TB\n"
	    "  Declared by hoa, 2026-03-01 14:05\n");
	holds(&c, "\nNext: it was declared; `bulkwatch close 12 --outcome "
		  "reported` closes it, ");
	fclose(c.view.out);
	free(c.text);
}

static void
within_its_declaration_nothing_is_beyond(void **state)
{
	struct declaration d = declaration;
	d.used = 21; /* 5 % */
	assert_string_equal(declarations_beyond(*state, &d, MOMENT), "");
	assert_string_equal(declarations_beyond(*state, &d, d.until_ms + 1),
	    "the last of them less than a minute after its time");
	d.used = 22;
	assert_string_equal(
	    declarations_beyond(*state, &d, MOMENT), "2 more than declared");
}

static void
declarations_shows_a_line_for_each(void **state)
{
	struct declaration list[4] = {
	    declaration, declaration, declaration, declaration};
	list[0].from_ms += DAY;
	list[0].until_ms += 2 * DAY;
	list[0].used = 0;
	list[2].until_ms = MOMENT - 1;
	list[2].used = 21;
	list[3].withdrawn_ms = MOMENT;
	struct capture c;
	assert_int_equal(declarations_print(
			     capture_init(&c, *state, &file), list, 4, MOMENT),
	    0);
	/* clang-format off */
	captured(&c,
	    "ID  STATE      SENDER            RCPTS  SEEN  FROM              UNTIL             BY   REFERENCE  REASON\n"
	    " 4  to come    *@example.gov.vn     20     0  2026-03-03 13:05  2026-03-04 15:05  hoa  45/TB      Giấy mời họp\n"
	    " 4  in force   *@example.gov.vn     20   22!  2026-03-02 13:05  2026-03-02 15:05  hoa  45/TB      Giấy mời họp\n"
	    " 4  over       *@example.gov.vn     20    21  2026-03-02 13:05  2026-03-02 14:05  hoa  45/TB      Giấy mời họp\n"
	    " 4  withdrawn  *@example.gov.vn     20   22!  2026-03-02 13:05  2026-03-02 15:05  hoa  45/TB      Giấy mời họp\n");
	/* clang-format on */
}

static void
a_declaration_is_told_with_what_it_means(void **state)
{
	struct capture c;
	assert_int_equal(declare_print(capture_init(&c, *state, &file),
			     &declaration, MOMENT),
	    0);
	captured(&c,
	    "Declaration 4: *@example.gov.vn may send to 20 recipients, "
	    "2026-03-02 13:05 to 15:05.\n"
	    "Next: it is in force now: such mail is recorded and raises no "
	    "alert, unless it goes more than 5 % above that number or beyond "
	    "that time. `bulkwatch withdraw 4` takes it back.\n");
}

static void
each_step_of_follow_up_says_what_comes_next(void **state)
{
	static const struct {
		enum follow_up step;
		enum status status;
		enum outcome outcome;
		const char *done, *next;
	} cases[] = {
	    {FOLLOW_UP_TAKE, STATUS_REVIEWING, OUTCOME_NONE,
		"Bulk send 12 is taken by hoa.\n", "`bulkwatch close 12 "},
	    {FOLLOW_UP_NOTE, STATUS_NEW, OUTCOME_NONE,
		"Noted on bulk send 12 by hoa.\n", "`bulkwatch take 12` "},
	    {FOLLOW_UP_CLOSE, STATUS_CLOSED, OUTCOME_REPORTED,
		"Bulk send 12 is closed as reported, reference 1/VP.\n",
		"`bulkwatch reopen 12` "},
	    {FOLLOW_UP_CLOSE, STATUS_CLOSED, OUTCOME_COMPROMISED,
		"Bulk send 12 is closed as compromised, ", "password of "},
	    {FOLLOW_UP_CLOSE, STATUS_CLOSED, OUTCOME_UNREPORTED,
		"Bulk send 12 is closed as unreported, ", "remind "},
	    {FOLLOW_UP_REOPEN, STATUS_REVIEWING, OUTCOME_NONE,
		"Bulk send 12 is open again, taken by hoa.\n", "`bulkwatch "},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct follow_up_request request = {.step = cases[i].step,
		    .by = "hoa",
		    .note = "",
		    .reference = "1/VP"};
		struct bulk_send then = sends[0];
		then.status = cases[i].status;
		then.outcome = cases[i].outcome;
		struct capture c;
		assert_int_equal(follow_print(capture_init(&c, *state, &file),
				     &request, &then),
		    0);
		holds(&c, cases[i].done);
		holds(&c, "\nNext: ");
		holds(&c, cases[i].next);
		fclose(c.view.out);
		free(c.text);
	}
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
    {"settings", true, "/etc/bulkwatch/bulkwatch.conf, 2 rules"},
    {"socket", false,
	"nobody listens at /run/bulkwatch/milter.sock; start the daemon: "
	"systemctl start bulkwatchd"},
};

static void
check_is_one_line_a_result_in_a_file(void **state)
{
	struct screen narrow = {.width = 40};
	struct capture c;
	assert_int_equal(
	    check_print(capture_init(&c, *state, &narrow), results, 2), 0);
	/* clang-format off */
	captured(&c,
	    "ok     settings   /etc/bulkwatch/bulkwatch.conf, 2 rules\n"
	    "fault  socket     nobody listens at /run/bulkwatch/milter.sock; start the daemon: systemctl start bulkwatchd\n");
	/* clang-format on */
}

static void
check_is_wrapped_and_coloured_on_a_terminal(void **state)
{
	struct screen terminal = {.width = 60, .cut = true, .colour = true};
	struct capture c;
	assert_int_equal(
	    check_print(capture_init(&c, *state, &terminal), results, 2), 0);
	/* clang-format off */
	captured(&c,
	    "\033[32mok   \033[0m  settings   /etc/bulkwatch/bulkwatch.conf, 2 rules\n"
	    "\033[1;31mfault\033[0m  socket     nobody listens at\n"
	    "                  /run/bulkwatch/milter.sock; start the\n"
	    "                  daemon: systemctl start bulkwatchd\n");
	/* clang-format on */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(list_shows_a_line_for_each_bulk_send),
	    cmocka_unit_test(list_fits_a_terminal_of_80_columns),
	    cmocka_unit_test(list_marks_the_one_that_waits_longest),
	    cmocka_unit_test(an_age_is_said_in_one_unit),
	    cmocka_unit_test(show_says_all_that_is_known),
	    cmocka_unit_test(show_of_a_closed_and_declared_send_says_so),
	    cmocka_unit_test(show_says_what_it_leaves_out),
	    cmocka_unit_test(show_with_all_leaves_nothing_out),
	    cmocka_unit_test(show_never_acts_on_a_terminal),
	    cmocka_unit_test(show_puts_what_was_declared_beside_what_was_seen),
	    cmocka_unit_test(within_its_declaration_nothing_is_beyond),
	    cmocka_unit_test(declarations_shows_a_line_for_each),
	    cmocka_unit_test(a_declaration_is_told_with_what_it_means),
	    cmocka_unit_test(each_step_of_follow_up_says_what_comes_next),
	    cmocka_unit_test(senders_shows_a_line_for_each),
	    cmocka_unit_test(check_is_one_line_a_result_in_a_file),
	    cmocka_unit_test(check_is_wrapped_and_coloured_on_a_terminal),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
