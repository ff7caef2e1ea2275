#!/usr/bin/env python3
"""Hours of a mail server's life in minutes, and then the accounts: `make soak MINUTES=n`.

A private Postfix takes mixed mail (by login, from scripts of the machine, inbound; bulk, split,
to aliases, big, slow, broken off, with recipients that are refused) while bulkwatchd is killed,
stopped and told to read its settings, and Postfix reloaded and restarted, at random moments.
Clients come again with what was deferred, as mail clients do.

In the end Postfix's own log is held beside the ledger (`bulkwatch reconcile`). Half of the time
Postfix defers mail while the milter is away: then all that it accepted must be counted. In the
other half it accepts: then each message that is not counted must be one that Postfix could not
ask the milter about. Each bulk send must have its alert, once.
"""

import argparse
import collections
import contextlib
import random
import re
import smtplib
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))

from bulkwatch_lab import (ADMIN, DOMAIN, Lab, Mailbox, Postfix, Session, addresses,  # noqa: E402
                           message, wait_for)

LOGINS = [f"clerk{n}@{DOMAIN}" for n in range(1, 61)]
ALIAS = f"all@{DOMAIN}"
CLIENTS = 6
# A client gives up on what is deferred, or never answered, after so many tries.
TRIES = 200


class Notes:
    """What was done, counted by threads."""

    def __init__(self):
        self.counts = collections.Counter()
        self.faults = []
        self.lock = threading.Lock()

    def add(self, what, n=1):
        with self.lock:
            self.counts[what] += n

    def fault(self, sentence):
        with self.lock:
            self.faults.append(sentence)


