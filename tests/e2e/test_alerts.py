"""What the admins are mailed, and what they are not: guarantee 5."""

import re
import subprocess
from email.utils import parsedate_to_datetime

import pytest

from bulkwatch_lab import (BULKWATCH, DOMAIN, SENDER, Mailbox, SmtpSink, addresses, free_port,
                           message, smtpsink, stays, text_of, wait_for)

SHORT = [{"name": "message", "recipients": 20},
         {"name": "window", "recipients": 20, "window": "3s"}]
EACH = [{"name": "each", "recipients": 1}]


def alert_rows(lab):
    return lab.daemon.one_bulk_send()["alerts"]


def sent(lab, count=1):
    """Waits until so many alerts of the only bulk send are noted as sent."""
    return wait_for(lambda: [r for r in alert_rows(lab) if r["state"] == "sent"][count - 1:],
                    lambda: f"{count} sent alert(s); there are {alert_rows(lab)}")


def test_g05_alert_tells_the_whole_story(lab):
    subject = "Giấy mời họp: kế hoạch quý IV"
    lab.send(addresses(25), subject=subject, client="198.51.100.20")
    found = lab.daemon.one_bulk_send()
    [alert] = lab.alerts.wait()
    assert SENDER in alert["Subject"] and "25" in alert["Subject"]
    body = text_of(alert)
    for part in (SENDER, "25", "198.51.100.20", "message", subject, "r10@example.net",
                 "Văn phòng, điện thoại 101", found["evidence"][0]["queue_id"]):
        assert part in body, f"{part!r} is not in the alert:\n{body}"
    look = re.search(rf"^ *(bulkwatch\b.* show {found['id']})$", body, re.M)
    take = re.search(rf"^ *(bulkwatch\b.* take {found['id']})$", body, re.M)
    # What to do stands before the long lists.
    assert look.end() < take.end() < body.index("r10@example.net")
    # The command is exact: it can be copied as it stands.
    shell = {"PATH": f"{BULKWATCH.parent}:/usr/bin:/bin"}
    shown = subprocess.run(look[1], shell=True, env=shell, capture_output=True, check=True)
    assert SENDER in shown.stdout.decode()


def test_g05_alert_is_correct_mail(lab):
    lab.send(addresses(25), subject="Thông báo khẩn")
    [raw] = wait_for(lab.alerts.raw, "the alert")
    [alert] = lab.alerts.messages()
    assert alert["Auto-Submitted"] == "auto-generated"
    assert alert["To"] == lab.admin
    assert [a.addr_spec for a in alert["From"].addresses] == [f"bulkwatch@{DOMAIN}"]
    assert re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", alert["Message-ID"])
    assert parsedate_to_datetime(alert["Date"])
    assert alert.get_content_type() == "text/plain" and alert.get_content_charset() == "utf-8"
    assert not alert.defects
    head, body = raw.replace(b"\r\n", b"\n").split(b"\n\n", 1)
    assert head.isascii(), "raw 8-bit in a header needs SMTPUTF8"
    assert all(len(word) <= 75 for word in re.findall(rb"=\?[^?\s]+\?[^?\s]+\?[^?\s]*\?=", head))
    assert all(len(line) <= 998 for line in raw.splitlines())
    if alert["Content-Transfer-Encoding"] != "8bit":
        assert body.isascii()


def test_g05_alert_is_in_english_where_told(new_lab):
    lab = new_lab(alerts={"language": "en", "contact": "Office, telephone 101"}).start()
    lab.send(addresses(25), subject="Meeting")
    [alert] = lab.alerts.wait()
    assert "recipients" in text_of(alert)
    assert not re.search("[ăâđêôơư]", text_of(alert), re.I)


def test_g05_template_beside_the_settings_is_used(new_lab):
    lab = new_lab(alerts={"language": "en"})
    folder = lab.daemon.dir / "templates" / "en"
    folder.mkdir(parents=True)
    (folder / "started.txt").write_text(
        "Subject: Look at {sender}\n\nNumber {id}: {recipients} of {{them}\n")
    lab.start()
    lab.send(addresses(25))
    [alert] = lab.alerts.wait()
    assert alert["Subject"] == f"Look at {SENDER}"
    assert "25 of {them}" in text_of(alert)


def test_g05_one_alert_however_often_a_bulk_send_is_extended(lab):
    for part in range(4):
        lab.send(addresses(20, start=1 + 5 * part))
    [row] = alert_rows(lab)
    assert row["kind"] == "started"
    sent(lab)
    assert len(lab.alerts.wait()) == 1


