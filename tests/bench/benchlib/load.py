"""Loads, and how runs are put beside each other.

A figure of one run says little on a machine that others share, so contenders take turns: A B C
A B C ... Ratios are taken within a round, and their median over the rounds is what counts.
"""

import json
import re
import socket
import statistics
import struct
import subprocess
import time
from dataclasses import dataclass

from .processes import cpu_seconds, forget_peak


@dataclass(frozen=True)
class Case:
    """One kind of load on a milter."""

    origin: str = "login"    # or "inbound": accepted at MAIL, by all but rspamd
    per_connection: int = 1  # messages
    recipients: int = 1
    connections: int = 16
    senders: int = 1000
    first_sender: int = 0
    pool: int = 0            # distinct recipients of each sender; 0: the generator's default

    def options(self):
        options = [f"--{self.origin}", "--per-connection", self.per_connection,
                   "--recipients", self.recipients, "--connections", self.connections,
                   "--senders", self.senders, "--first-sender", self.first_sender]
        if self.pool:
            options += ["--pool", self.pool]
        return [str(option) for option in options]


def milterload(programs, contender, case, *options):
    """Runs the generator against a milter. Returns what it printed."""
    pids = contender.pids()
    forget_peak(pids)
    command = [programs / "bench" / "milterload", *case.options(), *map(str, options)]
    for pid in pids:
        command += ["--pid", str(pid)]
    done = subprocess.run([*command, contender.milter_address], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"milterload against {contender.name}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def negotiation(contender):
    """The steps and macro lists that a milter chooses when all are offered."""
    tcp = contender.port is not None
    with socket.socket(socket.AF_INET if tcp else socket.AF_UNIX) as milter:
        milter.settimeout(10)
        milter.connect(("127.0.0.1", contender.port) if tcp else str(contender.path))
        milter.sendall(struct.pack("!IcIII", 13, b"O", 6, 0x1ff, 0x1fffff))
        with milter.makefile("rb") as stream:
            length, = struct.unpack("!I", stream.read(4))
            reply = stream.read(length)
        milter.sendall(struct.pack("!Ic", 1, b"Q"))
    # Behind the command come version and actions; they cost nothing.
    return reply[9:]


def smtp_source(port, messages, sessions, sender, pids):
    """Sends mail through a Postfix. Returns a result like milterload's, but without latencies."""
    before = cpu_seconds(pids)
    began = time.monotonic()
    done = subprocess.run(["smtp-source", "-s", str(sessions), "-m", str(messages), "-l", "1000",
                           "-f", sender, "-t", "someone@elsewhere.example", f"127.0.0.1:{port}"],
                          capture_output=True, text=True)
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise AssertionError(f"smtp-source: {done.stderr}")
    return {"messages": messages, "seconds": seconds, "msgs_per_s": messages / seconds,
            "cpu_s_per_1000": (cpu_seconds(pids) - before) * 1000 / messages}


def take_turns(contenders, rounds, measure):
    """Calls measure(contender) for each in turn, so many times. Returns the results by name.

    Each second round goes backwards, so that nobody always comes right after the same neighbour.
    """
    results = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            results[contender.name].append(measure(contender))
    return results


def ratio(results, name, yardstick, key="msgs_per_s"):
    """The median of the rounds' ratios, with the least and the greatest; None without both."""
    if not results.get(name) or not results.get(yardstick):
        return None
    found = [ours[key] / theirs[key] for ours, theirs in zip(results[name], results[yardstick])]
    return statistics.median(found), min(found), max(found)


def median(results, name, key):
    if not results.get(name):
        return None
    return statistics.median(result[key] for result in results[name])


def faults(log):
    """Lines of a Postfix log that say that something went wrong."""
    return re.findall(r".*(?:warning|error|fatal|panic|reject|NOQUEUE):.*", log)
