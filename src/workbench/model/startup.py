"""Names the files that other programs obey by themselves: shells, git, editors, package tools, agents.

Whoever may write one of them has what it says executed later, outside any sandbox. Data only: policy
judges commands by it, the sandbox protects and watches by it. It looks at no disk.
"""

from __future__ import annotations

STARTUP_FILES = frozenset(
    [
        *(".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".inputrc"),
        *(".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout", ".kshrc", ".envrc", ".exrc"),
        *(".vimrc", ".gvimrc", ".nvimrc", ".nvim.lua", ".emacs", ".dir-locals.el", ".gdbinit", ".lldbinit"),
        *(".gitconfig", ".gitmodules", ".gitattributes", ".npmrc", ".yarnrc", ".yarnrc.yml"),
        *(".pnpmfile.cjs", ".pre-commit-config.yaml", ".lefthook.yml", "lefthook.yml", ".mcp.json"),
        *(".gitlab-ci.yml", ".travis.yml", ".tool-versions", ".mise.toml", "mise.toml"),
    ]
)
"""Names of files, at any depth of a workspace."""

STARTUP_FOLDERS = frozenset(
    [
        *(".vscode", ".idea", ".fleet", ".zed", ".husky", ".devcontainer", ".direnv", ".github", ".gitlab"),
        *(".circleci", ".claude", ".cursor", ".gemini", ".codex", ".cargo", ".mise"),
    ]
)
"""Names of folders, at any depth of a workspace; all that lies in them counts."""
