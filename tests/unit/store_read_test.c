/* store_read_test.c: the log as commands and alerts want it. */
#include "store_fixture.h"

static struct bulk_send *
list(struct world *w, struct list_filter filter, size_t *n_r)
{
	struct bulk_send *sends;
	struct err err = {""};
	if (store_list(w->store, w->arena, &filter, &sends, n_r, &err) < 0)
		fail_msg("%s", err.text);
	return sends;
}

#define listed(w, n_r, ...) list((w), (struct list_filter){__VA_ARGS__}, (n_r))

/* Four bulk sends, one a minute; the third is being reviewed, the second is
 * closed. */
static void
four_sends(struct world *w)
{
	static const char *const senders[] = {
	    "an@x.vn", "binh@x.vn", "chi@y.vn", "an@x.vn"};
	for (unsigned i = 0; i < 4; i++)
		mail(w, .sender = senders[i], .first = i * 50, .n = 25,
		    .later = i * WINDOW_SECS);
	sql_do(w, "UPDATE bulk_send SET status = 3, outcome = 1 WHERE id = 2; "
		  "UPDATE bulk_send SET status = 2, assignee = 'lan' "
		  "WHERE id = 3");
}

/* ------------------------------------------------------------------- list */

static void
an_empty_log_is_an_empty_list(void **state)
{
	size_t n = 99;
	listed(*state, &n, .limit = 0);
	assert_int_equal(n, 0);
}

static void
all_are_listed_newest_first(void **state)
{
	struct world *w = *state;
	size_t n;
	four_sends(w);
	struct bulk_send *sends = listed(w, &n, .limit = 0);
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sends[i].id, 4 - i);
}

static void
open_ones_are_those_that_are_not_closed(void **state)
{
	struct world *w = *state;
	size_t n;
	four_sends(w);
	struct bulk_send *sends = listed(w, &n, .open_only = true);
	assert_int_equal(n, 3);
	assert_int_equal(sends[0].id, 4);
	assert_int_equal(sends[1].id, 3);
	assert_int_equal(sends[2].id, 1);
}

static void
a_status_is_listed_alone(void **state)
{
	struct world *w = *state;
	size_t n;
	four_sends(w);
	struct bulk_send *sends = listed(w, &n, .status = STATUS_REVIEWING);
	assert_int_equal(n, 1);
	assert_int_equal(sends[0].id, 3);
	assert_string_equal(sends[0].assignee, "lan");
	sends = listed(w, &n, .status = STATUS_CLOSED);
	assert_int_equal(n, 1);
	assert_int_equal(sends[0].outcome, OUTCOME_REPORTED);
	listed(w, &n, .status = STATUS_NEW);
	assert_int_equal(n, 2);
}

static void
a_sender_is_listed_alone(void **state)
{
	struct world *w = *state;
	size_t n;
	four_sends(w);
	struct bulk_send *sends = listed(w, &n, .sender = "an@x.vn");
	assert_int_equal(n, 2);
	assert_int_equal(sends[0].id, 4);
	assert_int_equal(sends[1].id, 1);
}

static void
a_senders_open_ones_are_listed_alone(void **state)
{
	struct world *w = *state;
	size_t n;
	four_sends(w);
	listed(w, &n, .sender = "binh@x.vn", .open_only = true);
	assert_int_equal(n, 0);
	listed(w, &n, .sender = "an@x.vn", .status = STATUS_REVIEWING);
	assert_int_equal(n, 0);
}

static void
a_pattern_lists_all_senders_that_it_means(void **state)
{
	struct world *w = *state;
	size_t n;
	four_sends(w);
	listed(w, &n, .sender = "*@x.vn");
	assert_int_equal(n, 3);
	listed(w, &n, .sender = "*");
	assert_int_equal(n, 4);
	listed(w, &n, .sender = "@.vn");
	assert_int_equal(n, 4);
}

static void
what_ended_before_the_moment_is_left_out(void **state)
{
	struct world *w = *state;
	size_t n;
	four_sends(w);
	int64_t third = w->at_ms + 2 * WINDOW_SECS * 1000;
	listed(w, &n, .since_ms = third);
	assert_int_equal(n, 2);
	listed(w, &n, .since_ms = third + 1);
	assert_int_equal(n, 1);
	listed(w, &n, .since_ms = third, .sender = "an@x.vn");
	assert_int_equal(n, 1);
	listed(w, &n, .since_ms = third + 1, .open_only = true);
	assert_int_equal(n, 1);
}

