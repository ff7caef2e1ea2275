/*
 * ctl.h: the bulkwatch command: what every family of commands works with.
 *
 * A new command is a handler in its family's file and a line in the table of
 * commands.c.
 */
#ifndef BULKWATCH_CTL_CTL_H
#define BULKWATCH_CTL_CTL_H

#include <stdbool.h>
#include <stdio.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/settings.h"
#include "bulkwatch/store.h"
#include "screen.h"

/* Exit codes. */
enum ctl_code {
	CTL_DONE = 0,
	CTL_FAILED = 1, /* could not */
	CTL_USAGE = 2,  /* wrong usage */
};

struct ctl;

struct command {
	const char *name;
	const char *usage; /* what stands after the name */
	const char *does;
	int (*run)(struct ctl *ctl); /* returns an enum ctl_code */
};

/* One call of the program. */
struct ctl {
	FILE *out, *err;
	struct screen screen; /* of out */
	struct arena *arena;  /* lives as long as the call */
	const char *file;     /* settings: -c */
	bool json;
	const struct command *command;
	/* The command's own words: argv[0] is its name. After args_next ended,
	 * words are what is no option. */
	int argc;
	char **argv;
	char **words;
	int words_n;
	int code; /* how args_next wants the program to end */
};

/* The program: reads the words, runs the command. Returns an exit code. */
int ctl_run(FILE *out, FILE *err, int argc, char **argv);

/* The table of commands; the last has no name. */
extern const struct command ctl_commands[];

/* Handlers, by family. */
int list_command(struct ctl *ctl);
int show_command(struct ctl *ctl);
int senders_command(struct ctl *ctl);
int check_command(struct ctl *ctl);
int selftest_command(struct ctl *ctl);
int take_command(struct ctl *ctl);
int note_command(struct ctl *ctl);
int close_command(struct ctl *ctl);
int reopen_command(struct ctl *ctl);
int release_command(struct ctl *ctl);
int discard_command(struct ctl *ctl);
int declare_command(struct ctl *ctl);
int declarations_command(struct ctl *ctl);
int withdraw_command(struct ctl *ctl);
int export_command(struct ctl *ctl);
int report_command(struct ctl *ctl);
int backup_command(struct ctl *ctl);
int reconcile_command(struct ctl *ctl);
int attach_command(struct ctl *ctl);
int detach_command(struct ctl *ctl);

/* ------------------------------------------------- what handlers share */

/* "bulkwatch: sentence" on standard error. Returns CTL_FAILED. */
int ctl_fail(struct ctl *ctl, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same and how the command is used. Returns CTL_USAGE. */
int ctl_misused(struct ctl *ctl, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* store_open_command, with a better sentence for somebody without the right.
 * Returns 0 or -1. */
int ctl_open_database(
    const char *path, struct store **store_r, struct err *err);

/* Reads the settings file. Returns 0 with a reference that the caller releases,
 * or -1 after it said every fault. */
int ctl_load_settings(struct ctl *ctl, const struct settings **settings_r);

/* Opens the database that the settings file names. Returns 0 with *store_r set
 * (close with store_close), or -1 after it said what is wrong. */
int ctl_open_store(struct ctl *ctl, struct store **store_r);

/* Says that there is no bulk send with that number. Returns CTL_FAILED. */
int ctl_no_bulk_send(struct ctl *ctl, int64_t id);

/* Writes a document and frees it; NULL means that memory was out. Returns an
 * exit code. */
int ctl_document(struct ctl *ctl, char *document);

/* What the exit code is after a *_print function: 0 or -1 (memory was out). */
int ctl_printed(struct ctl *ctl, int result);

#endif
