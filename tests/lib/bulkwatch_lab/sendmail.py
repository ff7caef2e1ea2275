"""A private Sendmail in a directory of its own, on loopback ports, beside any other mail system.

Mail for DOMAIN goes to real Maildirs (one a user, by a program mailer); mail for any other domain
goes to .sink, an SMTP server of ours, so nothing ever leaves the machine. Users that are not in
KNOWN_USERS and no alias are rejected at RCPT, as on a real server.

It runs in namespaces of its own: with its own host name, without which it would wait a minute for
one, its own hosts file, so that no name service is asked, and its own /dev/log. Its programs are
Debian's, as tests/lib/fetch-sendmail.sh unpacks them.
"""

import os
import platform
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from .daemon import PROJECT
from .mail import Session
from .postfix import ADMIN, DOMAIN, KNOWN_USERS, MAIL_USER
from .smtpsink import SmtpSink
from .waiting import accepts, free_port, group_lives, wait_for

ROOT = PROJECT / "build" / "sendmail" / "root"
HOST = f"mail.{DOMAIN}"
# A message to more than 10 recipients there becomes several, as queue groups can have it.
SPLIT_DOMAIN = "split.example.net"
# Of every login that a test makes.
PASSWORD = "a good password"
# What conf/sendmail.mc names, and a test has elsewhere.
USUAL_SOCKET = "unix:/run/bulkwatch/milter.sock"

# Where Sendmail finds the directory too: below a folder that is everyone's, as that for temporary
# files, it trusts neither SASL's files nor a milter's socket.
SAFE = "/mnt"

ENTER = """\
hostname "$1"
mount --bind "$2/etc/hosts" /etc/hosts
[ ! -e /etc/nsswitch.conf ] || mount --bind "$2/etc/nsswitch.conf" /etc/nsswitch.conf
for device in null zero full random urandom tty; do
    mount --bind /dev/$device "$2/dev/$device"
done
mount --rbind "$2/dev" /dev
mount --bind "$2" /mnt
[ ! -e /usr/sbin/sendmail ] || mount --bind "$2/etc/sendmail" /usr/sbin/sendmail
shift 2
exec "$@"
"""

SENDMAIL_MC = """\
divert(-1)
divert(0)dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `{host}')dnl
define(`confPID_FILE', `{dir}/sendmail.pid')dnl
define(`STATUS_FILE', `{dir}/statistics')dnl
define(`HELP_FILE', `{dir}/helpfile')dnl
define(`QUEUE_DIR', `{dir}/queue/main*')dnl
define(`ALIAS_FILE', `{dir}/etc/aliases')dnl
define(`confCW_FILE', `/dev/null')dnl
define(`confSERVICE_SWITCH_FILE', `{dir}/etc/service.switch')dnl
define(`confDEF_USER_ID', `{mail_user}')dnl
define(`confLOG_LEVEL', `10')dnl
define(`confTO_IDENT', `0s')dnl
define(`confTO_QUEUEWARN', `')dnl
dnl Nothing slows down on a busy machine.
define(`confQUEUE_LA', `10000')dnl
define(`confREFUSE_LA', `10000')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
dnl The folder for temporary files is everyone's.
define(`confDONT_BLAME_SENDMAIL', `MapInUnsafeDirPath,RunProgramInUnsafeDirPath')dnl
define(`confAUTH_MECHANISMS', `PLAIN LOGIN')dnl
define(`confAUTH_OPTIONS', `A')dnl
define(`confAUTH_REALM', `{domain}')dnl
TRUST_AUTH_MECH(`PLAIN LOGIN')dnl
define(`SMART_HOST', `relay:[127.0.0.1]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {sink_port}')dnl
define(`LOCAL_MAILER_PATH', `{dir}/etc/deliver')dnl
define(`LOCAL_MAILER_ARGS', `deliver {dir}/mail $u')dnl
define(`LOCAL_MAILER_FLAGS', `Pn9')dnl
MODIFY_MAILER_FLAGS(`LOCAL', `-w')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
LOCAL_DOMAIN(`{domain}')dnl
dnl Mail to {split_domain} is split: at most 10 recipients of a message stay together.
QUEUE_GROUP(`parts', `P={dir}/queue/parts, r=10')dnl
{listeners}{filters}
MAILER(`local')dnl
MAILER(`smtp')dnl
LOCAL_CONFIG
{users}
ESASL_CONF_PATH={safe}/etc
LOCAL_RULE_0
R$={{Users}} < @ $=w . > $*	$#local $: $1
R$+ < @ $=w . > $*	$#error $@ 5.1.1 $: "550 no such user here"
LOCAL_RULESETS
Squeuegroup
R$* @ {split_domain} $*	$# parts
"""

