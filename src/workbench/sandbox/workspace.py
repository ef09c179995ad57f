"""Looks at a workspace on disk: may it be one, and what in it must be protected.

Only this module turns paths into the facts a Profile is made of. Symlinks are resolved here, before any
argument list is built. It runs nothing, and never asks git.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workbench.model.errors import BoundaryViolation
from workbench.sandbox.obeyed import HOOKS, Obeyed, enclosing_repository, find_obeyed, find_pointed, locate
from workbench.sandbox.placeholders import FILE, FOLDER, ITSELF
from workbench.sandbox.profile import is_within

_SYSTEM = ("/usr", "/etc", "/bin", "/sbin", "/lib", "/lib64", "/boot", "/dev", "/proc", "/sys", "/run")
_NEVER_ITSELF = ("/", "/home", "/root", "/tmp", "/var", "/var/tmp", "/opt", "/mnt", "/media", "/srv")  # noqa: S108
_STARTUP = (
    *(".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".inputrc"),
    *(".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout", ".kshrc", ".envrc", ".direnv"),
    *(".exrc", ".vimrc", ".gvimrc", ".nvimrc", ".nvim.lua", ".emacs", ".dir-locals.el", ".gitconfig"),
    *(".vscode", ".idea", ".fleet", ".zed", ".husky", ".devcontainer", ".mcp.json"),
    *(".claude", ".cursor", ".gdbinit", ".lldbinit"),
)
"""Those of model.startup that a step has no business with: the others, such as .gitattributes, are sources
that a `git checkout` writes."""
_GIT_PROTECTED = (("hooks", FOLDER), ("config", FILE), ("config.worktree", FILE), ("commondir", ITSELF))
# A planted commondir would lead the user's own git to another config; one that says "." changes nothing
# for git, and neither does an empty config.worktree.
_GIT_WHOLLY = (*_GIT_PROTECTED, ("info", FOLDER), ("info/attributes", FILE), ("modules", FOLDER))
_MOST_WRITABLE, _MOST_PROTECTED, _MOST_BARE = 32, 256, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceFacts:
    """`protected`: (relative path, kind) that must exist and be read-only; `startup`: existing files that
    other programs execute or obey outside the sandbox, relative; `git_folder`: absolute, if there is one;
    `held`: relative folders that can be written and not be renamed, because protected ones lie in them."""

    root: str
    git_folder: str | None
    protected: tuple[tuple[str, str], ...]
    startup: tuple[str, ...]
    held: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    """Relative paths that other programs obey as well and that cannot be protected: looked at afterwards."""


def check_workspace(path: str, *, state_home: str) -> str:
    """Returns the resolved path of a folder that may be a workspace.

    Raises BoundaryViolation for a system folder, a home, a folder that holds or lies in the service's own
    state, one that is not there, or one whose owner differs from the service's user.
    """
    with looking_at(path):
        return _check_workspace(path, state_home=state_home)


@contextlib.contextmanager
def looking_at(path: str) -> Iterator[None]:
    """A folder that is moved or exchanged while it is looked at is refused like one that is not there."""
    try:
        yield
    except OSError as error:
        raise BoundaryViolation(
            f"the folder {path} cannot be looked at: {error.filename or path}: {error.strerror}",
            remedy="see that nothing moves or exchanges the folder, and try again",
        ) from error


def _check_workspace(path: str, *, state_home: str) -> str:
    root = refuse_too_wide(path)
    state = os.path.realpath(state_home)
    if is_within(state, root) or is_within(root, state):
        raise BoundaryViolation(
            f"the workspace {root} and the workbench's own state {state} hold one another",
            remedy="set WORKBENCH_HOME to a folder outside every workspace",
        )
    if os.stat(root).st_uid != os.geteuid() and not _may_write(root):
        raise BoundaryViolation(
            f"the workspace {root} is user {os.stat(root).st_uid}'s, the service is user {os.geteuid()}",
            remedy="run the workbench as the owner of the workspace, or change its owner",
        )
    return root


def refuse_too_wide(path: str) -> str:
    """Returns the resolved path of a folder that one project may be; it need not be fit for runs.

    Raises BoundaryViolation for what is no folder, and for a folder of the system, a home, or one around it:
    those hold everything there is.
    """
    root = os.path.realpath(path)
    remedy = "choose the folder of one project, for example the root of its repository"
    if not os.path.isdir(root):
        raise BoundaryViolation(f"the workspace {path} is not a folder", remedy=remedy)
    homes = _homes()
    # Asked first: root's home is a home before it is a folder of the system.
    if root in homes:
        raise BoundaryViolation(f"the workspace {root} is a home folder", remedy=remedy)
    if root in _NEVER_ITSELF or any(is_within(root, folder) for folder in _SYSTEM):
        raise BoundaryViolation(f"the workspace {root} is a folder of the system", remedy=remedy)
    if any(is_within(home, root) for home in homes):
        raise BoundaryViolation(f"the workspace {root} holds a home folder", remedy=remedy)
    return root


def check_toolchain(path: str, *, state_home: str) -> str:
    """Returns the resolved path of a folder that may be shown read-only inside; else BoundaryViolation."""
    with looking_at(path):
        return _check_toolchain(path, state_home=state_home)


def _check_toolchain(path: str, *, state_home: str) -> str:
    root = os.path.realpath(path)
    state = os.path.realpath(state_home)
    is_wide = root in _NEVER_ITSELF or root in _homes() or any(is_within(home, root) for home in _homes())
    if not os.path.isdir(root) or is_wide or is_within(state, root) or is_within(root, state):
        raise BoundaryViolation(
            f"the toolchain {path} is not a folder that may be shown to commands",
            remedy="name the toolchain's own folder, for example /opt/node-20 or ~/.pyenv/versions/3.12.1",
        )
    if any(is_within(root, folder) for folder in ("/dev", "/proc", "/sys", "/run", "/etc")):
        raise BoundaryViolation(f"the toolchain {path} is a folder of the system", remedy="remove it")
    if os.geteuid() == 0 and os.stat(root).st_mode & 0o005 != 0o005:
        # What is private to root, a command of a root service does not see.
        raise BoundaryViolation(
            f"the toolchain {path} is root's alone",
            remedy=f"open it to everybody, without what is secret in it: chmod -R go+rX {path}",
        )
    return root


def survey_workspace(root: str, repositories: Sequence[str] = ()) -> WorkspaceFacts:
    """Reads what is there now; `repositories` are the relative paths of the `.git` entries below the root,
    and, with a slash at their end, of folders that are repositories without one.

    Raises BoundaryViolation where a protected path is a symlink: in a writable folder one can be exchanged
    at any time, so what it points at cannot be protected.
    """
    with looking_at(root):
        return _survey(root, repositories)


def _survey(root: str, repositories: Sequence[str]) -> WorkspaceFacts:
    protected: list[tuple[str, str]] = [(".workbench", FOLDER)]
    git_folder = None
    for name in (".workbench", ".git"):
        _refuse_link(root, name)
    git = f"{root}/.git"
    kind = _kind(git)
    startup: list[str] = []
    held: list[str] = []
    if kind == FOLDER and _kind(f"{git}/HEAD"):
        git_folder = git
        for name, wanted in _GIT_WHOLLY:
            _refuse_link(root, f".git/{name}")
            protected.append((f".git/{name}", wanted))
        # Where no work tree is linked, one that is planted is reached by a planted `.git` file alone.
        startup += [name for name in (".git/worktrees",) if _kind(f"{root}/{name}")]
        # `git gc` writes into it.
        held.append(".git/info")
    elif kind == FILE:
        # A linked work tree: where it points must not be changed.
        startup.append(".git")
    else:
        # An empty folder is no repository to git, and keeps a command from making one that has hooks.
        protected.append((".git", FOLDER))
    if not os.path.islink(f"{root}/.envrc"):
        # A folder: unlike an empty file, no `git add` takes it. Asked for even where one is there now: it may
        # be another step's, and gone with it.
        protected.append((".envrc", FOLDER))
    startup += [name for name in _STARTUP if name != ".envrc" and _kind(f"{root}/{name}")]
    entries = [name for name in repositories if not name.endswith("/")]
    bare = [name.removeprefix("./").rstrip("/") for name in repositories if name.endswith("/")]
    # The workspace's own first: what lies below may be many, made to use up what can be held.
    watched = _protect_pointed(root, [], protected=protected, startup=startup, held=held)
    for name in entries[:_MOST_PROTECTED]:
        _protect_nested(root, name, protected=protected, startup=startup, held=held)
    watched += _protect_pointed(root, entries, protected=protected, startup=startup, held=held)
    watched += _protect_obeyed(root, [*entries, *bare], protected=protected, startup=startup, held=held)
    # Others are looked at after the step alone; a cache of a package manager may hold hundreds.
    for name in [name for name in bare if _is_bare(root, name)][:_MOST_BARE]:
        if len(held) < _MOST_WRITABLE - 1:
            _protect_git_folder(root, name, _GIT_PROTECTED, protected=protected, startup=startup, held=held)
    return WorkspaceFacts(
        root=root,
        git_folder=git_folder,
        protected=tuple(protected),
        startup=tuple(dict.fromkeys(startup)),
        # An outer one that is mounted later would cover an inner one.
        held=tuple(sorted(held, key=lambda path: path.count("/"))),
        watched=tuple(watched),
    )


def _protect_nested(
    root: str, name: str, *, protected: list[tuple[str, str]], startup: list[str], held: list[str]
) -> None:
    """Adds what keeps a repository below the root from being turned against who uses git in it."""
    path = f"{root}/{name}"
    kind = _kind(path)
    if name == ".git" or kind is None or os.path.realpath(path) != path:
        return
    is_plain = os.access(path, os.W_OK)
    is_plain &= not any(os.path.islink(f"{path}/{inner}") for inner, _ in _GIT_PROTECTED)
    if kind == FOLDER and is_plain and _kind(f"{path}/HEAD") and len(held) < _MOST_WRITABLE:
        held.append(name)
        protected += [(f"{name}/{inner}", wanted) for inner, wanted in _GIT_PROTECTED]
    else:
        startup.append(name)


def _protect_pointed(
    root: str,
    entries: Sequence[str],
    *,
    protected: list[tuple[str, str]],
    startup: list[str],
    held: list[str],
) -> list[str]:
    """Protects the folders that `.git` files point to like a `.git`; returns what can only be watched."""
    own = enclosing_repository(root)
    files = [*([] if own is None else [own]), *(f"{root}/{name}" for name in entries[:_MOST_WRITABLE])]
    watched: list[str] = []
    for entry in dict.fromkeys(files):
        for place in find_pointed(root, entry):
            watched += place.links
            if place.path is None or _is_read_only(place.path, protected, startup, held):
                continue
            if place.path and not os.path.lexists(f"{root}/{place.path}"):
                if _may_be_made(root, place.path):
                    # Empty it is no repository to git, and cannot become one that has hooks.
                    protected.append((place.path, FOLDER))
                else:
                    watched.append(place.path)
                    continue
            elif not _protect_git_folder(
                root, place.path, _GIT_WHOLLY, protected=protected, startup=startup, held=held
            ):
                watched += [f"{place.path}/{name}".lstrip("/") for name, _ in _GIT_PROTECTED]
                continue
            watched += _hold_around(place.path, protected=protected, startup=startup, held=held)
    return watched


def _protect_git_folder(
    root: str,
    name: str,
    inside: Sequence[tuple[str, str]],
    *,
    protected: list[tuple[str, str]],
    startup: list[str],
    held: list[str],
) -> bool:
    """Adds what keeps a folder that is a repository itself from being turned against who uses git in it.

    Returns False where it cannot be protected.
    """
    path = f"{root}/{name}".rstrip("/")
    paths = [(f"{name}/{inner}".lstrip("/"), wanted) for inner, wanted in inside]
    if paths[0] in protected or _is_read_only(name, protected, startup, held):
        return True
    if os.path.realpath(path) != path or _kind(path) != FOLDER:
        return False
    # What is missing could not be put into a folder that may not be written.
    is_plain = os.access(path, os.W_OK) and not any(os.path.islink(f"{root}/{inner}") for inner, _ in paths)
    if is_plain and (not name or (_kind(f"{path}/HEAD") and len(held) < _MOST_WRITABLE - 1)):
        protected += [entry for entry in paths if entry not in protected]
        held += [name] if name and name not in held else []
        if inside is _GIT_WHOLLY:
            held.append(f"{name}/info".lstrip("/"))
            startup += [found for found in (f"{name}/worktrees".lstrip("/"),) if _kind(f"{root}/{found}")]
        return True
    if not name or any(is_within(other, name) for other, _ in protected):
        return False
    startup.append(name)
    return True


def _is_bare(root: str, name: str) -> bool:
    path = f"{root}/{name}"
    return _kind(f"{path}/HEAD") == FILE and _kind(f"{path}/objects") == _kind(f"{path}/refs") == FOLDER


def _is_read_only(
    path: str, protected: Sequence[tuple[str, str]], startup: Sequence[str], held: Sequence[str]
) -> bool:
    names = [*(name for name, _ in protected if name not in held), *startup]
    return any(is_within(path, name) for name in names)


def _hold_around(
    path: str, *, protected: Sequence[tuple[str, str]], startup: Sequence[str], held: list[str]
) -> list[str]:
    """Keeps the folders around a path from being renamed; returns the path where there are too many."""
    for folder in _folders_around(path):
        if folder in held or folder == ".git" or _is_read_only(folder, protected, startup, held):
            continue
        if len(held) >= _MOST_WRITABLE:
            return [path]
        held.append(folder)
    return []


def _protect_obeyed(
    root: str,
    repositories: Sequence[str],
    *,
    protected: list[tuple[str, str]],
    startup: list[str],
    held: list[str],
) -> list[str]:
    """Adds what git's settings and symlinks under known names lead to; returns what can only be watched."""
    entries = [f"{root}/{name}" for name in repositories[:_MOST_WRITABLE]]
    if (own := enclosing_repository(root)) is not None:
        entries.insert(0, own)
    obeyed, links = find_obeyed(root, list(dict.fromkeys(entries)))
    found = {one.path: one for one in obeyed}
    watched = [*links]
    for name in _STARTUP:
        if os.path.islink(f"{root}/{name}"):
            place = locate(root, f"{root}/{name}")
            watched += place.links
            if place.path is not None:
                found.setdefault(place.path, Obeyed(path=place.path, is_folder=False, may_be_made=False))
    # Outer ones first: what lies in a folder that is read-only needs nothing of its own.
    for one in sorted(found.values(), key=lambda one: one.path.count("/"))[:_MOST_PROTECTED]:
        if _is_read_only(one.path, protected, startup, held):
            continue
        kind = _kind(f"{root}/{one.path}")
        is_around = one.path == "" or any(
            is_within(name, one.path) for name in (".git", *repositories, *held)
        )
        if kind is None and one.may_be_made and _may_be_made(root, one.path):
            kind = FOLDER if one.is_folder else FILE
        if kind is None or is_around:
            # Read-only as a whole it would keep the command from its work.
            names = [f"{one.path}/{hook}".lstrip("/") for hook in HOOKS] if is_around else [one.path]
            watched += names
            continue
        protected.append((one.path, kind))
        watched += _hold_around(one.path, protected=protected, startup=startup, held=held)
    return list(dict.fromkeys(watched))[:_MOST_PROTECTED]


