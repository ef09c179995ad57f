"""What reads, empties or writes files under other words than a path of theirs is asked about."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.judged import decide, judged
from workbench.model.verdict import Decision

ASKED = (
    *("split -l 1 -a 1 lines.txt .en", "split -l 1 -a 1 lines.txt .npmr", "split a run.s && sh run.sh"),
    """sqlite3 :memory: "select cast(data as text) from fsdir('.env')\"""",
    """sqlite3 -readonly x.db "select name from t, fsdir('.')\"""",
    """sqlite3 x.db "select * from zipfile('x.zip')\"""",
    """duckdb -readonly x.db "select * from 'secrets.json'\"""",
    """duckdb -readonly x.db "select * from t join \\"secrets.json\\" on true\"""",
    """duckdb -readonly x.db "select * from sniff_csv('.env')\"""",
    *("prettier --parser yaml '[.]env'", "prettier --parser=yaml '.e*' --ignore-path b.txt"),
    *("prettier --ignore-path b.txt .", "prettier src"),
    *("python setup.py clean --all --build-lib=lib", "python setup.py clean -a --build-lib lib"),
    *(
        "ansible-galaxy collection init a.b --force",
        "c8 -o . node src/main.js",
        "c8 --reports-dir=. node a.js",
    ),
    *("gunzip -f run.sh.gz && sh run.sh", "gzip -df run.sh.gz", "gzip -f -d id.key.gz", "gunzip .npmrc.gz"),
    *("xz -df run.sh.xz; bash run.sh", "zstd -d run.sh.zst; ./run.sh", "lz4 -d .envrc.lz4"),
    *("brotli -d .envrc.br", "bunzip2 .yarnrc.yml.bz2", "unxz .npmrc.xz", "unzstd .envrc.zst"),
)
FREE = (
    *(
        "split -l 1000 lines.txt",
        "gunzip -t a.gz",
        "gunzip -c a.gz",
        "gzip -dc a.gz",
        "gzip a.txt",
        "xz -k a.txt",
    ),
    *("prettier --check src", "prettier --write src", "c8 -o coverage node --test"),
    *("sqlite3 x.db \"select count(*), max(a) from t where b = 'x'\"",),
    *('sqlite3 x.db "select value from json_each(a) join t on true"',),
    *("""sqlite3 x.db 'select a from "t" order by a'""", "ansible-galaxy collection init a.b"),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("read")
    (folder / "src").mkdir()
    for name in ("lines.txt", "a.txt", "run.sh", "setup.py", "src/main.js", "a.js", "b.txt"):
        (folder / name).write_text("")
    return folder.resolve()


@pytest.mark.parametrize("text", ASKED)
def test_it_is_asked_about(root: Path, text: str) -> None:
    assert decide(root, text) is not Decision.ALLOW


@pytest.mark.parametrize("text", FREE)
def test_what_only_looks_like_it_is_free(root: Path, text: str) -> None:
    assert decide(root, text) is Decision.ALLOW


@pytest.mark.parametrize("path", ["/etc/x", "../x", "~/x"])
def test_pieces_outside_are_asked_about_as_such(root: Path, path: str) -> None:
    assert "writes_outside" in judged(root, f"split -l 5 a.txt {path}").verdict.reason_codes


def test_pieces_among_gits_own_files_are_denied(root: Path) -> None:
    assert decide(root, "split -l 5 a.txt .git/hooks/pre-commit") is Decision.DENY
