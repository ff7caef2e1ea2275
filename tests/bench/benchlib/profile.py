"""Part 4: where bulkwatchd's processor time goes, and which system calls a message costs.

perf samples it under the raw load; without perf, callgrind counts instructions, which leaves the
kernel out and the ratio of ours to the libraries' in.
"""

import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from .contenders import Bulkwatch, Noop
from .load import Case, milterload

CASES = [Case(), Case(per_connection=100)]

# Whose code it is, by the file that it is in.
OWNERS = [
    (r"libmilter", "libmilter"),
    (r"libsqlite3", "SQLite"),
    (r"^(libc[.-]|libpthread|ld-|\[vdso\])", "C library"),
    (r"^bulkwatchd$", "bulkwatchd itself"),
    (r"^lib", "other libraries"),
]

# For whom the kernel works, by the system call.
CALLS = [
    (r"^(p?poll|select|epoll_\w+)$", "kernel: waiting for the socket"),
    (r"^(readv?|recv\w*|writev?|send\w*|accept4?|close|shutdown|setsockopt|fcntl)$",
     "kernel: socket"),
    (r"^futex$", "kernel: threads waiting and waking"),
    (r"^(p(read|write)\w*|f(data)?sync|ftruncate|fallocate|lseek|open\w*|unlink\w*|newfstatat)$",
     "kernel: files"),
    (r"^(mmap|munmap|mprotect|madvise|clone3?|exit|rt_sigprocmask|rseq|set_robust_list)$",
     "kernel: memory and threads made"),
]

# How the kernel's functions for a call are named; some calls end in a function of their own.
CALL_SYMBOL = re.compile(r"^(?:__(?:x64|arm64|se|do)_sys_|ksys_|do_sys_|do_)(\w+)$")

TRACED_MESSAGES = 1000


def run(bench):
    milters = bench.start(Noop, Bulkwatch)
    by_perf = shutil.which("perf") is not None
    tables = []
    for case in CASES:
        if by_perf:
            bench.say(f"profile: {case.per_connection} a connection")
            tables += _perf_tables(bench, milters, case)
    bench.say("profile: system calls")
    tables += [_calls_table(bench, milters, case) for case in CASES]
    described = list(bench.described)
    bench.stop()
    if not by_perf:
        tables.append(_callgrind_table(bench))
        bench.stop()
    return {"contenders": described, "tables": tables}


def _title(case):
    return (f"{case.per_connection} message{'s' if case.per_connection > 1 else ''} a connection, "
            f"{case.connections} connections, {case.recipients} recipient")


# -- perf -------------------------------------------------------------------------------------

def _perf_tables(bench, milters, case):
    costs = {milter.name: _sample(bench, milter, case) for milter in milters}
    places = sorted({place for owners, _, _ in costs.values() for place in owners},
                    key=lambda place: -max(owners[place] for owners, _, _ in costs.values()))
    rows = [[place] + [cell for owners, _, per_message in costs.values()
                       for cell in (f"{owners[place] * 100:.0f} %",
                                    f"{owners[place] * per_message:.1f}")] for place in places]
    rows.append(["**all**"] + [cell for _, _, per_message in costs.values()
                               for cell in ("100 %", f"{per_message:.1f}")])
    columns = ["where"] + [cell for name in costs for cell in (name, "µs a message")]
    tables = [{"title": f"Processor time: {_title(case)}", "columns": columns, "rows": rows}]
    threads = costs.get("bulkwatchd", (None, Counter(), 0))[1]
    if len(threads) > 1:
        tables.append({"title": f"bulkwatchd by thread: {_title(case)}",
                       "columns": ["thread", "share"],
                       "rows": [[name, f"{share * 100:.0f} %"]
                                for name, share in threads.most_common()]})
    return tables


