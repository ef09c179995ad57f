"""A server whose every way past a record is counted: wrapped here, before its program begins.

`python -m support.crossed WORDS` is `workbench WORDS` with that; a program that is divided calls wrap_server.
"""

from __future__ import annotations

import asyncio
import functools
import os
import runpy
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from support.crossings import Crossings
from support.divided import CROSSINGS
from workbench.connectors import dispatches
from workbench.connectors.local import LocalConnector
from workbench.engine.durable import Durable
from workbench.ledger.ledger import Ledger
from workbench.ledger.move import MoveApproval, MoveRun, MoveStep
from workbench.sandbox import zygote

_ABOUT_A_RUN: Final = ("CreateRun", "MoveRun", "RequestCancel", "MoveApproval")


def wrap_server(folder: Path, home: Path, command: str) -> None:
    """Wraps this process's ledger, connector and durable engine; once, in a process of its own.

    It can be struck under the name of its command, `up` under "server".
    """
    found = Crossings(folder, home)
    found.name("server" if command == "up" else command)
    append = Ledger.append

    async def counted(self: Ledger, project_id: str, moves: Any, **kwargs: Any) -> Any:
        if not any(type(move).__name__ in _ABOUT_A_RUN for move in moves):
            return await append(self, project_id, moves, **kwargs)
        name = "append " + ", ".join(_describe(move) for move in moves)
        await _cross(found, f"before {name}")
        done = await append(self, project_id, moves, **kwargs)
        await _cross(found, f"after {name}")
        return done

    Ledger.append = counted  # type: ignore[method-assign]
    wrapped: list[tuple[Any, str, str]] = [
        (LocalConnector, "prepare", "prepare"),
        (LocalConnector, "dispatch", "dispatch"),
        (LocalConnector, "cancel", "cancel"),
        (LocalConnector, "artifacts", "artifacts"),
        (zygote.Zygote, "spawn", "spawn"),
        (Durable, "start", "begin to drive"),
    ]
    for owner, attribute, name in wrapped:
        setattr(owner, attribute, _around(found, name, getattr(owner, attribute)))
    dispatches.make_folder = found.around("make folder", dispatches.make_folder)
    tests = str(Path(__file__).parents[1])
    zygote._PROGRAM = (
        f"import sys; sys.path += [sys.argv[1], {tests!r}]\n"
        f"from support.crossings import wrap_steps; wrap_steps({str(folder)!r}, {str(home)!r})\n"
        "from workbench.sandbox.spawner import main; main()"
    )


async def _cross(found: Crossings, name: str) -> None:
    if hold := found.note(name):
        # Only who came past is held; the server serves others meanwhile.
        await asyncio.to_thread(found.wait_go, hold)


def _around(
    found: Crossings, name: str, work: Callable[..., Awaitable[Any]]
) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(work)
    async def crossed(*args: Any, **kwargs: Any) -> Any:
        await _cross(found, f"before {name}")
        done = await work(*args, **kwargs)
        await _cross(found, f"after {name}")
        return done

    return crossed


def _describe(move: Any) -> str:
    match move:
        case MoveRun() | MoveStep():
            return f"{type(move).__name__}:{move.move.value}"
        case MoveApproval():
            return f"MoveApproval:{move.decision}"
        case _:
            return type(move).__name__


if __name__ == "__main__":
    wrap_server(Path(os.environ.pop(CROSSINGS)), Path(os.environ["WORKBENCH_HOME"]), sys.argv[1])
    sys.argv[0] = "workbench"
    runpy.run_module("workbench", run_name="__main__", alter_sys=True)
