"""A mail server with a bulkwatchd attached to it, and the mailbox where its alerts arrive."""

from . import mail
from .daemon import Daemon
from .postfix import ADMIN
from .sendmail import LoginSession

# Who sends where a test does not care.
SENDER = "staff1@example.gov.vn"
# Somewhere on the internet: a client that is in no outbound network.
STRANGER = "203.0.113.9"

_AS_SENDER = object()


class Lab:
    """Joins a running Postfix and a Daemon of its own.

    listen, listener: where the daemon listens, and Postfix's listener that asks it there.
    admin: who gets the alerts; a user of Postfix's.
    parent: the folder for the daemon's directory; the system's for temporary files if None.
    settings: the daemon's, as Daemon takes them.
    """

    # How a client talks to the server, and the address of one in no outbound network.
    client_session = mail.Session
    stranger = STRANGER

    def __init__(self, postfix, admin=ADMIN, listen=None, listener="smtp", parent=None,
                 **settings):
        self.postfix = postfix
        self.port = postfix.ports[listener]
        self.admin = admin
        self.daemon = Daemon(listen or f"unix:{postfix.socket}", parent=parent,
                             alerts={"to": [admin], "smtp": f"smtp://127.0.0.1:{postfix.port}"})
        self.daemon.set(**settings)

    def change(self, **settings):
        """Changes settings; they take effect at the next start or reload."""
        self.daemon.set(**settings)
        return self

    def start(self):
        self.daemon.start()
        return self

    def remove(self):
        self.daemon.remove()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.remove()

    @property
    def alerts(self):
        """The mailbox of the admin."""
        return mail.Mailbox(self.postfix.maildir(self.admin))

    def session(self, login=SENDER, client=None):
        """An SMTP session with the server; by default one that is logged in."""
        return self.client_session(self.port, login, client)

    def send(self, recipients, sender=SENDER, login=_AS_SENDER, **more):
        """Sends one message; by default with a login of the sender's name. See mail.send."""
        return mail.send(self.port, sender, recipients,
                         login=sender if login is _AS_SENDER else login,
                         session=self.client_session, **more)

    def receive(self, recipients, sender="someone@example.org", **more):
        """Sends one message as a stranger would: from outside, with no login."""
        return mail.send(self.port, sender, recipients, client=self.stranger,
                         session=self.client_session, **more)


class SendmailLab(Lab):
    """The same with a running Sendmail.

    It knows no XCLIENT: logins are real ones, and all clients are in 127.0.0.0/8, of which only
    127.0.0.1 is outbound here.
    """

    client_session = LoginSession
    stranger = "127.9.9.9"

    def __init__(self, sendmail, **more):
        outbound = {"networks": ["127.0.0.1/32"]} | more.pop("outbound", {})
        super().__init__(sendmail, outbound=outbound, **more)
        self.sendmail = sendmail
        sendmail.add_login(SENDER)
