/*
 * err.h: why something could not be done, as a sentence for a person.
 *
 * A function that can fail takes a caller-owned `struct err *` and returns
 * -1 after filling it; on success the struct is left as it was. The sentence
 * says what is wrong, where, and, if it can, what would be right. It is plain
 * printable UTF-8 without a final full stop or newline.
 *
 * Thread-safety: a struct err belongs to one thread at a time.
 */
#ifndef BULKWATCH_ERR_H
#define BULKWATCH_ERR_H

#define ERR_TEXT_MAX 1024

struct err {
	char text[ERR_TEXT_MAX];
};

/* Sets the sentence (cut at ERR_TEXT_MAX - 1 bytes). err may be NULL.
 * Always returns -1, so that `return err_set(err, "…");` reads well. */
int err_set(struct err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* As err_set, with ": " and the text of errno at the end. */
int err_sys(struct err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts "format: " before the sentence that err holds already: what was being
 * done when the lower layer failed. err may be NULL. Always returns -1. */
int err_wrap(struct err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
