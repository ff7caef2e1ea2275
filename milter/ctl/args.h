/*
 * args.h: the words of a command line, by getopt_long(3).
 *
 * -c, --json, --help and --version may stand before the command or after it; a
 * command's own options stand after it, before, between or after its words.
 */
#ifndef BULKWATCH_CTL_ARGS_H
#define BULKWATCH_CTL_ARGS_H

#include <getopt.h>
#include <stdint.h>

#include "ctl.h"

/* Values of a command's own options begin here. */
#define ARGS_OWN 256

enum { ARGS_END = 0, ARGS_STOP = -1 };

/* Reads the options before the command and sets argc and argv to the command
 * and what follows. Returns ARGS_END, or ARGS_STOP when the program is to end
 * with ctl->code (help was given, or a mistake was told). */
int args_before(struct ctl *ctl, int argc, char **argv);

/* The next of the command's own options (ended by a zero entry; NULL: it has
 * none), its value in optarg. Returns its val, ARGS_END after the last (then
 * ctl->words are what is left), or ARGS_STOP as above. */
int args_next(struct ctl *ctl, const struct option *own);

/* All at once for a command without options of its own. */
int args_none(struct ctl *ctl);

/* The numbers that may be given. */
struct range {
	int64_t least, most;
};

/* A whole number of the range. what: how a mistake names it ("--limit",
 * "ID"). Returns 0, or -1 after it told the mistake. */
int args_number(struct ctl *ctl, const char *what, const char *text,
    struct range range, int64_t *number_r);

/* The number of a bulk send or a declaration: what is "ID". */
int args_id(struct ctl *ctl, const char *text, int64_t *id_r);

/* Tells that an option was left out that the command cannot do without.
 * Returns CTL_USAGE. */
int args_missing(struct ctl *ctl, const char *option);

/* Demands exactly n words. names: what they are ("one ID", "no words"). Returns
 * 0, or -1 after it told the mistake. */
int args_words(struct ctl *ctl, int n, const char *names);

#endif
