/*
 * postconf.h: Postfix's settings by its own postconf(1).
 */
#ifndef BULKWATCH_MTA_POSTCONF_H
#define BULKWATCH_MTA_POSTCONF_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"
#include "services.h"

/* True if there is a postconf on this machine. */
bool postconf_installed(struct arena *arena);

/*
 * The folder of Postfix's settings, as a whole path in the arena.
 * given: --config-dir, or NULL for what postconf itself takes.
 * Returns 0, or -1 with a sentence: no Postfix, no such folder, no main.cf.
 */
int postconf_folder(struct arena *arena, const char *given,
    const char **folder_r, struct err *err);

/*
 * One parameter of the main.cf in folder.
 * expanded: with $name replaced by what it stands for.
 * value_r: "" if it is empty; for one that postconf does not know, too.
 */
int postconf_value(struct arena *arena, const char *folder, const char *name,
    bool expanded, const char **value_r, struct err *err);

/* Several at once, expanded; names ends with NULL. Returns how many there are
 * in parameters_r (room for all), or -1. */
int postconf_values(struct arena *arena, const char *folder,
    const char *const *names, struct parameter *parameters_r, struct err *err);

/* The same, not expanded, of those that main.cf itself sets. */
int postconf_set_values(struct arena *arena, const char *folder,
    const char *const *names, struct parameter *parameters_r, struct err *err);

/* The services of master.cf; their own settings expanded. */
int postconf_services(struct arena *arena, const char *folder,
    struct services *services_r, struct err *err);

/* Sets a parameter, or takes it out of main.cf (value NULL). */
int postconf_set(struct arena *arena, const char *folder, const char *name,
    const char *value, struct err *err);

#endif
