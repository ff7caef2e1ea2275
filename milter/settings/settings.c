/*
 * settings.c: the settings file as one immutable snapshot: loading it, and
 * counting who holds it.
 */
#include "bulkwatch/settings.h"

#include <string.h>
#include <sys/stat.h>

#include "bulkwatch/able.h"
#include "bulkwatch/clock.h"
#include "bulkwatch/text.h"
#include "file.h"
#include "reader.h"
#include "scan.h"
#include "templates.h"
#include "values.h"

/* ------------------------------------------------- what libconfig reports */

/* Its words for what is wrong, and ours for what would be right. */
static const struct {
	const char *theirs, *ours;
} parse_faults[] = {
    {"syntax error",
	"cannot be understood here; look at this line and the one before it "
	"for a missing ; or = or quote or bracket"},
    {"duplicate setting name",
	"this key stood here already; leave one of the two out"},
    {"mismatched element type in array",
	"a list holds values of one kind only; put each text into quotes"},
    {"cannot open include file",
	"the file to include cannot be opened; its path counts from the folder "
	"of the settings file"},
};

static void
parse_fault(struct reader *reader, const config_t *config)
{
	const char *sentence = config_error_text(config);
	const char *included = config_error_file(config);
	struct place place = {
	    reader->file, (unsigned)config_error_line(config), ""};
	for (size_t i = 0; i < sizeof(parse_faults) / sizeof(parse_faults[0]);
	     i++)
		if (strcmp(sentence, parse_faults[i].theirs) == 0)
			sentence = parse_faults[i].ours;
	if (included != NULL)
		place.file = arena_printf(
		    reader->arena, "%s/%s", reader->folder, included);
	if (place.file == NULL)
		reader->faults->memory_out = true;
	else
		faults_add(reader->faults, &place, "%s", sentence);
}

/* ------------------------------------------- what the table cannot say */

/* A fault of a rule's key, at its line or the rule's. */
static void
rule_fault(struct reader *reader, const config_setting_t *list, size_t i,
    const char *key, const char *sentence)
{
	const config_setting_t *rule =
	    config_setting_get_elem(list, (unsigned)i);
	const config_setting_t *setting =
	    rule == NULL ? NULL : config_setting_get_member(rule, key);
	const char *path =
	    arena_printf(reader->arena, "rules[%zu].%s", i + 1, key);
	if (path == NULL)
		reader->faults->memory_out = true;
	else
		reader_fault(reader, setting != NULL ? setting : rule, path,
		    "%s", sentence);
}

/* An action that cannot do what it promises, a text that nobody would see. */
static void
check_action(struct reader *reader, const config_setting_t *list, size_t i)
{
	const struct rule *rule = &reader->snapshot->settings.rules[i];
	if (rule->action == ACTION_DEFER && rule->window_secs == 0)
		rule_fault(reader, list, i, "action",
		    "\"defer\" without a window would defer the same mail for "
		    "ever; give the rule a window, such as window = \"10m\", "
		    "or write \"hold\" or \"reject\"");
	if (rule->action == ACTION_LOG && rule->reply != NULL)
		rule_fault(reader, list, i, "reply",
		    "is told to nobody where the action is \"log\"; leave it "
		    "out, or write action = \"reject\" or \"defer\"");
}

static void
check_names(struct reader *reader, const config_setting_t *list, size_t i)
{
	const struct rule *rules = reader->snapshot->settings.rules;
	for (size_t j = 0; j < i && rules[i].name != NULL; j++) {
		if (rules[j].name == NULL ||
		    strcmp(rules[j].name, rules[i].name) != 0)
			continue;
		reader_fault(reader, config_setting_get_elem(list, (unsigned)i),
		    "rules",
		    "two rules have the name \"%s\"; give each its own",
		    rules[i].name);
		break;
	}
}

static void
check_rules(struct reader *reader, const config_t *config)
{
	struct settings *settings = &reader->snapshot->settings;
	const config_setting_t *list = config_lookup(config, "rules");
	for (size_t i = 0; i < settings->rules_n; i++) {
		if (settings->rules[i].window_secs >
		    settings->longest_window_secs)
			settings->longest_window_secs =
			    settings->rules[i].window_secs;
		if (list == NULL)
			continue; /* the default ones */
		check_names(reader, list, i);
		check_action(reader, list, i);
	}
}

