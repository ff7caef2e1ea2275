"""Whatever comes in at the socket: the daemon lives, counts nothing false, answers the others."""

import contextlib
import random
import resource
import signal
import statistics
import struct
import subprocess
import time
from pathlib import Path

import pytest

from bulkwatch_lab import stays, wait_for
from bulkwatch_lab.milter import (ALL_ACTIONS, ALL_STEPS, OLD_OFFERS, QUARANTINE, SET_MACROS,
                                  packet, strings)
from mta import Watched, threads_of

UNIT = Path(__file__).resolve().parents[2] / "systemd" / "bulkwatchd.service.in"
LARGEST = 65535  # bytes that libmilter takes in a packet, its command left out
MAIL = packet(b"M", strings(b"<bad@example.gov.vn>"))
RCPTS = b"".join(packet(b"R", strings(b"<r%d@example.net>" % n)) for n in range(25))
MACROS = packet(b"D", b"M" + strings(b"{auth_authen}", b"bad", b"{client_addr}", b"127.0.0.1"))


@pytest.fixture
def new_daemon():
    """Makes a Watched of settings, not started yet; at the end each is stopped and ends well."""
    made = []

    def make(**settings):
        made.append(Watched(**settings))
        return made[-1]

    yield make
    for one in made:
        one.remove()


@pytest.fixture
def daemon(new_daemon):
    return new_daemon().start()


def begin(milter, name=b"bad", recipients=25):
    """A message up to its recipients."""
    milter.macros(b"M", auth_authen=name, client_addr=b"127.0.0.1")
    milter.step(b"M", b"<%s@example.gov.vn>" % name)
    for n in range(recipients):
        milter.step(b"R", b"<r%d@example.net>" % n)


# ------------------------------------------------------------------------- broken packets

LENGTHS = {"0": 0, "1": 1, "2^31-1": 2 ** 31 - 1, "-2^31": 2 ** 31, "-1": 2 ** 32 - 1,
           "largest+1": LARGEST + 2}

BROKEN = {
    **{f"length {name}, MAIL": packet(b"M", strings(b"<bad@example.gov.vn>"), length)
       for name, length in LENGTHS.items()},
    **{f"length {name}, RCPT": packet(b"R", strings(b"<r@example.net>"), length)
       for name, length in LENGTHS.items()},
    **{f"length {name}, macros": packet(b"D", b"M" + strings(b"i", b"4ABC"), length)
       for name, length in LENGTHS.items()},
    "largest": packet(b"R", b"x" * (LARGEST - 1) + b"\0"),
    "oversize by far": packet(b"B", b"x" * 10_000_000),
    "unknown command": packet(b"Z") + packet(b"z", b"data"),
    "command NUL": packet(b"\0", b"\0"),
    "command of 8 bits": packet(b"\xff", b"\xff" * 9),
    "MAIL without end of string": packet(b"M", b"<bad@example.gov.vn>"),
    "MAIL of nothing": packet(b"M"),
    "RCPT without end of string": packet(b"R", b"<r@example.net>"),
    "header of one string": packet(b"L", strings(b"Subject")),
    "header of no string": packet(b"L", b"Subject"),
    "header of three strings": packet(b"L", strings(b"Subject", b"one", b"two")),
    "macros for no known command": packet(b"D", b"?" + strings(b"i", b"4ABC")),
    "macros for no command": packet(b"D"),
    "macro without end of string": packet(b"D", b"Mi"),
    "CONNECT of a broken family": packet(b"C", strings(b"host") + b"?\0\1x"),
    "CONNECT of nothing": packet(b"C", b"\0"),
    "HELO without end of string": packet(b"H", b"host"),
    "SMTP command unknown to the MTA": packet(b"U", strings(b"XYZZY")),
    "negotiation too short": packet(b"O", b"\0\0\0\6"),
    "negotiation once more": packet(b"O", struct.pack("!III", 2, 0, 0)),
    "HTTP": b"GET / HTTP/1.0\r\n\r\n",
    "TLS": bytes.fromhex("16030100f8010000f40303") + bytes(240),
}
STAGES = {"first": None, "negotiated": b"", "in a message": MACROS + MAIL + RCPTS}


