"""A line between a program and its PostgreSQL that a test can cut, slow down, or have lose one answer."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


class FaultyLine:
    """Cut, it ends each connection and takes no other; `delay_seconds` go by before each piece is carried."""

    def __init__(self, url: str, folder: Path) -> None:
        """`url` is a PostgreSQL at a Unix socket; `folder` gets the line's own end."""
        parts = urlsplit(url)
        self._target = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        folder.mkdir()
        self.url = f"{url.partition('?')[0]}?host={folder}"
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(f"{folder}/.s.PGSQL.5432")
        self._server.listen(64)
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self._word = b""
        self.delay_seconds = 0.0
        self.has_lost = threading.Event()
        self._closing = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Ends every connection; who connects is let go at once until the line is mended."""
        self._is_cut = True
        for one in list(self._open):
            _end(one)

    def mend(self) -> None:
        self._is_cut = False

    def lose_answer(self, word: bytes) -> None:
        """Has the next transaction that holds the word committed, and its caller cut off unanswered."""
        self._word = word

    def close(self) -> None:
        self._closing.set()
        self.cut()
        _end(self._server)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if self._is_cut:
                near.close()
                continue
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(self._target)
            except OSError:
                near.close()
                far.close()
                continue
            self._open |= {near, far}
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        said = b""
        loses = False
        with contextlib.suppress(OSError, ValueError):  # a closed one has no number
            while True:
                ready, _, _ = select.select([near, far], [], [])
                if self.delay_seconds:
                    self._closing.wait(self.delay_seconds)
                if far in ready:
                    data = far.recv(65536)
                    if loses or not data:
                        break
                    near.sendall(data)
                if near in ready:
                    data = near.recv(65536)
                    if not data:
                        break
                    said += data
                    if b"COMMIT\0" in data:
                        loses = bool(self._word) and self._word in said
                        said = b""
                    far.sendall(data)
        if loses:
            self._word = b""
            self.has_lost.set()
        for one in (near, far):
            self._open.discard(one)
            _end(one)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextlib.contextmanager
def faulty_line(url: str, folder: Path) -> Iterator[FaultyLine]:
    """A line to this PostgreSQL for the block."""
    made = FaultyLine(url, folder)
    try:
        yield made
    finally:
        made.close()
