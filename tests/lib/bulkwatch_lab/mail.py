"""Sending test mail, and reading what arrived."""

import email
import email.policy
import smtplib
from email.header import Header
from email.utils import make_msgid
from pathlib import Path

from .waiting import wait_for

# Ends each line of mail (RFC 5321 section 2.3.8). Sendmail refuses mail with a bare LF in it.
CRLF = "\r\n"


def addresses(count, domain="example.net", start=1, prefix="r"):
    """So many addresses, each another."""
    return [f"{prefix}{n}@{domain}" for n in range(start, start + count)]


def message(sender, subject="Test", message_id=None, body="A test.\n", headers=()):
    """A plain message as bytes.

    subject: encoded by RFC 2047 where it needs to be; None for none.
    message_id: with angle brackets; a fresh one if None, none at all if "".
    headers: further header lines, as they are (bytes or text).
    """
    lines = [f"From: {sender or 'MAILER-DAEMON'}"]
    if subject is not None:
        charset = None if subject.isascii() else "utf-8"
        lines.append(f"Subject: {Header(subject, charset).encode(linesep=CRLF)}")
    if message_id is None:
        message_id = make_msgid(domain="test.example.net")
    if message_id:
        lines.append(f"Message-ID: {message_id}")
    data = [line.encode() if isinstance(line, str) else line for line in [*lines, *headers]]
    return b"".join(line + CRLF.encode() for line in [*data, b"", *body.encode().splitlines()])


class Session(smtplib.SMTP):
    """An SMTP session, as any client and any login.

    login, client: made true by XCLIENT; without them the client is 127.0.0.1 and not logged in.
    """

    def __init__(self, port, login=None, client=None):
        super().__init__("127.0.0.1", port, local_hostname="client.example.net", timeout=60)
        self.ehlo()
        attributes = []
        if client:
            attributes.append(f"ADDR={'IPV6:' if ':' in client else ''}{client}")
        if login:
            attributes.append(f"LOGIN={xtext(login)}")
        if attributes:
            self.must("XCLIENT " + " ".join(attributes))
            self.ehlo()

    def must(self, command):
        """Sends a command and fails if the answer is a refusal."""
        code, text = self.docmd(command)
        assert code < 400, f"{command[:80]}: {code} {text!r}"
        return code, text

    def command(self, line):
        """Sends a line of any bytes but CR and LF, and returns (code, text)."""
        self.send(line + b"\r\n")
        return self.getreply()

    def mail_from(self, sender):
        return self.must(f"MAIL FROM:<{sender}>")

    def rcpt_to(self, *recipients):
        for recipient in recipients:
            self.must(f"RCPT TO:<{recipient}>")

    def transact(self, sender, recipients, data):
        """One message. Returns (code, text) of the end of DATA; RCPT may be refused.

        Commands go out together where the server takes that (RFC 2920): thousands of recipients
        would otherwise take as many round trips.
        """
        commands = [f"MAIL FROM:<{sender}>"] + [f"RCPT TO:<{r}>" for r in recipients]
        for start in range(0, len(commands), 500):
            batch = commands[start:start + 500]
            self.send("".join(line + "\r\n" for line in batch).encode())
            for line in batch:
                code, text = self.getreply()
                if line.startswith("MAIL") and code != 250:
                    raise AssertionError(f"{line}: {code} {text!r}")
        return self.data(data)

    def drop(self):
        """Closes the connection without a word."""
        self.close()


def xtext(text):
    """RFC 1891 xtext, as XCLIENT's attributes are written."""
    return "".join(c if 33 <= ord(c) <= 126 and c not in "+=" else
                   "".join(f"+{byte:02X}" for byte in c.encode()) for c in text)


def send(port, sender, recipients, login=None, client=None, raw=None, expect=250,
         session=Session, **parts):
    """Sends one message in a session of its own, and fails if it is not answered as expected.

    raw: the message's bytes; else message() makes them of the sender and the parts.
    session: what makes the session of port, login and client.
    Returns the answer to the end of DATA: (code, text).
    """
    data = raw if raw is not None else message(sender, **parts)
    with session(port, login, client) as server:
        code, text = server.transact(sender, recipients, data)
    assert code == expect, f"end of message was answered {code} {text!r}"
    return code, text


class Mailbox:
    """A Maildir."""

    def __init__(self, path):
        self.path = Path(path)

    def raw(self):
        """Each message's bytes, oldest first."""
        files = [*self.path.glob("new/*"), *self.path.glob("cur/*")]
        return [path.read_bytes() for path in sorted(files, key=lambda p: p.stat().st_mtime_ns)]

    def messages(self):
        """Each message as the email package's EmailMessage, oldest first."""
        return [email.message_from_bytes(data, policy=email.policy.default) for data in self.raw()]

    def wait(self, count=1, timeout=20):
        """Returns the messages once there are so many."""
        return wait_for(lambda: len(self.raw()) >= count and self.messages(),
                        lambda: f"{count} mail(s) in {self.path.name}; it has {len(self.raw())}",
                        timeout)


def text_of(mail):
    """The text of a mail's body, decoded."""
    return mail.get_body(("plain",)).get_content()
