/*
 * address_fuzz.c: any text as an envelope address, a pattern, a network.
 *
 * The input's first line is a pattern or network as an admin may write it; what
 * follows is an address as an MTA may give it.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "bulkwatch/address.h"
#include "bulkwatch/pattern.h"
#include "bulkwatch/text.h"

static const char *const domains[] = {"example.gov.vn", "x"};
static const struct text_list local = {domains, 2};

static void
check_envelope(struct arena *arena, const char *argument)
{
	const char *address = address_canonical(arena, argument);
	MUST(address != NULL && text_is_clean(address, strlen(address)));
	const char *domain = address_domain(address);
	MUST(domain >= address || domain[0] == '\0');
	MUST(strlen(domain) <= strlen(address));
	if (address_is_external(address, &local))
		MUST(domain[0] != '\0');
	const char *stable = address_stable(arena, address);
	MUST(stable != NULL && text_is_clean(stable, strlen(stable)));
	MUST((stable[0] == '\0') == (address[0] == '\0'));
	MUST(strcmp(address_domain(stable), domain) == 0);
	if (address_is_sound(argument))
		MUST(text_is_clean(argument, strlen(argument)) &&
		     strlen(argument) <= 254);
}

static void
check_pattern(struct arena *arena, const char *text, const char *name)
{
	const char *pattern, *again = NULL;
	struct err err = {""};
	if (pattern_parse(arena, text, &pattern, &err) < 0) {
		MUST(text_is_clean(err.text, strlen(err.text)));
		return;
	}
	MUST(pattern_parse(arena, pattern, &again, &err) == 0);
	MUST(strcmp(pattern, again) == 0);
	if (strchr("*@", pattern[0]) == NULL)
		MUST(pattern_match(pattern, pattern));
	const struct pattern_list list = {&pattern, 1};
	MUST(pattern_list_match(&list, name) == pattern_match(pattern, name));
}

static void
check_network(const char *text, const char *client)
{
	struct network network;
	struct err err = {""};
	if (network_parse(text, &network, &err) < 0) {
		MUST(err.text[0] != '\0');
		return;
	}
	const struct network_list list = {&network, 1};
	MUST(network.prefix <= 128);
	network_list_match(&list, client);
	/* A network holds the address that it is named after. */
	char *named = strndup(text, strcspn(text, "/"));
	MUST(named != NULL);
	struct in6_addr *at = &network.address;
	if (!IN6_IS_ADDR_V4MAPPED(at) || network.prefix >= 96)
		MUST(network_list_match(&list, named));
	free(named);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct arena *arena = arena_new();
	MUST(arena != NULL);
	char *text = fuzz_line(&input);
	char *address = fuzz_rest(&input);
	check_envelope(arena, address);
	check_envelope(arena, text);
	check_pattern(arena, text, address);
	check_network(text, address);
	free(address);
	free(text);
	arena_free(arena);
	return 0;
}
