/* log.c: log lines, one event a line, key=value. */
#include "bulkwatch/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/text.h"

/* sd-daemon(3) priorities, and the words outside a journal. */
static const struct {
	const char *prefix, *word;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"<3>", "error"},
    [LOG_LEVEL_WARNING] = {"<4>", "warning"},
    [LOG_LEVEL_NOTICE] = {"<5>", "notice"},
    [LOG_LEVEL_INFO] = {"<6>", "info"},
};

static bool under_journal; /* set once, before threads */

void
log_init(void)
{
	under_journal = getenv("JOURNAL_STREAM") != NULL;
}

static void
put_prefix(FILE *line, enum log_level level)
{
	if (under_journal) {
		fputs(levels[level].prefix, line);
		return;
	}
	char now[CLOCK_RFC3339_MAX];
	clock_rfc3339(clock_wall_ms(), now);
	fprintf(line, "%s bulkwatchd[%d] %s: ", now, (int)getpid(),
	    levels[level].word);
}

/* Writes the value, quoted where it would not read as one word. */
static void
put_value(FILE *line, const char *value)
{
	if (value[0] != '\0' && strpbrk(value, " \"=\\") == NULL) {
		fputs(value, line);
		return;
	}
	fputc('"', line);
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', line);
		fputc(*value, line);
	}
	fputc('"', line);
}

static void
put_pair(FILE *line, struct arena *arena, const char *key, const char *value)
{
	if (value == NULL)
		return;
	char *clean = text_clean(arena, value, strlen(value));
	fprintf(line, "%s=", key);
	put_value(line, clean == NULL ? "(memory is out)" : clean);
	fputc(' ', line);
}

/* A reader of standard error that hangs (a journal on a disk that hangs) must
 * not hold up mail: what does not leave in time is dropped, and counted. */
#define PATIENCE_MS 200
#define PIECE_MAX                                                              \
	4096 /* PIPE_BUF: fits whole where poll(2) says there is room */

static struct {
	pthread_mutex_t mutex;
	unsigned long lost; /* lines, since the last that left */
} out = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static bool
write_piece(const char *text, size_t length)
{
	struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
	while (length > 0) {
		if (poll(&ready, 1, PATIENCE_MS) <= 0)
			return false;
		size_t piece = length < PIECE_MAX ? length : PIECE_MAX;
		ssize_t n = write(STDERR_FILENO, text, piece);
		if (n <= 0)
			return false; /* nowhere left to complain */
		text += n;
		length -= (size_t)n;
	}
	return true;
}

static bool
lock_in_time(void)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PATIENCE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	return pthread_mutex_clocklock(&out.mutex, CLOCK_MONOTONIC, &until) ==
	       0;
}

static void
write_line(char *text, size_t length)
{
	char lost[80];
	text[length - 1] = '\n'; /* in place of the last blank */
	if (!lock_in_time())
		return; /* those who have it count */
	int n = out.lost == 0
		    ? 0
		    : snprintf(lost, sizeof(lost),
			  "event=log-lines-lost number=%lu\n", out.lost);
	if ((n == 0 || write_piece(lost, (size_t)n)) &&
	    write_piece(text, length))
		out.lost = 0;
	else
		out.lost++;
	pthread_mutex_unlock(&out.mutex);
}

void
log_event(enum log_level level, ...)
{
	char *text = NULL;
	size_t length = 0;
	FILE *line = open_memstream(&text, &length);
	struct arena *arena = arena_new();
	if (line == NULL || arena == NULL) {
		if (line != NULL)
			fclose(line);
		free(text);
		arena_free(arena);
		return;
	}
	put_prefix(line, level);
	va_list pairs;
	va_start(pairs, level);
	for (const char *key; (key = va_arg(pairs, const char *)) != NULL;)
		put_pair(line, arena, key, va_arg(pairs, const char *));
	va_end(pairs);
	if (fclose(line) == 0 && length > 0)
		write_line(text, length);
	free(text);
	arena_free(arena);
}

void
log_text(enum log_level level, const char *event, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, format);
	int length = vasprintf(&text, format, args);
	va_end(args);
	log_event(level, "event", event, "text",
	    length < 0 ? "(memory is out)" : text, NULL);
	if (length >= 0)
		free(text);
}
