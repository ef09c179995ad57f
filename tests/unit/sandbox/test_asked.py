"""What is asked of the proxy is read in one strict spelling; what could be read in two ways is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sandbox import asked, reach
from workbench.sandbox.asked import Asked, Body, Refused


def head(*lines: str) -> bytes:
    return "\r\n".join(lines).encode("latin-1")


def test_connect_is_read() -> None:
    answer = asked.read_http(head("CONNECT Example.org:443 HTTP/1.1", "Host: example.org:443"))
    assert answer == Asked(host="example.org", port=443, is_tunnel=True)


def test_an_absolute_target_goes_on_as_a_path_with_the_host_it_names() -> None:
    answer = asked.read_http(
        head(
            "POST http://example.org:8080/a?b=c HTTP/1.1",
            "Proxy-Connection: keep-alive",
            "Proxy-Authorization: Basic eA==",
            "Connection: keep-alive, X-Hop",
            "X-Hop: 1",
            "Accept: */*",
            "Content-Length: 5",
        )
    )
    assert answer == Asked(
        host="example.org",
        port=8080,
        is_tunnel=False,
        onward=b"POST /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\nAccept: */*\r\nContent-Length: 5\r\n"
        b"Connection: close\r\n\r\n",
        body_bytes=5,
    )


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("CONNECT allowed.org:443@evil.org:443 HTTP/1.1",), reach.MALFORMED),
        (("CONNECT user:pass@evil.org:443 HTTP/1.1",), reach.MALFORMED),
        (("CONNECT example.org HTTP/1.1",), reach.MALFORMED),
        (("POST http://example.org/ HTTP/1.0", "Transfer-Encoding: chunked"), reach.MALFORMED),
        (("CONNECT example.org:0 HTTP/1.1",), reach.MALFORMED),
        (("CONNECT example.org:65536 HTTP/1.1",), reach.MALFORMED),
        (("CONNECT example.org:443:80 HTTP/1.1",), reach.MALFORMED),
        (("CONNECT example.org:443/x HTTP/1.1",), reach.MALFORMED),
        (("CONNECT example.org:443 HTTP/1.1", "Host: evil.org:443"), asked.HOST_MISMATCH),
        (("CONNECT example.org:443 HTTP/1.1", "Content-Length: 3"), reach.MALFORMED),
        (("CONNECT ex\xe0mple.org:443 HTTP/1.1",), reach.MALFORMED),
        (("GET http://example.org@evil.org/ HTTP/1.1",), reach.MALFORMED),
        (("GET http://example.org:80@evil.org/ HTTP/1.1",), reach.MALFORMED),
        (("GET http://example.org\\@evil.org/ HTTP/1.1",), reach.MALFORMED),
        (("GET http://example.org%2eevil/ HTTP/1.1",), reach.MALFORMED),
        (("GET http:///x HTTP/1.1",), reach.MALFORMED),
        (("GET http://example.org/#x HTTP/1.1",), asked.UNSUPPORTED),
        (("GET https://example.org/ HTTP/1.1",), asked.UNSUPPORTED),
        (("GET / HTTP/1.1", "Host: example.org"), asked.UNSUPPORTED),
        (("GET http://example.org/ HTTP/1.1", "Host: evil.org"), asked.HOST_MISMATCH),
        (("GET http://example.org/ HTTP/1.1", "Host: example.org:81"), asked.HOST_MISMATCH),
        (("GET http://example.org/ HTTP/1.1", "Host: example.org", "host: example.org"), reach.MALFORMED),
        (("GET http://example.org/ HTTP/1.1", "Host : example.org"), reach.MALFORMED),
        (("GET http://example.org/ HTTP/1.1", " folded: x"), reach.MALFORMED),
        (("GET http://example.org/ HTTP/1.1", "X: a\nHost: evil.org"), reach.MALFORMED),
        (("GET http://example.org/ HTTP/1.1", "X: a\rHost: evil.org"), reach.MALFORMED),
        (("GET http://example.org/ HTTP/1.1", "X: a\0b"), reach.MALFORMED),
        (("GET http://example.org/a b HTTP/1.1",), reach.MALFORMED),
        (("GET  http://example.org/ HTTP/1.1",), reach.MALFORMED),
        (("GET http://example.org/ HTTP/2.0",), reach.MALFORMED),
        (("get http://example.org/ HTTP/1.1",), reach.MALFORMED),
        (("POST http://example.org/ HTTP/1.1", "Content-Length: 1", "Content-Length: 9"), reach.MALFORMED),
        (
            ("POST http://example.org/ HTTP/1.1", "Content-Length: 1", "Transfer-Encoding: chunked"),
            reach.MALFORMED,
        ),
        (("POST http://example.org/ HTTP/1.1", "Transfer-Encoding: gzip, chunked"), reach.MALFORMED),
        (("POST http://example.org/ HTTP/1.1", "Transfer-Encoding: xchunked"), reach.MALFORMED),
        (("POST http://example.org/ HTTP/1.1", "Content-Length: +1"), reach.MALFORMED),
        (
            ("POST http://example.org/ HTTP/1.1", "Content-Length: 1", "Connection: content-length"),
            reach.MALFORMED,
        ),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(lines: tuple[str, ...], why: str) -> None:
    with pytest.raises(Refused) as caught:
        asked.read_http(head(*lines))
    assert caught.value.why == why


@given(st.binary(max_size=300))
def test_no_bytes_at_all_make_it_fail_in_another_way(data: bytes) -> None:
    try:
        answer = asked.read_http(data)
    except Refused:
        return
    assert reach.read_host(answer.host) == answer.host


@given(st.binary(max_size=200), st.integers(1, 50))
def test_a_body_of_known_length_lets_no_byte_more_through(data: bytes, piece: int) -> None:
    body = Body(20)
    taken = b"".join(body.take(data[at : at + piece]) for at in range(0, len(data), piece))
    assert taken == data[:20]
    assert body.is_over == (len(data) >= 20)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.integers(1, 9))
def test_a_chunked_body_ends_with_its_last_chunk(parts: list[bytes], piece: int) -> None:
    whole = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    data = whole + b"GET /smuggled HTTP/1.1\r\n\r\n"
    body = Body(-1)
    taken = b"".join(body.take(data[at : at + piece]) for at in range(0, len(data), piece))
    assert taken == whole
    assert body.is_over


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"5;x=y\r\nhello\r\n",
            b"5\nhello\r\n",
            b"-1\r\n",
            b"0x5\r\n",
            b" 5\r\n",
            b"5 \r\n",
            b"fffffffff\r\n",
        ),
        *(b"5\r\nhelloX\r\n", b"0\r\nTrailer: x\r\n\r\n", b"0" * 40),
    ],
)
def test_a_chunk_that_two_readers_could_see_differently_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        Body(-1).take(data)
