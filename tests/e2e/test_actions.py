"""What rules do beside the log: hold, defer and reject, on a real Postfix."""

import pytest

from bulkwatch_lab import SENDER, addresses, message, wait_for

MESSAGE = {"name": "message", "recipients": 20}
WINDOW = {"name": "window", "recipients": 20, "window": "10m"}


def one_rule(rule, **more):
    return {"rules": [{**rule, **more}]}


def transact(lab, recipients, sender=SENDER, **parts):
    with lab.session(login=sender) as session:
        return session.transact(sender, recipients, message(sender, **parts))


def text_of(answer):
    return answer[1].decode("ascii")


@pytest.fixture(autouse=True)
def empty_hold_queue(postfix):
    yield
    postfix.discard_held()


def test_reject_refuses_the_message_and_tells_how_to_report(new_lab):
    lab = new_lab(**one_rule(MESSAGE, action="reject"),
                  alerts={"contact": "Văn phòng, điện thoại 101"}).start()
    code, text = transact(lab, addresses(20))
    assert code == 550
    assert "5.7.1" in text_of((code, text))
    assert "Van phong, dien thoai 101" in text_of((code, text))
    found = lab.daemon.one_bulk_send()
    assert (found["action"], found["recipients"]) == ("reject", 20)
    assert lab.daemon.bulkwatch("show", str(found["id"]))["evidence"][0]["action"] == "reject"
    lab.postfix.wait_for_log(r"milter-reject: END-OF-MESSAGE .* 5\.7\.1")
    assert transact(lab, addresses(19))[0] == 250


def test_what_was_refused_is_not_reported_as_sent(new_lab):
    lab = new_lab(**one_rule({**MESSAGE, "recipients": 30}, action="reject")).start()
    for i in range(3):
        assert transact(lab, addresses(30, start=30 * i))[0] == 550
    found = lab.daemon.one_bulk_send()
    assert (found["messages"], found["recipients"]) == (3, 90)
    assert (found["refused_messages"], found["refused_recipients"]) == (3, 90)
    report = lab.daemon.bulkwatch("report", "--month", found["first_at"][:7], "--format", "html",
                                  json=False).stdout
    assert "tới tổng cộng 0 người nhận" in report
    assert "3 thư tới 90 lượt nhận bị từ chối" in report


def test_reply_of_the_rule_is_told_as_it_was_written(new_lab):
    reply = "100% of bulk mail is reported first; " * 6 + "see https://example.gov.vn/a%20b"
    lab = new_lab(**one_rule(MESSAGE, action="reject", reply=reply)).start()
    code, text = transact(lab, addresses(20))
    assert code == 550
    lines = [line.removeprefix("5.7.1 ") for line in text_of((code, text)).splitlines()]
    assert " ".join(lines) == reply


def test_rejected_mail_does_not_fill_the_window(new_lab):
    lab = new_lab(rules=[{**MESSAGE, "action": "reject"}, WINDOW]).start()
    assert transact(lab, addresses(25))[0] == 550
    assert transact(lab, addresses(19, start=100))[0] == 250
    found = lab.daemon.one_bulk_send()
    assert (found["rule"], found["messages"]) == ("message", 1)
    # What was not sent is in no sum either.
    assert lab.daemon.counted(SENDER) == (1, 19)


def test_rejected_mail_does_not_fill_the_window_after_a_restart(new_lab):
    lab = new_lab(rules=[{**MESSAGE, "action": "reject"}, WINDOW]).start()
    assert transact(lab, addresses(25))[0] == 550
    lab.daemon.restart()
    assert transact(lab, addresses(19, start=100))[0] == 250
    assert lab.daemon.one_bulk_send()["messages"] == 1


def test_window_that_rejects_is_filled_by_what_was_sent_alone(new_lab):
    lab = new_lab(**one_rule(WINDOW, action="reject")).start()
    assert transact(lab, addresses(15))[0] == 250
    assert transact(lab, addresses(5, start=100))[0] == 550
    assert transact(lab, addresses(5, start=200))[0] == 550
    assert transact(lab, addresses(4, start=300))[0] == 250
    found = lab.daemon.one_bulk_send()
    # The mail that was let through before is evidence too.
    assert (found["messages"], found["recipients"], found["action"]) == (3, 25, "reject")


def test_held_mail_waits_in_the_hold_queue(new_lab):
    lab = new_lab(**one_rule(MESSAGE, action="hold")).start()
    assert transact(lab, addresses(20))[0] == 250
    assert transact(lab, addresses(19))[0] == 250
    [queue_id] = lab.postfix.held()
    found = lab.daemon.one_bulk_send()
    assert (found["action"], found["held"]) == ("hold", 1)
    [held] = lab.daemon.bulkwatch("show", str(found["id"]))["held_messages"]
    assert (held["queue_id"], held["state"], held["recipient_count"]) == (queue_id, "waiting", 20)


def test_held_mail_fills_the_window(new_lab):
    lab = new_lab(rules=[{**MESSAGE, "action": "hold"}, WINDOW]).start()
    assert transact(lab, addresses(20))[0] == 250
    assert transact(lab, addresses(1, start=100))[0] == 250
    assert lab.daemon.one_bulk_send()["messages"] == 2


