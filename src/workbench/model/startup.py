"""Names the files that other programs obey by themselves: shells, git, editors, package tools, agents.

Whoever may write one of them has what it says executed later, outside any sandbox. Data only: policy
judges commands by it, the sandbox protects and watches by it. It looks at no disk.
"""

from __future__ import annotations

from itertools import pairwise

STARTUP_FILES = frozenset(
    [
        *(".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".inputrc"),
        *(".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout", ".kshrc", ".envrc", ".exrc"),
        *(".vimrc", ".gvimrc", ".nvimrc", ".nvim.lua", ".emacs", ".dir-locals.el", ".gdbinit", ".lldbinit"),
        # What agents and editors in the cloud take as their instructions.
        *("CLAUDE.md", "AGENTS.md", "GEMINI.md", ".cursorrules", ".windsurfrules", ".replit", "devbox.json"),
        *(".gitconfig", ".gitmodules", ".gitattributes", ".npmrc", ".yarnrc", ".yarnrc.yml"),
        *(".pnpmfile.cjs", ".pre-commit-config.yaml", ".lefthook.yml", "lefthook.yml", ".mcp.json"),
        *(
            ".lintstagedrc",
            ".lintstagedrc.json",
            ".lintstagedrc.js",
            ".lintstagedrc.mjs",
            ".lintstagedrc.yml",
        ),
        *(
            "lint-staged.config.js",
            "lint-staged.config.mjs",
            ".huskyrc",
            ".huskyrc.json",
            ".simple-git-hooks.json",
        ),
        *(".overcommit.yml", "lefthook.yaml", ".lefthook.yaml", "lefthook.toml", "lefthook-local.yml"),
        *(".gitlab-ci.yml", ".travis.yml", ".drone.yml", ".drone.star", ".cirrus.yml", ".appveyor.yml"),
        *("appveyor.yml", "Jenkinsfile", "azure-pipelines.yml", "bitbucket-pipelines.yml", "cloudbuild.yaml"),
        *(
            "buildspec.yml",
            ".woodpecker.yml",
            "codemagic.yaml",
            "wercker.yml",
            ".gitpod.yml",
            ".gitpod.Dockerfile",
        ),
        *(".tool-versions", ".mise.toml", "mise.toml", ".mise.local.toml", "mise.local.toml", ".rtx.toml"),
        *(".direnvrc", ".envrc.local", ".autoenv", ".autoenv.zsh", ".asdfrc", ".rvmrc", ".pnpmfile.mjs"),
        *(
            "bunfig.toml",
            ".pdbrc",
            ".irbrc",
            ".pryrc",
            ".Rprofile",
            ".gemrc",
            ".curlrc",
            ".wgetrc",
            ".nanorc",
        ),
        *(
            ".screenrc",
            ".psqlrc",
            ".sqliterc",
            ".mongorc.js",
            ".mongoshrc.js",
            ".octaverc",
            ".ghci",
            ".iex.exs",
        ),
        *(
            ".proverc",
            ".perltidyrc",
            ".rspec",
            ".yardopts",
            ".hgrc",
            ".bazelrc",
            ".lvimrc",
            ".Renviron",
            ".pnp.cjs",
        ),
        *(
            ".pythonrc",
            ".pythonrc.py",
            ".pythonstartup",
            ".commitlintrc.js",
            ".commitlintrc.cjs",
            ".latexmkrc",
        ),
        *(".tmux.conf", ".ackrc", ".ripgreprc", "sitecustomize.py", "usercustomize.py", ".aider.conf.yml"),
    ]
)
"""Names of files, at any depth of a workspace."""

STARTUP_FOLDERS = frozenset(
    [
        *(".vscode", ".idea", ".fleet", ".zed", ".husky", ".devcontainer", ".direnv", ".github", ".gitlab"),
        *(
            ".circleci",
            ".claude",
            ".cursor",
            ".gemini",
            ".codex",
            ".cargo",
            ".mise",
            ".buildkite",
            ".woodpecker",
        ),
        *(".hg", ".svn", ".mvn"),
        *(".forgejo", ".gitea", ".teamcity", ".azure-pipelines", ".githooks", ".lefthook"),
    ]
)
"""Names of folders, at any depth of a workspace; all that lies in them counts."""

STARTUP_CHAINS = frozenset(
    [
        *(
            (".venv", "bin"),
            ("venv", "bin"),
            (".venv", "scripts"),
            ("venv", "scripts"),
            ("node_modules", ".bin"),
        ),
        *((".yarn", "releases"), (".yarn", "plugins"), ("gradle", "wrapper")),
    ]
)
"""Pairs of folders, one in the other, whose files are started by a known name and seldom looked at."""

_FILES_IN_LOWER_CASE = frozenset(name.lower() for name in STARTUP_FILES)


def is_startup(parts: tuple[str, ...]) -> bool:
    """Returns whether a path below a workspace, given by its components, is or lies in one of these.

    Letters count alike in upper and lower case, as they do on the disks of many developers.
    """
    lowered = tuple(part.lower() for part in parts)
    return bool(lowered) and (
        lowered[-1] in _FILES_IN_LOWER_CASE
        or lowered[-1].endswith(".code-workspace")
        or not STARTUP_FOLDERS.isdisjoint(lowered)
        or (len(lowered) > 2 and not STARTUP_CHAINS.isdisjoint(pairwise(lowered)))
        or ("site-packages" in lowered and lowered[-1].endswith(".pth"))
    )
