"""What is counted and what is not: guarantees 1, 2, 8 and 9."""

import pytest

from bulkwatch_lab import SENDER, addresses, message, send, wait_for


def test_g01_only_accepted_recipients_count(lab):
    unknown = [f"nobody{n}@example.gov.vn" for n in range(10)]
    lab.send(addresses(15) + unknown)
    assert lab.daemon.bulk_sends() == []
    assert lab.daemon.counted(SENDER) == (1, 15)


def test_g01_message_with_every_recipient_refused_counts_for_nothing(lab):
    with lab.session() as session:
        session.mail_from(SENDER)
        for n in range(25):
            assert session.docmd(f"RCPT TO:<nobody{n}@example.gov.vn>")[0] == 550
        session.rset()
        assert session.transact(SENDER, addresses(1), message(SENDER))[0] == 250
    assert lab.daemon.counted(SENDER) == (1, 1)


def test_g01_transaction_ended_by_rset_counts_for_nothing(lab):
    with lab.session() as session:
        session.mail_from(SENDER)
        session.rcpt_to(*addresses(25))
        session.rset()
        assert session.transact(SENDER, addresses(3, start=100), message(SENDER))[0] == 250
    assert lab.daemon.bulk_sends() == []
    assert lab.daemon.counted(SENDER) == (1, 3)


def test_g01_second_mail_command_after_helo_begins_anew(lab):
    with lab.session() as session:
        session.mail_from(SENDER)
        session.rcpt_to(*addresses(19))
        session.ehlo()
        assert session.transact(SENDER, addresses(19, start=100), message(SENDER))[0] == 250
    assert lab.daemon.bulk_sends() == []
    assert lab.daemon.counted(SENDER) == (1, 19)


def test_g01_connection_lost_before_data_counts_for_nothing(lab):
    session = lab.session()
    session.mail_from(SENDER)
    session.rcpt_to(*addresses(25))
    session.drop()
    lab.postfix.wait_for_log(r"lost connection after RCPT")
    lab.send(addresses(1))
    assert lab.daemon.counted(SENDER) == (1, 1)
    assert lab.daemon.bulk_sends() == []


def test_g01_connection_lost_during_data_counts_for_nothing(lab):
    session = lab.session()
    session.mail_from(SENDER)
    session.rcpt_to(*addresses(25))
    session.must("DATA")
    session.send(b"Subject: half a message\r\n\r\nand then noth")
    session.drop()
    lab.postfix.wait_for_log(r"lost connection after DATA")
    lab.send(addresses(1))
    assert lab.daemon.counted(SENDER) == (1, 1)
    assert lab.daemon.bulk_sends() == []


def test_g01_message_refused_by_the_server_after_data_counts_for_nothing(new_lab):
    lab = new_lab(listener="refusing").start()
    lab.send(addresses(25), expect=554)
    lab.port = lab.postfix.port
    lab.send(addresses(1))
    assert lab.daemon.counted(SENDER) == (1, 1)
    assert lab.daemon.bulk_sends() == []


@pytest.mark.parametrize("listener", ["smtp", "tcp"])
def test_g02_nineteen_recipients_are_quiet_and_twenty_are_not(new_lab, listener):
    lab = new_lab(listener=listener).start()
    lab.send(addresses(19))
    assert lab.daemon.bulk_sends() == []
    other = "staff2@example.gov.vn"
    lab.send(addresses(20), sender=other)
    [found] = lab.daemon.bulk_sends()
    assert (found["sender"], found["identity"]) == (other, "login")
    assert (found["trigger"], found["rule"]) == ("message", "message")
    assert (found["messages"], found["recipients"], found["distinct_recipients"]) == (1, 20, 20)


def test_g02_twenty_single_mails_within_the_window_are_one_bulk_send(lab):
    with lab.session() as session:
        for n, recipient in enumerate(addresses(20), 1):
            assert session.transact(SENDER, [recipient], message(SENDER))[0] == 250
            if n == 19:
                assert lab.daemon.bulk_sends() == []
    [found] = lab.daemon.bulk_sends()
    assert (found["trigger"], found["rule"]) == ("window", "window")
    assert (found["messages"], found["recipients"], found["distinct_recipients"]) == (20, 20, 20)


