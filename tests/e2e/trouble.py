"""What can go wrong below the daemon: a locked database; a disk that is full or stands still."""

import contextlib
import sqlite3
import subprocess

import pytest


@contextlib.contextmanager
def locked(database):
    """Keeps every other program from writing to the database."""
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def _run(*command):
    return subprocess.run(command, capture_output=True, text=True)


@contextlib.contextmanager
def _mounted(directory, *how):
    done = _run("mount", *how, str(directory))
    if done.returncode != 0:
        pytest.skip(f"no rights to mount here: {done.stderr.strip()}")
    try:
        yield directory
    finally:
        _run("umount", "--lazy", str(directory))


@contextlib.contextmanager
def small_disk(directory, kilobytes):
    """Mounts an empty filesystem of this size on a directory."""
    with _mounted(directory, "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=0755", "tmpfs"):
        yield directory


def fill(directory):
    """Leaves no byte free; returns the file that is in the way."""
    filler = directory / "filler"
    with open(filler, "ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    return filler


@contextlib.contextmanager
def disk_that_can_freeze(directory, image):
    """Mounts a filesystem on a directory, for frozen()."""
    with open(image, "wb") as file:
        file.truncate(32 << 20)
    done = _run("mkfs.ext4", "-q", "-F", str(image))
    assert done.returncode == 0, done.stderr
    with _mounted(directory, "-o", "loop", str(image)):
        yield directory


@contextlib.contextmanager
def frozen(directory):
    """Every write to this filesystem waits until the end."""
    done = _run("fsfreeze", "--freeze", str(directory))
    if done.returncode != 0:
        pytest.skip(f"no rights to freeze a filesystem here: {done.stderr.strip()}")
    try:
        yield
    finally:
        _run("fsfreeze", "--unfreeze", str(directory))
