"""The demo: the whole way once, and nothing of it is left."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.server import Workbench


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "tmp").mkdir()
    # Not the default port, which other tests have a use for.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    return {
        "TMPDIR": str(tmp_path / "tmp"),
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "WORKBENCH_PORT": port,
    }


def test_the_tour_takes_the_whole_way_and_leaves_nothing(tmp_path: Path, folders: dict[str, str]) -> None:
    environment = {**Workbench(home=tmp_path / "none").environment, **folders}
    del environment["WORKBENCH_HOME"]
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "demo", "--exit"],
        env=environment,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    shown = iter(done.stdout.splitlines())
    for what in (
        "003-release",
        "make test",
        r"specs/\S+\.md:\d+ @ [0-9a-f]{12}",
        "ok 6",
        r"apr_\w+ .* risk .* high",
        r"questions\.cedar:\d+ ",
        "succeeded",
        "ok: ",
        rf"http://127\.0\.0\.1:{folders['WORKBENCH_PORT']}/auth/\S+",
        "The demo ends here",
        "make demo",
    ):
        assert any(re.search(what, line) for line in shown), f"{what}: {done.stdout}"
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "data").exists()


def test_in_a_home_of_the_users_only_the_record_stays(tmp_path: Path, folders: dict[str, str]) -> None:
    bench = Workbench(home=tmp_path / "home", settings=folders)
    said = bench.cli("demo", "--exit")
    assert said.status == 0, said.err
    assert f"stays in {bench.home}" in said.text
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (bench.home / "server.json").exists()
    assert bench.cli("audit", "verify").status == 0


@pytest.mark.long
def test_a_demo_that_is_ended_from_outside_leaves_nothing_either(
    tmp_path: Path, folders: dict[str, str]
) -> None:
    bench = Workbench(home=tmp_path / "home", settings=folders)
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "workbench", "demo"],
        env=bench.environment,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "Ctrl-C" in line:
                break
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == 128 + signal.SIGTERM
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (bench.home / "server.json").exists()


def test_make_demo_is_this_tour() -> None:
    said = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "demo", "ARGS=--exit"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.splitlines()[-1] == ".venv/bin/workbench demo --exit"
