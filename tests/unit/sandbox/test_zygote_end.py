"""The zygote's end when its server is gone, on a disk that takes no word of it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

SERVER = """
import asyncio, sys
from pathlib import Path
from workbench.sandbox.zygote import Zygote
async def main():
    zygote = Zygote(log_path=Path("/dev/full"), scratch=Path(sys.argv[1]))
    await zygote.start()
    print(zygote.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_zygote_whose_log_is_full_ends_with_its_server_and_leaves_no_child(tmp_path: Path) -> None:
    """Nothing of it may stay: there is nobody left who would end it."""
    scratch = tmp_path / "rehearsal"
    with subprocess.Popen([sys.executable, "-c", SERVER, str(scratch)], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        zygote = int(server.stdout.readline())
        held = os.pidfd_open(zygote)
        # The child that waits to become the next shim is made once it is quiet, and makes one for bubblewrap.
        waiting: list[int] = []
        while not (waiting := [pid for child in children_of(zygote) for pid in (child, *children_of(child))])[
            1:
        ]:
            assert not select.select([held], [], [], 0.01)[0]
        watched = [held, *(os.pidfd_open(pid) for pid in waiting)]
        server.send_signal(signal.SIGKILL)
        for descriptor in watched:
            assert select.select([descriptor], [], [], 30)[0] == [descriptor]
            os.close(descriptor)
    assert list(scratch.iterdir()) == []
