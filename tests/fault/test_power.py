"""A power cut: the disk holds what was synced, and any part of what was not.

The daemon runs on a library that notes each change of its files and each sync (frail.c), and is
killed under load. From the notes many disks are made as a cut at this moment may leave them, and a
daemon is started on each: every bulk send that was acknowledged has to be there.
"""

import random
import time

import pytest
from frail import EIO, rule
from frail_fixtures import takes_long
from lone import SEED, Load, assert_alerted_once, assert_sound, bulk, of_kind, whole_splits
from powercut import Disk

# A folder for each disk that is made, beside those in use.
AFTER = "after"


def assert_kept(lone, disk, rng, promised):
    """Starts a daemon on what a cut may leave. promised: mails of bulk sends that have to be there.
    """
    disk.cut(rng, lone.dir / AFTER)
    with lone.on_files_of(lone.dir / AFTER) as found:
        found.wait_until_spool_is_empty()
        assert_alerted_once(found.database, promised)
        found.stop()
        assert_sound(found.database)


def run_and_kill(lone, rng, trouble):
    """Runs the daemon under load until a kill -9.

    Returns the mails of bulk sends that were acknowledged. With trouble not those of split sends:
    what of them was in the database before its disk failed is no bulk send yet, and not synced.
    """
    lone.start()
    load = [Load(lone, f"{rng.getrandbits(32):x}") for _ in range(3)]
    for thread in load:
        thread.start()
    time.sleep(rng.uniform(0.05, 0.3))
    if trouble:
        # The database's disk fails: the spool has to hold what is acknowledged now.
        with lone.disk.failing(rule(EIO, "write,sync", "/db/")):
            time.sleep(rng.uniform(0.05, 0.2))
            now = rng.random() < 0.5
            if now:
                lone.kill()
        if not now:
            # Into the replay.
            time.sleep(rng.uniform(0.8, 1.3))
    lone.kill()
    for thread in load:
        thread.end()
    taken = [mail for thread in load for mail in thread.taken]
    return of_kind(taken, "bulk") + ([] if trouble else whole_splits(taken))


def rounds(lone, rng, count, cuts):
    """Each goes on with one of the disks that the one before has left."""
    promised = []
    for turn in range(count):
        lone.disk.journal = lone.dir / f"journal.{turn}"
        lone.environment = lone.disk.environment()
        disk = Disk(lone.database.parent, lone.spool)
        promised += run_and_kill(lone, rng, trouble=turn % 2)
        disk.replay(lone.disk.journal)
        lone.disk.journal.unlink()
        for _ in range(cuts):
            assert_kept(lone, disk, rng, promised)
        disk.cut(rng, lone.dir)
    return promised


def test_acknowledged_bulk_sends_survive_power_cuts(new_frail):
    print(f"BULKWATCH_SEED={SEED}")
    assert len(rounds(new_frail(), random.Random(SEED), 8, 4)) > 100


@takes_long
@pytest.mark.parametrize("part", range(5))
def test_acknowledged_bulk_sends_survive_hundreds_of_power_cuts(new_frail, part):
    print(f"BULKWATCH_SEED={SEED}")
    rounds(new_frail(), random.Random(SEED + part), 20, 10)


def test_a_disk_that_does_not_sync_loses_them(new_frail):
    """Else the tests above would show nothing."""
    lone = new_frail()
    lone.disk.journal = lone.dir / "journal"
    lone.environment = lone.disk.environment()
    disk = Disk(lone.database.parent, lone.spool, ignore_syncs=True)
    lone.start()
    mails = [bulk(f"m{n}") for n in range(20)]
    lone.send(*mails)
    lone.kill()
    disk.replay(lone.disk.journal)
    rng, losses = random.Random(1), 0
    for _ in range(4):
        try:
            assert_kept(lone, disk, rng, mails)
        except Exception:  # no database, or one without them
            losses += 1
    assert losses > 0
