"""What happens while the database fails: guarantee 7."""

import json
import os
import sqlite3
import time

import pytest

from bulkwatch_lab import SENDER, addresses, message, wait_for
from trouble import disk_that_can_freeze, fill, frozen, locked, small_disk

ANSWER_SECS = 20


def timed(action, *args, **more):
    """How many seconds it took."""
    start = time.monotonic()
    action(*args, **more)
    return time.monotonic() - start


def spooled(lab):
    """The bytes of all that is in the spool."""
    return b"".join(path.read_bytes() for path in lab.daemon.spool.rglob("*") if path.is_file())


def message_ids(found):
    return sorted(proof["message_id"].strip("<>") for proof in found["evidence"])


def senders(lab):
    return lab.daemon.bulkwatch("senders", "--top", "1000")


def recorded(lab, messages=1):
    """Waits until the only bulk send has so many messages; returns it as `show` tells of it."""
    def look():
        if not lab.daemon.database.exists():
            return False  # deleted, and not yet made anew
        found = lab.daemon.bulk_sends()
        return len(found) == 1 and found[0]["messages"] == messages
    wait_for(look, lambda: f"one bulk send of {messages} message(s); there are "
                           f"{lab.daemon.bulk_sends()}\n{lab.daemon.log()[-4000:]}", 30)
    return lab.daemon.one_bulk_send()


def test_g07_mail_goes_on_while_the_database_is_locked(lab):
    with locked(lab.daemon.database):
        assert timed(lab.send, addresses(25), message_id="<l1@example.gov.vn>") < ANSWER_SECS
        assert b"l1@example.gov.vn" in spooled(lab)
        assert b"r25@example.net" in spooled(lab)
    found = recorded(lab)
    assert (found["recipients"], message_ids(found)) == (25, ["l1@example.gov.vn"])
    assert len(found["evidence"][0]["recipients"]) == 25
    wait_for(lambda: b"l1@example.gov.vn" not in spooled(lab), "the spool to be empty")
    lab.alerts.wait()
    # Once means also: not once more by the next start.
    lab.daemon.restart()
    assert recorded(lab)["messages"] == 1


def test_g07_log_has_the_whole_record_while_the_database_fails(lab):
    with locked(lab.daemon.database):
        lab.send(addresses(25), message_id="<l2@example.gov.vn>", subject="Kế hoạch")
    # It is written right after the answer.
    line = lab.daemon.wait_for_log(r".*l2@example\.gov\.vn.*").group()
    assert all(recipient in line for recipient in addresses(25))
    assert SENDER in line and "Kế hoạch" in line
    [proof] = recorded(lab)["evidence"]
    assert f": queue_id={proof['queue_id']} " in line


def test_g07_split_send_during_a_failure_is_one_record_afterwards(lab):
    """What was sent before, during and after the failure belongs together."""
    for n in range(8):
        lab.send([f"before{n}@example.net"])
    with locked(lab.daemon.database):
        for n in range(8):
            lab.send([f"during{n}@example.net"])
    wait_for(lambda: lab.daemon.counted(SENDER) == (16, 16), "the spool to be brought in")
    for n in range(4):
        lab.send([f"after{n}@example.net"])
    assert recorded(lab, 20)["distinct_recipients"] == 20


def test_g07_first_mails_of_a_failure_are_answered_in_time_all_together(lab):
    sessions = [lab.session(login=f"staff{n}@example.gov.vn") for n in range(1, 31)]
    with locked(lab.daemon.database):
        for session in sessions:
            session.mail_from(SENDER)
            session.rcpt_to(*addresses(2))
            session.must("DATA")
        start = time.monotonic()
        for session in sessions:
            session.send(message(SENDER) + b".\r\n")
        for session in sessions:
            assert session.getreply()[0] == 250
        assert time.monotonic() - start < ANSWER_SECS
        for session in sessions:
            session.close()
    wait_for(lambda: len(senders(lab)) == 30, "all thirty senders")
    assert {row["messages"] for row in senders(lab)} == {1}


