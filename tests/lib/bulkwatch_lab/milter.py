"""The MTA's side of the milter protocol: to say to a daemon what no MTA of today would say.

The protocol is that of libmilter's mfdef.h, version 6: packets of a 4-byte length, a command
byte and data. Strings end with a NUL byte.
"""

import select
import socket
import struct

# Steps that a milter may waive, and replies that it may not send (SMFIP_…).
NO_CONNECT, NO_HELO, NO_MAIL, NO_RCPT, NO_BODY, NO_HEADERS, NO_EOH = (1 << n for n in range(7))
NR_HEADER, NO_UNKNOWN, NO_DATA = 1 << 7, 1 << 8, 1 << 9
NR_CONNECT, NR_HELO, NR_MAIL, NR_RCPT, NR_DATA, _, NR_EOH, NR_BODY = (
    1 << n for n in range(12, 20))
ALL_STEPS, ALL_ACTIONS = 0x1fffff, 0x1ff
# Of the actions: to put a message on hold, and to let the milter choose macros.
QUARANTINE, SET_MACROS = 1 << 5, 1 << 8
# What MTAs offered before the last version: (version, actions, steps).
OLD_OFFERS = {2: (2, 0x3f, 0x7f), 3: (3, 0x3f, 0x17f), 4: (4, 0x3f, 0x37f), 5: (5, 0x3f, 0x37f)}
# The first version that has the command DATA.
DATA_VERSION = 4

# What follows a command: the step that waives it, and the one that waives its reply.
_STEPS = {b"C": (NO_CONNECT, NR_CONNECT), b"H": (NO_HELO, NR_HELO), b"M": (NO_MAIL, NR_MAIL),
          b"R": (NO_RCPT, NR_RCPT), b"T": (NO_DATA, NR_DATA), b"L": (NO_HEADERS, NR_HEADER),
          b"N": (NO_EOH, NR_EOH), b"B": (NO_BODY, NR_BODY)}

CONTINUE, ACCEPT, TEMPFAIL = b"c", b"a", b"t"


def packet(command, data=b"", length=None):
    """A packet's bytes. length: what it says of itself, if not the truth."""
    return struct.pack("!I", len(data) + 1 if length is None else length) + command + data


def strings(*texts):
    return b"".join(text + b"\0" for text in texts)


class Milter:
    """A connection to a milter. path: its Unix socket.

    offer: (version, actions, steps) that the MTA offers; None: it says nothing until negotiate().
    version, actions, steps: what the milter answered.
    macros_wanted: the lists that the milter chose, as the bytes of its answer.
    """

    def __init__(self, path, offer=(6, ALL_ACTIONS, ALL_STEPS), timeout=30):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.version, self.actions, self.steps, self.macros_wanted = 6, 0, 0, b""
        try:
            self.socket.connect(str(path))
            if offer:
                self.negotiate(*offer)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def negotiate(self, version=6, actions=ALL_ACTIONS, steps=ALL_STEPS):
        self.packet(b"O", struct.pack("!III", version, actions, steps))
        command, data = self.answer()
        assert command == b"O", command
        self.version, self.actions, self.steps = struct.unpack("!III", data[:12])
        self.macros_wanted = data[12:]

    # -- packets ------------------------------------------------------------------------------

    def raw(self, data):
        self.socket.sendall(data)

    def packet(self, command, data=b"", length=None):
        self.raw(packet(command, data, length))

    def answer(self):
        """(command, data) of the next packet that comes."""
        length = struct.unpack("!I", self._exactly(4))[0]
        data = self._exactly(length)
        return data[:1], data[1:]

    def is_silent(self, seconds=0.0):
        """True if neither an answer nor the end of the connection comes in so many seconds."""
        return not select.select([self.socket], [], [], seconds)[0]

    def hangs_up(self):
        """True if the milter ends the connection without another word; waits for either."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def step(self, command, *texts):
        """Sends a command with its strings, if the milter wants it; returns its reply's command."""
        waived, no_reply = _STEPS.get(command, (0, 0))
        if self.steps & waived or (command == b"T" and self.version < DATA_VERSION):
            return CONTINUE
        self.packet(command, strings(*texts))
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
