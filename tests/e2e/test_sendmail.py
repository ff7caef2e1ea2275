"""Sendmail: its mail is counted, recorded, told of and acted on as Postfix's is."""

import os

import pytest

from bulkwatch_lab import (DOMAIN, SENDER, SPLIT_DOMAIN, Mailbox, Milter, addresses, message,
                           text_of, wait_for)
from bulkwatch_lab.milter import CONTINUE
from trouble import locked

EACH = [{"name": "each", "recipients": 1}]
MESSAGE = {"name": "message", "recipients": 20}
WINDOW = {"name": "window", "recipients": 20, "window": "10m"}
STAFF = [f"staff{n}@{DOMAIN}" for n in range(1, 31)]


@pytest.fixture
def new_lab(new_sendmail_lab):
    return new_sendmail_lab


@pytest.fixture
def lab(new_lab):
    return new_lab().start()


def submit(lab, sender, recipients, **parts):
    """`sendmail -t`, as a script of this machine would do it."""
    to = "To: " + ",\r\n ".join(recipients)
    return lab.sendmail.submit(sender, message(sender, headers=[to], **parts), "-t")


# ------------------------------------------------------------------------------- counting


def test_g02_nineteen_recipients_are_quiet_and_twenty_are_not(lab):
    lab.send(addresses(19))
    assert lab.daemon.bulk_sends() == []
    other = "staff2@example.gov.vn"
    lab.sendmail.add_login(other)
    lab.send(addresses(25), sender=other)
    [found] = lab.daemon.bulk_sends()
    assert (found["sender"], found["identity"]) == (other, "login")
    assert (found["trigger"], found["rule"], found["recipients"]) == ("message", "message", 25)


def test_g02_twenty_single_mails_are_one_bulk_send(lab):
    with lab.session() as session:
        for n, recipient in enumerate(addresses(20), 1):
            assert session.transact(SENDER, [recipient], message(SENDER))[0] == 250
            if n == 19:
                assert lab.daemon.bulk_sends() == []
    [found] = lab.daemon.bulk_sends()
    assert (found["trigger"], found["messages"], found["recipients"]) == ("window", 20, 20)


def test_g01_refused_recipients_are_not_counted(lab):
    lab.send(addresses(15) + [f"nobody{n}@{DOMAIN}" for n in range(10)])
    assert lab.daemon.bulk_sends() == []
    assert lab.daemon.counted(SENDER) == (1, 15)


def test_g01_transaction_ended_by_rset_counts_for_nothing(lab):
    with lab.session() as session:
        session.mail_from(SENDER)
        session.rcpt_to(*addresses(25))
        session.rset()
        assert session.transact(SENDER, addresses(3), message(SENDER))[0] == 250
    assert lab.daemon.bulk_sends() == []
    assert lab.daemon.counted(SENDER) == (1, 3)


def test_g01_connection_lost_during_data_counts_for_nothing(lab):
    before = len(lab.sendmail.log())
    session = lab.session()
    session.mail_from(SENDER)
    session.rcpt_to(*addresses(25))
    session.must("DATA")
    session.send(b"Subject: half a message\r\n\r\nand then noth")
    session.drop()
    lab.sendmail.wait_for_log(r"collect: .*(unexpected close|premature EOM)", after=before)
    lab.send(addresses(1))
    assert lab.daemon.counted(SENDER) == (1, 1)
    assert lab.daemon.bulk_sends() == []


def test_inbound_mail_is_never_counted(lab):
    lab.receive(STAFF)
    lab.receive([STAFF[0]])
    assert lab.daemon.bulk_sends() == []
    assert lab.daemon.bulkwatch("senders") == []


def test_login_from_elsewhere_is_counted(lab):
    lab.send(addresses(20), client=lab.stranger)
    [found] = lab.daemon.bulk_sends()
    assert (found["sender"], found["identity"]) == (SENDER, "login")
    assert found["client"] == lab.stranger


def test_sender_without_a_login_is_its_envelope_address(lab):
    """Sendmail leaves the letter case of an address as it was written."""
    lab.send(addresses(10), sender="Office@Example.gov.VN", login=None)
    lab.send(addresses(10, start=11), sender="office@example.gov.vn", login=None)
    [found] = lab.daemon.bulk_sends()
    assert (found["sender"], found["identity"]) == ("office@example.gov.vn", "envelope")
    assert (found["messages"], found["client"]) == (2, "127.0.0.1")