/* What is counted must be kept for as long as it counts. */
static void
check_keep(struct reader *reader, const config_t *config, const char *key,
    int64_t keep_secs)
{
	char keep[CLOCK_DURATION_MAX], window[CLOCK_DURATION_MAX];
	int64_t longest = reader->snapshot->settings.longest_window_secs;
	if (keep_secs == 0 || keep_secs >= longest)
		return;
	clock_duration_text(keep_secs, keep);
	clock_duration_text(longest, window);
	reader_fault(reader, config_lookup(config, key), key,
	    "\"%s\" is shorter than the longest window of the rules; write "
	    "\"%s\" or more",
	    keep, window);
}

static void
complete_from(struct reader *reader, const config_t *config)
{
	struct settings *settings = &reader->snapshot->settings;
	const config_setting_t *domains =
	    config_lookup(config, "local_domains");
	if (config_lookup(config, "alerts.from") != NULL)
		return;
	if (domains != NULL && !config_setting_is_aggregate(domains))
		return; /* a fault already */
	if (settings->local_domains.n == 0) {
		reader_fault(reader, config_lookup(config, "alerts"),
		    "alerts.from",
		    "is missing, and there are no local_domains to make one "
		    "of; write it, such as from = "
		    "\"bulkwatch@example.gov.vn\"");
		return;
	}
	if (settings->local_domains.items[0] == NULL)
		return; /* a fault already */
	settings->alerts.from = arena_printf(
	    reader->arena, "bulkwatch@%s", settings->local_domains.items[0]);
	if (settings->alerts.from == NULL)
		reader->faults->memory_out = true;
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, " ")] == '\0';
}

/* A notice goes to somebody, and says how to report. */
static void
check_notices(struct reader *reader, const config_t *config)
{
	const struct settings *settings = &reader->snapshot->settings;
	const config_setting_t *domains =
	    config_lookup(config, "notices.domains");
	const config_setting_t *contact =
	    config_lookup(config, "alerts.contact");
	if (!settings->notices.enabled)
		return;
	if (settings->notices.domains.n == 0 &&
	    (domains == NULL || config_setting_is_aggregate(domains)))
		reader_fault(reader,
		    domains != NULL ? domains
				    : config_lookup(config, "notices"),
		    "notices.domains",
		    "%s, and notices.enabled is true; write the domains whose "
		    "senders get notices, such as domains = [ "
		    "\"example.gov.vn\" ]",
		    domains != NULL ? "is empty" : "is missing");
	if (settings->alerts.contact != NULL &&
	    is_blank(settings->alerts.contact))
		reader_fault(reader,
		    contact != NULL ? contact : config_lookup(config, "alerts"),
		    "alerts.contact",
		    "%s, and notices.enabled is true; write how senders "
		    "report, such as contact = \"Office, telephone 101\"",
		    contact != NULL ? "is empty" : "is missing");
}

/* A password in a file that anybody on the machine can read is none. */
static void
check_secret(struct reader *reader, const config_t *config, bool world_readable)
{
	const char *url = reader->snapshot->settings.alerts.smtp;
	const char *user = reader->snapshot->settings.user;
	const config_setting_t *setting = config_lookup(config, "alerts.smtp");
	if (setting == NULL || url == NULL || !value_smtp_has_password(url))
		return;
	const char *file = reader_file(reader, setting);
	if (file == NULL) {
		reader->faults->memory_out = true;
		return;
	}
	struct stat st;
	if (file != reader->file)
		world_readable =
		    stat(file, &st) == 0 && (st.st_mode & S_IROTH) != 0;
	if (world_readable)
		reader_fault(reader, setting, "alerts.smtp",
		    "holds a password, and everybody on this machine may read "
		    "the file; run: chgrp %s %s && chmod 640 %s",
		    able_group(user == NULL ? NULL : getpwnam(user)), file,
		    file);
}

/* -------------------------------------------------------------- loading */

static void
scan_included_text(struct reader *reader, const char *path, const char *text)
{
	uint64_t *digest = &reader->snapshot->settings.digest;
	*digest = file_digest(*digest, text);
	scan_text(path, text, reader->faults);
}

/* Files that were included passed libconfig; what it takes in silence is looked
 * for in them too. */
