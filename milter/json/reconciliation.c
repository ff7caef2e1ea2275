/* reconciliation.c: what `reconcile --json` writes. */
#include "build.h"
#include "bulkwatch/json.h"

static json_t *
number_or_null(bool known, uint32_t number)
{
	return known ? json_integer(number) : json_null();
}

static json_t *
mail_object(const void *items, size_t i)
{
	const struct reconciled_mail *m =
	    (const struct reconciled_mail *)items + i;
	json_t *object = json_object();
	bool whole =
	    build_put(object, "at", build_time(m->at_ms)) &&
	    build_put(object, "queue_id", build_string(m->queue_id)) &&
	    build_put(object, "sender", build_string(m->sender)) &&
	    build_put(object, "mail_from", build_string(m->mail_from)) &&
	    build_put(object, "login", build_string(m->login)) &&
	    build_put(object, "client", build_string(m->client)) &&
	    build_put(object, "via", build_string(m->via)) &&
	    build_put(object, "message_id", build_string(m->message_id)) &&
	    build_put(object, "recipients",
		number_or_null(m->has_recipients, m->recipients)) &&
	    build_put(object, "expanded", json_integer(m->expanded)) &&
	    build_put(object, "counted",
		number_or_null(m->has_counted, m->counted)) &&
	    build_put(object, "finding",
		json_string(record_finding_name(m->finding))) &&
	    build_put(object, "retry_of", build_string_or_null(m->retry_of));
	return build_whole(whole, object);
}

static json_t *
sums_object(const struct reconciliation *r)
{
	json_t *object = json_object();
	bool whole = true;
	for (enum finding f = 0; f < FINDINGS_N; f++)
		whole = whole && build_put(object, record_finding_name(f),
				     build_integer(r->found[f]));
	return build_whole(whole, object);
}

char *
json_reconciliation(const struct reconciliation *r)
{
	json_t *object = json_object();
	bool whole =
	    build_put(object, "first_at", build_time(r->first_ms)) &&
	    build_put(object, "last_at", build_time(r->last_ms)) &&
	    build_put(object, "messages", build_integer(r->messages)) &&
	    build_put(object, "outbound", build_integer(r->outbound)) &&
	    build_put(object, "unexplained", build_integer(r->unexplained)) &&
	    build_put(object, "findings", sums_object(r)) &&
	    build_put(object, "not_taken", build_integer(r->turned_away)) &&
	    build_put(object, "not_in_log", build_integer(r->ledger_only)) &&
	    build_put(
		object, "mail", build_array(r->mails, r->mails_n, mail_object));
	return build_pretty(build_whole(whole, object));
}
