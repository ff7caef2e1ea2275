/*
 * edit.h: what attach and detach share: a copy of Postfix's settings to work
 * on, where our entries stand in it, and the step that puts it in force.
 *
 * All changes are made to a copy, with postconf(1), and looked at there. Only
 * the finished main.cf takes the old one's place, so whatever goes wrong
 * before leaves everything as it was.
 */
#ifndef BULKWATCH_MTA_EDIT_H
#define BULKWATCH_MTA_EDIT_H

#include "bulkwatch/mta.h"
#include "whole.h"
#include "milters.h"
#include "place.h"
#include "services.h"

struct edit {
	struct arena *arena;
	const char *folder;  /* Postfix's */
	const char *main_cf; /* its path */
	struct whole now;    /* main.cf as it is */
	/* What attach kept: as it was before, and as attach left it. */
	const char *before_path, *with_path;
	struct whole before, with;
	bool kept;      /* both are there */
	bool untouched; /* and main.cf is still as attach left it */
	struct place place;
	/* What main.cf says of what is never changed here; see edit_main. */
	struct parameter main[16];
	size_t main_n;
	const char *queue_directory;
	const char *work; /* the copy's folder; NULL: none yet */
};

/* What attach or detach does. Returns 0, or -1 with a sentence. */
typedef int edit_fn(struct edit *edit, const struct mta_options *options,
    struct mta_outcome *outcome, struct err *err);

/* Reads all that is known, makes the change, and removes the copy that it may
 * have begun. Returns what change does, or -1 with a sentence. */
int edit_run(struct arena *arena, const struct settings *settings,
    const struct mta_options *options, edit_fn *change,
    struct mta_outcome *outcome_r, struct err *err);

/* Both lists of milters, NULL behind the last. */
extern const char *const edit_lists[];

/* A parameter of main.cf that says how milters are asked, expanded. */
const char *edit_main(const struct edit *edit, const char *name);

/* Makes the copy from this text of main.cf, instead of an earlier one. */
int edit_begin(struct edit *edit, const struct whole *main_cf, struct err *err);

/* Sets a parameter of the copy, or takes it out (value NULL). */
int edit_set(struct edit *edit, const char *parameter, const char *value,
    struct err *err);

/* Where we stand in one list of milters. */
struct standing {
	const char *value;       /* as main.cf has it, on one line */
	struct milter_list list; /* its entries */
	/* Of each entry: it is ours, or a reference to ours alone; or a
	 * reference to ours among others. */
	bool ours[MILTERS_MAX], among[MILTERS_MAX];
	/* All that it expands to: how often ours is in it, whether others
	 * stand behind the last one of ours, and that one. */
	size_t times, behind;
	struct milter last;
};

/* Looks at a parameter of the copy. Returns 0 or -1. */
int edit_look(struct edit *edit, const char *parameter,
    struct standing *standing_r, struct err *err);

/* Puts the differences of both lists between main.cf and the copy into the
 * outcome. Returns 0 or -1. */
int edit_compare(
    struct edit *edit, struct mta_outcome *outcome, struct err *err);

/* Reads the copy's main.cf: what would take the old one's place. */
int edit_result(struct edit *edit, struct whole *file_r, struct err *err);

/* Puts a text in main.cf's place, unless somebody has changed that meanwhile.
 * Returns 0 or -1. */
int edit_apply(struct edit *edit, const struct whole *file, struct err *err);

/* Adds a sentence; NULL (memory is out) and what is too much are left out. */
void edit_note(struct mta_outcome *outcome, const char *sentence);

#endif
