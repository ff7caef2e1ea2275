/* mail.c: the mail that the load generator pretends to have received. */
#include "mail.h"

#include <string.h>

#define HOST "mail.example.gov.vn"

/* Written without printf: a message with 500 recipients is made of 2,000
 * texts, and the generator shares the machine with what it measures. */
static char *
put_text(char *at, const char *text)
{
	size_t n = strlen(text);

	memcpy(at, text, n + 1);
	return at + n;
}

static char *
put_number(char *at, uint64_t value, int digits, unsigned base)
{
	for (int i = digits; i-- > 0; value /= base)
		at[i] = "0123456789ABCDEF"[value % base];
	at[digits] = '\0';
	return at + digits;
}

static char *
put_octet(char *at, unsigned value)
{
	int digits = value >= 100 ? 3 : value >= 10 ? 2 : 1;

	return put_number(at, value, digits, 10);
}

static void
make_client(struct mail *mail)
{
	static const char *const networks[] = {
		[MAIL_LOGIN] = "192.0.2.",
		[MAIL_INBOUND] = "203.0.113.",
		[MAIL_LOCAL] = "127.0.0.",
	};
	unsigned host = mail->plan->origin == MAIL_LOCAL ? 1 :
	    (unsigned)(mail->sender % 250 + 1);

	put_octet(put_text(mail->client, networks[mail->plan->origin]), host);
	put_text(put_text(put_text(mail->client_name, "["), mail->client), "]");
	put_text(put_text(put_text(mail->client_shown, "unknown ["),
	    mail->client), "]");
}

void
mail_make(const struct mail_plan *plan, uint64_t number, struct mail *mail_r)
{
	mail_r->plan = plan;
	mail_r->sender = plan->first_sender + number % plan->senders;
	mail_r->turn = number / plan->senders;
	mail_r->queued = false;
	mail_r->rcpt[0] = '\0';

	char *at = put_text(mail_r->from, "staff");
	at = put_number(at, mail_r->sender, 7, 10);
	put_text(at, plan->origin == MAIL_INBOUND ? "@sender.example.net" :
	    "@example.gov.vn");

	at = put_number(mail_r->queue_id, plan->run, 4, 16);
	put_number(at, number, 7, 16);

	at = put_number(put_text(mail_r->message_id, "<"), plan->run, 12, 16);
	at = put_number(put_text(at, "."), number, 12, 16);
	put_text(at, "@client.example.gov.vn>");
	make_client(mail_r);
}

/* Each sender goes round a pool of its own, so that the plan says how many
 * distinct recipients a window holds. */
void
mail_recipient(struct mail *mail, size_t i)
{
	const struct mail_plan *plan = mail->plan;
	uint64_t number = mail->sender * plan->pool +
	    (mail->turn * plan->recipients + i) % plan->pool;

	char *at = put_number(put_text(mail->rcpt, "person"), number, 10, 10);
	at = put_number(put_text(at, "@ward"), number % 97, 2, 10);
	put_text(at, ".example.org");
}

static const char *const macro_names[MAIL_MACROS_N] = {
	[MACRO_AUTH_AUTHEN] = "{auth_authen}",
	[MACRO_AUTH_TYPE] = "{auth_type}",
	[MACRO_CLIENT_ADDR] = "{client_addr}",
	[MACRO_CLIENT_NAME] = "{client_name}",
	[MACRO_CLIENT_PORT] = "{client_port}",
	[MACRO_CLIENT_PTR] = "{client_ptr}",
	[MACRO_DAEMON_ADDR] = "{daemon_addr}",
	[MACRO_DAEMON_NAME] = "{daemon_name}",
	[MACRO_DAEMON_PORT] = "{daemon_port}",
	[MACRO_MAIL_ADDR] = "{mail_addr}",
	[MACRO_MAIL_HOST] = "{mail_host}",
	[MACRO_MAIL_MAILER] = "{mail_mailer}",
	[MACRO_RCPT_ADDR] = "{rcpt_addr}",
	[MACRO_RCPT_HOST] = "{rcpt_host}",
	[MACRO_RCPT_MAILER] = "{rcpt_mailer}",
	[MACRO_CLIENT] = "_",
	[MACRO_QUEUE_ID] = "i",
	[MACRO_HOST] = "j",
	[MACRO_VERSION] = "v",
};

enum mail_macro
mail_macro_named(const char *name, size_t length)
{
	for (unsigned i = 0; i < MAIL_MACROS_N; i++)
		if (strncmp(macro_names[i], name, length) == 0 &&
		    macro_names[i][length] == '\0')
			return (enum mail_macro)i;
	return MAIL_MACROS_N;
}

