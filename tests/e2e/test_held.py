"""Held mail on a real Postfix: released, discarded, and what others did with it meanwhile."""

import fcntl
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import threading

import pytest

from bulkwatch_lab import (BULKWATCH, DOMAIN, SENDER, Postfix, addresses, alone, message,
                           text_of, wait_for)
from terminal import on_terminal

HOLD = {"rules": [{"name": "message", "recipients": 20, "action": "hold"}]}
HOLD_WINDOW = {"rules": [{"name": "window", "recipients": 20, "window": "10m", "action": "hold"}]}
RECIPIENTS = [f"staff{n}@{DOMAIN}" for n in range(1, 31)]


@pytest.fixture(autouse=True)
def empty_hold_queue(postfix):
    yield
    postfix.discard_held()


def unasked(word):
    """The option with which discard asks nobody."""
    return ["--yes"] if word == "discard" else []


def order(lab, word, *more, case=1, **how):
    """Gives `bulkwatch release` or `discard` about the private Postfix."""
    return lab.daemon.bulkwatch(word, str(case), "--by", "lan", "--config-dir",
                                str(lab.postfix.confdir), *unasked(word), *more, **how)


def order_with(lab, folder, word, *more, where="own", limits=(), **programs):
    """The same where other scripts stand in the place of the mail server's programs: None is one
    that nobody may run. The true ones are "true-NAME" in the folder.

    where: "own" names the private Postfix with --config-dir; "all" names none.
    limits: options of prlimit(1).
    """
    places = []
    for name, script in programs.items():
        fake = folder / name
        fake.write_text(f"#!/bin/sh\n{script}")
        fake.chmod(0o755 if script else 0o644)
        shutil.copy(f"/usr/sbin/{name}", folder / f"true-{name}")
        places.append(f"mount --bind {fake} /usr/sbin/{name} && ")
    named = ["--config-dir", lab.postfix.confdir] if where == "own" else []
    limited = ["prlimit", *limits] if limits else []
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", "".join(places) + 'exec "$@"', "sh", *limited, BULKWATCH,
         "-c", lab.daemon.config, word, "1", "--by", "lan", *named,
         *unasked(word), *more],
        capture_output=True, text=True)
    done.stderr = alone(done.stderr)
    return done


def instances(*folders):
    """A postmulti that lists these."""
    return "".join(f"echo 'postfix-{n} - n {folder}'\n" for n, folder in enumerate(folders))


def hold(lab, recipients=RECIPIENTS, **parts):
    """Sends a message that is held, and returns its queue id."""
    before = set(lab.postfix.held())
    lab.send(recipients, **parts)
    [queue_id] = set(lab.postfix.held()) - before
    return queue_id


def states(lab, case=1):
    return [(mail["queue_id"], mail["state"])
            for mail in lab.daemon.bulkwatch("show", str(case))["held_messages"]]


def events(lab, case=1):
    return [(line["event"], line["by"], line["note"])
            for line in lab.daemon.bulkwatch("show", str(case))["history"]
            if line["event"] in ("released", "discarded", "gone")]


def copies(lab, recipient, subject):
    """How many files of the Maildir are this message."""
    box = lab.postfix.maildir(recipient)
    return sum(f"Subject: {subject}\n".encode() in file.read_bytes()
               for folder in ("new", "cur") if (box / folder).exists()
               for file in (box / folder).iterdir())


def delivered(lab, queue_id):
    lab.postfix.wait_for_log(rf"qmgr\[\d+\]: {queue_id}: removed")


