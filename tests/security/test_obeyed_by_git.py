"""What git's configuration, or a symlink under a known name, leads to within the workspace cannot be written.

Judged by what the user's own next git does outside.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local_steps import Ground, open_ground


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with open_ground(tmp_path) as opened:
        yield opened


def git(folder: Path, *words: str) -> None:
    """The user's own git, outside, with a home of no consequence."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent / "nowhere")}
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, env=environment, check=False)


def use_git(folder: Path) -> None:
    """What its user does next."""
    (folder / "file").write_text("other")
    for words in (["status"], ["diff"], ["add", "file"], ["log"], ["go"], ["commit", "-qam", "x"]):
        git(folder, *words)


def make_repository(folder: Path, settings: str) -> None:
    git(folder, "init", "-q", ".")
    (folder / "file").write_text("one")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    with open(folder / ".git" / "config", "a") as config:
        config.write(settings)


def plant(proof: Path, path: str) -> str:
    """Puts a program that leaves a proof at a path, or a configuration that names one."""
    program = f"#!/bin/sh\\ntouch {proof}\\n"
    config = f"[core]\\nfsmonitor = touch {proof}; false\\n"
    text = config if path.endswith("gitconfig") else program
    return f"mkdir -p $(dirname {path}); printf '{text}' > {path}; chmod 755 {path}"


def attack(proof: Path, path: str) -> str:
    """Every way to that: write, replace, exchange a folder around it."""
    planted = plant(proof, path)
    around = " ".join(f"mv {folder} aside{n};" for n, folder in enumerate(parents(path)))
    ways = f"{planted}; rm -rf {path}; {planted}; mv {path} x; ln -sf x {path}; {around} {planted}"
    return f"{{ {ways}; }} 2>/dev/null; true"


def parents(path: str) -> list[str]:
    return [str(folder) for folder in Path(path).parents if str(folder) != "."]


CASES = {
    "hooks": ("[core]\nhooksPath = githooks\n", "githooks/pre-commit", True),
    "hooks that are missing": ("[core]\nhooksPath = githooks\n", "githooks/pre-commit", False),
    "deep hooks": ("[core]\nhooksPath = ./tools/git/hooks # ours\n", "tools/git/hooks/pre-commit", True),
    "absolute hooks": ("[core] hooksPath = WORKSPACE/githooks\n", "githooks/pre-commit", True),
    "an included file": ("[include]\npath = ../shared.gitconfig\n", "shared.gitconfig", True),
    "an included file that is missing": (
        "[include]\npath = ../shared.gitconfig\n",
        "shared.gitconfig",
        False,
    ),
    "a condition": ('[includeIf "onbranch:**"]\npath = ../conf/a.gitconfig\n', "conf/a.gitconfig", True),
    "a monitor": ("[core]\nfsmonitor = tools/monitor\n", "tools/monitor", True),
    "an alias": ("[alias]\ngo = !sh ./tools/go.sh\n", "tools/go.sh", True),
    "a differ": ('[diff]\nexternal = "tools/differ"\n', "tools/differ", True),
    "the top folder": ("[alias]\ngo = !$(git rev-parse --show-toplevel)/tools/go\n", "tools/go", True),
}


@pytest.mark.parametrize(("settings", "path", "is_there"), CASES.values(), ids=CASES)
async def test_what_the_configuration_names_cannot_be_turned_against_the_user(
    ground: Ground, settings: str, path: str, is_there: bool
) -> None:
    proof = ground.home.parent / "proof"
    make_repository(ground.workspace, settings.replace("WORKSPACE", str(ground.workspace)))
    target = ground.workspace / path
    if is_there:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("" if path.endswith("gitconfig") else "#!/bin/sh\nexit 1\n")
        target.chmod(0o755)
    before = {str(found) for found in ground.workspace.iterdir()}
    outcome = await ground.run(attack(proof, path))
    assert outcome.ended.exit_code == 0
    assert target.exists() == is_there
    assert before <= {str(found) for found in ground.workspace.iterdir()}
    use_git(ground.workspace)
    assert not proof.exists()


@pytest.mark.parametrize(("settings", "path", "is_there"), CASES.values(), ids=CASES)
def test_the_attack_works_where_nothing_is_protected(
    tmp_path: Path, settings: str, path: str, is_there: bool
) -> None:
    """Or the test above would prove nothing."""
    proof, folder = tmp_path / "proof", tmp_path / "tree"
    folder.mkdir()
    make_repository(folder, settings.replace("WORKSPACE", str(folder)))
    subprocess.run(["sh", "-c", plant(proof, path)], cwd=folder, check=True)
    use_git(folder)
    assert proof.exists()


async def test_an_included_file_that_includes_another_protects_that_as_well(ground: Ground) -> None:
    proof = ground.home.parent / "proof"
    make_repository(ground.workspace, "[include]\npath = ../shared.gitconfig\n")
    (ground.workspace / "conf").mkdir()
    (ground.workspace / "conf" / "more.gitconfig").touch()
    (ground.workspace / "shared.gitconfig").write_text("[include]\npath = conf/more.gitconfig\n")
    await ground.run(attack(proof, "conf/more.gitconfig"))
    use_git(ground.workspace)
    assert not proof.exists()


