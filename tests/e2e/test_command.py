"""The command bulkwatch: list, show, senders, check."""

import json
import re
import unicodedata
from datetime import datetime, timedelta

import pytest

from bulkwatch_lab import addresses, run_bulkwatch
from terminal import on_terminal
from trouble import locked, small_disk
from wires import Settings

SUBJECT = "Thông báo về việc tổ chức Đại hội cán bộ, công chức, viên chức năm 2026"


@pytest.fixture
def three(lab):
    """Three bulk sends: of staff1, staff2 and office, in this order."""
    for sender in ("staff1@example.gov.vn", "staff2@example.gov.vn", "office@sub.example.gov.vn"):
        lab.send(addresses(25), sender=sender, subject=SUBJECT)
    return lab


def senders_of(lab, *args):
    return [found["sender"].split("@")[0] for found in lab.daemon.bulkwatch("list", *args)]


def width(text):
    """Columns of a terminal that a text takes."""
    return sum(0 if unicodedata.combining(c) else
               2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def test_list_has_the_newest_first(three):
    assert senders_of(three) == ["office", "staff2", "staff1"]
    three.send(addresses(25, start=50), sender="staff1@example.gov.vn")
    assert senders_of(three) == ["staff1", "office", "staff2"]
    assert senders_of(three, "--limit", "2") == ["staff1", "office"]


@pytest.mark.parametrize("status, count", [("new", 3), ("open", 3), ("all", 3), ("reviewing", 0),
                                           ("closed", 0)])
def test_list_by_status(three, status, count):
    assert len(senders_of(three, "--status", status)) == count


@pytest.mark.parametrize("pattern, found", [
    ("staff2@example.gov.vn", ["staff2"]), ("STAFF2@Example.Gov.VN", ["staff2"]),
    ("*@example.gov.vn", ["staff2", "staff1"]), ("@.example.gov.vn", None),
    ("*", ["office", "staff2", "staff1"]), ("absent@example.net", [])])
def test_list_by_sender(three, pattern, found):
    if found is None:  # the domain itself may or may not be part of what is below it
        assert "office" in senders_of(three, "--sender", pattern)
    else:
        assert senders_of(three, "--sender", pattern) == found


def test_list_since_a_moment(three):
    now = datetime.now()
    assert len(senders_of(three, "--since", "1h")) == 3
    assert len(senders_of(three, "--since", now.strftime("%Y-%m-%d"))) == 3
    later = now + timedelta(hours=1)
    assert senders_of(three, "--since", later.strftime("%Y-%m-%d %H:%M")) == []
    assert senders_of(three, "--since", later.astimezone().isoformat(timespec="seconds")) == []


def test_list_is_a_table_that_fits_the_terminal(three):
    for columns in (60, 80, 132):
        shown = on_terminal(three.daemon, "list", columns=columns)
        lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r\n", "\n").splitlines()
        assert len(lines) >= 4
        assert all(width(line) <= columns for line in lines), shown
        assert "staff2" in shown
    assert "Thông báo" in shown


def test_columns_stay_in_line_behind_vietnamese_text(lab):
    """The same letters written whole and as letter and accent take the same columns."""
    for n, form in enumerate(("NFC", "NFD"), 1):
        lab.send(addresses(25), sender=f"staff{n}@example.gov.vn",
                 subject=unicodedata.normalize(form, "Đề nghị họp"))
    shown = on_terminal(lab.daemon, "list", columns=132)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r\n", "\n").splitlines()
    rows = [line for line in lines if "staff" in line]
    assert len(rows) == 2 and len({width(row.rstrip()) for row in rows}) == 1, shown


def test_colour_is_for_terminals_only(three):
    assert "\x1b[" in on_terminal(three.daemon, "list")
    assert "\x1b" not in on_terminal(three.daemon, "list", environment={"NO_COLOR": "1"})
    assert "\x1b" not in three.daemon.bulkwatch("list", json=False).stdout


def test_times_are_local(lab):
    lab.send(addresses(25))
    shown = {zone: on_terminal(lab.daemon, "show", "1", columns=150, environment={"TZ": zone})
             for zone in ("Asia/Ho_Chi_Minh", "UTC")}
    hours = {zone: datetime.strptime(re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d", text)[0],
                                     "%Y-%m-%d %H:%M") for zone, text in shown.items()}
    assert hours["Asia/Ho_Chi_Minh"] - hours["UTC"] == timedelta(hours=7)


def test_show_tells_all_of_it(three):
    found = three.daemon.bulk_sends()[0]
    text = three.daemon.bulkwatch("show", str(found["id"]), json=False).stdout
    proof = three.daemon.bulkwatch("show", str(found["id"]))["evidence"][0]
    for part in (found["sender"], SUBJECT, "r25@example.net", proof["queue_id"], "25"):
        assert part in text, text


def test_senders_has_who_sends_most_first(lab):
    for n, count in ((1, 3), (2, 7), (3, 5)):
        lab.send(addresses(count), sender=f"staff{n}@example.gov.vn")
    rows = lab.daemon.bulkwatch("senders")
    assert [(row["sender"], row["recipients"]) for row in rows] == [
        ("staff2@example.gov.vn", 7), ("staff3@example.gov.vn", 5), ("staff1@example.gov.vn", 3)]
    assert len(lab.daemon.bulkwatch("senders", "--top", "1")) == 1
    text = lab.daemon.bulkwatch("senders", json=False).stdout
    assert text.index("staff2") < text.index("staff3") < text.index("staff1")


def test_commands_read_while_the_database_is_locked_and_without_a_daemon(three):
    with locked(three.daemon.database):
        assert len(three.daemon.bulk_sends()) == 3
    three.daemon.kill()
    assert len(three.daemon.bulk_sends()) == 3
    three.daemon.start()
    three.daemon.stop()
    assert len(three.daemon.bulk_sends()) == 3


def test_empty_log_is_an_empty_array_and_a_sentence(lab):
    assert lab.daemon.bulk_sends() == []
    done = lab.daemon.bulkwatch("list", json=False)
    assert done.stdout.strip() != ""


@pytest.mark.parametrize("args, status", [
    ([], 2), (["lists"], 2), (["list", "--status", "nwe"], 2),
    (["list", "--since", "yesterday"], 2),
    (["list", "--limit", "few"], 2), (["list", "--since", "2026-02-30"], 2), (["show"], 2),
    (["show", "one"], 2), (["show", "1", "2"], 2), (["senders", "--top", "-1"], 2),
    (["list", "extra"], 2), (["--nonsense"], 2), (["show", "999"], 1)],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else str(value))
def test_mistakes_are_met_with_a_sentence(lab, args, status):
    done = lab.daemon.bulkwatch(*args, status=status)
    assert done.stdout == ""
    assert done.stderr.startswith("bulkwatch: ")
    if args == ["lists"]:
        assert '"list"' in done.stderr


def test_help_is_no_mistake(lab):
    assert "senders" in lab.daemon.bulkwatch("--help", json=False).stdout


def test_absent_settings_and_database_are_said(new_lab, tmp_path):
    done = run_bulkwatch(tmp_path / "absent.conf", "list", status=1)
    assert "absent.conf" in done.stderr
    daemon = new_lab().daemon
    daemon.write_config()
    done = daemon.bulkwatch("list", status=1)
    assert str(daemon.database) in done.stderr


@pytest.fixture
def attached(tmp_path, postfix):
    """Settings of a Postfix to which the daemon is attached."""
    lists = f"smtpd_milters = unix:{postfix.socket}\nnon_smtpd_milters = $smtpd_milters\n"
    return Settings(tmp_path / "etc", tmp_path, lists)


@pytest.fixture
def faults(attached):
    return lambda daemon, status=1: found_wrong(daemon, attached.dir, status)


def found_wrong(daemon, folder, status):
    """What `check` finds wrong, by subject: the same in text and in JSON."""
    command = ["check", "--config-dir", str(folder)]
    done = daemon.bulkwatch(*command, status=status, json=False)
    rows = daemon.bulkwatch(*command, status=status)
    if status:
        rows = json.loads(rows.stdout)
    assert {row["subject"] for row in rows} >= ({"settings"} if status else
                                                {"settings", "database", "spool", "socket"})
    wrong = [row for row in rows if not row["ok"]]
    assert all(row["text"] in done.stdout for row in wrong)
    return {row["subject"]: row["text"] for row in wrong}


def test_check_finds_nothing_wrong_where_all_is_well(three, faults):
    assert faults(three.daemon, status=0) == {}


def test_check_says_that_the_daemon_does_not_listen(three, faults):
    three.daemon.kill()
    wrong = faults(three.daemon)
    assert list(wrong) == ["socket"] and str(three.postfix.socket) in wrong["socket"]


def test_check_says_what_is_wrong_with_the_settings(lab, faults):
    lab.daemon.set(on_failure="maybe")
    lab.daemon.write_config()
    wrong = faults(lab.daemon)
    assert "on_failure" in wrong["settings"]


@pytest.mark.parametrize("change", ["rule", "mail text"])
def test_check_says_that_a_reload_was_forgotten(lab, faults, change):
    daemon = lab.daemon
    if change == "rule":
        daemon.set(rules=[{"name": "strict", "recipients": 5}])
        daemon.write_config()
    else:
        folder = daemon.dir / "templates" / "vi"
        folder.mkdir(parents=True)
        (folder / "started.txt").write_text("Subject: {sender}\n\nSee to it.\n")
    wrong = faults(daemon)
    assert list(wrong) == ["settings"]
    assert "has changed since: systemctl reload bulkwatchd" in wrong["settings"]
    tested = daemon.bulkwatch("selftest", status=1)
    assert any(not row["ok"] and row["subject"] == "settings" and "reload" in row["text"]
               for row in json.loads(tested.stdout))
    before = len(daemon.log())
    daemon.reload()
    daemon.wait_for_log("event=reloaded", after=before)
    assert faults(daemon, status=0) == {}


def test_check_says_that_a_refused_reload_left_the_old_settings(lab, faults):
    daemon = lab.daemon
    daemon.set(on_failure="maybe")
    before = len(daemon.log())
    daemon.reload()
    daemon.wait_for_log("event=reload-refused", after=before)
    daemon.set(on_failure="defer")
    daemon.write_config()
    assert "works with the settings of" in faults(daemon)["settings"]


@pytest.mark.parametrize("what", ["database", "spool"])
def test_check_says_what_the_daemons_user_cannot_use(lab, what):
    """By root it can be opened: as after cp."""
    daemon = lab.daemon
    daemon.set(user="nobody")
    path = getattr(daemon, what)
    daemon.reload()
    for folder in [path, *path.parents]:
        if str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o555)
    path.chmod(0o700)
    rows = daemon.bulkwatch("check", status=1)
    texts = [row["text"] for row in json.loads(rows.stdout) if row["subject"] == what]
    assert any(f"user nobody cannot use {path} (root:root 0700); run: chown nobody:nogroup {path}"
               in text for text in texts), texts


