"""Escapes through the kernel, judged by their effect; each one works in a weaker sandbox."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local_steps import Ground, make_request, open_ground, processes_with
from workbench.connectors.contract import CancelOutcome
from workbench.model.statuses import TerminalMode
from workbench.sandbox.profile import PROXY_ENVIRONMENT


@pytest.fixture(params=[(), ("listed.example",)], ids=["no-network", "list-of-names"])
async def ground(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    async with open_ground(tmp_path, network=request.param) as opened:
        yield opened


def python(program: str) -> tuple[str, ...]:
    return ("/usr/bin/python3", "-c", program)


SYSCALL = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(*words):
    answer = libc.syscall(*[ctypes.c_long(word) for word in words])
    return "worked" if answer >= 0 else os.strerror(ctypes.get_errno())
"""


async def test_mounts_cannot_be_changed(ground: Ground) -> None:
    script = """
        mount -o remount,rw / && echo worked; mount -o remount,rw,bind /usr && echo worked
        umount /etc/shadow && echo worked; mount -t tmpfs none /mnt && echo worked;
        umount -l .workbench && echo worked
    """
    outcome = await ground.run(script)
    assert "worked" not in outcome.text


async def test_kernel_settings_cannot_be_written(ground: Ground) -> None:
    before = Path("/proc/sys/kernel/core_pattern").read_text()
    script = """
        for f in $(find /proc/[a-z]* -type f 2>/dev/null | grep -v -e self)
        do (exec 3<> "$f") 2>/dev/null && echo "$f"; done
        echo '|/tmp/evil' > /proc/sys/kernel/core_pattern
        true
    """
    outcome = await ground.run(script)
    assert [line for line in outcome.text.splitlines() if line.startswith("/proc")] == []
    assert Path("/proc/sys/kernel/core_pattern").read_text() == before


async def test_no_file_of_the_kernel_beyond_the_own_processes_can_be_written(ground: Ground) -> None:
    script = "find /proc -maxdepth 1 -type f -writable; find /sys -writable 2>/dev/null | head; true"
    assert (await ground.run(script)).text == ""


async def test_no_file_of_the_kernel_can_be_taken_from_others_by_its_mode(ground: Ground) -> None:
    # The mode it has already: where this escapes, nothing on the machine changes.
    script = "for f in /proc/meminfo /proc/cpuinfo; do chmod --reference=$f $f && echo worked; done; true"
    outcome = await ground.run(script)
    assert "worked" not in outcome.text


async def test_no_further_namespace_can_be_made(ground: Ground) -> None:
    program = (
        SYSCALL
        + """
print(call(272, 0x10000000), call(56, 0x10000011, 0, 0, 0, 0), call(435, 0, 0), call(308, 0, 0))
"""
    )
    outcome = await ground.run("", argv=python(program))
    words = (
        "Operation not permitted Operation not permitted Function not implemented Operation not permitted\n"
    )
    if os.uname().machine == "x86_64":
        assert outcome.text == words
    assert (await ground.run("unshare --user true && echo worked")).text.count("worked") == 0


async def test_dangerous_system_calls_are_refused(ground: Ground) -> None:
    from workbench.sandbox.seccomp import machine_of_host

    machine = machine_of_host()
    assert machine is not None
    program = (
        SYSCALL
        + f"""
for name, number in {dict(machine.denied)!r}.items():
    answer = call(number, 0, 0, 0, 0, 0)
    if answer != "Operation not permitted":
        print(name, answer)
"""
    )
    assert (await ground.run("", argv=python(program))).text == ""


async def test_calls_by_another_numbering_are_refused(ground: Ground) -> None:
    # x32 (bit 30) would reach ptrace and mount past a filter that compares numbers alone.
    program = SYSCALL + "print(call(0x40000000 + 101, 0, 0, 0, 0))"
    outcome = await ground.run("", argv=python(program))
    assert "worked" not in outcome.text


async def test_characters_cannot_be_pushed_into_a_terminal(ground: Ground) -> None:
    program = """
import fcntl, sys
for request in (0x5412, 0x541C, 0x100005412):
    try:
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        answer = libc.ioctl(0, ctypes.c_ulong(request), b"x")
        print("worked" if answer >= 0 else ctypes.get_errno())
    except OSError as error:
        print(error.errno)
"""
    outcome = await ground.run("", argv=python(program), mode=TerminalMode.PTY)
    assert outcome.text == "1\n1\n1\n"


