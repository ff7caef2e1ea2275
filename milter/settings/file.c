/* file.c: a whole small file at once. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int
read_regular(
    struct arena *arena, int fd, struct file_text *text_r, struct err *err)
{
	struct stat st;
	size_t length = 0;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "cannot be read");
	if (S_ISDIR(st.st_mode))
		return err_set(err, "is a folder, not a file");
	if (!S_ISREG(st.st_mode))
		return err_set(err, "is not a regular file");
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
	text_r->text = text;
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
	int result = read_regular(arena, fd, text_r, err);
	close(fd);
	return result < 0 ? -1 : 1;
}
