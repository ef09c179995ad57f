"""Refuses to list what is the workbench itself: its own address, and names of this machine.

A step's proxy refuses them too when a connection is made, as addresses and ports change afterwards; here it
is said when somebody writes them down. It asks no name server: what a name of elsewhere leads to is for the
proxy to look at.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from workbench.model.errors import InvalidInput
from workbench.model.network import parse_entries
from workbench.sandbox.doorway import read_own_ports
from workbench.sandbox.proxy import is_own
from workbench.sandbox.reach import is_literal

_HOSTS: Final = "/etc/hosts"
_LARGEST_BYTES: Final = 4 * 1024 * 1024


def check_names(texts: Sequence[str], *, server_file: str, hosts_file: str = _HOSTS) -> None:
    """Raises InvalidInput for an entry of a network list that is this machine where it may not be reached.

    That is an address of this machine with the port on which the workbench answers now (`server_file` says
    it), and a name of this machine with any port: a name never leads to private or own addresses.
    """
    entries = parse_entries(texts)
    own_ports = read_own_ports(server_file) if any(is_literal(entry.host) for entry in entries) else ()
    names: frozenset[str] | None = None
    for entry in entries:
        if is_literal(entry.host):
            if entry.port in own_ports and is_own(entry.host.strip("[]")):
                raise InvalidInput(
                    f"{entry.text} is where the workbench itself answers, which no run may reach",
                    remedy="leave it out; a run that could ask the workbench could approve itself",
                )
            continue
        if names is None:
            names = own_names(hosts_file)
        if entry.host in names:
            raise InvalidInput(
                f"{entry.text} is a name of this machine, and no name of it is reached",
                remedy="name the one service that is meant by its address and port: 127.0.0.1:PORT",
            )


def own_names(hosts_file: str = _HOSTS) -> frozenset[str]:
    """Returns the names of this machine in lower case: its host name, and those that its hosts file gives it.

    A hosts file that cannot be read names nothing.
    """
    called = os.uname().nodename.lower().removesuffix(".")
    # What a machine is called on its local network (RFC 6762) goes without being configured.
    found = {called, called.partition(".")[0], f"{called.partition('.')[0]}.local"}
    try:
        with open(hosts_file, "rb") as file:
            lines = file.read(_LARGEST_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    known: dict[str, bool] = {}
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        if address and names and known.setdefault(address, _is_ours(address)):
            found |= {name.lower().removesuffix(".") for name in names}
    return frozenset(found - {""})


def _is_ours(address: str) -> bool:
    try:
        return is_own(address)
    except (OSError, ValueError):
        return False
