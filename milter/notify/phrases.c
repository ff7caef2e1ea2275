/* phrases.c: words of alerts in their languages. */
#include "phrases.h"

#include <stddef.h>
#include <string.h>

#include "bulkwatch/record.h"

static const struct phrases languages[] = {
    {
	.language = "vi",
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
		[OUTCOME_REPORTED] = "đã báo cáo trước",
		[OUTCOME_UNREPORTED] = "không báo cáo",
		[OUTCOME_COMPROMISED] = "tài khoản bị chiếm đoạt",
		[OUTCOME_FALSE_ALARM] = "báo nhầm",
	    },
	.assignee = {" (người xử lý: ", ")"},
	.undeclared = "không",
	.declared = {"có, khai báo số ", ""},
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
    },
    {
	.language = "en",
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
