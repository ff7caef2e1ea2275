/* session_test.c: what the MTA is told at end of message, and what stands in
 * the database then. libmilter is played by this file; recorder and store are
 * the daemon's. */
#include "store_fixture.h"

#include <libmilter/mfapi.h>

#include "bulkwatch/recorder.h"
#include "bulkwatch/session.h"
#include "bulkwatch/settings.h"

/* ------------------------------------------------------- libmilter's part */

struct smfi_str {
	void *private_data;
	const char *queue_id;
	bool order_is_refused;
	char reason[200]; /* of the order to hold; "": none came */
};

static struct smfiDesc milter;

int
smfi_register(struct smfiDesc description)
{
	milter = description;
	return MI_SUCCESS;
}

void *
smfi_getpriv(SMFICTX *ctx)
{
	return ctx->private_data;
}

int
smfi_setpriv(SMFICTX *ctx, void *data)
{
	ctx->private_data = data;
	return MI_SUCCESS;
}

char *
smfi_getsymval(SMFICTX *ctx, char *name)
{
	static char login[] = "an@x.vn";
	static char queue_id[200];
	if (strcmp(name, "{auth_authen}") == 0)
		return login;
	if (strcmp(name, "i") != 0)
		return NULL;
	snprintf(queue_id, sizeof(queue_id), "%s", ctx->queue_id);
	return queue_id;
}

int
smfi_setsymlist(SMFICTX *ctx, int stage, char *names)
{
	(void)ctx;
	(void)stage;
	(void)names;
	return MI_SUCCESS;
}

int
smfi_quarantine(SMFICTX *ctx, char *reason)
{
	snprintf(ctx->reason, sizeof(ctx->reason), "%s", reason);
	return ctx->order_is_refused ? MI_FAILURE : MI_SUCCESS;
}

/* ------------------------------------------------------------ the daemon's */

struct daemon {
	struct world *w;
	const struct settings *settings;
	struct recorder *recorder;
	SMFICTX mta;
};

static void
ignore(void *context)
{
	(void)context;
}

static const struct settings *
get_settings(void *context)
{
	const struct daemon *d = context;
	return settings_ref(d->settings);
}

static const struct settings *
load(struct world *w)
{
	char path[160], *faults = NULL;
	const struct settings *settings;
	snprintf(path, sizeof(path), "%s/bulkwatch.conf", w->folder);
	FILE *file = fopen(path, "w");
	fprintf(file,
	    "listen = \"unix:%s/m.sock\";\ndatabase = \"%s\";\n"
	    "spool = \"%s/spool\";\nlocal_domains = [ \"near.vn\" ];\n"
	    "rules: ( { name = \"many\"; recipients = 20; "
	    "action = \"hold\"; } );\n"
	    "alerts: { to = [ \"a@near.vn\" ]; from = \"b@near.vn\"; };\n",
	    w->folder, w->path, w->folder);
	fclose(file);
	if (settings_load(path, &settings, &faults) < 0)
		fail_msg("%s", faults);
	return settings;
}

static void
negotiate(struct daemon *d)
{
	unsigned long actions, steps, unused2, unused3;
	assert_int_equal(
	    milter.xxfi_negotiate(&d->mta, SMFIF_QUARANTINE | SMFIF_SETSYMLIST,
		SMFIP_NR_RCPT | SMFIP_NR_HDR, 0, 0, &actions, &steps, &unused2,
		&unused3),
	    SMFIS_CONTINUE);
}

static int
setup(void **state)
{
	struct daemon *d = calloc(1, sizeof(*d));
	void *world;
	struct err err = {""};
	if (d == NULL || set_up(&world) < 0)
		return -1;
	d->w = world;
	d->settings = load(d->w);
	d->mta.queue_id = "Q1";
	const struct recorder_options options = {
	    .settings = d->settings, .alert_queued = ignore};
	if (recorder_init(&options, &d->recorder, &err) < 0)
		fail_msg("%s", err.text);
	const struct session_options session = {
	    .recorder = d->recorder, .settings = get_settings, .context = d};
	if (session_register(&session, &err) < 0)
		fail_msg("%s", err.text);
	negotiate(d);
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	struct daemon *d = *state;
	milter.xxfi_close(&d->mta);
	recorder_deinit(&d->recorder);
	settings_unref(&d->settings);
	void *world = d->w;
	free(d);
	return tear_down(&world);
}

