/*
 * store_fixture.h: a database in a folder of its own for each test, mail to put
 * into it, and SQL to look at it from outside.
 */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <glob.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/policy.h"
#include "bulkwatch/store.h"

#define LIMIT 20
#define WINDOW_SECS 600

struct world {
	char folder[64], path[96];
	struct store *store;
	struct arena *arena;
	struct settings settings;
	int notices;
	char notice[ERR_TEXT_MAX]; /* the last one */
	int64_t tick, at_ms;       /* when the test's mail is sent */
	unsigned serial;           /* of what must be different each time */
};

/* ------------------------------------------------------------ the folder */

static inline int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void
hear(void *context, const char *sentence)
{
	struct world *w = context;
	w->notices++;
	snprintf(w->notice, sizeof(w->notice), "%s", sentence);
}

/* The rules that a settings file without rules has. */
static inline struct settings
default_settings(void)
{
	struct settings s = {.rules_n = 2, .longest_window_secs = WINDOW_SECS};
	s.rules[0] = (struct rule){
	    .name = "message", .recipients = LIMIT, .alert = true};
	s.rules[1] = (struct rule){.name = "window",
	    .recipients = LIMIT,
	    .window_secs = WINDOW_SECS,
	    .alert = true};
	return s;
}

static inline int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	if (w == NULL)
		return -1;
	strcpy(w->folder, "/tmp/store_test.XXXXXX");
	if (mkdtemp(w->folder) == NULL)
		return -1;
	snprintf(w->path, sizeof(w->path), "%s/b.db", w->folder);
	w->arena = arena_new();
	w->settings = default_settings();
	w->tick = clock_tick();
	w->at_ms = clock_wall_ms();
	*state = w;
	return 0;
}

static inline int
tear_down(void **state)
{
	struct world *w = *state;
	store_close(&w->store);
	arena_free(w->arena);
	int failed = nftw(w->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(w);
	return failed;
}

/* Files whose names match the pattern in the test's folder. */
static inline size_t
files_like(struct world *w, const char *pattern)
{
	char whole[160];
	glob_t found;
	snprintf(whole, sizeof(whole), "%s/%s", w->folder, pattern);
	int failed = glob(whole, 0, NULL, &found);
	size_t n = failed == 0 ? found.gl_pathc : 0;
	globfree(&found);
	return n;
}

/* ------------------------------------------------------------- the store */

static inline void
open_store(struct world *w)
{
	struct err err = {""};
	if (store_open(w->path, true, hear, w, &w->store, &err) < 0)
		fail_msg("store_open: %s", err.text);
}

static inline size_t
measure_again(
    void *context, const struct message *message, struct measure *measures)
{
	struct world *w = context;
	return policy_measure(&w->settings, message, measures);
}

static inline void
fill_windows(struct world *w)
{
	struct err err = {""};
	if (store_refill(w->store, w->settings.longest_window_secs,
		measure_again, w, &err) < 0)
		fail_msg("store_refill: %s", err.text);
}

/* As the daemon is started again. */
static inline void
reopen_store(struct world *w)
{
	store_close(&w->store);
	open_store(w);
	fill_windows(w);
}

static inline int
set_up_open(void **state)
{
	if (set_up(state) < 0)
		return -1;
	open_store(*state);
	return 0;
}

#define with_store(test)                                                       \
	cmocka_unit_test_setup_teardown(test, set_up_open, tear_down)
#define with_folder(test)                                                      \
	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* ------------------------------------------------ SQL, from another program */

static inline sqlite3 *
connect_outside(const char *path)
{
	sqlite3 *db = NULL;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) !=
	    SQLITE_OK)
		fail_msg("%s cannot be opened", path);
	sqlite3_busy_timeout(db, 3000);
	/* As facts about damaged WALs have it: only the daemon checkpoints. */
	sqlite3_wal_autocheckpoint(db, 0);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return db;
}

/* Runs SQL; the result code. */
static inline int
sql_try(struct world *w, const char *sql)
{
	sqlite3 *db = connect_outside(w->path);
	int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return code;
}

static inline void
sql_do(struct world *w, const char *sql)
{
	assert_int_equal(sql_try(w, sql), SQLITE_OK);
}

/* The first number that a query gives; -1 if it has no row. */
static inline int64_t
sql_number(struct world *w, const char *sql)
{
	sqlite3 *db = connect_outside(w->path);
	sqlite3_stmt *row = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	int64_t number =
	    sqlite3_step(row) == SQLITE_ROW ? sqlite3_column_int64(row, 0) : -1;
	sqlite3_finalize(row);
	sqlite3_close(db);
	return number;
}

/* ------------------------------------------------------------------- mail */

/* What is 0 or NULL is as usual. */
struct mail {
	const char *sender;     /* "an@x.vn" */
	enum identity identity; /* a login */
	unsigned first, n;      /* recipients number first, first + 1 … */
	unsigned external;      /* so many of them, from the first on */
	int64_t later;          /* seconds after the world's moment */
	const char *message_id; /* NULL: one of its own; "": none */
	const char *client;
	const char *subject;
	const char *selftest; /* its mark; NULL: none */
};

