"""What a disk may hold after a power cut, made from a journal of frail.c.

Of what was written, that which was synced is there. Of the rest any part may be: each write, cut
and, within a write, each sector of 512 bytes alone. Names (create, rename, unlink) are as they
were when their folder was synced last, and as any number of the changes made since, in order.
"""

import os
import shutil
import struct
from pathlib import Path

SECTOR = 512
HEAD = struct.Struct("=8sQQQQ")  # struct line of frail.c


def read_journal(path):
    """(what, file, offset, path, bytes) of each line; a torn last one does not count."""
    data, at = path.read_bytes(), 0
    while at + HEAD.size <= len(data):
        what, file, offset, length, path_length = HEAD.unpack_from(data, at)
        at += HEAD.size
        if at + path_length + length > len(data):
            return
        name = data[at:at + path_length].decode()
        at += path_length
        yield what.rstrip(b"\0").decode(), file, offset, name, data[at:at + length]
        at += length


class File:
    """What was synced of a file, and what has been done to it since."""

    def __init__(self, content=b""):
        self.synced = bytearray(content)
        self.since = []

    def sync(self):
        for what, offset, data in self.since:
            apply(self.synced, what, offset, data)
        self.since = []

    def after_cut(self, rng):
        content = bytearray(self.synced)
        share = rng.choice((0.0, 0.5, 0.9, 1.0))
        for what, offset, data in self.since:
            if what == "cut":
                if rng.random() < share:
                    apply(content, what, offset, data)
                continue
            for start in range(0, len(data), SECTOR):
                if rng.random() < share:
                    apply(content, what, offset + start, data[start:start + SECTOR])
        return content


def apply(content, what, offset, data):
    if what == "cut":
        del content[offset:]
    if len(content) < offset + len(data):
        content.extend(bytes(offset + len(data) - len(content)))
    content[offset:offset + len(data)] = data


class Disk:
    """Some folders, from what they hold now on. Replay the journal, then cut as often as wanted.

    ignore_syncs: a disk that lies, to show that the tests would find a missing sync.
    """

    def __init__(self, *folders, ignore_syncs=False):
        self.folders = folders
        self.ignore_syncs = ignore_syncs
        self.files, self.names, self.pending = {}, {}, []
        for path in (p for folder in folders for p in folder.iterdir() if p.is_file()):
            self.files[path.stat().st_ino] = file = File(path.read_bytes())
            self.names[str(path)] = file

    def replay(self, journal):
        for line in read_journal(journal):
            self.do(*line)
        return self

    def do(self, what, number, offset, path, data):
        if what == "create":
            self.files[number] = File()
            self.pending.append((path, self.files[number]))
        elif what == "rename":
            self.pending += [(data.decode(), self.named(path)), (path, None)]
        elif what == "unlink":
            self.pending.append((path, None))
        elif what != "sync":
            if number in self.files:  # or it is none of ours: the daemon's standard error
                self.files[number].since.append((what, offset, data))
        elif not self.ignore_syncs:
            self.sync(number, path)

    def sync(self, number, path):
        if number in self.files:
            self.files[number].sync()
            return
        ours = [change for change in self.pending if str(Path(change[0]).parent) == path]
        self.pending = [change for change in self.pending if change not in ours]
        for name, file in ours:
            self.name(self.names, name, file)

    def named(self, path):
        for name, file in reversed(self.pending):
            if name == path:
                return file
        return self.names.get(path)

    @staticmethod
    def name(names, path, file):
        names.pop(path, None)
        if file is not None:
            names[path] = file

    def cut(self, rng, target):
        """Writes the files as they may be found into folders of the same names below target.

        What was mapped (-shm) is rubbish: nobody syncs it.
        """
        names = dict(self.names)
        for path, file in self.pending[:rng.randrange(len(self.pending) + 1)]:
            self.name(names, path, file)
        for folder in self.folders:
            shutil.rmtree(target / folder.name, ignore_errors=True)
            (target / folder.name).mkdir(parents=True)
        for path, file in names.items():
            content = file.after_cut(rng)
            if path.endswith("-shm"):
                content = rng.randbytes(32768)
            (target / Path(path).parent.name / os.path.basename(path)).write_bytes(content)