static void
no_more_are_listed_than_asked_for(void **state)
{
	struct world *w = *state;
	size_t n;
	four_sends(w);
	struct bulk_send *sends = listed(w, &n, .limit = 2);
	assert_int_equal(n, 2);
	assert_int_equal(sends[1].id, 3);
	listed(w, &n, .limit = 1, .status = STATUS_CLOSED);
	assert_int_equal(n, 1);
	listed(w, &n, .limit = 4);
	assert_int_equal(n, 4);
}

static void
a_long_list_is_whole(void **state)
{
	struct world *w = *state;
	size_t n;
	for (unsigned i = 0; i < 100; i++)
		mail(w, .sender = arena_printf(w->arena, "s%u@x.vn", i),
		    .n = 25, .later = i);
	struct bulk_send *sends = listed(w, &n, .limit = 0);
	assert_int_equal(n, 100);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sends[i].id, 100 - i);
}

/* ------------------------------------------------------------------- show */

static void
what_is_not_there_is_not_found(void **state)
{
	struct world *w = *state;
	struct bulk_send_story story;
	struct err err;
	assert_int_equal(store_show(w->store, w->arena, 1, 0, &story, &err), 0);
}

static void
evidence_tells_all_that_is_known_of_a_message(void **state)
{
	struct world *w = *state;
	mail(w, .n = 25, .external = 2, .message_id = "<1@x>",
	    .subject = "Mời họp", .client = "2001:db8::1");
	struct bulk_send_story story = show(w, 1);
	assert_int_equal(story.evidence_n, 1);
	const struct message *m = &story.evidence[0];
	assert_int_equal(m->id, 1);
	assert_int_equal(m->at_ms, w->at_ms);
	assert_string_equal(m->queue_id, "Q1");
	assert_string_equal(m->message_id, "<1@x>");
	assert_string_equal(m->mail_from, "an@x.vn");
	assert_string_equal(m->login, "an@x.vn");
	assert_string_equal(m->client, "2001:db8::1");
	assert_string_equal(m->subject, "Mời họp");
	assert_int_equal(m->recipient_count, 25);
	assert_int_equal(m->external_count, 2);
	assert_int_equal(m->recipients_n, 25);
	assert_string_equal(m->recipients[0].address, "r00000@far.example");
	assert_true(m->recipients[0].external);
	assert_string_equal(m->recipients[24].address, "r00024@near.vn");
	assert_false(m->recipients[24].external);
}

static void
evidence_of_domains_counts_the_recipients(void **state)
{
	struct world *w = *state;
	w->settings.evidence_recipients = EVIDENCE_DOMAIN;
	mail(w, .n = 25, .external = 2);
	struct bulk_send_story story = show(w, 1);
	const struct message *m = &story.evidence[0];
	assert_int_equal(m->recipient_count, 25);
	assert_int_equal(m->recipients_n, 2);
	assert_string_equal(m->recipients[0].address, "far.example");
	assert_true(m->recipients[0].external);
	assert_string_equal(m->recipients[1].address, "near.vn");
	assert_int_equal(story.send.distinct_recipients, 25);
}

static void
evidence_of_numbers_has_no_recipient(void **state)
{
	struct world *w = *state;
	w->settings.evidence_recipients = EVIDENCE_COUNT;
	mail(w, .n = 25, .external = 2);
	struct bulk_send_story story = show(w, 1);
	assert_int_equal(story.evidence[0].recipients_n, 0);
	assert_int_equal(story.evidence[0].recipient_count, 25);
	assert_int_equal(story.evidence[0].external_count, 2);
}

static void
a_null_sender_with_a_login_stays_a_null_sender(void **state)
{
	struct world *w = *state;
	struct entry *e = make_entry(w, (struct mail){.n = 25});
	e->message->mail_from = "";
	put(w, &e, 1);
	struct bulk_send_story story = show(w, 1);
	assert_string_equal(story.evidence[0].mail_from, "");
	assert_string_equal(story.evidence[0].login, "an@x.vn");
}

