"""What is measured: each a set of processes with an address, started in a directory of its own.

All listen on loopback or on Unix sockets below one directory that Postfix can enter, with settings
of their own; nothing on the machine is used or changed.
"""

import shutil
import subprocess
import time
from pathlib import Path

from bulkwatch_lab.waiting import accepts, free_port

from .processes import Daemon, DetachedDaemon


class Contender:
    """A milter or policy service. Addresses: see milter_address and postfix_address."""

    name = ""
    what = ""          # for the report
    transport = "unix"  # or "tcp"

    def __init__(self, place, programs):
        """place: where it may make a directory of its own; programs: where ours were built."""
        self.programs = programs
        self.directory = Path(place) / self.name
        self.directory.mkdir()
        # Postfix has to connect to a socket of mode 0660 in there.
        shutil.chown(self.directory, None, "postfix")
        self.directory.chmod(0o2755)
        self.path = self.directory / "socket"
        self.port = free_port() if self.transport == "tcp" else None
        self.daemons = []
        self.launch_secs = None  # how long the last of them took until it listened

    def start(self):
        raise NotImplementedError

    def stop(self):
        for daemon in reversed(self.daemons):
            daemon.stop()
        self.daemons = []

    def pids(self):
        return [pid for daemon in self.daemons for pid in daemon.pids()]

    @property
    def milter_address(self):
        """As libmilter writes it."""
        return f"unix:{self.path}" if self.port is None else f"inet:{self.port}@127.0.0.1"

    @property
    def postfix_address(self):
        """As Postfix writes it."""
        return f"unix:{self.path}" if self.port is None else f"inet:127.0.0.1:{self.port}"

    def postfix_settings(self):
        """Settings of the smtpd(8) that asks this contender."""
        return {"smtpd_milters": self.postfix_address}

    def _launch(self, name, argv, ready=None, pidfile=None):
        """Starts a daemon; one that detaches itself tells where by its pidfile."""
        if pidfile is None:
            daemon = Daemon(name, argv, self.directory)
        else:
            daemon = DetachedDaemon(name, argv, self.directory, pidfile)
        began = time.monotonic()
        daemon.start(ready or self.listens)
        self.launch_secs = time.monotonic() - began
        self.daemons.append(daemon)

    def listens(self):
        return accepts(str(self.path) if self.port is None else ("127.0.0.1", self.port))

    def _write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path


class Noop(Contender):
    name = "noop"
    what = "a libmilter program that negotiates and reads what bulkwatchd does, and does nothing"

    def start(self):
        self._launch("noop", [self.programs / "bench" / "noop", "-p", self.milter_address])
        if self.port is None:
            self.path.chmod(0o660)


class NoopTcp(Noop):
    name = "noop-tcp"
    transport = "tcp"


BULKWATCH_CONF = """\
listen     = "{address}";
database   = "{dir}/bulkwatch.db";
spool      = "{dir}/spool";
on_failure = "accept";

outbound: {{ logins = true;  networks = [ "127.0.0.0/8", "::1/128" ]; }};
local_domains = [ "example.gov.vn" ];

rules: (
  {{ name = "message"; recipients = {limit}; }},
  {{ name = "window";  recipients = {limit}; window = "10m"; }}
);

exempt:   {{ senders = []; recipients = []; clients = []; }};
evidence: {{ subject = true; recipients = "full"; keep = "{evidence_keep}"; }};
ledger:   {{ keep = "{ledger_keep}"; }};

alerts: {{
  to = [ "postmaster@example.gov.vn" ];  from = "bulkwatch@example.gov.vn";
  smtp = "smtp://127.0.0.1:{sink}";      language = "vi";
  per_hour = 30;                         contact = "Office, telephone 0123";
}};
"""


class Bulkwatch(Contender):
    """The settings are the defaults: the rules of 20 recipients, evidence in full."""

    name = "bulkwatchd"
    what = "bulkwatchd with its default rules; a verdict is given after the commit"

    limit = 20
    ledger_keep, evidence_keep = "90d", "365d"
    # A program that runs bulkwatchd, for a profile.
    wrapper = ()

    def __init__(self, place, programs):
        super().__init__(place, programs)
        self.conf = self.directory / "bulkwatch.conf"
        self.sink_port = free_port()
        self.sink = None

    def start(self):
        (self.directory / "spool").mkdir(exist_ok=True)
        self.write_settings()
        program = self.programs / "bulkwatchd"
        checked = subprocess.run([program, "-c", self.conf, "-t"], capture_output=True, text=True)
        if checked.returncode != 0:
            raise AssertionError(f"bulkwatchd does not like its settings:\n{checked.stderr}")
        # Alerts go to a mail server that throws them away. It is not part of what is measured.
        self.sink = Daemon("smtp-sink", ["smtp-sink", "-u", "nobody",
                                         f"127.0.0.1:{self.sink_port}", "100"], self.directory)
        self.sink.start(lambda: accepts(("127.0.0.1", self.sink_port)))
        self._launch("bulkwatchd", [*self.wrapper, program, "-c", self.conf])

    def stop(self):
        super().stop()
        if self.sink is not None:
            self.sink.stop()

    def write_settings(self):
        self._write(self.conf.name, BULKWATCH_CONF.format(
            address=self.milter_address, dir=self.directory, sink=self.sink_port,
            limit=self.limit, ledger_keep=self.ledger_keep, evidence_keep=self.evidence_keep))

    @property
    def database(self):
        return self.directory / "bulkwatch.db"

    def database_bytes(self):
        return sum(path.stat().st_size for path in self.directory.glob("bulkwatch.db*"))


