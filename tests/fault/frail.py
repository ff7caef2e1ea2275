"""A disk that fails below a daemon, as a test wants it: see frail.c."""

import contextlib
import errno
import os
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("frail.c")
WARNINGS = ["-Wall", "-Wextra", "-Werror"]


def build(folder):
    """Compiles the library; returns its path."""
    library = folder / "frail.so"
    done = subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O1", "-fPIC", "-shared",
                           "-U_FORTIFY_SOURCE", *WARNINGS, "-o", str(library), str(SOURCE)],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return library


def rule(error, operations, pattern, percent=100, delay=0.0):
    """A line of the rules. error: a number of errno, or 0; delay: seconds before the call."""
    return f"{error} {operations} {percent} {int(delay * 1000)} {pattern}\n"


class Frail:
    """The disk of one daemon. library: what build() returned; folder: all below it is frail."""

    def __init__(self, library, folder):
        self.library, self.folder = library, folder
        self.rules = folder / "frail.rules"
        self.journal = None

    def environment(self):
        """What the daemon has to be started with."""
        # A sanitizer's library wants to be the first one; ours needs none of its memory.
        options = [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]
        found = {"LD_PRELOAD": str(self.library), "FRAIL_FOLDER": str(self.folder),
                 "FRAIL_RULES": str(self.rules), "ASAN_OPTIONS": ":".join(filter(None, options))}
        if self.journal:
            found["FRAIL_JOURNAL"] = str(self.journal)
        return found

    @contextlib.contextmanager
    def failing(self, *rules):
        """These rules hold until the end."""
        # The daemon may look at any moment: it must never see half a file.
        fresh = self.rules.with_suffix(".new")
        fresh.write_text("".join(rules))
        fresh.rename(self.rules)
        try:
            yield
        finally:
            self.rules.unlink()


EIO, ENOSPC, EROFS, EMFILE, ENOMEM = (
    errno.EIO, errno.ENOSPC, errno.EROFS, errno.EMFILE, errno.ENOMEM)
