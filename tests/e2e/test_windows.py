"""One record for one bulk send, and windows that are right: guarantees 3 and 11."""

import time
from datetime import datetime

from bulkwatch_lab import SENDER, addresses, message, wait_for

# Windows slide by whole seconds of the daemon's clock.
SHORT_WINDOW_SECS = 3
SHORT = [{"name": "message", "recipients": 20},
         {"name": "window", "recipients": 20, "window": f"{SHORT_WINDOW_SECS}s"}]


def let_window_pass(since):
    """Waits until all that was sent before `since` has left a short window."""
    time.sleep(max(0.0, since + SHORT_WINDOW_SECS + 1.1 - time.monotonic()))


def send_each(lab, recipients, **more):
    for recipient in recipients:
        lab.send([recipient], **more)


def test_g03_further_triggers_extend_the_record(lab):
    lab.send(addresses(25))
    lab.send(addresses(25, start=11))
    lab.send(addresses(1, start=100))
    found = lab.daemon.one_bulk_send()
    assert (found["messages"], found["recipients"]) == (3, 51)
    assert found["distinct_recipients"] == 36
    assert len(found["evidence"]) == 3
    assert found["first_at"] <= found["last_at"]


def test_g03_messages_that_filled_the_window_belong_to_the_record(lab):
    for n in range(4):
        lab.send(addresses(4, start=4 * n), subject=f"Part {n}")
    assert lab.daemon.bulk_sends() == []
    lab.send(addresses(4, start=16), subject="Part 4")
    found = lab.daemon.one_bulk_send()
    assert [proof["subject"] for proof in found["evidence"]] == [f"Part {n}" for n in range(5)]
    assert found["trigger"] == "window"


def test_g03_message_trigger_takes_in_what_the_window_holds(lab):
    """A split send whose last part is over the limit by itself is one bulk send all the same."""
    lab.send(addresses(10))
    lab.send(addresses(25, start=100))
    found = lab.daemon.one_bulk_send()
    assert (found["messages"], found["recipients"]) == (2, 35)


def test_g03_bulk_sends_of_two_senders_are_two_records(lab):
    lab.send(addresses(20), sender="staff1@example.gov.vn")
    lab.send(addresses(20), sender="staff2@example.gov.vn")
    lab.send(addresses(20, start=50), sender="staff1@example.gov.vn")
    assert sorted((f["sender"], f["messages"]) for f in lab.daemon.bulk_sends()) == [
        ("staff1@example.gov.vn", 2), ("staff2@example.gov.vn", 1)]


def test_g03_send_after_a_quiet_time_is_a_new_record(new_lab):
    lab = new_lab(rules=SHORT).start()
    lab.send(addresses(20))
    let_window_pass(time.monotonic())
    lab.send(addresses(20))
    assert [f["messages"] for f in lab.daemon.bulk_sends()] == [1, 1]


def test_g03_retry_of_the_same_mail_is_the_same_message(lab):
    for _ in range(3):
        lab.send(addresses(12), message_id="<retry.1@example.gov.vn>")
    assert lab.daemon.bulk_sends() == []
    assert lab.daemon.counted(SENDER) == (1, 12)


def test_g03_retry_of_a_recorded_mail_does_not_extend_the_record(lab):
    for _ in range(2):
        lab.send(addresses(25), message_id="<retry.2@example.gov.vn>")
    found = lab.daemon.one_bulk_send()
    assert (found["messages"], found["recipients"]) == (1, 25)
    assert len(found["evidence"]) == 1


def test_g03_same_message_id_to_others_is_another_message(lab):
    """Programs that mail one text to list after list keep its Message-ID."""
    for n in range(4):
        lab.send(addresses(5, start=5 * n), message_id="<same@example.gov.vn>")
    found = lab.daemon.one_bulk_send()
    assert (found["messages"], found["recipients"]) == (4, 20)


def test_g03_same_message_id_of_another_sender_is_another_message(lab):
    for n in (1, 2):
        lab.send(addresses(12), sender=f"staff{n}@example.gov.vn", message_id="<one@example.net>")
    assert lab.daemon.counted("staff1@example.gov.vn") == (1, 12)
    assert lab.daemon.counted("staff2@example.gov.vn") == (1, 12)


def test_g03_mails_without_message_id_are_each_their_own(new_lab):
    lab = new_lab(listener="asis").start()
    for _ in range(2):
        lab.send(addresses(12), message_id="")
    assert lab.daemon.counted(SENDER) == (2, 24)


