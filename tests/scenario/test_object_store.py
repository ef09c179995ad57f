"""Transcripts go to an object store when they have ended, are found there, and no outage fails a run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from support.ground import make_repository
from support.object_store import BUCKET, SECRET_KEY, object_store
from support.server import Workbench, running

WORDS = b"".join(b"line %d\n" % number for number in range(1, 30001))


def wait_stored(bench: Workbench, run_id: str) -> dict[str, Any]:
    """Returns the event that tells that the run's transcript is in the store, once there is one."""
    with bench.http.stream("GET", f"/api/runs/{run_id}/events", timeout=60) as events:
        for line in events.iter_lines():
            if line.startswith("data: "):
                event: dict[str, Any] = json.loads(line.removeprefix("data: "))
                if event["tag"] == "artifact:stored":
                    return event
    raise AssertionError("the events ended")


@pytest.mark.long
def test_a_transcript_waits_out_an_outage_and_is_then_served_from_the_store(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with object_store() as store:
        settings = {"WORKBENCH_ARTIFACTS_URL": f"s3://{BUCKET}/house", **store.environment}
        with running(home, **settings) as bench:
            own = bench.add(make_repository(tmp_path / "repo"))
            run = own.run(own.script("say.sh", "seq -f 'line %.0f' 1 30000"), mode="pipe")
            assert (run["status"], run["exit_code"]) == ("succeeded", 0)
            # The store is down: nothing is lost, and it is said.
            bench.wait_until(lambda: bench.get("/api/status")["storing"]["problem"])
            down = bench.get("/api/status")["storing"]
            assert (down["url"], down["waiting"]) == (f"s3://{BUCKET}/house", 1)
            assert "Its transcript waits to be stored" in bench.run_of(run["run_id"])["why"]
            assert "1 transcript waits to be stored" in bench.cli("status").text
            assert bench.watch(run["run_id"]).data == WORDS
            # A restart forgets nothing of it.
            bench.stop()
            store.start()
            bench.start()
            event = wait_stored(bench, run["run_id"])
            (artifact,) = run["artifacts"]
            step = run["steps"][0]
            place = f"house/runs/{run['run_id']}/{step['step_id']}.1"
            assert event["payload"]["digest"] == artifact["digest"]
            assert event["payload"]["url"] == f"s3://{BUCKET}/{place}"
            assert store.read(f"{place}/output.bin") == WORDS
            folder = home / "runs" / run["run_id"] / f"{step['step_id']}.1"
            bench.wait_until(lambda: not bench.get("/api/status")["storing"]["waiting"])
            assert not list(folder.glob("*.bin"))
            # From any offset, as text, as a recording, and after the folder itself is gone.
            for gone in (False, True):
                if gone:
                    shutil.rmtree(home / "runs" / run["run_id"])
                    bench.restart()
                assert bench.watch(run["run_id"]).data == WORDS
                assert bench.watch(run["run_id"], offset=100_000).data == WORDS[100_000:]
                path = f"/api/runs/{run['run_id']}/transcript"
                assert bench.http.get(path, params={"format": "raw"}).content == WORDS
                part: dict[str, str | int] = {"format": "raw", "offset": 5, "until": 300}
                assert bench.http.get(path, params=part).content == WORDS[5:300]
                assert bench.http.get(path, params={"format": "text"}).text == WORDS.decode()
                assert bench.cli("audit", "verify").status == 0
            store.write(f"{place}/output.bin", WORDS.replace(b"7", b"8", 1))
            assert "was changed in s3://" in bench.cli("audit", "verify").text
            store.stop()
            assert "cannot be read" in bench.cli("audit", "verify").text
            refused = bench.http.get(path, params={"format": "raw"})
            assert (refused.status_code, refused.json()["code"]) == (503, "archive_unavailable")
            assert SECRET_KEY not in bench.log.read_text()
            assert SECRET_KEY not in own.run("env")["why"]
            assert SECRET_KEY.encode() not in bench.watch(own.run("env")["run_id"]).data