static void
an_envelope_sender_that_changes_is_kept_beside_the_sender(void **state)
{
	struct world *w = *state;
	struct entry *e = make_entry(
	    w, (struct mail){.n = 25, .identity = IDENTITY_ENVELOPE});
	e->message->mail_from = "an+tag@x.vn";
	put(w, &e, 1);
	struct bulk_send_story story = show(w, 1);
	assert_string_equal(story.evidence[0].sender, "an@x.vn");
	assert_string_equal(story.evidence[0].mail_from, "an+tag@x.vn");
	assert_string_equal(story.evidence[0].login, "");
}

static void
a_login_in_other_letters_than_the_sender_is_kept(void **state)
{
	struct world *w = *state;
	struct entry *e = make_entry(w, (struct mail){.n = 25});
	e->message->login = "An@X.vn";
	put(w, &e, 1);
	assert_string_equal(show(w, 1).evidence[0].login, "An@X.vn");
}

static void
no_more_evidence_is_shown_than_asked_for(void **state)
{
	struct world *w = *state;
	struct bulk_send_story story;
	struct err err;
	for (unsigned i = 0; i < 30; i++)
		mail(w, .first = i, .n = 1);
	assert_int_equal(store_show(w->store, w->arena, 1, 7, &story, &err), 1);
	assert_int_equal(story.evidence_n, 7);
	assert_int_equal(story.evidence[0].id, 1);
	assert_int_equal(story.send.messages, 30);
}

static void
a_recipient_without_a_domain_is_shown(void **state)
{
	struct world *w = *state;
	struct entry *e = make_entry(w, (struct mail){.n = 25});
	struct recipient *r =
	    arena_alloc(w->arena, 25 * sizeof(struct recipient));
	memcpy(r, e->message->recipients, 25 * sizeof(*r));
	r[0] = (struct recipient){.address = "root"};
	e->message->recipients = r;
	w->settings.evidence_recipients = EVIDENCE_DOMAIN;
	put(w, &e, 1);
	struct bulk_send_story story = show(w, 1);
	assert_int_equal(story.evidence[0].recipients_n, 2);
	assert_string_equal(story.evidence[0].recipients[0].address, "");
	assert_string_equal(story.evidence[0].recipients[1].address, "near.vn");
}

/* ----------------------------------------------------------------- senders */

static struct sender_total *
senders(struct world *w, size_t top, size_t *n_r)
{
	struct sender_total *totals;
	struct err err = {""};
	if (store_senders(w->store, w->arena, top, &totals, n_r, &err) < 0)
		fail_msg("%s", err.text);
	return totals;
}

static void
sum_up(struct world *w)
{
	struct err err;
	bool more = true;
	while (more)
		assert_int_equal(store_sum_up(w->store, &more, &err), 0);
}

static void
senders_stand_by_what_they_sent(void **state)
{
	struct world *w = *state;
	size_t n;
	mail(w, .sender = "an@x.vn", .n = 5);
	mail(w, .sender = "binh@x.vn", .n = 25);
	mail(w, .sender = "an@x.vn", .n = 5, .later = 60);
	struct sender_total *t = senders(w, 0, &n);
	assert_int_equal(n, 2);
	assert_string_equal(t[0].sender, "binh@x.vn");
	assert_int_equal(t[0].bulk_sends, 1);
	assert_string_equal(t[1].sender, "an@x.vn");
	assert_int_equal(t[1].messages, 2);
	assert_int_equal(t[1].recipients, 10);
	assert_int_equal(t[1].bulk_sends, 0);
	assert_int_equal(t[1].first_at_ms, w->at_ms);
	assert_int_equal(t[1].last_at_ms, w->at_ms + 60000);
}

static void
what_is_not_summed_up_yet_is_in_the_totals(void **state)
{
	struct world *w = *state;
	size_t n;
	mail(w, .n = 3);
	sum_up(w);
	mail(w, .n = 4);
	struct sender_total *t = senders(w, 0, &n);
	assert_int_equal(n, 1);
	assert_int_equal(t[0].messages, 2);
	assert_int_equal(t[0].recipients, 7);
}

static void
what_was_purged_is_in_the_totals(void **state)
{
	struct world *w = *state;
	size_t n;
	struct err err;
	uint64_t removed;
	bool more;
	mail(w, .n = 3);
	sum_up(w);
	store_purge_ledger(w->store, w->at_ms + 1000, &removed, &more, &err);
	assert_int_equal(removed, 1);
	reopen_store(w);
	mail(w, .n = 4);
	struct sender_total *t = senders(w, 0, &n);
	assert_int_equal(t[0].recipients, 7);
}