def test_of_several_rules_the_strongest_action_is_done(new_lab):
    lab = new_lab(rules=[{**MESSAGE, "name": "log"}, {**WINDOW, "name": "defer", "action": "defer"},
                         {**MESSAGE, "name": "reject", "action": "reject"},
                         {**MESSAGE, "name": "hold", "action": "hold"}]).start()
    assert transact(lab, addresses(20))[0] == 550
    found = lab.daemon.one_bulk_send()
    assert (found["rule"], found["action"]) == ("reject", "reject")
    assert lab.postfix.held() == []


def test_deferred_mail_is_taken_when_the_window_has_room(new_lab):
    lab = new_lab(**one_rule(WINDOW, action="defer", window="4s")).start()
    assert transact(lab, addresses(15))[0] == 250
    parts = {"message_id": "<waits@example.gov.vn>"}
    code, text = transact(lab, addresses(10, start=100), **parts)
    assert code == 451 and "4.7.1" in text_of((code, text))
    assert lab.daemon.counted(SENDER) == (1, 15)
    wait_for(lambda: transact(lab, addresses(10, start=100), **parts)[0] == 250,
             "the message to be taken")
    found = lab.daemon.one_bulk_send()
    assert (found["messages"], found["recipients"]) == (2, 25)
    evidence = lab.daemon.bulkwatch("show", str(found["id"]))["evidence"]
    assert [(mail["recipient_count"], mail["action"]) for mail in evidence] == [
        (15, "log"), (10, "log")]
    assert lab.daemon.counted(SENDER) == (2, 25)


def test_deferred_mail_that_alone_fills_the_window_is_taken_in_the_end(new_lab):
    lab = new_lab(**one_rule(WINDOW, action="defer", window="3s")).start()
    parts = {"message_id": "<large@example.gov.vn>"}
    assert transact(lab, addresses(30), **parts)[0] == 451
    wait_for(lambda: transact(lab, addresses(30), **parts)[0] == 250, "the message to be taken")
    assert lab.daemon.one_bulk_send()["messages"] == 1


@pytest.mark.parametrize("listener", ["smtp", "asis"])
def test_deferral_ends_for_mail_without_a_message_id_too(new_lab, listener):
    """Postfix (but for "asis") gives each try a Message-ID of its own."""
    lab = new_lab(listener=listener, **one_rule(WINDOW, action="defer", window="3s")).start()
    assert transact(lab, addresses(30), message_id="")[0] == 451
    wait_for(lambda: transact(lab, addresses(30), message_id="")[0] == 250,
             "the message to be taken")
    assert lab.daemon.one_bulk_send()["messages"] == 1


def test_message_that_was_taken_does_not_wait_again(new_lab):
    lab = new_lab(**one_rule(WINDOW, action="defer", window="3s")).start()
    parts = {"message_id": "<large@example.gov.vn>"}
    assert transact(lab, addresses(30), **parts)[0] == 451
    wait_for(lambda: transact(lab, addresses(30), **parts)[0] == 250, "the message to be taken")
    # As a client does that has not seen the answer.
    assert transact(lab, addresses(30), **parts)[0] == 250


@pytest.mark.parametrize("action", ["hold", "reject"])
def test_nothing_is_done_with_a_declared_send_by_a_rule_of_the_client(new_lab, action):
    lab = new_lab(**one_rule(WINDOW, action=action, per="client")).start()
    lab.daemon.bulkwatch("declare", "--sender", SENDER, "--recipients", "30", "--from", "now",
                         "--until", "+2h", "--reason", "Invitation", "--by", "duty")
    assert transact(lab, addresses(25))[0] == 250
    assert lab.postfix.held() == []


def test_deferral_goes_on_after_a_restart(new_lab):
    lab = new_lab(**one_rule(WINDOW, action="defer", window="3s")).start()
    parts = {"message_id": "<large@example.gov.vn>"}
    assert transact(lab, addresses(30), **parts)[0] == 451
    lab.daemon.restart()
    wait_for(lambda: transact(lab, addresses(30), **parts)[0] == 250, "the message to be taken")
    assert lab.daemon.one_bulk_send()["messages"] == 1


@pytest.mark.parametrize("action", ["hold", "defer", "reject"])
def test_nothing_is_done_with_a_declared_send(new_lab, action):
    lab = new_lab(**one_rule(WINDOW, action=action)).start()
    lab.daemon.bulkwatch("declare", "--sender", SENDER, "--recipients", "30", "--from", "now",
                         "--until", "+2h", "--reason", "Invitation", "--by", "duty")
    # Also when it goes beyond what was declared: that is for people to judge.
    assert transact(lab, addresses(20))[0] == 250
    assert transact(lab, addresses(40, start=100))[0] == 250
    assert lab.postfix.held() == []
    assert lab.daemon.one_bulk_send()["action"] == "log"


@pytest.mark.parametrize("action", ["hold", "defer", "reject"])
def test_nothing_is_done_with_mail_of_exempt_senders(new_lab, action):
    lab = new_lab(**one_rule(WINDOW, action=action), exempt={"senders": [SENDER]}).start()
    assert transact(lab, addresses(30))[0] == 250
    assert lab.postfix.held() == []
    assert lab.daemon.bulk_sends() == []


def test_what_is_done_is_logged_with_the_queue_id(new_lab):
    lab = new_lab(**one_rule(MESSAGE, action="hold")).start()
    transact(lab, addresses(20))
    [queue_id] = lab.postfix.held()
    lab.daemon.wait_for_log(rf"queue_id={queue_id} event=hold id=1 sender={SENDER} rule=message")
