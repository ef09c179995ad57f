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


def test_a_copy_without_history_has_no_file_in_which_versions_are_kept(root: Path, tmp_path: Path) -> None:
    kept = [
        *(".git/objects/ab/cdef", ".git/objects/pack/p.pack", ".git/modules/refs/objects/ab/cdef"),
        *(".git/lfs/objects/a/b", ".git/rr-cache/a/preimage", ".git/rebase-apply/patch"),
        *("sub/.git/objects/a", "bare/objects/ab/cdef", ".hg/store/data/a.i", "x/.svn/pristine/a/b"),
    ]
    others = [
        *(".git/HEAD", ".git/config", ".git/index", ".git/refs/heads/objects/one", ".git/modules/refs/HEAD"),
        *(".git/logs/refs/heads/objects/one", ".git/modules/refs/refs/heads/a", "bare/HEAD", "bare/refs/a"),
        *("objects/a", "src/objects/b"),
    ]
    for path in (*kept, *others):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x\n")
    manifest = make_replica(str(root), str(tmp_path / "copy"), omits_history=True)
    assert [path for path in kept if path in manifest or (tmp_path / "copy" / path).exists()] == []
    assert [path for path in others if not (tmp_path / "copy" / path).exists()] == []
    assert (tmp_path / "copy" / ".git/objects/pack").is_dir()
    assert set(kept) <= set(make_replica(str(root), str(tmp_path / "whole")))


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


def hides_env(path: str) -> bool:
    return path.rpartition("/")[2] == ".env"


def test_a_file_that_must_not_be_shown_is_there_with_its_name_and_mode_and_nothing_in_it(
    root: Path, tmp_path: Path
) -> None:
    (root / ".env").write_text("SECRET=abc-9917\n")
    (root / ".env").chmod(0o640)
    (root / "sub").mkdir()
    (root / "sub" / ".env").write_text("SECRET=abc-9918\n")
    copy = tmp_path / "copy"
    manifest = make_replica(str(root), str(copy), hides={f"{root}/.env", f"{root}/sub/.env"}.__contains__)
    for name in (".env", "sub/.env"):
        assert (copy / name).read_bytes() == b""
        assert (copy / name).stat().st_mtime_ns == (root / name).stat().st_mtime_ns
    assert (copy / ".env").stat().st_mode & 0o777 == 0o640
    found = compare(str(root), str(copy), manifest)
    assert (found.counts, found.diff) == ({"created": 0, "changed": 0, "deleted": 0}, "")
    assert (found.emptied, found.emptied_files) == ([".env", "sub/.env"], 2)


def test_what_is_done_to_such_a_file_is_told_without_what_it_held(root: Path, tmp_path: Path) -> None:
    for name in ("gone", "written", "opened", "moved"):
        (root / name).mkdir()
        (root / name / ".env").write_text("SECRET=abc-9917\n")
    copy = tmp_path / "copy"
    manifest = make_replica(str(root), str(copy), hides=hides_env)
    (copy / "gone" / ".env").unlink()
    (copy / "written" / ".env").write_text("NEW=1\n")
    (copy / "opened" / ".env").chmod(0o666)
    (copy / "moved" / ".env").rename(copy / "out.txt")
    found = compare(str(root), str(copy), manifest)
    assert (found.created, sorted(found.changed)) == (["out.txt"], ["opened/.env", "written/.env"])
    assert sorted(found.deleted) == ["gone/.env", "moved/.env"]
    assert "+NEW=1\n" in found.diff
    assert "mode 0644 -> 0666\n" in found.diff
    assert "9917" not in found.diff


def test_a_branch_that_is_called_like_a_secret_is_none(root: Path, tmp_path: Path) -> None:
    heads = root / ".git" / "refs" / "heads"
    heads.mkdir(parents=True)
    (heads / ".env").write_text("0123456789\n")
    make_replica(str(root), str(tmp_path / "copy"), hides=hides_env)
    assert (tmp_path / "copy" / ".git" / "refs" / "heads" / ".env").read_text() == "0123456789\n"


