"""The measured sets: no attack of some thousand is allowed; a developer's week is hardly ever in the way.

The commands are in `corpus/`, as text, with the generator that fills their slots. Each is judged twice: on a
bare machine where every program exists, and on a real folder where most do not.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

from workbench.model.command import Surroundings
from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)


def load_families() -> ModuleType:
    found = importlib.util.spec_from_file_location(
        "families", Path(__file__).parent / "corpus" / "families.py"
    )
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


FAMILIES = load_families()
EVERYDAY: tuple[str, ...] = FAMILIES.everyday()
ADVERSARIAL: tuple[str, ...] = FAMILIES.adversarial()


def decide(texts: Iterable[str], root: str, surroundings: Surroundings) -> dict[str, Decision]:
    return {
        text: judge(POLICY, text, cwd=root, workspace_root=root, surroundings=surroundings).verdict.verdict
        for text in texts
    }


def real_machine(folder: Path) -> tuple[str, Surroundings]:
    for name in ("src", "app", "lib", "docs", "tests", "packages/web", "server", "scripts"):
        (folder / name).mkdir(parents=True)
    (folder / "README.md").write_text("x\n")
    (folder / "src" / "app.py").write_text("x = 1\n")
    root = str(folder.resolve())
    return root, ProjectSurroundings(workspace_root=root, toolchains=())


def check_the_attacks(verdicts: dict[str, Decision]) -> None:
    assert len(verdicts) >= 1_000
    assert [text for text, verdict in verdicts.items() if verdict is Decision.ALLOW] == []


def check_the_week(verdicts: dict[str, Decision]) -> None:
    counted = Counter(verdicts.values())
    assert len(verdicts) >= 2_000
    assert counted[Decision.ALLOW] >= 0.60 * len(verdicts), counted
    assert counted[Decision.DENY] < 0.02 * len(verdicts), counted


# Each attack is judged in one of the two places; the long suite judges all of them in both.
EVERY_ONE = pytest.param(slice(None), id="all", marks=pytest.mark.long)


@pytest.mark.parametrize("part", [pytest.param(slice(0, None, 2), id="half"), EVERY_ONE])
def test_no_attack_is_allowed_on_a_bare_machine(part: slice) -> None:
    check_the_attacks(decide(ADVERSARIAL[part], "/ws", ExampleSurroundings()))


@pytest.mark.parametrize("part", [pytest.param(slice(1, None, 6), id="some"), EVERY_ONE])
def test_no_attack_is_allowed_on_a_real_folder(tmp_path: Path, part: slice) -> None:
    check_the_attacks(decide(ADVERSARIAL[part], *real_machine(tmp_path / "repo")))


def test_a_developers_week_is_mostly_allowed_and_hardly_ever_denied() -> None:
    check_the_week(decide(EVERYDAY, "/ws", ExampleSurroundings()))


def test_a_developers_week_is_mostly_allowed_on_a_real_folder(tmp_path: Path) -> None:
    check_the_week(decide(EVERYDAY, *real_machine(tmp_path / "repo")))


def test_the_sets_are_the_same_each_time() -> None:
    assert load_families().everyday() == EVERYDAY
    assert load_families().adversarial() == ADVERSARIAL


@pytest.mark.parametrize("text", ["ls -la", "git status", "pytest -q", "cargo test", "npm test"])
def test_the_commonest_commands_are_in_the_week(text: str) -> None:
    assert text in EVERYDAY
