/*
 * record.h: the plain structs that the modules pass around.
 *
 * Strings are printable UTF-8 (text.h), never NULL, "" where there is nothing
 * to say, unless a comment says otherwise. Nothing here owns memory: a struct
 * lives in the arena it was made in.
 */
#ifndef BULKWATCH_RECORD_H
#define BULKWATCH_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who is counted (the sender), and what kind of name that is. The numbers are
 * stored: never reuse one. */
enum identity {
	IDENTITY_LOGIN = 1,    /* SASL login, {auth_authen} */
	IDENTITY_ENVELOPE = 2, /* MAIL FROM address, no login */
	/* client address: null sender, or a rule per client */
	IDENTITY_CLIENT = 3,
};

/* What is done with a message at end of message, weakest first. Stored. */
enum action {
	ACTION_LOG = 0,
	ACTION_DEFER = 1,
	ACTION_HOLD = 2,
	ACTION_REJECT = 3,
};

/* Which kind of rule began a bulk send. Stored. */
enum trigger {
	TRIGGER_MESSAGE = 1,
	TRIGGER_WINDOW = 2,
};

/* Follow-up. Stored. */
enum status {
	STATUS_NEW = 1,
	STATUS_REVIEWING = 2,
	STATUS_CLOSED = 3,
};

enum outcome {
	OUTCOME_NONE = 0,
	OUTCOME_REPORTED = 1,
	OUTCOME_UNREPORTED = 2,
	OUTCOME_COMPROMISED = 3,
	OUTCOME_FALSE_ALARM = 4,
};

/* The words for them, as settings, commands and JSON use them. An unknown
 * value gives "?"; record_*_parse return 0, or -1 for an unknown word. */
const char *record_identity_name(enum identity identity);
const char *record_action_name(enum action action);
const char *record_trigger_name(enum trigger trigger);
const char *record_status_name(enum status status);
const char *record_outcome_name(enum outcome outcome); /* NONE: "" */
int record_identity_parse(const char *word, enum identity *identity_r);
int record_action_parse(const char *word, enum action *action_r);
int record_status_parse(const char *word, enum status *status_r);
int record_outcome_parse(const char *word, enum outcome *outcome_r);

/* An accepted recipient: address_canonical's form of the RCPT argument. */
struct recipient {
	const char *address;
	bool external; /* its domain is not one of local_domains */
};

/*
 * A message: one SMTP transaction that reached end of message.
 *
 * recipients are unique, sorted by address, without the exempt ones. When the
 * message comes out of the ledger they are what evidence.recipients let in:
 * addresses ("full"), domains ("domain"), or none ("count"); the counts always
 * tell the truth.
 */
struct message {
	int64_t id;    /* the ledger's number; 0 before it has one */
	int64_t at_ms; /* wall clock at end of message */
	int64_t tick;  /* steady clock at end of message, seconds */
	enum identity identity;
	const char *sender;
	const char *mail_from; /* envelope sender; "" is the null sender */
	const char *login;
	const char *client; /* client address; "" if the MTA did not say */
	const char *queue_id;
	const char *message_id;
	const char *subject; /* decoded; "" too if evidence.subject is off */
	const struct recipient *recipients;
	size_t recipients_n; /* entries in recipients */
	uint32_t recipient_count;
	uint32_t external_count;
	enum action action; /* what was done with it, or with its latest try */
	/* The mark that it carries as a self-test (store.h); NULL: none. Known
	 * while it is under way, and kept nowhere. */
	const char *selftest;
};

/*
 * What a message means for one rule that applies to it: policy measures, the
 * store counts. Neither needs to know the other's business.
 */
struct measure {
	size_t rule;           /* index in settings.rules */
	uint64_t rule_id;      /* the rule's definition in one number: a changed
	                        * rule begins a new window */
	enum identity identity; /* who is counted by this rule … */
	const char *who;        /* … and the name: sender or client */
	uint32_t recipients;   /* of this message, in the rule's scope */
	bool external_only;    /* scope = "external" */
	bool total;            /* count = "total" */
	int64_t window_secs;   /* 0: the message alone counts */
	uint64_t limit;        /* counting may stop here */
	uint64_t counted;      /* answer: recipients in the window, this message
	                        * included; exact below limit, else >= limit */
};

struct declaration;

