/*
 * templates.h: reading mail templates with all their faults.
 */
#ifndef BULKWATCH_SETTINGS_TEMPLATES_H
#define BULKWATCH_SETTINGS_TEMPLATES_H

#include <stdint.h>

#include "bulkwatch/template.h"
#include "faults.h"

/* As template_parse, but every fault is added. NULL if there was any. */
const struct template *template_read(struct arena *arena, const char *where,
    const char *text, struct faults *faults);

/* Fills in all templates of a language: those in FOLDER/templates/LANGUAGE, and
 * for what is not there the built-in ones. *digest goes on with their texts. */
void templates_load(struct arena *arena, const char *folder,
    const char *language, const struct template *templates_r[TEMPLATES_N],
    uint64_t *digest, struct faults *faults);

#endif