static inline const struct recipient *
make_recipients(struct world *w, const struct mail *mail)
{
	struct recipient *list = arena_alloc(w->arena, mail->n * sizeof(*list));
	for (unsigned i = 0; i < mail->n; i++) {
		list[i].external = i < mail->external;
		list[i].address =
		    arena_printf(w->arena, "r%05u@%s", mail->first + i,
			list[i].external ? "far.example" : "near.vn");
	}
	return list;
}

static inline struct message *
make_message(struct world *w, struct mail mail)
{
	struct message *m = arena_alloc(w->arena, sizeof(*m));
	unsigned serial = ++w->serial;
	*m = (struct message){
	    .at_ms = w->at_ms + mail.later * 1000,
	    .tick = w->tick + mail.later,
	    .identity = mail.identity == 0 ? IDENTITY_LOGIN : mail.identity,
	    .sender = mail.sender == NULL ? "an@x.vn" : mail.sender,
	    .client = mail.client == NULL ? "192.0.2.1" : mail.client,
	    .queue_id = arena_printf(w->arena, "Q%u", serial),
	    .message_id = mail.message_id != NULL
			      ? mail.message_id
			      : arena_printf(w->arena, "<%u@x.vn>", serial),
	    .subject = mail.subject == NULL ? "subject" : mail.subject,
	    .recipients = make_recipients(w, &mail),
	    .recipients_n = mail.n,
	    .recipient_count = mail.n,
	    .external_count = mail.external,
	    .selftest = mail.selftest,
	};
	m->login = m->identity == IDENTITY_LOGIN ? m->sender : "";
	m->mail_from = m->identity == IDENTITY_CLIENT ? "" : m->sender;
	return m;
}

static inline struct entry *
make_entry(struct world *w, struct mail mail)
{
	struct entry *e = arena_alloc(w->arena, sizeof(*e));
	e->arena = w->arena;
	e->settings = &w->settings;
	e->message = make_message(w, mail);
	e->measures =
	    arena_alloc(w->arena, SETTINGS_RULES_MAX * sizeof(*e->measures));
	e->measures_n = policy_measure(&w->settings, e->message, e->measures);
	e->may_act = policy_may_act(&w->settings, e->measures, e->measures_n);
	return e;
}

/* Records a trigger and queues the alert that it makes due. */
static inline int
put_trigger(struct world *w, struct entry *e, struct err *err)
{
	enum alert_kind kind;
	if (store_bulk(w->store, e, err) < 0 ||
	    (e->decision.action == ACTION_HOLD &&
		store_note_hold(w->store, e, err) < 0))
		return -1;
	if (e->bulk_send == 0 || e->alerted ||
	    !policy_alert(&e->decision, NULL, 0, e->message->at_ms, &kind))
		return 0;
	return store_queue_alert(w->store, e, kind, err);
}

static inline int
put_one(struct world *w, struct entry *e, struct err *err)
{
	if (store_count(w->store, e, err) < 0)
		return -1;
	const struct circumstances circumstances = {.gone = e->gone,
	    .can_hold = true,
	    .taken = e->retry && e->waited_secs < 0,
	    .taken_as = e->known_action,
	    .waited_secs = e->waited_secs};
	policy_decide(e->settings, e->measures, e->measures_n, &e->decision);
	policy_settle_action(e->settings, e->measures, e->measures_n,
	    &circumstances, &e->decision);
	if (store_keep(w->store, e, err) < 0)
		return -1;
	return e->decision.matched ? put_trigger(w, e, err) : 0;
}

/* The way of a batch, up to the commit. Returns 0 or -1. */
static inline int
put_batch(
    struct world *w, struct entry *const *entries, size_t n, struct err *err)
{
	if (store_begin(w->store, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (put_one(w, entries[i], err) < 0)
			return -1;
	return store_commit(w->store, err);
}

static inline void
put(struct world *w, struct entry *const *entries, size_t n)
{
	struct err err = {""};
	if (put_batch(w, entries, n, &err) < 0)
		fail_msg("a batch was not taken: %s", err.text);
}

/* One message in a batch of its own. */
static inline struct entry *
send_mail(struct world *w, struct mail mail)
{
	struct entry *e = make_entry(w, mail);
	put(w, &e, 1);
	return e;
}

#define mail(w, ...) send_mail((w), (struct mail){__VA_ARGS__})

/* What the rule with this index counted for a message. */
static inline uint64_t
counted(const struct entry *entry, size_t rule)
{
	for (size_t i = 0; i < entry->measures_n; i++)
		if (entry->measures[i].rule == rule)
			return entry->measures[i].counted;
	return 0;
}

#define BY_MESSAGE 0 /* the rules of default_settings */
#define BY_WINDOW 1

static inline struct bulk_send_story
show(struct world *w, int64_t id)
{
	struct bulk_send_story story;
	struct err err = {""};
	if (store_show(w->store, w->arena, id, 0, &story, &err) != 1)
		fail_msg("bulk send %lld: %s", (long long)id, err.text);
	return story;
}

#endif
