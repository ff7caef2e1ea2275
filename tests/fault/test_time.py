"""The wall clock is set while things are under way: windows, mails that wait, declarations."""

import sqlite3
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bulkwatch_lab import addresses, smtpsink, stays, wait_for
from clocks import DAY, HOUR, MINUTE, YEAR
from mta import ANSWERED

JUMPS = {"a day forward": DAY, "a day back": -DAY, "a year forward": YEAR, "a year back": -YEAR}
jumps = pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS.keys())
WINDOW = [{"name": "window", "recipients": 20, "window": "10m"}]
SENDER = "thu.ha@example.gov.vn"


def send(daemon, first, count, sender=SENDER):
    recipients = [f"<{address}>".encode() for address in addresses(count, start=first)]
    with daemon.connect() as milter:
        assert milter.message(f"<{sender}>".encode(), recipients,
                              login=sender.encode()) in ANSWERED


def housekeeping(daemon, clocks):
    """Has the daemon look what there is to do, as it does once a minute."""
    clocks.pass_by(MINUTE + 1)
    time.sleep(2.2)  # it looks at the clock each second


# ------------------------------------------------------------------------------------ windows

@jumps
def test_window_neither_frees_nor_holds_a_sender_whatever_the_wall_clock(new_alerting, clocks,
                                                                         jump):
    daemon = new_alerting()
    daemon.set(rules=WINDOW)
    daemon.start()
    send(daemon, 0, 19, "freed@example.gov.vn")
    send(daemon, 0, 19, "held@example.gov.vn")
    clocks.jump(jump)
    send(daemon, 100, 1, "freed@example.gov.vn")
    clocks.pass_by(11 * MINUTE)
    send(daemon, 100, 19, "held@example.gov.vn")
    clocks.jump(-jump)
    send(daemon, 200, 1, "freed@example.gov.vn")
    assert [found["sender"] for found in daemon.bulk_sends()] == ["freed@example.gov.vn"]
    assert daemon.one_bulk_send()["recipients"] == 20


@jumps
def test_bulk_send_ends_after_its_quiet_time_by_the_steady_clock(new_alerting, clocks, jump):
    daemon = new_alerting()
    daemon.set(rules=WINDOW)
    daemon.start()
    send(daemon, 0, 20)
    clocks.jump(jump)
    stays(lambda: not daemon.one_bulk_send()["ended"], 1.5, "it goes on")
    clocks.pass_by(11 * MINUTE)
    wait_for(lambda: daemon.one_bulk_send()["ended"], "its end")


# --------------------------------------------------------------------------------------- mails

@jumps
def test_alerts_that_wait_go_as_soon_as_the_server_is_back(new_alerting, clocks, jump):
    daemon = new_alerting(mode=smtpsink.GREETS_BUSY).start()
    daemon.bulk_send(3)
    wait_for(lambda: daemon.rows("id", "attempts > 0"), "an attempt")
    clocks.jump(jump)
    daemon.bulk_send(2)
    clocks.pass_by(6 * MINUTE)  # no longer is the server left in peace
    wait_for(lambda: daemon.sink.attempts >= 2, "another attempt")
    assert not daemon.rows("id", "state = 3"), "given up"
    daemon.sink.mode = smtpsink.OK
    assert daemon.until_all_are_told() <= HOUR
    assert daemon.times_told() == [1] * 5


@jumps
def test_hour_of_per_hour_is_one_of_the_steady_clock(new_alerting, clocks, jump):
    daemon = new_alerting(alerts={"per_hour": 2}).start()
    daemon.bulk_send(5)
    wait_for(lambda: len(daemon.arrived) == 2, "two mails")
    clocks.jump(jump)
    daemon.bulk_send(2)
    stays(lambda: len(daemon.arrived) == 2, 2, "two mails in the hour")
    clocks.pass_by(HOUR + 2)
    wait_for(lambda: not daemon.waiting(), "the mails of the next hour")
    assert daemon.times_told() == [1] * 7


def test_notice_of_a_day_to_come_keeps_nobody_from_the_next(new_alerting, clocks):
    """The clock was a year ahead for a while."""
    daemon = new_alerting(notices={"enabled": True, "domains": ["example.gov.vn"]}).start()
    clocks.jump(YEAR)
    send(daemon, 0, 25)
    clocks.jump(-YEAR)
    clocks.pass_by(HOUR)
    send(daemon, 100, 25)
    wait_for(lambda: len([1 for _, to, _ in daemon.arrived if to == [SENDER]]) == 2, "two notices")


# ---------------------------------------------------------------------------- the day's digest

def digests(daemon):
    return daemon.rows("id", "kind = 5 AND state = 2")


