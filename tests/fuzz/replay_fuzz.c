/*
 * replay_fuzz.c: any file as the spool's, brought into a real database.
 *
 * Whatever somebody wrote into the spool, the store works afterwards: else one
 * line would keep the daemon from its database for ever.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../milter/daemon/keeper.h"

static void
ignore(void *context)
{
	(void)context;
}

/* A keeper of the settings; what it says goes nowhere. */
static struct keeper
open_keeper(const struct settings *settings)
{
	struct keeper keeper = {.settings = settings, .mail_queued = ignore};
	struct err err = {""};
	if (keeper_init(&keeper, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
	MUST(keeper.store != NULL);
	return keeper;
}

static void
place(const char *name, char path_r[128])
{
	snprintf(path_r, 128, "%s/%s", fuzz_folder(), name);
}

/* An empty database as each input finds it. */
static struct pristine {
	const struct settings *settings;
	uint8_t *data;
	size_t size;
} pristine;

static void
prepare(void)
{
	char path[128], text[1024];
	snprintf(text, sizeof(text),
	    "listen = \"unix:/m.sock\";\n"
	    "database = \"%s/log.db\";\nspool = \"%s\";\n"
	    "rules: ( { name = \"message\"; recipients = 2; },\n"
	    "  { name = \"window\"; recipients = 3; window = \"10m\"; "
	    "action = \"reject\"; },\n"
	    "  { name = \"out\"; recipients = 3; window = \"1d\"; "
	    "scope = \"external\"; count = \"total\"; per = \"client\"; } );\n"
	    "alerts: { to = [ \"a@x.vn\" ]; from = \"b@x.vn\";\n"
	    "  contact = \"101\"; };\n"
	    "notices: { enabled = true; domains = [ \"x.vn\" ]; };\n",
	    fuzz_folder(), fuzz_folder());
	pristine.settings = fuzz_settings(text);
	struct keeper keeper = open_keeper(pristine.settings);
	keeper_deinit(&keeper);
	place("log.db", path);
	pristine.data = fuzz_read(path, &pristine.size);
}

/* Opening a database takes far longer than an input, so it is kept for some:
 * they meet what those before them left. */
#define INPUTS_A_DATABASE 50

static struct keeper *
keeper_for_input(void)
{
	static struct keeper keeper;
	static unsigned inputs;
	char database[128], beside[128];
	if (inputs++ % INPUTS_A_DATABASE != 0)
		return &keeper;
	if (keeper.store != NULL)
		keeper_deinit(&keeper);
	place("log.db", database);
	place("log.db-wal", beside);
	unlink(beside);
	place("log.db-shm", beside);
	unlink(beside);
	fuzz_write(database, pristine.data, pristine.size);
	keeper = open_keeper(pristine.settings);
	return &keeper;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char spool[128], rejected[128];
	struct err err = {""};
	if (pristine.settings == NULL)
		prepare();
	struct keeper *keeper = keeper_for_input();
	place(SPOOL_FILE, spool);
	fuzz_write(spool, data, size);
	/* As at the start of a daemon whose database works already. */
	spool_deinit(&keeper->spool);
	MUST(spool_init(fuzz_folder(), &keeper->spool, &err) == 0);
	keeper->next_spool_try = 0;
	keeper_retry(keeper);
	MUST(keeper->store != NULL && store_probe(keeper->store, &err) == 0);
	MUST(access(spool, F_OK) < 0);
	place(SPOOL_REJECTED_FILE, rejected);
	unlink(rejected);
	return 0;
}
