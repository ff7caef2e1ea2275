/* store_bulk_test.c: one record for one bulk send, however it was split. */
#include "store_fixture.h"

static int64_t
bulk_sends(struct world *w)
{
	return sql_number(w, "SELECT count(*) FROM bulk_send");
}

static int64_t
alerts(struct world *w)
{
	return sql_number(w, "SELECT count(*) FROM alert");
}

/* ------------------------------------------------------------- one record */

static void
a_message_opens_a_record_of_what_it_is(void **state)
{
	struct world *w = *state;
	struct entry *e = mail(w, .n = 25, .external = 4, .subject = "Mời họp");
	assert_true(e->opened);
	struct bulk_send s = show(w, e->bulk_send).send;
	assert_string_equal(s.sender, "an@x.vn");
	assert_int_equal(s.identity, IDENTITY_LOGIN);
	assert_int_equal(s.trigger, TRIGGER_MESSAGE);
	assert_string_equal(s.rule, "message");
	assert_int_equal(s.status, STATUS_NEW);
	assert_int_equal(s.outcome, OUTCOME_NONE);
	assert_int_equal(s.messages, 1);
	assert_int_equal(s.recipients, 25);
	assert_int_equal(s.distinct_recipients, 25);
	assert_int_equal(s.external_recipients, 4);
	assert_int_equal(s.limit, LIMIT);
	assert_int_equal(s.window_secs, 0);
	assert_string_equal(s.subject, "Mời họp");
	assert_string_equal(s.client, "192.0.2.1");
	assert_int_equal(s.first_at_ms, w->at_ms);
	assert_int_equal(s.last_at_ms, w->at_ms);
	assert_false(s.ended);
}

static void
the_entry_is_told_what_the_record_says(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 25);
	struct entry *e = mail(w, .first = 20, .n = 25);
	assert_int_equal(e->bulk_send, 1);
	assert_false(e->opened);
	assert_int_equal(e->send_messages, 2);
	assert_int_equal(e->send_recipients, 50);
	assert_int_equal(e->send_distinct, 44);
}

static void
a_window_opens_a_record_of_its_rule(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 15);
	struct entry *e = mail(w, .first = 50, .n = 5, .later = 30);
	struct bulk_send s = show(w, e->bulk_send).send;
	assert_int_equal(s.trigger, TRIGGER_WINDOW);
	assert_string_equal(s.rule, "window");
	assert_int_equal(s.window_secs, WINDOW_SECS);
	assert_int_equal(s.first_at_ms, w->at_ms);
	assert_int_equal(s.last_at_ms, w->at_ms + 30000);
}

static void
the_messages_that_filled_the_window_belong_to_it(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 20; i++)
		mail(w, .first = i, .n = 1, .later = i);
	struct bulk_send_story story = show(w, 1);
	assert_int_equal(story.send.messages, 20);
	assert_int_equal(story.send.recipients, 20);
	assert_int_equal(story.evidence_n, 20);
	assert_int_equal(story.evidence[0].at_ms, w->at_ms);
}

static void
messages_older_than_the_window_do_not_belong_to_it(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 10);
	mail(w, .first = 50, .n = 9, .later = WINDOW_SECS - 100);
	mail(w, .first = 100, .n = 10, .later = WINDOW_SECS);
	assert_int_equal(bulk_sends(w), 0);
	mail(w, .first = 200, .n = 1, .later = WINDOW_SECS);
	assert_int_equal(show(w, 1).send.messages, 3);
}

static void
messages_of_others_do_not_belong_to_it(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 20; i++) {
		mail(w, .first = i, .n = 1);
		mail(w, .sender = "binh@x.vn", .first = i % 5, .n = 1);
	}
	struct bulk_send_story story = show(w, 1);
	assert_int_equal(story.send.messages, 20);
	for (size_t i = 0; i < story.evidence_n; i++)
		assert_string_equal(story.evidence[i].sender, "an@x.vn");
}

static void
a_record_takes_no_more_earlier_messages_than_its_most(void **state)
{
	struct world *w = *state;
	w->settings.rules[BY_WINDOW].recipients = STORE_ABSORB_MAX + 300;
	for (unsigned i = 1; i < STORE_ABSORB_MAX + 300; i++)
		mail(w, .first = i, .n = 1);
	assert_int_equal(bulk_sends(w), 0);
	mail(w, .first = 0, .n = 1);
	struct bulk_send_story story = show(w, 1);
	assert_int_equal(story.send.messages, STORE_ABSORB_MAX + 1);
	/* The newest of them. */
	assert_int_equal(story.evidence[0].id, 300);
}

