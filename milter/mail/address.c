/* address.c: addresses as the envelope gives them. */
#include "bulkwatch/address.h"

#include <string.h>
#include <strings.h>

#include "bulkwatch/text.h"

/* RFC 5321 section 4.5.3.1.3: a path of 256 bytes, less its brackets. */
#define ADDRESS_MAX 254

/* A piece of a longer text. */
struct piece {
	const char *text;
	size_t length;
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct piece
trim(struct piece p)
{
	while (p.length > 0 && is_space(p.text[0])) {
		p.text++;
		p.length--;
	}
	while (p.length > 0 && is_space(p.text[p.length - 1]))
		p.length--;
	return p;
}

/* Pickup mail comes without angle brackets: both are there or none is. */
static struct piece
without_brackets(struct piece p)
{
	if (p.length >= 2 && p.text[0] == '<' && p.text[p.length - 1] == '>') {
		p.text++;
		p.length -= 2;
	}
	return p;
}

/* "@relay,@relay:user@domain": RFC 5321 section 3.3 says to ignore the route. A
 * relay may be an IPv6 literal, whose colons end nothing. */
static struct piece
without_route(struct piece p)
{
	bool literal = false;
	if (p.length == 0 || p.text[0] != '@')
		return p;
	for (size_t i = 0; i < p.length; i++) {
		if (p.text[i] == '[')
			literal = true;
		else if (p.text[i] == ']')
			literal = false;
		else if (p.text[i] == ':' && !literal)
			return (struct piece){p.text + i + 1, p.length - i - 1};
	}
	return p;
}

static struct piece
without_final_dot(struct piece p)
{
	if (p.length >= 2 && p.text[p.length - 1] == '.' &&
	    memchr(p.text, '@', p.length) != NULL)
		p.length--;
	return p;
}

/* Bytes that the quoted local part at the start of p takes, quotes included;
 * 0 if there is none: no quote, not closed, or followed by anything but a
 * domain. */
static size_t
quoted_length(struct piece p)
{
	if (p.length == 0 || p.text[0] != '"')
		return 0;
	for (size_t i = 1; i < p.length; i++) {
		if (p.text[i] == '\\')
			i++;
		else if (p.text[i] == '"')
			return i + 1 == p.length || p.text[i + 1] == '@' ? i + 1
									 : 0;
	}
	return 0;
}

/* RFC 5322 atext, the dot, and bytes beyond ASCII (RFC 6531): what may stand
 * in a local part without quotes. Where the dots stand is no matter here:
 * MTAs take "a..b" bare as they do quoted. */
static bool
needs_quotes(const char *text)
{
	if (text[0] == '\0')
		return true;
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if (c <= ' ' || c == 0x7f || strchr("()<>[]:;@\\,\"", c))
			return true;
	}
	return false;
}

/* Copies the inside of a quoted local part without its backslashes. */
static char *
unquoted(struct arena *arena, struct piece inside)
{
	char *plain = arena_alloc(arena, inside.length + 1);
	if (plain == NULL)
		return NULL;
	char *out = plain;
	for (size_t i = 0; i < inside.length; i++) {
		if (inside.text[i] == '\\' && i + 1 < inside.length)
			i++;
		*out++ = inside.text[i];
	}
	return plain;
}

/* The same local part quoted with no more backslashes than it needs. */
static char *
quoted(struct arena *arena, const char *plain)
{
	char *text = arena_alloc(arena, strlen(plain) * 2 + 3);
	if (text == NULL)
		return NULL;
	char *out = text;
	*out++ = '"';
	for (; *plain != '\0'; plain++) {
		if (*plain == '"' || *plain == '\\')
			*out++ = '\\';
		*out++ = *plain;
	}
	*out = '"';
	return text;
}

/* The address with one spelling of its local part. */
static char *
spelled(struct arena *arena, struct piece p)
{
	size_t quotes = quoted_length(p);
	if (quotes == 0)
		return arena_strndup(arena, p.text, p.length);
	char *local = unquoted(arena, (struct piece){p.text + 1, quotes - 2});
	if (local != NULL && needs_quotes(local))
		local = quoted(arena, local);
	if (local == NULL)
		return NULL;
	return arena_printf(
	    arena, "%s%.*s", local, (int)(p.length - quotes), p.text + quotes);
}

