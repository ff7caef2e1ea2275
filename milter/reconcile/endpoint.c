/* endpoint.c: a milter as Postfix's log names it, and where we listen. */
#include "endpoint.h"

#include <string.h>

static struct span
without_slashes(struct span path)
{
	while (path.n > 0 && path.text[0] == '/')
		span_skip(&path, 1);
	return path;
}

/* What stands behind the first colon. */
static struct span
behind_kind(struct span place)
{
	const char *colon = memchr(place.text, ':', place.n);
	if (colon == NULL)
		return (struct span){"", 0};
	span_skip(&place, (size_t)(colon + 1 - place.text));
	return place;
}

bool
endpoint_is_ours(const char *listen, struct span milter)
{
	struct span own = behind_kind(span_of(listen));
	struct span theirs = behind_kind(milter);
	const bool inet = span_begins(span_of(listen), "inet");
	if (inet != span_begins(milter, "inet"))
		return false;
	if (!inet) {
		own = without_slashes(own);
		theirs = without_slashes(theirs);
		return span_ends(own, theirs) || span_ends(theirs, own);
	}
	/* ours: PORT@HOST, theirs: HOST:PORT */
	const char *at = memchr(own.text, '@', own.n);
	const char *colon = memrchr(theirs.text, ':', theirs.n);
	if (at != NULL)
		own.n = (size_t)(at - own.text);
	return own.n > 0 && span_ends(theirs, own) && colon != NULL &&
	       theirs.n - (size_t)(colon + 1 - theirs.text) == own.n;
}