@pytest.mark.parametrize("stage", STAGES)
def test_broken_packets_count_for_nothing_and_harm_nobody(daemon, stage):
    for name, data in BROKEN.items():
        with daemon.connect(None if stage == "first" else (6, ALL_ACTIONS, ALL_STEPS)) as milter:
            try:
                milter.raw((STAGES[stage] or b"") + data)
            except ConnectionError:
                pass  # it has seen enough
            assert daemon.process.poll() is None, f"{name}: {daemon.log()}"
    daemon.is_unharmed()


@pytest.mark.parametrize("cut", range(1, 6))
def test_connections_that_end_inside_a_packet_count_for_nothing(daemon, cut):
    for data in (b"", MAIL[:cut], MACROS + MAIL + RCPTS + packet(b"E")[:cut % 5],
                 MACROS + MAIL + RCPTS[:-cut]):
        with daemon.connect() as milter:
            milter.raw(data)
    daemon.is_unharmed()


def test_packets_that_come_byte_by_byte_are_put_together(daemon):
    with daemon.connect() as milter:
        whole = MACROS + MAIL + packet(b"R", strings(b"<r@example.net>"))
        for n in range(len(whole)):
            milter.raw(whole[n:n + 1])
        assert milter.answer()[0] == b"c"  # to MAIL
        milter.packet(b"E")
        assert milter.answer()[0] == b"c"
    daemon.expected["bad"] = (1, 1)
    daemon.is_unharmed()


def test_no_more_than_a_packet_is_kept_in_memory(daemon, sanitized):
    """Lengths are promises: no memory is taken for those that are out of bounds."""
    senders = [daemon.connect() for _ in range(50)]
    for milter in senders:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it hangs up at once
            milter.raw(packet(b"M", b"x" * 60000, 2 ** 31 - 1))
    assert all(milter.hangs_up() for milter in senders)
    if not sanitized:
        assert daemon.usage().kilobytes < daemon.before.kilobytes + 20_000
    for milter in senders:
        milter.close()
    daemon.is_unharmed()


# ------------------------------------------------------------------- commands out of order

@pytest.mark.parametrize("commands", [
    [b"E"], [b"R"], [b"R", b"E"], [b"L", b"E"], [b"N", b"E"], [b"B", b"E"], [b"T", b"E"],
    [b"M", b"E"], [b"M", b"T", b"E"], [b"M", b"L", b"N", b"E"], [b"A", b"E"],
    [b"M", b"R", b"A", b"E"], [b"M", b"R", b"M", b"E"], [b"M", b"R", b"C", b"E"],
    [b"M", b"R", b"O", b"E"],
], ids=lambda commands: b"".join(commands).decode())
def test_end_of_message_without_a_whole_message_is_no_message(daemon, commands):
    """libmilter leaves out what must not come now, and does not answer it."""
    data = {b"M": MAIL, b"R": RCPTS, b"L": packet(b"L", strings(b"Subject", b"Hello")),
            b"B": packet(b"B", b"text"), b"C": packet(b"C", strings(b"host") + b"U"),
            b"O": packet(b"O", struct.pack("!III", 6, ALL_ACTIONS, ALL_STEPS))}
    with daemon.connect() as milter:
        milter.raw(MACROS + b"".join(data.get(c, packet(c)) for c in commands))
        daemon.ordinary()
        # It goes on in the same connection.
        milter.packet(b"A")
        while not milter.is_silent(0.05):
            milter.answer()
        daemon.ordinary(milter)
    daemon.is_unharmed()


def test_second_mail_begins_anew(daemon):
    with daemon.connect() as milter:
        begin(milter)
        begin(milter, b"other", recipients=3)
        milter.packet(b"E")
        assert milter.answer()[0] == b"c"
    daemon.expected["other"] = (1, 3)
    daemon.is_unharmed()


STEPS = [lambda m: m.macros(b"M", auth_authen=b"bad", client_addr=b"127.0.0.1"),
         lambda m: m.step(b"M", b"<bad@example.gov.vn>"),
         lambda m: [m.step(b"R", b"<r%d@example.net>" % n) for n in range(25)],
         lambda m: m.step(b"T"),
         lambda m: m.step(b"L", b"Subject", b"Never sent"),
         lambda m: m.macros(b"E", i=b"4ABC")]