async def test_a_repository_below_and_a_linked_work_tree_are_read_too(ground: Ground, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    below = ground.workspace / "below"
    below.mkdir()
    make_repository(below, "[core]\nhooksPath = githooks\n")
    (below / "githooks").mkdir()
    outer = tmp_path / "outer"
    outer.mkdir()
    make_repository(outer, "[core]\nhooksPath = githooks\n")
    linked = tmp_path / "linked"
    git(outer, "worktree", "add", "-q", str(linked))
    (linked / "githooks").mkdir()
    await ground.run(attack(proof, "below/githooks/pre-commit"))
    other = Ground(home=ground.home, workspace=linked, connector=ground.connector)
    await other.run(attack(proof, "githooks/pre-commit"))
    use_git(below)
    use_git(linked)
    assert not proof.exists()


async def test_a_workspace_within_a_repository_is_protected_by_its_settings(
    ground: Ground, tmp_path: Path
) -> None:
    proof = tmp_path / "proof"
    make_repository(tmp_path, "[core]\nhooksPath = workspace/githooks\n")
    (ground.workspace / "githooks").mkdir()
    await ground.run(attack(proof, "githooks/pre-commit"))
    use_git(tmp_path)
    assert not proof.exists()


async def test_what_known_names_point_to_cannot_be_written(ground: Ground) -> None:
    (ground.workspace / "cfg").mkdir()
    (ground.workspace / "cfg" / "tasks.json").write_text("old")
    (ground.workspace / "shell").mkdir()
    (ground.workspace / "shell" / "envrc").write_text("old")
    (ground.workspace / ".vscode").symlink_to("cfg")
    (ground.workspace / ".envrc").symlink_to("shell/envrc")
    script = "for f in cfg/tasks.json .envrc shell/envrc; do echo new > $f; done; mv shell x; mv cfg y; true"
    outcome = await ground.run(script)
    for path in ("cfg/tasks.json", ".envrc"):
        assert (ground.workspace / path).read_text() == "old"
    assert "shell/envrc" in outcome.ended.detail
    assert "change it outside of a run" in outcome.ended.detail
    outcome = await ground.run("rm .envrc; ln -s other .envrc; echo new > other")
    assert outcome.ended.detail.startswith("made or changed while it ran: .envrc;")


@pytest.mark.parametrize(
    ("settings", "script", "named"),
    [
        ("[core]\nhooksPath = .\n", "echo x > pre-commit", "pre-commit"),
        ("[core]\nhooksPath = a/b\n", "mkdir -p a/b; echo x > a/b/pre-commit", "a/b"),
        ("[core]\nfsmonitor = tools/monitor\n", "mkdir tools; echo x > tools/monitor", "tools/monitor"),
        ("[core]\nhooksPath = link\n", "rm link; mkdir link; echo x > link/pre-commit", "link"),
    ],
)
async def test_what_cannot_be_protected_is_named_afterwards(
    ground: Ground, settings: str, script: str, named: str
) -> None:
    make_repository(ground.workspace, settings)
    (ground.workspace / "target").mkdir()
    (ground.workspace / "link").symlink_to("target")
    assert (await ground.run("echo x > else; true")).ended.detail == ""
    outcome = await ground.run(script)
    assert outcome.ended.detail.startswith(f"made or changed while it ran: {named};")


async def test_ordinary_work_beside_what_is_protected_goes_on(ground: Ground) -> None:
    make_repository(ground.workspace, "[core]\nhooksPath = tools/hooks\n[alias]\nshow = !cat README.md\n")
    (ground.workspace / "tools" / "hooks").mkdir(parents=True)
    script = """
        set -e; echo x > tools/other; mkdir tools/more; echo x > README.md; git add -A
        git -c user.name=a -c user.email=a@b commit -qm two; git checkout -q HEAD~1; git checkout -q -
        rm tools/other; git status --porcelain
    """
    outcome = await ground.run(script)
    assert (outcome.ended.exit_code, outcome.text, outcome.ended.detail) == (0, " D tools/other\n", "")


async def test_what_a_run_put_in_the_way_of_the_next_look_does_not_hold_it_up(ground: Ground) -> None:
    pipes = "mkfifo a/.git b/.git/commondir b/.git/config"
    script = f"mkdir -p a b/.git c/.git; {pipes}; ln -s /dev/zero c/.git/config"
    assert (await ground.run(script)).ended.exit_code == 0
    assert (await ground.run("echo done")).text == "done\n"


async def test_a_folder_around_what_git_obeys_cannot_be_moved_and_the_run_says_why(ground: Ground) -> None:
    make_repository(ground.workspace, "[core]\nhooksPath = tools/hooks\n")
    (ground.workspace / "tools" / "hooks").mkdir(parents=True)
    outcome = await ground.run("mv tools other")
    assert outcome.ended.exit_code == 1
    assert outcome.ended.notes == (
        "kept as it is in a run, because programs outside obey it: tools; change it outside of a run",
    )


NAMED_PROGRAMS = (
    '[lfs "customtransfer.x"]\npath = tools/p',
    '[lfs "customtransfer.x"]\npath = python3\nargs = tools/p --fast',
    "[instaweb]\nhttpd = tools/p -f",
    "[imap]\ntunnel = tools/p",
    "[svn]\nauthorsProg = tools/p",
    '[browser "x"]\ncmd = tools/p',
    '[browser "x"]\npath = tools/p',
    '[man "x"]\ncmd = tools/p',
    '[man "x"]\npath = tools/p',
    '[difftool "x"]\ncmd = tools/p',
    '[mergetool "x"]\npath = tools/p',
    '[guitool "x"]\ncmd = tools/p',
    "[sendemail]\nsmtpServer = WORKSPACE/tools/p",
    "[sendemail]\ntoCmd = tools/p",
    '[sendemail "x"]\nccCmd = tools/p',
    "[sendemail]\nheaderCmd = tools/p",
    "[sendemail]\nsendmailCmd = tools/p",
    "[uploadpack]\npackObjectsHook = tools/p",
    "[gc]\nrecentObjectsHook = tools/p",
    "[core]\nalternateRefsCommand = tools/p",
    "[core]\nsshCommand = tools/p",
    "[core]\ngitProxy = tools/p for example.org",
    "[core]\neditor = tools/p",
    "[core]\naskPass = tools/p",
    "[sequence]\neditor = tools/p",
    "[interactive]\ndiffFilter = tools/p",
    '[trailer "x"]\ncommand = tools/p',
    '[trailer "x"]\ncmd = tools/p',
    '[hook "x"]\ncommand = tools/p',
    '[merge "x"]\ndriver = tools/p %A',
    '[diff "x"]\ncommand = tools/p',
    '[diff "x"]\ntextconv = tools/p',
    '[filter "x"]\nclean = tools/p',
    '[filter "x"]\nsmudge = tools/p',
    '[filter "x"]\nprocess = tools/p',
    "[gpg]\nprogram = tools/p",
    '[gpg "ssh"]\nprogram = tools/p',
    '[gpg "ssh"]\ndefaultKeyCommand = tools/p',
    '[credential "https://example.org"]\nhelper = !tools/p',
    '[submodule "x"]\nupdate = !tools/p',
    '[remote "x"]\nuploadpack = tools/p',
    '[remote "x"]\nreceivepack = tools/p',
    '[remote "x"]\nurl = ext::tools/p %S',
    '[remote "x"]\nannex-start-command = tools/p',
    '[tar "x"]\ncommand = tools/p',
    "[pager]\nlog = tools/p",
    '[gitflow "path"]\nhooks = tools',
    "[init]\ntemplateDir = tools",
    "[instaweb]\nmodulePath = tools",
)


async def test_every_setting_that_names_a_program_keeps_it_as_it_is(ground: Ground) -> None:
    """One step for all: each names a program of its own."""
    programs = []
    settings = ""
    for number, text in enumerate(NAMED_PROGRAMS):
        folder = ground.workspace / f"tools{number}"
        folder.mkdir()
        (folder / "p").write_text("#!/bin/sh\n")
        (folder / "p").chmod(0o755)
        programs.append(folder / "p")
        settings += text.replace("tools", folder.name).replace("WORKSPACE", str(ground.workspace)) + "\n"
    make_repository(ground.workspace, settings)
    await ground.run("for p in tools*/p; do echo evil > $p; done 2>/dev/null; true")
    written = [
        NAMED_PROGRAMS[number]
        for number, program in enumerate(programs)
        if program.read_text() != "#!/bin/sh\n"
    ]
    assert written == []


async def test_what_was_written_by_another_name_of_it_is_named_afterwards(ground: Ground) -> None:
    """A hard link that was there: the mount protects the path, not the file."""
    make_repository(ground.workspace, "[core]\npager = tools/p\nhooksPath = githooks\n")
    for path in ("tools/p", "githooks/pre-commit", "tools/alone"):
        target = ground.workspace / path
        target.parent.mkdir(exist_ok=True)
        target.write_text("#!/bin/sh\n")
    os.link(ground.workspace / "tools" / "p", ground.workspace / "hard")
    os.link(ground.workspace / "githooks" / "pre-commit", ground.workspace / "tools" / "other")
    harmless = "echo evil > tools/p; echo x > tools/alone; cat hard; ln tools/p second; touch hard; true"
    assert (await ground.run(harmless)).ended.notes[-1].startswith("kept as it is in a run")
    assert not (ground.workspace / "second").exists()
    assert (await ground.run("cat hard >/dev/null")).ended.detail == ""
    back = "touch -d 2001-01-01 hard; rm hard"
    outcome = await ground.run(f"t=$(stat -c %y hard); echo '#!/bin/ev' > hard; touch -d \"$t\" hard; {back}")
    assert outcome.ended.detail.startswith("made or changed while it ran: tools/p;")
    outcome = await ground.run("echo evil >> tools/other")
    assert outcome.ended.detail.startswith("made or changed while it ran: githooks/pre-commit;")
    assert (await ground.run("rm tools/other")).ended.detail == ""
