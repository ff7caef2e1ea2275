"""Held mail on a real Sendmail: released and discarded as on Postfix."""

import fcntl
import re

import pytest

from bulkwatch_lab import BULKWATCH, DOMAIN, SENDER, SPLIT_DOMAIN, addresses, wait_for

RECIPIENTS = addresses(20)


@pytest.fixture
def lab(new_sendmail_lab, quarantine):
    return new_sendmail_lab(rules=[{"name": "message", "recipients": 20, "action": "hold"}]).start()


def order(lab, word, *more, status=0):
    """Gives `bulkwatch release` or `discard` where the private Sendmail is the machine's."""
    done = lab.sendmail.inside(BULKWATCH, "-c", lab.daemon.config, word, "1", "--by", "lan",
                               "--mta", "sendmail", "--config-dir", lab.sendmail.confdir,
                               *(["--yes"] if word == "discard" else []), *more, text=True)
    assert done.returncode == status, done
    return done


def hold(lab, recipients=RECIPIENTS, **parts):
    """Sends a message that is held, and returns its queue ids."""
    before = set(lab.sendmail.held())
    lab.send(recipients, **parts)
    return sorted(set(lab.sendmail.held()) - before)


def delivered(lab, message_id):
    """The recipients of all copies that went to other servers."""
    return sorted(who for _, recipients, data in lab.sendmail.sink.mails
                  if message_id.encode() in data for who in recipients)


def states(lab):
    return [(mail["queue_id"], mail["state"])
            for mail in lab.daemon.bulkwatch("show", "1")["held_messages"]]


def test_released_mail_is_delivered_once_and_not_counted_again(lab):
    [queue_id] = hold(lab, message_id="<released@example.gov.vn>")
    counted = lab.daemon.counted(SENDER)
    assert "Bulk send 1: 1 message released.\n  QUEUE ID" in order(lab, "release").stdout
    assert lab.sendmail.held() == []
    wait_for(lambda: lab.sendmail.queue() == [], "the mail to leave")
    assert delivered(lab, "<released@example.gov.vn>") == sorted(RECIPIENTS)
    assert lab.daemon.counted(SENDER) == counted == (1, 20)
    assert states(lab) == [(queue_id, "released")]
    assert "holds no mail that waits" in order(lab, "release", status=1).stderr


def test_discarded_mail_leaves_no_file_and_reaches_nobody(lab):
    [queue_id] = hold(lab, message_id="<discarded@example.gov.vn>")
    order(lab, "discard")
    assert [*(lab.sendmail.dir / "queue").rglob(f"??{queue_id}")] == []
    lab.sendmail.flush()
    assert delivered(lab, "<discarded@example.gov.vn>") == []
    assert states(lab) == [(queue_id, "discarded")]


@pytest.mark.parametrize("word", ["release", "discard"])
def test_mail_that_sendmail_split_is_one_message(lab, word):
    everyone = addresses(25, domain=SPLIT_DOMAIN)
    ids = hold(lab, everyone, message_id=f"<split-{word}@example.gov.vn>")
    assert len(ids) == 3
    order(lab, word)
    assert lab.sendmail.held() == []
    wait_for(lambda: lab.sendmail.queue() == [], "the mail to leave")
    assert delivered(lab, f"<split-{word}@example.gov.vn>") == (
        sorted(everyone) if word == "release" else [])
    [(queue_id, state)] = states(lab)
    assert queue_id in ids and state == {"release": "released", "discard": "discarded"}[word]


@pytest.mark.parametrize("word", ["release", "discard"])
def test_mail_that_sendmail_has_in_hand_stays_held(lab, word):
    [queue_id] = hold(lab)
    [path] = lab.sendmail.held_files()
    with open(path, "r+b") as control:
        fcntl.flock(control, fcntl.LOCK_EX)
        done = order(lab, word, status=1)
    assert "in use" in done.stderr and "1 message still held" in done.stdout
    assert states(lab) == [(queue_id, "waiting")]
    assert lab.sendmail.held() == [queue_id]
    order(lab, "discard")
    assert lab.sendmail.held() == []


def test_mail_that_others_released_is_no_longer_held(lab):
    [queue_id] = hold(lab)
    lab.sendmail.release(queue_id)
    assert "1 message no longer held" in order(lab, "discard").stdout
    assert states(lab) == [(queue_id, "gone")]


def test_mail_that_a_sendmail_without_our_socket_does_not_hold_is_not_gone(lab, tmp_path):
    [queue_id] = hold(lab)
    for folder in lab.sendmail.queuedirs:
        (tmp_path / folder.name).mkdir(0o700)
    cf = (lab.sendmail.confdir / "sendmail.cf").read_text()
    cf = re.sub("^(X|O InputMailFilters).*\n", "", cf, flags=re.M)
    (tmp_path / "sendmail.cf").write_text(cf.replace(f"{lab.sendmail.dir}/queue/", f"{tmp_path}/"))
    done = order(lab, "release", "--config-dir", str(tmp_path), status=1)
    assert f"{tmp_path} does not hold 1 of the messages" in done.stderr
    assert states(lab) == [(queue_id, "waiting")]


def test_only_mail_of_the_case_is_touched(lab):
    [queue_id] = hold(lab)
    [other] = hold(lab, sender=f"staff2@{DOMAIN}", login=SENDER, message_id="<other@x>")
    [another] = hold(lab, sender=f"staff3@{DOMAIN}", login=None)
    order(lab, "discard")
    assert lab.sendmail.held() == [another]
    assert states(lab) == [(queue_id, "discarded"), (other, "discarded")]
