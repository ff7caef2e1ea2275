"""Postfix's own log beside the ledger: `bulkwatch reconcile`."""

import gzip
import re
import subprocess
import time
from collections import Counter

import pytest
from bulkwatch_lab import BULKWATCH, SENDER, Lab, Postfix, addresses, message, wait_for
from trouble import locked

ALIAS = "all@example.gov.vn"
OFFICE = "office@example.gov.vn"


@pytest.fixture
def new_server():
    """Makes a Postfix whose log is of one test only, and a daemon that is attached to it."""
    made = []

    def make(listeners=None, **settings):
        server = Postfix(listeners=listeners)
        server.milters = f"unix:{server.socket}"
        aliases = server.confdir / "aliases"
        server.confdir.mkdir()
        aliases.write_text(f"{ALIAS} staff1@example.gov.vn, staff2@example.gov.vn, x@far.example\n")
        server.settings = {"milter_default_action": "accept",
                           "virtual_alias_maps": f"texthash:{aliases}"} | settings
        made.append(server)
        server.start()
        lab = Lab(server)
        made.insert(0, lab)
        # The ledger begins before what the tests look at.
        lab.start().send(["first@example.net"])
        return lab

    yield make
    for thing in made:
        thing.remove()


def delivered(lab):
    """Waits until all mail that was queued is gone, and the log says so."""
    wait_for(lambda: not lab.postfix.waiting("incoming", "active"), "the queue to be empty")

    def look():
        log = lab.postfix.log_up_to_now()
        # From the line's beginning on: senders write like this further on in it.
        queued, gone = (Counter(re.findall(rf"^.{{15}} mail postfix/qmgr\S+: (\w+): {what}", log,
                                           re.M))
                        for what in ("from=<.* nrcpt=", r"removed\n"))
        return queued == gone
    wait_for(look, lambda: f"the queue to be empty:\n{lab.postfix.log()[-2000:]}")


def reconcile(lab, *words, status=0):
    delivered(lab)
    return lab.daemon.reconcile(*(words or [lab.postfix.maillog]), status=status)


def sums(found):
    return {name: count for name, count in found["findings"].items() if count}


def mixed_mail(lab):
    """Eight messages; seven of them outbound, one of these our alert."""
    lab.send(addresses(3) + ["nobody@example.gov.vn"])
    lab.send([ALIAS, "R1@example.net", "r1@Example.NET"])
    lab.send(addresses(25))
    lab.alerts.wait()
    lab.receive(["staff1@example.gov.vn"])
    lab.postfix.sendmail(OFFICE, addresses(2), b"Subject: x\n\nhello\n")
    lab.send(["a@example.net"], sender="", login="staff3@example.gov.vn")
    with lab.session() as session:
        session.mail_from(SENDER)
        session.rcpt_to(*addresses(5))
        session.rset()
        assert session.transact(SENDER, ["b@example.net"], message(SENDER))[0] == 250
        session.mail_from(SENDER)
        session.rcpt_to(*addresses(4))
        session.must("DATA")
        session.send(b"Subject: half\r\n\r\n")
        session.drop()


@pytest.mark.parametrize("long_ids", ["no", "yes"])
def test_all_outbound_mail_of_the_log_is_in_the_ledger(new_server, long_ids):
    lab = new_server(enable_long_queue_ids=long_ids)
    mixed_mail(lab)
    lab.postfix.wait_for_log("office@example.gov.vn.*nrcpt=2")
    found = reconcile(lab)
    assert (found["messages"], found["outbound"]) == (9, 8)
    assert sums(found) == {"counted": 7, "own": 1}
    assert (found["not_taken"], found["not_in_log"]) == (0, 0)


