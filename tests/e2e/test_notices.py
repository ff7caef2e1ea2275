"""Declared sends and what goes beyond them, notices to senders, and the day's digest."""

import contextlib
import itertools
import sqlite3
import time

import pytest

from bulkwatch_lab import (DOMAIN, SENDER, Mailbox, SmtpSink, addresses, free_port, smtpsink,
                           stays, text_of, wait_for)
from trouble import locked

NOTICES = {"enabled": True, "domains": [DOMAIN], "password_help": "https://help.example.gov.vn"}
SHORT = [{"name": "message", "recipients": 20},
         {"name": "window", "recipients": 20, "window": "3s"}]
EACH = [{"name": "each", "recipients": 1}]
# Always in the past of the local day: the digest goes out at the first housekeeping.
MIDNIGHT = {"digest": "00:00"}

_people = itertools.count(60, -1)


class Person:
    """A sender with a mailbox that no other test writes to."""

    def __init__(self, postfix):
        self.address = f"staff{next(_people)}@{DOMAIN}"
        self.mailbox = Mailbox(postfix.maildir(self.address))


@pytest.fixture
def person(postfix):
    return Person(postfix)


@pytest.fixture
def new_lab(new_lab):
    """As ever, but it is about noon where the daemon is: no test runs across a midnight."""
    def make(*args, **settings):
        lab = new_lab(*args, **settings)
        lab.daemon.environment["TZ"] = f"NOON{time.gmtime().tm_hour - 12:+d}"
        return lab

    return make


def kinds(lab, number=None):
    """What was queued about a bulk send: the only one, if none is said."""
    found = (lab.daemon.one_bulk_send() if number is None
             else lab.daemon.bulkwatch("show", str(number)))
    return [row["kind"] for row in found["alerts"]]


def wait_for_end(lab, number):
    wait_for(lambda: lab.daemon.bulkwatch("show", str(number))["ended"], "the bulk send to end")


def settled(lab, kind, state="sent"):
    """Waits until the mail of that kind about the only bulk send is settled; returns its row."""
    [row] = wait_for(lambda: [r for r in lab.daemon.one_bulk_send()["alerts"]
                              if (r["kind"], r["state"]) == (kind, state)],
                     lambda: f"a {kind} that is {state}: {lab.daemon.one_bulk_send()['alerts']}")
    return row


def again(lab, **settings):
    """Ends the daemon, the short way (libmilter takes 5 s to stop), and starts it once more."""
    lab.daemon.kill()
    lab.change(**settings).start()


def digests(lab):
    """How many digests of a day were queued so far, and whether today's was looked at."""
    with contextlib.closing(sqlite3.connect(f"file:{lab.daemon.database}?mode=ro", uri=True)) as db:
        [queued] = db.execute("SELECT count(*) FROM alert WHERE kind = 5").fetchone()
        looked = db.execute("SELECT value FROM meta WHERE key = 'daily-day'").fetchone()
    return queued, looked is not None


def declare(lab, sender, recipients, until="+3h"):
    lab.daemon.bulkwatch("declare", "--sender", sender, "--recipients", str(recipients),
                         "--from", "now", "--until", until, "--reason", "Giấy mời họp",
                         "--reference", "125/UBND-VP", "--by", "hung", json=False)


# -- declared sends -------------------------------------------------------------------------------

def test_g06_declared_send_raises_no_alert_and_no_notice(new_lab, person):
    lab = new_lab(notices=NOTICES).start()
    declare(lab, person.address, 30)
    lab.send(addresses(25), sender=person.address)
    assert lab.daemon.bulk_sends()[0]["declaration"] == 1
    assert kinds(lab) == []
    # 5 % more than declared are let pass.
    lab.send(addresses(6, start=100), sender=person.address)
    assert kinds(lab) == []


@pytest.mark.parametrize("language, by_how_much", [
    ("vi", "25 người nhận (đã gửi đến 55, khai báo 30)"),
    ("en", "25 recipients (sent to 55, declared 30)")], ids=["vi", "en"])
