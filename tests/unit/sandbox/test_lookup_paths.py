"""Paths are resolved by the kernel exactly as os.path.realpath does it, whatever they lead through."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sandbox.lookup import resolve_path

NAMES = ("a", "b", "c", "file", "link", "loop", "dangling", "up", "..", ".", "", "missing", "x (deleted)")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with a file each, and links: to a folder, to a file, to nothing, to themselves, and upwards."""
    root = tmp_path_factory.mktemp("tree")
    for folder in (root, root / "a", root / "a" / "b", root / "c"):
        folder.mkdir(exist_ok=True)
        (folder / "file").write_text("x")
        (folder / "x (deleted)").write_text("x")
        (folder / "loop").symlink_to("loop")
        (folder / "dangling").symlink_to("nowhere/at/all")
        (folder / "up").symlink_to("..")
        (folder / "link").symlink_to(root / "a" / "b" if folder.name == "c" else root / "c")
    return root


@given(parts=st.lists(st.sampled_from(NAMES), max_size=7))
def test_a_path_is_resolved_as_the_standard_library_does(tree: Path, parts: list[str]) -> None:
    path = "/".join([str(tree), *parts])
    assert resolve_path(path) == os.path.realpath(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "/",
        "//",
        "//usr/bin",
        "relative/path",
        "/usr/bin/python3",
        "/nowhere",
        "/nowhere/at/all",
        "/etc/passwd/below",
        "/" + "x" * 300,
    ],
)
def test_so_is_each_odd_one(path: str) -> None:
    assert resolve_path(path) == os.path.realpath(path)


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("/proc/self/fd/0", "/proc/self/fd/0"),
        ("/proc/self/cwd/x", "/proc/self/cwd/x"),
        ("/proc/self/environ", "/proc/self/environ"),
        ("/proc/thread-self/mem", "/proc/thread-self/mem"),
        ("/proc/self/root/etc/passwd", "/etc/passwd"),
        ("/proc/1/task/1/root", "/"),
        ("/proc/./self/../1/environ", "/proc/1/environ"),
        ("/dev/stdin", "/dev/stdin"),
        ("/dev/fd/3", "/dev/fd/3"),
        ("/procs", "/procs"),
    ],
)
def test_what_proc_says_of_this_process_is_no_answer(path: str, real: str) -> None:
    assert resolve_path(path) == real


def test_a_link_into_proc_leads_to_whoever_follows_it(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/proc/self/environ")
    assert resolve_path(f"{tmp_path}/link") == "/proc/self/environ"


def test_no_descriptor_is_left(tree: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for name in NAMES:
        resolve_path(f"{tree}/{name}")
    assert len(os.listdir("/proc/self/fd")) == before
