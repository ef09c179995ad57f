"""What lies in a workspace folder, by name and kind, without following a link."""

from __future__ import annotations

import os
from pathlib import Path

from workbench.sandbox.lookup import ProjectSurroundings


def surroundings(root: Path) -> ProjectSurroundings:
    return ProjectSurroundings(workspace_root=str(root), toolchains=())


def test_names_are_told_with_their_kinds_in_order(tmp_path: Path) -> None:
    root = tmp_path.resolve() / "repo"
    (root / "sub").mkdir(parents=True)
    (root / "b").touch()
    (root / "a").symlink_to("/etc")
    os.mkfifo(root / "pipe")
    found = surroundings(root).scan_folder(str(root))
    assert found == (("a", "link"), ("b", "file"), ("pipe", "file"), ("sub", "folder"))


def test_what_is_no_folder_holds_nothing_and_what_lies_outside_is_not_known(tmp_path: Path) -> None:
    root = tmp_path.resolve() / "repo"
    root.mkdir()
    (root / "file").touch()
    (root / "away").symlink_to(tmp_path)
    asked = surroundings(root)
    assert asked.scan_folder(str(root / "file")) == ()
    assert asked.scan_folder(str(root / "gone")) == ()
    assert asked.scan_folder(str(root / "away")) is None
    assert asked.scan_folder(str(root / "away" / "repo")) == (("away", "link"), ("file", "file"))
    assert asked.scan_folder(str(tmp_path)) is None


def test_a_folder_seen_in_a_scan_is_looked_into_and_a_link_seen_there_is_resolved(tmp_path: Path) -> None:
    root = tmp_path.resolve() / "repo"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "sub" / "out").symlink_to("/etc")
    asked = surroundings(root)
    assert asked.scan_folder(str(root)) == (("sub", "folder"),)
    assert asked.scan_folder(str(root / "sub")) == (("deep", "folder"), ("out", "link"))
    assert asked.scan_folder(str(root / "sub" / "deep")) == ()
    assert asked.scan_folder(str(root / "sub" / "out")) is None


def test_a_folder_with_too_many_names_is_not_known(tmp_path: Path) -> None:
    root = tmp_path.resolve() / "repo"
    (root / "many").mkdir(parents=True)
    for number in range(20_001):
        (root / "many" / str(number)).touch()
    assert surroundings(root).scan_folder(str(root / "many")) is None
