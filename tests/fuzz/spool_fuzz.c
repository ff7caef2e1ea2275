/* spool_fuzz.c: any file as the spool's, read back. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bulkwatch/json.h"
#include "bulkwatch/spool.h"
#include "bulkwatch/text.h"

struct seen {
	size_t taken, bad;
};

static void
check_string(const char *text)
{
	MUST(text != NULL && text_is_clean(text, strlen(text)));
}

static void
check_message(const struct message *m)
{
	check_string(m->sender);
	check_string(m->mail_from);
	check_string(m->login);
	check_string(m->client);
	check_string(m->queue_id);
	check_string(m->message_id);
	check_string(m->subject);
	for (size_t i = 0; i < m->recipients_n; i++)
		check_string(m->recipients[i].address);
}

/* What is read is what would be written. */
static void
check_again(struct arena *arena, const struct message *m)
{
	struct message copy;
	struct err err = {""};
	char *line = json_message(m);
	MUST(line != NULL && strchr(line, '\n') == NULL);
	MUST(json_message_parse(arena, line, strlen(line), &copy, &err) == 0);
	char *again = json_message(&copy);
	MUST(again != NULL && strcmp(line, again) == 0);
	free(again);
	free(line);
}

static int
take(void *context, struct arena *arena, struct message **messages, size_t n,
    const struct spool_place *after)
{
	struct seen *seen = context;
	MUST(n > 0 && after->offset > 0);
	for (size_t i = 0; i < n; i++) {
		check_message(messages[i]);
		check_again(arena, messages[i]);
	}
	seen->taken += n;
	return 0;
}

static void
hear_bad(void *context, const char *sentence)
{
	struct seen *seen = context;
	MUST(text_is_clean(sentence, strlen(sentence)));
	seen->bad++;
}

static size_t
count_lines(const uint8_t *data, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < size; i++)
		n += data[i] == '\n';
	return n + (size > 0 && data[size - 1] != '\n');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[96], rejected[96];
	struct spool *spool;
	struct seen seen = {0};
	struct err err = {""};
	const struct spool_replay replay = {
	    .batch = take, .bad = hear_bad, .context = &seen};
	snprintf(path, sizeof(path), "%s/" SPOOL_FILE, fuzz_folder());
	snprintf(rejected, sizeof(rejected), "%s/" SPOOL_REJECTED_FILE,
	    fuzz_folder());
	fuzz_write(path, data, size);
	MUST(spool_init(fuzz_folder(), &spool, &err) == 0);
	MUST(spool_has_messages(spool));
	MUST(spool_replay(spool, &replay, &err) == 0);
	/* Each line is in one of two places, and the file is gone. */
	MUST(seen.taken + seen.bad == count_lines(data, size));
	MUST(!spool_has_messages(spool) && access(path, F_OK) < 0);
	MUST((unlink(rejected) == 0) == (seen.bad > 0));
	spool_deinit(&spool);
	return 0;
}
