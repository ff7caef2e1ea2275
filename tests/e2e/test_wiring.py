"""check finds what is wrong between the mail server and bulkwatchd."""

import grp
import json
import os
import re

import pytest

from bulkwatch_lab import SENDER, Lab, Postfix, addresses
from wires import Settings, postconf, reload

OURS = "unix:bulkwatch/milter.sock"
BOTH = f"smtpd_milters = {OURS}\nnon_smtpd_milters = {OURS}\n"
FILTERED = BOTH + "content_filter = smtp:[127.0.0.1]:10024\n"
BACK = "127.0.0.1:10025 inet n - n - - smtpd\n  -o content_filter=\n"


@pytest.fixture
def settings(tmp_path, queue):
    return Settings(tmp_path / "etc", queue, BOTH)


def findings(daemon, folder, subject="postfix"):
    """What check says of the mail server: [(level, text)]. It fails where there is a fault."""
    done = daemon.bulkwatch("check", "--config-dir", str(folder), status=None)
    rows = json.loads(done.stdout)
    assert done.returncode == any(row["level"] == "fault" for row in rows)
    assert all(row["ok"] == (row["level"] != "fault") for row in rows)
    return [(row["level"], row["text"]) for row in rows if row["subject"] == subject]


def faults(daemon, folder, **more):
    return [text for level, text in findings(daemon, folder, **more) if level == "fault"]


def the_fault(daemon, folder, **more):
    found = faults(daemon, folder, **more)
    assert len(found) == 1, found
    return found[0]


def test_nothing_is_wrong_where_all_is_well(daemon, settings):
    (level, text), = findings(daemon, settings.dir)
    assert level == "ok"
    assert "at smtp/inet, pickup/unix" in text and "milter_default_action = tempfail" in text