class Client(threading.Thread):
    """Sends one mail after another, each as some client of an office would."""

    def __init__(self, soak, number):
        super().__init__(name=f"client{number}")
        self.soak = soak
        self.random = random.Random(f"{soak.seed}-{number}")
        self.number = 0

    def run(self):
        kinds = [(self.plain, 30), (self.split, 8), (self.bulk, 10), (self.alias, 8),
                 (self.refused, 8), (self.big, 3), (self.slow, 3), (self.broken_off, 5),
                 (self.inbound, 10), (self.local, 10), (self.held_open, 3), (self.no_id, 5)]
        while not self.soak.ending.is_set():
            [kind] = self.random.choices([k for k, _ in kinds], [w for _, w in kinds])
            try:
                kind()
            except (AssertionError, OSError, smtplib.SMTPException, RuntimeError) as fault:
                self.soak.notes.fault(f"{kind.__name__}: {type(fault).__name__}: {fault}")
            time.sleep(self.random.random() * 0.1)

    # -- mail ---------------------------------------------------------------------------------

    def mail(self, size=40, **parts):
        self.number += 1
        name = f"<{self.name}.{self.number}.{self.random.getrandbits(32):x}@soak.{DOMAIN}>"
        parts = {"message_id": name, "subject": f"Thư số {self.number}", **parts}
        return message(LOGINS[0], body="x" * 70 + "\n" * (size // 71 + 1), **parts)

    def people(self, least, most):
        start = self.random.randrange(10 ** 6)
        return addresses(self.random.randint(least, most), start=start)

    def login(self):
        return self.random.choice(LOGINS)

    # -- ways of sending ----------------------------------------------------------------------

    def deliver(self, login, recipients, data, sender=None, client=None, slow=False):
        """Comes again until the mail is taken, as a client's queue does."""
        for _ in range(TRIES):
            code = self.attempt(login, recipients, data, sender or login, client, slow)
            if code == 250:
                self.soak.notes.add("taken")
                return
            self.soak.notes.add("tried again")
            time.sleep(0.3)
        self.soak.notes.fault(f"never taken: {data[:200]!r}")

    def attempt(self, login, recipients, data, sender, client, slow):
        """The answer to one try; 0 where there was none."""
        try:
            with contextlib.closing(Session(self.soak.port, login, client)) as session:
                return self.transact(session, sender, recipients, data, slow)
        except (AssertionError, OSError, smtplib.SMTPException):
            return 0

    def transact(self, session, sender, recipients, data, slow=False):
        session.mail_from(sender)
        taken = [session.docmd(f"RCPT TO:<{r}>")[0] == 250 for r in recipients]
        if not any(taken):
            return 0
        if not slow:
            return session.data(data)[0]
        session.must("DATA")
        half = len(data) // 2
        session.send(data[:half])
        time.sleep(self.random.uniform(1, 5))
        session.send(data[half:] + b"\r\n.\r\n")
        return session.getreply()[0]

    # -- kinds of mail ------------------------------------------------------------------------

    def plain(self):
        self.deliver(self.login(), self.people(1, 5), self.mail())

    def bulk(self):
        self.deliver(self.login(), self.people(20, 120), self.mail())

    def split(self):
        login = self.login()
        for _ in range(self.random.randint(5, 30)):
            self.deliver(login, self.people(1, 1), self.mail())

    def alias(self):
        self.deliver(self.login(), [ALIAS, *self.people(1, 3)], self.mail())

    def refused(self):
        unknown = [f"nobody{n}@{DOMAIN}" for n in range(self.random.randint(1, 5))]
        self.deliver(self.login(), unknown + self.people(1, 30), self.mail())

    def big(self):
        self.deliver(self.login(), self.people(1, 3), self.mail(size=400_000))

    def slow(self):
        self.deliver(self.login(), self.people(1, 25), self.mail(), slow=True)

    def inbound(self):
        self.deliver(None, ["staff1@" + DOMAIN, "staff2@" + DOMAIN], self.mail(),
                     sender="someone@example.org", client="203.0.113.9")

    def no_id(self):
        self.deliver(self.login(), self.people(1, 3), self.mail(message_id=""))

    def local(self):
        self.soak.postfix.sendmail(f"office@{DOMAIN}", self.people(1, 4), self.mail())
        self.soak.notes.add("submitted")

    def broken_off(self):
        """Goes away in the middle, in one of the ways that there are."""
        with contextlib.suppress(AssertionError, OSError, smtplib.SMTPException):
            session = Session(self.soak.port, self.login())
            with contextlib.closing(session):
                session.mail_from(LOGINS[0])
                session.rcpt_to(*self.people(1, 30))
                if self.random.random() < 0.3:
                    session.rset()
                elif self.random.random() < 0.7:
                    session.must("DATA")
                    session.send(self.mail()[:60])
        self.soak.notes.add("broken off")

    def held_open(self):
        """A session that goes on while others come and go, and the daemon with them."""
        with contextlib.suppress(AssertionError, OSError, smtplib.SMTPException):
            login = self.login()
            with contextlib.closing(Session(self.soak.port, login)) as session:
                for _ in range(4):
                    if self.transact(session, login, self.people(1, 4), self.mail()) == 250:
                        self.soak.notes.add("taken")
                    time.sleep(self.random.uniform(0.5, 2))


class Trouble(threading.Thread):
    """What happens to the daemon and to Postfix meanwhile."""

    def __init__(self, soak):
        super().__init__(name="trouble")
        self.soak = soak
        self.random = random.Random(f"{soak.seed}-trouble")

    def run(self):
        events = [(self.kill, 5), (self.stop, 3), (self.settings, 2), (self.reload, 2),
                  (self.postfix, 1)]
        while not self.soak.ending.wait(self.random.uniform(1, 8)):
            [event] = self.random.choices([e for e, _ in events], [w for _, w in events])
            try:
                event()
            except Exception as fault:  # noqa: BLE001: told in the end, whatever it is
                self.soak.notes.fault(f"{event.__name__}: {fault}")
                self.soak.ending.set()
            self.soak.notes.add(event.__doc__)

    def kill(self):
        """kill -9 of bulkwatchd"""
        self.soak.lab.daemon.kill()
        time.sleep(self.random.choice([0, 0, 0.5, 3]))
        self.soak.lab.daemon.start()

    def stop(self):
        """stop of bulkwatchd"""
        self.soak.lab.daemon.stop(timeout=30)
        time.sleep(self.random.choice([0, 1, 3]))
        self.soak.lab.daemon.start()

    def settings(self):
        """new settings"""
        self.soak.lab.daemon.reload()

    def reload(self):
        """reload of Postfix"""
        self.soak.postfix.reload()

    def postfix(self):
        """restart of Postfix"""
        self.soak.postfix.stop()
        self.soak.postfix.start()


class Soak:
    """One run, and its accounts."""

    def __init__(self, action, seed):
        self.action, self.seed = action, seed
        self.notes = Notes()
        self.ending = threading.Event()
        self.postfix = Postfix()
        self.postfix.milters = f"unix:{self.postfix.socket}"
        aliases = self.postfix.confdir / "aliases"
        self.postfix.confdir.mkdir()
        aliases.write_text(f"{ALIAS} staff1@{DOMAIN}, staff2@{DOMAIN}, far@example.net\n")
        self.postfix.settings = {"milter_default_action": action, "default_process_limit": "200",
                                 "virtual_alias_maps": f"texthash:{aliases}"}
        self.lab = None

    @property
    def port(self):
        return self.postfix.port

    def run(self, secs):
        """Sends and troubles for so long; returns the sentences of what is wrong."""
        self.postfix.start()
        self.lab = Lab(self.postfix, alerts={
            "to": [ADMIN], "smtp": f"smtp://127.0.0.1:{self.port}", "per_hour": 1000},
            rules=[{"name": "message", "recipients": 20},
                   {"name": "window", "recipients": 20, "window": "20s"}]).start()
        # The ledger begins before all that is looked at.
        self.lab.send(["first@example.net"])
        threads = [Client(self, n) for n in range(CLIENTS)] + [Trouble(self)]
        for thread in threads:
            thread.start()
        self.ending.wait(secs)
        self.ending.set()
        for thread in threads:
            thread.join()
        self.settle()
        return self.accounts()

    def settle(self):
        """Until all mail is delivered, and all bulk sends and alerts are done."""
        # pickup looks at all that waits for it when something new comes.
        self.postfix.sendmail(f"office@{DOMAIN}", ["last@example.net"], b"Subject: last\n\n")
        self.notes.add("submitted")
        self.postfix.flush()
        wait_for(lambda: not self.postfix.queue(), "the queue to be empty", 180, poll=1)
        wait_for(self.all_told, lambda: f"all alerts:\n{self.lab.daemon.log()[-2000:]}", 180,
                 poll=1)
        wait_for(lambda: not self.postfix.queue(), "the queue to be empty", 60, poll=0.5)
        wait_for(self.log_is_whole, "the end of Postfix's log", 30, poll=0.5)

    def all_told(self):
        shown = self.shown()
        return all(one["ended"] for one in shown) and all(
            alert["state"] == "sent" for one in shown for alert in one["alerts"])

    def log_is_whole(self):
        log = self.postfix.log_up_to_now()
        queued = re.findall(r"^.{15} mail postfix/qmgr\S+: (\w+): from=<.* nrcpt=", log, re.M)
        gone = re.findall(r"^.{15} mail postfix/qmgr\S+: (\w+): removed\n", log, re.M)
        return set(queued) <= set(gone)

    def shown(self):
        return [self.lab.daemon.bulkwatch("show", str(one["id"]))
                for one in self.lab.daemon.bulk_sends("--limit", "0")]

    # -- accounts -----------------------------------------------------------------------------

    def accounts(self):
        found = self.lab.daemon.reconcile(self.postfix.maillog, status=None)
        faults = self.notes.faults + list(self.of_ledger(found)) + list(self.of_alerts())
        self.tell(found)
        return faults

    def interruptions(self):
        """How often an answer may have been lost."""
        return sum(n for what, n in self.notes.counts.items()
                   if what.startswith(("kill", "stop", "restart")))

    def of_ledger(self, found):
        allowed = {"counted", "retry", "own"} | ({"no-milter"} if self.action == "accept" else set())
        for name, count in found["findings"].items():
            if count and name not in allowed:
                some = [mail for mail in found["mail"] if mail["finding"] == name][:3]
                yield f"{count} messages are \"{name}\", such as {some}"
        if found["not_in_log"]:
            yield f"{found['not_in_log']} messages of the ledger are not in the log"
        # Counted, and the answer was lost: the client came again.
        if found["not_taken"] > CLIENTS * self.interruptions():
            yield f"{found['not_taken']} messages were counted that Postfix did not take"
        sent = self.notes.counts["taken"] + self.notes.counts["submitted"]
        if found["messages"] < sent:
            yield f"clients know of {sent} messages, the log of {found['messages']}"

    def of_alerts(self):
        mails = Mailbox(self.postfix.maildir(ADMIN)).messages()
        ids = collections.Counter(str(mail["Message-ID"]) for mail in mails)
        told = collections.Counter(
            int(re.search(r"vụ số (\d+)", str(mail["Subject"]))[1])
            for mail in {str(mail["Message-ID"]): mail for mail in mails}.values()
            if ".started@" in str(mail["Message-ID"]))
        shown = self.shown()
        for one in shown:
            kinds = [alert["kind"] for alert in one["alerts"]]
            if kinds.count("started") != 1 or told[one["id"]] != 1:
                yield (f"bulk send {one['id']}: alerts {kinds}, and {told[one['id']]} mail(s) "
                       f"that tell of its begin")
        again = sum(ids.values()) - len(ids)
        # Sent, and killed before that was noted: it is sent again, under the same Message-ID.
        if again > self.interruptions():
            yield f"{again} alert mails came twice"
        if set(told) - {one["id"] for one in shown}:
            yield "there are alerts about bulk sends that are not in the log of bulk sends"
        self.notes.add("bulk sends", len(shown))
        self.notes.add("alert mails", len(ids))
        self.notes.add("alert mails that came twice", again)

    def tell(self, found):
        counts = dict(self.notes.counts)
        print(f"  milter_default_action = {self.action}, seed {self.seed}")
        for what in sorted(counts):
            print(f"    {counts[what]:7} {what}")
        print(f"  the log: {found['messages']} messages, {found['outbound']} outbound, of them")
        for name, count in found["findings"].items():
            if count:
                print(f"    {count:7} {name}")
        print(f"    {found['not_taken']:7} in the ledger, not taken by Postfix in that try")
        print(f"    {found['not_in_log']:7} in the ledger, not in the log")
        print(f"  difference: {found['unexplained'] + found['not_in_log']}", flush=True)

    def remove(self):
        if self.lab:
            self.lab.remove()
        self.postfix.remove()


def one_run(action, secs, seed):
    """Returns whether all is well; else the folders stay for who wants to look."""
    soak = Soak(action, seed)
    faults = ["it did not come to its end"]
    try:
        faults = soak.run(secs)
    finally:
        soak.ending.set()
        for fault in faults:
            print(f"  FAULT: {fault}")
        if faults:
            print(f"  kept: {soak.postfix.dir} {soak.lab and soak.lab.daemon.dir}", flush=True)
            soak.postfix.stop()
            if soak.lab:
                soak.lab.daemon.kill()
        else:
            soak.remove()
    return not faults


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10 ** 6),
                         help="of what is done, and when; the machine has its say too")
    options.add_argument("--action", choices=["tempfail", "accept"],
                         help="what Postfix does without the milter (half the time each)")
    chosen = options.parse_args()
    actions = [chosen.action] if chosen.action else ["tempfail", "accept"]
    print(f"soak: {chosen.minutes:g} minutes", flush=True)
    well = [one_run(action, chosen.minutes * 60 / len(actions), chosen.seed)
            for action in actions]
    sys.exit(0 if all(well) else 1)


if __name__ == "__main__":
    main()
