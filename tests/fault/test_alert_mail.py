"""Whatever the mail server does to the alerts: each bulk send is told of, and nobody is flooded."""

import re
import statistics
import time

import pytest

from alerting import PER_HOUR
from bulkwatch_lab import smtpsink, stays, text_of, wait_for
from clocks import DAY, HOUR, MINUTE
from mta import ANSWERED

# ------------------------------------------------------------------------ a server in trouble

TROUBLES = {
    "down": None,
    "says 421": smtpsink.GREETS_BUSY,
    "defers each recipient": smtpsink.BUSY,
    "refuses each recipient": smtpsink.REFUSE,
    "drops in the middle of the mail": smtpsink.DROP,
    "drops after the mail": smtpsink.LATE_DROP,
    "defers the mail": smtpsink.LATE_BUSY,
    "refuses the mail": smtpsink.LATE_REFUSE,
    "speaks no SMTP": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "speaks TLS": bytes.fromhex("15030300020250"),
    "says only zeros": bytes(5000),
    "never ends a line": b"220-" + b"x" * 200_000,
    "never ends an answer": b"220-more\r\n" * 20_000,
    "says 999": b"999 who knows\r\n" * 5,
    "greets and hangs up on EHLO": b"220 hello\r\n500 no\r\n500 no\r\n221 bye\r\n",
    "offers what it does not have": b"220 x\r\n250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"
                                    b"454 no TLS\r\n250 x\r\n454 no\r\n",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_alerts_wait_for_hours_and_each_is_told_once(new_alerting, clocks, trouble):
    """Six hours of it, with a bulk send each quarter of an hour; then the server is well."""
    daemon = new_alerting(mode=TROUBLES[trouble] or smtpsink.OK)
    if TROUBLES[trouble] is None:
        daemon.sink.stop()
    daemon.start()
    for _ in range(24):
        daemon.bulk_send()
        clocks.pass_by(15 * MINUTE)
        if isinstance(TROUBLES[trouble], bytes):
            break  # such a server is waited for; one attempt says it all
    # One that is silent is waited for, 20 s.
    wait_for(lambda: daemon.rows("id", "attempts > 0"), "an attempt", 60)
    assert not daemon.arrived and daemon.waiting() == len(daemon.senders)
    assert all(daemon.rows("last_error", "attempts > 0"))
    # No storm: a server in trouble is asked once in a while, however many wait.
    assert daemon.sink.attempts <= 2 * 24 + 2
    if TROUBLES[trouble] is None:
        daemon.sink.start()
    daemon.sink.mode = smtpsink.OK
    if isinstance(TROUBLES[trouble], bytes):
        daemon.restart()
    daemon.until_all_are_told()
    assert daemon.times_told() == [1] * len(daemon.senders)
    assert daemon.most_in_an_hour() <= PER_HOUR


def test_server_that_takes_a_mail_and_drops_before_it_says_so_gets_the_same_mail_again(
        new_alerting, clocks):
    """At least once: nobody can know. The second copy has the same Message-ID."""
    daemon = new_alerting(mode=smtpsink.TAKEN_DROP).start()
    daemon.bulk_send()
    for n in range(1, 4):
        wait_for(lambda: len(daemon.arrived) == n, f"copy {n}")
        clocks.pass_by(HOUR)
    daemon.sink.mode = smtpsink.OK
    daemon.until_all_are_told()
    assert len({mail["Message-ID"] for mail in daemon.alerts()}) == 1
    assert daemon.rows("state") == [2]
    # Each copy may have arrived, so each counts in the hour.
    assert daemon.most_in_an_hour() <= PER_HOUR


def test_mails_that_may_have_arrived_count_in_the_hour(new_alerting, clocks):
    daemon = new_alerting(mode=smtpsink.TAKEN_DROP, alerts={"per_hour": 2}).start()
    daemon.bulk_send(5)
    for _ in range(8):
        clocks.pass_by(6 * MINUTE)
        time.sleep(1.2)  # the daemon looks each second
    assert len(daemon.arrived) == 2


def test_slow_server_delays_no_mail_and_no_stop(new_alerting):
    daemon = new_alerting(mode=smtpsink.SLOW).start()
    daemon.bulk_send()
    wait_for(lambda: daemon.sink.attempts, "an attempt")
    assert statistics.median(daemon.bulk_send(20)) < 0.1
    began = time.monotonic()
    daemon.stop()
    assert time.monotonic() - began < 5
    daemon.sink.mode = smtpsink.OK
    daemon.start()
    daemon.until_all_are_told()
    assert daemon.times_told() == [1] * 21


def test_server_is_asked_less_and_less_often_and_at_least_each_five_minutes(new_alerting, clocks):
    daemon = new_alerting(mode=smtpsink.GREETS_BUSY).start()
    daemon.bulk_send(50)
    wait_for(lambda: daemon.sink.attempts == 1, "an attempt")
    at = [0]
    for second in range(0, 40 * MINUTE, 20):
        clocks.pass_by(20)
        asked = daemon.sink.attempts
        daemon.bulk_send()  # which wakes who sends
        time.sleep(0.1)
        at += [second] * (daemon.sink.attempts - asked)
    gaps = [b - a for a, b in zip(at, at[1:])]
    assert len(gaps) >= 6 and gaps == sorted(gaps), gaps
    assert gaps[0] <= 60 and 300 <= gaps[-1] <= 340, gaps


# ------------------------------------------------------------------------------------ bounces

def bounces(daemon, **how):
    """The server takes each mail, and then sends it back as one that could not be delivered."""
    def bounce(mail):
        sender, _, _ = mail
        with daemon.connect() as milter:
            assert milter.message(b"<>", [f"<{sender}>".encode()],
                                  [(b"Subject", b"Undelivered Mail Returned to Sender")],
                                  **how) in ANSWERED

    arrived = daemon.sink.on_mail
    daemon.sink.on_mail = lambda mail: (arrived(mail), bounce(mail))


def test_bounce_of_an_alert_from_elsewhere_counts_for_nothing(new_alerting):
    daemon = new_alerting()
    bounces(daemon, client=b"203.0.113.9")
    daemon.start()
    daemon.bulk_send(3)
    wait_for(lambda: not daemon.waiting() and len(daemon.arrived) == 3, "the alerts")
    found = {row["sender"] for row in daemon.bulkwatch("senders", "--top", "1000")}
    assert found == set(daemon.senders) | set(daemon.expected)


def test_bounce_of_an_alert_makes_no_loop_even_where_each_mail_is_a_bulk_send(new_alerting,
                                                                             clocks):
    """An MTA that asks the milter about its own bounces too, and a rule that matches any mail."""
    daemon = new_alerting()
    daemon.set(rules=[{"name": "each", "recipients": 1}])
    bounces(daemon, client=None)
    daemon.start(wait=False)
    wait_for(lambda: "READY=1" in daemon.notify.told(), "the start")
    daemon.bulk_send()
    # One about the sender, one about the bounces, which are one bulk send.
    wait_for(lambda: len(daemon.arrived) == 2 and not daemon.waiting(), "the alerts")
    stays(lambda: len(daemon.arrived) == 2, 1, "two alerts")
    # It ends: one mail for each bulk send that a bounce begins, with hours between them.
    for _ in range(6):
        clocks.pass_by(HOUR)
        time.sleep(1.2)
    assert len(daemon.arrived) <= 4, [mail["Subject"] for mail in daemon.alerts()]


# ------------------------------------------------------------------------------------- storms

def test_10000_bulk_sends_in_an_hour_are_each_told_once(new_alerting):
    daemon = new_alerting().start()
    daemon.bulk_send(200)
    before = daemon.usage()
    began = time.monotonic()
    took = daemon.bulk_send(9800)
    storm_secs = time.monotonic() - began
    grown = daemon.usage().kilobytes - before.kilobytes
    wait_for(lambda: len(daemon.arrived) >= PER_HOUR, "the mails of the hour")
    hours = daemon.until_all_are_told(step=10 * MINUTE) / HOUR
    largest = max(len(mail.as_bytes()) for mail in daemon.alerts())
    print(f"{storm_secs:.0f} s, median answer {statistics.median(took) * 1000:.1f} ms, "
          f"slowest {max(took) * 1000:.0f} ms, grown by {grown} kB in the storm, "
          f"{daemon.usage().kilobytes - before.kilobytes} kB afterwards; "
          f"{len(daemon.arrived)} mails, the last after {hours:.1f} h, "
          f"largest {largest / 1000:.0f} kB")
    assert daemon.times_told() == [1] * 10000
    assert daemon.most_in_an_hour() <= PER_HOUR
    assert statistics.median(took) < 0.1 and max(took) < 5
    assert hours <= 2 and largest < 200_000
    assert daemon.usage().kilobytes - before.kilobytes < 60_000
    digests = [mail for mail in daemon.alerts() if "bulk sends" in mail["Subject"]]
    assert digests and all(re.search(r"bulkwatch (-c \S+ )?list\s*$", text_of(mail), re.M)
                           for mail in digests)


def test_bulk_sends_of_a_night_without_a_server_are_told_within_the_hour(new_alerting, clocks):
    """Thousands wait when it comes back: not an hour for each few hundred."""
    daemon = new_alerting(mode=smtpsink.GREETS_BUSY).start()
    daemon.bulk_send(3000)
    clocks.pass_by(8 * HOUR)
    daemon.sink.mode = smtpsink.OK
    began = clocks.passed()
    daemon.until_all_are_told(step=5 * MINUTE)
    assert max(at for at, _, _ in daemon.arrived) - began <= HOUR
    assert daemon.times_told() == [1] * 3000
    assert daemon.most_in_an_hour() <= PER_HOUR


def test_stolen_account_that_sends_for_two_days_gets_a_notice_a_day(new_alerting, clocks):
    daemon = new_alerting(notices={"enabled": True, "domains": ["example.gov.vn"]}).start()
    for hour in range(48):
        with daemon.connect() as milter:
            for n in range(10):
                recipients = [b"<r%d-%d-%d@example.net>" % (hour, n, k) for k in range(20)]
                assert milter.message(b"<thu.ha@example.gov.vn>", recipients,
                                      login=b"thu.ha@example.gov.vn") in ANSWERED
        wait_for(lambda: not daemon.rows("id", "state = 1 AND kind = 4"), "the notice")
        clocks.pass_by(HOUR)
    notices = [at for at, to, _ in daemon.arrived if to == ["thu.ha@example.gov.vn"]]
    assert len(notices) == 2 and notices[1] - notices[0] >= DAY - MINUTE
    assert daemon.most_in_an_hour() <= PER_HOUR
