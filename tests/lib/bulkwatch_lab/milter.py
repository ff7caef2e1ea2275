"""The MTA's side of the milter protocol: to say to a daemon what no MTA of today would say.

The protocol is that of libmilter's mfdef.h, version 6: packets of a 4-byte length, a command
byte and data. Strings end with a NUL byte.
"""

import socket
import struct

# Steps that a milter may waive, and replies that it may not send (SMFIP_…).
NO_CONNECT, NO_HELO, NO_MAIL, NO_RCPT, NO_BODY, NO_HEADERS, NO_EOH = (1 << n for n in range(7))
NR_HEADER, NO_UNKNOWN, NO_DATA = 1 << 7, 1 << 8, 1 << 9
NR_CONNECT, NR_HELO, NR_MAIL, NR_RCPT, NR_DATA, _, NR_EOH, NR_BODY = (
    1 << n for n in range(12, 20))
ALL_STEPS, ALL_ACTIONS = 0x1fffff, 0x1ff

# What follows a command: the step that waives it, and the one that waives its reply.
_STEPS = {b"C": (NO_CONNECT, NR_CONNECT), b"H": (NO_HELO, NR_HELO), b"M": (NO_MAIL, NR_MAIL),
          b"R": (NO_RCPT, NR_RCPT), b"T": (NO_DATA, NR_DATA), b"L": (NO_HEADERS, NR_HEADER),
          b"N": (NO_EOH, NR_EOH), b"B": (NO_BODY, NR_BODY)}

CONTINUE, ACCEPT, TEMPFAIL = b"c", b"a", b"t"


class Milter:
    """A connection to a milter. path: its Unix socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(str(path))
        self.steps = 0
        self.packet(b"O", struct.pack("!III", 6, ALL_ACTIONS, ALL_STEPS))
        command, data = self.answer()
        assert command == b"O", command
        self.steps = struct.unpack("!III", data[:12])[2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # -- packets ------------------------------------------------------------------------------

    def packet(self, command, data=b""):
        self.socket.sendall(struct.pack("!I", len(data) + 1) + command + data)

    def answer(self):
        """(command, data) of the next packet that comes."""
        length = struct.unpack("!I", self._exactly(4))[0]
        data = self._exactly(length)
        return data[:1], data[1:]

    def step(self, command, *strings):
        """Sends a command with its strings, if the milter wants it; returns its reply's command."""
        waived, no_reply = _STEPS.get(command, (0, 0))
        if self.steps & waived:
            return CONTINUE
        self.packet(command, b"".join(text + b"\0" for text in strings))
        return CONTINUE if self.steps & no_reply else self.answer()[0]

    def macros(self, command, **values):
        """Macros for a command. Names of more than a letter get their braces."""
        pairs = [(name if len(name) == 1 else "{%s}" % name).encode() + b"\0" + value + b"\0"
                 for name, value in values.items()]
        self.packet(b"D", command + b"".join(pairs))

    def _exactly(self, length):
        data = b""
        while len(data) < length:
            more = self.socket.recv(length - len(data))
            if not more:
                raise ConnectionError("the milter hung up")
            data += more
        return data

    # -- a message ----------------------------------------------------------------------------

    def message(self, sender, recipients, headers=(), queue_id=b"QUEUEID", login=None,
                client=b"127.0.0.1", **mail_macros):
        """A whole message. Addresses with their angle brackets; all in bytes.

        Macros that are None are not sent. Returns the verdict; ACCEPT at MAIL ends it there.
        """
        known = dict(client_addr=client, auth_authen=login, **mail_macros)
        self.macros(b"M", **{name: value for name, value in known.items() if value is not None})
        verdict = self.step(b"M", sender)
        if verdict != CONTINUE:
            return verdict
        for recipient in recipients:
            assert self.step(b"R", recipient) == CONTINUE
        self.step(b"T")
        for name, value in headers:
            assert self.step(b"L", name, value) == CONTINUE
        self.step(b"N")
        if queue_id is not None:
            self.macros(b"E", i=queue_id)
        self.packet(b"E")
        return self.answer()[0]
