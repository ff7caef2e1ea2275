"""bulkwatchd with settings and a database of its own, and the command bulkwatch beside it."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from .waiting import wait_for

PROJECT = Path(__file__).resolve().parents[3]
# Another build, such as one with sanitizers, is tested by naming its programs here.
BULKWATCHD = Path(os.environ.get("BULKWATCHD", PROJECT / "build" / "bulkwatchd")).absolute()
BULKWATCH = Path(os.environ.get("BULKWATCH", PROJECT / "build" / "bulkwatch")).absolute()

# What a sanitizer says when it has found something.
SANITIZER_FINDING = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|MemorySanitizer|runtime error:")

# Libraries keep some memory for good; see the file.
LSAN_OPTIONS = f"suppressions={PROJECT}/tests/lib/lsan.supp:print_suppressions=0"

FAKETIME_LIBRARY = "libfaketimeMT.so.1"


class CommandFailed(AssertionError):
    """A program ended with another exit status than was expected."""


class Daemon:
    """One bulkwatchd. Its files are in a directory of its own, .dir, gone after remove().

    listen: as the setting of that name.
    settings: further settings by name; groups (dicts) are merged with those of default_settings,
        all else replaces what stands there, and None takes a setting out.
    """

    def __init__(self, listen, parent=None, **settings):
        self.dir = Path(tempfile.mkdtemp(prefix="bulkwatch-daemon-", dir=parent))
        self.config = self.dir / "bulkwatch.conf"
        self.database = self.dir / "db" / "bulkwatch.db"
        self.spool = self.dir / "spool"
        self.stderr = self.dir / "stderr"
        self.database.parent.mkdir()
        self.spool.mkdir()
        self.notify = NotifySocket(self.dir / "notify")
        self.process = None
        self.faketime = None
        self.environment = {}
        self.settings = merged(self.default_settings(listen), settings)

    def default_settings(self, listen):
        return {
            "listen": listen,
            "database": str(self.database),
            "spool": str(self.spool),
            "on_failure": "accept",
            "outbound": {"logins": True, "networks": ["127.0.0.0/8", "::1/128"]},
            "local_domains": ["example.gov.vn"],
            "rules": [{"name": "message", "recipients": 20},
                      {"name": "window", "recipients": 20, "window": "10m"}],
            "alerts": {"to": ["postmaster@example.gov.vn"],
                       "from": "bulkwatch@example.gov.vn",
                       "smtp": "smtp://127.0.0.1:25",
                       "language": "vi",
                       "per_hour": 30,
                       # Tests count mails, whatever the time of the day.
                       "digest": "",
                       "contact": "Văn phòng, điện thoại 101"},
        }

    # -- life ---------------------------------------------------------------------------------

    def start(self, wait=True):
        """Writes the settings and starts it; returns once it tells systemd that it is ready."""
        self.write_config()
        self.notify.open()
        environment = dict(os.environ, NOTIFY_SOCKET=self.notify.path, **self.environment)
        environment.setdefault("LSAN_OPTIONS", LSAN_OPTIONS)
        # Else it writes its log as the journal wants it.
        environment.pop("JOURNAL_STREAM", None)
        if self.faketime:
            environment |= self.faketime.environment()
        with open(self.stderr, "ab") as stderr:
            self.process = subprocess.Popen(
                [str(BULKWATCHD), "-c", str(self.config)], env=environment,
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, cwd=self.dir)
        if wait:
            try:
                wait_for(self._is_ready, lambda: f"bulkwatchd to be ready:\n{self.log()}")
            except BaseException:
                self.kill()
                raise
        return self

    def stop(self, timeout=10):
        """Stops it with SIGTERM if it runs, and fails if that took long or ended badly."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
        self.ended(timeout)

    def ended(self, timeout=10, status=0):
        """Waits for its end, and fails if it is late or with another exit status."""
        if self.process is None:
            return
        try:
            found = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"bulkwatchd still ran {timeout} s after it was told to stop; "
                                 f"it said:\n{self.log()}") from None
        self.process = None
        self.check_sanitizers()
        if found != status:
            raise CommandFailed(f"bulkwatchd ended with {found}, not {status}; "
                                f"it said:\n{self.log()}")

    def kill(self):
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def reload(self):
        """Writes the settings and has them read. Returns at once: see wait_for_log."""
        self.write_config()
        self.process.send_signal(signal.SIGUSR1)

    def remove(self):
        try:
            self.stop()
        finally:
            self.kill()
            self.notify.close()
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.remove()

    # -- settings -----------------------------------------------------------------------------

    def set(self, **settings):
        """Changes settings; they take effect at the next start or reload."""
        self.settings = merged(self.settings, settings)

    def write_config(self, text=None):
        """Writes the settings file; text, if given, instead of the settings."""
        self.config.write_text(libconfig(self.settings) if text is None else text)
        # It may hold a password.
        self.config.chmod(0o640)

    def check_settings(self):
        """Runs `bulkwatchd -t` on the file as it stands; returns the finished process."""
        done = subprocess.run([str(BULKWATCHD), "-c", str(self.config), "-t"],
                              capture_output=True, text=True, timeout=30)
        assert not SANITIZER_FINDING.search(done.stderr), done.stderr
        return done

    # -- what it says -------------------------------------------------------------------------

    def log(self):
        return self.stderr.read_text(errors="replace") if self.stderr.exists() else ""

    def wait_for_log(self, pattern, timeout=20, after=0):
        """Returns the match of a regular expression in the log from an offset on."""
        return wait_for(lambda: re.search(pattern, self.log()[after:], re.M),
                        lambda: f"/{pattern}/ in the daemon's log:\n{self.log()[-4000:]}", timeout)

    def check_sanitizers(self):
        found = SANITIZER_FINDING.search(self.log())
        if found:
            raise AssertionError(f"a sanitizer found a fault:\n{self.log()[found.start():][:4000]}")

    # -- what the command says ----------------------------------------------------------------

    def bulkwatch(self, *args, json=True, status=0):
        """Runs `bulkwatch` on this daemon's settings; see run_bulkwatch."""
        return run_bulkwatch(self.config, *args, json=json, status=status)

    def bulk_sends(self, *args):
        """The log of bulk sends, newest first, whatever their status."""
        return self.bulkwatch("list", "--status", "all", *args)

    def one_bulk_send(self):
        """The only bulk send there is, as `show` tells of it."""
        found = self.bulk_sends()
        assert len(found) == 1, f"one bulk send expected, found {len(found)}: {found}"
        return self.bulkwatch("show", str(found[0]["id"]))

    def counted(self, sender):
        """(messages, recipients) that were counted for a sender; (0, 0) if it is not known."""
        for row in self.bulkwatch("senders", "--top", "100000"):
            if row["sender"] == sender:
                return row["messages"], row["recipients"]
        return 0, 0

    def reconcile(self, *words, status=0):
        """What `reconcile` found in the logs; it ends with 1 where something is unexplained."""
        done = run_bulkwatch(self.config, "reconcile", *map(str, words), status=status)
        return done if status == 0 else _json(done.stdout)

    # -- inside -------------------------------------------------------------------------------

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"bulkwatchd ended with {self.process.returncode} while it "
                                 f"started; it said:\n{self.log()}")
        return "READY=1" in self.notify.told()


