/* store_count_test.c: messages into the ledger and their windows. */
#include "store_fixture.h"

static int64_t
ledger_rows(struct world *w)
{
	return sql_number(w, "SELECT count(*) FROM message");
}

static int64_t
bulk_sends(struct world *w)
{
	return sql_number(w, "SELECT count(*) FROM bulk_send");
}

/* ------------------------------------------------------------- the limits */

static void
nineteen_recipients_in_one_message_are_quiet(void **state)
{
	struct world *w = *state;
	struct entry *e = mail(w, .n = 19);
	assert_false(e->decision.matched);
	assert_int_equal(bulk_sends(w), 0);
}

static void
twenty_recipients_in_one_message_are_a_bulk_send(void **state)
{
	struct world *w = *state;
	struct entry *e = mail(w, .n = 20);
	assert_true(e->decision.matched);
	assert_int_equal(bulk_sends(w), 1);
}

static void
nineteen_recipients_in_a_window_are_quiet(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 19; i++)
		mail(w, .first = i, .n = 1);
	assert_int_equal(bulk_sends(w), 0);
}

static void
the_twentieth_recipient_in_a_window_makes_a_bulk_send(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 19; i++)
		mail(w, .first = i, .n = 1);
	struct entry *e = mail(w, .first = 19, .n = 1);
	assert_true(e->decision.matched);
	assert_int_equal(e->decision.measure, BY_WINDOW);
	assert_int_equal(bulk_sends(w), 1);
}

static void
the_same_recipients_again_are_no_more_recipients(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 10; i++)
		mail(w, .first = 1, .n = 10);
	assert_int_equal(bulk_sends(w), 0);
}

static void
a_total_rule_counts_a_recipient_each_time(void **state)
{
	struct world *w = *state;
	w->settings.rules[BY_WINDOW].count = RULE_COUNT_TOTAL;
	mail(w, .first = 1, .n = 10);
	struct entry *nine = mail(w, .first = 1, .n = 9);
	assert_int_equal(counted(nine, BY_WINDOW), 19);
	assert_false(nine->decision.matched);
	assert_true(mail(w, .first = 1, .n = 1)->decision.matched);
}

static void
what_is_exactly_as_old_as_the_window_does_not_count(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 19);
	struct entry *e = mail(w, .first = 50, .n = 1, .later = WINDOW_SECS);
	assert_int_equal(counted(e, BY_WINDOW), 1);
}

static void
what_is_a_second_younger_than_the_window_counts(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 19);
	struct entry *e =
	    mail(w, .first = 50, .n = 1, .later = WINDOW_SECS - 1);
	assert_true(e->decision.matched);
}

static void
a_slow_sender_is_never_a_bulk_sender(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 100; i++)
		mail(w, .first = i, .n = 1, .later = i * 32);
	assert_int_equal(bulk_sends(w), 0);
}

static void
senders_have_windows_of_their_own(void **state)
{
	struct world *w = *state;
	mail(w, .sender = "an@x.vn", .first = 1, .n = 15);
	struct entry *e = mail(w, .sender = "binh@x.vn", .first = 50, .n = 5);
	assert_int_equal(counted(e, BY_WINDOW), 5);
}

static void
a_login_and_an_envelope_sender_of_one_name_are_two(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 15);
	struct entry *e =
	    mail(w, .first = 50, .n = 5, .identity = IDENTITY_ENVELOPE);
	assert_int_equal(counted(e, BY_WINDOW), 5);
}

static void
a_rule_for_external_recipients_counts_only_those(void **state)
{
	struct world *w = *state;
	w->settings.rules[BY_WINDOW].scope = RULE_SCOPE_EXTERNAL;
	mail(w, .first = 1, .n = 15, .external = 10);
	struct entry *e = mail(w, .first = 50, .n = 15, .external = 9);
	assert_int_equal(counted(e, BY_WINDOW), 19);
	assert_false(e->decision.matched);
	assert_true(
	    mail(w, .first = 90, .n = 1, .external = 1)->decision.matched);
}

