/* follow_up.c: the steps from an alert to a closed case. */
#include <string.h>

#include "bulkwatch/policy.h"

static int
take(const struct follow_up_request *request, const struct bulk_send *now,
    struct bulk_send *then, struct err *err)
{
	const long long id = (long long)now->id;
	if (now->status == STATUS_CLOSED)
		return err_set(err,
		    "bulk send %lld is closed (%s); `bulkwatch reopen %lld` "
		    "takes it up again",
		    id, record_outcome_name(now->outcome), id);
	if (now->status == STATUS_REVIEWING &&
	    strcmp(now->assignee, request->by) == 0)
		return err_set(err,
		    "you have bulk send %lld already; `bulkwatch note` or "
		    "`bulkwatch close` comes next",
		    id);
	if (now->status == STATUS_REVIEWING)
		return err_set(err,
		    "%s has bulk send %lld already; ask them, or add what you "
		    "know with `bulkwatch note %lld`",
		    now->assignee, id, id);
	then->status = STATUS_REVIEWING;
	then->assignee = request->by;
	return 0;
}

static int
note(const struct follow_up_request *request, const struct bulk_send *now,
    struct bulk_send *then, struct err *err)
{
	(void)now;
	(void)then;
	return request->note[0] != '\0'
	    ? 0
	    : err_set(err, "the note is empty: write what was learnt");
}

static int
close_case(const struct follow_up_request *request,
    const struct bulk_send *now, struct bulk_send *then, struct err *err)
{
	const long long id = (long long)now->id;
	if (now->status == STATUS_CLOSED)
		return err_set(err,
		    "bulk send %lld was closed already (%s%s%s); `bulkwatch "
		    "reopen %lld` takes it up again, `bulkwatch note %lld` "
		    "adds to it",
		    id, record_outcome_name(now->outcome),
		    now->assignee[0] == '\0' ? "" : ", taken by ",
		    now->assignee, id, id);
	if (request->outcome == OUTCOME_NONE)
		return err_set(err,
		    "an outcome is needed: reported, unreported, compromised "
		    "or false-alarm");
	then->status = STATUS_CLOSED;
	then->outcome = request->outcome;
	then->assignee =
	    now->assignee[0] == '\0' ? request->by : now->assignee;
	if (request->reference[0] != '\0')
		then->reference = request->reference;
	return 0;
}

static int
reopen(const struct follow_up_request *request, const struct bulk_send *now,
    struct bulk_send *then, struct err *err)
{
	const long long id = (long long)now->id;
	if (now->status == STATUS_NEW)
		return err_set(err,
		    "bulk send %lld is not closed: nobody has taken it yet; "
		    "`bulkwatch take %lld` does",
		    id, id);
	if (now->status != STATUS_CLOSED)
		return err_set(err, "bulk send %lld is not closed: %s has it",
		    id, now->assignee);
	then->status = STATUS_REVIEWING;
	then->outcome = OUTCOME_NONE;
	then->assignee = request->by;
	return 0;
}

static const struct {
	const char *event;
	int (*step)(const struct follow_up_request *, const struct bulk_send *,
	    struct bulk_send *, struct err *);
} steps[] = {
    [FOLLOW_UP_TAKE] = {"taken", take},
    [FOLLOW_UP_NOTE] = {"note", note},
    [FOLLOW_UP_CLOSE] = {"closed", close_case},
    [FOLLOW_UP_REOPEN] = {"reopened", reopen},
};

/* "reported; reference 12/BC-VP; what was learnt" */
static const char *
story_of(const struct follow_up_request *request, struct arena *arena)
{
	if (request->step != FOLLOW_UP_CLOSE)
		return request->note;
	const bool referred = request->reference[0] != '\0';
	const bool noted = request->note[0] != '\0';
	return arena_printf(arena, "%s%s%s%s%s",
	    record_outcome_name(request->outcome),
	    referred ? "; reference " : "", request->reference,
	    noted ? "; " : "", request->note);
}

int
policy_follow_up(const struct follow_up_request *request,
    const struct bulk_send *now, struct arena *arena, struct bulk_send *then_r,
    struct history *line_r, struct err *err)
{
	*then_r = *now;
	if (steps[request->step].step(request, now, then_r, err) < 0)
		return -1;
	*line_r = (struct history){.at_ms = request->at_ms,
	    .by = request->by,
	    .event = steps[request->step].event,
	    .note = story_of(request, arena)};
	return line_r->note == NULL ? err_set(err, "memory is out") : 0;
}
