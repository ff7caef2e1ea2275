"""The command bulkwatch selftest: a test message that goes the whole way and leaves nothing."""

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import threading

import pytest

from bulkwatch_lab import (BULKWATCH, Daemon, Milter, SmtpSink, addresses, free_port,
                           run_bulkwatch)
from bulkwatch_lab.daemon import LSAN_OPTIONS
from trouble import locked

STEPS = ["socket", "message", "database", "answer", "count", "rule", "record", "alert", "server"]
MARK = b"0123456789abcdef" * 2


@pytest.fixture
def sink():
    with SmtpSink() as server:
        yield server


@pytest.fixture
def new_daemon(tmp_path, sink):
    """Makes daemons that no MTA knows, not started yet, at Unix sockets unless said otherwise."""
    daemons = []

    def make(listen=None, **settings):
        daemon = Daemon(listen or f"unix:{tmp_path}/{len(daemons)}.sock",
                        alerts={"smtp": sink.url})
        daemon.set(**settings)
        daemons.append(daemon)
        return daemon

    yield make
    for daemon in daemons:
        daemon.remove()


@pytest.fixture
def daemon(new_daemon):
    return new_daemon().start()


def path_of(daemon):
    return daemon.settings["listen"].removeprefix("unix:")


def selftest(daemon, status=0):
    """Its steps by subject: (ok, text). Fails unless all are ok where status is 0."""
    done = run_bulkwatch(daemon.config, "selftest", json=False, status=status)
    lines = re.findall(r"^(ok|fault) +(\w+) +(.*)$", done.stdout, re.M)
    assert len(lines) == len(done.stdout.splitlines()), done.stdout
    assert all(word == "ok" for word, _, _ in lines) == (status == 0), done.stdout
    return {subject: (word == "ok", text) for word, subject, text in lines}


def fault(daemon):
    """The subject and sentence of the one fault that a self-test finds."""
    steps = selftest(daemon, status=1)
    [(subject, text)] = [(s, text) for s, (ok, text) in steps.items() if not ok]
    return subject, text


def dump(daemon):
    """All rows of all tables."""
    with sqlite3.connect(daemon.database) as database:
        return list(database.iterdump())


def mail(daemon, n=20, sender=b"<thu.ha@example.gov.vn>", mark=MARK, start=0, **more):
    """Ordinary mail that carries a mark."""
    with Milter(path_of(daemon)) as milter:
        headers = [(b"X-Bulkwatch-Selftest", mark)] if mark else []
        return milter.message(sender, [f"<{r}>".encode() for r in addresses(n, start=start)],
                              headers, **more)


# -- the whole way ------------------------------------------------------------------------------

@pytest.mark.parametrize("over_tcp", [False, True], ids=["unix", "tcp"])
def test_all_steps_are_well_and_nothing_remains(new_daemon, sink, over_tcp):
    daemon = new_daemon(f"inet:{free_port()}@127.0.0.1" if over_tcp else None).start()
    before = dump(daemon)
    steps = selftest(daemon)
    assert list(steps) == STEPS
    assert steps["message"][1].startswith("to 20 recipients from selftest-")
    assert steps["count"][1] == "20 of 20 recipients counted"
    assert steps["rule"][1] == "message matched"
    assert "20 recipients" in steps["record"][1]
    assert steps["alert"][1].startswith("queued for postmaster@example.gov.vn")
    assert float(re.search(r"after ([\d.]+) ms", steps["answer"][1])[1]) < 20000
    assert dump(daemon) == before
    assert daemon.bulkwatch("senders") == []
    assert sink.mails == [] and sink.attempts > 0


def test_the_log_has_one_line_of_it(daemon):
    before = len(daemon.log())
    selftest(daemon)
    [line] = daemon.log()[before:].splitlines()
    assert "event=selftest recipients=20 rule=message alert=queued" in line


