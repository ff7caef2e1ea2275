/*
 * settings.h: the settings file as one immutable snapshot.
 *
 * settings_load reads bulkwatch.conf(5) and the mail templates beside it. The
 * snapshot never changes; on reload a new one takes its place, and a message
 * keeps the one it began with by holding a reference.
 *
 * Thread-safety: a snapshot may be read, referenced and released by any
 * thread; loading by one thread at a time.
 */
#ifndef BULKWATCH_SETTINGS_H
#define BULKWATCH_SETTINGS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/err.h"
#include "bulkwatch/record.h"

/* At most so many rules: what a message must be measured against is kept in
 * arrays of this size. */
#define SETTINGS_RULES_MAX 32

/* A list of strings from the file, in its order. */
struct text_list {
	const char *const *items;
	size_t n;
};

/* "user@domain", "*@domain", "@.sub.domain" or "*": see pattern_match. */
struct pattern_list {
	const char *const *items; /* canonical: domain in lower case */
	size_t n;
};

/* An IPv4 or IPv6 network; IPv4 is kept as IPv4-mapped IPv6, so one
 * comparison serves both. */
struct network {
	struct in6_addr address;
	unsigned prefix; /* bits, 0 to 128 */
};

struct network_list {
	const struct network *items;
	size_t n;
};

enum on_failure { ON_FAILURE_ACCEPT, ON_FAILURE_DEFER };
enum rule_count { RULE_COUNT_DISTINCT, RULE_COUNT_TOTAL };
enum rule_scope { RULE_SCOPE_ALL, RULE_SCOPE_EXTERNAL };
enum rule_per { RULE_PER_SENDER, RULE_PER_CLIENT };
enum evidence_recipients { EVIDENCE_FULL, EVIDENCE_DOMAIN, EVIDENCE_COUNT };

struct rule {
	const char *name;
	uint32_t recipients;  /* matches at so many, 1 to 100000 */
	int64_t window_secs;  /* 0: within one message */
	enum rule_count count;
	enum rule_scope scope;
	enum rule_per per;
	struct pattern_list senders; /* empty: all */
	struct pattern_list except;
	enum action action;
	bool alert;
	const char *reply; /* NULL: not set */
};

/* A mail text with named placeholders; see template.h. */
struct template;

enum template_id {
	TEMPLATE_STARTED, /* alert: a bulk send began */
	TEMPLATE_GROWN,   /* alert: it ended much larger */
	TEMPLATE_DIGEST,  /* what is over alerts.per_hour */
	TEMPLATE_BEYOND,  /* alert: a declared one went beyond its declaration */
	TEMPLATE_NOTICE,  /* to the sender */
	TEMPLATE_DAILY,   /* the day's digest */
	TEMPLATES_N
};

/* What settings.c keeps about a snapshot: memory, references. */
struct snapshot;

struct settings {
	struct snapshot *snapshot; /* NULL: made by hand, not by settings_load;
	                            * references are not counted then */
	const char *file; /* as given to settings_load */
	uint64_t digest;  /* of its text, the files it includes and the mail
	                   * texts: whether anything was changed since */

	/* As libmilter takes it: unix:PATH, inet:PORT@HOST or
	 * inet6:PORT@[ADDRESS] (or a host name); the prefix fits an address. */
	const char *listen;
	const char *database;
	const char *spool; /* a folder */
	enum on_failure on_failure;
	const char *user; /* NULL: stay who we are */

	bool outbound_logins;
	struct network_list outbound_networks;
	struct text_list local_domains; /* lower case */

	struct rule rules[SETTINGS_RULES_MAX];
	size_t rules_n;
	int64_t longest_window_secs; /* of the rules; 0 if none has one */

	struct pattern_list exempt_senders;
	struct pattern_list exempt_recipients;
	struct network_list exempt_clients;

	bool evidence_subject;
	enum evidence_recipients evidence_recipients;
	int64_t evidence_keep_secs;
	int64_t ledger_keep_secs;

	struct {
		struct text_list to; /* bare addresses */
		const char *from;    /* bare address */
		const char *smtp;    /* smtp:// or smtps:// URL, may hold
		                      * user:password@; nothing behind the port */
		const char *language; /* "vi" or "en" */
		uint32_t per_hour;
		const char *contact; /* "" if not set */
		int digest_minute; /* of the local day; -1: no daily digest */
		const struct template *templates[TEMPLATES_N];
	} alerts;

	struct {
		bool enabled;
		struct text_list domains; /* lower case */
		const char *password_help; /* "" if not set */
	} notices;
};

/*
 * Reads the file and the templates.
 *
 * A template NAME.txt is taken from "templates/LANGUAGE/" beside the settings
 * file where there is one, else the one built into the program.
 *
 * file: path of the settings file.
 * settings_r: the snapshot, with one reference that the caller releases.
 * faults_r: on failure every fault found, one a line, each
 *     "FILE:LINE: KEY: what is wrong; what would be right", without LINE where
 *     something is not there, without KEY where none is meant; malloc'd, the
 *     caller frees it. (Where the file does not parse, libconfig tells of the
 *     first fault only.)
 * Returns 0, or -1 with settings_r untouched and faults_r set (NULL only when
 * memory is out).
 */
int settings_load(const char *file, const struct settings **settings_r,
    char **faults_r);

/* One more reference; returns its argument. */
const struct settings *settings_ref(const struct settings *settings);

/* Gives a reference back and sets the pointer to NULL; the last one frees the
 * snapshot. *settings may be NULL. */
void settings_unref(const struct settings **settings);

#endif
