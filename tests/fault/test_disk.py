"""The disk fails: full, read-only, broken, slow, now and then.

Each time: end of message is answered by on_failure and in time, nothing is lost, and every record
is in the database once when the fault is gone, without a restart.
"""

import json
import random
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bulkwatch_lab import wait_for
from frail import EIO, EMFILE, ENOMEM, ENOSPC, EROFS, rule
from frail_fixtures import takes_long
from lone import (ANSWER_SECS, DEFERRED, SEED, Load, assert_alerted_once, assert_sound, bulk,
                  of_kind, plain, whole_splits)
from mta import ANSWERED
from trouble import fill, small_disk

# What of the database's folder fails while it is open, and how.
FAULTS = {
    "input-output-error": rule(EIO, "write", "/db/"),
    "error-at-sync": rule(EIO, "sync", "/db/"),
    "error-at-every-change": rule(EIO, "open,write,truncate,sync,map,rename,unlink", "/db/"),
    "cannot-be-read": rule(EIO, "open,read,write", "/db/"),
    "full": rule(ENOSPC, "write", "/db/"),
    "full-for-its-log": rule(ENOSPC, "write", "/db/bulkwatch.db-wal"),
    "read-only": rule(EROFS, "open,write,truncate,rename,unlink", "/db/"),
    "no-descriptors": rule(EMFILE, "open", "/db/") + rule(EIO, "write", "/db/"),
    "no-memory-to-map": rule(ENOMEM, "map", "/db/") + rule(EIO, "write", "/db/"),
}

# Sent before, while and after it fails: the last two join what the window has.
BEFORE = [bulk("before"), plain("b1", "split@example.gov.vn", 10)]
DURING = [bulk("during"), plain("d1"), plain("d2", "split@example.gov.vn", 10), bulk("during2")]
AFTER = [bulk("after"), plain("a1", "split@example.gov.vn", 1)]


def bulk_mails(mails):
    return of_kind(mails, "bulk") + of_kind(mails, "split")


def assert_all_taken(lone, load):
    """Ends the load; what it had taken has to be there once."""
    for thread in load:
        thread.end()
    assert max(thread.slowest for thread in load) < ANSWER_SECS
    taken = [mail for thread in load for mail in thread.taken]
    lone.wait_for_messages(mail.name for mail in taken)
    lone.stop()
    assert_alerted_once(lone.database, of_kind(taken, "bulk") + whole_splits(taken))
    assert_sound(lone.database)


def assert_all_recorded(lone, mails):
    lone.wait_for_messages(mail.name for mail in mails)
    lone.stop()
    assert_alerted_once(lone.database, bulk_mails(mails))
    assert_sound(lone.database)


@pytest.mark.parametrize("fault", FAULTS)
def test_disk_of_the_database_fails(frail_lone, fault):
    lone = frail_lone
    lone.send(*BEFORE)
    with lone.disk.failing(FAULTS[fault]):
        lone.send(*DURING)
        lone.wait_for_log("event=store-failed")
        assert b"during" in lone.spooled()
    lone.wait_for_messages(mail.name for mail in DURING)
    lone.send(*AFTER)
    assert_all_recorded(lone, BEFORE + DURING + AFTER)


def test_disk_of_the_database_fails_with_defer(new_frail):
    lone = new_frail(on_failure="defer").start()
    lone.send(*BEFORE)
    with lone.disk.failing(FAULTS["error-at-every-change"]):
        lone.send(*DURING, expect=(DEFERRED,))
        assert lone.spooled() == b""
    lone.wait_for_log("event=store-works-again")
    assert set(lone.messages()) == {mail.name for mail in BEFORE}  # deferred mail does not count
    lone.send(*DURING, *AFTER)
    assert_all_recorded(lone, BEFORE + DURING + AFTER)


