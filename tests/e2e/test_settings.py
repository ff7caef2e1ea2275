"""The settings file: what is wrong is said, with the place and the cure; reload."""

import re

import pytest

from bulkwatch_lab import DOMAIN, SENDER, addresses, message

WRONG = {
    "number-too-small": ({"rules": [{"name": "a", "recipients": 0}]}, ["recipients"]),
    "number-as-text": ({"rules": [{"name": "a", "recipients": "many"}]}, ["recipients"]),
    "number-negative": ({"alerts": {"per_hour": -5}}, ["per_hour"]),
    "duration": ({"rules": [{"name": "a", "recipients": 5, "window": "10x"}]}, ["window", "10m"]),
    "unknown-key": ({"databse": "/x"}, ["databse", "database"]),
    "unknown-key-in-rule": ({"rules": [{"name": "a", "recipient": 5}]}, ["recipient", "recipients"]),
    "rule-without-name": ({"rules": [{"recipients": 5}]}, ["name"]),
    "rules-not-a-list": ({"rules": "none"}, ["rules"]),
    "word": ({"on_failure": "maybe"}, ["on_failure", "accept", "defer"]),
    "network": ({"outbound": {"networks": ["10.0.0.0/40"]}}, ["networks", "10.0.0.0/40"]),
    "network-name": ({"outbound": {"networks": ["office"]}}, ["networks", "office"]),
    "network-v6": ({"outbound": {"networks": ["2001:db8::/129"]}}, ["networks"]),
    "flag": ({"outbound": {"logins": "yes"}}, ["logins", "true"]),
    "address": ({"alerts": {"to": ["postmaster"]}}, ["alerts.to", "postmaster"]),
    "nobody-to-alert": ({"alerts": {"to": []}}, ["alerts.to"]),
    "no-alert-address": ({"alerts": {"to": None}}, ["alerts.to"]),
    "pattern": ({"exempt": {"senders": ["a b@c"]}}, ["senders"]),
    "url": ({"alerts": {"smtp": "http://127.0.0.1/"}}, ["alerts.smtp", "smtp://"]),
    "language": ({"alerts": {"language": "xx"}}, ["alerts.language", "vi"]),
    "listen": ({"listen": "milter.sock"}, ["listen", "unix:"]),
    "listen-port": ({"listen": "inet:99999@127.0.0.1"}, ["listen"]),
    "listen-too-long": ({"listen": "unix:/" + "x" * 200}, ["listen"]),
    "relative-path": ({"database": "bulkwatch.db"}, ["database"]),
    "user": ({"user": "no such user"}, ["user", "no such user"]),
    "keep": ({"ledger": {"keep": "1s"}}, ["keep"]),
    "defer-without-window": ({"rules": [{"name": "a", "recipients": 5, "action": "defer"}]},
                             ["rules[1].action", "for ever", "window"]),
    "reply-to-nobody": ({"rules": [{"name": "a", "recipients": 5, "reply": "No"}]},
                        ["rules[1].reply", "nobody"]),
    "notices-to-nobody": ({"notices": {"enabled": True, "domains": []}},
                          ["notices.domains", "is empty"]),
    "notices-without-contact": ({"notices": {"enabled": True, "domains": ["example.gov.vn"]},
                                 "alerts": {"contact": ""}}, ["alerts.contact", "how senders report"]),
    "digest-time": ({"alerts": {"digest": "8 am"}}, ["alerts.digest", "23:59"]),
}


@pytest.mark.parametrize("changes, parts", WRONG.values(), ids=WRONG)
def test_fault_names_file_line_key_and_cure(new_lab, changes, parts):
    daemon = new_lab().change(**changes).daemon
    daemon.write_config()
    checked = daemon.check_settings()
    assert checked.returncode == 1
    key = parts[0].split(".")[-1]
    lines = daemon.config.read_text().splitlines()
    faults = [line for line in checked.stderr.splitlines() if all(part in line for part in parts)]
    assert faults, checked.stderr
    place = re.match(re.escape(str(daemon.config)) + r":(\d+): \S", faults[0])
    assert place, faults[0]
    # The line is that of the key, or where it is missing that of its group.
    assert key in lines[int(place[1]) - 1] or key in ("name", "recipients", "to"), faults[0]
    # The start ends the same way, and leaves nothing behind.
    daemon.start(wait=False)
    daemon.ended(status=1)
    assert faults[0] in daemon.log()
    assert list(daemon.database.parent.iterdir()) == []


def test_all_faults_are_said_at_once(new_lab):
    daemon = new_lab(on_failure="maybe", databse="/x", ledger={"keep": "x"}).daemon
    daemon.write_config()
    faults = daemon.check_settings().stderr
    assert all(key in faults for key in ("on_failure", "databse", "keep"))
    assert len(faults.splitlines()) == 3


@pytest.mark.parametrize("text, line", [("listen = ;\n", 1), ("\n\nrules: ( {\n", 3), ("= 1;\n", 1),
                                        ("listen = \"x\"\ndatabase = \"/y\";\n}\n", 3),
                                        ("\x01\xff\n", 1)],
                         ids=["value", "open", "no-name", "brace", "rubbish"])
def test_text_that_is_no_settings_file_is_said_with_its_line(new_lab, text, line):
    daemon = new_lab().daemon
    daemon.write_config()
    daemon.config.write_bytes(text.encode("latin-1"))
    checked = daemon.check_settings()
    assert checked.returncode == 1
    found = re.match(re.escape(str(daemon.config)) + r":(\d+): ", checked.stderr)
    assert found and abs(int(found[1]) - line) <= 1, checked.stderr