def test_released_mail_reaches_each_recipient_once_and_is_not_counted_again(new_lab):
    lab = new_lab(**HOLD_WINDOW).start()
    queue_id = hold(lab, subject="held-once")
    counted = lab.daemon.counted(SENDER)
    [mail] = order(lab, "release")["held_messages"]
    assert (mail["queue_id"], mail["state"], mail["by"]) == (queue_id, "released", "lan")
    delivered(lab, queue_id)
    assert [copies(lab, who, "held-once") for who in RECIPIENTS] == [1] * len(RECIPIENTS)
    assert lab.postfix.held() == []
    assert lab.daemon.counted(SENDER) == counted == (1, 30)
    found = lab.daemon.one_bulk_send()
    assert (found["messages"], found["held"], found["action"]) == (1, 0, "hold")
    assert events(lab) == [("released", "lan", queue_id)]


def test_discarded_mail_is_gone_and_reaches_nobody(new_lab):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab, subject="held-discarded")
    done = order(lab, "discard", json=False)
    assert re.search(r"^Bulk send 1: 1 message discarded\.$", done.stdout, re.M)
    assert re.search(rf"^  {queue_id}  .* 30  discarded  .*  lan$", done.stdout, re.M)
    assert queue_id not in lab.postfix.queue()  # the alert may be on its way
    assert [copies(lab, who, "held-discarded") for who in RECIPIENTS] == [0] * len(RECIPIENTS)
    assert events(lab) == [("discarded", "lan", queue_id)]
    report = lab.daemon.bulkwatch("report", "--month", lab.daemon.one_bulk_send()["first_at"][:7],
                                  "--format", "html", json=False).stdout
    assert "tới tổng cộng 0 người nhận" in report
    assert "1 thư tới 30 lượt nhận bị tạm giữ rồi xóa bỏ, không gửi đi" in report


def test_all_held_messages_of_the_case_and_no_others_are_released(new_lab):
    lab = new_lab(**HOLD).start()
    ids = [hold(lab, subject=f"one-of-{n}") for n in range(3)]
    other = hold(lab, sender=f"staff2@{DOMAIN}")
    assert {m["queue_id"] for m in order(lab, "release")["held_messages"]} == set(ids)
    assert lab.postfix.held() == [other]
    assert states(lab) == [(queue_id, "released") for queue_id in ids]
    assert states(lab, case=2) == [(other, "waiting")]


def test_hundreds_of_messages_are_done_in_parts(new_lab):
    lab = new_lab(**HOLD_WINDOW).start()
    with lab.session(login=SENDER) as session:
        for n in range(250):
            session.transact(SENDER, [RECIPIENTS[n % 30]], message(SENDER))
    held = lab.postfix.held()
    assert len(held) == 231
    done = order(lab, "discard", json=False)
    assert "Bulk send 1: 231 messages discarded." in done.stdout
    assert lab.postfix.held() == []
    assert len(events(lab)) == 231


def test_what_went_wrong_with_the_first_hundred_is_told_behind_the_others(new_lab, tmp_path):
    lab = new_lab(**HOLD_WINDOW).start()
    with lab.session(login=SENDER) as session:
        for n in range(130):
            session.transact(SENDER, [RECIPIENTS[n % 30]], message(SENDER))
    held = lab.postfix.held()
    assert len(held) == 111
    done = order_with(lab, tmp_path, "release", postqueue=(
        'case "$*" in *" -i "*)\n'
        f"    [ -e {tmp_path}/tried ] && exit 0\n"
        f"    touch {tmp_path}/tried\n"
        "    echo 'postqueue: fatal: not now' >&2\n"
        "    exit 1 ;;\n"
        f'esac\nexec {tmp_path}/true-postqueue "$@"\n'))
    [said] = done.stderr.splitlines()
    assert "it could not be tried at once: " in said and said.endswith("fatal: not now")
    assert done.returncode == 0 and "Bulk send 1: 111 messages released." in done.stdout
    assert sorted(events(lab)) == sorted(("released", "lan", queue_id) for queue_id in held)
    lab.postfix.flush()
    wait_for(lambda: not {*held} & {*lab.postfix.queue()}, "the mail to leave")


