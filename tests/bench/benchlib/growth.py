"""Part 3: whether what a decision costs grows with what there is already.

Two tables are filled the way mail does it, through the milter: what a sender has in its window,
and how many senders there are. The third, a log of years, takes days that way: see log_tables.
"""

import time

from . import report
from .contenders import Bulkwatch
from .load import Case, median, milterload, take_turns
from .processes import forget_peak

# Senders of their own, so that no other case meets a full window.
WINDOW_SENDER = 1000000
MANY_SENDERS = 2000000

WINDOWS = [10, 100, 1000, 10000, 100000, 1000000]
SENDERS = [10, 1000, 100000, 1000000]

PROBE_MESSAGES = 300
FLAT = 1.20
RESIDENT_MB = 30
START_SECS = 1.0


def run(bench):
    daemon, = bench.start(Bulkwatch)
    tables, goals = [], []
    for part in (window_table, senders_table, log_tables):
        found_tables, found_goals = part(bench, daemon)
        tables += found_tables
        goals += found_goals
    bench.stop()
    return {"contenders": bench.described, "tables": tables, "goals": goals}


# -- the window -------------------------------------------------------------------------------

def window_table(bench, daemon):
    """Fills one sender's window with so many recipients, then sends to some of them again."""
    sizes = WINDOWS[:4] if bench.quick else WINDOWS
    cases = {size: _window_case(size, WINDOW_SENDER + number) for number, size in enumerate(sizes)}
    for size, case in cases.items():
        bench.say(f"growth: {size} recipients in a window")
        per_message = min(size, 500)
        milterload(bench.programs, daemon, _with(case, recipients=per_message),
                   "--messages", size // per_message)
    results = _probe(bench, daemon, cases)
    return [_growth_table("Recipients that the sender has in its window", results)], [
        _flat_goal("Decision cost over the sender's window", results)]


def _window_case(size, sender):
    return Case(per_connection=100, connections=1, senders=1, first_sender=sender, pool=size)


# -- senders ----------------------------------------------------------------------------------

def senders_table(bench, daemon):
    """Lets so many senders send one message each, then some of them another."""
    sizes = SENDERS[:2] if bench.quick else SENDERS
    before = daemon.database_bytes()
    results, rows, sent = {}, [], 0
    for size in sizes:
        bench.say(f"growth: {size} senders")
        # Those of the size before have sent already.
        milterload(bench.programs, daemon,
                   Case(per_connection=1000, senders=size - sent, first_sender=MANY_SENDERS + sent),
                   "--messages", size - sent)
        sent = size
        case = Case(per_connection=100, connections=1, senders=min(size, PROBE_MESSAGES),
                    first_sender=MANY_SENDERS)
        results |= _probe(bench, daemon, {size: case})
        rows.append([f"{size:,}", report.megabytes(_resident_kb(daemon))])
    grown = daemon.database_bytes() - before
    started = _restart(daemon)
    messages = sent + len(sizes) * _rounds(bench) * PROBE_MESSAGES
    memory = {"title": "Memory and disk, by senders in the window",
              "columns": ["senders", "resident MB"], "rows": rows,
              "note": f"On disk a message with one recipient takes {grown / messages:.0f} bytes. "
                      f"With {messages:,} messages bulkwatchd listens {started:.2f} s after its "
                      "start."}
    goals = [_flat_goal("Decision cost over the number of senders", results)]
    if not bench.quick:
        goals.append(report.limit("Resident memory with a million senders' windows",
                                  _resident_kb(daemon) / 1024, RESIDENT_MB, "MB"))
    return [_growth_table("Senders that have sent within the window", results), memory], goals


# -- the log ----------------------------------------------------------------------------------

def log_tables(bench, daemon):
    """To be measured on ten million messages and a million bulk sends, written straight into a
    database: decision time, the times of `list`, `show` and `senders`, bytes a message, what
    upkeep costs, and the start-up. Goals: `list` under 50 ms, start-up under START_SECS."""
    del bench, daemon
    return [], []


# -- shared -----------------------------------------------------------------------------------

def _with(case, **changes):
    return Case(**(vars(case) | changes))


def _rounds(bench):
    return 1 if bench.quick else 5


def _probe(bench, daemon, cases):
    """Sends a few messages for each case in turn; results by what names the case."""
    class Probe:
        def __init__(self, name):
            self.name = name

    def measure(probe):
        return milterload(bench.programs, daemon, cases[probe.name], "--messages", PROBE_MESSAGES,
                          "--warmup", 20)

    return take_turns([Probe(name) for name in cases], _rounds(bench), measure)


def _growth_table(title, results):
    first = median(results, next(iter(results)), "eom_p50_us")
    rows = [[f"{size:,}", report.whole(median(results, size, "eom_p50_us")),
             report.whole(median(results, size, "eom_p99_us")),
             report.fine(median(results, size, "cpu_s_per_1000")),
             f"{median(results, size, 'eom_p50_us') / first:.2f}"] for size in results]
    return {"title": title,
            "columns": ["how many", "end of message p50 µs", "p99 µs", "CPU s / 1000",
                        "of the first row"],
            "rows": rows,
            "note": "One connection, one message at a time, so each waits for a commit of its own."}


def _flat_goal(what, results):
    medians = [median(results, size, "eom_p50_us") for size in results]
    return report.limit(f"Growth: {what}, greatest p50 over least", max(medians) / min(medians),
                        FLAT, "times", "{:.2f}")


def _resident_kb(daemon):
    total = 0
    for pid in daemon.pids():
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            total += sum(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    return total


def _restart(daemon):
    """Stops and starts it on the same database. Returns the seconds until it listens."""
    daemon.stop()
    began = time.monotonic()
    daemon.start()
    forget_peak(daemon.pids())
    return time.monotonic() - began