def test_g11_recipients_leave_the_window_as_it_slides(new_lab):
    lab = new_lab(rules=SHORT[1:]).start()
    lab.send(addresses(19))
    let_window_pass(time.monotonic())
    lab.send(addresses(19, start=100))
    assert lab.daemon.bulk_sends() == []
    lab.send(addresses(1, start=200))
    found = lab.daemon.one_bulk_send()
    assert (found["messages"], found["recipients"]) == (2, 20)


def test_g11_window_survives_a_restart(lab):
    send_each(lab, addresses(19))
    lab.daemon.restart()
    assert lab.daemon.bulk_sends() == []
    lab.send(addresses(1, start=100))
    found = lab.daemon.one_bulk_send()
    assert (found["messages"], found["recipients"]) == (20, 20)


def test_g11_window_survives_kill_9(lab):
    send_each(lab, addresses(19))
    lab.daemon.kill()
    lab.daemon.start()
    lab.send(addresses(1, start=100))
    found = lab.daemon.one_bulk_send()
    assert (found["messages"], found["recipients"]) == (20, 20)


def test_g11_bulk_send_goes_on_after_a_restart(lab):
    lab.send(addresses(20))
    lab.daemon.restart()
    lab.send(addresses(20, start=100))
    found = lab.daemon.one_bulk_send()
    assert (found["messages"], found["recipients"]) == (2, 40)


def test_g11_window_is_not_longer_after_a_restart(new_lab):
    lab = new_lab(rules=SHORT).start()
    lab.send(addresses(19))
    sent = time.monotonic()
    lab.daemon.restart()
    let_window_pass(sent)
    lab.send(addresses(19, start=100))
    assert lab.daemon.bulk_sends() == []


def test_g11_window_of_a_new_rule_holds_what_was_sent_before_it(new_lab):
    lab = new_lab(rules=[{"name": "message", "recipients": 20}]).start()
    lab.send(addresses(15))
    lab.daemon.set(rules=[{"name": "window", "recipients": 20, "window": "10m"}])
    lab.daemon.restart()
    lab.send(addresses(5, start=100))
    assert lab.daemon.one_bulk_send()["recipients"] == 20


def test_g11_clock_that_jumps_forward_frees_nobody(new_lab, faketime):
    lab = new_lab()
    lab.daemon.faketime = faketime
    lab.start()
    send_each(lab, addresses(19))
    faketime.set("+2h")
    lab.send(addresses(1, start=100))
    found = lab.daemon.one_bulk_send()
    assert found["messages"] == 20
    # The test is about something only if the daemon saw the jump.
    assert hours_between(found["first_at"], found["last_at"]) >= 1.9


def test_g11_clock_that_jumps_back_holds_nobody(new_lab, faketime):
    lab = new_lab(rules=SHORT)
    lab.daemon.faketime = faketime
    lab.start()
    lab.send(addresses(19))
    sent = time.monotonic()
    faketime.set("-2h")
    let_window_pass(sent)
    lab.send(addresses(19, start=100))
    assert lab.daemon.bulk_sends() == []


def test_g11_clock_that_jumped_back_during_a_restart_holds_nobody(new_lab, faketime):
    lab = new_lab(rules=SHORT)
    lab.daemon.faketime = faketime
    lab.start()
    lab.send(addresses(19))
    sent = time.monotonic()
    lab.daemon.stop()
    faketime.set("-2h")
    lab.daemon.start()
    let_window_pass(sent)
    lab.send(addresses(19, start=100))
    assert lab.daemon.bulk_sends() == []


def test_g11_clock_that_jumped_forward_during_a_restart_frees_nobody(new_lab, faketime):
    lab = new_lab()
    lab.daemon.faketime = faketime
    lab.start()
    send_each(lab, addresses(19))
    lab.daemon.stop()
    faketime.set("+2h")
    lab.daemon.start()
    lab.send(addresses(1, start=100))
    assert lab.daemon.one_bulk_send()["messages"] == 20


def test_many_sessions_at_once_lose_no_recipient(lab):
    """Twenty sessions of one login, each with one recipient, at their end of message together."""
    sessions = [lab.session() for _ in range(20)]
    for session, recipient in zip(sessions, addresses(20)):
        session.mail_from(SENDER)
        session.rcpt_to(recipient)
        session.must("DATA")
    for session in sessions:
        session.send(message(SENDER) + b".\r\n")
    for session in sessions:
        assert session.getreply()[0] == 250
        session.close()
    found = wait_for(lab.daemon.one_bulk_send, "the record")
    assert (found["messages"], found["recipients"]) == (20, 20)


def hours_between(first, last):
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds() / 3600
