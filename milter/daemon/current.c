/* current.c: the settings in force. */
#include "bulkwatch/current.h"

#include <pthread.h>
#include <stdlib.h>

struct current {
	pthread_mutex_t mutex;
	const struct settings *settings;
};

int
current_init(const struct settings *settings, struct current **current_r,
    struct err *err)
{
	struct current *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return err_set(err, "memory is out");
	pthread_mutex_init(&c->mutex, NULL);
	c->settings = settings;
	*current_r = c;
	return 0;
}

void
current_deinit(struct current **current)
{
	struct current *c = *current;
	if (c == NULL)
		return;
	settings_unref(&c->settings);
	pthread_mutex_destroy(&c->mutex);
	free(c);
	*current = NULL;
}

const struct settings *
current_get(void *context)
{
	struct current *c = context;
	pthread_mutex_lock(&c->mutex);
	const struct settings *settings = settings_ref(c->settings);
	pthread_mutex_unlock(&c->mutex);
	return settings;
}

void
current_set(struct current *c, const struct settings *settings)
{
	pthread_mutex_lock(&c->mutex);
	const struct settings *before = c->settings;
	c->settings = settings;
	pthread_mutex_unlock(&c->mutex);
	settings_unref(&before);
}
