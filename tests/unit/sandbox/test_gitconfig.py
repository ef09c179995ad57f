"""Git's configuration files are read as git reads them; judged by git itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sandbox.gitconfig import parse_settings, read_settings

TEXTS = [
    "[core]\n\thooksPath = githooks\n",
    "[core] hooksPath = githooks\n",
    '[filter "a b"] clean = "sh x; y" # comment\n\tsmudge=a \\\n  b ; other\n',
    '[Core]\nFSMonitor\n\tpager = "a # b" c  \n',
    "# comment \\\n[core]\neditor = a\\tb\\\\\n",
    "[old.Sub]\nkey = x\n; [core]\n\n[a]b=c\r\nd = e\r\n",
    '[a "\\"q\\""]\nk = "  x  "  \n',
    "\ufeff[core]\nx-y = 1\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_settings_are_those_that_git_reads(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(text.encode())
    done = subprocess.run(
        ["git", "config", "--file", str(path), "--list", "-z"], check=True, capture_output=True
    )
    theirs = []
    for entry in done.stdout.decode().split("\0")[:-1]:
        name, found, value = entry.partition("\n")
        theirs.append((name.partition(".")[0], name.rpartition(".")[2], value if found else "true"))
    ours = [(setting.section, setting.key, setting.value) for setting in parse_settings(text)]
    assert ours == theirs


@given(st.text(alphabet='[]"\\#;= \n\r\tab.-', max_size=60))
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    for setting in parse_settings(text):
        assert setting.section
        assert setting.key


def test_includes_are_followed_each_once_and_from_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "config").write_text("[include]\npath = below/more\npath = missing\n[a]\nb = 1\n")
    (tmp_path / "below" / "more").write_text(
        '[includeIf "gitdir:/x"]\npath = last\n[include]\npath = ../config\n'
    )
    (tmp_path / "below" / "last").write_text("[c]\nd = 2\n")
    found = read_settings([str(tmp_path / "config")])
    values = [(setting.section, setting.value) for setting in found if not setting.is_include]
    assert values == [("a", "1"), ("c", "2")]
