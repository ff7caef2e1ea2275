/*
 * noop.c: a milter that does nothing, as the yardstick of the benchmarks.
 *
 * It negotiates, reads macros and answers exactly as bulkwatchd does, but it
 * keeps, counts and writes nothing. What it costs is what libmilter and the
 * socket cost; what bulkwatchd costs beyond that is ours.
 *
 * usage: noop -p unix:PATH | inet:PORT@HOST
 */
#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What bulkwatchd wants: connect, HELO and body say nothing that it counts.
 * RCPT and headers are only collected, so they need no reply. */
#define WANTED_STEPS                                                    \
	(SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOUNKNOWN |             \
	    SMFIP_NOBODY | SMFIP_NOEOH | SMFIP_NR_RCPT | SMFIP_NR_HDR)

/* The macros by the stage that they are asked for. Sendmail ignores the list of
 * end of message unless end of headers has one too. */
struct macro_list {
	int stage;
	const char *names;
};

static const struct macro_list macro_lists[] = {
	{ SMFIM_ENVFROM, "i {auth_authen} {client_addr}" },
	{ SMFIM_ENVRCPT, "i" },
	{ SMFIM_EOH, "i" },
	{ SMFIM_EOM, "i" },
};

/* Asks for the macros and for the steps. Returns SMFIS_CONTINUE, or
 * SMFIS_REJECT if the MTA lacks a step: the answers would not match. */
static sfsistat
negotiate(SMFICTX *ctx, unsigned long steps, unsigned long offered_actions,
    unsigned long offered_steps, unsigned long *actions_r,
    unsigned long *steps_r)
{
	if ((offered_steps & steps) != steps)
		return SMFIS_REJECT;
	for (size_t i = 0; i < sizeof macro_lists / sizeof *macro_lists; i++)
		/* The library does not change the names; it only lacks the const. */
		smfi_setsymlist(ctx, macro_lists[i].stage,
		    (char *)(size_t)macro_lists[i].names);
	*actions_r = offered_actions & SMFIF_SETSYMLIST;
	*steps_r = steps;
	return SMFIS_CONTINUE;
}

static sfsistat
on_negotiate_unix(SMFICTX *ctx, unsigned long f0, unsigned long f1,
    unsigned long f2, unsigned long f3, unsigned long *pf0,
    unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
	(void)f2;
	(void)f3;
	*pf2 = 0;
	*pf3 = 0;
	return negotiate(ctx, WANTED_STEPS | SMFIP_NODATA, f0, f1, pf0, pf1);
}

/* On TCP, DATA stays and is answered: with no reply there, the two writers
 * inside Postfix meet Nagle's algorithm and wait 40 ms a message. */
static sfsistat
on_negotiate_tcp(SMFICTX *ctx, unsigned long f0, unsigned long f1,
    unsigned long f2, unsigned long f3, unsigned long *pf0,
    unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
	(void)f2;
	(void)f3;
	*pf2 = 0;
	*pf3 = 0;
	return negotiate(ctx, WANTED_STEPS, f0, f1, pf0, pf1);
}

static const char *
macro(SMFICTX *ctx, const char *name)
{
	return smfi_getsymval(ctx, (char *)(size_t)name);
}

/* Outbound goes on, inbound is accepted here. */
static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
	const char *login = macro(ctx, "{auth_authen}");
	const char *client = macro(ctx, "{client_addr}");

	(void)argv;
	(void)macro(ctx, "i");
	if (login != NULL && *login != '\0')
		return SMFIS_CONTINUE;
	if (client != NULL && strncmp(client, "127.", 4) == 0)
		return SMFIS_CONTINUE;
	return SMFIS_ACCEPT;
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **argv)
{
	(void)ctx;
	(void)argv;
	return SMFIS_NOREPLY;
}

static sfsistat
on_data(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return SMFIS_NOREPLY;
}

static sfsistat
on_eom(SMFICTX *ctx)
{
	(void)macro(ctx, "i");
	return SMFIS_CONTINUE;
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

/* Returns 0, or -1 with the reason on standard error. */
static int
serve(char *socket)
{
	bool tcp = strncmp(socket, "inet", 4) == 0;
	struct smfiDesc description = {
		.xxfi_name = (char[]){ "noop" },
		.xxfi_version = SMFI_VERSION,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_header = on_header,
		.xxfi_eom = on_eom,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_data = on_data,
		.xxfi_negotiate = tcp ? on_negotiate_tcp : on_negotiate_unix,
	};

	if (smfi_setconn(socket) != MI_SUCCESS ||
	    smfi_register(description) != MI_SUCCESS ||
	    smfi_opensocket(true) != MI_SUCCESS) {
		fprintf(stderr, "noop: cannot listen on %s\n", socket);
		return -1;
	}
	return smfi_main() == MI_SUCCESS ? 0 : -1;
}

int
main(int argc, char **argv)
{
	char *socket = NULL;
	int option;

	while ((option = getopt(argc, argv, "p:")) != -1)
		if (option == 'p')
			socket = optarg;
	if (socket == NULL || optind != argc) {
		fprintf(stderr, "usage: noop -p unix:PATH | inet:PORT@HOST\n");
		return 2;
	}
	return serve(socket) == 0 ? 0 : 1;
}
