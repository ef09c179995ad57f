"""Where a module of an interpreter is looked for, and where nothing is claimed."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.sandbox.modules import missing_module

ABSENT = "python3.11 has no module absent"


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """An interpreter's own tree, with a version that this machine need not have."""
    site = tmp_path / "py" / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    (tmp_path / "py" / "bin").mkdir()
    (tmp_path / "py" / "bin" / "python3.11").touch()
    (site.parent / "os.py").touch()
    (tmp_path / "here").mkdir()
    return tmp_path


def ask(prefix: Path, module: str = "absent", interpreter: str = "python3.11") -> str:
    return missing_module(str(prefix / "py" / "bin" / interpreter), module, str(prefix / "here"))


def site_of(prefix: Path) -> Path:
    return prefix / "py" / "lib" / "python3.11" / "site-packages"


def test_a_module_that_no_folder_has_is_missing_and_one_of_the_folder_or_the_site_is_not(
    prefix: Path,
) -> None:
    assert ask(prefix) == ABSENT
    (prefix / "here" / "own.py").touch()
    (site_of(prefix) / "added.cpython-311-x86_64-linux-gnu.so").touch()
    (site_of(prefix) / "space").mkdir()
    assert [ask(prefix, name) for name in ("own", "added", "space", "space.inner")] == [""] * 4


def test_the_standard_library_and_odd_names_are_not_claimed(prefix: Path) -> None:
    assert [ask(prefix, name) for name in ("ensurepip", "json.tool", "a-b", "", "x.")] == [""] * 5


def test_an_interpreter_without_its_version_or_its_library_is_not_claimed(prefix: Path) -> None:
    assert ask(prefix, interpreter="python3") == ""
    (site_of(prefix).parent / "os.py").unlink()
    assert ask(prefix) == ""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import os; import certifi\n", ABSENT),
        ("# import sys\n\nnot-there\n", ABSENT),
        ("../more\n", ""),
        ("import __editable___x_finder; __editable___x_finder.install()\n", ""),
        ("import sys; sys.path.append('/x')\n", ""),
        ("import project\n", ""),
    ],
)
def test_added_folders_are_followed_and_hooks_leave_it_open(prefix: Path, line: str, said: str) -> None:
    (site_of(prefix) / "x.pth").write_text(line)
    (site_of(prefix).parent / "more").mkdir()
    (site_of(prefix).parent / "more" / "absent.py").touch()
    assert ask(prefix) == said


def test_an_environment_sees_the_site_of_its_interpreter_only_where_it_says_so(prefix: Path) -> None:
    (site_of(prefix) / "shared.py").touch()
    venv = prefix / "venv"
    (venv / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (venv / "bin").mkdir()
    (venv / "bin" / "python").symlink_to(prefix / "py" / "bin" / "python3.11")
    settings = venv / "pyvenv.cfg"
    asked = (str(venv / "bin" / "python"), "shared", str(prefix / "here"))
    settings.write_text("home = x\ninclude-system-site-packages = false\n")
    assert missing_module(*asked) == "python has no module shared"
    settings.write_text("home = x\ninclude-system-site-packages = true\n")
    assert missing_module(*asked) == ""
