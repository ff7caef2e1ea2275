"""What was acknowledged is kept: guarantee 12."""

import collections
import shutil
import subprocess
import threading
import time

import pytest

from bulkwatch_lab import SENDER, Session, addresses, message, wait_for


class Load(threading.Thread):
    """Sends mail after mail as one login until told to stop; notes how each was answered."""

    def __init__(self, port, login):
        super().__init__()
        self.port, self.login = port, login
        self.taken, self.open = [], []   # Message-IDs: answered 250; anything else
        self.ending = threading.Event()

    def run(self):
        session, number = None, 0
        while not self.ending.is_set():
            number += 1
            name = f"{self.login}.{number}@load.example.gov.vn"
            self.open.append(name)
            try:
                session = session or Session(self.port, self.login)
                mail = message("x@example.gov.vn", message_id=f"<{name}>")
                if session.transact("x@example.gov.vn", [f"{number}@example.net"], mail)[0] == 250:
                    self.taken.append(self.open.pop())
            except (AssertionError, OSError):
                # The server says 451 from MAIL on while its milter is away.
                session = session and session.close()
        if session:
            session.close()


def every_message(lab):
    """How often each Message-ID is in the evidence of all bulk sends."""
    names = collections.Counter()
    for found in lab.daemon.bulk_sends():
        shown = lab.daemon.bulkwatch("show", str(found["id"]))
        names.update(proof["message_id"].strip("<>") for proof in shown["evidence"])
    return names


@pytest.mark.parametrize("rounds", [3])
def test_g12_what_was_acknowledged_survives_kill_9_under_load(new_lab, rounds):
    lab = new_lab(rules=[{"name": "each", "recipients": 1}]).start()
    load = [Load(lab.port, f"load{n}") for n in range(6)]
    for thread in load:
        thread.start()
    try:
        for turn in range(1, rounds + 1):
            goal = 40 * turn
            wait_for(lambda: sum(len(t.taken) for t in load) >= goal, f"{goal} mails taken")
            lab.daemon.kill()
            lab.daemon.start()
    finally:
        for thread in load:
            thread.ending.set()
        for thread in load:
            thread.join()
    stored = every_message(lab)
    lost = {name for thread in load for name in thread.taken} - set(stored)
    assert not lost, f"acknowledged and lost: {sorted(lost)[:10]}"
    assert max(stored.values()) == 1
    for thread in load:
        # What the ledger counts is what the evidence shows.
        assert lab.daemon.counted(thread.login)[0] >= len(thread.taken)


def test_g12_retry_of_what_kill_9_left_unanswered_is_counted_once(lab):
    """The record may exist though the answer was lost; the client comes again, as it has to."""
    recipients = addresses(19)
    for turn in range(3):
        session = lab.session()
        session.mail_from(SENDER)
        session.rcpt_to(*recipients)
        session.must("DATA")
        session.send(message(SENDER, message_id="<again@example.gov.vn>") + b".\r\n")
        if turn:
            time.sleep(0.002 * turn)  # hits before, during or after the commit
        lab.daemon.kill()
        session.close()
        lab.daemon.start()
    lab.send(recipients, message_id="<again@example.gov.vn>")
    assert lab.daemon.counted(SENDER) == (1, 19)
    assert lab.daemon.bulk_sends() == []


def test_g12_bulk_send_is_on_the_disk_before_the_mail_is_answered(lab, tmp_path, sanitized):
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    tracer = subprocess.Popen(
        ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", str(trace),
         "-p", str(lab.daemon.process.pid)], stderr=subprocess.PIPE, text=True)
    try:
        said = tracer.stderr.readline()
        if "attached" not in said:
            pytest.skip(f"no rights to trace here: {said.strip()}")
        lab.send(addresses(3))
        before = trace.read_text().count("bulkwatch.db")
        lab.send(addresses(25))
        assert trace.read_text().count("bulkwatch.db") > before, trace.read_text()
    finally:
        tracer.terminate()
        tracer.wait()
