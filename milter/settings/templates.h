/*
 * templates.h: reading mail templates with all their faults.
 */
#ifndef BULKWATCH_SETTINGS_TEMPLATES_H
#define BULKWATCH_SETTINGS_TEMPLATES_H

#include "bulkwatch/template.h"
#include "faults.h"

/* As template_parse, but every fault is added. NULL if there was any. */
const struct template *template_read(struct arena *arena, const char *where,
    const char *text, struct faults *faults);

/* Fills in all templates of a language: those in FOLDER/templates/LANGUAGE, and
 * for what is not there the built-in ones. */
void templates_load(struct arena *arena, const char *folder,
    const char *language, const struct template *templates_r[TEMPLATES_N],
    struct faults *faults);

#endif
