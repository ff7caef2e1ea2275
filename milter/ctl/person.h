/*
 * person.h: what an admin writes: his name, and texts that are kept for good.
 *
 * What could not be kept as it was written is refused rather than changed: it
 * may end up in a history that nobody can mend.
 */
#ifndef BULKWATCH_CTL_PERSON_H
#define BULKWATCH_CTL_PERSON_H

#include "ctl.h"

/* Bytes of UTF-8. */
#define PERSON_NAME_MAX 100
#define PERSON_REFERENCE_MAX 200
#define PERSON_TEXT_MAX 4000

/*
 * Takes a text: printable UTF-8 on one line, of 1 to most bytes without the
 * blanks around it, which are taken off.
 * what: how a mistake names it ("--reason", "TEXT").
 * Returns 0 with the text in the arena, or -1 after it told the mistake.
 */
int person_text(struct ctl *ctl, const char *what, const char *text,
    size_t most, const char **text_r);

/* Takes the name of who does it: given (--by; NULL: not given), else SUDO_USER,
 * else USER, else the name of the user's number, else the number. Returns 0 or
 * -1 as above. */
int person_name(struct ctl *ctl, const char *given, const char **name_r);

#endif
