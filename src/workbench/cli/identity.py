"""Finds the name under which the person at the keyboard commits, so that their commands may too.

The sandbox shows no home, so git finds no name in it. Only user.name and user.email of the person's own git
settings are read, never a repository's, and no git is run.
"""

from __future__ import annotations


def find_git_identity() -> dict[str, str]:
    """Returns the environment that gives git this person's name and e-mail address; empty when unknown."""
    from dulwich.config import StackedConfig

    found: dict[str, str] = {}
    try:
        settings = StackedConfig(StackedConfig.default_backends())
        for key, suffix in ((b"name", "NAME"), (b"email", "EMAIL")):
            value = settings.get((b"user",), key).decode()
            found |= {f"GIT_AUTHOR_{suffix}": value, f"GIT_COMMITTER_{suffix}": value}
    except (KeyError, OSError, ValueError):
        return {}
    return found
