"""Opens the one way out of a step's network namespace: listening sockets inside, their proxy outside.

Standard library only. bubblewrap makes the namespace; a short-lived child joins it, binds 127.0.0.1 there and
passes the sockets out, so nothing else ever leaves or enters it. The proxy is a process of its own beside the
shim: it ends when the shim closes `stop`, or dies. It is made only for a step that has a list of names.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import time
from collections.abc import Collection
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_IP_FREEBIND = 15
_HERE = "127.0.0.1"
_PATIENCE_SECONDS = 5.0
_END_SECONDS = 2.0


class Doorway:
    """The proxy of one step, seen from its shim. `ready` can be read once it serves or could not be made."""

    def __init__(self, network: dict[str, Any], masks: list[str], init: int) -> None:
        self.ready, ready_end = os.pipe()
        stop_end, self._stop = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                _become_proxy(network, masks, init, ready=ready_end, stop=stop_end)
            except BaseException as error:
                os.write(2, f"a step's proxy ended unexpectedly: {error!r}\n".encode())
            finally:
                os._exit(1)
        os.close(ready_end)
        os.close(stop_end)

    def read_problem(self) -> str:
        """Returns what kept the doorway from being made; empty when it serves. Closes `ready`."""
        said = os.read(self.ready, 4096).decode("utf-8", "replace")
        os.close(self.ready)
        self.ready = -1
        return said.removeprefix("ok") if said else "its proxy ended at once"

    def close(self) -> None:
        """Ends the proxy and returns once it has written its last line down."""
        for descriptor in (self._stop, self.ready):
            if descriptor >= 0:
                os.close(descriptor)
        deadline = time.monotonic() + _END_SECONDS
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(self._pid, os.WNOHANG)[0] == 0:
                if time.monotonic() > deadline:
                    os.kill(self._pid, signal.SIGKILL)
                    os.waitpid(self._pid, 0)
                    return
                time.sleep(0.001)


def _become_proxy(network: dict[str, Any], masks: list[str], init: int, *, ready: int, stop: int) -> None:
    """Serves until `stop` closes; never returns normally while the step lives."""
    # Whatever else the shim holds (its sockets, the step's terminal) must not stay open because of us.
    kept = sorted((2, ready, stop))
    for low, high in zip([0, *(number + 1 for number in kept)], [*kept, 1 << 16], strict=True):
        os.closerange(low, high)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 1)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    places = [(str(host), int(port)) for host, port in network["places"]]
    # A listed service of this machine answers inside where it answers outside.
    services = sorted({port for host, port in places if host == _HERE})
    try:
        sockets = _listen_inside(init, [int(network["port"]), *services])
        journal = os.open(str(network["journal"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        os.write(ready, f"the way to its network names cannot be opened: {error}".encode())
        return
    os.write(ready, b"ok")
    os.close(ready)
    # Imported by those steps alone that need it, and while bubblewrap still builds the sandbox.
    from workbench.sandbox.journal import Journal, mark_open
    from workbench.sandbox.proxy import Bounds, Proxy

    mark_open(journal)
    bounds = Bounds()
    proxy = Proxy(
        places=places,
        journal=Journal(os.fdopen(journal, "wb"), most=bounds.most_records),
        own_ports=lambda: read_own_ports(str(network["server_file"])),
        hint=str(network["hint"]),
        masks=[base64.b64decode(mask) for mask in masks],
        bounds=bounds,
    )
    listeners: list[tuple[socket.socket, tuple[str, int] | None]] = [(sockets[0], None)]
    listeners += [(sockets[at], (_HERE, port)) for at, port in enumerate(services, start=1)]
    proxy.serve(listeners, stop)
    os._exit(0)


def _listen_inside(init: int, ports: list[int]) -> list[socket.socket]:
    """Returns sockets that listen on these ports of 127.0.0.1 in the network namespace of `init`.

    Who made a user namespace has every right in it, so this needs no privilege, and a child takes the step
    because a process cannot come back from a user namespace.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if child == 0:
        try:
            for name, kind in (("user", _CLONE_NEWUSER), ("net", _CLONE_NEWNET)):
                namespace = os.open(f"/proc/{init}/ns/{name}", os.O_RDONLY)
                if _LIBC.setns(namespace, kind) != 0:
                    number = ctypes.get_errno()
                    raise OSError(number, f"{os.strerror(number)} (joining the {name} namespace)")
            made = []
            for port in ports:
                listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                # The loopback device may not be up yet.
                listener.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
                listener.bind((_HERE, port))
                listener.listen(256)
                made.append(listener)
            socket.send_fds(theirs, [b"ok"], [listener.fileno() for listener in made])
            os._exit(0)
        except BaseException as error:
            theirs.send(str(error).encode()[:2000])
        finally:
            os._exit(1)
    theirs.close()
    with ours:
        if not select.select([ours], [], [], _PATIENCE_SECONDS)[0]:
            os.kill(child, signal.SIGKILL)
        message, descriptors, _, _ = socket.recv_fds(ours, 4096, len(ports))
    os.waitpid(child, 0)
    if len(descriptors) != len(ports):
        raise OSError(message.decode("utf-8", "replace") or "the namespace could not be joined")
    return [socket.socket(fileno=descriptor) for descriptor in descriptors]


def read_own_ports(server_file: str) -> Collection[int]:
    """Returns the ports on which the workbench answers now: a run outlives its server, and meets the next.

    A file that is there and cannot be read could name any port.
    """
    try:
        with open(server_file, "rb") as file:
            return {int(json.loads(file.read())["port"])}
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError):
        return range(65536)
