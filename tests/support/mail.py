"""A real SMTP server on the loopback: it takes mail from who signs in, and can be told to refuse it."""

from __future__ import annotations

import base64
import contextlib
import queue
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

USER, PASSWORD = "bench", "correct-horse-battery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail as it came over the wire: the envelope and the message."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def text(self) -> str:
        """The plain text, or what a reader without it would see."""
        body = self.message.get_body(("plain", "html"))
        assert body is not None
        return str(body.get_content())


class MailServer:
    """Mail that was taken comes out of `next`; while `refusal` is not empty it is the answer to DATA."""

    def __init__(self) -> None:
        self.refusal = ""
        self._taken: queue.Queue[Mail] = queue.Queue()
        self._refused: queue.Queue[str] = queue.Queue()
        outer = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):
                    outer._talk(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """The address for apprise; what it says of encryption is that the loopback has none."""
        return (
            f"mailto://{USER}:{PASSWORD}@127.0.0.1:{self.port}/"
            "?mode=insecure&from=bench@example.invalid&to=ann@example.invalid"
        )

    def next(self) -> Mail:
        return self._taken.get(timeout=60)

    def next_refused(self) -> str:
        """The answer that a sender got who was refused."""
        return self._refused.get(timeout=60)

    def is_empty(self) -> bool:
        return self._taken.empty()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _talk(self, session: socketserver.StreamRequestHandler) -> None:
        """One session: RFC 5321 with AUTH PLAIN of RFC 4954; who has not signed in is not heard."""

        def say(line: str) -> None:
            session.wfile.write(line.encode() + b"\r\n")

        sender, recipients, is_known = "", list[str](), False
        say("220 loopback ready")
        for raw in session.rfile:
            line = raw.decode().strip()
            verb = line.split(" ")[0].upper()
            if verb == "EHLO":
                say("250-loopback")
                say("250 AUTH PLAIN")
            elif verb == "AUTH":
                given = base64.b64decode(line.split(" ")[2]).decode().split("\0")
                is_known = given[1:] == [USER, PASSWORD]
                say("235 welcome" if is_known else "535 who are you")
            elif verb == "QUIT":
                say("221 bye")
                return
            elif not is_known:
                say("530 sign in first")
            elif verb == "MAIL":
                sender, recipients = line.partition("<")[2].partition(">")[0], []
                say("250 ok")
            elif verb == "RCPT":
                recipients.append(line.partition("<")[2].partition(">")[0])
                say("250 ok")
            elif verb == "DATA":
                say("354 go on")
                data = _read_data(session)
                if self.refusal:
                    self._refused.put(self.refusal)
                    say(self.refusal)
                    continue
                message = message_from_bytes(data, policy=policy.default)
                assert isinstance(message, EmailMessage)
                self._taken.put(Mail(sender=sender, recipients=tuple(recipients), message=message))
                say("250 taken")
            else:
                say("250 ok")


def _read_data(session: socketserver.StreamRequestHandler) -> bytes:
    lines = []
    for line in session.rfile:
        if line == b".\r\n":
            break
        lines.append(line[1:] if line.startswith(b"..") else line)
    return b"".join(lines)


@contextlib.contextmanager
def taking_mail() -> Iterator[MailServer]:
    server = MailServer()
    try:
        yield server
    finally:
        server.close()
