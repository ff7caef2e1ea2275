/*
 * settings_fixture.h: a folder with a settings file for each test, and what to
 * expect of it.
 */
#ifndef TESTS_SETTINGS_FIXTURE_H
#define TESTS_SETTINGS_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "bulkwatch/settings.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATH_ROOM 256

/* The least that a file must say, on one line. */
#define LEAST "alerts: { to = [ \"a@b.vn\" ]; from = \"c@b.vn\"; };\n"
#define ALERTS(rest)                                                           \
	"alerts: { to = [ \"a@b.vn\" ]; from = \"c@b.vn\"; " rest " };\n"

static char folder[] = "/tmp/settings_test.XXXXXX";

static inline int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int
set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/settings_test.XXXXXX");
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static inline int
tear_down(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void
path_of(const char *name, char path_r[PATH_ROOM])
{
	snprintf(path_r, PATH_ROOM, "%s/%s", folder, name);
}

static inline void
write_bytes(const char *name, const char *bytes, size_t length)
{
	char path[PATH_ROOM];
	path_of(name, path);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static inline void
write_text(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

static inline void
make_folder(const char *name)
{
	char path[PATH_ROOM];
	path_of(name, path);
	assert_int_equal(mkdir(path, 0700), 0);
}

/* Loads FOLDER/bulkwatch.conf, which must be right. */
static inline const struct settings *
load(void)
{
	char path[PATH_ROOM], *faults = NULL;
	const struct settings *settings = NULL;
	path_of("bulkwatch.conf", path);
	if (settings_load(path, &settings, &faults) < 0)
		fail_msg("%s", faults);
	return settings;
}

static inline const struct settings *
load_text(const char *text)
{
	write_text("bulkwatch.conf", text);
	return load();
}

/* The faults of FOLDER/bulkwatch.conf, which must be wrong; to be freed. */
static char *
faults_of_file(void)
{
	char path[PATH_ROOM], *faults = NULL;
	const struct settings *settings = NULL;
	path_of("bulkwatch.conf", path);
	if (settings_load(path, &settings, &faults) == 0)
		fail_msg("it was taken");
	assert_null(settings);
	assert_non_null(faults);
	return faults;
}

/* FOLDER/name followed by what is expected must stand in the faults. */
static inline void
expect_in(const char *faults, const char *name, const char *expected)
{
	char wanted[1024];
	snprintf(wanted, sizeof(wanted), "%s/%s%s", folder, name, expected);
	if (strstr(faults, wanted) == NULL)
		fail_msg("\"%s\" is not in:\n%s", wanted, faults);
}

static inline void
expect_fault(const char *text, const char *expected)
{
	write_text("bulkwatch.conf", text);
	char *faults = faults_of_file();
	expect_in(faults, "bulkwatch.conf", expected);
	free(faults);
}

static inline unsigned
count_lines(const char *text)
{
	unsigned n = 0;
	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

#endif
