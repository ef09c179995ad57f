"""A part of a transcript is found by offset or by time, and what lies before is not read for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.ground import make_repository
from support.server import running
from workbench.sandbox.step_folder import INDEX_RECORD

BLOCK = 50_000
COUNT = 2_000


def make_long(folder: Path) -> None:
    """Puts 100 MB in the place of a run's output: a block every 10 ms, each of its own letter's lines."""
    with open(folder / "output.bin", "wb") as output, open(folder / "index.bin", "wb") as index:
        for number in range(COUNT):
            line = b"%06d " % number + bytes([97 + number % 26]) * 42 + b"\n"
            output.write((line * (BLOCK // len(line) + 1))[: BLOCK - 1] + b"\n")
            index.write(INDEX_RECORD.pack(number * BLOCK, BLOCK, 1, number * 10))
    ended = json.loads((folder / "exit.json").read_text())
    ended |= {"output_bytes": BLOCK * COUNT, "end_offset": BLOCK * COUNT}
    (folder / "exit.json").write_text(json.dumps(ended))


def events(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()[1:]]


def test_a_part_is_found_by_offset_and_by_time(tmp_path: Path) -> None:
    with running(tmp_path / "home") as bench:
        own = bench.add(make_repository(tmp_path / "repo"))
        run = own.run("echo short")
        path = f"/api/runs/{run['run_id']}"
        folder = tmp_path / "home" / "runs" / run["run_id"] / f"{run['steps'][0]['step_id']}.1"
        make_long(folder)

        def part(form: str, **span: int) -> str:
            answer = bench.http.get(f"{path}/transcript", params={"format": form, **span})
            answer.raise_for_status()
            return answer.text

        assert bench.get(f"{path}/extent") == {"end_offset": BLOCK * COUNT, "duration_ms": (COUNT - 1) * 10}
        assert part("raw", offset=7, until=12) == "aaaaa"
        assert part("raw", offset=BLOCK * 1500, until=BLOCK * 1500 + 7) == "001500 "
        late = events(part("asciicast", from_ms=15_000, until_ms=15_025))
        assert [(event[0], event[2][:6]) for event in late] == [
            (15.0, "001500"),
            (15.01, "001501"),
            (15.02, "001502"),
        ]
        lead = events(part("asciicast-v3", from_ms=15_000, until_ms=15_000, lead_bytes=2 * BLOCK))
        assert [event[2][:6] for event in lead if event[1] == "o"] == ["001498", "001499", "001500"]
        # Between two outputs, the next; behind the last, nothing.
        assert events(part("asciicast", from_ms=15_001, until_ms=15_010))[0][0] == 15.01
        assert [event for event in events(part("asciicast", from_ms=99_999_999)) if event[1] == "o"] == []
        assert part("text", from_ms=19_990).startswith("001999 ")
        # What lies before is not read: with holes in its place, and its index, the same comes.
        with open(folder / "output.bin", "r+b") as file:
            file.write(bytes(BLOCK * 1400))
        with open(folder / "index.bin", "r+b") as file:
            file.seek(INDEX_RECORD.size)
            file.write(bytes(INDEX_RECORD.size * 3))
        assert events(part("asciicast", from_ms=15_000, until_ms=15_025)) == late
        for wrong in ({"offset": -1}, {"from_ms": "x"}, {"lead_bytes": 1 << 30}):
            assert bench.http.get(f"{path}/transcript", params=wrong).status_code == 422