@pytest.mark.parametrize("end", ["abort", "abort twice", "quit", "hang up", "reset"])
def test_message_that_ends_early_counts_for_nothing(daemon, end):
    for last in range(len(STEPS) + 1):
        with daemon.connect() as milter:
            for step in STEPS[:last]:
                step(milter)
            if end.startswith("abort"):
                for _ in range(1 + (end == "abort twice")):
                    milter.packet(b"A")
                daemon.ordinary(milter)
            elif end == "quit":
                milter.packet(b"Q")
                assert milter.hangs_up()
            elif end == "reset":
                # Unread data makes the kernel reset the connection.
                milter.packet(b"H", strings(b"host"))
    daemon.is_unharmed()


def test_abort_after_the_verdict_takes_nothing_back(daemon):
    with daemon.connect() as milter:
        begin(milter, b"kept", recipients=2)
        milter.packet(b"E")
        assert milter.answer()[0] == b"c"
        milter.packet(b"A")
        milter.packet(b"Q")
        assert milter.hangs_up()
    daemon.expected["kept"] = (1, 2)
    daemon.is_unharmed()


@pytest.mark.parametrize("offer", [(6, ALL_ACTIONS, ALL_STEPS), (6, ALL_ACTIONS, 0)],
                         ids=["steps waived", "all steps"])
def test_connection_goes_on_with_another_smtp_session(daemon, offer):
    """QUIT_NC: the next session speaks on this connection, without another negotiation."""
    with daemon.connect(offer) as milter:
        begin(milter)  # unfinished: libmilter ignores QUIT_NC here
        milter.packet(b"K")
        for _ in range(3):
            milter.step(b"C", b"client.example.net", b"U")
            daemon.ordinary(milter)
            milter.packet(b"K")
        assert milter.is_silent(0.05)  # no answer is one too many
    daemon.is_unharmed()


def test_connection_that_goes_on_is_still_known_to_hold_mail(new_daemon):
    daemon = new_daemon(rules=[{"name": "message", "recipients": 20, "action": "hold"}]).start()
    with daemon.connect() as milter:
        daemon.ordinary(milter)
        milter.packet(b"K")
        begin(milter, b"held")
        milter.packet(b"E")
        assert [milter.answer()[0], milter.answer()[0]] == [b"q", b"c"]
    assert daemon.one_bulk_send()["action"] == "hold"


def test_libmilter_complains_of_nothing_on_a_connection_that_goes_on(daemon):
    """It would complain to syslog of each answer that the negotiation had waived."""
    with daemon.connect() as milter, said_to_syslog(daemon) as said:
        daemon.ordinary(milter)  # QUIT_NC is ignored before
        milter.packet(b"K")
        daemon.ordinary(milter)
    assert not said(), said()
    daemon.is_unharmed()


@contextlib.contextmanager
def said_to_syslog(daemon):
    """Gives a function that returns the system calls to syslog, whether anybody listens there."""
    trace = daemon.dir / "trace"
    strace = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=connect,sendto", "-o", trace,
                               "-p", str(daemon.process.pid)], stderr=subprocess.PIPE)
    wait_for(lambda: all("TracerPid:\t0" not in status
                         for status in threads_of(daemon.process.pid)), "strace to see every thread")
    try:
        yield lambda: [line for line in trace.read_text().splitlines() if "/dev/log" in line]
    finally:
        strace.terminate()
        strace.wait()


# ------------------------------------------------------------------------ MTAs of other times

OFFERS = {
    **{f"version {version}": offer for version, offer in OLD_OFFERS.items()},
    "version 7": (7, ALL_ACTIONS, ALL_STEPS),
    "version 2^31-1": (2 ** 31 - 1, ALL_ACTIONS, ALL_STEPS),
    "nothing but a version": (6, 0, 0),
    "no quarantine": (6, ALL_ACTIONS & ~QUARANTINE, ALL_STEPS),
    "no choice of macros": (6, ALL_ACTIONS & ~SET_MACROS, ALL_STEPS),
    "no steps": (6, ALL_ACTIONS, 0),
    "all bits": (6, 0xffffffff, 0xffffffff & ~0x30000000),
}


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_mta_that_offers_less_or_more_is_served(daemon, offer):
    with daemon.connect(offer) as milter:
        assert milter.version == min(offer[0], 6)
        assert milter.steps & ~offer[2] == 0 or offer[2] == 0
        assert milter.actions & ~offer[1] == 0
        for _ in range(3):
            daemon.ordinary(milter)
        assert milter.is_silent(0.05)
    daemon.is_unharmed()


