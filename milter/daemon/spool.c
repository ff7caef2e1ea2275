/* spool.c: messages on the disk while the store fails. */
#include "bulkwatch/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulkwatch/json.h"

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

/* The messages as lines in one piece of memory; the caller frees it. */
static char *
lines_of(const struct message *const *messages, size_t n, size_t *length_r)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length_r);
	if (out == NULL)
		return NULL;
	bool good = true;
	for (size_t i = 0; i < n && good; i++) {
		char *line = json_message(messages[i]);
		good = line != NULL && fprintf(out, "%s\n", line) >= 0;
		free(line);
	}
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

static int
append(struct spool *spool, const char *file, const char *text, size_t length,
    struct err *err)
{
	int fd = openat(spool->folder, file,
	    O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return err_sys(err, "spool %s/%s", spool->name, file);
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
	char *text = lines_of(messages, n, &length);
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

/* ------------------------------------------------------------------ replay */

struct replay {
	struct spool *spool;
	FILE *file;
	const struct spool_replay *to;
	size_t line_no;
};

static int
reject(struct replay *replay, const char *line, size_t length,
    const struct err *why, struct err *err)
{
	if (replay->line_no <= replay->spool->rejected_lines)
		return 0; /* by an earlier replay */
	if (append(replay->spool, SPOOL_REJECTED_FILE, line, length, err) < 0)
		return -1;
	replay->spool->rejected_lines = replay->line_no;
	struct err sentence;
	err_set(&sentence,
	    "spool %s/%s line %zu cannot be read and was put into %s: %s",
	    replay->spool->name, SPOOL_FILE, replay->line_no,
	    SPOOL_REJECTED_FILE, why->text);
	replay->to->bad(replay->to->context, sentence.text);
	return 0;
}

/* Reads up to REPLAY_BATCH messages. Returns how many, -1 with a sentence. */
static int
read_batch(struct replay *replay, struct arena *arena,
    struct message *messages[REPLAY_BATCH], struct err *err)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	int n = 0;
	while (n < REPLAY_BATCH &&
	       (length = getline(&line, &room, replay->file)) >= 0) {
		struct err why;
		struct message *m = arena_alloc(arena, sizeof(*m));
		replay->line_no++;
		if (m == NULL) {
			n = err_set(err, "memory is out");
			break;
		}
		if (json_message_parse(arena, line, (size_t)length, m, &why) ==
		    0) {
			messages[n++] = m;
		} else if (reject(replay, line, (size_t)length, &why, err) <
			   0) {
			n = -1;
			break;
		}
	}
	free(line);
	if (n >= 0 && ferror(replay->file))
		return err_sys(err, "spool %s", replay->spool->name);
	return n;
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

static int
replay_batches(struct replay *replay, struct err *err)
{
	for (;;) {
		struct message *messages[REPLAY_BATCH];
		struct arena *arena = arena_new();
		if (arena == NULL)
			return err_set(err, "memory is out");
		int n = read_batch(replay, arena, messages, err);
		const struct spool_place after = place_of(replay);
		int failed = n <= 0 ? n
				    : replay->to->batch(replay->to->context,
					  arena, messages, (size_t)n, &after);
		arena_free(arena);
		if (n > 0 && failed < 0)
			return err_set(err, "the store did not take it");
		if (n <= 0)
			return n;
		replay->spool->done = after.offset;
		replay->spool->done_lines = replay->line_no;
	}
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
	int fd = openat(
	    spool->folder, SPOOL_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT) {
		forget_done(spool);
		spool->has_messages = false;
		return 0;
	}
	replay.file = fd < 0 ? NULL : fdopen(fd, "r");
	if (replay.file == NULL) {
		err_sys(err, "spool %s/%s", spool->name, SPOOL_FILE);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	int failed = skip_done(&replay) < 0
			 ? err_sys(err, "spool %s/%s", spool->name, SPOOL_FILE)
			 : replay_batches(&replay, err);
	fclose(replay.file);
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
