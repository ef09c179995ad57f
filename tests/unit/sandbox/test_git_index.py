"""Git's index is read as far as it is understood; anything else gives nothing, and never raises."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sandbox.index import read_index
from workbench.sandbox.lookup import ProjectSurroundings

NAMES = (".env", "a", "src/app.py", "src/" + "d" * 200 + "/x.py", "z" * 120)


def make_index(root: Path, *settings: str) -> bytes:
    root.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", *settings], cwd=root, check=True)
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    return (root / ".git" / "index").read_bytes()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_index(tmp_path_factory.mktemp("index") / "repo")


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_the_names_are_those_that_git_lists(tmp_path: Path, version: str) -> None:
    make_index(tmp_path / "repo")
    for words in (["-N", "a"], ["--index-version", version], ["--skip-worktree", "a"]):
        verb = "add" if words[0] == "-N" else "update-index"
        subprocess.run(["git", verb, *words], cwd=tmp_path / "repo", check=True)
    data = (tmp_path / "repo" / ".git" / "index").read_bytes()
    assert read_index(data) == NAMES


def test_longer_digests_are_read_too(tmp_path: Path) -> None:
    assert read_index(make_index(tmp_path / "repo", "--object-format=sha256")) == NAMES


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[:40],
        lambda data: b"DIRX" + data[4:],
        lambda data: data[:4] + b"\0\0\0\x05" + data[8:],
        lambda data: data[:8] + b"\xff\xff\xff\xff" + data[12:],
        lambda data: data + b"link" + bytes(24),
        lambda data: data.replace(b"src/app.py", b"src/app.p\0"),
    ],
)
def test_what_is_not_whole_is_given_up(index: bytes, spoil) -> None:  # type: ignore[no-untyped-def]
    assert read_index(spoil(index)) is None


@given(data=st.data())
def test_no_bytes_make_it_raise(index: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(index) - 1))
    some = data.draw(st.binary(max_size=20))
    found = read_index(index[:place] + some + index[place + len(some) :])
    assert found is None or all(isinstance(name, str) and name for name in found)
    read_index(b"DIRC" + some)


def test_an_index_elsewhere_is_not_known(tmp_path: Path) -> None:
    make_index(tmp_path / "repo")
    inside = ProjectSurroundings(workspace_root=str(tmp_path / "repo"), toolchains=())
    assert inside.tracked_files(str(tmp_path / "repo")) == NAMES
    outside = ProjectSurroundings(workspace_root=str(tmp_path / "repo" / "src"), toolchains=())
    assert outside.tracked_files(str(tmp_path / "repo")) is None
    assert inside.tracked_files(str(tmp_path / "repo" / "src")) == ()
    (tmp_path / "repo" / ".git" / "index").unlink()
    (tmp_path / "repo" / ".git" / "index").mkdir()
    assert inside.tracked_files(str(tmp_path / "repo")) is None
