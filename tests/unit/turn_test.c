/* turn_test.c: one person after another at held mail. */
#include "office.h"

#include <sys/file.h>
#include <sys/stat.h>

#include "../../milter/ctl/turn.h"

/* What is asked of a file in a folder of its own, and what is said of it. */
struct desk {
	struct ctl ctl;
	char folder[40], file[64];
	char *said;
	size_t length;
};

static void
desk_open(struct desk *desk, struct arena *arena)
{
	*desk = (struct desk){.folder = "/tmp/bulkwatch-turn-XXXXXX"};
	assert_non_null(mkdtemp(desk->folder));
	snprintf(desk->file, sizeof(desk->file), "%s/lock", desk->folder);
	desk->ctl.arena = arena;
	desk->ctl.err = open_memstream(&desk->said, &desk->length);
}

static void
desk_close(struct desk *desk)
{
	fclose(desk->ctl.err);
	free(desk->said);
	unlink(desk->file);
	rmdir(desk->folder);
}

static void
is_said(struct desk *desk, const char *sentence)
{
	fflush(desk->ctl.err);
	if (strstr(desk->said, sentence) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", desk->said, sentence);
}

static void
who_has_the_turn_is_named_to_those_who_give_up(void **state)
{
	struct desk desk;
	char sentence[200];
	desk_open(&desk, *state);
	int first = turn_take(&desk.ctl, desk.file, 0);
	assert_true(first >= 0);
	assert_int_equal(turn_take(&desk.ctl, desk.file, 0), -1);
	snprintf(sentence, sizeof(sentence),
	    "somebody else (process %ld) is still at held mail; nothing was "
	    "done",
	    (long)getpid());
	is_said(&desk, sentence);
	close(first);
	int next = turn_take(&desk.ctl, desk.file, 0);
	assert_true(next >= 0);
	close(next);
	desk_close(&desk);
}

static void
only_we_may_open_the_file(void **state)
{
	struct desk desk;
	struct stat info;
	desk_open(&desk, *state);
	close(turn_take(&desk.ctl, desk.file, 0));
	assert_int_equal(stat(desk.file, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(chmod(desk.file, 0640), 0);
	assert_int_equal(turn_take(&desk.ctl, desk.file, 0), -1);
	is_said(&desk, "is not root's alone (mode 0600): remove it");
	unlink(desk.file);
	assert_int_equal(symlink("/dev/null", desk.file), 0);
	assert_int_equal(turn_take(&desk.ctl, desk.file, 0), -1);
	is_said(&desk, "cannot be opened");
	desk_close(&desk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_has_the_turn_is_named_to_those_who_give_up),
	    cmocka_unit_test(only_we_may_open_the_file),
	};
	return cmocka_run_group_tests(tests, office_setup, office_teardown);
}
