"""Escapes through the file system, judged by what happened outside; policy is not asked."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local_steps import Ground, make_request, open_ground
from workbench.model.errors import BoundaryViolation, SandboxUnavailable


# What files are seen is the same with a list of names; the long suite makes sure.
@pytest.fixture(
    params=[(), pytest.param(("listed.example",), marks=pytest.mark.long)],
    ids=["no-network", "list-of-names"],
)
async def ground(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    async with open_ground(tmp_path, network=request.param) as opened:
        yield opened


def init_git(workspace: Path) -> None:
    subprocess.run(["git", "init", "-q", str(workspace)], check=True, env={"PATH": os.environ["PATH"]})


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


async def test_git_commit_works_inside(ground: Ground) -> None:
    init_git(ground.workspace)
    script = (
        "echo x > file; git add file && git -c user.name=a -c user.email=a@b commit -qm one && git stash list"
    )
    outcome = await ground.run(script)
    assert (outcome.ended.exit_code, outcome.text) == (0, "")
    assert (ground.workspace / ".git" / "refs" / "heads").exists()


async def test_files_outside_the_workspace_cannot_be_read(ground: Ground, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret-4411")
    places = f"{secret} {ground.home} ~root/.ssh /root /home /etc/shadow /etc/gshadow /proc/1/root{secret}"
    outcome = await ground.run(f"cat {places} 2>/dev/null; ls {places}; ls -A /root /home/*")
    assert "secret-4411" not in outcome.text
    assert "root:" not in outcome.text
    assert "runs" not in outcome.text


async def test_whatever_others_may_not_read_in_etc_is_empty_inside(ground: Ground) -> None:
    script = (
        "find /etc -type f -size +0 ! -perm -o+r -readable 2>/dev/null; ls -A /etc/ssl/private 2>/dev/null"
    )
    assert (await ground.run(script)).text == ""


async def test_nothing_outside_the_workspace_can_be_written(ground: Ground, tmp_path: Path) -> None:
    before = listing(tmp_path) - listing(ground.workspace)
    script = f"for f in {tmp_path}/x {ground.home}/x /usr/x /etc/x /usr/bin/x /x; do echo x > $f; done; true"
    await ground.run(script)
    assert not any(Path(path).exists() for path in ("/usr/x", "/etc/x", "/usr/bin/x", "/x"))
    assert not (tmp_path / "x").exists()
    assert not (ground.home / "x").exists()
    assert before <= listing(tmp_path)


async def test_a_symlink_out_of_the_workspace_leads_nowhere(ground: Ground, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret-4411")
    (ground.workspace / "link").symlink_to(secret)
    outcome = await ground.run("cat link; echo changed > link; true")
    assert "secret-4411" not in outcome.text
    assert secret.read_text() == "secret-4411"


async def test_a_unix_socket_outside_cannot_be_reached(ground: Ground) -> None:
    # It even lies in the workspace, as a careless docker.sock would.
    path = ground.workspace / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path)) if len(str(path)) < 100 else server.bind("\0never")
        server.listen()
        server.setblocking(False)
        connect = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('docker.sock')"
        outcome = await ground.run(f'/usr/bin/python3 -c "{connect}"')
        assert outcome.ended.exit_code != 0
        with pytest.raises(BlockingIOError):
            server.accept()


async def test_git_cannot_be_renamed_nor_its_config_and_hooks_planted(ground: Ground) -> None:
    init_git(ground.workspace)
    config = (ground.workspace / ".git" / "config").read_bytes()
    hooks = listing(ground.workspace / ".git" / "hooks")
    script = """
        mv .git other; mkdir -p .git/hooks; echo '[core] fsmonitor = evil' >> .git/config
        git config core.fsmonitor evil; echo evil > .git/hooks/post-checkout; rm -rf .git/hooks
        mv .git/hooks .git/h; mv .git/config .git/c; rm -f .git/config; ln -sf /tmp .git/hooks
        git config --file .git/config.new core.pager evil; mv -f .git/config.new .git/config
    """
    await ground.run(script)
    assert (ground.workspace / ".git" / "config").read_bytes() == config
    assert listing(ground.workspace / ".git" / "hooks") == hooks
    assert not (ground.workspace / "other").exists()


async def test_missing_hooks_and_config_cannot_be_created_and_leave_nothing(ground: Ground) -> None:
    init_git(ground.workspace)
    for path in (ground.workspace / ".git" / "hooks").iterdir():
        path.unlink()
    (ground.workspace / ".git" / "hooks").rmdir()
    (ground.workspace / ".git" / "config").unlink()
    before = listing(ground.workspace)
    await ground.run("mkdir -p .git/hooks; echo x > .git/hooks/pre-commit; echo x > .git/config")
    assert listing(ground.workspace) == before


async def test_no_other_git_folder_can_be_put_behind_the_users_own_git(ground: Ground) -> None:
    """A planted commondir makes the user's next `git status` read a config of the attacker's, outside."""
    init_git(ground.workspace)
    before = listing(ground.workspace)
    proof = ground.workspace.parent / "proof"
    script = f"""
        mkdir evil; cp -r .git/objects .git/refs .git/HEAD evil/
        printf '[core]\nrepositoryformatversion = 0\nfsmonitor = touch {proof}; false\n' > evil/config
        echo ../evil > .git/commondir; rm -f .git/commondir
        mv .git/commondir x; ln -sf ../evil .git/commondir
        printf '[core]\nfsmonitor = touch {proof}\n' > .git/config.worktree
        git status >/dev/null; rm -rf evil x; true
    """
    await ground.run(script)
    assert listing(ground.workspace) == before
    subprocess.run(["git", "status"], cwd=ground.workspace, check=True, capture_output=True)
    assert not proof.exists()


async def test_the_workbenchs_folder_cannot_be_made_changed_or_left_behind(ground: Ground) -> None:
    attack = "mkdir .workbench; echo x > .workbench/policy.cedar; mv .workbench x; rmdir .workbench; true"
    await ground.run(attack)
    assert listing(ground.workspace) == set()
    (ground.workspace / ".workbench").mkdir()
    (ground.workspace / ".workbench" / "policy.cedar").write_text("old")
    await ground.run(attack + "; echo new > .workbench/policy.cedar; rm -rf .workbench")
    assert listing(ground.workspace) == {".workbench", ".workbench/policy.cedar"}
    assert (ground.workspace / ".workbench" / "policy.cedar").read_text() == "old"


async def test_one_runs_end_does_not_unprotect_another_run(ground: Ground) -> None:
    from workbench.model.statuses import TerminalMode

    script = "echo ready; read; mkdir .workbench; echo x > .workbench/policy.cedar; true"
    long = await ground.connector.dispatch(make_request(ground.workspace, script, mode=TerminalMode.PTY))
    async for _ in ground.connector.logs(long, offset=0, follow=True):
        break
    await asyncio.gather(*(ground.run("true") for _ in range(3)))
    await ground.connector.write_input(long, b"\n")
    await ground.finish(long)
    assert listing(ground.workspace) == set()


@pytest.mark.parametrize("name", [".envrc", ".bashrc", ".vimrc", ".gitconfig"])
async def test_startup_files_cannot_be_changed(ground: Ground, name: str) -> None:
    (ground.workspace / name).write_text("old")
    await ground.run(f"echo new > {name}; mv {name} x; rm -f {name}; ln -sf x {name}")
    assert (ground.workspace / name).read_text() == "old"
    assert not (ground.workspace / name).is_symlink()


async def test_editor_folders_cannot_be_changed(ground: Ground) -> None:
    (ground.workspace / ".vscode").mkdir()
    (ground.workspace / ".vscode" / "tasks.json").write_text("old")
    await ground.run("echo new > .vscode/tasks.json; mv .vscode x; rm -rf .vscode")
    assert listing(ground.workspace) == {".vscode", ".vscode/tasks.json"}
    assert (ground.workspace / ".vscode" / "tasks.json").read_text() == "old"


@pytest.mark.parametrize("name", [".git", ".workbench"])
async def test_a_protected_path_that_is_a_symlink_is_refused(
    ground: Ground, name: str, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (ground.workspace / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BoundaryViolation):
        await ground.run("true")


async def test_a_workspace_that_became_a_symlink_is_refused(ground: Ground, tmp_path: Path) -> None:
    request = make_request(ground.workspace, "touch made")
    ground.workspace.rmdir()
    ground.workspace.symlink_to("/usr")
    with pytest.raises(BoundaryViolation):
        await ground.connector.dispatch(request)
    assert not Path("/usr/made").exists()


async def test_a_folder_exchanged_while_starting_never_shows_the_other_one(
    ground: Ground, tmp_path: Path
) -> None:
    """A hostile run elsewhere swaps the workspace for a symlink again and again while steps start."""
    secret = tmp_path / "other"
    secret.mkdir()
    (secret / "secret").write_text("secret-4411")
    aside = tmp_path / "aside"
    swapping = True

    def swap() -> None:
        while swapping:
            os.rename(ground.workspace, aside)
            os.symlink(secret, ground.workspace)
            os.unlink(ground.workspace)
            os.rename(aside, ground.workspace)

    thread = asyncio.create_task(asyncio.to_thread(swap))
    outcomes = []
    try:
        for _ in range(15):
            try:
                outcomes.append(await ground.run("cat secret; touch made"))
            except (BoundaryViolation, SandboxUnavailable):
                continue
    finally:
        swapping = False
        await thread
    assert all("secret-4411" not in outcome.text for outcome in outcomes)
    assert not (secret / "made").exists()


async def test_programs_cannot_be_planted_on_the_path(ground: Ground) -> None:
    script = (
        'IFS=:; for d in $PATH; do touch "$d/planted" && echo "$d can be written"; done 2>/dev/null; true'
    )
    outcome = await ground.run(script, environment={"PATH": f"{ground.workspace}:/tmp"})
    assert outcome.text == ""


async def test_a_toolchain_is_seen_on_the_path_and_cannot_be_written(ground: Ground, tmp_path: Path) -> None:
    tool = tmp_path / "tools" / "bin" / "mytool"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\necho from the toolchain\n")
    tool.chmod(0o755)
    script = f"mytool; echo x > {tool}; rm -f {tool}"
    outcome = await ground.run(script, toolchains=(str(tmp_path / "tools"),))
    assert outcome.text.startswith("from the toolchain\n")
    assert tool.read_text().startswith("#!/bin/sh")


@pytest.mark.parametrize(
    "path", ["/", "/usr", "/etc", "/home", "/root", "/tmp", "/proc", "/usr/share/doc", "~"]
)
async def test_system_folders_and_homes_are_no_workspace(ground: Ground, path: str) -> None:
    with pytest.raises(BoundaryViolation) as refused:
        ground.connector.check_workspace(os.path.expanduser(path))
    assert refused.value.remedy


async def test_the_state_folder_and_a_workspace_never_hold_one_another(
    ground: Ground, tmp_path: Path
) -> None:
    for path in (tmp_path, ground.home, ground.home / "runs"):
        with pytest.raises(BoundaryViolation):
            ground.connector.check_workspace(str(path))


SET_RIGHTS = """
import ctypes, os, shutil, sys
libc = ctypes.CDLL(None, use_errno=True)
shutil.copy("/bin/bash", "rootsh")
held = os.open("rootsh", os.O_RDONLY)
AT_FDCWD, CREATES, NAMELESS = -100, os.O_CREAT | os.O_WRONLY, 0o20200002
def attempt(name, *words):
    made = [word.encode() if isinstance(word, str) else word for word in words]
    getattr(libc, name)(*made)