def test_g07_defer_answers_451_and_the_retry_is_recorded_once(new_lab):
    lab = new_lab(on_failure="defer").start()
    mail = message(SENDER, message_id="<d1@example.gov.vn>")
    with locked(lab.daemon.database):
        assert timed(lab.send, addresses(25), raw=mail, expect=451) < ANSWER_SECS
    assert b"d1@example.gov.vn" not in spooled(lab)

    def retry():
        with lab.session() as session:
            return session.transact(SENDER, addresses(25), mail)[0] == 250
    wait_for(retry, "a retry to be taken", poll=0.5)
    found = recorded(lab)
    assert (found["recipients"], message_ids(found)) == (25, ["d1@example.gov.vn"])


def test_g07_deferred_mail_does_not_use_up_the_window(new_lab):
    lab = new_lab(on_failure="defer").start()
    with locked(lab.daemon.database):
        lab.send(addresses(19), expect=451)

    def other():
        with lab.session() as session:
            return session.transact(SENDER, ["other@example.net"], message(SENDER))[0] == 250
    wait_for(other, "mail to be taken again", poll=0.5)
    assert lab.daemon.counted(SENDER) == (1, 1)
    assert lab.daemon.bulk_sends() == []


def test_g07_kill_9_while_records_wait_in_the_spool_loses_none(lab):
    with locked(lab.daemon.database):
        for n in range(5):
            lab.send(addresses(5, start=5 * n), message_id=f"<k{n}@example.gov.vn>")
        lab.daemon.kill()
        assert b"k4@example.gov.vn" in spooled(lab)
    lab.daemon.start()
    assert message_ids(recorded(lab, 5)) == [f"k{n}@example.gov.vn" for n in range(5)]


@pytest.mark.parametrize("message_id", [None, ""], ids=["message-id", "no-message-id"])
def test_g07_kill_9_during_the_replay_loses_and_doubles_none(new_lab, message_id):
    lab = new_lab(listener="asis").start()
    with locked(lab.daemon.database):
        for n in range(60):
            lab.send(addresses(20, start=20 * n), message_id=message_id, subject=f"Number {n}")
        lab.daemon.kill()
    for _ in range(3):
        lab.daemon.start()
        lab.daemon.kill()
    lab.daemon.start()
    subjects = [proof["subject"] for proof in recorded(lab, 60)["evidence"]]
    assert sorted(subjects) == sorted(f"Number {n}" for n in range(60))


