"""An entry of a network list names one place exactly, or is refused with the way to write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.model.errors import InvalidInput
from workbench.model.network import beyond, parse_entries, parse_entry, render_reach


@pytest.mark.parametrize(
    ("text", "spelling", "ports"),
    [
        ("Example.ORG.", "example.org", (80, 443)),
        ("example.org:8443", "example.org:8443", (8443,)),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", (80, 443)),
        ("127.0.0.1:5432", "127.0.0.1:5432", (5432,)),
        ("10.1.2.3:8080", "10.1.2.3:8080", (8080,)),
        ("registry:5000", "registry:5000", (5000,)),
    ],
)
def test_an_entry_has_one_spelling(text: str, spelling: str, ports: tuple[int, ...]) -> None:
    entry = parse_entry(text)
    assert (entry.text, entry.ports) == (spelling, ports)
    assert parse_entry(spelling) == entry


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "*", "*.example.org", ".example.org", "example..org", "example.org:", "example.org:0"),
        *("example.org:65536", "example.org:80:80", "example.org:+80", "example.org/x", "http://example.org"),
        *(
            "user@example.org",
            "b\u00fccher.example",
            "ex\u0430mple.org",
            "localhost",
            "a.localhost:80",
            "a b",
        ),
        *("127.0.0.1", "127.0.0.2:80", "127.1:80", "2130706433:80", "0x7f000001:80", "0177.0.0.1:80"),
        *(
            "0.0.0.0:80",
            "169.254.169.254:80",
            "224.0.0.1:80",
            "255.255.255.255:80",
            "256.1.1.1:80",
            "[::1]:80",
        ),
        *("::1", "127.0.0.1:3128", "a" * 64 + ".org", "a." * 127 + "org"),
    ],
)
def test_what_is_no_single_place_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_entry(text)


def test_a_list_that_nobody_can_read_is_refused() -> None:
    with pytest.raises(InvalidInput):
        parse_entries([f"a{number}.org" for number in range(65)])


def test_beyond_is_what_reaches_a_place_that_was_not_granted() -> None:
    assert beyond(["a.org", "b.org:443", "c.org"], ["b.org", "a.org:443"]) == ("a.org", "c.org")
    assert beyond([], ["a.org"]) == ()


def test_a_reach_is_told_in_words() -> None:
    assert render_reach([], []) == "no network"
    assert render_reach(["b.org", "a.org"], []) == "only a.org, b.org"
    assert render_reach(["a.org"], ["b.org"]) == "only a.org; for this run alone: b.org"
    assert render_reach([], ["b.org"]) == "for this run alone: b.org"


@given(st.text(max_size=60))
def test_whatever_is_taken_is_plain_and_reads_the_same_again(text: str) -> None:
    try:
        entry = parse_entry(text)
    except InvalidInput:
        return
    assert entry.text.isascii()
    assert parse_entry(entry.text) == entry
