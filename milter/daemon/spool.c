/* spool.c: messages on the disk while the store fails. */
#include "bulkwatch/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulkwatch/clock.h"
#include "bulkwatch/json.h"
#include "bulkwatch/trust.h"

/* Lines handed back at once. */
#define REPLAY_BATCH 200

struct spool {
	int folder; /* for openat */
	char *name;
	bool has_messages;
	/* So much of the file was taken, or rejected, by a replay that did not
	 * come to its end. */
	off_t done;
	size_t done_lines, rejected_lines;
	/* How a line of this boot ends, but for the newline. */
	char of_boot[CLOCK_BOOT_ID_MAX + 16];
};

int
spool_init(const char *folder, struct spool **spool_r, struct err *err)
{
	if (mkdir(folder, 0750) < 0 && errno != EEXIST)
		return err_sys(err, "spool %s cannot be made", folder);
	struct spool *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return err_set(err, "memory is out");
	s->name = strdup(folder);
	s->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->name == NULL || s->folder < 0) {
		err_sys(err, "spool %s", folder);
		spool_deinit(&s);
		return -1;
	}
	if (faccessat(s->folder, ".", W_OK | X_OK, 0) < 0 && errno != EROFS) {
		err_sys(err,
		    "spool %s: the folder must belong to the user of "
		    "bulkwatchd",
		    folder);
		spool_deinit(&s);
		return -1;
	}
	struct stat st;
	char boot_id[CLOCK_BOOT_ID_MAX];
	clock_boot_id(boot_id);
	snprintf(s->of_boot, sizeof(s->of_boot),
	    boot_id[0] == '\0' ? "}" : ",\"boot\":\"%s\"}", boot_id);
	if (fstat(s->folder, &st) < 0 || trust_folder(&st, err) < 0) {
		err_wrap(err, "spool %s", folder);
		spool_deinit(&s);
		return -1;
	}
	s->has_messages =
	    fstatat(s->folder, SPOOL_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0;
	*spool_r = s;
	return 0;
}

void
spool_deinit(struct spool **spool)
{
	struct spool *s = *spool;
	if (s == NULL)
		return;
	if (s->folder >= 0)
		close(s->folder);
	free(s->name);
	free(s);
	*spool = NULL;
}

bool
spool_has_messages(const struct spool *spool)
{
	return spool->has_messages;
}

static int
write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

/* Writes one message as a line, with the boot that its tick is of. */
static bool
put_line(FILE *out, const struct spool *spool, const struct message *message)
{
	char *line = json_message(message);
	bool good =
	    line != NULL && fprintf(out, "%.*s%s\n", (int)strlen(line) - 1,
				line, spool->of_boot) >= 0;
	free(line);
	return good;
}

/* The messages as lines in one piece of memory; the caller frees it. */
static char *
lines_of(const struct spool *spool, const struct message *const *messages,
    size_t n, size_t *length_r)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length_r);
	if (out == NULL)
		return NULL;
	bool good = true;
	for (size_t i = 0; i < n && good; i++)
		good = put_line(out, spool, messages[i]);
	good = fclose(out) == 0 && good;
	if (good)
		return text;
	free(text);
	return NULL;
}

/* A line that was torn by a crash must not take the next one with it. */
static bool
ends_with_newline(int fd, off_t size)
{
	char last;
	return size == 0 ||
	       (pread(fd, &last, 1, size - 1) == 1 && last == '\n');
}

/* Opens one of our files in the spool, which nobody else has put there: a FIFO
 * would swallow messages, or hold us up for ever. Returns a descriptor, or -1
 * with errno and a sentence. */