static void
a_retry_is_in_the_totals_once(void **state)
{
	struct world *w = *state;
	size_t n;
	mail(w, .n = 3, .message_id = "<1@x>");
	mail(w, .n = 3, .message_id = "<1@x>");
	assert_int_equal(senders(w, 0, &n)[0].messages, 1);
}

static void
one_name_as_login_and_as_envelope_sender_is_two_senders(void **state)
{
	struct world *w = *state;
	size_t n;
	mail(w, .n = 3);
	mail(w, .n = 4, .identity = IDENTITY_ENVELOPE);
	struct sender_total *t = senders(w, 0, &n);
	assert_int_equal(n, 2);
	assert_int_equal(t[0].identity, IDENTITY_ENVELOPE);
	assert_int_equal(t[1].identity, IDENTITY_LOGIN);
}

static void
no_more_senders_than_asked_for(void **state)
{
	struct world *w = *state;
	size_t n;
	for (unsigned i = 0; i < 30; i++)
		mail(
		    w, .sender = arena_printf(w->arena, "s%u@x.vn", i), .n = 1);
	senders(w, 7, &n);
	assert_int_equal(n, 7);
	senders(w, 0, &n);
	assert_int_equal(n, 30);
}

/* ------------------------------------------------------------------ ledger */

struct heard {
	struct world *w;
	size_t n, most; /* stops after so many; 0: never */
	int64_t newest, oldest;
	char queue_id[32];
};

static int
hear_message(void *context, const struct message *message)
{
	struct heard *h = context;
	if (h->n++ == 0)
		h->newest = message->id;
	h->oldest = message->id;
	snprintf(h->queue_id, sizeof(h->queue_id), "%s", message->queue_id);
	return h->n == h->most ? -1 : 0;
}

static struct ledger_reach
ledger(struct world *w, int64_t from_ms, struct heard *h)
{
	struct ledger_reach reach = {0};
	struct err err;
	if (store_ledger(w->store, from_ms, hear_message, h, &reach, &err) < 0)
		fail_msg("%s", err.text);
	return reach;
}

#define DAY_SECS 86400

static void
the_ledger_is_read_backwards_and_tells_its_reach(void **state)
{
	struct world *w = *state;
	struct heard none = {0}, all = {0};
	assert_true(ledger(w, 0, &none).first_ms == INT64_MAX);
	assert_int_equal(none.n, 0);
	for (unsigned i = 0; i < 5; i++)
		mail(w, .first = i, .n = 1, .later = i);
	struct ledger_reach reach = ledger(w, 0, &all);
	assert_int_equal(all.n, 5);
	assert_int_equal(all.newest, 5);
	assert_int_equal(all.oldest, 1);
	assert_string_equal(all.queue_id, "Q1");
	assert_true(reach.first_ms == w->at_ms);
	assert_false(reach.purged);
}

static void
the_ledger_is_read_until_it_is_enough(void **state)
{
	struct world *w = *state;
	struct heard two = {.most = 2}, all = {0};
	for (unsigned i = 0; i < 5; i++)
		mail(w, .first = i, .n = 1, .later = i);
	ledger(w, 0, &two);
	assert_int_equal(two.n, 2);
	/* The statement was left in the middle: it begins anew. */
	ledger(w, 0, &all);
	assert_int_equal(all.n, 5);
}

static void
what_waited_in_the_spool_does_not_end_the_reading(void **state)
{
	struct world *w = *state;
	struct heard h = {0};
	mail(w, .n = 1, .later = 0);
	/* It comes in late, and is of long before. */
	for (unsigned i = 0; i < 20; i++)
		mail(w, .first = i, .n = 1, .later = -30 * DAY_SECS);
	ledger(w, w->at_ms, &h);
	assert_int_equal(h.n, 21);
	assert_string_equal(h.queue_id, "Q1");
}

static void
far_older_messages_are_not_read_to_the_end(void **state)
{
	struct world *w = *state;
	struct heard h = {0};
	sql_do(w, "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 "
		  "FROM n WHERE i < 3000) INSERT INTO message SELECT i, 1, 1, "
		  "0, 0, 0, 1, 0, 1, 0, 1, 'an@x.vn', NULL, NULL, '', 'O' || i, "
		  "'', '', NULL, NULL FROM n");
	store_close(&w->store);
	open_store(w);
	mail(w, .n = 1);
	ledger(w, w->at_ms, &h);
	assert_int_equal(h.newest, 3001);
	assert_int_equal(h.n, 1001);
}

