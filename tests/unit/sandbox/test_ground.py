"""Workspaces, placeholders, claims and look-ups on a real disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.model.errors import BoundaryViolation, SandboxUnavailable
from workbench.sandbox.host import Host
from workbench.sandbox.lookup import ProjectSurroundings
from workbench.sandbox.placeholders import FILE, FOLDER, ITSELF, Placeholders, identify
from workbench.sandbox.probe import explain_failure, read_apparmor
from workbench.sandbox.step_folder import read_document, take_claim, write_document
from workbench.sandbox.workspace import check_toolchain, check_workspace, survey_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "workspace"
    folder.mkdir()
    (tmp_path / "locks").mkdir()
    return folder


PLAIN = ((".workbench", FOLDER), (".git", FOLDER), (".envrc", FOLDER))
INSIDE = (("hooks", FOLDER), ("config", FILE), ("config.worktree", FILE), ("commondir", ITSELF))


def make_repository(folder: Path) -> None:
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main")


def test_a_survey_names_what_must_be_protected(workspace: Path) -> None:
    assert survey_workspace(str(workspace)).protected == PLAIN
    make_repository(workspace)
    (workspace / ".envrc").touch()
    facts = survey_workspace(str(workspace))
    assert facts.git_folder == f"{workspace}/.git"
    assert facts.protected == (
        (".workbench", FOLDER),
        *((f".git/{name}", kind) for name, kind in INSIDE),
        (".git/info", FOLDER),
        (".git/info/attributes", FILE),
        (".git/modules", FOLDER),
        (".envrc", FOLDER),
    )
    assert facts.held == (".git/info",)
    assert facts.startup == ()


def test_a_git_folder_that_is_no_repository_is_protected_as_a_whole(workspace: Path) -> None:
    (workspace / ".git").mkdir()
    facts = survey_workspace(str(workspace))
    assert (facts.git_folder, facts.protected, facts.held) == (None, PLAIN, ())


def test_repositories_below_are_protected_and_odd_ones_as_a_whole(workspace: Path, tmp_path: Path) -> None:
    make_repository(workspace / "sub")
    make_repository(workspace / "odd")
    (workspace / "odd" / ".git" / "hooks").symlink_to(tmp_path)
    (workspace / "module").mkdir()
    (workspace / "module" / ".git").write_text("gitdir: ../.git/modules/module")
    (workspace / "link").symlink_to("sub")
    names = ["sub/.git", "odd/.git", "module/.git", "link/.git", "gone/.git"]
    facts = survey_workspace(str(workspace), names)
    assert facts.held == ("sub/.git",)
    assert facts.protected == (*PLAIN, *((f"sub/.git/{name}", kind) for name, kind in INSIDE))
    assert facts.startup == ("odd/.git", "module/.git")


def test_a_linked_work_trees_pointer_is_protected(workspace: Path) -> None:
    (workspace / ".git").write_text("gitdir: /elsewhere")
    assert survey_workspace(str(workspace)).startup == (".git",)


def test_a_missing_workspace_is_refused_with_a_remedy(workspace: Path, tmp_path: Path) -> None:
    with pytest.raises(BoundaryViolation) as refused:
        check_workspace(str(workspace / "no"), state_home=str(tmp_path / "home"))
    assert refused.value.remedy
    assert check_workspace(str(workspace), state_home=str(tmp_path / "home")) == str(workspace)


@pytest.mark.parametrize("path", ["/", "~", "/etc", "/home", "/proc"])
def test_wide_folders_are_no_toolchain(path: str, tmp_path: Path) -> None:
    with pytest.raises(BoundaryViolation):
        check_toolchain(os.path.expanduser(path), state_home=str(tmp_path))


def test_placeholders_last_as_long_as_anybody_holds_them(workspace: Path, tmp_path: Path) -> None:
    protected = [(".workbench", FOLDER), ("config", FILE)]
    first, second = (Placeholders(str(workspace), state_folder=str(tmp_path / "locks")) for _ in range(2))
    first.hold(protected)
    second.hold(protected)
    first.release()
    assert {path.name for path in workspace.iterdir()} == {".workbench", "config"}
    second.release()
    assert list(workspace.iterdir()) == []
    first.close()
    second.close()


def test_a_hold_that_fell_with_its_process_is_tidied_by_the_next(workspace: Path, tmp_path: Path) -> None:
    killed = Placeholders(str(workspace), state_folder=str(tmp_path / "locks"))
    killed.hold([(".workbench", FOLDER)])
    killed.close()
    following = Placeholders(str(workspace), state_folder=str(tmp_path / "locks"))
    following.hold([])
    following.release()
    following.close()
    assert list(workspace.iterdir()) == []


def test_what_somebody_put_into_a_placeholder_stays(workspace: Path, tmp_path: Path) -> None:
    hold = Placeholders(str(workspace), state_folder=str(tmp_path / "locks"))
    hold.hold([(".workbench", FOLDER)])
    (workspace / ".workbench" / "policy.cedar").touch()
    hold.release()
    hold.close()
    assert (workspace / ".workbench" / "policy.cedar").exists()


def test_a_path_is_identified_without_following_symlinks(workspace: Path) -> None:
    found = os.stat(workspace)
    assert identify(str(workspace), "") == (found.st_dev, found.st_ino)
    (workspace / "link").symlink_to("/usr")
    with pytest.raises(OSError, match="symbolic link"):
        identify(str(workspace), "link/bin")


def test_a_claim_is_taken_once(tmp_path: Path) -> None:
    assert take_claim(str(tmp_path), {"pid": 1})
    assert not take_claim(str(tmp_path), {"pid": 2})
    assert read_document(str(tmp_path), "claim.json") == {"pid": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["claim.json"]


def test_a_document_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    assert read_document(str(tmp_path), "exit.json") is None
    write_document(str(tmp_path), "exit.json", {"a": 1}, durable=True)
    assert read_document(str(tmp_path), "exit.json") == {"a": 1}
    (tmp_path / "exit.json").write_text('{"a"')
    assert read_document(str(tmp_path), "exit.json") is None


def test_programs_are_looked_up_on_the_sandboxs_path_alone(workspace: Path) -> None:
    (workspace / "mytool").touch(mode=0o755)
    around = ProjectSurroundings(workspace_root=str(workspace), toolchains=())
    assert around.program_path("bash") in ("/usr/bin/bash", "/bin/bash")
    assert [around.program_path(name) for name in ("mytool", "./mytool", "no-such", "", "..")] == [None] * 5


def test_only_small_text_files_of_the_workspace_are_read(workspace: Path) -> None:
    (workspace / "script").write_text("echo x")
    (workspace / "large").write_bytes(b"x" * 300_000)
    (workspace / "binary").write_bytes(b"\xff")
    (workspace / "out").symlink_to("/etc/passwd")
    os.mkfifo(workspace / "pipe")
    around = ProjectSurroundings(workspace_root=str(workspace), toolchains=())
    names = ("script", "large", "binary", "out", "pipe", ".", "no")
    assert [around.read_text(str(workspace / name)) for name in names] == ["echo x", *([None] * 6)]
    assert around.read_text("/etc/passwd") is None


def test_the_host_survey_hides_what_not_everybody_may_read() -> None:
    facts = Host().survey()
    for path in ("/etc/shadow", "/etc/gshadow"):
        assert path in facts.hidden_files or not os.access(path, os.R_OK)


@pytest.mark.parametrize(
    ("complaint", "remedy"),
    [
        ("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted", "how-to/bubblewrap"),
        ("bwrap: setting up uid map: Permission denied", "how-to/bubblewrap"),
        ("bwrap: No permissions to create new namespace, likely because", "sysctl"),
        ("bwrap: Creating new namespace failed: Operation not permitted", "seccomp"),
        ("bwrap: Can't mount proc on /newroot/proc: Operation not permitted", "systempaths"),
        ("bwrap: Unknown option --disable-userns", "0.8"),
        ("", "by hand"),
    ],
)
def test_each_way_the_sandbox_can_be_forbidden_has_its_remedy(complaint: str, remedy: str) -> None:
    error = explain_failure(complaint, apparmor="")
    assert isinstance(error, SandboxUnavailable)
    assert remedy in error.remedy
    assert complaint in error.message
    assert "apparmor" not in error.remedy.casefold()


@pytest.mark.parametrize(
    ("files", "remedy"),
    [
        ({"sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"}, "/etc/apparmor.d/bwrap"),
        ({"self/attr/apparmor/current": "docker-default (enforce)\n"}, "profile docker-default holds"),
        ({"self/attr/apparmor/current": "bwrap (complain)\n"}, ""),
        (
            {
                "sys/kernel/apparmor_restrict_unprivileged_userns": "0\n",
                "self/attr/apparmor/current": "unconfined\n",
            },
            "",
        ),
        ({}, ""),
    ],
)
def test_apparmor_is_blamed_only_where_it_says_that_it_restricts(
    tmp_path: Path, files: dict[str, str], remedy: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = read_apparmor(str(tmp_path))
    assert remedy in found
    assert bool(found) is bool(remedy)
    for complaint in ("bwrap: setting up uid map: Permission denied", "bwrap: loopback: Failed RTM_NEWADDR"):
        error = explain_failure(complaint, apparmor=found)
        assert complaint in error.message
        assert (error.remedy == found) is bool(remedy)
    other = explain_failure("bwrap: Unknown option --disable-userns", apparmor=found)
    assert "0.8" in other.remedy


def make_bare(folder: Path) -> None:
    for name in ("objects", "refs"):
        (folder / name).mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/main")


def test_many_repositories_below_leave_room_for_the_workspaces_own(workspace: Path) -> None:
    make_bare(workspace / "a" / "gd")
    (workspace / ".git").write_text("gitdir: a/gd")
    for number in range(40):
        make_repository(workspace / f"sub{number}")
        make_bare(workspace / f"bare{number}")
    names = [f"sub{number}/.git" for number in range(40)] + [f"bare{number}/" for number in range(40)]
    facts = survey_workspace(str(workspace), names)
    assert {"a", "a/gd"} <= set(facts.held)
    assert ("a/gd/hooks", FOLDER) in facts.protected
    # A cache of bare repositories can still be written.
    assert not [name for name in (*facts.startup, *facts.held) if name.startswith("bare")]
    few = survey_workspace(str(workspace), names[40:])
    assert len([name for name in few.held if name.startswith("bare")]) == 8


def test_nothing_is_put_into_a_repository_that_may_not_be_written(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a read-only cache of modules; root may write any folder, so the kernel's answer is given here."""
    make_bare(workspace / "srv.git")
    make_repository(workspace / "sub")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    facts = survey_workspace(str(workspace), ["srv.git/", "sub/.git"])
    assert (facts.protected, facts.startup) == (PLAIN, ("sub/.git", "srv.git"))