/* What policy makes of a message. */
struct decision {
	bool matched;       /* a rule matched: the message is a trigger */
	size_t measure;     /* which measure decided: strongest action, then
	                     * the rule that stands first */
	int64_t window_secs; /* longest window that matched, of those who count
	                      * the same sender; 0 if none: so far back reach
	                      * the messages that belong to it */
	enum action action; /* what is done with the message */
	bool alert;         /* some matching rule wants an alert */
	/* A bulk send is over after so long without trigger. */
	int64_t quiet_secs;
	/* What covers the message, NULL if nothing does. */
	const struct declaration *declaration;
};

/* How far the spool has been brought in: kept in the database with what was
 * brought in, so that it comes in once whatever happens in between. */
struct spool_place {
	int64_t file; /* inode; 0: nowhere */
	int64_t offset, lines;
};

/* Why a message of a bulk send was not sent: it is evidence, but nobody got
 * it. */
enum unsent {
	UNSENT_REFUSED,   /* deferred or rejected, and it did not go on since */
	UNSENT_DISCARDED, /* held, and deleted */
	UNSENT_HELD,      /* held, and waits for release or discard */
	UNSENT_N
};

/* Some messages of a bulk send, and the recipients summed over them. */
struct portion {
	uint32_t messages, recipients, external;
};

/* A bulk send: the record under review. */
struct bulk_send {
	int64_t id;
	enum identity identity;
	const char *sender;
	enum status status;
	enum outcome outcome;
	enum trigger trigger;
	const char *rule; /* name of the rule that began it */
	enum action action; /* the strongest that met one of its messages */
	uint32_t held;      /* messages that the MTA holds and that wait for
	                     * release or discard */
	int64_t first_at_ms, last_at_ms;
	bool ended; /* no further trigger will extend it */
	uint32_t messages;
	uint32_t recipients; /* sum over its messages */
	uint32_t distinct_recipients;
	uint32_t external_recipients; /* sum over its messages */
	struct portion unsent[UNSENT_N]; /* of the sums above */
	uint64_t limit;  /* the rule's recipients, when it began */
	uint64_t window_secs; /* the rule's window; 0 for a message rule */
	const char *subject; /* of the message that began it, the trigger */
	const char *client;
	int64_t declaration; /* 0: not declared */
	const char *assignee;
	const char *reference; /* of the document by which it was reported */
};

/* A bulk send announced to the admins beforehand. */
struct declaration {
	int64_t id;
	const char *sender; /* a pattern: an address, *@domain … */
	uint32_t recipients;
	int64_t from_ms, until_ms;
	const char *reason;
	const char *reference; /* number of the document, or "" */
	const char *by;
	int64_t created_ms;
	int64_t withdrawn_ms; /* 0: not withdrawn */
	const char *withdrawn_by;
	/* What was seen of it: */
	uint32_t bulk_sends;
	uint32_t used; /* distinct recipients, summed over its bulk sends */
};

/* What became of a message that was put into the MTA's hold queue. Stored. */
enum held_state {
	HELD_WAITING = 1,
	HELD_RELEASED = 2,
	HELD_DISCARDED = 3,
	HELD_GONE = 4, /* it was not there any more when somebody looked */
};

/* waiting, released, discarded, gone */
const char *record_held_state_name(enum held_state state);

/* A message that the MTA was told to hold. A retry that is held too is another
 * one: it has its own queue id. */
struct held {
	int64_t id;
	int64_t message; /* the ledger's number */
	int64_t at_ms;
	const char *queue_id;
	uint32_t recipient_count;
	enum held_state state;
	int64_t settled_ms; /* when it was released …; 0: it waits */
	const char *by;
};

/* One line of a bulk send's story. */
struct history {
	int64_t at_ms;
	const char *by;
	const char *event;
	const char *note;
};

/* A mail that is owed: what waits in the outbox. Stored. */
enum alert_kind {
	ALERT_STARTED = 1, /* to the admins: a bulk send began */
	ALERT_GROWN = 2,   /* it ended much larger than it was told */
	ALERT_BEYOND = 3,  /* a declared one went beyond its declaration */
	ALERT_NOTICE = 4,  /* to the sender, about a bulk send */
	ALERT_DAILY = 5,   /* to the admins: the day's digest; no bulk send */
};

enum alert_state {
	ALERT_QUEUED = 1, /* will be tried (again) */
	ALERT_SENT = 2,
	ALERT_FAILED = 3, /* given up: see last_error */
};

/* started, grown, beyond, notice, daily; queued, sent, failed */
const char *record_alert_kind_name(enum alert_kind kind);
const char *record_alert_state_name(enum alert_state state);