static void
further_triggers_extend_it(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 25, .external = 5);
	mail(w, .first = 101, .n = 30, .external = 6, .later = 60);
	mail(w, .first = 201, .n = 1, .later = 90);
	assert_int_equal(bulk_sends(w), 1);
	struct bulk_send s = show(w, 1).send;
	assert_int_equal(s.messages, 3);
	assert_int_equal(s.recipients, 56);
	assert_int_equal(s.external_recipients, 11);
	assert_int_equal(s.last_at_ms, w->at_ms + 90000);
}

static void
a_recipient_written_to_twice_is_one_distinct_recipient(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 25);
	mail(w, .first = 1, .n = 25);
	struct bulk_send s = show(w, 1).send;
	assert_int_equal(s.recipients, 50);
	assert_int_equal(s.distinct_recipients, 25);
}

static void
two_triggers_in_one_batch_are_one_record(void **state)
{
	struct world *w = *state;
	struct entry *entries[] = {
	    make_entry(w, (struct mail){.first = 1, .n = 25}),
	    make_entry(w, (struct mail){.first = 101, .n = 25})};
	put(w, entries, 2);
	assert_int_equal(bulk_sends(w), 1);
	assert_true(entries[0]->opened);
	assert_false(entries[1]->opened);
	assert_int_equal(show(w, 1).send.messages, 2);
}

static void
messages_of_the_same_batch_belong_to_a_window_too(void **state)
{
	struct world *w = *state;
	struct entry *entries[20];
	for (unsigned i = 0; i < 20; i++)
		entries[i] = make_entry(w, (struct mail){.first = i, .n = 1});
	put(w, entries, 20);
	assert_true(entries[19]->opened);
	assert_int_equal(show(w, 1).send.messages, 20);
}

static void
each_sender_has_a_record(void **state)
{
	struct world *w = *state;
	mail(w, .sender = "an@x.vn", .n = 25);
	mail(w, .sender = "binh@x.vn", .n = 25);
	assert_int_equal(bulk_sends(w), 2);
}

static void
a_message_that_did_not_reach_the_window_rule_does_not_hide_those_before(
    void **state)
{
	struct world *w = *state;
	/* A window wider than a message that matches by itself. */
	w->settings.rules[BY_WINDOW].recipients = 50;
	mail(w, .first = 1, .n = 15);
	mail(w, .first = 101, .n = 25, .later = 1);
	assert_int_equal(show(w, 1).send.messages, 1);
	mail(w, .first = 201, .n = 15, .later = 2);
	struct bulk_send_story story = show(w, 1);
	assert_int_equal(story.send.messages, 3);
	assert_int_equal(story.send.recipients, 55);
}

static void
a_longer_window_reaches_back_behind_a_shorter_one(void **state)
{
	struct world *w = *state;
	w->settings.rules[2] = (struct rule){
	    .name = "day", .recipients = 50, .window_secs = 86400};
	w->settings.rules_n = 3;
	w->settings.longest_window_secs = 86400;
	mail(w, .first = 1, .n = 15);
	for (unsigned i = 0; i < 20; i++)
		mail(w, .first = 100 + i, .n = 1, .later = 3600 + i);
	assert_int_equal(show(w, 1).send.messages, 20);
	/* The fiftieth of the day. */
	for (unsigned i = 0; i < 15; i++)
		mail(w, .first = 200 + i, .n = 1, .later = 3700 + i);
	assert_int_equal(show(w, 1).send.messages, 36);
	assert_int_equal(show(w, 1).send.recipients, 50);
}

/* ------------------------------------------------- external recipients only */

static void
use_external_rule(struct world *w)
{
	w->settings.rules[BY_WINDOW].scope = RULE_SCOPE_EXTERNAL;
}

static void
an_external_rule_takes_only_messages_that_left(void **state)
{
	struct world *w = *state;
	use_external_rule(w);
	mail(w, .first = 1, .n = 10, .external = 10);
	mail(w, .first = 50, .n = 15);
	mail(w, .first = 100, .n = 10, .external = 10);
	struct bulk_send_story story = show(w, 1);
	assert_int_equal(story.send.messages, 2);
	assert_int_equal(story.send.recipients, 20);
}

