/*
 * ctl_fuzz.c: any words behind `bulkwatch`, on a real database with a hostile
 * sender's bulk send in it. A word is a line of the input.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../milter/ctl/ctl.h"
#include "../../milter/daemon/keeper.h"

#define WORDS_MAX 16

/* Those that touch nothing but the database. */
static const char *const allowed[] = {"list", "show", "take", "note", "close",
    "reopen", "declare", "declarations", "withdraw", "senders", "export",
    "report"};

static bool
is_allowed(const char *word)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (strcmp(word, allowed[i]) == 0)
			return true;
	/* Other settings would lead to another database. */
	if (strncmp(word, "-c", 2) == 0)
		return false;
	for (const struct command *c = ctl_commands; c->name != NULL; c++)
		if (strcmp(word, c->name) == 0)
			return false;
	return true;
}

/* ---------------------------------------------------------- the database */

static struct pristine {
	char settings[128], database[128];
	uint8_t *data;
	size_t size;
} pristine;

static void
ignore(void *context)
{
	(void)context;
}

/* Brings the corpus's message in by the spool. */
static void
prepare(void)
{
	static const char line[] =
	    "{\"identity\":\"login\",\"id\":0,\"at_ms\":1772435109000,"
	    "\"tick\":0,\"sender\":\"\\u001b[2Jthu.ha@x.vn\","
	    "\"mail_from\":\"=cmd|' /C calc'!A0@x.vn\",\"login\":\"<b>\","
	    "\"client\":\"192.0.2.1\",\"queue_id\":\"\\u202e4ABC\","
	    "\"message_id\":\"<1@x.vn>\",\"subject\":\"Th\\u01b0\\r\\nBcc: "
	    "\\u0000x\",\"recipient_count\":2,\"external_count\":1,"
	    "\"recipients\":[{\"address\":\"a@y.vn\",\"external\":true},"
	    "{\"address\":\"b@x.vn\",\"external\":false}]}\n";
	char text[1024], spool[128];
	const char *folder = fuzz_folder();
	snprintf(text, sizeof(text),
	    "listen = \"unix:/m.sock\";\n"
	    "database = \"%s/log.db\";\nspool = \"%s\";\n"
	    "rules: ( { name = \"message\"; recipients = 2; } );\n"
	    "alerts: { to = [ \"a@x.vn\" ]; from = \"b@x.vn\"; };\n",
	    folder, folder);
	snprintf(spool, sizeof(spool), "%s/" SPOOL_FILE, folder);
	snprintf(
	    pristine.database, sizeof(pristine.database), "%s/log.db", folder);
	snprintf(pristine.settings, sizeof(pristine.settings),
	    "%s/bulkwatch.conf", folder);
	fuzz_write(spool, line, strlen(line));
	const struct settings *settings = fuzz_settings(text);
	struct keeper keeper = {.settings = settings, .mail_queued = ignore};
	struct err err = {""};
	MUST(keeper_init(&keeper, &err) == 0 && keeper.store != NULL);
	keeper_deinit(&keeper);
	settings_unref(&settings);
	pristine.data = fuzz_read(pristine.database, &pristine.size);
}

static void
restore(void)
{
	char beside[140];
	fuzz_write(pristine.database, pristine.data, pristine.size);
	snprintf(beside, sizeof(beside), "%s-wal", pristine.database);
	unlink(beside);
	snprintf(beside, sizeof(beside), "%s-shm", pristine.database);
	unlink(beside);
}

/* -------------------------------------------------------------- the call */

/* Nothing that a sender or the caller wrote reaches a terminal as it is. A
 * sheet has lines that end as RFC 4180 says, and may begin with the mark that
 * office programs know UTF-8 by. */
static void
check_output(char *text)
{
	static const char mark[] = "\xef\xbb\xbf";
	if (strncmp(text, mark, 3) == 0)
		text += 3;
	char *to = text;
	for (const char *from = text; *from != '\0'; from++)
		if (from[0] != '\r' || from[1] != '\n')
			*to++ = *from;
	*to = '\0';
	MUST(fuzz_lines_are_clean(text));
}

static void
run(int argc, char **argv)
{
	char *out_text = NULL, *err_text = NULL;
	size_t out_size, err_size;
	FILE *out = open_memstream(&out_text, &out_size);
	FILE *err = open_memstream(&err_text, &err_size);
	MUST(out != NULL && err != NULL);
	const int code = ctl_run(out, err, argc, argv);
	fclose(out);
	fclose(err);
	MUST(code >= CTL_DONE && code <= CTL_USAGE);
	MUST((code == CTL_DONE) == (err_size == 0));
	MUST(strlen(out_text) == out_size && strlen(err_text) == err_size);
	check_output(out_text);
	check_output(err_text);
	free(out_text);
	free(err_text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	char name[] = "bulkwatch", option[] = "-c";
	char *argv[WORDS_MAX + 4] = {name, option, pristine.settings};
	int argc = 3;
	bool good = true;
	if (pristine.data == NULL) {
		setenv("TZ", "Asia/Ho_Chi_Minh", 1);
		prepare();
	}
	while (input.left > 0 && argc < WORDS_MAX + 3) {
		argv[argc] = fuzz_line(&input);
		good = is_allowed(argv[argc++]) && good;
	}
	char *words[WORDS_MAX];
	const int n = argc - 3;
	for (int i = 0; i < n; i++) /* getopt moves them */
		words[i] = argv[i + 3];
	if (good) {
		restore();
		run(argc, argv);
	}
	for (int i = 0; i < n; i++)
		free(words[i]);
	return 0;
}
