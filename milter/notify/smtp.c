/*
 * smtp.c: one mail over SMTP, through libcurl.
 *
 * Not through sendmail(1): it hangs under NoNewPrivileges, because postdrop is
 * setgid.
 */
#include "bulkwatch/smtp.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "bulkwatch/address.h"
#include "bulkwatch/text.h"
#include "dialogue.h"

/* libcurl counts greeting, STARTTLS and login in; some servers make strangers
 * wait for the greeting. */
#define CONNECT_TIMEOUT_SECS 20L
#define TIMEOUT_SECS 60L

/*
 * How much of TLS, as Postfix's smtp_tls_security_level says it:
 *
 * may:    STARTTLS where it is offered, whatever the certificate. It keeps
 *         listeners out; who can change what we send can as well take the
 *         offer away, so a check would only keep alerts from arriving.
 * plain:  what "may" falls back to when the handshake fails.
 * secure: TLS or nothing, to the very host: for a password that must not
 *         reach anybody else, and for smtps://, which asks for it by name.
 *
 * On loopback nobody stands between, and certificates there are rarely made
 * for the name "localhost": "may", with and without a login.
 */
enum tls { TLS_MAY, TLS_PLAIN, TLS_SECURE };

struct session {
	const struct smtp_attempt *attempt;
	struct arena *arena;
	CURLU *url;
	const char *host;
	enum tls tls;
	struct dialogue dialogue;
	size_t handed_over; /* bytes of the mail that libcurl took */
	bool whole;         /* all of them, and it knows */
	char error[CURL_ERROR_SIZE];
};

int
smtp_init(struct err *err)
{
	CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
	if (code != CURLE_OK)
		return err_set(err, "libcurl cannot be used: %s",
		    curl_easy_strerror(code));
	return 0;
}

void
smtp_deinit(void)
{
	curl_global_cleanup();
}

static bool
is_stopped(const struct smtp_attempt *attempt)
{
	return attempt->stop != NULL &&
	       __atomic_load_n(attempt->stop, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------- URL */

static bool
is_loopback(const char *host)
{
	struct in_addr v4;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24) == 127;
	return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

static bool
is_host_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-";
	return name[0] != '\0' && strspn(name, allowed) == strlen(name);
}

/* The name to say in EHLO: the host's, made whole with the domain we send from
 * where it has no dot, because servers may refuse a name without one
 * (reject_non_fqdn_helo_hostname). "" when memory is out. */
static const char *
ehlo_name(struct arena *arena, const char *from)
{
	char name[256];
	const char *domain = address_domain(from), *whole = name;
	if (gethostname(name, sizeof(name)) < 0)
		name[0] = '\0';
	name[sizeof(name) - 1] = '\0';
	if (!is_host_name(name))
		whole = domain;
	else if (strchr(name, '.') == NULL && is_host_name(domain))
		whole = arena_printf(arena, "%s.%s", name, domain);
	return whole == NULL ? "" : arena_strdup(arena, whole);
}

/* One part of the URL, kept in the arena; "" if it has none. */
static const char *
url_part(const struct session *session, CURLUPart part)
{
	char *text = NULL;
	if (curl_url_get(session->url, part, &text, 0) != CURLUE_OK)
		return "";
	const char *kept = arena_strdup(session->arena, text);
	curl_free(text);
	return kept == NULL ? "" : kept;
}

/* Takes the URL apart. Its text, which may hold a password, is in no error. */
static int
read_url(struct session *session, struct err *err)
{
	const struct smtp_attempt *attempt = session->attempt;
	CURLUcode code =
	    curl_url_set(session->url, CURLUPART_URL, attempt->url, 0);
	if (code != CURLUE_OK)
		return err_set(err, "the URL of the SMTP server is wrong: %s",
		    curl_url_strerror(code));
	session->host = url_part(session, CURLUPART_HOST);
	bool login = url_part(session, CURLUPART_USER)[0] != '\0';
	bool smtps = strcmp(url_part(session, CURLUPART_SCHEME), "smtps") == 0;
	session->tls = (login || smtps) && !is_loopback(session->host)
			   ? TLS_SECURE
			   : TLS_MAY;
	/* libcurl takes the name for EHLO from the path. */
	const char *path = url_part(session, CURLUPART_PATH);
	if (strcmp(path, "/") != 0 && path[0] != '\0')
		return 0;
	path = arena_printf(
	    session->arena, "/%s", ehlo_name(session->arena, attempt->from));
	if (path != NULL)
		curl_url_set(session->url, CURLUPART_PATH, path, 0);
	return 0;
}

/* ------------------------------------------------------------- callbacks */

static size_t
on_read(char *buffer, size_t size, size_t n, void *context)
{
	struct session *session = context;
	size_t left = session->attempt->length - session->handed_over;
	size_t bytes = size * n < left ? size * n : left;
	memcpy(buffer, session->attempt->mail + session->handed_over, bytes);
	session->handed_over += bytes;
	if (session->handed_over == session->attempt->length)
		session->whole = true;
	return bytes;
}

static int
on_progress(void *context, curl_off_t down_total, curl_off_t down,
    curl_off_t up_total, curl_off_t up)
{
	(void)down_total;
	(void)down;
	(void)up_total;
	(void)up;
	const struct session *session = context;
	return is_stopped(session->attempt);
}

static int
on_debug(CURL *curl, curl_infotype type, char *data, size_t size, void *context)
{
	struct session *session = context;
	(void)curl;
	if (type == CURLINFO_HEADER_OUT)
		dialogue_said(&session->dialogue, data, size);
	else if (type == CURLINFO_HEADER_IN)
		dialogue_heard(&session->dialogue, data, size);
	return 0;
}

/* -------------------------------------------------------------- delivery */

static struct curl_slist *
recipients(const struct text_list *to)
{
	struct curl_slist *list = NULL;
	for (size_t i = 0; i < to->n; i++) {
		struct curl_slist *longer =
		    curl_slist_append(list, to->items[i]);
		if (longer == NULL) {
			curl_slist_free_all(list);
			return NULL;
		}
		list = longer;
	}
	return list;
}

static void
set_limits(CURL *curl)
{
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_SECS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_SECS);
	/* CURLOPT_TIMEOUT does not hold for the answer to QUIT. */
	curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, TIMEOUT_SECS);
	/* A name server that hangs holds its thread, not us. */
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	/* Closed by this handle, so that our limits and the stop hold for
	 * QUIT too; kept connections are closed by one without any. */
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	/* Nothing from the environment: ALL_PROXY holds for SMTP too. */
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
}