class NotifySocket:
    """What systemd would hear: sd_notify(3)."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = None
        self.lines = []

    def open(self):
        """Forgets what was told before, and listens."""
        self.close()
        self.lines = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        # A daemon that is not root any more has to tell, too.
        os.chmod(self.path, 0o666)
        self.socket.setblocking(False)

    def told(self):
        """All lines told since open()."""
        try:
            while True:
                self.lines += self.socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return self.lines

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None
            os.unlink(self.path)


class Faketime:
    """A wall clock that a test sets for a daemon, while the steady clock goes on as it is."""

    def __init__(self, directory):
        self.file = Path(directory) / "faketime"
        self.set("+0")

    @staticmethod
    def library():
        """The library's path; None if it is not installed."""
        return next((str(path) for path in Path("/usr/lib").glob(f"*/faketime/{FAKETIME_LIBRARY}")),
                    None)

    def set(self, offset):
        """offset: "+2h", "-30m", …, from the true time."""
        # The daemon may look at any moment: it must never see half a file.
        fresh = self.file.with_suffix(".new")
        fresh.write_text(offset + "\n")
        fresh.rename(self.file)

    def environment(self):
        return {"LD_PRELOAD": self.library(), "FAKETIME_TIMESTAMP_FILE": str(self.file),
                "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "DONT_FAKE_MONOTONIC": "1"}


def alone(stderr):
    """What a command about held mail would have said if no other test had given one just then:
    on one machine they go one after another."""
    return re.sub(r"bulkwatch: somebody else[^\n]*; waiting for the end of it\n", "", stderr)


def run_bulkwatch(config, *args, json=True, status=0):
    """Runs `bulkwatch -c CONFIG [--json] ARGS`.

    status: the exit status that is right; None for any.
    Returns the JSON document; with json=False, or when it should fail, the finished process.
    """
    flags = ["--json"] if json else []
    done = subprocess.run([str(BULKWATCH), "-c", str(config), *flags, *args],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    done.stdout = done.stdout.decode(errors="replace")
    done.stderr = alone(done.stderr.decode(errors="replace"))
    found = SANITIZER_FINDING.search(done.stderr)
    if found or (status is not None and done.returncode != status):
        raise CommandFailed(f"bulkwatch {' '.join(args)} ended with {done.returncode}, "
                            f"not {status}:\n{done.stdout}{done.stderr}")
    return _json(done.stdout) if json and status == 0 else done


def _json(text):
    try:
        return json.loads(text)
    except ValueError as error:
        raise AssertionError(f"not one JSON document ({error}):\n{text}") from None


def merged(base, changes):
    """base with the changes; see Daemon."""
    result = dict(base)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], value)
        else:
            result[name] = value
    return result


def libconfig(settings):
    """Settings as libconfig's syntax: dicts are groups, lists of dicts lists, lists arrays."""
    return "".join(f"{name} = {_value(value)};\n" for name, value in settings.items())


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{ " + libconfig(value).replace("\n", " ") + "}"
    if isinstance(value, list):
        inside = ", ".join(map(_value, value))
        of_groups = any(isinstance(item, dict) for item in value)
        return f"( {inside} )" if of_groups else f"[ {inside} ]"
    quoted = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{quoted}"'
