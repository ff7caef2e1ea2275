"""The load generator against milters that follow a script.

Its figures are worth nothing if it sends what an MTA would not, or takes an answer wrongly. Here
a milter of a few lines says what a test wants it to say, and notes what it was sent.

Run: /usr/bin/python3 -m pytest tests/bench/milterload_test.py
"""

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

from bulkwatch_lab.waiting import wait_for  # noqa: E402

MILTERLOAD = Path(os.environ.get("BENCH_BIN", ROOT / "build" / "bench")) / "milterload"

pytestmark = pytest.mark.skipif(not MILTERLOAD.exists(), reason=f"{MILTERLOAD} is not built")

# Steps: not sent, and not answered (SMFIP_*).
NOCONNECT, NOHELO, NOMAIL, NORCPT, NOBODY, NOHDRS, NOEOH = (1 << bit for bit in range(7))
NR_HDR, NOUNKNOWN, NODATA, SKIP, RCPT_REJ = (1 << bit for bit in range(7, 12))
NR_CONN, NR_HELO, NR_MAIL, NR_RCPT, NR_DATA, NR_UNKN, NR_EOH, NR_BODY = (
    1 << bit for bit in range(12, 20))
LEADSPC = 1 << 20
NO_REPLIES = (NR_HDR | NR_CONN | NR_HELO | NR_MAIL | NR_RCPT | NR_DATA | NR_UNKN | NR_EOH
              | NR_BODY)
NO_EVENTS = NOCONNECT | NOHELO | NOMAIL | NORCPT | NOBODY | NOHDRS | NOEOH | NODATA

HEADERS = 13
UNANSWERED = {"L": NR_HDR, "C": NR_CONN, "H": NR_HELO, "M": NR_MAIL, "R": NR_RCPT, "T": NR_DATA,
              "N": NR_EOH, "B": NR_BODY}


def packet(command, data=b""):
    return struct.pack("!I", 1 + len(data)) + command.encode() + data