def test_g07_broken_line_in_the_spool_harms_no_other(lab):
    with locked(lab.daemon.database):
        lab.send(addresses(25), message_id="<s1@example.gov.vn>")
        lab.daemon.kill()
    [file] = [p for p in lab.daemon.spool.rglob("*") if b"s1@example.gov.vn" in p.read_bytes()]
    whole = file.read_bytes()
    file.write_bytes(b"\x00\xff not a record\n" + whole + whole[:len(whole) // 2])
    lab.daemon.start()
    assert message_ids(recorded(lab)) == ["s1@example.gov.vn"]
    lab.daemon.wait_for_log(r"event=spool-")


def test_g07_full_disk_stops_no_mail_and_loses_no_record(new_lab):
    lab = new_lab()
    with small_disk(lab.daemon.database.parent, 1024) as disk:
        lab.start()
        lab.send(addresses(3))
        filler = fill(disk)
        for n in range(10):
            spent = timed(lab.send, addresses(50, start=50 * n),
                          message_id=f"<f{n}@example.gov.vn>")
            assert spent < ANSWER_SECS
        assert lab.daemon.wait_for_log("event=store-failed")
        filler.unlink()
        found = recorded(lab, 11)  # the three before belong to it by the window
        assert found["distinct_recipients"] == 500
        assert {f"f{n}@example.gov.vn" for n in range(10)} <= set(message_ids(found))
        lab.daemon.stop()


def test_g07_full_disk_under_the_spool_too_loses_no_record(new_lab):
    lab = new_lab()
    disk = lab.daemon.dir / "disk"
    disk.mkdir()
    with small_disk(disk, 1024):
        for name in ("db", "spool"):
            (disk / name).mkdir()
        lab.daemon.database = disk / "db" / "bulkwatch.db"
        lab.daemon.set(database=str(lab.daemon.database), spool=str(disk / "spool"))
        lab.start()
        fill(disk)
        lab.send(addresses(50), message_id="<g0@example.gov.vn>")
        lab.daemon.wait_for_log("event=store-failed")
        filler = fill(disk)  # the database gave back its log when it failed
        for n in range(1, 6):
            spent = timed(lab.send, addresses(50), message_id=f"<g{n}@example.gov.vn>")
            assert spent < ANSWER_SECS
        # The log is then the place where every record is, before the answer.
        kept = [line for line in lab.daemon.log().splitlines() if "event=kept-in-memory" in line]
        assert all("r50@example.net" in line for line in kept)
        assert all(f"g{n}@example.gov.vn" in line for n, line in enumerate(kept, 1))
        assert len(kept) == 5
        filler.unlink()
        assert message_ids(recorded(lab, 6)) == [f"g{n}@example.gov.vn" for n in range(6)]
        lab.daemon.stop()


def test_g07_disk_that_stands_still_holds_mail_less_than_20_seconds(new_lab, tmp_path):
    lab = new_lab()
    with disk_that_can_freeze(lab.daemon.database.parent, tmp_path / "image"):
        lab.start()
        lab.send(addresses(1, prefix="first"))
        with frozen(lab.daemon.database.parent):
            for n in range(2):
                spent = timed(lab.send, addresses(25, start=25 * n),
                              message_id=f"<i{n}@example.gov.vn>")
                assert spent < ANSWER_SECS
        found = recorded(lab, 3)
        assert {"i0@example.gov.vn", "i1@example.gov.vn"} < set(message_ids(found))
        lab.daemon.stop()


@pytest.mark.parametrize("also_log", [True, False], ids=["all-of-it", "main-file-only"])
def test_g07_database_that_was_deleted_is_made_anew(lab, also_log):
    lab.send(addresses(1))
    for path in lab.daemon.database.parent.glob("bulkwatch.db*" if also_log else "bulkwatch.db"):
        if not path.name.endswith(".lock"):
            path.unlink()
    lab.send(addresses(25), message_id="<x1@example.gov.vn>")
    assert message_ids(recorded(lab)) == ["x1@example.gov.vn"]
    lab.daemon.wait_for_log("event=store-failed")
    lab.daemon.restart()
    assert message_ids(recorded(lab)) == ["x1@example.gov.vn"]


def set_aside(lab):
    found = lab.daemon.database.parent.glob("bulkwatch.db.damaged-*")
    return [path for path in found if not path.name.endswith(("-wal", "-shm"))]


@pytest.mark.parametrize("content", [b"", b"no database at all\n" * 400,
                                     b"SQLite format 3\0" + os.urandom(8000)],
                         ids=["empty", "text", "random"])
def test_g07_file_that_is_no_database_is_set_aside_and_said_loudly(new_lab, content):
    lab = new_lab()
    lab.daemon.database.write_bytes(content)
    lab.start()
    [kept] = set_aside(lab)
    assert kept.read_bytes() == content
    assert kept.name in lab.daemon.log()
    lab.send(addresses(25))
    assert recorded(lab)["recipients"] == 25


def test_g07_damaged_database_is_set_aside_and_never_overwritten(lab):
    for n in range(1, 41):
        lab.send(addresses(40), sender=f"staff{n}@example.gov.vn")
    lab.daemon.stop()
    with open(lab.daemon.database, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        assert size > 40960
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    damaged = lab.daemon.database.read_bytes()
    lab.daemon.start()
    [kept] = set_aside(lab)
    assert kept.read_bytes() == damaged
    lab.send(addresses(25))
    assert recorded(lab)["recipients"] == 25


def test_g07_database_of_another_program_is_left_alone(new_lab):
    lab = new_lab()
    other = sqlite3.connect(lab.daemon.database)
    other.execute("CREATE TABLE accounts (name)")
    other.execute("PRAGMA application_id = 77")
    other.commit()
    other.close()
    before = lab.daemon.database.read_bytes()
    lab.daemon.start(wait=False)
    lab.daemon.ended(status=1)
    assert lab.daemon.database.read_bytes() == before
    assert str(lab.daemon.database) in lab.daemon.log()


def test_g07_spool_holds_one_json_object_a_line(lab):
    with locked(lab.daemon.database):
        for n in range(3):
            lab.send(addresses(25), subject='Dấu " và \\ và \t')
        lines = [line for line in spooled(lab).splitlines() if line.startswith(b"{")]
        assert len(lines) == 3
        assert all(isinstance(json.loads(line), dict) for line in lines)
