"""What a look through a workspace finds, on a real disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.sandbox.traces import Traces, describe, find_repositories, look_through, read_stamp, remember

BEFORE, NEVER = 1, 9 * 10**18


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "workspace"
    folder.mkdir()
    return folder


def make_repository(folder: Path) -> None:
    (folder / ".git" / "objects").mkdir(parents=True)
    (folder / ".git" / "config").touch()


def test_repositories_are_found_at_any_depth_and_links_are_not_followed(workspace: Path) -> None:
    make_repository(workspace / "a" / "b")
    (workspace / "module").mkdir()
    (workspace / "module" / ".git").write_text("gitdir: x")
    make_repository(workspace / "node_modules" / "x")
    (workspace / "link").symlink_to("a")
    assert sorted(look_through(str(workspace)).repositories) == ["a/b/.git", "module/.git"]


def test_only_what_is_stamped_later_has_changed(workspace: Path) -> None:
    make_repository(workspace / "sub")
    (workspace / ".npmrc").touch()
    (workspace / "deep" / ".vscode").mkdir(parents=True)
    assert sorted(look_through(str(workspace), since=BEFORE).changed) == [
        ".npmrc",
        "deep/.vscode",
        "sub/.git",
    ]
    assert look_through(str(workspace), since=NEVER).changed == []


def test_a_stamp_that_a_program_set_back_does_not_hide_a_change(workspace: Path) -> None:
    (workspace / ".npmrc").touch()
    changed = os.stat(workspace / ".npmrc").st_ctime_ns
    os.utime(workspace / ".npmrc", (0, 0))
    assert look_through(str(workspace), since=changed).changed == [".npmrc"]


def test_no_file_is_stamped_before_the_moment_it_is_compared_with(workspace: Path) -> None:
    for number in range(200):
        since = read_stamp()
        (workspace / ".npmrc").write_text(str(number))
        assert look_through(str(workspace), since=since).changed == [".npmrc"]


def test_a_bare_repository_is_found_by_what_lies_in_it(workspace: Path) -> None:
    for name in ("objects", "refs"):
        (workspace / "evil" / name).mkdir(parents=True)
    (workspace / "evil" / "HEAD").touch()
    assert look_through(str(workspace), since=BEFORE).changed == ["evil/"]


def test_what_was_protected_is_not_named_unless_it_was_exchanged(workspace: Path) -> None:
    make_repository(workspace / "sub")
    found = os.stat(workspace / "sub" / ".git")
    protected = {f"{workspace}/sub/.git": (found.st_dev, found.st_ino)}
    assert look_through(str(workspace), since=BEFORE, protected=protected).changed == []
    (workspace / "sub").rename(workspace / "aside")
    make_repository(workspace / "sub")
    changed = look_through(str(workspace), since=BEFORE, protected=protected).changed
    assert sorted(changed) == ["aside/.git", "sub/.git"]


def test_what_was_found_is_known_the_next_time(workspace: Path, tmp_path: Path) -> None:
    make_repository(workspace / "sub")
    assert find_repositories(str(workspace), state_folder=str(tmp_path)) == ["sub/.git"]
    found = Traces(repositories=["sub/.git", "far/.git"])
    remember(str(workspace), found, state_folder=str(tmp_path))
    remember(str(workspace), Traces(is_whole=False), state_folder=str(tmp_path))
    assert find_repositories(str(workspace), state_folder=str(tmp_path)) == ["sub/.git", "far/.git"]


def test_a_look_that_is_out_of_time_says_so(workspace: Path) -> None:
    found = look_through(str(workspace), seconds=-1)
    assert not found.is_whole
    assert "too large" in describe(found)


def test_the_sentence_names_a_few_and_shows_no_control_sequences() -> None:
    assert describe(Traces()) == ""
    said = describe(Traces(changed=["\x1b]52;c;eA==\x07/.git", *(f"{n}/.npmrc" for n in range(9))]))
    assert said.isprintable()
    assert "and 5 more" in said
    assert "obeys its config" in said
