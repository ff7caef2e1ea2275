"""A small mail server laboratory: what the end-to-end tests and the demonstration are made of.

Everything runs in temporary directories and on loopback; nothing of the machine's own mail system
is read, changed or started.
"""

from . import smtpsink
from .daemon import (BULKWATCH, BULKWATCHD, CommandFailed, Daemon, Faketime, alone, libconfig,
                     run_bulkwatch)
from .lab import SENDER, Lab, SendmailLab
from .mail import Mailbox, Session, addresses, message, send, text_of
from .milter import Milter
from .postfix import ADMIN, DOMAIN, Postfix
from .sendmail import SPLIT_DOMAIN, Sendmail, shipped_filter
from .smtpsink import SmtpSink
from .waiting import accepts, free_port, stays, wait_for

__all__ = ["ADMIN", "BULKWATCH", "BULKWATCHD", "CommandFailed", "DOMAIN", "Daemon", "Faketime",
           "Lab", "Mailbox", "Milter", "Postfix", "SENDER", "SPLIT_DOMAIN", "Sendmail",
           "SendmailLab", "Session", "SmtpSink", "accepts", "addresses", "alone", "free_port",
           "libconfig", "message", "run_bulkwatch", "send", "shipped_filter", "smtpsink", "stays", "text_of",
           "wait_for"]
