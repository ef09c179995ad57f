"""Reads what a sandboxed program asks of its proxy: CONNECT, absolute-form HTTP/1, or SOCKS5.

Standard library only; it opens and sends nothing. It takes one strict spelling and refuses the rest: whatever
two readers could understand differently (bare line feeds, folded headers, two lengths, a Host that is not the
target's) is an attack on the one behind. A request's body is framed here, so that nothing follows it unseen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.sandbox import reach

LARGEST_HEAD_BYTES = 16 * 1024
HOST_MISMATCH, UNSUPPORTED, TOO_LARGE = "host_mismatch", "unsupported", "too_large"

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_TARGET = re.compile(r"[\x21-\x7e]+")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?")
_ABSOLUTE = re.compile(r"http://(?P<authority>[^/?#]*)(?P<path>[/?][^#]*)?", re.IGNORECASE)
# Between two hops only (RFC 9110, 7.6.1), or for the proxy itself.
_OWN_HOP = {"connection", "proxy-connection", "proxy-authorization", "keep-alive", "te", "trailer", "upgrade"}
_LENGTH = re.compile(r"[0-9]{1,15}")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")


class Refused(Exception):
    """What was asked is not taken. `why` is a word of reach or of this module."""

    def __init__(self, why: str, words: str, *, host: str = "", port: int = 0) -> None:
        super().__init__(words)
        self.why, self.words, self.host, self.port = why, words, host, port


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`onward` are the bytes to send first to the place asked for; `body_bytes` how many of the client's go
    after it: None for a tunnel, -1 for a chunked body."""

    host: str
    port: int
    is_tunnel: bool
    onward: bytes = b""
    body_bytes: int | None = None


def read_http(head: bytes) -> Asked:
    """Returns what a request head asks for (without its last empty line); raises Refused."""
    text = head.decode("latin-1")
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n", text):
        raise Refused(reach.MALFORMED, "the request holds a control character or a bare line end")
    first, *lines = text.split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0") or not _TARGET.fullmatch(words[1]):
        raise Refused(reach.MALFORMED, "the first line is no HTTP/1 request")
    method, target = words[:2]
    if not re.fullmatch(r"[A-Z]{1,32}", method):
        raise Refused(reach.MALFORMED, "the method is no word of capital letters")
    headers = _read_headers(lines)
    if method == "CONNECT":
        return _read_connect(target, headers)
    return _read_absolute(method, target, words[2], headers)


def read_authority(text: str, default_port: int | None) -> tuple[str, int]:
    """Returns (host, port) of an authority without user information; raises Refused."""
    found = _AUTHORITY.fullmatch(text)
    host = reach.read_host(found["host"]) if found else None
    if found is None or host is None:
        raise Refused(reach.MALFORMED, "the target is not a plain host and port", host=text[:255])
    port = int(found["port"]) if found["port"] else default_port
    if port is None or not 0 < port <= 65535:
        raise Refused(reach.MALFORMED, "the target has no port from 1 to 65535", host=host)
    return host, port


def _read_headers(lines: list[str]) -> list[tuple[str, str]]:
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise Refused(reach.MALFORMED, "a header line is not plain")
        headers.append((name, value.strip(" \t")))
    names = [name.lower() for name, _ in headers]
    for single in ("host", "content-length", "transfer-encoding"):
        if names.count(single) > 1:
            raise Refused(reach.MALFORMED, f"there are two {single} headers")
    return headers


def _check_host(headers: list[tuple[str, str]], host: str, port: int) -> None:
    for name, value in headers:
        if name.lower() != "host":
            continue
        # Some programs leave the port away; none may name another one.
        if read_authority(value, port) != (host, port):
            raise Refused(HOST_MISMATCH, f"the Host header is not {host}:{port}", host=host, port=port)


def _read_connect(target: str, headers: list[tuple[str, str]]) -> Asked:
    host, port = read_authority(target, None)
    _check_host(headers, host, port)
    if any(name.lower() in ("content-length", "transfer-encoding") for name, _ in headers):
        raise Refused(reach.MALFORMED, "a CONNECT has no body", host=host, port=port)
    return Asked(host=host, port=port, is_tunnel=True)


