/* services.c: the services of master.cf. */
#include "services.h"

#include <string.h>

/* The next word of a line, in the arena; "" at its end, NULL when memory is
 * out. */
static const char *
next_word(struct arena *arena, const char **line)
{
	*line += strspn(*line, " \t");
	size_t length = strcspn(*line, " \t\n");
	const char *word = arena_strndup(arena, *line, length);
	*line += length;
	return word;
}

/* name type private unprivileged chroot wakeup processes command … */
static int
parse_service(struct arena *arena, const char *line, struct service *s)
{
	const char *words[8];
	for (size_t i = 0; i < 8; i++)
		if ((words[i] = next_word(arena, &line)) == NULL)
			return -1;
	*s = (struct service){
	    .label = arena_printf(arena, "%s/%s", words[0], words[1]),
	    .name = words[0],
	    .type = words[1],
	    .command = words[7],
	    .chroot = words[4][0],
	    .processes = words[6],
	};
	return s->label == NULL ? -1 : 0;
}

/* "name = value" up to the end of the line. */
static int
parse_parameter(
    struct arena *arena, const char *line, struct parameter *parameter_r)
{
	size_t name = strcspn(line, " =\n"), end = strcspn(line, "\n");
	const char *value = line + name;
	value += strspn(value, " ");
	value += *value == '=';
	value += strspn(value, " ");
	*parameter_r = (struct parameter){
	    .name = arena_strndup(arena, line, name),
	    .value = arena_strndup(arena, value, (size_t)(line + end - value)),
	};
	return parameter_r->name == NULL || parameter_r->value == NULL ? -1 : 0;
}

static const char *
next_line(const char *line)
{
	line += strcspn(line, "\n");
	return line + (*line == '\n');
}

/* "smtp/inet/name = value" */
static int
parse_override(struct arena *arena, const char *line, struct services *services)
{
	for (size_t i = 0; i < services->n; i++) {
		struct service *s = &services->items[i];
		size_t length = strlen(s->label);
		if (strncmp(line, s->label, length) != 0 || line[length] != '/')
			continue;
		if (s->overrides_n == SERVICE_OVERRIDES_MAX)
			return 0;
		return parse_parameter(
		    arena, line + length + 1, &s->overrides[s->overrides_n++]);
	}
	return 0;
}

int
services_parse(struct arena *arena, const char *services, const char *overrides,
    struct services *services_r, struct err *err)
{
	services_r->n = 0;
	for (const char *l = services; *l != '\0'; l = next_line(l)) {
		if (services_r->n == SERVICES_MAX)
			return err_set(
			    err, "more than %d services", SERVICES_MAX);
		if (parse_service(
			arena, l, &services_r->items[services_r->n++]) < 0)
			return err_set(err, "out of memory");
	}
	for (const char *l = overrides; *l != '\0'; l = next_line(l))
		if (parse_override(arena, l, services_r) < 0)
			return err_set(err, "out of memory");
	return 0;
}

const char *
service_override(const struct service *service, const char *name)
{
	return parameter_value(service->overrides, service->overrides_n, name);
}

const char *
service_mend(struct arena *arena, const char *folder,
    const struct service *service, const char *parameter, const char *now,
    const char *more)
{
	if (strchr(now, '{') != NULL || strpbrk(more, " \t") != NULL)
		return arena_printf(arena, "add %s to %s of %s in %s/master.cf",
		    more, parameter, service->label, folder);
	const char *list = "";
	while (*(now += strspn(now, ", \t")) != '\0' && list != NULL) {
		size_t length = strcspn(now, ", \t");
		list = arena_printf(arena, "%s%.*s,", list, (int)length, now);
		now += length;
	}
	if (list == NULL)
		return NULL;
	return arena_printf(arena, "postconf -c %s -P '%s/%s=%s%s'", folder,
	    service->label, parameter, list, more);
}

bool
service_is_smtpd(const struct service *service)
{
	return strcmp(service->command, "smtpd") == 0 &&
	       strncmp(service->type, "unix", 4) != 0;
}

bool
service_asks_milters(const struct service *service)
{
	return service_is_smtpd(service) ||
	       strcmp(service->command, "cleanup") == 0;
}

/* Up to compatibility level 0 a chroot was the default. */
bool
service_in_chroot(const struct service *service, const char *level)
{
	if (service->chroot == '-')
		return level[0] == '0' && level[1] == '\0';
	return service->chroot == 'y';
}

int
parameters_parse(struct arena *arena, const char *text,
    struct parameter *parameters_r, size_t room)
{
	size_t n = 0;
	for (const char *l = text; *l != '\0' && n < room; l = next_line(l))
		if (parse_parameter(arena, l, &parameters_r[n++]) < 0)
			return -1;
	return (int)n;
}

const char *
parameter_value(const struct parameter *parameters, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(parameters[i].name, name) == 0)
			return parameters[i].value;
	return NULL;
}
