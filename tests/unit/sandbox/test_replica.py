"""A copy of a workspace shares nothing with it, and what became different in it is told without trust."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.model.errors import BoundaryViolation
from workbench.sandbox import replica
from workbench.sandbox.difference import compare, shown
from workbench.sandbox.replica import make_replica, remove_replica


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "ws"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "a.txt").write_text("one\ntwo\nthree\n")
    (folder / "same.txt").write_text("same\n")
    (folder / "gone.txt").write_text("gone\n")
    os.link(folder / "same.txt", folder / "hard.txt")
    os.symlink("/etc/passwd", folder / "link")
    os.symlink("src", folder / "inner")
    os.mkfifo(folder / "pipe")
    (folder / "tool.sh").write_text("#!/bin/sh\n")
    (folder / "tool.sh").chmod(0o4755)
    return folder


def test_the_copy_has_the_same_bytes_and_no_file_of_the_original(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    manifest = make_replica(str(root), str(copy))
    assert sorted(manifest) == [
        *("gone.txt", "hard.txt", "inner", "link", "same.txt", "src", "src/a.txt", "tool.sh"),
    ]
    assert (copy / "src" / "a.txt").read_text() == "one\ntwo\nthree\n"
    assert os.readlink(copy / "link") == "/etc/passwd"
    assert (copy / "tool.sh").stat().st_mode & 0o7777 == 0o755
    assert (copy / "same.txt").stat().st_nlink == 1
    assert (copy / "src" / "a.txt").stat().st_mtime_ns == (root / "src" / "a.txt").stat().st_mtime_ns
    originals = {path.lstat().st_ino for path in root.rglob("*")}
    assert not originals & {path.lstat().st_ino for path in copy.rglob("*")}


def test_what_became_different_is_told(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    manifest = make_replica(str(root), str(copy))
    (copy / "src" / "a.txt").write_text("one\n2\nthree\n")
    (copy / "same.txt").write_text("same\n")
    (copy / "gone.txt").unlink()
    (copy / "new.bin").write_bytes(b"\0\1")
    (copy / "deep").mkdir()
    (copy / "deep" / "new.txt").write_text("hello\u202e\n")
    (copy / "tool.sh").chmod(0o700)
    (copy / "big.txt").write_bytes(b"x" * 200_000)
    found = compare(str(root), str(copy), manifest)
    assert sorted(found.created) == ["big.txt", "deep/", "deep/new.txt", "new.bin"]
    assert sorted(found.changed) == ["src/a.txt", "tool.sh"]
    assert found.deleted == ["gone.txt"]
    assert found.counts == {"created": 4, "changed": 2, "deleted": 1}
    assert (found.binary, found.unshown, found.is_cut) == (["new.bin"], ["big.txt"], False)
    assert "--- a/src/a.txt\n+++ b/src/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n" in found.diff
    assert "+hello\\u202e\n" in found.diff
    assert "-gone\n" in found.diff


def test_a_hostile_copy_leads_nowhere(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret-9917\n")
    copy = tmp_path / "copy"
    manifest = make_replica(str(root), str(copy))
    (copy / "src" / "a.txt").unlink()
    (copy / "src").rmdir()
    os.symlink(tmp_path, copy / "src")
    os.symlink(tmp_path / "secret", copy / "stolen")
    os.mkfifo(copy / "waits-for-ever")
    (copy / "evil\n+++ b").mkdir()
    (copy / "evil\n+++ b" / "forged\u202e").write_text("x\n")
    (copy / "closed").mkdir(mode=0)
    found = compare(str(root), str(copy), manifest)
    assert "secret-9917" not in found.diff
    assert "src/a.txt" in found.deleted
    assert "\\n+++ b/forged\\u202e" in found.diff
    assert "\n+++ b/forged" not in found.diff
    remove_replica(str(copy))
    assert not copy.exists()
    assert (tmp_path / "secret").exists()


def test_many_changes_are_counted_and_only_so_many_named(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    manifest = make_replica(str(root), str(copy))
    for number in range(700):
        (copy / f"n{number}").write_text("x" * 1000)
    found = compare(str(root), str(copy), manifest)
    assert (found.counts["created"], len(found.created), found.is_cut) == (700, 500, True)
    assert len(found.diff) < 300_000


def test_a_workspace_that_is_too_large_is_refused(root: Path, tmp_path: Path) -> None:
    os.truncate(root / "same.txt", replica.MOST_BYTES + 1)
    with pytest.raises(BoundaryViolation) as caught:
        make_replica(str(root), str(tmp_path / "copy"))
    assert caught.value.code == "preview_too_large"


def test_text_for_eyes_has_no_character_that_acts() -> None:
    assert shown("a\tb\x1b[31m\u202e\udcff\n") == "a\tb\\x1b[31m\\u202e\\xff\\n"