def test_null_sender_is_counted_by_its_client(lab):
    lab.send(addresses(20), sender="", login=None)
    [found] = lab.daemon.bulk_sends()
    assert (found["sender"], found["identity"]) == ("127.0.0.1", "client")
    [proof] = lab.daemon.one_bulk_send()["evidence"]
    assert proof["mail_from"] == ""


def test_alias_is_one_recipient_however_many_it_stands_for(lab):
    lab.send([f"everyone@{DOMAIN}"] + addresses(18))
    assert lab.daemon.bulk_sends() == []
    assert lab.daemon.counted(SENDER) == (1, 19)


def test_parameters_of_mail_and_rcpt_are_no_part_of_the_addresses(lab):
    with lab.session(login=None) as session:
        session.must(f"MAIL FROM:<{SENDER}> BODY=8BITMIME SIZE=100 RET=HDRS")
        for recipient in addresses(20):
            session.must(f"RCPT TO:<{recipient}> NOTIFY=NEVER")
        assert session.data(message(SENDER))[0] == 250
    [proof] = lab.daemon.one_bulk_send()["evidence"]
    assert proof["mail_from"] == SENDER
    assert sorted(proof["recipients"]) == sorted(addresses(20))


def test_g09_mail_of_the_sendmail_command_is_counted(lab):
    submit(lab, "office@example.gov.vn", addresses(25), message_id="<s1@example.gov.vn>")
    wait_for(lab.daemon.bulk_sends, "the mail in the log of bulk sends")
    found = lab.daemon.one_bulk_send()
    assert (found["sender"], found["identity"]) == ("office@example.gov.vn", "envelope")
    assert (found["recipients"], found["client"]) == (25, "127.0.0.1")
    # Of the two queue ids that it has had, the one of the server.
    [proof] = found["evidence"]
    assert lab.sendmail.wait_for_log(
        rf"{proof['queue_id']}: from=.*msgid=<s1@example\.gov\.vn>.*daemon=smtp")


def test_mail_that_a_content_filter_hands_back_is_not_counted_again(new_lab):
    lab = new_lab(listener="back").start()
    lab.send(addresses(25))
    assert lab.daemon.bulkwatch("senders") == []


@pytest.mark.parametrize("client, named", [
    (b"0", "127.0.0.1"),  # over standard input: `sendmail -Am -bs`
    (b"IPv6:0:0:0:0:0:0:0:1", "0:0:0:0:0:0:0:1"),
], ids=["standard-input", "ipv6"])
def test_g09_this_machine_is_outbound_whatever_sendmail_calls_it(new_lab, client, named):
    lab = new_lab(outbound={"networks": ["127.0.0.0/8", "::1/128"]}).start()
    with Milter(lab.sendmail.socket) as milter:
        recipients = [f"<{address}>".encode() for address in addresses(20)]
        assert milter.message(b"<office@example.gov.vn>", recipients, client=client) == CONTINUE
    [found] = lab.daemon.bulk_sends()
    assert (found["sender"], found["client"]) == ("office@example.gov.vn", named)


# ------------------------------------------------------------------- evidence and alerts


def test_g04_record_keeps_the_evidence_of_each_message(lab):
    subject = "Thông báo: lịch nghỉ Tết Nguyên đán và phân công trực cơ quan"
    recipients = addresses(13) + addresses(12, domain="other.example.org")
    lab.send(recipients, client="127.0.7.20", subject=subject,
             message_id="<tet-2026@example.gov.vn>")
    [proof] = lab.daemon.one_bulk_send()["evidence"]
    assert proof["subject"] == subject
    assert proof["message_id"].strip("<>") == "tet-2026@example.gov.vn"
    assert (proof["mail_from"], proof["login"]) == (SENDER, SENDER)
    assert proof["client"] == "127.0.7.20"
    assert (proof["recipient_count"], sorted(proof["recipients"])) == (25, sorted(recipients))
    assert lab.sendmail.wait_for_log(
        rf"{proof['queue_id']}: from=.*msgid=<tet-2026@example\.gov\.vn>")