class Milter:
    """Answers "continue", except where replies has something else: bytes, or a list of them for
    the first, second, ... time, by command. None closes the connection."""

    def __init__(self, steps=0, version=6, actions=0, symbols=b"", replies=None, slow=False):
        self.options = struct.pack("!III", version, actions, steps) + symbols
        self.steps, self.slow = steps, slow
        self.replies = {k: list(v) if isinstance(v, list) else v
                        for k, v in (replies or {}).items()}
        self.seen = []          # one string of commands a connection
        self.packets = []       # (command, data), of all connections
        self.ended = 0          # connections
        self.dir = tempfile.TemporaryDirectory(prefix="bulkwatch-milter-")
        self.address = f"{self.dir.name}/socket"
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.address)
        self.server.listen(20)

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.close()
        self.dir.cleanup()

    def run(self, *options, ok=True):
        """Runs the generator against it, and returns what that printed."""
        done = subprocess.run([MILTERLOAD, *map(str, options), f"unix:{self.address}"],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == (0 if ok else 1), done.stderr
        result = json.loads(done.stdout)
        # The generator does not wait for what it sends last to be read.
        wait_for(lambda: self.ended == len(self.seen), "the milter to read all")
        return result

    def data(self, command):
        return [data for seen, data in self.packets if seen == command]

    def macros(self, command):
        """The macros that came before a command, as dictionaries."""
        found = []
        for data in self.data("D"):
            if data[:1] == command.encode():
                parts = data[1:].decode().split("\0")[:-1]
                found.append(dict(zip(parts[::2], parts[1::2])))
        return found

    def _serve(self):
        while True:
            try:
                connection = self.server.accept()[0]
            except OSError:
                return
            self.seen.append("")
            self._converse(connection, len(self.seen) - 1)
            self.ended += 1

    def _converse(self, connection, number):
        stream = connection.makefile("rb")
        with connection, stream:
            while header := self._read(stream):
                length, command = struct.unpack("!Ic", header)
                command, data = command.decode(), stream.read(length - 1)
                self.packets.append((command, data))
                if command not in "DO":
                    self.seen[number] += command
                answer = self._answer(command)
                if answer is None:
                    return
                self._write(connection, answer)

    @staticmethod
    def _read(stream):
        try:
            return stream.read(5)
        except ConnectionError:
            return b""

    def _answer(self, command):
        if command == "O":
            return packet("O", self.options)
        if command in "DAQ":
            return b""
        reply = self.replies.get(command, packet("c"))
        if isinstance(reply, list):
            reply = reply.pop(0) if reply else packet("c")
        return b"" if self.steps & UNANSWERED.get(command, 0) else reply

    def _write(self, connection, answer):
        # One byte at a time: a reply need not come whole.
        for part in ([answer[i:i + 1] for i in range(len(answer))] if self.slow else [answer]):
            try:
                connection.sendall(part)
            except OSError:
                return


ONE = ("--connections", 1, "--messages", 1)
TWO = ("--connections", 1, "--messages", 2, "--per-connection", 2)
WHOLE = "CHMRT" + "L" * HEADERS + "NBE"


def test_every_event_is_sent_and_answered_when_nothing_is_negotiated_away():
    with Milter(slow=True) as milter:
        result = milter.run(*ONE)
    assert milter.seen == [WHOLE + "AAQ"]
    assert result["verdicts"] == {"continue": 1}
    assert result["errors"] == 0


def test_nothing_but_end_of_message_is_sent_when_all_is_negotiated_away():
    with Milter(steps=NO_EVENTS) as milter:
        milter.run(*TWO)
    assert milter.seen == ["EAEAAQ"]


def test_no_reply_is_waited_for_where_it_was_waived():
    with Milter(steps=NO_REPLIES) as milter:
        result = milter.run(*TWO)
    assert milter.seen == [WHOLE + "A" + WHOLE[2:] + "AAQ"]
    assert result["messages"] == 2


def test_macros_are_sent_even_before_events_that_are_not():
    with Milter(steps=NO_EVENTS) as milter:
        milter.run(*ONE)
    assert [data[:1] for data in milter.data("D")] == [b"C", b"H", b"M", b"R", b"T", b"E"]


def test_macros_are_those_that_the_milter_asked_for():
    symbols = struct.pack("!I", 2) + b"{client_addr} {auth_authen} {nonsense}\0"
    symbols += struct.pack("!I", 3) + b"{rcpt_addr}\0"
    with Milter(symbols=symbols, actions=0x100) as milter:
        milter.run(*ONE)
    assert milter.macros("M") == [{"{client_addr}": "192.0.2.1",
                                   "{auth_authen}": "staff0000000@example.gov.vn"}]
    assert list(milter.macros("R")[0]) == ["{rcpt_addr}"]
    assert list(milter.macros("E")[0]) == ["i"]


def test_the_queue_id_is_unknown_until_the_second_recipient():
    with Milter() as milter:
        milter.run(*ONE, "--recipients", 2)
    assert "i" not in milter.macros("M")[0]
    assert ["i" in macros for macros in milter.macros("R")] == [False, True]
    assert len(milter.macros("L")) == HEADERS and all("i" in m for m in milter.macros("L"))


def test_inbound_mail_has_no_login_and_a_client_outside():
    symbols = struct.pack("!I", 2) + b"{client_addr} {auth_authen}\0"
    with Milter(symbols=symbols) as milter:
        milter.run(*ONE, "--inbound")
    assert milter.macros("M") == [{"{client_addr}": "203.0.113.1"}]


@pytest.mark.parametrize("step,expected", [(0, b"1.0"), (LEADSPC, b" 1.0")])
def test_a_header_keeps_its_leading_space_only_if_asked(step, expected):
    with Milter(steps=step) as milter:
        milter.run(*ONE)
    values = dict(data.split(b"\0")[:2] for data in milter.data("L"))
    assert values[b"MIME-Version"] == expected


def test_message_ids_differ_within_a_run_and_between_runs():
    with Milter() as milter:
        milter.run(*TWO)
        milter.run(*TWO)
    found = [data for data in milter.data("L") if data.startswith(b"Message-ID")]
    assert len(set(found)) == 4


def test_a_sender_goes_round_its_pool_of_recipients():
    with Milter() as milter:
        milter.run("--connections", 1, "--messages", 6, "--senders", 2, "--recipients", 2,
                   "--pool", 4)
    per_sender = {}
    for command, data in milter.packets:
        if command == "M":
            sender = data
        elif command == "R":
            per_sender.setdefault(sender, []).append(data)
    assert [len(rcpts) for rcpts in per_sender.values()] == [6, 6]
    assert [len(set(rcpts)) for rcpts in per_sender.values()] == [4, 4]


def test_accept_at_mail_ends_the_message_but_not_the_connection():
    with Milter(replies={"M": [packet("a")]}) as milter:
        result = milter.run(*TWO)
    assert milter.seen == ["CHMA" + WHOLE[2:] + "AAQ"]
    assert result["verdicts"] == {"continue": 1, "accept_early": 1}


def test_a_verdict_at_connect_ends_the_connection():
    with Milter(replies={"C": [packet("a")]}) as milter:
        result = milter.run(*TWO)
    assert milter.seen == ["CAAQ", WHOLE + "AAQ"]
    assert result["connections"] == 2


def test_a_refused_recipient_is_not_the_end_of_the_message():
    refusal = packet("y", b"550 5.7.1 no\0")
    with Milter(replies={"R": [refusal]}) as milter:
        result = milter.run(*ONE, "--recipients", 2)
    assert milter.seen == ["CHMRRT" + "L" * HEADERS + "NBEAAQ"]
    assert (result["rcpt_refused"], result["verdicts"]) == (1, {"continue": 1})


def test_a_message_whose_recipients_are_all_refused_is_rejected():
    with Milter(replies={"R": packet("r")}) as milter:
        result = milter.run(*ONE, "--recipients", 2)
    assert milter.seen == ["CHMRRAAQ"]
    assert (result["rcpt_refused"], result["verdicts"]) == (2, {"reject": 1})


@pytest.mark.parametrize("reply,verdict", [
    (packet("c"), "continue"),
    (packet("a"), "accept"),
    (packet("d"), "discard"),
    (packet("r"), "reject"),
    (packet("t"), "tempfail"),
    (packet("y", b"451 4.7.1 later\0"), "tempfail"),
    (packet("y", b"550 5.7.1 no\0"), "reject"),
    (packet("p") + packet("p") + packet("c"), "continue"),
    (packet("q", b"held\0") + packet("c"), "quarantine"),
    (packet("4"), "tempfail"),
])
def test_verdicts_at_end_of_message(reply, verdict):
    with Milter(replies={"E": reply}) as milter:
        result = milter.run(*ONE)
    assert result["verdicts"] == {verdict: 1}


def test_changes_are_counted_and_allowed_at_end_of_message_only():
    edit = packet("h", b"X-A\0b\0")
    with Milter(replies={"E": edit + packet("m", b"\0\0\0\1X-A\0c\0") + packet("c")}) as milter:
        assert milter.run(*ONE)["edits"] == 2
    with Milter(replies={"M": edit}) as milter:
        assert milter.run(*ONE, ok=False)["error_kinds"] == {"protocol": 1}


def test_skip_ends_the_body():
    with Milter(replies={"B": packet("s")}) as milter:
        milter.run(*ONE, "--body", 200000)
    assert milter.seen == [WHOLE + "AAQ"]
    with Milter() as milter:
        milter.run(*ONE, "--body", 200000)
    assert [len(data) for data in milter.data("B")] == [65535, 65535, 65535, 3395]


def test_recipients_beyond_any_buffer_arrive_whole():
    with Milter(steps=NR_RCPT) as milter:
        milter.run(*ONE, "--recipients", 10000)
    assert len(set(milter.data("R"))) == 10000


@pytest.mark.parametrize("options,kind", [
    (dict(replies={"E": None}), "closed"),
    (dict(replies={"M": packet("?")}), "protocol"),
    (dict(replies={"M": packet("c", b"x")}), "protocol"),
    (dict(replies={"M": packet("c") + packet("c") + packet("c")}), "protocol"),
    (dict(replies={"M": struct.pack("!I", 0)}), "protocol"),
    (dict(version=7), "protocol"),
    (dict(steps=1 << 28), "protocol"),
    (dict(actions=1 << 9), "protocol"),
    (dict(symbols=struct.pack("!I", 99) + b"i\0"), "protocol"),
    (dict(symbols=struct.pack("!I", 2) + b"i"), "protocol"),
])
def test_what_a_milter_may_not_do_is_an_error(options, kind):
    with Milter(**options) as milter:
        result = milter.run(*ONE, ok=False)
    assert result["error_kinds"] == {kind: 1}
    assert result["messages"] == 0


def test_it_gives_up_when_nobody_listens():
    done = subprocess.run([MILTERLOAD, "unix:/nowhere/socket"], capture_output=True, text=True)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error_kinds"] == {"connect": 16}


def test_the_warm_up_is_not_measured():
    with Milter() as milter:
        assert milter.run(*ONE, "--warmup", 5)["messages"] == 1


def test_cpu_and_memory_of_the_milter_are_reported():
    with Milter() as milter:
        result = milter.run(*ONE, "--pid", os.getpid(), "--pid", os.getppid())
    assert result["peak_rss_kb"] > 1000 and result["cpu_s_per_1000"] >= 0


@pytest.mark.parametrize("options", [
    ["--messages", "0"], ["--connections", "x"], ["--recipients", "20", "--pool", "5"],
    ["--nonsense"], ["--pid", "0"]])
def test_wrong_options_are_told(options):
    done = subprocess.run([MILTERLOAD, *options, "unix:/nowhere"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr
