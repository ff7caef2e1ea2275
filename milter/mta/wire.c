/* wire.c: packets of the milter protocol, to be sent and as received. */
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LENGTH_BYTES 4

static bool
reserve(struct wire_out *out, size_t n)
{
	if (out->failed)
		return false;
	if (out->n + n <= out->size)
		return true;
	size_t size = out->size == 0 ? 8192 : out->size;
	while (size < out->n + n)
		size *= 2;
	unsigned char *bytes = realloc(out->bytes, size);
	if (bytes == NULL) {
		out->failed = true;
		return false;
	}
	out->bytes = bytes;
	out->size = size;
	return true;
}

static void
store_u32(unsigned char *at, uint32_t value)
{
	at[0] = (unsigned char)(value >> 24);
	at[1] = (unsigned char)(value >> 16);
	at[2] = (unsigned char)(value >> 8);
	at[3] = (unsigned char)value;
}

void
wire_bytes(struct wire_out *out, const void *bytes, size_t n)
{
	if (!reserve(out, n))
		return;
	memcpy(out->bytes + out->n, bytes, n);
	out->n += n;
}

void
wire_byte(struct wire_out *out, unsigned char byte)
{
	wire_bytes(out, &byte, 1);
}

void
wire_u16(struct wire_out *out, uint16_t value)
{
	wire_byte(out, (unsigned char)(value >> 8));
	wire_byte(out, (unsigned char)value);
}

void
wire_u32(struct wire_out *out, uint32_t value)
{
	unsigned char bytes[LENGTH_BYTES];

	store_u32(bytes, value);
	wire_bytes(out, bytes, sizeof(bytes));
}

void
wire_string(struct wire_out *out, const char *text)
{
	wire_bytes(out, text, strlen(text) + 1);
}

void
wire_begin(struct wire_out *out, char command)
{
	out->packet = out->n;
	wire_u32(out, 0);
	wire_byte(out, (unsigned char)command);
}

void
wire_end(struct wire_out *out)
{
	if (out->failed)
		return;
	store_u32(out->bytes + out->packet,
	    (uint32_t)(out->n - out->packet - LENGTH_BYTES));
}

void
wire_command(struct wire_out *out, char command)
{
	wire_begin(out, command);
	wire_end(out);
}

int
wire_send(struct wire_out *out, int fd, size_t chunk)
{
	if (out->failed) {
		errno = ENOMEM;
		return -1;
	}
	while (out->sent < out->n) {
		size_t left = out->n - out->sent;
		ssize_t n = send(fd, out->bytes + out->sent,
		    left < chunk ? left : chunk, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		out->sent += (size_t)n;
	}
	out->sent = 0;
	out->n = 0;
	return 1;
}

int
wire_receive(struct wire_in *in, int fd)
{
	ssize_t n;

	do
		n = recv(fd, in->bytes + in->n, sizeof(in->bytes) - in->n,
		    MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (n == 0) {
		errno = 0;
		return -1;
	}
	in->n += (size_t)n;
	return 1;
}

uint32_t
wire_read_u32(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
	    (uint32_t)at[2] << 8 | (uint32_t)at[3];
}

int
wire_next(const struct wire_in *in, size_t *at, struct wire_reply *reply_r)
{
	if (in->n - *at < LENGTH_BYTES)
		return 0;
	uint32_t length = wire_read_u32(in->bytes + *at);
	if (length == 0 || length > WIRE_IN_SIZE - LENGTH_BYTES)
		return -1;
	if (in->n - *at < LENGTH_BYTES + length)
		return 0;
	reply_r->command = (char)in->bytes[*at + LENGTH_BYTES];
	reply_r->data = in->bytes + *at + LENGTH_BYTES + 1;
	reply_r->n = length - 1;
	*at += LENGTH_BYTES + length;
	return 1;
}

void
wire_consume(struct wire_in *in, size_t at)
{
	memmove(in->bytes, in->bytes + at, in->n - at);
	in->n -= at;
}

void
wire_out_free(struct wire_out *out)
{
	free(out->bytes);
	memset(out, 0, sizeof(*out));
}
