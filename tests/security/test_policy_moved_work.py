"""Work that is moved under the name of a build's own is not cleared away unasked by a later part."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.judged import POLICY, judged
from workbench.model.verdict import Decision
from workbench.policy import Policy, load_policy

TRUSTING = load_policy("trusting", is_tried=False)
MAKEFILE = """\
clean:
\trm -rf dist build
build:
\tmkdir -p dist
\tcp src/a.py dist/
both:
\tmv src build
\trm -rf build
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("src/a.py", "docs/a.md", "dist/a.js", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "wipe.sh").write_text("rm -rf src\n")
    (tmp_path / "scripts" / "say.sh").write_text("echo hello\n")
    (tmp_path / "Makefile").write_text(MAKEFILE)
    (tmp_path / "package.json").write_text('{"scripts": {"clean": "rm -rf dist"}}')
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "mv src build && make clean",
        "mv notes.txt dist/x && make clean",
        "mv -t dist src && make clean",
        "mv src dist/src; npm run clean",
        "git mv src build && make clean",
        "mv src build && gradle clean",
        "mv src target && mvn clean",
        "mv docs site && mkdocs build",
        "mv notes.txt x.tmp && make clean",
        "mv src node_modules/src && npm run clean",
        "make both",
    ],
)
@pytest.mark.parametrize("policy", [POLICY, TRUSTING], ids=["standard", "trusting"])
def test_moving_work_to_where_it_is_cleared_away_is_asked(project: Path, text: str, policy: Policy) -> None:
    verdict = judged(project, text, policy).verdict
    assert verdict.verdict is Decision.REQUIRES_APPROVAL
    assert "moving_ground" in verdict.reason_codes


def test_what_is_asked_would_have_lost_the_work(project: Path) -> None:
    subprocess.run("mv src build && make clean", shell=True, cwd=project, check=True, capture_output=True)
    assert not (project / "src").exists()
    assert not (project / "build").exists()


@pytest.mark.parametrize(
    "text",
    [
        "make build && make clean",
        "mv dist/a.js dist/b.js && make clean",
        "mv dist build && make clean",
        "mv src lib && make clean",
        "mv notes.txt docs/notes.txt && make build && make clean",
        "mv notes.txt docs/b.md",
        "mv dist/a.js dist/old.log",
    ],
)
def test_what_loses_no_work_is_not_asked(project: Path, text: str) -> None:
    assert judged(project, text).verdict.verdict is Decision.ALLOW


@pytest.mark.parametrize(
    "text", ["bash < scripts/wipe.sh", "bash -s < scripts/wipe.sh", "cat scripts/wipe.sh | sh"]
)
def test_a_script_that_a_shell_is_fed_is_read(project: Path, text: str) -> None:
    for policy in (POLICY, TRUSTING):
        verdict = judged(project, text, policy).verdict
        assert verdict.verdict is Decision.REQUIRES_APPROVAL
        assert "destructive" in verdict.reason_codes


def test_a_script_that_is_fed_unchanged_and_harmless_runs_where_inline_code_does(project: Path) -> None:
    for text in ("bash < scripts/say.sh", "cat scripts/say.sh | bash"):
        assert judged(project, text, TRUSTING).verdict.verdict is Decision.ALLOW
    for text in ("sed s/hello/x/ scripts/say.sh | bash", "tail -n 1 scripts/say.sh | sh", "cat -n x | sh"):
        assert judged(project, text, TRUSTING).verdict.verdict is Decision.REQUIRES_APPROVAL


@pytest.mark.parametrize(
    "text", ["cat 0<<E\nhi\nE", "cat 3<<E\nhi\nE", "ls x; 0<<E\nhi\nE", "cat a 1<<'E'\nhi\nE"]
)
def test_a_here_document_for_another_descriptor_is_not_taken_for_standard_input(
    project: Path, text: str
) -> None:
    assert judged(project, text).verdict.verdict is Decision.REQUIRES_APPROVAL


def test_a_here_document_for_standard_input_is_still_understood(project: Path) -> None:
    assert judged(project, "cat <<E\nhi\nE").verdict.verdict is Decision.ALLOW
    assert judged(project, "cat a2 <<E\nhi\nE").verdict.verdict is Decision.ALLOW


@pytest.mark.parametrize(
    "text", ["mv src build", "mv notes.txt dist/", "git mv src out", "mv notes.txt x.tmp"]
)
def test_moving_work_under_such_a_name_is_asked_about_by_itself(project: Path, text: str) -> None:
    assert "moving_ground" in judged(project, text).verdict.reason_codes
