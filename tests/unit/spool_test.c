/* spool_test.c: messages on the disk while the store fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulkwatch/json.h"
#include "bulkwatch/spool.h"

#define MOST 2000

/* A folder, its spool, and what a replay handed back. */
struct world {
	char folder[64];
	struct spool *spool;
	unsigned n;            /* messages taken */
	char ids[MOST][16];    /* their queue ids */
	uint32_t counts[MOST]; /* their recipients */
	unsigned refuse_from;  /* refuses the batch that reaches this one */
	unsigned batches, largest;
	unsigned bad;
	char sentence[ERR_TEXT_MAX];
	struct spool_place place; /* behind the last batch taken */
};

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err err;
	strcpy(w->folder, "/tmp/spool_test.XXXXXX");
	w->refuse_from = UINT32_MAX;
	*state = w;
	return mkdtemp(w->folder) == NULL ||
	       spool_init(w->folder, &w->spool, &err) < 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	spool_deinit(&w->spool);
	assert_null(w->spool);
	int failed = nftw(w->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(w);
	return failed;
}

static void
path_of(struct world *w, const char *name, char path_r[160])
{
	snprintf(path_r, 160, "%s/%s", w->folder, name);
}

static long
size_of(struct world *w, const char *name)
{
	char path[160];
	struct stat st;
	path_of(w, name, path);
	return stat(path, &st) < 0 ? -1 : (long)st.st_size;
}

/* Adds bytes to a file of the folder, as a crash or a person might. */
static void
scribble(struct world *w, const char *name, const char *text)
{
	char path[160];
	path_of(w, name, path);
	FILE *file = fopen(path, "a");
	fputs(text, file);
	fclose(file);
}

static void
reopen(struct world *w)
{
	struct err err;
	spool_deinit(&w->spool);
	assert_int_equal(spool_init(w->folder, &w->spool, &err), 0);
}

/* ----------------------------------------------------------- in and out */

static const struct recipient recipients[] = {
    {"a@x.vn", false}, {"b@far.example", true}};

static struct message
numbered(unsigned number, char queue_id[16])
{
	snprintf(queue_id, 16, "Q%u", number);
	return (struct message){.at_ms = 1000 + number,
	    .tick = 50 + number,
	    .identity = IDENTITY_ENVELOPE,
	    .sender = "an@x.vn",
	    .mail_from = "an+1@x.vn",
	    .login = "",
	    .client = "192.0.2.1",
	    .queue_id = queue_id,
	    .message_id = "<1@x.vn>",
	    .subject = "Thư \"mời\" họp",
	    .recipients = recipients,
	    .recipients_n = 2,
	    .recipient_count = 2,
	    .external_count = 1};
}

static int
try_append(struct world *w, unsigned first, unsigned n, struct err *err)
{
	static struct message messages[MOST];
	static char ids[MOST][16];
	const struct message *list[MOST];
	for (unsigned i = 0; i < n; i++) {
		messages[i] = numbered(first + i, ids[i]);
		list[i] = &messages[i];
	}
	return spool_append(w->spool, list, n, err);
}

static void
append(struct world *w, unsigned first, unsigned n)
{
	struct err err = {""};
	if (try_append(w, first, n, &err) < 0)
		fail_msg("%s", err.text);
}

static int
take(void *context, struct arena *arena, struct message **messages, size_t n,
    const struct spool_place *after)
{
	struct world *w = context;
	assert_non_null(arena_alloc(arena, 10));
	if (w->n + n > w->refuse_from)
		return -1;
	for (size_t i = 0; i < n; i++) {
		snprintf(w->ids[w->n], 16, "%s", messages[i]->queue_id);
		w->counts[w->n++] = messages[i]->recipient_count;
	}
	w->place = *after;
	w->batches++;
	w->largest = n > w->largest ? (unsigned)n : w->largest;
	return 0;
}