def test_case_without_held_mail_is_told_so(new_lab):
    lab = new_lab().start()
    lab.send(addresses(20))
    done = order(lab, "release", json=False, status=1)
    assert "bulk send 1 holds no mail that waits" in done.stderr
    done = order(lab, "discard", case=7, json=False, status=1)
    assert "there is no bulk send 7" in done.stderr


def test_second_release_has_nothing_to_do(new_lab):
    lab = new_lab(**HOLD).start()
    hold(lab)
    order(lab, "release")
    assert "holds no mail" in order(lab, "release", json=False, status=1).stderr
    assert len(events(lab)) == 1


@pytest.mark.parametrize("option", ["-H", "-d"])
def test_mail_that_postsuper_took_behind_our_back_is_no_longer_held(new_lab, option):
    lab = new_lab(**HOLD).start()
    taken, left = hold(lab), hold(lab)
    subprocess.run(["postsuper", "-c", str(lab.postfix.confdir), option, taken], check=True,
                   capture_output=True)
    done = order(lab, "discard", json=False)
    assert "Bulk send 1: 1 message discarded, 1 no longer held." in done.stdout
    assert states(lab) == [(taken, "gone"), (left, "discarded")]
    assert events(lab) == [("gone", "lan", taken), ("discarded", "lan", left)]
    if option == "-H":
        # Somebody let it go: it is on its way, and is not deleted.
        lab.postfix.flush()
        delivered(lab, taken)


def test_mail_that_somebody_lets_go_at_the_last_moment_is_not_deleted(new_lab, tmp_path):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab, subject="last-moment")
    true = tmp_path / "true-postsuper"
    done = order_with(lab, tmp_path, "discard", postsuper=(
        f"{true} -c {lab.postfix.confdir} -H {queue_id}\nexec {true} \"$@\"\n"))
    assert "Bulk send 1: 1 message no longer held." in done.stdout
    lab.postfix.flush()
    delivered(lab, queue_id)
    assert copies(lab, RECIPIENTS[0], "last-moment") == 1


def test_mail_that_an_instance_without_our_socket_does_not_hold_is_not_gone(new_lab):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab)
    with Postfix() as other:
        done = lab.daemon.bulkwatch("release", "1", "--config-dir", str(other.confdir),
                                    json=False, status=1)
        assert f"{other.confdir} does not hold 1 of the messages" in done.stderr
        other.remove()
    assert "1 message still held" in done.stdout
    assert states(lab) == [(queue_id, "waiting")]
    assert events(lab) == []
    assert [case["id"] for case in lab.daemon.bulkwatch("list", "--held")] == [1]
    order(lab, "release")
    assert states(lab) == [(queue_id, "released")]
    delivered(lab, queue_id)


def test_mail_of_any_instance_is_found_without_its_name(new_lab, tmp_path):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab)
    with Postfix() as other:
        done = order_with(lab, tmp_path, "release", where="all",
                          postmulti=instances(other.confdir, lab.postfix.confdir))
        other.remove()
    assert (done.returncode, done.stderr) == (0, "")
    assert states(lab) == [(queue_id, "released")]
    delivered(lab, queue_id)


@pytest.mark.parametrize("postmulti, sentence", [
    (None, "the queue of /nowhere: postqueue ended with status 69: fatal: open /nowhere/main.cf"),
    ("echo 'postmulti: fatal: no instances' >&2; exit 1",
     "postmulti ended with status 1: fatal: no instances"),
])
def test_nothing_is_gone_while_an_instance_cannot_be_read(new_lab, tmp_path, postmulti, sentence):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab)
    done = order_with(lab, tmp_path, "release", where="all",
                      postmulti=postmulti or instances(lab.postfix.confdir, "/nowhere"))
    assert done.returncode == 1
    assert sentence in done.stderr
    assert states(lab) == [(queue_id, "waiting")]
    assert [case["id"] for case in lab.daemon.bulkwatch("list", "--held")] == [1]


