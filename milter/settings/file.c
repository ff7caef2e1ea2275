/* file.c: a whole small file at once. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

static int
read_all(int fd, char *text, size_t size, size_t *length_r, struct err *err)
{
	size_t length = 0;
	while (length < size) {
		ssize_t got = read(fd, text + length, size - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, "cannot be read");
		if (got == 0)
			break;
		length += (size_t)got;
	}
	*length_r = length;
	return 0;
}

/* Who can change the settings can have alerts sent elsewhere, and choose which
 * files root makes: so not everybody may. Who is in the file's group may: that
 * is for the admin to say. */
static int
check_writers(const char *path, const struct stat *st, struct err *err)
{
	struct stat folder_st;
	char folder[4096];
	const char *slash = strrchr(path, '/');
	if ((st->st_mode & S_IWOTH) != 0)
		return err_set(err,
		    "may be changed by everybody on this machine; look at what "
		    "it says, then run: chmod o-w %s",
		    path);
	snprintf(folder, sizeof(folder), "%.*s",
	    slash == NULL ? 1 : (int)(slash - path + 1),
	    slash == NULL ? "." : path);
	if (stat(folder, &folder_st) == 0 &&
	    (folder_st.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
		return err_set(err,
		    "may be replaced by everybody on this machine; look at "
		    "what it says, then run: chmod o-w %s",
		    folder);
	return 0;
}

static int
read_regular(
    struct arena *arena, const char *path, int fd, struct file_text *text_r,
    struct err *err)
{
	struct stat st;
	size_t length = 0;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "cannot be read");
	if (S_ISDIR(st.st_mode))
		return err_set(err, "is a folder, not a file");
	if (!S_ISREG(st.st_mode))
		return err_set(err, "is not a regular file");
	if (check_writers(path, &st, err) < 0)
		return -1;
	if (st.st_size > FILE_BYTES_MAX)
		return err_set(err, "is larger than 1 MiB");
	size_t size = (size_t)st.st_size;
	char *text = arena_alloc(arena, size + 1);
	if (text == NULL)
		return err_set(err, "out of memory");
	if (read_all(fd, text, size, &length, err) < 0)
		return -1;
	if (strlen(text) != length)
		return err_set(err, "holds a NUL byte: it is no text file");
	text_r->text = strncmp(text, BYTE_ORDER_MARK, 3) == 0 ? text + 3 : text;
	text_r->world_readable = (st.st_mode & S_IROTH) != 0;
	return 0;
}

int
file_read(struct arena *arena, const char *path, struct file_text *text_r,
    struct err *err)
{
	/* Without O_NONBLOCK a FIFO would be waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, "cannot be opened");
	int result = read_regular(arena, path, fd, text_r, err);
	close(fd);
	return result < 0 ? -1 : 1;
}

uint64_t
file_digest(uint64_t digest, const char *text)
{
	const unsigned char *c = (const unsigned char *)text;
	do /* the NUL, too: where a file ends is part of it */
		digest = (digest ^ *c) * UINT64_C(1099511628211);
	while (*c++ != '\0');
	return digest;
}
