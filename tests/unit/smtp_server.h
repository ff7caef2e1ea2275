/*
 * smtp_server.h: an SMTP server on loopback that does as it is told, for the
 * tests of what sends mail. A thread of the test's own process.
 */
#ifndef BULKWATCH_TESTS_SMTP_SERVER_H
#define BULKWATCH_TESTS_SMTP_SERVER_H

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* Instead of a reply. */
#define SERVER_HANG "hang" /* says nothing until the client goes */
#define SERVER_DROP "drop" /* closes */

#define SERVER_MAILS_MAX 64

/* What to answer; NULL is the usual. */
struct server_script {
	const char *greeting, *ehlo, *starttls, *auth, *mail, *rcpt, *data,
	    *quit;
	const char *noop;
	const char *text;         /* to the final dot */
	const char *refused;      /* this recipient is … */
	const char *refused_with; /* … answered so */
	bool drop_in_text;        /* closes after the first bytes of a mail */
};

struct server_mail {
	char from[256], to[1024], *text;
	size_t length;
};

struct server {
	int listener;
	int port;
	char url[64];
	pthread_t thread;
	pthread_mutex_t lock;
	bool stop;
	struct server_script script;
	/* What has come in so far. */
	int connections;
	char said[4096]; /* all commands, one a line */
	struct server_mail mails[SERVER_MAILS_MAX];
	int mails_n;
	struct server_mail coming;
};

struct server_peer {
	struct server *server;
	int fd;
	char buffer[8192];
	size_t used;
};

static inline bool
server_stopped(struct server *server)
{
	return __atomic_load_n(&server->stop, __ATOMIC_RELAXED);
}

/* Waits for fd; false when the server ends. */
static inline bool
server_wait(struct server *server, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	while (!server_stopped(server))
		if (poll(&p, 1, 20) > 0)
			return true;
	return false;
}

/* Reads one line into line, without its end; false when the client is gone. */
static inline bool
server_line(struct server_peer *peer, char *line, size_t size)
{
	for (;;) {
		char *end = memchr(peer->buffer, '\n', peer->used);
		if (end != NULL) {
			size_t n = (size_t)(end - peer->buffer) + 1;
			snprintf(
			    line, size, "%.*s", (int)(n - 2), peer->buffer);
			peer->used -= n;
			memmove(peer->buffer, end + 1, peer->used);
			return true;
		}
		if (!server_wait(peer->server, peer->fd))
			return false;
		ssize_t n = read(peer->fd, peer->buffer + peer->used,
		    sizeof(peer->buffer) - peer->used);
		if (n <= 0)
			return false;
		peer->used += (size_t)n;
	}
}

/* Answers; false if the connection is to end. */
static inline bool
server_reply(struct server_peer *peer, const char *reply)
{
	if (strcmp(reply, SERVER_HANG) == 0) {
		char c;
		while (server_wait(peer->server, peer->fd) &&
		       read(peer->fd, &c, 1) > 0)
			;
		return false;
	}
	if (strcmp(reply, SERVER_DROP) == 0)
		return false;
	char line[1100];
	int n = snprintf(line, sizeof(line), "%s\r\n", reply);
	return send(peer->fd, line, (size_t)n, MSG_NOSIGNAL) == n;
}

/* Takes the text of a mail up to its final dot. Returns false if the client is
 * gone or is to go. */
static inline bool
server_text(struct server_peer *peer)
{
	struct server *server = peer->server;
	FILE *text =
	    open_memstream(&server->coming.text, &server->coming.length);
	char line[8192];
	bool done = false;
	while (!done && server_line(peer, line, sizeof(line))) {
		if (server->script.drop_in_text)
			break;
		done = strcmp(line, ".") == 0;
		if (!done)
			fprintf(
			    text, "%s\r\n", line[0] == '.' ? line + 1 : line);
	}
	fclose(text);
	if (!done)
		free(server->coming.text);
	return done;
}

/* The mail is the server's now, or it is refused. */
static inline bool
server_take(struct server_peer *peer, const char *reply)
{
	struct server *server = peer->server;
	if (reply[0] == '2') {
		pthread_mutex_lock(&server->lock);
		assert(server->mails_n < SERVER_MAILS_MAX);
		server->mails[server->mails_n++] = server->coming;
		pthread_mutex_unlock(&server->lock);
	} else {
		free(server->coming.text);
	}
	server->coming = (struct server_mail){.text = NULL};
	return server_reply(peer, reply);
}

static inline const char *
server_or(const char *told, const char *usual)
{
	return told != NULL ? told : usual;
}

