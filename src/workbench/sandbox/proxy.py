"""Serves one step's connections: judges each, makes the allowed ones, and writes down all of them.

Standard library only; it runs beside the shim in a process of its own, so it outlives the server and ends
with the step. Names are resolved here and nowhere inside, and what was checked is what is dialled. It grants
nothing: the list was fixed when the step was admitted.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from workbench.sandbox import asked, reach
from workbench.sandbox.asked import Asked, Body, Refused
from workbench.sandbox.journal import Journal

UNRESOLVABLE, UNREACHABLE, TIMED_OUT, BROKEN = "unresolvable", "unreachable", "timed_out", "broken"
ALLOWED, REFUSED, FAILED, ENDED = "allowed", "refused", "failed", "ended"

_CHUNK_BYTES = 64 * 1024
_MOST_ADDRESSES = 4
_LINGER_SECONDS, _LARGEST_LINGER = 1.0, 1 << 20
_UNPLAIN = re.compile(r"[^\x21-\x7e]")
_FAILURES = {UNRESOLVABLE, UNREACHABLE, TIMED_OUT, BROKEN}

Resolve = Callable[[str, int], Sequence[str]]
"""Takes a name and a port and returns addresses; raises OSError when there are none."""
Dial = Callable[[str, int, float], socket.socket]
"""Connects to an address and a port within some seconds; raises OSError."""


def resolve(host: str, port: int) -> list[str]:
    """Returns the addresses this machine finds for a name, each once."""
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def dial(address: str, port: int, seconds: float) -> socket.socket:
    """Connects to a numeric address."""
    return socket.create_connection((address, port), seconds)


def is_own(address: str) -> bool:
    """Says whether an address is this machine's: only then may a socket take it as its own."""
    if reach.is_loopback(address):
        return True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        trial = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            # A machine without IPv6 has no such address; it must not lose the others of the same name.
            return False
        raise
    with trial:
        try:
            trial.bind((address, 0))
        except OSError:
            return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long and how much. `head_seconds` is for the whole question, however slowly it comes;
    `most_records` of each decision are written down one by one."""

    head_seconds: float = 10.0
    dial_seconds: float = 10.0
    idle_seconds: float = 600.0
    most_connections: int = 128
    most_records: int = 100


@dataclass(slots=True, kw_only=True, eq=False)
class _Connection:
    client: socket.socket
    number: int = 0
    is_opening_written: bool = False
    protocol: str = ""
    host: str = ""
    port: int = 0
    address: str = ""
    decision: str = ""
    why: str = ""
    sent_bytes: int = 0
    received_bytes: int = 0
    began: float = field(default_factory=time.monotonic)
    upstream: socket.socket | None = None


class Proxy:
    """The proxy of one step. `places` are the (host, port) that may be reached, where `*.` before a host
    means all names below; `own_ports` says which ports the workbench itself listens on now; `hint` is the
    command that asks for one more name."""

    def __init__(
        self,
        *,
        places: Collection[tuple[str, int]],
        journal: Journal,
        own_ports: Callable[[], Collection[int]],
        hint: str = "",
        masks: Sequence[bytes] = (),
        resolve: Resolve = resolve,
        dial: Dial = dial,
        bounds: Bounds | None = None,
    ) -> None:
        self._places = frozenset(places)
        self._journal = journal
        self._own_ports = own_ports
        self._hint = hint
        # Names are read in lower case, so a secret that somebody puts into one is looked for in it.
        self._masks = [mask.decode("ascii", "backslashreplace").lower() for mask in masks]
        self._resolve, self._dial = resolve, dial
        self._bounds = bounds or Bounds()
        self._open: set[_Connection] = set()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._is_over = False

    def serve(self, listeners: Sequence[tuple[socket.socket, tuple[str, int] | None]], stop: int) -> None:
        """Serves until `stop` can be read; a listener with a place passes straight on to it."""
        poll = select.poll()
        poll.register(stop, select.POLLIN)
        by_number = {listener.fileno(): (listener, place) for listener, place in listeners}
        for number, (listener, _) in by_number.items():
            listener.setblocking(False)
            poll.register(number, select.POLLIN)
        while True:
            # With all places taken, who comes next waits in the kernel's queue.
            is_full = len(self._threads) >= self._bounds.most_connections
            if is_full:
                ready = select.select([stop], [], [], 0.01)[0]
            else:
                ready = [number for number, _ in poll.poll()]
            if stop in ready:
                break
            for number in ready:
                listener, place = by_number[number]
                with contextlib.suppress(OSError):
                    self._begin(listener.accept()[0], place)
        self._is_over = True
        # Who still waits in the queue asked while the step lived, and is written down too.
        for listener, place in by_number.values():
            with contextlib.suppress(OSError):
                for _ in range(self._bounds.most_connections):
                    self._begin(listener.accept()[0], place)
        self._finish()

    def _begin(self, client: socket.socket, place: tuple[str, int] | None) -> None:
        connection = _Connection(client=client)
        thread = threading.Thread(target=self._run, args=(connection, place), daemon=True)
        with self._lock:
            self._open.add(connection)
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            # No more threads on this machine, which a fork bomb can bring about: this one is let go, not all.
            connection.protocol = "http"
            with self._lock:
                self._threads.discard(thread)
                self._record(connection)
            client.close()

    def _finish(self) -> None:
        with self._lock:
            waiting = list(self._threads)
            for connection in self._open:
                for end in (connection.client, connection.upstream):
                    if end is not None:
                        with contextlib.suppress(OSError):
                            end.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + 0.5
        for thread in waiting:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            # Still resolving or dialling: it was cut, and that is what is written.
            for connection in list(self._open):
                self._record(connection)
        self._journal.close()

    # -- one connection --------------------------------------------------------------------------------

    def _run(self, connection: _Connection, place: tuple[str, int] | None) -> None:
        try:
            connection.client.settimeout(self._bounds.head_seconds)
            self._answer(connection, place)
        except (OSError, ValueError):
            if not connection.decision:
                connection.decision, connection.why = FAILED, BROKEN
        finally:
            with self._lock:
                self._record(connection)
                self._threads.discard(threading.current_thread())
            for end in (connection.client, connection.upstream):
                if end is not None:
                    end.close()

    def _answer(self, connection: _Connection, place: tuple[str, int] | None) -> None:
        reader = _Reader(connection.client, self._bounds.head_seconds)
        is_socks = False
        try:
            if place is not None:
                connection.protocol = "forward"
                wanted = Asked(host=place[0], port=place[1], is_tunnel=True)
            elif (first := reader.peek()) in (b"\x04", b"\x05"):
                connection.protocol, is_socks = "socks5", True
                wanted = _read_socks(reader)
            elif not first:
                # Somebody looked whether the port is open, and left.
                return
            else:
                connection.protocol = "http"
                wanted = asked.read_http(reader.read_head())
                connection.protocol = "connect" if wanted.is_tunnel else "http"
            connection.host, connection.port = wanted.host, wanted.port
            upstream = self._reach(connection, wanted)
            # Before a byte goes on: what is open can be seen while it is.
            with self._lock:
                self._record_opening(connection)
        except Refused as refusal:
            self._note_refusal(connection, refusal)
            # Written down before it is answered: nothing the client does keeps it from being seen at once.
            with self._lock:
                self._record(connection)
            self._say_refusal(connection, refusal, is_socks)
            _linger(connection.client)
            return
        if is_socks:
            connection.client.sendall(b"\x05\x00\x00\x01" + bytes(6))
        elif place is None and wanted.is_tunnel:
            connection.client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        body = Body(wanted.body_bytes)
        try:
            self._pump(connection, upstream, wanted.onward + body.take(reader.rest), body)
        except Refused as refusal:
            # The head went on already; the rest of it does not.
            connection.why = refusal.why

    def _reach(self, connection: _Connection, wanted: Asked) -> socket.socket:
        """Returns a connection to an address that was checked, or raises Refused."""
        host, port = wanted.host, wanted.port
        if self._is_over:
            raise Refused(BROKEN, "the step has ended")
        if why := reach.judge_place(self._places, host, port):
            raise Refused(why, _WORDS[why].format(place=f"{host}:{port}"))
        if reach.is_literal(host):
            addresses: Sequence[str] = [host.strip("[]")]
            if port in self._own_ports() and is_own(addresses[0]):
                raise Refused(reach.OWN_ADDRESS, _WORDS[reach.OWN_ADDRESS].format(place=f"{host}:{port}"))
        else:
            addresses = self._find_public(host, port)
        last: OSError | None = None
        for address in addresses[:_MOST_ADDRESSES]:
            connection.address = address
            try:
                upstream = self._dial(address, port, self._bounds.dial_seconds)
            except OSError as error:
                last = error
                continue
            connection.decision = ALLOWED
            connection.upstream = upstream
            return upstream
        raise Refused(UNREACHABLE, f"{host}:{port} does not answer: {last}")

    def _find_public(self, host: str, port: int) -> list[str]:
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise Refused(UNRESOLVABLE, f"{host} has no address: {error}") from error
        public = [address for address in found if reach.is_public(address)]
        usable = [address for address in public if not is_own(address)]
        if not usable:
            why = reach.OWN_ADDRESS if public else reach.NOT_PUBLIC
            raise Refused(why, _WORDS[why].format(place=f"{host}:{port}"))
        return usable

    def _note_refusal(self, connection: _Connection, refusal: Refused) -> None:
        connection.decision = FAILED if refusal.why in _FAILURES else REFUSED
        connection.why = refusal.why
        connection.host = connection.host or refusal.host
        connection.port = connection.port or refusal.port
        connection.protocol = connection.protocol or "http"

    def _say_refusal(self, connection: _Connection, refusal: Refused, is_socks: bool) -> None:
        if connection.protocol == "forward":
            return
        if is_socks:
            code = 2 if connection.decision == REFUSED else 4
            connection.client.sendall(struct.pack(">BBBBIH", 5, code, 0, 1, 0, 0))
            return
        words = f"{refusal.words}\n"
        if refusal.why in (reach.NOT_ON_LIST, reach.PORT_NOT_ON_LIST) and self._hint:
            entry = (
                connection.host if connection.port in (80, 443) else f"{connection.host}:{connection.port}"
            )
            words += f"to ask for it: {self._hint} {entry}\n"
        body = ("workbench: " + words).encode("ascii", "backslashreplace")
        status = "502 Bad Gateway" if connection.decision == FAILED else "403 Forbidden"
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        head += f"X-Workbench-Refusal: {refusal.why}\r\nConnection: close\r\n\r\n"
        connection.client.sendall(head.encode() + body)

    def _pump(self, connection: _Connection, upstream: socket.socket, first: bytes, body: Body) -> None:
        """Moves bytes both ways until both ends have finished, one is gone, or nothing moves for long."""
        client = connection.client
        client.setblocking(False)
        upstream.setblocking(False)
        to_upstream, to_client = bytearray(first), bytearray()
        is_client_open = is_upstream_open = True
        while True:
            reads_client = is_client_open and not to_upstream and not body.is_over
            reads_upstream = is_upstream_open and not to_client
            poll = select.poll()
            # Without anything to wait for, the kernel still tells that the client has gone for good.
            poll.register(client, _events(reads_client, bool(to_client)))
            if reads_upstream or to_upstream:
                poll.register(upstream, _events(reads_upstream, bool(to_upstream)))
            ready = dict(poll.poll(self._bounds.idle_seconds * 1000))
            if not ready:
                connection.why = TIMED_OUT
                return
            at_client, at_upstream = ready.get(client.fileno(), 0), ready.get(upstream.fileno(), 0)
            if at_client & (select.POLLHUP | select.POLLERR) and not reads_client:
                return
            if at_upstream & ~select.POLLIN and to_upstream:
                sent = upstream.send(to_upstream)
                connection.sent_bytes += sent
                del to_upstream[:sent]
            if at_client & select.POLLOUT and to_client:
                sent = client.send(to_client)
                connection.received_bytes += sent
                del to_client[:sent]
            if at_client & ~select.POLLOUT and reads_client:
                data = client.recv(_CHUNK_BYTES)
                to_upstream += body.take(data)
                if not data:
                    is_client_open = False
                    upstream.shutdown(socket.SHUT_WR)
            if at_upstream & ~select.POLLOUT and reads_upstream:
                data = upstream.recv(_CHUNK_BYTES)
                to_client += data
                is_upstream_open = bool(data)
            if not is_upstream_open and not to_client:
                # What the other side would still say has nobody to hear it.
                return

    def _record_opening(self, connection: _Connection) -> None:
        # Whatever was cut off at the end of the step is written down already.
        if connection in self._open:
            connection.is_opening_written = self._journal.add(self._line(connection, ALLOWED))

    def _record(self, connection: _Connection) -> None:
        if connection not in self._open:
            return
        self._open.discard(connection)
        if not connection.protocol:
            return
        if connection.number == 0:
            is_written = self._journal.add(self._line(connection, connection.decision or FAILED))
            # Opened, and cut before that could be written down.
            connection.is_opening_written = is_written and connection.decision == ALLOWED
        if connection.is_opening_written:
            self._journal.add_end(self._line(connection, ENDED))

    def _line(self, connection: _Connection, decision: str) -> dict[str, object]:
        if connection.number == 0:
            connection.number = next(self._numbers)
        # A name that is none may hold what steers the terminal of whoever reads the record.
        host = _UNPLAIN.sub(lambda found: f"\\x{ord(found[0]):02x}", connection.host.lower())
        for mask in self._masks:
            host = host.replace(mask, "***")
        return {
            "at": time.time(),
            "connection": connection.number,
            "protocol": connection.protocol,
            "host": host[:255],
            "port": connection.port,
            "address": connection.address,
            "decision": decision,
            "why": connection.why or ("" if connection.decision else BROKEN),
            "sent_bytes": connection.sent_bytes,
            "received_bytes": connection.received_bytes,
            "duration_ms": int((time.monotonic() - connection.began) * 1000),
        }


_WORDS = {
    reach.NOT_ON_LIST: "{place} is not on this run's list of network names",
    reach.PORT_NOT_ON_LIST: "{place} is another port than this run's list of network names has",
    reach.ADDRESS_NOT_ON_LIST: "{place} is an address; only names of this run's list are reached",
    reach.NOT_PUBLIC: "{place} has no public address, and private ones are not reached through a name",
    reach.OWN_ADDRESS: "{place} is this machine, where the workbench itself answers",
}


class _Reader:
    """Reads the question, all of it before one deadline."""

    def __init__(self, source: socket.socket, seconds: float) -> None:
        self._source = source
        self._deadline = time.monotonic() + seconds
        self.rest = b""

    def peek(self) -> bytes:
        """Returns the first byte, which stays to be read; empty at the end."""
        return self.rest[:1] if self.rest or self._more() else b""

    def read_head(self) -> bytes:
        """Returns a request head without its last empty line."""
        while (end := self.rest.find(b"\r\n\r\n")) < 0:
            if len(self.rest) > asked.LARGEST_HEAD_BYTES:
                raise Refused(asked.TOO_LARGE, f"the head is larger than {asked.LARGEST_HEAD_BYTES} bytes")
            if not self._more():
                raise Refused(reach.MALFORMED, "the request ends in its head")
        if end > asked.LARGEST_HEAD_BYTES:
            raise Refused(asked.TOO_LARGE, f"the head is larger than {asked.LARGEST_HEAD_BYTES} bytes")
        head, self.rest = self.rest[:end], self.rest[end + 4 :]
        return head

    def read_exactly(self, count: int) -> bytes:
        while len(self.rest) < count:
            if not self._more():
                raise Refused(reach.MALFORMED, "the request ends early")
        data, self.rest = self.rest[:count], self.rest[count:]
        return data

    def send(self, data: bytes) -> None:
        """Answers before the whole question is there, as SOCKS wants."""
        self._source.sendall(data)

    def _more(self) -> bool:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Refused(TIMED_OUT, "the request did not come in time")
        self._source.settimeout(left)
        try:
            data = self._source.recv(4096)
        except TimeoutError:
            raise Refused(TIMED_OUT, "the request did not come in time") from None
        self.rest += data
        return bool(data)


def _read_socks(reader: _Reader) -> Asked:
    """Reads a SOCKS5 question (RFC 1928) without a password; names go to reach.read_host like all others."""
    version, count = reader.read_exactly(2)
    if version != 5 or 0 not in reader.read_exactly(count):
        raise Refused(asked.UNSUPPORTED, "only SOCKS5 without a password is served")
    reader.send(b"\x05\x00")
    version, order, _, kind = reader.read_exactly(4)
    match kind:
        case 1:
            host: str | None = socket.inet_ntop(socket.AF_INET, reader.read_exactly(4))
        case 3:
            raw = reader.read_exactly(reader.read_exactly(1)[0]).decode("latin-1")
            host = reach.read_host(raw)
        case 4:
            host = reach.read_host(f"[{socket.inet_ntop(socket.AF_INET6, reader.read_exactly(16))}]")
        case _:
            raise Refused(asked.UNSUPPORTED, "this kind of SOCKS address is not known")
    port = int.from_bytes(reader.read_exactly(2), "big")
    if version != 5 or order != 1:
        raise Refused(asked.UNSUPPORTED, "only SOCKS5's CONNECT is served", host=host or "", port=port)
    if host is None or port == 0:
        raise Refused(
            reach.MALFORMED, "the SOCKS name is not plain", host=raw if kind == 3 else "", port=port
        )
    return Asked(host=host, port=port, is_tunnel=True)


def _linger(client: socket.socket) -> None:
    """Reads away what came before the refusal: closed with bytes unread, a socket takes back its answer."""
    client.shutdown(socket.SHUT_WR)
    deadline = time.monotonic() + _LINGER_SECONDS
    left = _LARGEST_LINGER
    while left > 0 and (patience := deadline - time.monotonic()) > 0:
        client.settimeout(patience)
        data = client.recv(_CHUNK_BYTES)
        if not data:
            return
        left -= len(data)


def _events(reads: bool, writes: bool) -> int:
    return (select.POLLIN if reads else 0) | (select.POLLOUT if writes else 0)
