"""Part 1: the raw protocol. The generator is the MTA; nothing but the milter is measured."""

from . import report
from .contenders import Bulkwatch, BulkwatchTcp, Noop, NoopTcp, Rspamd, RspamdTcp
from .load import Case, median, milterload, negotiation, ratio, take_turns

# The cases that the goals are about get more rounds and more time.
MAIN = [
    Case(),
    Case(per_connection=100),
    Case(origin="inbound"),
    Case(origin="inbound", per_connection=100),
]

# Other senders for each number of recipients: a sender whose window is full is another case.
FIRST_SENDER = {1: 0, 25: 100000, 500: 200000}

OTHERS = [
    Case(per_connection=per_connection, recipients=recipients, connections=connections,
         first_sender=FIRST_SENDER[recipients])
    for recipients in (1, 25, 500)
    for per_connection in (1, 100)
    for connections in (4, 16)
    if (recipients, connections) != (1, 16)
] + [
    Case(origin="inbound", per_connection=per_connection, connections=4)
    for per_connection in (1, 100)
]

TCP = [Case(), Case(per_connection=100)]

QUICK = [MAIN[0], MAIN[1], MAIN[2], OTHERS[3]]

# What is to be reached: of which case, against whom.
GOALS = [
    ("new connection a message, against the no-op milter", MAIN[0], "noop", 0.75),
    ("100 messages a connection, against the no-op milter", MAIN[1], "noop", 0.40),
    ("new connection a message, against rspamd", MAIN[0], "rspamd", 2.0),
    ("100 messages a connection, against rspamd", MAIN[1], "rspamd", 2.0),
    ("inbound, new connection a message, against the no-op milter", MAIN[2], "noop", 0.95),
    ("inbound, 100 messages a connection, against the no-op milter", MAIN[3], "noop", 0.95),
]

WARMUP_MESSAGES = 200


def run(bench):
    unix = bench.start(Noop, Bulkwatch, Rspamd)
    _check_yardstick(unix)
    if bench.quick:
        measured = [(case, _measure(bench, unix, case, 1, 700)) for case in QUICK]
    else:
        measured = [(case, _measure(bench, unix, case, 5, 2000)) for case in MAIN]
        measured += [(case, _measure(bench, unix, case, 3, 1000)) for case in OTHERS]
    bench.stop()

    tcp = bench.start(NoopTcp, BulkwatchTcp, RspamdTcp)
    _check_yardstick(tcp)
    rounds, milliseconds = (1, 700) if bench.quick else (3, 1500)
    over_tcp = [(case, _measure(bench, tcp, case, rounds, milliseconds)) for case in TCP]
    bench.stop()

    return {
        "contenders": bench.described,
        "tables": [_speed_table("Unix socket: messages a second", measured, ""),
                   _cost_table(measured),
                   _speed_table("TCP on loopback: messages a second", over_tcp, "-tcp")],
        "goals": _goals(dict(measured)),
        "data": [{"case": vars(case), "results": results}
                 for case, results in measured + over_tcp],
    }


def _check_yardstick(contenders):
    """The no-op milter is a yardstick only while it speaks the same protocol."""
    spoken = [negotiation(contender) for contender in contenders
              if isinstance(contender, (Noop, Bulkwatch))]
    if len(set(spoken)) > 1:
        raise AssertionError("noop.c does not negotiate as bulkwatchd does: bring its "
                             f"WANTED_STEPS and macro_lists up to date; they said {spoken}")


def _measure(bench, contenders, case, rounds, milliseconds):
    bench.say(f"raw: {describe(case)}")
    return take_turns(contenders, rounds, lambda contender: milterload(
        bench.programs, contender, case, "--milliseconds", milliseconds,
        "--warmup", WARMUP_MESSAGES))


def describe(case):
    return (f"{case.origin}, {case.recipients} rcpt, {case.connections} connections, "
            f"{case.per_connection} a connection")


def _speed_table(title, measured, suffix):
    ours, noop, rspamd = "bulkwatchd" + suffix, "noop" + suffix, "rspamd" + suffix
    rows = [[*_case_cells(case),
             *(report.whole(median(results, name, "msgs_per_s")) for name in (noop, ours, rspamd)),
             report.ratio(ratio(results, ours, noop)), report.ratio(ratio(results, ours, rspamd))]
            for case, results in measured]
    return {"title": title,
            "columns": [*CASE_COLUMNS, "no-op", "bulkwatchd", "rspamd",
                        "of the no-op", "of rspamd"],
            "rows": rows}


def _cost_table(measured):
    rows = []
    for case, results in measured:
        for name in results:
            rows.append([*_case_cells(case), name,
                         # None, where all was accepted before the end of message.
                         *(report.whole(median(results, name, key) or None) for key in
                           ("message_p50_us", "message_p99_us", "eom_p50_us", "eom_p99_us")),
                         report.fine(median(results, name, "cpu_s_per_1000")),
                         report.megabytes(median(results, name, "peak_rss_kb"))])
    return {"title": "Unix socket: latency, processor and memory",
            "columns": [*CASE_COLUMNS, "milter", "message p50 µs", "p99 µs",
                        "end of message p50 µs", "p99 µs", "CPU s / 1000", "peak MB"],
            "rows": rows,
            "note": "The latency of a message runs from its MAIL (from the connect, where it is "
                    "the first on its connection) to the verdict; that of the end of message from "
                    "its sending to the verdict. Memory is the sum over the processes; what "
                    "rspamd's processes share is counted in each."}


CASE_COLUMNS = ["mail", "rcpt", "connections", "messages each"]


def _case_cells(case):
    return [case.origin, case.recipients, case.connections, case.per_connection]


def _goals(measured):
    return [report.goal(f"Raw: {what}", ratio(measured[case], "bulkwatchd", yardstick), least)
            for what, case, yardstick, least in GOALS if case in measured]
