/* clock.c: the two clocks, and times as people write them. */
#include "bulkwatch/clock.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DURATION_MAX_SECS (INT64_C(3650) * 86400)

int64_t
clock_wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_tick(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return CLOCK_TICK_BASE + now.tv_sec;
}

void
clock_boot_id(char id_r[CLOCK_BOOT_ID_MAX])
{
	id_r[0] = '\0';
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t got = read(fd, id_r, CLOCK_BOOT_ID_MAX - 1);
	close(fd);
	id_r[got > 0 ? got : 0] = '\0';
	id_r[strcspn(id_r, "\n")] = '\0';
}

static struct tm
local_time(int64_t wall_ms)
{
	time_t secs = (time_t)(wall_ms / 1000);
	struct tm tm;
	if (localtime_r(&secs, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	return tm;
}

void
clock_rfc3339(int64_t wall_ms, char text_r[CLOCK_RFC3339_MAX])
{
	struct tm tm = local_time(wall_ms);
	char zone[8] = "";
	char plain[24] = "";
	strftime(plain, sizeof(plain), "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	snprintf(text_r, CLOCK_RFC3339_MAX, "%s%.3s:%.2s", plain, zone,
	    strlen(zone) == 5 ? zone + 3 : "");
}

void
clock_local(int64_t wall_ms, char text_r[CLOCK_LOCAL_MAX])
{
	struct tm tm = local_time(wall_ms);
	strftime(text_r, CLOCK_LOCAL_MAX, "%Y-%m-%d %H:%M", &tm);
}

static const struct {
	char letter;
	int64_t secs;
} units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

#define UNITS_N (sizeof(units) / sizeof(units[0]))

int
clock_duration(const char *text, int64_t *secs_r, struct err *err)
{
	int64_t number = 0;
	const char *p = text;
	for (; isdigit((unsigned char)*p); p++)
		if (number <= DURATION_MAX_SECS)
			number = number * 10 + (*p - '0');
	for (size_t i = 0; i < UNITS_N; i++) {
		if (p == text || p[0] != units[i].letter || p[1] != '\0')
			continue;
		if (number < 1 || number > DURATION_MAX_SECS / units[i].secs)
			return err_set(
			    err, "\"%s\" is not between 1s and 3650d", text);
		*secs_r = number * units[i].secs;
		return 0;
	}
	return err_set(err,
	    "\"%.40s\" is no duration: write a number and s, m, h or d, like "
	    "30s, 10m, 24h or 7d",
	    text);
}

void
clock_duration_text(int64_t secs, char text_r[CLOCK_DURATION_MAX])
{
	size_t i = 0;
	while (i < UNITS_N - 1 && (secs == 0 || secs % units[i].secs != 0))
		i++;
	snprintf(text_r, CLOCK_DURATION_MAX, "%lld%c",
	    (long long)(secs / units[i].secs), units[i].letter);
}

/* Civil fields → seconds; false if there is no such date or time. offset:
 * seconds east of UTC, or LOCAL_ZONE. */
#define LOCAL_ZONE INT64_MAX

static bool
civil_to_secs(struct tm tm, int64_t offset_secs, int64_t *secs_r)
{
	struct tm given = tm;
	tm.tm_isdst = -1;
	time_t secs = offset_secs == LOCAL_ZONE ? mktime(&tm) : timegm(&tm);
	/* mktime makes 30 February into 2 March: a date that comes back
	 * changed does not exist. An hour that a change of summer time leaves
	 * out may move. */
	if (tm.tm_year != given.tm_year || tm.tm_mon != given.tm_mon ||
	    tm.tm_mday != given.tm_mday || given.tm_hour > 23 ||
	    given.tm_min > 59 || given.tm_sec > 60)
		return false;
	*secs_r = (int64_t)secs - (offset_secs == LOCAL_ZONE ? 0 : offset_secs);
	return true;
}

/* "Z", "+07:00" or nothing (local). Returns false if it is none of them. */
static bool
parse_zone(const char *text, int64_t *offset_secs_r)
{
	int hours, minutes, used = 0;
	char sign;
	if (*text == '\0')
		*offset_secs_r = LOCAL_ZONE;
	else if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		*offset_secs_r = 0;
	else if (sscanf(text, "%c%2d:%2d%n", &sign, &hours, &minutes, &used) ==
		     3 &&
		 text[used] == '\0' && strchr("+-", sign) != NULL &&
		 hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60)
		*offset_secs_r =
		    (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	else
		return false;
	return true;
}

/* Reads digits of a fixed width; the pointer moves on. */
static bool
take_number(const char **p, int width, int *number_r)
{
	*number_r = 0;
	for (int i = 0; i < width; i++) {
		if (!isdigit((unsigned char)**p))
			return false;
		*number_r = *number_r * 10 + (*(*p)++ - '0');
	}
	return true;
}

/* One digit or two: what people write. */
static bool
take_short_number(const char **p, int *number_r)
{
	bool two =
	    isdigit((unsigned char)(*p)[0]) && isdigit((unsigned char)(*p)[1]);
	return take_number(p, two ? 2 : 1, number_r);
}

/* 2026-03-02, or as it is written in Viet Nam, the day first: 2/3/2026. */
static bool
take_date(const char **p, struct tm *tm)
{
	bool day_first = (*p)[strspn(*p, "0123456789")] == '/';
	if (day_first &&
	    (!take_short_number(p, &tm->tm_mday) || *(*p)++ != '/' ||
		!take_short_number(p, &tm->tm_mon) || *(*p)++ != '/' ||
		!take_number(p, 4, &tm->tm_year)))
		return false;
	if (!day_first &&
	    (!take_number(p, 4, &tm->tm_year) || *(*p)++ != '-' ||
		!take_number(p, 2, &tm->tm_mon) || *(*p)++ != '-' ||
		!take_number(p, 2, &tm->tm_mday)))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon -= 1;
	return true;
}

static bool
take_time(const char **p, struct tm *tm)
{
	if (!take_short_number(p, &tm->tm_hour) || *(*p)++ != ':' ||
	    !take_number(p, 2, &tm->tm_min))
		return false;
	if (**p != ':')
		return true;
	(*p)++;
	if (!take_number(p, 2, &tm->tm_sec))
		return false;
	if (**p == '.') /* a fraction is read over */
		do
			(*p)++;
		while (isdigit((unsigned char)**p));
	return true;
}

/* A time alone, of the day that tm has. */
static bool
take_time_alone(const char *p, struct tm *tm)
{
	struct tm given = {.tm_year = tm->tm_year,
	    .tm_mon = tm->tm_mon,
	    .tm_mday = tm->tm_mday};
	*tm = given;
	return take_time(&p, tm) && *p == '\0';
}

int
clock_point(const char *text, int64_t day_ms, struct clock_point *point_r,
    struct err *err)
{
	int64_t secs, offset_secs = LOCAL_ZONE;
	struct tm tm = {0}, day = local_time(day_ms);
	const char *p = text;
	bool whole_day = false, good = take_date(&p, &tm);
	if (good && *p == '\0')
		whole_day = true;
	else if (good) {
		good = strchr("Tt ", *p) != NULL;
		p++;
		good =
		    good && take_time(&p, &tm) && parse_zone(p, &offset_secs);
	} else if (take_time_alone(text, &day)) {
		tm = day;
		good = true;
	}
	if (!good)
		return 0;
	if (!civil_to_secs(tm, offset_secs, &secs))
		return err_set(err,
		    "\"%.40s\" does not exist in the calendar or on the clock",
		    text);
	point_r->wall_ms = secs * 1000;
	point_r->whole_day = whole_day;
	return 1;
}

int
clock_moment(
    const char *text, int64_t now_ms, int64_t *wall_ms_r, struct err *err)
{
	int64_t secs;
	if (clock_duration(text, &secs, NULL) == 0) {
		*wall_ms_r = now_ms - secs * 1000;
		return 0;
	}
	struct clock_point point;
	int found = clock_point(text, now_ms, &point, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(err,
		    "\"%.40s\" is no moment: write how long ago (2h, 7d), a "
		    "date (2026-03-02 or 02/03/2026), a date and time "
		    "(2026-03-02 14:05), a time of today (14:05), or RFC 3339 "
		    "(2026-03-02T14:05:00+07:00)",
		    text);
	*wall_ms_r = point.wall_ms;
	return 0;
}
