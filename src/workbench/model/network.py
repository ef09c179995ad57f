"""The names a sandboxed step may reach: how an entry of a network list is written, and what it means.

An entry is one exact name, or `*.` and a name for all that lies below it, with an optional port. Without one
it means 80 and 443. An address needs its port, and is how a service on this machine is named. It resolves
nothing and dials nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.model.errors import InvalidInput

USUAL_PORTS = (80, 443)
PROXY_PORT = 3128
NO_NETWORK = "no network"
MOST_ENTRIES = 64
"""A list that nobody can read is no control."""

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_QUAD = re.compile(r"(0|[1-9][0-9]{0,2})(?:\.(0|[1-9][0-9]{0,2})){3}")
_NUMERIC = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")
_BRACKETED = re.compile(r"(\[[^\[\]]*\])(?::(.*))?", re.DOTALL)
_REMEDY = (
    "write a name, all names below one, or an address with its port: example.org, example.org:8443, "
    "*.example.org, 127.0.0.1:5432, [2001:db8::5]:443"
)
_ANY = "*."
# What registries sell names below, in most countries: `*.co.uk` would be everybody.
_REGISTRY_LABELS = frozenset(
    (
        "ac",
        "co",
        "com",
        "edu",
        "gob",
        "gouv",
        "gov",
        "go",
        "gr",
        "ltd",
        "mil",
        "ne",
        "net",
        "nom",
        "or",
        "org",
    )
)
# Below these, on the public list of suffixes, anybody may have a name. Not the whole list: what is often met.
_SHARED_SUFFIXES = frozenset(
    (
        *("amazonaws.com", "appspot.com", "azurewebsites.net", "blob.core.windows.net", "blogspot.com"),
        *("cloudapp.net", "cloudfront.net", "fly.dev", "firebaseapp.com", "github.io", "gitlab.io"),
        *("githubusercontent.com", "herokuapp.com", "netlify.app", "ngrok.io", "ngrok-free.app"),
        *("onrender.com", "pages.dev", "railway.app", "run.app", "surge.sh", "trycloudflare.com"),
        *("vercel.app", "web.app", "workers.dev"),
    )
)
_METADATA_NAMES = frozenset(
    ("metadata.google.internal", "metadata.goog", "instance-data.ec2.internal", "metadata.azure.internal")
)
# Each answers as the machine's own cloud account; some lie among public or private addresses.
METADATA_ADDRESSES = frozenset(
    {"100.100.100.200", "168.63.129.16", "169.254.169.254", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"}
)
_CLOSED_6 = (
    # An IPv4 address inside: compatible, mapped, translated, Teredo and 6to4.
    *("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"),
    # Link-local, the site-local of old, multicast.
    *("fe80::/10", "fec0::/10", "ff00::/8"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkEntry:
    """`host` is lower-case ASCII, with `*.` before it for all names below; an IPv6 address is in brackets.
    `port` None means USUAL_PORTS."""

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
    """Returns the entry that `text` names; raises InvalidInput, with a remedy, for what is no clear place.

    `*.example.org` is every name of one or more labels below example.org, and not example.org itself. Refused
    are other patterns, a star above fewer than two labels or a registry's suffix, URLs, other spellings of
    addresses, names outside ASCII (their punycode is a name), and addresses that stand for no single machine:
    link-local, multicast, 0.0.0.0/8, those that hold another address, and the metadata services of clouds.
    """
    if not text.isascii():
        raise InvalidInput(
            f"{text!r} has letters outside ASCII, which can look like others",
            remedy="write the name's punycode, the form that starts with xn--",
        )
    written = text.strip().lower()
    if bracketed := _BRACKETED.fullmatch(written):
        digits = bracketed[2]
        return _parse_address_6(text, bracketed[1], None if digits is None else _parse_port(text, digits))
    if written.count(":") > 1:
        raise InvalidInput(
            f"{text!r} is not a name that can be reached",
            remedy="write an IPv6 address in brackets with its port: [2001:db8::5]:443",
        )
    host, colon, digits = written.partition(":")
    port = _parse_port(text, digits) if colon else None
    host = host.removesuffix(".")
    if _QUAD.fullmatch(host):
        return _parse_address(text, host, port)
    name = host.removeprefix(_ANY)
    labels = name.split(".")
    if "*" in name:
        raise InvalidInput(
            f"{text!r} is no pattern that is known",
            remedy="put the star alone and first, for all names below: *.example.org",
        )
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidInput(f"{text!r} is not a name that can be reached", remedy=_REMEDY)
    if _NUMERIC.fullmatch(labels[-1]):
        raise InvalidInput(f"{text!r} is another spelling of an address", remedy=_REMEDY)
    if labels[-1] == "localhost":
        raise InvalidInput(
            f"{text!r} is this machine", remedy="name the one service that is meant: 127.0.0.1:PORT"
        )
    if any(covers(host, closed) for closed in _METADATA_NAMES):
        raise InvalidInput(
            f"{text!r} is or holds the metadata service of a cloud, which is never reached",
            remedy="name the service itself; a cloud's metadata service cannot be listed",
        )
    if host.startswith(_ANY) and _is_everybody(labels):
        raise InvalidInput(
            f"{text!r} would be names of everybody",
            remedy="name at least two labels after the star, those of one owner: *.example.org",
        )
    return NetworkEntry(host=host, port=port)


def covers(granted: str, asked: str) -> bool:
    """Says whether the host of an entry reaches all that another one's does.

    A pattern covers the names of one or more labels below it, patterns below it, and itself; never its apex.
    """
    if granted == asked:
        return True
    return granted.startswith(_ANY) and asked.removeprefix(_ANY).endswith(granted[1:])


def is_pattern(entry: str) -> bool:
    """Says whether an entry stands for all names below one."""
    return entry.startswith(_ANY)


def is_shared(entry: str) -> bool:
    """Says whether an entry is a pattern below which anybody may have a name, as far as is known here."""
    host = parse_entry(entry).host
    name = host.removeprefix(_ANY)
    return is_pattern(host) and any(
        name == suffix or (name.endswith("." + suffix) and suffix in ("amazonaws.com", "run.app"))
        for suffix in _SHARED_SUFFIXES
    )


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
    places = [(entry.host, port) for entry in parse_entries(granted) for port in entry.ports]
    return tuple(
        entry.text
        for entry in parse_entries(asked)
        if not all(
            any(open_port == port and covers(host, entry.host) for host, open_port in places)
            for port in entry.ports
        )
    )


def render_reach(granted: Sequence[str], asked: Sequence[str]) -> str:
    """Returns in words what a run may reach: the project's names, and those for this run alone."""
    more = beyond(asked, granted)
    names = [entry.text for entry in parse_entries(granted)]
    if not names and not more:
        return NO_NETWORK
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
    if parts[0] == 0 or parts[0] >= 224 or parts[:2] == [169, 254] or host in METADATA_ADDRESSES:
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