def test_mail_that_no_instance_holds_is_gone_but_looked_for_again(new_lab, tmp_path):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab)
    with Postfix() as other:
        done = order_with(lab, tmp_path, "release", where="all",
                          postmulti=instances(other.confdir))
        other.remove()
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 message no longer held" in done.stdout
    assert re.search(rf"{queue_id} .* no longer held", lab.daemon.bulkwatch(
        "show", "1", json=False).stdout)
    order(lab, "discard")
    assert states(lab) == [(queue_id, "discarded")]


def test_queue_id_that_two_instances_hold_is_left_alone(new_lab, tmp_path):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab)
    again = tmp_path / "again"
    again.symlink_to(lab.postfix.confdir)
    done = order_with(lab, tmp_path, "discard", where="all",
                      postmulti=instances(lab.postfix.confdir, again))
    assert done.returncode == 1
    assert f"two hold a mail as {queue_id}, {lab.postfix.confdir} and {again};" in done.stderr
    assert states(lab) == [(queue_id, "waiting")]
    assert lab.postfix.held() == [queue_id]


def test_mail_that_waited_days_for_pickup_is_released(new_lab):
    lab = new_lab(**HOLD)
    # The milter is not there, so it stays in maildrop; as old as a long weekend.
    lab.postfix.sendmail(SENDER, RECIPIENTS, message(SENDER).replace(b"\r\n", b"\n"))
    lab.postfix.wait_for_log(r"cleanup\[\d+\]: .*can't connect|milter")
    [waiting] = (lab.postfix.dir / "queue/maildrop").iterdir()
    text = waiting.read_bytes()
    since = int(re.match(rb"T.(\d{10})", text)[1])
    with open(waiting, "r+b") as file:
        file.write(text.replace(b"%d" % since, b"%d" % (since - 3 * 86400), 1))
    lab.start()
    # Pickup takes all that is there when something comes.
    lab.postfix.sendmail(SENDER, RECIPIENTS[:1], b"From: a\n\nhello\n")
    [queue_id] = wait_for(lab.postfix.held, "the mail to be held")
    done = order(lab, "release", json=False)
    assert done.stderr == ""
    assert states(lab) == [(queue_id, "released")]
    delivered(lab, queue_id)


def test_queue_id_that_is_another_mail_by_now_is_left_alone(new_lab):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab)
    with sqlite3.connect(lab.daemon.database) as database:
        database.execute("UPDATE held SET at = at - 172800000")
    done = order(lab, "discard", json=False, status=1)
    assert f"holds as {queue_id} now came long after the message" in done.stderr
    assert states(lab) == [(queue_id, "waiting")]
    assert events(lab) == []
    assert lab.postfix.held() == [queue_id]


def test_queue_of_hundreds_of_thousands_takes_little_memory(new_lab, tmp_path, sanitized):
    if sanitized:
        pytest.skip("a sanitizer takes all the memory that there may be")
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab)
    line = ('{"queue_name": "%s", "queue_id": "%X", "arrival_time": 1795372440, '
            '"message_size": 500, "sender": "a@example.net", "recipients": '
            '[{"address": "b@example.net", "delay_reason": "no route to host"}]}\\n')
    done = order_with(lab, tmp_path, "discard", limits=["--as=100000000"], postqueue=(
        f"""awk 'BEGIN {{ for (i = 0; i < 400000; i++)
            printf("{line.replace('"', chr(92) + '"')}", i % 20 ? "deferred" : "hold", i + 1e9)
        }}'\nexec {tmp_path}/true-postqueue "$@"\n"""))
    assert (done.returncode, done.stderr) == (0, "")
    assert states(lab) == [(queue_id, "discarded")]


