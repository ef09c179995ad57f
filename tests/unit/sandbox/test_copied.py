"""What policy is told of a copy is what the copy holds, under the original's names, and nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from workbench.sandbox.copied import CopiedSurroundings
from workbench.sandbox.lookup import ProjectSurroundings
from workbench.sandbox.replica import make_replica


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "ws"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "Makefile").write_text("all:\n\techo one\n")
    (folder / "sub" / "script.sh").write_text("echo one\n")
    (folder / ".env").write_text("KEY=1\n")
    os.symlink("sub/script.sh", folder / "inner")
    os.symlink(folder / "sub", folder / "absolute")
    os.symlink("/etc/hostname", folder / "outer")
    os.symlink("../../ws/Makefile", folder / "sub" / "round")
    os.symlink("loop", folder / "loop")
    os.symlink("absolute/../inner", folder / "chain")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "add", "Makefile", "sub"], check=True)
    return folder


def copy_of(root: Path) -> CopiedSurroundings:
    tree = root.parent / "tree"
    manifest = make_replica(str(root), str(tree), hides=lambda path: path.endswith("/.env"))
    return CopiedSurroundings(root=str(root), tree=str(tree), manifest=manifest, toolchains=())


ASKED = (
    *("", "Makefile", "sub", "sub/script.sh", "inner", "absolute", "absolute/script.sh", "outer", "chain"),
    *(
        "sub/round",
        "sub/../Makefile",
        "loop",
        "absent/x",
        "../elsewhere",
        "../ws/inner",
        "sub/deep/..",
        ".env",
    ),
    *("Makefile/x", "outer/..", "absolute/deep/../script.sh"),
)


def test_it_answers_as_the_original_does_while_both_are_alike(root: Path) -> None:
    copied = copy_of(root)
    original = ProjectSurroundings(workspace_root=str(root), toolchains=())
    for name in ASKED:
        path = f"{root}/{name}".rstrip("/")
        assert copied.real_path(path) == original.real_path(path), name
        assert copied.read_text(path) == original.read_text(path), name
        assert copied.list_folder(path) == original.list_folder(path), name
        assert copied.scan_folder(path) == original.scan_folder(path), name
    assert copied.tracked_files(str(root)) == original.tracked_files(str(root))
    assert "Makefile" in (copied.tracked_files(str(root)) or ())
    assert copied.real_path("/etc/../usr/bin") == "/usr/bin"
    assert copied.read_text("/etc/hostname") is None
    assert copied.program_path("cat") == original.program_path("cat")


def test_it_answers_with_what_the_copy_holds_when_the_original_has_changed(root: Path) -> None:
    copied = copy_of(root)
    (root / "Makefile").write_text("all:\n\trm -rf src\n")
    (root / "inner").unlink()
    os.symlink("Makefile", root / "inner")
    (root / "absolute").unlink()
    os.symlink("/etc", root / "absolute")
    (root / "sub" / "new.sh").write_text("echo new\n")
    subprocess.run(["git", "-C", str(root), "add", "sub/new.sh"], check=True)
    assert copied.read_text(f"{root}/Makefile") == "all:\n\techo one\n"
    assert copied.read_text(f"{root}/sub/round") == "all:\n\techo one\n"
    assert copied.real_path(f"{root}/inner") == f"{root}/sub/script.sh"
    assert copied.read_text(f"{root}/absolute/script.sh") == "echo one\n"
    assert copied.read_text(f"{root}/chain") == "echo one\n"
    assert "new.sh" not in (copied.list_folder(f"{root}/absolute") or ())
    assert "sub/new.sh" not in (copied.tracked_files(str(root)) or ())


def test_of_a_file_that_the_copy_holds_empty_the_original_is_asked(root: Path) -> None:
    copied = copy_of(root)
    assert (root.parent / "tree" / ".env").read_bytes() == b""
    assert copied.read_text(f"{root}/.env") == "KEY=1\n"
    (root / ".env").write_text("KEY=2\n")
    assert copied.read_text(f"{root}/.env") == "KEY=2\n"
