"""The argument list as data: what is in it, and what never is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.model.errors import BoundaryViolation
from workbench.model.statuses import TerminalMode
from workbench.sandbox.profile import Profile, build_argv, build_environment, is_within

PLAIN = Profile(
    workspace_root="/ws",
    cwd="/ws/sub",
    environment={"A": "1"},
    mode=TerminalMode.PTY,
    git_folder="/ws/.git",
    read_only=("/ws/.workbench", "/ws/.git/hooks"),
    inner_uid=1000,
)


def pairs(argv: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [argv[at : at + 3] for at in range(len(argv))]


def test_all_namespaces_are_unshared_and_no_capability_is_kept() -> None:
    options = build_argv(PLAIN, ("/bin/true",))
    for option in ("user", "pid", "net", "ipc", "uts"):
        assert f"--unshare-{option}" in options
    assert {"--disable-userns", "--die-with-parent", "--clearenv", "--unshare-cgroup-try"} < set(options)
    assert ("--cap-drop", "ALL") in [options[at : at + 2] for at in range(len(options))]
    assert "--share-net" not in options


def test_the_root_of_the_host_is_never_bound() -> None:
    assert not [words for words in pairs(build_argv(PLAIN, ("x",))) if "bind" in words[0] and words[1] == "/"]


def test_git_is_bound_before_what_in_it_is_read_only() -> None:
    line = " ".join(build_argv(PLAIN, ("x",)))
    order = ["--bind /ws /ws", "--bind /ws/.git /ws/.git", "--ro-bind /ws/.git/hooks /ws/.git/hooks"]
    assert sorted(order, key=line.index) == order


def test_only_pipe_mode_gets_a_new_session() -> None:
    assert "--new-session" not in build_argv(PLAIN, ("x",))
    assert "--new-session" in build_argv(replace(PLAIN, mode=TerminalMode.PIPE), ("x",))


def test_the_command_is_the_end_of_the_line_word_for_word() -> None:
    words = ("/bin/bash", "-c", "a 'b' $c --", "--", "")
    line = build_argv(PLAIN, words)
    assert line[line.index("--") + 1 :] == words


def test_path_home_and_the_like_are_never_the_callers() -> None:
    hostile = {"PATH": "/ws", "HOME": "/ws", "SHELL": "/ws/sh", "TMPDIR": "/ws"}
    inside = build_environment(replace(PLAIN, environment=hostile, toolchains=("/opt/t",)))
    assert inside["PATH"] == "/opt/t/bin:/usr/local/bin:/usr/bin:/bin"
    assert "/ws" not in (inside["HOME"], inside["SHELL"], inside["TMPDIR"])


def test_a_toolchain_inside_the_workspace_is_bound_after_it() -> None:
    line = " ".join(build_argv(replace(PLAIN, toolchains=("/ws/.venv",)), ("x",)))
    assert line.index("--bind /ws /ws") < line.index("--ro-bind /ws/.venv /ws/.venv")


@pytest.mark.parametrize(
    ("profile", "argv"),
    [
        (PLAIN, ()),
        (replace(PLAIN, cwd="/ws-evil"), ("x",)),
        (replace(PLAIN, cwd="/"), ("x",)),
        (PLAIN, ("x", "a\0b")),
        (replace(PLAIN, environment={"A=B": "1"}), ("x",)),
        (replace(PLAIN, environment={"A": "\0"}), ("x",)),
        (replace(PLAIN, environment={"": "1"}), ("x",)),
    ],
)
def test_what_cannot_be_confined_is_refused(profile: Profile, argv: tuple[str, ...]) -> None:
    with pytest.raises(BoundaryViolation):
        build_argv(profile, argv)


def test_paths_are_compared_by_component() -> None:
    assert [is_within(path, "/ws") for path in ("/ws", "/ws/a", "/ws-evil", "/", "/w")] == [
        True,
        True,
        False,
        False,
        False,
    ]