def test_nothing_remains_among_real_mail(daemon):
    """A record that goes on, windows that are half full: all as before."""
    mail(daemon, 25, mark=None)
    mail(daemon, 19, sender=b"<ke-toan@example.gov.vn>", mark=None)
    before = daemon.bulk_sends()
    selftest(daemon)
    selftest(daemon)
    assert daemon.bulk_sends() == before
    assert daemon.counted("ke-toan@example.gov.vn") == (1, 19)
    mail(daemon, 1, sender=b"<ke-toan@example.gov.vn>", mark=None, start=100)
    [second, _] = daemon.bulk_sends()
    assert (second["id"], second["recipients"], second["trigger"]) == (2, 20, "window")
    with sqlite3.connect(daemon.database) as database:
        assert [row[0] for row in database.execute("SELECT id FROM message")] == [1, 2, 3]


def test_windows_of_a_client_are_as_before(new_daemon):
    """The client of the test may have a window of its own."""
    daemon = new_daemon(rules=[{"name": "c", "recipients": 20, "window": "10m", "per": "client"}],
                        outbound={"logins": False, "networks": ["192.0.2.7/32"]}).start()
    mail(daemon, 10, mark=None, client=b"192.0.2.7")
    selftest(daemon)
    mail(daemon, 9, mark=None, client=b"192.0.2.7", start=50)
    assert daemon.bulk_sends() == []
    mail(daemon, 1, mark=None, client=b"192.0.2.7", start=90)
    assert daemon.one_bulk_send()["messages"] == 3


def test_json_is_an_array_of_steps(daemon):
    steps = daemon.bulkwatch("selftest")
    assert [step["subject"] for step in steps] == STEPS
    assert all(step["ok"] is True and step["text"] for step in steps)


def test_mail_goes_on_meanwhile(daemon):
    """Messages in the same batches as self-tests are counted, each once."""
    def send():
        for n in range(100):
            mail(daemon, 1, mark=None, sender=b"<nhieu@example.gov.vn>", start=n % 15)

    sender = threading.Thread(target=send)
    sender.start()
    while sender.is_alive():
        selftest(daemon)
    assert daemon.bulk_sends() == []
    with sqlite3.connect(daemon.database) as database:
        assert database.execute("SELECT count(*), max(id) FROM message").fetchone() == (100, 100)


def test_an_action_is_told_and_not_done(new_daemon):
    daemon = new_daemon(rules=[{"name": "no", "recipients": 30, "action": "reject"}]).start()
    steps = selftest(daemon)
    assert steps["message"][1].startswith("to 30 recipients")
    assert steps["rule"][1] == "no matched, and would reject mail"


# -- whom it takes ------------------------------------------------------------------------------

@pytest.mark.parametrize("settings", [
    {"outbound": {"logins": True, "networks": []}},
    {"outbound": {"logins": False, "networks": ["10.1.0.0/16"]}},
    {"exempt": {"clients": ["127.0.0.0/8"]}},
    {"exempt": {"senders": ["*@example.gov.vn"]}},
    {"rules": [{"name": "x", "recipients": 25, "senders": ["*@so.example.gov.vn"]}]},
    {"rules": [{"name": "x", "recipients": 25, "window": "1h", "count": "total"}]},
    {"rules": [{"name": "x", "recipients": 25, "scope": "external", "per": "client"}]},
    {"rules": [{"name": "quiet", "recipients": 5, "alert": False},
               {"name": "loud", "recipients": 200}]},
], ids=["logins", "network", "exempt-client", "exempt-sender", "senders", "window", "client",
        "alert"])
def test_a_message_is_found_that_a_rule_matches(new_daemon, settings):
    assert selftest(new_daemon(**settings).start())["alert"][1].startswith("queued for")


def test_a_declared_sender_is_not_chosen_if_another_will_do(daemon):
    daemon.bulkwatch("declare", "--sender", "*@example.gov.vn", "--recipients", "100", "--from",
                     "now", "--until", "+1d", "--reason", "x")
    assert selftest(daemon)["alert"][1].startswith("queued for")
    daemon.bulkwatch("declare", "--sender", "*@bulkwatch.invalid", "--recipients", "100", "--from",
                     "now", "--until", "+1d", "--reason", "x")
    assert selftest(daemon)["alert"][1].startswith("none: declaration 1 covers")


