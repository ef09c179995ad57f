"""Whose name stands on a commit that a run makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.cli.identity import find_git_identity


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def test_the_persons_own_git_settings_give_the_name(home: Path) -> None:
    (home / ".gitconfig").write_text("[user]\n\tname = Ann Ö\n\temail = ann@example.invalid\n")
    assert find_git_identity() == {
        "GIT_AUTHOR_NAME": "Ann Ö",
        "GIT_COMMITTER_NAME": "Ann Ö",
        "GIT_AUTHOR_EMAIL": "ann@example.invalid",
        "GIT_COMMITTER_EMAIL": "ann@example.invalid",
    }


@pytest.mark.parametrize("text", [None, "", "[user]\n\tname = Ann\n", "[user\nbroken"])
def test_without_a_whole_identity_none_is_claimed(home: Path, text: str | None) -> None:
    if text is not None:
        (home / ".gitconfig").write_text(text)
    assert find_git_identity() == {}
