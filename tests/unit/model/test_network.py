"""An entry of a network list names one place exactly, or is refused with the way to write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.model.errors import InvalidInput
from workbench.model.network import beyond, covers, parse_entries, parse_entry, render_reach
from workbench.sandbox import reach


@pytest.mark.parametrize(
    ("text", "spelling", "ports"),
    [
        ("Example.ORG.", "example.org", (80, 443)),
        ("example.org:8443", "example.org:8443", (8443,)),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", (80, 443)),
        ("127.0.0.1:5432", "127.0.0.1:5432", (5432,)),
        ("10.1.2.3:8080", "10.1.2.3:8080", (8080,)),
        ("registry:5000", "registry:5000", (5000,)),
        ("*.Example.org.", "*.example.org", (80, 443)),
        ("*.a.b.example.org:8443", "*.a.b.example.org:8443", (8443,)),
        ("*.example.co.uk", "*.example.co.uk", (80, 443)),
        ("[2001:DB8:0:0::5]:443", "[2001:db8::5]:443", (443,)),
        ("[fd12::1]:5432", "[fd12::1]:5432", (5432,)),
    ],
)
def test_an_entry_has_one_spelling(text: str, spelling: str, ports: tuple[int, ...]) -> None:
    entry = parse_entry(text)
    assert (entry.text, entry.ports) == (spelling, ports)
    assert parse_entry(spelling) == entry


@pytest.mark.parametrize(
    "text",
    [
        *(
            "*.",
            "*.*",
            "*.*.example.org",
            "a.*.example.org",
            "*a.example.org",
            "*example.org",
            "**.example.org",
        ),
        *("*.org", "*.co.uk", "*.com.au", "*.1.2.3.4:80", "*.localhost", "*.a.localhost", "*..example.org"),
        *("example.*", "*:443", "?.example.org", "[a-z].example.org", "*.[::1]:80"),
        *("[2001:db8::5]", "[2001:db8::5]:0", "[2001:db8::5]443", "[2001:db8::5", "2001:db8::5:443", "[]:80"),
        *(
            "[::]:80",
            "[::ffff:127.0.0.1]:80",
            "[::127.0.0.1]:80",
            "[64:ff9b::7f00:1]:80",
            "[2002:7f00:1::]:80",
        ),
        *("[fe80::1]:80", "[fe80::1%25eth0]:80", "[fd12::1%eth0]:80", "[ff02::1]:80", "[fd00:ec2::254]:80"),
        *("[fd20:ce::254]:80", "[2001:0:7f00:1::]:80", "[v1.x]:80", "[127.0.0.1]:80", "[example.org]:80"),
        *("168.63.129.16:80", "100.100.100.200:80", "192.0.0.192:80"),
        *("", ".", "*", ".example.org", "example..org", "example.org:", "example.org:0"),
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


@pytest.mark.parametrize(
    ("granted", "asked", "is_covered"),
    [
        ("*.example.org", "a.example.org", True),
        ("*.example.org", "a.b.example.org", True),
        ("*.example.org", "*.a.example.org", True),
        ("*.example.org", "*.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", "evil-example.org", False),
        ("*.example.org", "a.example.org.evil", False),
        ("*.a.example.org", "*.example.org", False),
        ("a.example.org", "*.a.example.org", False),
        ("example.org", "a.example.org", False),
    ],
)
def test_a_pattern_covers_what_lies_below_it_and_never_its_apex(
    granted: str, asked: str, is_covered: bool
) -> None:
    assert covers(granted, asked) is is_covered
    assert beyond([asked], [granted]) == (() if is_covered else (asked,))
    if not asked.startswith("*"):
        # The proxy, which sees every connection, is of one mind with the gate, which decides who is asked.
        assert (reach.judge_place({(granted, 443)}, asked, 443) == reach.ALLOWED) is is_covered


def test_a_patterns_port_is_a_port_of_each_name() -> None:
    assert beyond(["a.example.org"], ["*.example.org:443"]) == ("a.example.org",)
    assert beyond(["a.example.org:443"], ["*.example.org:443"]) == ()
    assert beyond(["a.example.org"], ["*.example.org:443", "a.example.org:80"]) == ()


@pytest.mark.parametrize(
    ("entry", "remedy"),
    [
        ("*.org", "two labels"),
        ("*", "*.example.org"),
        ("a.*.example.org", "star alone and first"),
        ("2001:db8::5:443", "[2001:db8::5]:443"),
        ("[2001:db8::5]", "[2001:db8::5]:PORT"),
        ("[::1]:80", "127.0.0.1"),
        ("[::ffff:10.0.0.1]:80", "IPv4"),
    ],
)
def test_a_refusal_says_how_it_is_written(entry: str, remedy: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_entry(entry)
    assert remedy in refused.value.remedy
    assert entry in refused.value.message


_LABELS = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True), min_size=1, max_size=4)


@given(below=_LABELS, owner=_LABELS, glue=st.sampled_from(["", "-", ".", "x", "xx.", "-."]))
def test_a_name_is_let_through_by_a_pattern_only_below_a_dot(
    below: list[str], owner: list[str], glue: str
) -> None:
    apex = ".".join([*owner, "example", "org"])
    host = ".".join(below) + glue + apex
    is_below = host.endswith("." + apex)
    assert (reach.judge_place({(f"*.{apex}", 443)}, host, 443) == reach.ALLOWED) is is_below
    assert reach.judge_place({(f"*.{apex}", 443)}, apex, 443) == reach.NOT_ON_LIST
