/*
 * run_corpus.c: a harness without libFuzzer: each input of the corpus once.
 *
 * usage: NAME FILE-OR-FOLDER...
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz.h"

static unsigned inputs;

static void
run_file(const char *path)
{
	size_t size;
	/* On its way to a crash, so that it is known whose it is. */
	fprintf(stderr, "%s\n", path);
	uint8_t *data = fuzz_read(path, &size);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	inputs++;
}

static int
is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void
run_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_input, alphasort);
	MUST(n >= 0);
	for (int i = 0; i < n; i++) {
		char file[512];
		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		run_file(file);
		free(entries[i]);
	}
	free(entries);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct stat st;
		MUST(stat(argv[i], &st) == 0);
		if (S_ISDIR(st.st_mode))
			run_folder(argv[i]);
		else
			run_file(argv[i]);
	}
	MUST(inputs > 0);
	printf("%u inputs\n", inputs);
	return 0;
}
