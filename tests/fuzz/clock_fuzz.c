/* clock_fuzz.c: any text as a duration, a moment, a time of a declaration. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bulkwatch/clock.h"

#define TEN_YEARS_SECS (INT64_C(3650) * 86400)
#define YEAR_9999_MS INT64_C(253370764800000)
/* 2026-03-02T07:05:09Z */
#define NOW_MS INT64_C(1772435109000)

static void
check_duration(const char *text)
{
	int64_t secs, again;
	struct err err = {""};
	char shown[CLOCK_DURATION_MAX];
	if (clock_duration(text, &secs, &err) < 0) {
		MUST(err.text[0] != '\0');
		return;
	}
	MUST(secs >= 1 && secs <= TEN_YEARS_SECS);
	clock_duration_text(secs, shown);
	MUST(clock_duration(shown, &again, &err) == 0 && again == secs);
}

static void
check_moment(const char *text)
{
	int64_t at_ms, again_ms;
	struct err err = {""};
	char shown[CLOCK_RFC3339_MAX], table[CLOCK_LOCAL_MAX];
	if (clock_moment(text, NOW_MS, &at_ms, &err) < 0) {
		MUST(err.text[0] != '\0');
		return;
	}
	MUST(at_ms % 1000 == 0);
	clock_local(at_ms, table);
	clock_rfc3339(at_ms, shown);
	/* Long ago, local time was off by seconds, which have no place here;
	 * and a year has four digits. */
	if (at_ms >= 0 && at_ms < YEAR_9999_MS)
		MUST(clock_moment(shown, NOW_MS, &again_ms, &err) == 0 &&
		     again_ms == at_ms);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const zones[] = {
	    "Asia/Ho_Chi_Minh", "UTC", "America/New_York"};
	struct fuzz_input input = {data, size};
	const size_t zone = fuzz_byte(&input) % 3;
	setenv("TZ", zones[zone], 1);
	tzset();
	char *text = fuzz_rest(&input);
	check_duration(text);
	check_moment(text);
	free(text);
	return 0;
}
