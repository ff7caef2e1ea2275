"""What a record keeps of each message: guarantee 4."""

from datetime import datetime, timedelta, timezone

import pytest

from bulkwatch_lab import SENDER, addresses, message, wait_for

SUBJECT = "Thông báo: lịch nghỉ Tết Nguyên đán và phân công trực cơ quan"


def test_g04_record_keeps_the_evidence_of_each_message(lab):
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    recipients = addresses(13) + addresses(12, domain="other.example.org")
    lab.send(recipients, client="198.51.100.20", login="thu.ha", subject=SUBJECT,
             message_id="<tet-2026@example.gov.vn>")
    found = lab.daemon.one_bulk_send()
    [proof] = found["evidence"]
    assert proof["subject"] == SUBJECT
    assert proof["message_id"].strip("<>") == "tet-2026@example.gov.vn"
    assert proof["mail_from"] == SENDER
    assert proof["login"] == "thu.ha"
    assert proof["client"] == "198.51.100.20"
    assert proof["recipient_count"] == 25
    assert sorted(proof["recipients"]) == sorted(recipients)
    assert lab.postfix.wait_for_log(
        rf"{proof['queue_id']}: message-id=<tet-2026@example\.gov\.vn>")
    at = datetime.fromisoformat(proof["at"])
    assert before <= at <= datetime.now(timezone.utc)
    assert found["first_at"] == found["last_at"] == proof["at"]


def test_g04_list_and_show_agree_on_the_record(lab):
    lab.send(addresses(20) + ["staff9@example.gov.vn"], subject=SUBJECT)
    [listed] = lab.daemon.bulk_sends()
    shown = lab.daemon.bulkwatch("show", str(listed["id"]))
    assert {key: shown[key] for key in listed} == listed
    expected = {
        "status": "new", "outcome": None, "sender": SENDER, "identity": "login",
        "trigger": "message", "rule": "message", "action": "log", "messages": 1,
        "recipients": 21, "distinct_recipients": 21, "external_recipients": 20,
        "subject": SUBJECT, "client": "127.0.0.1", "declaration": None, "assignee": None}
    assert {key: listed[key] for key in expected} == expected
    assert isinstance(listed["id"], int)
    assert [row["event"] for row in shown["history"]] != []


def test_g04_evidence_of_pickup_mail_names_its_queue_id(lab):
    lab.postfix.sendmail(SENDER, addresses(20), message(SENDER, message_id="<p1@example.gov.vn>"))
    wait_for(lab.daemon.bulk_sends, "the record")
    [proof] = lab.daemon.one_bulk_send()["evidence"]
    assert proof["login"] == ""
    assert lab.postfix.wait_for_log(rf"{proof['queue_id']}: message-id=<p1@example\.gov\.vn>")


@pytest.mark.parametrize("written, read", [
    (b"=?UTF-8?B?VGjDtG5nIGLDoW8=?=", "Thông báo"),
    (b"=?utf-8?q?Th=C3=B4ng_b=C3=A1o?=", "Thông báo"),
    (b"=?UTF-8?B?VGjDtA==?=\r\n =?UTF-8?B?bmcgYsOhbw==?=", "Thông báo"),
    (b"=?ISO-8859-1?Q?h=F4m_nay?=", "hôm nay"),
    (b"=?windows-1258?Q?h=F4m_nay?=", "hôm nay"),
    ("Thông báo".encode(), "Thông báo"),
    (b"Re: =?UTF-8?Q?b=C3=A1o?= (2)", "Re: báo (2)"),
    (b"plain\r\n and folded", "plain and folded"),
], ids=["base64", "quoted", "two-words", "latin1", "windows-1258", "raw-utf8", "mixed", "folded"])
def test_g04_subject_is_decoded(lab, written, read):
    lab.send(addresses(20), raw=message(SENDER, subject=None, headers=[b"Subject: " + written]))
    assert lab.daemon.one_bulk_send()["subject"] == read


def test_g04_evidence_keeps_domains_only_where_told(new_lab):
    lab = new_lab(evidence={"recipients": "domain"}).start()
    recipients = addresses(15) + addresses(10, domain="other.example.org")
    lab.send(recipients)
    found = lab.daemon.one_bulk_send()
    [proof] = found["evidence"]
    assert (found["recipients"], found["distinct_recipients"]) == (25, 25)
    assert proof["recipient_count"] == 25
    kept = {entry.lstrip("@") for entry in proof["recipients"]}
    assert kept == {"example.net", "other.example.org"}
    assert_not_stored(lab, b"r7@example.net")


def test_g04_evidence_keeps_numbers_only_where_told(new_lab):
    lab = new_lab(evidence={"recipients": "count"}).start()
    lab.send(addresses(25))
    found = lab.daemon.one_bulk_send()
    [proof] = found["evidence"]
    assert (found["recipients"], proof["recipient_count"]) == (25, 25)
    assert proof["recipients"] == []
    # Distinct recipients are told apart all the same.
    lab.send(addresses(25, start=21))
    assert lab.daemon.one_bulk_send()["distinct_recipients"] == 45
    assert_not_stored(lab, b"r7@example.net")


def test_g04_evidence_leaves_the_subject_out_where_told(new_lab):
    lab = new_lab(evidence={"subject": False}).start()
    lab.send(addresses(20), subject="Only between us")
    found = lab.daemon.one_bulk_send()
    assert found["subject"] == found["evidence"][0]["subject"] == ""
    assert_not_stored(lab, b"Only between us")


def assert_not_stored(lab, secret):
    lab.daemon.stop()
    for path in lab.daemon.database.parent.iterdir():
        assert secret not in path.read_bytes(), f"{secret!r} is in {path.name}"


def test_bulk_send_has_one_log_line_with_its_queue_id_first(lab):
    lab.send(addresses(25))
    [proof] = lab.daemon.one_bulk_send()["evidence"]
    lines = [line for line in lab.daemon.log().splitlines() if "event=bulk-send" in line]
    assert len(lines) == 1, lab.daemon.log()
    assert f": queue_id={proof['queue_id']} " in lines[0]
    assert f"sender={SENDER}" in lines[0]