def test_g02_same_recipient_many_times_is_one_recipient(lab):
    same = ["Huong@Example.NET", "huong@example.net", "HUONG@EXAMPLE.net", "huong@example.net"]
    lab.send(addresses(18) + same)
    assert lab.daemon.bulk_sends() == []
    assert lab.daemon.counted(SENDER) == (1, 19)
    # The window is of distinct recipients too: all of them again change nothing.
    lab.send(addresses(18) + ["huong@EXAMPLE.NET"])
    assert lab.daemon.bulk_sends() == []
    lab.send(["one.more@example.net"])
    [found] = lab.daemon.bulk_sends()
    assert found["distinct_recipients"] == 20


def test_g02_senders_are_counted_apart(lab):
    for n in range(1, 6):
        lab.send(addresses(19, prefix=f"s{n}-"), sender=f"staff{n}@example.gov.vn")
    assert lab.daemon.bulk_sends() == []


def test_g02_one_login_is_one_sender_whatever_the_envelope_sender(lab):
    for n in range(20):
        lab.send([f"x{n}@example.net"], sender=f"alias{n}@example.gov.vn", login=SENDER)
    [found] = lab.daemon.bulk_sends()
    assert (found["sender"], found["identity"], found["messages"]) == (SENDER, "login", 20)


def test_many_messages_of_one_connection_are_counted_apart(lab):
    with lab.session() as session:
        for n in range(1, 8):
            recipients = addresses(2, start=2 * n)
            assert session.transact(SENDER, recipients, message(SENDER))[0] == 250
            session.docmd("RSET")
    assert lab.daemon.counted(SENDER) == (7, 14)


def test_inbound_mail_is_never_counted(lab):
    lab.receive([f"staff{n}@example.gov.vn" for n in range(1, 31)])
    for n in range(1, 31):
        lab.receive([f"staff{n}@example.gov.vn"])
    assert lab.daemon.bulk_sends() == []
    assert lab.daemon.bulkwatch("senders") == []


def test_inbound_mail_over_ipv6_is_never_counted(lab):
    staff = [f"staff{n}@example.gov.vn" for n in range(1, 31)]
    send(lab.port, "someone@example.org", staff, client="2001:db8::25")
    assert lab.daemon.bulk_sends() == []
    assert lab.daemon.bulkwatch("senders") == []


def test_client_in_an_outbound_ipv6_network_is_counted(new_lab):
    lab = new_lab(outbound={"networks": ["2001:db8:5::/48"]}).start()
    staff = [f"staff{n}@example.gov.vn" for n in range(1, 31)]
    send(lab.port, "office@example.gov.vn", staff, client="2001:db8:5::25")
    [found] = lab.daemon.bulk_sends()
    assert (found["client"], found["identity"]) == ("2001:db8:5::25", "envelope")


def test_sender_without_a_login_is_its_envelope_address(lab):
    lab.send(addresses(20), sender="Office@Example.gov.VN", login=None)
    [found] = lab.daemon.bulk_sends()
    assert (found["sender"], found["identity"]) == ("office@example.gov.vn", "envelope")
    assert found["client"] == "127.0.0.1"


def test_null_sender_is_counted_by_its_client(lab):
    lab.send(addresses(20), sender="", login=None)
    [found] = lab.daemon.bulk_sends()
    assert (found["sender"], found["identity"]) == ("127.0.0.1", "client")
    [proof] = lab.daemon.one_bulk_send()["evidence"]
    assert proof["mail_from"] == ""


def test_null_sender_with_a_login_is_counted_by_the_login(lab):
    lab.send(addresses(20), sender="", login=SENDER)
    [found] = lab.daemon.bulk_sends()
    assert (found["sender"], found["identity"]) == (SENDER, "login")


def test_real_sasl_login_is_the_sender(lab):
    lab.postfix.add_login("thu", "a good password")
    with lab.session(login=None) as session:
        session.login("thu@mail.example.gov.vn", "a good password")
        assert session.transact(SENDER, addresses(20), message(SENDER))[0] == 250
    [found] = lab.daemon.bulk_sends()
    assert (found["sender"], found["identity"]) == ("thu@mail.example.gov.vn", "login")


def test_logins_are_inbound_when_the_settings_say_so(new_lab):
    lab = new_lab(outbound={"logins": False, "networks": ["192.0.2.0/24"]}).start()
    lab.send(addresses(25))
    assert lab.daemon.bulkwatch("senders") == []


