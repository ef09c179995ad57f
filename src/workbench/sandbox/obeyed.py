"""Finds what a repository's git configuration has git run or read, as far as it lies in the workspace.

A hooks folder of the tree, an included file, a program of core.fsmonitor or of a filter: whoever may write it
has it run by the user's next `git status`, outside. It reads the configuration and follows symlinks; it
protects nothing (workspace.py does) and runs nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.sandbox.gitconfig import Setting, read_settings, read_text
from workbench.sandbox.profile import is_within

HOOKS = (
    *("applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit"),
    *("prepare-commit-msg", "commit-msg", "post-commit", "pre-rebase", "post-checkout", "post-merge"),
    *("pre-push", "pre-receive", "update", "proc-receive", "post-receive", "post-update"),
    *("reference-transaction", "push-to-checkout", "pre-auto-gc", "post-rewrite", "sendemail-validate"),
    *("fsmonitor-watchman", "post-index-change"),
)
_FOLDERS = {("core", "hookspath"), ("init", "templatedir"), ("gitflow", "hooks"), ("instaweb", "modulepath")}
_PROGRAMS = frozenset(
    [
        *("fsmonitor", "pager", "editor", "askpass", "gitproxy", "external", "textconv", "driver"),
        *("clean", "smudge", "process", "program", "helper", "uploadpack", "receivepack", "difffilter"),
        *("update", "smtpserver", "httpd", "tunnel", "authorsprog"),
    ]
)
"""The last parts of the settings whose value git starts, of git-config(1) and its neighbours."""
_PROGRAM_ENDINGS = ("command", "cmd", "hook")
"""Such as core.sshCommand, sendemail.toCmd, uploadpack.packObjectsHook, and what git-annex has of them."""
_TOOLS = ("difftool", "mergetool", "browser", "man", "guitool", "lfs")
"""Sections in which `path` names a program, such as lfs.customtransfer.NAME.path."""
_BY_PROGRAM = "ext::"
"""A remote's address that is a command (git-remote-ext)."""
_INTERPRETERS = re.compile(
    r"(?:^|[\s;&|(!/])(?:(?:ba|da|z|k)?sh|python[\d.]*|node|deno|bun|perl|ruby|php|lua|awk|sed|make|source|\.)\s"
)
_WORD = re.compile(r"[^\s;&|()<>`\"'=$!{},]+")
_MOST_LINKS = 8
_POINTER = "gitdir:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obeyed:
    """`path` is relative to the workspace, and holds no symlink; `is_folder` says what is meant to be there;
    `may_be_made` whether something may be put there while it is missing."""

    path: str
    is_folder: bool
    may_be_made: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a path of the workspace really lies, relative to it, None outside; `links` were followed."""

    path: str | None
    links: tuple[str, ...]


def find_obeyed(root: str, entries: Sequence[str]) -> tuple[list[Obeyed], list[str]]:
    """Returns what the repositories of these `.git` entries obey in the workspace, and symlinks on the way.

    The user's own and the system's configuration count too, because what they name may be relative to the
    repository.
    """
    found: dict[str, Obeyed] = {}
    links: list[str] = []
    everywhere = read_settings(_users_files()) if entries else []
    for entry in entries:
        # A bare repository is its own work tree, as far as paths in its settings go.
        tree = os.path.dirname(entry) if os.path.basename(entry) == ".git" else entry
        for setting in (*everywhere, *read_settings(_own_files(entry))):
            for path, is_folder, may_be_made in _named_paths(setting, tree):
                place = locate(root, path)
                links += place.links
                if place.path is not None and place.path not in found:
                    found[place.path] = Obeyed(
                        path=place.path, is_folder=is_folder, may_be_made=may_be_made and not place.links
                    )
    return list(found.values()), links


def locate(root: str, path: str) -> Place:
    """Follows a path step by step; what is missing counts as an ordinary file or folder."""
    if not is_within(path, root):
        # By another spelling of the root, perhaps.
        real = os.path.realpath(path)
        if not is_within(real, root):
            return Place(path=None, links=())
        path = real
    links: list[str] = []
    waiting = path[len(root) :].strip("/").split("/")
    done: list[str] = []
    while waiting:
        part = waiting.pop(0)
        if part in ("", "."):
            continue
        if part == "..":
            if not done:
                return Place(path=None, links=tuple(links))
            done.pop()
            continue
        here = "/".join([*done, part])
        try:
            target = os.readlink(f"{root}/{here}")
        except OSError:
            done.append(part)
            continue
        links.append(here)
        if len(links) > _MOST_LINKS:
            return Place(path=None, links=tuple(links))
        if target.startswith("/"):
            target = os.path.normpath(target)
            if not is_within(target, root):
                return Place(path=None, links=tuple(links))
            done, target = [], target[len(root) :]
        waiting = [*target.strip("/").split("/"), *waiting]
    return Place(path="/".join(done), links=tuple(links))


def find_pointed(root: str, entry: str) -> list[Place]:
    """Returns where a `.git` file says its repository is, and the folder that one shares with others.

    None for a `.git` that is a folder. What lies outside the workspace has no path.
    """
    pointer = "" if os.path.isdir(entry) else read_text(entry)
    if not pointer.startswith(_POINTER):
        return []
    folder = _join(entry, pointer.removeprefix(_POINTER))
    shared = read_text(f"{folder}/commondir").strip()
    folders = [folder, *([_join(f"{folder}/commondir", shared)] if shared else [])]
    return [_locate_anyhow(root, path) for path in folders]


def _join(pointer: str, said: str) -> str:
    return os.path.join(os.path.dirname(pointer), said.strip())


def _locate_anyhow(root: str, path: str) -> Place:
    place = locate(root, path)
    return place if place.path is not None else locate(root, os.path.realpath(path))


def enclosing_repository(root: str) -> str | None:
    """Returns the `.git` entry of the repository that a folder belongs to, its own or one around it."""
    folder = root
    while not os.path.lexists(f"{folder}/.git"):
        if folder in ("/", ""):
            return None
        folder = os.path.dirname(folder)
    return f"{folder}/.git"


def _users_files() -> list[str]:
    home = os.path.expanduser("~")
    config = os.environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    return ["/etc/gitconfig", f"{config}/git/config", f"{home}/.gitconfig"]


def _own_files(entry: str) -> list[str]:
    """Returns the configuration files of the repository itself, a linked work tree's among them."""
    folder = entry
    if not os.path.isdir(entry):
        folder = _read_pointer(entry, _POINTER) or entry
    common = _read_pointer(f"{folder}/commondir", "") or folder
    return [f"{common}/config", f"{folder}/config.worktree"]


