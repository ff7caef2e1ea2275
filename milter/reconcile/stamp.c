/* stamp.c: the time at which a line of a log was written. */
#include "stamp.h"

#include <string.h>
#include <time.h>

/* Two digits, or a blank and one, then one character c ('\0': none). */
static bool
take_two(struct span *rest, char c, int *number_r)
{
	if (rest->n < 2 || !span_is_digit(rest->text[1]) ||
	    (!span_is_digit(rest->text[0]) && rest->text[0] != ' '))
		return false;
	*number_r = (rest->text[0] == ' ' ? 0 : rest->text[0] - '0') * 10 +
		    rest->text[1] - '0';
	span_skip(rest, 2);
	if (c == '\0')
		return true;
	if (rest->n == 0 || rest->text[0] != c)
		return false;
	span_skip(rest, 1);
	return true;
}

static bool
take_clock(struct span *rest, struct tm *tm)
{
	return take_two(rest, ':', &tm->tm_hour) &&
	       take_two(rest, ':', &tm->tm_min) &&
	       take_two(rest, '\0', &tm->tm_sec) && tm->tm_hour < 24 &&
	       tm->tm_min < 60 && tm->tm_sec <= 60;
}

/* ".123456", if it is there. */
static void
take_fraction(struct span *rest, int64_t *ms_r)
{
	int64_t unit = 100;
	*ms_r = 0;
	if (rest->n < 2 || rest->text[0] != '.' ||
	    !span_is_digit(rest->text[1]))
		return;
	span_skip(rest, 1);
	for (; rest->n > 0 && span_is_digit(rest->text[0]);
	     span_skip(rest, 1)) {
		*ms_r += unit * (rest->text[0] - '0');
		unit /= 10;
	}
}

/* "Z", "+07:00", or "+0700" as journalctl has it. */
static bool
take_zone(struct span *rest, int64_t *offset_secs_r)
{
	int hours, minutes;
	*offset_secs_r = 0;
	if (span_take(rest, "Z"))
		return true;
	if (rest->n == 0 || strchr("+-", rest->text[0]) == NULL)
		return false;
	bool west = rest->text[0] == '-';
	span_skip(rest, 1);
	if (!take_two(rest, '\0', &hours))
		return false;
	span_take(rest, ":");
	if (!take_two(rest, '\0', &minutes) || hours > 23 || minutes > 59)
		return false;
	*offset_secs_r = (west ? -60 : 60) * (hours * 60 + minutes);
	return true;
}

/* 2026-11-22T18:00:01.123456+07:00 */
static bool
take_rfc3339(struct span *rest, int64_t *at_ms_r)
{
	struct tm tm = {0};
	int century, year;
	int64_t ms, offset_secs;
	if (!take_two(rest, '\0', &century) || !take_two(rest, '-', &year) ||
	    !take_two(rest, '-', &tm.tm_mon) ||
	    !take_two(rest, 'T', &tm.tm_mday) || !take_clock(rest, &tm))
		return false;
	take_fraction(rest, &ms);
	if (!take_zone(rest, &offset_secs) || tm.tm_mon < 1 || tm.tm_mon > 12 ||
	    tm.tm_mday < 1 || tm.tm_mday > 31)
		return false;
	tm.tm_year = century * 100 + year - 1900;
	tm.tm_mon--;
	*at_ms_r = ((int64_t)timegm(&tm) - offset_secs) * 1000 + ms;
	return true;
}

static bool
take_month(struct span *rest, int *month_r)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	for (int i = 0; rest->n > 4 && i < 12; i++)
		if (memcmp(rest->text, names + 3 * (size_t)i, 3) == 0 &&
		    rest->text[3] == ' ') {
			span_skip(rest, 4);
			*month_r = i;
			return true;
		}
	return false;
}

/* Nov 22 18:00:01: of this year, or of the year before if that would be later
 * than it can be. 29 February may want to go further back. */
static bool
take_rfc3164(struct span *rest, int64_t latest_ms, int64_t *at_ms_r)
{
	struct tm given = {.tm_isdst = -1}, latest;
	const time_t latest_secs = (time_t)(latest_ms / 1000);
	if (!take_month(rest, &given.tm_mon) ||
	    !take_two(rest, ' ', &given.tm_mday) || !take_clock(rest, &given) ||
	    localtime_r(&latest_secs, &latest) == NULL)
		return false;
	for (int back = 0; back < 8; back++) {
		struct tm tm = given;
		tm.tm_year = latest.tm_year - back;
		const time_t secs = mktime(&tm);
		if (tm.tm_mday != given.tm_mday || secs > latest_secs)
			continue;
		*at_ms_r = (int64_t)secs * 1000;
		return true;
	}
	return false;
}

bool
stamp_take(struct span *rest, int64_t latest_ms, int64_t *at_ms_r)
{
	if (rest->n > 0 && span_is_digit(rest->text[0]))
		return take_rfc3339(rest, at_ms_r);
	return take_rfc3164(rest, latest_ms, at_ms_r);
}
