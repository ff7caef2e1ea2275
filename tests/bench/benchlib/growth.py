"""Part 3: whether what a decision costs grows with what there is already.

What a sender has in its window and how many senders there are is filled the way mail does it,
through the milter. A log of a year would take a day that way: see growth_log.py.
"""

from . import report
from .contenders import Bulkwatch, BulkwatchQuiet
from .growth_log import FLAT, log_tables
from .load import Case, median, milterload, take_turns
from .processes import resident_kb

# Senders of their own, so that no other case meets a full window.
WINDOW_SENDER = 1000000
MANY_SENDERS = 2000000

# Below the limit a message is only counted; above it, a bulk send is recorded with its evidence,
# which costs more but must not grow either. So there are two rows of sizes.
QUIET_WINDOWS = [10, 100, 1000, 10000, 90000]
BULK_WINDOWS = [100, 1000, 10000, 100000, 1000000]
SENDERS = [10, 1000, 100000, 1000000]

PROBE_MESSAGES = 300
PROBE_WARMUP = 20
RESIDENT_MB = 30


def run(bench):
    quiet, daemon = bench.start(BulkwatchQuiet, Bulkwatch)
    found = [window_table(bench, quiet, QUIET_WINDOWS, "not a bulk send"),
             window_table(bench, daemon, BULK_WINDOWS, "a bulk send")]
    bench.stop()

    # On an empty database, so that the memory is that of the senders.
    daemon, = bench.start(Bulkwatch)
    found.append(senders_table(bench, daemon))
    bench.stop()

    found.append(log_tables(bench))
    return {"contenders": bench.described,
            "tables": [table for tables, _ in found for table in tables],
            "goals": [goal for _, goals in found for goal in goals]}


# -- the window -------------------------------------------------------------------------------

def window_table(bench, daemon, sizes, kind):
    """Fills one sender's window with so many recipients, then sends to some of them again."""
    sizes = sizes[:3] if bench.quick else sizes
    cases = {size: _window_case(size, WINDOW_SENDER + number) for number, size in enumerate(sizes)}
    for size, case in cases.items():
        bench.say(f"growth: {size} recipients in a window, {kind}")
        per_message = min(size, 500)
        milterload(bench.programs, daemon, _with(case, recipients=per_message),
                   "--messages", size // per_message)
    results = _probe(bench, daemon, cases)
    return [_growth_table(f"Recipients that the sender has in its window, {kind}", results)], [
        _flat_goal(f"decision cost over the sender's window, {kind}", results)]


def _window_case(size, sender):
    return Case(per_connection=100, connections=1, senders=1, first_sender=sender, pool=size)


# -- senders ----------------------------------------------------------------------------------

def senders_table(bench, daemon):
    """Lets so many senders send one message each, then some of them another."""
    sizes = SENDERS[:2] if bench.quick else SENDERS
    before, _ = _restart(daemon)
    results, rows, sent = {}, [], 0
    for size in sizes:
        bench.say(f"growth: {size} senders")
        # Those of the size before have sent already.
        milterload(bench.programs, daemon,
                   Case(per_connection=1000, senders=size - sent, first_sender=MANY_SENDERS + sent),
                   "--messages", size - sent)
        sent = size
        case = Case(per_connection=100, connections=1, senders=min(size, PROBE_MESSAGES),
                    first_sender=MANY_SENDERS + max(0, size // 2 - PROBE_MESSAGES))
        results |= _probe(bench, daemon, {size: case})
        rows.append([f"{size:,}", report.megabytes(resident_kb(daemon.pids()))])
    full_kb = resident_kb(daemon.pids())
    after, start_secs = _restart(daemon)
    messages = sent + len(sizes) * _rounds(bench) * (PROBE_MESSAGES + PROBE_WARMUP)
    memory = {"title": "Memory and disk, by senders in the window",
              "columns": ["senders", "resident MB"], "rows": rows,
              "note": "On disk a message with one recipient takes "
                      f"{(after - before) / messages:.0f} bytes. With {messages:,} messages "
                      f"bulkwatchd listens {start_secs:.2f} s after its start, and has "
                      f"{resident_kb(daemon.pids()) / 1024:.1f} MB then."}
    goals = [_flat_goal("decision cost over the number of senders", results)]
    if not bench.quick:
        goals.append(report.limit("Growth: resident memory with a million senders' windows",
                                  full_kb / 1024, RESIDENT_MB, "MB"))
    return [_growth_table("Senders that have sent within the window", results), memory], goals


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
                          "--warmup", PROBE_WARMUP)

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
    return report.limit(f"Growth: {what}, greatest p50 over that of the fewest",
                        max(medians) / medians[0], FLAT, "times", "{:.2f}")


def _restart(daemon):
    """Stops and starts it on the same database. Returns the size of that in bytes, and the
    seconds until it listened."""
    daemon.stop()
    size = daemon.database_bytes()
    daemon.start()
    return size, daemon.launch_secs
