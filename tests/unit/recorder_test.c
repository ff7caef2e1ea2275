/* recorder_test.c: the one writer, while the store works and while it fails;
 * and the settings in force. */
#include "store_fixture.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "bulkwatch/current.h"
#include "bulkwatch/recorder.h"
#include "bulkwatch/spool.h"

/* The daemon's part of a test: real settings, store and spool. */
struct daemon {
	struct world *w;
	const struct settings *settings;
	struct recorder *recorder;
	atomic_int alerts;
	atomic_uint serial;
	sqlite3 *locker;
	FILE *log; /* standard error while the test runs */
	int saved_stderr;
};

static void
count_alert(void *context)
{
	struct daemon *d = context;
	atomic_fetch_add(&d->alerts, 1);
}

static const struct settings *
load(struct world *w, const char *more)
{
	char path[160], *faults = NULL;
	const struct settings *settings;
	snprintf(path, sizeof(path), "%s/bulkwatch.conf", w->folder);
	FILE *file = fopen(path, "w");
	fprintf(file,
	    "listen = \"unix:%s/m.sock\";\ndatabase = \"%s\";\n"
	    "spool = \"%s/spool\";\nlocal_domains = [ \"near.vn\" ];\n"
	    "alerts: { to = [ \"a@near.vn\" ]; from = \"b@near.vn\"; };\n%s\n",
	    w->folder, w->path, w->folder, more);
	fclose(file);
	if (settings_load(path, &settings, &faults) < 0)
		fail_msg("%s", faults);
	return settings;
}

static int
try_start(struct daemon *d, struct err *err)
{
	const struct recorder_options options = {
	    .settings = d->settings, .alert_queued = count_alert, .context = d};
	err->text[0] = '\0';
	return recorder_init(&options, &d->recorder, err);
}

static void
start(struct daemon *d)
{
	struct err err;
	if (try_start(d, &err) < 0)
		fail_msg("%s", err.text);
}

static void
stop(struct daemon *d)
{
	recorder_deinit(&d->recorder);
	assert_null(d->recorder);
}

static int
setup(void **state)
{
	struct daemon *d = calloc(1, sizeof(*d));
	void *world;
	if (d == NULL || set_up(&world) < 0)
		return -1;
	d->w = world;
	d->settings = load(d->w, "");
	d->log = tmpfile();
	fflush(stderr);
	d->saved_stderr = dup(STDERR_FILENO);
	dup2(fileno(d->log), STDERR_FILENO);
	*state = d;
	return 0;
}

static int
setup_started(void **state)
{
	if (setup(state) < 0)
		return -1;
	start(*state);
	return 0;
}

static int
teardown(void **state)
{
	struct daemon *d = *state;
	if (d->locker != NULL)
		sqlite3_close(d->locker);
	recorder_deinit(&d->recorder);
	settings_unref(&d->settings);
	dup2(d->saved_stderr, STDERR_FILENO);
	close(d->saved_stderr);
	fclose(d->log);
	void *world = d->w;
	free(d);
	return tear_down(&world);
}

/* Other settings, for a recorder that is started after. */
static void
set(struct daemon *d, const char *more)
{
	settings_unref(&d->settings);
	d->settings = load(d->w, more);
}

static bool works(struct daemon *d);

/* Lines of the log with the text in them. */
static unsigned
logged(struct daemon *d, const char *text)
{
	/* Some are written after the answer, but before the next job. */
	if (d->recorder != NULL)
		works(d);
	char *line = NULL;
	size_t room = 0;
	unsigned n = 0;
	rewind(d->log);
	while (getline(&line, &room, d->log) >= 0)
		n += strstr(line, text) != NULL;
	free(line);
	return n;
}