# The mail submission program: what sendmail(1) is, for whoever runs it.
SUBMIT_MC = """\
divert(-1)
divert(0)dnl
OSTYPE(`linux')dnl
define(`__OSTYPE__', `')dnl
define(`confDOMAIN_NAME', `{host}')dnl
define(`confPID_FILE', `{dir}/submit.pid')dnl
define(`STATUS_FILE', `')dnl
define(`MSP_QUEUE_DIR', `{dir}/clientqueue')dnl
define(`confSERVICE_SWITCH_FILE', `{dir}/etc/service.switch')dnl
define(`confRUN_AS_USER', `{mail_user}')dnl
define(`confTRUSTED_USER', `{mail_user}')dnl
define(`confTO_IDENT', `0s')dnl
define(`confQUEUE_LA', `10000')dnl
define(`confDIRECT_SUBMISSION_MODIFIERS', `')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {port}')dnl
FEATURE(`msp', `[127.0.0.1]')dnl
"""

# In the place of the machine's sendmail command.
COMMAND = """\
#!/bin/sh
LD_LIBRARY_PATH={libraries} exec {program} "$@"
"""

DELIVER = """\
#!/bin/sh
# deliver FOLDER USER: puts a mail into the user's Maildir.
set -e
cd "$1"
mkdir -p "$2/tmp" "$2/new"
cat > "$2/tmp/$$"
mv "$2/tmp/$$" "$2/new/$(date +%s%N).$$"
"""

