"""Opening files beneath a root: no link, no pipe, no way out, even when names are swapped meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.features.files import Found, kind_beneath, open_beneath, read_beneath, stamp_of, walk


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "repo/docs").mkdir(parents=True)
    (tmp_path / "repo/docs/a.md").write_text("a")
    (tmp_path / "secret").write_text("secret")
    handle = os.open(tmp_path / "repo", os.O_RDONLY)
    yield handle
    os.close(handle)


def test_a_regular_file_is_read_with_the_stamp_it_was_read_under(root: int, tmp_path: Path) -> None:
    expected = stamp_of((tmp_path / "repo/docs/a.md").stat())
    assert read_beneath(root, "docs/a.md") == (b"a", expected)
    assert read_beneath(root, "docs/a.md", 0) is None


@pytest.mark.parametrize(
    "path", ["..", "../secret", "docs/../../secret", "/etc/passwd", "docs/./a.md", "docs", "none", "a\0"]
)
def test_nothing_outside_and_nothing_but_files_is_read(root: int, path: str) -> None:
    assert read_beneath(root, path) is None


def test_a_folder_swapped_for_a_link_after_the_look_leads_nowhere(root: int, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.md").write_text("stolen")
    seen: list[Found] = []
    for found in walk(root, lambda folder: True, lambda path: path.endswith(".md")):
        seen.append(found)
        shutil.rmtree(tmp_path / "repo/docs")
        (tmp_path / "repo/docs").symlink_to(tmp_path / "elsewhere")
    assert [found.path for found in seen] == ["docs/a.md"]
    assert read_beneath(root, "docs/a.md") is None


def test_the_walk_is_sorted_and_asks_before_it_enters(root: int, tmp_path: Path) -> None:
    for name in ("z.md", "b/c.md", "b/a.md", "closed/x.md", "node_modules/y.md"):
        (tmp_path / "repo" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "repo" / name).write_text("")
    paths = [f.path for f in walk(root, lambda folder: folder != "closed", lambda path: path.endswith(".md"))]
    assert paths == ["z.md", "b/a.md", "b/c.md", "docs/a.md"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="./a\0docs .md", max_size=30))
def test_no_path_makes_it_fail_or_leads_out(root: int, path: str) -> None:
    handle = open_beneath(root, path)
    if handle is not None:
        target = os.readlink(f"/proc/self/fd/{handle}")
        os.close(handle)
        assert target.startswith(os.readlink(f"/proc/self/fd/{root}"))


def test_what_stands_at_a_path_is_told_and_nothing_is_said_of_what_lies_behind_a_link(
    root: int, tmp_path: Path
) -> None:
    program = tmp_path / "repo/run.sh"
    program.touch()
    program.chmod(0o755)
    (tmp_path / "repo/link").symlink_to(tmp_path)
    (tmp_path / "repo/dead").symlink_to("nowhere")
    os.mkfifo(tmp_path / "repo/pipe")
    paths = {
        "docs": "folder",
        "": "folder",
        "docs/a.md": "file",
        "run.sh": "program",
        "docs/b.md": "missing",
        "none/b.md": "missing",
        "docs/a.md/b": "missing",
    }
    paths |= dict.fromkeys(("link", "link/secret", "dead", "pipe", "../secret", "/etc", "a\0b"), "unknown")
    assert {path: kind_beneath(root, path) for path in paths} == paths