for mode in (0o4755, 0o2755, 0o6755):
    attempt("chmod", "rootsh", mode)
    attempt("fchmod", held, mode)
    attempt("fchmodat", AT_FDCWD, "rootsh", mode, 0)
    attempt("syscall", 452, AT_FDCWD, b"rootsh", mode, 0)
    attempt("open", "opened", CREATES, mode)
    attempt("creat", "created", mode)
    attempt("openat", AT_FDCWD, "openat", CREATES, mode)
    attempt("syscall", 437, AT_FDCWD, b"openat2", (ctypes.c_uint64 * 3)(CREATES, mode, 0), 24)
    attempt("mknod", "node", 0o100000 | mode, 0)
    attempt("mknodat", AT_FDCWD, "nodeat", 0o100000 | mode, 0)
    attempt("mkdir", "folder", mode)
    attempt("mkdirat", AT_FDCWD, "folderat", mode)
    nameless = libc.open(b".", NAMELESS, mode)
    if nameless >= 0:
        os.link(f"/proc/self/fd/{nameless}", f"nameless{mode}", follow_symlinks=True)
"""


async def test_no_file_with_its_owners_rights_can_be_left_in_the_workspace(ground: Ground) -> None:
    """Such a copy of a shell would make every local user the service's user, root under a root service."""
    await ground.run("", argv=("/usr/bin/python3", "-c", SET_RIGHTS))
    await ground.run(
        "cp -p /usr/bin/su suid; install -m 6755 /bin/bash inst; cp /bin/bash b; chmod u+s b; chmod g+s b;"
        "tar -C /usr/bin -cf t su; tar -xpf t; ln /usr/bin/su hard; true"
    )
    modes = {path.name: path.stat().st_mode for path in ground.workspace.iterdir()}
    assert {"rootsh", "suid", "b", "su"} <= set(modes)
    assert [name for name, mode in modes.items() if mode & 0o6000] == []
    (ground.workspace / "there").write_bytes(b"x")
    (ground.workspace / "there").chmod(0o4755)
    await ground.run("cp -p there again; cp --preserve=all there more; mv there moved")
    assert not (ground.workspace / "again").stat().st_mode & 0o6000
    assert not (ground.workspace / "more").stat().st_mode & 0o6000