static void
a_rule_for_all_takes_all_though_an_external_rule_stands_first(void **state)
{
	struct world *w = *state;
	w->settings.rules[0] = (struct rule){.name = "outside",
	    .recipients = 5,
	    .window_secs = WINDOW_SECS,
	    .scope = RULE_SCOPE_EXTERNAL};
	mail(w, .first = 1, .n = 15);
	struct entry *e = mail(w, .first = 50, .n = 6, .external = 6);
	assert_int_equal(e->decision.measure, 0);
	assert_int_equal(show(w, 1).send.messages, 2);
}

static void
a_rule_for_all_takes_what_an_external_rule_left_out(void **state)
{
	struct world *w = *state;
	w->settings.rules[0] = (struct rule){.name = "outside",
	    .recipients = 5,
	    .window_secs = WINDOW_SECS,
	    .scope = RULE_SCOPE_EXTERNAL};
	mail(w, .first = 1, .n = 9);
	mail(w, .first = 50, .n = 6, .external = 6);
	assert_int_equal(show(w, 1).send.messages, 1);
	mail(w, .first = 80, .n = 5);
	assert_int_equal(show(w, 1).send.messages, 3);
	assert_int_equal(show(w, 1).send.recipients, 20);
}

/* --------------------------------------------------------------- per client */

static void
a_rule_per_client_makes_a_record_of_the_client(void **state)
{
	struct world *w = *state;
	w->settings.rules[BY_WINDOW].per = RULE_PER_CLIENT;
	mail(w, .sender = "an@x.vn", .first = 1, .n = 15);
	mail(w, .sender = "binh@x.vn", .first = 50, .n = 5);
	struct bulk_send_story story = show(w, 1);
	assert_string_equal(story.send.sender, "192.0.2.1");
	assert_int_equal(story.send.identity, IDENTITY_CLIENT);
	assert_int_equal(story.send.messages, 2);
}

static void
a_senders_record_takes_only_the_senders_messages_of_a_shared_client(
    void **state)
{
	struct world *w = *state;
	w->settings.rules[2] = (struct rule){.name = "client",
	    .recipients = 1000,
	    .window_secs = WINDOW_SECS,
	    .per = RULE_PER_CLIENT};
	w->settings.rules_n = 3;
	mail(w, .sender = "an@x.vn", .first = 1, .n = 15);
	mail(w, .sender = "binh@x.vn", .first = 50, .n = 15);
	mail(w, .sender = "an@x.vn", .first = 100, .n = 5);
	assert_int_equal(show(w, 1).send.messages, 2);
	assert_int_equal(show(w, 1).send.recipients, 20);
}

/* ------------------------------------------------------------------ retries */

static void
a_retry_of_a_trigger_changes_nothing(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25, .message_id = "<1@x>");
	struct entry *again =
	    mail(w, .n = 25, .message_id = "<1@x>", .later = 60);
	assert_true(again->retry);
	assert_int_equal(again->bulk_send, 1);
	assert_false(again->opened);
	assert_false(again->alert_queued);
	struct bulk_send_story story = show(w, 1);
	assert_int_equal(story.send.messages, 1);
	assert_int_equal(story.send.recipients, 25);
	assert_int_equal(story.evidence_n, 1);
	assert_int_equal(story.alerts_n, 1);
}

static void
a_retry_of_a_trigger_opens_no_second_record_when_the_first_has_ended(
    void **state)
{
	struct world *w = *state;
	mail(w, .n = 25, .message_id = "<1@x>");
	struct entry *again =
	    mail(w, .n = 25, .message_id = "<1@x>", .later = 3600);
	assert_int_equal(bulk_sends(w), 1);
	assert_int_equal(again->bulk_send, 1);
}

/* The table of recent messages is small; here it knows the message no more,
 * as its row of the ledger has another fingerprint. */
static void
a_retry_of_a_trigger_is_known_by_its_record(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25, .message_id = "<1@x>");
	sql_do(w, "UPDATE message SET fingerprint = 1");
	reopen_store(w);
	struct entry *again =
	    mail(w, .n = 25, .message_id = "<1@x>", .later = 3600);
	assert_true(again->retry);
	assert_int_equal(again->bulk_send, 1);
	assert_int_equal(bulk_sends(w), 1);
	struct bulk_send_story story = show(w, 1);
	assert_int_equal(story.send.messages, 1);
	assert_int_equal(story.evidence_n, 1);
	assert_int_equal(alerts(w), 1);
}