def test_g05_second_alert_when_it_ended_much_larger(new_lab):
    lab = new_lab(rules=SHORT).start()
    lab.send(addresses(20))
    sent(lab)
    lab.send(addresses(30, start=100))
    first, second = lab.alerts.wait(2)
    assert "50" in second["Subject"] + text_of(second)
    assert [row["kind"] for row in alert_rows(lab)] == ["started", "grown"]
    assert first["Message-ID"] in (second["In-Reply-To"] or "") + (second["References"] or "")


def test_g05_no_second_alert_when_it_ended_hardly_larger(new_lab):
    lab = new_lab(rules=SHORT).start()
    lab.send(addresses(20))
    lab.send(addresses(5, start=100))
    wait_for(lambda: lab.daemon.one_bulk_send()["ended"], "the bulk send to end")
    assert [row["kind"] for row in alert_rows(lab)] == ["started"]


def test_g05_rule_without_alert_records_and_is_silent(new_lab):
    lab = new_lab(rules=[{"name": "quiet", "recipients": 20, "alert": False}]).start()
    lab.send(addresses(25))
    assert alert_rows(lab) == []


def test_g05_our_own_alerts_are_never_counted(new_lab):
    """Any mail at all is a bulk send here, and alerts leave by the server that asks the daemon."""
    lab = new_lab(rules=EACH).start()
    lab.send(addresses(1))
    sent(lab)
    lab.alerts.wait()
    assert len(lab.daemon.bulk_sends()) == 1
    assert [row["sender"] for row in lab.daemon.bulkwatch("senders")] == [SENDER]


def forged(lab, changes=()):
    """The alert as it was delivered, without the server's own lines, ready to be sent again."""
    [raw] = lab.alerts.raw()
    lines = re.sub(rb"(?im)^(Received|Return-Path|Delivered-To|X-Original-To):.*\n([ \t].*\n)*",
                   b"", raw.replace(b"\r\n", b"\n"))
    for old, new in changes:
        assert old in lines
        lines = lines.replace(old, new)
    return lines.replace(b"\n", b"\r\n")


def test_g05_copy_of_an_alert_to_others_is_counted(lab):
    lab.send(addresses(25))
    lab.alerts.wait()
    forger = "staff7@example.gov.vn"
    lab.send(addresses(30), sender=forger, raw=forged(lab))
    assert [f["sender"] for f in lab.daemon.bulk_sends()] == [forger, SENDER]


def test_g05_copy_of_an_alert_to_the_same_admins_is_counted(new_lab):
    lab = new_lab(rules=EACH).start()
    lab.send(addresses(1))
    lab.alerts.wait()
    sent(lab)
    copy = forged(lab)
    lab.send([lab.admin], sender=f"bulkwatch@{DOMAIN}", login=None, raw=copy)
    assert lab.daemon.bulk_sends()[0]["sender"] == f"bulkwatch@{DOMAIN}"


def test_g05_our_address_and_header_alone_exempt_nobody(lab):
    ours = f"bulkwatch@{DOMAIN}"
    lab.send(addresses(25), sender=ours, login=None,
             raw=message(ours, headers=["X-Bulkwatch-Nonce: " + "0" * 32,
                                        "Auto-Submitted: auto-generated"]))
    [found] = lab.daemon.bulk_sends()
    assert found["sender"] == ours


@pytest.mark.parametrize("with_admin", [False, True])
def test_g05_alert_seen_on_its_way_exempts_no_other_recipients(new_lab, with_admin):
    """Whoever listens in before the alert is delivered gains nothing by it."""
    with SmtpSink() as sink:
        lab = new_lab(alerts={"smtp": sink.url}).start()
        lab.send(addresses(25))
        wait_for(lambda: sink.mails, "the alert")
        [(_, _, seen)] = sink.mails
        others = addresses(30) + ([lab.admin] if with_admin else [])
        lab.send(others, sender="staff7@example.gov.vn", raw=seen)
        assert lab.daemon.bulk_sends()[0]["sender"] == "staff7@example.gov.vn"


def told_of(mails, count):
    """How many of the mails tell of each of the senders staff1, staff2, …"""
    texts = [text_of(mail) + (mail["Subject"] or "") for mail in mails]
    return [sum(f"staff{n}@" in text for text in texts) for n in range(1, count + 1)]


def test_g05_per_hour_is_the_most_and_a_digest_tells_the_rest(new_lab, faketime):
    lab = new_lab(rules=SHORT, alerts={"per_hour": 2})
    lab.daemon.faketime = faketime
    lab.start()
    for n in range(1, 8):
        lab.send(addresses(20), sender=f"staff{n}@example.gov.vn")
    lab.alerts.wait(2)
    stays(lambda: len(lab.alerts.raw()) <= 2, 2, "two mails in the first hour")
    lab.daemon.stop()
    faketime.set("+61m")
    lab.daemon.start()
    wait_for(lambda: all(told_of(lab.alerts.messages(), 7)), "every bulk send to be told of")
    # Restarted within the second hour, it still knows what it has sent.
    lab.daemon.restart()
    stays(lambda: len(lab.alerts.raw()) <= 4, 1, "two mails in the second hour")
    assert told_of(lab.alerts.messages(), 7) == [1] * 7