def _read_absolute(method: str, target: str, version: str, headers: list[tuple[str, str]]) -> Asked:
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        raise Refused(UNSUPPORTED, "only http:// targets and CONNECT are served", host=target[:255])
    host, port = read_authority(found["authority"], 80)
    _check_host(headers, host, port)
    body_bytes = _read_framing(headers, host, port)
    if version == "HTTP/1.0" and body_bytes == -1:
        # Such a request's framing is faulty, whatever it says (RFC 9112, 6.1).
        raise Refused(reach.MALFORMED, "HTTP/1.0 has no chunked body", host=host, port=port)
    listed = {
        word.strip().lower()
        for name, value in headers
        if name.lower() == "connection"
        for word in value.split(",")
    }
    if listed & {"host", "content-length", "transfer-encoding"}:
        raise Refused(
            reach.MALFORMED, "a Connection header names what frames the request", host=host, port=port
        )
    kept = [(n, v) for n, v in headers if n.lower() not in _OWN_HOP | listed | {"host"}]
    path = found["path"] or "/"
    lines = [
        # The client's own version: one that speaks HTTP/1.0 could not read a chunked answer.
        f"{method} {path if path.startswith('/') else '/' + path} {version}",
        f"Host: {host}" if port == 80 else f"Host: {host}:{port}",
        *(f"{name}: {value}" for name, value in kept),
        # One request a connection: a second one would reach its server unjudged.
        "Connection: close",
    ]
    onward = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return Asked(host=host, port=port, is_tunnel=False, onward=onward, body_bytes=body_bytes)


def _read_framing(headers: list[tuple[str, str]], host: str, port: int) -> int:
    values = {name.lower(): value for name, value in headers}
    length, coding = values.get("content-length"), values.get("transfer-encoding")
    if length is not None and coding is not None:
        raise Refused(reach.MALFORMED, "the request has two lengths", host=host, port=port)
    if coding is not None:
        if coding.lower() != "chunked":
            raise Refused(reach.MALFORMED, f"the coding {coding[:40]!r} is not chunked", host=host, port=port)
        return -1
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise Refused(reach.MALFORMED, "the length is no whole number", host=host, port=port)
    return int(length)


class Body:
    """Lets exactly one request's body through, as `body_bytes` of Asked frames it."""

    def __init__(self, body_bytes: int | None) -> None:
        self._left = body_bytes or 0
        self._is_endless = body_bytes is None
        self._is_chunked = body_bytes == -1
        self._chunk_left = 0
        self._line = b""
        self._state = "size"
        self.is_over = body_bytes == 0

    def take(self, data: bytes) -> bytes:
        """Returns what of `data` goes on; what follows the body is dropped. Raises Refused: a bad chunk."""
        if self._is_endless:
            return data
        if not self._is_chunked:
            taken = data[: self._left]
            self._left -= len(taken)
            self.is_over = self._left == 0
            return taken
        onward = bytearray()
        while data and not self.is_over:
            data = self._take_chunked(data, onward)
        return bytes(onward)

    def _take_chunked(self, data: bytes, onward: bytearray) -> bytes:
        if self._state == "data":
            part = data[: self._chunk_left]
            self._chunk_left -= len(part)
            onward += part
            if self._chunk_left == 0:
                self._state = "end"
            return data[len(part) :]
        # A line: a chunk's size, the empty one after its data, or the empty one after the last chunk.
        end = data.find(b"\n")
        self._line += data if end < 0 else data[: end + 1]
        if len(self._line) > 32:
            raise Refused(reach.MALFORMED, "a chunk's line is too long")
        if end >= 0:
            line, self._line = self._line, b""
            self._end_line(line)
            onward += line
        return b"" if end < 0 else data[end + 1 :]

    def _end_line(self, line: bytes) -> None:
        if not line.endswith(b"\r\n"):
            raise Refused(reach.MALFORMED, "a chunk's line has a bare line end")
        words = line[:-2]
        if self._state == "size":
            if not _CHUNK_SIZE.fullmatch(words):
                raise Refused(reach.MALFORMED, "a chunk has no plain size")
            self._chunk_left = int(words, 16)
            self._state = "data" if self._chunk_left else "last"
            return
        if words:
            raise Refused(reach.MALFORMED, "a chunk is longer than it says, or has a trailer")
        self.is_over = self._state == "last"
        self._state = "size"
