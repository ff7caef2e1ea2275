"""Daemons whose MTA we are, and what a test asks of one after a fault."""

import collections
import contextlib
import itertools
import os
import re
import statistics
import time
from pathlib import Path

from bulkwatch_lab import Daemon, Milter, free_port, wait_for

ANSWERED = (b"a", b"c")
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+[+-]\d\d:\d\d bulkwatchd\[\d+\] \w+: \S+=")
# What a daemon without trouble says of itself, and its watch of the rest.
QUIET_EVENTS = {"root", "ready", "stopped", "macros", "descriptors", "threads", "listening"}

_names = itertools.count(1)

Usage = collections.namedtuple("Usage", "descriptors threads kilobytes cpu_secs")


def threads_of(pid):
    """What /proc tells of each of its threads; of those that end meanwhile, nothing."""
    statuses = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            statuses.append((thread / "status").read_text())
    return statuses


class Direct(Daemon):
    """A daemon whose MTA we are: its socket is in its own folder, and nobody takes its alerts."""

    def __init__(self, **settings):
        super().__init__("unix:/set/below", alerts={"smtp": f"smtp://127.0.0.1:{free_port()}"})
        self.socket = self.dir / "milter.sock"
        self.set(listen=f"unix:{self.socket}", **settings)

    def connect(self, *args, **more):
        return Milter(self.socket, *args, **more)


class Watched(Direct):
    """It remembers what ought to have been counted."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.expected = {}
        self.before = None

    def start(self, wait=True):
        super().start(wait)
        if wait:
            self.ordinary()
            self.before = self.usage()
        return self

    # -- mail ---------------------------------------------------------------------------------

    def ordinary(self, milter=None):
        """One ordinary message, which has to be taken; returns how long its answers took."""
        name = b"ordinary%d" % next(_names)
        start = time.monotonic()
        connection = milter or self.connect()
        try:
            verdict = connection.message(b"<%s@example.gov.vn>" % name, [b"<r@example.net>"],
                                         [(b"Message-ID", b"<%s@example.gov.vn>" % name)],
                                         login=name)
        finally:
            if milter is None:
                connection.close()
        assert verdict in ANSWERED, verdict
        self.expected[name.decode()] = (1, 1)
        return time.monotonic() - start

    def median_secs(self, count=41):
        """The time of one of so many ordinary messages, each with a connection of its own."""
        return statistics.median(self.ordinary() for _ in range(count))

    # -- afterwards ---------------------------------------------------------------------------

    def is_unharmed(self):
        """It lives, counts, and has counted nothing but what it should; nothing is left over."""
        assert self.process.poll() is None, self.log()
        self.ordinary()
        self.told_the_truth()
        self.gave_all_back()

    def told_the_truth(self):
        found = {row["sender"]: (row["messages"], row["recipients"])
                 for row in self.bulkwatch("senders", "--top", "100000")}
        assert found == self.expected
        assert self.bulk_sends() == []
        for line in self.log().splitlines():
            assert LOG_LINE.match(line), f"not a line of the daemon's: {line!r}"
            event = re.search(r" event=(\S+)", line)
            assert event and event[1] in QUIET_EVENTS, line

    def gave_all_back(self):
        """Descriptors and threads are as few as at the start.

        The knock of the daemon's own watch has a descriptor on each side, now and then.
        """
        wait_for(lambda: self.usage().descriptors <= self.before.descriptors + 2,
                 lambda: f"descriptors as before: {self.before}, now {self.usage()}")
        wait_for(lambda: self.usage().threads <= self.before.threads + 2,
                 lambda: f"threads as before: {self.before}, now {self.usage()}", 40)

    def usage(self):
        proc = f"/proc/{self.process.pid}"
        with open(f"{proc}/status") as file:
            status = dict(line.split(":", 1) for line in file)
        with open(f"{proc}/stat") as file:
            ticks = sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13]))
        return Usage(len(os.listdir(f"{proc}/fd")), int(status["Threads"]),
                     int(status["VmRSS"].split()[0]), ticks / os.sysconf("SC_CLK_TCK"))