class BulkwatchTcp(Bulkwatch):
    name = "bulkwatchd-tcp"
    transport = "tcp"


class BulkwatchQuiet(Bulkwatch):
    name = "bulkwatchd-quiet"
    what = "bulkwatchd with rules of 100,000 recipients, the most there may be"
    limit = 100000


class BulkwatchLog(Bulkwatch):
    name = "bulkwatchd-log"
    what = "bulkwatchd that keeps all for a year, on the log of a year"
    ledger_keep = "365d"


REDIS_CONF = """\
bind 127.0.0.1
port 0
unixsocket {dir}/redis.sock
dir {dir}
save ""
appendonly no
daemonize no
"""

# Everything but the ratelimit module is off. The list of top-level domains is a short one only
# because the whole one takes rspamd minutes to compile; the mail of the benchmark has no URL.
RSPAMD_CONF = """\
options {{
  filters = "";
  explicit_modules = ["ratelimit"];
  cache_file = "{dir}/symbols.cache";
  history_file = "{dir}/history";
  stats_file = "{dir}/stats.ucl";
  tempdir = "{dir}";
  hs_cache_dir = "{dir}/";
  url_tld = "{dir}/tld.dat";
  control_socket = "{dir}/control.sock mode=0600";
  local_addrs = [];
  dns {{ nameserver = ["127.0.0.1:9"]; }}
}}
logging {{ type = "file"; filename = "{dir}/rspamd-messages.log"; level = "error"; }}
worker "rspamd_proxy" {{
  bind_socket = "{socket}";
  milter = yes;
  timeout = 60s;
  upstream "local" {{ default = yes; self_scan = yes; }}
  count = {workers};
}}
modules {{ path = "/usr/share/rspamd/plugins/ratelimit.lua"; }}
redis {{ servers = "{dir}/redis.sock"; }}
ratelimit {{
  rates {{
    sender = {{
      selector = "from('smtp'):addr";
      bucket = {{ burst = 100000000; rate = "1000000 / 1m"; }}
    }}
  }}
}}
"""


class Rspamd(Contender):
    name = "rspamd"
    what = ("rspamd with only its ratelimit module, one bucket a sender in Redis, in milter mode, "
            "a worker for each processor; the limit is never reached")

    workers = 2

    def start(self):
        here = self.directory
        redis = self._write("redis.conf", REDIS_CONF.format(dir=here))
        self._launch("redis", ["redis-server", redis], lambda: accepts(str(here / "redis.sock")))
        self._write("tld.dat", "org\nnet\nvn\ngov.vn\n")
        socket = f"{self.path} mode=0666" if self.port is None else f"127.0.0.1:{self.port}"
        conf = self._write("rspamd.conf", RSPAMD_CONF.format(dir=here, socket=socket,
                                                             workers=self.workers))
        self._launch("rspamd", ["rspamd", "-f", "-i", "-c", conf])


class RspamdTcp(Rspamd):
    name = "rspamd-tcp"
    transport = "tcp"


POLICYD_CONF = """\
debug: False
user: "policyd-rate-limit"
group: "policyd-rate-limit"
pidfile: "{dir}/own/pid"
backend: 0
sqlite_config:
    database: "{dir}/own/db.sqlite3"
SOCKET: ["127.0.0.1", {port}]
limits:
    - [100000000, 600]
limit_by_sasl: True
limit_by_sender: True
success_action: "dunno"
report: False
"""


class PolicydRateLimit(Contender):
    name = "policyd-rate-limit"
    what = ("policyd-rate-limit on SQLite, one limit of ten minutes that is never reached; asked "
            "at RCPT, because it counts nothing at end of data")

    transport = "tcp"

    def start(self):
        # It closes this directory to all others.
        own = self.directory / "own"
        own.mkdir(exist_ok=True)
        shutil.chown(own, "policyd-rate-limit", "policyd-rate-limit")
        conf = self._write("policyd.yaml", POLICYD_CONF.format(dir=self.directory, port=self.port))
        self._launch("policyd-rate-limit", ["policyd-rate-limit", "-f", conf])

    def postfix_settings(self):
        return {"smtpd_recipient_restrictions":
                f"check_policy_service inet:127.0.0.1:{self.port}"}


class Postfwd(Contender):
    name = "postfwd"
    what = ("postfwd 2 with Debian's options, one limit of recipients of a sender in ten minutes "
            "that is never reached, asked at end of data")
    transport = "tcp"

    def start(self):
        rules = self._write("postfwd.cf", "id=R1; protocol_state==END-OF-MESSAGE; "
                            "action=rcpt(sender/100000000/600/REJECT too many)\n")
        pidfile = self.directory / "pid"
        # The counters are in a process of its own, and without it postfwd says DUNNO to all: it
        # has to be reached by TCP here, because its usual Unix socket is not ours.
        self._launch("postfwd", [
            "postfwd2", "--daemon", "--file", rules, "--interface", "127.0.0.1",
            "--port", self.port, "--cache_socket", f"tcp:127.0.0.1:{free_port()}",
            "--user", "postfw", "--group", "postfw", "--pidfile", pidfile,
            "--summary=600", "--cache=600", "--cache-rdomain-only", "--cache-no-size",
            "--nodns", "--perfmon"], pidfile=pidfile)

    def postfix_settings(self):
        return {"smtpd_end_of_data_restrictions":
                f"check_policy_service inet:127.0.0.1:{self.port}"}
