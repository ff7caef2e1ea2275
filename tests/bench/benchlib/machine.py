"""What the figures were taken on."""

import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path

PACKAGES = ["libmilter1.0.1", "libsqlite3-0", "postfix", "rspamd", "redis-server",
            "policyd-rate-limit", "postfwd", "gcc"]


def describe(place, root):
    """Rows of two cells. place: where the databases and queues were."""
    return [
        ["processor", f"{_processor()}, {os.cpu_count()} of them"],
        ["memory", f"{_memory_gb():.0f} GB"],
        ["kernel", f"{platform.system()} {platform.release()}"],
        ["system", _system()],
        ["file system", f"{_file_system(place)}; write and fdatasync of a page: "
                        f"{_sync_us(place):.0f} µs (median)"],
        ["versions", ", ".join(f"{name} {version}" for name, version in _versions())],
        ["bulkwatch", _commit(root)],
    ]


def _processor():
    found = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.M)
    return found.group(1) if found else platform.machine()


def _memory_gb():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _system():
    found = re.search(r'^PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text(), re.M)
    return found.group(1) if found else "unknown"


def _file_system(place):
    return _output("findmnt", "--noheadings", "--output", "FSTYPE", "--target", str(place))


def _sync_us(place):
    """The median time of writing a page and fdatasync: what a durable commit costs at least."""
    path = Path(place) / "sync-probe"
    times = []
    with open(path, "wb", buffering=0) as file:
        for _ in range(200):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    path.unlink()
    return statistics.median(times) * 1e6


def _versions():
    for name in PACKAGES:
        version = _output("dpkg-query", "-W", "-f=${Version}", name)
        if version:
            yield name, version


def _commit(root):
    commit = _output("git", "-C", str(root), "rev-parse", "--short", "HEAD") or "no commit"
    changed = _output("git", "-C", str(root), "status", "--porcelain", "--", "milter", "include")
    return commit + (", with changes that are not committed" if changed else "")


def _output(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
