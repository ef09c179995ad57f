"""The names a sandboxed step may reach: how an entry of a network list is written, and what it means.

An entry is one exact name with an optional port, never a pattern. Without a port it means 80 and 443. An IPv4
address needs its port, and is how a service on this machine is named. It resolves nothing and dials nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.model.errors import InvalidInput

USUAL_PORTS = (80, 443)
PROXY_PORT = 3128
MOST_ENTRIES = 64
"""A list that nobody can read is no control."""

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_QUAD = re.compile(r"(0|[1-9][0-9]{0,2})(?:\.(0|[1-9][0-9]{0,2})){3}")
_NUMERIC = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")
_REMEDY = "write one name, or one with its port: example.org, example.org:8443, 127.0.0.1:5432"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkEntry:
    """`host` is lower-case ASCII; `port` None means USUAL_PORTS."""

    host: str
    port: int | None

    @property
    def text(self) -> str:
        """The one spelling of this entry."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def ports(self) -> tuple[int, ...]:
        return USUAL_PORTS if self.port is None else (self.port,)


def parse_entry(text: str) -> NetworkEntry:
    """Returns the entry that `text` names; raises InvalidInput for what is no single exact place.

    Refused are patterns, URLs, IPv6 addresses, other spellings of IPv4 ones, names outside ASCII (their
    punycode is a name), and addresses that stand for no single machine: link-local, multicast, 0.0.0.0/8.
    """
    if not text.isascii():
        raise InvalidInput(
            f"{text!r} has letters outside ASCII, which can look like others",
            remedy="write the name's punycode, the form that starts with xn--",
        )
    host, colon, digits = text.strip().lower().partition(":")
    port = _parse_port(text, digits) if colon else None
    host = host.removesuffix(".")
    if _QUAD.fullmatch(host):
        return _parse_address(text, host, port)
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidInput(f"{text!r} is not a name that can be reached", remedy=_REMEDY)
    if _NUMERIC.fullmatch(labels[-1]):
        raise InvalidInput(f"{text!r} is another spelling of an address", remedy=_REMEDY)
    if labels[-1] == "localhost":
        raise InvalidInput(
            f"{text!r} is this machine", remedy="name the one service that is meant: 127.0.0.1:PORT"
        )
    return NetworkEntry(host=host, port=port)


def parse_entries(texts: Sequence[str]) -> tuple[NetworkEntry, ...]:
    """Returns the entries, each once and in order of spelling; raises InvalidInput for more than 64."""
    entries = {entry.text: entry for entry in (parse_entry(text) for text in texts)}
    if len(entries) > MOST_ENTRIES:
        raise InvalidInput(
            f"{len(entries)} names are more than the {MOST_ENTRIES} that one list may have",
            remedy="leave out what is not needed",
        )
    return tuple(entries[text] for text in sorted(entries))


def beyond(asked: Sequence[str], granted: Sequence[str]) -> tuple[str, ...]:
    """Returns the entries of `asked` that reach a place which `granted` does not, as texts in order."""
    places = {(entry.host, port) for entry in parse_entries(granted) for port in entry.ports}
    return tuple(
        entry.text
        for entry in parse_entries(asked)
        if not all((entry.host, port) in places for port in entry.ports)
    )


def render_reach(granted: Sequence[str], asked: Sequence[str]) -> str:
    """Returns in words what a run may reach: the project's names, and those for this run alone."""
    more = beyond(asked, granted)
    names = [entry.text for entry in parse_entries(granted)]
    if not names and not more:
        return "no network"
    words = [f"only {', '.join(names)}"] if names else []
    return "; ".join([*words, *([f"for this run alone: {', '.join(more)}"] if more else [])])


def _parse_port(text: str, digits: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,4}", digits) or int(digits) > 65535:
        raise InvalidInput(f"{text!r} has no port from 1 to 65535 after its colon", remedy=_REMEDY)
    return int(digits)


def _parse_address(text: str, host: str, port: int | None) -> NetworkEntry:
    parts = [int(part) for part in host.split(".")]
    if max(parts) > 255:
        raise InvalidInput(f"{text!r} is no address", remedy=_REMEDY)
    if parts[0] == 0 or parts[0] >= 224 or parts[:2] == [169, 254]:
        raise InvalidInput(
            f"{text!r} is link-local, multicast or no machine's address, and is never reached",
            remedy="name the service itself; the metadata address of a cloud cannot be listed",
        )
    if parts[0] == 127 and host != "127.0.0.1":
        raise InvalidInput(f"{text!r} is this machine", remedy="write 127.0.0.1 with the service's port")
    if port is None:
        raise InvalidInput(f"{text!r} is an address without a port", remedy=f"name its port: {host}:PORT")
    if host == "127.0.0.1" and port == PROXY_PORT:
        raise InvalidInput(
            f"{text!r} is where a sandbox finds its proxy", remedy="let the service listen on another port"
        )
    return NetworkEntry(host=host, port=port)