@pytest.mark.parametrize("family", ["AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_ALG", "AF_VSOCK"])
async def test_sockets_other_than_internet_ones_are_refused(ground: Ground, family: str) -> None:
    program = f"import socket\ntry: socket.socket(socket.{family})\nexcept OSError as e: print(e.errno)"
    assert (await ground.run("", argv=python(program))).text == "1\n"


async def test_a_pair_of_connected_sockets_still_works(ground: Ground) -> None:
    program = "import socket; a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))"
    assert (await ground.run("", argv=python(program))).text == "b'x'\n"


async def test_no_address_can_be_reached_not_even_the_workbenchs_own(ground: Ground) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        script = f"""
            for a in 127.0.0.1/{port} 169.254.169.254/80 10.0.0.1/80 8.8.8.8/53 localhost/{port}
            do (exec 3<>/dev/tcp/$a) 2>/dev/null && echo "reached $a"; done; cat /proc/net/route | wc -l
        """
        outcome = await ground.run(script)
        assert outcome.text == "1\n"
        with pytest.raises(BlockingIOError):
            server.accept()


async def test_no_process_outside_can_be_seen_signaled_or_read(ground: Ground) -> None:
    script = f"""
        ls /proc/{os.getpid()} && echo seen; cat /proc/*/environ | tr '\\0' '\\n' | grep -c MARK-OUTSIDE
        kill -0 {os.getpid()} && echo signaled; kill -9 -1; echo still here
    """
    os.environ["MARK_OUTSIDE"] = "MARK-OUTSIDE"
    try:
        outcome = await ground.run(script)
    finally:
        del os.environ["MARK_OUTSIDE"]
    assert "seen" not in outcome.text
    assert "signaled" not in outcome.text
    assert "MARK" not in outcome.text.replace("grep", "")


async def test_the_environment_holds_nothing_of_the_service(ground: Ground) -> None:
    outcome = await ground.run("", argv=("/usr/bin/env",), environment={"OWN": "1"})
    names = {line.partition("=")[0] for line in outcome.text.splitlines()}
    proxy = {*PROXY_ENVIRONMENT} if ground.network else set()
    usual = {"OWN", "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "PWD", "LANG", "TERM"}
    assert names == usual | proxy


@pytest.mark.parametrize("mode", list(TerminalMode))
async def test_no_descriptor_of_the_service_is_inherited(ground: Ground, mode: TerminalMode) -> None:
    program = "import os; print(sorted(os.listdir('/proc/self/fd'))[:-1])"
    outcome = await ground.run("", argv=python(program), mode=mode)
    assert outcome.text == "['0', '1', '2']\n"


async def test_there_are_no_capabilities_and_no_way_to_gain_any(ground: Ground) -> None:
    outcome = await ground.run("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; id -u")
    lines = dict(line.split(":\t") for line in outcome.text.splitlines() if ":" in line)
    assert {lines[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (lines["NoNewPrivs"], lines["Seccomp"]) == ("1", "2")
    assert outcome.text.splitlines()[-1] != "0"


async def test_signals_are_as_a_program_expects_them(ground: Ground) -> None:
    outcome = await ground.run("grep -E '^Sig(Ign|Blk)' /proc/self/status")
    assert [line.split()[1] for line in outcome.text.splitlines()] == ["0" * 16, "0" * 16]


async def test_a_fork_bomb_is_ended_with_nothing_left(ground: Ground) -> None:
    script = "exec 2>/dev/null; echo ready; bomb-b0b0() { bomb-b0b0 | bomb-b0b0 & }; bomb-b0b0; sleep 1000"
    ref = await ground.connector.dispatch(make_request(ground.workspace, script))
    async for _ in ground.connector.logs(ref, offset=0, follow=True):
        break
    outcome = await ground.connector.cancel(ref, reason="bomb", deadline_seconds=5)
    assert outcome is CancelOutcome.CONFIRMED
    assert processes_with("bomb-b0b0") == []
    assert (await ground.run("echo alive")).text == "alive\n"
