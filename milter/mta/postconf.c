/* postconf.c: Postfix's settings by its own postconf(1). */
#include "postconf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

#define POSTCONF_TIMEOUT_SECS 30
#define WORDS_MAX 48

/* Runs `postconf -c FOLDER WORDS…`; output_r is what it wrote. */
static int
postconf(struct arena *arena, const char *folder, const char *const *words,
    const char **output_r, struct err *err)
{
	const char *argv[WORDS_MAX] = {"postconf", "-c", folder};
	for (size_t i = 0; words[i] != NULL && i + 4 < WORDS_MAX; i++)
		argv[i + 3] = words[i];
	const struct run run = {
	    .argv = argv, .timeout_secs = POSTCONF_TIMEOUT_SECS};
	struct run_result result;
	if (run_program(arena, &run, &result, err) < 0)
		return -1;
	if (result.status != 0) {
		const char *said = run_said(arena, &result);
		return err_set(err, "the settings in %s cannot be read: %s",
		    folder, said == NULL ? "" : said);
	}
	*output_r = result.out;
	return 0;
}

/* What was written, without the newline at its end. */
static const char *
one_line(struct arena *arena, const char *output)
{
	return arena_strndup(arena, output, strcspn(output, "\n"));
}

bool
postconf_installed(struct arena *arena)
{
	return run_find(arena, "postconf") != NULL;
}

static int
default_folder(struct arena *arena, const char **folder_r, struct err *err)
{
	const struct run run = {.argv = (const char *const[]){"postconf", "-h",
				    "config_directory", NULL},
	    .timeout_secs = POSTCONF_TIMEOUT_SECS};
	struct run_result result;
	if (run_program(arena, &run, &result, err) < 0)
		return -1;
	*folder_r = one_line(arena, result.out);
	if (result.status != 0 || *folder_r == NULL || **folder_r != '/')
		return err_set(err,
		    "postconf does not say where Postfix's settings are: %s; "
		    "name the folder with --config-dir",
		    run_said(arena, &result));
	return 0;
}

int
postconf_folder(struct arena *arena, const char *given, const char **folder_r,
    struct err *err)
{
	if (!postconf_installed(arena))
		return err_set(err,
		    "Postfix is not installed on this machine: there is no "
		    "postconf in " RUN_PATH);
	if (given == NULL && default_folder(arena, &given, err) < 0)
		return -1;
	char *whole = realpath(given, NULL);
	if (whole == NULL)
		return err_sys(err, "the folder %s", given);
	*folder_r = arena_strdup(arena, whole);
	free(whole);
	const char *main_cf =
	    *folder_r == NULL ? NULL
			      : arena_printf(arena, "%s/main.cf", *folder_r);
	if (main_cf == NULL)
		return err_set(err, "out of memory");
	if (access(main_cf, R_OK) < 0)
		return errno == ENOENT
			   ? err_set(err,
				 "there is no main.cf in %s; name the folder "
				 "of Postfix's settings with --config-dir",
				 *folder_r)
			   : err_sys(err, "%s", main_cf);
	return 0;
}

int
postconf_value(struct arena *arena, const char *folder, const char *name,
    bool expanded, const char **value_r, struct err *err)
{
	const char *const plain[] = {"-h", name, NULL};
	const char *const whole[] = {"-x", "-h", name, NULL};
	const char *output;
	if (postconf(arena, folder, expanded ? whole : plain, &output, err) < 0)
		return -1;
	*value_r = one_line(arena, output);
	return *value_r == NULL ? err_set(err, "out of memory") : 0;
}

/* flag: how postconf is to show them. */
static int
values(struct arena *arena, const char *folder, const char *flag,
    const char *const *names, struct parameter *parameters_r, struct err *err)
{
	const char *words[WORDS_MAX] = {flag};
	size_t n = 0;
	for (; names[n] != NULL && n + 2 < WORDS_MAX; n++)
		words[n + 1] = names[n];
	const char *output;
	if (postconf(arena, folder, words, &output, err) < 0)
		return -1;
	int found = parameters_parse(arena, output, parameters_r, n);
	return found < 0 ? err_set(err, "out of memory") : found;
}

int
postconf_values(struct arena *arena, const char *folder,
    const char *const *names, struct parameter *parameters_r, struct err *err)
{
	return values(arena, folder, "-x", names, parameters_r, err);
}

int
postconf_set_values(struct arena *arena, const char *folder,
    const char *const *names, struct parameter *parameters_r, struct err *err)
{
	return values(arena, folder, "-n", names, parameters_r, err);
}

int
postconf_services(struct arena *arena, const char *folder,
    struct services *services_r, struct err *err)
{
	const char *services, *overrides;
	if (postconf(arena, folder, (const char *const[]){"-M", NULL},
		&services, err) < 0 ||
	    postconf(arena, folder, (const char *const[]){"-x", "-P", NULL},
		&overrides, err) < 0)
		return -1;
	return services_parse(arena, services, overrides, services_r, err);
}

int
postconf_set(struct arena *arena, const char *folder, const char *name,
    const char *value, struct err *err)
{
	const char *output;
	const char *const remove[] = {"-X", name, NULL};
	if (value == NULL)
		return postconf(arena, folder, remove, &output, err);
	const char *setting = arena_printf(arena, "%s=%s", name, value);
	if (setting == NULL)
		return err_set(err, "out of memory");
	const char *const set[] = {"-e", setting, NULL};
	return postconf(arena, folder, set, &output, err);
}