# What is planted: main.cf, what master.cf has more, and what the one fault says.
FAULTS = {
    "not attached": (
        "", "submission inet n - n - - smtpd\n",
        [f"{OURS} is not named in smtpd_milters, non_smtpd_milters of",
         "smtp/inet, submission/inet, pickup/unix is not counted", "bulkwatch attach postfix"]),
    "not attached to what pickup brings": (
        f"smtpd_milters = {OURS}\n", "", ["non_smtpd_milters", "pickup/unix is not counted"]),
    "not attached to SMTP": (
        f"non_smtpd_milters = {OURS}\n", "", ["smtpd_milters", "smtp/inet is not counted"]),
    "another socket": (
        BOTH.replace("milter.sock", "other.sock"), "", ["not named", "not counted"]),
    "submission has its own list": (
        BOTH, "submission inet n - n - - smtpd\n  -o smtpd_milters=inet:localhost:11332\n",
        ["submission/inet is not counted", "list of its own in master.cf",
         f"-P 'submission/inet/smtpd_milters=inet:localhost:11332,{OURS}'"]),
    "submission has its own list, and our entry an action": (
        BOTH.replace(f"= {OURS}\nnon", f"= {{ {OURS}, default_action=accept }}\nnon"),
        "submission inet n - n - - smtpd\n  -o smtpd_milters=inet:localhost:11332\n",
        [f"-P 'submission/inet/smtpd_milters=inet:localhost:11332,"
         f"{{{OURS},default_action=accept}}'"]),
    "submission has an empty list": (
        BOTH, "submission inet n - n - - smtpd\n  -o smtpd_milters=\n",
        ["submission/inet is not counted", f"-P 'submission/inet/smtpd_milters={OURS}'"]),
    "behind postscreen": (
        BOTH, "smtpd pass - - n - - smtpd\n  -o smtpd_milters=\n", ["smtpd/pass is not counted"]),
    "cleanup has its own list": (
        BOTH, None, ["pickup/unix is not counted", "cleanup/unix/non_smtpd_milters"]),
    "milters switched off for submission": (
        BOTH, "submission inet n - n - - smtpd\n  -o receive_override_options=no_milters\n",
        ["submission/inet is not counted", "no_milters"]),
    "a proxy filter": (
        BOTH, "submission inet n - n - - smtpd\n  -o smtpd_proxy_filter=127.0.0.1:10026\n",
        ["submission/inet is not counted", "smtpd_proxy_filter = 127.0.0.1:10026"]),
    "mail that comes back from a filter": (
        FILTERED, BACK + "  -o receive_override_options=no_header_body_checks\n",
        ["127.0.0.1:10025/inet takes mail back", "a second time",
         "receive_override_options=no_header_body_checks,no_milters'"]),
    "mail that comes back from a filter of one service": (
        BOTH, "submission inet n - n - - smtpd\n  -o content_filter=smtp:[127.0.0.1]:10024\n"
        + BACK, ["127.0.0.1:10025/inet takes mail back"]),
    "named twice": (
        BOTH.replace("smtpd_milters = ", f"smtpd_milters = {OURS}, ", 1), "",
        ["names bulkwatchd 2 times"]),
    "content timeout of one service": (
        BOTH, "submission inet n - n - - smtpd\n  -o milter_content_timeout=5\n",
        ["at submission/inet Postfix gives bulkwatchd 5 to answer", "20 s while its disk fails"]),
    "content timeout of our entry": (
        BOTH.replace(f"= {OURS}\nnon", f"= {{ {OURS}, content_timeout=1s }}\nnon"), "",
        ["at smtp/inet", "content_timeout = 1s", "write content_timeout=60s into our entry"]),
    "command timeout": (
        BOTH, "submission inet n - n - - smtpd\n  -o milter_command_timeout=7s\n",
        ["milter_command_timeout = 7s", "too short"]),
    "refused while we are away": (
        BOTH, "submission inet n - n - - smtpd\n  -o milter_default_action=reject\n",
        ["submission/inet is refused for good", "--default-action accept"]),
    "braces": ("smtpd_milters = { unix:x\nnon_smtpd_milters = " + OURS + "\n", "",
               ["smtpd_milters in main.cf", "braces do not close"]),
    "a main.cf that does not parse": ("what is this\n", "", ["missing '='"]),
    "a master.cf that does not parse": (BOTH, "smtp inet\n", ["bad field count"]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_the_one_that_is_found(daemon, settings, name):
    main, master, parts = FAULTS[name]
    settings.write(main)
    if master is None:
        master = "  -o non_smtpd_milters=unix:/run/a.sock\n"  # cleanup is the last one
    settings.master(Settings.MASTER + master)
    text = the_fault(daemon, settings.dir)
    assert all(part in text for part in parts), text


def test_milters_switched_off_for_all_are_found_at_each_way(daemon, settings):
    settings.write(BOTH + "receive_override_options = no_address_mappings no_milters\n")
    found = faults(daemon, settings.dir)
    assert [text.split(" is not counted")[0].split()[-1] for text in found] == [
        "smtp/inet", "pickup/unix"]


def test_a_content_timeout_for_all_is_found_and_attach_mends_it(daemon, settings):
    settings.write(BOTH + "milter_content_timeout = 19s\n")
    found = faults(daemon, settings.dir)
    assert len(found) == 2 and all("milter_content_timeout = 19s" in text for text in found)
    daemon.bulkwatch("attach", "postfix", "--config-dir", str(settings.dir))
    assert faults(daemon, settings.dir) == []


def test_paths_that_a_service_does_not_see_are_found(daemon, settings, queue):
    settings.write(BOTH.replace("unix:", "unix:/"))
    found = faults(daemon, settings.dir)
    assert ["smtp/inet runs without a chroot" in found[0],
            "cleanup/unix runs without a chroot" in found[1]] == [True, True], found
    settings.master(Settings.MASTER.replace("- n -", "- y -", 1)
                    .replace("cleanup unix n - n", "cleanup unix n - y"))
    assert faults(daemon, settings.dir) == []
    settings.write(BOTH.replace("unix:", f"unix:{queue}/"))
    found = faults(daemon, settings.dir)
    assert "smtp/inet runs in a chroot and looks for" in found[0]
    assert f"{queue}{queue}/bulkwatch/milter.sock" in found[0]
    settings.write(BOTH)
    assert faults(daemon, settings.dir) == []


def test_a_socket_outside_the_queue_is_found_where_there_is_a_chroot(daemon, settings):
    daemon.set(listen="unix:/run/bulkwatch/milter.sock")
    daemon.write_config()
    settings.write(BOTH.replace(OURS, "unix:/run/bulkwatch/milter.sock"))
    assert faults(daemon, settings.dir) == []
    settings.master(Settings.MASTER.replace("smtp inet n - n", "smtp inet n - y"))
    text = the_fault(daemon, settings.dir)
    assert f"set listen = \"unix:{settings.queue}/bulkwatch/milter.sock\"" in text


@pytest.mark.parametrize("hold", [False, True], ids=["no hold", "hold"])
def test_a_milter_behind_us_is_a_fault_only_where_mail_is_held(daemon, settings, hold):
    if hold:
        daemon.set(rules=[{"name": "message", "recipients": 20, "action": "hold"}])
        daemon.write_config()
        if daemon.check_settings().returncode:
            pytest.skip("this version holds no mail")
    settings.write(f"smtpd_milters = inet:localhost:11332 {OURS} inet:localhost:8891\n"
                   f"non_smtpd_milters = {OURS}\n")
    level = "fault" if hold else "note"
    found = [text for how, text in findings(daemon, settings.dir) if how == level]
    assert len(found) == 1 and "inet:localhost:8891 stands behind bulkwatchd" in found[0]
    assert "11332" not in found[0]


@pytest.mark.parametrize("action, means", [
    ("accept", "mail passes uncounted"), ("tempfail", "mail waits"),
    ("quarantine", "hold queue")])
def test_what_happens_while_we_are_away_is_said(daemon, settings, action, means):
    settings.write(BOTH + f"milter_default_action = {action}\n")
    (level, text), = findings(daemon, settings.dir)
    assert level == "ok" and means in text and text.count("milter_default_action") == 1


def test_what_happens_while_we_are_away_is_said_of_each_service(daemon, settings):
    settings.write(BOTH.replace(f"= {OURS}\nnon",
                                f"= {{ {OURS}, default_action=accept }}\nnon"))
    (level, text), = findings(daemon, settings.dir)
    assert level == "ok"
    assert ("at smtp/inet mail passes uncounted (default_action of our entry = accept); "
            "at pickup/unix mail waits") in text
    assert "(milter_default_action = tempfail)" in text


@pytest.mark.parametrize("options", ["no_milters", "no_address_mappings,no_milters"])
def test_a_listener_for_a_filter_that_shows_us_nothing_is_right(daemon, settings, options):
    settings.write(FILTERED)
    settings.master(Settings.MASTER + BACK + f"  -o receive_override_options={options}\n")
    assert faults(daemon, settings.dir) == []
    settings.master(Settings.MASTER + BACK + "  -o smtpd_milters=\n")
    assert faults(daemon, settings.dir) == []


def test_what_check_says_of_a_listener_mends_it(daemon, settings):
    settings.write(FILTERED)
    settings.master(Settings.MASTER + BACK)
    command = the_fault(daemon, settings.dir).split("; ")[-1]
    assert os.system(command) == 0
    assert faults(daemon, settings.dir) == []


def test_a_program_as_filter_and_milters_by_client_are_noted(daemon, settings):
    settings.write(BOTH + "smtpd_milter_maps = inline:{127.0.0.1=DISABLE}\n")
    settings.master("filter unix - n n - 10 pipe flags=Rq user=nobody argv=/bin/true\n"
                    + Settings.MASTER
                    + "submission inet n - n - - smtpd\n  -o content_filter=filter:dummy\n")
    notes = [text for level, text in findings(daemon, settings.dir) if level == "note"]
    assert len(notes) == 2 and any("filter:dummy" in note for note in notes)
    assert any("smtpd_milter_maps" in note for note in notes)


# ------------------------------------------------------------------------ with a running daemon

@pytest.fixture
def running(new_lab, settings):
    """Listens where Postfix's user can come, and is attached there."""
    lab = new_lab().start()
    socket = lab.postfix.socket
    settings.write(BOTH.replace(OURS, f"unix:{socket}"))
    return lab


def test_nothing_is_wrong_with_a_daemon_that_runs(running, settings):
    assert faults(running.daemon, settings.dir) == []


def test_a_socket_that_postfix_cannot_open_is_found(running, settings):
    socket = running.postfix.socket
    socket.chmod(0o600)
    text = the_fault(running.daemon, settings.dir)
    assert f"postfix cannot open the socket {socket}" in text and "mode 0600" in text
    socket.chmod(0o660)
    os.chown(socket, 0, 2)  # bin: a group that it is not in
    text = the_fault(running.daemon, settings.dir)
    assert "group bin" in text and "adduser postfix bin" in text
    os.chown(socket, 0, grp.getgrnam("postfix").gr_gid)
    socket.parent.chmod(0o700)
    try:
        text = the_fault(running.daemon, settings.dir)
        assert f"cannot pass the folder {socket.parent} " in text
        assert f"chmod 0750 {socket.parent}" in text and "adduser" not in text
    finally:
        socket.parent.chmod(0o2755)
    assert faults(running.daemon, settings.dir) == []


def test_more_processes_than_descriptors_are_found(running, settings):
    limit = next(int(line.split()[3]) for line in
                 open(f"/proc/{running.daemon.process.pid}/limits")
                 if line.startswith("Max open files"))
    settings.master(Settings.MASTER + f"submission inet n - n - {limit} smtpd\n")
    text = the_fault(running.daemon, settings.dir)
    assert f"Postfix may start {limit + 200} processes" in text
    assert f"may open {limit} files" in text and "LimitNOFILE=" in text
    settings.master(Settings.MASTER)
    assert faults(running.daemon, settings.dir) == []


@pytest.fixture(scope="module")
def wired():
    """A Postfix with a listener before a proxy filter, and one behind it."""
    server = Postfix(listeners={"after": {"smtpd_proxy_filter": ""}, "proxied": {}})
    server.milters = f"unix:{server.socket}"
    with server:
        yield server


def test_mail_through_a_proxy_filter_is_not_counted_as_check_says(wired):
    folder = wired.confdir
    name = f"127.0.0.1:{wired.ports['proxied']}/inet"
    postconf(folder, "-P", f"{name}/smtpd_proxy_filter=127.0.0.1:{wired.ports['after']}")
    after = f"127.0.0.1:{wired.ports['after']}/inet"
    postconf(folder, "-P", f"{after}/receive_override_options=no_milters")
    reload(wired)
    with Lab(wired, listener="proxied") as lab:
        lab.send(addresses(25))
        assert lab.daemon.counted(SENDER) == (0, 0)
        text = the_fault(lab.daemon, folder)
        assert name in text and "is not counted: with smtpd_proxy_filter" in text


# ---------------------------------------------------------------------------------- Sendmail

SENDMAIL = ("# a comment\nO InputMailFilters=spam, bulkwatch\nO DaemonPortOptions=Name=MTA\n"
            "Xspam, S=inet:11332@127.0.0.1, F=T\n"
            "Xbulkwatch, S=local:{socket}, F=,\n\tT=S:30s;R:30s;E:60s\n")


@pytest.mark.parametrize("old, new, parts", [
    ("", "", None),
    ("local:{socket}", "local:/elsewhere", ["no line", "begins with X"]),
    ("spam, bulkwatch", "spam", ["InputMailFilters", "lacks bulkwatch"]),
    ("O InputMailFilters=spam, bulkwatch\n", "", ["InputMailFilters", "lacks bulkwatch"]),
    ("E:60s", "E:10s", ["waits 10 s", "T=E"]),
    ("Name=MTA", "Port=587, Name=MSA, InputMailFilters=spam", ["Name=MSA", "not counted"]),
    ("Name=MTA", "Name=back, Addr=127.0.0.1, InputMailFilters=", None),
    ("Name=MTA", "Name=MSA, InputMailFilters=", ["Name=MSA", "not counted"]),
    ("F=,", "F=R,", ["refused for good"])],
    ids=["well", "socket", "not asked", "none asked", "timeout", "daemon", "takes back",
         "daemon asks none", "refuses"])
def test_sendmail_is_read(daemon, queue, tmp_path, old, new, parts):
    socket = f"{queue}/bulkwatch/milter.sock"
    (tmp_path / "sendmail.cf").write_text(SENDMAIL.replace(old, new, 1 if old else 0)
                                          .replace("{socket}", socket))
    found = faults(daemon, tmp_path, subject="sendmail")
    if parts is None:
        assert found == []
        (level, text), = findings(daemon, tmp_path, subject="sendmail")
        assert level == "ok" and "mail passes uncounted" in text
    else:
        assert len(found) == 1 and all(part in found[0] for part in parts), found


def test_a_real_sendmail_cf_is_read(daemon, sendmail):
    """The lines of conf/sendmail.mc, and a listener each that asks another name of ours or none."""
    text = (sendmail.confdir / "sendmail.cf").read_text()
    daemon.set(listen=re.search(r"^Xbulkwatch, S=([^,]*),", text, re.M)[1])
    daemon.write_config()
    (level, text), = findings(daemon, sendmail.confdir, subject="sendmail")
    assert level == "ok" and "mail passes uncounted" in text
    daemon.set(listen="unix:/run/elsewhere.sock")
    daemon.write_config()
    assert "no line of" in the_fault(daemon, sendmail.confdir, subject="sendmail")


def test_a_folder_without_a_mail_server_is_named(daemon, tmp_path):
    assert "there is no main.cf in" in the_fault(daemon, tmp_path)
    done = daemon.bulkwatch("check", "--config-dir", "", status=2)
    assert "--config-dir is empty" in done.stderr
