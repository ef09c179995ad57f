"""The shipped policy's examples are run once for the same code and data, and again after any change."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import workbench
from support.long import later
from workbench.app import trials
from workbench.app.trials import load_tried
from workbench.gate import Policy, load_policy

SOURCE = Path(workbench.__file__).parent


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "workbench" / "policy-trials"


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The postures whose examples were run."""
    seen: list[str] = []

    def watch(posture: str, *, is_tried: bool = True) -> Policy:
        if is_tried:
            seen.append(posture)
        return load_policy(posture, is_tried=is_tried)

    monkeypatch.setattr(trials, "load_policy", watch)
    return seen


def test_examples_are_run_once_for_each_posture(cache: Path, tried: list[str]) -> None:
    for _ in range(3):
        assert load_tried("standard").posture == "standard"
    load_tried("careful")
    assert tried == ["standard", "careful"]
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_marks_that_others_could_have_made_are_not_believed(cache: Path, tried: list[str], mode: int) -> None:
    load_tried("standard")
    cache.chmod(mode)
    load_tried("standard")
    assert tried == ["standard", "standard"]


def test_a_folder_that_is_a_link_to_elsewhere_is_not_believed(
    cache: Path, tried: list[str], tmp_path: Path
) -> None:
    load_tried("standard")
    cache.rename(tmp_path / "elsewhere")
    cache.symlink_to(tmp_path / "elsewhere")
    load_tried("standard")
    assert tried == ["standard", "standard"]


def test_a_cache_that_cannot_be_written_costs_only_time(
    cache: Path, tried: list[str], tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where the folder would be")
    for _ in range(2):
        assert load_tried("standard").posture == "standard"
    assert tried == ["standard", "standard"]


def test_old_marks_are_not_kept_for_ever(cache: Path) -> None:
    cache.mkdir(parents=True, mode=0o700)
    for number in range(40):
        (cache / f"{number:064d}").touch()
        os.utime(cache / f"{number:064d}", (number, number))
    load_tried("standard")
    left = {one.name for one in cache.iterdir()}
    assert len(left) == 16
    assert f"{0:064d}" not in left
    assert f"{39:064d}" in left


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        later("catalog/text.toml", 'match = ["grep', 'match = ["grep --no-such-flag x", "grep', "fails"),
        later("postures/examples.toml", 'match = ["sudo ls"', 'match = ["pwd", "sudo ls"', "pwd"),
        later("options.py", "def parse_options(", "raise SystemExit('edited')\ndef parse_options(", "edited"),
    ],
    ids=["catalogue", "examples", "code"],
)
def test_what_was_changed_after_it_was_tried_is_tried_again(
    cache: Path, tmp_path: Path, file: str, before: str, after: str, said: str
) -> None:
    copied = tmp_path / "copy" / "workbench"
    shutil.copytree(SOURCE, copied, ignore=shutil.ignore_patterns("static"))

    def check() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "workbench", "policy", "check", "--", "ls"],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "PYTHONPATH": str(copied.parent),
                "XDG_CACHE_HOME": str(cache.parents[1]),
                "WORKBENCH_HOME": str(tmp_path / "home"),
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    (tmp_path / ".git").mkdir()
    first = check()
    assert first.returncode == 0, first.stderr
    assert len(list(cache.iterdir())) == 1
    path = copied / "policy" / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))

    second = check()

    assert second.returncode != 0
    assert said in second.stderr
    assert len(list(cache.iterdir())) == 1
