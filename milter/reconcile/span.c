/* span.c: a part of a text, and what stands at its front. */
#include "span.h"

#include <string.h>

struct span
span_of(const char *text)
{
	return (struct span){text, strlen(text)};
}

bool
span_is(struct span span, const char *text)
{
	return span.n == strlen(text) && memcmp(span.text, text, span.n) == 0;
}

bool
span_begins(struct span span, const char *text)
{
	size_t n = strlen(text);
	return span.n >= n && memcmp(span.text, text, n) == 0;
}

bool
span_ends(struct span span, struct span end)
{
	return end.n > 0 && span.n >= end.n &&
	       memcmp(span.text + span.n - end.n, end.text, end.n) == 0;
}

void
span_skip(struct span *span, size_t n)
{
	span->text += n;
	span->n -= n;
}

bool
span_take(struct span *rest, const char *text)
{
	if (!span_begins(*rest, text))
		return false;
	span_skip(rest, strlen(text));
	return true;
}

const char *
span_find(struct span span, const char *text)
{
	return memmem(span.text, span.n, text, strlen(text));
}

const char *
span_find_last(struct span span, const char *text)
{
	const char *last = NULL, *at;
	while ((at = span_find(span, text)) != NULL) {
		last = at;
		span_skip(&span, (size_t)(at - span.text) + 1);
	}
	return last;
}

bool
span_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool
span_take_number(struct span *rest, uint64_t *number_r)
{
	size_t n = 0;
	*number_r = 0;
	for (; n < rest->n && span_is_digit(rest->text[n]); n++) {
		if (n == 18)
			return false;
		*number_r = *number_r * 10 + (uint64_t)(rest->text[n] - '0');
	}
	span_skip(rest, n);
	return n > 0;
}

bool
span_take_until(struct span *rest, char c, struct span *word_r)
{
	const char *end = memchr(rest->text, c, rest->n);
	if (end == NULL || end == rest->text)
		return false;
	*word_r = (struct span){rest->text, (size_t)(end - rest->text)};
	span_skip(rest, word_r->n + 1);
	return true;
}