static int
open_ours(struct spool *spool, const char *file, int flags, struct err *err)
{
	struct stat st;
	int fd = openat(spool->folder, file,
	    flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	if (fd < 0)
		return err_sys(err, "spool %s/%s", spool->name, file);
	int failed = fstat(fd, &st) < 0 ? err_sys(err, "cannot be looked at")
					: trust_file(&st, err);
	if (failed == 0)
		return fd;
	err_wrap(err, "spool %s/%s", spool->name, file);
	close(fd);
	errno = EPERM;
	return -1;
}

static int
append(struct spool *spool, const char *file, const char *text, size_t length,
    struct err *err)
{
	int fd = open_ours(spool, file, O_RDWR | O_CREAT | O_APPEND, err);
	if (fd < 0)
		return -1;
	struct stat st;
	int failed = fstat(fd, &st);
	if (failed == 0 &&
	    ((!ends_with_newline(fd, st.st_size) &&
		 write_all(fd, "\n", 1) < 0) ||
		write_all(fd, text, length) < 0 || fdatasync(fd) < 0)) {
		failed = -1;
		int saved = errno;
		/* Half a line would be taken for a damaged one. */
		(void)!ftruncate(fd, st.st_size);
		errno = saved;
	}
	if (failed < 0)
		err_sys(err, "spool %s/%s", spool->name, file);
	close(fd);
	return failed;
}

int
spool_append(struct spool *spool, const struct message *const *messages,
    size_t n, struct err *err)
{
	size_t length = 0;
	char *text = lines_of(spool, messages, n, &length);
	if (text == NULL)
		return err_set(err, "memory is out");
	const bool fresh = !spool->has_messages;
	int failed = append(spool, SPOOL_FILE, text, length, err);
	free(text);
	if (failed < 0)
		return -1;
	spool->has_messages = true;
	/* A new file's name must be on the disk too. */
	if (fresh && fsync(spool->folder) < 0)
		return err_sys(err, "spool %s", spool->name);
	return 0;
}

int
spool_put_aside(
    struct spool *spool, const struct message *message, struct err *err)
{
	size_t length = 0;
	char *text = lines_of(spool, &message, 1, &length);
	if (text == NULL)
		return err_set(err, "memory is out");
	int failed = append(spool, SPOOL_REJECTED_FILE, text, length, err);
	free(text);
	return failed;
}

/* ------------------------------------------------------------------ replay */

struct replay {
	struct spool *spool;
	FILE *file;
	const struct spool_replay *to;
	size_t line_no;
	/* The line that was read last; its buffer is reused. */
	char *line;
	size_t room, length;
};

/* Puts the line that was read last into the second file, and says so. */
static int
reject(
    struct replay *replay, const char *what, const char *why, struct err *err)
{
	struct spool *spool = replay->spool;
	if (append(spool, SPOOL_REJECTED_FILE, replay->line, replay->length,
		err) < 0)
		return -1;
	if (spool->rejected_lines < replay->line_no)
		spool->rejected_lines = replay->line_no;
	struct err sentence;
	err_set(&sentence,
	    "spool %s/%s line %zu cannot be %s and was put into "
	    "%s: %s",
	    spool->name, SPOOL_FILE, replay->line_no, what, SPOOL_REJECTED_FILE,
	    why);
	replay->to->bad(replay->to->context, sentence.text);
	return 0;
}

/* A tick is good in its own boot only. */
static bool
is_of_this_boot(const struct replay *replay)
{
	const size_t end = strlen(replay->spool->of_boot);
	size_t length = replay->length;
	if (length > 0 && replay->line[length - 1] == '\n')
		length--;
	return end > 1 && length > end &&
	       memcmp(replay->line + length - end, replay->spool->of_boot,
		   end) == 0;
}

/* Reads the next line. Returns 1 for a message, 0 for none, -1 with a sentence;
 * 0 with *end_r set at the end of the file. */
static int
read_line(struct replay *replay, struct arena *arena,
    struct message **message_r, bool *end_r, struct err *err)
{
	struct err why;
	ssize_t length = getline(&replay->line, &replay->room, replay->file);
	*end_r = length < 0;
	if (*end_r)
		return 0;
	replay->length = (size_t)length;
	replay->line_no++;
	struct message *m = arena_alloc(arena, sizeof(*m));
	if (m == NULL)
		return err_set(err, "memory is out");
	if (json_message_parse(arena, replay->line, replay->length, m, &why) ==
	    0) {
		if (!is_of_this_boot(replay))
			m->tick = 0;
		*message_r = m;
		return 1;
	}
	if (replay->line_no <= replay->spool->rejected_lines)
		return 0; /* by an earlier replay */
	return reject(replay, "read", why.text, err);
}

/* Reads up to a batch of messages. Returns how many, -1 with a sentence. */
static int
read_batch(struct replay *replay, struct arena *arena,
    struct message *messages[REPLAY_BATCH], struct err *err)
{
	const size_t most = replay->to->at_once;
	const int room =
	    most == 0 || most > REPLAY_BATCH ? REPLAY_BATCH : (int)most;
	int n = 0, got = 0;
	for (bool end = false; n < room && !end && got >= 0; n += got > 0)
		got = read_line(replay, arena, &messages[n], &end, err);
	if (got < 0)
		return -1;
	return ferror(replay->file)
		   ? err_sys(err, "spool %s", replay->spool->name)
		   : n;
}

static struct spool_place
place_of(const struct replay *replay)
{
	struct stat st;
	struct spool_place place = {
	    .offset = ftello(replay->file), .lines = (int64_t)replay->line_no};
	if (fstat(fileno(replay->file), &st) == 0)
		place.file = (int64_t)st.st_ino;
	return place;
}

/* The batch was one message that cannot be saved. */
static int
refuse(struct replay *replay, const struct spool_place *after, struct err *err)
{
	const struct spool_replay *to = replay->to;
	if (reject(replay, "saved", "the database refuses it", err) < 0)
		return -1;
	return to->refused(to->context, after) < 0
		   ? err_set(err, "the store did not take it")
		   : 0;
}

/* Returns 1 if there was a batch, 0 if there is none any more, -1. */
static int
replay_batch(struct replay *replay, struct arena *arena, struct err *err)
{
	const struct spool_replay *to = replay->to;
	struct message *messages[REPLAY_BATCH];
	int n = read_batch(replay, arena, messages, err);
	if (n <= 0)
		return n;
	const struct spool_place after = place_of(replay);
	int taken = to->batch(to->context, arena, messages, (size_t)n, &after);
	if (taken < 0)
		return err_set(err, "the store did not take it");
	if (taken == SPOOL_REFUSED && refuse(replay, &after, err) < 0)
		return -1;
	replay->spool->done = after.offset;
	replay->spool->done_lines = replay->line_no;
	return 1;
}

static int
replay_batches(struct replay *replay, struct err *err)
{
	const struct spool_replay *to = replay->to;
	int got;
	do {
		struct arena *arena = arena_new();
		if (arena == NULL)
			return err_set(err, "memory is out");
		got = replay_batch(replay, arena, err);
		arena_free(arena);
	} while (got > 0 && (to->enough == NULL || !to->enough(to->context)));
	return got > 0 ? SPOOL_MORE : got;
}

void
spool_rewind(struct spool *spool)
{
	spool->done = 0;
	spool->done_lines = 0;
}

static void
forget_done(struct spool *spool)
{
	spool_rewind(spool);
	spool->rejected_lines = 0;
}

void
spool_resume(struct spool *spool, const struct spool_place *place)
{
	struct stat st;
	if (place->file == 0 ||
	    fstatat(spool->folder, SPOOL_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (int64_t)st.st_ino != place->file || st.st_size < place->offset)
		return;
	spool->done = place->offset;
	spool->done_lines = (size_t)place->lines;
	if (spool->rejected_lines < spool->done_lines)
		spool->rejected_lines = spool->done_lines;
}

/* Goes on where the last replay ended, in a file that has only grown. */
static int
skip_done(struct replay *replay)
{
	struct stat st;
	if (fstat(fileno(replay->file), &st) < 0)
		return -1;
	if (st.st_size < replay->spool->done)
		forget_done(replay->spool);
	replay->line_no = replay->spool->done_lines;
	return fseeko(replay->file, replay->spool->done, SEEK_SET);
}

int
spool_replay(
    struct spool *spool, const struct spool_replay *to, struct err *err)
{
	struct replay replay = {.spool = spool, .to = to};
	int fd = open_ours(spool, SPOOL_FILE, O_RDONLY, err);
	if (fd < 0 && errno == ENOENT) {
		forget_done(spool);
		spool->has_messages = false;
		return 0;
	}
	if (fd < 0)
		return -1;
	replay.file = fdopen(fd, "r");
	if (replay.file == NULL) {
		err_sys(err, "spool %s/%s", spool->name, SPOOL_FILE);
		close(fd);
		return -1;
	}
	int failed = skip_done(&replay) < 0
			 ? err_sys(err, "spool %s/%s", spool->name, SPOOL_FILE)
			 : replay_batches(&replay, err);
	fclose(replay.file);
	free(replay.line);
	if (failed == SPOOL_MORE)
		return SPOOL_MORE;
	if (failed == 0 && to->emptied != NULL && to->emptied(to->context) < 0)
		failed = err_set(err, "the store did not take it");
	if (failed < 0)
		return -1;
	if (unlinkat(spool->folder, SPOOL_FILE, 0) < 0)
		return err_sys(err, "spool %s/%s", spool->name, SPOOL_FILE);
	forget_done(spool);
	spool->has_messages = false;
	return 0;
}