static void
a_rule_per_client_counts_all_senders_of_the_client(void **state)
{
	struct world *w = *state;
	w->settings.rules[BY_WINDOW].per = RULE_PER_CLIENT;
	mail(w, .sender = "an@x.vn", .first = 1, .n = 15);
	struct entry *e = mail(w, .sender = "binh@x.vn", .first = 50, .n = 5);
	assert_int_equal(counted(e, BY_WINDOW), 20);
	struct entry *other = mail(
	    w, .sender = "an@x.vn", .first = 80, .n = 5, .client = "192.0.2.2");
	assert_int_equal(counted(other, BY_WINDOW), 5);
}

static void
several_windows_are_counted_each_over_its_time(void **state)
{
	struct world *w = *state;
	w->settings.rules[2] = (struct rule){
	    .name = "day", .recipients = 100, .window_secs = 86400};
	w->settings.rules_n = 3;
	mail(w, .first = 1, .n = 15);
	struct entry *e = mail(w, .first = 50, .n = 5, .later = 3600);
	assert_int_equal(counted(e, BY_WINDOW), 5);
	assert_int_equal(counted(e, 2), 20);
}

static void
a_message_without_a_measure_is_in_the_ledger(void **state)
{
	struct world *w = *state;
	static const char *const everyone[] = {"*"};
	w->settings.exempt_senders = (struct pattern_list){everyone, 1};
	struct entry *e = mail(w, .n = 500);
	assert_false(e->decision.matched);
	assert_int_equal(ledger_rows(w), 1);
}

static void
a_message_whose_recipients_are_all_exempt_is_in_the_ledger(void **state)
{
	struct world *w = *state;
	mail(w, .n = 0);
	assert_int_equal(ledger_rows(w), 1);
}

/* ----------------------------------------------------------------- batches */

static void
a_later_message_of_a_batch_sees_the_earlier_ones(void **state)
{
	struct world *w = *state;
	struct entry *entries[] = {
	    make_entry(w, (struct mail){.first = 1, .n = 10}),
	    make_entry(w, (struct mail){.first = 11, .n = 10})};
	put(w, entries, 2);
	assert_int_equal(counted(entries[0], BY_WINDOW), 10);
	assert_int_equal(counted(entries[1], BY_WINDOW), 20);
}

static void
messages_are_numbered_in_the_order_of_their_batch(void **state)
{
	struct world *w = *state;
	struct entry *entries[] = {make_entry(w, (struct mail){.n = 1}),
	    make_entry(w, (struct mail){.n = 1}),
	    make_entry(w, (struct mail){.n = 1})};
	put(w, entries, 3);
	assert_int_equal(entries[0]->message->id, 1);
	assert_int_equal(entries[1]->message->id, 2);
	assert_int_equal(entries[2]->message->id, 3);
}

static void
an_entry_that_is_put_in_once_more_forgets_the_first_attempt(void **state)
{
	struct world *w = *state;
	struct err err;
	struct entry *entries[] = {
	    make_entry(w, (struct mail){.first = 1, .n = 10}),
	    make_entry(w, (struct mail){.first = 21, .n = 10})};
	assert_int_equal(store_begin(w->store, &err), 0);
	assert_int_equal(put_one(w, entries[0], &err), 0);
	assert_int_equal(put_one(w, entries[1], &err), 0);
	assert_true(entries[1]->opened);
	store_rollback(w->store);
	reopen_store(w);

	/* The first never comes again. */
	put(w, &entries[1], 1);
	assert_int_equal(counted(entries[1], BY_WINDOW), 10);
	assert_int_equal(entries[1]->previous, 0);
	assert_int_equal(entries[1]->bulk_send, 0);
	assert_false(entries[1]->opened);
	assert_false(entries[1]->alert_queued);
}

/* ----------------------------------------------------------------- retries */

static void
a_retry_is_the_same_message(void **state)
{
	struct world *w = *state;
	struct entry *first = mail(w, .n = 5, .message_id = "<1@x>");
	struct entry *again =
	    mail(w, .n = 5, .message_id = "<1@x>", .later = 60);
	assert_false(first->retry);
	assert_true(again->retry);
	assert_int_equal(again->message->id, first->message->id);
	assert_int_equal(ledger_rows(w), 1);
}