static void
a_retry_that_fills_a_window_belongs_to_the_record_once(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 15, .message_id = "<1@x>");
	mail(w, .first = 1, .n = 15, .message_id = "<1@x>", .later = 5);
	mail(w, .first = 50, .n = 5, .later = 10);
	struct bulk_send s = show(w, 1).send;
	assert_int_equal(s.messages, 2);
	assert_int_equal(s.recipients, 20);
}

static void
a_retry_that_becomes_a_trigger_takes_the_messages_before_it(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 10);
	mail(w, .first = 50, .n = 8, .message_id = "<1@x>");
	w->settings.rules[BY_WINDOW].recipients = 15;
	reopen_store(w);
	mail(w, .first = 50, .n = 8, .message_id = "<1@x>", .later = 5);
	struct bulk_send s = show(w, 1).send;
	assert_int_equal(s.messages, 2);
	assert_int_equal(s.recipients, 18);
}

/* ------------------------------------------------------------------ the end */

static void
a_trigger_just_within_the_quiet_time_extends_it(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 25);
	mail(w, .first = 101, .n = 25, .later = WINDOW_SECS - 1);
	assert_int_equal(bulk_sends(w), 1);
}

static void
a_trigger_after_the_quiet_time_opens_a_new_record(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 25);
	struct entry *e = mail(w, .first = 101, .n = 25, .later = WINDOW_SECS);
	assert_true(e->opened);
	assert_int_equal(e->bulk_send, 2);
	assert_true(show(w, 1).send.ended);
	assert_false(show(w, 2).send.ended);
}

static void
each_trigger_begins_the_quiet_time_anew(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 10; i++)
		mail(w, .first = i * 30, .n = 25, .later = i * 500);
	assert_int_equal(bulk_sends(w), 1);
}

/* ------------------------------------------------------------------- alerts */

static void
one_alert_is_queued_however_many_triggers_come(void **state)
{
	struct world *w = *state;
	struct entry *first = mail(w, .first = 1, .n = 25);
	struct entry *second = mail(w, .first = 101, .n = 25);
	assert_true(first->alert_queued);
	assert_false(second->alert_queued);
	assert_int_equal(alerts(w), 1);
}

static void
a_rule_without_alert_queues_none(void **state)
{
	struct world *w = *state;
	w->settings.rules[0].alert = w->settings.rules[1].alert = false;
	struct entry *e = mail(w, .n = 25);
	assert_true(e->opened);
	assert_false(e->alert_queued);
	assert_int_equal(alerts(w), 0);
}

static void
a_rule_with_alert_that_matches_later_queues_it_then(void **state)
{
	struct world *w = *state;
	w->settings.rules[0].alert = false;
	w->settings.rules[1].recipients = 40;
	assert_false(mail(w, .first = 1, .n = 25)->alert_queued);
	assert_true(mail(w, .first = 101, .n = 25)->alert_queued);
}

/* ------------------------------------------------------------------ history */

static void
the_opening_stands_in_the_history(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25);
	struct bulk_send_story story = show(w, 1);
	assert_int_equal(story.history_n, 1);
	assert_string_equal(story.history[0].event, "opened");
	assert_string_equal(story.history[0].by, "bulkwatchd");
	assert_int_equal(story.history[0].at_ms, w->at_ms);
}

static void
the_database_refuses_to_change_history(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25);
	assert_int_equal(
	    sql_try(w, "UPDATE history SET note = 'x'"), SQLITE_CONSTRAINT);
	assert_int_equal(sql_try(w, "UPDATE OR REPLACE history SET id = 9"),
	    SQLITE_CONSTRAINT);
}

static void
the_database_refuses_to_delete_history(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25);
	assert_int_equal(sql_try(w, "DELETE FROM history"), SQLITE_CONSTRAINT);
}

static void
the_database_refuses_to_replace_history(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25);
	assert_int_equal(
	    sql_try(w, "INSERT OR REPLACE INTO history (id, bulk_send, at, "
		       "by_, event) VALUES (1, 1, 0, 'me', 'nothing')"),
	    SQLITE_CONSTRAINT);
}

static void
a_record_cannot_be_renumbered_away_from_its_history(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25);
	assert_int_equal(
	    sql_try(w, "UPDATE bulk_send SET id = 99"), SQLITE_CONSTRAINT);
}

