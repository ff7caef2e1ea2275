"""A Postfix whose settings a test may change, and copies of them to plant faults into."""

import os
import shutil
import subprocess

from bulkwatch_lab import Postfix, wait_for

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
LISTS = ("smtpd_milters", "non_smtpd_milters")


def postconf(folder, *words):
    """Runs Postfix's own postconf; returns what it wrote."""
    done = subprocess.run(["postconf", "-c", str(folder), *words], env=ENVIRONMENT,
                          capture_output=True, text=True, check=True)
    return done.stdout.strip()


def milters(folder, parameter="smtpd_milters"):
    """A list of milters as Postfix takes it: all references expanded."""
    return postconf(folder, "-xh", parameter)


def settled(path):
    """Postfix waits a second or two before it reads a file that was written just now."""
    os.utime(path, (1, 1))


class Settings:
    """A folder with main.cf and master.cf that nobody runs.

    main: lines for main.cf; its queue is that of the Postfix it is made for.
    """

    MASTER = ("smtp inet n - n - 100 smtpd\n"
              "pickup unix n - n 60 1 pickup\n"
              "cleanup unix n - n - 0 cleanup\n")

    def __init__(self, folder, queue, main="", master=""):
        self.dir = folder
        self.queue = queue
        self.main_cf = folder / "main.cf"
        folder.mkdir(exist_ok=True)
        self.master(self.MASTER + master)
        self.write(main)

    def write(self, main):
        self.main_cf.write_text(f"compatibility_level = 3.6\nqueue_directory = {self.queue}\n"
                                + main)
        settled(self.main_cf)

    def master(self, text):
        (self.dir / "master.cf").write_text(text)
        settled(self.dir / "master.cf")


def attached(lab, folder):
    """Settings of a Postfix to which the lab's daemon is attached."""
    return Settings(folder, folder.parent, f"smtpd_milters = {lab.daemon.settings['listen']}\n"
                                           "non_smtpd_milters = $smtpd_milters\n")


def reload(postfix):
    """Puts changed settings in force, and returns when they are."""
    before = postfix.log().count("reload -- version")
    servers = postfix.servers()
    subprocess.run(["postfix", "-c", str(postfix.confdir), "reload"], env=ENVIRONMENT,
                   capture_output=True, check=True)
    wait_for(lambda: postfix.log().count("reload -- version") > before, "Postfix to reload")
    # One that is idle may still take a connection before it learns that it is to go.
    wait_for(lambda: not servers & postfix.servers(), "the old smtpd and cleanup to go")


def without_milters(postfix):
    """Takes the two lists out of a Postfix's main.cf, as if nobody had ever attached a milter."""
    main_cf = postfix.confdir / "main.cf"
    lines = main_cf.read_text().splitlines(keepends=True)
    main_cf.write_text("".join(line for line in lines if not line.startswith(LISTS)))


def copy_of(postfix, folder):
    shutil.copytree(postfix.confdir, folder)
    return folder


__all__ = ["LISTS", "Postfix", "Settings", "attached", "copy_of", "milters", "postconf", "reload",
           "settled", "without_milters"]
