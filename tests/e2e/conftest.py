"""One private Postfix for the whole run, and a daemon with a fresh database for each test."""

import itertools
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from bulkwatch_lab import (BULKWATCH, BULKWATCHD, DOMAIN, Faketime, Lab, Postfix,  # noqa: E402
                           Sendmail, SendmailLab, free_port, shipped_filter)


def pytest_sessionstart():
    if os.geteuid() != 0:
        pytest.exit("the end-to-end tests start a private Postfix: they need root", returncode=1)
    for program in (BULKWATCHD, BULKWATCH):
        if not program.exists():
            pytest.exit(f"{program} is not there: run 'make' first", returncode=1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """What the mail server of a test that failed said in the end: half of the reason is there."""
    outcome = yield
    report = outcome.get_result()
    server = getattr(item, "funcargs", {}).get("postfix")
    if report.failed and server is not None:
        report.sections.append(("Postfix's log", server.log()[-3000:]))


SIDES = ("side1", "side2", "side3", "side4")


@pytest.fixture(scope="session")
def postfix():
    """Its listeners differ in how the mail reaches the milter, or whether it does in the end.

    smtp: by a Unix socket.
    tcp: by TCP, where .tcp_listen says.
    asis: as smtp, but Postfix adds no header that is missing, such as Message-ID.
    refusing: as smtp, but the mail is refused after DATA, once the milter has seen it.
    side1 to side4: by Unix sockets of their own, for several daemons at once; see new_lab.
    """
    tcp_port = free_port()
    server = Postfix()
    server.listeners |= {
        "tcp": {"smtpd_milters": f"inet:127.0.0.1:{tcp_port}"},
        "asis": {"local_header_rewrite_clients": ""},
        "refusing": {"smtpd_end_of_data_restrictions": "reject"},
        **{side: {"smtpd_milters": f"unix:{server.rundir}/{side}.sock"} for side in SIDES},
    }
    server.milters = f"unix:{server.socket}"
    server.tcp_listen = f"inet:{tcp_port}@127.0.0.1"
    with server:
        yield server


_admins = itertools.count(1)


@pytest.fixture
def new_admin():
    """Names an admin whose mailbox nobody has used: an alert that comes late must not reach the
    next test's."""
    return lambda: f"admin{next(_admins)}@{DOMAIN}"


@pytest.fixture
def labs():
    """A list for the test's Labs: at its end each daemon is stopped, and has to end well."""
    labs = []
    yield labs
    faults = []
    for lab in labs:
        try:
            lab.remove()
        except AssertionError as fault:
            faults.append(str(fault))
    assert not faults, "\n".join(faults)


@pytest.fixture
def new_lab(postfix, labs, new_admin):
    """Makes a Lab of settings, not started yet. Each has an admin mailbox of its own."""
    def make(listener="smtp", **settings):
        listen = {"tcp": postfix.tcp_listen}.get(listener)
        if listener in SIDES:
            listen = f"unix:{postfix.rundir}/{listener}.sock"
        lab = Lab(postfix, admin=new_admin(), listen=listen, listener=listener, **settings)
        labs.append(lab)
        return lab

    return make


@pytest.fixture
def lab(new_lab):
    """A mail server with bulkwatchd, with the default rules."""
    return new_lab().start()


@pytest.fixture
def queue(tmp_path):
    """The queue folder of a Postfix that nobody runs; see wires.Settings."""
    folder = tmp_path / "queue"
    folder.mkdir()
    return folder


@pytest.fixture
def daemon(new_lab, queue):
    """Not started: its socket is to be below the queue, where Postfix sees it from a chroot."""
    found = new_lab().daemon
    found.set(listen=f"unix:{queue}/bulkwatch/milter.sock")
    found.write_config()
    return found


# What is shipped, and beside it the same filter for a listener where mail waits for the daemon.
SENDMAIL_FILTERS = shipped_filter("unix:{socket}") + """\
MAIL_FILTER(`strict', `S=unix:{socket}, F=T, T=C:10s;S:30s;R:30s;E:1m')dnl
"""


@pytest.fixture(scope="session")
def sendmail():
    """Its listeners differ in what becomes of mail when the milter is not there.

    smtp: it passes.
    strict: it waits.
    back: no milter is asked.
    """
    why_not = Sendmail.why_not()
    if why_not:
        pytest.skip(why_not)
    with Sendmail(SENDMAIL_FILTERS, {"strict": "InputMailFilters=strict",
                                     "back": "InputMailFilters="},
                  aliases={"everyone": [f"staff{n}@{DOMAIN}" for n in range(1, 31)]}) as server:
        yield server


@pytest.fixture
def new_sendmail_lab(sendmail, labs, new_admin):
    """Makes a SendmailLab of settings, not started yet; see new_lab."""
    def make(listener="smtp", **settings):
        lab = SendmailLab(sendmail, admin=new_admin(), listener=listener, **settings)
        labs.append(lab)
        return lab
    return make


@pytest.fixture
def quarantine(sendmail):
    """The server, whose held mail is thrown away at the end."""
    yield sendmail
    sendmail.discard_held()


@pytest.fixture(scope="session")
def sanitized():
    """True if the programs under test were built with a sanitizer."""
    return b"__asan_init" in BULKWATCHD.read_bytes() or b"__tsan_init" in BULKWATCHD.read_bytes()


@pytest.fixture
def faketime(tmp_path, sanitized):
    """A wall clock for a daemon: put it into daemon.faketime before the start."""
    if sanitized:
        pytest.skip("faketime and a sanitizer cannot both be loaded first")
    assert Faketime.library(), "libfaketime is not installed: run 'make deps'"
    return Faketime(tmp_path)
