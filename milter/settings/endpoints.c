/* endpoints.c: where we listen, and the server that takes our mail. */
#include "values.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "names.h"

/* sun_path with its NUL: 108 on Linux. */
#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define SMTP_URL_MAX 1000

static const char listen_forms[] =
    "write \"unix:/run/bulkwatch/milter.sock\" or \"inet:8899@127.0.0.1\"";

static bool
is_port(const char *text, size_t length)
{
	unsigned value = 0;
	if (length == 0 || length > 5 || text[0] == '0')
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		value = value * 10 + (unsigned)(text[i] - '0');
	}
	return value <= 65535;
}

static int
listen_unix(struct arena *arena, const char *path, const char **value_r,
    struct err *err)
{
	size_t length = strlen(path);
	if (path[0] != '/' || path[length - 1] == '/')
		return err_set(err,
		    "\"%.100s\" is not the whole path of a socket; %s", path,
		    listen_forms);
	if (length > SOCKET_PATH_MAX)
		return err_set(err,
		    "has a path of %zu bytes; the path of a socket has at most "
		    "%zu",
		    length, SOCKET_PATH_MAX);
	*value_r = arena_printf(arena, "unix:%s", path);
	return *value_r == NULL ? err_set(err, "out of memory") : 0;
}

/* A copy of a host without the brackets around it; NULL when memory is out. */
static const char *
without_brackets(struct arena *arena, const char *host)
{
	size_t length = strlen(host);
	if (length > 2 && host[0] == '[' && host[length - 1] == ']')
		return arena_strndup(arena, host + 1, length - 2);
	return arena_strdup(arena, host);
}

/* libmilter takes the family from the prefix, not from the address: what is
 * kept has the prefix that the address needs. */
static int
listen_inet(struct arena *arena, const char *text, bool v6,
    const char **value_r, struct err *err)
{
	struct in6_addr address;
	size_t digits = strcspn(text, "@");
	if (!is_port(text, digits))
		return err_set(err,
		    "has no port from 1 to 65535 behind inet:; %s",
		    listen_forms);
	if (text[digits] == '\0' || text[digits + 1] == '\0')
		return err_set(err,
		    "does not say on which address; %s (@0.0.0.0 is every "
		    "address: whoever reaches the port can disturb the mail)",
		    listen_forms);
	const char *host = without_brackets(arena, text + digits + 1);
	if (host == NULL)
		return err_set(err, "out of memory");
	int port = (int)digits;
	if (inet_pton(AF_INET, host, &address) == 1)
		*value_r =
		    arena_printf(arena, "inet:%.*s@%s", port, text, host);
	else if (inet_pton(AF_INET6, host, &address) == 1)
		*value_r =
		    arena_printf(arena, "inet6:%.*s@[%s]", port, text, host);
	else if (host[0] != '[' && name_is_domain(host))
		*value_r = arena_printf(arena, "%s:%.*s@%s",
		    v6 ? "inet6" : "inet", port, text, host);
	else
		return err_set(err,
		    "\"%.100s\" is neither an address nor a host name; %s",
		    host, listen_forms);
	return *value_r == NULL ? err_set(err, "out of memory") : 0;
}

int
value_listen(struct arena *arena, const char *text, const char **value_r,
    struct err *err)
{
	/* The names that libmilter has for them. */
	if (strncasecmp(text, "unix:", 5) == 0)
		return listen_unix(arena, text + 5, value_r, err);
	if (strncasecmp(text, "local:", 6) == 0)
		return listen_unix(arena, text + 6, value_r, err);
	if (strncasecmp(text, "inet:", 5) == 0)
		return listen_inet(arena, text + 5, false, value_r, err);
	if (strncasecmp(text, "inet6:", 6) == 0)
		return listen_inet(arena, text + 6, true, value_r, err);
	return err_set(err, "is \"%.120s\"; %s", text, listen_forms);
}

/* --------------------------------------------------- the server for alerts */

static const char smtp_forms[] =
    "write smtp://HOST:PORT or smtps://HOST:PORT, with user:password@ before "
    "the host if it wants a login";

/* Printable ASCII without spaces, each % with two hex digits behind it. */
static bool
is_url_text(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text <= ' ' || *text > '~')
			return false;
		if (*text == '%' && (!isxdigit((unsigned char)text[1]) ||
					!isxdigit((unsigned char)text[2])))
			return false;
	}
	return true;
}

/* user:password in front of the host; both must be there. */
static bool
is_login(const char *text, size_t length)
{
	const char *colon = memchr(text, ':', length);
	return colon != NULL && colon > text && colon + 1 < text + length &&
	       memchr(colon + 1, ':', length - (size_t)(colon + 1 - text)) ==
		   NULL;
}

/* HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT. */
static int
check_host(struct arena *arena, const char *text, struct err *err)
{
	struct in6_addr address;
	size_t length = strcspn(text, text[0] == '[' ? "]" : ":");
	if (text[0] == '[' && text[length] == ']')
		length++;
	const char *host = arena_strndup(arena, text, length);
	if (host == NULL)
		return err_set(err, "out of memory");
	const char *rest = text + length;
	if (host[0] == '[') {
		host = without_brackets(arena, host);
		if (host == NULL)
			return err_set(err, "out of memory");
		if (inet_pton(AF_INET6, host, &address) != 1)
			return err_set(err,
			    "has no IPv6 address between [ and ]; %s",
			    smtp_forms);
	} else if (!name_is_domain(host)) {
		return err_set(err, "names no host; %s", smtp_forms);
	}
	if (rest[0] != '\0' &&
	    (rest[0] != ':' || !is_port(rest + 1, strlen(rest + 1))))
		return err_set(err,
		    "has no port from 1 to 65535 behind the host; %s",
		    smtp_forms);
	return 0;
}

/* None of the sentences shows the value: it may hold a password, and a wrong
 * value may hold one where we don't look for it. */
int
value_smtp(struct arena *arena, const char *text, const char **value_r,
    struct err *err)
{
	size_t length = strlen(text);
	if (length > SMTP_URL_MAX || !is_url_text(text))
		return err_set(err,
		    "holds a space, a letter outside ASCII or a %% without two "
		    "hex digits, or is too long; %s",
		    smtp_forms);
	const char *rest = strncasecmp(text, "smtp://", 7) == 0    ? text + 7
			   : strncasecmp(text, "smtps://", 8) == 0 ? text + 8
								   : NULL;
	if (rest == NULL)
		return err_set(
		    err, "is no smtp:// or smtps:// URL; %s", smtp_forms);
	/* "smtp://host/" is "smtp://host". */
	if (rest[0] != '\0' && text[length - 1] == '/')
		length--;
	char *url = arena_strndup(arena, text, length);
	if (url == NULL)
		return err_set(err, "out of memory");
	char *host = url + (rest - text), *at = strchr(host, '@');
	if (at != NULL && !is_login(host, (size_t)(at - host)))
		return err_set(err,
		    "has no user:password before the @; %s; a colon in them "
		    "is written %%3A",
		    smtp_forms);
	if (at != NULL)
		host = at + 1;
	if (strchr(host, '@') != NULL)
		return err_set(err,
		    "has more than one @; write %%40 for one in the user or "
		    "the password");
	if (strchr(host, '/') != NULL)
		return err_set(
		    err, "has a path behind the host; %s", smtp_forms);
	if (check_host(arena, host, err) < 0)
		return -1;
	*value_r = url;
	return 0;
}

bool
value_smtp_has_password(const char *url)
{
	return strchr(url, '@') != NULL;
}
