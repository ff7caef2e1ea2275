"""The clocks of a daemon, set by the test."""

import mmap
import struct
import subprocess
import time
from pathlib import Path

SOURCE = Path(__file__).with_name("shift.c")
MINUTE, HOUR, DAY = 60, 3600, 86400
YEAR = 365 * DAY


class Clocks:
    """The wall clock and the time since the boot, as a daemon sees them; see shift.c.

    It holds for a daemon that is started after use_in().
    """

    def __init__(self, directory):
        self.library = Path(directory) / "shift.so"
        self.file = Path(directory) / "shift"
        self.wall = self.steady = 0
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", self.library,
                        SOURCE], check=True)
        self.file.write_bytes(bytes(16))
        with open(self.file, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 16)
        # A daemon that is not root any more reads it, too.
        for path in (directory, *Path(directory).parents[:1]):
            Path(path).chmod(0o755)

    def use_in(self, daemon):
        daemon.environment |= self.environment()
        return daemon

    def environment(self):
        return {"LD_PRELOAD": str(self.library), "SHIFT_FILE": str(self.file)}

    def pass_by(self, seconds):
        """So much time goes by, by both clocks."""
        self._set(self.wall + seconds, self.steady + seconds)

    def jump(self, seconds):
        """Somebody sets the wall clock forward, or back where it is less than 0."""
        self._set(self.wall + seconds, self.steady)

    def set_wall(self, moment):
        """The wall clock is set to this moment, in seconds since 1970."""
        self._set(int(moment - time.time()), self.steady)

    def now(self):
        """The wall clock."""
        return time.time() + self.wall

    def passed(self):
        """The steady clock."""
        return time.monotonic() + self.steady

    def _set(self, wall, steady):
        self.wall, self.steady = wall, steady
        self.memory[:] = struct.pack("=qq", wall, steady)