@pytest.mark.parametrize("fault", ["input-output-error", "cannot-be-read", "full", "read-only"])
def test_daemon_that_starts_on_a_failing_disk_serves_and_mends_itself(new_frail, fault):
    lone = new_frail().start()
    lone.send(*BEFORE)
    lone.stop()
    with lone.disk.failing(FAULTS[fault].replace("open,", "")):  # else it has no lock
        lone.start()
        lone.send(*DURING)
    lone.send(*AFTER)
    assert_all_recorded(lone, BEFORE + DURING + AFTER)


def test_read_errors_are_not_taken_for_damage(frail_lone):
    """Checks of the file that go on while its disk does not give back every page."""
    lone = frail_lone
    many = [plain(f"m{n}", f"m{n}@example.gov.vn", 15) for n in range(400)]
    lone.send(*BEFORE, *many)
    for percent in (100, 20, 50) * 4:
        lone.stop()
        with lone.disk.failing(rule(EIO, "read", "/db/", percent)):
            lone.start()
            time.sleep(0.1)  # the check of the whole file is under way
    lone.send(*DURING, *AFTER)
    assert_all_recorded(lone, BEFORE + many + DURING + AFTER)


@pytest.mark.parametrize("percent", [3, 30])
def test_disk_that_fails_now_and_then_loses_and_doubles_nothing(frail_lone, percent):
    """Commits, checkpoints, replays and the making of the spool's file all break off somewhere."""
    print(f"BULKWATCH_SEED={SEED}")
    lone, rng = frail_lone, random.Random(SEED)
    load = [Load(lone, f"c{n}") for n in range(3)]
    for thread in load:
        thread.start()
    for _ in range(4):
        folder = rng.choice(["/db/", "/db/", "/spool/", "/"])
        with lone.disk.failing(rule(rng.choice([EIO, ENOSPC]), "write,sync,truncate,unlink,map",
                                    folder, percent)):
            time.sleep(rng.uniform(0.5, 2))
        time.sleep(rng.uniform(0, 1.2))
    assert_all_taken(lone, load)


# ------------------------------------------------------------------------------- the spool as well

def records_of_log(lone, event):
    """The records that lines of the log hold, by Message-ID."""
    lines = re.findall(rf"event={event} .* record=(\S.*)$", lone.log(), re.M)
    records = [json.loads(json.loads(text) if text.startswith('"') else text) for text in lines]
    return {record["message_id"]: record for record in records}


@pytest.mark.parametrize("error", [EIO, ENOSPC, EROFS], ids=["broken", "full", "read-only"])
def test_disks_of_database_and_spool_fail_together(frail_lone, error):
    lone = frail_lone
    lone.send(*BEFORE)
    with lone.disk.failing(rule(error, "open,write,truncate,sync,rename,unlink", "/db/"),
                           rule(error, "open,write,truncate,sync,unlink", "/spool/")):
        lone.send(*DURING)
        assert lone.spooled() == b""
    assert_all_recorded(lone, BEFORE + DURING)
    kept = records_of_log(lone, "kept-in-memory")
    assert set(kept) == {mail.name for mail in DURING}
    assert all(len(kept[mail.name]["recipients"]) == len(mail.recipients) for mail in DURING)


def test_stop_while_both_disks_fail_leaves_every_record_in_the_log(new_frail):
    """From where it can be put back: the log's records are lines of the spool."""
    lone = new_frail().start()
    lone.send(*BEFORE)
    with lone.disk.failing(rule(EIO, "open,write,sync,truncate", "/db/"),
                           rule(EIO, "open,write,sync", "/spool/")):
        lone.send(*DURING)
        lone.stop()
    records = records_of_log(lone, "only-in-log")
    assert set(records) == {mail.name for mail in DURING}
    spool = lone.spool / "messages.jsonl"
    spool.write_text("".join(json.dumps(record) + "\n" for record in records.values()))
    lone.start()
    assert_all_recorded(lone, BEFORE + DURING)


def test_spool_alone_fails_and_nobody_notices(frail_lone):
    lone = frail_lone
    with lone.disk.failing(rule(EIO, "open,write,sync", "/spool/")):
        lone.send(*BEFORE, *DURING)
    assert "spool-failed" not in lone.log()
    assert_all_recorded(lone, BEFORE + DURING)