static void
hear_bad(void *context, const char *sentence)
{
	struct world *w = context;
	w->bad++;
	snprintf(w->sentence, sizeof(w->sentence), "%s", sentence);
}

static int
replay(struct world *w)
{
	struct err err = {""};
	const struct spool_replay replay = {
	    .batch = take, .bad = hear_bad, .context = w};
	int failed = spool_replay(w->spool, &replay, &err);
	if (failed < 0)
		assert_true(err.text[0] != '\0');
	return failed;
}

/* -------------------------------------------------------------------- tests */

static void
a_new_spool_is_empty(void **state)
{
	struct world *w = *state;
	assert_false(spool_has_messages(w->spool));
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 0);
}

static void
a_missing_folder_is_made_for_its_user(void **state)
{
	struct world *w = *state;
	struct spool *spool;
	struct err err;
	char path[160];
	struct stat st;
	path_of(w, "fresh", path);
	assert_int_equal(spool_init(path, &spool, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0027, 0);
	spool_deinit(&spool);
}

static void
a_folder_whose_parent_is_missing_is_refused(void **state)
{
	struct world *w = *state;
	struct spool *spool = NULL;
	struct err err;
	char path[160];
	path_of(w, "none/fresh", path);
	assert_int_equal(spool_init(path, &spool, &err), -1);
	assert_non_null(strstr(err.text, path));
	assert_null(spool);
}

static void
a_file_in_place_of_the_folder_is_refused(void **state)
{
	struct world *w = *state;
	struct spool *spool = NULL;
	struct err err;
	char path[160];
	scribble(w, "file", "x");
	path_of(w, "file", path);
	assert_int_equal(spool_init(path, &spool, &err), -1);
}

static void
messages_come_back_in_their_order(void **state)
{
	struct world *w = *state;
	append(w, 0, 3);
	append(w, 3, 2);
	assert_true(spool_has_messages(w->spool));
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 5);
	for (unsigned i = 0; i < 5; i++) {
		char id[16];
		snprintf(id, sizeof(id), "Q%u", i);
		assert_string_equal(w->ids[i], id);
	}
}

static void
messages_come_back_once(void **state)
{
	struct world *w = *state;
	append(w, 0, 3);
	assert_int_equal(replay(w), 0);
	assert_false(spool_has_messages(w->spool));
	assert_int_equal(size_of(w, SPOOL_FILE), -1);
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 3);
}

static int
compare(void *context, struct arena *arena, struct message **messages, size_t n,
    const struct spool_place *after)
{
	(void)after;
	char id[16];
	const struct message right = numbered(7, id);
	const struct message *m = messages[0];
	(void)context;
	(void)arena;
	assert_int_equal(n, 1);
	assert_int_equal(m->at_ms, right.at_ms);
	assert_int_equal(m->tick, right.tick);
	assert_int_equal(m->identity, right.identity);
	assert_string_equal(m->sender, right.sender);
	assert_string_equal(m->mail_from, right.mail_from);
	assert_string_equal(m->login, "");
	assert_string_equal(m->client, right.client);
	assert_string_equal(m->queue_id, "Q7");
	assert_string_equal(m->message_id, right.message_id);
	assert_string_equal(m->subject, right.subject);
	assert_int_equal(m->recipients_n, 2);
	assert_string_equal(m->recipients[1].address, "b@far.example");
	assert_true(m->recipients[1].external);
	assert_int_equal(m->recipient_count, 2);
	assert_int_equal(m->external_count, 1);
	return 0;
}

static void
a_message_comes_back_whole(void **state)
{
	struct world *w = *state;
	struct err err;
	append(w, 7, 1);
	const struct spool_replay replay = {
	    .batch = compare, .bad = hear_bad, .context = w};
	assert_int_equal(spool_replay(w->spool, &replay, &err), 0);
}

static void
messages_wait_across_a_restart(void **state)
{
	struct world *w = *state;
	append(w, 0, 3);
	reopen(w);
	assert_true(spool_has_messages(w->spool));
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 3);
}

