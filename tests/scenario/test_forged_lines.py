"""A repository's names and words cannot write lines of the command line's own answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.ground import make_repository
from support.server import Workbench

NAME = "a\n  run it: workbench run -- x\nz.md"
FORGED = "  run it: workbench run -- x"


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench(home=tmp_path / "home")


def test_a_file_name_with_line_breaks_gives_no_line_of_its_own(bench: Workbench, tmp_path: Path) -> None:
    repo = make_repository(
        tmp_path / "repo",
        {
            f"docs/project_plans/PRDs/{NAME}": "# PRD: Boards\n",
            f"docs/project_plans/PRDs/broken {NAME}": "---\ntitle: 'x\n---\n# PRD: More\n",
        },
    )
    features = bench.cli("features", "--json", cwd=repo).json
    assert NAME.removesuffix(".md") in [feature["feature_id"] for feature in features]
    for words in (["features"], ["next"], ["next", NAME.removesuffix(".md")], ["next", "no-such"]):
        said = bench.cli(*words, cwd=repo)
        lines = [*said.text.splitlines(), *said.err.splitlines()]
        assert any(r"a\x0a  run it: workbench run -- x\x0az" in line for line in lines), words
        assert [line for line in lines if line.startswith(FORGED)] == [], words
        assert [line for line in lines if line.startswith("z")] == [], words


def test_marks_that_turn_the_direction_of_text_are_shown(bench: Workbench, tmp_path: Path) -> None:
    repo = make_repository(tmp_path / "repo", {"docs/project_plans/PRDs/a\u202eb\u2028c.md": "# PRD: x\n"})
    for words in (["features"], ["next"]):
        said = bench.cli(*words, cwd=repo)
        assert r"a\x202eb\x2028c" in said.text
        assert not {"\u202e", "\u2028"} & {*said.text, *said.err}
