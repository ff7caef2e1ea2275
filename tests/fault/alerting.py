"""A daemon that tells the admins, and the server that takes its mail, or does not."""

import collections
import email
import email.policy
import re
import sqlite3
import time

import pytest

from bulkwatch_lab import SmtpSink, addresses, smtpsink, text_of, wait_for
from clocks import HOUR, MINUTE
from mta import ANSWERED, Watched

PER_HOUR = 30
RECIPIENTS = [f"<{address}>".encode() for address in addresses(20)]
ALERTS = {"per_hour": PER_HOUR, "language": "en", "to": ["admin@example.gov.vn"]}
# Ordinary mail is as few recipients as an alert has: only a message of 20 is a bulk send.
MESSAGE = [{"name": "message", "recipients": 20}]


class Alerting(Watched):
    """A daemon whose MTA we are, and the server that takes its mail, or does not.

    senders: of the bulk sends, one each.
    arrived: of each mail that the server took: (by which second of the steady clock, the mail).
    """

    def __init__(self, clocks, mode=smtpsink.OK, alerts=None, **settings):
        self.sink = SmtpSink(mode=mode).start()
        self.clocks = clocks
        self.senders = []
        self.arrived = []
        self.sink.on_mail = self._arrived
        super().__init__(rules=MESSAGE, **settings)
        self.set(alerts=ALERTS | {"smtp": self.sink.url} | (alerts or {}))
        clocks.use_in(self)

    def remove(self):
        super().remove()
        self.sink.stop()

    def _arrived(self, mail):
        _, to, data = mail
        parsed = email.message_from_bytes(data, policy=email.policy.default)
        self.arrived.append((self.clocks.passed(), to, parsed))

    # -- mail ---------------------------------------------------------------------------------

    def bulk_send(self, count=1, recipients=RECIPIENTS, milter=None):
        """So many bulk sends, each of another sender; returns how long each answer took."""
        took = []
        with milter or self.connect() as connection:
            for _ in range(count):
                name = f"staff{len(self.senders) + 1}@example.gov.vn"
                self.senders.append(name)
                began = time.monotonic()
                verdict = connection.message(f"<{name}>".encode(), recipients,
                                             [(b"Subject", b"Kh\xe1\xba\xa3o s\xc3\xa1t")],
                                             login=name.encode())
                assert verdict in ANSWERED
                took.append(time.monotonic() - began)
        return took

    # -- what the server was asked ------------------------------------------------------------

    def alerts(self):
        """The mails to the admins that the server took."""
        return [mail for _, to, mail in self.arrived if to == ALERTS["to"]]

    def times_told(self):
        """How many mails tell of each of the senders."""
        told = collections.Counter()
        for mail in self.alerts():
            told.update(set(re.findall(r"staff\d+@example\.gov\.vn",
                                       mail["Subject"] + text_of(mail))))
        return [told[sender] for sender in self.senders]

    def most_in_an_hour(self):
        times = sorted(at for at, to, _ in self.arrived if to == ALERTS["to"])
        return max((sum(1 for t in times if at <= t < at + HOUR) for at in times), default=0)

    # -- what waits ---------------------------------------------------------------------------

    def rows(self, column, where="true"):
        database = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            return [row[0] for row in database.execute(
                f"SELECT {column} FROM alert WHERE {where} ORDER BY id")]
        finally:
            database.close()

    def waiting(self):
        return len(self.rows("id", "state = 1"))

    def until_all_are_told(self, steps=48, step=30 * MINUTE):
        """Lets time go by until no mail waits; returns how much."""
        for n in range(steps):
            attempts = self.sink.attempts
            try:
                wait_for(lambda: not self.waiting(), "the mails", 3)
                return n * step
            except AssertionError:
                # Mails go on for a while after the last attempt was seen: wait for their end.
                while attempts != self.sink.attempts:
                    attempts = self.sink.attempts
                    time.sleep(0.3)
                self.clocks.pass_by(step)
        raise AssertionError(f"{self.waiting()} mails still wait:\n{self.log()[-2000:]}")


@pytest.fixture
def new_alerting(clocks):
    made = []

    def make(**more):
        made.append(Alerting(clocks, **more))
        return made[-1]

    yield make
    for one in made:
        one.remove()