def test_g05_alert_comes_once_and_is_not_counted_itself(new_lab):
    """Any mail at all is a bulk send here, and alerts leave by the server that asks the daemon."""
    lab = new_lab(rules=EACH).start()
    lab.send(addresses(25), subject="Giấy mời")
    [alert] = lab.alerts.wait()
    body = text_of(alert)
    [proof] = lab.daemon.one_bulk_send()["evidence"]
    for part in (SENDER, "Giấy mời", proof["queue_id"], "r10@example.net"):
        assert part in body, f"{part!r} is not in the alert:\n{body}"
    lab.send(addresses(5))
    assert [row["sender"] for row in lab.daemon.bulkwatch("senders")] == [SENDER]
    lab.sendmail.flush()
    assert len(lab.alerts.raw()) == 1


# ----------------------------------------------------------- the daemon away, or in trouble


def test_g07_mail_passes_uncounted_while_the_daemon_is_away(lab):
    lab.daemon.stop()
    lab.send(addresses(25))
    lab.daemon.start()
    lab.send(addresses(1))
    assert lab.daemon.counted(SENDER) == (1, 1)


def test_mail_waits_for_the_daemon_with_flag_t(new_lab):
    lab = new_lab(listener="strict")
    with lab.session(login=None) as session:
        assert session.docmd(f"MAIL FROM:<{SENDER}>")[0] == 451
    lab.start()
    lab.send(addresses(25))
    assert lab.daemon.one_bulk_send()["recipients"] == 25


@pytest.mark.parametrize("listener, answer", [("smtp", 250), ("strict", 451)])
def test_restart_of_the_daemon_is_seen_by_sessions_that_are_open(new_lab, listener, answer):
    """Sendmail asks for a milter once a session: one that was open is not counted to its end."""
    lab = new_lab(listener=listener).start()
    with lab.session() as session:
        assert session.transact(SENDER, addresses(1), message(SENDER))[0] == 250
        lab.daemon.restart()
        assert session.docmd(f"MAIL FROM:<{SENDER}>")[0] == answer
        session.rset()
    lab.send(addresses(1, start=2))
    assert lab.daemon.counted(SENDER) == (2, 2)


def test_g07_deferred_mail_comes_again_and_is_recorded_once(new_lab):
    """The client is told 451; mail of the sendmail command waits in its queue."""
    lab = new_lab(on_failure="defer").start()
    mail = message(SENDER, message_id="<d1@example.gov.vn>")
    with locked(lab.daemon.database):
        lab.send(addresses(25), raw=mail, expect=451)
        submit(lab, "office@example.gov.vn", addresses(25))
        assert lab.sendmail.queue() != []

    def retry():
        with lab.session() as session:
            return session.transact(SENDER, addresses(25), mail)[0] == 250
    wait_for(retry, "a retry to be taken", poll=0.1)
    lab.sendmail.flush()
    wait_for(lambda: not lab.sendmail.queue(), "the queue to be empty")
    assert [(f["sender"], f["messages"], f["recipients"]) for f in lab.daemon.bulk_sends()] == [
        ("office@example.gov.vn", 1, 25), (SENDER, 1, 25)]


# ------------------------------------------------------------------------------- actions


def transact(lab, recipients, **parts):
    with lab.session() as session:
        return session.transact(SENDER, recipients, message(SENDER, **parts))


def test_held_mail_waits_in_quarantine_until_it_is_released_and_is_delivered_once(
        new_lab, quarantine):
    lab = new_lab(rules=[{**MESSAGE, "action": "hold"}]).start()
    assert transact(lab, addresses(20), message_id="<hold@example.gov.vn>")[0] == 250
    [queue_id] = quarantine.held()
    found = lab.daemon.one_bulk_send()
    assert (found["action"], found["held"]) == ("hold", 1)
    [held] = found["held_messages"]
    assert (held["queue_id"], held["state"], held["recipient_count"]) == (queue_id, "waiting", 20)
    listed = quarantine.run("-bp", "-qQ", f"-qI{queue_id}").stdout.decode()
    assert f"QUARANTINE: bulkwatch {queue_id}: rule message" in listed
    # Nothing goes by itself.
    quarantine.flush()
    assert quarantine.held() == [queue_id]
    assert quarantine.delivered("<hold@example.gov.vn>") == []
    quarantine.release(queue_id)
    [copy] = quarantine.delivered("<hold@example.gov.vn>")
    assert sorted(copy) == sorted(addresses(20))
    assert quarantine.held() == []
    # It is not shown to the daemon a second time.
    assert lab.daemon.counted(SENDER) == (1, 20)