const char *
mail_macro_name(enum mail_macro macro)
{
	return macro_names[macro];
}

static const char *
domain_of(const char *address)
{
	const char *at = strchr(address, '@');

	return at == NULL ? "" : at + 1;
}

const char *
mail_macro_value(const struct mail *mail, enum mail_macro macro)
{
	bool login = mail->plan->origin == MAIL_LOGIN;

	switch (macro) {
	case MACRO_AUTH_AUTHEN:
		return login ? mail->from : NULL;
	case MACRO_AUTH_TYPE:
		return login ? "PLAIN" : NULL;
	case MACRO_CLIENT_ADDR:
		return mail->client;
	case MACRO_CLIENT_NAME:
	case MACRO_CLIENT_PTR:
		return "unknown";
	case MACRO_CLIENT_PORT:
		return "40000";
	case MACRO_DAEMON_ADDR:
		return "127.0.0.1";
	case MACRO_DAEMON_PORT:
		return "25";
	case MACRO_MAIL_ADDR:
		return mail->from;
	case MACRO_MAIL_HOST:
		return domain_of(mail->from);
	case MACRO_MAIL_MAILER:
	case MACRO_RCPT_MAILER:
		return "smtp";
	case MACRO_RCPT_ADDR:
		return mail->rcpt;
	case MACRO_RCPT_HOST:
		return domain_of(mail->rcpt);
	case MACRO_CLIENT:
		return mail->client_shown;
	case MACRO_QUEUE_ID:
		return mail->queued ? mail->queue_id : NULL;
	case MACRO_DAEMON_NAME:
	case MACRO_HOST:
		return HOST;
	case MACRO_VERSION:
		return "Postfix 3.7.11";
	case MAIL_MACROS_N:
		break;
	}
	return NULL;
}

/* What a common mail program writes; the value is NULL where it is another
 * in each message. */
static const struct mail_header headers[] = {
	{ "Received", "from [10.20.30.40] (unknown [10.20.30.40])\n"
	    "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"
	    "\n\t key-exchange X25519 server-signature RSA-PSS (2048 bits))\n"
	    "\tby relay.example.gov.vn (Postfix) with ESMTPSA id 4XyZ1234\n"
	    "\tfor <someone@ward.example.org>; Mon, 2 Mar 2026 08:15:02 +0700" },
	{ "DKIM-Signature", "v=1; a=rsa-sha256; c=relaxed/relaxed;\n"
	    "\td=example.gov.vn; s=mail2026; t=1772414102;\n"
	    "\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\n"
	    "\th=From:To:Subject:Date:Message-ID:MIME-Version:Content-Type;\n"
	    "\tb=Qm9yaW5nIGJ1dCBsb25nIGVub3VnaCB0byBsb29rIGxpa2UgYSByZWFsIH"
	    "NpZ25hd\n\t GUgb2YgMjA0OCBiaXRzIHdpdGggYmFzZTY0IGxpbmVzIHRoYXQg"
	    "YXJlIGZvbGRlZCB\n\t hdCBzZXZlbnR5IGNvbHVtbnMgb3Igc28gYXMgbW9zdCB"
	    "zaWduZXJzIGRvIGl0IG5vd2\n\t Fk5yBhbmQgdGhlcmUgaXMgYSBiaXQgbW9yZS"
	    "BvZiBpdCBoZXJlIGFzIHdlbGw9PQ==" },
	{ "From", NULL },
	{ "To", "Ward offices <offices@ward.example.org>" },
	{ "Cc", "Office of the chairman <office@example.gov.vn>" },
	{ "Subject", "=?UTF-8?B?VGjDtG5nIGLDoW8gduG7gSB2aeG7h2MgbuG7mXAgYsOh"
	    "byBjw6Fv?=\n =?UTF-8?B?IHF1w70gSSBuxINtIDIwMjY=?=" },
	{ "Date", "Mon, 2 Mar 2026 08:15:02 +0700" },
	{ "Message-ID", NULL },
	{ "User-Agent", "Mozilla Thunderbird" },
	{ "Content-Language", "vi" },
	{ "MIME-Version", "1.0" },
	{ "Content-Type", "text/plain; charset=UTF-8; format=flowed" },
	{ "Content-Transfer-Encoding", "8bit" },
};

size_t
mail_headers(void)
{
	return sizeof(headers) / sizeof(*headers);
}

struct mail_header
mail_header(const struct mail *mail, size_t i)
{
	struct mail_header header = headers[i];

	if (header.value == NULL)
		header.value = header.name[0] == 'F' ? mail->from :
		    mail->message_id;
	return header;
}