static void
set_tls(CURL *curl, enum tls tls)
{
	static const long levels[] = {
	    [TLS_MAY] = CURLUSESSL_TRY,
	    [TLS_PLAIN] = CURLUSESSL_NONE,
	    [TLS_SECURE] = CURLUSESSL_ALL,
	};
	curl_easy_setopt(curl, CURLOPT_USE_SSL, levels[tls]);
	curl_easy_setopt(
	    curl, CURLOPT_SSL_VERIFYPEER, tls == TLS_SECURE ? 1L : 0L);
	curl_easy_setopt(
	    curl, CURLOPT_SSL_VERIFYHOST, tls == TLS_SECURE ? 2L : 0L);
}

static void
set_callbacks(CURL *curl, struct session *session)
{
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(curl, CURLOPT_READDATA, session);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, session);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug);
	curl_easy_setopt(curl, CURLOPT_DEBUGDATA, session);
	curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, session->error);
}

/* What holds for every connection. */
static void
set_up(CURL *curl, struct session *session)
{
	set_limits(curl);
	set_tls(curl, session->tls);
	set_callbacks(curl, session);
	curl_easy_setopt(curl, CURLOPT_CURLU, session->url);
}

/* One command; the connection is kept for the next, unless it is the last. */
static CURLcode
say(CURL *curl, const char *command, bool last)
{
	if (command == NULL)
		return CURLE_OUT_OF_MEMORY;
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, last ? 1L : 0L);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, command);
	return curl_easy_perform(curl);
}

/* A mail to each recipient, up to DATA. libcurl leaves a connection on which a
 * command was refused, so each begins with MAIL. Refused recipients are in the
 * dialogue; the others are tried all the same. */
static CURLcode
name_recipients(struct session *session, CURL *curl)
{
	const struct smtp_attempt *attempt = session->attempt;
	const char *from = arena_printf(
	    session->arena, "MAIL FROM:<%s>", attempt->from);
	for (size_t i = 0; i < attempt->to->n; i++) {
		const size_t refused = session->dialogue.refused_n;
		const bool last = i + 1 == attempt->to->n;
		CURLcode code = say(curl, from, false);
		if (code != CURLE_OK)
			return code;
		code = say(curl,
		    arena_printf(session->arena, "RCPT TO:<%s>",
			attempt->to->items[i]),
		    false);
		if (code == CURLE_OK)
			code = say(curl, "RSET", last);
		else if (session->dialogue.refused_n > refused)
			code = CURLE_OK;
		if (code != CURLE_OK)
			return code;
	}
	return CURLE_OK;
}

/* A connection without a mail: NOOP is what is said once the server has let us
 * in. */
static CURLcode
knock(struct session *session)
{
	session->error[0] = '\0';
	CURL *curl = curl_easy_init();
	if (curl == NULL)
		return CURLE_OUT_OF_MEMORY;
	set_up(curl, session);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, CONNECT_TIMEOUT_SECS);
	curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	CURLcode code = say(curl, "NOOP", session->attempt->to->n == 0);
	if (code == CURLE_OK)
		code = name_recipients(session, curl);
	curl_easy_cleanup(curl);
	return code;
}

