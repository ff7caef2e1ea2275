"""The daemon as a service: start, sockets, one instance, stop."""

import os
import pwd
import signal
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest

from bulkwatch_lab import BULKWATCHD, SENDER, Milter, addresses, message, wait_for
from trouble import locked

STOP_SECS = 10


def refused(lab, *parts):
    """The start ends with a sentence that has these parts in it."""
    lab.daemon.start(wait=False)
    lab.daemon.ended(status=1)
    assert all(str(part) in lab.daemon.log() for part in parts), lab.daemon.log()


def test_socket_is_for_owner_and_group_only(lab):
    assert stat.S_IMODE(lab.postfix.socket.stat().st_mode) == 0o660


def test_ready_and_stopping_are_told_to_systemd(lab):
    assert "READY=1" in lab.daemon.notify.told()
    assert "STOPPING=1" not in lab.daemon.notify.told()
    lab.daemon.stop()
    assert "STOPPING=1" in lab.daemon.notify.told()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_stop_removes_the_socket_and_ends_well(lab, number):
    lab.send(addresses(20))
    lab.daemon.process.send_signal(number)
    lab.daemon.ended(STOP_SECS)
    assert not lab.postfix.socket.exists()


def test_stop_is_quick_at_any_moment_of_the_start(new_lab):
    lab = new_lab()
    daemon = lab.daemon
    for n in range(12):
        daemon.start(wait=False)
        wait_for(lab.postfix.socket.exists, "the socket")
        time.sleep(0.01 * n)
        began = time.monotonic()
        daemon.stop(STOP_SECS)
        # libmilter by itself looks every 5 s whether it shall stop.
        assert time.monotonic() - began < 4


def test_stop_does_not_wait_for_idle_sessions(lab):
    sessions = [lab.session() for _ in range(10)]
    sessions[0].mail_from(SENDER)
    lab.daemon.stop(STOP_SECS)
    for session in sessions:
        session.close()


def test_stop_answers_the_ends_of_message_that_are_under_way(lab):
    """The database is locked, so the answer takes a while; the stop comes in between."""
    session = lab.session()
    session.mail_from(SENDER)
    session.rcpt_to(*addresses(25))
    session.must("DATA")
    with locked(lab.daemon.database):
        session.send(message(SENDER, message_id="<late@example.gov.vn>") + b".\r\n")
        lab.postfix.wait_for_log("message-id=<late@example.gov.vn>")
        time.sleep(0.2)  # the end of message is with the daemon now; nothing shows that
        start = time.monotonic()
        lab.daemon.stop(STOP_SECS)
        assert time.monotonic() - start < STOP_SECS
        assert session.getreply()[0] == 250
    session.close()
    lab.daemon.start()
    wait_for(lab.daemon.bulk_sends, "the record")
    found = lab.daemon.one_bulk_send()
    assert [proof["message_id"] for proof in found["evidence"]] == ["late@example.gov.vn"]


def test_mail_through_restart_after_restart_is_counted_once_each(lab):
    """The server says 451 while the daemon is away; the client comes again with the same mail."""
    ending = threading.Event()
    sent = []

    def client():
        while not ending.is_set():
            name = f"<n{len(sent)}@example.gov.vn>"
            try:
                with lab.session() as session:
                    if session.transact(SENDER, [f"n{len(sent)}@example.net"],
                                        message(SENDER, message_id=name))[0] == 250:
                        sent.append(name)
            except (AssertionError, OSError):
                pass

    thread = threading.Thread(target=client)
    thread.start()
    try:
        for goal in (20, 40):
            wait_for(lambda: len(sent) >= goal, f"{goal} mails")
            lab.daemon.restart()
        wait_for(lambda: len(sent) >= 60, "60 mails")
    finally:
        ending.set()
        thread.join()
    assert lab.daemon.counted(SENDER) == (len(sent), len(sent))
    assert lab.daemon.one_bulk_send()["messages"] == len(sent)


def test_second_instance_on_the_same_database_is_refused(lab, new_lab):
    other = new_lab(listener="side1", database=str(lab.daemon.database))
    refused(other, lab.daemon.database, lab.daemon.process.pid)
    lab.send(addresses(20))
    assert lab.daemon.one_bulk_send()["recipients"] == 20


def test_second_instance_on_the_same_socket_is_refused(lab, new_lab):
    refused(new_lab(), lab.postfix.socket)
    lab.send(addresses(20))
    assert lab.daemon.one_bulk_send()["recipients"] == 20


def test_socket_left_behind_is_taken_over(lab):
    lab.daemon.kill()
    assert lab.postfix.socket.is_socket()
    lab.daemon.start()
    lab.send(addresses(20))
    assert lab.daemon.one_bulk_send()["recipients"] == 20


def test_regular_file_in_the_place_of_the_socket_is_left_alone(new_lab):
    lab = new_lab()
    path = lab.daemon.dir / "milter.sock"
    path.write_text("precious")
    lab.daemon.set(listen=f"unix:{path}")
    refused(lab, path)
    assert path.read_text() == "precious"