def test_lock_that_others_may_take_keeps_nobody_waiting(new_lab):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab)
    folder = os.open(lab.daemon.database.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        done = subprocess.run(
            [BULKWATCH, "-c", lab.daemon.config, "discard", "1", "--yes", "--config-dir",
             lab.postfix.confdir], capture_output=True, text=True, timeout=25)
    finally:
        os.close(folder)
    assert (done.returncode, alone(done.stderr)) == (0, "")
    assert states(lab) == [(queue_id, "discarded")]


@pytest.mark.parametrize("queue_id", ["-d", "ALL", "-", "../hold/x", "a b", "A\\nB", "$(reboot)",
                                      "", "A" * 60])
def test_what_is_no_queue_id_reaches_no_tool(new_lab, queue_id, tmp_path):
    lab = new_lab(**HOLD).start()
    left = hold(lab)
    lab.daemon.stop()
    with sqlite3.connect(lab.daemon.database) as database:
        database.execute("UPDATE held SET queue_id = ?", (queue_id,))
    done = order_with(lab, tmp_path, "discard", postsuper=f"touch {tmp_path}/called")
    assert done.returncode == 1
    assert "is no queue id of Postfix" in done.stderr
    assert [state for _, state in states(lab)] == ["waiting"]
    assert not (tmp_path / "called").exists()
    assert lab.postfix.held() == [left]


def test_two_admins_at_once_do_each_message_once(new_lab):
    lab = new_lab(**HOLD).start()
    ids = [hold(lab, subject=f"two-admins-{n}") for n in range(8)]
    answers = {}

    def admin(word):
        answers[word] = lab.daemon.bulkwatch(word, "1", "--by", word, "--config-dir",
                                             str(lab.postfix.confdir), *unasked(word),
                                             json=False, status=None)

    admins = [threading.Thread(target=admin, args=(word,)) for word in ("release", "discard")]
    for thread in admins:
        thread.start()
    for thread in admins:
        thread.join()
    assert sorted(done.returncode for done in answers.values()) == [0, 1]
    [winner] = [word for word, done in answers.items() if done.returncode == 0]
    assert "holds no mail that waits" in answers[({*answers} - {winner}).pop()].stderr
    assert events(lab) == [({"release": "released", "discard": "discarded"}[winner], winner, i)
                           for i in ids]
    for queue_id in ids if winner == "release" else []:
        delivered(lab, queue_id)
    expected = 1 if winner == "release" else 0
    assert [copies(lab, RECIPIENTS[0], f"two-admins-{n}") for n in range(8)] == [expected] * 8


def test_only_root_may(new_lab):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           BULKWATCH, "-c", lab.daemon.config, "release", "1"],
                          capture_output=True, text=True)
    assert done.returncode == 1
    assert ("only root may release held mail: "
            f"sudo bulkwatch -c '{lab.daemon.config}' release 1\n") in done.stderr
    assert states(lab) == [(queue_id, "waiting")]


def test_mail_server_that_is_not_installed_is_told(new_lab, tmp_path):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab)
    # Nobody may run what is no program.
    done = order_with(lab, tmp_path, "release", postsuper=None, postqueue=None, sendmail=None)
    assert done.returncode == 1
    assert "neither Postfix nor Sendmail is installed" in done.stderr
    assert states(lab) == [(queue_id, "waiting")]
    done = order(lab, "release", "--mta", "sendmail", json=False, status=1)
    assert "is not Sendmail's" in done.stderr


@pytest.mark.parametrize("beside", [{}, {"postsuper": None, "postqueue": None}],
                         ids=["beside Postfix", "alone"])
def test_nothing_is_gone_while_a_sendmail_does_not_answer(new_lab, tmp_path, beside):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab)
    with Postfix() as other:  # which does not hold it
        done = order_with(lab, tmp_path, "discard", where="all", sendmail="kill -KILL $$\n",
                          postmulti=instances(other.confdir), **beside)
        other.remove()
    assert done.returncode == 1
    assert "sendmail -d0.1 -bt ended with status 137" in done.stderr
    assert states(lab) == [(queue_id, "waiting")]


