/*
 * session.h: libmilter's callbacks, from which messages are made.
 */
#ifndef BULKWATCH_SESSION_H
#define BULKWATCH_SESSION_H

#include <stdbool.h>

#include "bulkwatch/err.h"
#include "bulkwatch/own.h"
#include "bulkwatch/recorder.h"
#include "bulkwatch/settings.h"

struct session_options {
	struct recorder *recorder;
	struct own *own;
	/* The settings in force, with a reference that the session releases;
	 * from any thread. */
	const struct settings *(*settings)(void *context);
	void *context;
	/* libmilter is attached by TCP: DATA is answered there, see
	 * session.c. */
	bool over_tcp;
};

/* Registers the callbacks with libmilter; once in a process, whose libmilter
 * knows one milter only. options are copied. Returns 0 or -1. */
int session_register(const struct session_options *options, struct err *err);

/* Waits until no end of message is under way, at most so many seconds: after
 * smfi_main has returned callbacks may still run. Returns false if some still
 * are. */
bool session_drain(int secs);

/* A number that changes whenever MAIL or the end of a message was answered.
 * From any thread. */
unsigned long session_progress(void);

#endif
