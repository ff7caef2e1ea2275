"""A private Postfix in a directory of its own, on loopback ports, beside any other Postfix.

Mail for DOMAIN goes to real Maildirs (one a user, by virtual(8)); mail for any other domain is
thrown away by discard(8), so nothing ever leaves the machine. Users that are not
in KNOWN_USERS are rejected at RCPT, as on a real server.
"""

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from .waiting import accepts, free_port, group_lives, wait_for

DOMAIN = "example.gov.vn"
ADMIN = f"postmaster@{DOMAIN}"
KNOWN_USERS = ["postmaster", "bulkwatch", "root", "office",
               *(f"staff{n}" for n in range(1, 61)),
               *(f"admin{n}" for n in range(1, 401))]

MAIN_CF = """\
compatibility_level = 3.6
config_directory = {dir}/etc
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = {dir}/maillog
maillog_file_prefixes = {dir}
multi_instance_enable = no

myhostname = mail.{domain}
mydomain = {domain}
myorigin = {domain}
inet_interfaces = loopback-only
mynetworks = 127.0.0.0/8, [::1]/128
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
default_transport = discard:
relay_transport = discard:
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{dir}/etc/mailboxes
virtual_mailbox_base = {dir}/mail
virtual_minimum_uid = 1
virtual_uid_maps = static:{mail_uid}
virtual_gid_maps = static:{mail_gid}
virtual_mailbox_limit = 0
message_size_limit = 0

# No name service is asked, and nothing slows down a client that makes mistakes on purpose.
smtpd_peername_lookup = no
disable_dns_lookups = yes
smtp_dns_support_level = disabled
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 100000
smtpd_hard_error_limit = 100000
smtpd_junk_command_limit = 100000
smtpd_recipient_limit = 20000
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
in_flow_delay = 0
strict_rfc821_envelopes = no
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination

# A test plays any client and any login with XCLIENT.
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = {dir}/etc/sasl

milter_connect_timeout = 10s
milter_command_timeout = 30s
milter_content_timeout = 60s
"""

MASTER_CF = """\
pickup    unix  n - n 60   1 pickup
cleanup   unix  n - n -    0 cleanup
qmgr      unix  n - n 300  1 qmgr
rewrite   unix  - - n -    - trivial-rewrite
bounce    unix  - - n -    0 bounce
defer     unix  - - n -    0 bounce
trace     unix  - - n -    0 bounce
verify    unix  - - n -    1 verify
flush     unix  n - n 1000 0 flush
proxymap  unix  - - n -    - proxymap
showq     unix  n - n -    - showq
error     unix  - - n -    - error
retry     unix  - - n -    - error
discard   unix  - - n -    - discard
virtual   unix  - n n -    - virtual
anvil     unix  - - n -    1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""

SASL_CONF = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {dir}/etc/sasl/sasldb2
mech_list: PLAIN LOGIN
"""

# The user that owns the Maildirs: any that is neither root nor Postfix's own.
MAIL_USER = "nobody"


