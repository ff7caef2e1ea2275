#!/usr/bin/python3
"""Measures bulkwatch beside a milter that does nothing, and beside other tools.

usage: bench.py [--quick] [--build DIR] [--place DIR] [--without NAME]... [PART]...

Parts: raw, postfix, growth, profile; all of them if none is named. Each part keeps its results in
build/bench/results, and RESULTS.md beside this file is made of all that are there. --quick is for
looking whether it works: one short round, and the report goes to build/bench/RESULTS-quick.md.

Runs as root (the private Postfix needs that), on loopback and in a directory of its own.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "lib")]

from benchlib import growth, machine, postfix, profile, raw, report  # noqa: E402

PACKAGES = ["postfix", "rspamd", "redis-server", "policyd-rate-limit", "postfwd", "linux-perf",
            "strace", "sqlite3"]

PARTS = {"raw": raw.run, "postfix": postfix.run, "growth": growth.run, "profile": profile.run}
TITLES = {
    "raw": "1. Raw protocol",
    "postfix": "2. Through Postfix",
    "growth": "3. Growth",
    "profile": "4. Where the time goes",
}


class Bench:
    """What a part needs: where things are, and contenders that are stopped whatever happens."""

    def __init__(self, programs, place, quick, without):
        self.programs, self.place, self.quick, self.without = programs, place, quick, without
        self.running = []
        self.described = []

    def start(self, *kinds):
        """Starts contenders, each in a directory of its own, and returns them."""
        started = []
        for kind in kinds:
            if kind.name in self.without:
                continue
            contender = kind(self.place, self.programs)
            self.running.append(contender)
            contender.start()
            started.append(contender)
            if kind.name not in dict(self.described):
                self.described.append((kind.name, kind.what + (
                    ", on TCP" if kind.name.endswith("-tcp") else "")))
        return started

    def stop(self):
        while self.running:
            contender = self.running.pop()
            contender.stop()
            shutil.rmtree(contender.directory, ignore_errors=True)

    @staticmethod
    def say(text):
        print(f"bench: {text}", flush=True)


def main():
    options = parse_options()
    check(options)
    kept = options.build / "bench" / ("results-quick" if options.quick else "results")
    kept.mkdir(parents=True, exist_ok=True)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="bulkwatch-bench-", dir=options.place) as place:
        # Postfix and the policy services run as users of their own.
        os.chmod(place, 0o755)
        for name in options.parts or PARTS:
            failed += run_part(name, options, Path(place), kept)
        write_report(options, Path(place), kept)
    return 1 if failed else 0


def parse_options():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--place", default=None)
    parser.add_argument("--without", action="append", default=[])
    options = parser.parse_args()
    for name in options.parts:
        if name not in PARTS:
            parser.error(f"no part is named {name}; there are {', '.join(PARTS)}")
    return options


def check(options):
    if os.geteuid() != 0:
        sys.exit("bench: run as root: Postfix starts as root, and gives its processes other users")
    for program in (options.build / "bench" / "noop", options.build / "bench" / "milterload",
                    options.build / "bulkwatchd"):
        if not program.exists() and program.name not in options.without:
            sys.exit(f"bench: {program} is missing; `make bench` builds it")
    subprocess.run([ROOT / "tests" / "lib" / "install-deps.sh", *PACKAGES], check=True)
    os.environ["PATH"] += ":/usr/sbin:/sbin"


def run_part(name, options, place, kept):
    """Returns 0, or 1 if the part failed; what it had started is stopped in any case."""
    bench = Bench(options.build, place, options.quick, options.without)
    began = time.monotonic()
    # A part that fails leaves no older figures behind as if they were of now.
    (kept / f"{name}.json").unlink(missing_ok=True)
    try:
        result = PARTS[name](bench)
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        print(f"bench: {name} failed: {error}", file=sys.stderr)
        return 1
    finally:
        bench.stop()
    quick = " --quick" if options.quick else ""
    result |= {"quick": options.quick, "seconds": time.monotonic() - began,
               "made": time.strftime("%Y-%m-%d %H:%M %Z"),
               "command": f"tests/bench/bench.py{quick} {name}"}
    (kept / f"{name}.json").write_text(json.dumps(result, indent=1, default=str))
    bench.say(f"{name} took {result['seconds']:.0f} s")
    return 0


def write_report(options, place, kept):
    results = {path.stem: json.loads(path.read_text()) for path in kept.glob("*.json")}
    text = report.render(results, machine.describe(place, ROOT), TITLES)
    path = options.build / "bench" / "RESULTS-quick.md" if options.quick else HERE / "RESULTS.md"
    path.write_text(text)
    print(f"bench: wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
