/*
 * current.h: the settings in force.
 *
 * Thread-safety: all functions but init and deinit.
 */
#ifndef BULKWATCH_CURRENT_H
#define BULKWATCH_CURRENT_H

#include "bulkwatch/err.h"
#include "bulkwatch/settings.h"

struct current;

/* Takes over the reference. Returns 0 or -1 (no memory). */
int current_init(const struct settings *settings, struct current **current_r,
    struct err *err);
void current_deinit(struct current **current);

/* The settings in force, with a reference that the caller releases. context is
 * the struct current: the form that sessions and the notifier want. */
const struct settings *current_get(void *context);

/* Puts others in force; takes over the reference. */
void current_set(struct current *current, const struct settings *settings);

#endif