@jumps
def test_digest_comes_once_for_a_day_and_no_storm_for_a_clock(new_alerting, clocks, jump):
    daemon = new_alerting(alerts={"digest": "00:00"}).start()
    daemon.bulk_send()
    for n in range(6):
        housekeeping(daemon, clocks)
        clocks.jump(jump if n % 2 == 0 else -jump)
    # Each time that the day changed there may be one, and no more.
    assert 1 <= len(digests(daemon)) <= 6
    day = len(digests(daemon))
    for _ in range(2):
        housekeeping(daemon, clocks)
    assert len(digests(daemon)) <= day + 1
    assert daemon.most_in_an_hour() <= 30


@pytest.mark.parametrize("year, month, day, why", [
    (2027, 3, 28, "02:30 does not exist: it comes at 03:00"),
    (2027, 10, 31, "02:30 comes twice: it comes the first time"),
    (2027, 6, 1, "a day like any other"),
], ids=["spring", "autumn", "summer"])
def test_digest_comes_once_on_the_day_of_a_change_of_summer_time(new_alerting, clocks, year, month,
                                                                day, why):
    zone = ZoneInfo("Europe/Berlin")
    daemon = new_alerting(alerts={"digest": "02:30"})
    daemon.environment["TZ"] = zone.key
    clocks.set_wall(datetime(year, month, day, 1, 50, tzinfo=zone).timestamp())
    daemon.start()
    daemon.bulk_send()
    housekeeping(daemon, clocks)
    assert not digests(daemon), "too early"
    came = []
    for _ in range(6):  # until 04:30, or 03:30
        clocks.pass_by(25 * MINUTE)
        housekeeping(daemon, clocks)
        came += [datetime.fromtimestamp(clocks.now(), zone)] * (len(digests(daemon)) - len(came))
    assert len(came) == 1, why
    assert (2, 30) <= (came[0].hour, came[0].minute) <= (3, 30) and came[0].fold == 0, why


# -------------------------------------------------------------------------------- declarations

def test_declaration_holds_for_its_hours_by_the_wall_clock(new_alerting, clocks):
    """What was announced is an hour on people's clocks: who sets them, sets it."""
    daemon = new_alerting().start()
    until = datetime.fromtimestamp(time.time() + HOUR).strftime("%Y-%m-%d %H:%M")
    daemon.bulkwatch("declare", "--sender", "*@example.gov.vn", "--recipients", "1000",
                     "--from", "now", "--until", until, "--reason", "Invitation", "--by", "hung",
                     json=False)
    for jump in (0, DAY, -DAY, -DAY, DAY, YEAR, -YEAR):
        clocks.jump(jump)
        daemon.bulk_send()
    by_sender = {row["sender"]: bool(row["declaration"]) for row in daemon.bulk_sends()}
    assert [by_sender[sender] for sender in daemon.senders] == [
        True, False, True, False, True, False, True]
    wait_for(lambda: len(daemon.arrived) == 3, "alerts about those that were not covered")
    assert daemon.times_told() == [0, 1, 0, 1, 0, 1, 0]


# -------------------------------------------------------------------------------------- keeping

def test_clock_that_is_a_year_ahead_removes_nothing(new_alerting, clocks):
    daemon = new_alerting(ledger={"keep": "90d"}, evidence={"keep": "120d"}).start()
    daemon.bulk_send()
    send(daemon, 100, 3)
    daemon.bulkwatch("close", "1", "--outcome", "reported", "--by", "hung", json=False)
    before = kept(daemon)
    housekeeping(daemon, clocks)
    clocks.jump(YEAR)
    for _ in range(2):
        housekeeping(daemon, clocks)
    assert kept(daemon) == before
    # A year that does go by is another thing.
    clocks.jump(-YEAR)
    clocks.pass_by(YEAR)
    housekeeping(daemon, clocks)
    wait_for(lambda: kept(daemon) == (0, 0), "what is older than it is kept to go")


def kept(daemon):
    database = sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True)
    try:
        return tuple(database.execute("SELECT (SELECT count(*) FROM message), "
                                      "(SELECT count(*) FROM bulk_send)").fetchone())
    finally:
        database.close()


@jumps
def test_commands_tell_of_times_that_went_back_and_forth(new_alerting, clocks, jump):
    daemon = new_alerting()
    daemon.set(rules=WINDOW)
    daemon.start()
    send(daemon, 0, 20)
    clocks.jump(jump)
    send(daemon, 100, 20)
    found = daemon.bulkwatch("show", "1")
    assert found["first_at"] <= found["last_at"]
    for command in (["list", "--status", "all"], ["show", "1"], ["senders"],
                    ["export", "--format", "csv"]):
        assert daemon.bulkwatch(*command, json=False, status=0).stdout
