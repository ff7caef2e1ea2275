/* whole.c: whole files, read and replaced in one step. */
#include "whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulkwatch/text.h"

static int
read_whole(struct arena *arena, int fd, struct whole *file_r)
{
	struct stat info;
	if (fstat(fd, &info) < 0)
		return -1;
	if (!S_ISREG(info.st_mode) || info.st_size > WHOLE_MAX) {
		errno = S_ISREG(info.st_mode) ? EFBIG : EINVAL;
		return -1;
	}
	size_t length = (size_t)info.st_size, done = 0;
	char *text = arena_alloc(arena, length + 1);
	if (text == NULL)
		return -1;
	while (done < length) {
		ssize_t n = read(fd, text + done, length - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*file_r = (struct whole){
	    text, done, info.st_mode & 07777, info.st_uid, info.st_gid};
	return 0;
}

int
whole_read(struct arena *arena, const char *path, struct whole *file_r,
    struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_sys(err, "%s", path);
	int result = read_whole(arena, fd, file_r);
	if (result < 0)
		err_sys(err, "%s", path);
	int saved = errno;
	close(fd);
	errno = saved;
	return result;
}

bool
whole_equal(const struct whole *a, const struct whole *b)
{
	return a->length == b->length &&
	       memcmp(a->text, b->text, a->length) == 0;
}

/* ---------------------------------------------------------------- replacing */

static int
write_whole(int fd, const struct whole *file)
{
	for (size_t done = 0; done < file->length;) {
		ssize_t n = write(fd, file->text + done, file->length - done);
		if (n < 0 && errno != EINTR)
			return -1;
		done += n < 0 ? 0 : (size_t)n;
	}
	return 0;
}

/* Owner first: a change of owner may take bits of the mode away. */
static int
finish(int fd, const struct whole *file, bool durable)
{
	struct stat info;
	if (fstat(fd, &info) < 0)
		return -1;
	if ((info.st_uid != file->uid || info.st_gid != file->gid) &&
	    fchown(fd, file->uid, file->gid) < 0)
		return -1;
	if (fchmod(fd, file->mode) < 0)
		return -1;
	return durable ? fsync(fd) : 0;
}

static void
sync_folder(struct arena *arena, const char *path)
{
	const char *folder = text_folder(arena, path);
	int fd = folder == NULL
		     ? -1
		     : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

static int
write_beside(const char *fresh, int fd, const char *path,
    const struct whole *file, bool durable, struct err *err)
{
	int result = write_whole(fd, file);
	if (result == 0)
		result = finish(fd, file, durable);
	int saved = errno;
	if (close(fd) < 0 && result == 0) {
		saved = errno;
		result = -1;
	}
	if (result == 0 && rename(fresh, path) == 0)
		return 0;
	if (result == 0)
		saved = errno;
	unlink(fresh);
	errno = saved;
	return err_sys(err, "cannot write %s", path);
}

static int
replace(struct arena *arena, const char *path, const struct whole *file,
    bool durable, struct err *err)
{
	char *target = realpath(path, NULL);
	const char *whole = arena_strdup(arena, target == NULL ? path : target);
	free(target);
	char *fresh =
	    whole == NULL ? NULL : arena_printf(arena, "%s.XXXXXX", whole);
	if (fresh == NULL)
		return err_set(err, "out of memory");
	int fd = mkostemp(fresh, O_CLOEXEC);
	if (fd < 0)
		return errno == EACCES || errno == EPERM
			   ? err_set(err,
				 "you have no right to write %s; run this as "
				 "root",
				 whole)
			   : err_sys(err, "cannot write %s", whole);
	if (write_beside(fresh, fd, whole, file, durable, err) < 0)
		return -1;
	if (durable)
		sync_folder(arena, whole);
	return 0;
}

int
whole_replace(struct arena *arena, const char *path, const struct whole *file,
    struct err *err)
{
	return replace(arena, path, file, true, err);
}

int
whole_scratch(struct arena *arena, const char *path, const struct whole *file,
    struct err *err)
{
	return replace(arena, path, file, false, err);
}
