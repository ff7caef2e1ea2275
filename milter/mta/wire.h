/*
 * wire.h: packets of the milter protocol, to be sent and as received; for the
 * MTA's side of it.
 *
 * A packet is its length in four bytes, a command, and data. Strings end in
 * NUL. Nothing here knows what a packet means.
 */
#ifndef BULKWATCH_MTA_WIRE_H
#define BULKWATCH_MTA_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Packets that wait to be sent. Zero it to begin. */
struct wire_out {
	unsigned char *bytes;
	size_t n, size;
	size_t sent;   /* of n */
	size_t packet; /* where the one being written begins */
	bool failed;   /* memory is out; wire_send says so */
};

/* A reply is at most one chunk, and only a body replacement is that long. */
#define WIRE_IN_SIZE (5 + 65535)

struct wire_in {
	size_t n;
	unsigned char bytes[WIRE_IN_SIZE];
};

struct wire_reply {
	char command;
	const unsigned char *data; /* until the next wire_receive */
	size_t n;
};

/* A packet is written by wire_begin, its data, and wire_end. */
void wire_begin(struct wire_out *out, char command);
void wire_byte(struct wire_out *out, unsigned char byte);
void wire_u16(struct wire_out *out, uint16_t value);
void wire_u32(struct wire_out *out, uint32_t value);
void wire_string(struct wire_out *out, const char *text);
void wire_bytes(struct wire_out *out, const void *bytes, size_t n);
void wire_end(struct wire_out *out);

/* A packet without data. */
void wire_command(struct wire_out *out, char command);

/* Sends what waits, at most chunk bytes a system call. Returns 1 if all is
 * sent, 0 if the socket takes no more now, -1 if it failed (errno). */
int wire_send(struct wire_out *out, int fd, size_t chunk);

/* Reads once. Returns 1 if something came, 0 if nothing is there now, -1 if
 * the other side closed (errno 0) or the socket failed (errno). */
int wire_receive(struct wire_in *in, int fd);

/* Takes the reply that begins at *at, and moves *at behind it. Returns 1, 0
 * if it has not all come, -1 if it cannot be a reply. */
int wire_next(const struct wire_in *in, size_t *at, struct wire_reply *reply_r);

/* Forgets the first at bytes. */
void wire_consume(struct wire_in *in, size_t at);

/* Reads a number in network order. */
uint32_t wire_read_u32(const unsigned char *at);

void wire_out_free(struct wire_out *out);

#endif
