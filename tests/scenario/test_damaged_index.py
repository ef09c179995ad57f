"""A transcript whose index is gone or damaged: its bytes are shown whole, and the damage ends nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.server import Project
from support.terminal import read_terminal


def fill_with_noise(path: Path) -> None:
    path.write_bytes(bytes(range(200, 233)))


DAMAGES: tuple[Callable[[Path], None], ...] = (Path.unlink, fill_with_noise)


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_output_is_shown_whole(project: Project, damage: Callable[[Path], None]) -> None:
    bench = project.bench
    run = project.run(project.script("say", "echo one; echo two; echo three"))
    folder = bench.home / "runs" / run["run_id"] / f"{run['steps'][0]['step_id']}.1"
    output = (folder / "output.bin").read_bytes()
    sound = (folder / "index.bin").read_bytes()
    damage(folder / "index.bin")

    for form in ("--raw", "--text"):
        said = bench.cli("logs", run["run_id"], form)
        assert (said.status, said.out, said.err) == (0, output, "")
    said = bench.cli("logs", run["run_id"], "--search", "THREE")
    assert (said.status, said.text) == (0, "3: three\n")
    recording = [
        json.loads(line) for line in bench.cli("logs", run["run_id"], "--asciicast").text.splitlines()
    ]
    assert [event[1] for event in recording[1:]] == ["m", "o"]
    assert "not known" in recording[1][2]
    with bench.terminal(run["run_id"], offset=4) as socket:
        assert read_terminal(socket, offset=4).data == output[4:]
    assert bench.cli("audit", "verify").status == 1
    # Others use the same server, and look at all of its transcripts.
    (folder / "index.bin").write_bytes(sound)
    (folder / "index.bin").chmod(0o600)
    assert bench.cli("audit", "verify").status == 0
