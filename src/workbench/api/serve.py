"""Runs the application on a loopback socket until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Iterator

import uvicorn

from workbench.api.auth import AsgiApp
from workbench.model.errors import WorkbenchError

HOST = "127.0.0.1"


class PortInUse(WorkbenchError):
    """Another program listens on the port."""

    code = "port_in_use"
    http_status = 409


def bind(port: int) -> socket.socket:
    """Returns a listening loopback socket; port 0 takes a free one. Raises PortInUse."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortInUse(
                f"port {port} on {HOST} cannot be taken: {error.strerror}",
                remedy="stop the program that uses it, or choose another: workbench up --port N",
            ) from error
        raise
    # Listening from now on, whoever is told that the server is ready finds it so.
    listener.listen(2048)
    listener.set_inheritable(False)
    return listener


class _Uvicorn(uvicorn.Server):
    """Ends on SIGINT and SIGTERM, and leaves the process alive to close the house behind it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Uvicorn's own raises the signal again once it has ended, and the default of SIGTERM would then kill
        # the process before ledger and connectors are closed and the address is taken back.
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


class Server:
    """One uvicorn server over a socket that is already bound."""

    def __init__(self, application: AsgiApp, listener: socket.socket) -> None:
        self._listener = listener
        self._server = _Uvicorn(
            uvicorn.Config(
                application,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                date_header=False,
                ws="websockets-sansio",
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=1,
            )
        )

    async def run(self) -> None:
        """Serves until `stop`, SIGINT or SIGTERM."""
        await self._server.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Ends `run` soon; open streams are cut."""
        self._server.should_exit = True
