"""Part 2: through a real Postfix, where the milter is one cost among many."""

import time

from bulkwatch_lab.postfix import Postfix
from bulkwatch_lab.waiting import wait_for

from . import report
from .contenders import (Bulkwatch, BulkwatchTcp, Noop, NoopTcp, PolicydRateLimit, Postfwd, Rspamd,
                         RspamdTcp)
from .load import faults, median, ratio, smtp_source, take_turns

SESSIONS = 16

GOALS = [
    ("Unix socket, against the no-op milter", "bulkwatchd", "noop", 0.97),
    ("TCP, against rspamd on TCP", "bulkwatchd-tcp", "rspamd-tcp", 1.5),
]


class NoMilter:
    """Postfix alone."""

    name = "none"

    @staticmethod
    def pids():
        return []

    @staticmethod
    def postfix_settings():
        return {"smtpd_milters": ""}


def run(bench):
    contenders = [NoMilter(), *bench.start(Noop, NoopTcp, Bulkwatch, BulkwatchTcp, Rspamd,
                                           RspamdTcp, PolicydRateLimit, Postfwd)]
    rounds, messages = (1, 400) if bench.quick else (9, 1000)
    listeners = {contender.name: contender.postfix_settings() for contender in contenders}
    with Postfix(listeners=listeners, parent=bench.place) as mta:
        def measure(contender):
            return _measure(mta, contender, messages)

        bench.say("postfix: warming up")
        for contender in contenders:
            _measure(mta, contender, 100)
        bench.say(f"postfix: {rounds} rounds of {messages} messages")
        results = take_turns(contenders, rounds, measure)
        complaints = faults(mta.log())
    bench.stop()

    return {
        "contenders": bench.described,
        "tables": [_table(results)],
        "goals": [report.goal(f"Through Postfix: {what}", ratio(results, name, yardstick), least)
                  for what, name, yardstick, least in GOALS],
        "notes": [f"Postfix complained {len(complaints)} times, first: {complaints[0]}"]
        if complaints else [],
        "data": results,
    }


def _measure(mta, contender, messages):
    """One run; the queue is empty when it begins."""
    try:
        result = smtp_source(mta.ports[contender.name], messages, SESSIONS,
                             "staff1@example.gov.vn", contender.pids())
    except AssertionError as error:
        raise AssertionError(f"{contender.name}: {error}; Postfix's log ends:\n"
                             f"{mta.log()[-1500:]}") from None
    wait_for(lambda: _queue_is_empty(mta), "Postfix to deliver all", 120, 0.05)
    time.sleep(0.2)
    return result


def _queue_is_empty(mta):
    return not any((mta.dir / "queue" / name).exists() and any((mta.dir / "queue" / name).iterdir())
                   for name in ("incoming", "active"))


def _table(results):
    rows = [[name, report.whole(median(results, name, "msgs_per_s")),
             report.ratio(ratio(results, name, "none")),
             report.ratio(ratio(results, name, "noop-tcp" if name.endswith("-tcp") else "noop")),
             report.ratio(ratio(results, name, "rspamd-tcp")),
             report.fine(median(results, name, "cpu_s_per_1000"))]
            for name in results]
    return {"title": f"smtp-source, {SESSIONS} sessions, a new session for each message, one "
                     "recipient, discard transport",
            "columns": ["attached", "msg/s", "of Postfix alone", "of the no-op (same socket)",
                        "of rspamd on TCP", "CPU s / 1000"],
            "rows": rows,
            "note": "CPU is that of the milter or policy service alone."}
