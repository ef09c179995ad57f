"""Ways onto the network, from inside a sandbox that has a list of names and from one that has none.

Judged by effect: which server was reached, and what the step's journal says of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_steps import Ground, Outcome, make_request, open_ground
from workbench.sandbox import step_folder


class Answering:
    """A service of this machine that answers every connection with one line and counts them."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.reached = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.reached += 1
            with client:
                client.sendall(b"HTTP/1.0 200 OK\r\n\r\nreached-5521\n")

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join(5)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with open_ground(tmp_path) as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[Answering]:
    opened = Answering()
    try:
        yield opened
    finally:
        opened.close()


def journal(ground: Ground, outcome: Outcome) -> list[dict[str, Any]]:
    path = ground.home / "runs" / outcome.ref.external_run_id / step_folder.NETWORK
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


DIAL = """
import socket, sys
def attempt(name, family, kind, address):
    s = socket.socket(family, kind); s.settimeout(2)
    try:
        s.connect(address); s.send(b"x"); print(name, "worked", s.recv(100))
    except OSError as error:
        print(name, "failed")
"""


def python(program: str) -> tuple[str, ...]:
    return ("/usr/bin/python3", "-c", program)


async def test_without_a_list_there_is_no_way_out_and_no_proxy(ground: Ground, server: Answering) -> None:
    script = f"""
        env | grep -i proxy; (exec 3<>/dev/tcp/127.0.0.1/3128) 2>/dev/null && echo worked
        (exec 3<>/dev/tcp/127.0.0.1/{server.port}) 2>/dev/null && echo worked
        cat /proc/net/route | wc -l
    """
    outcome = await ground.run(script)
    assert outcome.text == "1\n"
    assert (server.reached, journal(ground, outcome)) == (0, [])


async def test_a_listed_service_of_this_machine_is_reached_and_written_down(
    ground: Ground, server: Answering
) -> None:
    script = f"""
        curl -s --noproxy '' http://127.0.0.1:{server.port}/
        exec 3<>/dev/tcp/127.0.0.1/{server.port}; cat <&3
    """
    outcome = await ground.run(script, network=(f"127.0.0.1:{server.port}",))
    assert outcome.text.count("reached-5521") == 2
    assert (outcome.ended.end_reason, outcome.ended.processes_left) == ("exited", 0)
    lines = journal(ground, outcome)
    assert [(line["protocol"], line["host"], line["port"], line["decision"]) for line in lines] == [
        (protocol, "127.0.0.1", server.port, decision)
        for protocol in ("http", "forward")
        for decision in ("allowed", "ended")
    ]


async def test_what_is_not_listed_is_refused_by_name_address_and_port(
    ground: Ground, server: Answering
) -> None:
    script = f"""
        for url in http://evil.example/ https://evil.example/ http://localhost:{server.port}/ \
            http://127.0.0.1:{server.port}/ http://[::1]:{server.port}/ http://2130706433:{server.port}/ \
            http://listed.example@127.0.0.1:{server.port}/ http://169.254.169.254/latest/meta-data/ \
            http://listed.example:22/
        do curl -s -m 5 -o /dev/null -w '%{{http_code}} %{{http_connect}}\\n' --noproxy '' "$url"; done
        curl -s -m 5 --noproxy '' --socks5-hostname 127.0.0.1:3128 http://evil.example/ || echo socks refused
        curl -s -m 5 --noproxy '' http://other.example/
    """
    outcome = await ground.run(script, network=("listed.example",))
    assert "reached-5521" not in outcome.text
    assert server.reached == 0
    lines = journal(ground, outcome)
    assert {line["decision"] for line in lines} == {"refused"}
    assert len(lines) == 11
    assert "workbench retry run_1 --acknowledge --allow-host other.example" in outcome.text
    assert "socks refused" in outcome.text