def test_mail_of_the_time_when_the_milter_was_down_is_named(new_server):
    lab = new_server()
    staying, late = lab.session(), lab.session()
    late.mail_from(SENDER)
    late.rcpt_to("late@example.net")
    lab.daemon.kill()
    assert late.data(message(SENDER))[0] == 250
    for n in range(2):
        assert staying.transact(SENDER, [f"s{n}@example.net"], message(SENDER))[0] == 250
    lab.send(["new@example.net"])
    lab.postfix.sendmail(OFFICE, ["local@example.net"], b"Subject: x\n\nhello\n")
    lab.postfix.wait_for_log("to=<local@example.net>")
    lab.daemon.start()
    # A session that has lost its milter goes on without one.
    assert staying.transact(SENDER, ["s9@example.net"], message(SENDER))[0] == 250
    lab.send(["counted@example.net"])
    for session in (staying, late):
        session.close()
    found = reconcile(lab)
    assert sums(found) == {"counted": 2, "no-milter": 6}
    assert {(mail["finding"], mail["via"]) for mail in found["mail"]} == {
        ("no-milter", "postfix/smtpd"), ("no-milter", "postfix/pickup")}


def test_nothing_is_accepted_uncounted_where_postfix_defers_without_a_milter(new_server):
    lab = new_server(milter_default_action="tempfail")
    lab.daemon.kill()
    with lab.session() as session:
        assert session.docmd(f"MAIL FROM:<{SENDER}>")[0] == 451
    lab.postfix.sendmail(OFFICE, ["local@example.net"], b"Subject: x\n\nhello\n")
    lab.postfix.wait_for_log(r"pickup.*from=<office@example.gov.vn>")
    lab.daemon.start()
    lab.send(["counted@example.net"])
    # What pickup could not hand in waits there; it is no mail of the queue.
    assert sums(reconcile(lab)) == {"counted": 2}


def test_mail_that_a_rule_held_or_refused_is_accounted_for(new_server):
    lab = new_server()
    lab.daemon.set(rules=[
        {"name": "hold", "recipients": 20, "action": "hold", "senders": ["staff1@example.gov.vn"]},
        {"name": "reject", "recipients": 20, "action": "reject",
         "senders": ["staff2@example.gov.vn"]}])
    lab.daemon.restart()
    lab.send(addresses(25))
    lab.send(addresses(25), sender="staff2@example.gov.vn", expect=550)
    lab.send(addresses(3), sender="staff2@example.gov.vn")
    found = reconcile(lab)
    assert (sums(found)["counted"], found["outbound"] - sums(found).get("own", 0)) == (3, 3)
    assert (found["not_taken"], found["not_in_log"]) == (0, 0)


def test_listener_without_the_milter_is_found(new_server):
    lab = new_server(listeners={"open": {"smtpd_milters": "", "syslog_name": "postfix/open"}})
    port = lab.port
    lab.port = lab.postfix.ports["open"]
    lab.send(addresses(25), message_id="<past@example.gov.vn>")
    lab.port = port
    lab.send(["counted@example.net"])
    found = reconcile(lab, status=1)
    assert sums(found) == {"counted": 2, "nowhere": 1}
    [mail] = found["mail"]
    assert (mail["via"], mail["recipients"], mail["message_id"]) == (
        "postfix/open/smtpd", 25, "<past@example.gov.vn>")


def test_lines_that_a_sender_forges_are_not_believed(new_server):
    """Each would, as a line, hide the mail or make another one up."""
    lab = new_server(listeners={"open": {"smtpd_milters": ""}})
    lab.port = lab.postfix.ports["open"]
    forged = ["x> \r\n\tNov 22 18:00:01 mail postfix/qmgr[4]: 4ABCDEF: from=<a@b>, size=1, nrcpt=9",
              "x>, orig_queue_id=4ABCDEF, orig_client=a[127.0.0.1]",
              "<bulkwatch.1.1.started@example.gov.vn>",
              "warning: milter unix:" + str(lab.postfix.socket) + ": can't read"]
    for text in forged:
        lab.send(['"a>, orig_to=<b"@example.net', '"to=<c>, relay="@example.net'],
                 message_id=text, subject=text,
                 headers=[f"X-Log: postfix/smtpd[1]: {text}".replace("\r\n\t", " ")])
    found = reconcile(lab, status=1)
    assert sums(found) == {"counted": 1, "nowhere": len(forged)}
    assert {mail["recipients"] for mail in found["mail"]} == {2}
    shown = lab.daemon.bulkwatch("reconcile", str(lab.postfix.maillog), json=False, status=1)
    assert len(shown.stdout.splitlines()) == 1 + len(forged) + 1 + 5


