#!/usr/bin/python3
"""Shows the main job end to end: real mail, a real mail server, the log, and the alert.

Starts a private Postfix and bulkwatchd in temporary directories, on loopback only; sends mail
through them; and shows what came of it. Ends with status 0 only if all was as it should be, and
leaves nothing running and no file behind.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))

from bulkwatch_lab import (BULKWATCH, BULKWATCHD, DOMAIN, Lab, Postfix, addresses,  # noqa: E402
                           text_of, wait_for)

SUBJECT = "Thông báo: lịch tiếp công dân và phân công trực quý IV"
CLERK = f"van-thu@{DOMAIN}"          # sends 25 in one message
ACCOUNTS = f"ke-toan@{DOMAIN}"       # sends 20 single mails
RECEPTION = f"mot-cua@{DOMAIN}"      # sends to a few
TYPIST = f"tong-hop@{DOMAIN}"        # sends to many, some of which do not exist
STAFF = addresses(20, domain="example.org", prefix="don-vi-", start=11)
MANY = addresses(25, domain="example.net", prefix="xa-", start=11)


class Wrong(Exception):
    """Something was not as it should be; the text is a sentence about it."""


class Story:
    """Tells what happens, numbered."""

    def __init__(self):
        self.number = 0

    def step(self, text):
        self.number += 1
        head = f"{self.number}. "
        print("\n" + textwrap.fill(text, 78, initial_indent=head, break_on_hyphens=False,
                                   subsequent_indent=" " * len(head)), flush=True)

    @staticmethod
    def says(text):
        print(textwrap.indent(text.rstrip(), "     "), flush=True)


def should(condition, sentence):
    if not condition:
        raise Wrong(sentence)


def run(lab, *args):
    """Runs the command as an admin would, and shows what it writes."""
    print(f"\n   $ bulkwatch {' '.join(args)}", flush=True)
    done = subprocess.run([str(BULKWATCH), "-c", str(lab.daemon.config), *args])
    should(done.returncode == 0, f"`bulkwatch {' '.join(args)}` failed.")


def send_mail(story, lab):
    story.step(f"A login sends one message to 3 recipients ({RECEPTION}).")
    lab.send(addresses(3), sender=RECEPTION, subject="Giấy hẹn trả kết quả")
    story.says("accepted")

    story.step(f"A login sends one message to 25 recipients ({CLERK}).")
    lab.send(MANY, sender=CLERK, subject=SUBJECT)
    story.says("accepted: bulkwatch never stands in the way of mail")

    story.step(f"A login sends 20 mails to one recipient each ({ACCOUNTS}).")
    for n, recipient in enumerate(STAFF, 1):
        lab.send([recipient], sender=ACCOUNTS, subject=f"Phiếu lương số {n}")
    story.says("accepted, all 20 within the window of 10 minutes")

    story.step("A stranger sends one message to 30 people of the office: inbound mail.")
    lab.receive([f"staff{n}@{DOMAIN}" for n in range(1, 31)], subject="Newsletter")
    story.says("accepted, and not counted")

    story.step(f"A login sends one message to 25 recipients, 10 of which do not exist ({TYPIST}).")
    lab.send(addresses(15) + [f"no-such-{n}@{DOMAIN}" for n in range(10)], sender=TYPIST,
             subject="Dự thảo báo cáo")
    story.says("the server refused 10 recipients and took the mail for 15: under the limit of 20")


def check_log(lab):
    found = lab.daemon.bulk_sends()
    told = [(f["sender"], f["trigger"], f["messages"], f["recipients"]) for f in found]
    should(told == [(ACCOUNTS, "window", 20, 20), (CLERK, "message", 1, 25)],
           f"The log should have the 20 single mails and the one message to 25, and has: {told}.")
    return found[1]["id"]


def check_counts(lab):
    counted = {row["sender"]: row["recipients"] for row in lab.daemon.bulkwatch("senders")}
    right = {RECEPTION: 3, CLERK: 25, ACCOUNTS: 20, TYPIST: 15}
    should(counted == right, f"Counted was {counted}, and should be {right}.")


def check_record(lab, number):
    [proof] = lab.daemon.bulkwatch("show", str(number))["evidence"]
    should(proof["subject"] == SUBJECT, f"The subject was kept as {proof['subject']!r}.")
    should(sorted(proof["recipients"]) == MANY,
           f"The recipients were kept as {proof['recipients']}.")
    should(proof["login"] == CLERK, f"The login was kept as {proof['login']!r}.")


def find_alert(lab):
    """The alert about the message to 25; there has to be one for each of the two bulk sends."""
    alerts = lab.alerts.wait(2)
    should(len(alerts) == 2, f"{len(alerts)} alerts arrived, and 2 should have.")
    found = [mail for mail in alerts if CLERK in text_of(mail)]
    should(len(found) == 1, f"{len(found)} alerts are about {CLERK}, and 1 should be.")
    should(SUBJECT in text_of(found[0]), "The alert does not tell the subject.")
    return found[0]


def show_alert(story, mail):
    for name in ("From", "To", "Subject", "Date", "Auto-Submitted", "Content-Type"):
        story.says(f"{name}: {mail[name]}")
    story.says("\n" + text_of(mail))


def demonstrate(story, directory):
    story.step("Starts a private Postfix, with a configuration, queue and port of its own.")
    postfix = Postfix(parent=directory)
    postfix.milters = f"unix:{postfix.socket}"
    try:
        postfix.start()
        story.says(f"listens on 127.0.0.1, port {postfix.port}")
        lab = Lab(postfix, parent=directory)
        try:
            story.step("Starts bulkwatchd; Postfix asks it about each message.")
            lab.start()
            story.says("rules: 20 recipients in one message, or by one sender within 10 minutes")
            send_mail(story, lab)

            story.step("The log of bulk sends: two of the four logins sent to 20 or more.")
            number = check_log(lab)
            run(lab, "list")

            story.step("What was counted: outbound mail only, and recipients that were accepted.")
            check_counts(lab)
            run(lab, "senders")

            story.step("One of them with its evidence.")
            check_record(lab, number)
            run(lab, "show", str(number))

            story.step(f"The alert as it arrived in the Maildir of {lab.admin}, decoded.")
            show_alert(story, wait_for(lambda: find_alert(lab), "the alert"))

            story.step("Stops both, and removes their files.")
            lab.daemon.stop()
        finally:
            lab.daemon.kill()
            lab.remove()
    finally:
        postfix.remove()
    should(not list(Path(directory).iterdir()), f"Files were left in {directory}.")


def main():
    if os.geteuid() != 0:
        if not shutil.which("sudo"):
            print("demo: a private Postfix needs root: run this as root.", file=sys.stderr)
            return 1
        os.execvp("sudo", ["sudo", sys.executable, *sys.argv])
    for program in (BULKWATCHD, BULKWATCH):
        if not program.exists():
            print(f"demo: {program} is not there: run 'make' first.", file=sys.stderr)
            return 1
    # However it ends, what it started has to end with it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    directory = tempfile.mkdtemp(prefix="bulkwatch-demo-")
    os.chmod(directory, 0o755)
    try:
        demonstrate(Story(), directory)
    except KeyboardInterrupt:
        print("\ndemo: interrupted.", file=sys.stderr)
        return 1
    except (Wrong, AssertionError, OSError) as wrong:
        print(f"\ndemo: NOT as it should be. {wrong}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print("\nAll was as it should be. Nothing is left running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