@pytest.mark.parametrize("version", [0, 1, 2 ** 31, 2 ** 32 - 1])
def test_mta_of_no_such_version_is_refused(daemon, version):
    with daemon.connect(None) as milter:
        milter.packet(b"O", struct.pack("!III", version, ALL_ACTIONS, ALL_STEPS))
        assert milter.hangs_up()
    daemon.is_unharmed()


def test_only_the_macros_that_are_needed_are_asked_for(daemon):
    with daemon.connect() as milter:
        lists, rest = {}, milter.macros_wanted
        while rest:
            names, _, after = rest[4:].partition(b"\0")
            lists[struct.unpack("!I", rest[:4])[0]], rest = set(names.split()), after
    assert set().union(*lists.values()) == {b"i", b"{auth_authen}", b"{client_addr}"}
    daemon.is_unharmed()


# --------------------------------------------------------------------------- noise and floods

@pytest.mark.parametrize("seed", range(4))
def test_random_bytes_harm_nobody(daemon, seed):
    chance = random.Random(seed)
    for _ in range(100):
        with daemon.connect(chance.choice([None, (6, ALL_ACTIONS, ALL_STEPS)])) as milter:
            try:
                milter.raw(chance.randbytes(chance.choice([1, 4, 5, 6, 100, 5000])))
                # Packets of the right form with rubbish in them; macros have a test of their own.
                for _ in range(chance.randrange(20)):
                    milter.packet(chance.choice([b"%c" % c for c in range(256) if c != ord("D")]),
                                  chance.randbytes(chance.randrange(50)))
            except ConnectionError:
                pass
    daemon.is_unharmed()


@pytest.mark.parametrize("seed", range(4))
def test_mails_with_flipped_bits_harm_nobody(daemon, seed):
    """Of a mail that is almost right; its end of message does not come, so nothing may count."""
    chance = random.Random(seed)
    right = [MAIL, *[packet(b"R", strings(b"<r%d@example.net>" % n)) for n in range(5)],
             packet(b"L", strings(b"Subject", b"=?utf-8?Q?caf=C3=A9?="))]
    for _ in range(100):
        wrong = []
        for data in chance.choices(right, k=8):
            data = bytearray(data)
            for _ in range(chance.randrange(3)):
                # Not the command: a macro packet may kill, see below.
                at = chance.choice([n for n in range(len(data)) if n != 4])
                data[at] ^= 1 << chance.randrange(8)
            wrong.append(bytes(data))
        with daemon.connect() as milter:
            try:
                milter.raw(MACROS + b"".join(wrong))
            except ConnectionError:
                pass
    daemon.is_unharmed()


def test_flood_of_macros_takes_no_memory_for_good(daemon, sanitized):
    flood = packet(b"D", b"M" + strings(b"{client_addr}", b"127.0.0.1",
                                        *[b"x", b"y"] * 16000))
    with daemon.connect() as milter:
        for _ in range(500):
            milter.raw(flood)
        daemon.ordinary(milter)
        if not sanitized:
            assert daemon.usage().kilobytes < daemon.before.kilobytes + 20_000
    daemon.is_unharmed()


def test_sender_of_commands_who_reads_no_answer_harms_nobody(daemon):
    with daemon.connect() as deaf:
        deaf.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            while True:
                deaf.raw(packet(b"H", strings(b"host")) * 1000)
        assert daemon.median_secs() < 0.1
    daemon.is_unharmed()


# ----------------------------------------------------------- macros with a name and no value

ODD_MACROS = {
    "one name": [b"{x}"],
    "one long name": [b"{" + b"x" * 100 + b"}"],
    "one wanted name": [b"{client_addr}"],
    "a pair and a name": [b"i", b"4ABC", b"{x}"],
    "many pairs and a name": [b"i", b"4ABC"] * 500 + [b"{x}"],
    "an empty name": [b""],
}


