"""What many lines cost `policy check --stdin`: a judgement each, and nothing is looked up again."""

from __future__ import annotations

import importlib.metadata
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.app import verdicts
from workbench.cli.policy import check_many
from workbench.connectors import registry


def test_connectors_and_ledger_are_asked_once_however_many_lines_name_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = tmp_path / "repo"
    (repo / "src").mkdir(parents=True)
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    asked: Counter[str] = Counter()

    def counted(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            asked[name] += 1
            return work(*given, **named)

        return call

    monkeypatch.setattr(registry, "entry_points", counted("connectors", importlib.metadata.entry_points))
    monkeypatch.setattr(verdicts, "project_at", counted("ledger", verdicts.project_at))

    def ask(lines: int) -> dict[str, int]:
        asked.clear()
        told = b"".join(json.dumps({"command": "ls", "cwd": "src"}).encode() + b"\n" for _ in range(lines))
        (tmp_path / "asked").write_bytes(told)
        with (tmp_path / "asked").open() as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            assert check_many(str(repo), None, "default", "local") == 0
        answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [answer["verdict"] for answer in answers] == ["allow"] * lines
        return dict(asked)

    one = ask(1)
    assert one["connectors"] == 1
    assert ask(20) == one
