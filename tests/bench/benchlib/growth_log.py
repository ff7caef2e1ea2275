"""What a log of a year costs: room on disk, start-up, decisions, commands and upkeep."""

import os
import signal
import sqlite3
import statistics
import subprocess
import time

from bulkwatch_lab.waiting import wait_for

from . import biglog, report
from .contenders import Bulkwatch, BulkwatchLog
from .load import Case, median, milterload
from .processes import cpu_seconds, resident_kb, send_signal

MESSAGES = 10000000

# Goals: greatest cost of a decision over the least, and how long things may take.
FLAT = 1.20
LIST_MS = 50.0
START_SECS = 1.0

# Of each kind of mail the recipients of a message, and the first sender. Each has a past in the
# log. None sends twice in a round: then the window would be full, or the bulk send go on.
KINDS = {"not a bulk send": (1, 0), "a bulk send begins": (25, 4000)}
PROBE_MESSAGES = 300
PROBE_WARMUP = 20
PROBE_SENDERS = PROBE_MESSAGES + PROBE_WARMUP

# Senders that nothing else sends for.
UPKEEP_SENDER = 4000000
UPKEEP_SENDERS = 900000
UPKEEP_RUN_MS = 500
UPKEEP_RUN_QUICK_MS = 50

# Stopping may have to wait for the check of the whole file.
STOP_LIMIT_SECS = 300
CHECK_LIMIT_SECS = 900
# Upkeep looks for old rows once a minute.
UPKEEP_LIMIT_SECS = 90
PURGE_LIMIT_SECS = 600


def log_tables(bench):
    """Returns tables and goals."""
    messages = MESSAGES // (100 if bench.quick else 1)
    empty, daemon = bench.start(Bulkwatch, BulkwatchLog)
    empty.stop()
    daemon.stop()
    bench.say(f"growth: writing {messages:,} messages into a database")
    biglog.fill(daemon.database, messages)
    parts = [_room(daemon, messages)]
    bench.say("growth: start-up with it")
    parts.append(_start_up(bench, empty, daemon))
    bench.say("growth: decisions with it")
    parts.append(_decisions(bench, empty, daemon))
    bench.say("growth: commands with it")
    parts.append(_commands(bench, daemon, messages))
    bench.say("growth: upkeep of it")
    parts.append(_upkeep(bench, daemon))
    return [table for table, _ in parts], [goal for _, goals in parts for goal in goals]


def _room(daemon, messages):
    rows = [[name, f"{n:,}", report.megabytes(own / 1024), report.megabytes(indexes / 1024),
             report.whole((own + indexes) / n)]
            for name, n, own, indexes in biglog.sizes(daemon.database)]
    return {"title": f"Room on disk: {messages:,} messages in {biglog.DAYS} days",
            "columns": ["table", "rows", "MB", "MB of indexes", "bytes a row"], "rows": rows,
            "note": f"In all {daemon.database_bytes() / messages:.0f} bytes a message. One in five "
                    "belongs to a bulk send, and of those half went to 25 recipients."}, []


# -- start-up ---------------------------------------------------------------------------------

def _start_up(bench, empty, daemon):
    cases = {"empty": (empty, False), "the log": (daemon, False),
             "the log, not in memory": (daemon, True)}
    rows, slowest = [], 0
    for name, (contender, cold) in cases.items():
        times = [_time_start(contender, cold) for _ in range(1 if bench.quick else 3)]
        found = [statistics.median(column) for column in zip(*times)]
        rows.append([name, *(f"{secs:.3f}" for secs in found)])
        slowest = max(slowest, found[1])
    return {"title": "Start-up",
            "columns": ["database", "s until it accepts", "s until it is ready",
                        "s that stopping it at once takes"], "rows": rows,
            "note": "From when it accepts until it is ready, mail waits. The whole file is checked "
                    "for damage behind the start (before it is ready, if it has 16 MB or less); "
                    "stopping at once meets that check."}, [
        report.limit("Growth: start-up with the log", slowest, START_SECS, "s", "{:.2f}")]