def test_g06_alert_says_how_many_recipients_are_beyond_the_declaration(new_lab, person, language,
                                                                        by_how_much):
    lab = new_lab(alerts={"language": language}, notices=NOTICES).start()
    declare(lab, f"*@{DOMAIN}", 30)
    lab.send(addresses(25), sender=person.address, subject="Giấy mời")
    lab.send(addresses(30, start=100), sender=person.address)
    lab.send(addresses(30, start=100), sender=person.address)
    [alert] = lab.alerts.wait()
    assert person.address in alert["Subject"]
    body = text_of(alert)
    for part in (by_how_much, "Giấy mời họp", "125/UBND-VP", "hung", f"*@{DOMAIN}", " show 1\n",
                 " take 1\n", "r10@example.net"):
        assert part in body, f"{part!r} is not in the alert:\n{body}"
    # It was declared: the sender gets no notice. And one alert is enough.
    assert kinds(lab) == ["beyond"]


def test_g06_alert_says_how_long_after_the_declared_time(new_lab, person):
    lab = new_lab(alerts={"language": "en"}).start()
    declare(lab, person.address, 1000, until="+2s")
    lab.send(addresses(25), sender=person.address)
    assert kinds(lab) == []
    wait_for(lambda: lab.send(addresses(25), sender=person.address) and kinds(lab),
             "the declared time to be over", poll=0.5)
    [alert] = lab.alerts.wait()
    assert kinds(lab) == ["beyond"]
    assert "after the end of its time" in text_of(alert)
    assert "sent to" not in text_of(alert).lower().split("declared (")[0]


@pytest.mark.parametrize("language, line", [("vi", "Khai báo trước:  không"),
                                            ("en", "Declared before:  no")],
                         ids=["vi", "en"])
def test_g06_alert_about_an_undeclared_send_says_so(new_lab, language, line):
    lab = new_lab(alerts={"language": language}).start()
    lab.send(addresses(25))
    [alert] = lab.alerts.wait()
    assert line in text_of(alert)


# -- notices --------------------------------------------------------------------------------------

@pytest.mark.parametrize("language", ["vi", "en"])
def test_notice_tells_the_sender_kindly_what_was_seen_and_how_to_report(new_lab, person, language):
    lab = new_lab(alerts={"language": language}, notices=NOTICES).start()
    lab.send(addresses(25), sender=person.address, subject="Thông báo khẩn", client="198.51.100.20")
    [notice] = person.mailbox.wait()
    assert notice["To"] == person.address and not notice["Cc"]
    assert notice["Auto-Submitted"] == "auto-generated"
    # An answer reaches people.
    assert notice["Reply-To"] == lab.admin
    body = text_of(notice)
    for part in ("25", "Thông báo khẩn", "198.51.100.20", "Văn phòng, điện thoại 101",
                 NOTICES["password_help"]):
        assert body.count(part) >= 2, f"{part!r} is not in both languages:\n{body}"
    vietnamese, english = body.index("Kính gửi"), body.index("Dear colleague")
    assert (vietnamese < english) == (language == "vi")
    assert settled(lab, "notice")["to"] == person.address
    # The admins have their alert beside it, and not the notice.
    lab.alerts.wait()
    settled(lab, "started")
    assert len(lab.alerts.raw()) == 1


def test_notice_goes_to_a_sender_once_a_day(new_lab, person, faketime):
    lab = new_lab(rules=SHORT, notices=NOTICES)
    lab.daemon.faketime = faketime
    lab.start()
    lab.send(addresses(20), sender=person.address)
    assert kinds(lab, 1) == ["started", "notice"]
    person.mailbox.wait()
    wait_for_end(lab, 1)
    again(lab)
    lab.send(addresses(20, start=100), sender=person.address)
    assert kinds(lab, 2) == ["started"]
    wait_for_end(lab, 2)
    lab.daemon.kill()
    faketime.set("+25h")
    lab.daemon.start()
    lab.send(addresses(20, start=200), sender=person.address)
    assert kinds(lab, 3) == ["started", "notice"]
    assert len(person.mailbox.wait(2)) == 2


def test_notice_is_sent_once_to_a_bulk_send_that_is_extended(new_lab, person):
    lab = new_lab(notices=NOTICES).start()
    for part in range(4):
        lab.send(addresses(20, start=1 + 5 * part), sender=person.address)
    settled(lab, "notice")
    assert kinds(lab) == ["started", "notice"]
    assert len(person.mailbox.raw()) == 1


def test_notice_goes_to_the_envelope_sender_of_a_login_that_is_no_address(new_lab, person):
    lab = new_lab(notices=NOTICES).start()
    lab.send(addresses(25), sender=person.address, login="vanthu")
    person.mailbox.wait()
    assert settled(lab, "notice")["to"] == person.address


