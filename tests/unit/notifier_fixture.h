/*
 * notifier_fixture.h: a notifier with an outbox in memory and a real SMTP
 * server that does as it is told.
 */
#ifndef TESTS_NOTIFIER_FIXTURE_H
#define TESTS_NOTIFIER_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/header.h"
#include "bulkwatch/notifier.h"
#include "bulkwatch/smtp.h"
#include "bulkwatch/template.h"
#include "mail_text.h"
#include "smtp_server.h"

#define ROWS_MAX 64
#define SENDER "nguyen.van.a@example.gov.vn"

/* ------------------------------------------------- an outbox in memory */

struct row {
	struct alert alert;
	int64_t next_ms;
	int settled; /* how often */
	bool gone;   /* its bulk send cannot be read */
	char error[1024], to[256], message_id[256];
	int64_t at_ms;
};

struct box {
	pthread_mutex_t lock;
	struct row rows[ROWS_MAX];
	size_t n;
	bool settle_fails;
	int64_t sent[ROWS_MAX]; /* times of mails before this process */
	size_t sent_n;
	struct settings settings;
	const char *subject, *sender, *client;
	uint32_t messages, recipients; /* of each bulk send's story */
	enum alert_kind first;         /* stories have such an alert, sent */
	const struct declaration *declaration; /* of each story */
	enum action action;                    /* of each story */
	uint32_t held;                         /* of each story */
	uint32_t refused; /* messages of each story, to 10 recipients each */
	struct day day;
	bool day_fails;
	bool hide_recipients; /* as if only their number was kept */
	bool same_recipients; /* each message goes to the same */
};

/* As the store says it. */
static inline bool
box_is_due(const struct row *row, int64_t now_ms)
{
	return row->next_ms <= now_ms || row->next_ms > now_ms + 3660000;
}

static inline int
box_due(void *context, struct arena *arena, int64_t now_ms, size_t limit,
    struct alert **alerts_r, size_t *n_r)
{
	struct box *box = context;
	struct alert *alerts = arena_alloc(arena, ROWS_MAX * sizeof(*alerts));
	const struct row *notice = NULL;
	*n_r = 0;
	pthread_mutex_lock(&box->lock);
	for (size_t i = 0; i < box->n; i++) {
		const struct row *row = &box->rows[i];
		if (row->alert.state != ALERT_QUEUED ||
		    !box_is_due(row, now_ms))
			continue;
		if (row->alert.kind == ALERT_NOTICE)
			notice = notice == NULL ? row : notice;
		else if (*n_r < limit)
			alerts[(*n_r)++] = row->alert;
	}
	if (notice != NULL)
		alerts[(*n_r)++] = notice->alert;
	pthread_mutex_unlock(&box->lock);
	*alerts_r = alerts;
	return 0;
}

static inline int
box_next_due(void *context, int64_t now_ms, int64_t *due_ms_r)
{
	struct box *box = context;
	*due_ms_r = INT64_MAX;
	pthread_mutex_lock(&box->lock);
	for (size_t i = 0; i < box->n; i++)
		if (box->rows[i].alert.state != ALERT_QUEUED)
			continue;
		else if (box_is_due(&box->rows[i], now_ms))
			*due_ms_r = now_ms;
		else if (box->rows[i].next_ms < *due_ms_r)
			*due_ms_r = box->rows[i].next_ms;
	pthread_mutex_unlock(&box->lock);
	return 0;
}

static inline int
box_sent_since(void *context, struct arena *arena, int64_t since_ms,
    int64_t **times_r, size_t *n_r)
{
	struct box *box = context;
	*times_r = arena_alloc(arena, sizeof(box->sent));
	*n_r = 0;
	for (size_t i = 0; i < box->sent_n; i++)
		if (box->sent[i] >= since_ms)
			(*times_r)[(*n_r)++] = box->sent[i];
	return 0;
}

static inline struct message *
make_evidence(struct arena *arena, const struct box *box, size_t n)
{
	struct message *evidence = arena_alloc(arena, n * sizeof(*evidence));
	uint32_t each = box->recipients / box->messages;
	for (size_t i = 0; i < n; i++) {
		struct recipient *to = arena_alloc(arena, each * sizeof(*to));
		for (uint32_t j = 0; j < each; j++)
			to[j].address = arena_printf(arena, "r%u@example.com",
			    box->same_recipients ? j : (unsigned)i * each + j);
		evidence[i] = (struct message){
		    .at_ms = 1772435109000 + (int64_t)i * 1000,
		    .queue_id = arena_printf(arena, "QUEUE%zu", i),
		    .subject = box->subject,
		    .recipients = to,
		    .recipients_n = box->hide_recipients ? 0 : each,
		    .recipient_count = each,
		};
	}
	return evidence;
}