static void
a_retry_counts_once_in_a_total_rule(void **state)
{
	struct world *w = *state;
	w->settings.rules[BY_WINDOW].count = RULE_COUNT_TOTAL;
	mail(w, .n = 10, .message_id = "<1@x>");
	struct entry *again = mail(w, .n = 10, .message_id = "<1@x>");
	assert_int_equal(counted(again, BY_WINDOW), 10);
}

static void
a_retry_in_the_same_batch_is_the_same_message(void **state)
{
	struct world *w = *state;
	struct entry *entries[] = {
	    make_entry(w, (struct mail){.n = 5, .message_id = "<1@x>"}),
	    make_entry(w, (struct mail){.n = 5, .message_id = "<1@x>"})};
	put(w, entries, 2);
	assert_true(entries[1]->retry);
	assert_int_equal(ledger_rows(w), 1);
}

static void
a_retry_is_known_among_thousands_of_other_messages(void **state)
{
	struct world *w = *state;
	char id[24], sender[32];
	for (int turn = 0; turn < 2; turn++)
		for (int i = 0; i < (turn == 0 ? 3000 : 500); i++) {
			snprintf(id, sizeof(id), "<%d@x>", i);
			snprintf(sender, sizeof(sender), "s%d@x.vn", i);
			assert_int_equal(
			    mail(w, .n = 1, .message_id = id, .sender = sender)
				->retry,
			    turn);
		}
}

static void
a_retry_is_known_after_the_store_was_opened_again(void **state)
{
	struct world *w = *state;
	mail(w, .n = 5, .message_id = "<1@x>");
	reopen_store(w);
	assert_true(mail(w, .n = 5, .message_id = "<1@x>")->retry);
	assert_int_equal(ledger_rows(w), 1);
}

static void
other_recipients_under_one_message_id_are_another_message(void **state)
{
	struct world *w = *state;
	mail(w, .first = 1, .n = 5, .message_id = "<1@x>");
	assert_false(mail(w, .first = 2, .n = 5, .message_id = "<1@x>")->retry);
	assert_int_equal(ledger_rows(w), 2);
}

static void
another_senders_message_id_is_another_message(void **state)
{
	struct world *w = *state;
	mail(w, .n = 5, .message_id = "<1@x>");
	assert_false(
	    mail(w, .n = 5, .message_id = "<1@x>", .sender = "b@x.vn")->retry);
}

static void
messages_without_message_id_are_never_retries(void **state)
{
	struct world *w = *state;
	mail(w, .n = 5, .message_id = "");
	assert_false(mail(w, .n = 5, .message_id = "")->retry);
	assert_int_equal(ledger_rows(w), 2);
}

/* ----------------------------------------------------------------- numbers */

static void
numbers_go_on_after_the_whole_ledger_was_purged(void **state)
{
	struct world *w = *state;
	struct err err;
	bool more = true;
	uint64_t removed;
	for (unsigned i = 0; i < 5; i++)
		mail(w, .first = i, .n = 1);
	while (more)
		assert_int_equal(store_sum_up(w->store, &more, &err), 0);
	for (more = true; more;)
		assert_int_equal(store_purge_ledger(w->store, w->at_ms + 1000,
				     &removed, &more, &err),
		    0);
	assert_int_equal(ledger_rows(w), 0);
	reopen_store(w);
	assert_int_equal(mail(w, .n = 1)->message->id, 6);
}

static void
memory_of_windows_that_are_over_is_freed(void **state)
{
	struct world *w = *state;
	size_t bytes, senders, before;
	for (unsigned i = 0; i < 300; i++)
		mail(w, .sender = arena_printf(w->arena, "s%u@x.vn", i),
		    .n = 10);
	store_window_use(w->store, &before, &senders);
	assert_int_equal(senders, 300);
	for (unsigned i = 0; i < 600; i++)
		mail(
		    w, .sender = "last@x.vn", .n = 1, .later = WINDOW_SECS + 1);
	store_window_use(w->store, &bytes, &senders);
	assert_int_equal(senders, 1);
	assert_true(bytes < before);
}

