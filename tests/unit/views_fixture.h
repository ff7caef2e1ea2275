/*
 * views_fixture.h: what a view printed, and records to print.
 */
#ifndef BULKWATCH_TESTS_VIEWS_FIXTURE_H
#define BULKWATCH_TESTS_VIEWS_FIXTURE_H

#include "office.h"

#include "../../milter/ctl/views.h"

static const struct screen file = {.width = 100};

/* What a view printed, kept in the arena. */
struct capture {
	struct view view;
	char *text;
	size_t length;
};

static inline const struct view *
capture_init(
    struct capture *c, struct arena *arena, const struct screen *screen)
{
	c->view.out = open_memstream(&c->text, &c->length);
	assert_non_null(c->view.out);
	c->view.screen = screen;
	c->view.arena = arena;
	c->view.file = NULL;
	return &c->view;
}

static inline void
captured(struct capture *c, const char *expected)
{
	fclose(c->view.out);
	char *text = arena_strdup(c->view.arena, c->text);
	free(c->text);
	assert_string_equal(text, expected);
}

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

static inline void
holds(const struct capture *c, const char *part)
{
	fflush(c->view.out);
	if (strstr(c->text, part) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", c->text, part);
}

#endif