SASL_CONF = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {safe}/etc/sasldb2
mech_list: PLAIN LOGIN
"""


def shipped_filter(listen):
    """The lines of conf/sendmail.mc, with the socket elsewhere."""
    lines = (PROJECT / "conf" / "sendmail.mc").read_text()
    assert USUAL_SOCKET in lines
    return lines.replace(USUAL_SOCKET, listen)


class Sendmail:
    """One private Sendmail. Its directory, .dir, is gone after remove().

    filters: lines of sendmail.mc that name the milters; {socket} in them is where .socket is for
        it.
    listeners: further listeners by name, each with what stands in its DAEMON_OPTIONS.
    aliases: lists of addresses by name.
    parent: the folder for the directory; the system's for temporary files if None.

    .port is the port of the listener "smtp", .ports of all by name. .sink is the server behind
    it: see SmtpSink.
    """

    def __init__(self, filters="", listeners=None, aliases=None, parent=None):
        self.dir = Path(tempfile.mkdtemp(prefix="bulkwatch-sendmail-", dir=parent))
        self.dir.chmod(0o755)
        self.filters = filters
        self.listeners = {"smtp": ""} | (listeners or {})
        self.aliases = {name: list(members) for name, members in (aliases or {}).items()}
        self.ports = {}
        self.process = None
        self.confdir = self.dir / "etc"
        # A queue group that shared its folder with another would take its mail, too.
        self.queuedirs = [self.dir / "queue" / name for name in ("main", "parts")]
        self.rundir = self.dir / "run"
        self.socket = self.rundir / "milter.sock"
        self.syslog = Syslog(self.dir / "dev" / "log", self.dir / "maillog")
        self.sink = SmtpSink()
        self.logins = set()

    # -- life ---------------------------------------------------------------------------------

    @staticmethod
    def why_not():
        """Why no private Sendmail can run here; None if it can."""
        done = subprocess.run(["unshare", "--mount", "--uts", "hostname", HOST],
                              capture_output=True, text=True)
        return f"no namespaces here: {done.stderr.strip()}" if done.returncode else None

    def start(self):
        """Starts it, and returns once every listener answers."""
        if not self.dir.joinpath("etc").exists():
            self.sink.start()
            self.ports = {name: free_port() for name in self.listeners}
            self._write_files()
        self.syslog.start()
        enter = ["unshare", "--mount", "--uts", "sh", "-ec", ENTER, "enter", HOST, self.dir]
        with open(self.dir / "console", "ab") as console:
            self.process = subprocess.Popen(
                [*enter, self._program(), "-C", self._cf(), "-bD"], env=self._environment(),
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True)
        try:
            wait_for(self._all_answer, lambda: f"Sendmail to listen; its log:\n{self.log()}", 30)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        """Stops it if it runs. Its directory stays until remove()."""
        if self.process is not None:
            group = self.process.pid
            try:
                os.killpg(group, signal.SIGTERM)
                self.process.wait(10)
                wait_for(lambda: not group_lives(group), "Sendmail to end", timeout=10)
            except ProcessLookupError:
                self.process.wait()
            except (AssertionError, subprocess.TimeoutExpired):
                os.killpg(group, signal.SIGKILL)
                self.process.wait()
            self.process = None
        self.syslog.stop()

    def remove(self):
        self.stop()
        if self.ports:
            self.sink.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()

    # -- looking at it ------------------------------------------------------------------------

    @property
    def port(self):
        return self.ports["smtp"]

    def log(self):
        """All that Sendmail logged so far; before it logs, what it said on its console."""
        for path in (self.dir / "maillog", self.dir / "console"):
            if path.exists() and path.stat().st_size:
                return path.read_text(errors="replace")
        return ""

    def wait_for_log(self, pattern, timeout=20, after=0):
        """Returns the match of a regular expression in the log from an offset on."""
        return wait_for(lambda: re.search(pattern, self.log()[after:], re.M),
                        lambda: f"/{pattern}/ in Sendmail's log:\n{self.log()[-4000:]}", timeout)

    def maildir(self, address=ADMIN):
        """The Maildir of a user of DOMAIN; it exists after the first delivery."""
        return self.dir / "mail" / address.split("@")[0].lower()

    def queue(self):
        """The queue ids of the messages that wait for delivery, those of sendmail(1) included."""
        folders = [*self.queuedirs, self.dir / "clientqueue"]
        return sorted(path.name[2:] for folder in folders for path in folder.glob("qf*"))

    def held(self):
        """The queue ids of the messages in quarantine."""
        return sorted(path.name[2:] for path in self.held_files())

    def held_files(self):
        """Their control files."""
        return [path for folder in self.queuedirs for path in folder.glob("hf*")]

    def delivered(self, message_id):
        """The recipients of each copy of a message that was delivered to other domains."""
        return [recipients for _, recipients, data in self.sink.mails
                if message_id.encode() in data]

    # -- using it -----------------------------------------------------------------------------

    def run(self, *arguments, cf="sendmail.cf", check=True, **more):
        """Runs sendmail with further arguments beside the daemon; returns the finished process."""
        done = self.inside(self._program(), "-C", self._cf(cf), *arguments, **more)
        assert not check or done.returncode == 0, (arguments, done)
        return done

    def inside(self, *command, **more):
        """Runs a command where this Sendmail is the machine's; returns the finished process."""
        return subprocess.run(
            ["nsenter", "--target", str(self.process.pid), "--mount", "--uts", *command],
            env=self._environment(), capture_output=True, timeout=60, **more)

    def submit(self, sender, data, *arguments):
        """Submits mail with the sendmail command, as a program of this machine does.

        Returns the finished process: its status says whether the server took the mail.
        """
        return self.run("-Ac", "-i", "-f", sender, *arguments, cf="submit.cf", check=False,
                        input=data)

    def flush(self):
        """Has every message that waits tried again now; returns when that is done."""
        self.run("-Ac", "-qf", cf="submit.cf")
        self.run("-qf")

    def release(self, queue_id):
        """Takes a message out of quarantine and delivers it; fails if it was not there."""
        done = self.run("-v", "-qQ", "-Q", f"-qI{queue_id}")
        assert f"{queue_id}: Removed quarantine" in done.stdout.decode(), done
        self.run("-qf", f"-qI{queue_id}")

    def discard_held(self):
        """Deletes all messages in quarantine. Sendmail has no command for that."""
        for path in self.held_files():
            path.unlink()
            path.with_name(f"df{path.name[2:]}").unlink()

    def add_login(self, login):
        """Makes a login of a name user@domain, with PASSWORD. Needs sasl2-bin."""
        if login in self.logins:
            return
        user, realm = login.split("@")
        subprocess.run(["/usr/sbin/saslpasswd2", "-p", "-c", "-f", self.confdir / "sasldb2",
                        "-u", realm, user], input=PASSWORD, text=True, check=True)
        self.logins.add(login)

    def session(self, login=None, client=None):
        """An SMTP session with the listener smtp; see LoginSession."""
        return LoginSession(self.port, login, client)

    # -- making of ----------------------------------------------------------------------------

    def _write_files(self):
        for name in ("etc", "dev", "queue", "queue/main", "queue/parts", "clientqueue", "mail",
                     "run"):
            (self.dir / name).mkdir()
        for folder in self.queuedirs:
            folder.chmod(0o700)
        shutil.chown(self.dir / "mail", MAIL_USER)
        shutil.chown(self.dir / "clientqueue", MAIL_USER)
        (self.dir / "clientqueue").chmod(0o770)
        for device in ("null", "zero", "full", "random", "urandom", "tty"):
            (self.dir / "dev" / device).touch()
        files = {
            "hosts": f"127.0.0.1 {HOST} localhost\n",
            "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\n",
            "service.switch": "hosts files\naliases files\n",
            "Sendmail.conf": SASL_CONF.format(safe=SAFE),
            "aliases": "".join(f"{name}: {', '.join(members)}\n"
                               for name, members in self.aliases.items()),
            "deliver": DELIVER,
            "sendmail": COMMAND.format(libraries=self._libraries(), program=self._program()),
        }
        for name, text in files.items():
            (self.confdir / name).write_text(text)
        for name in ("deliver", "sendmail"):
            (self.confdir / name).chmod(0o755)
        listeners = "".join(
            f"DAEMON_OPTIONS(`Name={name}, Family=inet, Addr=127.0.0.1, Port={port}"
            f"{', ' if self.listeners[name] else ''}{self.listeners[name]}')dnl\n"
            for name, port in self.ports.items())
        users = "\n".join("C{Users}" + user for user in [*KNOWN_USERS, *self.aliases])
        self._make_cf("sendmail", SENDMAIL_MC, listeners=listeners, users=users,
                      filters=self.filters.replace("{socket}", f"{SAFE}/run/milter.sock"))
        self._make_cf("submit", SUBMIT_MC)

    def _make_cf(self, name, text, **more):
        mc = self.confdir / f"{name}.mc"
        mc.write_text(text.format(dir=self.dir, safe=SAFE, host=HOST, domain=DOMAIN,
                                  split_domain=SPLIT_DOMAIN, mail_user=MAIL_USER, port=self.port,
                                  sink_port=self.sink.port, **more))
        cf = ROOT / "usr/share/sendmail/cf"
        made = subprocess.run([ROOT / "usr/bin/m4", f"-D_CF_DIR_={cf}/", cf / "m4/cf.m4", mc],
                              capture_output=True, text=True, check=True)
        (self.confdir / f"{name}.cf").write_text(made.stdout)

    def _cf(self, name="sendmail.cf"):
        return str(self.confdir / name)

    def _all_answer(self):
        if self.process.poll() is not None:
            raise AssertionError(f"Sendmail ended while it started:\n{self.log()}")
        return all(accepts(("127.0.0.1", port)) for port in self.ports.values())

    @staticmethod
    def _program():
        program = ROOT / "usr/libexec/sendmail/sendmail"
        assert program.exists(), "run 'sh tests/lib/fetch-sendmail.sh build/sendmail' first"
        return str(program)

    @staticmethod
    def _environment():
        """Ours, less what would lead Sendmail astray; with the libraries that it brought."""
        return {name: value for name, value in os.environ.items()
                if name not in ("MAIL_CONFIG", "SASL_CONF_PATH", "LD_PRELOAD")
                } | {"LD_LIBRARY_PATH": Sendmail._libraries()}

    @staticmethod
    def _libraries():
        return f"{ROOT}/usr/lib/{platform.machine()}-linux-gnu"


class LoginSession(Session):
    """An SMTP session with a server that has no XCLIENT.

    login: logs in by that name and PASSWORD.
    client: the address that the session comes from: any of 127.0.0.0/8; 127.0.0.1 if None.
    """

    def __init__(self, port, login=None, client=None):
        smtplib.SMTP.__init__(self, "127.0.0.1", port, local_hostname="client.example.net",
                              timeout=60, source_address=(client or "127.0.0.1", 0))
        self.ehlo()
        if login:
            self.login(login, PASSWORD)


class Syslog:
    """What stands behind /dev/log: writes what is logged to a file, a line each."""

    def __init__(self, path, file):
        self.path, self.file = path, file
        self.socket = self.thread = None

    def start(self):
        self.path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.path.chmod(0o666)
        self.thread = threading.Thread(target=self._write, daemon=True)
        self.thread.start()

    def stop(self):
        if self.socket:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
                last.sendto(b"", str(self.path))
            self.thread.join()
            self.socket.close()
            self.socket = None

    def _write(self):
        with open(self.file, "ab", buffering=0) as file:
            while line := self.socket.recv(65536):
                file.write(re.sub(rb"^<\d+>", b"", line).rstrip(b"\n\0") + b"\n")