static void
pause_ms(long ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

/* ------------------------------------------------------------------- mail */

/* Hands a message over as a session does: in an arena of its own, which is the
 * recorder's from then on. */
static enum action
hand_over(struct daemon *d, struct mail mail)
{
	struct world own = *d->w;
	own.arena = arena_new();
	own.serial = atomic_fetch_add(&d->serial, 1);
	struct message *m = make_message(&own, mail);
	m->at_ms = clock_wall_ms() + mail.later * 1000;
	m->tick = clock_tick() + mail.later;
	struct verdict verdict =
	    recorder_record(d->recorder, own.arena, d->settings, m, true);
	recorder_settle_hold(d->recorder, &verdict, true);
	return verdict.action;
}

#define record(d, ...) hand_over((d), (struct mail){__VA_ARGS__})

static int64_t
rows(struct daemon *d, const char *table)
{
	char sql[80];
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	return sql_number(d->w, sql);
}

/* Keeps the database locked, as another program that writes. */
static void
lock(struct daemon *d)
{
	d->locker = connect_outside(d->w->path);
	assert_int_equal(
	    sqlite3_exec(d->locker, "BEGIN IMMEDIATE", NULL, NULL, NULL),
	    SQLITE_OK);
}

static void
unlock(struct daemon *d)
{
	sqlite3_close(d->locker);
	d->locker = NULL;
}

/* Waits until the store works again. */
static void
wait_until_it_works(struct daemon *d)
{
	for (int i = 0; i < 200 && !works(d); i++)
		pause_ms(50);
	assert_true(works(d));
}

static int
do_nothing(struct store *store, void *context, struct err *err)
{
	(void)context;
	(void)err;
	return store == NULL ? -1 : 0;
}

static bool
works(struct daemon *d)
{
	struct err err;
	return recorder_call(d->recorder, do_nothing, NULL, &err) == 0;
}

static void
path_in(struct daemon *d, const char *name, char path_r[160])
{
	snprintf(path_r, 160, "%s/%s", d->w->folder, name);
}

/* ----------------------------------------------------- while the store works
 */

static void
what_was_answered_is_in_the_database(void **state)
{
	struct daemon *d = *state;
	assert_int_equal(record(d, .n = 3), ACTION_LOG);
	assert_int_equal(rows(d, "message"), 1);
}

static void
a_bulk_send_is_recorded_logged_and_told_once(void **state)
{
	struct daemon *d = *state;
	record(d, .first = 1, .n = 25);
	record(d, .first = 101, .n = 25);
	assert_int_equal(rows(d, "bulk_send"), 1);
	assert_int_equal(rows(d, "alert"), 1);
	assert_int_equal(logged(d, "event=bulk-send"), 1);
	assert_int_equal(atomic_load(&d->alerts), 1);
	assert_int_equal(logged(d, "queue_id=Q1 event=bulk-send"), 1);
}

static void
a_refusal_is_news_once_and_its_retries_are_not(void **state)
{
	struct daemon *d = *state;
	set(d, "rules: ( { name = \"no\"; recipients = 20; "
	       "action = \"reject\"; } );");
	start(d);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    record(d, .n = 25, .message_id = "<same@x.vn>"),
		    ACTION_REJECT);
	assert_int_equal(logged(d, "event=reject"), 3);
	assert_int_equal(logged(d, " notice: queue_id=Q1 event=reject"), 1);
	assert_int_equal(logged(d, " info: queue_id=Q2 event=reject"), 1);
	assert_int_equal(logged(d, " info: queue_id=Q3 event=reject"), 1);
}

static void
nineteen_are_quiet(void **state)
{
	struct daemon *d = *state;
	for (unsigned i = 0; i < 19; i++)
		record(d, .first = i, .n = 1);
	assert_int_equal(rows(d, "bulk_send"), 0);
	assert_int_equal(logged(d, "event=bulk-send"), 0);
}

static void *
record_many(void *context)
{
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(
		    record(context, .first = i, .n = 1, .message_id = ""),
		    ACTION_LOG);
	return NULL;
}

