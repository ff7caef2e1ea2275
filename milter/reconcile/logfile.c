/* logfile.c: log files, plain or compressed, read line by line. */
#include "logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "bulkwatch/clock.h"
#include "stamp.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* A line and the begin of the next ones. */
#define BUFFER_SIZE (LOGFILE_LINE_MAX + 1)

struct logfile {
	gzFile gz;
	const char *name;
	int64_t latest_ms;
	size_t from, n; /* what of the buffer is not handed out */
	bool ended;
	int error;    /* errno of a read that failed: zlib tells it once */
	bool cutting; /* the rest of a long line is left out */
	char buffer[BUFFER_SIZE];
};

static int64_t
latest_of(int fd)
{
	const int64_t now_ms = clock_wall_ms();
	struct stat info;
	if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
		return now_ms + DAY_MS;
	const int64_t written_ms = (int64_t)info.st_mtim.tv_sec * 1000;
	return (written_ms < now_ms ? written_ms : now_ms) + DAY_MS;
}

int
logfile_open(const char *path, struct logfile **file_r, struct err *err)
{
	const bool standard = strcmp(path, "-") == 0;
	const char *name = standard ? "standard input" : path;
	int fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
			  : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "%s cannot be read", name);
	struct logfile *file = calloc(1, sizeof(*file));
	if (file != NULL)
		file->gz = gzdopen(fd, "rb");
	if (file == NULL || file->gz == NULL) {
		close(fd);
		free(file);
		return err_set(err, "memory is out");
	}
	file->name = name;
	file->latest_ms = latest_of(fd);
	*file_r = file;
	return 0;
}

void
logfile_close(struct logfile **file)
{
	if (*file == NULL)
		return;
	gzclose_r((*file)->gz);
	free(*file);
	*file = NULL;
}

const char *
logfile_name(const struct logfile *file)
{
	return file->name;
}

int64_t
logfile_latest_ms(const struct logfile *file)
{
	return file->latest_ms;
}

static int
read_error(const struct logfile *file, struct err *err)
{
	int code;
	const char *text = gzerror(file->gz, &code);
	if (code == Z_ERRNO) {
		errno = file->error;
		return err_sys(err, "%s cannot be read", file->name);
	}
	if (code == Z_BUF_ERROR)
		return err_set(
		    err, "%s is cut short: its end is missing", file->name);
	return err_set(err, "%s cannot be uncompressed: %s", file->name, text);
}

/* Fills the buffer up. */
static int
fill(struct logfile *file, struct err *err)
{
	memmove(file->buffer, file->buffer + file->from, file->n);
	file->from = 0;
	while (!file->ended && file->n < BUFFER_SIZE) {
		errno = 0;
		int got = gzread(file->gz, file->buffer + file->n,
		    (unsigned)(BUFFER_SIZE - file->n));
		if (got < 0) {
			file->error = errno != 0 ? errno : file->error;
			return read_error(file, err);
		}
		int code = Z_OK;
		if (got == 0)
			gzerror(file->gz, &code);
		/* zlib says of a stream that is cut short at its very end. */
		if (code == Z_BUF_ERROR)
			return read_error(file, err);
		file->ended = got == 0;
		file->n += (size_t)got;
	}
	return 0;
}

int
logfile_line(struct logfile *file, const char **text_r, size_t *length_r,
    struct err *err)
{
	for (;;) {
		char *text = file->buffer + file->from;
		char *end = memchr(text, '\n', file->n);
		const bool cut = file->cutting;
		if (end == NULL && !file->ended && file->n < BUFFER_SIZE) {
			if (fill(file, err) < 0)
				return -1;
			continue;
		}
		if (end == NULL && file->ended)
			return 0;
		size_t taken = end == NULL ? file->n : (size_t)(end - text) + 1;
		file->from += taken;
		file->n -= taken;
		file->cutting = end == NULL;
		if (cut)
			continue;
		*text_r = text;
		*length_r = taken - 1;
		return 1;
	}
}

int64_t
logfile_first_ms(struct logfile *file)
{
	int64_t at_ms;
	if (file->n == 0 && fill(file, NULL) < 0)
		return INT64_MAX;
	const char *text = file->buffer + file->from;
	const char *end = text + file->n;
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		if (newline == NULL)
			newline = end;
		struct span line = {text, (size_t)(newline - text)};
		if (stamp_take(&line, file->latest_ms, &at_ms))
			return at_ms;
		text = newline + 1;
	}
	return INT64_MAX;
}
