"""Waiting for a condition instead of for a length of time."""

import os
import os
import random
import socket
import time

# What takes longer than this on a busy machine is taken as never; tools such as valgrind make
# all of it slower.
DEFAULT_TIMEOUT_SECS = 20.0 * float(os.environ.get("BULKWATCH_SLOWNESS", "1"))
POLL_SECS = 0.02
# Below Linux's net.ipv4.ip_local_port_range, as it is unless somebody changed it.
SERVER_PORTS = (12000, 32000)


def wait_for(condition, what, timeout=DEFAULT_TIMEOUT_SECS, poll=POLL_SECS):
    """Calls condition() until it returns something true, and returns that.

    `what` ends the sentence "waited N s for ..." when it never does; it may be a function that
    is asked then, to tell how things stand. The last look is after the deadline, so a machine
    that stalled in between gets a fair answer.
    """
    deadline = time.monotonic() + timeout
    while True:
        late = time.monotonic() >= deadline
        found = condition()
        if found:
            return found
        if late:
            told = what() if callable(what) else what
            raise AssertionError(f"waited {timeout:g} s for {told}")
        time.sleep(poll)


def stays(condition, seconds, what):
    """Fails unless condition() is true each time it is looked at for so many seconds.

    Only for what must not happen and has no event that would say "not any more".
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"did not stay so: {what}"
        time.sleep(POLL_SECS)


def free_port():
    """A TCP port on loopback that nobody used a moment ago.

    From below those that the kernel gives to clients: else one of the many connections here may
    take it before the server does.
    """
    while True:
        port = random.randrange(*SERVER_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def accepts(address):
    """True if someone accepts connections at a socket path, or at a (host, port)."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(5)
        try:
            probe.connect(address)
        except OSError:
            return False
        return True


def group_lives(group):
    """True if a process of this group is left; None is no group."""
    if group is None:
        return False
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
