"""attach and detach: into Postfix's settings, and out of them."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from bulkwatch_lab import BULKWATCH, SENDER, Lab, Postfix, addresses
from wires import LISTS, Settings, milters, postconf, reload, settled, without_milters

LOCAL = "office@example.gov.vn"
OURS = "unix:bulkwatch/milter.sock"


@pytest.fixture
def settings(tmp_path, queue):
    return Settings(tmp_path / "etc", queue)


def change(daemon, settings, *words, status=0):
    found = daemon.bulkwatch(*words, "--config-dir", str(settings.dir), status=status)
    settled(settings.main_cf)
    return found


def attach(daemon, settings, *more, status=0):
    return change(daemon, settings, "attach", "postfix", *more, status=status)


def detach(daemon, settings, *more, status=0):
    return change(daemon, settings, "detach", "postfix", *more, status=status)


def entries(settings):
    """What is in the folder: attach keeps files there, and detach takes them away."""
    return sorted(path.name for path in settings.dir.iterdir())


# What main.cf says, and what the two lists are once we are attached.
FORMS = {
    "nothing": ("", OURS, OURS),
    "empty": ("smtpd_milters =\nnon_smtpd_milters =   \n", OURS, OURS),
    "others": ("smtpd_milters = inet:localhost:11332 unix:/run/a.sock\n",
               f"inet:localhost:11332 unix:/run/a.sock, {OURS}", OURS),
    "a comma at the end": ("smtpd_milters = inet:localhost:11332,\n",
                           f"inet:localhost:11332, {OURS}", OURS),
    "on many lines, with comments": (
        "smtpd_milters =\n    # spam\n    inet:localhost:11332,\n# signs\n\n    unix:/run/a.sock\n"
        "# the end\nbiff = no\n",
        f"inet:localhost:11332, unix:/run/a.sock, {OURS}", OURS),
    "a reference from list to list": (
        "smtpd_milters = inet:localhost:11332\nnon_smtpd_milters = $smtpd_milters\n",
        f"inet:localhost:11332, {OURS}", f"inet:localhost:11332, {OURS}"),
    "a reference the other way": (
        "non_smtpd_milters = unix:/run/a.sock\nsmtpd_milters = ${non_smtpd_milters}\n",
        f"unix:/run/a.sock, {OURS}", f"unix:/run/a.sock, {OURS}"),
    "a reference of the admin's own": (
        "spam = inet:localhost:11332\nsmtpd_milters = $spam, $(sign)\nsign = unix:/run/a.sock\n",
        f"inet:localhost:11332, unix:/run/a.sock, {OURS}", OURS),
    "settings for one milter": (
        "smtpd_milters = { inet:localhost:11332, default_action=accept, {connect_timeout = 5s} }\n",
        f"{{ inet:localhost:11332, default_action=accept, {{connect_timeout = 5s}} }}, {OURS}",
        OURS),
    "no end of the last line": ("smtpd_milters = inet:localhost:11332",
                                f"inet:localhost:11332, {OURS}", OURS),
    "no end of another last line": ("smtpd_milters = inet:localhost:11332\nbiff = no",
                                    f"inet:localhost:11332, {OURS}", OURS),
    "said twice": ("smtpd_milters = unix:/run/old.sock\nsmtpd_milters = unix:/run/a.sock\n",
                   f"unix:/run/a.sock, {OURS}", OURS),
}


@pytest.mark.parametrize("form", FORMS)
def test_attach_keeps_what_is_there_and_detach_restores_it_byte_for_byte(daemon, settings, form):
    text, smtpd, non_smtpd = FORMS[form]
    settings.write(text)
    before, files = settings.main_cf.read_bytes(), entries(settings)
    attach(daemon, settings)
    assert milters(settings.dir) == smtpd
    assert milters(settings.dir, "non_smtpd_milters") == non_smtpd
    assert all(line in settings.main_cf.read_text().splitlines()
               for line in text.splitlines() if line.lstrip().startswith("#"))
    assert detach(daemon, settings)["restored"]
    assert settings.main_cf.read_bytes() == before
    assert entries(settings) == files


def test_attach_twice_is_attach_once(daemon, settings):
    settings.write("smtpd_milters = inet:localhost:11332\n")
    before = settings.main_cf.read_bytes()
    assert len(attach(daemon, settings)["changes"]) == 2
    once = settings.main_cf.read_bytes()
    assert attach(daemon, settings)["changes"] == []
    told = daemon.bulkwatch("attach", "postfix", "--config-dir", str(settings.dir), json=False)
    assert told.stdout.startswith("Nothing to do:")
    assert settings.main_cf.read_bytes() == once
    detach(daemon, settings)
    assert settings.main_cf.read_bytes() == before
    assert detach(daemon, settings)["changes"] == []
    assert settings.main_cf.read_bytes() == before


def test_dry_run_shows_the_difference_and_changes_nothing(daemon, settings):
    settings.write("smtpd_milters = inet:localhost:11332\n")
    before, files = settings.main_cf.read_bytes(), entries(settings)
    found = attach(daemon, settings, "--dry-run")
    assert found["changes"] == [
        {"parameter": "smtpd_milters", "before": "inet:localhost:11332",
         "after": f"inet:localhost:11332, {OURS}"},
        {"parameter": "non_smtpd_milters", "before": None, "after": OURS}]
    assert found["dry_run"] and found["file"] == str(settings.main_cf)
    assert settings.main_cf.read_bytes() == before and entries(settings) == files
    attach(daemon, settings)
    after = settings.main_cf.read_bytes()
    assert len(detach(daemon, settings, "--dry-run")["changes"]) == 2
    assert settings.main_cf.read_bytes() == after


def test_what_is_to_be_done_next_is_said(daemon, settings):
    told = daemon.bulkwatch("attach", "postfix", "--config-dir", str(settings.dir),
                            json=False).stdout
    for part in (f"postfix -c {settings.dir} reload",
                 f"bulkwatch -c '{daemon.config}' detach postfix --config-dir {settings.dir}",
                 "mail waits: clients are told to try again later",
                 "before postfix reload: the folder"):
        assert part in " ".join(told.split()), told


def test_default_action_is_for_our_entry_only(daemon, settings):
    settings.write("milter_default_action = tempfail\nsmtpd_milters = unix:/run/a.sock\n")
    before = settings.main_cf.read_bytes()
    attach(daemon, settings, "--default-action", "accept")
    with_accept = f"{{ {OURS}, default_action=accept }}"
    assert milters(settings.dir) == f"unix:/run/a.sock, {with_accept}"
    assert postconf(settings.dir, "-h", "milter_default_action") == "tempfail"
    assert attach(daemon, settings)["changes"] == []
    attach(daemon, settings, "--default-action", "quarantine")
    assert milters(settings.dir) == f"unix:/run/a.sock, {{ {OURS}, default_action=quarantine }}"
    detach(daemon, settings)
    assert settings.main_cf.read_bytes() == before


def test_time_limits_that_are_too_short_are_lengthened_for_our_entry_only(daemon, settings):
    settings.write("milter_content_timeout = 10s\nmilter_command_timeout = 1m\n")
    attach(daemon, settings)
    assert milters(settings.dir) == f"{{ {OURS}, content_timeout=60s }}"
    assert postconf(settings.dir, "-h", "milter_content_timeout") == "10s"


def test_our_entry_is_moved_to_the_end(daemon, settings):
    settings.write(f"smtpd_milters = {OURS}, unix:/run/sign.sock\n"
                   "non_smtpd_milters = $smtpd_milters\n")
    attach(daemon, settings)
    assert milters(settings.dir) == f"unix:/run/sign.sock, {OURS}"
    assert milters(settings.dir, "non_smtpd_milters") == f"unix:/run/sign.sock, {OURS}"


def test_an_entry_by_another_way_of_writing_is_ours(daemon, settings, queue):
    for path in ("bulkwatch/milter.sock", f"{queue}/bulkwatch//milter.sock",
                 "/bulkwatch/milter.sock"):
        settings.write(f"ours = unix:{path}\nsmtpd_milters = $ours\nnon_smtpd_milters = $ours\n")
        assert attach(daemon, settings)["changes"] == [], path


def test_detach_after_other_changes_takes_out_our_entries_only(daemon, settings):
    settings.write("smtpd_milters = unix:/run/a.sock\n")
    attach(daemon, settings)
    postconf(settings.dir, "-e", "biff=no",
             f"smtpd_milters=unix:/run/a.sock, {OURS}, unix:/run/b.sock")
    found = detach(daemon, settings)
    assert not found["restored"] and any("changed by others" in note for note in found["notes"])
    assert milters(settings.dir) == "unix:/run/a.sock, unix:/run/b.sock"
    assert postconf(settings.dir, "-n", *LISTS, "biff") == (
        "smtpd_milters = unix:/run/a.sock, unix:/run/b.sock\nbiff = no")


def test_detach_undoes_what_was_attached_by_hand(daemon, settings):
    settings.write(f"smtpd_milters = {{ {OURS}, default_action=accept }} unix:/run/a.sock\n"
                   "non_smtpd_milters = $smtpd_milters\n")
    detach(daemon, settings)
    assert milters(settings.dir) == "unix:/run/a.sock"
    assert milters(settings.dir, "non_smtpd_milters") == "unix:/run/a.sock"
    assert postconf(settings.dir, "-h", "non_smtpd_milters") == "$smtpd_milters"


def test_another_socket_takes_the_place_of_the_one_before(daemon, settings, queue):
    settings.write("smtpd_milters = unix:/run/a.sock\n")
    before = settings.main_cf.read_bytes()
    attach(daemon, settings)
    daemon.set(listen=f"unix:{queue}/other.sock")
    daemon.write_config()
    attach(daemon, settings)
    assert milters(settings.dir) == "unix:/run/a.sock, unix:other.sock"
    detach(daemon, settings)
    assert settings.main_cf.read_bytes() == before


@pytest.mark.parametrize("listen, entry", [
    ("inet:8899@127.0.0.1", "inet:127.0.0.1:8899"), ("inet6:8899@[::1]", "inet:[::1]:8899"),
    ("inet:8899@0.0.0.0", "inet:127.0.0.1:8899"), ("unix:/run/x/y.sock", "unix:/run/x/y.sock")])
def test_socket_is_written_as_postfix_writes_it(daemon, settings, listen, entry):
    daemon.set(listen=listen)
    daemon.write_config()
    attach(daemon, settings)
    assert milters(settings.dir) == entry
    assert attach(daemon, settings)["changes"] == []


def test_mode_and_links_are_kept(daemon, settings, tmp_path):
    real = tmp_path / "elsewhere.cf"
    settings.main_cf.rename(real)
    settings.main_cf.symlink_to(real)
    real.chmod(0o640)
    os.chown(real, 0, 8)
    attach(daemon, settings)
    assert settings.main_cf.is_symlink() and OURS in real.read_text()
    found = real.stat()
    assert (found.st_mode & 0o7777, found.st_gid) == (0o640, 8)


def test_lists_of_services_are_shown_and_left_alone(daemon, settings):
    settings.master(Settings.MASTER + "submission inet n - n - - smtpd\n"
                                      "  -o smtpd_milters=unix:/run/a.sock\n")
    before = (settings.dir / "master.cf").read_bytes()
    notes = [note for note in attach(daemon, settings)["notes"] if "submission/inet" in note]
    assert len(notes) == 1 and f"smtpd_milters=unix:/run/a.sock,{OURS}'" in notes[0]
    assert (settings.dir / "master.cf").read_bytes() == before
    # What it says is right.
    command = notes[0].split("counted: ", 1)[1]
    subprocess.run(["sh", "-c", command], check=True, env={"PATH": os.environ["PATH"]})
    assert not any("submission" in note for note in attach(daemon, settings)["notes"])
    assert any("submission/inet still names us" in note
               for note in detach(daemon, settings)["notes"])


# --------------------------------------------------------------------------------- bad input

def refused(daemon, settings, *parts, words=()):
    before, files = settings.main_cf.read_bytes(), entries(settings)
    done = attach(daemon, settings, *words, status=1)
    assert all(str(part) in done.stderr for part in parts), done.stderr
    assert done.stderr.count("\n") == 1 and done.stdout == ""
    assert settings.main_cf.read_bytes() == before and entries(settings) == files


def test_main_cf_that_does_not_parse_is_left_alone(daemon, settings):
    settings.write("smtpd_milters unix:/run/a.sock\n")
    refused(daemon, settings, "line 3", "missing '='")
    settings.write("smtpd_milters = ${nobody\n")
    refused(daemon, settings, "cannot be read")
    settings.write("smtpd_milters = { unix:/run/a.sock\n")
    refused(daemon, settings, "smtpd_milters", "braces do not close")
    settings.write("biff = no\0\n")
    refused(daemon, settings, "NUL")


def test_master_cf_that_does_not_parse_changes_nothing(daemon, settings):
    settings.master("smtp inet n\n")
    refused(daemon, settings, "bad field count")


def test_a_folder_without_main_cf_is_named(daemon, settings, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder, part in ((empty, "there is no main.cf in"), (tmp_path / "absent", "No such file")):
        done = daemon.bulkwatch("attach", "postfix", "--config-dir", str(folder), status=1)
        assert part in done.stderr and str(folder) in done.stderr


def test_a_chroot_that_does_not_see_the_socket_is_refused(daemon, settings):
    settings.master(Settings.MASTER.replace("smtp inet n - n", "smtp inet n - y"))
    attach(daemon, settings, "--dry-run")
    daemon.set(listen="unix:/run/bulkwatch/milter.sock")
    daemon.write_config()
    refused(daemon, settings, "smtp/inet runs in a chroot", "/bulkwatch/milter.sock\"")


def test_a_socket_that_postfix_cannot_open_is_refused(new_lab, settings, tmp_path):
    """pytest's folder is root's own."""
    lab = new_lab()
    lab.daemon.set(listen=f"unix:{settings.queue}/milter.sock")
    lab.daemon.start()
    refused(lab.daemon, settings, "user postfix cannot pass the folder", "mode 0700")


@pytest.mark.parametrize("words", [
    [], ["exim"], ["sendmail"], ["postfix", "more"], ["postfix", "--default-action", "reject"],
    ["postfix", "--config-dir", ""], ["postfix", "--config-dir"], ["postfix", "--nonsense"]],
    ids=lambda words: " ".join(words) or "nothing")
def test_mistakes_change_nothing(daemon, settings, words):
    before = settings.main_cf.read_bytes()
    for command in ("attach", "detach"):
        extra = [] if "--config-dir" in words else ["--config-dir", str(settings.dir)]
        done = daemon.bulkwatch(command, *words, *extra, status=2)
        assert done.stderr.startswith("bulkwatch: ") and "usage:" in done.stderr
    assert settings.main_cf.read_bytes() == before


def test_help_changes_nothing(daemon, settings):
    before = settings.main_cf.read_bytes()
    told = daemon.bulkwatch("attach", "postfix", "--config-dir", str(settings.dir), "--help",
                            json=False)
    assert told.stdout.startswith("usage: ")
    assert settings.main_cf.read_bytes() == before


@pytest.fixture
def public(queue):
    """A folder that anyone may read, with a program and settings that anyone may read."""
    with tempfile.TemporaryDirectory(prefix="bulkwatch-public-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(BULKWATCH, folder / "bulkwatch")
        (folder / "bulkwatch").chmod(0o755)
        yield folder


def test_no_rights_is_a_sentence(daemon, public, queue):
    settings = Settings(public / "etc", queue)
    (public / "bulkwatch.conf").write_text(daemon.config.read_text())
    before = settings.main_cf.read_bytes()
    done = subprocess.run(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", public / "bulkwatch",
         "-c", public / "bulkwatch.conf", "attach", "postfix", "--config-dir", settings.dir],
        capture_output=True, text=True, cwd="/", env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 1, done
    assert "you have no right to write" in done.stderr and "run this as root" in done.stderr
    assert settings.main_cf.read_bytes() == before and len(entries(settings)) == 2


def test_no_postfix_is_a_sentence(daemon, settings):
    """/usr/sbin is empty for this one command."""
    script = 'mount -t tmpfs none /usr/sbin && exec "$@"'
    for command in (["attach", "postfix"], ["check"]):
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, "sh", BULKWATCH, "-c", daemon.config, *command,
             "--config-dir", settings.dir], capture_output=True, text=True)
        if "unshare" in done.stderr or "mount" in done.stderr:
            pytest.skip(f"no rights to mount here: {done.stderr}")
        assert done.returncode == 1
        assert "Postfix is not installed" in done.stdout + done.stderr


# ----------------------------------------------------------------------------- with real mail

@pytest.fixture
def own_postfix():
    """A running Postfix without milters."""
    with Postfix() as server:
        without_milters(server)
        reload(server)
        yield server


def test_mail_is_counted_after_attach_and_no_more_after_detach(own_postfix):
    main_cf = own_postfix.confdir / "main.cf"
    before = main_cf.read_bytes()
    where = ["postfix", "--config-dir", str(own_postfix.confdir)]
    with Lab(own_postfix) as lab:
        lab.send(addresses(3))
        assert lab.daemon.counted(SENDER) == (0, 0)
        lab.daemon.bulkwatch("attach", *where, "--default-action", "accept")
        reload(own_postfix)
        lab.send(addresses(3))
        assert lab.daemon.counted(SENDER) == (1, 3)
        own_postfix.sendmail(LOCAL, addresses(2, prefix="local"), b"Subject: x\n\nx\n")
        own_postfix.wait_for_log("discard.*to=<local2@example.net>.*status=sent")
        assert lab.daemon.counted(LOCAL) == (1, 2)
        lab.daemon.kill()
        lab.send(addresses(3))  # passes uncounted, as was chosen
        lab.daemon.start()
        lab.daemon.bulkwatch("detach", *where)
        assert main_cf.read_bytes() == before
        reload(own_postfix)
        lab.send(addresses(3))
        assert lab.daemon.counted(SENDER) == (1, 3)


def test_json_is_one_document(daemon, settings):
    done = daemon.bulkwatch("attach", "postfix", "--config-dir", str(settings.dir), json=False)
    assert "smtpd_milters" in done.stdout
    found = json.loads(json.dumps(detach(daemon, settings)))
    assert set(found) == {"file", "changes", "restored", "dry_run", "notes"}
