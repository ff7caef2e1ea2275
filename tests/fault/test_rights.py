"""What the daemon may do, what it takes from others, and who learns its secrets."""

import os
import pwd
import re
import shutil
import sqlite3
import stat
import subprocess
from pathlib import Path

import pytest

from bulkwatch_lab import (BULKWATCH, BULKWATCHD, Milter, SmtpSink, addresses, smtpsink, wait_for)
from mta import ANSWERED, Watched, threads_of
from trouble import locked

RECIPIENTS = [f"<{address}>".encode() for address in addresses(20)]
NOBODY = pwd.getpwnam("nobody")
PASSWORD = "m1t-kh0u"
# setpriv(1): another user who may do nothing else, whatever a program's file says.
AS_NOBODY = ["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups",
             "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
GROUP = NOBODY.pw_gid  # the daemon's; admins who read the log are in it


class Owned(Watched):
    """A daemon of the user nobody: by the setting, or started by that user."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.dir.chmod(0o755)
        self.run = self.dir / "run"
        self.run.mkdir()
        self.socket = self.run / "milter.sock"
        self.set(listen=f"unix:{self.socket}")
        for folder in (self.database.parent, self.spool, self.run):
            os.chown(folder, NOBODY.pw_uid, GROUP)
        self.database.parent.chmod(0o2770)
        self.spool.chmod(0o750)
        self.before_it = []  # a program that starts the daemon

    def write_config(self, text=None):
        super().write_config(text)
        os.chown(self.config, 0, NOBODY.pw_gid)

    def start(self, wait=True):
        if not self.before_it:
            return super().start(wait)
        self.write_config()
        self.notify.open()
        with open(self.stderr, "ab") as stderr:
            self.process = subprocess.Popen(
                [*self.before_it, str(BULKWATCHD), "-c", str(self.config)],
                env=dict(os.environ, NOTIFY_SOCKET=self.notify.path, **self.environment),
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, cwd=self.dir)
        wait_for(self._is_ready, lambda: f"bulkwatchd to be ready:\n{self.log()}")
        return self

    def bulk_send(self, sender="thu.ha@example.gov.vn"):
        with Milter(self.socket) as milter:
            return milter.message(f"<{sender}>".encode(), RECIPIENTS, [(b"Subject", b"Hello")],
                                  login=sender.encode())


@pytest.fixture
def new_owned():
    made = []

    def make(**settings):
        made.append(Owned(**settings))
        return made[-1]

    yield make
    for one in made:
        one.remove()


@pytest.fixture
def owned(new_owned):
    """Started by root, and nobody after that."""
    return new_owned(user="nobody")


@pytest.fixture
def programs():
    """Copies of the programs that any user can run, whoever may see where they were built."""
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    folder.chmod(0o755)
    for program in (BULKWATCHD, BULKWATCH):
        shutil.copy(program, folder)
    yield folder
    shutil.rmtree(folder)


def refused(daemon, *words):
    daemon.start(wait=False)
    daemon.ended(status=1)
    assert all(str(word) in daemon.log() for word in words), daemon.log()
    assert not daemon.socket.exists()


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


# ----------------------------------------------------------------------------- what it may do

def test_user_without_any_capability_can_run_it(new_owned, programs):
    daemon = new_owned()
    daemon.before_it = [*AS_NOBODY, "sh", "-c", f'shift; exec {programs}/bulkwatchd "$@"', "sh"]
    daemon.start()
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert re.search(rf"{kind}:\s+0+\n", status), status
    assert re.search(r"NoNewPrivs:\s+1\n", status)
    assert daemon.bulk_send() in ANSWERED
    assert daemon.one_bulk_send()["recipients"] == 20


def test_root_keeps_no_right_of_its_own(owned):
    owned.start(wait=False)
    wait_for(owned._is_ready, "the start")
    for status in threads_of(owned.process.pid):
        assert re.search(rf"Uid:(\s+{NOBODY.pw_uid}){{4}}\n", status)
        assert re.search(rf"Gid:(\s+{NOBODY.pw_gid}){{4}}\n", status)
        assert re.search(rf"Groups:\s+({NOBODY.pw_gid} )?\n", status), status
        for kind in ("CapPrm", "CapEff", "CapAmb"):
            assert re.search(rf"{kind}:\s+0+\n", status), status


def test_it_writes_in_its_own_folders_only(owned, tmp_path):
    trace = tmp_path / "trace"
    calls = ("open,openat,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,"
             "linkat,symlink,symlinkat,mknod,mknodat,truncate,chmod,fchmodat,chown,lchown,fchownat")
    owned.environment["ASAN_OPTIONS"] = "detect_leaks=0"  # that is not for a traced program
    owned.before_it = ["strace", "-f", "-qq", "-s", "512", "-o", str(trace), "-e", f"trace={calls}"]
    owned.start()
    assert owned.bulk_send() in ANSWERED
    with locked(owned.database):
        owned.bulk_send("other@example.gov.vn")  # into the spool
    wait_for(lambda: len(owned.bulk_sends()) == 2, "both")
    # The signal is for the daemon, strace ends with it.
    daemon = int(re.search(r"bulkwatchd\[(\d+)\]", owned.log())[1])
    os.kill(daemon, 15)
    owned.ended()
    writes = []
    for line in trace.read_text().splitlines():
        reads = re.search(r"\bopen(at)?\(", line) and not re.search(
            r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", line)
        if not reads and re.search(r" = \d", line):
            writes.append((line, [path for path in re.findall(r'"([^"]*)"', line) if path]))
    assert any("messages.jsonl" in line for line, _ in writes), "nothing came into the spool"
    assert any("bulkwatch.db-wal" in line for line, _ in writes)
    for line, paths in writes:
        for path in paths:
            place = Path(path)
            assert not place.is_absolute() or path == "/dev/null" or any(
                folder in place.parents for folder in (owned.database.parent, owned.spool,
                                                       owned.run)), line
            # By its name alone only in a folder that it has open: the spool.
            assert place.is_absolute() or (place.name == path and "AT_FDCWD" not in line), line


def test_modes_of_what_it_makes(owned):
    os.umask(0)  # whatever it is started with
    try:
        owned.start(wait=False)
    finally:
        os.umask(0o022)
    wait_for(owned._is_ready, "the start")
    assert owned.bulk_send() in ANSWERED
    with locked(owned.database):
        owned.bulk_send("other@example.gov.vn")
        assert mode(owned.spool / "messages.jsonl") == 0o640
    wait_for(lambda: len(owned.bulk_sends()) == 2, "both")
    assert mode(owned.socket) == 0o660
    for suffix in ("", "-wal", "-shm"):
        file = Path(str(owned.database) + suffix)
        assert mode(file) == 0o660 and file.stat().st_uid == NOBODY.pw_uid
    assert mode(Path(str(owned.database) + ".lock")) == 0o640


# ------------------------------------------------------------------- what somebody else has put

def symlink(path):
    (path.parent / "elsewhere").touch()
    path.symlink_to(path.parent / "elsewhere")


def of_another_user(path):
    path.touch()
    os.chown(path, 12345, 12345)


PLANTED = {"a symbolic link": symlink, "another user's file": of_another_user, "a FIFO": os.mkfifo,
           "a folder": os.mkdir}


@pytest.mark.parametrize("what", PLANTED)
def test_database_that_somebody_else_has_put_there_is_refused(owned, what):
    PLANTED[what](owned.database)
    before = owned.database.lstat()
    refused(owned, owned.database)
    after = owned.database.lstat()
    assert (before.st_ino, before.st_size, before.st_uid) == (after.st_ino, after.st_size,
                                                              after.st_uid)


@pytest.mark.parametrize("what", PLANTED)
def test_spool_file_that_somebody_else_has_put_there_holds_nothing_up(owned, what):
    """It is left alone and said; the daemon does its work without a spool."""
    PLANTED[what](owned.spool / "messages.jsonl")
    owned.start(wait=False)
    wait_for(owned._is_ready, lambda: owned.log())
    owned.wait_for_log(r"spool-failed.*messages\.jsonl")
    assert owned.bulk_send() in ANSWERED
    assert owned.one_bulk_send()["recipients"] == 20
    with locked(owned.database):
        assert owned.bulk_send("other@example.gov.vn") in ANSWERED
    owned.wait_for_log(r"other@example\.gov\.vn")  # the whole record, in the log
    if what == "a symbolic link":
        assert (owned.spool / "elsewhere").stat().st_size == 0


@pytest.mark.parametrize("key", ["database", "spool"])
@pytest.mark.parametrize("fault", ["everybody may write", "another user's"])
def test_folder_that_others_could_put_things_into_is_refused(owned, key, fault):
    folder = owned.database.parent if key == "database" else owned.spool
    if fault == "everybody may write":
        folder.chmod(0o1777)
    else:
        folder.chmod(0o775)
        os.chown(folder, 12345, NOBODY.pw_gid)
    refused(owned, key, folder, "everybody" if fault.startswith("every") else "12345")


@pytest.mark.parametrize("make", ["a hard link", "a symbolic link"])
def test_lock_that_is_another_file_is_neither_emptied_nor_given_away(owned, make):
    """Root opens it in a folder of the daemon's user."""
    precious = owned.dir / "precious"
    precious.write_text("kept")
    lock = Path(f"{owned.database}.lock")
    (lock.hardlink_to if make == "a hard link" else lock.symlink_to)(precious)
    refused(owned, lock)
    assert precious.read_text() == "kept" and precious.stat().st_uid == 0


@pytest.mark.parametrize("what", ["file", "folder", "template"])
def test_settings_that_everybody_can_change_are_refused(owned, what):
    folder = owned.dir / "templates" / "vi"
    folder.mkdir(parents=True)
    template = folder / "started.txt"
    template.write_text("Subject: {id}\n\n{sender}\n")
    owned.write_config()
    changed = {"file": owned.config, "folder": owned.dir, "template": template}[what]
    changed.chmod(mode(changed) | 0o002)
    done = owned.check_settings()
    assert done.returncode == 1 and "everybody on this machine" in done.stderr, done
    assert "chmod o-w" in done.stderr


def test_reload_of_settings_that_everybody_can_change_is_refused(owned):
    owned.start(wait=False)
    wait_for(owned._is_ready, "the start")
    owned.config.chmod(0o666)
    os.kill(owned.process.pid, 10)
    owned.wait_for_log("reload-refused")
    assert owned.bulk_send() in ANSWERED


# ------------------------------------------------------------------------------------- secrets

def test_password_is_shown_nowhere(new_owned):
    with SmtpSink(mode=smtpsink.REFUSE) as sink:
        url = f"smtp://canh:{PASSWORD}@127.0.0.1:{sink.port}"
        daemon = new_owned(user="nobody", alerts={"smtp": url})
        daemon.start(wait=False)
        wait_for(daemon._is_ready, "the start")
        assert daemon.bulk_send() in ANSWERED
        wait_for(lambda: daemon.one_bulk_send()["alerts"][0]["attempts"], "an attempt")
        said = [daemon.log()]
        proc = Path(f"/proc/{daemon.process.pid}")
        said += [(proc / name).read_bytes().decode() for name in ("cmdline", "environ", "comm")]
        for command in (["check"], ["show", "1"], ["list"], ["export", "--format", "json"]):
            done = daemon.bulkwatch(*command, json=False, status=None)
            said += [done.stdout, done.stderr]
        said.append(daemon.check_settings().stdout)
        for wrong in (f"smtp://canh:{PASSWORD}@", f"http://canh:{PASSWORD}@h",
                      f"smtp://canh:{PASSWORD}@h:99999"):
            daemon.set(alerts={"smtp": wrong})
            daemon.write_config()
            done = daemon.check_settings()
            assert done.returncode == 1
            said += [done.stdout, done.stderr]
        daemon.stop()
        said += [path.read_bytes().decode(errors="replace")
                 for path in daemon.database.parent.iterdir()]
    assert not any(PASSWORD in text for text in said), [t for t in said if PASSWORD in t]


def test_environment_leads_it_nowhere(owned, tmp_path):
    """A home with files that libraries read, a proxy, another place for temporary files."""
    home = tmp_path / "home"
    home.mkdir()
    for name in (".netrc", ".curlrc", ".sqliterc"):
        (home / name).write_text("machine 127.0.0.1 login evil password evil\n.exit\n")
    with SmtpSink() as proxy, SmtpSink() as sink:
        owned.environment |= {"HOME": str(home), "ALL_PROXY": f"http://127.0.0.1:{proxy.port}",
                              "TMPDIR": str(home), "SQLITE_TMPDIR": str(home),
                              "BULKWATCH_CONF": "/nonexistent"}
        owned.set(alerts={"smtp": sink.url})
        owned.start(wait=False)
        wait_for(owned._is_ready, "the start")
        assert owned.bulk_send() in ANSWERED
        wait_for(lambda: sink.mails, "the alert")
        assert not proxy.attempts and not sink.logins
    assert sorted(path.name for path in home.iterdir()) == [".curlrc", ".netrc", ".sqliterc"]


# -------------------------------------------------------------------- the command of other users

def as_user(programs, daemon, *words, group=None):
    who = [word for word in AS_NOBODY if not word.startswith("--re")]
    return subprocess.run([*who, "--reuid=12345", f"--regid={group or 12345}",
                           str(programs / "bulkwatch"), "-c", str(daemon.config), *words],
                          capture_output=True, text=True, timeout=30,
                          env={"PATH": os.environ["PATH"], "USER": "canh"})


def test_command_of_another_user_is_refused_clearly(owned, programs):
    owned.start(wait=False)
    wait_for(owned._is_ready, "the start")
    assert owned.bulk_send() in ANSWERED
    done = as_user(programs, owned, "list")
    assert done.returncode == 1 and f"{owned.config}" in done.stderr
    assert "Permission denied" in done.stderr and not done.stdout
    # Who may read the settings may not read the log for that.
    owned.config.chmod(0o644)
    for words in (["list"], ["show", "1"], ["take", "1"], ["senders"]):
        done = as_user(programs, owned, *words)
        assert done.returncode == 1 and str(owned.database) in done.stderr, done
        assert len(done.stderr.splitlines()) == 1 and not done.stdout


@pytest.mark.parametrize("who", ["root", "an admin of the group"])
def test_command_leaves_nothing_that_the_daemon_cannot_open(owned, programs, who):
    """The daemon is not running: the command makes the files beside the database."""
    owned.start(wait=False)
    wait_for(owned._is_ready, "the start")
    assert owned.bulk_send() in ANSWERED
    owned.stop()
    sqlite3.connect(owned.database).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
    assert not Path(f"{owned.database}-wal").exists()
    os.chmod(owned.config, 0o644)
    for words in (["list"], ["take", "1"], ["note", "1", "called"], ["check"]):
        if who == "root":
            owned.bulkwatch(*words, json=False, status=None if words == ["check"] else 0)
        else:
            done = as_user(programs, owned, *words, group=GROUP)
            assert words == ["check"] or done.returncode == 0, done
    assert Path(f"{owned.database}-wal").exists()
    owned.start(wait=False)
    wait_for(owned._is_ready, lambda: owned.log())
    assert owned.bulk_send("other@example.gov.vn") in ANSWERED
    assert len(owned.bulk_sends()) == 2 and owned.bulk_sends()[1]["status"] == "reviewing"
    assert "store-failed" not in owned.log()
