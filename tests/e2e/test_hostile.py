"""Nobody is fooled by what a sender wrote, and nothing breaks on it: guarantee 13."""

import base64
import email
import email.policy
import re
import socket

import pytest

from bulkwatch_lab import SENDER, Milter, addresses, message, text_of, wait_for
from terminal import on_terminal
from wires import attached

ATTACK = ("Lương\x1b[2J\x1b]0;owned\x07\r\nBcc: victim@example.com\r\n\r\n"
          "<script>alert(1)</script> {contact} %s %n \x00\u202egnp.exe\u2028\x9b31m")
# Controls but the newline, and what changes the direction of text.
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029"
                    "\u200e\u200f\u202a-\u202e\u2066-\u2069]")
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+[+-]\d\d:\d\d bulkwatchd\[\d+\] \w+: \S+=")


def encoded(text):
    return b"=?utf-8?B?" + base64.b64encode(text.encode()) + b"?="


def assert_nobody_is_fooled(lab):
    """Looks at every place where the only bulk send is told of."""
    found = lab.daemon.one_bulk_send()
    wiring = attached(lab, lab.daemon.dir / "etc")
    for command in (["list"], ["show", str(found["id"])], ["senders"],
                    ["check", "--config-dir", str(wiring.dir)]):
        text = lab.daemon.bulkwatch(*command, json=False).stdout
        assert not UNSAFE.search(text), repr(text)
        on_screen = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal(lab.daemon, *command))
        assert not UNSAFE.search(on_screen.replace("\r\n", "\n")), repr(on_screen)
    for line in lab.daemon.log().splitlines():
        assert LOG_LINE.match(line), f"a log line of a stranger's making: {line!r}"
        assert not UNSAFE.search(line), repr(line)
    [alert] = lab.alerts.wait()
    [raw] = lab.alerts.raw()
    assert b"\nBcc:" not in raw and b"\nbcc:" not in raw
    assert alert.get_all("To") == [lab.admin] and not alert["Bcc"] and not alert["Cc"]
    assert alert.get_content_type() == "text/plain"
    assert not UNSAFE.search(text_of(alert)), repr(text_of(alert))
    assert not UNSAFE.search(alert["Subject"]), repr(alert["Subject"])
    assert str(len(found["evidence"][0]["recipients"])) in alert["Subject"]


@pytest.mark.parametrize("written", [
    encoded(ATTACK),
    ATTACK.replace("\r\n", " ").replace("\x00", "").encode(),
    b"=?utf-8?Q?one=0D=0ABcc:_victim@example.com=0D=0A=0D=0Atwo=1B[2J?=",
    b"\xff\xfe\xc3\x28 broken \xe2\x82 \xed\xa0\x80 \xf0\x9f\x98",
    b"=?utf-8?Q?=FF=FE=C3=28?= =?x-no-such-charset?B?//8=?=",
], ids=["encoded", "raw", "injected", "broken-utf8", "broken-encoded"])
def test_g13_subject_fools_nobody(lab, written):
    lab.send(addresses(20), raw=message(SENDER, subject=None, headers=[b"Subject: " + written]))
    assert_nobody_is_fooled(lab)


def test_g13_subject_that_is_a_placeholder_is_not_filled_in(lab):
    lab.send(addresses(20), subject="{contact} {sender} {{}} {first_recipients}")
    [alert] = lab.alerts.wait()
    assert "{contact} {sender} {{}} {first_recipients}" in text_of(alert)


@pytest.mark.parametrize("place", ["sender", "recipient", "login", "message-id", "client",
                                   "queue-id"])
def test_g13_no_field_fools_anybody(lab, place):
    """As the bytes that a broken or hostile MTA could pass on; Postfix stops most of them."""
    nasty = ATTACK.replace("\x00", "").encode() + b"\xff\xfe"
    sender = b"<" + (nasty if place == "sender" else b"staff1") + b"@example.gov.vn>"
    recipients = [f"<{r}>".encode() for r in addresses(20)]
    if place == "recipient":
        recipients = [b"<" + nasty + b"%d@example.net>" % n for n in range(20)]
    message_id = b"<" + (nasty if place == "message-id" else b"1") + b"@example.net>"
    headers = [(b"Subject", b"Hello"), (b"Message-ID", message_id)]
    with Milter(lab.postfix.socket) as milter:
        verdict = milter.message(
            sender, recipients, headers,
            login={"login": nasty, "sender": None}.get(place, b"thu.ha"),
            client=nasty if place == "client" else b"127.0.0.1",
            queue_id=nasty if place == "queue-id" else b"4ABC")
        assert verdict in (b"a", b"c")
    assert_nobody_is_fooled(lab)


def test_utf8_addresses_through_the_server(lab):
    with lab.session() as session:
        sender = "văn.thư@example.gov.vn".encode()
        assert session.command(b"MAIL FROM:<" + sender + b"> SMTPUTF8")[0] == 250
        for n in range(20):
            assert session.command(b"RCPT TO:<ng\xc6\xb0\xe1\xbb\x9di%d@example.net>" % n)[0] == 250
        assert session.data(message(SENDER))[0] == 250
    [proof] = lab.daemon.one_bulk_send()["evidence"]
    assert proof["mail_from"] == "văn.thư@example.gov.vn"
    assert "người7@example.net" in proof["recipients"]


