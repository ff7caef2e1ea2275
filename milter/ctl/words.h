/*
 * words.h: the words of the month's report, in the office's language, and
 * numbers and dates as they are written in it.
 */
#ifndef BULKWATCH_CTL_WORDS_H
#define BULKWATCH_CTL_WORDS_H

#include <stdint.h>

#include "bulkwatch/arena.h"
#include "month.h"

enum word {
	/* head */
	W_REPORT,
	W_SUBJECT,
	W_MAIL_SYSTEM,
	W_MADE,
	W_NOT_OVER,
	W_NONE_SENT,
	/* parts */
	W_PART_TOTAL,
	W_PART_DAYS,
	W_PART_RESULTS,
	W_PART_SENDERS,
	W_PART_DOMAINS,
	W_PART_DECLARATIONS,
	W_PART_UNREPORTED,
	W_PART_OPEN,
	W_NONE,
	/* titles of columns, and of lines of the first part */
	W_FIGURE,
	W_CHANGE,
	W_SENDS,
	W_DECLARED,
	W_OF_THEM_DECLARED,
	W_SENDERS,
	W_MESSAGES,
	W_RECIPIENTS,
	W_DELIVERIES,
	W_EXTERNAL,
	W_UNSENT_DELIVERIES,
	W_RESULT,
	W_SENDER,
	W_DOMAIN,
	W_NO_DOMAIN,
	W_OTHERS,
	W_NUMBER,
	W_BEGAN,
	W_TITLE,
	W_STATUS,
	W_DECLARATION,
	W_TIME,
	W_DECLARED_NUMBER,
	W_REAL_NUMBER,
	W_DIFFERENCE,
	W_REASON,
	W_BEYOND,
	W_WITHDRAWN,
	W_MORE,
	/* legends and captions */
	W_NOT_DECLARED,
	W_CAPTION_DAYS,
	W_CAPTION_RESULTS,
	W_CAPTION_SENDERS,
	/* foot */
	W_MAKER,
	W_APPROVED,
	W_SIGN_HERE,
	W_FOOTNOTE,
	W_FOOTNOTE_AT_MOST,
	W_PAGE,
	/* what came of it, in the order of enum result */
	W_RESULT_FIRST,
	W_RESULT_LAST = W_RESULT_FIRST + RESULTS_N - 1,
	/* messages that were not sent, in the order of enum unsent */
	W_UNSENT_FIRST,
	W_UNSENT_LAST = W_UNSENT_FIRST + UNSENT_N - 1,
	WORDS_N
};

struct words; /* of a language */

/* "vi" or "en"; another one is taken for "vi". */
const struct words *words_of(const char *language);

const char *words_language(const struct words *words);
const char *words_get(const struct words *words, enum word word);
const char *words_result(const struct words *words, enum result result);

/* The rest give NULL when memory is out. */

/* 12345 → 12.345 or 12,345 */
const char *words_number(
    const struct words *words, struct arena *arena, uint64_t number);

/* The recipients: 12.345, or ≤ 12.345 where that is the most that they can be.
 */
const char *words_recipients(
    const struct words *words, struct arena *arena, const struct tally *tally);

/* The change from the month before: +3, −2, 0. */
const char *words_change(const struct words *words, struct arena *arena,
    uint64_t now, uint64_t before);

/* tháng 3 năm 2026; March 2026 */
const char *words_month(
    const struct words *words, struct arena *arena, const struct month *month);

/* 3/2026 in both: for the head of a column. */
const char *words_month_short(struct arena *arena, const struct month *month);

/* 02/03/2026, 2 Mar 2026; with the time 02/03/2026 14:05, 2026-03-02 14:05. */
const char *words_date(
    const struct words *words, struct arena *arena, int64_t at_ms);
const char *words_moment(
    const struct words *words, struct arena *arena, int64_t at_ms);

/* The month in one or two sentences. */
const char *words_gist(const struct words *words, struct arena *arena,
    const struct summary *summary);

/* What the reader has to know of the figures. */
const char *words_footnote(const struct words *words, struct arena *arena,
    const struct summary *summary);

#endif