def test_spool_that_cannot_be_read_keeps_no_mail_from_the_database(frail_lone):
    lone = frail_lone
    lone.send(*BEFORE)
    with lone.disk.failing(rule(EIO, "read", "/spool/"), FAULTS["input-output-error"]):
        lone.send(*DURING)
    with lone.disk.failing(rule(EIO, "read", "/spool/")):
        lone.wait_for_log("event=spool-failed")
        lone.send(*AFTER)
        assert all(mail.name in lone.messages() for mail in AFTER)
    assert_all_recorded(lone, BEFORE + DURING + AFTER)


def line_of_the_spool(mail, at_ms):
    """As json_message() writes it, of a boot that nobody knows."""
    recipients = [{"address": address, "external": True} for address in mail.recipients]
    return json.dumps({
        "identity": "login", "id": 0, "at_ms": at_ms, "tick": 1, "sender": mail.sender,
        "mail_from": mail.sender, "login": mail.sender, "client": "127.0.0.1",
        "queue_id": mail.name, "message_id": mail.name, "subject": "Long ago",
        "recipient_count": len(recipients), "external_count": len(recipients),
        "recipients": recipients}) + "\n"


def test_long_spool_delays_neither_the_start_nor_mail(frail_lone):
    """Mail goes behind it into the spool and is answered at once; all comes in, in its order."""
    lone = frail_lone
    lone.stop()
    spool = lone.spool / "messages.jsonl"
    at_ms = int(time.time() * 1000)
    old = [plain(f"old{n}", f"old{n % 5000}@example.gov.vn") for n in range(20000)]
    old += [plain(f"x{n}", "x@example.gov.vn") for n in range(19)]
    with open(spool, "w", encoding="ascii") as file:
        file.writelines(line_of_the_spool(mail, at_ms) for mail in old)
    new = [plain("x19", "x@example.gov.vn"), bulk("new")]
    # So slow a disk that the spool lasts for as long as we look.
    with lone.disk.failing(rule(0, "write", "-wal", delay=0.005)):
        lone.start()
        lone.wait_for_log("event=spool-replay")
        start = time.monotonic()
        lone.send(*new)
        assert time.monotonic() - start < 3
        assert spool.exists(), "it was too short to show anything"
    lone.wait_for_messages([mail.name for mail in old + new], timeout=60)
    lone.stop()
    assert_alerted_once(lone.database, old[-19:] + new)
    assert_sound(lone.database)


@takes_long
def test_kill_9_during_the_replay_of_a_long_spool_doubles_nothing(lone):
    """More mails than retries are looked for among: only the place that is kept tells what is in.
    """
    lone.stop()
    at_ms, count = int(time.time() * 1000), 150000
    with open(lone.spool / "messages.jsonl", "w", encoding="ascii") as file:
        file.writelines(line_of_the_spool(plain("", f"old{n}@example.gov.vn"), at_ms)
                        for n in range(count))
    for _ in range(6):
        lone.start()
        time.sleep(1)
        lone.kill()
    lone.start()
    wait_for(lambda: not (lone.spool / "messages.jsonl").exists(), "the spool to be empty", 180)
    assert lone.query("SELECT count(*), count(DISTINCT sender) FROM message") == [(count, count)]