/* One mail to so many; the answer to its end. */
static sfsistat
send_to(struct daemon *d, unsigned n)
{
	char sender[] = "<an@x.vn>", name[] = "Message-ID", id[] = "<1@x.vn>";
	char *from[] = {sender, NULL};
	d->mta.reason[0] = '\0';
	assert_int_equal(milter.xxfi_envfrom(&d->mta, from), SMFIS_CONTINUE);
	for (unsigned i = 0; i < n; i++) {
		char address[32];
		char *to[] = {address, NULL};
		snprintf(address, sizeof(address), "<r%u@near.vn>", i);
		milter.xxfi_envrcpt(&d->mta, to);
	}
	milter.xxfi_header(&d->mta, name, id);
	return milter.xxfi_eom(&d->mta);
}

/* Stopping ends all that is under way. */
static void
stop(struct daemon *d)
{
	recorder_deinit(&d->recorder);
}

/* ------------------------------------------------------------------- tests */

static void
mail_that_is_held_has_its_queue_id_in_the_reason(void **state)
{
	struct daemon *d = *state;
	assert_int_equal(send_to(d, 19), SMFIS_CONTINUE);
	assert_string_equal(d->mta.reason, "");
	assert_int_equal(send_to(d, 20), SMFIS_CONTINUE);
	assert_string_equal(d->mta.reason, "bulkwatch Q1: rule many");
	stop(d);
	assert_int_equal(
	    sql_number(d->w, "SELECT state FROM held"), HELD_WAITING);
}

/* Both MTAs write the reason into the queue file. */
static void
the_reason_ends_no_line_of_the_queue_file(void **state)
{
	struct daemon *d = *state;
	d->mta.queue_id = "Q\n1\r2\t3\x01\x7f\xe1\xba\xbf";
	assert_int_equal(send_to(d, 20), SMFIS_CONTINUE);
	assert_string_equal(d->mta.reason, "bulkwatch Q?1?2?3?????: rule many");
}

static void
the_reason_has_room_for_a_long_queue_id(void **state)
{
	struct daemon *d = *state;
	char id[151] = "";
	memset(id, 'Q', sizeof(id) - 1);
	d->mta.queue_id = id;
	assert_int_equal(send_to(d, 20), SMFIS_CONTINUE);
	assert_non_null(strstr(d->mta.reason, ": rule many"));
}

static void
mail_that_the_mta_does_not_hold_is_recorded_as_deferred(void **state)
{
	struct daemon *d = *state;
	d->mta.order_is_refused = true;
	assert_int_equal(send_to(d, 20), SMFIS_TEMPFAIL);
	stop(d);
	assert_int_equal(
	    sql_number(d->w, "SELECT action FROM message"), ACTION_DEFER);
	assert_int_equal(
	    sql_number(d->w, "SELECT action FROM bulk_send"), ACTION_DEFER);
	assert_int_equal(sql_number(d->w, "SELECT state FROM held"), HELD_GONE);
}

static void
mail_that_the_mta_does_not_hold_is_held_when_it_comes_again(void **state)
{
	struct daemon *d = *state;
	d->mta.order_is_refused = true;
	assert_int_equal(send_to(d, 20), SMFIS_TEMPFAIL);
	d->mta.order_is_refused = false;
	d->mta.queue_id = "Q2";
	assert_int_equal(send_to(d, 20), SMFIS_CONTINUE);
	assert_string_equal(d->mta.reason, "bulkwatch Q2: rule many");
	stop(d);
	assert_int_equal(sql_number(d->w, "SELECT count(*) FROM message"), 1);
	assert_int_equal(
	    sql_number(d->w, "SELECT action FROM message"), ACTION_HOLD);
	assert_int_equal(
	    sql_number(d->w, "SELECT count(*) FROM held "
			     "WHERE state = 1 AND queue_id = 'Q2'"),
	    1);
	assert_int_equal(
	    sql_number(d->w, "SELECT count(*) FROM held WHERE state = 1"), 1);
}

#define with_daemon(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    with_daemon(mail_that_is_held_has_its_queue_id_in_the_reason),
	    with_daemon(the_reason_ends_no_line_of_the_queue_file),
	    with_daemon(the_reason_has_room_for_a_long_queue_id),
	    with_daemon(
		mail_that_the_mta_does_not_hold_is_recorded_as_deferred),
	    with_daemon(
		mail_that_the_mta_does_not_hold_is_held_when_it_comes_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