@pytest.mark.parametrize("what", ["database", "spool"])
def test_check_says_that_a_disk_is_nearly_full(new_lab, faults, what):
    daemon = new_lab().daemon
    folder = {"database": daemon.database.parent, "spool": daemon.spool}[what]
    with small_disk(folder, 64 * 1024):
        daemon.start()
        wrong = faults(daemon)
        daemon.stop()
    assert list(wrong) == [what]
    assert re.search(rf"the disk of {folder} has 6\d MB left; below 100 MB mail may soon go "
                     "uncounted: make room", wrong[what])


def test_check_says_that_messages_wait_in_the_spool(lab, faults):
    with locked(lab.daemon.database):
        lab.send(addresses(25))
        lab.daemon.kill()
        wrong = faults(lab.daemon)
    assert str(lab.daemon.spool) in wrong["spool"]


def test_check_says_that_the_database_is_damaged(lab, faults):
    lab.daemon.stop()
    lab.daemon.database.write_bytes(b"no database\n" * 1000)
    assert str(lab.daemon.database) in faults(lab.daemon)["database"]


def test_list_since_leaves_out_what_is_older(new_lab, faketime):
    lab = new_lab()
    lab.daemon.faketime = faketime
    faketime.set("-1d")
    lab.start()
    lab.send(addresses(20))
    assert len(lab.daemon.bulkwatch("list", "--since", "2d")) == 1
    assert lab.daemon.bulkwatch("list", "--since", "2h") == []
