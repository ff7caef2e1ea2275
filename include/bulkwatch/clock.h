/*
 * clock.h: the two clocks, and times as people write them.
 *
 * Wall time (milliseconds since 1970) is what records show. Ticks (seconds)
 * are what windows slide by: they follow CLOCK_BOOTTIME, so a wall clock that
 * is set forward or back neither frees a sender nor holds one. Ticks of one
 * boot can be compared across restarts of the program; clock_boot_id says
 * which boot it is.
 *
 * Thread-safety: all functions.
 */
#ifndef BULKWATCH_CLOCK_H
#define BULKWATCH_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkwatch/err.h"

/* Wall clock, milliseconds since 1970-01-01T00:00:00Z. */
int64_t clock_wall_ms(void);

/* Steady clock, seconds; starts at CLOCK_TICK_BASE when the machine boots, so
 * that a moment some days before the boot still has a positive tick. */
#define CLOCK_TICK_BASE INT64_C(1000000000)
int64_t clock_tick(void);

/* Writes the kernel's boot id (36 characters and a NUL); "" if unknown. */
#define CLOCK_BOOT_ID_MAX 37
void clock_boot_id(char id_r[CLOCK_BOOT_ID_MAX]);

/* RFC 3339 with the local offset, seconds: 2026-03-02T14:05:09+07:00. */
#define CLOCK_RFC3339_MAX 32
void clock_rfc3339(int64_t wall_ms, char text_r[CLOCK_RFC3339_MAX]);

/* Local time for a table: 2026-03-02 14:05. */
#define CLOCK_LOCAL_MAX 24
void clock_local(int64_t wall_ms, char text_r[CLOCK_LOCAL_MAX]);

/* "30s", "10m", "24h", "7d" → seconds. The number is 1 or more and the result
 * at most ten years. Returns 0, or -1 with a sentence. */
int clock_duration(const char *text, int64_t *secs_r, struct err *err);

/* Seconds → the shortest of the same form: 600 → "10m", 90 → "90s". */
#define CLOCK_DURATION_MAX 24
void clock_duration_text(int64_t secs, char text_r[CLOCK_DURATION_MAX]);

/*
 * A point in time as calendar and clock name it: a date "2026-03-02" or
 * "02/03/2026" (local midnight; the day stands first, as in Viet Nam), a local
 * date and time "2026-03-02 14:05" (or with T, with or without seconds), a time
 * "14:05" of the local day that day_ms lies in, or RFC 3339 with offset or Z.
 * Returns 1 if it was read, 0 if it has none of these forms, or -1 with a
 * sentence if it does not exist (2026-02-30). point_r is unchanged unless 1.
 */
struct clock_point {
	int64_t wall_ms;
	bool whole_day; /* a date alone */
};
int clock_point(const char *text, int64_t day_ms, struct clock_point *point_r,
    struct err *err);

/* A moment as a person gives it: a duration (that long before now_ms), or a
 * point in time, where a time alone is one of the day of now_ms. Returns 0, or
 * -1 with a sentence. */
int clock_moment(const char *text, int64_t now_ms, int64_t *wall_ms_r,
    struct err *err);

#endif