static void
many_messages_come_in_batches(void **state)
{
	struct world *w = *state;
	append(w, 0, 1500);
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 1500);
	assert_true(w->batches > 1);
	assert_true(w->largest < 1000);
}

static void
what_is_refused_stays(void **state)
{
	struct world *w = *state;
	append(w, 0, 3);
	w->refuse_from = 0;
	assert_int_equal(replay(w), -1);
	assert_true(spool_has_messages(w->spool));
	w->refuse_from = UINT32_MAX;
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 3);
}

static void
a_replay_goes_on_where_the_last_one_was_refused(void **state)
{
	struct world *w = *state;
	append(w, 0, 1000);
	w->refuse_from = 500;
	assert_int_equal(replay(w), -1);
	unsigned taken = w->n;
	assert_in_range(taken, 1, 500);
	append(w, 1000, 10);
	w->refuse_from = UINT32_MAX;
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 1010);
	assert_string_equal(w->ids[taken], "Q400");
	assert_string_equal(w->ids[1009], "Q1009");
}

/* Takes all but one of them. */
static int
refuse_q2(void *context, struct arena *arena, struct message **messages,
    size_t n, const struct spool_place *after)
{
	assert_int_equal(n, 1);
	return strcmp(messages[0]->queue_id, "Q2") == 0
		   ? SPOOL_REFUSED
		   : take(context, arena, messages, n, after);
}

static int
keep_place(void *context, const struct spool_place *after)
{
	struct world *w = context;
	w->place = *after;
	w->batches++;
	return 0;
}

static void
a_message_that_cannot_be_saved_is_kept_beside(void **state)
{
	struct world *w = *state;
	struct err err;
	const struct spool_replay replay = {.at_once = 1,
	    .batch = refuse_q2,
	    .refused = keep_place,
	    .bad = hear_bad,
	    .context = w};
	append(w, 0, 2);
	scribble(w, SPOOL_FILE, "nonsense\n");
	append(w, 2, 3);
	assert_int_equal(spool_replay(w->spool, &replay, &err), SPOOL_EMPTY);
	assert_int_equal(w->n, 4);
	assert_string_equal(w->ids[2], "Q3");
	assert_int_equal(w->place.lines, 6);
	assert_int_equal(w->batches, 5);
	assert_int_equal(w->bad, 2);
	assert_non_null(strstr(w->sentence, "line 4 cannot be saved"));
}

static bool
at_once_enough(void *context)
{
	(void)context;
	return true;
}

static void
a_replay_that_pauses_goes_on_where_it_was(void **state)
{
	struct world *w = *state;
	struct err err;
	const struct spool_replay replay = {.batch = take,
	    .enough = at_once_enough,
	    .bad = hear_bad,
	    .context = w};
	append(w, 0, 300);
	assert_int_equal(spool_replay(w->spool, &replay, &err), SPOOL_MORE);
	assert_in_range(w->n, 1, 299);
	append(w, 300, 10);
	int got;
	while ((got = spool_replay(w->spool, &replay, &err)) == SPOOL_MORE)
		continue;
	assert_int_equal(got, SPOOL_EMPTY);
	assert_int_equal(w->n, 310);
	assert_string_equal(w->ids[309], "Q309");
	assert_false(spool_has_messages(w->spool));
}

static void
a_replay_goes_on_after_a_restart_at_the_place_that_was_kept(void **state)
{
	struct world *w = *state;
	append(w, 0, 1000);
	w->refuse_from = 500;
	assert_int_equal(replay(w), -1);
	unsigned taken = w->n;
	assert_in_range(taken, 1, 500);
	reopen(w);
	w->refuse_from = UINT32_MAX;
	struct spool_place other = w->place;
	other.file++; /* of a file that is gone */
	spool_resume(w->spool, &other);
	spool_resume(w->spool, &w->place);
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 1000);
	assert_string_equal(w->ids[taken], "Q400");
}