@pytest.mark.parametrize("address", [
    b'<"quoted \\" local"@example.net>', b"<no-domain>", b"<@relay.example.org:x@example.net>",
    b"<>", b"", b"<<<>>>", b"<@>", b"<a@b@c>", b"<" + b"x" * 5000 + b"@example.net>",
    b"<x@" + b"y" * 5000 + b">", b"<" + bytes(range(1, 256)) + b">",
], ids=["quotes", "no-domain", "route", "null", "nothing", "brackets", "at", "ats", "long-local",
        "long-domain", "every-byte"])
def test_strange_addresses_are_counted_like_any(lab, address):
    with Milter(lab.postfix.socket) as milter:
        others = [f"<{r}>".encode() for r in addresses(19)]
        assert milter.message(address, [*others, address], login=b"thu.ha") in (b"a", b"c")
        assert milter.message(b"<a@example.gov.vn>", others[:1], login=b"after") in (b"a", b"c")
    assert lab.daemon.counted("after") == (1, 1)
    messages, recipients = lab.daemon.counted("thu.ha")
    assert (messages, recipients) in ((1, 20), (1, 19))  # no address at all may not count
    if recipients == 20:
        assert_nobody_is_fooled(lab)


def test_5000_recipients_in_one_message(lab):
    recipients = addresses(5000)
    lab.send(recipients)
    found = lab.daemon.one_bulk_send()
    assert (found["recipients"], found["distinct_recipients"]) == (5000, 5000)
    assert sorted(found["evidence"][0]["recipients"]) == sorted(recipients)
    [alert] = lab.alerts.wait()
    assert len(text_of(alert)) < 10000


def test_first_of_two_subjects_is_kept(lab):
    lab.send(addresses(20), subject="First", headers=["Subject: Second"])
    assert lab.daemon.one_bulk_send()["subject"] == "First"


def test_message_without_subject_and_message_id(new_lab):
    lab = new_lab(listener="asis").start()
    lab.send(addresses(20), raw=b"\r\nJust a body.\r\n")
    [proof] = lab.daemon.one_bulk_send()["evidence"]
    assert (proof["subject"], proof["message_id"]) == ("", "")
    lab.alerts.wait()


def test_subject_of_a_megabyte_is_cut(lab):
    long = ["Subject: " + "ư" * 400] + [" " + "ư" * 400] * 900
    lab.send(addresses(20), raw=message(SENDER, subject=None, headers=long))
    subject = lab.daemon.one_bulk_send()["subject"]
    assert subject.startswith("ưưư") and 100 < len(subject.encode()) < 1200
    lab.alerts.wait()


def test_every_macro_may_be_absent(lab):
    """Without a client and a login the mail is local submission, which is outbound."""
    with Milter(lab.postfix.socket) as milter:
        recipients = [f"<{r}>".encode() for r in addresses(20)]
        assert milter.message(b"<office@example.gov.vn>", recipients, client=None,
                              queue_id=None) in (b"a", b"c")
    found = lab.daemon.one_bulk_send()
    assert found["sender"] == "office@example.gov.vn"
    assert found["evidence"][0]["queue_id"] == ""


def test_connections_that_say_nothing_or_rubbish_harm_no_other(lab):
    for data in (b"", b"\0", b"GET / HTTP/1.0\r\n\r\n", b"\0\0\0\1Z", b"\xff" * 64,
                 b"\0\0\0\1E", b"\0\0\0\1M", b"\0\0\0\5M<a>\0\0\0\0\1E"):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(lab.postfix.socket))
            client.sendall(data)
    idle = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    for client in idle:
        client.connect(str(lab.postfix.socket))
    lab.send(addresses(20))
    assert lab.daemon.one_bulk_send()["recipients"] == 20
    for client in idle:
        client.close()


def test_messages_aborted_at_every_step_count_for_nothing(lab):
    """The milter's own view of an abort: after MAIL, a recipient, a header, and twice."""
    with Milter(lab.postfix.socket) as milter:
        for last in range(4):
            milter.macros(b"M", client_addr=b"127.0.0.1", auth_authen=b"thu.ha")
            milter.step(b"M", b"<thu.ha@example.gov.vn>")
            if last > 0:
                for recipient in addresses(25):
                    milter.step(b"R", f"<{recipient}>".encode())
            if last > 1:
                milter.step(b"T")
                milter.step(b"L", b"Subject", b"Never sent")
            milter.packet(b"A")
            if last > 2:
                milter.packet(b"A")
        assert milter.message(b"<thu.ha@example.gov.vn>", [b"<x@example.net>"],
                              login=b"thu.ha") in (b"a", b"c")
    assert lab.daemon.counted("thu.ha") == (1, 1)
    assert lab.daemon.bulk_sends() == []


def test_alert_of_hostile_mail_is_what_the_email_package_reads(lab):
    attack = b"Subject: " + encoded(ATTACK)
    lab.send(addresses(20), raw=message(SENDER, subject=None, headers=[attack]))
    wait_for(lab.alerts.raw, "the alert")
    parsed = email.message_from_bytes(lab.alerts.raw()[0], policy=email.policy.default)
    assert not parsed.defects and not parsed.is_multipart()
    assert "Lương" in text_of(parsed)