def test_settings_folder_that_is_not_there_changes_nothing(new_lab):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab)
    done = lab.daemon.bulkwatch("release", "1", "--config-dir", "/nowhere", json=False, status=1)
    assert "open /nowhere/main.cf: No such file or directory" in done.stderr
    assert states(lab) == [(queue_id, "waiting")]


def test_what_was_done_before_postsuper_failed_is_written_down(new_lab, tmp_path):
    lab = new_lab(**HOLD).start()
    done_id, left_id = hold(lab), hold(lab)
    done = order_with(lab, tmp_path, "discard", postsuper=(
        f'read id\necho $id | {tmp_path}/true-postsuper "$@"\n'
        "echo 'postsuper: fatal: no space' >&2\nexit 1\n"))
    assert done.returncode == 1
    assert "postsuper ended with status 1: fatal: no space" in done.stderr
    assert "Bulk send 1: 1 message discarded, 1 still held." in done.stdout
    assert states(lab) == [(done_id, "discarded"), (left_id, "waiting")]
    assert lab.postfix.held() == [left_id]


def test_what_was_done_before_the_command_was_ended_is_written_down(new_lab, tmp_path):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab)
    done = order_with(lab, tmp_path, "discard", postsuper=(
        f'{tmp_path}/true-postsuper "$@"\nkill -TERM $PPID\n'))
    assert done.returncode == -signal.SIGTERM
    assert states(lab) == [(queue_id, "discarded")]
    assert events(lab) == [("discarded", "lan", queue_id)]


def test_discard_asks_on_a_terminal(new_lab):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab, subject="held-asked")
    words = ("discard", "1", "--by", "lan", "--config-dir", str(lab.postfix.confdir))
    shown = on_terminal(lab.daemon, *words, answer="n\n")
    assert "Delete 1 held message of bulk send 1? Nobody gets it, " in shown
    assert "nothing was deleted" in shown
    assert lab.postfix.held() == [queue_id]
    assert "Bulk send 1: 1 message discarded." in on_terminal(lab.daemon, *words, answer="y\n")
    assert lab.postfix.held() == []


def test_discard_asks_about_all_that_it_may_delete(new_lab):
    lab = new_lab(**HOLD).start()
    hold(lab)
    with sqlite3.connect(lab.daemon.database) as database:
        database.execute("UPDATE held SET state = 4")  # it was looked for in vain
    words = ("discard", "1", "--by", "lan", "--config-dir", str(lab.postfix.confdir))
    shown = on_terminal(lab.daemon, *words, columns=200, answer="n\n")
    assert "Delete 1 held message of bulk send 1? Nobody gets it, " in shown
    hold(lab)
    shown = on_terminal(lab.daemon, *words, columns=200, answer="y\n")
    assert ("Delete 1 held message of bulk send 1, and up to 1 that were not found before? "
            "Nobody gets them, ") in shown
    assert "Bulk send 1: 2 messages discarded." in shown


def test_one_message_of_several_is_released_by_its_queue_id(new_lab):
    lab = new_lab(**HOLD).start()
    first, second = (hold(lab, subject=f"held-one-{n}") for n in range(2))
    assert f"has no held message {first}X; " in order(
        lab, "release", second, f"{first}X", json=False, status=1).stderr
    assert states(lab) == [(first, "waiting"), (second, "waiting")]
    order(lab, "release", second)
    assert states(lab) == [(first, "waiting"), (second, "released")]
    assert lab.postfix.held() == [first]


