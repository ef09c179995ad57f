"""A walk goes by ignore files as they lie there: where an earlier part may change them, it asks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.commits import CLEAN, commit, git
from support.judged import decide, judged
from workbench.model.verdict import Decision


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for words in (
        ("init", "-q", "-b", "main"),
        ("config", "user.email", "a@b.c"),
        ("config", "user.name", "a"),
    ):
        git(tmp_path, *words)
    commit(tmp_path, ".gitignore", ".env\n")
    for folder in ("src", "data", "other"):
        (tmp_path / folder).mkdir()
        commit(tmp_path, f"{folder}/a.py", "TOP = 1\n")
    (tmp_path / "other" / ".gitignore").write_text("x\n")
    for folder in (".", "data"):
        (tmp_path / folder / ".env").write_text("TOP=secret\n")
    return tmp_path.resolve()


@pytest.mark.parametrize(
    "text",
    [
        "echo '!.env' > .ignore && rg --hidden TOP",
        "echo '!.env' > .rgignore; rg TOP",
        "mv .gitignore x && rg --hidden TOP",
        "sed -i s/.env/x/ .gitignore && rg --hidden TOP",
        "git init data && rg --hidden TOP",
        "cd data && git init && rg --hidden TOP",
        "cp other/.gitignore . && rg --hidden TOP",
        "git mv .gitignore x && rg --hidden TOP data",
        "git switch plain && rg --hidden TOP",
        "sh -c 'mv .gitignore x' && rg --hidden TOP",
        "mv .gitignore x && git grep --untracked TOP",
        "mv .gitignore x && git add -A",
        "echo x > .gitignore; git add .",
        "echo x > .gitignore; git add -A .",
    ],
)
def test_what_relies_on_a_rule_that_may_be_another_by_then_is_asked_about(root: Path, text: str) -> None:
    assert "reads_secret" in judged(root, text).verdict.reason_codes


@pytest.mark.parametrize(
    "text",
    [
        "rg --hidden TOP",
        "echo x > src/.gitignore && rg --hidden TOP",
        "cp src/a.py src/b.py && rg --hidden TOP",
        "cp src/a.py other && rg --hidden TOP",
        "mv .gitignore x && rg --hidden TOP src",
        "echo x > .gitignore && git grep TOP",
        "git add -A && git commit -m x && rg --hidden TOP",
        "git add -A",
        "git add .",
        "git add src new",
        "git add -u",
        "echo x > .gitignore; git add src",
    ],
)
def test_what_no_such_rule_bears_on_runs_unasked(root: Path, text: str) -> None:
    assert decide(root, text) is Decision.ALLOW


@pytest.mark.parametrize(
    "text", ["git add -A", "git add .", "git add src .", "git add '*'", "cd src && git add -A"]
)
def test_staging_everything_asks_as_naming_the_secret_does(root: Path, text: str) -> None:
    assert decide(root, text) is Decision.ALLOW
    (root / "secrets.yml").write_text("TOP: secret\n")
    assert "reads_secret" in judged(root, "git add secrets.yml").verdict.reason_codes
    assert "reads_secret" in judged(root, text).verdict.reason_codes
    subprocess.run(["bash", "-c", text], cwd=root, env=CLEAN, check=True)
    assert "secrets.yml" in git(root, "ls-files").split()
