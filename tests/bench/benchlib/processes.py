"""Processes that the benchmarks start, and what the kernel says of them."""

import os
import signal
import subprocess
from pathlib import Path

from bulkwatch_lab.waiting import wait_for

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Daemon:
    """A program in the foreground; what it says goes to a file."""

    def __init__(self, name, argv, directory):
        self.name = name
        self.argv = [str(argument) for argument in argv]
        self.log = Path(directory) / f"{name}.log"
        self.process = None

    def start(self, ready, timeout=60):
        """Starts it, and returns once ready() is true."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        try:
            wait_for(lambda: self._alive() and ready(), f"{self.name} to listen", timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self):
        if self.process is None:
            return
        helpers = descendants(self.process.pid)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # Some leave their helpers behind.
        for pid in helpers:
            send_signal(pid, signal.SIGKILL)
        self.process = None

    def pids(self):
        return [self.process.pid, *descendants(self.process.pid)]

    def _alive(self):
        if self.process.poll() is not None:
            said = self.log.read_text(errors="replace")[-2000:]
            raise AssertionError(f"{self.name} ended while it started:\n{said}")
        return True


class DetachedDaemon(Daemon):
    """A program that goes to the background, and writes its process id into a file."""

    def __init__(self, name, argv, directory, pidfile):
        super().__init__(name, argv, directory)
        self.pidfile = Path(pidfile)
        self.pid = None

    def start(self, ready, timeout=60):
        with open(self.log, "ab") as log:
            subprocess.run(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                           timeout=timeout, check=True)
        self.pid = int(wait_for(self._read_pid, f"{self.name}'s process id", timeout))
        try:
            wait_for(ready, f"{self.name} to listen", timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self):
        if self.pid is None:
            return
        helpers = descendants(self.pid)
        send_signal(self.pid, signal.SIGTERM)
        try:
            wait_for(lambda: not Path(f"/proc/{self.pid}").exists(), f"{self.name} to end", 20)
        except AssertionError:
            send_signal(self.pid, signal.SIGKILL)
        for pid in helpers:
            send_signal(pid, signal.SIGKILL)
        self.pid = None

    def pids(self):
        return [self.pid, *descendants(self.pid)]

    def _read_pid(self):
        return self.pidfile.exists() and self.pidfile.read_text().strip()


def send_signal(pid, number):
    """kill(2), where the process may have ended already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def descendants(pid):
    """The children of a process, and theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def cpu_seconds(pids):
    """User and system time of processes so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / CLOCK_TICKS


def resident_kb(pids):
    """Memory of processes that is in memory now."""
    total = 0
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        total += sum(int(line.split()[1]) for line in status.splitlines()
                     if line.startswith("VmRSS:"))
    return total


def forget_peak(pids):
    """Lets the kernel take the peak of each process's memory anew."""
    for pid in pids:
        try:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        except OSError:
            pass