def test_alert_and_digest_give_the_commands(new_lab):
    lab = new_lab(**HOLD).start()
    hold(lab, subject="Giấy mời")
    [alert] = lab.alerts.wait()
    body = text_of(alert)
    assert "Đã xử lý thư:    tạm giữ trên máy chủ, chưa gửi đi\n" in body
    assert "Số thư đang tạm giữ, chờ quyết định: 1\n" in body
    for word in ("release", "discard"):
        assert f"\n  bulkwatch -c '{lab.daemon.config}' {word} 1\n" in body
    # Of a closed case, too. Midnight is past: the digest goes out at once.
    lab.daemon.bulkwatch("close", "1", "--outcome", "compromised")
    lab.daemon.set(alerts={"digest": "00:00"})
    lab.daemon.restart()
    body = text_of(lab.alerts.wait(2)[1])
    waiting = body[body.index("Thư đang tạm giữ, chờ quyết định"):]
    assert re.search(
        rf"\A.*:\n  1  [\d-]+ [\d:]+  {SENDER}  .*  1 thư đang tạm giữ  .*Giấy mời\n", waiting)
    program = f"bulkwatch -c '{lab.daemon.config}'"
    assert f"\n  {program} release SỐ\n  {program} discard SỐ\n" in waiting


def test_list_names_cases_with_held_mail(new_lab):
    lab = new_lab(rules=HOLD["rules"] + [{"name": "log", "recipients": 15}]).start()
    lab.send(addresses(15), sender=f"staff2@{DOMAIN}")
    hold(lab)
    assert [case["id"] for case in lab.daemon.bulkwatch("list", "--held")] == [2]
    text = lab.daemon.bulkwatch("list", json=False).stdout
    assert re.search(r"^ 2 .* new, 1 held +Test$", text, re.M)
    assert ("\nHeld: 1 message is still held; "
            f"`bulkwatch -c '{lab.daemon.config}' release 2` lets it go") in text
    order(lab, "discard", case=2)
    assert lab.daemon.bulkwatch("list", "--held", json=False).stdout == "no mail is held\n"


def test_closed_case_says_that_mail_is_held_and_stays_in_the_list_of_held(new_lab):
    lab = new_lab(**HOLD).start()
    hold(lab)
    done = lab.daemon.bulkwatch("close", "1", "--outcome", "unreported", json=False)
    program = f"bulkwatch -c '{lab.daemon.config}'"
    assert (f"Held: 1 message is still held; `{program} release 1` lets it go, "
            f"`{program} discard 1` deletes it.") in done.stdout
    assert [case["id"] for case in lab.daemon.bulkwatch("list", "--held")] == [1]
    assert lab.daemon.bulkwatch("list", "--held", "--status", "open") == []
    order(lab, "discard")


def test_show_tells_of_held_mail(new_lab):
    lab = new_lab(**HOLD).start()
    queue_id = hold(lab)
    text = lab.daemon.bulkwatch("show", "1", json=False).stdout
    assert re.search(r"^  Action +hold; 1 message is still held$", text, re.M)
    assert re.search(rf"^Held mail\n +QUEUE ID .*\n +{queue_id} +.* 30  held", text, re.M)
    assert re.search(rf"^ +[\d-]+ [\d:]+ +{queue_id} .*\n      still held$", text, re.M)
    order(lab, "release")
    text = lab.daemon.bulkwatch("show", "1", json=False).stdout
    assert f"lan released held mail {queue_id}\n" in text
    assert "\n      was held, released by lan, " in text
    assert "still held" not in text


# What Sendmail prints about one message in quarantine.
SENDMAIL_LISTING = """\
case "$*" in
*-d0.1*) echo "Version 8.17.1.9" ;;
*"-bp "*)
    [ -e {control} ] || exit 0
    printf '\\t\\t%s (1 request)\\n-----Q-ID-----\\n' {data}
    echo '{part}        8 Sun Nov 22 18:56 <a@example.net>'
    echo '     QUARANTINE: bulkwatch {whole}: rule message' ;;
esac
"""


