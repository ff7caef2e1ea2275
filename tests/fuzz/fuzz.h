/*
 * fuzz.h: what the harnesses share.
 *
 * A harness is a file NAME_fuzz.c with LLVMFuzzerTestOneInput, which libFuzzer
 * calls with inputs of its own making, and run_corpus.c with those of
 * tests/fuzz/corpus/NAME. It takes what it needs from the input, calls the code
 * and says with MUST what holds whatever the input is.
 */
#ifndef BULKWATCH_TESTS_FUZZ_H
#define BULKWATCH_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program with a sentence if the condition does not hold. */
#define MUST(condition)                                                        \
	do {                                                                   \
		if (!(condition))                                              \
			fuzz_broken(__FILE__, __LINE__, #condition);           \
	} while (0)

_Noreturn void fuzz_broken(const char *file, int line, const char *condition);

/* The input, taken from the front. What is taken beyond its end is 0 or "". */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

uint8_t fuzz_byte(struct fuzz_input *input);

/* The strings below are pieces of memory of their own, exactly as long as they
 * are, so that a byte too far is found; the caller frees them. */

/* A length in one byte, and so many bytes up to a NUL. */
char *fuzz_string(struct fuzz_input *input);

/* Up to the next newline, or to a NUL; the newline is taken too. */
char *fuzz_line(struct fuzz_input *input);

/* All that is left, up to a NUL. */
char *fuzz_rest(struct fuzz_input *input);

/* A folder for the harness's files, made at the first call and removed when the
 * program ends. */
const char *fuzz_folder(void);

/* Writes a file, which may be there already. */
void fuzz_write(const char *path, const void *data, size_t size);

/* The whole file, exactly as long as it is; the caller frees it. */
uint8_t *fuzz_read(const char *path, size_t *size_r);

/* Settings of the file's text, for the whole run; must be sound. */
const struct settings *fuzz_settings(const char *text);

/* True if each line of text is clean (text.h) and ends with a newline. */
bool fuzz_lines_are_clean(const char *text);

#endif