async def test_there_is_no_way_round_the_proxy(ground: Ground, server: Answering) -> None:
    program = (
        DIAL
        + f"""
attempt("loopback", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", {server.port}))
attempt("public", socket.AF_INET, socket.SOCK_STREAM, ("93.184.216.34", 443))
attempt("metadata", socket.AF_INET, socket.SOCK_STREAM, ("169.254.169.254", 80))
attempt("dns", socket.AF_INET, socket.SOCK_DGRAM, ("8.8.8.8", 53))
attempt("loopback dns", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.53", 53))
attempt("six", socket.AF_INET6, socket.SOCK_STREAM, ("2606:2800:220:1::1", 443))
for name in ("example.org", "listed.example"):
    try:
        socket.getaddrinfo(name, 443); print(name, "worked")
    except OSError:
        print(name, "failed")
for family, kind in ((socket.AF_NETLINK, socket.SOCK_RAW), (socket.AF_PACKET, socket.SOCK_RAW),
                     (socket.AF_INET, socket.SOCK_RAW), (socket.AF_UNIX, socket.SOCK_STREAM), (40, 1)):
    try:
        socket.socket(family, kind); print(family, "worked")
    except OSError:
        print("no socket failed")
"""
    )
    outcome = await ground.run("", argv=python(program), network=("listed.example", "127.0.0.1:9"))
    assert "worked" not in outcome.text
    assert outcome.text.count("failed") == 13
    assert server.reached == 0


async def test_the_proxys_place_cannot_be_taken_inside(ground: Ground) -> None:
    program = """
import socket
for option in (None, socket.SO_REUSEADDR, socket.SO_REUSEPORT):
    s = socket.socket()
    if option: s.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        s.bind(("127.0.0.1", 3128)); s.listen(); print("worked")
    except OSError:
        print("failed")
"""
    outcome = await ground.run("", argv=python(program), network=("listed.example",))
    assert outcome.text.split() == ["failed"] * 3


async def test_the_proxy_and_the_child_that_bound_its_socket_cannot_be_seen_from_inside(
    ground: Ground,
) -> None:
    outcome = await ground.run(
        "ls /proc | grep -c '^[0-9]'; ls -l /proc/*/fd 2>/dev/null | grep -c socket", network=("a.example",)
    )
    count, sockets = outcome.text.split()
    assert int(count) < 8
    assert sockets == "0"


async def test_the_workbenchs_own_address_is_refused_even_when_it_is_listed(
    ground: Ground, server: Answering
) -> None:
    (ground.home / "server.json").write_text(json.dumps({"pid": 1, "port": server.port, "version": "0"}))
    script = f"""
        curl -s --noproxy '' http://127.0.0.1:{server.port}/
        (exec 3<>/dev/tcp/127.0.0.1/{server.port}; cat <&3)
        curl -s --noproxy '' --socks5-hostname 127.0.0.1:3128 http://127.0.0.1:{server.port}/
    """
    outcome = await ground.run(script, network=(f"127.0.0.1:{server.port}",))
    assert server.reached == 0
    assert "reached-5521" not in outcome.text
    assert [line["why"] for line in journal(ground, outcome)] == ["own_address"] * 3


async def test_an_address_file_that_cannot_be_read_closes_every_service_of_this_machine(
    ground: Ground, server: Answering
) -> None:
    (ground.home / "server.json").write_text("{")
    outcome = await ground.run(
        f"curl -s --noproxy '' http://127.0.0.1:{server.port}/", network=(f"127.0.0.1:{server.port}",)
    )
    assert server.reached == 0
    assert [line["why"] for line in journal(ground, outcome)] == ["own_address"]


async def test_the_settings_of_a_project_cannot_turn_the_proxy_aside(ground: Ground) -> None:
    outcome = await ground.run(
        "echo $HTTP_PROXY $https_proxy", environment={"HTTP_PROXY": "http://evil/"}, network=("a.example",)
    )
    assert outcome.text == "http://127.0.0.1:3128 http://127.0.0.1:3128\n"


async def test_a_connection_left_open_ends_with_its_step(ground: Ground, server: Answering) -> None:
    script = "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT a' >&3; exit 0"
    outcome = await ground.run(script, network=("a.example",))
    assert (outcome.ended.end_reason, outcome.ended.processes_left) == ("exited", 0)
    assert len(journal(ground, outcome)) == 1