def test_held_mail_that_is_discarded_is_never_delivered(new_lab, quarantine):
    lab = new_lab(rules=[{**MESSAGE, "action": "hold"}]).start()
    assert transact(lab, addresses(20), message_id="<discard@example.gov.vn>")[0] == 250
    quarantine.discard_held()
    quarantine.flush()
    assert (quarantine.held(), quarantine.delivered("<discard@example.gov.vn>")) == ([], [])


def test_held_mail_that_was_split_is_found_whole_by_its_queue_id(new_lab, quarantine):
    """Each part has a queue id of its own, of which the record has the first."""
    lab = new_lab(rules=[{**MESSAGE, "action": "hold"}]).start()
    everyone = addresses(25, domain=SPLIT_DOMAIN)
    assert transact(lab, everyone, message_id="<split@example.gov.vn>")[0] == 250
    assert len(quarantine.held()) == 3
    [held] = lab.daemon.one_bulk_send()["held_messages"]
    quarantine.run("-v", "-Q", f"-qQ{held['queue_id']}")
    assert quarantine.held() == []
    quarantine.flush()
    copies = quarantine.delivered("<split@example.gov.vn>")
    assert sorted(recipient for copy in copies for recipient in copy) == sorted(everyone)


def test_rejected_mail_is_answered_550_with_every_line_of_the_reply(new_lab):
    reply = "100% of bulk mail is reported first; " * 22 + "see https://example.gov.vn/a%20b"
    lab = new_lab(rules=[{**MESSAGE, "action": "reject", "reply": reply}]).start()
    code, text = transact(lab, addresses(20), message_id="<reject@example.gov.vn>")
    assert code == 550
    lines = text.decode("ascii").splitlines()
    assert len(lines) > 1 and all(line.startswith("5.7.1 ") for line in lines)
    assert " ".join(line.removeprefix("5.7.1 ") for line in lines) == reply
    assert lab.daemon.one_bulk_send()["action"] == "reject"
    assert transact(lab, addresses(19))[0] == 250
    assert lab.sendmail.delivered("<reject@example.gov.vn>") == []


def test_rejected_mail_of_the_sendmail_command_comes_back_to_its_sender(new_lab):
    """Its text tells how to report: who sends by a script has no mail program to show it."""
    lab = new_lab(rules=[{**MESSAGE, "action": "reject", "reply": "Report it in room 101."}])
    lab.start()
    assert submit(lab, f"staff33@{DOMAIN}", addresses(25)).returncode == os.EX_UNAVAILABLE
    [bounce] = Mailbox(lab.sendmail.maildir(f"staff33@{DOMAIN}")).wait()
    assert "Report it in room 101." in bounce.as_string()
    assert len(lab.daemon.bulk_sends()) == 1


def test_deferred_mail_is_answered_451_and_taken_when_the_window_has_room(new_lab):
    lab = new_lab(rules=[{**WINDOW, "action": "defer", "window": "2s"}]).start()
    assert transact(lab, addresses(15))[0] == 250
    parts = {"message_id": "<waits@example.gov.vn>"}
    code, text = transact(lab, addresses(10, start=100), **parts)
    assert (code, text[:5]) == (451, b"4.7.1")
    wait_for(lambda: transact(lab, addresses(10, start=100), **parts)[0] == 250,
             "the message to be taken", poll=0.1)
    found = lab.daemon.one_bulk_send()
    assert (found["messages"], found["recipients"]) == (2, 25)


@pytest.mark.parametrize("action", ["hold", "defer", "reject"])
def test_declared_and_exempt_mail_is_let_through(new_lab, quarantine, action):
    other = "staff2@example.gov.vn"
    quarantine.add_login(other)
    lab = new_lab(rules=[{**WINDOW, "action": action}], exempt={"senders": [other]}).start()
    lab.daemon.bulkwatch("declare", "--sender", SENDER, "--recipients", "30", "--from", "now",
                         "--until", "+2h", "--reason", "Invitation", "--by", "duty")
    lab.send(addresses(25))
    lab.send(addresses(25), sender=other)
    assert quarantine.held() == []
    assert lab.daemon.one_bulk_send()["action"] == "log"