def test_mail_that_waits_in_the_spool_is_named(new_server):
    lab = new_server()
    with locked(lab.daemon.database):
        lab.send(addresses(3))
        lab.daemon.kill()
    found = reconcile(lab)
    assert sums(found) == {"counted": 1, "spooled": 1}
    assert found["mail"][0]["counted"] == 3
    lab.daemon.start()
    wait_for(lambda: lab.daemon.counted(SENDER)[0] == 2, "the spool to be brought in")
    assert sums(reconcile(lab)) == {"counted": 2}


def test_daemon_attached_later_is_the_reason_for_what_came_before(new_server):
    lab = new_server()
    lab.daemon.stop()
    for path in lab.daemon.database.parent.glob("*"):
        path.unlink()
    time.sleep(1.1)  # the log's times are whole seconds
    lab.daemon.start()
    lab.send(["counted@example.net"])
    assert sums(reconcile(lab)) == {"counted": 1, "before-ledger": 1}


def rfc3339(text):
    """The log as rsyslog of Debian 12 writes it."""
    def stamp(match):
        moment = time.strptime(f"{time.localtime().tm_year} {match[0]}", "%Y %b %d %H:%M:%S")
        zone = time.strftime("%z", time.localtime(time.mktime(moment)))
        return time.strftime("%Y-%m-%dT%H:%M:%S.000123", moment) + f"{zone[:3]}:{zone[3:]}"
    return re.sub(r"^\w{3} [ \d]\d [\d:]{8}", stamp, text, flags=re.M)


def test_rotated_and_compressed_logs_in_both_forms_count_once(new_server, tmp_path):
    lab = new_server()
    mixed_mail(lab)
    lab.postfix.wait_for_log("office@example.gov.vn.*nrcpt=2")
    delivered(lab)
    # The order of files is told by their first lines, and these have whole seconds.
    start = int(time.time())
    wait_for(lambda: time.time() >= start + 1, "the next second")
    with lab.session() as session:
        session.mail_from(SENDER)
        session.rcpt_to("two-files@example.net")
        lab.postfix.wait_for_log(r"smtpd.*: client=.*\n\Z")
        half = len(lab.postfix.log().splitlines())
        assert session.data(message(SENDER))[0] == 250
    delivered(lab)
    lines = lab.postfix.log().splitlines(keepends=True)
    (tmp_path / "mail.log").write_text("".join(lines[half:]))
    with gzip.open(tmp_path / "mail.log.1.gz", "wt") as old:
        old.write("".join(lines[:half]))
    (tmp_path / "copy").write_text(rfc3339("".join(lines)))
    whole = reconcile(lab)
    for names in (["mail.log", "mail.log.1.gz"], ["mail.log.1.gz", "copy", "mail.log"], ["copy"]):
        found = reconcile(lab, *(tmp_path / name for name in names))
        assert sums(found) == sums(whole)
        assert found["messages"] == whole["messages"]


def test_log_on_standard_input_is_read(new_server):
    lab = new_server()
    delivered(lab)
    done = subprocess.run([BULKWATCH, "-c", lab.daemon.config, "reconcile", "-"], text=True,
                          capture_output=True, input=lab.postfix.log(), timeout=30)
    assert (done.returncode, "Counted     1\n" in done.stdout) == (0, True), done


@pytest.mark.parametrize("name", ["nothing-there.log", "."])
def test_file_that_cannot_be_read_ends_with_a_sentence(new_server, tmp_path, name):
    lab = new_server()
    path = str(tmp_path / name)
    done = lab.daemon.bulkwatch("reconcile", path, str(lab.postfix.maillog), status=1)
    assert f"{path} cannot be read" in done.stderr
    assert done.stdout == ""
