/*
 * services.h: the services of master.cf, as `postconf -M` and `postconf -P`
 * write them, and what each has set for itself (-o name=value).
 */
#ifndef BULKWATCH_MTA_SERVICES_H
#define BULKWATCH_MTA_SERVICES_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkwatch/arena.h"
#include "bulkwatch/err.h"

#define SERVICES_MAX 128
#define SERVICE_OVERRIDES_MAX 64

/* A parameter of main.cf, or one of a service's own. */
struct parameter {
	const char *name, *value;
};

struct service {
	const char *label; /* "smtp/inet": name and type */
	const char *name, *type;
	const char *command;   /* "smtpd" */
	char chroot;           /* 'y', 'n' or '-' (Postfix's default) */
	const char *processes; /* "-": default_process_limit; "0": no limit */
	struct parameter overrides[SERVICE_OVERRIDES_MAX];
	size_t overrides_n;
};

struct services {
	struct service items[SERVICES_MAX];
	size_t n;
};

/* Takes both texts apart, everything in the arena. Returns 0 or -1 with a
 * sentence. */
int services_parse(struct arena *arena, const char *services,
    const char *overrides, struct services *services_r, struct err *err);

/* What a service has set for itself; NULL if it has not. */
const char *service_override(const struct service *service, const char *name);

/* True for one that talks to milters: smtpd(8) behind a port or postscreen(8),
 * and cleanup(8). */
bool service_asks_milters(const struct service *service);
bool service_is_smtpd(const struct service *service);

/* True if it runs in a chroot. level: compatibility_level, which says what
 * "-" means in master.cf. */
bool service_in_chroot(const struct service *service, const char *level);

/*
 * A command that gives a service a value of its own: what it has, and one
 * more. postconf takes no blanks there; a value that needs them must be
 * written by hand, and then this says so. NULL when memory is out.
 */
const char *service_mend(struct arena *arena, const char *folder,
    const struct service *service, const char *parameter, const char *now,
    const char *more);

/* Takes lines "name = value" apart, into an array of room; lines beyond that
 * are left out. Returns how many there are, or -1 if memory is out. */
int parameters_parse(struct arena *arena, const char *text,
    struct parameter *parameters_r, size_t room);

/* The value of one; NULL if it is not there. */
const char *parameter_value(
    const struct parameter *parameters, size_t n, const char *name);

#endif