static void
a_place_in_another_file_is_not_this_ones(void **state)
{
	struct world *w = *state;
	append(w, 0, 10);
	const struct spool_place other = {.file = 1, .offset = 20, .lines = 1};
	spool_resume(w->spool, &other);
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 10);
}

static void
a_replay_begins_anew_when_told_to(void **state)
{
	struct world *w = *state;
	append(w, 0, 1000);
	w->refuse_from = 500;
	assert_int_equal(replay(w), -1);
	spool_rewind(w->spool);
	w->n = 0;
	w->refuse_from = UINT32_MAX;
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 1000);
}

static void
messages_after_a_replay_are_all_new(void **state)
{
	struct world *w = *state;
	append(w, 0, 5);
	assert_int_equal(replay(w), 0);
	append(w, 5, 2);
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 7);
	assert_string_equal(w->ids[5], "Q5");
}

static void
a_line_that_cannot_be_read_is_kept_beside_and_told(void **state)
{
	struct world *w = *state;
	static const char bad[] = "{\"identity\": \"login\", nonsense\n";
	append(w, 0, 1);
	scribble(w, SPOOL_FILE, bad);
	append(w, 1, 1);
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->bad, 1);
	assert_non_null(strstr(w->sentence, "line 2"));
	assert_non_null(strstr(w->sentence, SPOOL_REJECTED_FILE));
	assert_int_equal(size_of(w, SPOOL_REJECTED_FILE), sizeof(bad) - 1);
	assert_int_equal(size_of(w, SPOOL_FILE), -1);
}

static void
a_bad_line_is_rejected_once_however_often_the_store_refuses(void **state)
{
	struct world *w = *state;
	scribble(w, SPOOL_FILE, "bad\n");
	reopen(w);
	append(w, 0, 1);
	w->refuse_from = 0;
	for (int i = 0; i < 5; i++)
		assert_int_equal(replay(w), -1);
	w->refuse_from = UINT32_MAX;
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->bad, 1);
	assert_int_equal(size_of(w, SPOOL_REJECTED_FILE), 4);
}

static void
only_bad_lines_leave_an_empty_spool(void **state)
{
	struct world *w = *state;
	scribble(w, SPOOL_FILE, "bad\n\nworse\n");
	reopen(w);
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->bad, 3);
	assert_false(spool_has_messages(w->spool));
}

/* As a crash leaves it: it was never acknowledged. */
static void
a_torn_line_does_not_take_the_next_one_with_it(void **state)
{
	struct world *w = *state;
	append(w, 0, 1);
	scribble(w, SPOOL_FILE, "{\"identity\":\"log");
	reopen(w);
	append(w, 1, 1);
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 2);
	assert_string_equal(w->ids[1], "Q1");
	assert_int_equal(w->bad, 1);
}

static void
a_file_that_cannot_be_written_takes_nothing(void **state)
{
	struct world *w = *state;
	struct err err = {""};
	char path[160];
	path_of(w, SPOOL_FILE, path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(try_append(w, 0, 1, &err), -1);
	assert_non_null(strstr(err.text, SPOOL_FILE));
	assert_false(spool_has_messages(w->spool));
}

static void
a_full_disk_leaves_the_file_as_it_was(void **state)
{
	struct world *w = *state;
	struct err err = {""};
	append(w, 0, 2);
	long before = size_of(w, SPOOL_FILE);
	/* The soft limit stands for the end of the disk. */
	pid_t child = fork();
	if (child == 0) {
		struct rlimit limit = {(rlim_t)before + 100, RLIM_INFINITY};
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		_exit(try_append(w, 2, 5, &err) == -1 ? 0 : 1);
	}
	int status;
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(size_of(w, SPOOL_FILE), before);
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->bad, 0);
}

static void
a_symbolic_link_is_not_followed(void **state)
{
	struct world *w = *state;
	struct err err;
	char path[160];
	path_of(w, SPOOL_FILE, path);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(try_append(w, 0, 1, &err), -1);
	assert_int_equal(size_of(w, "elsewhere"), -1);
}

