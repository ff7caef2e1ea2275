/* store_open_test.c: how a database file is met, and what locks, deletion and
 * other programs do to it. */
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/time.h>
#include <sys/wait.h>

static int
try_open(struct world *w, bool check, struct err *err)
{
	err->text[0] = '\0';
	return store_open(w->path, check, hear, w, &w->store, err);
}

static void
write_file(struct world *w, const char *name, const void *bytes, size_t n)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/%s", w->folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

/* A database of ours with some messages in it, closed. */
static void
make_database(struct world *w, unsigned messages)
{
	open_store(w);
	for (unsigned i = 0; i < messages; i++)
		mail(w, .first = i * 10, .n = 3);
	store_close(&w->store);
}

static int64_t
now_ms(void)
{
	struct timeval now;
	gettimeofday(&now, NULL);
	return (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000;
}

/* ----------------------------------------------------------------- opening */

static void
a_database_is_made_where_there_is_none(void **state)
{
	struct world *w = *state;
	open_store(w);
	assert_int_equal(w->notices, 0);
	assert_int_equal(sql_number(w, "PRAGMA application_id"), 0x62756c6b);
	assert_int_equal(sql_number(w, "PRAGMA user_version"), 2);
}

static void
a_new_database_may_be_used_by_its_group_and_nobody_else(void **state)
{
	struct world *w = *state;
	struct stat st;
	open_store(w);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

static void
making_a_database_leaves_no_other_file(void **state)
{
	struct world *w = *state;
	open_store(w);
	store_close(&w->store);
	assert_int_equal(files_like(w, "*"), 1);
}

static void
what_was_written_is_there_when_it_is_opened_again(void **state)
{
	struct world *w = *state;
	make_database(w, 3);
	open_store(w);
	assert_int_equal(w->notices, 0);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM message"), 3);
}

static void
an_empty_file_is_set_aside_and_a_new_database_made(void **state)
{
	struct world *w = *state;
	write_file(w, "b.db", "", 0);
	open_store(w);
	assert_int_equal(w->notices, 1);
	assert_int_equal(files_like(w, "b.db.damaged-*"), 1);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM message"), 0);
}

static void
garbage_is_set_aside_as_it_was(void **state)
{
	struct world *w = *state;
	char garbage[9000], path[160];
	struct stat st;
	memset(garbage, 'x', sizeof(garbage));
	write_file(w, "b.db", garbage, sizeof(garbage));
	open_store(w);
	assert_int_equal(w->notices, 1);
	const char *name = strstr(w->notice, w->path);
	name = strstr(name + 1, ".damaged-");
	assert_non_null(name);
	snprintf(path, sizeof(path), "%s%.*s", w->path, (int)strcspn(name, ";"),
	    name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, sizeof(garbage));
}

static void
a_file_cut_short_is_set_aside(void **state)
{
	struct world *w = *state;
	make_database(w, 3);
	assert_int_equal(truncate(w->path, 5000), 0);
	open_store(w);
	assert_int_equal(w->notices, 1);
	mail(w, .n = 3);
}

static void
a_header_alone_is_set_aside(void **state)
{
	struct world *w = *state;
	make_database(w, 3);
	assert_int_equal(truncate(w->path, 100), 0);
	open_store(w);
	assert_int_equal(w->notices, 1);
	mail(w, .n = 3);
}

static void
a_damaged_page_is_found_by_the_quick_check(void **state)
{
	struct world *w = *state;
	char garbage[4096];
	make_database(w, 200);
	int fd = open(w->path, O_WRONLY);
	memset(garbage, 0xa5, sizeof(garbage));
	/* Some page of a table's tree behind the schema. */
	int64_t page = 3;
	assert_int_equal(
	    pwrite(fd, garbage, sizeof(garbage), (off_t)(page - 1) * 4096),
	    sizeof(garbage));
	close(fd);
	open_store(w);
	assert_int_equal(w->notices, 1);
}

static void
a_write_ahead_log_goes_aside_with_its_file(void **state)
{
	struct world *w = *state;
	write_file(w, "b.db", "", 0);
	write_file(w, "b.db-wal", "old", 3);
	open_store(w);
	assert_int_equal(files_like(w, "b.db.damaged-*-wal"), 1);
}

/* SQLite would write what it holds into the new database. */
static void
a_write_ahead_log_without_its_file_is_set_aside(void **state)
{
	struct world *w = *state;
	write_file(w, "b.db-wal", "old", 3);
	open_store(w);
	assert_int_equal(w->notices, 1);
	assert_int_equal(files_like(w, "b.db.damaged-*-wal"), 1);
}

static void
two_files_set_aside_in_one_second_have_two_names(void **state)
{
	struct world *w = *state;
	struct err err;
	for (int i = 0; i < 3; i++) {
		write_file(w, "b.db", "x", 1);
		assert_int_equal(store_set_aside(w->path, hear, w, &err), 0);
	}
	assert_int_equal(files_like(w, "b.db.damaged-*"), 3);
}

static void
a_database_without_its_key_is_set_aside(void **state)
{
	struct world *w = *state;
	make_database(w, 1);
	sql_do(w, "DELETE FROM meta WHERE key = 'digest-key'");
	open_store(w);
	assert_int_equal(w->notices, 1);
	mail(w, .n = 3);
}

static void
damage_that_is_met_without_a_check_is_set_aside(void **state)
{
	struct world *w = *state;
	struct err err;
	char garbage[4096];
	make_database(w, 300);
	int64_t page = sql_number(
	    w, "SELECT rootpage FROM sqlite_schema WHERE name = 'message'");
	int fd = open(w->path, O_WRONLY);
	memset(garbage, 0xa5, sizeof(garbage));
	assert_int_equal(
	    pwrite(fd, garbage, sizeof(garbage), (off_t)(page - 1) * 4096),
	    sizeof(garbage));
	close(fd);
	if (try_open(w, false, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(w->notices, 1);
	mail(w, .n = 3);
}

static void
another_programs_database_is_refused_and_left_alone(void **state)
{
	struct world *w = *state;
	struct err err;
	sqlite3 *db = NULL;
	sqlite3_open(w->path, &db);
	sqlite3_exec(db, "CREATE TABLE theirs (x); PRAGMA application_id = 7",
	    NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_equal(try_open(w, true, &err), -1);
	assert_non_null(strstr(err.text, "another program"));
	assert_int_equal(sql_number(w, "SELECT count(*) FROM theirs"), 0);
	assert_int_equal(files_like(w, "*damaged*"), 0);
}

static void
a_database_of_no_application_but_with_tables_is_refused(void **state)
{
	struct world *w = *state;
	struct err err;
	sqlite3 *db = NULL;
	sqlite3_open(w->path, &db);
	sqlite3_exec(db, "CREATE TABLE theirs (x)", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_equal(try_open(w, true, &err), -1);
}

static void
a_newer_schema_is_refused_and_left_alone(void **state)
{
	struct world *w = *state;
	struct err err;
	make_database(w, 1);
	sql_do(w, "PRAGMA user_version = 99");
	assert_int_equal(try_open(w, true, &err), -1);
	assert_non_null(strstr(err.text, "newer"));
	assert_int_equal(sql_number(w, "SELECT count(*) FROM message"), 1);
}

/* No version of ours made a file of such a schema. */
static void
a_schema_that_there_never_was_is_damage(void **state)
{
	static const char *const versions[] = {
	    "PRAGMA user_version = 0", "PRAGMA user_version = -5"};
	struct world *w = *state;
	struct err err;
	for (size_t i = 0; i < 2; i++) {
		make_database(w, 1);
		sql_do(w, versions[i]);
		assert_int_equal(
		    store_open_command(w->path, &w->store, &err), -1);
		assert_non_null(strstr(err.text, "never was"));
		open_store(w);
		assert_int_equal(w->notices, (int)i + 1);
		assert_non_null(strstr(w->notice, "set aside"));
		assert_int_equal(files_like(w, "b.db.damaged-*[0-9]"), i + 1);
		assert_int_equal(sql_number(w, "PRAGMA user_version"), 2);
		assert_int_equal(
		    sql_number(w, "SELECT count(*) FROM message"), 0);
		store_close(&w->store);
	}
}

static void
a_missing_folder_is_for_a_person_to_mend(void **state)
{
	struct world *w = *state;
	struct err err;
	snprintf(w->path, sizeof(w->path), "%s/none/b.db", w->folder);
	assert_int_equal(try_open(w, true, &err), -1);
	assert_non_null(strstr(err.text, "/none/"));
}

static void
a_folder_in_place_of_the_file_is_refused(void **state)
{
	struct world *w = *state;
	struct err err;
	assert_int_equal(mkdir(w->path, 0700), 0);
	assert_int_equal(try_open(w, true, &err), -1);
	assert_non_null(strstr(err.text, "regular file"));
}

static void
a_symbolic_link_is_refused(void **state)
{
	struct world *w = *state;
	struct err err;
	assert_int_equal(symlink("elsewhere.db", w->path), 0);
	assert_int_equal(try_open(w, true, &err), -1);
	assert_int_equal(files_like(w, "elsewhere.db"), 0);
}

static void
a_database_of_another_user_is_refused_and_left_alone(void **state)
{
	struct world *w = *state;
	struct err err;
	if (geteuid() != 0)
		skip(); /* nobody else can give files away */
	make_database(w, 1);
	assert_int_equal(chown(w->path, 65534, 65534), 0);
	assert_int_equal(try_open(w, true, &err), -1);
	assert_non_null(strstr(err.text, "belongs to user 65534"));
	assert_int_equal(files_like(w, ".damaged"), 0);
}

static void
a_folder_that_others_can_write_to_is_refused(void **state)
{
	struct world *w = *state;
	struct err err;
	assert_int_equal(chmod(w->folder, 0777), 0);
	assert_int_equal(try_open(w, true, &err), -1);
	assert_non_null(strstr(err.text, "by everybody"));
	assert_int_equal(chmod(w->folder, 0700), 0);
	open_store(w);
}

static void
a_database_held_by_another_program_may_be_tried_later(void **state)
{
	struct world *w = *state;
	struct err err;
	make_database(w, 1);
	/* Only in the mode without a WAL does a writer keep readers out. */
	sqlite3 *db = connect_outside(w->path);
	assert_int_equal(
	    sqlite3_exec(db, "PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE",
		NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(try_open(w, true, &err), STORE_LATER);
	assert_int_equal(w->notices, 0);
	sqlite3_close(db);
}

/* ------------------------------------------------------- a command's handle */

static void
a_command_does_not_make_a_database(void **state)
{
	struct world *w = *state;
	struct err err;
	assert_int_equal(store_open_command(w->path, &w->store, &err), -1);
	assert_int_equal(files_like(w, "*"), 0);
}

static void
a_command_reads_while_the_daemon_writes(void **state)
{
	struct world *w = *state;
	struct store *command = NULL;
	struct store_facts facts;
	struct err err;
	open_store(w);
	mail(w, .n = 3);
	assert_int_equal(store_open_command(w->path, &command, &err), 0);
	assert_int_equal(store_begin(w->store, &err), 0);
	assert_int_equal(store_facts(command, &facts, &err), 0);
	assert_int_equal(facts.messages, 1);
	store_rollback(w->store);
	store_close(&command);
	assert_null(command);
}

static void
a_command_refuses_what_is_no_database(void **state)
{
	struct world *w = *state;
	struct err err;
	write_file(w, "b.db", "", 0);
	assert_int_equal(store_open_command(w->path, &w->store, &err), -1);
	write_file(w, "b.db", "some text that is no database", 29);
	assert_int_equal(store_open_command(w->path, &w->store, &err), -1);
	assert_int_equal(files_like(w, "*"), 1);
}

/* ------------------------------------------------------- while it is open */

static void
a_lock_is_waited_for_no_longer_than_the_patience(void **state)
{
	struct world *w = *state;
	struct err err;
	store_set_patience(w->store, 200);
	sqlite3 *db = connect_outside(w->path);
	sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	int64_t began = now_ms();
	assert_int_equal(store_begin(w->store, &err), -1);
	int64_t took = now_ms() - began;
	assert_in_range(took, 150, 1500);
	assert_non_null(strstr(err.text, "lock"));
	assert_false(store_is_damaged(w->store));
	sqlite3_close(db);
}

static void
a_lock_that_is_over_leaves_no_trace(void **state)
{
	struct world *w = *state;
	struct err err;
	store_set_patience(w->store, 10);
	sqlite3 *db = connect_outside(w->path);
	sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	assert_int_equal(store_probe(w->store, &err), -1);
	sqlite3_close(db);
	assert_int_equal(store_probe(w->store, &err), 0);
}

static void
a_transaction_that_is_rolled_back_leaves_nothing(void **state)
{
	struct world *w = *state;
	struct err err;
	struct entry *e = make_entry(w, (struct mail){.n = 3});
	assert_int_equal(store_begin(w->store, &err), 0);
	assert_int_equal(store_count(w->store, e, &err), 0);
	assert_int_equal(store_keep(w->store, e, &err), 0);
	store_rollback(w->store);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM message"), 0);
}

static void
a_deleted_file_makes_the_commit_fail(void **state)
{
	struct world *w = *state;
	struct err err;
	struct entry *e = make_entry(w, (struct mail){.n = 3});
	assert_int_equal(unlink(w->path), 0);
	assert_int_equal(put_batch(w, &e, 1, &err), -1);
	assert_non_null(strstr(err.text, "deleted or replaced"));
}

static void
a_replaced_file_makes_the_commit_fail(void **state)
{
	struct world *w = *state;
	struct err err;
	char other[160];
	struct entry *e = make_entry(w, (struct mail){.n = 3});
	snprintf(other, sizeof(other), "%s/other", w->folder);
	write_file(w, "other", "x", 1);
	assert_int_equal(rename(other, w->path), 0);
	assert_int_equal(put_batch(w, &e, 1, &err), -1);
}

/* The write-ahead log or its index, by the name's end. */
static void
remove_beside(struct world *w, const char *suffix)
{
	char path[160];
	snprintf(path, sizeof(path), "%s%s", w->path, suffix);
	assert_int_equal(unlink(path), 0);
}

static void
a_deleted_log_makes_the_commit_fail_and_is_saved_at_the_close(void **state)
{
	struct world *w = *state;
	struct err err;
	mail(w, .n = 3);
	remove_beside(w, "-wal");
	assert_int_equal(store_probe(w->store, &err), -1);
	assert_non_null(strstr(err.text, "b.db-wal was deleted or replaced"));
	reopen_store(w);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM message"), 1);
	assert_int_equal(w->notices, 0);
}

static void
a_deleted_index_makes_the_commit_fail(void **state)
{
	struct world *w = *state;
	struct err err;
	mail(w, .n = 3);
	remove_beside(w, "-shm");
	assert_int_equal(store_probe(w->store, &err), -1);
	reopen_store(w);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM message"), 1);
}

static void
a_log_that_was_cut_is_not_copied_into_the_database(void **state)
{
	struct world *w = *state;
	struct err err;
	char log[160];
	mail(w, .n = 3);
	reopen_store(w); /* which puts it into the database */
	for (unsigned i = 0; i < 100; i++)
		mail(w, .first = i * 30, .n = 25);
	snprintf(log, sizeof(log), "%s-wal", w->path);
	assert_int_equal(truncate(log, 0), 0);
	assert_int_equal(store_probe(w->store, &err), -1);
	assert_non_null(strstr(err.text, "b.db-wal was cut"));
	reopen_store(w);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM message"), 1);
	assert_int_equal(sql_number(w, "SELECT integrity_check = 'ok' FROM "
				       "pragma_integrity_check"),
	    1);
	assert_int_equal(w->notices, 0);
}

/* The other program's reader keeps the index as it is. */
static void
a_checkpoint_by_another_program_loses_nothing(void **state)
{
	struct world *w = *state;
	struct err err;
	sqlite3 *other = connect_outside(w->path);
	mail(w, .n = 3);
	sql_do(w, "PRAGMA wal_checkpoint(TRUNCATE)");
	if (store_probe(w->store, &err) < 0)
		reopen_store(w);
	mail(w, .first = 30, .n = 3);
	sqlite3_close(other);
	reopen_store(w);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM message"), 2);
	assert_int_equal(w->notices, 0);
}

static void
a_file_that_was_deleted_while_open_comes_back_empty_and_sound(void **state)
{
	struct world *w = *state;
	struct err err;
	for (unsigned i = 0; i < 50; i++)
		mail(w, .first = i * 30, .n = 25);
	assert_int_equal(unlink(w->path), 0);
	assert_int_equal(store_probe(w->store, &err), -1);
	reopen_store(w);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM message"), 0);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM bulk_send"), 0);
	assert_int_equal(sql_number(w, "SELECT integrity_check = 'ok' FROM "
				       "pragma_integrity_check"),
	    1);
}

static void
a_backup_put_in_place_while_open_stays_as_it_is(void **state)
{
	struct world *w = *state;
	struct err err;
	char sql[200], backup[160];
	mail(w, .n = 3);
	snprintf(backup, sizeof(backup), "%s/backup", w->folder);
	snprintf(sql, sizeof(sql), "VACUUM INTO '%s'", backup);
	sql_do(w, sql);
	for (unsigned i = 0; i < 50; i++)
		mail(w, .first = i * 30, .n = 25);
	assert_int_equal(rename(backup, w->path), 0);
	assert_int_equal(store_probe(w->store, &err), -1);
	reopen_store(w);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM message"), 1);
	assert_int_equal(sql_number(w, "SELECT integrity_check = 'ok' FROM "
				       "pragma_integrity_check"),
	    1);
}

/* The child ends with what is committed in the WAL only. */
static void
what_is_committed_survives_the_end_of_the_process(void **state)
{
	struct world *w = *state;
	pid_t child = fork();
	if (child == 0) {
		open_store(w);
		for (unsigned i = 0; i < 10; i++)
			mail(w, .first = i * 30, .n = 25);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(files_like(w, "b.db-wal"), 1);
	open_store(w);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM message"), 10);
	assert_int_equal(sql_number(w, "SELECT count(*) FROM bulk_send"), 1);
	assert_int_equal(w->notices, 0);
}

/* ------------------------------------------------------------------ checks */

static void
a_sound_file_passes_the_whole_check(void **state)
{
	struct world *w = *state;
	struct err err;
	mail(w, .n = 25);
	struct store_check check;
	store_check_init(&check);
	assert_int_equal(store_verify(w->path, &check, &err), 1);
}

static void
the_whole_check_finds_damage(void **state)
{
	struct world *w = *state;
	struct err err;
	char garbage[4096];
	make_database(w, 300);
	int fd = open(w->path, O_WRONLY);
	memset(garbage, 0xa5, sizeof(garbage));
	assert_int_equal(pwrite(fd, garbage, sizeof(garbage), 3 * 4096), 4096);
	close(fd);
	struct store_check check;
	store_check_init(&check);
	assert_int_equal(store_verify(w->path, &check, &err), 0);
}

static void
the_whole_check_can_be_stopped(void **state)
{
	struct world *w = *state;
	struct err err;
	char garbage[4096];
	make_database(w, 300);
	int fd = open(w->path, O_WRONLY);
	memset(garbage, 0xa5, sizeof(garbage));
	assert_int_equal(pwrite(fd, garbage, sizeof(garbage), 3 * 4096), 4096);
	close(fd);
	/* It would find damage, if it ran. */
	struct store_check check;
	store_check_init(&check);
	store_check_stop(&check);
	assert_int_equal(store_verify(w->path, &check, &err), 1);
}

static void
a_check_of_no_file_is_no_answer(void **state)
{
	struct world *w = *state;
	struct err err;
	struct store_check check;
	store_check_init(&check);
	assert_int_equal(store_verify(w->path, &check, &err), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    with_folder(a_database_is_made_where_there_is_none),
	    with_folder(
		a_new_database_may_be_used_by_its_group_and_nobody_else),
	    with_folder(making_a_database_leaves_no_other_file),
	    with_folder(what_was_written_is_there_when_it_is_opened_again),
	    with_folder(an_empty_file_is_set_aside_and_a_new_database_made),
	    with_folder(garbage_is_set_aside_as_it_was),
	    with_folder(a_file_cut_short_is_set_aside),
	    with_folder(a_header_alone_is_set_aside),
	    with_folder(a_damaged_page_is_found_by_the_quick_check),
	    with_folder(a_write_ahead_log_goes_aside_with_its_file),
	    with_folder(a_write_ahead_log_without_its_file_is_set_aside),
	    with_folder(two_files_set_aside_in_one_second_have_two_names),
	    with_folder(a_database_without_its_key_is_set_aside),
	    with_folder(damage_that_is_met_without_a_check_is_set_aside),
	    with_folder(another_programs_database_is_refused_and_left_alone),
	    with_folder(
		a_database_of_no_application_but_with_tables_is_refused),
	    with_folder(a_newer_schema_is_refused_and_left_alone),
	    with_folder(a_schema_that_there_never_was_is_damage),
	    with_folder(a_missing_folder_is_for_a_person_to_mend),
	    with_folder(a_folder_in_place_of_the_file_is_refused),
	    with_folder(a_symbolic_link_is_refused),
	    with_folder(a_database_of_another_user_is_refused_and_left_alone),
	    with_folder(a_folder_that_others_can_write_to_is_refused),
	    with_folder(a_database_held_by_another_program_may_be_tried_later),
	    with_folder(a_command_does_not_make_a_database),
	    with_folder(a_command_reads_while_the_daemon_writes),
	    with_folder(a_command_refuses_what_is_no_database),
	    with_store(a_lock_is_waited_for_no_longer_than_the_patience),
	    with_store(a_lock_that_is_over_leaves_no_trace),
	    with_store(a_transaction_that_is_rolled_back_leaves_nothing),
	    with_store(a_deleted_file_makes_the_commit_fail),
	    with_store(a_replaced_file_makes_the_commit_fail),
	    with_store(
		a_deleted_log_makes_the_commit_fail_and_is_saved_at_the_close),
	    with_store(a_deleted_index_makes_the_commit_fail),
	    with_store(a_log_that_was_cut_is_not_copied_into_the_database),
	    with_store(a_checkpoint_by_another_program_loses_nothing),
	    with_store(
		a_file_that_was_deleted_while_open_comes_back_empty_and_sound),
	    with_store(a_backup_put_in_place_while_open_stays_as_it_is),
	    with_folder(what_is_committed_survives_the_end_of_the_process),
	    with_store(a_sound_file_passes_the_whole_check),
	    with_folder(the_whole_check_finds_damage),
	    with_folder(the_whole_check_can_be_stopped),
	    with_folder(a_check_of_no_file_is_no_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