static void
scan_included(struct reader *reader, const config_t *config)
{
	for (unsigned i = 0; i < config->num_filenames; i++) {
		struct err err = {"cannot be read again"};
		struct file_text text;
		if (config->filenames[i] == NULL)
			continue;
		const char *path = arena_printf(reader->arena, "%s/%s",
		    reader->folder, config->filenames[i]);
		struct place place = {path, 0, ""};
		if (path == NULL)
			reader->faults->memory_out = true;
		else if (file_read(reader->arena, path, &text, &err) > 0)
			scan_included_text(reader, path, text.text);
		else
			faults_add(reader->faults, &place, "%s", err.text);
	}
}

static void
read_config(
    struct reader *reader, const config_t *config, const struct file_text *text)
{
	struct settings *settings = &reader->snapshot->settings;
	scan_included(reader, config);
	reader_read(reader, config_root_setting(config));
	check_rules(reader, config);
	check_keep(reader, config, "ledger.keep", settings->ledger_keep_secs);
	check_keep(
	    reader, config, "evidence.keep", settings->evidence_keep_secs);
	complete_from(reader, config);
	check_notices(reader, config);
	check_secret(reader, config, text->world_readable);
	if (settings->alerts.language != NULL)
		templates_load(reader->arena, reader->folder,
		    settings->alerts.language, settings->alerts.templates,
		    &settings->digest, reader->faults);
}

static void
read_text(struct reader *reader, const struct file_text *text)
{
	config_t config;
	reader->snapshot->settings.digest =
	    file_digest(FILE_DIGEST_START, text->text);
	if (scan_text(reader->file, text->text, reader->faults) < 0)
		return;
	config_init(&config);
	/* Else included files would count from where the program runs. */
	config_set_include_dir(&config, reader->folder);
	if (config_read_string(&config, text->text) == CONFIG_TRUE)
		read_config(reader, &config, text);
	else
		parse_fault(reader, &config);
	config_destroy(&config);
}

static void
read_file(struct reader *reader)
{
	struct err err;
	struct file_text text;
	struct place place = {reader->file, 0, ""};
	int found = file_read(reader->arena, reader->file, &text, &err);
	if (found == 0)
		faults_add(reader->faults, &place,
		    "there is no such file; bulkwatch.conf(5) says what to "
		    "write into it");
	else if (found < 0)
		faults_add(reader->faults, &place, "%s", err.text);
	else if (text.text[strspn(text.text, " \t\r\n")] == '\0')
		faults_add(reader->faults, &place,
		    "is empty; bulkwatch.conf(5) says what to write into it");
	else
		read_text(reader, &text);
}

static struct snapshot *
snapshot_new(const char *file)
{
	struct arena *arena = arena_new();
	struct snapshot *snapshot =
	    arena == NULL ? NULL : arena_alloc(arena, sizeof(*snapshot));
	if (snapshot == NULL)
		goto free_arena;
	snapshot->arena = arena;
	snapshot->settings.snapshot = snapshot;
	snapshot->settings.file = arena_strdup(arena, file);
	if (snapshot->settings.file == NULL)
		goto free_arena;
	atomic_init(&snapshot->references, 1);
	return snapshot;

free_arena:
	arena_free(arena);
	return NULL;
}

int
settings_load(
    const char *file, const struct settings **settings_r, char **faults_r)
{
	struct faults faults = {.text = NULL};
	struct snapshot *snapshot = snapshot_new(file);
	if (snapshot == NULL)
		goto fail;
	struct reader reader = {.arena = snapshot->arena,
	    .faults = &faults,
	    .file = snapshot->settings.file,
	    .folder = text_folder(snapshot->arena, file),
	    .snapshot = snapshot};
	if (reader.folder == NULL)
		goto free_snapshot;
	read_file(&reader);
	if (faults_any(&faults))
		goto free_snapshot;
	*settings_r = &snapshot->settings;
	return 0;

free_snapshot:
	arena_free(snapshot->arena);
fail:
	*faults_r = faults_take(&faults);
	return -1;
}

const struct settings *
settings_ref(const struct settings *settings)
{
	if (settings->snapshot != NULL)
		atomic_fetch_add_explicit(
		    &settings->snapshot->references, 1, memory_order_relaxed);
	return settings;
}

void
settings_unref(const struct settings **settings)
{
	struct snapshot *snapshot =
	    *settings == NULL ? NULL : (*settings)->snapshot;
	*settings = NULL;
	if (snapshot == NULL)
		return;
	/* The last one out sees all that the others did before they left. */
	if (atomic_fetch_sub_explicit(
		&snapshot->references, 1, memory_order_acq_rel) == 1)
		arena_free(snapshot->arena);
}
