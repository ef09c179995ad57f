"""Variables that name folders of code are harmless where those lie in the workspace, and asked elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.judged import judged
from workbench.model.verdict import Decision, Effect
from workbench.policy import load_policy

CAREFUL = load_policy("careful", is_tried=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "lib").symlink_to("/etc")
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "PYTHONPATH=src pytest",
        "PYTHONPATH=src:. python3 -m pytest -q",
        "PYTHONPATH= pytest",
        "env PYTHONPATH=src pytest",
        "cd src && PYTHONPATH=.. pytest",
        "NODE_PATH=src node src/a.js",
        "CI=1 PYTHONPATH=src pytest",
    ],
)
def test_the_projects_own_code_runs_unasked(root: Path, text: str) -> None:
    found = judged(root, text)
    assert found.verdict.verdict is Decision.ALLOW
    assert any(Effect.EXECUTES in call.effects for call in found.commands)


@pytest.mark.parametrize(
    "text",
    [
        "PYTHONPATH=/tmp/evil pytest",
        "PYTHONPATH=src:/etc pytest",
        "PYTHONPATH=.. pytest",
        "PYTHONPATH=lib pytest",
        "PYTHONPATH=$HOME/x pytest",
        "PYTHONPATH=src:$PYTHONPATH pytest",
        "env PYTHONPATH=../x pytest",
        "PYTHONPATH=src PYTHONSTARTUP=src/a.py python3 src/b.py",
        "PYTHONPATH=src LD_PRELOAD=src/a.so ls",
        "PYTHONHOME=src python3 src/b.py",
        "PYTHONPATH=src python3 -c 'import a'",
        "cd /tmp && PYTHONPATH=src pytest",
    ],
)
def test_code_from_elsewhere_is_asked_about(root: Path, text: str) -> None:
    assert judged(root, text).verdict.verdict is Decision.REQUIRES_APPROVAL


def test_what_it_makes_a_plain_program_run_counts_as_the_projects_code(root: Path) -> None:
    found = judged(root, "PYTHONPATH=src ls")
    assert found.verdict.reason_codes == ("project_code",)
    assert judged(root, "PYTHONPATH=src ls", CAREFUL).verdict.verdict is Decision.REQUIRES_APPROVAL


@pytest.mark.parametrize(
    ("text", "is_network"),
    [
        ("go list ./...", False),
        ("go list -m example.org/a/b@latest", True),
        ("helm template web ./src", False),
        ("helm template web src/chart", True),
        ("helm template web stable/chart", True),
        ("helm template oci://example.org/chart", True),
    ],
)
def test_what_is_fetched_shows_its_network(root: Path, text: str, is_network: bool) -> None:
    assert [call.network for call in judged(root, text).commands] == [is_network]
