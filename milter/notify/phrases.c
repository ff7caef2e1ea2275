/* phrases.c: words of alerts in their languages. */
#include "phrases.h"

#include <stddef.h>
#include <string.h>

#include "bulkwatch/record.h"

static const struct phrases languages[] = {
    {
	.language = "vi",
	.number = "SỐ",
	.identities =
	    {
		[IDENTITY_LOGIN] = "tài khoản đăng nhập",
		[IDENTITY_ENVELOPE] = "địa chỉ gửi, không đăng nhập",
		[IDENTITY_CLIENT] = "địa chỉ của máy gửi",
	    },
	.statuses =
	    {
		[STATUS_NEW] = "mới, chưa có ai nhận xử lý",
		[STATUS_REVIEWING] = "đang xử lý",
		[STATUS_CLOSED] = "đã khép lại",
	    },
	.outcomes =
	    {
		[OUTCOME_NONE] = "",
		[OUTCOME_REPORTED] = "đã báo cáo",
		[OUTCOME_UNREPORTED] = "không báo cáo",
		[OUTCOME_COMPROMISED] = "tài khoản bị chiếm đoạt",
		[OUTCOME_FALSE_ALARM] = "báo nhầm",
	    },
	.assignee = {" (người xử lý: ", ")"},
	.undeclared = "không",
	.declared = {"có, khai báo số ", ""},
	.withdrawn = " (đã rút lại)",
	.sent_to = {" (đã gửi đến ", ""},
	.instead_of = {", khai báo ", ")"},
	.after_end = "sau khi hết thời hạn khai báo",
	.no_subject = "(không có)",
	.no_client = "chính máy chủ này",
	.one_message = "một thư",
	.seconds = {"giây", "giây"},
	.minutes = {"phút", "phút"},
	.hours = {"giờ", "giờ"},
	.days = {"ngày", "ngày"},
	.recipients = {"người nhận", "người nhận"},
	.messages = {"thư", "thư"},
	.more = {"… và ", " nữa"},
	.even_more = "… và những người khác",
	.no_addresses = "(địa chỉ người nhận không được lưu lại)",
	.actions =
	    {
		[ACTION_LOG] = "",
		[ACTION_DEFER] = "tạm hoãn: máy chủ chưa nhận thư, máy gửi sẽ "
				 "gửi lại sau",
		[ACTION_HOLD] = "tạm giữ trên máy chủ, chưa gửi đi",
		[ACTION_REJECT] = "từ chối: máy chủ không nhận thư, người gửi "
				  "được báo lỗi",
	    },
	.held = {"thư đang tạm giữ", "thư đang tạm giữ"},
	.refused = {" (không gửi đi: ", ")"},
	.of_declaration = {"khai báo số ", ""},
	.waiting = {"vụ chờ giải quyết", "vụ chờ giải quyết"},
	.holding = {"vụ có thư đang tạm giữ", "vụ có thư đang tạm giữ"},
	.fresh = {"đợt gửi mới", "đợt gửi mới"},
	.expected = {"khai báo cho hôm nay", "khai báo cho hôm nay"},
	.failed = {"thư không gửi được", "thư không gửi được"},
	.store_failures = {"lần cơ sở dữ liệu gặp sự cố",
	    "lần cơ sở dữ liệu gặp sự cố"},
    },
    {
	.language = "en",
	.number = "ID",
	.identities =
	    {
		[IDENTITY_LOGIN] = "login",
		[IDENTITY_ENVELOPE] = "sender address, no login",
		[IDENTITY_CLIENT] = "address of the client",
	    },
	.statuses =
	    {
		[STATUS_NEW] = "new, nobody has taken it",
		[STATUS_REVIEWING] = "under review",
		[STATUS_CLOSED] = "closed",
	    },
	.outcomes =
	    {
		[OUTCOME_NONE] = "",
		[OUTCOME_REPORTED] = "reported",
		[OUTCOME_UNREPORTED] = "unreported",
		[OUTCOME_COMPROMISED] = "account compromised",
		[OUTCOME_FALSE_ALARM] = "false alarm",
	    },
	.assignee = {" (taken by ", ")"},
	.undeclared = "no",
	.declared = {"yes, declaration ", ""},
	.withdrawn = " (withdrawn)",
	.sent_to = {" (sent to ", ""},
	.instead_of = {", declared ", ")"},
	.after_end = "after the end of its time",
	.no_subject = "(none)",
	.no_client = "this server itself",
	.one_message = "one message",
	.seconds = {"second", "seconds"},
	.minutes = {"minute", "minutes"},
	.hours = {"hour", "hours"},
	.days = {"day", "days"},
	.recipients = {"recipient", "recipients"},
	.messages = {"message", "messages"},
	.more = {"… and ", " more"},
	.even_more = "… and more",
	.no_addresses = "(addresses of recipients are not kept)",
	.actions =
	    {
		[ACTION_LOG] = "",
		[ACTION_DEFER] = "deferred: not taken yet, the sending program "
				 "tries again later",
		[ACTION_HOLD] = "held on the server, not sent on",
		[ACTION_REJECT] = "rejected: not taken, the sender was told",
	    },
	.held = {"message held", "messages held"},
	.refused = {" (not sent: ", ")"},
	.of_declaration = {"declaration ", ""},
	.waiting = {"case waiting", "cases waiting"},
	.holding = {"case with held mail", "cases with held mail"},
	.fresh = {"new", "new"},
	.expected = {"declared for today", "declared for today"},
	.failed = {"mail not delivered", "mails not delivered"},
	.store_failures = {"failure of the database",
	    "failures of the database"},
    },
};

const struct phrases *
phrases_of(const char *language)
{
	for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++)
		if (strcmp(languages[i].language, language) == 0)
			return &languages[i];
	return &languages[0];
}