async def test_what_works_against_a_weaker_sandbox_fails_with_a_list_as_without(ground: Ground) -> None:
    script = """
        unshare -U true 2>/dev/null && echo worked; unshare -n true 2>/dev/null && echo worked
        mount -t tmpfs none /mnt 2>/dev/null && echo worked; nsenter -t 1 -n true 2>/dev/null && echo worked
        touch /usr/x /etc/x .workbench/x .git/x 2>/dev/null && echo worked
        (echo x > /proc/sys/net/ipv4/ip_forward) 2>/dev/null && echo worked
        (echo x > /proc/sys/kernel/core_pattern) 2>/dev/null && echo worked
        grep CapEff /proc/self/status
    """
    outcome = await ground.run(script, network=("a.example",))
    assert outcome.text == "CapEff:\t0000000000000000\n"


def holders_of(path: Path) -> list[int]:
    """The processes that have this file open."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if any(os.readlink(link) == str(path) for link in (entry / "fd").iterdir()):
                    found.append(int(entry.name))
    return found


async def test_a_proxy_never_outlives_its_supervisor(ground: Ground) -> None:
    ref = await ground.connector.dispatch(
        make_request(ground.workspace, "echo ready; sleep 1000", network=("a.example",))
    )
    async for _ in ground.connector.logs(ref, offset=0, follow=True):
        break
    folder = ground.home / "runs" / ref.external_run_id
    (proxy,) = holders_of(folder / step_folder.NETWORK)
    waiting = os.pidfd_open(proxy)
    claim = step_folder.read_document(str(folder), step_folder.CLAIM)
    assert claim is not None
    os.kill(claim["pid"], signal.SIGKILL)
    assert select.select([waiting], [], [], 10)[0]
    os.close(waiting)
    assert holders_of(folder / step_folder.NETWORK) == []
    assert (await ground.finish(ref)).ended.end_reason == "lost"


async def test_what_was_open_when_the_supervisor_was_killed_is_written_down_and_read(ground: Ground) -> None:
    """The proxy ends a moment after its supervisor; who reads the loss waits for its last line."""
    # The answer to the second shows that the first has been taken.
    script = (
        "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT a' >&3; exec 4<>/dev/tcp/127.0.0.1/3128; "
        "printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&4; cat <&4 >/dev/null; echo asked; sleep 1000"
    )
    for number in range(3):
        ref = await ground.connector.dispatch(
            make_request(ground.workspace, script, step_id=f"step_lost{number}", network=("a.example",))
        )
        async for _ in ground.connector.logs(ref, offset=0, follow=True):
            break
        folder = ground.home / "runs" / ref.external_run_id
        claim = step_folder.read_document(str(folder), step_folder.CLAIM)
        assert claim is not None
        (proxy,) = holders_of(folder / step_folder.NETWORK)
        # As if the machine gave it no time just now.
        os.kill(proxy, signal.SIGSTOP)
        os.kill(claim["pid"], signal.SIGKILL)
        finishing = asyncio.create_task(ground.finish(ref))
        while not (folder / step_folder.LOST).exists():
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        os.kill(proxy, signal.SIGCONT)
        ended = (await finishing).ended
        assert (ended.end_reason, len(ended.connections)) == ("lost", 2)


async def test_connections_are_told_while_the_step_runs_in_the_order_of_its_end(ground: Ground) -> None:
    ask = "curl -s --noproxy '' -o /dev/null http://n$n.example/"
    script = (
        f"for n in 1 2 3; do {ask}; done; until test -e go; do read -t 0.01 <> /dev/zero; done; n=4; {ask}"
    )
    ref = await ground.connector.dispatch(make_request(ground.workspace, script, network=("a.example",)))
    told: list[str] = []
    async for batch in ground.connector.connections(ref, after=0):
        told += [one.host for one in batch]
        if len(told) == 3:
            (ground.workspace / "go").touch()
    ended = (await ground.finish(ref)).ended
    assert told == [one.host for one in ended.connections] == [f"n{n}.example" for n in (1, 2, 3, 4)]
    # Whoever comes later goes on where the one before left off.
    rest = [one.host async for batch in ground.connector.connections(ref, after=3) for one in batch]
    assert rest == ["n4.example"]