static inline int
box_story(void *context, struct arena *arena, int64_t bulk_send,
    size_t evidence_max, struct bulk_send_story *story_r)
{
	struct box *box = context;
	for (size_t i = 0; i < box->n; i++)
		if (box->rows[i].alert.bulk_send == bulk_send &&
		    box->rows[i].gone)
			return -1;
	size_t n = box->messages < evidence_max ? box->messages : evidence_max;
	struct alert *alerts = arena_alloc(arena, sizeof(*alerts));
	*alerts = (struct alert){.id = 1,
	    .kind = box->first,
	    .state = ALERT_SENT,
	    .created_ms = 1772435110000,
	    .sent_ms = 1772435110500};
	*story_r = (struct bulk_send_story){
	    .send =
		{
		    .id = bulk_send,
		    .identity = IDENTITY_LOGIN,
		    .sender = box->sender,
		    .status = STATUS_NEW,
		    .trigger = TRIGGER_MESSAGE,
		    .rule = "window",
		    .action = box->action,
		    .held = box->held,
		    .unsent[UNSENT_REFUSED].messages = box->refused,
		    .unsent[UNSENT_REFUSED].recipients = 10 * box->refused,
		    .first_at_ms = 1772435109000,
		    .last_at_ms = 1772435159000,
		    .messages = box->messages,
		    .recipients = box->recipients,
		    .distinct_recipients = box->recipients,
		    .external_recipients = 5,
		    .limit = 20,
		    .window_secs = 600,
		    .subject = box->subject,
		    .client = box->client,
		    .assignee = "",
		    .declaration =
			box->declaration == NULL ? 0 : box->declaration->id,
		},
	    .declaration = box->declaration,
	    .evidence = make_evidence(arena, box, n),
	    .evidence_n = n,
	    .alerts = alerts,
	    .alerts_n = box->first != 0 ? 1 : 0,
	};
	return 0;
}

static inline int
box_settle(void *context, const int64_t *ids, size_t n,
    const struct alert_result *result)
{
	struct box *box = context;
	int failed = 0;
	pthread_mutex_lock(&box->lock);
	if (box->settle_fails)
		failed = -1;
	for (size_t i = 0; i < n && failed == 0; i++) {
		struct row *row = &box->rows[ids[i] - 1];
		row->alert.state = result->state;
		row->alert.attempts++;
		row->next_ms = result->next_ms;
		row->settled++;
		row->at_ms = result->at_ms;
		snprintf(row->error, sizeof(row->error), "%s", result->error);
		snprintf(row->to, sizeof(row->to), "%s", result->to);
		snprintf(row->message_id, sizeof(row->message_id), "%s",
		    result->message_id);
	}
	pthread_mutex_unlock(&box->lock);
	return failed;
}

static inline int
box_day(void *context, struct arena *arena, int64_t now_ms, struct day *day_r)
{
	struct box *box = context;
	(void)arena;
	*day_r = box->day;
	if (day_r->now_ms == 0)
		day_r->now_ms = now_ms;
	return box->day_fails ? -1 : 0;
}

static inline const struct settings *
box_settings(void *context)
{
	struct box *box = context;
	return settings_ref(&box->settings);
}

/* -------------------------------------------------------------- a lab */

/* Everything that a test needs: server, outbox, notifier. */
struct lab {
	struct server server;
	struct box box;
	struct own *own;
	struct notifier *notifier;
	struct arena *arena;
	const char *to[2];
};

/* Every placeholder by its name, so that tests read what alerts know and not
 * how somebody put it. */
static const char single_text[] =
    "Subject: {id} {sender} {recipients}\n\n"
    "id={id}\nsender={sender}\nidentity={identity}\n"
    "recipients={recipients}\ndistinct={distinct}\nexternal={external}\n"
    "messages={messages}\nlimit={limit}\nwindow={window}\nrule={rule}\n"
    "first={first}\nlast={last}\nclient={client}\nsubject={subject}\n"
    "declared={declared}\nlook={look}\ntake={take}\ncontact={contact}\n"
    "hostname={hostname}\nstatus={status}\nbefore={before}\n"
    "list={list}\ncount={count}\n"
    "to:\n{first_recipients}\nmessages:\n{message_list}\n";

static const char grown_text[] = "Subject: grown {id}\n\nbefore={before}\n";

static const char digest_text[] =
    "Subject: digest of {count}\n\nlist:\n{list}\nid={id}\n";

static inline void
use_template(struct lab *lab, enum template_id id, const char *text)
{
	struct err err;
	if (template_parse(lab->arena, "test", text,
		&lab->box.settings.alerts.templates[id], &err) < 0)
		fail_msg("%s", err.text);
}

