/* screen.c: where the command's text goes. */
#include "screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bulkwatch/text.h"

#define TERMINAL_WIDTH 80 /* of one that does not say */
#define FILE_WIDTH 100

/* Narrower or wider than this is a mistake, or a test of our patience. */
#define WIDTH_LEAST 20
#define WIDTH_MOST 1000

/* Running text keeps at least so many columns, however deep it stands. */
#define WRAP_LEAST 20

static int
width_from_environment(int otherwise)
{
	const char *text = getenv("COLUMNS");
	long width = text == NULL ? 0 : strtol(text, NULL, 10);
	return width >= WIDTH_LEAST && width <= WIDTH_MOST ? (int)width
							   : otherwise;
}

static int
width_of_terminal(int fd)
{
	struct winsize size;
	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return width_from_environment(TERMINAL_WIDTH);
	return size.ws_col;
}

/* https://no-color.org: present and not empty. */
static bool
colour_is_wanted(void)
{
	const char *none = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	return (none == NULL || none[0] == '\0') &&
	       (term == NULL || strcmp(term, "dumb") != 0);
}

void
screen_init(FILE *out, struct screen *screen_r)
{
	int fd = fileno(out); /* -1: a stream in memory */
	bool terminal = fd >= 0 && isatty(fd);
	screen_r->cut = terminal;
	screen_r->colour = terminal && colour_is_wanted();
	screen_r->width = terminal ? width_of_terminal(fd)
				   : width_from_environment(FILE_WIDTH);
}

void
screen_tint(const struct screen *screen, FILE *out, enum tint tint)
{
	static const char *const begins[] = {
	    [TINT_NONE] = "",
	    [TINT_BOLD] = "\033[1m",
	    [TINT_DIM] = "\033[2m",
	    [TINT_RED] = "\033[1;31m",
	    [TINT_GREEN] = "\033[32m",
	    [TINT_YELLOW] = "\033[33m",
	};
	if (screen->colour)
		fputs(begins[tint], out);
}

void
screen_untint(const struct screen *screen, FILE *out, enum tint tint)
{
	if (screen->colour && tint != TINT_NONE)
		fputs("\033[0m", out);
}

void
screen_pad(FILE *out, int columns)
{
	if (columns > 0)
		fprintf(out, "%*s", columns, "");
}

void
screen_wrap(
    const struct screen *screen, FILE *out, int indent, const char *text)
{
	int room = screen->width - indent;
	if (room < WRAP_LEAST)
		room = WRAP_LEAST;
	int used = 0;
	while (*text != '\0') {
		size_t length = strcspn(text, " ");
		char *word = strndup(text, length);
		int columns = word == NULL ? 0 : text_columns(word);
		free(word);
		if (used > 0 && columns >= room - used) {
			fputc('\n', out);
			screen_pad(out, indent);
			used = 0;
		} else if (used > 0) {
			fputc(' ', out);
			used++;
		}
		fwrite(text, 1, length, out);
		used += columns;
		text += length;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}