@pytest.mark.parametrize("where", ["in parted folders", "on another disk"])
def test_every_file_of_a_mail_in_a_large_sendmail_queue_is_deleted(new_lab, tmp_path, where):
    whole, part = "6AMIuhjS028437", "6AMIuhjT028437"
    lab = new_lab(**HOLD).start()
    hold(lab)
    with sqlite3.connect(lab.daemon.database) as database:
        database.execute("UPDATE held SET queue_id = ?", (whole,))
    for name in ("queue", "queue/qf", "queue/df", "queue/xf", "disk", "programs"):
        (tmp_path / name).mkdir()
    parted = where == "in parted folders"
    listed = tmp_path / ("queue/df" if parted else "queue")
    control = tmp_path / ("queue/qf" if parted else "queue") / f"hf{part}"
    data = (listed if parted else tmp_path / "disk") / f"df{part}"
    transcript = tmp_path / ("queue/xf" if parted else "queue") / f"xf{part}"
    control.write_text("V8\n" + ("" if parted else f"d{tmp_path}/disk\n") + "qbulkwatch\n.\n")
    other = data.with_name("df6AMIuhjX028437")
    for file in (data, transcript, other):
        file.write_text("what is written in the mail\n")
    done = order_with(lab, tmp_path / "programs", "discard", "--mta", "sendmail",
                      sendmail=SENDMAIL_LISTING.format(control=control, data=listed, part=part,
                                                       whole=whole))
    assert (done.returncode, done.stderr) == (0, "")
    assert [file.exists() for file in (control, data, transcript, other)] == [False] * 3 + [True]
    assert states(lab) == [(whole, "discarded")]


def test_mail_that_sendmail_holds_beside_postfix_is_found(new_lab, tmp_path):
    lab = new_lab(**HOLD).start()
    hold(lab)
    with sqlite3.connect(lab.daemon.database) as database:
        database.execute("UPDATE held SET queue_id = '6AMIuhjS028437'")
    (tmp_path / "queue").mkdir()
    control = tmp_path / "queue/hf6AMIuhjS028437"
    control.write_text("V8\nqbulkwatch\n.\n")
    done = order_with(lab, tmp_path, "discard", where="all",
                      postmulti=instances(lab.postfix.confdir),
                      sendmail=SENDMAIL_LISTING.format(
                          control=control, data=tmp_path / "queue", part="6AMIuhjS028437",
                          whole="6AMIuhjS028437"))
    assert (done.returncode, done.stderr) == (0, "")
    assert not control.exists()
    assert states(lab) == [("6AMIuhjS028437", "discarded")]


def test_sendmail_lists_its_queue_once_for_hundreds_of_messages(new_lab, tmp_path):
    lab = new_lab(**HOLD_WINDOW).start()
    with lab.session(login=SENDER) as session:
        for n in range(250):
            session.transact(SENDER, [RECIPIENTS[n % 30]], message(SENDER))
    with sqlite3.connect(lab.daemon.database) as database:
        database.execute("UPDATE held SET queue_id = printf('6AMIuh%08d', id)")
        ids = [row[0] for row in database.execute("SELECT queue_id FROM held ORDER BY id")]
    queue, listing = tmp_path / "queue", tmp_path / "listing"
    queue.mkdir()
    for queue_id in ids:
        (queue / f"hf{queue_id}").write_text("V8\nqbulkwatch\n.\n")
    listing.write_text(f"\t\t{queue} (231 requests)\n" + "".join(
        f"{i}        8 Sun Nov 22 18:56 <a@example.net>\n" for i in ids))
    done = order_with(lab, tmp_path, "discard", "--mta", "sendmail", sendmail=(
        'case "$*" in\n*-d0.1*) echo "Version 8.17.1.9" ;;\n'
        f"*\"-bp \"*) echo listed >> {tmp_path}/times; cat {listing} ;;\nesac\n"))
    assert (done.returncode, done.stderr) == (0, "")
    assert states(lab) == [(queue_id, "discarded") for queue_id in ids] and len(ids) == 231
    assert list(queue.iterdir()) == []
    assert (tmp_path / "times").read_text() == "listed\n"
