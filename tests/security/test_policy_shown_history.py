"""What git shows of its history is asked about where a file with a secret's name was ever tracked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.commits import CLEAN, WORD, commit, git
from support.judged import decide, judged
from workbench.model.verdict import Decision


def build(root: Path) -> Path:
    """A repository that tracked conf/.env on `feat` alone, and nothing of such a name anywhere else."""
    for words in (
        ("init", "-q", "-b", "main"),
        ("config", "user.email", "a@b.c"),
        ("config", "user.name", "a"),
    ):
        git(root, *words)
    (root / "conf").mkdir()
    commit(root, "conf/a.txt")
    commit(root, "name")
    git(root, "branch", "plain")
    git(root, "checkout", "-qb", "feat")
    commit(root, "conf/.env", f"TOKEN={WORD}\n")
    git(root, "tag", "with")
    git(root, "mv", "conf/.env", "conf/list")
    git(root, "commit", "-qm", "a list")
    commit(root, "conf/list", None)
    git(root, "checkout", "-qb", "folder", "main")
    git(root, "rm", "-q", "name")
    (root / "name").mkdir()
    commit(root, "name/.env", f"TOKEN={WORD}\n")
    git(root, "checkout", "-q", "main")
    return root.resolve()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("history"))


SHOWS = (
    *("git show with", "git show feat~1", "git diff main with", "git diff main..with", "git diff with"),
    *("git archive with", "git archive --format=tar with conf", "git archive -- with"),
    *("git format-patch --stdout main..feat", "git range-diff main with feat"),
    *("git cat-file -p BLOB", "git show BLOB", "git cat-file blob BLOB", "git grep TOKEN with:"),
    *("git grep TOKEN with:conf", "git grep TOKEN TREE", "git grep -l TOKEN 'with^{tree}'"),
    *("git show ':/about conf'", "git grep -- TOKEN with", "git diff main: with:"),
    *("git show 'with^{/about conf}'", "git log -p with -- '*.e*'", "git show with -- 'conf/.e*'"),
    *("git log -p folder -- name", "git log -S TOKEN --all -- name", "git diff main...with"),
    *("mv name x && git grep TOKEN with:", "touch y && git grep TOKEN with:conf", "git diff 'with@{0}'"),
    *("git show -2 feat", "git show with^0", "git diff main with --"),
    *("git show -s BLOB", "git show -q BLOB", "git show --stat BLOB", "git show --name-status HEAD BLOB"),
    *("git tag s with:conf/.env && git show -s s", "git tag s with:conf/.env; git show --numstat s main"),
    "git for-each-ref --format='%(raw)' refs/tags",
    *("git for-each-ref --count=1 --format='%(refname) %(raw)'", "timeout 5 git -C . show -q BLOB"),
)


def spell(root: Path, text: str) -> str:
    blob, tree = (git(root, "rev-parse", word) for word in ("with:conf/.env", "with^{tree}"))
    return text.replace("BLOB", blob).replace("TREE", tree)


@pytest.mark.parametrize("text", SHOWS)
def test_what_shows_a_secret_of_another_time_is_asked_about(root: Path, text: str) -> None:
    assert "reads_secret" in judged(root, spell(root, text)).verdict.reason_codes


MOVED = (
    "git reset -q with && git grep --cached TOKEN",
    "git reset -q with && git diff",
    "git branch x with && git grep TOKEN x",
    "git branch x with && git show x",
    "git branch x with && git grep TOKEN x:",
    "git switch -q feat && git show HEAD~2",
    "mv name with && git show with --",
)


@pytest.mark.parametrize("text", MOVED)
def test_what_an_earlier_part_moved_may_be_such_a_commit(tmp_path: Path, text: str) -> None:
    root = build(tmp_path)
    assert "reads_secret" in judged(root, text).verdict.reason_codes
    done = subprocess.run(["bash", "-c", text], cwd=root, env=CLEAN, capture_output=True, text=True)
    assert WORD in done.stdout


KEEPS = (
    *("git show", "git show HEAD", "git show main~1", "git diff main plain", "git diff HEAD~1", "git diff"),
    *(
        "git show --stat with",
        "git diff --name-only main with",
        "git archive -o x.tar HEAD",
        "git grep x main",
    ),
    *("git show HEAD:conf/a.txt", "git grep x HEAD:", "git grep x -- conf", "git cat-file -p HEAD"),
    *("git diff main..plain -- conf", "git show with -- conf/a.txt", "git log -p conf/a.txt", "git log"),
    *("git diff --cached", "git grep x with -- conf/a.txt", "git diff nowhere"),
)


@pytest.mark.parametrize("text", KEEPS)
def test_what_shows_none_runs_unasked(root: Path, text: str) -> None:
    assert decide(root, text) is Decision.ALLOW
    done = subprocess.run(["bash", "-c", text], cwd=root, env=CLEAN, capture_output=True, text=True)
    assert WORD not in done.stdout


def test_where_no_such_name_was_ever_tracked_nothing_is_asked(tmp_path: Path) -> None:
    root = build(tmp_path)
    git(root, "branch", "-qD", "feat", "folder")
    git(root, "tag", "-d", "with")
    commit(root, ".gitignore", ".env\n")
    (root / ".env").write_text(f"TOKEN={WORD}\n")
    for text in (
        *("git show HEAD~1", "git diff main...plain", "git format-patch -1 HEAD --stdout", "git log -p"),
        *("git range-diff HEAD~1 main plain", "git diff 'main@{u}'", "git switch -q plain && git show HEAD"),
        *("git commit -qm x --allow-empty && git show", "git branch x main && git diff x && git log -p"),
        *("git reset -q HEAD name && git diff", "git grep x HEAD:conf"),
    ):
        assert decide(root, text) is Decision.ALLOW, text
