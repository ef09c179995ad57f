"""The proxy against what a hostile command would ask of it, judged by which server was reached.

Real sockets on both sides. The names' answers and the way to a public address are handed in, because no test
may depend on the internet: 93.184.216.34 stands for the allowed server, 93.184.216.35 for one that is not.
"""

from __future__ import annotations

import io
import json
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from workbench.sandbox.journal import Journal
from workbench.sandbox.proxy import Bounds, Proxy

GOOD, EVIL = "93.184.216.34", "93.184.216.35"
NAMES: dict[str, tuple[str, ...]] = {
    "example.org": (GOOD,),
    "evil.org": (EVIL,),
    "evil-example.org": (EVIL,),
    "example.org.evil": (EVIL,),
    "rebound.org": ("127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "::ffff:7f00:1"),
    "mixed.org": ("127.0.0.1", GOOD),
    "a.wild.org": (GOOD,),
    "b.a.wild.org": (GOOD,),
    "wild.org": (EVIL,),
    "evilwild.org": (EVIL,),
    "cloud.wild.org": ("168.63.129.16", "100.100.100.200", "fd00:ec2::254"),
}
SIX = "2001:db8::5"
"""A listed IPv6 address, which stands for the allowed server."""


class Origin:
    """A server that keeps what it was sent and answers each connection once."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.heard: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(5)
                heard = b""
                try:
                    while not heard.endswith((b"\r\n\r\n", b"over")):
                        data = client.recv(65536)
                        if not data:
                            break
                        heard += data
                    self.heard.append(heard)
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
                except OSError:
                    self.heard.append(heard)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join(5)


class Ground:
    """A proxy that serves, the allowed and the other server, and what was written down."""

    def __init__(
        self,
        *,
        own_ports: Sequence[int] = (),
        bounds: Bounds | None = None,
        more_places: Sequence[tuple[str, int]] = (),
    ) -> None:
        self.good, self.evil, self.local = Origin(), Origin(), Origin()
        self.journal = io.BytesIO()
        self.dialled: list[str] = []
        self.asked_names: list[str] = []
        self.answers = dict(NAMES)
        listed = [(name, port) for name in ("example.org", "rebound.org", "mixed.org") for port in (80, 443)]
        bounds = bounds or Bounds()
        self._proxy = Proxy(
            places=[
                *listed,
                ("127.0.0.1", self.local.port),
                ("gone.org", 443),
                ("*.wild.org", 443),
                (f"[{SIX}]", 443),
                *more_places,
            ],
            journal=Journal(self.journal, most=bounds.most_records),
            own_ports=lambda: own_ports,
            hint="workbench retry run_1 --acknowledge --allow-host",
            masks=[b"Hunter2-Secret"],
            resolve=self._resolve,
            dial=self._dial,
            bounds=bounds,
        )
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        stop_reading, self._stop = os.pipe()
        listeners = [(self._listener, None)]
        self._thread = threading.Thread(target=self._proxy.serve, args=(listeners, stop_reading))
        self._thread.start()

    def _resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked_names.append(host)
        if host not in self.answers:
            raise OSError("no such name")
        return self.answers[host]

    def _dial(self, address: str, port: int, seconds: float) -> socket.socket:
        self.dialled.append(address)
        ports = {GOOD: self.good.port, SIX: self.good.port, EVIL: self.evil.port, "127.0.0.1": port}
        return socket.create_connection(("127.0.0.1", ports[address]), seconds)

    def say(self, data: bytes) -> bytes:
        """Sends and returns all that comes back until the proxy closes."""
        with socket.create_connection(self.address, 10) as client:
            client.sendall(data)
            return read_all(client)

    def close(self) -> list[dict[str, Any]]:
        """Ends the proxy and returns what it wrote down."""
        os.write(self._stop, b"x")
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._listener.close()
        for origin in (self.good, self.evil, self.local):
            origin.close()
        return [json.loads(line) for line in self.journal.getvalue().splitlines()]


def read_all(client: socket.socket) -> bytes:
    heard = b""
    while data := client.recv(65536):
        heard += data
    return heard


@pytest.fixture
def ground() -> Iterator[Ground]:
    opened = Ground()
    try:
        yield opened
    finally:
        opened.close()


def connect(target: str, then: bytes = b"", *headers: str) -> bytes:
    lines = [f"CONNECT {target} HTTP/1.1", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + then


def socks(kind: int, address: bytes, port: int, then: bytes = b"") -> bytes:
    return b"\x05\x01\x00" + b"\x05\x01\x00" + bytes([kind]) + address + port.to_bytes(2, "big") + then


def named(name: str, port: int, then: bytes = b"") -> bytes:
    return socks(3, bytes([len(name)]) + name.encode("latin-1"), port, then)


def test_the_allowed_name_is_reached_in_all_three_ways_and_each_is_written_down() -> None:
    ground = Ground()
    tunnel = ground.say(connect("example.org:443", b"tunnelled-over"))
    plain = ground.say(b"GET http://example.org/page HTTP/1.1\r\nHost: example.org\r\n\r\n")
    socks5 = ground.say(named("Example.ORG", 443, b"socks-over"))
    records = ground.close()
    assert tunnel.endswith(b"\r\n\r\nhello")
    assert plain.endswith(b"\r\n\r\nhello")
    assert socks5.endswith(b"\r\n\r\nhello")
    assert ground.good.heard == [
        b"tunnelled-over",
        b"GET /page HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n",
        b"socks-over",
    ]
    kept = [
        (
            line["connection"],
            line["protocol"],
            line["host"],
            line["port"],
            line["decision"],
            line["why"],
            line["address"],
            line["sent_bytes"] > 0 and line["received_bytes"] > 0,
        )
        for line in records
    ]
    assert kept == [
        (number, protocol, "example.org", port, decision, "", GOOD, decision == "ended")
        for number, protocol, port in ((1, "connect", 443), (2, "http", 80), (3, "socks5", 443))
        for decision in ("allowed", "ended")
    ]


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (connect("evil.org:443", b"over"), "not_on_list"),
        (connect("evil-example.org:443", b"over"), "not_on_list"),
        (connect("example.org.evil:443", b"over"), "not_on_list"),
        (connect("example.org:22", b"over"), "port_not_on_list"),
        (connect("example.org@evil.org:443", b"over"), "malformed"),
        (connect("example.org:443@evil.org:443", b"over"), "malformed"),
        (connect("127.0.0.1:{evil}", b"over"), "address_not_on_list"),
        (connect("2130706433:{evil}", b"over"), "address_not_on_list"),
        (connect("0x7f000001:{evil}", b"over"), "address_not_on_list"),
        (connect("017700000001:{evil}", b"over"), "address_not_on_list"),
        (connect("127.1:{evil}", b"over"), "address_not_on_list"),
        (connect("0:{evil}", b"over"), "address_not_on_list"),
        (connect("[::1]:{evil}", b"over"), "address_not_on_list"),
        (connect("[::ffff:127.0.0.1]:{evil}", b"over"), "address_not_on_list"),
        (connect("[::ffff:7f00:1]:{evil}", b"over"), "address_not_on_list"),
        (connect("localhost:{evil}", b"over"), "not_on_list"),
        (connect("169.254.169.254:80", b"over"), "address_not_on_list"),
        (connect("ex\xe4mple.org:443", b"over"), "malformed"),
        (connect("example.org..:443", b"over"), "malformed"),
        (connect("rebound.org:443", b"over"), "not_public"),
        (connect("example.org:443", b"over", "Host: evil.org:443"), "host_mismatch"),
        (connect("example.org:443\r\nHost: evil.org", b"over"), "malformed"),
        (connect("wild.org:443", b"over"), "not_on_list"),
        (connect("evilwild.org:443", b"over"), "not_on_list"),
        (connect(".wild.org:443", b"over"), "malformed"),
        (connect("*.wild.org:443", b"over"), "malformed"),
        (connect("a.wild.org:22", b"over"), "port_not_on_list"),
        (connect("a.wild.org.evil.org:443", b"over"), "not_on_list"),
        (connect("127.0.0.1.wild.org@evil.org:443", b"over"), "malformed"),
        (connect("cloud.wild.org:443", b"over"), "not_public"),
        (connect(f"[{SIX}]:22", b"over"), "address_not_on_list"),
        (connect(f"[{SIX}%25lo]:443", b"over"), "malformed"),
        (connect("[::ffff:93.184.216.34]:443", b"over"), "address_not_on_list"),
        (connect("\uff45xample.org:443".encode().decode("latin-1"), b"over"), "malformed"),
        (connect("example.org\0.evil.org:443", b"over"), "malformed"),
        (connect("example.org:443\0", b"over"), "malformed"),
        (connect("example.org:+443", b"over"), "malformed"),
        (connect("example.org: 443", b"over"), "malformed"),
        (connect("example.org:443 evil.org:443", b"over"), "malformed"),
        (connect("example.org%2eevil.org:443", b"over"), "malformed"),
        (connect("//example.org:443", b"over"), "malformed"),
        (connect("example.org:443", b"over", "Host: example.org:443", "Host: evil.org"), "malformed"),
        (connect("example.org:443", b"over", "Transfer-Encoding: chunked"), "malformed"),
        (b"connect evil.org:443 HTTP/1.1\r\n\r\nover", "malformed"),
        (b"CONNECT evil.org:443 HTTP/0.9\r\n\r\nover", "malformed"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "malformed"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no client hello\r\n\r\n", "malformed"),
        (b"GET ftp://example.org/ HTTP/1.1\r\n\r\n", "unsupported"),
        (b"GET https://example.org/ HTTP/1.1\r\n\r\n", "unsupported"),
        (b"GET http:example.org/ HTTP/1.1\r\n\r\n", "unsupported"),
        (b"GET http://example.org\\@evil.org/ HTTP/1.1\r\n\r\n", "malformed"),
        (b"GET http://example.org/ HTTP/1.1\r\nHost : evil.org\r\n\r\n", "malformed"),
        (b"GET http://example.org/ HTTP/1.1\r\nX: a\r\n Host: evil.org\r\n\r\n", "malformed"),
        (b"GET http://example.org/ HTTP/1.1\r\nX: a\x00b\r\n\r\n", "malformed"),
        (b"GET http://example.org/ HTTP/1.1\r\nX: a\rHost: evil.org\r\n\r\n", "malformed"),
        (
            b"POST http://example.org/ HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
            "malformed",
        ),
        (
            b"POST http://example.org/ HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 40\r\n\r\n",
            "malformed",
        ),
        (b"POST http://example.org/ HTTP/1.1\r\nContent-Length: 4, 40\r\n\r\n", "malformed"),
        (b"POST http://example.org/ HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", "malformed"),
        (b"POST http://example.org/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "malformed"),
        (b"POST http://example.org/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "malformed"),
        (b"GET http://example.org@evil.org/ HTTP/1.1\r\n\r\n", "malformed"),
        (b"GET http://evil.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n", "host_mismatch"),
        (b"GET http://example.org/ HTTP/1.1\r\nHost: evil.org\r\n\r\n", "host_mismatch"),
        (b"GET http://example.org:{evil}/ HTTP/1.1\r\n\r\n", "port_not_on_list"),
        (b"GET / HTTP/1.1\r\nHost: evil.org\r\n\r\n", "unsupported"),
        (b"GET http://example.org/\r\nHost: evil.org HTTP/1.1\r\n\r\n", "malformed"),
        (b"GET http://example.org/ HTTP/1.1\nHost: evil.org\r\n\r\n", "malformed"),
        (b"X" * 40000 + b"\r\n\r\n", "too_large"),
        (b"GET http://example.org/ HTTP/1.1\r\nX: " + b"x" * 20000 + b"\r\n\r\n", "too_large"),
        (named("evil.org", 443, b"over"), "not_on_list"),
        (named("example.org", 22, b"over"), "port_not_on_list"),
        (named("example.org\0.evil.org", 443, b"over"), "malformed"),
        (named("127.0.0.1", 9, b"over"), "address_not_on_list"),
        (socks(1, socket.inet_aton(EVIL), 443, b"over"), "address_not_on_list"),
        (socks(1, socket.inet_aton(GOOD), 443, b"over"), "address_not_on_list"),
        (socks(4, socket.inet_pton(socket.AF_INET6, "::1"), 80, b"over"), "address_not_on_list"),
        (b"\x05\x01\x00\x05\x02\x00\x03\x0bexample.org\x01\xbbover", "unsupported"),
        (b"\x05\x01\x02over", "unsupported"),
        (b"\x04\x01\x01\xbb\x7f\x00\x00\x01\x00", "unsupported"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_whatever_else_is_asked_reaches_nobody(question: bytes, why: str) -> None:
    ground = Ground()
    answer = ground.say(question.replace(b"{evil}", str(ground.evil.port).encode()))
    records = ground.close()
    assert b"hello" not in answer
    assert ground.good.heard == ground.evil.heard == ground.local.heard == []
    assert ground.dialled == []
    assert [(line["decision"], line["why"]) for line in records] == [("refused", why)]


def test_a_name_that_is_not_on_the_list_is_not_even_looked_up(ground: Ground) -> None:
    ground.say(connect("stolen-data.evil.org:443"))
    ground.say(named("more-of-it.evil.org", 443))
    assert ground.asked_names == []


def test_a_refusal_says_how_to_ask_for_the_name(ground: Ground) -> None:
    answer = ground.say(connect("evil.org:443"))
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"to ask for it: workbench retry run_1 --acknowledge --allow-host evil.org\n" in answer
    other = ground.say(connect("evil.org:8443"))
    assert b"--allow-host evil.org:8443\n" in other


def test_the_private_half_of_a_mixed_answer_is_left_out(ground: Ground) -> None:
    assert ground.say(connect("mixed.org:443", b"over")).endswith(b"hello")
    assert ground.dialled == [GOOD]


def test_a_name_that_changes_its_answer_after_the_check_is_dialled_where_it_was_checked(
    ground: Ground,
) -> None:
    ground.say(connect("example.org:443", b"over"))
    # The rebinding: the second question is answered with an address inside.
    ground.answers["example.org"] = ("127.0.0.1",)
    answer = ground.say(connect("example.org:443", b"over"))
    assert b"403 Forbidden" in answer
    assert ground.dialled == [GOOD]
    assert ground.asked_names == ["example.org", "example.org"]


def test_a_service_of_this_machine_is_reached_only_under_its_listed_address() -> None:
    ground = Ground()
    assert ground.say(connect(f"127.0.0.1:{ground.local.port}", b"over")).endswith(b"hello")
    ground.close()
    assert ground.local.heard == [b"over"]


def test_the_workbenchs_own_port_is_refused_even_when_it_is_listed() -> None:
    ports: list[int] = []
    ground = Ground(own_ports=ports)
    ports.append(ground.local.port)
    answer = ground.say(connect(f"127.0.0.1:{ground.local.port}", b"over"))
    records = ground.close()
    assert b"403" in answer
    assert ground.local.heard == []
    assert [line["why"] for line in records] == ["own_address"]


def test_a_name_that_leads_to_this_machines_own_address_is_refused(ground: Ground) -> None:
    own = next(
        (
            entry[4][0]
            for entry in socket.getaddrinfo(socket.gethostname(), 1, type=socket.SOCK_STREAM)
            if isinstance(entry[4][0], str)
        ),
        "127.0.0.1",
    )
    ground.answers["example.org"] = (own,)
    assert b"403" in ground.say(connect("example.org:443", b"over"))
    assert ground.dialled == []


def test_a_second_request_on_the_same_connection_reaches_nobody() -> None:
    ground = Ground()
    smuggled = b"GET http://evil.org/ HTTP/1.1\r\nHost: evil.org\r\n\r\n"
    ground.say(b"GET http://example.org/1 HTTP/1.1\r\n\r\n" + smuggled)
    ground.say(b"POST http://example.org/2 HTTP/1.1\r\nContent-Length: 4\r\n\r\nover" + smuggled)
    ground.close()
    assert [part.split(b" ")[1] for part in ground.good.heard] == [b"/1", b"/2"]
    assert not any(b"evil" in part for part in ground.good.heard)
    assert ground.evil.heard == []


def test_a_question_that_comes_too_slowly_is_cut_off() -> None:
    ground = Ground(bounds=Bounds(head_seconds=0.3))
    with socket.create_connection(ground.address, 10) as client:
        client.sendall(b"CONNECT example.org:443 HTTP/1.1\r\nX: ")
        slow = read_all(client)
    records = ground.close()
    assert b"did not come in time" in slow
    assert [(line["decision"], line["why"]) for line in records] == [("failed", "timed_out")]


def test_a_connection_on_which_nothing_moves_is_cut_off() -> None:
    ground = Ground(bounds=Bounds(idle_seconds=0.2))
    with socket.create_connection(ground.address, 10) as client:
        client.sendall(connect("example.org:443", b"and then silence"))
        assert read_all(client).startswith(b"HTTP/1.1 200")
    assert [(line["decision"], line["why"]) for line in ground.close()] == [
        ("allowed", ""),
        ("ended", "timed_out"),
    ]


@pytest.mark.long
def test_many_slow_ones_do_not_keep_others_out_for_ever() -> None:
    ground = Ground(bounds=Bounds(head_seconds=0.3, most_connections=4))
    slow = [socket.create_connection(ground.address, 10) for _ in range(12)]
    assert ground.say(connect("example.org:443", b"over")).endswith(b"hello")
    for client in slow:
        client.close()
    ground.close()


def test_only_so_many_are_written_down_and_the_rest_is_counted() -> None:
    ground = Ground(bounds=Bounds(most_records=3))
    for _ in range(5):
        ground.say(connect("evil.org:443"))
    ground.say(connect("gone.org:443"))
    records = ground.close()
    assert [line.get("why") for line in records] == ["not_on_list"] * 3 + ["unresolvable", None]
    assert records[-1] == {"more": {"refused": 2}}


def test_a_flood_of_refused_ones_does_not_hide_where_an_allowed_one_went() -> None:
    ground = Ground(bounds=Bounds(most_records=2))
    for _ in range(4):
        ground.say(connect("evil.org:443"))
    assert ground.say(connect("example.org:443", b"over")).endswith(b"hello")
    records = ground.close()
    assert [(line.get("host"), line.get("decision")) for line in records] == [
        ("evil.org", "refused"),
        ("evil.org", "refused"),
        ("example.org", "allowed"),
        ("example.org", "ended"),
        (None, None),
    ]
    assert records[-1] == {"more": {"refused": 2}}


def test_a_refusal_is_written_down_before_it_is_answered(ground: Ground) -> None:
    with socket.create_connection(ground.address, 10) as client:
        client.sendall(connect("evil.org:443"))
        assert client.recv(12) == b"HTTP/1.1 403"
        # The client holds the connection open, and the record is there all the same.
        assert json.loads(ground.journal.getvalue())["host"] == "evil.org"


def test_the_names_below_a_pattern_are_reached_and_looked_up_only_below_it() -> None:
    ground = Ground()
    for name in ("a.wild.org", "B.A.Wild.ORG."):
        assert ground.say(connect(f"{name}:443", b"over")).endswith(b"hello")
    ground.say(connect("wild.org:443", b"over"))
    assert ground.asked_names == ["a.wild.org", "b.a.wild.org"]
    ground.close()
    assert ground.evil.heard == []


def test_a_listed_ipv6_address_is_reached_in_every_spelling_and_no_other_is() -> None:
    ground = Ground()
    packed = socket.inet_pton(socket.AF_INET6, SIX)
    assert ground.say(connect(f"[{SIX}]:443", b"over")).endswith(b"hello")
    assert ground.say(connect("[2001:0DB8:0:0::0.0.0.5]:443", b"over")).endswith(b"hello")
    assert ground.say(socks(4, packed, 443, b"over")).endswith(b"hello")
    assert b"403" in ground.say(connect("[2001:db8::6]:443", b"over"))
    assert ground.dialled == [SIX] * 3
    ground.close()


def test_the_workbenchs_own_port_is_refused_under_a_listed_ipv6_address_too() -> None:
    ground = Ground(own_ports=[443], more_places=[("[::1]", 443)])
    assert b"403" in ground.say(connect("[::1]:443", b"over"))
    assert [line["why"] for line in ground.close()] == ["own_address"]


def test_what_is_no_name_is_written_down_without_what_steers_a_terminal() -> None:
    ground = Ground()
    ground.say(named("\x1b]0;owned\x07\x9b2J\n.org", 443, b"over"))
    assert [line["host"] for line in ground.close()] == ["\\x1b]0;owned\\x07\\x9b2j\\x0a.org"]


def test_an_http_1_0_client_is_answered_as_one_and_an_upgrade_goes_no_further() -> None:
    ground = Ground()
    ground.say(b"GET http://example.org/old HTTP/1.0\r\n\r\n")
    ground.say(
        b"GET http://example.org/up HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        b"CONNECT evil.org:443 HTTP/1.1\r\n\r\n"
    )
    ground.close()
    assert ground.good.heard == [
        b"GET /old HTTP/1.0\r\nHost: example.org\r\nConnection: close\r\n\r\n",
        b"GET /up HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n",
    ]
    assert ground.evil.heard == []


def test_after_a_refused_request_nothing_more_is_served_on_its_connection() -> None:
    ground = Ground()
    answer = ground.say(b"GET http://evil.org/ HTTP/1.1\r\n\r\nGET http://example.org/ HTTP/1.1\r\n\r\n")
    ground.close()
    assert answer.count(b"HTTP/1.1 ") == 1
    assert ground.good.heard == []


def test_a_chunked_body_ends_where_it_says_and_what_follows_reaches_nobody() -> None:
    ground = Ground()
    request = b"POST http://example.org/c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"4\r\nbody\r\n0\r\n\r\n"
    ground.say(request + body + b"GET http://evil.org/ HTTP/1.1\r\nHost: evil.org\r\n\r\n")
    ground.close()
    assert [part.endswith(body) for part in ground.good.heard] == [True]
    assert ground.evil.heard == []


def test_a_thousand_connections_are_each_judged_and_counted() -> None:
    ground = Ground(bounds=Bounds(most_connections=16, most_records=10))
    waiting: list[socket.socket] = []
    for number in range(1000):
        name = "evil.org" if number % 2 else "rebound.org"
        client = socket.create_connection(ground.address, 30)
        client.sendall(connect(f"{name}:443"))
        waiting.append(client)
        if len(waiting) == 100:
            for client in waiting:
                assert b"403" in read_all(client)
                # A client that stays after its answer keeps its place for a second.
                client.close()
            waiting = []
    assert ground.say(connect("example.org:443", b"over")).endswith(b"hello")
    records = ground.close()
    assert [line["decision"] for line in records[:-1]] == ["refused"] * 10 + ["allowed", "ended"]
    assert records[-1] == {"more": {"refused": 990}}
    assert ground.evil.heard == []


def test_a_client_that_half_closes_still_hears_the_answer(ground: Ground) -> None:
    with socket.create_connection(ground.address, 10) as client:
        client.sendall(connect("example.org:443", b"half"))
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).endswith(b"hello")


def test_a_secret_in_a_name_is_not_written_down() -> None:
    ground = Ground()
    ground.say(connect("hunter2-secret.evil.org:443"))
    assert [line["host"] for line in ground.close()] == ["***.evil.org"]


def test_megabytes_pass_both_ways_whole(ground: Ground) -> None:
    data = os.urandom(3_000_000) + b"over"
    with socket.create_connection(ground.address, 10) as client:
        client.sendall(connect("example.org:443"))
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        client.sendall(data)
        assert read_all(client).endswith(b"hello")
    assert ground.good.heard == [data]


def test_what_is_still_open_when_the_step_ends_is_cut_and_written_down() -> None:
    ground = Ground()
    with socket.create_connection(ground.address, 10) as client:
        client.sendall(connect("example.org:443", b"half a "))
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        # Whoever may send has been written down.
        (opened,) = [json.loads(line) for line in ground.journal.getvalue().splitlines()]
        assert (opened["decision"], opened["sent_bytes"]) == ("allowed", 0)
        records = ground.close()
        assert read_all(client) == b""
    assert [(line["host"], line["decision"], line["connection"]) for line in records] == [
        ("example.org", "allowed", 1),
        ("example.org", "ended", 1),
    ]


def test_what_was_only_counted_when_it_opened_is_not_told_when_it_ends() -> None:
    ground = Ground(bounds=Bounds(most_records=1))
    for _ in range(3):
        assert ground.say(connect("example.org:443", b"over")).endswith(b"hello")
    records = ground.close()
    assert [line.get("decision") for line in records] == ["allowed", "ended", None]
    assert records[-1] == {"more": {"allowed": 2}}