def test_socket_of_another_program_is_left_alone(new_lab):
    lab = new_lab()
    path = lab.daemon.dir / "milter.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        lab.daemon.set(listen=f"unix:{path}")
        refused(lab, path)
        assert path.is_socket()


def test_port_of_another_program_is_said(new_lab):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused(new_lab().change(listen=f"inet:{port}@127.0.0.1"), port)


def test_user_that_does_not_exist_is_said(new_lab):
    refused(new_lab(user="nobody-of-this-name"), "nobody-of-this-name")


@pytest.mark.parametrize("key", ["listen", "database", "spool"])
def test_folder_that_is_absent_is_said(new_lab, key):
    lab = new_lab()
    path = lab.daemon.dir / "absent" / "deeper" / "thing"
    refused(lab.change(**{key: f"unix:{path}" if key == "listen" else str(path)}), path.parent)


def test_root_becomes_the_user_of_the_settings(new_lab):
    lab = new_lab(user="postfix")
    folder_for(lab, "postfix")
    lab.start()
    assert "event=root" not in lab.daemon.log()
    status = Path(f"/proc/{lab.daemon.process.pid}/status").read_text()
    uid = pwd.getpwnam("postfix").pw_uid
    assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n" in status
    lab.send(addresses(20))
    assert lab.daemon.one_bulk_send()["recipients"] == 20
    lab.daemon.restart()
    assert len(lab.daemon.bulk_sends()) == 1


def test_daemon_that_stays_root_warns_of_it(lab):
    [line] = [line for line in lab.daemon.log().splitlines() if "event=root" in line]
    assert " warning: " in line and 'set user = \\"bulkwatch\\"' in line


def test_database_folder_without_rights_is_said(new_lab):
    lab = new_lab(user="nobody")
    folder_for(lab, "nobody")
    os.chown(lab.daemon.database.parent, 0, 0)
    refused(lab, lab.daemon.database.parent)


def folder_for(lab, user):
    """Gives a daemon's folders to the user that it will become."""
    lab.daemon.dir.chmod(0o755)
    for path in (lab.daemon.database.parent, lab.daemon.spool):
        os.chown(path, pwd.getpwnam(user).pw_uid, -1)
        path.chmod(0o750)


def test_socket_passed_by_systemd_is_used(new_lab):
    lab = new_lab()
    lab.daemon.write_config()
    with socket.socket(socket.AF_UNIX) as passed:
        lab.postfix.socket.unlink(missing_ok=True)
        passed.bind(str(lab.postfix.socket))
        os.chmod(lab.postfix.socket, 0o660)
        passed.listen()
        with open(lab.daemon.stderr, "ab") as stderr:
            lab.daemon.process = subprocess.Popen(
                ["/bin/sh", "-c", 'exec 3<&0; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" -c "$1"',
                 str(BULKWATCHD), str(lab.daemon.config)],
                stdin=passed, stderr=stderr)
    lab.daemon.wait_for_log("event=ready")
    lab.send(addresses(20))
    lab.daemon.stop(STOP_SECS)
    # It is systemd's: the next start gets the same one.
    assert lab.postfix.socket.is_socket()
    lab.postfix.socket.unlink()
    assert lab.daemon.one_bulk_send()["recipients"] == 20


def run_bulkwatchd(*arguments, **how):
    return subprocess.run([str(BULKWATCHD), *arguments], text=True, timeout=60,
                          **(how or {"capture_output": True}))


@pytest.mark.parametrize("arguments, why", [
    (["-x"], "'x'"), (["-c"], "'c'"), (["-c", "", "-t"], "-c is empty"), (["--no"], "'--no'"),
    (["word"], 'it takes no words; "word" is too much')], ids=lambda a: "".join(a))
def test_wrong_usage_is_said_and_ends_with_status_2(arguments, why):
    done = run_bulkwatchd(*arguments)
    assert done.returncode == 2 and why in done.stderr and "usage:" in done.stderr


@pytest.mark.parametrize("option, answer", [
    ("-h", "usage: "), ("--help", "usage: "), ("-V", "bulkwatchd "), ("--version", "bulkwatchd ")])
def test_help_and_version_are_answered_on_standard_output(option, answer):
    done = run_bulkwatchd(option)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith(answer)
    with open("/dev/full", "w") as full:
        done = run_bulkwatchd(option, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and "could not write all of it" in done.stderr


def test_many_sessions_at_once_are_served(lab):
    """More sessions than an MTA's usual limit of processes, all in a message at the same time."""
    milters = [Milter(lab.postfix.socket) for _ in range(400)]
    for n, milter in enumerate(milters):
        milter.macros(b"M", client_addr=b"127.0.0.1", auth_authen=b"user%d" % n)
        assert milter.step(b"M", b"<a@example.gov.vn>") == b"c"
        milter.step(b"R", b"<x@example.net>")
    for milter in milters:
        milter.step(b"T")
        milter.step(b"N")
        milter.packet(b"E")
    for milter in milters:
        assert milter.answer()[0] in (b"a", b"c")
        milter.close()
    assert len(lab.daemon.bulkwatch("senders", "--top", "1000")) == 400
