/* fuzz.c: what the harnesses share. */
#include "fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulkwatch/text.h"

static char folder[64];

void
fuzz_broken(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

/* ------------------------------------------------------------- the input */

uint8_t
fuzz_byte(struct fuzz_input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

static char *
take(struct fuzz_input *input, size_t length)
{
	char *text = strndup((const char *)input->at, length);
	MUST(text != NULL);
	input->at += length;
	input->left -= length;
	return text;
}

char *
fuzz_string(struct fuzz_input *input)
{
	size_t length = fuzz_byte(input);
	return take(input, length < input->left ? length : input->left);
}

char *
fuzz_line(struct fuzz_input *input)
{
	const uint8_t *end = memchr(input->at, '\n', input->left);
	char *line =
	    take(input, end == NULL ? input->left : (size_t)(end - input->at));
	if (end != NULL)
		fuzz_byte(input);
	return line;
}

char *
fuzz_rest(struct fuzz_input *input)
{
	return take(input, input->left);
}

/* ----------------------------------------------------------------- files */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
remove_folder(void)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
fuzz_folder(void)
{
	if (folder[0] != '\0')
		return folder;
	/* In memory: what is synced there costs nothing. */
	const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(folder, sizeof(folder), "%s/bulkwatch-fuzz.XXXXXX", where);
	MUST(mkdtemp(folder) != NULL);
	MUST(atexit(remove_folder) == 0);
	return folder;
}

void
fuzz_write(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	MUST(fd >= 0);
	MUST(write(fd, data, size) == (ssize_t)size);
	close(fd);
}

uint8_t *
fuzz_read(const char *path, size_t *size_r)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	MUST(fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
	*size_r = (size_t)st.st_size;
	uint8_t *data = malloc(*size_r > 0 ? *size_r : 1);
	MUST(data != NULL && read(fd, data, *size_r) == st.st_size);
	close(fd);
	return data;
}

const struct settings *
fuzz_settings(const char *text)
{
	char path[96], *faults = NULL;
	const struct settings *settings = NULL;
	snprintf(path, sizeof(path), "%s/bulkwatch.conf", fuzz_folder());
	fuzz_write(path, text, strlen(text));
	if (settings_load(path, &settings, &faults) < 0)
		fputs(faults, stderr);
	MUST(settings != NULL);
	return settings;
}

bool
fuzz_lines_are_clean(const char *text)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");
		if (text[length] != '\n' || !text_is_clean(text, length))
			return false;
		text += length + 1;
	}
	return true;
}
