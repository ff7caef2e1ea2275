/*
 * log.h: log lines, one event a line, key=value.
 *
 * Lines go to standard error. Under systemd (JOURNAL_STREAM is set) each has
 * the "<N>" priority prefix of sd-daemon(3), so the journal keeps the level;
 * elsewhere each has a local timestamp. A value with a space, a quote, an
 * equals sign, a backslash or nothing in it is quoted; what is not printable
 * UTF-8 is made visible (text_clean), so no value can begin a line of its own.
 *
 * A line that standard error does not take within a fraction of a second is
 * dropped, and the next one that leaves says how many were: nothing waits for a
 * reader that hangs.
 *
 * Thread-safety: all functions; lines never mix.
 */
#ifndef BULKWATCH_LOG_H
#define BULKWATCH_LOG_H

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
};

/* Prepares the form of lines from the environment. Call once, before threads.
 * Without it lines have the timestamp form. */
void log_init(void);

/* Writes "event=EVENT key=value …" from pairs of strings, ended by NULL:
 *
 *     log_event(LOG_LEVEL_NOTICE, "queue_id", id, "event", "bulk-send", NULL);
 *
 * Pairs are written in the order given (a queue id comes first where there is
 * one). A pair whose value is NULL is left out. */
void log_event(enum log_level level, ...) __attribute__((sentinel));

/* Writes event=EVENT and text="…", the sentence made by format. */
void log_text(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
