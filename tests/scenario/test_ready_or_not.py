"""Whether the server could record anything now: /readyz, status and doctor, on disks that are full."""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

import pytest

from support.ground import make_repository
from support.long import later
from support.namespaces import beside, with_small_disk
from support.server import StartFailed, Workbench, running


def fill(path: Path) -> None:
    """Fills the disk of this file to the last block."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return


@pytest.mark.parametrize(("folder", "word"), [later("", "ledger"), ("runs", "transcripts")])
def test_a_server_whose_disk_is_full_says_not_ready_and_ready_again(
    tmp_path: Path, folder: str, word: str
) -> None:
    home = tmp_path / "home"
    with running(home, prefix=with_small_disk(home / folder, size_bytes=12 << 20)) as bench:
        assert bench.get("/readyz") == {"status": "ready"}
        ballast = Path(f"{bench.root}{home}") / folder / "ballast"
        fill(ballast)
        answer = bench.http.get("/readyz", headers={"Authorization": ""})
        assert answer.status_code == 503
        problem = answer.json()
        assert problem["code"] == "not_ready"
        assert word in problem["detail"]
        assert "No space left" in problem["detail"]
        assert "free at least" in problem["remedy"]
        # Nobody without a token is told where the home lies.
        assert str(tmp_path) not in answer.text
        assert bench.get("/healthz") == {"status": "ok"}
        status = bench.get("/api/status")
        assert status["ready"] is False
        assert word in status["problem"]
        assert bench.process is not None
        assert "NOT READY" in bench.cli("status", prefix=beside(bench.process.pid)).text
        ballast.unlink()
        assert bench.get("/readyz") == {"status": "ready"}
        status = bench.get("/api/status")
        assert (status["ready"], status["problem"]) == (True, "")
        assert {path.name for path in ballast.parent.iterdir() if path.name.startswith("tmp")} == set()


@pytest.mark.long
def test_a_server_whose_ledger_another_process_holds_says_not_ready_and_ready_again(tmp_path: Path) -> None:
    with running(tmp_path / "home") as bench:
        ledger = sqlite3.connect(bench.home / "ledger.db", isolation_level=None)
        ledger.execute("BEGIN IMMEDIATE")
        answer = bench.http.get("/readyz", headers={"Authorization": ""})
        assert answer.status_code == 503
        assert "locked" in answer.json()["detail"]
        assert "another process" in answer.json()["remedy"]
        assert "NOT READY" in bench.cli("status").text
        ledger.execute("ROLLBACK")
        ledger.close()
        assert bench.get("/readyz") == {"status": "ready"}


def test_a_home_whose_files_are_cleaned_away_still_has_one_server(tmp_path: Path) -> None:
    with running(tmp_path / "home") as bench:
        for path in bench.home.iterdir():
            if path.is_file() and path.suffix not in (".db", ".db-wal", ".db-shm") and path.name != "token":
                path.unlink()
        second = Workbench(home=bench.home)
        with pytest.raises(StartFailed):
            second.start()
        assert "already runs" in bench.log.read_text()
        assert bench.get("/readyz") == {"status": "ready"}


def test_an_empty_token_file_is_named_as_what_is_wrong(tmp_path: Path) -> None:
    with running(tmp_path / "home") as bench:
        (bench.home / "token").write_text("")
        said = bench.cli("status")
        assert said.status != 0
        assert "token file" in said.err
        assert bench.restart().cli("status").status == 0


@pytest.mark.long
def test_doctor_tells_of_the_disk_under_the_transcripts_when_it_is_another(tmp_path: Path) -> None:
    bench = Workbench(home=tmp_path / "home")
    prefix = with_small_disk(bench.home / "runs", size_bytes=12 << 20)
    said = bench.cli("doctor", "--json", prefix=prefix)
    checks = {check["name"]: check for check in said.json}
    assert checks["disk of runs"] == {
        "name": "disk of runs",
        "ok": False,
        "detail": "12 MiB free for the transcripts",
        "remedy": f"free at least 512 MiB on the disk that holds the transcripts, {bench.home / 'runs'}",
    }
    assert said.status == 1
    # On one disk there is one line.
    names = [check["name"] for check in bench.cli("doctor", "--json").json]
    assert [name for name in names if "disk" in name] == ["disk"]


@pytest.mark.long
def test_a_home_without_room_is_what_is_blamed_when_a_server_is_to_start_in_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    repo = make_repository(tmp_path / "repo")
    hold = (*with_small_disk(home, size_bytes=6 << 20), "sh", "-c", "echo mounted; exec sleep 1000")
    with subprocess.Popen(hold, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"mounted\n"
            bench = Workbench(home=home)
            inside = beside(holder.pid)
            assert bench.cli("run", "--repo", str(repo), "--", "true", cwd=repo, prefix=inside).status == 0
            fill(Path(f"/proc/{holder.pid}/root{home}/ballast"))
            assert bench.cli("down", cwd=repo, prefix=inside).status == 0
            # What the server gave back when it ended is taken as well.
            fill(Path(f"/proc/{holder.pid}/root{home}/more"))
            said = bench.cli("up", "--detach", cwd=repo, prefix=inside)
            assert said.status != 0
            assert "free space on the disk that holds WORKBENCH_HOME" in said.err
            assert "send it elsewhere" not in said.err
        finally:
            holder.kill()
