"""Links that a command copies, moves or brings with another tree: what is used through them is asked about.

What acts on a link itself (`rm link`, `mv link x`) is judged by where the link lies, not by where it leads.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from support.judged import decide, judged
from workbench.model.verdict import Decision


@pytest.fixture
def root(tmp_path: Path) -> str:
    folder = tmp_path / "repo"
    for name in ("src", "real", "d", "out/deep", "plain"):
        (folder / name).mkdir(parents=True)
    for name in ("README.md", "src/a.py", "d/x", "real/b", "plain/c"):
        (folder / name).write_text("x\n")
    (folder / "lnk").symlink_to("/etc")
    (folder / "home").symlink_to("/root")
    (folder / "same").symlink_to("d")
    (folder / "secret").symlink_to(".env")
    (folder / ".env").write_text("A=1\n")
    (folder / "real/inner").symlink_to("/etc")
    (folder / "out/deep/up").symlink_to("../x")
    return str(folder.resolve())


COPIES = (
    "cp -P lnk e",
    "cp -d lnk e",
    "cp -Pf lnk e",
    "cp --no-dereference lnk e",
    "cp -P lnk README.md d/ && mv d/lnk e",
    "mv lnk e",
    "mv -f lnk e",
    "git mv lnk e",
    "mv same e",
    "cp -r real e",
    "cp -R real e",
    "cp -a same e",
    "cp -Lr -P real e",
    "mv real e",
    "git mv real e",
    "rsync -a real/ e",
    "rsync -rl real/ e",
    "rsync --archive real/ e",
    "mv out/deep e",
    "find . -type l -exec mv {} e ';'",
    "bash -c 'mv lnk e'",
    "find . -maxdepth 0 -exec mv lnk e ';'",
    "git clone https://example.org/x e",
)
USES = (
    "cat e/passwd",
    "cat e",
    "echo x > e/inner/x",
    "echo x > e",
    "touch e/inner/x",
    "cp src/a.py e/inner/",
    "cd e && ls",
    "cd e/inner && touch x",
    "git -C e status",
    "python e/inner/x.py",
    "./e/inner/x",
    "ls e/inner",
    "grep -r x e",
    "find -L e -name x",
    "prettier --write e/inner",
    "tee e/x",
    "head -1 < e/x",
)


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("join", [" && ", "; "])
def test_what_a_copied_link_leads_to_is_asked_about(root: str, copy: str, join: str) -> None:
    found = [use for use in USES if decide(root, copy + join + use) is Decision.ALLOW]
    assert found == []


TREES = (
    "git worktree add e other",
    "git switch other",
    "git switch -c new origin/other",
    "git checkout other",
    "git checkout -b new origin/other",
    "git checkout other -- e",
    "git restore e",
    "git restore --source=other e",
    "git stash",
    "git stash pop",
    "git stash apply",
    "git pull",
    "git merge other",
    "git rebase other",
    "git cherry-pick other",
    "git revert HEAD",
)


@pytest.mark.parametrize("tree", TREES)
def test_what_another_tree_brought_may_be_a_link(root: str, tree: str) -> None:
    uses = (
        *USES[:8],
        "ls e/inner",
        "cat README.md",
        "echo x > d/x",
        "cp src/a.py d/",
        "prettier --write src",
    )
    more = ("grep -r x .", "grep -rn x src", "mkdir -p d/y", "ruff format src", "sed -i s/a/b/ d/x")
    found = [
        use
        for use, join in product((*uses, *more), (" && ", "; "))
        if decide(root, tree + join + use) == "allow"
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "mv README.md e && cat e",
        "mv d e && cat e/x",
        "cp -r d e && cat e/x",
        "cp -a plain e && cat e/c && touch e/d",
        "git mv d e && git commit -m x",
        "cp README.md e && cat e",
        "mv lnk e",
        "mv lnk e && cat README.md",
        "cp -P same e && ls",
        "git switch main && ls",
        "git switch main && git status",
        "git switch main && pytest -q",
        "git switch main && pytest tests/test_a.py",
        "git stash && pytest -q && git stash pop",
        "git switch -c new && cat README.md",
        "git merge other && git log --oneline -5",
        "git switch main && git add -A && git commit -m x",
        "cat README.md && git switch main",
        "cd d && cat x && git switch main",
    ],
)
def test_what_brings_no_link_or_follows_none_stays_allowed(root: str, text: str) -> None:
    assert decide(root, text) is Decision.ALLOW


@pytest.mark.parametrize("link", ["lnk", "home", "./lnk", "same", "real/inner"])
@pytest.mark.parametrize("program", ["rm", "rm -rf", "unlink", "git rm"])
def test_a_link_itself_can_be_removed(root: str, link: str, program: str) -> None:
    """It is lost for good like any file, so a person is asked; nothing that it leads to is touched."""
    assert decide(root, f"{program} {link}") is Decision.REQUIRES_APPROVAL


@pytest.mark.parametrize(
    "text", ["mv lnk e", "mv home e", "git mv lnk e", "mv -t d lnk", "mv real/inner same e2"]
)
def test_a_link_itself_can_be_renamed(root: str, text: str) -> None:
    assert decide(root, text) is Decision.ALLOW


@pytest.mark.parametrize(
    "text",
    [
        "rm lnk/",
        "rm -r lnk/",
        "rm -rf lnk/.",
        "rm -rf home/",
        "rm -rf lnk/passwd",
        "rm -rf lnk/*",
        "rm -rf real/inner/",
        "mv lnk/ e",
        "mv lnk/passwd e",
        "unlink lnk/",
        "unlink lnk/passwd",
        "git rm -r lnk/",
        "truncate -s 0 lnk/passwd",
        "shred -u lnk",
        "truncate -s 0 lnk",
        "rm -rf --no-preserve-root lnk",
        "cd real && rm -rf inner/",
    ],
)
def test_what_a_link_leads_to_is_still_denied(root: str, text: str) -> None:
    assert decide(root, text) is Decision.DENY


def test_what_lies_outside_is_no_link_of_the_workspace(root: str) -> None:
    other = Path(root).parent / "other"
    other.symlink_to("/etc")
    assert decide(root, "mv ../other e") is not Decision.ALLOW
    assert decide(root, "rm ../other") is Decision.DENY
    # The workspace by another way is the workspace.
    assert decide(root, "mv ../repo/lnk e") is Decision.ALLOW
    assert decide(root, "rm -rf ../repo") is Decision.REQUIRES_APPROVAL


def test_the_name_of_a_link_counts_as_any_name(root: str) -> None:
    place = Path(root) / "id_rsa"
    place.symlink_to("README.md")
    assert decide(root, "mv id_rsa e") is Decision.REQUIRES_APPROVAL
    # What it leads to is a secret, and is read through its new name.
    assert decide(root, "mv secret e && cat e") is Decision.REQUIRES_APPROVAL
    assert decide(root, "cp secret e") is Decision.REQUIRES_APPROVAL
    hooks = Path(root) / ".git"
    hooks.symlink_to("d")
    assert decide(root, "mv .git e") is Decision.DENY


@pytest.mark.parametrize(
    "recipe",
    [
        "mv lnk build\n\tcat build/hosts",
        "cp -P lnk build; cat build/hosts",
        "git stash pop\n\tcat d/x",
        "./s.sh",
    ],
)
def test_recipes_are_asked_about_the_same_way(root: str, recipe: str) -> None:
    script = Path(root) / "s.sh"
    for text in (
        "mv lnk build\ncat build/hosts\n",
        # What stands first may run last.
        "for i in 1 2; do\n  cat build/hosts\n  mv lnk build\ndone\n",
        "f() { cat build/hosts; }\nmv lnk build\nf\n",
        "f() { cat build/hosts; }\ng() { mv lnk build; }\ng\nf\n",
    ):
        script.write_text(f"#!/bin/sh\n{text}")
        script.chmod(0o755)
        (Path(root) / "Makefile").write_text(f"all:\n\t{recipe}\n")
        assert decide(root, "make all") is not Decision.ALLOW, text


def test_the_parts_of_a_pipe_run_at_the_same_time(root: str) -> None:
    for text in ("tail -F e/hosts | mv lnk e", "mv lnk e | cat e/hosts", "cat d/x | git stash pop"):
        assert decide(root, text) is Decision.REQUIRES_APPROVAL
    for text in ("cat d/x | head && git switch main", "mv README.md e | cat", "git stash | cat"):
        assert decide(root, text) is Decision.ALLOW


def test_what_one_search_runs_is_several_commands(root: str) -> None:
    for text in (
        "find . -maxdepth 0 -exec mv lnk e ';' -exec cat e/hosts ';'",
        # For the second path the first command runs after the last.
        "find d -exec cat e/hosts ';' -exec mv lnk e ';'",
    ):
        assert "moving_ground" in judged(root, text).verdict.reason_codes
