/* queue_index.c: our mails by queue id. */
#include "queue_index.h"

#include <stdlib.h>
#include <string.h>

static int
by_id(const void *a, const void *b)
{
	const struct queue_mail *const *x = a, *const *y = b;
	return strcmp((*x)->queue_id, (*y)->queue_id);
}

int
queue_index_make(struct arena *arena, struct queue_mail *mails, size_t n,
    struct queue_index *index_r, struct err *err)
{
	*index_r = (struct queue_index){
	    .mails = arena_alloc(arena, n * sizeof(struct queue_mail *))};
	if (index_r->mails == NULL)
		return err_set(err, "memory is out");
	for (size_t i = 0; i < n; i++)
		if (mails[i].state != QUEUE_NO_ID)
			index_r->mails[index_r->n++] = &mails[i];
	qsort(index_r->mails, index_r->n, sizeof(struct queue_mail *), by_id);
	return 0;
}

struct queue_mail *const *
queue_index_find(
    const struct queue_index *index, const char *queue_id, size_t *n_r)
{
	size_t low = 0, high = index->n, n = 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(index->mails[middle]->queue_id, queue_id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + n < index->n &&
	       strcmp(index->mails[low + n]->queue_id, queue_id) == 0)
		n++;
	*n_r = n;
	return n == 0 ? NULL : &index->mails[low];
}
