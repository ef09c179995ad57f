"""Says by its content whether a settings file holds a login: an .npmrc, git's configuration.

Most such files hold none, so their names alone are no reason to ask. What cannot be read may hold one.
"""

from __future__ import annotations

import posixpath
import re

from workbench.policy.paths import is_within
from workbench.policy.programs import Reader

_NPM_LOGIN = re.compile(r"_auth|_password|token|://[^/\s]*:[^/\s]*@", re.IGNORECASE)
# An address with a password, or with a name so long that it is a token; a header; a variable of that name.
_GIT_LOGIN = re.compile(
    r"extraheader|passw|token|secret|://[^/\s@:]{0,200}:[^/\s@]|://[^/\s@]{12,200}@|\[\s*include",
    re.IGNORECASE,
)
_GIT_CONFIG = re.compile(
    r".*/(\.git/((modules/.+|worktrees/[^/]+)/)?config(\.worktree)?|\.gitconfig|\.gitmodules)"
)
_PORT = re.compile(r"(://[^/\s@:]+):\d{1,5}(?=[/\s\"]|$)")


def holds_only_settings(reader: Reader, path: str) -> bool:
    """Returns whether this is npm's file as most projects keep it, without a login in it."""
    if posixpath.basename(path) != ".npmrc":
        return False
    text = reader.surroundings.read_text(path)
    return text is not None and _NPM_LOGIN.search(text) is None


def is_git_config(path: str) -> bool:
    """Returns whether git keeps its settings under this path, addresses of remotes among them."""
    return _GIT_CONFIG.fullmatch(path) is not None


def holds_git_login(reader: Reader, path: str) -> bool:
    """Returns whether this is a git configuration in which a login stands, or may stand."""
    if not is_git_config(path):
        return False
    folder, name = posixpath.split(path)
    if name not in {entry for entry, _ in reader.scan(folder) or ()}:
        return False
    text = reader.surroundings.read_text(path)
    return text is None or _GIT_LOGIN.search(_PORT.sub(r"\1", text)) is not None


def may_print_git_login(reader: Reader, cwd: str) -> bool:
    """Returns whether the configuration that git has in this folder holds a login, or may."""
    folder = posixpath.normpath(cwd)
    while is_within(folder, reader.workspace_root):
        kind = dict(reader.scan(folder) or ()).get(".git")
        if kind == "folder":
            return any(
                holds_git_login(reader, f"{folder}/.git/{name}") for name in ("config", "config.worktree")
            )
        if kind is not None:
            # A worktree's or submodule's: its configuration lies elsewhere.
            return True
        if folder == reader.workspace_root:
            break
        folder = posixpath.dirname(folder)
    return False