def test_rules_that_match_no_test_are_told(new_daemon):
    daemon = new_daemon(rules=[{"name": "one", "recipients": 20,
                                "senders": ["thu.ha@example.gov.vn"]}]).start()
    subject, text = fault(daemon)
    assert subject == "rule" and "each is for other senders" in text


def test_exempt_recipients_are_told(new_daemon):
    daemon = new_daemon(exempt={"recipients": ["*"]}).start()
    steps = selftest(daemon, status=1)
    assert steps["count"] == (False, "0 of 20 recipients counted; exempt.recipients takes out "
                                     "the others")


def test_nothing_outbound_is_told(new_daemon):
    daemon = new_daemon(outbound={"logins": False, "networks": []}).start()
    subject, text = fault(daemon)
    assert subject == "settings" and "set outbound.logins or outbound.networks" in text


def test_settings_that_are_not_in_force_are_told(daemon):
    """The file was changed and not read again."""
    daemon.set(outbound={"networks": ["10.0.0.0/8"], "logins": False})
    daemon.write_config()
    subject, text = fault(daemon)
    assert subject == "answer" and "systemctl reload bulkwatchd" in text
    assert daemon.bulkwatch("senders") == []


# -- marks that are no test's -------------------------------------------------------------------

def test_mail_with_a_forged_mark_is_counted_as_any(daemon):
    assert mail(daemon) in (b"a", b"c")
    assert daemon.one_bulk_send()["sender"] == "thu.ha@example.gov.vn"
    assert "event=selftest" not in daemon.log()


def make_mark(daemon, age_secs=0):
    with sqlite3.connect(daemon.database) as database:
        database.execute("INSERT INTO selftest (token, made_at) VALUES "
                         "(?, CAST(strftime('%s', 'now') AS INTEGER) * 1000 - ?)",
                         (MARK.decode(), age_secs * 1000))


def test_a_mark_is_good_once(daemon):
    make_mark(daemon)
    mail(daemon)
    assert daemon.bulk_sends() == []
    mail(daemon)
    assert len(daemon.bulk_sends()) == 1


@pytest.mark.parametrize("age_secs", [310, -310])
def test_a_mark_of_another_time_is_not_good(daemon, age_secs):
    make_mark(daemon, age_secs)
    mail(daemon)
    assert len(daemon.bulk_sends()) == 1


@pytest.mark.parametrize("mark", [MARK.upper(), MARK[:-1], MARK + b"0", MARK + b"\r\n x", b"%s",
                                  b"x" * 50000, b"' OR 1=1 --"])
def test_what_is_no_mark_changes_nothing(daemon, mark):
    make_mark(daemon)
    assert mail(daemon, mark=mark) in (b"a", b"c")
    assert len(daemon.bulk_sends()) == 1


def test_a_mark_for_nobody_counts_nothing(daemon):
    """What a self-test asks first, with a mark that the daemon does not know."""
    with Milter(path_of(daemon)) as milter:
        verdict = milter.message(b"<a@example.gov.vn>", [b"<>"], [(b"X-Bulkwatch-Selftest", MARK)])
    assert verdict in (b"a", b"c")
    assert daemon.bulkwatch("senders") == []


def test_marks_of_tests_that_were_cut_short_are_removed(daemon):
    make_mark(daemon, 4000)
    selftest(daemon)
    with sqlite3.connect(daemon.database) as database:
        assert database.execute("SELECT count(*) FROM selftest").fetchone() == (0,)


# -- what can be wrong --------------------------------------------------------------------------

def test_a_daemon_that_is_down_is_told(daemon):
    daemon.stop()
    subject, text = fault(daemon)
    assert subject == "socket" and "systemctl start bulkwatchd" in text