static void
a_record_cannot_be_replaced_by_another(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25);
	assert_int_equal(
	    sql_try(w,
		"INSERT OR REPLACE INTO bulk_send (id, identity, sender, "
		"trigger_kind, rule, action, limit_, window_secs, quiet_secs, "
		"first_at, last_at, last_tick) VALUES (1, 1, 'x', 1, 'x', 0, "
		"20, 0, 600, 0, 0, 0)"),
	    SQLITE_CONSTRAINT);
}

static void
close_all(struct world *w)
{
	sql_do(w, "UPDATE bulk_send SET status = 3, ended = 1");
}

static int64_t
records(struct world *w)
{
	return sql_number(w, "SELECT count(*) FROM bulk_send");
}

static void
a_mail_after_a_closed_case_is_no_new_case(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 25);
	close_all(w);
	struct entry *e = mail(w, .first = 101, .n = 1, .later = 5);
	assert_int_equal(e->bulk_send, 0);
	assert_false(e->alert_queued);
	assert_int_equal(records(w), 1);
	assert_int_equal(
	    sql_number(w, "SELECT count(*) FROM bulk_recipient"), 25);
}

static void
as_many_mails_after_a_closed_case_are_a_case_of_their_own(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 25);
	close_all(w);
	struct entry *e = NULL;
	for (unsigned n = 0; n < LIMIT; n++) {
		assert_int_equal(records(w), 1);
		e = mail(w, .first = 101 + n, .n = 1, .later = 5);
	}
	assert_int_equal(records(w), 2);
	assert_true(e->alert_queued);
	/* What was judged is in the old one alone. */
	struct bulk_send_story story = show(w, e->bulk_send);
	assert_int_equal(story.send.messages, LIMIT);
	assert_int_equal(story.send.recipients, LIMIT);
}

static void
a_large_message_after_a_closed_case_is_a_case_of_its_own(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 25);
	close_all(w);
	struct entry *e = mail(w, .first = 101, .n = LIMIT, .later = 5);
	assert_int_equal(records(w), 2);
	assert_int_equal(show(w, e->bulk_send).send.messages, 1);
}

/* Also where the further case began with a large message, which reaches back
 * to nothing. */
static void
what_a_closed_case_has_joins_none_that_goes_on(void **state)
{
	struct world *w = *state;
	for (unsigned n = 0; n < LIMIT; n++)
		mail(w, .first = 1 + n, .n = 1);
	close_all(w);
	w->settings.rules_n = 1; /* the message's alone */
	struct entry *e = mail(w, .first = 101, .n = LIMIT, .later = 5);
	w->settings = default_settings();
	mail(w, .first = 201, .n = 1, .later = 10);
	assert_int_equal(records(w), 2);
	struct bulk_send_story story = show(w, e->bulk_send);
	assert_int_equal(story.send.messages, 2);
	assert_int_equal(story.send.recipients, LIMIT + 1);
}

static void
an_external_rule_counts_no_others_after_a_closed_case(void **state)
{
	struct world *w = *state;
	w->settings.rules_n = 1;
	w->settings.rules[0] = (struct rule){.name = "external",
	    .recipients = LIMIT,
	    .window_secs = WINDOW_SECS,
	    .scope = RULE_SCOPE_EXTERNAL,
	    .alert = true};
	mail(w, .first = 1, .n = LIMIT, .external = LIMIT);
	close_all(w);
	mail(w, .first = 101, .n = 30, .external = 1, .later = 5);
	assert_int_equal(records(w), 1);
	mail(w, .first = 201, .n = 30, .external = LIMIT - 1, .later = 5);
	assert_int_equal(records(w), 2);
}

/* More than are looked at. */
static void
a_large_limit_is_reached_again_after_a_closed_case(void **state)
{
	struct world *w = *state;
	const unsigned limit = STORE_ABSORB_MAX + 200;
	struct entry *entries[STORE_ABSORB_MAX + 200];
	w->settings.rules_n = 1;
	w->settings.rules[0] = (struct rule){.name = "many",
	    .recipients = limit,
	    .window_secs = WINDOW_SECS,
	    .alert = true};
	mail(w, .first = 1, .n = limit);
	close_all(w);
	for (unsigned n = 0; n < limit; n++)
		entries[n] = make_entry(w,
		    (struct mail){.first = 2001 + n, .n = 1, .later = 5});
	put(w, entries, STORE_ABSORB_MAX - 1);
	assert_int_equal(records(w), 1);
	put(w, entries + STORE_ABSORB_MAX - 1, limit - STORE_ABSORB_MAX + 1);
	assert_int_equal(records(w), 2);
}