@pytest.mark.parametrize("names", ODD_MACROS.values(), ids=ODD_MACROS)
def test_crash_by_macros_without_value_loses_nothing(daemon, names, record_property):
    """libmilter reads behind its list then: what becomes of it is chance, or the sender's choice.

    Whether the daemon dies of it or not, what it acknowledged is in the ledger, each once, and it
    starts again without help.
    """
    resource.prlimit(daemon.process.pid, resource.RLIMIT_CORE, (0, 0))
    for _ in range(20):
        daemon.ordinary()
    offer = (6, ALL_ACTIONS, ALL_STEPS)
    try:
        with daemon.connect(offer, timeout=5) as milter:
            # What libmilter has freed it uses for its list, with what stood there before.
            for size in (24, 8 * (len(names) + 1) + 8) * 8:
                milter.packet(b"H", b"A" * (size - 1) + b"\0")
                milter.answer()
            milter.packet(b"D", b"M" + strings(*names))
            milter.packet(b"M", strings(b"<bad@example.gov.vn>"))
            milter.answer()
            milter.packet(b"A")
    except (ConnectionError, TimeoutError):
        pass
    if came_to_an_end(daemon):
        record_property("died", True)
        daemon.start()
    daemon.is_unharmed()


def came_to_an_end(daemon):
    """True if the daemon has crashed, or does so now; forgets what a sanitizer said of it."""
    try:
        daemon.process.wait(1)
    except subprocess.TimeoutExpired:
        return False
    daemon.process = None
    daemon.stderr.write_bytes(b"")
    return True


def test_unit_starts_it_again_however_often_and_lets_descriptors_run_out_before_threads():
    unit = dict(line.split("=", 1) for line in UNIT.read_text().splitlines()
                if "=" in line and not line.startswith("#"))
    assert (unit["Restart"], unit["StartLimitIntervalSec"]) == ("always", "0")
    assert unit["WatchdogSec"] == "2min"
    assert int(unit["TasksMax"]) > int(unit["LimitNOFILE"])


# -------------------------------------------------------------------- many at the same time

