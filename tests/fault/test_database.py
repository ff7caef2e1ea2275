"""The database's files are locked, deleted, replaced, cut or overwritten while the daemon runs.

What is sent from then on is answered in time and recorded once. What was recorded before is either
still in the database or in the file that was set aside; that is said loudly.
"""

import os
import random
import shutil
import sqlite3
import time
from contextlib import closing

import pytest
from bulkwatch_lab import wait_for
from frail_fixtures import takes_long
from lone import (ANSWER_SECS, SEED, Load, assert_alerted_once, assert_sound, bulk, plain,
                  whole_splits)
from trouble import locked

BEFORE = [bulk(f"before{n}") for n in range(5)]
DURING = [bulk("during"), *(plain(f"d{n}") for n in range(5))]
AFTER = [bulk("after"), plain("a1")]


def names(mails):
    return {mail.name for mail in mails}


def beside(lone):
    """All files of the database's folder but the lock."""
    return [p for p in lone.database.parent.iterdir() if not p.name.endswith(".lock")]


def set_aside(lone):
    return [p for p in beside(lone) if ".damaged-" in p.name]


def in_some_file(lone, mails):
    """Those of the mails that are in no file of the database's folder, nor in the spool."""
    data = lone.spooled() + b"".join(path.read_bytes() for path in beside(lone))
    return [mail.name for mail in mails if mail.name.encode() not in data]


def assert_recorded(lone, mails):
    lone.wait_for_messages(names(mails))
    lone.stop()
    assert_alerted_once(lone.database, [mail for mail in mails if "@bulk." in mail.sender])
    assert_sound(lone.database)


# ----------------------------------------------------------------------------------------- locked

def lock_for(lone, seconds, how):
    """Sends while another program has the lock for so long; then all has to come in."""
    load = [Load(lone, f"c{n}", pace=0.02) for n in range(3)]
    holder = sqlite3.connect(lone.database, isolation_level=None)
    with closing(holder):
        for thread in load:
            thread.start()
        wait_for(lambda: all(thread.taken for thread in load), "mail to be taken")
        holder.execute("PRAGMA busy_timeout = 10000")
        holder.execute(f"BEGIN {how}")
        time.sleep(seconds)
        holder.execute("ROLLBACK")
    for thread in load:
        thread.end()
    taken = [mail for thread in load for mail in thread.taken]
    assert max(thread.slowest for thread in load) < ANSWER_SECS
    assert "event=store-failed" in lone.log()
    lone.wait_for_messages(names(taken))
    lone.stop()
    assert_alerted_once(lone.database, [m for m in taken if "@bulk." in m.sender] +
                        whole_splits(taken))
    assert_sound(lone.database)


def test_locked_for_half_a_minute(lone):
    lock_for(lone, 30, "EXCLUSIVE")


def test_locked_for_writers(lone):
    # Longer than a job and a message after it are patient, one after the other.
    lock_for(lone, 8, "IMMEDIATE")


def test_locks_that_come_and_go_lose_and_double_nothing(lone):
    """Shorter and longer than the patience, under load."""
    load = [Load(lone, f"c{n}") for n in range(3)]
    for thread in load:
        thread.start()
    for seconds in (0.5, 2.5, 0.1, 2.2):
        with locked(lone.database):
            time.sleep(seconds)
        time.sleep(0.7)
    for thread in load:
        thread.end()
    taken = [mail for thread in load for mail in thread.taken]
    lone.wait_for_messages(names(taken))
    lone.stop()
    assert_sound(lone.database)


