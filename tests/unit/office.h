/*
 * office.h: the bulkwatch command called as a person does, on a database made
 * through the real store.
 */
#ifndef BULKWATCH_TESTS_OFFICE_H
#define BULKWATCH_TESTS_OFFICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/policy.h"

#include "../../milter/ctl/ctl.h"

/* 2026-03-02 14:05:09 +07:00, in milliseconds. */
#define MOMENT INT64_C(1772435109123)
#define MINUTE INT64_C(60000)
#define DAY (24 * 60 * MINUTE)

/* The office's time zone, and an arena as the state. */
static inline int
office_setup(void **state)
{
	setenv("TZ", "Asia/Ho_Chi_Minh", 1);
	tzset();
	unsetenv("POSIXLY_CORRECT");
	unsetenv("COLUMNS");
	*state = arena_new();
	return *state == NULL;
}

static inline int
office_teardown(void **state)
{
	arena_free(*state);
	return 0;
}

/* ------------------------------------------------------ how it is called */

#define WORDS_MAX 20

/* Runs the command with the words (NULL at the end); what it wrote is kept in
 * the arena. */
struct call {
	int code;
	const char *out, *err;
};

static inline struct call
call(struct arena *arena, const char *const *words)
{
	char *argv[WORDS_MAX + 2] = {arena_strdup(arena, "bulkwatch")};
	int argc = 1;
	for (; words[argc - 1] != NULL; argc++)
		argv[argc] = arena_strdup(arena, words[argc - 1]);
	char *out_text = NULL, *err_text = NULL;
	size_t out_length, err_length;
	FILE *out = open_memstream(&out_text, &out_length);
	FILE *err = open_memstream(&err_text, &err_length);
	assert_true(out != NULL && err != NULL);
	struct call result = {.code = ctl_run(out, err, argc, argv)};
	fclose(out);
	fclose(err);
	result.out = arena_strdup(arena, out_text);
	result.err = arena_strdup(arena, err_text);
	free(out_text);
	free(err_text);
	return result;
}

#define CALL(...) call(*state, (const char *const[]){__VA_ARGS__, NULL})

static inline void
is_misuse(struct call c, const char *sentence)
{
	assert_string_equal(c.out, "");
	assert_int_equal(c.code, CTL_USAGE);
	if (strncmp(c.err, "bulkwatch: ", 11) != 0 ||
	    strstr(c.err, sentence) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", c.err, sentence);
}

static inline void
says(struct call c, int code, const char *text)
{
	if (c.code != code || strstr(c.out, text) == NULL)
		fail_msg("code %d, \"%s\" lacks \"%s\"; %s", c.code, c.out,
		    text, c.err);
}

/* ----------------------------------------------- a database that is there */

/* A folder with settings, a spool and a database, and the store's handle. */
struct office {
	struct arena *arena;
	const char *folder, *conf, *database;
	const struct settings *settings;
	struct store *store;
	int64_t now_ms;
};

static inline void
unexpected_notice(void *context, const char *sentence)
{
	(void)context;
	fail_msg("%s", sentence);
}

static inline void
write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static inline void
write_settings(const struct office *o)
{
	FILE *conf = fopen(o->conf, "w");
	assert_non_null(conf);
	fprintf(conf,
	    "listen = \"unix:%s/milter.sock\";\n"
	    "database = \"%s\";\n"
	    "spool = \"%s/spool\";\n"
	    "local_domains = [ \"example.gov.vn\" ];\n"
	    "alerts: { to = [ \"postmaster@example.gov.vn\" ]; from = "
	    "\"bulkwatch@example.gov.vn\"; };\n",
	    o->folder, o->database, o->folder);
	fclose(conf);
	mkdir(arena_printf(o->arena, "%s/spool", o->folder), 0700);
}

static inline void
office_init(struct office *o, struct arena *arena)
{
	char folder[] = "/tmp/bulkwatch-ctl-XXXXXX";
	assert_non_null(mkdtemp(folder));
	o->arena = arena;
	o->folder = arena_strdup(arena, folder);
	o->conf = arena_printf(arena, "%s/bulkwatch.conf", folder);
	o->database = arena_printf(arena, "%s/bulkwatch.db", folder);
	o->now_ms = clock_wall_ms();
	write_settings(o);
	char *faults = NULL;
	if (settings_load(o->conf, &o->settings, &faults) < 0)
		fail_msg("%s", faults);
	struct err err;
	if (store_open(o->database, true, unexpected_notice, NULL, &o->store,
		&err) < 0)
		fail_msg("%s", err.text);
}

static inline void
office_deinit(struct office *o)
{
	store_close(&o->store);
	settings_unref(&o->settings);
	char *remove = arena_printf(o->arena, "rm -rf '%s'", o->folder);
	assert_int_equal(system(remove), 0);
}

/* What the recorder does about a message that was counted. */
static inline int
office_decides(struct office *o, struct entry *e, struct err *err)
{
	struct declaration *declarations;
	size_t n;
	policy_decide(o->settings, e->measures, e->measures_n, &e->decision);
	if (!e->decision.matched)
		return store_keep(o->store, e, err);
	if (store_declarations_at(o->store, e->arena, e->message->at_ms,
		&declarations, &n, err) < 0)
		return -1;
	policy_apply_declaration(&e->decision, declarations, n,
	    e->message->sender, e->message->at_ms);
	if (store_keep(o->store, e, err) < 0 ||
	    store_bulk(o->store, e, err) < 0)
		return -1;
	return e->decision.declaration != NULL || e->alerted
		   ? 0
		   : store_queue_alert(o->store, e, ALERT_STARTED, err);
}

/* One message of a login to n recipients, so long ago. */
static inline void
office_sends(struct office *o, const char *login, size_t n, int64_t ago_secs)
{
	static int serial;
	struct recipient *recipients =
	    arena_alloc(o->arena, n * sizeof(*recipients));
	for (size_t i = 0; i < n; i++)
		recipients[i].address =
		    arena_printf(o->arena, "r%04zu@example.gov.vn", i);
	struct message message = {
	    .at_ms = o->now_ms - ago_secs * 1000,
	    .tick = clock_tick() - ago_secs,
	    .identity = IDENTITY_LOGIN,
	    .sender = login,
	    .mail_from = login,
	    .login = login,
	    .client = "192.0.2.7",
	    .queue_id = arena_printf(o->arena, "Q%d", ++serial),
	    .message_id = arena_printf(o->arena, "m%d@x", serial),
	    .subject = "Giấy mời",
	    .recipients = recipients,
	    .recipients_n = n,
	    .recipient_count = (uint32_t)n,
	};
	struct measure measures[SETTINGS_RULES_MAX];
	struct entry entry = {.arena = o->arena,
	    .settings = o->settings,
	    .message = &message,
	    .measures = measures};
	entry.measures_n = policy_measure(o->settings, &message, measures);
	struct err err = {""};
	if (store_begin(o->store, &err) < 0 ||
	    store_count(o->store, &entry, &err) < 0 ||
	    office_decides(o, &entry, &err) < 0 ||
	    store_commit(o->store, &err) < 0)
		fail_msg("%s", err.text);
}

#endif
