/*
 * mails.c: messages by their queue ids.
 *
 * Short queue ids are used again as soon as a message is gone, so a line
 * belongs to the newest message of its id that had begun by then.
 */
#include "mails.h"

#include <stdlib.h>
#include <string.h>

#include "hashes.h"
#include "recipients.h"

#define BUCKETS_FIRST 1024

void
mails_copy_id(char id_r[MAIL_ID_MAX], struct span id)
{
	size_t n = id.n < MAIL_ID_MAX ? id.n : MAIL_ID_MAX - 1;
	memcpy(id_r, id.text, n);
	id_r[n] = '\0';
}

static struct mail **
bucket_of(struct mails *mails, struct span id)
{
	return &mails->buckets[hash_bytes(id.text, id.n) & (mails->room - 1)];
}

static int
more_buckets(struct mails *mails)
{
	struct mails larger = {
	    .room = mails->room == 0 ? BUCKETS_FIRST : mails->room * 2};
	larger.buckets = calloc(larger.room, sizeof(*larger.buckets));
	if (larger.buckets == NULL)
		return -1;
	for (size_t i = 0; i < mails->room; i++) {
		/* The newest stays first: the list is turned over twice. */
		struct mail *turned = NULL, *mail;
		while ((mail = mails->buckets[i]) != NULL) {
			mails->buckets[i] = mail->older;
			mail->older = turned;
			turned = mail;
		}
		while ((mail = turned) != NULL) {
			turned = mail->older;
			struct mail **bucket =
			    bucket_of(&larger, span_of(mail->queue_id));
			mail->older = *bucket;
			*bucket = mail;
		}
	}
	free(mails->buckets);
	mails->buckets = larger.buckets;
	mails->room = larger.room;
	return 0;
}

struct mail *
mails_at(struct mails *mails, struct span id, int64_t at_ms)
{
	struct mail *newest = NULL;
	for (struct mail *m = *bucket_of(mails, id); m != NULL; m = m->older)
		if (span_is(id, m->queue_id) &&
		    m->began_ms <= at_ms + MAILS_SAME_TIME_MS &&
		    (newest == NULL || m->began_ms > newest->began_ms))
			newest = m;
	return newest;
}

struct mail *
mails_add(struct mails *mails, struct span id, int64_t began_ms)
{
	if (mails->n >= mails->room && more_buckets(mails) < 0)
		return NULL;
	struct mail *m = calloc(1, sizeof(*m));
	if (m == NULL)
		return NULL;
	mails_copy_id(m->queue_id, id);
	m->began_ms = began_ms;
	m->login = m->client = m->sender = m->message_id = "";
	m->tag = m->before = "";
	struct mail **bucket = bucket_of(mails, id);
	m->older = *bucket;
	*bucket = m;
	mails->n++;
	return m;
}

void
mails_drop(struct mails *mails, struct mail *mail)
{
	struct mail **at = bucket_of(mails, span_of(mail->queue_id));
	while (*at != mail)
		at = &(*at)->older;
	*at = mail->older;
	mails->n--;
	recipients_forget(mail);
	free(mail);
}

struct mail *
mails_by_id(struct mails *mails, struct span id)
{
	return *bucket_of(mails, id);
}

int
mails_init(struct mails *mails)
{
	*mails = (struct mails){0};
	return more_buckets(mails);
}

void
mails_deinit(struct mails *mails)
{
	for (size_t i = 0; i < mails->room; i++)
		while (mails->buckets[i] != NULL) {
			struct mail *m = mails->buckets[i];
			mails->buckets[i] = m->older;
			recipients_forget(m);
			free(m);
		}
	free(mails->buckets);
	*mails = (struct mails){0};
}
