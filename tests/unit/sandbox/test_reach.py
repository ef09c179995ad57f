"""Names are on the list exactly, and only public addresses are reached through a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sandbox import reach

PLACES = {("example.org", 443), ("example.org", 80), ("127.0.0.1", 5432)}


@pytest.mark.parametrize("host", ["example.org", "EXAMPLE.org", "example.org."])
def test_a_name_has_one_spelling(host: str) -> None:
    assert reach.read_host(host) == "example.org"


@pytest.mark.parametrize(
    ("raw", "spelling"),
    [
        ("[2001:DB8:0:0:0::5]", "[2001:db8::5]"),
        ("[2001:db8::0.0.0.5]", "[2001:db8::5]"),
        ("[0:0:0:0:0:0:0:1]", "[::1]"),
    ],
)
def test_an_ipv6_address_has_one_spelling(raw: str, spelling: str) -> None:
    assert reach.read_host(raw) == spelling


@pytest.mark.parametrize(
    "raw",
    [
        *(
            "",
            ".",
            "..",
            "example..org",
            "example.org..",
            ".example.org",
            "a b",
            "a\tb",
            "a/b",
            "a\\b",
            "a@b",
        ),
        *(
            "ex\u0430mple.org",
            "example.org\0",
            "example.org%00",
            "a%2eb",
            "[::1",
            "::1",
            "[fe80::1%25eth0]",
            "-a",
        ),
    ],
)
def test_what_is_no_plain_host_is_none(raw: str) -> None:
    assert reach.read_host(raw) is None


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [
        ("example.org", 443, reach.ALLOWED),
        ("example.org", 22, reach.PORT_NOT_ON_LIST),
        ("127.0.0.1", 5432, reach.ALLOWED),
        ("127.0.0.1", 5433, reach.ADDRESS_NOT_ON_LIST),
        ("evil-example.org", 443, reach.NOT_ON_LIST),
        ("example.org.evil", 443, reach.NOT_ON_LIST),
        ("sub.example.org", 443, reach.NOT_ON_LIST),
        ("xample.org", 443, reach.NOT_ON_LIST),
        ("2130706433", 5432, reach.ADDRESS_NOT_ON_LIST),
        ("0x7f000001", 5432, reach.ADDRESS_NOT_ON_LIST),
        ("0177.0.0.1", 5432, reach.ADDRESS_NOT_ON_LIST),
        ("127.1", 5432, reach.ADDRESS_NOT_ON_LIST),
        ("127.0.0.0x1", 5432, reach.ADDRESS_NOT_ON_LIST),
        ("[::1]", 5432, reach.ADDRESS_NOT_ON_LIST),
        ("[::ffff:127.0.0.1]", 5432, reach.ADDRESS_NOT_ON_LIST),
        ("169.254.169.254", 80, reach.ADDRESS_NOT_ON_LIST),
    ],
)
def test_only_what_the_list_names_may_be_asked_for(host: str, port: int, why: str) -> None:
    assert reach.judge_place(PLACES, host, port) == why


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.0.1", "192.168.1.1"),
        *(
            "192.0.0.170",
            "192.0.2.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
        ),
        *("::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:8.8.8.8", "::127.0.0.1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "2001::1", "2001:db8::1", "100::1", "fec0::1", "nonsense", ""),
        *("fe80::1%eth0", "127.1", "0x7f.0.0.1"),
    ],
)
def test_an_address_that_is_not_public_is_never_reached_through_a_name(address: str) -> None:
    assert not reach.is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "172.32.0.1"])
def test_a_public_address_may_be(address: str) -> None:
    assert reach.is_public(address)


@given(st.text(max_size=40))
def test_whatever_is_read_as_a_host_is_lower_case_ascii_and_reads_the_same_again(raw: str) -> None:
    host = reach.read_host(raw)
    if host is not None:
        assert host.isascii()
        assert host == host.lower()
        assert reach.read_host(host) == host
        assert not set(host) & set(" @/\\%\r\n\t\0")
