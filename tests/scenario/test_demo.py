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


def test_the_tour_ends_without_a_dead_address_and_leaves_nothing(
    tmp_path: Path, folders: dict[str, str]
) -> None:
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
    assert "make demo" in done.stdout
    assert re.findall(r"http://\S+", done.stdout) == []
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