/* ------------------------------------------------------- what is written */

static void
what_is_known_of_a_message_is_in_the_ledger(void **state)
{
	struct world *w = *state;
	mail(w, .n = 3, .external = 2, .message_id = "<1@x>");
	assert_int_equal(
	    sql_number(w, "SELECT count(*) FROM message WHERE "
			  "recipient_count = 3 AND external_count = 2 AND "
			  "sender = 'an@x.vn' AND message_id = '<1@x>' AND "
			  "client = '192.0.2.1' AND subject = 'subject' "
			  "AND length(hashes) = 24"),
	    1);
}

static void
full_evidence_keeps_the_addresses(void **state)
{
	struct world *w = *state;
	mail(w, .n = 2, .external = 1);
	assert_int_equal(sql_number(w, "SELECT recipients = char(9) || "
				       "'r00000@far.example' || char(10) || "
				       "'r00001@near.vn' FROM message"),
	    1);
}

static void
domain_evidence_keeps_each_domain_once(void **state)
{
	struct world *w = *state;
	w->settings.evidence_recipients = EVIDENCE_DOMAIN;
	mail(w, .n = 12, .external = 5);
	assert_int_equal(
	    sql_number(w, "SELECT recipients = char(9) || 'far.example' || "
			  "char(10) || 'near.vn' FROM message"),
	    1);
}

static void
counted_evidence_keeps_no_address(void **state)
{
	struct world *w = *state;
	w->settings.evidence_recipients = EVIDENCE_COUNT;
	mail(w, .n = 12, .external = 5);
	assert_int_equal(
	    sql_number(w, "SELECT count(*) FROM message WHERE recipients "
			  "IS NULL AND recipient_count = 12 AND "
			  "external_count = 5"),
	    1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    with_store(nineteen_recipients_in_one_message_are_quiet),
	    with_store(twenty_recipients_in_one_message_are_a_bulk_send),
	    with_store(nineteen_recipients_in_a_window_are_quiet),
	    with_store(the_twentieth_recipient_in_a_window_makes_a_bulk_send),
	    with_store(the_same_recipients_again_are_no_more_recipients),
	    with_store(a_total_rule_counts_a_recipient_each_time),
	    with_store(what_is_exactly_as_old_as_the_window_does_not_count),
	    with_store(what_is_a_second_younger_than_the_window_counts),
	    with_store(a_slow_sender_is_never_a_bulk_sender),
	    with_store(senders_have_windows_of_their_own),
	    with_store(a_login_and_an_envelope_sender_of_one_name_are_two),
	    with_store(a_rule_for_external_recipients_counts_only_those),
	    with_store(a_rule_per_client_counts_all_senders_of_the_client),
	    with_store(several_windows_are_counted_each_over_its_time),
	    with_store(a_message_without_a_measure_is_in_the_ledger),
	    with_store(
		a_message_whose_recipients_are_all_exempt_is_in_the_ledger),
	    with_store(a_later_message_of_a_batch_sees_the_earlier_ones),
	    with_store(messages_are_numbered_in_the_order_of_their_batch),
	    with_store(
		an_entry_that_is_put_in_once_more_forgets_the_first_attempt),
	    with_store(a_retry_is_the_same_message),
	    with_store(a_retry_counts_once_in_a_total_rule),
	    with_store(a_retry_in_the_same_batch_is_the_same_message),
	    with_store(a_retry_is_known_among_thousands_of_other_messages),
	    with_store(a_retry_is_known_after_the_store_was_opened_again),
	    with_store(
		other_recipients_under_one_message_id_are_another_message),
	    with_store(another_senders_message_id_is_another_message),
	    with_store(messages_without_message_id_are_never_retries),
	    with_store(numbers_go_on_after_the_whole_ledger_was_purged),
	    with_store(memory_of_windows_that_are_over_is_freed),
	    with_store(what_is_known_of_a_message_is_in_the_ledger),
	    with_store(full_evidence_keeps_the_addresses),
	    with_store(domain_evidence_keeps_each_domain_once),
	    with_store(counted_evidence_keeps_no_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