@pytest.fixture
def many_descriptors():
    """This process needs them too."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_1000_idle_sessions_slow_nobody(daemon, many_descriptors, record_property):
    alone = daemon.median_secs()
    idle = [daemon.connect() for _ in range(1000)]
    for milter in idle[::2]:
        begin(milter, recipients=1)
    crowded = daemon.median_secs()
    threads = daemon.usage().threads
    record_property("median_ms_alone", alone * 1000)
    record_property("median_ms_with_1000_idle", crowded * 1000)
    for milter in idle:
        milter.close()
    assert threads <= daemon.before.threads + 4
    assert crowded < 0.1, f"{alone * 1000:.1f} ms alone, {crowded * 1000:.1f} ms beside 1000"
    daemon.is_unharmed()


def test_100_half_sent_packets_slow_nobody(daemon, record_property):
    alone = daemon.median_secs()
    halves = [daemon.connect() for _ in range(100)]
    for n, milter in enumerate(halves):
        milter.raw(MAIL[:1 + n % (len(MAIL) - 1)])
    times = [daemon.ordinary() for _ in range(41)]
    beside = statistics.median(times)
    record_property("median_ms_alone", alone * 1000)
    record_property("median_ms_beside_100_halves", beside * 1000)
    record_property("max_ms_beside_100_halves", max(times) * 1000)
    for milter in halves:
        milter.close()
    assert beside < 0.1, f"{alone * 1000:.1f} ms alone, {beside * 1000:.1f} ms beside 100 halves"
    # One of them may have to wait for the watch's round; see the next test.
    assert max(times) < 5
    daemon.is_unharmed()


def test_sessions_that_libmilter_forgot_are_served_soon(daemon):
    """libmilter wakes an idle worker for each session that has something to say, but does not
    notice that it has woken the same one twice: of sessions that speak at the same moment, more
    than there are idle workers, some wait until yet another speaks. Here nobody else does."""
    for _ in range(5):  # it is a matter of chance each time
        speak_all_at_once(daemon)
    daemon.is_unharmed()


def speak_all_at_once(daemon):
    sessions = [daemon.connect(timeout=10) for _ in range(100)]
    # Most only hold up a worker, lest it be free for the next.
    speakers = sessions[4::5]
    # It sees all of them at once when it wakes up.
    daemon.process.send_signal(signal.SIGSTOP)
    for milter in sessions:
        milter.raw(MACROS + MAIL if milter in speakers else MAIL[:7])
    daemon.process.send_signal(signal.SIGCONT)
    assert [milter.answer()[0] for milter in speakers] == [b"c"] * len(speakers)
    for milter in sessions:
        milter.close()


# ------------------------------------------------------------------- descriptors used up

def limit_descriptors(daemon, most):
    """Of the two limits the lower one: to raise the other again takes a right of its own."""
    hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (most, hard))


def knock_in_vain(daemon, count):
    """Connections that the kernel queues and the daemon cannot accept."""
    return [daemon.connect(None) for _ in range(count)]


def test_descriptors_used_up_and_freed(daemon):
    with daemon.connect() as served:
        most = daemon.usage().descriptors + 40
        limit_descriptors(daemon, most)
        crowd = knock_in_vain(daemon, 60)
        wait_for(lambda: daemon.usage().descriptors >= most, "all descriptors to be in use")
        daemon.wait_for_log("event=descriptors .*are in use; when all are")
        # Who has a connection is served as ever.
        daemon.ordinary(served)
        start = daemon.usage().cpu_secs
        time.sleep(1)  # how busy it is for a second
        busy = daemon.usage().cpu_secs - start
        for one in crowd:
            one.close()
    daemon.ordinary()
    daemon.wait_for_log("event=descriptors .*enough are free again")
    assert busy < 1.5, "one thread of libmilter's spins, no more"
    daemon.is_unharmed()
    stays(lambda: daemon.log().count("event=descriptors") == 2, 1.5, "one line a change")


def test_limit_of_descriptors_is_raised_at_start(new_daemon):
    daemon = new_daemon()
    mine = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, mine[1]))
    try:
        daemon.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, mine)
    assert resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE) == (mine[1], mine[1])
    daemon.is_unharmed()


def test_systemd_is_told_that_all_is_well_while_connections_are_answered(daemon):
    """WatchdogSec restarts a daemon that does not tell it."""
    daemon.stop()
    daemon.environment["WATCHDOG_USEC"] = "120000000"
    daemon.start()
    said = lambda: daemon.notify.told().count("WATCHDOG=1")  # noqa: E731
    wait_for(lambda: said() >= 2, "two words to the watchdog")
    limit_descriptors(daemon, daemon.usage().descriptors + 1)
    crowd = knock_in_vain(daemon, 30)
    daemon.wait_for_log("event=listening .*no new connection was answered", 40)
    last = said()
    time.sleep(2.5)  # rounds of the watch, in which nothing may be said
    assert said() == last
    for one in crowd:
        one.close()
    limit_descriptors(daemon, 1024)
    wait_for(lambda: said() >= last + 2, "the watchdog to be told again")
    daemon.wait_for_log("event=listening .*are answered again")
    daemon.is_unharmed()


def test_socket_that_was_deleted_is_noticed(daemon):
    daemon.socket.unlink()
    daemon.wait_for_log("event=listening .*no new connection was answered.*No such file", 40)
    assert daemon.process.poll() is None


# ------------------------------------------------------------------------- threads used up

# A user of Debian's that runs nothing: the limit counts all that a user runs.
NOBODY_ELSE = "games"


def limit_threads(daemon, most):
    """As that user: the limits of another's process are not ours to change."""
    subprocess.run(["prlimit", f"--pid={daemon.process.pid}", f"--nproc={most}:"], check=True,
                   user=NOBODY_ELSE, group=NOBODY_ELSE, extra_groups=[])


def test_threads_used_up_and_freed(new_daemon):
    daemon = new_daemon(user=NOBODY_ELSE)
    daemon.dir.chmod(0o755)
    for path in (daemon.dir, daemon.database.parent, daemon.spool):
        subprocess.run(["chown", NOBODY_ELSE, str(path)], check=True)
    daemon.start()
    served = daemon.connect()
    limit_threads(daemon, 1)
    daemon.wait_for_log("event=threads .*no thread can be made")
    # The workers that there are go on.
    daemon.ordinary(served)
    # These take them all, and the last ones hang.
    halves = [daemon.connect(None) for _ in range(8)]
    for milter in halves:
        milter.raw(MAIL[:7])
    with daemon.connect(None) as hanging:
        hanging.packet(b"O", struct.pack("!III", 6, ALL_ACTIONS, ALL_STEPS))
        assert hanging.is_silent(1)
    limit_threads(daemon, 10000)
    daemon.wait_for_log("event=threads .*can be made again")
    for milter in halves:
        milter.close()
    assert daemon.median_secs() < 0.1
    served.close()
    daemon.ordinary()
    daemon.told_the_truth()
    # What hung keeps its descriptor, as the log says; a restart frees it.
    assert daemon.usage().descriptors <= daemon.before.descriptors + 12
    daemon.restart()
    daemon.is_unharmed()
