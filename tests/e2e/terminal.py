"""The command `bulkwatch` as a person sees it: on a terminal."""

import fcntl
import os
import pty
import struct
import subprocess
import termios

from bulkwatch_lab import BULKWATCH


def on_terminal(daemon, *args, columns=80, environment=None, answer=""):
    """What `bulkwatch ARGS` writes on a terminal of so many columns; lines end in CR LF. answer:
    what is typed, and stands in it too."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    # The width is the terminal's, not the one of whoever runs the tests.
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    env |= {"TERM": "xterm", "LC_ALL": "C.UTF-8"} | (environment or {})
    process = subprocess.Popen([str(BULKWATCH), "-c", str(daemon.config), *args],
                               stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    os.write(ours, answer.encode())
    shown = b""
    try:
        while data := os.read(ours, 65536):
            shown += data
    except OSError:
        pass  # EIO: the other side is closed
    os.close(ours)
    process.wait()
    return shown.decode()