async def test_no_file_can_be_given_capabilities(ground: Ground) -> None:
    program = """
import os, shutil, struct
shutil.copy("/bin/bash", "able")
for data in (struct.pack("<5I", 0x02000001, 0xFFFFFFFF, 0, 0x1FF, 0),
             *(struct.pack("<6I", 0x03000001, 0xFFFFFFFF, 0, 0x1FF, 0, owner) for owner in (0, 1000))):
    for name in ("security.capability", "security.selinux", "trusted.x"):
        try:
            os.setxattr("able", name, data)
        except OSError:
            pass
"""
    await ground.run("", argv=("/usr/bin/python3", "-c", program))
    assert "security.capability" not in os.listxattr(ground.workspace / "able")
    await ground.run("/usr/sbin/setcap cap_setuid+ep able; true")
    assert "security.capability" not in os.listxattr(ground.workspace / "able")


async def test_programs_still_make_files_and_set_ordinary_modes(ground: Ground) -> None:
    script = (
        "mkdir -m 1777 d; install -m 0755 /bin/true d/t; chmod 600 d/t; cp -p d/t u; mktemp -p . >/dev/null"
    )
    outcome = await ground.run(script)
    assert (outcome.ended.exit_code, outcome.text) == (0, "")
    assert (ground.workspace / "d").stat().st_mode & 0o7777 == 0o1777
    assert (ground.workspace / "u").stat().st_mode & 0o7777 == 0o600


