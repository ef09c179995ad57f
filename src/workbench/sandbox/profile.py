"""Builds the bubblewrap argument list that confines one command.

Only this module decides what a command can see and write; it is pure, so that the whole boundary can be
read and tested as data. It looks at no disk (workspace.py and host.py do) and starts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workbench.model.errors import BoundaryViolation
from workbench.model.network import PROXY_PORT
from workbench.model.statuses import TerminalMode

PROFILE_NAME = "bwrap-hardened-1"
"""Enters every subject digest: an approval given under one profile does not hold under another."""

BWRAP = "/usr/bin/bwrap"
SANDBOX_HOME = "/home/sandbox"
INNER_UID = 1000
SECCOMP_FD, STATUS_FD, BARRIER_FD, ARGUMENTS_FD = 10, 11, 12, 13
BARRIER_FILE = "/run/sandbox"

_PROXY = f"http://127.0.0.1:{PROXY_PORT}"
_NO_PROXY = "localhost,127.0.0.1,::1"
PROXY_ENVIRONMENT = {
    spelling: value
    for name, value in (
        ("HTTP_PROXY", _PROXY),
        ("HTTPS_PROXY", _PROXY),
        # Not socks5h, which the proxy speaks too: several HTTP libraries refuse to start when they read it.
        ("ALL_PROXY", _PROXY),
        ("NO_PROXY", _NO_PROXY),
    )
    for spelling in (name, name.lower())
}
"""What tells programs inside where their way out is; services of the sandbox itself are reached directly."""

_SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
_GIB = 1024**3
_PRIVATE = (("/tmp", "1777", 2 * _GIB), ("/run", "0755", _GIB // 16), ("/var", "0755", _GIB // 16))  # noqa: S108


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one command may see. All paths are absolute and resolved.

    `read_only` are workspace paths bound over themselves read-only, outer before inner, and must exist
    when the sandbox starts. `ownerless` are host folders that must be shown as nobody's to whoever executes
    the line (ownerless.py). `hidden_files` and `hidden_folders` are host paths replaced by `empty_file` and
    by an empty folder; they were looked for in `by_name`. `links` are the host's: /bin -> usr/bin.
    `source_root` is a copy of the workspace that is shown in its place.
    `git_folder` and `held` are bound over themselves, which makes renaming them impossible. `inner_uid` is
    set when the service is root.
    """

    workspace_root: str
    cwd: str
    environment: Mapping[str, str]
    mode: TerminalMode
    toolchains: tuple[str, ...] = ()
    git_folder: str | None = None
    held: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    ownerless: tuple[str, ...] = ()
    by_name: tuple[str, ...] = ()
    hidden_files: tuple[str, ...] = ()
    hidden_folders: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    folders: tuple[str, ...] = ()
    empty_file: str = ""
    inner_uid: int | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    source_root: str | None = None


def search_path(toolchains: Sequence[str]) -> tuple[str, ...]:
    """Returns the folders of the sandbox's PATH: declared toolchains first, then the system's."""
    return (*(f"{toolchain}/bin" for toolchain in toolchains), *_SYSTEM_PATH)


def build_environment(profile: Profile) -> dict[str, str]:
    """Returns the complete environment inside; PATH, HOME and the like are never the caller's."""
    fixed = {
        "PATH": ":".join(search_path(profile.toolchains)),
        "HOME": SANDBOX_HOME,
        "USER": "sandbox",
        "LOGNAME": "sandbox",
        "SHELL": "/bin/bash",
        "TMPDIR": "/tmp",  # noqa: S108
        "PWD": profile.cwd,
    }
    usual = {"LANG": "C.UTF-8", "TERM": "xterm-256color" if profile.mode is TerminalMode.PTY else "dumb"}
    return {**usual, **profile.environment, **profile.extra, **fixed}


