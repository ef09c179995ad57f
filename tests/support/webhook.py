"""A real HTTP server that takes notices, and can be told to refuse or to hang."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook:
    """What was posted comes out of `next`; while `status` is not 200 nothing is taken."""

    def __init__(self, port: int) -> None:
        self.status = 200
        self.hanging = threading.Event()
        self.hanging.set()
        self._taken: queue.Queue[dict[str, Any]] = queue.Queue()
        self._refused: queue.Queue[dict[str, Any]] = queue.Queue()
        outer = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                # Held back as long as `hanging` is not set.
                outer.hanging.wait()
                status = outer.status
                (outer._taken if status == 200 else outer._refused).put(posted)
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    # Slack's own word for having taken it; others do not look at it.
                    said = b"ok" if status == 200 else b"no"
                    self.send_header("Content-Length", str(len(said)))
                    self.end_headers()
                    self.wfile.write(said)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Answer)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook-of-some-secret"

    def next(self) -> dict[str, Any]:
        """The next notice that was taken."""
        return self._taken.get(timeout=60)

    def next_refused(self) -> dict[str, Any]:
        return self._refused.get(timeout=60)

    def is_empty(self) -> bool:
        return self._taken.empty()

    def close(self) -> None:
        self.hanging.set()
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def listening(port: int = 0) -> Iterator[Webhook]:
    """A webhook on this port of the loopback, or on a free one."""
    hook = Webhook(port)
    try:
        yield hook
    finally:
        hook.close()
