/* place.c: where bulkwatchd listens, as its settings and as Postfix write it.
 */
#include "place.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* HOST or [ADDRESS], without the brackets. */
static const char *
bare_host(struct arena *arena, const char *text, size_t length)
{
	bool bracketed =
	    length >= 2 && text[0] == '[' && text[length - 1] == ']';
	return arena_strndup(
	    arena, text + bracketed, length - 2 * (size_t)bracketed);
}

int
place_parse(struct arena *arena, const char *listen, struct place *place_r,
    struct err *err)
{
	const char *colon = strchr(listen, ':');
	const char *at = colon == NULL ? NULL : strchr(colon, '@');
	struct place place = {0};
	if (strncmp(listen, "unix:", 5) == 0) {
		place.path = listen + 5;
	} else if (strncmp(listen, "inet", 4) == 0 && at != NULL) {
		place.v6 = listen[4] == '6';
		place.port =
		    arena_strndup(arena, colon + 1, (size_t)(at - colon - 1));
		place.host = bare_host(arena, at + 1, strlen(at + 1));
		if (place.port == NULL || place.host == NULL)
			return err_set(err, "out of memory");
	} else {
		return err_set(err,
		    "listen: \"%.100s\" is neither unix:PATH nor "
		    "inet:PORT@HOST",
		    listen);
	}
	*place_r = place;
	return 0;
}

/* ------------------------------------------------------------------- paths */

/* What is left of path behind the folder and a slash; NULL if it is not below
 * it. */
static const char *
below(const char *path, const char *folder)
{
	size_t length = strlen(folder);
	while (length > 0 && folder[length - 1] == '/')
		length--;
	if (strncmp(path, folder, length) != 0 || path[length] != '/')
		return NULL;
	path += length + strspn(path + length, "/");
	return *path == '\0' ? NULL : path;
}

/* Equal but for slashes that are doubled. */
static bool
same_text(const char *a, const char *b)
{
	while (*a == *b && *a != '\0') {
		size_t slashes = *a == '/';
		a += slashes == 0 ? 1 : strspn(a, "/");
		b += slashes == 0 ? 1 : strspn(b, "/");
	}
	return *a == *b;
}

/* The same socket by another path, as /var/run is /run. */
static bool
same_file(const char *a, const char *b)
{
	struct stat one, two;
	return stat(a, &one) == 0 && stat(b, &two) == 0 &&
	       one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

static bool
is_path(struct arena *arena, const struct place *place, const char *path,
    const char *queue_directory, bool chrooted)
{
	if (chrooted || path[0] != '/')
		path = arena_printf(arena, "%s/%s", queue_directory, path);
	return path != NULL &&
	       (same_text(path, place->path) || same_file(path, place->path));
}

/* --------------------------------------------------------------------- TCP */

static bool
is_loopback(const char *host)
{
	return strcasecmp(host, "localhost") == 0 ||
	       strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static bool
is_any(const char *host)
{
	return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool
is_host(const struct place *place, const char *host)
{
	return strcasecmp(host, place->host) == 0 || is_any(place->host) ||
	       (is_loopback(host) && is_loopback(place->host));
}

/* text: HOST:PORT or [ADDRESS]:PORT. A name is not looked up: whoever writes
 * one name for it in one file and another in the other is told of a milter
 * that is not there, and can write the same in both. */
static bool
is_address(struct arena *arena, const struct place *place, const char *text)
{
	const char *colon = strrchr(text, ':');
	if (colon == NULL || strcmp(colon + 1, place->port) != 0)
		return false;
	const char *host = bare_host(arena, text, (size_t)(colon - text));
	return host != NULL && is_host(place, host);
}

/* --------------------------------------------------------------- interface */

const char *
place_for_postfix(
    struct arena *arena, const struct place *place, const char *queue_directory)
{
	if (place->path != NULL) {
		const char *inside = below(place->path, queue_directory);
		return arena_printf(
		    arena, "unix:%s", inside != NULL ? inside : place->path);
	}
	const char *host = !is_any(place->host) ? place->host
			   : place->v6          ? "::1"
						: "127.0.0.1";
	return arena_printf(arena,
	    strchr(host, ':') != NULL ? "inet:[%s]:%s" : "inet:%s:%s", host,
	    place->port);
}

bool
place_in_chroot(const struct place *place, const char *queue_directory)
{
	return place->path == NULL ||
	       below(place->path, queue_directory) != NULL;
}

bool
place_is(struct arena *arena, const struct place *place, const char *endpoint,
    const char *queue_directory, bool chrooted)
{
	if (place->path != NULL)
		return strncmp(endpoint, "unix:", 5) == 0 &&
		       is_path(arena, place, endpoint + 5, queue_directory,
			   chrooted);
	return strncmp(endpoint, "inet:", 5) == 0 &&
	       is_address(arena, place, endpoint + 5);
}

bool
place_is_meant(struct arena *arena, const struct place *place,
    const char *endpoint, const char *queue_directory)
{
	return place_is(arena, place, endpoint, queue_directory, false) ||
	       place_is(arena, place, endpoint, queue_directory, true);
}

bool
place_same(const struct place *place, const struct place *other)
{
	if (place->path != NULL && other->path != NULL)
		return same_text(place->path, other->path) ||
		       same_file(place->path, other->path);
	return place->path == NULL && other->path == NULL &&
	       strcmp(place->port, other->port) == 0 &&
	       is_host(place, other->host);
}