def _time_start(daemon, cold):
    """Seconds until it accepts, until it says that it is ready, and until it has stopped again."""
    if cold:
        _drop_from_memory(daemon.database)
    began = time.monotonic()
    process = subprocess.Popen([daemon.programs / "bulkwatchd", "-c", daemon.conf], text=True,
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_for(lambda: daemon.listens() or process.poll() is not None, "bulkwatchd to listen",
                 60, 0.001)
        accepts_secs = time.monotonic() - began
        if not any(" event=ready " in line for line in iter(process.stderr.readline, "")):
            raise AssertionError("bulkwatchd ended while it started")
        ready_secs = time.monotonic() - began
        process.terminate()
        process.wait(STOP_LIMIT_SECS)
        return accepts_secs, ready_secs, time.monotonic() - began - ready_secs
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def _drop_from_memory(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# -- decisions --------------------------------------------------------------------------------

def _decisions(bench, empty, daemon):
    empty.start()
    daemon.start()
    began = time.monotonic()
    checked = {kind: _probe(bench, [daemon], kind, 0)[daemon.name] for kind in KINDS}
    if _is_idle(daemon):
        checked = {}
    wait_for(lambda: _is_idle(daemon), "bulkwatchd to have checked the file", CHECK_LIMIT_SECS, 0.5)
    check_secs = time.monotonic() - began
    resident = [report.megabytes(resident_kb(one.pids())) for one in (empty, daemon)]

    rows, goals = [], []
    for kind in KINDS:
        found = _probe(bench, [empty, daemon], kind, _rounds(bench))
        base = median(found, empty.name, "eom_p50_us")
        rows.append([kind, "empty", *_latency_cells(found[empty.name], base)])
        rows.append([kind, "the log", *_latency_cells(found[daemon.name], base)])
        if kind in checked:
            rows.append([kind, "the log, during its check", *_latency_cells(checked[kind], base)])
        goals.append(report.limit(
            f"Growth: decision cost with the log, {kind}, p50 over that without it",
            median(found, daemon.name, "eom_p50_us") / base, FLAT, "times", "{:.2f}"))
    return {"title": "Decisions, by the log",
            "columns": ["mail", "database", "end of message p50 µs", "p99 µs", "longest µs",
                        "of the empty one"], "rows": rows,
            "note": "One connection, one message at a time. After the start the whole file is "
                    f"checked for damage, for about {check_secs:.0f} s here. After that bulkwatchd "
                    f"had {resident[1]} MB resident, on the empty database {resident[0]} MB."
            }, goals


def _probe(bench, daemons, kind, first_round):
    """Lets the same senders send to each of the daemons in turn, others in each round. Results by
    the daemons' names."""
    recipients, first_sender = KINDS[kind]
    results = {daemon.name: [] for daemon in daemons}
    for number in range(first_round, first_round + _rounds(bench)):
        case = Case(per_connection=100, connections=1, recipients=recipients,
                    senders=PROBE_SENDERS, first_sender=first_sender + number * PROBE_SENDERS)
        # The first of a round is at a disadvantage: the processors have just been idle.
        for daemon in daemons if number % 2 else reversed(daemons):
            results[daemon.name].append(milterload(
                bench.programs, daemon, case, "--messages", PROBE_MESSAGES,
                "--warmup", PROBE_WARMUP))
    return results


def _rounds(bench):
    return 1 if bench.quick else 5


def _latency_cells(found, base):
    p50, p99 = (statistics.median(result[key] for result in found)
                for key in ("eom_p50_us", "eom_p99_us"))
    longest = max(result["eom_max_us"] for result in found)
    return [report.whole(p50), report.whole(p99), report.whole(longest), f"{p50 / base:.2f}"]


def _is_idle(daemon):
    """True if it takes next to no processor time for a second."""
    before = cpu_seconds(daemon.pids())
    time.sleep(1)
    return cpu_seconds(daemon.pids()) - before < 0.1


# -- commands ---------------------------------------------------------------------------------

def _commands(bench, daemon, messages):
    sends = messages // biglog.MESSAGES_PER_SEND
    first = sends // 2 // biglog.BLOCK_SENDS * biglog.BLOCK_SENDS + 1
    sender = "staff0000000@example.gov.vn"
    usual = ["list", "list --status all --limit 100", f"list --sender {sender}"]
    times = {command: _time_command(bench, daemon, command) for command in [
        *usual, f"list --status all --sender {sender}",
        "list --status all --sender *@nowhere.example", f"show {first}", f"show {first + 1}",
        "senders --top 20"]}
    rows = [[f"`{command}`", *(f"{ms:.0f}" for ms in found)] for command, found in times.items()]
    return {"title": f"Commands, with {sends:,} bulk sends",
            "columns": ["bulkwatch …", "ms", "least", "greatest"], "rows": rows,
            "note": "Beside an idle bulkwatchd. The sender is the one with the most bulk sends, "
                    "one in a hundred. Those shown have 25 messages and one."}, [
        report.limit(f"Growth: `list` with {sends:,} bulk sends, the slowest of three ways",
                     max(times[command][0] for command in usual), LIST_MS, "ms")]


def _time_command(bench, daemon, command):
    """Milliseconds of some runs: the median, the least, the greatest."""
    found = []
    for _ in range(3 if bench.quick else 9):
        began = time.monotonic()
        done = subprocess.run([bench.programs / "bulkwatch", "-c", daemon.conf, *command.split()],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        found.append((time.monotonic() - began) * 1000)
        if done.returncode != 0:
            raise AssertionError(f"bulkwatch {command}: {done.stderr}")
    return statistics.median(found), min(found), max(found)


# -- upkeep -----------------------------------------------------------------------------------

def _upkeep(bench, daemon):
    """Lets a tenth of the messages and a twentieth of the bulk sends become too old, and sends
    mail while they are removed."""
    def send():
        return milterload(bench.programs, daemon, Case(
            per_connection=100000, connections=1, senders=UPKEEP_SENDERS,
            first_sender=UPKEEP_SENDER), "--milliseconds",
            UPKEEP_RUN_QUICK_MS if bench.quick else UPKEEP_RUN_MS)

    quiet = [send() for _ in range(_rounds(bench))]
    purge = _Purge(daemon)
    purge.begin()
    runs = {"messages": [], "bulk sends": []}
    while not purge.ended():
        result, gone, secs = send(), *purge.progress()
        for what in runs:
            # A run that saw both go tells of neither.
            if gone[what] > 0 and sum(n > 0 for n in gone.values()) == 1:
                runs[what].append((result, gone[what] / secs))
    rows = [["nothing", "–", "–", *_upkeep_cells(quiet)]]
    for what, found in runs.items():
        rows.append([what, f"{purge.gone[what]:,}",
                     report.whole(statistics.median(rate for _, rate in found)) if found else "–",
                     *_upkeep_cells([result for result, _ in found])])
    return {"title": "Upkeep: what is too old goes while mail comes",
            "columns": ["what goes", "how many", "a second", "msg/s", "end of message p50 µs",
                        "p99 µs", "longest µs"], "rows": rows,
            "note": "Mail of one connection, one message at a time, each waits for a step of "
                    "upkeep. Messages that belong to a bulk send are looked at and stay, until "
                    "they go with it."}, []


def _upkeep_cells(found):
    if not found:
        return ["–"] * 4
    return [*(report.whole(statistics.median(result[key] for result in found))
              for key in ("msgs_per_s", "eom_p50_us", "eom_p99_us")),
            report.whole(max(result["eom_max_us"] for result in found))]


class _Purge:
    """The removal of what is too old, seen from outside."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.db = None
        self.gone = {"messages": 0, "bulk sends": 0}

    def begin(self):
        """Sets the settings so that there is something too old, and waits until that goes."""
        daemon = self.daemon
        self.db = sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True)
        self.state = self._look()
        self.looked = time.monotonic()
        daemon.ledger_keep = f"{biglog.DAYS * 9 // 10}d"
        daemon.evidence_keep = f"{biglog.DAYS * 19 // 20}d"
        daemon.write_settings()
        for pid in daemon.pids():
            send_signal(pid, signal.SIGUSR1)
        wait_for(lambda: self._look() != self.state, "upkeep to begin", UPKEEP_LIMIT_SECS, 0.01)
        self.looked = time.monotonic()
        self.began = self.looked

    def progress(self):
        """What went since the last time, and the seconds that it took."""
        before, looked = self.state, self.looked
        self.state, self.looked = self._look(), time.monotonic()
        gone = {what: n - before[what] for what, n in self.state.items()}
        for what, n in gone.items():
            self.gone[what] += n
        return gone, self.looked - looked

    def ended(self):
        if time.monotonic() - self.began > PURGE_LIMIT_SECS:
            raise AssertionError(f"what is too old was not removed in {PURGE_LIMIT_SECS} s")
        return " closed bulk sends" in self.daemon.daemons[0].log.read_text(errors="replace")

    def _look(self):
        return {"messages": self._number("SELECT value FROM meta WHERE key = 'purged-upto'"),
                "bulk sends": self._number("SELECT id FROM bulk_send WHERE status = 3 "
                                           "ORDER BY last_at LIMIT 1")}

    def _number(self, sql):
        found = self.db.execute(sql).fetchone()
        return found[0] if found else 0