@pytest.mark.parametrize("sender, login", [
    ("", None), ("", "vanthu"), ("someone@example.org", None),
    ("someone@example.org", "canbo@example.org"), (f"someone@sub.{DOMAIN}", None),
    (f"someone@not{DOMAIN}", None)],
    ids=["null", "null-login", "foreign", "foreign-login", "subdomain", "longer-domain"])
def test_notice_is_never_sent_to_null_or_foreign_senders(new_lab, sender, login):
    lab = new_lab(notices=NOTICES).start()
    lab.send(addresses(25), sender=sender, login=login)
    assert kinds(lab) == ["started"]


def test_notices_are_off_unless_told(new_lab, person):
    lab = new_lab(notices=NOTICES | {"enabled": False}).start()
    lab.send(addresses(25), sender=person.address)
    assert kinds(lab) == ["started"]


def test_notice_to_an_address_that_is_refused_is_given_up_and_delays_no_alert(new_lab):
    lab = new_lab(notices=NOTICES).start()
    nobody = f"nobody@{DOMAIN}"
    lab.send(addresses(25), sender=nobody, login=None)
    row = settled(lab, "notice", "failed")
    assert row["to"] == nobody and "550" in row["last_error"] and row["attempts"] == 1
    settled(lab, "started")
    # It is still known that this address had its notice of the day.
    again(lab)
    lab.send(addresses(25), sender="other@example.org", login=None)
    assert kinds(lab, 1) == ["started", "notice"]


def test_notice_that_the_server_cannot_take_now_is_kept_for_its_sender(new_lab, person, faketime):
    with SmtpSink(mode=smtpsink.BUSY) as sink:
        lab = new_lab(alerts={"smtp": sink.url}, notices=NOTICES)
        lab.daemon.faketime = faketime
        lab.start()
        lab.send(addresses(25), sender=person.address)
        wait_for(lambda: all(r["attempts"] for r in lab.daemon.one_bulk_send()["alerts"]),
                 "a first attempt at both")
        lab.daemon.kill()
        sink.mode = smtpsink.OK
        faketime.set("+2h")
        lab.daemon.start()
        settled(lab, "notice")
        settled(lab, "started")
        assert [to for _, to, _ in sink.mails] == [[lab.admin], [person.address]]


def test_g05_our_own_notices_are_never_counted(new_lab, person):
    """Any mail at all is a bulk send here, and notices leave by the server that asks the daemon."""
    lab = new_lab(rules=EACH, notices=NOTICES).start()
    lab.send(addresses(1), sender=person.address)
    settled(lab, "notice")
    settled(lab, "started")
    person.mailbox.wait()
    assert [row["sender"] for row in lab.daemon.bulkwatch("senders")] == [person.address]


def test_notices_do_not_use_up_the_mails_of_the_admins(new_lab, postfix):
    lab = new_lab(alerts={"per_hour": 2}, notices=NOTICES).start()
    people = [Person(postfix) for _ in range(2)]
    for each in people:
        lab.send(addresses(25), sender=each.address)
        each.mailbox.wait()
    assert len(lab.alerts.wait(2)) == 2


# -- the day's digest -----------------------------------------------------------------------------

def digest_of(lab, before=0):
    """Waits for the digest that comes after so many mails."""
    mail = lab.alerts.wait(before + 1)[before]
    assert mail["Auto-Submitted"] == "auto-generated"
    return mail, text_of(mail)


def with_a_case(new_lab, **settings):
    """A lab with one bulk send that was told; its daemon has ended."""
    lab = new_lab(alerts={"language": "en"}, **settings).start()
    lab.send(addresses(25), subject="Mời họp")
    settled(lab, "started")
    lab.alerts.wait()
    lab.daemon.kill()
    return lab


def test_digest_tells_what_is_new_and_comes_once_a_day(new_lab):
    lab = with_a_case(new_lab)
    lab.change(alerts=MIDNIGHT).start()
    mail, body = digest_of(lab, 1)
    assert "1 new" in mail["Subject"]
    assert SENDER in body and "Mời họp" in body and "25 recipients" in body
    # What there is nothing to say of is left out.
    for heading in ("have waited", "expected today", "given up", "database"):
        assert heading not in body
    again(lab)
    lab.send(addresses(25), sender="staff2@example.gov.vn")
    lab.alerts.wait(3)
    again(lab)
    stays(lambda: digests(lab)[0] == 1, 3, "one digest a day")


