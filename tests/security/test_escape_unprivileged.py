"""The sandbox holds for a service that is not root as well; a root test run becomes another user for it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import workbench
from local_steps import processes_with

NOBODY = 65534


def open_to_others(path: str) -> bool:
    """Whether any user can execute this file: every folder above lets them through."""
    real = Path(os.path.realpath(path))
    return all(part.stat().st_mode & 0o001 for part in (real, *real.parents))


def find_python() -> str:
    """A Python that the other user may execute; a root test run has one from the system's packages."""
    candidates = [sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"]
    return next(path for path in candidates if os.path.exists(path) and open_to_others(path))


@pytest.fixture
def ground() -> Iterator[Path]:
    """A folder that belongs to the other user, with a copy of the sources that it may read."""
    # pytest's own folders are closed to others.
    folder = Path(tempfile.mkdtemp(prefix="unprivileged-")).resolve()
    source = Path(workbench.__file__).parent
    for name in ("__init__.py", "model", "sandbox"):
        target = folder / "src" / "workbench" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source / name, target)
    shutil.copy(Path(__file__).with_name("unprivileged_step.py"), folder / "step.py")
    (folder / "ground").mkdir()
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def run_step(
    ground: Path, script: str, mode: str = "run", places: Sequence[tuple[str, int]] = ()
) -> dict[str, Any]:
    python, identity = sys.executable, {}
    if os.geteuid() == 0:
        python, identity = find_python(), {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    done = subprocess.run(
        [
            python,
            "-I",
            "-S",
            str(ground / "step.py"),
            str(ground / "src"),
            str(ground / "ground"),
            script,
            mode,
            json.dumps(places),
        ],
        capture_output=True,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "HOME": str(ground)},
        check=False,
        **identity,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stderr.decode()
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_probe_and_the_attacks_come_out_the_same(ground: Path) -> None:
    (ground / "secret").write_text("secret-4411")
    script = f"""
        cat {ground}/secret; ls {ground}/ground/home; touch {ground}/x /usr/x; unshare -U true && echo worked
        mkdir .workbench/x; echo x > .workbench/x; (exec 3<>/dev/tcp/127.0.0.1/80) && echo worked
        echo done > made
    """
    answer = run_step(ground, script)
    assert answer["failed"] == []
    assert "secret-4411" not in answer["output"]
    assert "worked" not in answer["output"]
    assert (answer["ended"]["end_reason"], answer["ended"]["processes_left"]) == ("exited", 0)
    assert [path.name for path in (ground / "ground" / "workspace").iterdir()] == ["made"]


def test_cancel_proves_the_end_of_daemons(ground: Path) -> None:
    daemon = "setsid bash -c \"trap '' TERM; exec -a nobodys-77aa sleep 1000\" &"
    script = f"trap '' TERM; {daemon} echo x; sleep 1000; wait"
    answer = run_step(ground, script, "cancel")
    assert (answer["ended"]["end_reason"], answer["ended"]["processes_left"]) == ("canceled", 0)
    assert processes_with("nobodys-77aa") == []


def test_a_list_of_names_opens_them_and_nothing_else(ground: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listed, socket.create_server(("127.0.0.1", 0)) as other:
        ports = listed.getsockname()[1], other.getsockname()[1]
        script = f"""
            for url in http://127.0.0.1:{ports[1]}/ http://evil.example/ http://169.254.169.254/
            do curl -s -m 5 -o /dev/null -w '%{{http_code}} ' --noproxy '' $url; done
            (exec 3<>/dev/tcp/127.0.0.1/{ports[0]}) && echo reached
            (exec 3<>/dev/tcp/127.0.0.1/{ports[1]}) 2>/dev/null && echo worked
            unshare -n true 2>/dev/null && echo worked; grep CapEff /proc/self/status
        """
        answer = run_step(ground, script, places=[("127.0.0.1", ports[0])])
        listed.settimeout(5)
        listed.accept()[0].close()
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.accept()
    assert answer["output"].replace("\r", "") == "403 403 403 reached\nCapEff:\t0000000000000000\n"
    assert answer["ended"]["processes_left"] == 0
    assert [line["decision"] for line in answer["network"]] == ["refused"] * 3 + ["allowed"]
