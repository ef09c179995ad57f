"""HEAD and its blobs, read from files alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.features.head import (
    GitFolder,
    blob_id_of,
    find_git_folder,
    has_ref,
    read_blob_ids,
    read_head,
)

MakeRepo = Callable[..., Path]
RunGit = Callable[..., str]


def test_the_blob_id_is_gits_own(make_repo: MakeRepo, run_git: RunGit) -> None:
    repo = make_repo({"a": "text\r\n", "b": b"\xff\0", "c": ""}, commit=True)
    ids = {name: run_git(repo, "rev-parse", f"HEAD:{name}").strip() for name in "abc"}
    assert {name: blob_id_of((repo / name).read_bytes()) for name in "abc"} == ids


def test_blob_ids_are_found_at_any_depth_and_only_for_files(make_repo: MakeRepo, run_git: RunGit) -> None:
    repo = make_repo({"a/b/写 x.md": "1", "top.md": "2"})
    (repo / "link.md").symlink_to("top.md")
    make_repo({}, commit=True)
    git = find_git_folder(str(repo))
    assert git is not None
    head = read_head(git)
    assert head == run_git(repo, "rev-parse", "HEAD").strip()
    asked = ["a/b/写 x.md", "top.md", "link.md", "a", "none.md", "top.md/x", "a/b/none.md"]
    assert read_blob_ids(git, head, asked) == {"a/b/写 x.md": blob_id_of(b"1"), "top.md": blob_id_of(b"2")}


def test_an_object_that_is_no_commit_has_no_blobs(make_repo: MakeRepo, run_git: RunGit) -> None:
    repo = make_repo({"a.md": "1"}, commit=True)
    git = find_git_folder(str(repo))
    assert git is not None
    blob = run_git(repo, "rev-parse", "HEAD:a.md").strip()
    assert read_blob_ids(git, blob, ["a.md"]) == {}
    assert read_blob_ids(git, "0" * 40, ["a.md"]) == {}


def test_a_git_file_that_points_nowhere_or_at_itself_is_no_repository_with_a_commit(tmp_path: Path) -> None:
    for text in ("", "gitdir:", "gitdir: .git", "gitdir: /nowhere", "something else", "gitdir: \0"):
        (tmp_path / ".git").write_text(text)
        git = find_git_folder(str(tmp_path))
        assert git is None or read_head(git) is None
    (tmp_path / ".git").unlink()
    (tmp_path / ".git").symlink_to(tmp_path)
    assert find_git_folder(str(tmp_path)) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80), st.binary(max_size=120))
def test_no_head_and_no_packed_refs_make_it_fail(tmp_path: Path, head: bytes, packed: bytes) -> None:
    (tmp_path / "HEAD").write_bytes(head)
    (tmp_path / "packed-refs").write_bytes(packed)
    git = GitFolder(own=str(tmp_path), shared=str(tmp_path))
    assert read_head(git) is None or len(str(read_head(git))) == 40
    (tmp_path / "HEAD").write_bytes(b"ref: refs/heads/" + head)
    read_head(git)


def test_the_names_that_git_would_find_are_known(make_repo: MakeRepo, run_git: RunGit) -> None:
    repo = make_repo({"a.md": "x\n"}, commit=True)
    run_git(repo, "branch", "loose/one")
    run_git(repo, "tag", "v1")
    run_git(repo, "update-ref", "refs/remotes/origin/far", "HEAD")
    git = find_git_folder(str(repo))
    assert git is not None
    names = ("main", "loose/one", "v1", "far", "origin/far", "nosuch", "loose", "a.md")
    known = [True, True, True, True, True, False, True, None]
    assert [has_ref(git, name) for name in names] == known
    run_git(repo, "pack-refs", "--all")
    assert [has_ref(git, name) for name in names[:6]] == known[:6]
    (repo / ".git" / "reftable").mkdir()
    assert has_ref(git, "nosuch") is None
