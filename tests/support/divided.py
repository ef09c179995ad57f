"""What a divided process does first. It reads nothing but what has been read: not even pytest."""

from __future__ import annotations

import importlib
import io
import os
import runpy
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Final, cast

PRELOADED: Final = "support.preloaded"
CROSSINGS: Final = "WORKBENCH_TESTS_CROSSINGS"
"""Names the folder in which a server that is to be struck counts what it comes past (support.crossed)."""


def begin(words: list[str], environment: dict[str, str], cwd: str, handed: list[Connection]) -> None:
    """Becomes `python -m workbench WORDS`; in the new process."""
    if PRELOADED not in sys.modules:
        # The library says nothing of what could not be read.
        raise ImportError(f"{PRELOADED} was not read")
    for number, connection in enumerate(handed[:3]):
        os.dup2(connection.fileno(), number)
        connection.close()
    if len(handed) > 3:
        environment["WORKBENCH_READY_FD"] = str(os.dup(handed[3].fileno()))
        handed[3].close()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.stdin = _as_text(0, "rb", "surrogateescape")
    sys.stdout = _as_text(1, "wb", "strict")
    sys.stderr = _as_text(2, "wb", "backslashreplace", line_buffering=True)
    sys.argv = ["workbench", *words]
    if folder := os.environ.pop(CROSSINGS, ""):
        crossed = importlib.import_module("support.crossed")
        crossed.wrap_server(Path(folder), Path(os.environ["WORKBENCH_HOME"]), words[0])
    runpy.run_module("workbench", run_name="__main__", alter_sys=True)


def _as_text(number: int, mode: str, errors: str, *, line_buffering: bool = False) -> io.TextIOWrapper:
    stream = cast(IO[bytes], open(number, mode, closefd=False))  # noqa: SIM115
    return io.TextIOWrapper(stream, encoding="utf-8", errors=errors, line_buffering=line_buffering)
