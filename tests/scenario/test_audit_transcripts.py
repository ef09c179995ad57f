"""Transcripts are what the ledger says they are: whoever changes, cuts or removes one is found offline."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.ground import make_repository
from support.long import later
from support.server import running


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"hello", b"hallo"))


def flip(path: Path) -> None:
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"and more\n")


def link_away(path: Path) -> None:
    path.rename(path.with_name("kept"))
    path.symlink_to("kept")


def remove_step(path: Path) -> None:
    shutil.rmtree(path.parent)


# The one that removes everything comes last: the others are put right again.
TAMPERINGS: dict[Callable[[Path], None], str] = {
    change: "was changed",
    cut: "is shorter than recorded",
    empty: "is shorter than recorded",
    lengthen: "is longer than recorded",
    link_away: "cannot be read",
    Path.unlink: "is missing",
    remove_step: "is missing",
}


@pytest.mark.parametrize("database_url", ["sqlite", later("postgresql")], indirect=True)
def test_verify_finds_a_transcript_that_is_not_as_recorded(tmp_path: Path, database_url: str) -> None:
    home = tmp_path / "state"
    with running(home, WORKBENCH_DATABASE_URL=database_url) as bench:
        project = bench.add(make_repository(tmp_path / "repo"))
        run = project.run("echo hello")
        failed = project.run("ls no-such-file")
        silent = project.run("true")
        project.run("sudo ls")
        going = project.submit(project.script("slow", "echo begun; sleep 1000"))
        bench.wait_output(going["run_id"], b"begun")
        said = bench.cli("audit", "verify", "--json")
        assert (said.status, said.json["ok"], said.json["transcripts"]) == (0, True, 3)
        assert bench.cli("audit", "verify").text.endswith("3 transcripts are as recorded\n")

        step = run["steps"][0]
        path = home / "runs" / run["run_id"] / f"{step['step_id']}.1" / "output.bin"
        index = path.with_name("index.bin")
        kept = index.read_bytes()
        for spoil in (flip, cut, empty, lengthen, link_away, Path.unlink):
            spoil(index)
            said = bench.cli("audit", "verify", "--json")
            assert (said.status, said.json["ok"], said.json["transcripts_without_times"]) == (1, False, 0)
            assert said.json["problem"].startswith(
                f"the transcript of run {run['run_id']}, step {step['step_id']}, has other times and streams"
            )
            index.unlink(missing_ok=True)
            index.write_bytes(kept)
        assert bench.cli("audit", "verify").status == 0
        before = path.read_bytes()
        for tamper, words in TAMPERINGS.items():
            tamper(path)
            said = bench.cli("audit", "verify", "--json")
            assert (said.status, said.json["ok"], said.json["first_bad"]) == (1, False, None)
            problem = said.json["problem"]
            assert problem.startswith(
                f"the transcript of run {run['run_id']}, step {step['step_id']}, {words}"
            )
            if path.parent.exists():
                path.unlink(missing_ok=True)
                path.write_bytes(before)
            if tamper is empty:
                assert bench.cli("audit", "verify").status == 0
        # Each is counted, and one of them named.
        for other in (run, failed, silent):
            shutil.rmtree(home / "runs" / other["run_id"])
        said = bench.cli("audit", "verify")
        assert said.status == 1
        assert said.text.startswith("NOT OK: the transcript of run ")
        # One that said nothing has nothing to lose.
        assert "(and 1 more is not as recorded)" in said.text
        bench.post(f"/api/runs/{going['run_id']}/cancel", {"reason": "done"})
        bench.wait(going["run_id"])