def test_digest_is_not_sent_on_a_quiet_day(new_lab):
    lab = new_lab(alerts=MIDNIGHT).start()
    lab.send(addresses(5))
    wait_for(lambda: digests(lab)[1], "the day to be looked at")
    assert digests(lab) == (0, True)
    assert lab.alerts.raw() == []


def test_digest_waits_for_its_time_and_none_comes_where_there_is_no_time(new_lab):
    lab = with_a_case(new_lab)
    for never in ("", "23:59"):
        lab.change(alerts={"digest": never}).start()
        stays(lambda: digests(lab) == (0, False), 3, "no digest")
        lab.daemon.kill()


def test_digest_tells_cases_that_wait_for_more_than_a_day(new_lab, faketime):
    lab = with_a_case(new_lab)
    lab.daemon.faketime = faketime
    faketime.set("+75h")
    lab.daemon.start()
    lab.daemon.bulkwatch("take", "1", "--by", "hung", json=False)
    again(lab, alerts=MIDNIGHT)
    mail, body = digest_of(lab, 1)
    assert "1 case waiting" in mail["Subject"] and "new" not in mail["Subject"]
    [line] = [line for line in body.splitlines() if "Mời họp" in line]
    assert "  3 days  " in line and "hung" in line
    # Closed, it waits no more: the next day is quiet.
    lab.daemon.bulkwatch("close", "1", "--outcome", "reported", "--by", "hung", json=False)
    lab.daemon.kill()
    faketime.set("+100h")
    lab.daemon.start()
    stays(lambda: digests(lab)[0] == 1, 3, "no digest of a quiet day")


def test_digest_tells_declared_sends_that_are_expected_today(new_lab):
    lab = new_lab(alerts={"language": "en"}).start()
    declare(lab, "*@example.gov.vn", 300)
    again(lab, alerts=MIDNIGHT)
    mail, body = digest_of(lab)
    assert "1 declared for today" in mail["Subject"]
    [line] = [line for line in body.splitlines() if "125/UBND-VP" in line]
    assert "300 recipients" in line and "Giấy mời họp" in line


def test_digest_tells_mail_that_was_given_up(new_lab, faketime):
    lab = new_lab(alerts={"language": "en"})
    working = lab.daemon.settings["alerts"]["smtp"]
    lab.change(alerts={"smtp": f"smtp://127.0.0.1:{free_port()}"})
    lab.daemon.faketime = faketime
    lab.start()
    lab.send(addresses(25))
    wait_for(lambda: lab.daemon.one_bulk_send()["alerts"][0]["attempts"], "an attempt")
    lab.daemon.kill()
    # It is given up after so many attempts at least: they need not all be made here.
    with contextlib.closing(sqlite3.connect(lab.daemon.database)) as db, db:
        db.execute("UPDATE alert SET attempts = 9")
    faketime.set("+6d")
    lab.daemon.start()
    settled(lab, "started", "failed")
    again(lab, alerts=MIDNIGHT | {"smtp": working})
    mail, body = digest_of(lab)
    assert "1 mail not delivered" in mail["Subject"]
    assert "given up: 1\n" in body


def test_digest_tells_failures_of_the_database(new_lab):
    lab = new_lab(alerts={"language": "en"}).start()
    with locked(lab.daemon.database):
        lab.send(addresses(3))
        lab.daemon.wait_for_log("event=store-failed")
    lab.daemon.wait_for_log("event=store-works-again")
    again(lab, alerts=MIDNIGHT)
    mail, body = digest_of(lab)
    assert "1 failure of the database" in mail["Subject"]
    assert "database failed: 1\n" in body


def test_digest_speaks_vietnamese(new_lab):
    lab = with_a_case(new_lab)
    lab.change(alerts=MIDNIGHT | {"language": "vi"}).start()
    mail, body = digest_of(lab, 1)
    assert "1 đợt gửi mới" in mail["Subject"]
    assert "25 người nhận" in body and "Kính gửi" in body


def test_digest_goes_on_its_own_and_counts_in_the_hour(new_lab):
    lab = with_a_case(new_lab)
    lab.change(alerts=MIDNIGHT | {"per_hour": 2}).start()
    digest_of(lab, 1)
    lab.send(addresses(25), sender="staff2@example.gov.vn")
    stays(lambda: len(lab.alerts.raw()) == 2, 2, "two mails in the hour")
