"""The daemon is killed, stopped, doubled and overtaken; what it has acknowledged stays."""

import random
import subprocess
import time
from contextlib import contextmanager

from bulkwatch_lab import BULKWATCHD, accepts, wait_for
from frail_fixtures import takes_long
from lone import SEED, Load, assert_alerted_once, assert_sound, bulk, of_kind, whole_splits

CONNECTIONS = 6


@contextmanager
def load_on(lone, connections=CONNECTIONS):
    """Mail on several connections; the threads, which have ended afterwards."""
    load = [Load(lone, f"c{n}") for n in range(connections)]
    for thread in load:
        thread.start()
    try:
        yield load
    finally:
        for thread in load:
            thread.end()


def assert_nothing_lost_or_doubled(lone, load):
    """Each acknowledged mail is there once, each bulk send told once; the file is sound."""
    taken = [mail for thread in load for mail in thread.taken]
    lone.wait_for_messages(mail.name for mail in taken)
    lone.stop()
    assert_alerted_once(lone.database, of_kind(taken, "bulk") + whole_splits(taken))
    assert_sound(lone.database)
    return taken


def kill_at_random(lone, rng):
    """Also in the middle of a start."""
    time.sleep(rng.uniform(0.0, 0.15))
    lone.kill()
    while rng.random() < 0.2:
        lone.start(wait=False)
        time.sleep(rng.uniform(0.0, 0.05))
        lone.kill()
    lone.start()


def kill_under_load(lone, times):
    print(f"BULKWATCH_SEED={SEED}")
    rng = random.Random(SEED)
    lone.start()
    with load_on(lone) as load:
        for _ in range(times):
            kill_at_random(lone, rng)
    taken = assert_nothing_lost_or_doubled(lone, load)
    assert len(of_kind(taken, "bulk")) > times, f"only {len(taken)} mails in all"


def test_a_hundred_kills_under_load_lose_and_double_nothing(new_lone):
    kill_under_load(new_lone(), 100)


@takes_long
def test_a_thousand_kills_under_load_lose_and_double_nothing(new_lone):
    kill_under_load(new_lone(), 1000)


def test_kill_during_the_very_first_start_leaves_a_database_that_works(new_lone):
    print(f"BULKWATCH_SEED={SEED}")
    rng = random.Random(SEED)
    lone = new_lone()
    for turn in range(15):
        for path in lone.database.parent.iterdir():
            path.unlink()
        lone.start(wait=False)
        time.sleep(rng.uniform(0.0, 0.05))
        lone.kill()
        lone.start()
        lone.send(bulk(f"first{turn}"))
        lone.kill()
        lone.start()
        assert set(lone.messages()) == {f"first{turn}"}
        assert "set aside" not in lone.log()
        lone.stop()
        assert_sound(lone.database)


def test_stops_under_load_lose_and_double_nothing(lone):
    with load_on(lone) as load:
        for goal in range(1, 9):
            wait_for(lambda: sum(len(t.taken) for t in load) >= 100 * goal, "mails taken")
            lone.stop()  # ends with status 0
            lone.start()
    assert_nothing_lost_or_doubled(lone, load)


def overtake(old, new):
    """Starts the new one while the old one ends, again and again as systemd would, until it is."""
    old.process.terminate()
    refusals = 0
    while True:
        new.start(wait=False)
        wait_for(lambda: new.process.poll() is not None or "READY=1" in new.notify.told(),
                 "the new daemon to be ready or to end")
        if new.process.poll() is None:
            break
        assert new.process.returncode == 1
        refusals += 1
    old.ended()
    return refusals


def test_new_daemon_takes_over_from_one_that_still_ends(new_lone):
    """The new one waits outside until the old one is through; the socket is the new one's then."""
    one, two = new_lone(), new_lone()
    two.socket = one.socket
    two.database, two.spool = one.database, one.spool
    two.set(listen=f"unix:{one.socket}", database=str(one.database), spool=str(one.spool))
    one.start()
    refusals = 0
    with load_on(one) as load:
        for turn in range(1, 7):
            wait_for(lambda: sum(len(t.taken) for t in load) >= 60 * turn, "mails taken")
            refusals += overtake(*((one, two) if turn % 2 else (two, one)))
            assert accepts(str(one.socket))
    assert refusals > 0
    assert "uses the database" in one.log() + two.log()
    assert_nothing_lost_or_doubled(one, load)


def test_second_daemon_is_refused_in_one_sentence_and_disturbs_nothing(lone):
    with load_on(lone) as load:
        for _ in range(10):
            done = subprocess.run([str(BULKWATCHD), "-c", str(lone.config)], capture_output=True,
                                  text=True, timeout=20)
            assert done.returncode == 1
            said = done.stderr.strip().splitlines()
            assert len(said) == 1, said
            assert f"process {lone.process.pid}" in said[0] and str(lone.database) in said[0]
    assert not any(thread.unknown for thread in load)
    assert_nothing_lost_or_doubled(lone, load)
