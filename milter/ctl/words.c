/* words.c: the words of the month's report. */
#include "words.h"

#include <string.h>
#include <time.h>

#define VI 0
#define EN 1

struct words {
	const char *language;
	int column; /* of the table below */
	char group; /* between thousands */
};

static const struct words languages[] = {{"vi", VI, '.'}, {"en", EN, ','}};

/* Vietnamese and English, beside each other so that they stay in step. */
static const char *const table[WORDS_N][2] = {
    [W_REPORT] = {"BÁO CÁO", "REPORT"},
    [W_SUBJECT] = {"Về các đợt gửi thư đến nhiều người nhận",
	"on mail to many recipients"},
    [W_MAIL_SYSTEM] = {"Hệ thống thư điện tử", "Mail system"},
    [W_MADE] = {"Lập lúc", "Made at"},
    [W_NOT_OVER] = {"Tháng chưa kết thúc: số liệu tính đến lúc lập báo cáo.",
	"The month is not over: figures are those of when this was made."},
    [W_NONE_SENT] = {"Trong tháng không có đợt gửi thư nào đến nhiều người "
		     "nhận.",
	"There was no mail to many recipients in this month."},
    [W_PART_TOTAL] = {"Tổng hợp", "Totals"},
    [W_PART_DAYS] = {"Diễn biến theo ngày", "Day by day"},
    [W_PART_RESULTS] = {"Kết quả xử lý", "What came of them"},
    [W_PART_SENDERS] = {"Theo người gửi", "By sender"},
    [W_PART_DOMAINS] = {"Theo đơn vị (tên miền của người gửi)",
	"By office (domain of the sender)"},
    [W_PART_DECLARATIONS] = {"Khai báo trước so với thực tế",
	"Declared against real numbers"},
    [W_PART_UNREPORTED] = {"Các đợt gửi không báo cáo", "Unreported"},
    [W_PART_OPEN] = {"Các vụ việc chưa khép lại", "Still open"},
    [W_NONE] = {"Không có.", "None."},
    [W_FIGURE] = {"Chỉ tiêu", "Figure"},
    [W_CHANGE] = {"Tăng, giảm", "Change"},
    [W_SENDS] = {"Số đợt gửi", "Bulk sends"},
    [W_DECLARED] = {"Khai báo trước", "Declared"},
    [W_OF_THEM_DECLARED] = {"Trong đó: khai báo trước",
	"Of them declared beforehand"},
    [W_SENDERS] = {"Số người gửi", "Senders"},
    [W_MESSAGES] = {"Số thư", "Messages"},
    [W_RECIPIENTS] = {"Số người nhận", "Recipients"},
    [W_DELIVERIES] = {"Lượt nhận", "Deliveries"},
    [W_EXTERNAL] = {"Lượt nhận ngoài cơ quan", "Deliveries to outside"},
    [W_UNSENT_DELIVERIES] = {"Lượt nhận của những thư đó",
	"Deliveries that those would have been"},
    [W_RESULT] = {"Kết quả", "Result"},
    [W_SENDER] = {"Người gửi", "Sender"},
    [W_DOMAIN] = {"Tên miền", "Domain"},
    [W_NO_DOMAIN] = {"(không có tên miền)", "(no domain)"},
    [W_OTHERS] = {"Những người gửi khác", "All others"},
    [W_NUMBER] = {"Số", "No."},
    [W_BEGAN] = {"Bắt đầu", "Began"},
    [W_TITLE] = {"Tiêu đề thư", "Subject"},
    [W_STATUS] = {"Tình trạng", "Status"},
    [W_DECLARATION] = {"Khai báo", "Declaration"},
    [W_TIME] = {"Thời gian", "Time"},
    [W_DECLARED_NUMBER] = {"Khai báo", "Declared"},
    [W_REAL_NUMBER] = {"Thực tế", "Real"},
    [W_DIFFERENCE] = {"Chênh lệch", "Difference"},
    [W_REASON] = {"Lý do, số văn bản", "Reason, reference"},
    [W_BEYOND] = {"vượt khai báo", "beyond what was declared"},
    [W_WITHDRAWN] = {"đã rút lại", "withdrawn"},
    [W_MORE] = {"Còn nữa, không in ở đây:", "More that are not shown:"},
    [W_NOT_DECLARED] = {"Không khai báo trước", "Not declared"},
    [W_CAPTION_DAYS] = {"Số đợt gửi mỗi ngày", "Bulk sends a day"},
    [W_CAPTION_RESULTS] = {"Số đợt gửi theo kết quả",
	"Bulk sends by what came of them"},
    [W_CAPTION_SENDERS] = {"Người gửi có nhiều người nhận nhất",
	"Senders with most recipients"},
    [W_MAKER] = {"Người lập báo cáo", "Made by"},
    [W_APPROVED] = {"Thủ trưởng đơn vị", "Approved by"},
    [W_SIGN_HERE] = {"(Ký, ghi rõ họ tên)", "(signature and name)"},
    [W_FOOTNOTE] =
	{"Một đợt gửi được tính vào tháng mà nó bắt đầu. “Số người nhận” là số "
	 "địa chỉ khác nhau trong mỗi đợt gửi; “lượt nhận” cộng người nhận của "
	 "từng thư. Báo cáo lập tự động từ nhật ký của bulkwatch.",
	    "A bulk send belongs to the month in which it began. “Recipients” "
	    "are the different addresses in each bulk send; “deliveries” add "
	    "up the recipients of each message. Made from the log of "
	    "bulkwatch."},
    [W_FOOTNOTE_AT_MOST] =
	{"Dấu “≤” trước số người nhận nghĩa là nhiều nhất: có đợt gửi chỉ được "
	 "gửi đi một phần, mà số người nhận khác nhau của riêng phần đó không "
	 "tính được.",
	    "“≤” before recipients stands for at most: only a part of some "
	    "bulk send was sent, and how many different recipients that part "
	    "had is not known."},
    [W_PAGE] = {"Trang", "Page"},
    [W_RESULT_FIRST + RESULT_REPORTED] = {"Đã báo cáo", "Reported"},
    [W_RESULT_FIRST + RESULT_UNREPORTED] = {"Không báo cáo", "Unreported"},
    [W_RESULT_FIRST + RESULT_COMPROMISED] = {"Tài khoản bị chiếm đoạt",
	"Account compromised"},
    [W_RESULT_FIRST + RESULT_FALSE_ALARM] = {"Báo nhầm", "False alarm"},
    [W_RESULT_FIRST + RESULT_REVIEWING] = {"Đang xử lý", "Under review"},
    [W_RESULT_FIRST +
	RESULT_NEW] = {"Chưa có ai nhận xử lý", "Nobody has taken it"},
    [W_UNSENT_FIRST + UNSENT_REFUSED] =
	{"Số thư bị từ chối hoặc tạm hoãn, không gửi đi",
	    "Messages rejected or deferred, not sent"},
    [W_UNSENT_FIRST + UNSENT_DISCARDED] =
	{"Số thư bị tạm giữ rồi xóa bỏ, không gửi đi",
	    "Messages held and deleted, not sent"},
    [W_UNSENT_FIRST + UNSENT_HELD] = {"Số thư đang tạm giữ, chưa gửi đi",
	"Messages held, not sent yet"},
};

