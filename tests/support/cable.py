"""A cable between a program and PostgreSQL that a test can freeze, as a partition does, and thaw again."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_PIECE = 65536


class Cable:
    """Frozen, it carries nothing and closes nothing: neither end can tell."""

    def __init__(self, url: str, folder: Path) -> None:
        """`url` is a PostgreSQL at a Unix socket; `folder` gets the cable's own."""
        parts = urlsplit(url)
        self._target = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        folder.mkdir()
        # Read and written by whatever user PostgreSQL's client is.
        folder.chmod(0o777)
        self.url = f"{url.partition('?')[0]}?host={folder}"
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(f"{folder}/.s.PGSQL.5432")
        self._server.listen(64)
        self._carries = threading.Event()
        self._carries.set()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        self._carries.clear()

    def thaw(self) -> None:
        self._carries.set()

    def close(self) -> None:
        self._carries.set()
        for one in (self._server, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            self._sockets += [near, far]
            threading.Thread(target=self._connect, args=(near, far), daemon=True).start()

    def _connect(self, near: socket.socket, far: socket.socket) -> None:
        self._carries.wait()
        try:
            far.connect(self._target)
        except OSError:
            near.close()
            return
        threading.Thread(target=self._carry, args=(near, far), daemon=True).start()
        self._carry(far, near)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_PIECE):
                self._carries.wait()
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def cable(url: str, folder: Path) -> Iterator[Cable]:
    """A cable to this PostgreSQL for the block."""
    assert os.path.isabs(folder)
    made = Cable(url, folder)
    try:
        yield made
    finally:
        made.close()