def test_reader_that_never_ends_stops_no_mail(lone):
    """The write-ahead log cannot be started anew while somebody reads an old state."""
    lone.send(*BEFORE)
    with closing(sqlite3.connect(lone.database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchall()
        lone.send(*(plain(f"r{n}", f"r{n}@example.gov.vn", 15) for n in range(2000)))
    assert "store-failed" not in lone.log()
    lone.send(*AFTER)
    assert_recorded(lone, BEFORE + AFTER)


# ----------------------------------------------------------- another file, or none, under the name

def delete(lone, suffixes=("", "-wal", "-shm")):
    for suffix in suffixes:
        lone.database.with_name(lone.database.name + suffix).unlink(missing_ok=True)


def replace(lone, content):
    """As mv does it: another file gets the name."""
    fresh = lone.database.with_name("fresh")
    fresh.write_bytes(content)
    fresh.rename(lone.database)


CHANGES = {
    "deleted": delete,
    "deleted-but-its-log": lambda lone: delete(lone, [""]),
    "replaced-by-nothing": lambda lone: replace(lone, b""),
    "replaced-by-rubbish": lambda lone: replace(lone, os.urandom(50000)),
    "replaced-by-a-header": lambda lone: replace(lone, b"SQLite format 3\0" + bytes(4080)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_file_is_deleted_or_replaced_while_running(lone, change):
    lone.send(*BEFORE)
    CHANGES[change](lone)
    lone.send(*DURING)
    lone.wait_for_messages(names(DURING))
    lone.wait_for_log("event=store-failed")
    lone.send(*AFTER)
    assert_recorded(lone, DURING + AFTER)


def test_file_is_deleted_again_and_again_under_load(lone):
    """All that is answered after the last time is there, once."""
    load = [Load(lone, f"c{n}") for n in range(3)]
    for thread in load:
        thread.start()
    for turn in range(3):
        delete(lone, [["", "-wal", "-shm"], [""]][turn % 2])
        wait_for(lone.database.exists, "a new database")
        time.sleep(0.3)
    known = [len(thread.taken) for thread in load]
    time.sleep(0.5)
    for thread in load:
        thread.end()
    later = [mail for thread, n in zip(load, known) for mail in thread.taken[n:]]
    assert later
    lone.wait_for_messages(names(later))
    lone.stop()
    assert_sound(lone.database)


def test_backup_put_in_place_while_running_is_used(lone, tmp_path):
    lone.send(*BEFORE)
    backup = tmp_path / "backup.db"
    lone.bulkwatch("backup", str(backup))
    lone.send(plain("lost-with-the-old-file"))
    replace(lone, backup.read_bytes())
    lone.send(*DURING)
    lone.wait_for_messages(names(DURING))
    lone.send(*AFTER)
    assert_recorded(lone, BEFORE + DURING + AFTER)


def of_a_newer_version(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


def test_schema_of_a_newer_version_stops_the_start_in_one_sentence(lone):
    lone.send(*BEFORE)
    lone.stop()
    of_a_newer_version(lone.database)
    content = lone.database.read_bytes()
    before = len(lone.log())
    lone.start(wait=False)
    lone.ended(status=1)
    [line] = [text for text in lone.log()[before:].splitlines() if "newer bulkwatch" in text]
    assert str(lone.database) in line and "schema 99" in line
    assert lone.database.read_bytes() == content and not set_aside(lone)


def test_database_of_a_newer_version_in_place_is_left_alone_and_mail_goes_on(lone):
    """Until the right file is back: the spool serves."""
    lone.send(*BEFORE)
    old, newer = lone.dir / "old", lone.dir / "newer"
    lone.bulkwatch("backup", str(old))
    shutil.copy(old, newer)
    of_a_newer_version(newer)
    replace(lone, newer.read_bytes())
    lone.send(*DURING)
    lone.wait_for_log("event=store-still-failing .*newer bulkwatch")
    with closing(sqlite3.connect(f"file:{lone.database}?immutable=1", uri=True)) as db:
        assert db.execute("PRAGMA user_version").fetchall() == [(99,)]
    assert not [path for path in set_aside(lone) if not path.name.endswith(("-wal", "-shm"))]
    replace(lone, old.read_bytes())
    lone.wait_for_messages(names(DURING))
    lone.send(*AFTER)
    assert_recorded(lone, BEFORE + DURING + AFTER)


# ------------------------------------------------------------------------------- damaged in place

def overwrite(path, rng, start=0.0, share=1.0, size=None):
    """Rubbish over part of a file, in place; size: cut it there afterwards."""
    length = path.stat().st_size
    with open(path, "r+b", buffering=0) as file:
        file.seek(int(length * start))
        file.write(rng.randbytes(int(length * share)))
        if size is not None:
            file.truncate(int(length * size))


def cut(path, share):
    os.truncate(path, int(path.stat().st_size * share))


def wal(lone):
    return lone.database.with_name(lone.database.name + "-wal")


def shm(lone):
    return lone.database.with_name(lone.database.name + "-shm")


DAMAGE = {
    "empty": lambda lone, rng: cut(lone.database, 0),
    "half": lambda lone, rng: cut(lone.database, 0.5),
    "rubbish": lambda lone, rng: overwrite(lone.database, rng),
    "rubbish-at-the-end": lambda lone, rng: overwrite(lone.database, rng, 0.5, 0.5),
    "head": lambda lone, rng: overwrite(lone.database, rng, 0, 0.05),
    "log-deleted": lambda lone, rng: wal(lone).unlink(),
    "log-empty": lambda lone, rng: cut(wal(lone), 0),
    "log-half": lambda lone, rng: cut(wal(lone), 0.5),
    "log-rubbish": lambda lone, rng: overwrite(wal(lone), rng),
    "index-deleted": lambda lone, rng: shm(lone).unlink(),
    "index-rubbish": lambda lone, rng: overwrite(shm(lone), rng),
    "both-logs-deleted": lambda lone, rng: (wal(lone).unlink(), shm(lone).unlink()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_file_is_damaged_in_place_while_running(lone, damage):
    """It may be noticed at once, or only at the next start: no record is thrown away, and what is
    sent after it was noticed is recorded once."""
    print(f"BULKWATCH_SEED={SEED}")
    # Part of it in the database, part in its log.
    lone.send(*BEFORE)
    lone.restart()
    lone.send(*(plain(f"p{n}", f"p{n}@example.gov.vn", 10) for n in range(200)))
    DAMAGE[damage](lone, random.Random(SEED))
    lone.send(*DURING)
    time.sleep(1.5)  # it works on, or has found out and works again
    assert not in_some_file(lone, DURING)
    lone.stop()
    assert not in_some_file(lone, DURING)
    lone.start()
    lone.send(*AFTER)
    assert_recorded(lone, AFTER)
    missing = names(BEFORE + DURING) - set(lone.messages())
    assert not missing or set_aside(lone), f"gone without a word: {sorted(missing)}"


@pytest.mark.parametrize("damage", ["log-deleted", "log-empty", "log-half", "index-deleted",
                                    "both-logs-deleted"])
def test_log_that_is_deleted_or_cut_is_noticed_by_the_next_message(lone, damage):
    """SQLite would go on in a file that is gone at the next kill -9."""
    lone.send(*BEFORE)
    lone.restart()
    lone.send(*(plain(f"p{n}", f"p{n}@example.gov.vn", 10) for n in range(200)))
    DAMAGE[damage](lone, random.Random(SEED))
    lone.send(*DURING)
    lone.wait_for_log("event=store-failed .*(deleted or replaced|cut short)")
    lone.wait_for_messages(names(BEFORE + DURING))
    lone.kill()
    lone.start()
    lone.send(*AFTER)
    assert_recorded(lone, BEFORE + DURING + AFTER)
    if "deleted" in damage:
        assert len(lone.messages()) == len(BEFORE + DURING + AFTER) + 200


def test_index_cut_short_ends_the_daemon_at_worst_and_loses_nothing(lone, sanitized):
    """A mapped file that is cut ends a process with SIGBUS: systemd starts it again."""
    if sanitized:
        pytest.skip("a sanitizer calls SIGBUS a fault of the program")

    def taken():
        if lone.process.poll() is not None:
            lone.kill()
            lone.start()
        return len(load.taken) > 100

    lone.send(*BEFORE)
    cut(shm(lone), 0)
    load = Load(lone, "c", pace=0.01)
    load.start()
    wait_for(taken, "mail to be taken")
    load.end()
    lone.wait_for_messages(names(BEFORE + load.taken))
    lone.stop()
    assert_sound(lone.database)


# ------------------------------------------------------------------- a record that cannot be saved

POISON = ("CREATE TRIGGER poison BEFORE INSERT ON message WHEN NEW.message_id LIKE 'poison%' "
          "BEGIN SELECT raise(ABORT, 'poison'); END")


def execute(lone, sql):
    with closing(sqlite3.connect(lone.database, isolation_level=None)) as db:
        db.execute(sql)


def test_record_that_cannot_be_saved_keeps_no_other_out(lone):
    """It is put aside, whole, and said; what stands before and behind it is recorded."""
    lone.send(*BEFORE)
    execute(lone, POISON)
    lone.send(plain("x1"), bulk("poison1"), plain("x2"), bulk("poison2"), *DURING)
    lone.wait_for_messages(names(DURING) | {"x1", "x2"})
    lone.send(*AFTER)
    rejected = (lone.spool / "rejected.jsonl").read_text().splitlines()
    assert [sum(name in line for line in rejected) for name in ("poison1", "poison2")] == [1, 1]
    assert len(rejected) == 2
    lone.wait_for_log("event=spool-line-rejected .*poison")
    # Once the reason is gone they can be brought in: README.md says how.
    execute(lone, "DROP TRIGGER poison")
    lone.stop()
    (lone.spool / "rejected.jsonl").rename(lone.spool / "messages.jsonl")
    lone.start()
    assert_recorded(lone, BEFORE + DURING + AFTER + [bulk("poison1"), bulk("poison2")])


@takes_long
def test_files_are_damaged_again_and_again(lone):
    rng = random.Random(SEED)
    for turn in range(40):
        damage = rng.choice(list(DAMAGE.values()))
        try:
            damage(lone, rng)
        except FileNotFoundError:
            pass  # its log or index was deleted before
        mails = [bulk(f"{turn}.{n}") for n in range(5)]
        lone.send(*mails)
        if rng.random() < 0.3:
            lone.restart()
        assert not in_some_file(lone, mails)