def test_known_secrets_are_covered_in_names_and_lines(root: Path, tmp_path: Path) -> None:
    secret = b"hunter2-hunter2"
    (root / "settings.txt").write_text("a\npassword=hunter2-hunter2\n")
    (root / "hunter2-hunter2.old").write_text("x\n")
    copy = tmp_path / "copy"
    manifest = make_replica(str(root), str(copy))
    (copy / "settings.txt").write_text("a\npassword=hunter2-hunter2\nb\n")
    (copy / "same.txt").write_text("x" * 390 + "hunter2-hunter2\n")
    (copy / "hunter2-hunter2").write_text("hunter2-hunter2")
    (copy / "hunter2-hunter2.old").unlink()
    found = compare(str(root), str(copy), manifest, masks=(secret,))
    assert "hunter2" not in str(found)
    assert "+++ b/***\n" in found.diff
    assert " password=***\n+b\n" in found.diff
    assert (found.created, found.deleted) == (["***"], ["***.old"])


def test_a_secret_that_takes_the_place_of_another_is_a_change_all_the_same(
    root: Path, tmp_path: Path
) -> None:
    (root / "same.txt").write_text("hunter2-hunter2\n")
    copy = tmp_path / "copy"
    manifest = make_replica(str(root), str(copy))
    (copy / "same.txt").write_text("hunter3-hunter3\n")
    masks = (b"hunter2-hunter2", b"hunter3-hunter3")
    found = compare(str(root), str(copy), manifest, masks=masks)
    assert (found.changed, found.diff) == (["same.txt"], "")


def test_a_link_made_anew_is_no_change_and_one_that_leads_elsewhere_is(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    manifest = make_replica(str(root), str(copy))
    for name in ("link", "inner"):
        (copy / name).unlink()
    os.symlink("/etc/passwd", copy / "link")
    os.symlink("deep", copy / "inner")
    found = compare(str(root), str(copy), manifest)
    assert found.changed == ["inner"]
    assert "--- a/inner\n+++ b/inner\n@@ -1 +1 @@\n--> src\n+-> deep\n" in found.diff


def test_a_link_in_place_of_a_file_that_spells_it_is_a_change(root: Path, tmp_path: Path) -> None:
    (root / "same.txt").write_text("-> src\n")
    (root / "same.txt").chmod(0o777)
    copy = tmp_path / "copy"
    manifest = make_replica(str(root), str(copy))
    (copy / "same.txt").unlink()
    os.symlink("src", copy / "same.txt")
    assert compare(str(root), str(copy), manifest).changed == ["same.txt"]


def test_a_mode_that_changes_is_said_with_the_old_and_the_new(root: Path, tmp_path: Path) -> None:
    # The copy of this one is writable and lends no rights.
    (root / "tool.sh").chmod(0o4444)
    copy = tmp_path / "copy"
    manifest = make_replica(str(root), str(copy))
    (copy / "src").chmod(0o777)
    (copy / "tool.sh").chmod(0o777)
    (copy / "src" / "a.txt").chmod(0o777)
    (copy / "gone.txt").write_text("gone\nnot\n")
    (copy / "gone.txt").chmod(0o600)
    found = compare(str(root), str(copy), manifest)
    assert "mode 4444 -> 0777\n" in found.diff
    assert "--- a/src\n+++ b/src\nmode 0755 -> 0777\n" in found.diff
    assert "--- a/src/a.txt\n+++ b/src/a.txt\nmode 0644 -> 0777\n" in found.diff
    # With another text as well, both are said under one name.
    assert "--- a/gone.txt\n+++ b/gone.txt\nmode 0644 -> 0600\n@@ -1 +1,2 @@\n gone\n+not\n" in found.diff
    assert found.diff.count("+++ b/gone.txt") == 1
