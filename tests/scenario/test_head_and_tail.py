"""A run that prints more than is kept shows its beginning and its end, and says what is missing."""

from __future__ import annotations

import json
from pathlib import Path

from support.ground import make_repository
from support.server import running

WHOLE = b"".join(b"%d\n" % number for number in range(1, 5001))


def test_beginning_and_end_of_a_flood_are_kept_and_the_gap_is_told_everywhere(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home, WORKBENCH_MAX_OUTPUT_BYTES="4096") as bench:
        own = bench.add(make_repository(tmp_path / "repo"))
        said = own.cli("run", "--mode", "pipe", "--", "seq 1 5000")
        (run,) = bench.get("/api/runs", project_id=own.project_id)
        run = bench.run_of(run["run_id"])
        (artifact,) = run["artifacts"]
        lost = len(WHOLE) - artifact["size_bytes"]
        path = f"/api/runs/{run['run_id']}/transcript"
        raw = bench.http.get(path, params={"format": "raw"}).content
        head = WHOLE[:2048]
        assert (raw[:2048], len(raw)) == (head, artifact["size_bytes"])
        assert WHOLE.endswith(raw[2048:])
        assert 3900 < len(raw) <= 4096
        text = bench.http.get(path, params={"format": "text"}).text
        assert f"\n[{lost} bytes of output missing here]\n" in text
        assert text.endswith("\n4999\n5000\n")
        cast = bench.http.get(path, params={"format": "asciicast"}).text.splitlines()
        markers = [event[2] for event in map(json.loads, cast[1:]) if event[1] == "m"]
        assert markers == [f"{lost} bytes of output missing here"]
        # Who follows gets the same, each byte at its place in the whole output.
        seen, gaps, ended = bytearray(len(WHOLE)), [], {}
        with bench.terminal(run["run_id"]) as socket:
            for message in socket:
                if isinstance(message, bytes):
                    offset = int.from_bytes(message[1:9], "big")
                    seen[offset : offset + len(message) - 13] = message[13:]
                else:
                    word = json.loads(message)
                    gaps += [word] if word["type"] == "gap" else []
                    ended = word
        assert gaps == [{"type": "gap", "offset": 2048, "bytes": lost}]
        assert bytes(seen) == head + bytes(lost) + WHOLE[2048 + lost :]
        assert ended["offset"] == len(WHOLE)
        with bench.terminal(run["run_id"], offset=len(WHOLE) + 9) as socket:
            assert [json.loads(message)["offset"] for message in socket] == [len(WHOLE)]
        # Those who watch a run in their terminal may have read the middle before it was dropped.
        assert said.out.startswith(head)
        assert said.out.endswith(b"\n5000\n")
        assert f"the output is not whole: {lost} bytes of it were not kept" in said.err
        assert bench.cli("audit", "verify").status == 0
        block = max((home / "runs" / run["run_id"]).glob("*/tail.*.bin"))
        block.write_bytes(block.read_bytes()[:-1] + b"!")
        assert "was changed" in bench.cli("audit", "verify").text