def resident_mb(lone):
    status = (Path("/proc") / str(lone.process.pid) / "status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) // 1024


@takes_long
def test_memory_is_bounded_while_both_disks_fail(frail_lone, sanitized):
    """Messages of 20,000 recipients: when 128 MB are full, the log alone has them."""
    lone = frail_lone
    mails = [plain(f"m{n}", f"m{n}@example.gov.vn", 20000) for n in range(120)]
    with lone.disk.failing(rule(EIO, "open,write,sync", "/db/"),
                           rule(EIO, "open,write,sync", "/spool/")):
        lone.send(*mails)
        assert sanitized or resident_mb(lone) < 300
        only = records_of_log(lone, "only-in-log")
        assert 0 < len(only) < len(mails)
        assert all(len(record["recipients"]) == 20000 for record in only.values())
    lone.wait_for_messages({mail.name for mail in mails} - set(only))


# ------------------------------------------------------------------------------------- real disks

def test_full_disk_under_load(new_lone):
    lone = new_lone()
    with small_disk(lone.database.parent, 65536) as disk:
        lone.start()
        lone.send(*BEFORE)
        load = [Load(lone, f"c{n}", pace=0.005) for n in range(3)]
        for thread in load:
            thread.start()
        for _ in range(3):
            filler = fill(disk)
            lone.wait_for_log("event=store-failed")
            time.sleep(0.3)
            filler.unlink()
            time.sleep(1.2)
        assert_all_taken(lone, load)


def remount(folder, how):
    done = subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], capture_output=True,
                          text=True)
    return done.returncode == 0


def test_read_only_disk_at_the_start(new_lone):
    """The lock file is there and cannot be written: that alone refuses no start."""
    lone = new_lone()
    with small_disk(lone.database.parent, 4096) as disk:
        lone.start()
        lone.send(*BEFORE)
        lone.stop()
        assert remount(disk, "ro")
        lone.start()
        lone.send(*DURING)
        assert remount(disk, "rw")
        lone.send(*AFTER)
        assert_all_recorded(lone, BEFORE + DURING + AFTER)


# ----------------------------------------------------------------------------------------- slow

@pytest.mark.parametrize("delay", [1, 11])
def test_slow_sync_delays_mail_less_than_20_seconds(frail_lone, delay):
    lone = frail_lone
    mails = [bulk(f"slow{n}") for n in range(3)] + [plain(f"slow.plain{n}") for n in range(3)]
    with lone.disk.failing(rule(0, "sync", "/", delay=delay)), ThreadPoolExecutor(6) as sessions:
        for done in [sessions.submit(lone.send, mail) for mail in mails]:
            done.result()
    assert_all_recorded(lone, mails)


def test_mark_of_a_selftest_waits_no_longer_than_mail(frail_lone):
    """Anybody may write one, in a message to nobody that is counted."""
    lone = frail_lone
    mail, mark = bulk("slow"), (b"X-Bulkwatch-Selftest", b"0123456789abcdef" * 2)
    with lone.disk.failing(rule(0, "sync", "/", delay=14)), ThreadPoolExecutor(1) as sessions:
        done = sessions.submit(lone.send, mail)
        lone.wait_for_messages([mail.name])  # now it is under way to the disk
        start = time.monotonic()
        with lone.connect() as milter:
            assert milter.message(b"<a@example.gov.vn>", [b"<>"], [mark]) in ANSWERED
        assert time.monotonic() - start < 11
        done.result()
    assert_all_recorded(lone, [mail])


def test_slow_sync_with_defer_counts_the_retry_once(new_frail):
    """The MTA is told 451 while the record is under way to the disk; it comes again."""
    lone = new_frail(on_failure="defer").start()
    mails = [bulk(f"slow{n}") for n in range(2)]
    with lone.disk.failing(rule(0, "sync", "/", delay=11)), ThreadPoolExecutor(2) as sessions:
        for done in [sessions.submit(lone.send, mail, expect=(DEFERRED, *ANSWERED))
                     for mail in mails]:
            done.result()
    lone.send(*mails)
    assert_all_recorded(lone, mails)


@takes_long
def test_disk_that_fails_now_and_then_for_minutes(frail_lone):
    for percent in (1, 5, 20, 50):
        for turn in range(5):
            lone = frail_lone
            load = [Load(lone, f"c{percent}.{turn}.{n}") for n in range(4)]
            for thread in load:
                thread.start()
            with lone.disk.failing(rule(EIO, "write,sync,truncate,unlink,map,open", "/", percent)):
                time.sleep(4)
            for thread in load:
                thread.end()
            taken = [mail for thread in load for mail in thread.taken]
            lone.wait_for_messages(mail.name for mail in taken)
    lone.stop()
    assert_sound(lone.database)