static inline void
lab_start(struct lab *lab, const struct server_script *script)
{
	*lab = (struct lab){
	    .to = {"postmaster@example.gov.vn", "b@example.gov.vn"}};
	struct err err;
	lab->arena = arena_new();
	server_start(&lab->server, script);
	pthread_mutex_init(&lab->box.lock, NULL);
	lab->box.subject = "Budget";
	lab->box.sender = SENDER;
	lab->box.client = "192.0.2.7";
	lab->box.messages = 1;
	lab->box.recipients = 25;
	struct settings *settings = &lab->box.settings;
	settings->file = "/tmp/test.conf";
	settings->evidence_subject = true;
	settings->alerts.to = (struct text_list){lab->to, 1};
	settings->alerts.from = "bulkwatch@example.gov.vn";
	settings->alerts.smtp = lab->server.url;
	settings->alerts.per_hour = 30;
	settings->alerts.contact = "Office, tel. 123";
	settings->alerts.language = "en";
	use_template(lab, TEMPLATE_STARTED, single_text);
	use_template(lab, TEMPLATE_GROWN, grown_text);
	use_template(lab, TEMPLATE_DIGEST, digest_text);
	assert_int_equal(own_init(&lab->own, &err), 0);
}

/* A row that is due, as the recorder adds it. to lives on. */
static inline struct row *
add_row_to(
    struct lab *lab, int64_t bulk_send, enum alert_kind kind, const char *to)
{
	struct box *box = &lab->box;
	int64_t now = clock_wall_ms();
	pthread_mutex_lock(&box->lock);
	struct row *row = &box->rows[box->n++];
	*row = (struct row){
	    .alert =
		{
		    .id = (int64_t)box->n,
		    .bulk_send = bulk_send,
		    .kind = kind,
		    .state = ALERT_QUEUED,
		    .to = to,
		    .created_ms = now,
		    .last_error = "",
		},
	    .next_ms = now,
	};
	pthread_mutex_unlock(&box->lock);
	if (lab->notifier != NULL)
		notifier_wake(lab->notifier);
	return row;
}

static inline struct row *
add_row(struct lab *lab, int64_t bulk_send, enum alert_kind kind)
{
	return add_row_to(lab, bulk_send, kind, "");
}

static inline struct row *
add_notice(struct lab *lab, int64_t bulk_send, const char *to)
{
	return add_row_to(lab, bulk_send, ALERT_NOTICE, to);
}

static inline void
notify(struct lab *lab)
{
	struct err err;
	const struct outbox outbox = {
	    .context = &lab->box,
	    .due = box_due,
	    .next_due = box_next_due,
	    .sent_since = box_sent_since,
	    .story = box_story,
	    .day = box_day,
	    .settle = box_settle,
	    .settings = box_settings,
	};
	assert_int_equal(
	    notifier_init(&outbox, lab->own, &lab->notifier, &err), 0);
}

static inline void
lab_stop(struct lab *lab)
{
	notifier_deinit(&lab->notifier);
	assert_null(lab->notifier);
	own_deinit(&lab->own);
	server_stop(&lab->server);
	pthread_mutex_destroy(&lab->box.lock);
	arena_free(lab->arena);
}

static inline double
seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline void
pause_ms(int ms)
{
	usleep((useconds_t)ms * 1000);
}

static inline int
settled(struct lab *lab, const struct row *row)
{
	pthread_mutex_lock(&lab->box.lock);
	int times = row->settled;
	pthread_mutex_unlock(&lab->box.lock);
	return times;
}

static inline void
wait_settled(struct lab *lab, const struct row *row)
{
	for (int i = 0; i < 500 && settled(lab, row) == 0; i++)
		pause_ms(10);
	assert_int_equal(settled(lab, row), 1);
}

static inline int
mails(struct lab *lab)
{
	pthread_mutex_lock(&lab->server.lock);
	int n = lab->server.mails_n;
	pthread_mutex_unlock(&lab->server.lock);
	return n;
}

static inline int
connections(struct lab *lab)
{
	pthread_mutex_lock(&lab->server.lock);
	int n = lab->server.connections;
	pthread_mutex_unlock(&lab->server.lock);
	return n;
}

static inline const char *
mail(struct lab *lab, int which)
{
	assert_true(which < mails(lab));
	return lab->server.mails[which].text;
}

static inline void
assert_says(const char *text, const char *what)
{
	if (strstr(text, what) == NULL)
		fail_msg("\"%s\" is not in:\n%s", what, text);
}

static inline int
occurrences(const char *text, const char *what)
{
	int n = 0;
	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static inline const char *
header_of(struct lab *lab, const char *text, const char *name)
{
	return mail_header(lab->arena, text, name);
}

/* The body of a mail that came, decoded. */
static inline const char *
body(struct lab *lab, int which)
{
	return mail_text(lab->arena, mail(lab, which));
}

static inline int
setup(void **state)
{
	struct err err;
	(void)state;
	setenv("TZ", "Asia/Ho_Chi_Minh", 1);
	tzset();
	mail_init();
	return smtp_init(&err);
}

static inline int
teardown(void **state)
{
	(void)state;
	smtp_deinit();
	mail_deinit();
	return 0;
}

#endif
