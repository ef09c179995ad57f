"""What holds the whole machine is no repository: nobody waits while all of it is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.server import Workbench, running

TODO = Path(__file__).parents[2] / "examples" / "todo-cli"


@pytest.mark.parametrize("command", ["features", "next"])
def test_a_folder_that_holds_everything_is_refused_as_a_workspace_is(tmp_path: Path, command: str) -> None:
    person = tmp_path / "people" / "ann"
    shutil.copytree(TODO, person)
    with running(tmp_path / "home", HOME=str(person)) as bench:
        for path in (Path("/"), person, person.parent, Path("/usr")):
            refused = bench.http.post("/api/projects", json={"path": str(path)}).json()
            for said in (
                bench.cli(command, "--repo", str(path)),
                bench.cli(command, cwd=path),
                bench.cli(command, "--json", "--repo", str(path)),
            ):
                assert said.status != 0
                assert refused["detail"] in said.err
                assert refused["remedy"] in said.err
                assert said.text == ""


def test_a_folder_in_a_home_that_is_kept_in_git_is_not_about_the_home(tmp_path: Path) -> None:
    person = tmp_path / "ann"
    shutil.copytree(TODO, person)
    (person / ".git").mkdir()
    (person / "notes").mkdir()
    bench = Workbench(home=tmp_path / "home", settings={"HOME": str(person)})
    said = bench.cli("features", "--json", "--repo", str(person / "notes"))
    assert (said.status, said.json) == (0, [])


def test_the_home_of_the_one_who_asks_is_called_a_home_even_where_it_is_a_folder_of_the_system(
    tmp_path: Path,
) -> None:
    bench = Workbench(home=tmp_path / "home", settings={"HOME": "/root"})
    assert "the workspace /root is a home folder" in bench.cli("features", "--repo", "/root").err
    assert "the workspace /usr is a folder of the system" in bench.cli("features", "--repo", "/usr").err