/* One connection. */
static CURLcode
deliver(struct session *session)
{
	const struct smtp_attempt *attempt = session->attempt;
	CURLcode code = CURLE_OUT_OF_MEMORY;
	session->handed_over = 0;
	session->whole = false;
	session->error[0] = '\0';
	CURL *curl = curl_easy_init();
	struct curl_slist *to = recipients(attempt->to);
	if (curl == NULL || to == NULL ||
	    dialogue_begin(&session->dialogue, session->arena, attempt->to,
		session->dialogue.refused) < 0)
		goto free_list;
	set_up(curl, session);
	curl_easy_setopt(curl, CURLOPT_MAIL_FROM, attempt->from);
	curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
	curl_easy_setopt(curl, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
	curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(
	    curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)attempt->length);
	code = curl_easy_perform(curl);
free_list:
	curl_slist_free_all(to);
	curl_easy_cleanup(curl);
	return code;
}

/* ---------------------------------------------------------------- result */

/* What libcurl says went wrong, clean. */
static const char *
reason(const struct session *session, CURLcode code)
{
	const char *text = session->error[0] != '\0' ? session->error
						     : curl_easy_strerror(code);
	const char *clean = text_clean(session->arena, text, strlen(text));
	return clean == NULL ? "" : clean;
}

static enum smtp_result
not_sent(const struct session *session, CURLcode code, struct err *err)
{
	const struct dialogue *said = &session->dialogue;
	if (is_stopped(session->attempt))
		err_set(err, "stopped while sending to %s", session->host);
	else if (said->refused_n > 0 && said->refused_n == said->to->n) {
		err_set(err, "%s refused every recipient: %s", session->host,
		    said->refusals);
		return said->refused_temporarily ? SMTP_TEMPORARY
						 : SMTP_PERMANENT;
	} else if (said->code >= 400) {
		err_set(err, "%s refused %s: %s", session->host,
		    dialogue_step_name(said), said->reply);
		return said->code >= 500 ? SMTP_PERMANENT : SMTP_TEMPORARY;
	} else
		err_set(err, "%s could not be used: %s", session->host,
		    reason(session, code));
	return said->step == STEP_MAIL_TEXT && session->whole ? SMTP_UNCERTAIN
							      : SMTP_TEMPORARY;
}

static enum smtp_result
sent(const struct session *session, struct err *err)
{
	if (session->dialogue.refused_n > 0)
		err_set(err, "%s refused %s", session->host,
		    session->dialogue.refusals);
	else
		err_set(err, "%s", "");
	return SMTP_SENT;
}

/* Connects, a second time without TLS where that is allowed and TLS fails. */
static CURLcode
with_tls_or_without(
    struct session *session, CURLcode (*connect)(struct session *session))
{
	CURLcode code = connect(session);
	if (code != CURLE_SSL_CONNECT_ERROR || session->tls != TLS_MAY)
		return code;
	session->tls = TLS_PLAIN;
	return connect(session);
}

/* The attempt with a session made ready. */
static enum smtp_result
run(struct session *session, struct err *err)
{
	if (read_url(session, err) < 0)
		return SMTP_PERMANENT;
	CURLcode code = with_tls_or_without(session, deliver);
	if (code == CURLE_OK)
		return sent(session, err);
	return not_sent(session, code, err);
}

enum smtp_result
smtp_send(const struct smtp_attempt *attempt, struct err *err)
{
	enum smtp_result result = SMTP_TEMPORARY;
	struct session session = {.attempt = attempt, .host = ""};
	session.arena = arena_new();
	session.url = curl_url();
	if (session.arena != NULL)
		session.dialogue.refused =
		    attempt->refused != NULL
			? attempt->refused
			: arena_alloc(session.arena,
			      attempt->to->n * sizeof(*attempt->refused));
	if (session.url == NULL || session.dialogue.refused == NULL ||
	    dialogue_begin(&session.dialogue, session.arena, attempt->to,
		session.dialogue.refused) < 0)
		err_set(err, "no memory to send a mail");
	else
		result = run(&session, err);
	curl_url_cleanup(session.url);
	arena_free(session.arena);
	return result;
}

int
smtp_try(const char *url, const char *from, const struct text_list *to,
    struct err *err)
{
	const struct smtp_attempt attempt = {
	    .url = url, .from = from, .to = to};
	bool *refused = NULL;
	struct session session = {.attempt = &attempt, .host = ""};
	session.arena = arena_new();
	session.url = curl_url();
	int result = -1;
	if (session.arena != NULL)
		refused = arena_alloc(
		    session.arena, (to->n + 1) * sizeof(*refused));
	if (session.url == NULL || refused == NULL ||
	    dialogue_begin(&session.dialogue, session.arena, to, refused) <
		0) {
		err_set(err, "no memory to reach a mail server");
	} else if (read_url(&session, err) == 0) {
		CURLcode code = with_tls_or_without(&session, knock);
		if (code == CURLE_OK && session.dialogue.refused_n == 0)
			result = 0;
		else if (code == CURLE_OK)
			err_set(err, "%s refused %s", session.host,
			    session.dialogue.refusals);
		else
			not_sent(&session, code, err);
	}
	curl_url_cleanup(session.url);
	arena_free(session.arena);
	return result;
}
