"""Fixtures around a real server: one shared by a test process, and fresh ones where a test breaks things."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.ground import make_repository
from support.processes import unfinished_steps
from support.server import Project, Workbench, running

Start = Callable[..., Workbench]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A server for all tests that leave the house as they found it; each works in a project of its own."""
    with running(tmp_path_factory.mktemp("served") / "home") as bench:
        yield bench
        assert unfinished_steps(bench.home) == [], "a test left a run behind"


@pytest.fixture
def project(served: Workbench, tmp_path: Path) -> Iterator[Project]:
    """A fresh repository as a project of the shared server; what still runs in it is canceled."""
    made = served.add(make_repository(tmp_path / "repo"))
    yield made
    made.end()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers of the test's own, each on a fresh home, with WORKBENCH_* settings by keyword."""
    with contextlib.ExitStack() as stack:
        count = 0

        def begin(*, prefix: tuple[str, ...] = (), **settings: str) -> Workbench:
            nonlocal count
            count += 1
            named = {f"WORKBENCH_{name.upper()}": value for name, value in settings.items()}
            return stack.enter_context(running(tmp_path / f"home{count}", prefix=prefix, **named))

        yield begin


@pytest.fixture
def bench(start: Start) -> Workbench:
    """A server of the test's own."""
    return start()


@pytest.fixture
def own(bench: Workbench, tmp_path: Path) -> Project:
    """A fresh repository as a project of the test's own server."""
    return bench.add(make_repository(tmp_path / "repo"))