const struct words *
words_of(const char *language)
{
	return &languages[strcmp(language, "en") == 0 ? EN : VI];
}

const char *
words_language(const struct words *words)
{
	return words->language;
}

const char *
words_get(const struct words *words, enum word word)
{
	return table[word][words->column];
}

const char *
words_result(const struct words *words, enum result result)
{
	return table[W_RESULT_FIRST + (unsigned)result][words->column];
}

/* ---------------------------------------------------------------- numbers */

const char *
words_number(const struct words *words, struct arena *arena, uint64_t number)
{
	char text[32];
	size_t at = sizeof(text) - 1;
	text[at] = '\0';
	for (int digits = 0; digits == 0 || number > 0; digits++) {
		if (digits > 0 && digits % 3 == 0)
			text[--at] = words->group;
		text[--at] = (char)('0' + number % 10);
		number /= 10;
	}
	return arena_strdup(arena, text + at);
}

const char *
words_recipients(
    const struct words *words, struct arena *arena, const struct tally *tally)
{
	const char *text = words_number(words, arena, tally->recipients);
	/* The blank does not part the lines of a cell. */
	return text == NULL || tally->at_most == 0
		   ? text
		   : arena_printf(arena, "≤\u00a0%s", text);
}

const char *
words_change(const struct words *words, struct arena *arena, uint64_t now,
    uint64_t before)
{
	if (now == before)
		return "0";
	const char *by = words_number(
	    words, arena, now > before ? now - before : before - now);
	return by == NULL
		   ? NULL
		   : arena_printf(arena, "%s%s", now > before ? "+" : "−", by);
}

/* ------------------------------------------------------------------ dates */