def _parse_address_6(text: str, bracketed: str, port: int | None) -> NetworkEntry:
    try:
        address = ipaddress.IPv6Address(bracketed[1:-1])
    except ValueError:
        address = None
    # A zone is an interface of one machine, and only link-local addresses have any.
    if address is None or address.scope_id is not None:
        raise InvalidInput(f"{text!r} is no IPv6 address", remedy=_REMEDY)
    if address == ipaddress.IPv6Address("::1"):
        raise InvalidInput(f"{text!r} is this machine", remedy="write 127.0.0.1 with the service's port")
    if str(address) in METADATA_ADDRESSES or any(
        address in ipaddress.IPv6Network(network) for network in _CLOSED_6
    ):
        raise InvalidInput(
            f"{text!r} is link-local, multicast, a metadata service or holds another address, and is never "
            "reached",
            remedy="name the service itself; an IPv4 address is written as one, with its port",
        )
    host = f"[{address}]"
    if port is None:
        raise InvalidInput(f"{text!r} is an address without a port", remedy=f"name its port: {host}:PORT")
    return NetworkEntry(host=host, port=port)


def _is_everybody(labels: list[str]) -> bool:
    """Says whether names right below this one belong to different owners, as far as a name tells."""
    return len(labels) < 2 or (len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _REGISTRY_LABELS)