def test_a_daemon_with_another_database_is_told_and_keeps_no_trace(new_daemon):
    """The setting was changed without a restart."""
    daemon, other = new_daemon().start(), new_daemon().start()
    before = dump(daemon), dump(other)
    daemon.set(database=other.settings["database"])
    daemon.write_config()
    subject, text = fault(daemon)
    assert subject == "database" and "works on another database" in text
    assert (dump(daemon), dump(other)) == before
    for each in daemon, other:
        assert "selftest" not in each.log()


def test_a_database_that_is_locked_is_told(daemon):
    with locked(daemon.database):
        subject, text = fault(daemon)
    assert subject == "database" and "locked" in text


def test_a_store_that_fails_meanwhile_is_told_and_no_trace_is_left(daemon):
    """The daemon's file was taken away: what the command writes, it does not see."""
    copy = daemon.database.with_name("copy")
    with sqlite3.connect(daemon.database) as database:
        database.execute("VACUUM INTO ?", (str(copy),))
    copy.rename(daemon.database)
    subject, text = fault(daemon)
    assert subject == "database" and "its database fails" in text
    assert not any(daemon.spool.iterdir())


def test_a_mail_server_that_is_down_is_told(daemon, sink):
    before = len(daemon.log())
    daemon.set(alerts={"smtp": f"smtp://127.0.0.1:{free_port()}"})
    daemon.reload()
    daemon.wait_for_log("event=reloaded", after=before)
    subject, text = fault(daemon)
    assert subject == "server" and "127.0.0.1 could not be used" in text


class Listener:
    """Somebody else at the socket: says what it is told to, and waits."""

    def __init__(self, path, says):
        self.says = says
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        os.chmod(path, 0o660)
        self.socket.listen()
        self.connections = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            connection.recv(4096)
            connection.sendall(self.says)
            if not self.says:
                connection.close()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self.connections:
            connection.close()


@pytest.mark.parametrize("says, told", [
    (b"", "hung up"),
    (b"220 mail.example.org ESMTP\r\n", "another program listens there"),
    (b"\0\0\0\1c", "another program listens there"),
    (b"\0\0\0\4Oxyz", "another program listens there"),
    (b"\xff\xff\xff\xffO", "another program listens there"),
    (b"\0\0\0\x0dO" + bytes(12) + b"\0\0\0\1?", "does not know"),
], ids=["hangs-up", "smtp", "no-options", "short", "endless", "strange"])
def test_another_program_at_the_socket_is_told(daemon, says, told):
    daemon.stop()
    listener = Listener(path_of(daemon), says)
    subject, text = fault(daemon)
    listener.close()
    assert subject in ("socket", "answer") and told in text


def test_a_daemon_that_does_not_answer_is_told_after_20_seconds(daemon):
    daemon.process.send_signal(19)  # SIGSTOP: it accepts, and says nothing
    try:
        subject, text = fault(daemon)
    finally:
        daemon.process.send_signal(18)
    assert subject == "socket" and "no answer within 20 s" in text


def test_a_user_without_the_right_is_told(daemon, tmp_path):
    """A program that nobody may run, and all that it needs but the socket."""
    program = tmp_path / "bulkwatch"
    shutil.copy(BULKWATCH, program)
    daemon.config.chmod(0o644)
    for path in (daemon.dir, daemon.database.parent, *tmp_path.parents, tmp_path):
        if str(path).startswith("/tmp/"):
            path.chmod(0o755)
    done = subprocess.run([str(program), "-c", str(daemon.config), "selftest"], user="nobody",
                          group="nogroup", extra_groups=[], capture_output=True, text=True,
                          env={"LSAN_OPTIONS": LSAN_OPTIONS}, timeout=60, cwd="/")
    assert done.returncode == 1, done
    assert re.search(r"^fault +socket +you have no right to connect", done.stdout, re.M), done


def test_wrong_usage_is_told(daemon):
    done = run_bulkwatch(daemon.config, "selftest", "now", json=False, status=2)
    assert "usage: bulkwatch selftest" in done.stderr
