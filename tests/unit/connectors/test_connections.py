"""What a step's proxy wrote is read, also by a newer server than the one that started the step."""

from __future__ import annotations

import json
from pathlib import Path

from workbench.connectors.connections import read_connections
from workbench.connectors.contract import Connection

LINE = {
    "at": 0.5,
    "host": "example.org",
    "port": 443,
    "address": "192.0.2.1",
    "decision": "allowed",
    "why": "",
    "sent_bytes": 5,
    "received_bytes": 6,
    "duration_ms": 7,
}


def test_lines_of_this_and_of_an_older_proxy_are_read(tmp_path: Path) -> None:
    journal = tmp_path / "network"
    lines = [
        {**LINE, "via": "socks5"},
        {**LINE, "protocol": "socks5", "connection": 3},
        {"more": {"allowed": 2}},
    ]
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    expected = Connection(
        connection=0,
        host="example.org",
        port=443,
        address="192.0.2.1",
        protocol="socks5",
        decision="allowed",
        why="",
        sent_bytes=5,
        received_bytes=6,
        duration_ms=7,
        at="1970-01-01T00:00:00.500Z",
    )
    found, more = read_connections(journal)
    assert [(each.connection, each.protocol) for each in found] == [(0, "socks5"), (3, "socks5")]
    assert found[0] == expected
    assert more == {"allowed": 2}
