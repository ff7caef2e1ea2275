/* settings_fuzz.c: any text as a settings file. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkwatch/settings.h"
#include "bulkwatch/text.h"

static void
check_texts(const struct text_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		MUST(text_is_clean(list->items[i], strlen(list->items[i])));
}

static void
check_patterns(const struct pattern_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		MUST(text_is_clean(list->items[i], strlen(list->items[i])));
}

static void
check_networks(const struct network_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		MUST(list->items[i].prefix <= 128);
}

static void
check_rule(const struct rule *rule, const struct settings *s)
{
	MUST(rule->name != NULL && rule->name[0] != '\0');
	MUST(text_is_clean(rule->name, strlen(rule->name)));
	MUST(rule->recipients >= 1 && rule->recipients <= 100000);
	MUST(rule->window_secs >= 0);
	MUST(rule->window_secs <= s->longest_window_secs);
	check_patterns(&rule->senders);
	check_patterns(&rule->except);
}

/* What the rest of the program relies on. */
static void
check_settings(const struct settings *s)
{
	MUST(s->listen[0] != '\0' && s->database[0] != '\0');
	MUST(s->spool[0] != '\0');
	MUST(s->rules_n <= SETTINGS_RULES_MAX);
	for (size_t i = 0; i < s->rules_n; i++)
		check_rule(&s->rules[i], s);
	check_networks(&s->outbound_networks);
	check_networks(&s->exempt_clients);
	check_patterns(&s->exempt_senders);
	check_patterns(&s->exempt_recipients);
	check_texts(&s->local_domains);
	check_texts(&s->alerts.to);
	check_texts(&s->notices.domains);
	MUST(s->alerts.from != NULL && s->alerts.smtp != NULL);
	MUST(s->alerts.digest_minute >= -1 && s->alerts.digest_minute < 1440);
	for (int i = 0; i < TEMPLATES_N; i++)
		MUST(s->alerts.templates[i] != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[96], *faults = NULL;
	const struct settings *settings;
	snprintf(path, sizeof(path), "%s/bulkwatch.conf", fuzz_folder());
	fuzz_write(path, data, size);
	if (settings_load(path, &settings, &faults) < 0) {
		MUST(faults != NULL && faults[0] != '\0');
		MUST(fuzz_lines_are_clean(faults));
		free(faults);
		return 0;
	}
	check_settings(settings);
	settings_unref(&settings);
	return 0;
}
