"""Judges where a connection may go: first by the name that was asked for, then by the address it has.

Standard library only, pure. A name is on the list exactly, or below a name that the list has with a star.
What a name resolves to must be a public address, whoever answered; private places are reached only when the
list holds their very address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection

ALLOWED = ""
NOT_ON_LIST, PORT_NOT_ON_LIST = "not_on_list", "port_not_on_list"
ADDRESS_NOT_ON_LIST, NOT_PUBLIC, OWN_ADDRESS = "address_not_on_list", "not_public", "own_address"
MALFORMED = "malformed"

Places = Collection[tuple[str, int]]

_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?")
_ADDRESS = re.compile(r"\[.*\]|(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
# RFC 6890 and the IANA special-purpose registries: private, carrier-grade, loopback, link-local, protocol,
# documentation, benchmark, relay, multicast and reserved addresses.
_CLOSED_4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Azure's address for the host below each of its machines: it lies among the public ones.
        "168.63.129.16/32",
    )
)
_OPEN_6 = ipaddress.IPv6Network("2000::/3")
# Teredo and the other protocol assignments, 6to4 (both hold an IPv4 address), and documentation.
_CLOSED_6 = tuple(
    ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


def read_host(raw: str) -> str | None:
    """Returns the host that was asked for in its one spelling, or None when it is none.

    Lower-case, without the last dot of an absolute name; an IPv6 address in its shortest form, in brackets.
    """
    host = raw.lower()
    if host.startswith("["):
        if not re.fullmatch(r"\[[0-9a-f:.]{2,45}\]", host):
            return None
        try:
            return f"[{ipaddress.IPv6Address(host[1:-1])}]"
        except ValueError:
            return None
    host = host.removesuffix(".")
    return host if _HOST.fullmatch(host) and ".." not in host else None


def judge_place(places: Places, host: str, port: int) -> str:
    """Returns ALLOWED, or why this host and port may not be asked for."""
    if (host, port) in places:
        return ALLOWED
    if _ADDRESS.fullmatch(host):
        return ADDRESS_NOT_ON_LIST
    ports = {open_port for name, open_port in places if host == name or _is_below(host, name)}
    if port in ports:
        return ALLOWED
    return PORT_NOT_ON_LIST if ports else NOT_ON_LIST


def is_literal(host: str) -> bool:
    """Says whether a host of the list is an address itself, which the project then named on purpose."""
    return _ADDRESS.fullmatch(host) is not None


def _is_below(host: str, pattern: str) -> bool:
    """Says whether a name has one or more labels before those of a pattern; the pattern's own is none."""
    return pattern.startswith("*.") and host.endswith(pattern[1:]) and not host.startswith(("*", "."))


def is_loopback(address: str) -> bool:
    """Says whether an address means the machine itself, whether or not one has that family."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """Says whether an address that a name resolved to is one of the open internet."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _CLOSED_4)
    # Mapped, translated and unique-local addresses all lie outside 2000::/3.
    return parsed in _OPEN_6 and not any(parsed in network for network in _CLOSED_6)