struct alert {
	int64_t id;
	int64_t bulk_send;
	enum alert_kind kind;
	enum alert_state state;
	const char *to; /* addresses it was sent to, comma between; "" before */
	uint32_t attempts;
	int64_t created_ms, sent_ms; /* 0: not sent */
	const char *last_error;
};

/* How an attempt to send ended, for all alerts that one mail carried. */
struct alert_result {
	enum alert_state state; /* sent, failed, or queued to be tried again */
	const char *to;
	const char *message_id; /* of the mail */
	const char *error;      /* "" when sent to all */
	int64_t at_ms;
	int64_t next_ms;        /* when to try again, if queued */
};

/* All that is known of a bulk send. */
struct bulk_send_story {
	struct bulk_send send;
	const struct declaration *declaration; /* NULL: not declared */
	const struct message *evidence; /* oldest first */
	size_t evidence_n;
	const struct history *history; /* oldest first */
	size_t history_n;
	const struct alert *alerts; /* oldest first */
	size_t alerts_n;
	const struct held *held; /* oldest first */
	size_t held_n;
};

/* What the day's digest tells. Nothing in any of it: no digest. */
struct day {
	int64_t now_ms, since_ms; /* since the digest before */
	/* Open for more than a day, oldest first. */
	const struct bulk_send *waiting;
	size_t waiting_n;
	const struct bulk_send *fresh; /* began since, oldest first */
	size_t fresh_n;
	const struct declaration *expected; /* in force some time of today */
	size_t expected_n;
	/* Have held mail that waits, newest first. */
	const struct bulk_send *holding;
	size_t holding_n;
	uint32_t alerts_failed;  /* given up since */
	uint32_t store_failures; /* times that the database failed since */
};

/* One sender's sum for `bulkwatch senders`. */
struct sender_total {
	enum identity identity;
	const char *sender;
	uint64_t messages;
	uint64_t recipients;
	uint64_t bulk_sends;
	int64_t first_at_ms, last_at_ms;
};

/* What became of an outbound message that the mail server's log has as
 * accepted, in the ledger. */
enum finding {
	FOUND_COUNTED, /* in the ledger, with its recipients */
	FOUND_RETRY,   /* in the ledger under the queue id of an earlier try */
	/* Not in the ledger, and does not belong into it: */
	FOUND_OWN,        /* our own alert or notice */
	FOUND_REINJECTED, /* given back by a content filter */
	FOUND_SPOOLED,    /* waits in the spool */
	/* Not in the ledger, for a reason that the log or the ledger tells: */
	FOUND_NO_MILTER, /* Postfix could not ask the milter */
	FOUND_BEFORE,    /* from before the ledger begins */
	FOUND_PURGED,    /* removed by ledger.keep */
	/* Wrong, and nobody knows why: */
	FOUND_REFUSED, /* in the ledger as deferred or rejected by a rule */
	FOUND_DIFFERS, /* in the ledger with another number of recipients */
	FOUND_NOWHERE,
	FINDINGS_N,
};

const char *record_finding_name(enum finding finding); /* counted, retry, own … */

/* One of them. Strings are as the log has them: not clean. */
struct reconciled_mail {
	int64_t at_ms; /* it was accepted */
	const char *queue_id;
	const char *sender; /* login, else mail_from, else "<>" */
	const char *mail_from, *login;
	const char *client; /* "": a program of the mail server's machine */
	const char *via;    /* the program that took it in, as the log has it */
	const char *message_id;
	enum finding finding;
	const char *retry_of; /* queue id of the first try; "": none */
	bool has_recipients;  /* the log has them all … */
	uint32_t recipients;  /* … how many they are; else as expanded */
	uint32_t expanded;    /* after expansion of aliases */
	bool has_counted;     /* it is in the ledger, or in the spool … */
	uint32_t counted;     /* … with so many recipients */
};

/* A log of the mail server beside the ledger. */
struct reconciliation {
	int64_t first_ms, last_ms;  /* the log's time */
	uint64_t messages;          /* accepted from somebody */
	uint64_t outbound;          /* of them */
	uint64_t found[FINDINGS_N]; /* of these */
	uint64_t unexplained;       /* those that nobody can explain */
	/* In the ledger; not accepted, as far as the log goes. */
	uint64_t turned_away;
	/* In the ledger, of the log's time, and not in the log. */
	uint64_t ledger_only;
	/* Not simply counted, oldest first. */
	const struct reconciled_mail *mails;
	size_t mails_n;
};

#endif
