"""Stored transcripts beside what was recorded of them, where an earlier version recorded less."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from workbench.cli import audit
from workbench.connectors.compare import TranscriptFinding, compare_transcripts
from workbench.ledger.check import LedgerFinding
from workbench.model.artifact import Artifact, ArtifactKind


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def transcript_of(data: bytes) -> Artifact:
    return Artifact(
        artifact_id="art_1",
        project_id="prj_1",
        run_id="run_1",
        step_id="step_1",
        kind=ArtifactKind.TRANSCRIPT,
        media_type="application/octet-stream",
        uri="run_1/step_1.1#transcript",
        digest=digest(data),
        size_bytes=len(data),
        truncated=False,
    )


def test_a_transcript_without_a_recorded_index_is_compared_by_its_bytes_and_counted(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "run_1" / "step_1.1"
    folder.mkdir(parents=True)
    (folder / "output.bin").write_bytes(b"hello\n")
    (folder / "index.bin").write_bytes(b"whatever")
    artifacts = [transcript_of(b"hello\n")]
    assert compare_transcripts(tmp_path, artifacts, {}, archive_url="") == TranscriptFinding(
        compared=1, without_times=1, problem=None
    )
    found = compare_transcripts(tmp_path, artifacts, {"run_1/step_1.1": digest(b"records")}, archive_url="")
    assert found.without_times == 0
    assert "its index was changed" in (found.problem or "")


def test_a_step_that_said_nothing_has_no_index_to_lose(tmp_path: Path) -> None:
    indexes = {"run_1/step_1.1": digest(b"")}
    found = compare_transcripts(tmp_path, [transcript_of(b"")], indexes, archive_url="")
    assert found == TranscriptFinding(compared=1, without_times=0, problem=None)


def test_verify_says_of_how_many_it_compared_the_bytes_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = (
        LedgerFinding(ok=True, events=9),
        TranscriptFinding(compared=3, without_times=2, problem=None),
    )
    monkeypatch.setattr(audit, "verify_offline", lambda home: answer)
    assert audit.verify_audit(None, False) == 0
    assert "3 transcripts are as recorded; of 2 the bytes only, not the times" in capsys.readouterr().out