def git_outside(folder: Path) -> None:
    """What its user does next, with a config of no consequence."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent / "nowhere")}
    for words in (["status"], ["diff"], ["log"], ["stash", "list"], ["commit", "-qam", "x"]):
        subprocess.run(["git", *words], cwd=folder, capture_output=True, env=environment, check=False)


async def test_no_repository_can_be_made_of_a_plain_workspace(ground: Ground) -> None:
    proof = ground.workspace.parent / "proof"
    script = f"""
        git init; git init --bare .git; mkdir .git/x; mv .git y; rmdir .git
        ln -s y .git; echo 'gitdir: y' > .git
        printf '[core]\nfsmonitor = touch {proof}; false\n' > .git/config; true
    """
    outcome = await ground.run(script)
    assert listing(ground.workspace) == set()
    assert outcome.ended.detail.startswith("kept as it is in a run, because programs outside obey it: .git;")
    git_outside(ground.workspace)
    assert not proof.exists()


async def test_a_plain_workspace_within_a_repository_stays_usable_meanwhile(ground: Ground) -> None:
    init_git(ground.workspace.parent)
    from workbench.model.statuses import TerminalMode

    request = make_request(ground.workspace, "echo ready; read", mode=TerminalMode.PTY)
    ref = await ground.connector.dispatch(request)
    async for _ in ground.connector.logs(ref, offset=0, follow=True):
        break
    (ground.workspace / "file").touch()
    seen = subprocess.run(
        ["git", "status", "--porcelain", "."], cwd=ground.workspace, check=True, capture_output=True
    )
    assert b"workspace/" in seen.stdout or b"./" in seen.stdout
    assert seen.stderr == b""
    await ground.connector.write_input(ref, b"\n")
    await ground.finish(ref)
    assert listing(ground.workspace) == {"file"}


async def test_two_runs_in_a_plain_workspace_hold_the_same_place(ground: Ground) -> None:
    from workbench.model.statuses import TerminalMode

    request = make_request(ground.workspace, "echo ready; read", mode=TerminalMode.PTY)
    ref = await ground.connector.dispatch(request)
    async for _ in ground.connector.logs(ref, offset=0, follow=True):
        break
    await ground.run("mkdir -p .git/refs .git/objects; echo 'ref: refs/heads/x' > .git/HEAD; git init; true")
    await ground.connector.write_input(ref, b"\n")
    await ground.finish(ref)
    assert listing(ground.workspace) == set()


async def test_modules_worktrees_and_attributes_of_a_repository_cannot_be_changed(ground: Ground) -> None:
    init_git(ground.workspace)
    (ground.workspace / ".git" / "worktrees").mkdir()
    before = listing(ground.workspace / ".git")
    script = """
        mkdir -p .git/modules/sub .git/worktrees/other; echo '* filter=evil' > .git/info/attributes
        rename() { python3 -c "import os; os.rename('.git/$1', 'x')"; }
        rename info; rename modules; rename worktrees; rmdir .git/modules .git/worktrees; true
    """
    await ground.run(script)
    assert listing(ground.workspace / ".git") == before


async def test_everyday_git_works_inside_without_a_word_of_complaint(ground: Ground) -> None:
    init_git(ground.workspace)
    script = """
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        set -e; echo x > file; git add -A; git commit -qm one; echo y > file; git stash -q; git stash pop -q
        git gc -q; git repack -adqf; git worktree list >/dev/null; git worktree prune
        git fsck >/dev/null 2>&1
        git checkout -qb other; git commit -qam two; git rebase -q HEAD; git submodule status; git status -s
    """
    outcome = await ground.run(script)
    assert (outcome.ended.exit_code, outcome.text) == (0, "")
    assert outcome.ended.detail == ""
    tracked = subprocess.run(["git", "ls-files"], cwd=ground.workspace, check=True, capture_output=True)
    assert tracked.stdout == b"file\n"


async def test_the_repositories_below_cannot_be_turned_against_their_user(ground: Ground) -> None:
    init_git(ground.workspace)
    below = ground.workspace / "vendor" / "sub"
    init_git(below)
    proof = ground.workspace.parent / "proof"
    attack = f"""
        cd vendor/sub; printf '[core]\nfsmonitor = touch {proof}; false\n' > evil
        cp evil .git/config; cp evil .git/config.worktree; echo .. > .git/commondir
        printf '#!/bin/sh\ntouch {proof}\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit
        python3 -c "import os; os.rename('.git', 'g')"
        mv .git/hooks h; mv .git/config c; rm -f .git/config; true
    """
    await ground.run(attack)
    git_outside(below)
    assert not proof.exists()
    works = "cd vendor/sub; echo x > f; git add f; git -c user.name=a -c user.email=a@b commit -qm x"
    outcome = await ground.run(works)
    assert (outcome.ended.exit_code, outcome.text, outcome.ended.detail) == (0, "", "")


@pytest.mark.parametrize(
    ("script", "named"),
    [
        ("git init -q sub", "sub/.git"),
        ("mkdir sub; echo 'gitdir: ../x' > sub/.git", "sub/.git"),
        ("git init -q --bare a/evil", "a/evil/"),
        ("git init -q --bare .", "./"),
        ("touch .npmrc", ".npmrc"),
        ("mkdir -p .github/workflows; touch .github/workflows/x.yml", ".github"),
        ("mkdir -p deep/.vscode; touch deep/.vscode/tasks.json", "deep/.vscode"),
    ],
)
async def test_what_other_programs_obey_is_named_at_the_end(ground: Ground, script: str, named: str) -> None:
    outcome = await ground.run(script)
    assert outcome.ended.exit_code == 0
    assert outcome.ended.detail.startswith(f"made or changed while it ran: {named}; ")
    assert (await ground.run("echo x > ordinary")).ended.detail == ""


async def test_a_repository_that_was_exchanged_with_the_folder_around_it_is_named(ground: Ground) -> None:
    init_git(ground.workspace / "sub")
    assert (await ground.run("true")).ended.detail == ""
    outcome = await ground.run("mv sub aside; git init -q sub")
    assert "sub/.git" in outcome.ended.detail


async def test_envrc_cannot_be_made_and_leaves_nothing(ground: Ground) -> None:
    await ground.run("echo evil > .envrc; rm -rf .envrc; mv .envrc x; ln -s x .envrc; true")
    assert listing(ground.workspace) == set()