static void
many_sessions_at_once_are_all_recorded(void **state)
{
	struct daemon *d = *state;
	pthread_t threads[8];
	for (size_t i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, record_many, d);
	for (size_t i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(rows(d, "message"), 400);
	assert_int_equal(rows(d, "bulk_send"), 1);
}

/* --------------------------------------------------------------- self-test */

#define MARK "0123456789abcdef0123456789abcdef"

static void
make_mark(struct daemon *d)
{
	char sql[160];
	snprintf(sql, sizeof(sql),
	    "INSERT INTO selftest (token, made_at) VALUES ('" MARK "', %lld)",
	    (long long)clock_wall_ms());
	sql_do(d->w, sql);
}

static void
a_selftest_is_let_go_logged_and_leaves_nothing(void **state)
{
	struct daemon *d = *state;
	set(d, "rules: ( { name = \"no\"; recipients = 20; "
	       "action = \"reject\"; } );");
	start(d);
	make_mark(d);
	assert_int_equal(
	    record(d, .first = 1, .n = 25, .selftest = MARK), ACTION_LOG);
	assert_int_equal(rows(d, "message"), 0);
	assert_int_equal(rows(d, "bulk_send"), 0);
	assert_int_equal(rows(d, "alert"), 0);
	assert_int_equal(atomic_load(&d->alerts), 0);
	assert_int_equal(logged(d, "event=selftest recipients=25 rule=no"), 1);
	assert_int_equal(logged(d, "event=bulk-send"), 0);
	assert_int_equal(logged(d, "event=reject"), 0);
	assert_int_equal(
	    sql_number(d->w,
		"SELECT count(*) FROM selftest WHERE result ->> 'done' = 1 "
		"AND result ->> 'rule' = 'no' AND result ->> 'action' = 3 "
		"AND result ->> 'recorded' = 25 AND result ->> 'alert' = 1 "
		"AND result ->> 'to' = 'a@near.vn'"),
	    1);
}

static void
a_message_with_an_unknown_mark_is_mail(void **state)
{
	struct daemon *d = *state;
	record(d, .first = 1, .n = 25, .selftest = MARK);
	assert_int_equal(rows(d, "bulk_send"), 1);
	assert_int_equal(logged(d, "event=selftest"), 0);
}

static void
a_selftest_at_which_the_store_fails_is_deferred_and_kept_nowhere(void **state)
{
	struct daemon *d = *state;
	make_mark(d);
	sql_do(d->w, "CREATE TRIGGER no BEFORE INSERT ON alert BEGIN "
		     "SELECT raise(ABORT, 'no'); END");
	assert_int_equal(
	    record(d, .first = 1, .n = 25, .selftest = MARK), ACTION_DEFER);
	sql_do(d->w, "DROP TRIGGER no");
	wait_until_it_works(d);
	assert_int_equal(rows(d, "message"), 0);
	assert_int_equal(logged(d, "event=spooled"), 0);
	assert_int_equal(logged(d, "event=store-failed"), 1);
}

static void
a_mark_that_cannot_be_looked_up_makes_no_difference(void **state)
{
	struct daemon *d = *state;
	lock(d);
	assert_int_equal(
	    record(d, .first = 1, .n = 25, .selftest = MARK), ACTION_LOG);
	unlock(d);
	wait_until_it_works(d);
	assert_int_equal(rows(d, "bulk_send"), 1);
	assert_int_equal(logged(d, "event=spooled"), 1);
}

/* ---------------------------------------------------------------- windows */

static void
windows_go_on_after_a_restart(void **state)
{
	struct daemon *d = *state;
	record(d, .first = 1, .n = 15);
	stop(d);
	start(d);
	record(d, .first = 50, .n = 5);
	assert_int_equal(rows(d, "bulk_send"), 1);
}

static void
a_job_runs_with_the_store(void **state)
{
	struct daemon *d = *state;
	assert_true(works(d));
}

static int
give_reason(struct store *store, void *context, struct err *err)
{
	(void)store;
	return err_set(err, "%s", (const char *)context);
}

static void
a_job_that_fails_gives_its_sentence_and_nothing_else(void **state)
{
	struct daemon *d = *state;
	struct err err = {""};
	char why[] = "no reason";
	assert_int_equal(
	    recorder_call(d->recorder, give_reason, why, &err), -1);
	assert_string_equal(err.text, "no reason");
	assert_true(works(d));
}

static void
a_rule_that_is_new_counts_what_was_sent_before(void **state)
{
	struct daemon *d = *state;
	record(d, .first = 1, .n = 15);
	set(d, "rules: ( { name = \"few\"; recipients = 17; "
	       "window = \"20m\"; } );");
	recorder_set_settings(d->recorder, d->settings);
	record(d, .first = 50, .n = 2);
	assert_int_equal(rows(d, "bulk_send"), 1);
	assert_int_equal(rows(d, "bulk_message"), 2);
}

static void
settings_that_count_alike_keep_their_windows(void **state)
{
	struct daemon *d = *state;
	record(d, .first = 1, .n = 15);
	set(d, "on_failure = \"defer\";");
	recorder_set_settings(d->recorder, d->settings);
	record(d, .first = 50, .n = 4);
	assert_int_equal(rows(d, "bulk_send"), 0);
	record(d, .first = 60, .n = 1);
	assert_int_equal(rows(d, "bulk_send"), 1);
}

/* ----------------------------------------------------- while the store fails
 */

static void
a_message_that_finds_the_store_locked_is_spooled_and_brought_in_once(
    void **state)
{
	struct daemon *d = *state;
	char spool[160];
	path_in(d, "spool/" SPOOL_FILE, spool);
	lock(d);
	assert_int_equal(record(d, .first = 1, .n = 25), ACTION_LOG);
	assert_int_equal(access(spool, F_OK), 0);
	assert_int_equal(logged(d, "event=store-failed"), 1);
	assert_int_equal(logged(d, "event=spooled"), 1);
	unlock(d);
	wait_until_it_works(d);
	assert_int_equal(rows(d, "message"), 1);
	assert_int_equal(rows(d, "bulk_send"), 1);
	assert_int_equal(access(spool, F_OK), -1);
	assert_int_equal(atomic_load(&d->alerts) > 0, 1);
	stop(d);
	start(d);
	assert_int_equal(rows(d, "message"), 1);
}

static void
the_log_has_the_whole_record_of_a_spooled_message(void **state)
{
	struct daemon *d = *state;
	lock(d);
	record(d, .first = 7, .n = 2, .subject = "Mời họp");
	assert_int_equal(logged(d, "queue_id=Q1 event=spooled"), 1);
	assert_int_equal(logged(d, "r00008@near.vn"), 1);
	assert_int_equal(logged(d, "Mời họp"), 1);
}

static void
all_that_was_spooled_counts_in_its_order(void **state)
{
	struct daemon *d = *state;
	lock(d);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(record(d, .first = i, .n = 1), ACTION_LOG);
	unlock(d);
	wait_until_it_works(d);
	assert_int_equal(rows(d, "message"), 30);
	assert_int_equal(rows(d, "bulk_send"), 1);
	assert_int_equal(
	    sql_number(d->w, "SELECT messages FROM bulk_send"), 30);
	assert_int_equal(
	    sql_number(d->w, "SELECT id FROM message WHERE queue_id = 'Q30'"),
	    30);
}

static void
with_defer_a_message_is_deferred_and_counts_for_nothing(void **state)
{
	struct daemon *d = *state;
	char spool[160];
	path_in(d, "spool/" SPOOL_FILE, spool);
	set(d, "on_failure = \"defer\";");
	start(d);
	lock(d);
	assert_int_equal(record(d, .n = 25), ACTION_DEFER);
	assert_int_equal(access(spool, F_OK), -1);
	assert_int_equal(logged(d, "event=deferred"), 1);
	unlock(d);
	wait_until_it_works(d);
	assert_int_equal(rows(d, "message"), 0);
	assert_int_equal(record(d, .n = 25), ACTION_LOG);
	assert_int_equal(rows(d, "message"), 1);
}

static void
where_the_spool_fails_too_messages_wait_in_memory(void **state)
{
	struct daemon *d = *state;
	char spool[160];
	path_in(d, "spool/" SPOOL_FILE, spool);
	assert_int_equal(mkdir(spool, 0700), 0);
	lock(d);
	assert_int_equal(record(d, .first = 1, .n = 25), ACTION_LOG);
	assert_int_equal(record(d, .first = 50, .n = 2), ACTION_LOG);
	assert_int_equal(logged(d, "event=kept-in-memory"), 2);
	assert_int_equal(logged(d, "event=spool-failed"), 2);
	unlock(d);
	wait_until_it_works(d);
	assert_int_equal(rows(d, "message"), 2);
	assert_int_equal(sql_number(d->w, "SELECT messages FROM bulk_send"), 2);
}

static void
one_in_memory_that_cannot_be_saved_keeps_no_other_out(void **state)
{
	struct daemon *d = *state;
	char spool[160];
	path_in(d, "spool/" SPOOL_FILE, spool);
	assert_int_equal(mkdir(spool, 0700), 0);
	sql_do(d->w,
	    "CREATE TRIGGER refuses BEFORE INSERT ON message WHEN "
	    "NEW.message_id = '<bad@x>' BEGIN SELECT raise(ABORT, 'no'); END");
	lock(d);
	record(d, .first = 1, .n = 2);
	record(d, .first = 10, .n = 2, .message_id = "<bad@x>");
	record(d, .first = 20, .n = 2);
	unlock(d);
	wait_until_it_works(d);
	assert_int_equal(rows(d, "message"), 2);
	assert_int_equal(logged(d, "event=spool-line-rejected"), 1);
	assert_int_equal(files_like(d->w, "spool/" SPOOL_REJECTED_FILE), 1);
}

static void
what_waits_in_memory_is_spooled_at_the_end(void **state)
{
	struct daemon *d = *state;
	char spool[160];
	path_in(d, "spool/" SPOOL_FILE, spool);
	assert_int_equal(mkdir(spool, 0700), 0);
	lock(d);
	record(d, .first = 1, .n = 25);
	assert_int_equal(rmdir(spool), 0);
	stop(d);
	assert_int_equal(access(spool, F_OK), 0);
	unlock(d);
	start(d);
	assert_int_equal(rows(d, "message"), 1);
	assert_int_equal(rows(d, "bulk_send"), 1);
}

static void
what_waits_in_memory_is_in_the_log_whatever_happens(void **state)
{
	struct daemon *d = *state;
	char spool[160];
	path_in(d, "spool/" SPOOL_FILE, spool);
	assert_int_equal(mkdir(spool, 0700), 0);
	lock(d);
	record(d, .first = 7, .n = 1);
	stop(d);
	assert_true(logged(d, "r00007@near.vn") >= 1);
	assert_int_equal(logged(d, "event=only-in-log"), 1);
}

static void
jobs_fail_at_once_while_the_store_fails(void **state)
{
	struct daemon *d = *state;
	lock(d);
	record(d, .n = 1);
	assert_false(works(d));
}

static void
settings_change_while_the_store_fails(void **state)
{
	struct daemon *d = *state;
	record(d, .first = 1, .n = 15);
	lock(d);
	record(d, .first = 50, .n = 1);
	set(d, "rules: ( { name = \"few\"; recipients = 17; "
	       "window = \"20m\"; } );");
	recorder_set_settings(d->recorder, d->settings);
	unlock(d);
	wait_until_it_works(d);
	record(d, .first = 60, .n = 1);
	assert_int_equal(rows(d, "bulk_send"), 1);
}

static void
a_file_that_was_deleted_is_made_anew_and_loses_no_answered_message(void **state)
{
	struct daemon *d = *state;
	assert_int_equal(unlink(d->w->path), 0);
	assert_int_equal(record(d, .n = 25), ACTION_LOG);
	wait_until_it_works(d);
	assert_int_equal(rows(d, "message"), 1);
	assert_int_equal(rows(d, "bulk_send"), 1);
}

static void
a_database_that_is_reported_damaged_is_set_aside(void **state)
{
	struct daemon *d = *state;
	record(d, .n = 3);
	struct stat st;
	assert_int_equal(stat(d->w->path, &st), 0);
	recorder_report_damage(d->recorder, st.st_ino + 1, "another file's");
	assert_int_equal(rows(d, "message"), 1);
	recorder_report_damage(d->recorder, st.st_ino, "row 7 is missing");
	wait_until_it_works(d);
	assert_int_equal(files_like(d->w, "b.db.damaged-*"), 1);
	assert_int_equal(rows(d, "message"), 0);
	assert_true(logged(d, "row 7 is missing") >= 1);
	assert_true(logged(d, "set aside") >= 1);
	assert_int_equal(record(d, .n = 3), ACTION_LOG);
	assert_int_equal(rows(d, "message"), 1);
}

/* ------------------------------------------------------------------- start */

static void
a_folder_that_is_not_there_stops_the_start(void **state)
{
	struct daemon *d = *state;
	struct err err;
	snprintf(d->w->path, sizeof(d->w->path), "%s/none/b.db", d->w->folder);
	set(d, "");
	assert_int_equal(try_start(d, &err), -1);
	assert_non_null(strstr(err.text, "/none/"));
	assert_null(d->recorder);
}

static void
another_programs_database_stops_the_start(void **state)
{
	struct daemon *d = *state;
	struct err err;
	sqlite3 *db = NULL;
	sqlite3_open(d->w->path, &db);
	sqlite3_exec(db, "CREATE TABLE theirs (x)", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_equal(try_start(d, &err), -1);
}

static void
a_spool_that_cannot_be_had_stops_the_start(void **state)
{
	struct daemon *d = *state;
	struct err err;
	char path[160];
	path_in(d, "spool", path);
	fclose(fopen(path, "w"));
	assert_int_equal(try_start(d, &err), -1);
	assert_non_null(strstr(err.text, "spool"));
}

static void
a_database_that_is_locked_at_the_start_is_waited_for(void **state)
{
	struct daemon *d = *state;
	start(d);
	stop(d);
	lock(d);
	start(d);
	assert_int_equal(record(d, .n = 3), ACTION_LOG);
	assert_int_equal(logged(d, "event=spooled"), 1);
	unlock(d);
	wait_until_it_works(d);
	assert_int_equal(rows(d, "message"), 1);
}

/* Appends a line to the spool file as another run of the daemon left it. */
static void
leave_in_spool(struct daemon *d, const char *line)
{
	char path[160];
	path_in(d, "spool", path);
	mkdir(path, 0700);
	path_in(d, "spool/" SPOOL_FILE, path);
	FILE *file = fopen(path, "a");
	fprintf(file, "%s\n", line);
	fclose(file);
}

static void
leave_message_of(struct daemon *d, const char *id, int64_t at_ms, int64_t tick,
    const char *boot_id)
{
	char line[1000];
	snprintf(line, sizeof(line),
	    "{\"identity\":\"login\",\"id\":0,\"at_ms\":%lld,\"tick\":%lld,"
	    "\"sender\":\"an@x.vn\",\"mail_from\":\"an@x.vn\","
	    "\"login\":\"an@x.vn\",\"client\":\"192.0.2.1\","
	    "\"queue_id\":\"%s\",\"message_id\":\"<%s@x>\",\"subject\":\"s\","
	    "\"recipient_count\":1,\"external_count\":0,\"recipients\":"
	    "[{\"address\":\"%s@near.vn\",\"external\":false}]%s%s%s}",
	    (long long)at_ms, (long long)tick, id, id, id,
	    boot_id == NULL ? "" : ",\"boot\":\"",
	    boot_id == NULL ? "" : boot_id, boot_id == NULL ? "" : "\"");
	leave_in_spool(d, line);
}

/* From a log, or of an older version: nobody knows of which boot. */
static void
leave_message(struct daemon *d, const char *id, int64_t at_ms, int64_t tick)
{
	leave_message_of(d, id, at_ms, tick, NULL);
}

static void
what_another_run_left_in_the_spool_is_brought_in_at_the_start(void **state)
{
	struct daemon *d = *state;
	for (unsigned i = 0; i < 20; i++) {
		char id[8];
		snprintf(id, sizeof(id), "L%u", i);
		leave_message(d, id, clock_wall_ms(), clock_tick());
	}
	start(d);
	assert_int_equal(rows(d, "message"), 20);
	assert_int_equal(rows(d, "bulk_send"), 1);
}

static void
a_line_of_the_spool_that_cannot_be_read_stops_nothing(void **state)
{
	struct daemon *d = *state;
	leave_message(d, "L1", clock_wall_ms(), clock_tick());
	leave_in_spool(d, "{ nonsense");
	leave_message(d, "L2", clock_wall_ms(), clock_tick());
	start(d);
	assert_int_equal(rows(d, "message"), 2);
	assert_int_equal(files_like(d->w, "spool/" SPOOL_REJECTED_FILE), 1);
	assert_int_equal(logged(d, "event=spool-line-rejected"), 1);
}

static void
a_spool_that_cannot_be_read_does_not_keep_the_store_from_working(void **state)
{
	struct daemon *d = *state;
	char path[160];
	path_in(d, "spool", path);
	mkdir(path, 0700);
	path_in(d, "spool/" SPOOL_FILE, path);
	mkdir(path, 0700);
	start(d);
	assert_true(works(d));
	assert_int_equal(record(d, .n = 3), ACTION_LOG);
	assert_int_equal(rows(d, "message"), 1);
	assert_int_equal(logged(d, "event=spool-failed"), 1);
}

/* The machine was booted since; the old boot had run for longer. */
static void
ticks_of_an_earlier_boot_in_the_spool_hold_nobody(void **state)
{
	struct daemon *d = *state;
	for (unsigned i = 0; i < 15; i++) {
		char id[8];
		snprintf(id, sizeof(id), "L%u", i);
		leave_message(
		    d, id, clock_wall_ms() - 3600000, clock_tick() + 8000000);
	}
	start(d);
	assert_int_equal(rows(d, "message"), 15);
	record(d, .first = 50, .n = 5);
	assert_int_equal(rows(d, "bulk_send"), 0);
}

static void
spooled_messages_of_an_earlier_boot_count_by_their_age(void **state)
{
	struct daemon *d = *state;
	for (unsigned i = 0; i < 15; i++) {
		char id[8];
		snprintf(id, sizeof(id), "L%u", i);
		leave_message(d, id, clock_wall_ms() - 60000, 5);
	}
	start(d);
	record(d, .first = 50, .n = 5);
	assert_int_equal(rows(d, "bulk_send"), 1);
}

/* The wall clock stood in 1970 when they were sent, and was set since. */
static void
spooled_messages_of_this_boot_count_whatever_the_wall_clock_said(void **state)
{
	struct daemon *d = *state;
	char boot_id[CLOCK_BOOT_ID_MAX];
	clock_boot_id(boot_id);
	for (unsigned i = 0; i < 30; i++) {
		char id[8];
		snprintf(id, sizeof(id), "L%u", i);
		leave_message_of(d, id, i < 15 ? clock_wall_ms() : 0,
		    clock_tick() - (i < 15 ? 7200 : 60), boot_id);
	}
	start(d);
	record(d, .first = 50, .n = 4);
	assert_int_equal(rows(d, "bulk_send"), 0);
	record(d, .first = 60, .n = 1);
	assert_int_equal(rows(d, "bulk_send"), 1);
}

static void
a_spooled_message_of_1970_counts_for_nothing(void **state)
{
	struct daemon *d = *state;
	for (unsigned i = 0; i < 15; i++) {
		char id[8];
		snprintf(id, sizeof(id), "L%u", i);
		leave_message(d, id, 0, 5);
	}
	start(d);
	record(d, .first = 50, .n = 5);
	assert_int_equal(rows(d, "bulk_send"), 0);
}

/* ------------------------------------------------------------ declarations */

static int64_t
declared(struct daemon *d, const char *what)
{
	char sql[120];
	snprintf(sql, sizeof(sql),
	    "SELECT %s FROM bulk_send WHERE declaration = 1", what);
	return sql_number(d->w, sql);
}

static void
a_declaration_counts_bulk_sends_that_begin_after_it(void **state)
{
	struct daemon *d = *state;
	record(d, .first = 1, .n = 25);
	sql_do(d->w,
	    "INSERT INTO declaration (sender, recipients, from_at, until_at, "
	    "reason, by_, created_at) SELECT sender, 100, first_at - 60000, "
	    "first_at + 3600000, 'r', 'lan', first_at FROM bulk_send");
	record(d, .first = 101, .n = 30);
	assert_int_equal(rows(d, "bulk_send"), 1);
	assert_int_equal(declared(d, "count(*)"), 0);
	/* The man page says how what follows is counted. */
	sql_do(d->w, "UPDATE bulk_send SET status = 3, ended = 1");
	record(d, .first = 201, .n = 30);
	assert_int_equal(declared(d, "count(*)"), 1);
	assert_int_equal(declared(d, "distinct_recipients"), 30);
}

/* --------------------------------------------------------- a disk that hangs
 */

static int
hang(struct store *store, void *context, struct err *err)
{
	(void)store;
	(void)err;
	sem_t *hanging = context;
	sem_post(hanging);
	pause_ms(RECORDER_DEADLINE_SECS * 1000 + 5000);
	return 0;
}

struct hanging {
	struct daemon *d;
	sem_t begun;
};

static void *
run_hanging_job(void *context)
{
	struct hanging *h = context;
	struct err err;
	recorder_call(h->d->recorder, hang, &h->begun, &err);
	return NULL;
}

struct session {
	struct daemon *d;
	const struct settings *settings;
	const char *sender;
	enum action action;
	int64_t took_ms;
};

static int64_t
steady_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void *
run_session(void *context)
{
	struct session *s = context;
	struct world own = {.arena = arena_new(),
	    .at_ms = clock_wall_ms(),
	    .tick = clock_tick()};
	struct message *m = make_message(
	    &own, (struct mail){
		      .n = 25, .sender = s->sender, .message_id = s->sender});
	int64_t began = steady_ms();
	s->action =
	    recorder_record(s->d->recorder, own.arena, s->settings, m, true)
		.action;
	s->took_ms = steady_ms() - began;
	return NULL;
}

/* A job of a session: its context is the session's, and gone when that has
 * waited long enough. */
struct brief {
	struct daemon *d;
	int result;
	int64_t took_ms;
	char text[ERR_TEXT_MAX];
};

static atomic_int heard_well, heard_wrong;

static int
listen_to(struct store *store, void *context, struct err *err)
{
	(void)store;
	(void)err;
	if (strcmp(context, "a mark") == 0)
		atomic_fetch_add(&heard_well, 1);
	else
		atomic_fetch_add(&heard_wrong, 1);
	return 0;
}

static void *
run_brief_job(void *context)
{
	struct brief *b = context;
	struct err err = {""};
	char *mark = strdup("a mark");
	const int64_t began = steady_ms();
	b->result = recorder_call_in_time(
	    b->d->recorder, listen_to, mark, strlen(mark) + 1, &err);
	b->took_ms = steady_ms() - began;
	memset(mark, 'x', strlen(mark));
	free(mark);
	strcpy(b->text, err.text);
	return NULL;
}

/* More than may wait. */
#define BRIEF_N 70
#define BRIEF_MAX 64

static void
a_job_with_a_deadline_is_waited_for_no_longer_and_may_run_later(void **state)
{
	struct daemon *d = *state;
	struct hanging h = {.d = d};
	pthread_t job, threads[BRIEF_N];
	struct brief briefs[BRIEF_N];
	int refused = 0;
	sem_init(&h.begun, 0, 0);
	pthread_create(&job, NULL, run_hanging_job, &h);
	sem_wait(&h.begun);
	for (size_t i = 0; i < BRIEF_N; i++) {
		briefs[i] = (struct brief){.d = d};
		pthread_create(&threads[i], NULL, run_brief_job, &briefs[i]);
	}
	for (size_t i = 0; i < BRIEF_N; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(briefs[i].result, -1);
		assert_non_null(strstr(briefs[i].text, "does not answer"));
		if (briefs[i].took_ms >= RECORDER_DEADLINE_SECS * 1000 - 100)
			assert_true(briefs[i].took_ms < 20000);
		else
			refused++;
	}
	assert_int_equal(refused, BRIEF_N - BRIEF_MAX);
	pthread_join(job, NULL);
	/* Stopping runs what still waits. */
	stop(d);
	assert_int_equal(atomic_load(&heard_well), BRIEF_MAX);
	assert_int_equal(atomic_load(&heard_wrong), 0);
}

static void
a_job_with_a_deadline_is_answered(void **state)
{
	struct daemon *d = *state;
	struct err err = {""};
	assert_int_equal(
	    recorder_call_in_time(d->recorder, do_nothing, "", 1, &err), 0);
	lock(d);
	record(d, .n = 3);
	assert_int_equal(
	    recorder_call_in_time(d->recorder, do_nothing, "", 1, &err), -1);
	assert_non_null(strstr(err.text, "does not work"));
	unlock(d);
}

static void
while_the_disk_hangs_mail_is_answered_in_time(void **state)
{
	struct daemon *d = *state;
	struct hanging h = {.d = d};
	pthread_t job, threads[3];
	const struct settings *defer = load(d->w, "on_failure = \"defer\";");
	const struct settings *hold = load(d->w,
	    "rules: ( { name = \"m\"; recipients = 20; action = \"hold\"; } );");
	struct session sessions[] = {
	    {.d = d, .settings = d->settings, .sender = "accept@x.vn"},
	    {.d = d, .settings = defer, .sender = "defer@x.vn"},
	    {.d = d, .settings = hold, .sender = "hold@x.vn"}};
	sem_init(&h.begun, 0, 0);
	pthread_create(&job, NULL, run_hanging_job, &h);
	sem_wait(&h.begun);
	for (size_t i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, run_session, &sessions[i]);
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_in_range(
	    sessions[0].took_ms, RECORDER_DEADLINE_SECS * 1000 - 100, 20000);
	assert_int_equal(sessions[0].action, ACTION_LOG);
	assert_int_equal(sessions[1].action, ACTION_DEFER);
	assert_int_equal(sessions[2].action, ACTION_LOG);
	assert_int_equal(logged(d, "event=answered-late"), 3);
	pthread_join(job, NULL);
	/* Stopping records what still waits; what was deferred is not. */
	stop(d);
	assert_int_equal(rows(d, "message"), 2);
	assert_int_equal(sql_number(d->w, "SELECT count(*) FROM bulk_send "
					  "WHERE sender = 'accept@x.vn'"),
	    1);
	/* What went on meanwhile is not said to be held. */
	assert_int_equal(sql_number(d->w, "SELECT action FROM bulk_send "
					  "WHERE sender = 'hold@x.vn'"),
	    ACTION_LOG);
	assert_int_equal(rows(d, "held"), 0);
	settings_unref(&defer);
	settings_unref(&hold);
	sem_destroy(&h.begun);
}

/* To ThreadSanitizer who writes a file comes before whoever reads one: so the
 * log would hide a race between a session and the recorder. */
const char *__tsan_default_options(void);
const char *
__tsan_default_options(void)
{
	return "io_sync=0";
}

/* For ThreadSanitizer: the session tells the log of its message while the
 * recorder saves it. Between the two stands nothing that would put them in
 * order: a second session, or the test asking the recorder, would. */
static void
a_late_session_reads_nothing_that_the_recorder_writes(void **state)
{
	struct daemon *d = *state;
	struct hanging h = {.d = d};
	pthread_t job, thread;
	struct session session = {
	    .d = d, .settings = d->settings, .sender = "accept@x.vn"};
	sem_init(&h.begun, 0, 0);
	pthread_create(&job, NULL, run_hanging_job, &h);
	sem_wait(&h.begun);
	pthread_create(&thread, NULL, run_session, &session);
	pthread_join(job, NULL);
	for (int i = 0; i < 200 && rows(d, "message") == 0; i++)
		pause_ms(50);
	pthread_join(thread, NULL);
	assert_int_equal(session.action, ACTION_LOG);
	assert_int_equal(logged(d, "event=answered-late"), 1);
	assert_int_equal(rows(d, "message"), 1);
	sem_destroy(&h.begun);
}

/* ----------------------------------------------------- the settings in force
 */

static void
the_settings_in_force_are_those_set_last(void **state)
{
	struct daemon *d = *state;
	struct current *current;
	struct err err;
	assert_int_equal(
	    current_init(settings_ref(d->settings), &current, &err), 0);
	const struct settings *first = current_get(current);
	assert_ptr_equal(first, d->settings);
	const struct settings *other = load(d->w, "on_failure = \"defer\";");
	current_set(current, other);
	const struct settings *second = current_get(current);
	assert_ptr_equal(second, other);
	/* Who holds the old ones may go on reading them. */
	assert_int_equal(first->on_failure, ON_FAILURE_ACCEPT);
	current_deinit(&current);
	assert_null(current);
	assert_int_equal(second->on_failure, ON_FAILURE_DEFER);
	settings_unref(&first);
	settings_unref(&second);
}

#define stopped(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define started(test)                                                          \
	cmocka_unit_test_setup_teardown(test, setup_started, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    started(what_was_answered_is_in_the_database),
	    started(a_bulk_send_is_recorded_logged_and_told_once),
	    stopped(a_refusal_is_news_once_and_its_retries_are_not),
	    started(nineteen_are_quiet),
	    started(many_sessions_at_once_are_all_recorded),
	    stopped(a_selftest_is_let_go_logged_and_leaves_nothing),
	    started(a_message_with_an_unknown_mark_is_mail),
	    started(
		a_selftest_at_which_the_store_fails_is_deferred_and_kept_nowhere),
	    started(a_mark_that_cannot_be_looked_up_makes_no_difference),
	    started(windows_go_on_after_a_restart),
	    started(a_job_runs_with_the_store),
	    started(a_job_that_fails_gives_its_sentence_and_nothing_else),
	    started(a_rule_that_is_new_counts_what_was_sent_before),
	    started(settings_that_count_alike_keep_their_windows),
	    started(
		a_message_that_finds_the_store_locked_is_spooled_and_brought_in_once),
	    started(the_log_has_the_whole_record_of_a_spooled_message),
	    started(all_that_was_spooled_counts_in_its_order),
	    stopped(with_defer_a_message_is_deferred_and_counts_for_nothing),
	    started(where_the_spool_fails_too_messages_wait_in_memory),
	    started(one_in_memory_that_cannot_be_saved_keeps_no_other_out),
	    started(what_waits_in_memory_is_spooled_at_the_end),
	    started(what_waits_in_memory_is_in_the_log_whatever_happens),
	    started(jobs_fail_at_once_while_the_store_fails),
	    started(settings_change_while_the_store_fails),
	    started(
		a_file_that_was_deleted_is_made_anew_and_loses_no_answered_message),
	    started(a_database_that_is_reported_damaged_is_set_aside),
	    stopped(a_folder_that_is_not_there_stops_the_start),
	    stopped(another_programs_database_stops_the_start),
	    stopped(a_spool_that_cannot_be_had_stops_the_start),
	    stopped(a_database_that_is_locked_at_the_start_is_waited_for),
	    stopped(
		what_another_run_left_in_the_spool_is_brought_in_at_the_start),
	    stopped(a_line_of_the_spool_that_cannot_be_read_stops_nothing),
	    stopped(
		a_spool_that_cannot_be_read_does_not_keep_the_store_from_working),
	    stopped(ticks_of_an_earlier_boot_in_the_spool_hold_nobody),
	    stopped(spooled_messages_of_an_earlier_boot_count_by_their_age),
	    stopped(
		spooled_messages_of_this_boot_count_whatever_the_wall_clock_said),
	    stopped(a_spooled_message_of_1970_counts_for_nothing),
	    started(a_job_with_a_deadline_is_answered),
	    started(
		a_job_with_a_deadline_is_waited_for_no_longer_and_may_run_later),
	    started(a_declaration_counts_bulk_sends_that_begin_after_it),
	    started(while_the_disk_hangs_mail_is_answered_in_time),
	    started(a_late_session_reads_nothing_that_the_recorder_writes),
	    stopped(the_settings_in_force_are_those_set_last),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