def _folders_around(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _may_be_made(root: str, path: str) -> bool:
    """Says whether the path is missing from a folder that is there."""
    return not os.path.lexists(f"{root}/{path}") and _kind(os.path.dirname(f"{root}/{path}")) == FOLDER


def _refuse_link(root: str, name: str) -> None:
    if os.path.islink(f"{root}/{name}"):
        raise BoundaryViolation(
            f"{root}/{name} is a symbolic link, which a command could point elsewhere",
            remedy="put the real folder or file in its place",
        )


def _kind(path: str) -> str | None:
    """Returns what a path is without following it; None for symlinks, sockets and what is missing."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return None
    if stat.S_ISDIR(mode):
        return FOLDER
    return FILE if stat.S_ISREG(mode) else None


def _may_write(path: str) -> bool:
    # Root may write anything here, but not inside, where only its own user number is mapped.
    return os.geteuid() != 0 and os.access(path, os.W_OK)


def _homes() -> set[str]:
    """Returns the resolved home folders of people and of this process's user."""
    homes = {os.path.expanduser("~")}
    for entry in pwd.getpwall():
        if entry.pw_uid == 0 or 1000 <= entry.pw_uid < 65534:
            homes.add(entry.pw_dir)
    return {os.path.realpath(home) for home in homes if home not in ("", "/")}
