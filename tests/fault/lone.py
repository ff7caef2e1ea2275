"""bulkwatchd without a mail server: we are the MTA, so we know exactly what was acknowledged."""

import collections
import itertools
import os
import random
import sqlite3
import threading
import time
from contextlib import closing

from bulkwatch_lab import addresses, wait_for
from mta import ANSWERED, Direct

ANSWER_SECS = 20
DEFERRED = b"t"

# Another run with the same seed sends, cuts and kills alike, as far as time lets it.
SEED = int(os.environ.get("BULKWATCH_SEED") or random.SystemRandom().randrange(1 << 32))

Mail = collections.namedtuple("Mail", "name sender recipients")


def bulk(name):
    """A mail that is a bulk send of its own."""
    return Mail(name, f"{name}@bulk.example.gov.vn", addresses(20))


def plain(name, sender="plain@example.gov.vn", recipients=1):
    return Mail(name, sender, addresses(recipients, prefix=name))


class Lone(Direct):
    """It tells what its ledger and its spool have of what was sent to it."""

    # -- mail ---------------------------------------------------------------------------------

    def send(self, *mails, expect=ANSWERED):
        """Sends mails in one connection; each has to be answered so, and in time."""
        with closing(self.connect()) as milter:
            for mail in mails:
                start = time.monotonic()
                verdict = say(milter, mail)
                spent = time.monotonic() - start
                assert verdict in expect, f"{mail.name} was answered {verdict}"
                assert spent < ANSWER_SECS, f"{mail.name} was answered after {spent:.1f} s"

    # -- what it has --------------------------------------------------------------------------

    def messages(self):
        """How often each message is in the ledger, by its Message-ID; {} if there is none."""
        try:
            return collections.Counter(
                name for [name] in self.query("SELECT message_id FROM message"))
        except sqlite3.Error:
            return collections.Counter()

    def query(self, sql):
        return query(self.database, sql)

    def spooled(self):
        """The bytes of all that is in the spool."""
        return b"".join(p.read_bytes() for p in self.spool.rglob("*") if p.is_file())

    def wait_for_messages(self, names, timeout=30):
        """Waits until each is in the ledger; fails if one is there twice."""
        names = set(names)
        wait_for(lambda: names <= set(self.messages()), lambda: (
            f"{len(names - set(self.messages()))} of {len(names)} messages in the ledger, as "
            f"{sorted(names - set(self.messages()))[:3]}\n{self.log()[-4000:]}"), timeout, poll=0.1)
        doubled = {name for name, times in self.messages().items() if times > 1}
        assert not doubled, f"twice in the ledger: {sorted(doubled)[:5]}"
        self.wait_until_spool_is_empty()

    def wait_until_spool_is_empty(self):
        wait_for(lambda: not (self.spool / "messages.jsonl").exists(),
                 lambda: f"the spool to be empty:\n{self.log()[-4000:]}", 30)

    def on_files_of(self, folder):
        """Another daemon, not started yet, whose database and spool are below this folder."""
        other = Lone()
        other.database, other.spool = folder / "db" / "bulkwatch.db", folder / "spool"
        other.set(database=str(other.database), spool=str(other.spool))
        return other


def query(database, sql):
    """Rows of a database that may be in use."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        return db.execute(sql).fetchall()


def say(milter, mail, attempt=1):
    """One mail of a client that logged in. Returns the answer to its end of message."""
    name = mail.name.encode()
    return milter.message(
        b"<" + mail.sender.encode() + b">", [f"<{r}>".encode() for r in mail.recipients],
        [(b"Subject", b"Number " + name), (b"Message-ID", b"<" + name + b">")],
        queue_id=b"%d-%s" % (attempt, name), login=mail.sender.encode())


def assert_sound(database):
    [[found]] = query(database, "PRAGMA integrity_check")
    assert found == "ok", found


def assert_alerted_once(database, mails):
    """Each mail is a bulk send with one alert, or belongs to one; returns their numbers."""
    sends = collections.defaultdict(list)
    for name, send in query(database, "SELECT m.message_id, b.bulk_send FROM bulk_message b "
                                      "JOIN message m ON m.id = b.message"):
        sends[name].append(send)
    lost = [mail.name for mail in mails if not sends[mail.name]]
    assert not lost, f"{len(lost)} of {len(mails)} in no bulk send, as {sorted(lost)[:5]}"
    doubled = [mail.name for mail in mails if len(sends[mail.name]) > 1]
    assert not doubled, f"in two bulk sends: {sorted(doubled)[:5]}"
    numbers = {sends[mail.name][0] for mail in mails}
    alerts = dict(query(database, "SELECT bulk_send, count(*) FROM alert WHERE kind = 1 "
                                  "GROUP BY bulk_send"))
    wrong = {send: alerts.get(send, 0) for send in numbers if alerts.get(send, 0) != 1}
    assert not wrong, f"alerts that were not queued once, by bulk send: {wrong}"
    return numbers


class Load(threading.Thread):
    """One connection that sends mail after mail until end(); what breaks off is tried again.

    Kinds of mail in turn: a bulk send, an ordinary mail, and one of a send that is split into
    mails to a single recipient.
    pace: seconds between two mails.
    taken: answered with accept. unknown: neither answered nor taken when tried again.
    """

    def __init__(self, lone, name, pace=0.0):
        super().__init__(daemon=True)
        self.lone, self.name, self.pace = lone, name, pace
        self.ending = threading.Event()
        self.taken, self.unknown, self.fault = [], [], None
        self.slowest = 0.0

    def mails(self):
        for n in itertools.count():
            name = f"{self.name}.{n}"
            yield bulk(name)
            yield plain(f"{name}.plain", f"plain-{self.name}@example.gov.vn")
            # 25 of them in turn: a bulk send from the 20th on.
            yield plain(f"{name}.split", f"split-{self.name}.{n // 25}@example.gov.vn")

    def run(self):
        milter = None
        try:
            for mail in self.mails():
                milter = self.until_taken(milter, mail)
                if self.ending.wait(self.pace):
                    break
        except BaseException as fault:  # shown by end()
            self.fault = fault
        if milter:
            milter.close()

    def until_taken(self, milter, mail):
        """Tries until it is taken, or the end has come; returns the connection."""
        attempt = 0
        while not (self.ending.is_set() and milter is None):
            try:
                milter = milter or self.lone.connect()
                start, attempt = time.monotonic(), attempt + 1
                verdict = say(milter, mail, attempt)
                self.slowest = max(self.slowest, time.monotonic() - start)
                if verdict in ANSWERED:
                    self.taken.append(mail)
                    return milter
                if verdict != DEFERRED:
                    raise RuntimeError(f"{mail.name} was answered {verdict}")
            except (OSError, AssertionError):
                if milter:
                    milter.close()
                milter = None
                time.sleep(0.002)  # it is away for a moment
            if self.ending.is_set():
                break
        if attempt:
            self.unknown.append(mail)
        return milter

    def end(self):
        self.ending.set()
        self.join()
        if self.fault:
            raise self.fault


def of_kind(mails, kind):
    """kind: "bulk", "plain" or "split"."""
    return [m for m in mails if m.sender.startswith(kind) or f"@{kind}." in m.sender]


def whole_splits(mails):
    """Of mails of split sends those that belong to a bulk send for certain: 20 or more taken."""
    senders = collections.Counter(m.sender for m in mails)
    return [m for m in mails if m.sender.startswith("split") and senders[m.sender] >= 20]