const char *
address_canonical(struct arena *arena, const char *argument)
{
	if (argument == NULL)
		return "";
	struct piece p = {argument, strlen(argument)};
	p = trim(without_brackets(trim(p)));
	p = without_final_dot(without_route(p));
	char *address = spelled(arena, p);
	if (address == NULL)
		return NULL;
	address = text_clean(arena, address, strlen(address));
	/* Last, so that escapes are in lower case too: what has passed here
	 * once comes out the same a second time. */
	if (address != NULL)
		text_lower(address);
	return address;
}

const char *
address_stable(struct arena *arena, const char *address)
{
	static const char *const rewritten[] = {
	    "srs0=", "srs0+", "srs0-", "srs1=", "srs1+", "srs1-"};
	const char *domain = address_domain(address);
	if (domain[0] == '\0' || address[0] == '"')
		return address;
	for (size_t i = 0; i < sizeof(rewritten) / sizeof(rewritten[0]); i++)
		if (strncmp(address, rewritten[i], 5) == 0)
			return arena_printf(arena, "srs@%s", domain);
	/* BATV: prvs=TAG=user@domain. */
	const char *local = address;
	if (strncmp(local, "prvs=", 5) == 0) {
		const char *end = strchr(local + 5, '=');
		/* What is left must not begin a quoted local part, in which
		 * the @ would mean nothing. */
		if (end != NULL && end < domain && end[1] != '"')
			local = end + 1;
	}
	size_t length = (size_t)(domain - 1 - local);
	const char *plus = memchr(local, '+', length);
	if (plus != NULL && plus > local)
		length = (size_t)(plus - local);
	if (local == address && local + length == domain - 1)
		return address;
	return arena_printf(arena, "%.*s@%s", (int)length, local, domain);
}

const char *
address_domain(const char *address)
{
	/* An @ within quotes belongs to the local part. */
	address += quoted_length((struct piece){address, strlen(address)});
	const char *at = strrchr(address, '@');
	return at == NULL ? "" : at + 1;
}

bool
address_is_external(const char *address, const struct text_list *local)
{
	const char *domain = address_domain(address);
	if (domain[0] == '\0')
		return false;
	for (size_t i = 0; i < local->n; i++)
		if (strcasecmp(domain, local->items[i]) == 0)
			return false;
	return true;
}

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* RFC 5322 dot-atom, ASCII only: 8-bit would need SMTPUTF8 all the way. */
static bool
is_dot_atom(const char *text, size_t length)
{
	if (length == 0 || text[0] == '.' || text[length - 1] == '.')
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '.' && text[i + 1] == '.')
			return false;
		if (!is_alnum(text[i]) &&
		    (text[i] == '\0' ||
			strchr(".!#$%&'*+-/=?^_`{|}~", text[i]) == NULL))
			return false;
	}
	return true;
}

/* A host name, or an address literal in brackets. */
static bool
is_domain(const char *text)
{
	size_t length = strlen(text);
	if (length > 2 && text[0] == '[' && text[length - 1] == ']')
		return strspn(text + 1, "0123456789.:abcdefABCDEFIPv") ==
		       length - 2;
	if (!is_dot_atom(text, length))
		return false;
	for (size_t i = 0; i < length; i++) {
		bool edge = i == 0 || i + 1 == length || text[i - 1] == '.' ||
			    text[i + 1] == '.';
		if (!is_alnum(text[i]) && text[i] != '.' &&
		    (edge || (text[i] != '-' && text[i] != '_')))
			return false;
	}
	return true;
}

bool
address_is_sound(const char *text)
{
	const char *at = strrchr(text, '@');
	return at != NULL && strlen(text) <= ADDRESS_MAX &&
	       is_dot_atom(text, (size_t)(at - text)) && is_domain(at + 1);
}