def _sample(bench, milter, case):
    """Returns shares by place, shares by thread name, and µs of processor time a message."""
    data = bench.place / f"{milter.name}.perf"
    recorder = subprocess.Popen(
        ["perf", "record", "-q", "-g", "-F", "1500", "-o", data, "-p",
         ",".join(map(str, milter.pids()))],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    result = milterload(bench.programs, milter, case, "--milliseconds",
                        1000 if bench.quick else 5000)
    recorder.send_signal(signal.SIGINT)
    recorder.wait(60)
    script = subprocess.run(["perf", "script", "-i", data, "-F", "comm,tid,ip,sym,dso"],
                            capture_output=True, text=True, errors="replace").stdout
    data.unlink()
    samples = [sample for sample in map(_parse_sample, script.split("\n\n")) if sample]
    if not samples:
        raise AssertionError("perf took no samples")
    owners = Counter(_owner(frames) for _, frames in samples)
    threads = Counter(thread for thread, _ in samples)
    return (_shares(owners), _shares(threads), result["cpu_s_per_1000"] * 1000)


def _shares(counts):
    return Counter({name: count / counts.total() for name, count in counts.items()})


FRAME = re.compile(r"^\s+[0-9a-f]+ (.*) \((.*)\)$")


def _parse_sample(text):
    """Returns the thread's name and its frames (symbol, file), innermost first; or None."""
    head, *lines = text.strip("\n").split("\n")
    frames = [found.groups() for found in map(FRAME.match, lines) if found]
    return (head.rsplit(None, 1)[0].strip(), frames) if frames else None


def _owner(frames):
    """Only the innermost frame of user code is sure: libraries have no frame pointers."""
    if "kernel" not in frames[0][1]:
        return _first(OWNERS, Path(frames[0][1]).name, "unknown")
    for symbol, _ in reversed(frames):
        call = CALL_SYMBOL.match(symbol)
        found = call and _first(CALLS, call.group(1), None)
        if found:
            return found
    if any("syscall" in symbol.lower() for symbol, _ in frames):
        return "kernel: entry and exit of calls, other calls"
    return "kernel: interrupts, faults, scheduling"


def _first(table, text, otherwise):
    return next((name for pattern, name in table if re.search(pattern, text)), otherwise)


# -- system calls -----------------------------------------------------------------------------

def _calls_table(bench, milters, case):
    """Counts by strace; it slows the milter down, so only the counts are of use."""
    counts = {milter.name: _count_calls(bench, milter, case) for milter in milters}
    calls = sorted({call for found in counts.values() for call in found},
                   key=lambda call: -max(found[call] for found in counts.values()))
    rows = [[call, *(f"{found[call]:.2f}" for found in counts.values())] for call in calls
            if max(found[call] for found in counts.values()) >= 0.01]
    return {"title": f"System calls a message: {_title(case)}",
            "columns": ["call", *counts], "rows": rows}


def _count_calls(bench, milter, case):
    output = bench.place / f"{milter.name}.calls"
    tracer = subprocess.Popen(["strace", "-f", "-c", "-U", "name,calls", "-o", output, "-p",
                               ",".join(map(str, milter.pids()))],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    milterload(bench.programs, milter, case, "--messages", TRACED_MESSAGES)
    tracer.send_signal(signal.SIGINT)
    tracer.wait(60)
    found = re.findall(r"^(\w+)\s+(\d+)$", output.read_text(), re.M)
    output.unlink()
    return Counter({name: int(calls) / TRACED_MESSAGES for name, calls in found if name != "total"})


# -- callgrind --------------------------------------------------------------------------------

class BulkwatchUnderCallgrind(Bulkwatch):
    def start(self):
        self.wrapper = ("valgrind", "--tool=callgrind",
                        f"--callgrind-out-file={self.directory}/callgrind.out")
        super().start()


def _callgrind_table(bench):
    daemon, = bench.start(BulkwatchUnderCallgrind)
    milterload(bench.programs, daemon, CASES[1], "--messages", TRACED_MESSAGES)
    for process in daemon.daemons:
        process.stop()
    daemon.daemons = []
    costs = _callgrind_costs((daemon.directory / "callgrind.out").read_text())
    return {"title": f"Instructions, by callgrind: {_title(CASES[1])}",
            "columns": ["where", "share"],
            "rows": [[name, f"{share * 100:.0f} %"]
                     for name, share in _shares(costs).most_common()]}


def _callgrind_costs(text):
    """Self cost by whose code it is. A file is named once, and by its number from then on."""
    costs, names = Counter(), {}
    owner, called = "unknown", False
    for line in text.splitlines():
        if found := re.match(r"ob=\((\d+)\)(?: (.*))?", line):
            number, name = found.groups()
            names.setdefault(number, Path(name or "unknown").name)
            owner = _first(OWNERS, names[number], "unknown")
        elif found := re.match(r"[+*\d-]\S* (\d+)$", line):
            # The line after "calls=" is the cost of the function that was called.
            if not called:
                costs[owner] += int(found.group(1))
        called = line.startswith("calls=")
    return costs
