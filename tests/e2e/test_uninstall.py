"""`make uninstall`: what it leaves, and what it says of a mail server that is still attached."""

import os
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def uninstall(folder):
    """Runs it in a folder instead of /; returns what it said that is no command."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", "-s", "-C", PROJECT, "uninstall", f"DESTDIR={folder}"],
                          env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


# A file of a mail server, and what it says while it is attached.
ATTACHED = {
    "as attach writes it": ("postfix/main.cf", "smtpd_milters = unix:bulkwatch/milter.sock\n"),
    "with settings of its own": (
        "postfix/main.cf",
        "smtpd_milters = inet:localhost:1, { unix:bulkwatch/milter.sock, default_action=accept }\n"),
    "on a line that goes on": (
        "postfix/main.cf",
        "smtpd_milters =\n    inet:localhost:11332,\n    unix:/run/bulkwatch/milter.sock\n"),
    "for one service": (
        "postfix/master.cf",
        "submission inet n - n - - smtpd\n  -o smtpd_milters=unix:bulkwatch/milter.sock\n"),
    "Sendmail": ("mail/sendmail.cf", "Xbulkwatch, S=local:/run/bulkwatch/milter.sock, F=\n"),
}


@pytest.mark.parametrize("how", ATTACHED)
def test_mail_server_that_still_names_the_socket_is_told(tmp_path, how):
    name, text = ATTACHED[how]
    file = tmp_path / "etc" / name
    file.parent.mkdir(parents=True)
    file.write_text(text)
    [said] = uninstall(tmp_path)
    assert said.startswith(f"{file} still names bulkwatch's socket: take it out ")
    assert file.read_text() == text


@pytest.mark.parametrize("text", [
    None, "", "smtpd_milters = inet:localhost:11332\n",
    "# smtpd_milters = unix:bulkwatch/milter.sock\n", "mydestination = bulkwatch.example\n"])
def test_mail_server_that_does_not_is_not_spoken_of(tmp_path, text):
    for name in ("postfix/main.cf", "mail/sendmail.cf") if text is not None else ():
        file = tmp_path / "etc" / name
        file.parent.mkdir(parents=True)
        file.write_text(text)
    assert uninstall(tmp_path) == []
