"""Memory, threads and files stay flat over many sessions of every kind.

`make check` drives some thousands, `make soak` (BULKWATCH_LONG) a hundred thousand.
"""

import itertools
import os
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bulkwatch_lab import BULKWATCHD, wait_for
from mta import Direct

SESSIONS = 100_000 if os.environ.get("BULKWATCH_LONG") else 12_000
STEPS = 6
# Caches and malloc's arenas fill up first.
WARM_UP_SESSIONS, WARM_UP_STEPS = 8000, 4
STEP_SESSIONS = ([WARM_UP_SESSIONS // WARM_UP_STEPS] * WARM_UP_STEPS +
                 [SESSIONS // STEPS] * STEPS)
AT_ONCE = 8
# What they may still take afterwards: 5 bytes for each of 100,000 sessions.
SPARE_KB = 512

# Bytes of one kind of session, with NUMBER where each has a number of its own.
NUMBER = b"<0000000000>"


def packet(command, data=b""):
    return struct.pack("!I", len(data) + 1) + command + data


def strings(*texts):
    return b"".join(text + b"\0" for text in texts)


def macros(command, *pairs):
    return packet(b"D", command + strings(*pairs))


NEGOTIATE = packet(b"O", struct.pack("!III", 6, 0x1ff, 0x1fffff))
QUIT = packet(b"Q")
ABORT = packet(b"A")
EOM = macros(b"E", b"i", b"4ABC") + packet(b"E")


def mail(login, client=b"127.0.0.1"):
    named = (b"{auth_authen}", login) if login else ()
    return (macros(b"M", b"{client_addr}", client, *named) +
            packet(b"M", strings(b"<%s@example.gov.vn>" % (login or b"office"))))


def recipients(n, size=0):
    return b"".join(packet(b"R", strings(b"<r%d%s@example.net>" % (i, b"x" * size)))
                    for i in range(n))


def headers(subject=b"=?utf-8?B?VGjGsA==?=", message_id=NUMBER):
    return (packet(b"L", strings(b"Subject", subject)) +
            packet(b"L", strings(b"Message-ID", message_id)))


ONE = mail(b"thu.ha") + recipients(1) + headers() + EOM
KINDS = {
    "outbound": NEGOTIATE + ONE + QUIT,
    "outbound-local": NEGOTIATE + mail(b"") + recipients(3) + headers() + EOM + QUIT,
    "bulk": NEGOTIATE + mail(b"binh") + recipients(25) + headers() + EOM + QUIT,
    "inbound": NEGOTIATE + mail(b"", b"203.0.113.9") + QUIT,
    "many-messages": NEGOTIATE + ONE * 3 + mail(b"", b"203.0.113.9") + ONE + QUIT,
    "aborted-after-mail": NEGOTIATE + mail(b"an") + ABORT + QUIT,
    "aborted-after-recipients": NEGOTIATE + mail(b"an") + recipients(30) + ABORT + ABORT + QUIT,
    "aborted-after-headers": NEGOTIATE + mail(b"an") + recipients(2) + headers() + ABORT + QUIT,
    "gone-after-mail": NEGOTIATE + mail(b"an"),
    "gone-after-headers": NEGOTIATE + mail(b"an") + recipients(30) + headers(),
    "gone-without-quit": NEGOTIATE + ONE,
    "huge-header": NEGOTIATE + mail(b"an") + recipients(1) + headers(b"\xff" * 60000) + EOM + QUIT,
    "huge-addresses": NEGOTIATE + mail(b"an") + recipients(20, 1000) + headers() + EOM + QUIT,
    "many-recipients": NEGOTIATE + mail(b"chi") + recipients(1000) + headers() + EOM + QUIT,
    "no-recipients": NEGOTIATE + mail(b"an") + headers() + EOM + QUIT,
    "eom-first": NEGOTIATE + EOM + QUIT,
    "nothing": b"",
    "negotiation-only": NEGOTIATE,
    "half-a-packet": NEGOTIATE + mail(b"an") + packet(b"R", b"<half@example.net>")[:-7],
    "length-of-nothing": NEGOTIATE + struct.pack("!I", 0),
    "length-of-2G": NEGOTIATE + struct.pack("!I", 0x7fffffff) + b"M",
    "length-negative": NEGOTIATE + struct.pack("!I", 0xffffffff) + b"M",
    "unknown-command": NEGOTIATE + packet(b"?", b"x"),
    "no-nul": NEGOTIATE + packet(b"M", b"<no-nul@example.net>"),
    "not-a-milter": b"GET / HTTP/1.0\r\n\r\n",
}
# Most sessions are ordinary, as on any server; the large ones are rare.
WEIGHTS = {"outbound": 8, "inbound": 8, "bulk": 2}
MIX = [KINDS[kind] for kind in KINDS for _ in range(WEIGHTS.get(kind, 1))]


class Process:
    """What the kernel knows of a process."""

    def __init__(self, pid):
        self.proc = Path("/proc") / str(pid)

    def _status(self, name):
        for line in (self.proc / "status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        raise AssertionError(f"no {name} in {self.proc}/status")

    def memory_kb(self):
        """Without the pages of files, which come and go."""
        return self._status("RssAnon")

    def threads(self):
        return self._status("Threads")

    def files(self):
        return len(list((self.proc / "fd").iterdir()))


def drive(path, number, kind):
    """One session: says it all, then reads what the daemon says until it hangs up."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        try:
            client.sendall(kind.replace(NUMBER, b"<%010d>" % number))
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass  # it may hang up on nonsense


@pytest.fixture
def daemon():
    with Direct() as running:
        yield running


def drive_all(path, pool, sessions):
    """So many sessions of the mix, AT_ONCE at a time."""
    mix = zip(sessions, itertools.cycle(MIX))
    for _ in pool.map(lambda session: drive(path, *session), list(mix)):
        pass


def test_memory_threads_and_files_stay_flat(daemon):
    if b"__asan_init" in BULKWATCHD.read_bytes() or b"__tsan_init" in BULKWATCHD.read_bytes():
        pytest.skip("a sanitizer keeps memory that was freed")
    process = Process(daemon.process.pid)
    files_at_first = process.files()
    numbers = itertools.count()
    memory, threads = [], []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for step in STEP_SESSIONS:
            drive_all(daemon.socket, pool, itertools.islice(numbers, step))
            wait_for(lambda: process.files() <= files_at_first + 2,
                     lambda: f"files to be closed: {process.files()}, first {files_at_first}")
            memory.append(process.memory_kb())
            threads.append(process.threads())
    told = f"memory in kB: {memory}, threads: {threads}"
    print(told)
    warm, after = max(memory[:WARM_UP_STEPS]), max(memory[WARM_UP_STEPS:])
    assert after - warm <= SPARE_KB, told
    assert max(threads[WARM_UP_STEPS:]) <= max(threads[:WARM_UP_STEPS]) + 2, told
    assert daemon.counted("thu.ha")[0] > SESSIONS // 10