static void
a_purged_ledger_says_so(void **state)
{
	struct world *w = *state;
	struct heard h = {0};
	struct err err;
	uint64_t removed;
	bool more;
	mail(w, .n = 1, .later = -2 * DAY_SECS);
	mail(w, .first = 1, .n = 1);
	assert_int_equal(store_sum_up(w->store, &more, &err), 0);
	assert_int_equal(store_purge_ledger(w->store,
			     w->at_ms - DAY_SECS * INT64_C(1000), &removed,
			     &more, &err),
	    0);
	assert_int_equal(removed, 1);
	struct ledger_reach reach = ledger(w, 0, &h);
	assert_true(reach.purged);
	assert_true(reach.first_ms == w->at_ms);
}

static void
an_alert_is_known_by_all_that_its_message_id_says(void **state)
{
	struct world *w = *state;
	struct err err;
	mail(w, .n = 25);
	int64_t made = sql_number(w, "SELECT created_at FROM alert");
	assert_int_equal(
	    store_has_alert(w->store, 1, made, ALERT_STARTED, &err), 1);
	assert_int_equal(
	    store_has_alert(w->store, 2, made, ALERT_STARTED, &err), 0);
	assert_int_equal(
	    store_has_alert(w->store, 1, made + 1, ALERT_STARTED, &err), 0);
	assert_int_equal(
	    store_has_alert(w->store, 1, made, ALERT_NOTICE, &err), 0);
}

/* ------------------------------------------------------------------- facts */

static void
facts_count_what_there_is(void **state)
{
	struct world *w = *state;
	struct store_facts f;
	struct err err;
	four_sends(w);
	mail(w, .sender = "dung@x.vn", .n = 3);
	sql_do(w, "UPDATE alert SET state = 3 WHERE id = 1");
	assert_int_equal(store_facts(w->store, &f, &err), 0);
	assert_int_equal(f.bulk_sends, 4);
	assert_int_equal(f.open_bulk_sends, 3);
	assert_int_equal(f.messages, 5);
	assert_int_equal(f.alerts_queued, 3);
	assert_int_equal(f.alerts_failed, 1);
	assert_true(f.bytes >= 4096);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    with_store(an_empty_log_is_an_empty_list),
	    with_store(all_are_listed_newest_first),
	    with_store(open_ones_are_those_that_are_not_closed),
	    with_store(a_status_is_listed_alone),
	    with_store(a_sender_is_listed_alone),
	    with_store(a_senders_open_ones_are_listed_alone),
	    with_store(a_pattern_lists_all_senders_that_it_means),
	    with_store(what_ended_before_the_moment_is_left_out),
	    with_store(no_more_are_listed_than_asked_for),
	    with_store(a_long_list_is_whole),
	    with_store(what_is_not_there_is_not_found),
	    with_store(evidence_tells_all_that_is_known_of_a_message),
	    with_store(evidence_of_domains_counts_the_recipients),
	    with_store(evidence_of_numbers_has_no_recipient),
	    with_store(a_null_sender_with_a_login_stays_a_null_sender),
	    with_store(
		an_envelope_sender_that_changes_is_kept_beside_the_sender),
	    with_store(a_login_in_other_letters_than_the_sender_is_kept),
	    with_store(no_more_evidence_is_shown_than_asked_for),
	    with_store(a_recipient_without_a_domain_is_shown),
	    with_store(senders_stand_by_what_they_sent),
	    with_store(what_is_not_summed_up_yet_is_in_the_totals),
	    with_store(what_was_purged_is_in_the_totals),
	    with_store(a_retry_is_in_the_totals_once),
	    with_store(one_name_as_login_and_as_envelope_sender_is_two_senders),
	    with_store(no_more_senders_than_asked_for),
	    with_store(the_ledger_is_read_backwards_and_tells_its_reach),
	    with_store(the_ledger_is_read_until_it_is_enough),
	    with_store(what_waited_in_the_spool_does_not_end_the_reading),
	    with_store(far_older_messages_are_not_read_to_the_end),
	    with_store(a_purged_ledger_says_so),
	    with_store(an_alert_is_known_by_all_that_its_message_id_says),
	    with_store(facts_count_what_there_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
