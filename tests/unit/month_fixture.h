/*
 * month_fixture.h: March 2026 in an office, to be summed up and reported.
 */
#ifndef BULKWATCH_TESTS_MONTH_FIXTURE_H
#define BULKWATCH_TESTS_MONTH_FIXTURE_H

#include "office.h"

#include "../../milter/ctl/report.h"

static inline struct month
march(void)
{
	struct month month;
	struct err err;
	if (month_parse("2026-03", MOMENT + 60 * DAY, &month, &err) < 0)
		fail_msg("%s", err.text);
	return month;
}

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

static inline struct summary
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

#endif
