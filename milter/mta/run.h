/*
 * run.h: a program run to its end, without a shell.
 *
 * The program gets its words as they are, so nothing in them can mean more
 * than it says; whoever builds them puts "--" before a word that others chose.
 * Its environment is clean (LC_ALL=C and RUN_PATH, nothing else), signals are
 * as at login, and no descriptor of ours but the three standard ones is open
 * in it.
 *
 * Thread-safety: all functions; an arena belongs to one thread at a time.
 */
#ifndef BULKWATCH_MTA_RUN_H
#define BULKWATCH_MTA_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"

/* Where programs are looked for, whatever the PATH of the caller is. */
#define RUN_PATH "/usr/sbin:/usr/bin:/sbin:/bin"

/* So many bytes of each output are kept, unless a run says otherwise; what is
 * over is read and dropped. */
#define RUN_OUTPUT_MAX (4 * 1024 * 1024)

struct run {
	/* The words, NULL behind the last. The first is a name that is looked
	 * for in RUN_PATH, or a path if it has a slash. */
	const char *const *argv;
	const char *input; /* standard input; NULL: none */
	size_t input_length;
	int timeout_secs;  /* then it is killed, with all that it started */
	size_t output_max; /* bytes of each output that are kept; 0:
			    * RUN_OUTPUT_MAX */
	/* Is given each line of standard output as it comes, without its end
	 * (a NUL is there), so the result has nothing of it; output_max bounds
	 * a line then. Returns 0, or -1 with a sentence: the program is
	 * stopped, and run_program fails with it. NULL: the output is kept. */
	int (*take_line)(
	    void *context, const char *line, size_t length, struct err *err);
	void *context;
};

struct run_result {
	int status; /* exit status; 128 and the signal's number if one ended
		     * it, as a shell says it */
	const char *out; /* standard output; a NUL stands behind it */
	size_t out_length;
	const char *err; /* standard error, likewise */
	size_t err_length;
	bool cut; /* there was more than is kept */
};

/*
 * Runs a program and waits for its end.
 * arena: takes what the program said.
 * Returns 0 if it came to its end, whatever its status is, or -1 with a
 * sentence: it is not there, cannot be started, took too long, or wrote a line
 * that is longer than it may be or that was not taken.
 */
int run_program(struct arena *arena, const struct run *run,
    struct run_result *result_r, struct err *err);

/* The path of a program in RUN_PATH, in the arena; NULL if there is none that
 * may be run (or memory is out). */
const char *run_find(struct arena *arena, const char *name);

/* The last line that a program wrote to standard error (what it failed of;
 * warnings stand before it), made clean, or "it said nothing". NULL when
 * memory is out. */
const char *run_said(struct arena *arena, const struct run_result *result);

#endif