static struct tm
local(int64_t at_ms)
{
	time_t secs = (time_t)(at_ms / 1000);
	struct tm tm;
	if (localtime_r(&secs, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	return tm;
}

static const char *const month_names[] = {"January", "February", "March",
    "April", "May", "June", "July", "August", "September", "October",
    "November", "December"};

const char *
words_month(
    const struct words *words, struct arena *arena, const struct month *month)
{
	if (words->column == VI)
		return arena_printf(
		    arena, "tháng %d năm %d", month->number, month->year);
	return arena_printf(
	    arena, "%s %d", month_names[month->number - 1], month->year);
}

const char *
words_month_short(struct arena *arena, const struct month *month)
{
	return arena_printf(arena, "%d/%d", month->number, month->year);
}

const char *
words_date(const struct words *words, struct arena *arena, int64_t at_ms)
{
	struct tm tm = local(at_ms);
	if (words->column == VI)
		return arena_printf(arena, "%02d/%02d/%d", tm.tm_mday,
		    tm.tm_mon + 1, tm.tm_year + 1900);
	/* Blanks that do not part the lines of a cell. */
	return arena_printf(arena, "%d\u00a0%.3s\u00a0%d", tm.tm_mday,
	    month_names[tm.tm_mon], tm.tm_year + 1900);
}

const char *
words_moment(const struct words *words, struct arena *arena, int64_t at_ms)
{
	struct tm tm = local(at_ms);
	char text[32];
	strftime(text, sizeof(text),
	    words->column == VI ? "%d/%m/%Y %H:%M" : "%Y-%m-%d %H:%M", &tm);
	return arena_strdup(arena, text);
}

/* --------------------------------------------------------------- the gist */

static const char *
gist_vi(struct arena *arena, const struct words *words, const struct summary *s,
    const char *month)
{
	const struct tally *now = &s->total.now;
	return arena_printf(arena,
	    "Trong %s, hệ thống ghi nhận %s đợt gửi thư đến nhiều người nhận "
	    "của %s người gửi, tới tổng cộng %s%s người nhận. Trong đó %s đợt "
	    "được khai báo trước, %s đợt không báo cáo, %s đợt do tài khoản bị "
	    "chiếm đoạt. Hiện còn %s vụ việc chưa khép lại, kể cả từ các tháng "
	    "trước.",
	    month, words_number(words, arena, now->sends),
	    words_number(words, arena, s->senders_n),
	    now->at_most == 0 ? "" : "nhiều nhất ",
	    words_number(words, arena, now->recipients),
	    words_number(words, arena, now->declared),
	    words_number(words, arena, s->unreported_n),
	    words_number(
		words, arena, s->results[RESULT_COMPROMISED].now.sends),
	    words_number(words, arena, s->open_n));
}

static const char *
gist_en(struct arena *arena, const struct words *words, const struct summary *s,
    const char *month)
{
	const struct tally *now = &s->total.now;
	return arena_printf(arena,
	    "Bulk sends recorded in %s: %s, by senders: %s, to recipients: "
	    "%s%s "
	    "in all. Of them declared beforehand: %s; unreported: %s; from a "
	    "compromised account: %s. Cases that are still open, those of "
	    "earlier months included: %s.",
	    month, words_number(words, arena, now->sends),
	    words_number(words, arena, s->senders_n),
	    now->at_most == 0 ? "" : "at most ",
	    words_number(words, arena, now->recipients),
	    words_number(words, arena, now->declared),
	    words_number(words, arena, s->unreported_n),
	    words_number(
		words, arena, s->results[RESULT_COMPROMISED].now.sends),
	    words_number(words, arena, s->open_n));
}

/* What was not sent, behind the rest of the gist; NULL when memory is out. */
static const char *
add_unsent(struct arena *arena, const struct words *words,
    const struct tally *now, const char *gist)
{
	static const char *const which[UNSENT_N][2] = {
	    [UNSENT_REFUSED] = {"bị từ chối hoặc tạm hoãn, không gửi đi",
		"that were rejected or deferred, and not sent"},
	    [UNSENT_DISCARDED] = {"bị tạm giữ rồi xóa bỏ, không gửi đi",
		"that were held and deleted, and not sent"},
	    [UNSENT_HELD] = {"đang tạm giữ, chưa gửi đi",
		"that are held, and not sent yet"},
	};
	bool any = false;
	for (int i = 0; i < UNSENT_N && gist != NULL; i++) {
		if (now->unsent[i].messages == 0)
			continue;
		const char *messages =
		    words_number(words, arena, now->unsent[i].messages);
		const char *deliveries =
		    words_number(words, arena, now->unsent[i].deliveries);
		gist =
		    words->column == VI
			? arena_printf(arena, "%s%s %s thư tới %s lượt nhận %s",
			      gist, any ? ";" : " Ngoài ra,", messages,
			      deliveries, which[i][VI])
			: arena_printf(arena,
			      "%s%s messages %s: %s, for deliveries: %s", gist,
			      any ? ";" : " Besides,", which[i][EN], messages,
			      deliveries);
		any = true;
	}
	return any && gist != NULL ? arena_printf(arena, "%s.", gist) : gist;
}

const char *
words_gist(const struct words *words, struct arena *arena,
    const struct summary *summary)
{
	const char *month = words_month(words, arena, &summary->month);
	if (month == NULL)
		return NULL;
	return add_unsent(arena, words, &summary->total.now,
	    words->column == VI ? gist_vi(arena, words, summary, month)
				: gist_en(arena, words, summary, month));
}

/* Whether one of the report's numbers of recipients has the mark of it. */
static bool
has_at_most(const struct summary *s)
{
	bool has = s->total.now.at_most + s->total.before.at_most > 0;
	for (size_t i = 0; i < s->open_n && !has; i++)
		has = month_tally(s->open[i]).at_most > 0;
	return has;
}

const char *
words_footnote(const struct words *words, struct arena *arena,
    const struct summary *summary)
{
	const char *footnote = words_get(words, W_FOOTNOTE);
	return has_at_most(summary) ? arena_printf(arena, "%s %s", footnote,
					  words_get(words, W_FOOTNOTE_AT_MOST))
				    : footnote;
}