static void
what_a_rule_does_after_a_closed_case_is_recorded(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 25);
	close_all(w);
	w->settings.rules[BY_WINDOW].action = ACTION_REJECT;
	struct entry *e = mail(w, .first = 101, .n = 1, .later = 5);
	assert_int_equal(show(w, e->bulk_send).send.action, ACTION_REJECT);
}

static void
a_record_that_is_not_closed_cannot_be_deleted(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25);
	assert_int_equal(
	    sql_try(w, "DELETE FROM bulk_send"), SQLITE_CONSTRAINT);
}

static void
a_closed_record_may_go_and_its_history_after_it(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25);
	sql_do(w, "UPDATE bulk_send SET status = 3");
	assert_int_equal(sql_try(w, "DELETE FROM history"), SQLITE_CONSTRAINT);
	sql_do(w, "DELETE FROM bulk_send");
	sql_do(w, "DELETE FROM history");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    with_store(a_message_opens_a_record_of_what_it_is),
	    with_store(the_entry_is_told_what_the_record_says),
	    with_store(a_window_opens_a_record_of_its_rule),
	    with_store(the_messages_that_filled_the_window_belong_to_it),
	    with_store(messages_older_than_the_window_do_not_belong_to_it),
	    with_store(messages_of_others_do_not_belong_to_it),
	    with_store(a_record_takes_no_more_earlier_messages_than_its_most),
	    with_store(further_triggers_extend_it),
	    with_store(a_recipient_written_to_twice_is_one_distinct_recipient),
	    with_store(two_triggers_in_one_batch_are_one_record),
	    with_store(messages_of_the_same_batch_belong_to_a_window_too),
	    with_store(each_sender_has_a_record),
	    with_store(
		a_message_that_did_not_reach_the_window_rule_does_not_hide_those_before),
	    with_store(a_longer_window_reaches_back_behind_a_shorter_one),
	    with_store(an_external_rule_takes_only_messages_that_left),
	    with_store(
		a_rule_for_all_takes_all_though_an_external_rule_stands_first),
	    with_store(a_rule_for_all_takes_what_an_external_rule_left_out),
	    with_store(a_rule_per_client_makes_a_record_of_the_client),
	    with_store(
		a_senders_record_takes_only_the_senders_messages_of_a_shared_client),
	    with_store(a_retry_of_a_trigger_changes_nothing),
	    with_store(
		a_retry_of_a_trigger_opens_no_second_record_when_the_first_has_ended),
	    with_store(a_retry_of_a_trigger_is_known_by_its_record),
	    with_store(a_retry_that_fills_a_window_belongs_to_the_record_once),
	    with_store(
		a_retry_that_becomes_a_trigger_takes_the_messages_before_it),
	    with_store(a_trigger_just_within_the_quiet_time_extends_it),
	    with_store(a_trigger_after_the_quiet_time_opens_a_new_record),
	    with_store(each_trigger_begins_the_quiet_time_anew),
	    with_store(one_alert_is_queued_however_many_triggers_come),
	    with_store(a_rule_without_alert_queues_none),
	    with_store(a_rule_with_alert_that_matches_later_queues_it_then),
	    with_store(the_opening_stands_in_the_history),
	    with_store(the_database_refuses_to_change_history),
	    with_store(the_database_refuses_to_delete_history),
	    with_store(the_database_refuses_to_replace_history),
	    with_store(a_record_cannot_be_renumbered_away_from_its_history),
	    with_store(a_record_cannot_be_replaced_by_another),
	    with_store(a_mail_after_a_closed_case_is_no_new_case),
	    with_store(
		as_many_mails_after_a_closed_case_are_a_case_of_their_own),
	    with_store(
		a_large_message_after_a_closed_case_is_a_case_of_its_own),
	    with_store(what_a_closed_case_has_joins_none_that_goes_on),
	    with_store(an_external_rule_counts_no_others_after_a_closed_case),
	    with_store(a_large_limit_is_reached_again_after_a_closed_case),
	    with_store(what_a_rule_does_after_a_closed_case_is_recorded),
	    with_store(a_record_that_is_not_closed_cannot_be_deleted),
	    with_store(a_closed_record_may_go_and_its_history_after_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