def test_file_that_is_no_text_is_said(new_lab):
    daemon = new_lab().daemon
    daemon.config.write_bytes(b"\x7fELF\0\0\0")
    checked = daemon.check_settings()
    assert checked.returncode == 1 and str(daemon.config) in checked.stderr


def test_file_that_is_absent_or_a_folder_is_said(new_lab):
    daemon = new_lab().daemon
    checked = daemon.check_settings()
    assert checked.returncode == 1 and str(daemon.config) in checked.stderr
    daemon.config.mkdir()
    checked = daemon.check_settings()
    assert checked.returncode == 1 and str(daemon.config) in checked.stderr


def test_password_that_everybody_may_read_is_refused(new_lab):
    daemon = new_lab(alerts={"smtp": "smtp://thu:a-secret@127.0.0.1"}).daemon
    daemon.write_config()
    assert daemon.check_settings().returncode == 0
    daemon.config.chmod(0o644)
    checked = daemon.check_settings()
    assert checked.returncode == 1
    assert f"chgrp bulkwatch {daemon.config} && chmod 640 {daemon.config}" in checked.stderr
    assert "a-secret" not in checked.stderr


def test_template_with_an_unknown_placeholder_is_a_fault(new_lab):
    daemon = new_lab().daemon
    daemon.write_config()
    folder = daemon.dir / "templates" / "vi"
    folder.mkdir(parents=True)
    (folder / "started.txt").write_text("Subject: {sender}\n\nThis is\n{recipient} of them\n")
    checked = daemon.check_settings()
    assert checked.returncode == 1
    assert "started.txt:4:" in checked.stderr and "recipients" in checked.stderr


def test_settings_that_the_daemons_user_cannot_read_are_told(new_lab):
    daemon = new_lab(user="nobody").daemon
    daemon.write_config()
    daemon.config.chmod(0o600)
    checked = daemon.check_settings()
    assert checked.returncode == 0
    assert f"user nobody cannot read it; run: chgrp nogroup {daemon.config}" in checked.stderr


def test_an_address_of_the_example_is_noted(new_lab):
    daemon = new_lab(alerts={"to": ["postmaster@example.gov.vn"]}).daemon
    daemon.write_config()
    checked = daemon.check_settings()
    assert checked.returncode == 0 and "note: alerts.to has postmaster@" in checked.stdout


def test_check_says_that_right_settings_are_right_and_touches_nothing(new_lab):
    lab = new_lab()
    lab.daemon.write_config()
    checked = lab.daemon.check_settings()
    assert (checked.returncode, checked.stderr) == (0, "")
    assert list(lab.daemon.database.parent.iterdir()) == []
    # Beside a running daemon it does no harm.
    lab.start()
    assert lab.daemon.check_settings().returncode == 0
    lab.send(addresses(20))
    assert lab.daemon.one_bulk_send()["recipients"] == 20


def reload(lab, expected, **settings):
    before = len(lab.daemon.log())
    lab.daemon.set(**settings)
    lab.daemon.reload()
    lab.daemon.wait_for_log(f"event={expected}", after=before)


def test_reload_puts_new_rules_in_force(lab):
    lab.send(addresses(10))
    reload(lab, "reloaded", rules=[{"name": "strict", "recipients": 5}])
    lab.send(addresses(6, start=100))
    assert lab.daemon.one_bulk_send()["rule"] == "strict"


def test_reload_of_a_wrong_file_keeps_the_old_settings_and_says_so(lab):
    reload(lab, "reload-refused", rules=[{"name": "strict", "recipients": "five"}])
    assert re.search(rf"{lab.daemon.config}:\d+: .*recipients", lab.daemon.log())
    lab.send(addresses(19))
    lab.send(addresses(20), sender="staff2@example.gov.vn")
    # The command reads the same file.
    lab.daemon.set(rules=[{"name": "message", "recipients": 20}])
    lab.daemon.write_config()
    found = lab.daemon.one_bulk_send()
    assert (found["sender"], found["rule"]) == ("staff2@example.gov.vn", "message")


def test_message_keeps_the_settings_it_began_with(new_lab):
    lab = new_lab(rules=[{"name": "mild", "recipients": 20}]).start()
    with lab.session() as session:
        session.mail_from(SENDER)
        session.rcpt_to(*addresses(10))
        reload(lab, "reloaded", rules=[{"name": "strict", "recipients": 5}])
        assert session.data(message(SENDER))[0] == 250
        assert lab.daemon.bulk_sends() == []
        assert session.transact(SENDER, addresses(10), message(SENDER))[0] == 250
    assert lab.daemon.one_bulk_send()["rule"] == "strict"


def test_reload_fills_the_window_of_a_new_rule(new_lab):
    lab = new_lab(rules=[{"name": "message", "recipients": 20}]).start()
    lab.send(addresses(15))
    reload(lab, "reloaded", rules=[{"name": "window", "recipients": 20, "window": "10m"}])
    lab.send(addresses(5, start=100))
    assert lab.daemon.one_bulk_send()["recipients"] == 20


def test_reload_sends_alerts_to_the_new_admins(lab):
    other = f"admin400@{DOMAIN}"
    reload(lab, "reloaded", alerts={"to": [other]})
    lab.admin = other
    lab.send(addresses(20))
    lab.alerts.wait()


def test_reload_under_load_loses_nothing(lab):
    with lab.session() as session:
        for n in range(30):
            if n % 5 == 0:
                lab.daemon.set(rules=[{"name": f"r{n}", "recipients": 100 + n}])
                lab.daemon.reload()
            assert session.transact(SENDER, addresses(2, start=2 * n), message(SENDER))[0] == 250
    assert lab.daemon.counted(SENDER) == (30, 60)