def test_g08_exempt_recipients_are_subtracted(new_lab):
    lab = new_lab(exempt={"recipients": ["archive@example.gov.vn", "*@lists.example.net"]}).start()
    exempt = addresses(5, domain="lists.example.net")
    lab.send(addresses(19) + exempt)
    assert lab.daemon.bulk_sends() == []
    lab.send(addresses(20, prefix="q") + exempt, sender="staff2@example.gov.vn")
    [found] = lab.daemon.bulk_sends()
    assert (found["sender"], found["recipients"]) == ("staff2@example.gov.vn", 20)


def test_g08_exempt_senders_are_in_the_ledger_only(new_lab):
    lab = new_lab(exempt={"senders": ["*@news.example.gov.vn"]}).start()
    lab.send(addresses(40), sender="letter@news.example.gov.vn")
    assert lab.daemon.bulk_sends() == []
    assert lab.daemon.counted("letter@news.example.gov.vn") == (1, 40)


def test_g08_exempt_clients_are_in_the_ledger_only(new_lab):
    lab = new_lab(exempt={"clients": ["198.51.100.0/24"]}).start()
    lab.send(addresses(40), client="198.51.100.77")
    assert lab.daemon.bulk_sends() == []
    assert lab.daemon.counted(SENDER) == (1, 40)
    lab.send(addresses(40), client="198.51.101.77", sender="staff2@example.gov.vn")
    assert len(lab.daemon.bulk_sends()) == 1


def test_g09_mail_from_the_sendmail_command_is_counted(lab):
    recipients = addresses(25)
    lab.postfix.sendmail("office@example.gov.vn", recipients, message("office@example.gov.vn"))
    wait_for(lab.daemon.bulk_sends, "pickup mail in the log of bulk sends")
    [found] = lab.daemon.bulk_sends()
    assert (found["sender"], found["identity"]) == ("office@example.gov.vn", "envelope")
    assert (found["recipients"], found["client"]) == (25, "127.0.0.1")


def test_g09_nothing_is_refused_at_rcpt(new_lab):
    """Far over every limit, RCPT and the end of the message are answered as ever."""
    lab = new_lab(rules=[{"name": "one", "recipients": 1}]).start()
    with lab.session() as session:
        session.mail_from(SENDER)
        session.rcpt_to(*addresses(60))  # fails at the first refusal
        assert session.data(message(SENDER))[0] == 250
    assert lab.daemon.one_bulk_send()["recipients"] == 60


def test_scope_external_counts_recipients_elsewhere_only(new_lab):
    lab = new_lab(rules=[{"name": "outside", "recipients": 20, "scope": "external"}]).start()
    staff = [f"staff{n}@example.gov.vn" for n in range(1, 31)]
    lab.send(staff + addresses(19))
    assert lab.daemon.bulk_sends() == []
    lab.send(staff + addresses(20))
    [found] = lab.daemon.bulk_sends()
    assert (found["recipients"], found["external_recipients"]) == (50, 20)


def test_count_total_counts_every_recipient_of_every_message(new_lab):
    lab = new_lab(rules=[{"name": "volume", "recipients": 30, "window": "10m", "count": "total"}])
    lab.start()
    for _ in range(2):
        lab.send(addresses(10))
    assert lab.daemon.bulk_sends() == []
    lab.send(addresses(10))
    [found] = lab.daemon.bulk_sends()
    assert (found["messages"], found["recipients"], found["distinct_recipients"]) == (3, 30, 10)


def test_rule_per_client_counts_every_sender_behind_it(new_lab):
    lab = new_lab(rules=[{"name": "machine", "recipients": 20, "window": "10m", "per": "client"}])
    lab.start()
    for n in range(1, 5):
        lab.send(addresses(5, prefix=f"c{n}-"), sender=f"staff{n}@example.gov.vn",
                 client="198.51.100.7")
    [found] = lab.daemon.bulk_sends()
    assert (found["sender"], found["identity"]) == ("198.51.100.7", "client")
    assert (found["messages"], found["recipients"]) == (4, 20)


def test_rules_for_some_senders_only(new_lab):
    lab = new_lab(rules=[
        {"name": "all", "recipients": 20, "except": ["office@example.gov.vn"]},
        {"name": "office", "recipients": 50, "senders": ["office@example.gov.vn"]}]).start()
    lab.send(addresses(49), sender="office@example.gov.vn")
    assert lab.daemon.bulk_sends() == []
    lab.send(addresses(50), sender="office@example.gov.vn")
    lab.send(addresses(20), sender=SENDER)
    assert [found["rule"] for found in lab.daemon.bulk_sends()] == ["all", "office"]
