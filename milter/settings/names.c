/* names.c: what may stand as an address, or a part of one, in the settings. */
#include "names.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* RFC 1035 section 2.3.4, RFC 5321 section 4.5.3.1. */
#define LABEL_MAX 63
#define DOMAIN_MAX 255
#define LOCAL_PART_MAX 64
#define ADDRESS_MAX 254

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

static bool
is_label_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       (unsigned char)c >= 0x80;
}

static bool
is_label(const char *text, size_t length)
{
	if (length == 0 || length > LABEL_MAX || text[0] == '-' ||
	    text[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_label_byte(text[i]))
			return false;
	return true;
}

/* [192.0.2.1] or [IPv6:2001:db8::1], RFC 5321 section 4.1.3. */
static bool
is_address_literal(const char *text)
{
	static const char v6[] = "IPv6:";
	char inside[INET6_ADDRSTRLEN + sizeof(v6)];
	struct in6_addr address;
	size_t length = strlen(text);
	if (length < 2 || text[0] != '[' || text[length - 1] != ']' ||
	    length - 2 >= sizeof(inside))
		return false;
	memcpy(inside, text + 1, length - 2);
	inside[length - 2] = '\0';
	if (strncasecmp(inside, v6, sizeof(v6) - 1) == 0)
		return inet_pton(AF_INET6, inside + sizeof(v6) - 1, &address) ==
		       1;
	return inet_pton(AF_INET, inside, &address) == 1;
}

bool
name_is_domain(const char *text)
{
	if (text[0] == '[')
		return is_address_literal(text);
	if (strlen(text) > DOMAIN_MAX)
		return false;
	for (;;) {
		size_t length = strcspn(text, ".");
		if (!is_label(text, length))
			return false;
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

static bool
is_quoted(const char *text, size_t length)
{
	if (length < 2 || text[0] != '"' || text[length - 1] != '"')
		return false;
	for (size_t i = 1; i + 1 < length; i++) {
		if (text[i] == '"')
			return false;
		if (text[i] == '\\' && ++i + 1 >= length)
			return false;
	}
	return true;
}

bool
name_is_local_part(const char *text, size_t length)
{
	if (length == 0)
		return false;
	if (text[0] == '"')
		return is_quoted(text, length);
	for (size_t i = 0; i < length; i++)
		if (strchr(" \"@*<>,;()", text[i]) != NULL)
			return false;
	return true;
}

bool
name_is_address(const char *text)
{
	const char *at = strrchr(text, '@');
	return at != NULL && strlen(text) <= ADDRESS_MAX && is_ascii(text) &&
	       at - text <= LOCAL_PART_MAX &&
	       name_is_local_part(text, (size_t)(at - text)) &&
	       name_is_domain(at + 1);
}
