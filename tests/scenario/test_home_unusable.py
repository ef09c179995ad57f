"""A home that cannot be one is told of at once, by every command, with what to do; nothing is made in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.ground import make_repository
from support.namespaces import with_read_only
from support.server import Workbench

# One of each kind: without a server, starting one, asking one, stopping one, and the agents' door.
COMMANDS = {
    "features": ("features",),
    "policy": ("policy", "check", "--", "ls"),
    "audit": ("audit", "verify"),
    "up": ("up", "--no-browser"),
    "status": ("status",),
    "run": ("run", "--", "ls"),
    "runs": ("runs", "--json"),
    "mcp": ("mcp",),
}


@pytest.mark.parametrize("kind", ["a file", "below a file", "in a repository", "linked into a repository"])
def test_a_home_in_a_wrong_place_is_refused_by_every_command(tmp_path: Path, kind: str) -> None:
    repo = make_repository(tmp_path / "repo")
    file = tmp_path / "file"
    file.write_text("somebody's")
    (tmp_path / "link").symlink_to(repo)
    home, word = {
        "a file": (file, "is a file"),
        "below a file": (file / "home", "is a file"),
        "in a repository": (repo / "deep" / ".wb", f"inside the repository {repo}"),
        "linked into a repository": (tmp_path / "link" / ".wb", f"inside the repository {repo}"),
    }[kind]
    bench = Workbench(home=home)
    before = sorted(tmp_path.rglob("*"))
    # The two that lead to the same place by a longer way are tried with less.
    for words in COMMANDS.values() if kind in ("a file", "in a repository") else [COMMANDS["run"]]:
        said = bench.cli(*words, cwd=repo)
        assert said.status in (1, 2), words
        assert "cannot be used: " in said.err
        assert word in said.err
        assert "what to do: set WORKBENCH_HOME to a folder" in said.err
        assert "Traceback" not in said.err
        assert said.text == ""
    assert file.read_text() == "somebody's"
    checks = {check["name"]: check for check in bench.cli("doctor", "--json", cwd=repo).json}
    assert (checks["home"]["ok"], word in checks["home"]["detail"]) == (False, True)
    assert checks["home"]["remedy"].startswith("set WORKBENCH_HOME")
    assert "disk" not in checks
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.long
@pytest.mark.parametrize("home", ["ro/home", "ro"])
def test_a_home_that_cannot_be_written_is_told_of_by_every_command(tmp_path: Path, home: str) -> None:
    repo = make_repository(tmp_path / "repo")
    bench = Workbench(home=tmp_path / home)
    prefix = with_read_only(tmp_path / "ro")
    for name, words in COMMANDS.items():
        said = bench.cli(*words, cwd=repo, prefix=prefix)
        assert "Traceback" not in said.err
        if name == "features":
            # Documents are read without a home too.
            assert said.status == 0
            assert "only slower" in said.err
        if name not in ("policy", "audit"):
            assert "cannot be used: this user may not write" in said.err
            assert "set WORKBENCH_HOME to a folder this user can write" in said.err
        if name != "policy" and name != "features":
            assert said.status in (1, 2), words
    checks = {check["name"]: check for check in bench.cli("doctor", "--json", prefix=prefix).json}
    assert checks["home"]["ok"] is False


def test_what_stops_things_works_wherever_the_home_lies(tmp_path: Path) -> None:
    repo = make_repository(tmp_path / "repo")
    bench = Workbench(home=repo / ".wb")
    said = bench.cli("kill", "--reason", "now", cwd=repo)
    assert said.status == 0
    assert (repo / ".wb" / "KILL").read_text().startswith("now")


def test_a_home_below_a_person_who_keeps_their_home_in_git_is_one(tmp_path: Path) -> None:
    person = make_repository(tmp_path / "ann")
    bench = Workbench(home=person / ".local" / "workbench", settings={"HOME": str(person)})
    said = bench.cli("status", cwd=person)
    assert "no server runs for" in said.text