def _read_pointer(path: str, mark: str) -> str | None:
    said = read_text(path)
    if not said.strip() or not said.startswith(mark):
        return None
    return os.path.normpath(os.path.join(os.path.dirname(path), said.removeprefix(mark).strip()))


def _named_paths(setting: Setting, tree: str) -> list[tuple[str, bool, bool]]:
    """Returns (path, whether a folder, whether it may be made while it is missing)."""
    value = setting.value
    if setting.is_include:
        return [(setting.resolve(), False, True)] if value else []
    if (setting.section, setting.key) in _FOLDERS:
        return [(os.path.join(tree, os.path.expanduser(value)), True, True)] if value else []
    is_alias = setting.section == "alias"
    if is_alias and not (value.startswith("!") or "-c" in value):
        return []
    if setting.key in ("url", "pushurl"):
        found = _programs(value.removeprefix(_BY_PROGRAM), tree) if value.startswith(_BY_PROGRAM) else []
        return [(path, False, False) for path in found]
    if setting.section == "lfs" and setting.key == "args":
        # Which of them is a script, the program that gets them knows alone.
        return [(path, False, False) for path in _programs(f"sh {value}", tree)]
    is_tool = setting.section in _TOOLS and setting.key == "path"
    is_program = setting.key in _PROGRAMS or setting.key.endswith(_PROGRAM_ENDINGS)
    if not (is_alias or is_tool or setting.section == "pager" or is_program):
        return []
    return [(path, False, False) for path in _programs(value, tree)]


def _programs(value: str, tree: str) -> list[str]:
    """Returns the files in a command that it would start: the first word, what can be executed, scripts.

    A word without a slash is looked up in PATH, unless an interpreter reads it.
    """
    has_interpreter = _INTERPRETERS.search(value) is not None
    found = []
    for number, word in enumerate([value.strip(), *_WORD.findall(value)]):
        # After $(git rev-parse --show-toplevel) stands a path that only looks absolute.
        spellings = [word, word.lstrip("/")] if word.startswith("/") else [os.path.expanduser(word)]
        for spelling in spellings:
            path = os.path.join(tree, spelling)
            is_path = "/" in spelling
            if os.path.isfile(path):
                is_started = is_path and (number < 2 or os.access(path, os.X_OK))
                found += [path] if is_started or has_interpreter else []
            elif number == 1 and is_path and not os.path.lexists(path):
                found.append(path)
    return found