def test_g05_alert_that_waited_through_kill_9_is_sent_once(new_lab, faketime):
    port = free_port()
    lab = new_lab(alerts={"smtp": f"smtp://127.0.0.1:{port}"})
    lab.daemon.faketime = faketime
    lab.start()
    lab.send(addresses(25))
    wait_for(lambda: alert_rows(lab)[0]["attempts"] == 1, "a first attempt")
    lab.daemon.kill()
    faketime.set("+2h")
    with SmtpSink(port) as sink:
        lab.daemon.start()
        wait_for(lambda: sink.mails, "the alert")
        assert sent(lab)[0]["attempts"] == 2
        lab.daemon.restart()
        stays(lambda: len(sink.mails) == 1, 1, "one mail")


def test_g05_alert_is_sent_once_after_the_server_was_down_or_failing(new_lab):
    """Four servers, each with another fault, and each well again before the next attempt."""
    faults = {"side1": None, "side2": smtpsink.BUSY, "side3": smtpsink.DROP,
              "side4": smtpsink.LATE_DROP}
    labs, sinks = {}, {}
    try:
        for side, fault in faults.items():
            sinks[side] = SmtpSink(free_port(), fault)
            if fault:
                sinks[side].start()
            labs[side] = new_lab(listener=side, alerts={"smtp": sinks[side].url}).start()
            labs[side].send(addresses(25))
        for lab in labs.values():
            wait_for(lambda: alert_rows(lab)[0]["attempts"] == 1, "a first attempt")
            [row] = alert_rows(lab)
            assert row["state"] == "queued" and row["last_error"]
        sinks["side1"].start()
        for side, lab in labs.items():
            sinks[side].mode = smtpsink.OK
        for side, lab in labs.items():
            wait_for(lambda: alert_rows(lab)[0]["state"] == "sent", f"{side}'s alert", 60)
            assert alert_rows(lab)[0]["attempts"] == 2
            assert [to for _, to, _ in sinks[side].mails] == [[lab.admin]]
    finally:
        for sink in sinks.values():
            if sink.server:
                sink.stop()


def test_alert_server_that_never_answers_delays_no_mail_and_no_stop(new_lab):
    with SmtpSink(mode=smtpsink.SILENT) as sink:
        lab = new_lab(alerts={"smtp": sink.url}).start()
        lab.send(addresses(25))
        wait_for(lambda: sink.attempts, "an attempt")
        for n in range(5):
            lab.send(addresses(25), sender=f"staff{n + 10}@example.gov.vn")
        assert len(lab.daemon.bulk_sends()) == 6
        lab.daemon.stop(timeout=10)


def test_admin_address_that_is_refused_keeps_nobody_else_from_the_alert(new_lab, postfix):
    second = f"admin399@{DOMAIN}"
    lab = new_lab(alerts={"to": [f"nobody@{DOMAIN}", second]}).start()
    lab.send(addresses(25))
    Mailbox(postfix.maildir(second)).wait()
    [row] = sent(lab)
    assert f"nobody@{DOMAIN}" in row["last_error"]


def test_server_that_refuses_every_admin_is_said_loudly(new_lab):
    with SmtpSink(mode=smtpsink.REFUSE) as sink:
        lab = new_lab(alerts={"smtp": sink.url}).start()
        lab.send(addresses(25))
        [row] = wait_for(lambda: [r for r in alert_rows(lab) if r["attempts"]], "an attempt")
        assert "550" in row["last_error"]
        lab.daemon.wait_for_log(r"(error|warning): .*550")


def test_alert_logs_in_where_the_server_wants_it(new_lab):
    with SmtpSink(mode=smtpsink.AUTH) as sink:
        lab = new_lab(alerts={"smtp": f"smtp://canh%40bao:m%C3%A2t@127.0.0.1:{sink.port}"}).start()
        lab.send(addresses(25))
        wait_for(lambda: sink.mails, "the alert")
        assert sink.logins == [("canh@bao", "mât")]
        assert "m%C3%A2t" not in lab.daemon.log() and "mât" not in lab.daemon.log()


@pytest.mark.parametrize("language", ["vi", "en"])
def test_alert_to_several_admins_is_one_mail(new_lab, language):
    with SmtpSink() as sink:
        admins = [f"admin{n}@{DOMAIN}" for n in (397, 398)]
        lab = new_lab(alerts={"smtp": sink.url, "to": admins, "language": language}).start()
        lab.send(addresses(25))
        sent(lab)
        assert [to for _, to, _ in sink.mails] == [admins]
