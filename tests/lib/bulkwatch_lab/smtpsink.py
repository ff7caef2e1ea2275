"""An SMTP server that takes mail as badly as it is told to."""

import base64
import socketserver
import threading

OK = "ok"                # takes all
REFUSE = "refuse"        # 550 to every RCPT
REFUSE_FIRST = "first"   # 550 to the first RCPT of a mail, takes the others
BUSY = "busy"            # 451 to every RCPT
DROP = "drop"            # hangs up in the middle of DATA
LATE_DROP = "late-drop"  # reads the whole mail, and hangs up without an answer
TAKEN_DROP = "taken-drop"  # the same, but it takes the mail
LATE_BUSY = "late-busy"  # 451 to the whole mail
LATE_REFUSE = "late-refuse"  # 554 to the whole mail
GREETS_BUSY = "greets-busy"  # 421 instead of a greeting
SLOW = "slow"            # says a byte a second
SILENT = "silent"        # accepts the connection and never says a word
AUTH = "auth"            # wants a login before MAIL

LATE_ANSWERS = {LATE_BUSY: "451 4.3.0 come back later", LATE_REFUSE: "554 5.7.1 no"}


class SmtpSink:
    """Listens on a loopback port from start() to stop(). mode may be changed at any time.

    mode: one of the above; or bytes, all that it ever says, whatever it hears.
    on_mail: called with each mail that was taken, if it is set.
    mails: what was taken: (sender, [recipients], bytes).
    attempts: how many connections there were.
    logins: the (user, password) pairs that were offered; any is taken.
    """

    def __init__(self, port=0, mode=OK):
        self.mode = mode
        self.mails = []
        self.logins = []
        self.on_mail = None
        self.attempts = 0
        self.port = port
        self.ending = threading.Event()
        self.server = None

    def start(self):
        sink = self

        class Handler(_Handler):
            pass

        Handler.sink = sink
        self.server = _Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        self.ending.set()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.port}"


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


class _Handler(socketserver.StreamRequestHandler):
    sink = None
    timeout = 60

    def handle(self):
        self.sink.attempts += 1
        if self.sink.mode == SILENT:
            self.sink.ending.wait(60)
            return
        try:
            if isinstance(self.sink.mode, bytes):
                self.wfile.write(self.sink.mode)
                while self.rfile.read1(4096):
                    pass
                return
            if self.sink.mode == GREETS_BUSY:
                self.say("421 4.3.2 not now")
                return
            self.say("220 sink ESMTP")
            while self.turn(self.rfile.readline().decode(errors="replace").strip()):
                pass
        except OSError:
            pass

    def say(self, *lines):
        text = "".join(line + "\r\n" for line in lines).encode()
        if self.sink.mode != SLOW:
            self.wfile.write(text)
            return
        for n in range(len(text)):
            self.wfile.write(text[n:n + 1])
            if self.sink.ending.wait(1):
                raise OSError("the end")

    def turn(self, line):
        """Answers one command; False ends the session."""
        verb = line[:4].upper()
        answer = getattr(self, "on_" + verb.lower(), None) if verb.isalpha() else None
        if not line:
            return False
        if answer is None:
            self.say("502 5.5.1 what?")
            return True
        return answer(line) is not False

    def on_ehlo(self, _):
        self.sender, self.recipients, self.refused = None, [], 0
        self.say("250-sink", "250-AUTH PLAIN", "250 8BITMIME" )

    on_helo = on_ehlo

    def on_auth(self, line):
        words = line.split()
        if len(words) < 3:
            self.say("334 ")
            words.append(self.rfile.readline().decode().strip())
        _, user, password = base64.b64decode(words[2]).decode().split("\0")
        self.sink.logins.append((user, password))
        self.say("235 2.7.0 welcome")
        self.logged_in = True

    def on_mail(self, line):
        if self.sink.mode == AUTH and not getattr(self, "logged_in", False):
            self.say("530 5.7.0 log in first")
            return
        self.sender, self.recipients, self.refused = _path(line), [], 0
        self.say("250 2.1.0 ok")

    def on_rcpt(self, line):
        if self.sink.mode == REFUSE or (self.sink.mode == REFUSE_FIRST and not self.refused):
            self.refused += 1
            self.say("550 5.1.1 no such user")
        elif self.sink.mode == BUSY:
            self.say("451 4.3.0 come back later")
        else:
            self.recipients.append(_path(line))
            self.say("250 2.1.5 ok")

    def on_data(self, _):
        if not self.recipients:
            self.say("503 5.5.1 no recipients")
            return True
        self.say("354 go on")
        if self.sink.mode == DROP:
            self.rfile.readline()
            return False
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        if self.sink.mode == LATE_DROP or not line:
            return False
        if self.sink.mode in LATE_ANSWERS:
            self.say(LATE_ANSWERS[self.sink.mode])
            return True
        mail = (self.sender, self.recipients, b"".join(lines))
        self.sink.mails.append(mail)
        if self.sink.on_mail:
            self.sink.on_mail(mail)
        if self.sink.mode == TAKEN_DROP:
            return False
        self.say("250 2.0.0 taken")
        return True

    def on_rset(self, _):
        self.sender, self.recipients, self.refused = None, [], 0
        self.say("250 2.0.0 ok")

    def on_noop(self, _):
        self.say("250 2.0.0 ok")

    def on_quit(self, _):
        self.say("221 2.0.0 bye")
        return False


def _path(line):
    return line[line.index("<") + 1:line.index(">")]