def build_argv(
    profile: Profile,
    argv: Sequence[str],
    *,
    seccomp_fd: int = SECCOMP_FD,
    status_fd: int = STATUS_FD,
    barrier_fd: int = BARRIER_FD,
) -> tuple[str, ...]:
    """Returns the full bubblewrap command line for `argv`.

    The three descriptors are open in the process that executes it: the seccomp filter, the status document,
    and the barrier. The barrier is copied to BARRIER_FILE after the last mount: bubblewrap goes on only at
    its end, so the mounts can be checked before the command starts. Raises BoundaryViolation when the working
    directory is outside the workspace or argv cannot be passed on.
    """
    _refuse_impossible(profile, argv)
    line = [BWRAP, "--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
    line += ["--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL", "--die-with-parent"]
    line += ["--hostname", "sandbox", "--clearenv"]
    if profile.inner_uid is not None:
        line += ["--uid", str(profile.inner_uid), "--gid", str(profile.inner_uid)]
    if profile.mode is TerminalMode.PIPE:
        # In PTY mode the session already owns a terminal of its own; a new one would take it away.
        line.append("--new-session")
    line += _system(profile)
    line += _workspace(profile)
    line += [
        "--perms",
        "0444",
        "--file",
        str(barrier_fd),
        BARRIER_FILE,
        "--remount-ro",
        "/",
        "--chdir",
        profile.cwd,
    ]
    line += ["--seccomp", str(seccomp_fd), "--json-status-fd", str(status_fd)]
    for name, value in sorted(build_environment(profile).items()):
        line += ["--setenv", name, value]
    return (*line, "--", *argv)


def _system(profile: Profile) -> list[str]:
    line = ["--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc"]
    for target, link in profile.links:
        line += ["--symlink", target, link]
    for folder in profile.folders:
        line += ["--ro-bind", folder, folder]
    # Under a root service the kernel's files belong to the command's user, who may write them or take
    # them from everybody by chmod. Read-only as a whole, because binding each of them costs a start 6 ms.
    line += ["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]
    for path, permissions, size in _PRIVATE:
        line += ["--perms", permissions, "--size", str(size), "--tmpfs", path]
    line += ["--perms", "1777", "--dir", "/var/tmp"]  # noqa: S108
    return [*line, "--perms", "0700", "--size", str(_GIB), "--tmpfs", SANDBOX_HOME]


def _workspace(profile: Profile) -> list[str]:
    root = profile.workspace_root
    line: list[str] = []
    outside = [path for path in profile.toolchains if not is_within(path, root)]
    inside = [path for path in profile.toolchains if is_within(path, root)]
    for path in outside:
        line += ["--ro-bind", path, path]
    for path in profile.hidden_folders:
        line += ["--perms", "0555", "--tmpfs", path, "--remount-ro", path]
    for path in profile.hidden_files:
        line += ["--ro-bind", profile.empty_file, path]
    line += ["--bind", source_of(profile, root), root]
    if profile.git_folder is not None:
        line += ["--bind", source_of(profile, profile.git_folder), profile.git_folder]
    # Before what is read-only: a folder of that kind around one of these must win.
    for path in profile.held:
        line += ["--bind", source_of(profile, path), path]
    for path in (*profile.read_only, *inside):
        line += ["--ro-bind", source_of(profile, path), path]
    return line


def source_of(profile: Profile, path: str) -> str:
    """Returns where a path of the workspace lies outside the sandbox."""
    if profile.source_root is None:
        return path
    return profile.source_root + path[len(profile.workspace_root) :]


def _refuse_impossible(profile: Profile, argv: Sequence[str]) -> None:
    if not argv:
        raise BoundaryViolation("there is nothing to execute", remedy="give a command with at least one word")
    if not is_within(profile.cwd, profile.workspace_root):
        raise BoundaryViolation(
            f"the working directory {profile.cwd} is outside the workspace {profile.workspace_root}",
            remedy="choose a folder inside the workspace",
        )
    for name, value in profile.environment.items():
        if not name or "=" in name or "\0" in name + value:
            raise BoundaryViolation(
                f"the environment variable {name!r} cannot be passed on",
                remedy="use a name without = and a value without NUL bytes",
            )
    if any("\0" in word for word in argv):
        raise BoundaryViolation("a word of the command holds a NUL byte", remedy="remove it")


def is_within(path: str, folder: str) -> bool:
    """Says whether `path` is `folder` or lies in it, by component: /ws does not hold /ws-evil."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