static inline bool
server_login(struct server_peer *peer)
{
	struct server *server = peer->server;
	char line[1024];
	if (!server_reply(peer, "334 ") ||
	    !server_line(peer, line, sizeof(line)))
		return false;
	size_t n = strlen(server->said);
	snprintf(server->said + n, sizeof(server->said) - n, "%s\n", line);
	return server_reply(peer, server_or(server->script.auth, "235 ok"));
}

/* One command. Returns false when the connection ends. */
static inline bool
server_command(struct server_peer *peer, const char *line)
{
	struct server *server = peer->server;
	const struct server_script *script = &server->script;
	if (strncasecmp(line, "EHLO", 4) == 0)
		return server_reply(
		    peer, server_or(script->ehlo, "250-test\r\n250 8BITMIME"));
	if (strncasecmp(line, "STARTTLS", 8) == 0) {
		/* Whoever goes ahead finds that there is no TLS. */
		const char *go = server_or(script->starttls, "220 go ahead");
		return server_reply(peer, go) && go[0] != '2';
	}
	if (strncasecmp(line, "AUTH", 4) == 0)
		return server_login(peer);
	if (strncasecmp(line, "MAIL", 4) == 0) {
		snprintf(server->coming.from, sizeof(server->coming.from),
		    "%.200s", line + 10);
		return server_reply(peer, server_or(script->mail, "250 ok"));
	}
	if (strncasecmp(line, "RCPT", 4) == 0) {
		if (script->refused != NULL && strstr(line, script->refused))
			return server_reply(peer, script->refused_with);
		size_t n = strlen(server->coming.to);
		snprintf(server->coming.to + n, sizeof(server->coming.to) - n,
		    "%s", line + 8);
		return server_reply(peer, server_or(script->rcpt, "250 ok"));
	}
	if (strncasecmp(line, "DATA", 4) == 0) {
		const char *go = server_or(script->data, "354 go on");
		return server_reply(peer, go) &&
		       (go[0] != '3' ||
			   (server_text(peer) &&
			       server_take(peer,
				   server_or(script->text, "250 taken"))));
	}
	if (strncasecmp(line, "QUIT", 4) == 0) {
		server_reply(peer, server_or(script->quit, "221 bye"));
		return false;
	}
	if (strncasecmp(line, "RSET", 4) == 0)
		return server_reply(peer, "250 ok");
	if (strncasecmp(line, "NOOP", 4) == 0)
		return server_reply(peer, server_or(script->noop, "250 ok"));
	return server_reply(peer, "500 what?");
}

static inline void
server_serve(struct server *server, int fd)
{
	struct server_peer peer = {.server = server, .fd = fd};
	char line[1024];
	pthread_mutex_lock(&server->lock);
	server->connections++;
	pthread_mutex_unlock(&server->lock);
	server->coming = (struct server_mail){.text = NULL};
	if (!server_reply(
		&peer, server_or(server->script.greeting, "220 test")))
		return;
	while (server_line(&peer, line, sizeof(line))) {
		pthread_mutex_lock(&server->lock);
		size_t n = strlen(server->said);
		snprintf(
		    server->said + n, sizeof(server->said) - n, "%s\n", line);
		pthread_mutex_unlock(&server->lock);
		if (!server_command(&peer, line))
			return;
	}
}

static inline void *
server_main(void *context)
{
	struct server *server = context;
	while (server_wait(server, server->listener)) {
		int fd = accept(server->listener, NULL, NULL);
		if (fd < 0)
			continue;
		server_serve(server, fd);
		close(fd);
	}
	return NULL;
}

/* Starts a server on a free port of 127.0.0.1; server->url leads to it. */
static inline void
server_start(struct server *server, const struct server_script *script)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	*server = (struct server){.script = *script};
	pthread_mutex_init(&server->lock, NULL);
	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(server->listener, (struct sockaddr *)&address, length) < 0 ||
	    listen(server->listener, 16) < 0 ||
	    getsockname(
		server->listener, (struct sockaddr *)&address, &length) < 0)
		abort();
	server->port = ntohs(address.sin_port);
	snprintf(server->url, sizeof(server->url), "smtp://127.0.0.1:%d",
	    server->port);
	pthread_create(&server->thread, NULL, server_main, server);
}

static inline void
server_stop(struct server *server)
{
	__atomic_store_n(&server->stop, true, __ATOMIC_RELAXED);
	pthread_join(server->thread, NULL);
	close(server->listener);
	for (int i = 0; i < server->mails_n; i++)
		free(server->mails[i].text);
	pthread_mutex_destroy(&server->lock);
}

#endif