class Postfix:
    """One private Postfix.

    milters: where its smtpd(8) and cleanup(8) find the milter, as Postfix writes it
        ("unix:/path" or "inet:host:port"); none if empty.
    settings: further main.cf settings, by name; they win over those above.
    listeners: further smtpd(8) listeners: a name, and the settings that only this one has.

    Ports are in .ports by name; the first listener is "smtp".
    """

    def __init__(self, milters="", settings=None, listeners=None, parent=None):
        self.dir = Path(tempfile.mkdtemp(prefix="bulkwatch-postfix-", dir=parent))
        # Postfix's own user has to reach the queue, and the owner of the mailboxes the mail.
        self.dir.chmod(0o755)
        self.milters = milters
        self.settings = dict(settings or {})
        self.listeners = {"smtp": {}} | (listeners or {})
        self.ports = {}
        self.process = None
        self.confdir = self.dir / "etc"
        self.maillog = self.dir / "maillog"
        self.marks = 0
        self.rundir = self.dir / "run"
        # A good place for the milter's socket: smtpd(8) may connect to what is made there.
        self.socket = self.rundir / "milter.sock"

    # -- life ---------------------------------------------------------------------------------

    def start(self):
        """Starts it, and returns once every listener answers; again where it did before."""
        self.ports = self.ports or {name: free_port() for name in self.listeners}
        self._write_files()
        console = open(self.dir / "console", "ab")
        self.process = subprocess.Popen(
            [_program("postfix"), "-c", str(self.confdir), "start-fg"],
            stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            env=self._environment())
        console.close()
        try:
            wait_for(self._all_answer, lambda: f"Postfix to listen; its log:\n{self.log()}", 30)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        """Stops it if it runs. Its directory stays until remove()."""
        if self.process is None:
            return
        group = self._master_group()
        if group:
            os.killpg(group, signal.SIGTERM)
        else:
            self.process.terminate()
        try:
            self.process.wait(10)
            wait_for(lambda: not group_lives(group), "Postfix to end", timeout=10)
        except (AssertionError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
            if group_lives(group):
                os.killpg(group, signal.SIGKILL)
        (self.dir / "queue/pid/master.pid").unlink(missing_ok=True)
        self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.remove()

    # -- looking at it ------------------------------------------------------------------------

    @property
    def port(self):
        return self.ports["smtp"]

    def log(self):
        """All that Postfix logged so far; before its logger runs, what it said on its console."""
        for path in (self.maillog, self.dir / "console"):
            if path.exists() and path.stat().st_size:
                return path.read_text(errors="replace")
        return ""

    def wait_for_log(self, pattern, timeout=20):
        """Returns the match of a regular expression in the log, once there is one."""
        return wait_for(lambda: re.search(pattern, self.log(), re.M),
                        lambda: f"/{pattern}/ in Postfix's log:\n{self.log()[-4000:]}", timeout)

    def log_up_to_now(self):
        """The log with all that was said before the call: its lines go through postlogd(8), which
        writes them in the order they came, but later."""
        self.marks += 1
        mark = f"mark {self.marks} of the log"
        subprocess.run([_program("postlog"), "-c", str(self.confdir), "-t", "mark", mark],
                       env=self._environment(), capture_output=True, check=True)
        self.wait_for_log(mark)
        return self.log()

    def maildir(self, address=ADMIN):
        """The Maildir of a user of DOMAIN; it exists after the first delivery."""
        return self.dir / "mail" / address.split("@")[0].lower()

    def queue(self):
        """The queue ids of the messages that wait in any queue."""
        found = subprocess.run([_program("postqueue"), "-c", str(self.confdir), "-j"],
                               env=self._environment(), capture_output=True, text=True, check=True)
        return re.findall(r'"queue_id": "(\w+)"', found.stdout)

    def held(self):
        """The queue ids of the messages in the hold queue."""
        return self.waiting("hold")

    def waiting(self, *names):
        """The queue ids of the messages in the queues of these names."""
        found = subprocess.run([_program("postqueue"), "-c", str(self.confdir), "-j"],
                               env=self._environment(), capture_output=True, text=True, check=True)
        mails = [json.loads(line) for line in found.stdout.splitlines()]
        return [mail["queue_id"] for mail in mails if mail["queue_name"] in names]

    def discard_held(self):
        """Deletes all messages in the hold queue."""
        subprocess.run([_program("postsuper"), "-c", str(self.confdir), "-d", "ALL", "hold"],
                       env=self._environment(), capture_output=True, text=True, check=True)

    # -- using it -----------------------------------------------------------------------------

    def sendmail(self, sender, recipients, data):
        """Submits mail with the sendmail command: the way without SMTP, through pickup(8)."""
        subprocess.run([_program("sendmail"), "-C", str(self.confdir), "-i", "-f", sender,
                        "--", *recipients],
                       input=data, env=self._environment(), check=True)

    def reload(self):
        """Has it read its settings again: its programs end once their session is over."""
        subprocess.run([_program("postfix"), "-c", str(self.confdir), "reload"],
                       env=self._environment(), capture_output=True, check=True)

    def flush(self):
        """Has every deferred message tried again now."""
        subprocess.run([_program("postqueue"), "-c", str(self.confdir), "-f"],
                       env=self._environment(), check=True)

    def add_login(self, user, password):
        """Makes a login: the name to log in with is user@mail.DOMAIN. Needs sasl2-bin."""
        database = self.confdir / "sasl" / "sasldb2"
        subprocess.run([_program("saslpasswd2"), "-p", "-c", "-f", str(database),
                        "-u", f"mail.{DOMAIN}", user],
                       input=password, text=True, check=True)
        shutil.chown(database, "postfix", "postfix")

    def _master_group(self):
        """The process group of master(8) and all that it started; None before there is one."""
        try:
            return int((self.dir / "queue/pid/master.pid").read_text())
        except (OSError, ValueError):
            return None

    def servers(self):
        """The processes of smtpd(8) and cleanup(8) that run now."""
        found = set()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                pid, name, _, parent = stat.read_text().split()[:4]
            except OSError:
                continue
            if name in ("(smtpd)", "(cleanup)") and int(parent) == self._master_group():
                found.add(int(pid))
        return found

    # -- making of ----------------------------------------------------------------------------

    def _write_files(self):
        mail = pwd.getpwnam(MAIL_USER)
        # Debian's libsasl2 looks for its file in the folder sasl below Postfix's configuration.
        for name in ("etc", "etc/sasl", "queue", "data", "mail", "run"):
            (self.dir / name).mkdir(exist_ok=True)
        shutil.chown(self.dir / "data", "postfix")
        shutil.chown(self.dir / "mail", MAIL_USER)
        # The milter's socket is made here with mode 0660; this gives it a group that smtpd(8) is
        # in, whoever makes it.
        shutil.chown(self.rundir, None, "postfix")
        self.rundir.chmod(0o2755)

        settings = dict(smtpd_milters=self.milters, non_smtpd_milters=self.milters) | self.settings
        main_cf = MAIN_CF.format(dir=self.dir, domain=DOMAIN,
                                 mail_uid=mail.pw_uid, mail_gid=mail.pw_gid)
        main_cf += "".join(f"{name} = {value}\n" for name, value in settings.items())
        master_cf = MASTER_CF
        for name, port in self.ports.items():
            master_cf += f"127.0.0.1:{port} inet n - n - 200 smtpd\n"
            for setting, value in self.listeners[name].items():
                master_cf += f"  -o {{ {setting} = {value} }}\n"
        mailboxes = "".join(f"{user}@{DOMAIN} {user}/\n" for user in KNOWN_USERS)
        (self.confdir / "main.cf").write_text(main_cf)
        (self.confdir / "master.cf").write_text(master_cf)
        (self.confdir / "mailboxes").write_text(mailboxes)
        (self.confdir / "sasl" / "smtpd.conf").write_text(SASL_CONF.format(dir=self.dir))

    def _all_answer(self):
        if self.process.poll() is not None:
            raise AssertionError(f"Postfix ended while it started:\n{self.log()}")
        return all(accepts(("127.0.0.1", port)) for port in self.ports.values())

    @staticmethod
    def _environment():
        """Ours, less what would lead Postfix's commands to another configuration."""
        return {name: value for name, value in os.environ.items()
                if name not in ("MAIL_CONFIG", "SASL_CONF_PATH")}


def _program(name):
    """Postfix's commands are in sbin, which is not on everyone's PATH."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin")
    if not found:
        raise AssertionError(f"{name} is not installed: run 'make deps' first")
    return found
