/* network.c: which client address is meant. */
#include "bulkwatch/pattern.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* An IPv4 address stands in the last 32 bits of ::ffff:0:0/96 (RFC 4291
 * section 2.5.5.2). */
#define MAPPED_BITS 96

static const char forms[] =
    "write an address or a network, such as 192.0.2.0/24 or 2001:db8::/32";

/* Returns the bits before the address's own (96 for IPv4), or -1 if text is no
 * address. */
static int
address_parse(const char *text, struct in6_addr *address_r)
{
	struct in_addr v4;
	if (inet_pton(AF_INET, text, &v4) == 1) {
		memset(address_r, 0, sizeof(*address_r));
		address_r->s6_addr[10] = address_r->s6_addr[11] = 0xff;
		memcpy(&address_r->s6_addr[12], &v4, sizeof(v4));
		return MAPPED_BITS;
	}
	return inet_pton(AF_INET6, text, address_r) == 1 ? 0 : -1;
}

/* Clears the bits after the first prefix; true if any was set. */
static bool
clear_host_bits(struct in6_addr *address, unsigned prefix)
{
	bool any = false;
	for (unsigned i = 0; i < 16; i++) {
		unsigned kept = prefix >= 8 * (i + 1) ? 8
				: prefix <= 8 * i     ? 0
						      : prefix - 8 * i;
		uint8_t mask = (uint8_t)(0xff00u >> kept);
		any = any || (address->s6_addr[i] & ~mask) != 0;
		address->s6_addr[i] &= mask;
	}
	return any;
}

static int
prefix_parse(const char *text, unsigned most, unsigned *prefix_r)
{
	unsigned value = 0;
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 3 || text[digits] != '\0' ||
	    (digits > 1 && text[0] == '0'))
		return -1;
	for (; *text != '\0'; text++)
		value = value * 10 + (unsigned)(*text - '0');
	if (value > most)
		return -1;
	*prefix_r = value;
	return 0;
}

/* The network as it should have been written. */
static void
network_text(const struct network *network, int skipped,
    char text_r[INET6_ADDRSTRLEN + 5])
{
	char address[INET6_ADDRSTRLEN];
	if (skipped == MAPPED_BITS)
		inet_ntop(AF_INET, &network->address.s6_addr[12], address,
		    sizeof(address));
	else
		inet_ntop(
		    AF_INET6, &network->address, address, sizeof(address));
	snprintf(text_r, INET6_ADDRSTRLEN + 5, "%s/%u", address,
	    network->prefix - (unsigned)skipped);
}

int
network_parse(const char *text, struct network *network_r, struct err *err)
{
	char address[INET6_ADDRSTRLEN], right[INET6_ADDRSTRLEN + 5];
	struct network network;
	size_t length = strcspn(text, "/");
	if (length == 0 || length >= sizeof(address))
		return err_set(
		    err, "\"%.100s\" is no network; %s", text, forms);
	memcpy(address, text, length);
	address[length] = '\0';
	int skipped = address_parse(address, &network.address);
	if (skipped < 0)
		return err_set(err, "\"%s\" is no IPv4 or IPv6 address; %s",
		    address, forms);
	unsigned most = 128 - (unsigned)skipped, prefix = most;
	if (text[length] == '/' &&
	    prefix_parse(text + length + 1, most, &prefix) < 0)
		return err_set(err,
		    "\"%.100s\": after the / stands a number from 0 to %u",
		    text, most);
	network.prefix = (unsigned)skipped + prefix;
	if (clear_host_bits(&network.address, network.prefix)) {
		network_text(&network, skipped, right);
		return err_set(err,
		    "\"%s\" has bits set behind the prefix; the network is "
		    "%s",
		    text, right);
	}
	*network_r = network;
	return 0;
}

/* As the MTAs write addresses: Sendmail puts IPv6: before one of that kind, and
 * a link-local one may name its interface (fe80::1%eth0). */
static int
client_parse(const char *text, struct in6_addr *address_r)
{
	char plain[INET6_ADDRSTRLEN];
	if (strncasecmp(text, "IPv6:", 5) == 0)
		text += 5;
	size_t length = strcspn(text, "%");
	if (length >= sizeof(plain))
		return -1;
	memcpy(plain, text, length);
	plain[length] = '\0';
	return address_parse(plain, address_r) < 0 ? -1 : 0;
}

static bool
network_holds(const struct network *network, const struct in6_addr *address)
{
	/* ::/0 is all of IPv6. That IPv4 is kept inside it is our own way of
	 * keeping it, not what the admin meant. */
	if (network->prefix < MAPPED_BITS && IN6_IS_ADDR_V4MAPPED(address))
		return false;
	struct in6_addr masked = *address;
	clear_host_bits(&masked, network->prefix);
	return memcmp(&masked, &network->address, sizeof(masked)) == 0;
}

bool
network_list_match(const struct network_list *list, const char *address)
{
	struct in6_addr parsed;
	if (client_parse(address, &parsed) < 0)
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (network_holds(&list->items[i], &parsed))
			return true;
	return false;
}