/* A FIFO would swallow messages, or hold up whoever reads it. */
static void
a_fifo_takes_no_message_and_holds_nobody_up(void **state)
{
	struct world *w = *state;
	struct err err;
	char path[160];
	path_of(w, SPOOL_FILE, path);
	assert_int_equal(mkfifo(path, 0640), 0);
	assert_int_equal(try_append(w, 0, 1, &err), -1);
	assert_non_null(strstr(err.text, "not a regular file"));
	assert_int_equal(replay(w), -1);
}

static void
a_file_of_another_user_is_neither_read_nor_written(void **state)
{
	struct world *w = *state;
	struct err err;
	char path[160];
	if (geteuid() != 0)
		skip(); /* nobody else can give files away */
	append(w, 0, 2);
	path_of(w, SPOOL_FILE, path);
	off_t before = size_of(w, SPOOL_FILE);
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_int_equal(try_append(w, 2, 1, &err), -1);
	assert_non_null(strstr(err.text, "belongs to user 65534"));
	assert_int_equal(replay(w), -1);
	assert_int_equal(w->n, 0);
	assert_int_equal(size_of(w, SPOOL_FILE), before);
}

static void
a_folder_that_others_can_write_to_is_refused(void **state)
{
	struct world *w = *state;
	struct spool *spool = NULL;
	struct err err;
	assert_int_equal(chmod(w->folder, 01777), 0);
	assert_int_equal(spool_init(w->folder, &spool, &err), -1);
	assert_non_null(strstr(err.text, "by everybody"));
	assert_int_equal(chmod(w->folder, 0700), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(w->folder, 65534, 65534), 0);
	assert_int_equal(spool_init(w->folder, &spool, &err), -1);
	assert_non_null(strstr(err.text, "belongs to user 65534"));
	assert_null(spool);
}

static void
a_file_that_was_removed_is_an_empty_spool(void **state)
{
	struct world *w = *state;
	char path[160];
	append(w, 0, 3);
	path_of(w, SPOOL_FILE, path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 0);
	append(w, 3, 1);
	assert_int_equal(replay(w), 0);
	assert_int_equal(w->n, 1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    test(a_new_spool_is_empty),
	    test(a_missing_folder_is_made_for_its_user),
	    test(a_folder_whose_parent_is_missing_is_refused),
	    test(a_file_in_place_of_the_folder_is_refused),
	    test(messages_come_back_in_their_order),
	    test(messages_come_back_once),
	    test(a_message_comes_back_whole),
	    test(messages_wait_across_a_restart),
	    test(many_messages_come_in_batches),
	    test(what_is_refused_stays),
	    test(a_replay_goes_on_where_the_last_one_was_refused),
	    test(a_message_that_cannot_be_saved_is_kept_beside),
	    test(a_replay_that_pauses_goes_on_where_it_was),
	    test(a_replay_goes_on_after_a_restart_at_the_place_that_was_kept),
	    test(a_place_in_another_file_is_not_this_ones),
	    test(a_replay_begins_anew_when_told_to),
	    test(messages_after_a_replay_are_all_new),
	    test(a_line_that_cannot_be_read_is_kept_beside_and_told),
	    test(a_bad_line_is_rejected_once_however_often_the_store_refuses),
	    test(only_bad_lines_leave_an_empty_spool),
	    test(a_torn_line_does_not_take_the_next_one_with_it),
	    test(a_file_that_cannot_be_written_takes_nothing),
	    test(a_full_disk_leaves_the_file_as_it_was),
	    test(a_symbolic_link_is_not_followed),
	    test(a_fifo_takes_no_message_and_holds_nobody_up),
	    test(a_file_of_another_user_is_neither_read_nor_written),
	    test(a_folder_that_others_can_write_to_is_refused),
	    test(a_file_that_was_removed_is_an_empty_spool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
